-- The worker thread and its doorbell. Everything runs in processes of its own: the one that runs the specs has no
-- other thread.

local gate_server = require "spec.support.gate_server"
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"
local sandbox = require "trailmark.sandbox"

local PRELUDE = [[
  local doorbell = require "spec.support.doorbell"
  local testing = require "trailmark_testing"
  local core, worker, os_process = doorbell.core, testing.worker, testing.process
  local URL = os.getenv "SPEC_URL"
  local function await(what, check)
    local over = core.now() + 20
    while not check() do
      assert(core.now() < over, "in vain: " .. what)
      core.sleep(0.002)
    end
  end
]]

--- Runs the code, which says "fine" at its end.
local function run(code, url, environment)
  local all = { SPEC_URL = url }
  for name, value in pairs(environment or {}) do all[name] = value end
  local child = process.lua(PRELUDE .. code .. "\nio.write('fine')", all)
  finally(function() child:stop() end)
  local said, status, complaint = child:finish()
  assert.same({ "fine", 0, "" }, { said, status, complaint })
end

describe("the worker", function()
  local sb
  setup(function() sb = assert(sandbox.start { limit = 1000000 }) end)
  teardown(function() sb:stop() end)

  local function with_sandbox(code, environment)
    run(code, sb.http_url or sb.url, environment)
  end

  it("drives calls while their owner waits at the doorbell", function()
    with_sandbox [[
      local client, visitor = doorbell.client(URL), nil
      assert(worker.runs())
      await("the thread", function() return worker.threads() == 1 end)
      visitor = doorbell.visitor()
      local handle = visitor:start(client, "/echo", "id=7")
      visitor:wait()
      assert(core.next_finished() == handle:id() and not core.next_finished())
      assert(handle:done())
      local ok, body, response = handle:result()
      assert(ok and body:find("id=7", 1, true) and response.status == 200)
    ]]
  end)

  it("rings without a line on the connection that a waiter was answered on", function()
    with_sandbox [[
      local client, visitor = doorbell.client(URL), doorbell.visitor()
      visitor:finish(visitor:start(client, "/echo", "id=0"))
      for i = 1, 50 do
        local handle = visitor:start(client, "/echo", "id=" .. i)
        local told = false
        local function take_in()
          for id in core.next_finished do told = told or id == handle:id() end
        end
        while not handle:done() do
          if visitor:listen() then assert(visitor:hear():match "^%d+\n$") end
          take_in()
        end
        take_in()
        local ok, body = handle:result()
        assert(told and ok and body:find("id=" .. i .. '"', 1, true), body)
      end
      assert(visitor:hear(0.05) == nil, "a ring that nobody waited for")
    ]]
  end)

  it("does not ring for one that was told meanwhile, and says so", function()
    with_sandbox [[
      local client, visitor = doorbell.client(URL), doorbell.visitor()
      visitor:finish(visitor:start(client, "/echo"))
      local handle = visitor:start(client, "/echo")
      core.wake()
      await("the answer", function() return handle:done() end)
      assert(visitor:listen() == false)
      assert(core.next_finished() == handle:id())
      assert(visitor:listen() == true)
      assert(visitor:hear(0.05) == nil)
    ]]
  end)

  it("cancels the calls of one that leaves while it waits without a line", function()
    local gate = gate_server.start()
    local fine, problem = pcall(run, [[
      local client, visitor = doorbell.client(URL), doorbell.visitor()
      visitor:finish(visitor:start(client, "/echo"))
      local handle = visitor:start(client, "/hold/it")
      assert(visitor:listen())
      visitor:leave()
      await("its end", function() return handle:done() end)
      assert(handle:failure().kind == "cancelled")
    ]], gate.url)
    gate:stop() -- not by `finally`: a test has one, and that is run's
    assert(fine, problem)
  end)

  it("knows a waiter by its latest connection, and lets go of the earlier in silence", function()
    with_sandbox [[
      local client, visitor = doorbell.client(URL), doorbell.visitor()
      visitor:finish(visitor:start(client, "/echo"))
      local earlier = visitor.fd
      visitor.fd = worker.connect(core.waiter():ask())
      visitor:finish(visitor:start(client, "/echo"))
      local handle = visitor:start(client, "/echo", "id=3")
      if visitor:listen() then
        os_process.close(earlier)
        assert(visitor:hear())
      end
      visitor:finish(handle)
      assert(handle:result() == true)
    ]]
  end)

  it("loses nothing between those who wait without a line and the thread that they wake", function()
    with_sandbox [[
      worker.states(4, ([=[
        local number = ...
        local doorbell = require "spec.support.doorbell"
        local client, visitor = doorbell.client(%q), doorbell.visitor()
        visitor:finish(visitor:start(client, "/echo"))
        for i = 1, 100 do
          local id = number .. "-" .. i
          local handle = visitor:start(client, "/echo", "id=" .. id)
          while not handle:done() do
            if visitor:listen() then assert(visitor:hear()) end
            while doorbell.core.next_finished() do end
          end
          local ok, body = handle:result()
          assert(ok and body:find("id=" .. id .. '"', 1, true), body)
        end
      ]=]):format(URL))
    ]]
  end)

  it("starts nothing before a client hires it", function()
    with_sandbox [[ assert(not worker.runs() and worker.threads() == 0) ]]
  end)

  it("loses and crosses no answer between visitors, however they come", function()
    with_sandbox [[
      local client, visitors = doorbell.client(URL), {}
      for i = 1, 20 do visitors[i] = doorbell.visitor() end
      for round = 1, 25 do
        local handles = {}
        for i, visitor in ipairs(visitors) do
          handles[i] = visitor:start(client, "/echo", "id=" .. round .. "-" .. i)
          if i % 2 == 0 then visitor:ring() end
        end
        core.wake()
        for i, visitor in ipairs(visitors) do
          if i % 2 == 0 then assert(visitor:hear() ~= "") end
          visitor:finish(handles[i])
          local ok, body = handles[i]:result()
          assert(ok and body:find("id=" .. round .. "-" .. i .. '"', 1, true), body)
        end
      end
    ]]
  end)

  it("tells a visitor at once of what it has not seen, and only then", function()
    with_sandbox [[
      local client, one, other = doorbell.client(URL), doorbell.visitor(), doorbell.visitor()
      local handle = one:start(client, "/echo")
      core.wake()
      await("the call", function() return handle:done() end)
      one:wait()                        -- done before it waited
      assert(core.next_finished() == handle:id())
      one:ring()                        -- seen: nothing more comes
      other:finish(other:start(client, "/echo"))
      assert(one:hear(0.05) == nil)
      one.waiter:poke()
      assert(one:hear() ~= "")
    ]]
  end)

  it("wakes a visitor at its time", function()
    with_sandbox [[
      local client, visitor = doorbell.client(URL), doorbell.visitor()
      local before = core.now()
      visitor:wait(before + 0.1)
      assert(core.now() >= before + 0.1)
      visitor:wait(before)              -- gone by already
    ]]
  end)

  it("shows out who speaks otherwise", function()
    with_sandbox [[
      local client = doorbell.client(URL)
      for _, line in ipairs { "hello\n", "1\n", "1 2\n", "0 0 0\n", "1 2 3 4\n", "1 2 3\0 4\n", "1 2 3\n4",
          " 1 2 3\n", "-1 0 0\n",
          ("9"):rep(72), "1 2 99999999999999999999\n", "1 0 0\n1 0 0\n" } do
        local fd = worker.connect(core.waiter():ask())
        os_process.write(fd, line)
        assert(os_process.read(fd, 20) == "", line)
        os_process.close(fd)
      end
      local visitor = doorbell.visitor()
      local handle = visitor:start(client, "/echo")
      visitor:finish(handle)
    ]]
  end)

  local function opens_to_no_other_process(settings, address_pattern)
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder))
    finally(function() os.execute("rm -rf " .. folder) end)
    with_sandbox(([[
      local client = doorbell.client(URL, { %s })
      assert(core.waiter():ask():find("%s"))
      local files = io.popen("ls -A " .. os.getenv "TMPDIR")
      assert(files:read("*a") == "")
      files:close()
      local address, pid = core.waiter():ask(), os_process.fork()
      if pid == 0 then
        local fd = worker.connect(address)
        os_process.exit(os_process.read(fd, 20) == "" and 0 or 1)
      end
      assert(os_process.wait(pid) == 0)
    ]]):format(settings, address_pattern), { TMPDIR = folder })
  end

  it("opens to no other process, and leaves no file", function()
    opens_to_no_other_process("", "^unix:/proc/self/fd/%d+$")
  end)

  it("does so by an abstract name, too", function()
    opens_to_no_other_process("abstract = true", "^abns@trailmark%-%x+$")
    with_sandbox [[
      local client, visitor = doorbell.client(URL, { abstract = true }), doorbell.visitor()
      local handle = visitor:start(client, "/echo", "id=7")
      visitor:finish(handle)
      local ok, body = handle:result()
      assert(ok and body:find("id=7", 1, true))
      local pid = os_process.fork()
      if pid == 0 then
        local mine = doorbell.visitor() -- at a doorbell of its own
        local again = mine:start(doorbell.client(URL, { abstract = true }), "/echo")
        mine:finish(again)
        os_process.exit(again:result() and 0 or 1)
      end
      assert(os_process.wait(pid) == 0)
    ]]
  end)

  it("serves many Lua states in many threads, and outlives them by as long as it was told", function()
    with_sandbox [[
      core.sleep(0) -- with an engine of this state's own
      local before = os_process.descriptors()
      worker.linger(0)
      for _ = 1, 3 do
        worker.states(8, [=[
          local number = ...
          local doorbell = require "spec.support.doorbell"
          local client = doorbell.client(os.getenv "SPEC_URL", { events = true })
          local visitor = doorbell.visitor()
          for i = 1, 25 do
            local id = number .. "-" .. i
            local handle = visitor:start(client, "/echo", "id=" .. id)
            visitor:finish(handle)
            local ok, body = handle:result()
            assert(ok and body:find("id=" .. id .. '"', 1, true), body)
            assert(client:next_event().type == "request" and client:next_event().type == "response")
            client:rate()
          end
          visitor:start(client, "/echo") -- is left behind
          visitor:leave()
        ]=])
        await("the thread's end", function() return worker.threads() == 0 end)
        assert(not worker.runs())
      end
      for fd, what in pairs(os_process.descriptors()) do assert(before[fd], what) end
    ]]
  end)

  it("passes on events, the rate limit and the key's marks", function()
    with_sandbox(([[
      local client = doorbell.client(URL, { events = true, key = %q, paced = true, pace_shared = false,
        pace_spread = 0 })
      local visitor = doorbell.visitor()
      assert(client:rate() == nil)
      local handle = visitor:start(client, "/workspaces/me")
      visitor:finish(handle)
      assert(client:next_event().type == "request")
      local event, dropped = client:next_event()
      assert(event.type == "response" and event.status == 200 and dropped == 0)
      assert(client:next_event() == nil)
      local rate = client:rate()
      assert(rate.limit == 1000000 and rate.waiting == 0 and rate.resets_in > 0)
      local refused = visitor:start(client, "/nothing/here")
      visitor:finish(refused)
      local ok = refused:result()
      assert(not ok)
      local fields = refused:failure()
      assert(fields.kind == "not_found" and fields.key_source == "option key")
      assert(fields.key_last4 == %q)
      assert(client:live() == 0)
    ]]):format(sb.key, sb.key:sub(-4)))
  end)

  it("uses a key that is set while it works, and asks for one that a function gives", function()
    with_sandbox(([[
      local client, visitor = doorbell.client(URL, { key = "tm_live_wrong_wrong_wrong" }), doorbell.visitor()
      assert(client:set_key("tm_live_wrong_wrong_again", "function"))
      local handle = visitor:start(client, "/workspaces/me")
      local asked
      repeat
        visitor:wait()
        for _ in core.next_finished do end
        asked = client:take_question()
      until asked
      assert(asked == "key" and client:take_question() == nil)
      client:give_question_back()
      assert(client:take_question() == "key")
      assert(client:set_key(%q, "function"))
      client:key_answered()
      client:give_question_back()
      assert(client:take_question() == nil, "it was answered")
      visitor:finish(handle)
      assert(handle:result())
      local ok, why = client:set_key("a b")
      assert(ok == nil and why:find("key"))
      assert(client:set_key("tm_live_wrong_wrong_wrong"))
      handle = visitor:start(client, "/workspaces/me")
      visitor:finish(handle)
      assert(not handle:result() and handle:failure().kind == "unauthorized")
    ]]):format(sb.key))
  end)
end)

-- A server in the main thread of the process whose worker calls it.
local SERVER = [[
  local socket = require "socket"
  local listener, url
  local function listen()
    listener = assert(socket.bind("127.0.0.1", 0, 64))
    listener:settimeout(20)
    url = ("http://127.0.0.1:%d"):format(select(2, listener:getsockname()))
  end
  listen()
  local function accept()
    local connection = assert(listener:accept())
    connection:settimeout(20)
    repeat local line = assert(connection:receive()) until line == ""
    return connection
  end
  local function has_left(connection)
    local _, why = connection:receive(1)
    assert(why == "closed", why)
  end
  local client, visitor = doorbell.client(url), doorbell.visitor()
]]

describe("a call in the worker's hands", function()
  it("is cancelled, and its connection ends", function()
    run(SERVER .. [[
      local handle = visitor:start(client, "/x")
      core.wake()
      local connection = accept()
      handle:cancel()
      handle:cancel()
      visitor:finish(handle)
      assert(handle:failure().kind == "cancelled")
      has_left(connection)
    ]])
  end)

  -- A call that nobody waits for has its key refused, which is for a function to mend.
  local REFUSED = [[
    local REFUSAL = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
    client = doorbell.client(url, { events = true })
    assert(client:set_key("tm_live_wrong_wrong_again", "function"))
    local unwaited = assert(client:start("GET", "/unwaited"))
    core.wake()
    local refused = accept()
    local function refuse_unwaited()
      refused:send(REFUSAL)
      await("its answer", function()
        local event = client:next_event()
        return event and event.status == 401
      end)
    end
  ]]

  it("has the function asked by whoever waits and is refused later", function()
    run(SERVER .. REFUSED .. [[
      visitor:start(client, "/x")
      visitor:ring()
      local connection = accept()
      refuse_unwaited()
      connection:send(REFUSAL)
      assert(visitor:hear() ~= "") -- of the events, perhaps
      while client:take_question() ~= "key" do visitor:wait() end
    ]])
  end)

  it("has the function asked by whoever begins to wait", function()
    run(SERVER .. REFUSED .. [[
      refuse_unwaited()
      visitor:start(client, "/x")
      visitor:ring()
      assert(visitor:hear() ~= "")
      while not client:take_question() do visitor:wait() end
    ]])
  end)

  it("has the function asked by whoever begins to wait for the refused call itself", function()
    run(SERVER .. REFUSED .. [[
      refuse_unwaited()
      unwaited:await(visitor.waiter)
      visitor:ring()
      assert(visitor:hear() ~= "")
      while not client:take_question() do visitor:wait() end
    ]])
  end)

  for _, late in ipairs { "false", "true" } do
    it("has the function asked by a client's closer, late: " .. late, function()
      run(SERVER .. REFUSED .. ("local late = %s\n"):format(late) .. [[
        if late then refuse_unwaited() end
        client:announce_all(visitor.waiter)
        if not late then refused:send(REFUSAL) end
        while not client:take_question() do visitor:wait() end
      ]])
    end)
  end

  it("has its waiter look when a connection ends that nothing was said on: who was asked may have left", function()
    run(SERVER .. REFUSED .. [[
      local handle = visitor:start(client, "/x")
      visitor:ring()
      local connection, asked = accept(), doorbell.visitor()
      connection:send(REFUSAL)
      assert(visitor:hear() ~= "")
      while client:take_question() ~= "key" do visitor:wait() end
      local looks = 0
      repeat
        looks = looks + 1
        for _ in core.next_finished do end
        visitor:ring()
      until not visitor:hear(0.1)
      assert(looks < 4, "it has no rest")
      asked:leave()
      assert(visitor:hear() and not handle:done())
    ]])
  end)

  it("is cancelled when its waiter is known to have been ended", function()
    run(SERVER .. [[
      local handle = visitor:start(client, "/x")
      core.wake()
      local connection = accept()
      visitor.waiter:lose()
      visitor.waiter:lose()
      await("the end", function() return handle:done() end)
      assert(handle:failure().kind == "cancelled")
      has_left(connection)
    ]])
  end)

  it("is cancelled when who waits for it hangs up", function()
    run(SERVER .. [[
      local handle = visitor:start(client, "/x")
      local other = doorbell.visitor()
      local kept = other:start(client, "/y")
      visitor:ring()
      local first, second = accept(), accept()
      visitor:leave()
      await("the end", function() return handle:done() end)
      assert(handle:failure().kind == "cancelled" and not kept:done())
      if not first:send "HTTP/1.1 204 No Content\r\n\r\n" then error "send" end
      second:send "HTTP/1.1 204 No Content\r\n\r\n"
      other:finish(kept)
      assert(kept:result())
    ]])
  end)

  it("that several share is cancelled when the last of them hangs up, whatever is left of them", function()
    run(SERVER .. [[
      local first, second, third = doorbell.visitor(), doorbell.visitor(), doorbell.visitor()
      local handle = visitor:start(client, "/x")
      for _, sharer in ipairs { first, second, third } do
        sharer.waiter:share(handle:id())
        sharer:ring()
      end
      local connection = accept()
      third.waiter:share(nil) -- has enough of it, and leaves without harm
      local kept = third:start(client, "/y")
      local other = accept()
      first:leave()
      third:leave()
      await("the end of its own", function() return kept:done() end)
      assert(not handle:done())
      second = nil
      collectgarbage()
      await("the end", function() return handle:done() end)
      assert(handle:failure().kind == "cancelled")
    ]])
  end)

  it("is cancelled when who waits for it hangs up before it has read what it was answered", function()
    local gate = gate_server.start()
    local fine, problem = pcall(run, [[
      local client, other = doorbell.client(URL), nil
      for i = 1, 20 do
        local visitor = doorbell.visitor()
        local handle = visitor:start(client, "/hold/" .. i)
        visitor:ring(core.now()) -- answered at once
        other = doorbell.visitor()
        if i > 10 then other:wait(core.now()) end -- answered by then
        visitor:leave()
        await("the end", function() return handle:done() end)
        assert(handle:failure().kind == "cancelled")
        other:leave()
      end
    ]], gate.url)
    gate:stop()
    assert(fine, problem)
  end)

  it("runs on when a connection ends that was answered", function()
    run(SERVER .. [[
      local one, two = visitor:start(client, "/x"), nil
      visitor:ring()
      local first = accept()
      first:send "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
      assert(visitor:hear() ~= "" and core.next_finished() == one:id())
      two = visitor:start(client, "/y")
      visitor:leave()               -- as a host's pool closes what is idle
      core.wake()
      local second = accept()
      visitor.fd = worker.connect(core.waiter():ask())
      second:send "HTTP/1.1 204 No Content\r\n\r\n"
      visitor:finish(two)
      assert(two:result())
    ]])
  end)

  it("is cancelled when its waiter is collected: the coroutine was ended", function()
    run(SERVER .. [[
      local handle = visitor:start(client, "/x")
      core.wake()
      local connection = accept()
      visitor.waiter = nil
      collectgarbage()
      collectgarbage()
      await("the end", function() return handle:done() end)
      assert(handle:failure().kind == "cancelled")
      has_left(connection)
    ]])
  end)

  it("is one of those whose end a client's closer is told", function()
    run(SERVER .. [[
      local one, two = visitor:start(client, "/x"), visitor:start(client, "/y")
      local closer = doorbell.visitor()
      client:announce_all(closer.waiter)
      closer:ring()
      local first = accept()
      local second = accept()
      first:send "HTTP/1.1 204 No Content\r\n\r\n"
      await("one", function() return one:done() or two:done() end)
      assert(closer:hear(0.05) == nil)
      second:send "HTTP/1.1 204 No Content\r\n\r\n"
      assert(closer:hear() ~= "")
      assert(client:live() == 0)
    ]])
  end)

  it("runs on when nobody waits for it any more, and is told all the same", function()
    run(SERVER .. [[
      local handle = visitor:start(client, "/x")
      visitor:ring()
      local connection = accept()
      handle:await(nil)
      visitor:leave()
      local late = doorbell.visitor()
      assert(handle:await(late.waiter))
      late:ring()
      connection:send "HTTP/1.1 204 No Content\r\n\r\n"
      assert(late:hear() ~= "")
      assert(core.next_finished() == handle:id() and handle:result())
      assert(not handle:await(late.waiter))
    ]])
  end)

  it("ends when its client is closed", function()
    run(SERVER .. [[
      local handle = visitor:start(client, "/x")
      core.wake()
      local connection = accept()
      client:close()
      visitor:finish(handle)
      assert(handle:failure().kind == "closed")
      has_left(connection)
    ]])
  end)

  it("is dropped with its handle while unsent, and runs on once it is in flight", function()
    run(SERVER .. [[
      local narrow = doorbell.client(url, { concurrency = 1 })
      local sent, unsent = visitor:start(narrow, "/sent"), visitor:start(narrow, "/unsent")
      core.wake()
      local connection = accept()
      sent, unsent = nil, nil
      collectgarbage()
      collectgarbage()
      await("the unsent one", function() return narrow:live() == 1 end)
      connection:send "HTTP/1.1 204 No Content\r\n\r\n"
      await("the other", function() return narrow:live() == 0 end)
    ]])
  end)

  it("delays no exit of its process", function()
    local child = process.lua(PRELUDE .. SERVER .. [[
      for i = 1, 30 do visitor:start(client, "/x") end
      core.wake()
      accept()
      os_process.write(1, "leaving")
    ]])
    finally(function() child:stop() end)
    child:expect "leaving"
    local before = raw_server.now()
    local _, status, complaint = child:finish()
    assert.same({ 0, "" }, { status, complaint })
    assert.is_true(raw_server.now() - before < 1.5)
  end)

  it("belongs to the process that began it: a fork's child sees it ended, and begins its own", function()
    run(SERVER .. [[
      local narrow = doorbell.client(url, { concurrency = 1 })
      local flying = visitor:start(narrow, "/x")
      core.wake()
      local connection = accept()
      local held = { visitor:start(narrow, "/held") }
      local given_up = visitor:start(narrow, "/given/up")
      core.wake()
      held[2] = visitor:start(narrow, "/held/too") -- most often not even looked at yet
      given_up:cancel() -- likewise
      local pid = os_process.fork()
      if pid == 0 then
        assert(flying:done() and held[1]:done() and held[2]:done() and given_up:done())
        assert(flying:failure().kind == "cancelled" and given_up:failure().kind == "cancelled")
        for i = 1, 2 do
          local failure = held[i]:failure()
          assert(failure.kind == "cancelled" and failure.outcome == "not_sent")
        end
        assert(worker.threads() == 0)
        listen() -- where the parent's worker does not call
        local mine = doorbell.visitor()
        local handle = mine:start(doorbell.client(url), "/child")
        core.wake()
        await("a thread", function() return worker.threads() == 1 end)
        local own = accept()
        own:send "HTTP/1.1 204 No Content\r\n\r\n"
        mine:finish(handle)
        os_process.exit(handle:result() and 0 or 1)
      end
      assert(os_process.wait(pid) == 0)
      assert(not flying:done())
      visitor:finish(given_up)
      assert(given_up:failure().kind == "cancelled" and given_up:failure().outcome == "not_sent")
      connection:send "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
      visitor:finish(flying)
      core.wake()
      for i = 1, 2 do
        accept():send "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
        visitor:finish(held[i])
      end
      assert(flying:result() and held[1]:result() and held[2]:result())
    ]])
  end)

  it("holds up no child of a fork that only ends, its Lua state closed", function()
    run(SERVER .. [[
      local flying = visitor:start(client, "/x")
      core.wake()
      local connection = accept()
      local pid = os_process.fork()
      if pid == 0 then os.exit(0, true) end
      assert(os_process.wait(pid) == 0)
      connection:send "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
      visitor:finish(flying)
      assert(flying:result())
    ]])
  end)

  it("does not hear the process's signals", function()
    run(SERVER .. [[
      local handled = 0
      os_process.handle(10, function() handled = handled + 1 end)
      local handle = visitor:start(client, "/x")
      core.wake()
      local connection = accept()
      for i = 1, 20 do
        os_process.kill(os_process.id(), 10)
        await("the handler", function() return handled == i end)
      end
      connection:send "HTTP/1.1 204 No Content\r\n\r\n"
      visitor:finish(handle)
      assert(handle:result())
    ]])
  end)
end)
