--- A resolver that hangs holds up neither a call beyond its time nor the end of the process.

local process = require "spec.support.process"

local CODE = [[
  local core = require "trailmark.core"
  local trailmark = require "trailmark"
  local tm = trailmark.new { key = "tm_live_x", base_url = "https://does-not-matter.invalid",
    timeout = 0.2, deadline = 0.5, retries = 9, backoff = { base = 0.01, cap = 0.02 } }
  local began = core.now()
  local data, err = tm:get("/x")
  print(("%s %s %.3f"):format(err.kind, err.outcome, core.now() - began))
  print(err.message)
]]

describe("a resolver that hangs", function()
  it("ends a call at its deadline, and lets the process end", function()
    local socket = require "socket"
    local began = socket.gettime()
    local child = process.lua(CODE, {
      LD_PRELOAD = os.getenv "TRAIL_HANGING_RESOLVER",
      ASAN_OPTIONS = (os.getenv "ASAN_OPTIONS" or "") .. ":verify_asan_link_order=0:detect_leaks=0",
    })
    local said = child:finish()
    local kind, outcome, took = said:match("^(%S+) (%S+) (%S+)\n")
    assert.equal("timeout", kind, said)
    assert.equal("not_sent", outcome)
    assert.is_true(tonumber(took) <= 0.6, said)
    assert.matches("resolving the host name", said)
    assert.is_true(socket.gettime() - began < 5, "the process did not end")
  end)
end)
