--- Text a person can read safely: bounded, escaped, without keys, and the same in every locale.
--
-- What a server says ends up in terminals and logs. Control bytes (the C1 ones of UTF-8 too),
-- broken UTF-8 and marks that reorder a line become `\xNN`; good UTF-8 stays as it is.

local printable = {}

local CUT = "..."
-- Only so much of a long string is looked at; what is shown is far shorter.
local LOOKED_AT = 4096

-- Well-formed UTF-8 (Unicode, table 3-7): first byte from, to; second byte from, to; length.
local SEQUENCES = {
  { 0xC2, 0xC2, 0xA0, 0xBF, 2 }, -- C2 80..9F are the C1 controls
  { 0xC3, 0xDF, 0x80, 0xBF, 2 },
  { 0xE0, 0xE0, 0xA0, 0xBF, 3 },
  { 0xE1, 0xEC, 0x80, 0xBF, 3 },
  { 0xED, 0xED, 0x80, 0x9F, 3 },
  { 0xEE, 0xEF, 0x80, 0xBF, 3 },
  { 0xF0, 0xF0, 0x90, 0xBF, 4 },
  { 0xF1, 0xF3, 0x80, 0xBF, 4 },
  { 0xF4, 0xF4, 0x80, 0x8F, 4 },
}

-- Line separators and direction marks: a terminal obeys them, a reader does not see them.
local UNSEEN = {
  "^\226\128[\168-\174]", -- U+2028..202E
  "^\226\129[\166-\169]", -- U+2066..2069
}

local function continues(text, first, last)
  for at = first, last do
    local byte = text:byte(at)
    if not byte or byte < 0x80 or byte > 0xBF then return false end
  end
  return true
end

--- The length of the printable character that starts at `at`, or nil where none does.
local function character(text, at)
  local first, second = text:byte(at, at + 1)
  if first >= 32 and first < 127 then return 1 end
  for _, row in ipairs(SEQUENCES) do
    if first >= row[1] and first <= row[2] then
      if not second or second < row[3] or second > row[4] then return nil end
      if not continues(text, at + 2, at + row[5] - 1) then return nil end
      for _, unseen in ipairs(UNSEEN) do
        if text:find(unseen, at) then return nil end
      end
      return row[5]
    end
  end
  return nil
end

local function escape(text, limit)
  local out, size, at = {}, 0, 1
  while at <= #text do
    local length = character(text, at)
    local shown = length and text:sub(at, at + length - 1) or ("\\x%02X"):format(text:byte(at))
    if size + #shown > limit then return table.concat(out) .. CUT end
    out[#out + 1], size, at = shown, size + #shown, at + (length or 1)
  end
  return table.concat(out)
end

--- `text` without anything that has the shape of a key, should a server have sent one back.
---@param text string
---@return string
function printable.without_keys(text)
  text = text:gsub("tm_live_[%w_-]+", "tm_live_[hidden]")
  return (text:gsub("([Bb][Ee][Aa][Rr][Ee][Rr] +)[%w%-._~+/]+=*", "%1[hidden]"))
end

--- `text` on one line, in at most `limit` bytes; "..." marks a cut.
---@param text string
---@param limit integer bytes
---@return string
function printable.text(text, limit)
  local looked_at = printable.without_keys(text:sub(1, LOOKED_AT))
  return escape(looked_at, limit)
end

--- The text of what a function raised, whatever that is: even its own __tostring may raise.
---@param problem any
---@return string
function printable.raised(problem)
  local ok, text = pcall(tostring, problem)
  if ok and type(text) == "string" then return text end
  return ("a %s without a text"):format(type(problem))
end

--- The time of day in UTC, `03:12:07Z`.
---@param time number Unix time
---@return string|nil
function printable.clock(time)
  -- A date beyond this (year 9999) comes from a broken header, and os.date may refuse it.
  if type(time) ~= "number" or not (time >= 0 and time < 253402300800) then return nil end
  return os.date("!%H:%M:%S", math.floor(time)) .. "Z"
end

--- Seconds as measured: `0.004 s`, `2.31 s`, `21.4 s`.
---@param seconds number
---@return string
function printable.seconds(seconds)
  local form = seconds < 0.1 and "%.3f" or seconds < 10 and "%.2f" or "%.1f"
  return (form:format(seconds):gsub("[^%d]+", ".")) .. " s" -- a locale may have a comma there
end

local AGES = { { 172800, 86400, "d" }, { 7200, 3600, "h" }, { 120, 60, "min" }, { 0, 1, "s" } }

--- An age or a wait in round figures: `45 s`, `12 min`, `3 h`, `90 d`. Rounds up.
---@param seconds number
---@return string|nil
function printable.age(seconds)
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds < 1e12) then return nil end
  for _, row in ipairs(AGES) do
    if seconds >= row[1] then return ("%.0f %s"):format(math.ceil(seconds / row[2]), row[3]) end
  end
end

return printable
