--- Many calls side by side against nginx: how many connections they make, over HTTP/2 and over HTTP/1.1, and
--- what happens where there are none to be had.

local sandbox = require "trailmark.sandbox"
local gate_server = require "spec.support.gate_server"
local process = require "spec.support.process"

local sb
setup(function() sb = assert(sandbox.start { https = true, limit = 1000000 }) end)
teardown(function() sb:stop() end)
before_each(function() sb:reset() end)

local function connections()
  local seen, count = {}, 0
  for _, entry in ipairs(sb:log()) do
    if not seen[entry.connection] then
      seen[entry.connection], count = true, count + 1
    end
  end
  return count
end

--- So many calls; every one must succeed.
local function burst(tm, count, spec)
  local calls = {}
  for i = 1, count do calls[i] = assert(tm:send(spec and spec(i) or { method = "GET", path = "/echo" })) end
  for _, call in ipairs(calls) do
    local data, err = call:wait()
    assert.is_nil(err, tostring(err))
    assert.is_truthy(data)
  end
end

describe("many calls over HTTP/2", function()
  it("share one connection", function()
    local tm = assert(sb:client { pace = "off", concurrency = 64 })
    burst(tm, 200)
    assert.equal(200, #sb:log())
    assert.equal(1, connections())
    tm:close()
  end)

  it("share it with those of other clients", function()
    local first = assert(sb:client { pace = "off", concurrency = 64 })
    local second = assert(sb:client { pace = "off", concurrency = 64 })
    local calls = {}
    for i = 1, 40 do
      calls[i] = assert((i % 2 == 0 and first or second):send { method = "GET", path = "/echo" })
    end
    for _, call in ipairs(calls) do assert(call:wait()) end
    assert.equal(1, connections())
    first:close()
    second:close()
  end)

  -- nginx takes 128 streams on a connection.
  it("open another where the server takes no more on the first", function()
    sb:script { { delay = 1, match = "GET /echo", times = 300 } }
    local tm = assert(sb:client { pace = "off", concurrency = 300 })
    burst(tm, 300)
    assert.equal(3, connections())
    tm:close()
  end)

  it("carry bodies of every size at once", function()
    local tm = assert(sb:client { pace = "off", concurrency = 32, retries = 0 })
    burst(tm, 60, function(i)
      return { method = i % 2 == 0 and "PUT" or "POST", path = "/echo", decode = false, content_type = "text/plain",
        body = ("x"):rep(i % 3 == 0 and 300000 or i * 1000) }
    end)
    assert.equal(1, connections())
    tm:close()
  end)
end)

describe("many calls over HTTP/1.1", function()
  it("keep their connections, however many they are", function()
    local gate = gate_server.start()
    finally(function() gate:stop() end)
    local tm = assert(sb:client { base_url = gate.url, pace = "off", concurrency = 400 })
    local others = gate:accepted()
    for i = 1, 400 do tm:send({ method = "GET", path = "/hold/" .. i }, function() end) end
    gate:await(400, function() tm:sleep(0.01) end)
    gate:open()
    burst(tm, 1200)
    assert.equal(400, gate:accepted() - others)
    tm:close()
  end)
end)

describe("a process that may open few descriptors", function()
  local CODE = [[
    local limit = require "trailmark_testing".process.limit_descriptors
    limit(40)
    local tm = require "trailmark".new { key = os.getenv "KEY", base_url = os.getenv "URL", pace = "off",
      concurrency = 100, retries = tonumber(os.getenv "RETRIES"), backoff = { base = 0.2, cap = 4 } }
    local calls, told, failed = {}, {}, 0
    for i = 1, 100 do calls[i] = tm:send { method = "GET", path = "/echo" } end
    for i = 1, 100 do
      local _, err = calls[i]:wait()
      if err then
        failed = failed + 1
        told[err.kind .. " " .. err.outcome .. " " .. (err.message:match "%(ulimit %-n%)" or err.message)] = true
      end
    end
    print(failed)
    for what in pairs(told) do print(what) end
    limit(200) -- the interpreter has another file to read
  ]]

  local function run(retries)
    sb:script { { delay = 0.05, match = "GET /echo", times = 50 } }
    local child = process.lua(CODE, { KEY = sb.key, URL = sb.http_url, RETRIES = retries })
    local said, code, complaint = child:finish()
    assert.equal("", complaint)
    assert.equal(0, code)
    return said
  end

  it("tells of calls that found none", function()
    local failed, told = run("0"):match "^(%d+)\n(.*)$"
    assert.is_true(tonumber(failed) > 0, failed)
    assert.equal("network not_sent (ulimit -n)\n", told)
  end)

  it("loses none of them where they may be tried again", function()
    assert.equal("0\n", run "20")
  end)
end)

describe("a program that closes every descriptor it did not open itself", function()
  for _, scheme in ipairs { "http", "https" } do
    it("has its calls answered all the same, over " .. scheme, function()
      local url = scheme == "http" and sb.http_url or sb.url
      local child = process.lua([[
        local process = require "trailmark_testing".process
        local before = process.descriptors()
        local tm = require "trailmark".new { key = os.getenv "KEY", base_url = os.getenv "URL",
          ca_file = os.getenv "CA", pace = "off" }
        assert(tm:get "/echo")
        local calls = {}
        for i = 1, 3 do calls[i] = tm:send { method = "GET", path = "/echo" } end
        for fd in pairs(process.descriptors()) do
          if not before[fd] then process.close(fd) end
        end
        for i = 1, 3 do assert(calls[i]:wait()) end
        local _, _, response = assert(tm:get "/echo")
        print(response.elapsed < 5)
      ]], { KEY = sb.key, URL = url, CA = sb.ca_file })
      local said, code, complaint = child:finish()
      assert.equal("", complaint)
      assert.equal("true\n", said)
      assert.equal(0, code)
    end)
  end
end)
