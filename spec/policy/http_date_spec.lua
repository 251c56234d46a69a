local http_date = require("trailmark_testing").http_date

local NOW = 1764547200 -- 2025-12-01 00:00:00
local COMMON = 784111777 -- the date in RFC 9110's examples

describe("http_date.parse", function()
  local rows = { -- name, input, now, expected
    { "IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", NOW, COMMON },
    { "RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", NOW, COMMON },
    { "asctime", "Sun Nov  6 08:49:37 1994", NOW, COMMON },
    { "asctime with two digits", "Sun Nov 06 08:49:37 1994", NOW, COMMON },
    { "asctime late in the month", "Wed Nov 16 08:49:37 1994", NOW, COMMON + 864000 },
    { "the epoch", "Thu, 01 Jan 1970 00:00:00 GMT", NOW, 0 },
    { "a second before it", "Wed, 31 Dec 1969 23:59:59 GMT", NOW, -1 },
    { "beyond 32 bits", "Sat, 06 Feb 2106 06:28:16 GMT", NOW, 4294880896 },
    { "the last year", "Fri, 31 Dec 9999 23:59:59 GMT", NOW, 253402300799 },
    { "the first year", "Sat, 01 Jan 0000 00:00:00 GMT", NOW, -62167219200 },
    { "a leap day", "Thu, 29 Feb 2024 12:00:00 GMT", NOW, 1709208000 },
    { "a leap day in 2000", "Tue, 29 Feb 2000 00:00:00 GMT", NOW, 951782400 },
    { "a leap second", "Sat, 31 Dec 2016 23:59:60 GMT", NOW, 1483228800 },
    { "a weekday that does not fit", "Mon, 06 Nov 1994 08:49:37 GMT", NOW, COMMON },

    { "two digits 50 years ahead", "Monday, 01-Dec-75 00:00:00 GMT", NOW, 3342384000 },
    { "two digits at the 50-year line", "Monday, 01-Dec-75 00:00:00 GMT", 1764536400, 3342384000 },
    { "two digits a second beyond", "Monday, 01-Dec-75 00:00:00 GMT", 1764536399, 186624000 },
    { "two digits of year 0", "Saturday, 01-Jan-00 00:00:00 GMT", -62167219200, -62167219200 },
    { "two digits beyond 50 years", "Monday, 03-Dec-75 00:00:00 GMT", NOW, 186796800 },
    { "two digits of this year", "Monday, 01-Dec-25 00:00:00 GMT", NOW, NOW },
    { "two digits, read in 1999", "Monday, 01-Jan-05 00:00:00 GMT", 946598400, 1104537600 },
    { "two digits, read in 2090", "Monday, 01-Jan-05 00:00:00 GMT", 3786912000, 4260211200 },
    { "two digits, read in year 50", "Monday, 01-Jan-05 00:00:00 GMT", -60589296000, -62009366400 },
    { "a leap day only 2000 had", "Tuesday, 29-Feb-00 00:00:00 GMT", 4200000000, 951782400 },
    { "two digits before year 0", "Monday, 01-Jan-05 00:00:00 GMT", -1e14, nil },
    { "two digits, a date no year has", "Monday, 30-Feb-05 00:00:00 GMT", NOW, nil },

    { "absent", nil, NOW, nil },
    { "empty", "", NOW, nil },
    { "a weekday alone", "Sun", NOW, nil },
    { "a whole weekday alone", "Sunday", NOW, nil },
    { "ISO 8601", "2099-01-01T00:00:00Z", NOW, nil },
    { "a number", "2099", NOW, nil },
    { "no weekday", "06 Nov 1994 08:49:37 GMT", NOW, nil },
    { "an unknown weekday", "Sum, 06 Nov 1994 08:49:37 GMT", NOW, nil },
    { "no name before the comma", ", 06 Nov 1994 08:49:37 GMT", NOW, nil },
    { "one letter before the comma", "S, 06 Nov 1994 08:49:37 GMT", NOW, nil },
    { "no name in RFC 850", ", 06-Nov-94 08:49:37 GMT", NOW, nil },
    { "one letter in RFC 850", "S, 06-Nov-94 08:49:37 GMT", NOW, nil },
    { "no name in asctime", " Nov  6 08:49:37 1994", NOW, nil },
    { "another mark for the comma", "Sun; 06 Nov 1994 08:49:37 GMT", NOW, nil },
    { "another mark in RFC 850", "Sunday; 06-Nov-94 08:49:37 GMT", NOW, nil },
    { "another mark in asctime", "Sun,Nov  6 08:49:37 1994", NOW, nil },
    { "a lower-case weekday", "sun, 06 Nov 1994 08:49:37 GMT", NOW, nil },
    { "a whole weekday in IMF-fixdate", "Sunday, 06 Nov 1994 08:49:37 GMT", NOW, nil },
    { "a short weekday in RFC 850", "Sun, 06-Nov-94 08:49:37 GMT", NOW, nil },
    { "four digits in RFC 850", "Sunday, 06-Nov-1994 08:49:37 GMT", NOW, nil },
    { "a lower-case month", "Sun, 06 nov 1994 08:49:37 GMT", NOW, nil },
    { "an unknown month", "Sun, 06 Nox 1994 08:49:37 GMT", NOW, nil },
    { "a one-digit day", "Sun, 6 Nov 1994 08:49:37 GMT", NOW, nil },
    { "a padded day in IMF-fixdate", "Sun,  6 Nov 1994 08:49:37 GMT", NOW, nil },
    { "day 0", "Sun, 00 Nov 1994 08:49:37 GMT", NOW, nil },
    { "asctime day 0", "Sun Nov  0 08:49:37 1994", NOW, nil },
    { "31 November", "Sun, 31 Nov 1994 08:49:37 GMT", NOW, nil },
    { "29 February 1900", "Thu, 29 Feb 1900 08:49:37 GMT", NOW, nil },
    { "29 February 2025", "Sat, 29 Feb 2025 08:49:37 GMT", NOW, nil },
    { "hour 24", "Sun, 06 Nov 1994 24:00:00 GMT", NOW, nil },
    { "minute 60", "Sun, 06 Nov 1994 08:60:00 GMT", NOW, nil },
    { "second 61", "Sun, 06 Nov 1994 08:49:61 GMT", NOW, nil },
    { "UTC", "Sun, 06 Nov 1994 08:49:37 UTC", NOW, nil },
    { "an offset", "Sun, 06 Nov 1994 08:49:37 +0000", NOW, nil },
    { "a lower-case zone", "Sun, 06 Nov 1994 08:49:37 gmt", NOW, nil },
    { "no zone", "Sun, 06 Nov 1994 08:49:37", NOW, nil },
    { "asctime with a zone", "Sun Nov  6 08:49:37 1994 GMT", NOW, nil },
    { "a fraction", "Sun, 06 Nov 1994 08:49:37.5 GMT", NOW, nil },
    { "a sign", "Sun, -6 Nov 1994 08:49:37 GMT", NOW, nil },
    { "a leading space", " Sun, 06 Nov 1994 08:49:37 GMT", NOW, nil },
    { "a trailing space", "Sun, 06 Nov 1994 08:49:37 GMT ", NOW, nil },
    { "a trailing NUL", "Sun, 06 Nov 1994 08:49:37 GMT\0", NOW, nil },
    { "two dates", "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", NOW, nil },
  }
  for _, row in ipairs(rows) do
    local name, input, now, expected = row[1], row[2], row[3], row[4]
    it(("reads %s as %s"):format(name, expected and ("%d"):format(expected) or "none"), function()
      assert.equal(expected, http_date.parse(input, now))
    end)
  end

  it("knows how long every month is", function()
    local lengths = { Jan = 31, Feb = 28, Mar = 31, Apr = 30, May = 31, Jun = 30, Jul = 31,
                      Aug = 31, Sep = 30, Oct = 31, Nov = 30, Dec = 31 }
    for month, length in pairs(lengths) do
      local form = "Sun, %02d " .. month .. " 2023 00:00:00 GMT"
      assert.is_number(http_date.parse(form:format(length), NOW), month)
      assert.is_nil(http_date.parse(form:format(length + 1), NOW), month)
    end
  end)

  it("refuses every beginning of a date", function()
    for _, date in ipairs { "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                            "Sun Nov  6 08:49:37 1994" } do
      for size = 0, #date - 1 do assert.is_nil(http_date.parse(date:sub(1, size), NOW)) end
    end
  end)
end)

-- The C library's calendar as the judge.
describe("http_date.parse beside strftime", function()
  local forms = {
    fixdate = "!%a, %d %b %Y %H:%M:%S GMT",
    asctime = "!%a %b %e %H:%M:%S %Y",
    rfc850 = "!%A, %d-%b-%y %H:%M:%S GMT",
  }
  local function random_time() return math.random(0, 2 ^ 31 - 2) + math.random(0, 1) * 2 ^ 31 end

  for name, form in pairs(forms) do
    it("reads what it writes as " .. name, function()
      math.randomseed(9110)
      for _ = 1, 3000 do
        local at = random_time()
        local now = at + math.random(-18000, 18000) * 86400 -- less than 50 years off
        local text = os.date(form, at)
        assert.equal(at, http_date.parse(text, now), text)
      end
    end)
  end

  it("takes a changed byte for the date it makes, or for none", function()
    math.randomseed(850)
    local taken = 0
    for _ = 1, 20000 do
      local text = os.date(forms.fixdate, random_time())
      local at = math.random(6, #text) -- behind the weekday, which need not fit
      local changed = text:sub(1, at - 1) .. string.char(math.random(32, 58)) .. text:sub(at + 1)
      local seconds = http_date.parse(changed, NOW)
      if seconds then
        taken = taken + 1
        -- strftime leaves zeros out in front of an early year.
        local year = ("%04d"):format(os.date("!*t", seconds).year)
        local again = os.date("!, %d %b ", seconds) .. year .. os.date("! %H:%M:%S GMT", seconds)
        local leap_second = changed:find(":60 GMT", 1, true) ~= nil -- the next minute's first
        assert.is_true(again == changed:sub(4) or leap_second, changed)
      end
    end
    assert.is_true(taken > 100)
  end)
end)
