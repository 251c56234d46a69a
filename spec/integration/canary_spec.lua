-- A key that is looked for wherever it must not be: errors, events, logs, tracebacks, what is printed, and after
-- `close` the process's own memory.
--
-- It lives in a process of its own, which reads it from a file and never has it as a Lua string: what is searched
-- for is the key XORed, byte by byte.

local sandbox = require "trailmark.sandbox"
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"
local tmp = require "spec.support.tmp"

local MASK = 0x5a

local sb, echoing
setup(function()
  sb = assert(sandbox.start())
  -- Sends the key back in every place it can.
  echoing = raw_server.start(function(connection)
    while true do
      local request = connection:request()
      if not request then return end
      local key = request.headers.authorization:match("Bearer (.*)")
      local status = tonumber(request.line:match("/(%d+)")) or 200
      connection:answer(status, ('{"error":{"code":"%s","message":"bad key %s"},"key":"%s"}'):format(key, key, key),
        ("X-Request-Id: %s\r\nX-Key: %s\r\nLocation: https://%s/\r\nRetry-After: %s\r\n"):format(key, key, key, key))
    end
  end)
end)
teardown(function()
  sb:stop()
  echoing:stop()
end)

local function xor(a, b)
  local result, bit = 0, 1
  while a > 0 or b > 0 do
    if a % 2 ~= b % 2 then result = result + bit end
    a, b, bit = math.floor(a / 2), math.floor(b / 2), bit * 2
  end
  return result
end

local function masked(key)
  return (key:gsub(".", function(c) return ("%02x"):format(xor(c:byte(), MASK)) end))
end

local PRELUDE = [[
  local trailmark = require "trailmark"
  local scan = require "trailmark_testing".memory_scan
  local needle = os.getenv("NEEDLE"):gsub("%x%x", function(hex) return string.char(tonumber(hex, 16)) end)
  local function xor(a, b)
    local result, bit = 0, 1
    while a > 0 or b > 0 do
      if a % 2 ~= b % 2 then result = result + bit end
      a, b, bit = math.floor(a / 2), math.floor(b / 2), bit * 2
    end
    return result
  end
  -- Whether a string holds the key, found without ever building it.
  local function holds(text)
    for at = 1, #text - #needle + 1 do
      local same = 0
      while same < #needle and xor(text:byte(at + same), 0x5a) == needle:byte(same + 1) do same = same + 1 end
      if same == #needle then return true end
    end
    return false
  end
  local function search(value, path, seen)
    if type(value) == "string" then assert(not holds(value), path) end
    if type(value) ~= "table" or seen[value] then return end
    seen[value] = true
    for name, inner in next, value do
      search(name, path .. " key", seen)
      search(inner, path .. "." .. tostring(name), seen)
    end
  end
  local function clean(value, path)
    search(value, path, {})
    search(tostring(value), "tostring of " .. path, {})
  end
  local function client(url, opts)
    opts = opts or {}
    opts.base_url, opts.key_file = url, os.getenv "KEY_FILE"
    opts.backoff = { base = 0.005, cap = 0.02 }
    return trailmark.assert(trailmark.new(opts))
  end
]]

--- Runs code with the canary; it must end well and say "done". Returns all it printed.
local function with_canary(code, variables)
  local path = tmp.file(sb.key .. "\n")
  finally(function() os.remove(path) end)
  local all = { KEY_FILE = path, NEEDLE = masked(sb.key), URL = sb.url, ECHO = echoing.url }
  for name, value in pairs(variables or {}) do all[name] = value end
  local child = process.lua(PRELUDE .. code, all)
  local said, exit_code, complaint = child:finish()
  assert.is_nil((said .. complaint):find(sb.key, 1, true), "the key was printed")
  return said, exit_code, complaint
end

describe("a key", function()
  it("is in no error, event, log line or client, though the server sends it back", function()
    local said, exit_code, complaint = with_canary [[
      local events, lines = {}, {}
      local tm = client(os.getenv "ECHO", { retries = 1,
        on_event = function(event) events[#events + 1] = event end,
        log = function(_, line) lines[#lines + 1] = line end })
      for _, status in ipairs { 301, 400, 401, 403, 404, 409, 422, 429, 500, 503 } do
        local data, err, response = tm:get("/" .. status)
        assert(data == nil and err.status == status)
        clean(err, "err")
        clean(response, "response")
        clean(debug.traceback(err .. "", 1), "traceback")
      end
      assert(#events > 20 and #lines > 20)
      clean(events, "events")
      clean(lines, "lines")
      clean(tm, "tm")
      io.write "done"
    ]]
    assert.same({ "done", 0, "" }, { said, exit_code, complaint })
  end)

  it("is in no error of a server that cannot be reached or breaks off", function()
    sb:script { { fault = "truncate" }, { fault = "reset", times = 2 }, { status = 200, body = "no JSON" } }
    local said, exit_code, complaint = with_canary [[
      local tm = client(os.getenv "URL", { retries = 0 })
      for _ = 1, 4 do
        local _, err, response = tm:get("/echo?x=1")
        clean(err, "err")
        clean(response, "response")
      end
      local _, err = client("http://127.0.0.1:1"):post("/x", {})
      clean(err, "err")
      tm:close()
      clean(select(2, tm:get("/x")), "closed")
      io.write "done"
    ]]
    assert.same({ "done", 0, "" }, { said, exit_code, complaint })
  end)

  it("is in no message of a caller's mistake or a traceback on stderr", function()
    local _, exit_code, complaint = with_canary [[
      local tm = client(os.getenv "ECHO", { log = "debug" })
      trailmark.assert(tm:get("/401"))
    ]]
    assert.equal(1, exit_code)
    assert.matches("trailmark: GET /401: 401", complaint)
  end)

  it("is nowhere in memory once the client is closed", function()
    local said, exit_code, complaint = with_canary [[
      local tm = client(os.getenv "URL")
      assert(scan.count(needle) > 0, "the search finds nothing at all")
      for _ = 1, 3 do assert(tm:workspace()) end
      assert(tm:post("/contacts", { name = ("x"):rep(100000) }))
      tm:get("/nope")
      tm:close()
      tm = nil
      collectgarbage()
      collectgarbage()
      io.write(scan.count(needle))
    ]]
    assert.same({ "0", 0, "" }, { said, exit_code, complaint })
  end)

  it("is nowhere in memory once the client is closed, though it is not collected", function()
    local said, exit_code, complaint = with_canary [[
      local tm = client(os.getenv "URL", { pace = "auto" })
      assert(tm:workspace())
      tm:close()
      io.write(scan.count(needle), tm:rate() and " paced" or "")
    ]]
    assert.same({ "0 paced", 0, "" }, { said, exit_code, complaint })
  end)

  it("is nowhere in memory after retries, cuts and a timeout either", function()
    sb:script { { status = 503, times = 2 }, { fault = "reset" }, { fault = "truncate" }, { status = 404 },
      { delay = 1 } }
    local said, exit_code, complaint = with_canary [[
      local tm = client(os.getenv "URL")
      tm:get("/nope")
      tm:get("/echo", nil, { timeout = 0.1, retries = 0 })
      tm:close()
      tm = nil
      collectgarbage()
      collectgarbage()
      io.write(scan.count(needle))
    ]]
    assert.same({ "0", 0, "" }, { said, exit_code, complaint })
  end)

  it("that was replaced is nowhere in memory while its client lives on", function()
    local said, exit_code, complaint = with_canary([[
      local tm = client(os.getenv "URL")
      assert(tm:workspace())
      assert(tm:set_key(os.getenv "OTHER"))
      assert(tm:workspace())
      collectgarbage()
      io.write(scan.count(needle))
    ]], { OTHER = sb:make_key("admin:full") })
    assert.same({ "0", 0, "" }, { said, exit_code, complaint })
  end)
end)
