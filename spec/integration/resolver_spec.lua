--- A resolver that hangs holds up neither a call beyond its time nor the end of the process.

local process = require "spec.support.process"

local CODE = [[
  local own_time = require "spec.support.own_time"
  local trailmark = require "trailmark"
  local tm = trailmark.new { key = "tm_live_x", base_url = "https://does-not-matter.invalid", pace = "off",
    timeout = 0.2, deadline = 0.5, retries = 9, backoff = { base = 0.01, cap = 0.02 } }
  local began = own_time()
  local data, err = tm:get("/x")
  print(("%s %s %.3f"):format(err.kind, err.outcome, own_time() - began))
  print(err.message)
]]

describe("a resolver that hangs", function()
  it("ends a call at its deadline, and lets the process end", function()
    local socket = require "socket"
    local began = socket.gettime()
    local child = process.lua(CODE, process.preload "hanging_resolver")
    local said = child:finish()
    local kind, outcome, took = said:match("^(%S+) (%S+) (%S+)\n")
    assert.equal("timeout", kind, said)
    assert.equal("not_sent", outcome)
    assert.is_true(tonumber(took) <= 0.6, said)
    assert.matches("resolving the host name", said)
    assert.is_true(socket.gettime() - began < 5, "the process did not end")
  end)
end)
