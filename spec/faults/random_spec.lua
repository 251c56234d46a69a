--- A system that gives no random bytes: what depends on them is not done, and nothing weaker is put
-- in their place.

local failing_child = require "spec.support.failing_child"
local faults = require "spec.support.faults"
local raw_server = require "spec.support.raw_server"

--- Tells of each request, and fails as its path says, the first time.
local function start()
  local server = raw_server.start(function(connection, _, say)
    for request in function() return connection:request() end do
      local key = request.headers["idempotency-key"]
      say(("%s %s\n"):format(request.line:match "^(%S+ %S+)", key and "keyed" or "unkeyed"))
      if request.line:find "/broken" then return connection:reset() end
      connection:answer(request.line:find "/busy" and 503 or 200, "{}")
    end
  end)
  finally(function() server:stop() end)
  return server
end

--- The requests that came, in their order.
local function seen(server)
  return (server:stop():gsub("connection %d+\n", ""))
end

describe("without random bytes", function()
  it("there is none, and a number only for jitter", function()
    failing_child [[
      system.random(false)
      assert(testing.random.bytes(16) == nil)
      assert(testing.random.u32() >= 0)
      system.random(true)
      assert(#testing.random.bytes(16) == 16)
    ]]
  end)

  it("a POST carries no idempotency key, is sent once, and its error says why", function()
    local server = start()
    failing_child([[
      local tm = client()
      system.random(false)
      local data, err, response = tm:post("/fine", { name = "Ada" })
      assert(data and response.idempotency_key == nil)
      for path, kind in pairs { ["/busy"] = "server", ["/broken"] = "network" } do
        data, err = tm:post(path, { name = "Ada" })
        assert(data == nil and err.kind == kind, tostring(err))
        assert(err.attempts == 1 and err.outcome == "unknown" and not err.retryable)
        assert(err.hint:find("no random bytes", 1, true), err.hint)
      end
      data, err = tm:patch("/busy", { name = "Ada" })
      assert(err.attempts == 1 and not err.idempotency_key)
    ]], { URL = server.url })
    local requests = seen(server)
    assert.equal(4, select(2, requests:gsub("unkeyed", "")), requests)
    assert.equal(4, select(2, requests:gsub("keyed", "")), requests)
  end)

  it("what is safe to repeat is repeated, and a key of the caller's is sent", function()
    local server = start()
    failing_child([[
      local tm = client { retries = 1 }
      system.random(false)
      local _, err = tm:get "/busy"
      assert(err.attempts == 2 and not err.hint:find("random", 1, true))
      _, err = tm:post("/busy", {}, { idempotency_key = "mine" })
      assert(err.attempts == 2 and err.idempotency_key == "mine")
      _, err = tm:post("/busy", {}, { idempotency_key = false })
      assert(err.attempts == 1 and not err.hint:find("random", 1, true))
    ]], { URL = server.url })
    assert.equal("GET /busy unkeyed\nGET /busy unkeyed\nPOST /busy keyed\nPOST /busy keyed\n"
      .. "POST /busy unkeyed\n", seen(server))
  end)

  it("calls side by side are sent once each, and all is well when there are some again", function()
    local server = start()
    failing_child([[
      local tm = client()
      system.random(false)
      local results = tm:map({ 1, 2, 3, 4 }, function()
        return { method = "POST", path = "/busy", body = {} }
      end)
      for i = 1, 4 do assert(results[i].err.kind == "server" and results[i].err.attempts == 1) end
      system.random(true)
      local _, err = tm:post("/busy", {}, { retries = 1 })
      assert(err.attempts == 2 and #err.idempotency_key == 36 and err.retryable)
    ]], { URL = server.url })
    local requests = seen(server)
    assert.equal(4, select(2, requests:gsub(" unkeyed", "")), requests)
    assert.equal(2, select(2, requests:gsub(" keyed", "")), requests)
  end)

  it("a budget is shared, and a secure connection stands or fails as such", function()
    local server = faults.start()
    finally(function() server:stop() end)
    failing_child([[
      system.random(false)
      local tm = client { ca_file = os.getenv "CA_FILE", retries = 0, pace = { scope = "no-chance" } }
      local data, err = tm:get "/fine"
      assert(data or err.kind == "tls" or err.kind == "network", tostring(err))
      if data then assert(tm:rate() == nil or tm:rate().shared) end
      system.random(true)
      assert(tm:get "/fine")
    ]], { URL = server:script({}, { scheme = "tls" }), CA_FILE = server.ca_file })
  end)
end)
