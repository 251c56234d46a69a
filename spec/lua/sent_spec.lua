-- tm:send: a call under way, its waits, its callback, its end.

local gate_server = require "spec.support.gate_server"
local place = require "trailmark.place"
local process = require "spec.support.process"
local raises = require "spec.support.raises"
local socket = require "socket"
local trailmark = require "trailmark"

local gate, clients
before_each(function() gate, clients = gate_server.start(), {} end)
after_each(function()
  for _, tm in ipairs(clients) do tm:close() end
  gate:stop()
end)

local function client(opts)
  local all = { key = "tm_live_x", base_url = gate.url, pace = "off", retries = 0 }
  for name, value in pairs(opts or {}) do all[name] = value end
  local tm = assert(trailmark.new(all))
  clients[#clients + 1] = tm
  return tm
end

--- Until the server holds so many of its requests.
local function await(tm, count)
  gate:await(count, function() tm:sleep(0.002) end)
end

local function collect()
  collectgarbage()
  collectgarbage()
end

describe("a call that was sent", function()
  it("has the result that tm:request would have had", function()
    local tm = client()
    local data, err, response = tm:send({ path = "/a", query = { q = 1 } }):wait()
    assert.same({ path = "/a?q=1" }, data)
    assert.is_nil(err)
    assert.same({ 200, "GET", 1 }, { response.status, response.method, response.attempts })
    data, err, response = tm:send({ method = "PUT", path = "/status/404", body = { a = 1 } }):wait()
    assert.is_nil(data)
    assert.same({ "not_found", 404 }, { err.kind, response.status })
    assert.equal('{"a":1}', gate:seen()[2].body)
    assert.equal('{"path":"/b"}', (tm:send({ path = "/b", decode = false }):wait()))
  end)

  it("returns the same values at every wait", function()
    local tm = client()
    for _, path in ipairs { "/a", "/status/404" } do
      local call = tm:send { path = path }
      local first = { call:wait() }
      for _ = 1, 2 do
        local again = { call:wait(0) }
        for i = 1, 3 do assert.equal(first[i], again[i]) end
      end
    end
    assert.equal(2, #gate:seen())
  end)

  it("is not sent before something waits", function()
    local tm = client()
    local call = tm:send { path = "/a" }
    assert.is_false(call:done())
    assert.same({}, gate:seen())
    call:wait()
    assert.is_true(call:done())
  end)

  it("advances while something else of its Lua state waits", function()
    local tm, other = client(), client()
    for _, wait in ipairs {
      function() other:get "/other" end,
      function() other:send({ path = "/other" }):wait() end,
      function() tm:all { { path = "/other" } } end,
    } do
      local call = tm:send { path = "/a" }
      for _ = 1, 200 do
        if call:done() then break end
        wait()
      end
      assert.is_true(call:done())
    end
  end)

  it("advances during a sleep and by steps", function()
    local tm = client()
    local call = tm:send { path = "/hold" }
    await(tm, 1)
    gate:release()
    repeat tm:sleep(0.001) until call:done()
    call = tm:send { path = "/a" }
    repeat trailmark.step() until call:done()
    assert.same({ path = "/a" }, (call:wait()))
  end)

  it("has its deadline from then on", function()
    local tm = client { deadline = 0.05, concurrency = 1 }
    local first, second = tm:send { path = "/hold", deadline = 10 }, tm:send { path = "/b" }
    local _, err = second:wait()
    assert.equal("timeout", err.kind)
    assert.equal("not_sent", err.outcome)
    assert.is_false(first:done())
    await(tm, 1) -- it may have been slower than a twentieth of a second
    assert.same({ "GET /hold" }, gate:lines())
  end)

  it("shows what it is, and keeps its own table from others", function()
    local tm = client()
    local call = tm:send { path = "/a" }
    assert.equal("trailmark.Call (under way)", tostring(call))
    call:wait()
    assert.equal("trailmark.Call (done)", tostring(call))
    assert.is_false(getmetatable(call))
  end)
end)

describe("call:wait(seconds)", function()
  it("that runs out tells so, and leaves the call under way", function()
    local tm = client()
    local call = tm:send { method = "POST", path = "/hold", body = {}, idempotency_key = "k1" }
    await(tm, 1)
    for _, seconds in ipairs { 0, 0.01 } do
      local data, err, response = call:wait(seconds)
      assert.is_nil(data)
      assert.is_nil(response)
      assert.same({ "pending", "unknown", 1, "k1", "POST", "/hold" },
        { err.kind, err.outcome, err.attempts, err.idempotency_key, err.method, err.path })
      assert.matches("still under way", tostring(err))
      assert.matches("%[pending%]", tostring(err))
      assert.is_false(call:done())
    end
    gate:release()
    assert.same({ path = "/hold" }, (call:wait(20)))
    assert.same({ path = "/hold" }, (call:wait()))
    assert.equal(1, #gate:seen())
  end)

  it("tells of a call that has not left that it was not sent", function()
    local tm = client { concurrency = 1 }
    local first, second = tm:send { path = "/hold" }, tm:send { path = "/b" }
    await(tm, 1)
    local _, err = second:wait(0)
    assert.same({ "pending", "not_sent", 0 }, { err.kind, err.outcome, err.attempts })
    gate:release()
    assert.same({ path = "/hold" }, (first:wait()))
    assert.same({ path = "/b" }, (second:wait()))
  end)

  it("returns before its time when the call is done", function()
    local tm = client()
    assert.same({ path = "/a" }, (tm:send({ path = "/a" }):wait(3600)))
  end)

  it("raises for what is no time", function()
    local call = client():send { path = "/a" }
    for _, bad in ipairs { -1, 3601, "1", 0 / 0, {} } do
      raises("call:wait: the time must be seconds from 0 to 3600", function() call:wait(bad) end)
    end
  end)
end)

describe("call:cancel", function()
  it("keeps a call that has not left from being sent", function()
    local tm = client { concurrency = 1 }
    local first, second = tm:send { path = "/hold" }, tm:send { method = "POST", path = "/b", body = {} }
    await(tm, 1)
    second:cancel()
    assert.is_true(second:done())
    local data, err, response = second:wait()
    assert.same({ nil, "cancelled", "not_sent", nil }, { data, err.kind, err.outcome, response })
    assert.is_true(err.retryable)
    assert.equal("cancelled while waiting for a place among the transfers in flight", err.message)
    assert.matches("nothing was sent, so it can be made again", err.hint, 1, true)
    gate:release()
    first:wait()
    tm:get "/c"
    assert.same({ "GET /hold", "GET /c" }, gate:lines())
  end)

  it("ends a transfer; what became of it is not known", function()
    local tm = client()
    local call = tm:send { method = "POST", path = "/hold", body = {} }
    await(tm, 1)
    call:cancel()
    local _, err = call:wait()
    assert.same({ "cancelled", "unknown", 1 }, { err.kind, err.outcome, err.attempts })
    assert.equal("cancelled while waiting for the answer", err.message)
    assert.matches("by call:cancel, or whoever waited for it has left", err.hint, 1, true)
    while gate:gone() < 1 do tm:sleep(0.002) end
    assert.equal(0, gate:release())
    assert.same({ path = "/c" }, (tm:get "/c"))
  end)

  it("changes nothing of a call that is done, nor the second time", function()
    local tm = client()
    local call = tm:send { path = "/a" }
    call:wait()
    call:cancel()
    assert.same({ path = "/a" }, (call:wait()))
    call = tm:send { path = "/a" }
    repeat tm:sleep(0.001) until call:done()
    call:cancel() -- done, and nobody has read it yet
    assert.same({ path = "/a" }, (call:wait()))
    call = tm:send { path = "/a" }
    call:cancel()
    call:cancel()
    assert.equal("cancelled", select(2, call:wait()).kind)
  end)

  it("tells the callback", function()
    local tm, kinds = client(), {}
    local call = tm:send({ path = "/hold" }, function(_, err) kinds[#kinds + 1] = err.kind end)
    await(tm, 1)
    call:cancel()
    assert.same({}, kinds) -- not inside of cancel
    tm:sleep(0)
    assert.same({ "cancelled" }, kinds)
  end)
end)

describe("a call that is dropped", function()
  it("is cancelled when it is collected while it is unsent", function()
    local tm = client { concurrency = 1 }
    local first = tm:send { path = "/hold" }
    tm:send { path = "/never" }
    local kept = tm:send { path = "/kept" }
    await(tm, 1)
    collect()
    gate:release()
    first:wait()
    kept:wait()
    tm:get "/last"
    assert.same({ "GET /hold", "GET /kept", "GET /last" }, gate:lines())
  end)

  it("runs on once it is in flight", function()
    local answered = 0
    local tm = client { on_event = function(event)
      if event.type == "response" then answered = answered + 1 end
    end }
    tm:send { method = "POST", path = "/hold", body = {} }
    await(tm, 1)
    collect()
    assert.equal(1, gate:release())
    repeat tm:sleep(0.002) until answered == 1
    assert.equal(0, gate:gone())
  end)

  it("is tried again where that is right", function()
    local tm = client { retries = 2, backoff = { base = 0.001, cap = 0.001 } }
    tm:send { path = "/status/503/hold" }
    repeat tm:sleep(0.002) until #gate:seen() > 0
    collect()
    repeat tm:sleep(0.002) until #gate:seen() == 3
    tm:get "/last"
    assert.equal(4, #gate:seen())
  end)

  it("lives until it is done where it has a callback", function()
    local tm, told = client { concurrency = 1 }, {}
    tm:send({ path = "/hold" }, function(data) told[#told + 1] = data.path end)
    tm:send({ path = "/b" }, function(data) told[#told + 1] = data.path end)
    await(tm, 1)
    collect()
    gate:release()
    repeat tm:sleep(0.002) until #told == 2
    assert.same({ "/hold", "/b" }, told)
  end)

  it("keeps nothing alive after its end", function()
    local tm = client()
    local watched = setmetatable({}, { __mode = "k" })
    local done = false
    do
      local function callback() done = true end
      watched[callback] = true
      watched[tm:send({ path = "/a" }, callback)] = true
    end
    repeat tm:sleep(0.002) until done
    collect()
    assert.is_nil(next(watched))
  end)
end)

describe("a callback", function()
  it("is given the result, once, outside of send", function()
    local tm, told = client(), {}
    local function note(...) told[#told + 1] = { n = select("#", ...), ... } end
    tm:send({ path = "/a" }, note)
    assert.equal(0, #told)
    repeat tm:sleep(0.002) until #told == 1
    tm:send({ path = "/status/404" }, note)
    repeat tm:get "/b" until #told == 2
    tm:sleep(0.01)
    assert.equal(2, #told)
    assert.same({ { path = "/a" }, nil, 200 }, { told[1][1], told[1][2], told[1][3].status })
    assert.same({ "not_found", 404 }, { told[2][2].kind, told[2][3].status })
  end)

  it("runs before a wait for its own call returns, and that returns the same", function()
    local tm, told = client(), nil
    local call = tm:send({ path = "/a" }, function(data) told = data end)
    local data = call:wait()
    assert.equal(told, data)
    assert.equal(told, (call:wait()))
  end)

  it("may wait: for time, for a new call, for one under way, for its own", function()
    local tm, told = client(), nil
    local held, own = tm:send { path = "/hold" }, nil
    own = tm:send({ path = "/a" }, function()
      tm:sleep(0.001)
      local fresh = tm:get "/fresh"
      local all = tm:all { { path = "/one" }, { path = "/two" } }
      gate:open()
      told = { fresh.path, held:wait().path, own:wait().path, all[2].data.path }
    end)
    repeat tm:sleep(0.002) until told
    assert.same({ "/fresh", "/hold", "/a", "/two" }, told)
  end)

  it("that waits is not interrupted by another; that one runs after it", function()
    local tm, order = client(), {}
    for i = 1, 3 do
      tm:send({ path = "/" .. i }, function()
        order[#order + 1] = "begins"
        tm:get "/within"
        order[#order + 1] = "ends"
      end)
    end
    repeat tm:sleep(0.002) until #order == 6
    assert.equal("begins ends begins ends begins ends", table.concat(order, " "))
  end)

  it("may send more, and they are told in turn", function()
    local tm, count = client(), 0
    local function again()
      count = count + 1
      if count < 20 then tm:send({ path = "/" .. count }, again) end
    end
    tm:send({ path = "/0" }, again)
    repeat tm:sleep(0.002) until count == 20
    assert.equal(20, #gate:seen())
  end)

  it("may cancel others", function()
    local tm, kinds, others = client { concurrency = 3 }, {}, {}
    tm:send({ path = "/a" }, function()
      for _, other in ipairs(others) do other:cancel() end
    end)
    for i = 1, 5 do
      others[i] = tm:send({ path = "/hold/" .. i }, function(_, err) kinds[#kinds + 1] = err.kind end)
    end
    repeat tm:sleep(0.002) until #kinds == 5
    assert.equal("cancelled cancelled cancelled cancelled cancelled", table.concat(kinds, " "))
    assert.same({ path = "/z" }, (tm:get "/z"))
  end)

  it("may close the client: the others are told", function()
    local tm, kinds = client { concurrency = 2 }, {}
    tm:send({ path = "/a" }, function() tm:close() end)
    for i = 1, 3 do
      tm:send({ path = "/hold/" .. i }, function(_, err) kinds[#kinds + 1] = err.kind end)
    end
    local other = client()
    repeat other:sleep(0.002) until #kinds == 3
    assert.same({ "closed", "closed", "closed" }, kinds)
    local late
    tm:send({ path = "/b" }, function(_, err) late = err.kind end)
    other:sleep(0)
    assert.equal("closed", late)
  end)

  it("that raises is told of on stderr, and harms nobody", function()
    local child = process.lua([[
      local tm = require "trailmark".new { key = "tm_live_x", base_url = os.getenv "URL", pace = "off" }
      local fine = 0
      tm:send({ path = "/one?secret=1" }, function() error("no \27[31m luck", 0) end)
      tm:send({ path = "/two" }, function() error({}) end)
      tm:send({ method = "POST", path = "/three", headers = { a = "\0" }, body = {} }, function() error() end)
      for i = 1, 3 do tm:send({ path = "/" .. i }, function() fine = fine + 1 end) end
      repeat tm:sleep(0.001) until fine == 3
      assert(tm:get("/last").path == "/last")
    ]], { URL = gate.url })
    local said, code, complaint = child:finish()
    assert.same({ "", 0 }, { said, code })
    local lines = {}
    for line in complaint:gmatch "[^\n]+" do lines[#lines + 1] = line end
    table.sort(lines)
    assert.equal(3, #lines)
    assert.equal("trailmark: the callback of GET /one failed: no \\x1B[31m luck", lines[1])
    assert.matches("^trailmark: the callback of GET /two failed: table", lines[2])
    assert.equal("trailmark: the callback of POST /three failed: nil", lines[3])
    assert.equal(6, #gate:seen())
  end)

  it("that raises what has no text is told of by its name", function()
    local child = process.lua([[
      local tm = require "trailmark".new { key = "tm_live_x", base_url = os.getenv "URL", pace = "off" }
      local mute = setmetatable({}, { __tostring = function() error "nor this" end })
      tm:send({ path = "/one" }, function() error(mute) end):wait()
    ]], { URL = gate.url })
    local said, code, complaint = child:finish()
    assert.same({ "", 0 }, { said, code })
    assert.equal("trailmark: the callback of GET /one failed: a table without a text\n", complaint)
  end)

  -- On Lua 5.1 it cannot: that is its error, as any other.
  for _, way in ipairs(place.YIELDS_IN_PCALL and { "wait", "step" } or {}) do
    it("that yields holds up no other, during a " .. way, function()
      local tm, told = client(), {}
      local function tell(name) return function() told[#told + 1] = name end end
      local outer = coroutine.create(function()
        local call = tm:send({ path = "/a" }, function()
          coroutine.yield()
          told[#told + 1] = "resumed"
        end)
        if way == "wait" then return call:wait() end
        repeat trailmark.step() until #told > 0
      end)
      assert(coroutine.resume(outer))
      assert.equal("suspended", coroutine.status(outer))
      tm:send({ path = "/b" }, tell "b"):wait()
      tm:send({ path = "/c" }, tell "c")
      local over = socket.gettime() + 10
      repeat trailmark.step() until #told == 2 or socket.gettime() > over
      assert.same({ "b", "c" }, told)
      assert(coroutine.resume(outer))
      assert.equal("dead", coroutine.status(outer))
      tm:send({ path = "/d" }, tell "d"):wait()
      assert.same({ "b", "c", "resumed", "d" }, told)
    end)
  end

  -- The sanitizers' interpreter leaves Ctrl-C alone.
  if process.is_plain_lua() then
    it("that Ctrl-C ends, ends the program", function()
      local child = process.lua([[
        io.stdout:setvbuf "no"
        local tm = require "trailmark".new { key = "tm_live_x", base_url = os.getenv "URL", pace = "off" }
        tm:send({ path = "/a" }, function()
          print "waits"
          tm:sleep(60)
        end)
        tm:sleep(60)
        print "went on"
      ]], { URL = gate.url })
      child:expect "waits\n"
      child:kill(process.INT)
      local said, code, complaint = child:finish()
      assert.same({ "waits\n", 1 }, { said, code })
      assert.matches("interrupted!", complaint)
    end)
  end
end)

describe("a call that cannot be sent", function()
  it("has its result at once", function()
    local tm = client()
    local call = tm:send { path = "/a", headers = { x = "a\nb" } }
    assert.is_true(call:done())
    local data, err = call:wait()
    assert.is_nil(data)
    assert.same({ "argument", "GET", "/a", "not_sent" }, { err.kind, err.method, err.path, err.outcome })
    call:cancel()
    assert.equal(err, select(2, call:wait(0)))
    tm:close()
    assert.equal("closed", select(2, tm:send({ path = "/a" }):wait()).kind)
  end)

  it("tells its callback soon, and not inside of send", function()
    local tm, kinds = client(), {}
    local function note(_, err) kinds[#kinds + 1] = err.kind end
    for _, wait in ipairs {
      function() tm:get "/b" end, function() tm:sleep(0) end, trailmark.step,
      function() tm:send({ path = "/b" }):wait() end, function() tm:all { { path = "/b" } } end,
    } do
      kinds = {}
      tm:send({ path = "/a\1" }, note)
      assert.same({}, kinds)
      wait()
      assert.same({ "argument" }, kinds)
    end
  end)

  it("tells it before a sleep begins", function()
    local tm = client()
    local order = {}
    tm:send({ path = "/a\1" }, function()
      order[#order + 1] = "told"
      tm:send({ path = "/hold" }, function() order[#order + 1] = "answered" end)
    end)
    gate:open()
    tm:sleep(0.3)
    assert.same({ "told", "answered" }, order)
  end)
end)

describe("tm:send", function()
  it("raises at its caller for a mistake", function()
    local tm = client()
    raises('tm:send: unknown option "pth"', function() tm:send { pth = "/a" } end)
    raises("tm:send: path must be given", function() tm:send {} end)
    raises("tm:send", function() tm:send "/a" end)
    raises("tm:send: the callback must be a function, got string", function() tm:send({ path = "/a" }, "f") end)
    raises("called with a colon", function() tm.send { path = "/a" } end)
    local call = tm:send { path = "/a" }
    for _, name in ipairs { "wait", "done", "cancel" } do
      raises("called with a colon", function() call[name]() end)
      raises("called with a colon", function() call[name](5) end)
    end
    assert.same({}, gate:seen())
  end)

  it("can be called in a hook, where nobody can wait", function()
    local told, problem, call
    local tm
    tm = client { on_event = function(event)
      if event.type ~= "response" or call then return end
      call = tm:send({ path = "/from-hook" }, function(data) told = data.path end)
      problem = raises("cannot be waited for inside", function() call:wait() end)
    end }
    assert(tm:get "/a")
    repeat tm:sleep(0.002) until told
    assert.is_string(problem)
    assert.equal("/from-hook", told)
    assert.same({ path = "/from-hook" }, (call:wait()))
  end)

  it("cannot be used by the client's own key function", function()
    local tm, problem
    tm = client { key = function()
      problem = raises("cannot use the client", function() tm:send { path = "/a" } end)
      return "tm_live_x"
    end }
    assert(tm:get "/b")
    assert.is_string(problem)
    assert.same({ "GET /b" }, gate:lines())
  end)
end)

describe("a callback that is due", function()
  it("is not run inside of a key function that waits, and may use the client after it", function()
    local vault, told, within = client(), nil, false
    local tm
    tm = client { key = function(why)
      if why == "unauthorized" then
        within = true
        assert(vault:get "/vault")
        vault:sleep(0.01)
        within = false
      end
      return "tm_live_" .. why
    end }
    tm:send({ path = "/a" }, function()
      assert.is_false(within)
      told = tm:get("/b").path
    end)
    tm:get "/status/401"
    repeat tm:sleep(0.002) until told
    assert.equal("/b", told)
  end)

  it("is not run inside of a hook that closes the client", function()
    local delivering, seen, tm = false, {}, nil
    tm = client { on_event = function(event)
      if event.type ~= "response" then return end
      delivering = true
      tm:close()
      delivering = false
    end }
    tm:send({ path = "/hold" }, function(_, err) seen[#seen + 1] = { err.kind, delivering } end)
    tm:get "/a"
    client():sleep(0)
    assert.same({ { "closed", false } }, seen)
  end)
end)
