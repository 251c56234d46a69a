--- Peers that are gone while something is written to them, in processes that a SIGPIPE would end:
-- nobody has asked it to be ignored.

local failing_child = require "spec.support.failing_child"
local faults = require "spec.support.faults"

local LONG = os.getenv "TRAIL_LONG" == "1"

local CODE = [[
  process.default(13)
  local drive = require("spec.support.drives.drivers")[os.getenv "DRIVE"]
  local times = tonumber(os.getenv "TIMES")
  drive.run(function(loop)
    local tm = client { loop = loop, ca_file = os.getenv "CA_FILE", retries = 0 }
    for _ = 1, times do
      local data, err = tm:post("/large", ("x"):rep(3000000),
        { content_type = "text/plain", idempotency_key = false })
      local fits = data == nil and (err.kind == "network" or err.kind == "protocol") -- HTTP/2's
      assert(fits and err.outcome == "unknown" and err.attempts == 1, tostring(err))
      assert(not err.retryable)
    end
    local calls = {}
    for i = 1, 4 do
      calls[i] = tm:send { method = "POST", path = "/large", body = ("x"):rep(3000000),
        content_type = "text/plain" }
    end
    calls[1]:wait(0.001)
    tm:close() -- while they are written
    for i = 1, 4 do
      local data, err = calls[i]:wait()
      assert(data or err.kind == "closed" or err.kind == "network", tostring(err))
    end
    local other = client { loop = loop, ca_file = os.getenv "CA_FILE" }
    assert(other:get "/fine")
    other:close()
  end)
]]

local BEGINNINGS = {
  plain = {}, tls = { faults.handshake() }, http2 = { faults.handshake(), faults.http2 },
}

--- A connection that is ended amid a request.
local function plan(scheme, ending)
  local steps = {}
  for i, step in ipairs(BEGINNINGS[scheme]) do steps[i] = step end
  if scheme ~= "http2" then steps[#steps + 1] = faults.read_part(1000) end
  if scheme == "http2" then steps[#steps + 1] = faults.await end
  steps[#steps + 1] = ending
  return steps
end

describe("a peer that leaves while we write", function()
  local server
  setup(function() server = faults.start() end)
  teardown(function() server:stop() end)

  local TIMES = LONG and 20 or 2

  for _, scheme in ipairs { "plain", "tls", "http2" } do
    for _, drive in ipairs { "inline", "fd", "worker" } do
      if require("spec.support.drives.drivers")[drive] then
        it(("ends the call, and not the process: %s, %s"):format(scheme, drive), function()
          local plans = {}
          for i = 1, TIMES do
            plans[i] = plan(scheme, i % 2 == 0 and faults.reset or faults.finish)
          end
          failing_child(CODE, {
            URL = server:script(plans, { scheme = scheme }), CA_FILE = server.ca_file,
            DRIVE = drive, TIMES = tostring(TIMES),
          })
        end)
      end
    end
  end

  it("ends nothing where it waited at the doorbell", function()
    failing_child([[
      process.default(13)
      local doorbell = require "spec.support.doorbell"
      local tm = doorbell.client(os.getenv "URL")
      for _ = 1, 50 do
        local visitor = doorbell.visitor()
        local handle = visitor:start(tm, "/fine")
        visitor:ring()
        visitor:leave()
        handle = nil
      end
      local visitor = doorbell.visitor()
      local handle = visitor:start(tm, "/fine")
      visitor:finish(handle)
      assert(handle:result())
    ]], { URL = server:script({}) })
  end)
end)
