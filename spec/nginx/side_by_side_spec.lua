-- Many calls of one handler, and all the ways in which nginx runs Lua side by side.

local gate_server = require "spec.support.gate_server"
local nginx = require "spec.support.nginx"
local sandbox = require "trailmark.sandbox"

local HTTP = [[
  init_by_lua_block {
    trailmark = require "trailmark"
    client = trailmark.assert(trailmark.new { pace = "off", concurrency = 200 })
    events = 0
    watched = trailmark.assert(trailmark.new { pace = "off", on_event = function() events = events + 1 end })
    held = trailmark.assert(trailmark.new { pace = "off", base_url = os.getenv "GATE", concurrency = 200 })
    say = function(...) ngx.say(table.concat({ ... }, " ")) end
    ids = function(n)
      local list = {}
      for i = 1, n do list[i] = i end
      return list
    end
    echo = function(i) return { path = "/echo", query = { n = i } } end
    number = function(data) return tonumber(data.query:match "n=(%d+)") end
  }
]]

local LOCATIONS = [[
  location = /all { content_by_lua_block {
    local specs = {}
    for i = 1, 40 do specs[i] = echo(i) end
    local good = 0
    for i, result in ipairs(client:all(specs)) do
      if result.data and number(result.data) == i then good = good + 1 end
    end
    say(good)
  } }
  location = /map { content_by_lua_block {
    local seen, turns = 0, 0
    local results, summary = client:map(ids(60), function(i)
      if i % 10 == 0 then ngx.sleep(0.001) return nil end
      return i == 7 and { path = "/nothing" } or echo(i)
    end, { concurrency = 8, on_result = function() seen = seen + 1 end,
      on_progress = function(progress) turns = progress.done end })
    say(summary.done, summary.failed, summary.skipped, seen, turns, results[7].err.kind, number(results[9].data))
  } }
  location = /deadline { content_by_lua_block {
    local _, summary = held:map(ids(5), function(i) return { path = "/hold/" .. i } end,
      { batch_deadline = 0.05 })
    say(summary.done + summary.skipped, tostring(summary.done == summary.failed), summary.reason)
  } }
  location = /pages { content_by_lua_block {
    local pages, items = 0, 0
    for list in client:pages("/contacts", nil, { paginate = { per_page = 10 } }) do
      pages, items = pages + 1, items + #list
    end
    local each = 0
    for contact in client:each("/contacts") do if contact.id then each = each + 1 end end
    say(pages, items, each, #trailmark.assert(client:collect("/contacts")))
  } }
  location = /thrown { content_by_lua_block {
    for _ in client:pages "/nothing" do end
  } }
  location = /caught { content_by_lua_block {
    local ok, err = pcall(function() for _ in client:pages "/nothing" do end end)
    say(tostring(ok), err.kind)
  } }
  location = /send { content_by_lua_block {
    local calls = {}
    for i = 1, 20 do calls[i] = client:send(echo(i)) end
    local sum = 0
    for i = 20, 1, -1 do sum = sum + number(trailmark.assert(calls[i]:wait())) end
    say(sum, tostring(calls[1]:done()), number((calls[3]:wait())))
  } }
  location = /pending { content_by_lua_block {
    local call = held:send { path = "/hold/pending" }
    local _, err = call:wait(0.02)
    local first = err.kind
    ngx.thread.spawn(function() ngx.sleep(0.01) call:cancel() end)
    local _, late = call:wait()
    say(first, late.kind)
  } }
  location = /two { content_by_lua_block {
    local call = held:send { path = "/hold/two" }
    local one = ngx.thread.spawn(function() return call:wait(0.02) end)
    local other = ngx.thread.spawn(function() return call:wait() end)
    local _, _, err = ngx.thread.wait(one)
    repeat -- it may have not come there yet, on another connection
      local count = trailmark.assert(held:get("/-release/hold/two", nil, { decode = false }))
    until count ~= "0"
    local _, data = ngx.thread.wait(other)
    say(err.kind, data.path)
  } }
  location = /callback { content_by_lua_block {
    local semaphore = require("ngx.semaphore").new()
    local said = {}
    for i = 1, 5 do
      client:send(echo(i), function(data, err, response)
        local again = client:get("/echo", { n = number(data) * 2 }) -- a callback may wait
        said[i] = number(again) .. "/" .. response.status .. "/" .. ngx.get_phase()
        semaphore:post()
      end)
    end
    for _ = 1, 5 do assert(semaphore:wait(5)) end
    say(unpack(said))
  } }
  location = /refused { content_by_lua_block {
    local semaphore = require("ngx.semaphore").new()
    local kind
    client:send({ path = "/a", headers = { ["X-A"] = "\0" } }, function(_, err) kind = err.kind semaphore:post() end)
    assert(semaphore:wait(5))
    say(kind)
  } }
  location = /threads { content_by_lua_block {
    local threads = {}
    for i = 1, 20 do
      threads[i] = ngx.thread.spawn(function() return number(trailmark.assert(client:get("/echo", { n = i }))) end)
    end
    local sum = 0
    for i = 1, 20 do
      local ok, n = ngx.thread.wait(threads[i])
      sum = sum + n
    end
    say(sum)
  } }
  location = /killed { content_by_lua_block {
    local thread = ngx.thread.spawn(function() held:get "/hold/killed" end)
    ngx.sleep(0.02)
    ngx.thread.kill(thread)
    ngx.say ""
  } }
  location = /exit { content_by_lua_block {
    ngx.thread.spawn(function() held:get "/hold/exit" end)
    ngx.sleep(0.02)
    ngx.exit(204)
  } }
  location = /inner { content_by_lua_block {
    local data = trailmark.assert(client:get("/echo", { n = ngx.var.arg_n }))
    say(number(data))
  } }
  location = /outer { content_by_lua_block {
    local before = number(trailmark.assert(client:get("/echo", { n = 1 })))
    local one, other = ngx.location.capture_multi { { "/inner?n=2" }, { "/inner?n=3" } }
    local after = number(trailmark.assert(client:get("/echo", { n = 4 })))
    say(before, tonumber(one.body), tonumber(other.body), after)
  } }
  location = /sleep { content_by_lua_block {
    ngx.update_time()
    local before = ngx.now()
    client:sleep(0.05)
    ngx.update_time()
    say(tostring(ngx.now() - before >= 0.049)) -- both are whole milliseconds, in floats
  } }
  location = /turns { content_by_lua_block {
    local begun, taken, seen_begun, seen_taken = 0, 0, nil, nil
    local function work()
      local over = os.clock() + 0.0001
      while os.clock() < over do end
    end
    client:map(ids(200), function(i)
      if i == 1 then ngx.timer.at(0, function() seen_begun = begun end) end
      begun = i
      work()
      return echo(i)
    end, { concurrency = 200, on_result = function()
      while taken == 0 and client.handle:live() > 0 do ngx.sleep(0.001) end -- all are to be taken
      if taken == 0 then ngx.timer.at(0, function() seen_taken = taken end) end
      taken = taken + 1
      work()
    end })
    say(tostring(seen_begun < 200), tostring(seen_taken and seen_taken < 200))
  } }
  location = /stopped { content_by_lua_block {
    local begun = 0
    local thread = ngx.thread.spawn(function()
      held:map(ids(200), function(i)
        begun = i
        local over = os.clock() + 0.0001
        while os.clock() < over do end
        return { path = "/hold/stopped" }
      end)
    end)
    ngx.thread.kill(thread) -- it has let others be served
    local before = begun
    while held.handle:live() > 0 do ngx.sleep(0.001) end
    say(tostring(before > 0 and before < 200), tostring(begun == before))
  } }
  location = /close { content_by_lua_block {
    local own = trailmark.assert(trailmark.new { pace = "off" })
    local calls = {}
    for i = 1, 5 do calls[i] = own:send(echo(i)) end
    own:close(5)
    local sum = 0
    for _, call in ipairs(calls) do sum = sum + number(trailmark.assert(call:wait())) end
    local _, err = own:get "/echo"
    local slow = trailmark.assert(trailmark.new { pace = "off", base_url = os.getenv "GATE" })
    local call = slow:send { path = "/hold/close" }
    slow:close(0.02)
    local _, closed = call:wait()
    say(sum, err.kind, closed.kind)
  } }
  location = /events { content_by_lua_block {
    trailmark.assert(watched:get "/echo")
    say(events)
    watched:send { path = "/echo" }
  } }
  location = /count { content_by_lua_block { say(events) } }
  location = /rate { content_by_lua_block {
    client:get "/workspaces/me"
    local rate = client:rate()
    say(rate.limit, rate.waiting)
  } }
  location = /flood { content_by_lua_block {
    local done = 0
    for _, result in ipairs(held:all((function()
      local specs = {}
      for i = 1, 200 do specs[i] = { path = "/hold/flood" } end
      return specs
    end)())) do if result.data then done = done + 1 end end
    say(done)
  } }
]]

describe("a handler of nginx with many calls", function()
  local sb, gate, server
  setup(function()
    sb = assert(sandbox.start { limit = 100000, contacts = 35 })
    gate = gate_server.start()
    server = nginx.start {
      main = "env GATE; env TRAILMARK_API_KEY; env TRAILMARK_BASE_URL;", http = HTTP, locations = LOCATIONS,
      env = { TRAILMARK_API_KEY = sb.key, TRAILMARK_BASE_URL = sb.url, GATE = gate.url },
    }
  end)
  teardown(function()
    server:stop()
    gate:stop()
    sb:stop()
  end)
  local function is_quiet() assert.equal("", server:errors()) end
  after_each(is_quiet)

  it("makes them all at once, in order", function() assert.equal("40", server:says "/all") end)

  it("maps items, with functions that wait", function()
    assert.equal("54 1 6 54 54 not_found 9", server:says "/map")
    assert.equal("5 true batch_deadline", server:says "/deadline") -- it may pass before all have begun
  end)

  it("reads lists page by page", function() assert.equal("4 35 35 35", server:says "/pages") end)

  it("waits for those it has sent, in any order", function()
    assert.equal("210 true 3", server:says "/send")
    assert.equal("pending cancelled", server:says "/pending")
    assert.equal("pending /hold/two", server:says "/two")
  end)

  it("runs callbacks where they may wait", function()
    assert.equal("2/200/timer 4/200/timer 6/200/timer 8/200/timer 10/200/timer", server:says "/callback")
    assert.equal("argument", server:says "/refused")
  end)

  it("makes them in light threads and in subrequests", function()
    assert.equal("210", server:says "/threads")
    assert.equal("1 2 3 4", server:says "/outer")
  end)

  it("cancels that of a light thread which is killed, or whose request ends", function()
    server:says "/killed"
    assert.equal(204, (server:get "/exit"))
    nginx.await("the ends", function() return #gate:held() == 0 end)
  end)

  it("sleeps, and closes clients", function()
    assert.equal("true", server:says "/sleep")
    assert.equal("15 closed closed", server:says "/close")
  end)

  it("lets others be served while it begins many calls and takes their results", function()
    assert.equal("true true", server:says "/turns")
    assert.equal("true true", server:says "/stopped")
  end)

  it("is told of events, also of calls that nobody waits for", function()
    assert.equal("2", server:says "/events")
    nginx.await("two more", function() return server:says "/count" == "4" end)
    assert.equal("100000 0", server:says "/rate")
  end)

  it("has 200 under way, and others are served meanwhile", function()
    local connection = server:open "/flood"
    nginx.await("all of them", function() return #gate:held() == 200 end)
    assert.equal("40", server:says "/all")
    gate:release()
    local status, body = nginx.read(connection)
    assert.same({ 200, "200\n" }, { status, body })
  end)

  it("raises an error object, and where nobody catches it the log has its line", function()
    assert.equal("false not_found", server:says "/caught")
    assert.equal("", server:errors())
    assert.equal(500, (server:get "/thrown"))
    assert.matches("trailmark: GET /nothing: 404", server:errors())
    server:stop()
    server.errors = function() return "" end
  end)
end)
