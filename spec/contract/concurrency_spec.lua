-- The contract's section "Concurrency", and of the workflows tm:close(grace): sentence by sentence. What single files
-- promise beyond it is in spec/lua/sent_spec.lua, group_spec.lua and batch_spec.lua.

local gate_server = require "spec.support.gate_server"
local process = require "spec.support.process"
local os_process = require "trailmark_testing".process
local sandbox = require "trailmark.sandbox"
local socket = require "socket"
local trailmark = require "trailmark"

local gate, tm

local function client(opts)
  local all = { key = "tm_live_x", base_url = gate.url, pace = "off", retries = 0 }
  for name, value in pairs(opts or {}) do all[name] = value end
  return assert(trailmark.new(all))
end

before_each(function()
  gate = gate_server.start()
  tm = client()
end)
after_each(function()
  tm:close()
  gate:stop()
end)

local function await(count, of)
  gate:await(count, function() (of or tm):sleep(0.002) end)
end

local function count_descriptors()
  local count = 0
  for _ in pairs(os_process.descriptors()) do count = count + 1 end
  return count
end

describe("concurrency", function()
  it("bounds a client's transfers in flight; calls of other clients are not counted", function()
    local narrow, wide = client { concurrency = 3 }, client { concurrency = 5 }
    local calls = {}
    for i = 1, 12 do
      calls[#calls + 1] = narrow:send { path = "/hold/narrow/" .. i }
      calls[#calls + 1] = wide:send { path = "/hold/wide/" .. i }
    end
    await(8)
    narrow:sleep(0.03)
    local of = { narrow = 0, wide = 0 }
    for _, request in ipairs(gate:held()) do
      local who = request.line:match "/hold/(%a+)/"
      of[who] = of[who] + 1
    end
    assert.same({ narrow = 3, wide = 5 }, of)
    while gate:release() > 0 do
      narrow:sleep(0.01)
      assert.is_true(#gate:held() <= 8)
    end
    gate:open()
    for _, call in ipairs(calls) do assert((call:wait())) end
    assert.equal(8, gate:most())
    assert.equal(24, #gate:seen())
  end)

  it("is 16 unless it is set", function()
    local calls = {}
    for i = 1, 40 do calls[i] = tm:send { path = "/hold/" .. i } end
    await(16)
    gate:open()
    for _, call in ipairs(calls) do assert((call:wait())) end
    assert.equal(16, gate:most())
  end)

  it("keeps the queued without a transfer: they hold no descriptor, and are served in order", function()
    local begun = {}
    local narrow = client { concurrency = 2, on_event = function(event)
      if event.type == "request" then begun[#begun + 1] = tonumber(event.url:match "%d+$") end
    end }
    assert(narrow:get "/a")
    local before, calls = count_descriptors(), {}
    for i = 1, 1000 do calls[i] = narrow:send { path = (i <= 2 and "/hold/" or "/") .. i } end
    await(2, narrow)
    assert.is_true(count_descriptors() <= before + 1) -- the second connection
    gate:release()
    for i = 1, 1000 do assert(calls[i]:wait()) end
    assert.equal(1001, #gate:lines())
    narrow:sleep(0)
    assert.equal(1000, #begun)
    for i = 1, 1000 do assert.equal(i, begun[i]) end
  end)
end)

describe("calls that wait their turn", function()
  it("go by priority", function()
    local narrow = client { concurrency = 1 }
    local first = narrow:send { path = "/hold" }
    await(1, narrow)
    local calls = {}
    for i, priority in ipairs { "low", "normal", "high", "low", "normal", "high" } do
      calls[i] = narrow:send { path = "/" .. priority, priority = priority }
    end
    gate:release()
    for _, call in ipairs(calls) do call:wait() end
    first:wait()
    assert.same({ "GET /hold", "GET /high", "GET /high", "GET /normal", "GET /normal", "GET /low", "GET /low" },
      gate:lines())
  end)
end)

describe("tm:rate", function()
  it("counts the calls that wait for the rate limit", function()
    local sb = assert(sandbox.start { limit = 1000000 })
    finally(function() sb:stop() end)
    local paced = assert(sb:client {
      concurrency = 2, pace = { shared = false, limit = 3, window = 600, spread = 0 }, deadline = 3600,
    })
    local calls = {}
    for i = 1, 8 do calls[i] = paced:send { path = "/workspaces/me" } end
    for i = 1, 3 do assert((calls[i]:wait())) end
    repeat paced:sleep(0.002) until paced:rate().waiting > 0 -- the rest have found the budget spent
    assert.equal(5, paced:rate().waiting)
    assert.is_false(paced:rate().shared)
    calls[8]:cancel()
    assert.equal(4, paced:rate().waiting)
    paced:close()
    for i = 4, 7 do assert.equal("not_sent", select(2, calls[i]:wait()).outcome) end
    assert.equal(3, #sb:log())
  end)
end)

describe("tm:close", function()
  it("cancels what is under way at once, sent or not, and wipes nothing of results that are there", function()
    local narrow = client { concurrency = 1 }
    local done = narrow:send { path = "/a" }
    done:wait()
    local sent = narrow:send { method = "POST", path = "/hold", body = {} }
    local unsent = narrow:send { path = "/b" }
    await(1, narrow)
    narrow:close()
    assert.is_true(sent:done() and unsent:done())
    assert.same({ "closed", "unknown" }, { select(2, sent:wait()).kind, select(2, sent:wait()).outcome })
    assert.same({ "closed", "not_sent" }, { select(2, unsent:wait()).kind, select(2, unsent:wait()).outcome })
    assert.same({ path = "/a" }, (done:wait()))
    while gate:gone() < 1 do tm:sleep(0.002) end
    assert.same({ "GET /a", "POST /hold" }, gate:lines())
  end)

  it("leaves other clients' calls alone", function()
    local mine, other = tm:send { path = "/hold/mine" }, client()
    local theirs = other:send { path = "/hold/theirs" }
    await(2)
    other:close()
    assert.is_true(theirs:done())
    gate:release()
    assert.same({ path = "/hold/mine" }, (mine:wait()))
  end)

  it("makes later calls of kind closed, of whichever function", function()
    tm:close()
    assert.equal("closed", select(2, tm:get "/a").kind)
    assert.equal("closed", select(2, tm:send({ path = "/a" }):wait()).kind)
    assert.equal("closed", tm:all({ { path = "/a" } })[1].err.kind)
    assert.equal("closed", tm:map({ 1 }, function() return { path = "/a" } end)[1].err.kind)
    tm:close()
    tm:close(1)
    assert.same({}, gate:seen())
  end)
end)

describe("tm:close(grace)", function()
  it("lets those under way finish, and no longer than they need; nothing new begins", function()
    local late
    local calls = {
      tm:send { path = "/hold/1" },
      tm:send({ path = "/hold/2" }, function() late = tm:send { path = "/late" } end),
    }
    await(2)
    calls[3] = tm:send({ path = "/a" }, function() gate:open() end)
    local begun = socket.gettime()
    tm:close(60)
    assert.is_true(socket.gettime() - begun < 20)
    for _, call in ipairs(calls) do
      assert.is_true(call:done())
      assert((call:wait()))
    end
    assert.equal("closed", select(2, late:wait()).kind)
    assert.equal("closed", select(2, tm:get "/b").kind)
    assert.same({ "GET /hold/1", "GET /hold/2", "GET /a" }, gate:lines())
  end)

  it("cancels the rest when it is over", function()
    local narrow, kinds = client { concurrency = 2 }, {}
    for i = 1, 3 do
      narrow:send({ path = "/hold/" .. i }, function(_, err) kinds[i] = err.kind end)
    end
    await(2, narrow)
    local begun = socket.gettime()
    narrow:close(0.1)
    local took = socket.gettime() - begun
    assert.is_true(took >= 0.09 and took < 10, took)
    assert.same({ "closed", "closed", "closed" }, kinds)
    while gate:gone() < 2 do tm:sleep(0.002) end
    assert.equal(2, #gate:seen())
  end)

  it("lets retries go on that fit", function()
    local patient = client { retries = 1, backoff = { base = 0.01, cap = 0.01 } }
    local call = patient:send { path = "/status/503" }
    patient:close(20)
    assert.same({ "server", 2 }, { select(2, call:wait()).kind, select(2, call:wait()).attempts })
  end)

  it("does not wait where nothing is under way", function()
    local begun = socket.gettime()
    tm:send({ path = "/a" }):wait()
    tm:close(60)
    assert.is_true(socket.gettime() - begun < 20)
  end)

  it("does not wait for other clients' calls", function()
    local other = client()
    local call = other:send { path = "/hold" }
    await(1)
    tm:send { path = "/a" }
    tm:close(60)
    assert.is_false(call:done())
    gate:release()
    assert((call:wait()))
    assert.equal(2, #gate:seen())
  end)

  it("raises in a hook, and the client stays as it was", function()
    local problem
    local listening
    listening = client { on_event = function(event)
      if event.type == "request" and not problem then problem = select(2, pcall(listening.close, listening, 1)) end
    end }
    assert(listening:get "/a")
    assert.matches("cannot be waited for", problem)
    assert(listening:get "/b")
    assert.has_error(function() listening:close(-1) end)
    assert(listening:get "/c")
  end)
end)

describe("the end of a Lua state", function()
  local SCRIPT = [[
    local tm = require "trailmark".new { key = "tm_live_x", base_url = os.getenv "URL", pace = "off", concurrency = 2,
      on_event = function() end }
    local calls = {}
    for i = 1, 20 do calls[i] = tm:send({ path = "/hold/" .. i }, i % 2 == 0 and print or nil) end
    for i = 1, 10 do tm:send { path = "/hold/dropped" } end
    io.stdout:setvbuf "no"
    print "waits"
    tm:sleep(tonumber(os.getenv "SECONDS"))
    END
  ]]

  for name, ending in pairs {
    ["with its calls in flight"] = "",
    ["with a client that was closed"] = "tm:close()",
    ["with all garbage collected"] = "calls, tm = nil, nil collectgarbage() collectgarbage()",
    ["by an error"] = "error('no more', 0)",
  } do
    it(name .. " cancels what is left, cleanly", function()
      local child = process.lua(SCRIPT:gsub("END", ending), { URL = gate.url, SECONDS = "0.05" })
      local said, code, complaint = child:finish()
      if ending:find "error" then
        assert.equal(1, code)
        assert.matches("no more", complaint)
      else
        assert.same({ 0, "" }, { code, complaint })
      end
      if ending == "tm:close()" then
        assert.equal(10, select(2, said:gsub("nil\ttrailmark: GET /hold/%d+: [^\n]*closed[^\n]*\n", "")))
      else
        assert.equal("waits\n", said)
      end
      while #gate:held() > 0 do tm:sleep(0.002) end
      assert.is_true(#gate:seen() <= 2)
    end)
  end
end)

describe("a fork with calls in flight", function()
  it("leaves them to the parent; in the child they are cancelled, and it can go on", function()
    local told = {}
    local calls = {}
    for i = 1, 3 do
      calls[i] = tm:send({ path = "/hold/" .. i }, i < 3 and function(data, err)
        told[i] = data and data.path or err.kind
      end or nil)
    end
    local queued = {}
    for i = 1, 20 do queued[i] = tm:send { path = "/hold/queued" } end
    await(16)
    local child = process.fork(function(say)
      local results = tm:all { { path = "/child/1" }, { path = "/child/2" } }
      say(results[1].data.path .. " " .. results[2].data.path .. "\n")
      local _, err = calls[3]:wait()
      say(("%s %s %s %s\n"):format(told[1], told[2], err.kind, tostring(queued[20]:done())))
      say(select(2, queued[20]:wait()).outcome .. "\n")
      say(tm:get("/child/3").path .. "\n")
    end)
    local said, code = child:finish()
    assert.equal("/child/1 /child/2\ncancelled cancelled cancelled true\nnot_sent\n/child/3\n", said)
    assert.equal(0, code)
    assert.same({}, told)
    assert.equal(0, gate:gone())
    gate:open()
    assert.same({ path = "/hold/3" }, (calls[3]:wait()))
    for _, call in ipairs(queued) do assert.same({ path = "/hold/queued" }, (call:wait())) end
    tm:sleep(0)
    assert.same({ "/hold/1", "/hold/2" }, told)
    assert.equal(23 + 3, #gate:seen())
  end)
end)

describe("a key function", function()
  local sb
  setup(function() sb = assert(sandbox.start { limit = 1000000 }) end)
  teardown(function() sb:stop() end)
  before_each(function() sb:reset() end)

  local function numbers(count)
    local list = {}
    for i = 1, count do list[i] = i end
    return list
  end

  it("is asked one question at a time, however many calls need the answer", function()
    local asked, within, most = {}, 0, 0
    local key = sb.key
    local vault = client()
    local own = assert(sb:client { concurrency = 20, key = function(why)
      asked[#asked + 1] = why
      within = within + 1
      most = math.max(most, within)
      vault:get "/vault" -- others' answers come in meanwhile
      within = within - 1
      return key
    end })
    local _, summary = own:map(numbers(30), function(i)
      if i == 25 then -- more than 20 begin only once some have been answered
        local old = key
        key = sb:rotate(old)
        sb:revoke(old)
      end
      return { path = "/workspaces/me" }
    end)
    assert.same({ done = 30, failed = 0, skipped = 0, stopped = false }, summary)
    assert.same({ "first", "unauthorized" }, asked)
    assert.equal(1, most)
    local told = 0
    for _ = 1, 25 do own:send({ path = "/workspaces/me" }, function() told = told + 1 end) end
    local old = key
    key = sb:rotate(old)
    sb:revoke(old)
    repeat own:sleep(0.002) until told == 25
    assert.equal(3, #asked)
    own:close()
  end)

  it("that fails ends all of them with its words, and the next call asks again", function()
    local fail = false
    local count = 0
    local own = assert(sb:client { concurrency = 20, key = function()
      count = count + 1
      if fail then error "the vault is sealed" end
      return sb.key
    end })
    assert(own:workspace())
    sb:revoke(sb.key)
    fail = true
    local results = own:map(numbers(20), function() return { path = "/workspaces/me" } end)
    for _, result in ipairs(results) do
      assert.equal("unauthorized", result.err.kind)
      assert.matches("the vault is sealed", tostring(result.err))
    end
    assert.is_true(count >= 2)
    own:close()
  end)

  it("may close its client: every call ends", function()
    local own, closes
    own = assert(sb:client { key = function()
      if closes then own:close() end
      return sb.key
    end })
    assert(own:workspace())
    closes = true
    sb:revoke(sb.key)
    local kinds = {}
    for i = 1, 20 do own:send({ path = "/workspaces/me" }, function(_, err) kinds[i] = err.kind end) end
    repeat tm:sleep(0.002) until #kinds == 20
    for _, kind in ipairs(kinds) do assert.equal("closed", kind) end
  end)

  it("that was replaced by a string is not asked any more, although the question was put", function()
    for given, kind in pairs { [sb.key] = "none", tm_live_other_unknown = "unauthorized" } do
      local own, asked = nil, 0
      own = assert(sb:client { concurrency = 4, key = function()
        asked = asked + 1
        return "tm_live_unknown"
      end, on_event = function(event) if event.status == 401 then own:set_key(given) end end })
      local results = own:map(numbers(8), function() return { path = "/workspaces/me" } end)
      for _, result in ipairs(results) do
        assert.equal(kind, result.err and result.err.kind or "none")
        if result.err then assert.is_nil(tostring(result.err):find("function", 1, true)) end
      end
      assert.equal(1, asked)
      own:close()
    end
  end)

  it("of a client that was dropped is not asked; its calls in flight come to an end", function()
    local asked = 0
    do
      local own = client { key = function()
        asked = asked + 1
        return "tm_live_x"
      end }
      for _ = 1, 4 do own:send { path = "/hold/status/401" } end
      await(4)
    end
    collectgarbage()
    collectgarbage()
    gate:open()
    assert(tm:get "/a")
    tm:sleep(0.01)
    assert.equal(1, asked)
    assert.equal(0, gate:gone())
    assert.equal(5, #gate:seen())
  end)
end)
