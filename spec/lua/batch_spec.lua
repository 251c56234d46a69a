-- tm:all and tm:map: every item's result, whatever happens to the others.

local gate_server = require "spec.support.gate_server"
local place = require "trailmark.place"
local process = require "spec.support.process"
local raises = require "spec.support.raises"
local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"

local gate, tm
before_each(function()
  gate = gate_server.start()
  tm = assert(trailmark.new { key = "tm_live_x", base_url = gate.url, pace = "off", retries = 0 })
end)
after_each(function()
  tm:close()
  gate:stop()
end)

local function numbers(count)
  local list = {}
  for i = 1, count do list[i] = i end
  return list
end

local function get(item) return { path = "/" .. item } end

--- Holds what is sent until so many are held, then lets all go: the server sees how many come at once.
local function release_at(count)
  local watcher = assert(trailmark.new { key = "tm_live_x", base_url = gate.url, pace = "off" })
  local function look()
    if #gate:held() < count then watcher:send({ path = "/look" }, look) else gate:open() end
  end
  watcher:send({ path = "/look" }, look)
end

describe("tm:all", function()
  it("gives every result in the order of the calls", function()
    local results = tm:all {
      { path = "/a" },
      { path = "/status/404" },
      { method = "POST", path = "/b", body = { n = 1 } },
      { path = "/c", decode = false },
      { path = "/d", headers = { x = "\0" } },
    }
    assert.equal(5, #results)
    assert.same({ path = "/a" }, results[1].data)
    assert.same({ nil, nil, 200 }, { results[1].err, results[1].skipped, results[1].response.status })
    assert.same({ nil, "not_found", 404 }, { results[2].data, results[2].err.kind, results[2].response.status })
    assert.same({ path = "/b" }, results[3].data)
    assert.equal('{"path":"/c"}', results[4].data)
    assert.same({ "argument", nil }, { results[5].err.kind, results[5].response })
    assert.equal(4, #gate:seen())
  end)

  it("of nothing is nothing", function()
    assert.same({}, tm:all {})
  end)

  it("returns only the results", function()
    assert.equal(1, select("#", tm:all { { path = "/a" } }))
  end)

  it("raises for a mistake in any of the calls, before any is sent", function()
    raises("tm:all: call 2: unknown option \"pth\"", function() tm:all { { path = "/a" }, { pth = "/b" } } end)
    raises("tm:all: call 1: options must be a table", function() tm:all { "/a" } end)
    raises("tm:all: the calls must be an array of tables, got string", function() tm:all "/a" end)
    raises("tm:all: the calls must be an array of tables, got nil", function() tm:all() end)
    raises("tm:all: the calls must be an array of tables, got one that lacks element 2", function()
      tm:all { { path = "/a" }, nil, { pth = "/b" } }
    end)
    raises('tm:all: the calls must be an array of tables, got a table with the field "path"', function()
      tm:all { path = "/a" }
    end)
    raises("tm:all takes one table, and no table beside it: .*tm:map", function()
      tm:all({ { path = "/a" } }, { concurrency = 3 })
    end)
    raises("called with a colon", function() tm.all { { path = "/a" } } end)
    assert.same({}, gate:seen())
  end)

  it("goes on as calls end, and no further than concurrency allows", function()
    tm = assert(trailmark.new { key = "tm_live_x", base_url = gate.url, pace = "off", concurrency = 3 })
    local specs = {}
    for i = 1, 10 do specs[i] = { path = "/hold/" .. i } end
    release_at(3)
    for i, result in ipairs(tm:all(specs)) do assert.equal("/hold/" .. i, result.data.path) end
    assert.equal(3, gate:most())
  end)

  it("on a closed client gives every call's error", function()
    tm:close()
    for _, result in ipairs(tm:all { { path = "/a" }, { path = "/b" } }) do
      assert.same({ nil, "closed" }, { result.data, result.err.kind })
    end
  end)
end)

describe("tm:map", function()
  it("makes a call for each item, and gives the results by their places", function()
    local given = {}
    local results, summary = tm:map({ "a", "b", "c" }, function(item, i)
      given[i] = item
      return { method = "PUT", path = "/" .. item, body = { i = i } }
    end)
    assert.same({ "a", "b", "c" }, given)
    for i, result in ipairs(results) do assert.equal("/" .. given[i], result.data.path) end
    assert.same({ done = 3, failed = 0, skipped = 0, stopped = false }, summary)
  end)

  it("of nothing is nothing", function()
    local results, summary = tm:map({}, get)
    assert.same({}, results)
    assert.same({ done = 0, failed = 0, skipped = 0, stopped = false }, summary)
  end)

  it("keeps every result of many, failures included", function()
    local results, summary = tm:map(numbers(200), function(item)
      return { path = item % 5 == 0 and "/status/404/" .. item or "/" .. item }
    end)
    for i = 1, 200 do
      if i % 5 == 0 then
        assert.equal("not_found", results[i].err.kind)
      else
        assert.equal("/" .. i, results[i].data.path)
      end
    end
    assert.same({ done = 200, failed = 40, skipped = 0, stopped = false }, summary)
    assert.equal(200, #gate:seen())
  end)

  it("skips an item for which there is no call", function()
    local results, summary = tm:map(numbers(6), function(item) return item % 2 == 0 and get(item) or nil end)
    for i = 1, 6 do
      assert.equal(i % 2 == 1 or nil, results[i].skipped)
      assert.equal(i % 2 == 0 and "/" .. i or nil, results[i].data and results[i].data.path)
    end
    assert.same({ done = 3, failed = 0, skipped = 3, stopped = false }, summary)
    results, summary = tm:map(numbers(3), function() return nil end)
    assert.same({ { skipped = true }, { skipped = true }, { skipped = true } }, results)
    assert.equal(3, summary.skipped)
  end)

  it("has an item fail whose call cannot be made, and no other", function()
    local mute = setmetatable({}, { __tostring = function() error "nor this" end })
    local sent = tm:send { path = "/sent" }
    sent:wait()
    local results, summary = tm:map(numbers(8), function(item)
      if item == 8 then return sent end
      if item == 7 then error(mute) end
      if item == 1 then error("no such row") end
      if item == 2 then return { pth = "/a" } end
      if item == 3 then return "/a" end
      if item == 4 then return { path = "/\1" } end
      if item == 5 then error({}) end
      return get(item)
    end)
    local words = { "no such row", 'unknown option "pth"',
      "must return a table as tm:request takes it, or nil, got a string of 2", "control byte", "table" }
    for i, word in ipairs(words) do
      assert.equal("argument", results[i].err.kind)
      assert.equal("not_sent", results[i].err.outcome)
      assert.matches(word, results[i].err.message, 1, true)
    end
    assert.equal("/6", results[6].data.path)
    assert.equal("the function failed: a table without a text", results[7].err.message)
    assert.matches("or nil, got trailmark.Call (done)", results[8].err.message, 1, true)
    assert.same({ done = 8, failed = 7, skipped = 0, stopped = false }, summary)
    assert.equal(2, #gate:seen())
  end)

  it("leaves an error of ours that the function raises as it is", function()
    local raised
    local results = tm:map({ 1 }, function()
      local _, err = tm:get("/status/404")
      raised = err
      error(err)
    end)
    assert.equal(raised, results[1].err)
    assert.equal("not_found", results[1].err.kind)
  end)

  it("takes false for an item like any other, and a table with more than its elements", function()
    local results = tm:map({ 1, false, 3, header = "n" }, function(item) return item and get(item) or nil end)
    assert.same({ 3, true, "/3" }, { #results, results[2].skipped, results[3].data.path })
  end)

  it("does so in a coroutine, too, but on 5.1, where what the function raises is the caller's", function()
    local thread = coroutine.create(function()
      return tm:map(numbers(3), function(item)
        if item == 3 then error("no such row", 0) end
        return get(item)
      end)
    end)
    local ok, results, summary = coroutine.resume(thread)
    if not place.YIELDS_IN_PCALL then return assert.same({ false, "no such row" }, { ok, results }) end
    assert.is_true(ok)
    assert.same({ "/1", "/2" }, { results[1].data.path, results[2].data.path })
    assert.matches("no such row", results[3].err.message)
    assert.same({ done = 3, failed = 1, skipped = 0, stopped = false }, summary)
  end)

  for asked, expected in pairs { [4] = 4, [30] = 16 } do
    it(("has %d in flight where its concurrency is %d and the client's 16"):format(expected, asked), function()
      release_at(expected)
      local _, summary = tm:map(numbers(40), function(i) return { path = "/hold/" .. i } end, { concurrency = asked })
      assert.equal(40, summary.done)
      assert.equal(expected, gate:most())
    end)
  end

  it("starts items only as places come free, and their deadlines with them", function()
    local made = 0
    tm:send({ path = "/a" }, function()
      assert.equal(2, made)
      gate:await(2, function() tm:sleep(0.01) end)
      tm:sleep(0.55) -- more than a deadline; those that have not begun do not feel it
      gate:open()
    end)
    local results, summary = tm:map(numbers(4), function(i)
      made = made + 1
      return { path = "/hold/" .. i, deadline = i > 2 and 0.5 or 20 }
    end, { concurrency = 2 })
    assert.same({ 4, 0 }, { summary.done, summary.failed })
    assert.equal("/hold/4", results[4].data.path)
  end)

  it("tells of every result, with its item and place", function()
    local told = {}
    local results = tm:map({ "a", "b", "status/404" }, get, {
      on_result = function(result, item, i)
        assert.is_nil(told[i])
        told[i] = { result, item }
      end,
    })
    for i, item in ipairs { "a", "b", "status/404" } do
      assert.equal(results[i], told[i][1])
      assert.equal(item, told[i][2])
    end
  end)

  it("tells of its progress, up to the end", function()
    local seen = {}
    local _, summary = tm:map(numbers(9), function(i)
      if i % 3 == 0 then return nil end
      return { path = i % 3 == 1 and "/status/404" or "/a" }
    end, { on_progress = function(progress) seen[#seen + 1] = progress end })
    assert.equal(9, #seen) -- once for each item
    local done = 0
    for _, progress in ipairs(seen) do
      assert.equal(9, progress.total)
      assert.is_true(progress.done == done or progress.done == done + 1)
      assert.is_true(progress.failed <= progress.done)
      assert.is_true(progress.rate >= 0)
      if progress.done > 0 then assert.is_true(progress.eta >= 0) end
      done = progress.done
    end
    assert.same({ 6, 3, 0 }, { seen[9].done, seen[9].failed, seen[9].eta })
    assert.same({ done = 6, failed = 3, skipped = 3, stopped = false }, summary)
  end)

  it("keeps what it is told to keep", function()
    local function map(keep)
      return tm:map(numbers(6), function(i)
        if i == 6 then return nil end
        return { path = i % 2 == 0 and "/status/404" or "/a" }
      end, { keep = keep })
    end
    local all = map "all"
    assert.equal(6, #all)
    assert.is_true(all[6].skipped)
    local failed, summary = map "failed"
    local places = {}
    for i, result in pairs(failed) do
      places[#places + 1] = i
      assert.equal("not_found", result.err.kind)
    end
    table.sort(places)
    assert.same({ 2, 4 }, places)
    local none, again = map "none"
    assert.same({}, none)
    assert.same(summary, again)
    assert.same({ done = 5, failed = 2, skipped = 1, stopped = false }, summary)
  end)

  it("stops where it is told to; what is in flight is still answered", function()
    local asked = 0
    local results, summary = tm:map(numbers(50), get, { concurrency = 4, stop_when = function(result)
      asked = asked + 1
      return result.data and asked == 7
    end })
    assert.is_true(summary.stopped)
    assert.equal("stop_when", summary.reason)
    assert.equal(50, summary.done + summary.skipped)
    assert.equal(7 + 3, summary.done)
    assert.equal(summary.done, #gate:seen())
    for i = 1, 50 do
      if i <= summary.done then
        assert.equal("/" .. i, results[i].data.path)
      else
        assert.same({ skipped = true }, results[i])
      end
    end
  end)

  it("does not ask whether to stop once it has stopped", function()
    local asked = 0
    tm:map(numbers(20), get, { concurrency = 8, stop_when = function()
      asked = asked + 1
      return true
    end })
    assert.equal(1, asked)
  end)

  it("ends with its batch_deadline: what is in flight as timeout, the rest not begun", function()
    local results, summary = tm:map(numbers(20), function(i)
      return { method = "POST", path = i <= 3 and "/" .. i or "/hold/" .. i, body = {} }
    end, { concurrency = 5, batch_deadline = 0.8 }) -- eight exchanges are made in less
    assert.same({ done = 8, failed = 5, skipped = 12, stopped = true, reason = "batch_deadline" }, summary)
    for i = 1, 20 do
      if i <= 3 then
        assert.equal("/" .. i, results[i].data.path)
      elseif i <= 8 then
        assert.same({ "timeout", "unknown" }, { results[i].err.kind, results[i].err.outcome })
        assert.matches("timed out waiting for the answer.*batch_deadline", tostring(results[i].err))
      else
        assert.is_true(results[i].skipped)
      end
    end
    assert.equal(8, #gate:seen())
    while gate:gone() < 5 do tm:sleep(0.002) end -- their transfers are over
  end)

  it("begins nothing when its time is over already", function()
    local _, summary = tm:map(numbers(3), function(i)
      tm:sleep(0.02)
      return get(i)
    end, { batch_deadline = 0.01 })
    assert.same({ done = 1, failed = 1, skipped = 2, stopped = true, reason = "batch_deadline" }, summary)
  end)

  it("says of those not sent what they waited for", function()
    local narrow = trailmark.assert(trailmark.new {
      key = "tm_live_x", base_url = gate.url, pace = "off", retries = 0, concurrency = 1 })
    local held = narrow:send { path = "/hold/1" }
    local results = narrow:map({ 2 }, get, { batch_deadline = 0.2 })
    assert.matches("timed out waiting for a place among the transfers in flight", results[1].err.message)
    held:cancel()
    narrow:close()
    local sb = assert(sandbox.start { limit = 2 })
    finally(function() sb:stop() end)
    local paced = assert(sb:client { pace = { shared = false, spread = 0 }, retries = 0 })
    assert(paced:workspace())
    local summary
    results, summary = paced:map(numbers(3), function() return { path = "/workspaces/me" } end,
      { batch_deadline = 0.2 })
    assert.equal(1, summary.done - summary.failed)
    local err = results[1].err or results[2].err
    assert.same({ "timeout", "not_sent" }, { err.kind, err.outcome })
    assert.matches("timed out waiting for the rate limit.*batch_deadline", tostring(err))
  end)

  it("that comes to its end in time is not stopped", function()
    local _, summary = tm:map(numbers(20), get, { batch_deadline = 60 })
    assert.same({ done = 20, failed = 0, skipped = 0, stopped = false }, summary)
  end)

  for _, hook in ipairs { "on_result", "on_progress", "stop_when" } do
    it("raises what " .. hook .. " raises, after what is in flight was answered", function()
      local thrown, calls = {}, 0
      local fine, problem = pcall(tm.map, tm, numbers(50), get, { concurrency = 4, [hook] = function()
        calls = calls + 1
        if calls == 2 then error(thrown) end
      end })
      assert.is_false(fine)
      assert.equal(thrown, problem)
      assert.equal(2, calls)
      local seen = #gate:seen()
      assert.is_true(seen >= 4 and seen <= 8)
      assert.same({ path = "/after" }, (tm:get "/after"))
      assert.equal(seen + 1, #gate:seen())
      assert.equal(0, gate:gone())
    end)
  end

  it("sends nothing more of what waits for a place when a function raises", function()
    tm = assert(trailmark.new { key = "tm_live_x", base_url = gate.url, pace = "off", concurrency = 3 })
    local others = { tm:send { path = "/hold/1" }, tm:send { path = "/hold/2" }, tm:send { path = "/hold/3" } }
    gate:await(3, function() tm:sleep(0.002) end)
    local fine, problem = pcall(tm.map, tm, { "a", "b", "\1" }, get, {
      on_result = function(_, item) error("stop at " .. #item, 0) end,
    })
    assert.same({ false, "stop at 1" }, { fine, problem })
    gate:open()
    for _, other in ipairs(others) do assert((other:wait())) end
    assert.equal(3, #gate:seen())
  end)

  it("raises nil, too, where a function does", function()
    assert.same({ false }, { pcall(tm.map, tm, numbers(3), get, { on_result = function() error() end }) })
  end)

  it("calls its functions where they may do anything", function()
    local within = {}
    local results = tm:map({ "a", "b" }, function(item)
      within[#within + 1] = tm:get("/made-" .. item).path
      return get(item)
    end, {
      on_result = function(_, item)
        within[#within + 1] = tm:map({ item }, function(one) return { path = "/inner-" .. one } end)[1].data.path
        tm:sleep(0.001)
      end,
      on_progress = function() tm:send({ path = "/sent" }):wait() end,
      stop_when = function() return not tm:get "/asked" end,
    })
    table.sort(within)
    assert.same({ "/inner-a", "/inner-b", "/made-a", "/made-b" }, within)
    assert.equal("/b", results[2].data.path)
    assert.equal(2 + 2 + 2 + 2 + 2, #gate:seen())
  end)

  it("whose client is closed meanwhile gives every item a result", function()
    local results, summary = tm:map(numbers(30), function(i) return { path = i > 5 and "/hold" or "/a" } end, {
      concurrency = 10,
      on_progress = function(progress) if progress.done == 5 then tm:close() end end,
    })
    assert.same({ 30, 25, 0 }, { summary.done, summary.failed, summary.skipped })
    for i = 6, 30 do assert.equal("closed", results[i].err.kind) end
  end)

  it("raises at its caller for a mistake", function()
    raises("tm:map: the items must be an array, got nil", function() tm:map(nil, get) end)
    local sparse = { [100] = 1 }
    raises("tm:map: the items must be an array, got one that lacks element 1", function() tm:map(sparse, get) end)
    raises("tm:map: the items must be an array, got one that lacks element 2: leave no gap",
      function() tm:map({ 1, nil, 3 }, get) end)
    raises('tm:map: the items must be an array, got a table with the field "id"', function()
      tm:map({ id = 1 }, get)
    end)
    raises("tm:map: the second argument must be a function", function() tm:map({ 1 }, { path = "/a" }) end)
    raises('tm:map: unknown option "concurency" %(did you mean "concurrency"', function()
      tm:map({ 1 }, get, { concurency = 2 })
    end)
    raises("tm:map: concurrency must be", function() tm:map({ 1 }, get, { concurrency = 0 }) end)
    raises("tm:map: batch_deadline must be", function() tm:map({ 1 }, get, { batch_deadline = -1 }) end)
    raises("tm:map: keep must be", function() tm:map({ 1 }, get, { keep = "some" }) end)
    raises("tm:map: on_result must be a function", function() tm:map({ 1 }, get, { on_result = 5 }) end)
    raises("tm:map: unknown option \"timeout\" %(it goes into the call", function()
      tm:map({ 1 }, get, { timeout = 5 })
    end)
    raises("called with a colon", function() tm.map({ 1 }, get) end)
    assert.same({}, gate:seen())
  end)

  it("reads the caller's tables and changes none", function()
    local items, opts, spec = { "a", "b" }, { concurrency = 1, keep = "none" }, { path = "/a", query = { q = 1 } }
    tm:map(items, function() return spec end, opts)
    assert.same({ { "a", "b" }, { concurrency = 1, keep = "none" }, { path = "/a", query = { q = 1 } } },
      { items, opts, spec })
  end)
end)

describe("a map whose function a signal's handler ends", function()
  if process.is_plain_lua() then
    it("begins nothing more, and cancels what is in flight", function()
      local child = process.lua([[
        io.stdout:setvbuf "no"
        local tm = require "trailmark".new { key = "tm_live_x", base_url = os.getenv "URL", pace = "off" }
        local items = {}
        for i = 1, 100 do items[i] = i end
        print(pcall(tm.map, tm, items, function(i)
          if i == 3 then
            print "waits"
            tm:sleep(60)
          end
          return { path = "/hold/" .. i }
        end))
        tm:sleep(0.01)
        assert(tm:get("/after").path == "/after")
      ]], { URL = gate.url })
      child:expect "waits\n"
      gate:await(2, function() tm:sleep(0.002) end)
      child:kill(process.INT)
      local said, code = child:finish()
      assert.matches("^waits\nfalse\t.*interrupted!", said)
      assert.equal(0, code)
      assert.same({ "GET /hold/1", "GET /hold/2", "GET /after" }, gate:lines())
      while gate:gone() < 2 do tm:sleep(0.002) end
    end)
  end
end)
