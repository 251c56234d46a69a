local pacer = require("trailmark_testing").pacer

local SERVER = 1700000000 -- Unix time by the server's clock when local boot time was 1 s
local PLAIN = { spread = 0 }

-- Fields of the answer; a limit of false leaves the rate out.
local function answer(fields)
  local full = {
    limit = 600, remaining = 599, reset = SERVER + 60, date = SERVER, status = 200,
    retry_after = -1,
  }
  for name, value in pairs(fields or {}) do full[name] = value end
  full.limit = full.limit or nil
  return full
end

local function admitted(state, now, config, priority)
  local wait, ticket = pacer.admit(state, config or PLAIN, now, priority or "normal")
  assert.equal(0, wait)
  return ticket
end

local function waits(state, now, config, priority)
  local wait, ticket = pacer.admit(state, config or PLAIN, now, priority or "normal")
  assert.is_nil(ticket)
  return wait
end

-- How many go at this moment, and what the one after them has to wait.
local function drain(state, now, config, priority)
  for count = 0, 5000 do
    local wait, ticket = pacer.admit(state, config or PLAIN, now, priority or "normal")
    if not ticket then return count, wait end
  end
  error("there is no end")
end

-- Sent at 1000, answered at 1030: the server's clock is known to a second and 30 ms, so its window
-- of 60 s is certainly not over before 59000 and certainly over from 61040 on.
local SURE, OVER = 59000, 61040

local function told(fields, config)
  local state = pacer.new()
  local ticket = admitted(state, 1000, config)
  pacer.feedback(state, config or PLAIN, 1030, ticket, answer(fields))
  return state
end

-- The same, and then somebody else has used the window down to what remains.
local function told_of_strangers(remaining)
  local state = told()
  pacer.feedback(state, PLAIN, 1130, admitted(state, 1100), answer { remaining = remaining })
  return state
end

describe("pacer, before any answer", function()
  it("lets one request go and has the others look again soon", function()
    local state = pacer.new()
    assert.is_true(pacer.is_probe(admitted(state, 1000)))
    assert.equal(5, waits(state, 1000))
    assert.equal(5, waits(state, 1200))
    assert.is_nil(pacer.view(state, PLAIN, 1000))
  end)

  it("sends the next after 250 ms when the first one never comes back", function()
    local state = pacer.new()
    admitted(state, 1000)
    assert.is_true(math.abs(waits(state, 1249) - 1) < 0.01)
    assert.is_true(pacer.is_probe(admitted(state, 1250)))
    assert.equal(5, waits(state, 1251))
  end)

  it("sends the next at once when the first one failed without an answer", function()
    local state = pacer.new()
    pacer.feedback(state, PLAIN, 1010, admitted(state, 1000), answer { limit = false, status = 0 })
    assert.is_true(pacer.is_probe(admitted(state, 1010)))
  end)

  it("leaves a lease alone whose holder is another", function()
    local state = pacer.new()
    local dead = admitted(state, 1000)
    admitted(state, 1250)
    pacer.feedback(state, PLAIN, 1260, dead, answer { limit = false, status = 0 })
    assert.equal(5, waits(state, 1260))
  end)
end)

describe("pacer, in a window", function()
  it("counts what it lets go, to the last place, then waits for the end", function()
    local state = told()
    local count, wait = drain(state, 2000)
    assert.equal(599, count)
    assert.equal(OVER - 2000, wait)
  end)

  it("finds the next window with one probe, once the last is certainly over", function()
    local state = told()
    drain(state, 2000)
    assert.is_true(math.abs(waits(state, OVER - 1) - 1) < 0.01)
    local probe = admitted(state, OVER)
    assert.is_true(pacer.is_probe(probe))
    assert.equal(5, waits(state, OVER))
    pacer.feedback(state, PLAIN, OVER + 30, probe,
      answer { reset = SERVER + 120, date = SERVER + 60 })
    assert.equal(599, (drain(state, OVER + 30)))
  end)

  it("takes the server's count where it is higher, and its own where that is", function()
    local state = told()
    local early, late = admitted(state, 1100), admitted(state, 1100)
    pacer.feedback(state, PLAIN, 1130, late, answer { remaining = 590 })
    assert.equal(10, pacer.used(state))
    pacer.feedback(state, PLAIN, 1140, early, answer { remaining = 598 })
    assert.equal(10, pacer.used(state))
  end)

  it("leaves a 64th to strangers while they are active, half as much the window after", function()
    local state = told_of_strangers(400) -- 198 of them
    assert.equal(400 - 9, (drain(state, 2000)))
    local probe = admitted(state, OVER)
    pacer.feedback(state, PLAIN, OVER + 30, probe,
      answer { reset = SERVER + 120, date = SERVER + 60 })
    assert.equal(599 - 9, (drain(state, OVER + 30)))
    for window = 2, 6 do
      local now = OVER + 60000 * (window - 1)
      pacer.feedback(state, PLAIN, now + 30, admitted(state, now),
        answer { reset = SERVER + 60 * (window + 1), date = SERVER + 60 * window })
    end
    assert.equal(599 - 3, (drain(state, OVER + 5 * 60000 + 40))) -- 198 halved six times
  end)

  local same = {
    { "one second earlier, as some servers round", SERVER + 59, 3 },
    { "one second later", SERVER + 61, 3 },
    { "an older window's, which has nothing to say", SERVER + 1, 2 },
    { "a newer window's, which begins with the server's count", SERVER + 62, 600 - 550 },
  }
  for _, row in ipairs(same) do
    it("understands a Reset that is " .. row[1], function()
      local state = told()
      local ticket = admitted(state, 1100)
      local remaining = row[3] == 3 and 597 or 550
      pacer.feedback(state, PLAIN, 1130, ticket, answer { reset = row[2], remaining = remaining })
      assert.equal(row[3], pacer.used(state))
    end)
  end

  it("counts an answer to a request of another window in this one", function()
    local state = told()
    local early = admitted(state, 1100)
    pacer.feedback(state, PLAIN, OVER + 30, admitted(state, OVER),
      answer { reset = SERVER + 120, date = SERVER + 60 })
    pacer.feedback(state, PLAIN, OVER + 40, early,
      answer { reset = SERVER + 120, date = SERVER + 60, remaining = 599 })
    assert.equal(2, pacer.used(state))
  end)

  local limits = {
    { "raised", { limit = 1200, remaining = 1198 }, 1198 },
    { "lowered", { limit = 300, remaining = 298 }, 298 },
    { "lowered below what is used", { limit = 1, remaining = 0 }, 0 },
    { "lower than what remains, which is then all of it", { limit = 300, remaining = 500 }, 298 },
  }
  for _, row in ipairs(limits) do
    it("follows a limit that is " .. row[1], function()
      local state = told()
      pacer.feedback(state, PLAIN, 1130, admitted(state, 1100), answer(row[2]))
      assert.equal(row[3], (drain(state, 2000)))
    end)
  end
end)

describe("pacer, given nonsense", function()
  local rows = {
    { "no rate", { limit = false } },
    { "a limit of nothing", { limit = 0, remaining = 0 } },
    { "a Reset long past", { reset = SERVER - 3 } },
    { "a Reset over a month ahead", { reset = SERVER + 31 * 86400 + 1 } },
    { "a Reset of 0", { reset = 0, date = 0 } },
    { "no answer at all", { limit = false, status = 0 } },
    { "a server error without fields", { limit = false, status = 503 } },
  }
  for _, row in ipairs(rows) do
    it("changes nothing for " .. row[1], function()
      local state = told()
      local ticket = admitted(state, 1100)
      local before = pacer.words(state)
      pacer.feedback(state, PLAIN, 1130, ticket, answer(row[2]))
      assert.equal(before, pacer.words(state))
    end)
  end

  local spoilt = {
    { "a stop for a century", 6, 700000, 0 },
    { "a plan for a century", 5, 700000, 0 },
    { "a probe that leaves next century", 7, 700000, 0 },
    { "a window of our own that begins next century", 0, 0xfffffff, 0xffffffff },
  }
  for _, row in ipairs(spoilt) do
    it("is not held up by " .. row[1], function()
      local state, config = told(nil, { spread = 1 }), { spread = 1, limit = 700, window = 60000 }
      pacer.spoil(state, row[2], row[3], row[4])
      assert.is_true(pacer.admit(state, config, 2000, "normal") <= 100)
      local fresh = pacer.new()
      pacer.spoil(fresh, row[2], row[3], row[4])
      admitted(fresh, 2000, config)
    end)
  end

  it("counts an answer that took longer than its clock can be known from", function()
    local state = pacer.new()
    local ticket = admitted(state, 1000)
    pacer.feedback(state, PLAIN, 101000, ticket,
      answer { date = SERVER + 100, reset = SERVER + 120 })
    assert.equal(599, (drain(state, 101000)))
  end)
end)

describe("pacer, by priority", function()
  local rows = { -- the reserve, how many low, normal and high ones go
    { 0, 599 - 120, 120, 0 },
    { 50, 599 - 120, 70, 50 },
    { 200, 599 - 200, 0, 200 },
    { 700, 0, 0, 599 },
  }
  for _, row in ipairs(rows) do
    it(("leaves its share to the higher with a reserve of %d"):format(row[1]), function()
      local state, config = told(), { spread = 0, reserve = row[1] }
      for i, priority in ipairs { "low", "normal", "high" } do
        local count, wait = drain(state, 2000, config, priority)
        assert.equal(row[i + 1], count)
        assert.equal(OVER - 2000, wait)
      end
    end)
  end

  it("lets a low one find the next window", function()
    local state = told()
    drain(state, 2000, PLAIN, "low")
    assert.is_true(pacer.is_probe(admitted(state, OVER, PLAIN, "low")))
  end)
end)

describe("pacer, spreading", function()
  it("runs at full speed, then one by one to the end", function()
    local state, config = told(), { spread = 0.25 }
    local count, wait = drain(state, 2000, config)
    assert.equal(450, count) -- the last of them is the first that is spread
    local step = (SURE - 2000) / 150
    assert.is_true(math.abs(wait - step) < 0.01)
    assert.is_true(waits(state, 2000 + step - 1, config) <= 1.01)
    admitted(state, 2000 + step, config)
  end)

  it("uses every place, in even steps, before the window is certainly over", function()
    local state, config, now, sent, longest = told(), { spread = 0.5 }, 2000, 0, 0
    while now < OVER do
      local wait, ticket = pacer.admit(state, config, now, "normal")
      if ticket then sent = sent + 1 else now, longest = now + wait, math.max(longest, wait) end
      if sent == 599 then break end
    end
    assert.equal(599, sent)
    assert.is_true(now > SURE - 1000 and now < SURE + 10)
    assert.is_true(longest < 200)
  end)

  it("shortens a plan that was made when less was left", function()
    local state, low = told(), { spread = 1, reserve = 590 }
    admitted(state, 2000, low) -- 9 of its own left, so a step of more than 6 s
    assert.is_true(waits(state, 2000, low) > 6000)
    assert.is_true(waits(state, 2000, { spread = 1 }) < 100)
  end)

  it("goes on without a step once the window may be over", function()
    assert.equal(599, (drain(told(), SURE, { spread = 1 })))
  end)

  it("asks often enough to see what strangers take", function()
    local config = { spread = 1 }
    local state = told_of_strangers(12) -- 586 of them, 9 set aside
    admitted(state, 2000, config)
    local wait = waits(state, 2000, config)
    assert.is_true(wait > 400 and wait <= 60000 * 9 / 586 / 2)
  end)
end)

describe("pacer, refused", function()
  local function refuse(state, now, ticket, fields)
    fields.status, fields.remaining = 429, fields.remaining or 0
    pacer.feedback(state, PLAIN, now, ticket, answer(fields))
  end

  local rows = { -- Retry-After in ms, the wait
    { 5000, 5001 }, { 0, 1 }, { -1, 1001 }, { 899999, 900000 }, { 900000, 900001 },
    { 86400000, 900001 }, { 2 ^ 50, 900001 },
  }
  for _, row in ipairs(rows) do
    it(("stops everybody for %.0f ms of Retry-After"):format(row[1]), function()
      local state = told()
      refuse(state, 2000, admitted(state, 1900), { retry_after = row[1], limit = false })
      for _, priority in ipairs { "low", "normal", "high" } do
        assert.equal(row[2], waits(state, 2000, PLAIN, priority))
      end
      assert.equal(row[2], pacer.view(state, PLAIN, 2000).stopped)
      if row[2] < 50000 then admitted(state, 2000 + row[2]) end
    end)
  end

  it("never shortens a stop", function()
    local state = told()
    local one, two = admitted(state, 1900), admitted(state, 1900)
    refuse(state, 2000, one, { retry_after = 9000, limit = false })
    refuse(state, 2000, two, { retry_after = 1000, limit = false })
    assert.equal(9001, waits(state, 2000))
  end)

  it("takes the window for full, and tries one at a time", function()
    local state = told()
    refuse(state, 2000, admitted(state, 1900), { retry_after = 1000 })
    assert.equal(600, pacer.used(state))
    assert.is_true(pacer.is_probe(admitted(state, 3001)))
    assert.equal(5, waits(state, 3001))
  end)

  it("leaves the next window alone when the refusal is the last one's", function()
    local state = told()
    local late = admitted(state, 1900)
    pacer.feedback(state, PLAIN, OVER + 30, admitted(state, OVER),
      answer { reset = SERVER + 120, date = SERVER + 60 })
    refuse(state, OVER + 40, late, { retry_after = 0 })
    assert.equal(599, (drain(state, OVER + 50)))
  end)

  it("learns from a refused probe that the server rounds down, and waits a second more", function()
    local state = told()
    drain(state, 2000)
    refuse(state, OVER + 30, admitted(state, OVER), { retry_after = 0, date = SERVER + 60 })
    pacer.feedback(state, PLAIN, OVER + 130, admitted(state, OVER + 100),
      answer { reset = SERVER + 120, date = SERVER + 60 })
    local _, wait = drain(state, 90000)
    assert.equal(OVER + 60000 + 1000 - 90000, wait)
  end)

  it("does not, where strangers have already used the new window up", function()
    local state = told()
    refuse(state, OVER + 30, admitted(state, OVER),
      { retry_after = 60000, date = SERVER + 60, reset = SERVER + 120 })
    local probe = admitted(state, OVER + 60031)
    pacer.feedback(state, PLAIN, OVER + 60060, probe,
      answer { reset = SERVER + 180, date = SERVER + 120 })
    local _, wait = drain(state, OVER + 60100)
    assert.equal(OVER + 120000 - (OVER + 60100), wait)
  end)
end)

describe("pacer, and the server's clock", function()
  it("narrows it with every answer", function()
    local state = told()
    -- Sent and answered within 10 ms, just before the server's second ends.
    pacer.feedback(state, PLAIN, 1990, admitted(state, 1980), answer { date = SERVER })
    local _, wait = drain(state, 2000)
    assert.equal(OVER - 2000, wait) -- the lower end came from the first
    pacer.feedback(state, PLAIN, OVER + 5, admitted(state, OVER), answer { date = SERVER + 60,
      reset = SERVER + 120 })
    _, wait = drain(state, OVER + 10)
    assert.is_true(wait <= 60000)
  end)

  it("does not care how far it is from ours", function()
    for _, off in ipairs { -3600, 3600, -86400 * 365, 86400 * 365 } do
      local state = told { date = SERVER + off, reset = SERVER + off + 60 }
      local _, wait = drain(state, 2000)
      assert.equal(OVER - 2000, wait)
    end
  end)

  it("is not led astray by one wrong Date", function()
    local state = told()
    pacer.feedback(state, PLAIN, 1130, admitted(state, 1100), answer { date = SERVER - 3600 })
    local _, wait = drain(state, 2000)
    assert.equal(OVER - 2000, wait)
  end)

  it("is not kept waiting for years by a window that one wrong Date names", function()
    for _, off in ipairs { 86400 * 365, -86400 * 365 } do
      local state = told { date = SERVER + off, reset = SERVER + off + 60 }
      pacer.feedback(state, PLAIN, 1130, admitted(state, 1100), answer { remaining = 0 })
      local _, wait = drain(state, 2000)
      assert.equal(OVER - 2000, wait)
    end
  end)

  it("forgets a wrong Date when the next is right", function()
    local state = told()
    for _ = 1, 3 do
      pacer.feedback(state, PLAIN, 1130, admitted(state, 1100), answer { date = SERVER - 3600 })
      pacer.feedback(state, PLAIN, 1130, admitted(state, 1100), answer { remaining = 590 })
    end
    local _, wait = drain(state, 2000)
    assert.equal(OVER - 2000, wait)
  end)

  for _, jump in ipairs { 3600, -3600 } do
    it(("follows one that was set by %d s, after the second answer"):format(jump), function()
      local state = told()
      local fields = { date = SERVER + jump, reset = SERVER + jump + 60, remaining = 590 }
      local one, two = admitted(state, 1100), admitted(state, 1100)
      pacer.feedback(state, PLAIN, 1130, one, answer(fields))
      pacer.feedback(state, PLAIN, 1130, two, answer(fields))
      local count, wait = drain(state, 2000)
      assert.is_true(count > 570 and count <= 590)
      assert.equal(61140 - 2000, wait)
    end)
  end

  it("knows that the window which refused is full, whatever the date beside the refusal", function()
    for _, jump in ipairs { 0, 3000 } do
      local state = told()
      pacer.feedback(state, PLAIN, 1130, admitted(state, 1100), answer {
        status = 429, retry_after = 0, remaining = 0,
        date = SERVER + jump, reset = SERVER + jump + 60,
      })
      assert.is_true(pacer.is_probe(admitted(state, 3000)))
      assert.equal(0, (drain(state, 3000)))
    end
  end)

  it("spreads evenly over a log that slides: Reset moves, and no window ever ends", function()
    local state = told()
    pacer.feedback(state, PLAIN, 3030, admitted(state, 3000),
      answer { date = SERVER + 2, reset = SERVER + 62 })
    admitted(state, 3100)
    assert.is_true(math.abs(waits(state, 3100) - 100) < 0.01) -- 600 in 60 s
  end)

  -- A 64th of the limit, and one, is set aside there.
  it("looks once in ten steps whether a log that slides has freed places", function()
    local state = told()
    local function hears(now, ticket, remaining)
      local seconds = math.floor(now / 1000) - 1
      pacer.feedback(state, PLAIN, now, ticket,
        answer { date = SERVER + seconds, reset = SERVER + seconds + 60, remaining = remaining })
    end
    hears(3030, admitted(state, 3000), 10)
    for _, now in ipairs { 3100, 4100 } do
      local probe = admitted(state, now)
      assert.is_true(pacer.is_probe(probe))
      hears(now + 30, probe, 10)
      assert.is_true(math.abs(waits(state, now + 400) - 600) < 0.01)
    end
    hears(5130, admitted(state, 5100), 11)
    assert.is_false(pacer.is_probe(admitted(state, 5200)))
  end)

  it("waits for the end of a window of a log that slides once nothing at all is left", function()
    local state = told()
    pacer.feedback(state, PLAIN, 3030, admitted(state, 3000),
      answer { date = SERVER + 2, reset = SERVER + 62, remaining = 0 })
    assert.is_true(waits(state, 3100) > 55000)
  end)
end)

describe("pacer, giving back", function()
  it("gives back a place that was never used", function()
    local state = told()
    local ticket = admitted(state, 1100)
    drain(state, 2000)
    pacer.refund(state, ticket)
    assert.equal(1, (drain(state, 2000)))
  end)

  it("gives back a probe's lease", function()
    local state = pacer.new()
    pacer.refund(state, admitted(state, 1000))
    assert.is_true(pacer.is_probe(admitted(state, 1000)))
  end)

  it("gives nothing back to another window, or to another state", function()
    local state, other = told(), told()
    local ticket = admitted(state, 1100)
    admitted(other, 1100)
    pacer.refund(other, ticket)
    assert.equal(2, pacer.used(other))
    pacer.feedback(state, PLAIN, OVER + 30, admitted(state, OVER),
      answer { reset = SERVER + 120, date = SERVER + 60, remaining = 500 })
    pacer.refund(state, ticket)
    assert.equal(100, pacer.used(state))
  end)

  it("gives a place of our own window back as well", function()
    local config = { spread = 0, limit = 10, window = 5000 }
    local state = told(nil, config)
    local ticket = admitted(state, 1100, config)
    assert.equal(8, (drain(state, 1100, config)))
    pacer.refund(state, ticket)
    assert.equal(1, (drain(state, 1100, config)))
  end)
end)

describe("pacer, with a ceiling of ours", function()
  it("bounds the server's window", function()
    local count, wait = drain(told(), 2000, { spread = 0, limit = 100 })
    assert.equal(99, count)
    assert.equal(OVER - 2000, wait)
    assert.equal(599, (drain(told(), 2000, { spread = 0, limit = 1000 })))
  end)

  it("counts a window of its own, from its first send", function()
    local config = { spread = 0, limit = 10, window = 5000 }
    local state = told(nil, config)
    local count, wait = drain(state, 2000, config)
    assert.equal(9, count) -- the first answer's request was one
    assert.equal(4000, wait)
    assert.equal(10, (drain(state, 6000, config)))
    assert.equal(20, pacer.used(state))
  end)
end)

describe("pacer, with a server that tells nothing", function()
  local silent = { limit = false }

  it("goes by 600 in 60 s, from the first answer on", function()
    local state = told(silent)
    assert.equal(599, (drain(state, 2000)))
    assert.equal(1030 + 60000 - 2000, waits(state, 2000))
    local view = pacer.view(state, PLAIN, 2000)
    assert.is_false(view.server)
    assert.same({ 600, 0, 0 }, { view.limit, view.remaining, view.reset })
  end)

  it("goes by the limit it was given, with reserve, spread and priorities", function()
    local config = { spread = 0, limit = 100, window = 10000, reserve = 10 }
    local state = told(silent, config)
    for i, priority in ipairs { "low", "normal", "high" } do
      assert.equal(({ 79, 10, 10 })[i], (drain(state, 2000, config, priority)))
    end
    config = { spread = 0.5, limit = 100, window = 10000 }
    state = told(silent, config)
    assert.equal(50, (drain(state, 2000, config)))
  end)

  it("begins the next window with one request, where that is answered", function()
    local state = told(silent)
    drain(state, 2000)
    local probe = admitted(state, 61030)
    assert.is_true(pacer.is_probe(probe))
    assert.equal(5, waits(state, 61030))
    pacer.feedback(state, PLAIN, 61130, probe, answer(silent))
    assert.equal(599, (drain(state, 61130)))
    assert.equal(60000, waits(state, 61130))
  end)

  it("counts a probe that comes late in the window another began", function()
    local state = told(silent)
    local slow = admitted(state, 61030)
    local quick = admitted(state, 61280)
    pacer.feedback(state, PLAIN, 61300, quick, answer(silent))
    drain(state, 61310)
    pacer.feedback(state, PLAIN, 61400, slow, answer(silent))
    assert.equal(0, (drain(state, 61400)))
  end)

  it("sends nothing at the very end, where the server's next window may have begun", function()
    local state = told(silent)
    assert.equal(1500, waits(state, 1030 + 58500))
  end)

  it("begins anew after a refusal that says when", function()
    local state = told(silent)
    pacer.feedback(state, PLAIN, 5000, admitted(state, 4900),
      answer { limit = false, status = 429, retry_after = 10000 })
    assert.equal(10001, waits(state, 5000))
    assert.is_true(pacer.is_probe(admitted(state, 15001)))
  end)

  it("keeps to a ceiling of ours when it refuses", function()
    local config = { spread = 0, limit = 10, window = 5000 }
    local state = told(silent, config)
    local last = admitted(state, 1100, config)
    drain(state, 1100, config)
    pacer.feedback(state, config, 1200, last,
      answer { limit = false, status = 429, retry_after = 1000 })
    assert.equal(1030 + 5000 - 2300, waits(state, 2300, config))
    assert.is_true(pacer.is_probe(admitted(state, 6030, config)))
  end)

  it("believes the server as soon as it tells", function()
    local state = told(silent)
    pacer.feedback(state, PLAIN, 1130, admitted(state, 1100), answer { remaining = 400 })
    assert.is_true(pacer.view(state, PLAIN, 1130).server)
    assert.equal(400, pacer.view(state, PLAIN, 1130).remaining)
  end)

  it("is what a server becomes whose probe is answered without a word", function()
    local state = told()
    drain(state, 2000)
    pacer.feedback(state, PLAIN, OVER + 30, admitted(state, OVER), answer(silent))
    assert.is_false(pacer.view(state, PLAIN, OVER + 30).server)
    assert.equal(599, (drain(state, OVER + 30)))
  end)

  it("is not what one becomes that fails", function()
    local state = told()
    drain(state, 2000)
    pacer.feedback(state, PLAIN, OVER + 30, admitted(state, OVER),
      answer { limit = false, status = 502 })
    assert.is_true(pacer.is_probe(admitted(state, OVER + 30)))
  end)
end)

describe("pacer, with a ceiling of ours and a server that tells nothing", function()
  -- The first probe's lease is over when the second goes, and its answer comes in the same millisecond.
  it("does not begin a window anew for a probe that went just before it began", function()
    local config, silent = { spread = 0, limit = 7, window = 5000 }, answer { limit = false }
    local state = pacer.new()
    pacer.feedback(state, config, 1030, admitted(state, 1000, config), silent)
    local first, second = admitted(state, 20000, config), admitted(state, 27000, config)
    assert.is_true(pacer.is_probe(first) and pacer.is_probe(second))
    pacer.feedback(state, config, 27000, first, silent)
    for _ = 1, 3 do assert.is_false(pacer.is_probe(admitted(state, 27000, config))) end
    pacer.feedback(state, config, 27006, second, silent)
    assert.equal(2, (drain(state, 27100, config)))
  end)
end)

describe("pacer.merge, of two who know the server by different clocks", function()
  it("leaves nobody waiting for years", function()
    local year = 86400 * 365
    local into = told { date = SERVER - year, reset = SERVER - year + 60, remaining = 0 }
    pacer.merge(into, told { remaining = 0 })
    assert.is_true(pacer.is_probe(admitted(into, 2000)))
  end)
end)

describe("pacer.merge", function()
  local function used_after(mine, theirs, reset)
    local into, from = told { remaining = mine }, told { remaining = theirs, reset = reset }
    pacer.merge(into, from)
    return pacer.used(into)
  end

  it("takes the larger count of one window, and the newer of two", function()
    assert.equal(100, used_after(500, 550))
    assert.equal(100, used_after(550, 500))
    assert.equal(100, used_after(550, 500, SERVER + 61))
    assert.equal(50, used_after(500, 550, SERVER + 90))
    assert.equal(100, used_after(500, 550, SERVER + 30))
  end)

  it("teaches one that knew nothing", function()
    local into = pacer.new()
    pacer.merge(into, told_of_strangers(500))
    assert.equal(500 - 9, (drain(into, 2000)))
    assert.equal(OVER - 2000, waits(into, 2000))
  end)

  it("forgets nothing for one that knows nothing", function()
    local into = told()
    local before = pacer.words(into)
    pacer.merge(into, pacer.new())
    assert.equal(before, pacer.words(into))
  end)

  it("keeps the longer stop", function()
    local into, from = told(), told()
    pacer.feedback(from, PLAIN, 2000, admitted(from, 1900),
      answer { limit = false, status = 429, retry_after = 5000 })
    pacer.merge(into, from)
    assert.equal(5001, waits(into, 2000))
  end)
end)

describe("pacer.view", function()
  it("tells the server's window", function()
    local view = pacer.view(told { remaining = 400 }, PLAIN, 2000)
    assert.same({ true, 600, 400, SERVER + 60, 0 },
      { view.server, view.limit, view.remaining, view.reset, view.stopped })
    assert.is_true(view.resets_in > 57000 and view.resets_in < 59100)
  end)

  it("tells what is ours to take, and that a window which ended is whole again", function()
    local state = told { remaining = 400 }
    assert.equal(100, pacer.view(state, { spread = 0, limit = 300 }, 2000).remaining)
    local later = pacer.view(state, PLAIN, OVER)
    assert.same({ 600, 0 }, { later.remaining, later.resets_in })
  end)
end)

describe("pacer.jitter", function()
  it("is nothing to a millisecond and a half", function()
    assert.equal(0, pacer.jitter(0))
    assert.equal(0.75, pacer.jitter(2 ^ 31))
    assert.is_true(pacer.jitter(2 ^ 32 - 1) > 1.498 and pacer.jitter(2 ^ 32 - 1) <= 1.5)
  end)
end)

describe("pacer, asked by many threads", function()
  for threads = 1, 8 do
    it(("grants what there is, with %d of them"):format(threads), function()
      local state = pacer.new()
      pacer.feedback(state, PLAIN, 1030, admitted(state, 1000),
        { limit = 2000, remaining = 2000, reset = SERVER + 60, date = SERVER, status = 200 })
      assert.equal(2000, pacer.crowd(state, threads))
    end)
  end
end)

