--- A system that starts no thread: where calls need one, they say so, and go on once there is one.

local failing_child = require "spec.support.failing_child"
local raw_server = require "spec.support.raw_server"

local function start()
  local server = raw_server.start(function(connection)
    for _ in function() return connection:request() end do connection:answer(200, "{}") end
  end)
  finally(function() server:stop() end)
  return server
end

describe("without threads", function()
  it("a host's calls say what is lacking, callbacks too, until there are some", function()
    if _VERSION == "Lua 5.1" and not rawget(_G, "jit") then return end -- no host has this
    failing_child([[
      local host = require("spec.support.door_host").new()
      local tm = host:client { base_url = os.getenv "URL" }
      system.threads(false)
      for _ = 1, 2 do
        local data, err = tm:get "/x"
        assert(data == nil and err.kind == "config" and err.outcome == "not_sent", tostring(err))
        assert(err.message:find("no thread can be started (see RLIMIT_NPROC): "
          .. "Resource temporarily unavailable", 1, true), err.message)
      end
      local told
      tm:send({ path = "/x" }, function(_, err) told = err.kind end)
      host:run_later()
      assert(told == "config", told)
      system.threads(true)
      assert(tm:get "/x")
    ]], { URL = start().url })
  end)

  it("a blocking call needs none but for the name of a host", function()
    failing_child([[
      system.threads(false)
      assert(client():get "/x")
      assert(client { base_url = os.getenv("URL"):gsub("127%.0%.0%.1", "localhost") }:get "/x")
      local data, err = client { base_url = "https://api.test", retries = 0 }:post("/x", { 1 })
      assert(data == nil and err.kind == "network" and err.outcome == "not_sent", tostring(err))
    ]], { URL = start().url })
  end)
end)
