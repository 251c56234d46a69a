-- on_event and log: what they are told, and that nothing they do harms a call.

local sandbox = require "trailmark.sandbox"
local process = require "spec.support.process"
local raises = require "spec.support.raises"

local sb
setup(function() sb = assert(sandbox.start()) end)
teardown(function() sb:stop() end)
before_each(function() sb:reset() end)

local function listening(opts)
  local events = {}
  opts = opts or {}
  opts.on_event = function(event) events[#events + 1] = event end
  return assert(sb:client(opts)), events
end

local function types(events)
  local list = {}
  for i, event in ipairs(events) do list[i] = event.type end
  return table.concat(list, " ")
end

describe("on_event", function()
  it("tells of a call that went well", function()
    local tm, events = listening()
    local before = os.time()
    local _, _, response = tm:get("/workspaces/me", { q = "secret" })
    assert.equal("request response", types(events))
    local request, answer = events[1], events[2]
    assert.equal("GET", request.method)
    assert.equal(1, request.attempt)
    assert.equal(request.id, answer.id)
    assert.is_true(request.time >= before and request.time <= os.time() + 1)
    assert.equal(200, answer.status)
    assert.is_nil(answer.kind)
    assert.equal(response.request_id, answer.request_id)
    assert.equal(response.rate.remaining, answer.rate.remaining)
    assert.is_true(answer.elapsed > 0 and answer.elapsed <= response.elapsed)
    for _, event in ipairs(events) do
      assert.equal(sb.url .. "/workspaces/me", event.url) -- without the query
      assert.is_nil(event.dropped)
    end
  end)

  it("tells of retries and of the error at the end", function()
    local tm, events = listening { retries = 2 }
    sb:script { { status = 503, times = 3 } }
    local _, err = tm:get("/echo")
    assert.equal("request response retry request response retry request response error", types(events))
    local last = events[#events]
    assert.equal("server", last.kind)
    assert.equal(503, last.status)
    assert.equal(err.attempts, last.attempt)
    assert.equal(503, events[3].status)
    assert.equal("server", events[3].kind)
    assert.is_true(events[3].wait >= 0 and events[3].wait <= 0.02)
    assert.equal(events[3].wait, err.history[2].wait)
  end)

  it("tells of failures without an answer", function()
    local tm, events = listening { retries = 1, base_url = "http://127.0.0.1:1" }
    tm:get("/x")
    assert.equal("request retry request error", types(events))
    assert.equal("network", events[4].kind)
    assert.is_nil(events[4].status)
  end)

  it("adds up over many calls", function()
    local tm, events = listening()
    for _ = 1, 20 do tm:get("/echo") end
    sb:script { { status = 503, times = 2 }, { status = 404 } }
    tm:get("/echo")
    tm:get("/echo")
    local count, ids = {}, {}
    for _, event in ipairs(events) do
      count[event.type] = (count[event.type] or 0) + 1
      ids[event.id] = true
    end
    local calls = 0
    for _ in pairs(ids) do calls = calls + 1 end
    assert.equal(22, calls)
    assert.same({ request = 24, response = 24, retry = 2, error = 1 }, count)
    assert.equal(24, #sb:log())
  end)

  it("is told of its own client's calls only", function()
    local one, events = listening()
    local other, others = listening()
    assert(one:get("/echo"))
    assert(other:get("/echo"))
    assert.equal("request response", types(events))
    assert.equal("request response", types(others))
  end)

  it("may throw anything, which harms no call and is told once", function()
    local child = process.lua([[
      local sb_url = os.getenv "URL"
      for _, thrown in ipairs { "broken\27[31m hook", {}, false } do
        local tm = require "trailmark".new { key = "tm_live_x", pace = "off", base_url = sb_url,
          on_event = function() error(thrown) end, log = function() error(thrown) end }
        for _ = 1, 3 do assert(tm:get("/echo")) end
      end
    ]], { URL = sb.url })
    local said, code, complaint = child:finish()
    assert.same({ "", 0 }, { said, code })
    local _, lines = complaint:gsub("trailmark: the function on_event failed: [^\n]*\n", "")
    assert.equal(3, lines)
    assert.equal(3, select(2, complaint:gsub("trailmark: the function log failed: [^\n]*\n", "")))
    assert.matches("broken\\x1B[31m hook", complaint, 1, true)
    assert.equal(9, #sb:log())
  end)

  it("cannot wait for a call, of whichever client", function()
    local other, tm, problems = assert(sb:client()), nil, {}
    tm = assert(sb:client { on_event = function()
      problems[#problems + 1] = raises("cannot be waited for", function() tm:get("/echo") end)
      raises("cannot be waited for", function() tm:sleep(1) end)
      raises("cannot be waited for", function() other:get("/echo") end)
    end })
    assert(tm:get("/echo"))
    assert.equal(2, #problems)
    assert.equal(1, #sb:log())
    assert(other:get("/echo"))
  end)

  it("can close its client and set its key", function()
    local tm, done
    tm = assert(sb:client { on_event = function(event)
      if event.type == "response" then
        assert(tm:set_key(sb.key))
        tm:close()
        done = true
      end
    end })
    assert(tm:get("/echo"))
    assert.is_true(done)
    assert.equal("closed", select(2, tm:get("/echo")).kind)
    assert.equal(1, #sb:log())
  end)

  it("may change its event, which harms no log", function()
    local lines = 0
    local tm = assert(sb:client { on_event = function(event)
      for name in pairs(event) do event[name] = nil end
    end, log = function() lines = lines + 1 end })
    assert(tm:get("/echo"))
    assert.equal(2, lines)
  end)
end)

describe("log", function()
  --- The lines of a client whose log this is: of one retry, one success and one 404.
  local function logged(log)
    local lines = {}
    if log == "function" then
      log = function(level, line) lines[#lines + 1] = level .. " " .. line end
    end
    sb:script { { status = 503 } }
    local tm = assert(sb:client { log = log })
    assert(tm:get("/echo", { secret = 1 }))
    tm:get("/nope")
    return lines
  end

  it("gives a function levels and lines", function()
    local lines = logged "function"
    assert.equal(8, #lines)
    assert.equal("debug GET /v1/echo: attempt 1", lines[1])
    assert.matches("^debug GET /v1/echo: 503 server in %d", lines[2])
    assert.matches("^info GET /v1/echo: 503 server, attempt 2 in 0%.%d+ s$", lines[3])
    assert.matches("^debug GET /v1/echo: 200 in %d", lines[5])
    assert.matches("^debug GET /v1/nope: failed, 404 not_found$", lines[8])
    for _, line in ipairs(lines) do assert.is_nil(line:find("secret", 1, true)) end
  end)

  --- What a child with this log says on stderr; it does the same.
  local function on_stderr(option, variable)
    sb:script { { status = 503 } }
    local child = process.lua(([[
      local tm = require "trailmark".new { key = "tm_live_x", pace = "off", base_url = os.getenv "URL",
        backoff = { base = 0.005, cap = 0.02 }, log = %s }
      assert(tm:get("/echo", { secret = 1 }))
      tm:get("/echo/nope")
    ]]):format(option), { URL = sb.url, TRAILMARK_LOG = variable })
    local said, code, complaint = child:finish()
    assert.same({ "", 0 }, { said, code })
    return complaint
  end

  local INFO = "^trailmark: GET /v1/echo: 503 server, attempt 2 in 0%.%d+ s\n$"

  it("at info writes a line for each retry to stderr", function()
    assert.matches(INFO, on_stderr('"info"'))
  end)

  it("at debug writes all of it", function()
    local _, lines = on_stderr('"debug"'):gsub("trailmark: [^\n]*\n", "")
    assert.equal(8, lines)
  end)

  it("comes from TRAILMARK_LOG, over which the option goes", function()
    assert.matches(INFO, on_stderr("nil", "info"))
    assert.equal("", on_stderr('"off"', "debug"))
    assert.equal("", on_stderr("nil", ""))
  end)

  it("is off by default", function()
    assert.equal("", on_stderr("nil"))
  end)

end)

describe("a hook that yields", function()
  it("is told of on stderr, and stands in nobody's way", function()
    local client = assert(sb:client { on_event = function() coroutine.yield(1) end })
    local thread = coroutine.create(function() return client:workspace() end)
    local ok, data = coroutine.resume(thread)
    assert.is_true(ok)
    assert.equal("dead", coroutine.status(thread))
    assert.equal("Acme Sales", data.name)
    assert(assert(sb:client()):workspace())
  end)
end)
