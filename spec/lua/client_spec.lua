-- The client object: how it ends, and what it shows of itself.

local raises = require "spec.support.raises"
local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"

local sb
setup(function() sb = assert(sandbox.start()) end)
teardown(function() sb:stop() end)
before_each(function() sb:reset() end)

local function is_closed(data, err, response)
  assert.is_nil(data)
  assert.is_nil(response)
  assert.equal("closed", err.kind)
  assert.matches("trailmark.new", err.hint)
  return err
end

describe("a closed client", function()
  it("answers every call with kind closed, and sends nothing", function()
    local tm = assert(sb:client())
    assert(tm:workspace())
    assert.is_nil(tm:close())
    for _, name in ipairs { "get", "delete", "post", "put", "patch" } do
      local err = is_closed(tm[name](tm, "/echo"))
      assert.equal("not_sent", err.outcome)
      assert.equal("/echo", err.path)
      assert.is_false(err.retryable)
    end
    is_closed(tm:request { path = "/echo" })
    is_closed(tm:workspace())
    is_closed(tm:set_key("tm_live_other"))
    assert.equal(1, #sb:log())
  end)

  it("can be closed again, shown, and asked for its rate", function()
    local tm = assert(sb:client { pace = { scope = "client-spec", shared = false } })
    assert(tm:workspace())
    tm:close()
    tm:close(5)
    assert.equal(599, tm:rate().remaining)
    assert.matches("^trailmark.Client", tostring(tm))
  end)

  it("wants its colon, as any other method", function()
    local tm = assert(sb:client())
    local methods = {
      "get", "delete", "post", "put", "patch", "request", "workspace", "send", "all", "map", "pages", "each", "collect",
      "pager", "rate", "set_key", "sleep", "close",
    }
    for _, name in ipairs(methods) do
      raises("called with a colon", function() tm[name]() end)
      raises("called with a colon", function() tm[name](1) end)
    end
    assert(tm:workspace())
  end)

  it("leaves other clients alone", function()
    local one, other = assert(sb:client()), assert(sb:client())
    assert(one:workspace())
    one:close(0.5)
    assert(other:workspace())
  end)

  it("asks no key function any more", function()
    local asked = 0
    local tm = assert(sb:client { key = function()
      asked = asked + 1
      return sb.key
    end })
    tm:close()
    is_closed(tm:workspace())
    assert.equal(0, asked)
  end)

  it("does not wait for its grace where nothing is under way", function()
    local socket = require "socket"
    local tm = assert(sb:client())
    assert(tm:workspace())
    local begun = socket.gettime()
    tm:close(3600)
    assert.is_true(socket.gettime() - begun < 1)
  end)

  -- `<close>` is a syntax error before Lua 5.4.
  local scoped = (loadstring or load)([[
    local tm <close>, finish = ...
    finish()
  ]])
  if scoped then
    it("is what a to-be-closed variable leaves, by an error too", function()
      for _, finish in ipairs { function() end, error } do
        local tm = assert(sb:client())
        pcall(scoped, tm, finish)
        is_closed(tm:workspace())
      end
    end)
  end
end)

describe("a client", function()
  it("shows its base_url and no key", function()
    local tm = assert(trailmark.new { key = "tm_live_4f1c9a2e77b05d38", base_url = "http://127.0.0.1:7/v1" })
    assert.equal("trailmark.Client (http://127.0.0.1:7/v1)", tostring(tm))
  end)

  it("has a metatable that nobody changes", function()
    local tm = assert(trailmark.new { key = "tm_live_x" })
    assert.is_false(getmetatable(tm))
    assert.is_false((pcall(setmetatable, tm, {})))
  end)

  it("holds the key nowhere that Lua can see", function()
    local key = "tm_live_4f1c9a2e77b05d38"
    local tm = assert(sb:client { key = key })
    tm:workspace()
    local seen, found = {}, {}
    local function search(value, path)
      if type(value) == "string" and value:find(key, 1, true) then found[#found + 1] = path end
      if type(value) ~= "table" or seen[value] then return end
      seen[value] = true
      for name, inner in next, value do
        search(name, path)
        search(inner, path .. "." .. tostring(name))
      end
    end
    search(tm, "tm")
    assert.is_true(next(seen) ~= nil)
    assert.same({}, found)
  end)
end)

describe("a key function that closes its client", function()
  it("ends the call, and what it gives is not kept", function()
    local tm
    tm = assert(trailmark.new { base_url = "http://127.0.0.1:1", pace = "off", retries = 0, key = function()
      tm:close()
      return "tm_live_late"
    end })
    local data, err = tm:get("/x")
    assert.is_nil(data)
    assert.equal("closed", err.kind)
    assert.equal("not_sent", err.outcome)
    assert.same({ n = 2, nil, "the client is closed" }, { n = 2, tm.handle:set_key("tm_live_later") })
  end)
end)
