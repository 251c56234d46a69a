-- What nginx ends in the middle, or hands on: light threads, callbacks, requests; and what is left
-- of the calls they wait for.

local gate_server = require "spec.support.gate_server"
local nginx = require "spec.support.nginx"
local sandbox = require "trailmark.sandbox"

local HTTP = [[
  lua_thread_cache_max_entries 0;
  init_by_lua_block {
    trailmark = require "trailmark"
    client = trailmark.assert(trailmark.new { pace = "off" })
    held = trailmark.assert(trailmark.new { pace = "off", base_url = os.getenv "GATE", concurrency = 200 })
    lists = trailmark.assert(trailmark.new { pace = "off" }) -- whose pages nobody else's calls hold up
    said = {}
    say = function(...)
      local list = { ... }
      for i = 1, select("#", ...) do list[i] = tostring(list[i]) end
      ngx.say(table.concat(list, " "))
    end
    number = function(data) return tonumber(data.query:match "n=(%d+)") end
    echo = function(n) return number(trailmark.assert(client:get("/echo", { n = n }))) end
    release = function(path) -- it may have not come there yet, on another connection
      repeat
        local count = trailmark.assert(held:get("/-release" .. path, nil, { decode = false }))
      until count ~= "0"
    end
  }
]]

local LOCATIONS = [[
  location = /shared { content_by_lua_block {
    local call = held:send { path = "/hold/shared" }
    local threads = {}
    for i = 1, 3 do threads[i] = ngx.thread.spawn(function() return call:wait() end) end
    ngx.sleep(0.02)
    ngx.thread.kill(threads[tonumber(ngx.var.arg_first)])
    ngx.thread.kill(threads[tonumber(ngx.var.arg_next)])
    ngx.sleep(0.02)
    release "/hold/shared"
    local _, data, err = ngx.thread.wait(threads[tonumber(ngx.var.arg_left)])
    say(data and data.path, err)
  } }
  location = /numbers { keepalive_timeout 0; content_by_lua_block {
    local from = tonumber(ngx.var.arg_cursor) or 1
    while from > 1 and not said.killed do ngx.sleep(0.005) end
    ngx.header.content_type = "application/json"
    say(trailmark.encode { data = { from, from + 1 }, next_cursor = from < 7 and from + 2 or nil })
  } }
  location = /pager { content_by_lua_block {
    local here = "http://127.0.0.1:" .. ngx.var.server_port
    local numbers = trailmark.assert(trailmark.new { pace = "off", base_url = here })
    local pager = numbers:pager "/numbers"
    local first = pager:next()
    local thread = ngx.thread.spawn(function() pager:next() end)
    local ok, problem = pcall(pager.next, pager)
    assert(ngx.thread.kill(thread))
    said.killed = true
    local rest = {}
    for items in function() return pager:next() end do
      for _, number in ipairs(items) do rest[#rest + 1] = number end
    end
    say(#first, ok or problem:match "trailmark: .*", table.concat(rest))
  } }
  location = /list { lua_check_client_abort on; content_by_lua_block {
    said.list = said.list or lists:pager("/contacts", { limit = 2 })
    said.asks = (said.asks or 0) + 1
    local ok, items = pcall(said.list.next, said.list)
    say(ok and items[1].id or items)
  } }
  location = /busy { lua_check_client_abort on; content_by_lua_block { ngx.sleep(60) } }
  location = /live { content_by_lua_block { say(lists.handle:live()) } }
  location = /exits { content_by_lua_block {
    local done = {}
    held:send({ path = "/hold/waits" }, function() done.held = true end)
    client:send({ path = "/echo" }, function() echo(1) ngx.sleep(0.03) done.waits = true end)
    client:send({ path = "/echo" }, function() echo(1) ngx.exit(444) end)
    client:send({ path = "/echo" }, function() error "of its own" end)
    client:send({ path = "/echo" }, function() done.other = true end)
    while not (done.waits and done.other) do ngx.sleep(0.005) end
    client:send({ path = "/echo" }, function() done.later = true end)
    release "/hold/waits"
    while not (done.later and done.held) do ngx.sleep(0.005) end
    ngx.say "all"
  } }
  location = /many { content_by_lua_block {
    local begun, ended = 0, 0
    for i = 1, 300 do
      client:send({ path = "/echo" }, function()
        begun = begun + 1
        while begun < 300 do ngx.sleep(0.005) end
        ended = ended + 1
      end)
    end
    while ended < 300 do ngx.sleep(0.005) end
    say(begun, ended)
  } }
  location = /inner { content_by_lua_block { say("inner", ngx.var.arg_n, echo(2)) } }
  location = /exec { content_by_lua_block {
    ngx.thread.spawn(function() held:get "/hold/exec" end)
    ngx.exec("/inner", { n = echo(1) })
  } }
  location = /rewrite { rewrite_by_lua_block {
    echo(1)
    ngx.req.set_uri_args { n = 3 }
    ngx.req.set_uri("/inner", true)
  } }
  location = /any { content_by_lua_block {
    local slow = ngx.thread.spawn(function() return "slow", held:get "/hold/any" end)
    local quick = ngx.thread.spawn(function() return "quick", echo(3) end)
    local _, who, n = ngx.thread.wait(slow, quick)
    ngx.thread.kill(slow)
    say(who, n)
  } }
  location = /wrap { content_by_lua_block {
    local turn = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(echo(i)) end end)
    local other = coroutine.create(function(n) return echo(coroutine.yield(echo(n))) end)
    local _, five = coroutine.resume(other, 5)
    local _, six = coroutine.resume(other, 6)
    say(turn(), turn(), turn(), five, six, coroutine.status(other))
  } }
  location = /on_abort { lua_check_client_abort on; content_by_lua_block {
    ngx.on_abort(function()
      said.on_abort = echo(9)
      ngx.exit(499)
    end)
    held:get "/hold/on_abort"
    said.on_abort = "went on"
  } }
  location = /unchecked { content_by_lua_block { said.unchecked = held:get("/hold/unchecked").path } }
  location = /leaves { lua_check_client_abort on; content_by_lua_block {
    local mine = ngx.var.arg_mine
    held:send({ path = "/hold/leaves" }, function() said[mine] = "mine" end)
    ngx.sleep(60)
  } }
  location = /takes { lua_check_client_abort on; content_by_lua_block {
    local a, b, c, d = "other", "other", "other", "other"
    ngx.sleep(60)
    say(a, b, c, d)
  } }
  location = /requests { content_by_lua_block { say(ngx.var.connections_active) } }
  location = /said { content_by_lua_block { say(said[ngx.var.arg_what]) } }
  location = /every { content_by_lua_block {
    local running, most, ended = 0, 0, 0
    ngx.timer.every(0.01, function()
      if ended >= 8 then return end
      running = running + 1
      most = math.max(most, running)
      echo(1)
      ngx.sleep(0.04)
      running, ended = running - 1, ended + 1
    end)
    while ended < 8 do ngx.sleep(0.005) end
    say(most > 1)
  } }
]]

describe("in nginx", function()
  local sb, gate, server
  setup(function()
    sb = assert(sandbox.start { limit = 100000, contacts = 9 })
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
  local function await_held(count)
    nginx.await(count .. " held", function() return #gate:held() == count end)
  end

  it("a call that several wait for goes on for those who stay", function()
    for _, order in ipairs { "first=1&next=2&left=3", "first=3&next=2&left=1", "first=2&next=3&left=1" } do
      assert.equal("/hold/shared nil", server:says("/shared?" .. order), order)
    end
  end)

  it("a list goes on, with every item once, when a light thread that waited for a page is killed", function()
    assert.equal("2 trailmark: another coroutine waits for the next page of this list 345678", server:says "/pager")
  end)

  it("a list goes on when the request that waited for a page has gone, and another has its coroutine", function()
    local before = #sb:log()
    local function await_questions(count)
      nginx.await("questions", function() return #sb:log() == before + count end)
    end
    assert.equal("ct_000001", server:says "/list")
    await_questions(2) -- the next page is asked for ahead
    sb:script { { delay = 20, match = "GET /contacts" } }
    assert.equal("ct_000003", server:says "/list")
    await_questions(3)
    local one = server:open "/list"
    nginx.await("its wait", function() return server:says "/said?what=asks" == "3" end)
    one:close()
    nginx.await("its end", function() return server:says "/live" == "0" end)
    local busy = server:open "/busy"
    assert.equal("ct_000005", server:says "/list")
    busy:close()
  end)

  it("a callback that ends its timer ends no other", function()
    assert.equal("all", server:says "/exits")
    assert.matches("the callback of GET /v1/echo failed: .*of its own", server:errors())
  end)

  it("more callbacks can wait at a time than nginx has timers", function()
    assert.equal("300 300", server:says "/many")
  end)

  it("a request goes on elsewhere after a call, and one that is under way ends", function()
    assert.equal("inner 1 2", server:says "/exec")
    await_held(0)
    assert.equal("inner 3 2", server:says "/rewrite")
  end)

  it("light threads, coroutines and timers wait beside each other", function()
    assert.equal("quick 3", server:says "/any")
    await_held(0)
    assert.equal("1 2 3 5 6 dead", server:says "/wrap")
    assert.equal("true", server:says "/every")
  end)

  it("ngx.on_abort may make a call; without it and without the check a handler goes on", function()
    local one = server:open "/on_abort"
    await_held(1)
    one:close()
    await_held(0)
    nginx.await("its call", function() return server:says "/said?what=on_abort" == "9" end)
    one = server:open "/unchecked"
    await_held(1)
    one:close()
    server:says "/wrap"
    gate:release()
    nginx.await("its answer", function() return server:says "/said?what=unchecked" == "/hold/unchecked" end)
  end)

  it("a callback of a handler that has gone sees that one's values, where coroutines are not recycled", function()
    local gone = server:open "/leaves?mine=it"
    await_held(1)
    gone:close()
    nginx.await("its end", function() return server:says "/requests" == "1" end)
    local others = {}
    for i = 1, 5 do others[i] = server:open "/takes" end
    nginx.await("them", function() return server:says "/requests" == "6" end)
    gate:release()
    nginx.await("its callback", function() return server:says "/said?what=it" == "mine" end)
    for i = 1, 5 do others[i]:close() end
  end)
end)
