-- A proxy is used where the client was told to, is asked for a tunnel, and never gets to see the key.

local raw_server = require "spec.support.raw_server"
local sandbox = require "trailmark.sandbox"
local setenv = require "trailmark_testing".process.setenv
local socket = require "socket"

local VARIABLES = {
  "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "no_proxy", "NO_PROXY",
}

local sb, proxy

setup(function() sb = assert(sandbox.start { https = true }) end)
teardown(function() sb:stop() end)

after_each(function()
  for _, name in ipairs(VARIABLES) do setenv(name, nil) end
  if proxy then proxy:stop() end
  proxy = nil
  sb:reset()
end)

--- What one end says goes to the other, until one has come to its end.
local function carry(one, other)
  local to = { [one] = other, [other] = one }
  one:settimeout(0)
  other:settimeout(0)
  while true do
    for _, from in ipairs((socket.select({ one, other }, nil))) do
      local all, problem, part = from:receive(8192)
      to[from]:send(all or part)
      if problem == "closed" then return end
    end
  end
end

--- Says what it was asked, line and names of the headers; `refusal` is its answer, else a tunnel.
local function start_proxy(refusal)
  proxy = raw_server.start(function(connection, _, say)
    local request = connection:request()
    local names = {}
    for name in pairs(request.headers) do names[#names + 1] = name end
    table.sort(names)
    say(("asked %s [%s]\n"):format(request.line, table.concat(names, " ")))
    if refusal then return connection:say(refusal) end
    local port = request.line:match "^CONNECT 127%.0%.0%.1:(%d+) "
    local server = assert(socket.connect("127.0.0.1", tonumber(port)))
    connection:say "HTTP/1.1 200 OK\r\nX-Request-Id: of-the-proxy\r\nX-RateLimit-Limit: 1\r\n\r\n"
    carry(connection.socket, server)
  end)
  return proxy.url
end

local function client(opts)
  return assert(sb:client(opts))
end

local function port() return sb.url:match ":(%d+)/" end

describe("a proxy", function()
  it("is asked for a tunnel and is told nothing else, and its answer is not the server's", function()
    local tm = client { proxy = start_proxy() }
    local _, _, response = assert(tm:workspace())
    assert.equal(200, response.status)
    assert.not_equal("of-the-proxy", response.request_id)
    assert.not_equal(1, response.rate.limit)
    tm:close()
    local said = proxy:stop()
    assert.equal(("CONNECT 127.0.0.1:%s HTTP/1.1"):format(port()), said:match "asked (.-) %[")
    for name in said:match "%[(.-)%]":gmatch "%S+" do
      assert.truthy(name == "host" or name == "user-agent" or name == "proxy-connection", name)
    end
  end)

  it("of the environment is used where the client was told so, and only there", function()
    setenv("https_proxy", start_proxy())
    assert(client():workspace())
    assert(client { proxy = "env" }:workspace())
    assert.equal(1, proxy:connections())
  end)

  it("of the environment is not used for whom no_proxy names", function()
    setenv("https_proxy", start_proxy())
    setenv("no_proxy", "127.0.0.1")
    assert(client { proxy = "env" }:workspace())
    assert.equal(0, proxy:connections())
  end)

  it("that the client was given is used whatever the environment says", function()
    setenv("no_proxy", "*")
    setenv("https_proxy", "http://127.0.0.1:1")
    assert(client { proxy = start_proxy() }:workspace())
    assert.equal(1, proxy:connections())
  end)

  for _, name in ipairs { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" } do
    it("of the variable " .. name .. " that was not used is named where the network fails", function()
      setenv(name, "http://127.0.0.1:1")
      local _, err = client { base_url = "https://127.0.0.1:1", retries = 0 }:workspace()
      assert.equal("network", err.kind)
      assert.matches(name .. ' is set but was not used: proxy = "env" uses it', tostring(err), 1, true)
    end)
  end

  it("that refuses has kept the request from the server", function()
    local tm = client { proxy = start_proxy "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", retries = 0 }
    local _, err, response = tm:post("/contacts", { name = "Ada" }, { idempotency_key = false })
    assert.equal("network", err.kind)
    assert.equal("not_sent", err.outcome)
    assert.is_nil(err.status)
    assert.is_nil(response)
    assert.equal(0, #sb:log())
  end)

  it("that is silent has kept it, too", function()
    proxy = raw_server.start(function(connection) connection:await_end() end)
    local tm = client { proxy = proxy.url, retries = 0, timeout = 0.2 }
    local _, err = tm:post("/contacts", { name = "Ada" }, { idempotency_key = false })
    assert.equal("timeout", err.kind)
    assert.equal("not_sent", err.outcome)
  end)

  it("that cannot be reached is what the error is about", function()
    local holder, url = raw_server.reserve()
    finally(function() holder:close() end)
    local _, err = client { proxy = url, retries = 0 }:workspace()
    assert.equal("network", err.kind)
    assert.equal("not_sent", err.outcome)
    assert.is_nil(tostring(err):find("was not used", 1, true))
    assert.matches("check the network, the option proxy and base_url", err.hint, 1, true)
  end)
end)
