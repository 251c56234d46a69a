-- Any HTTP server that answers JSON will do: no header of Trailmark's is needed.

local trailmark = require "trailmark"
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"

describe("a plain server", function()
  it("is called by twenty lines in a script of its own", function()
    local server = raw_server.start(function(connection)
      while true do
        local request = connection:request()
        if not request then return end
        connection:answer(200, ('{"you": %q, "key": %q, "n": 14, "list": [], "none": null}')
          :format(request.line, request.headers.authorization))
      end
    end)
    local child = process.lua([[
      local trailmark = require "trailmark"
      local tm = trailmark.assert(trailmark.new())
      local answer, _, response = trailmark.assert(tm:get("/things/{id}", { page = 2 }, { params = { id = 7 } }))
      print(answer.you, answer.key, answer.n, #answer.list, answer.none == trailmark.null)
      print(response.status, response.request_id, response.rate, tm:rate(), response.attempts)
      print(trailmark.encode(answer.list), "/things/" .. answer.n, trailmark._VERSION)
      tm:close()
    ]], { TRAILMARK_API_KEY = "tm_live_x", TRAILMARK_BASE_URL = server.url .. "/api" })
    local said, code, complaint = child:finish()
    assert.same({ "", 0 }, { complaint, code })
    assert.equal(1, server:connections())
    local lines = {}
    for line in said:gmatch("[^\n]+") do lines[#lines + 1] = line end
    assert.equal("GET /api/things/7?page=2 HTTP/1.1\tBearer tm_live_x\t14\t0\ttrue", lines[1])
    assert.equal("200\tnil\tnil\tnil\t1", lines[2])
    assert.matches("^%[%]\t/things/14\ttrailmark %d+%.%d+%.%d+$", lines[3])
  end)

  it("explains an uncaught error to whoever reads stderr", function()
    local server = raw_server.start(function(connection)
      connection:request()
      connection:answer(404, '{"message":"no such thing"}')
    end)
    local child = process.lua([[
      local trailmark = require "trailmark"
      local tm = trailmark.assert(trailmark.new())
      trailmark.assert(tm:get("/things"))
    ]], { TRAILMARK_API_KEY = "tm_live_x", TRAILMARK_BASE_URL = server.url })
    local _, code, complaint = child:finish()
    server:stop()
    assert.equal(1, code)
    assert.matches(":3: trailmark: GET /things: 404 %(no such thing%)", complaint)
  end)

  it("may be named by IPv6 and by localhost", function()
    local socket = require "socket"
    local listener = socket.tcp6()
    if not listener:bind("::1", 0) then return pending("there is no IPv6 loopback here") end
    local _, port = listener:getsockname()
    listener:listen(5)
    local child = process.fork(function()
      local connection = listener:accept()
      connection:receive("*l")
      connection:send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
      connection:close()
    end)
    listener:close()
    finally(function() child:stop() end)
    local tm = assert(trailmark.new { key = "tm_live_x", base_url = ("http://[::1]:%d"):format(port) })
    assert.same({}, tm:get("/x"))
  end)
end)
