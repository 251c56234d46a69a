-- Where the key comes from: a file that changes, a function that is asked, set_key.

local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"
local hand_loop = require "spec.support.hand_loop"
local own_time = require "spec.support.own_time"
local raises = require "spec.support.raises"
local socket = require "socket"
local tmp = require "spec.support.tmp"

local sb
setup(function() sb = assert(sandbox.start()) end)
teardown(function() sb:stop() end)
before_each(function() sb:reset() end)

--- The keys that reached the sandbox, in order.
local function sent()
  local keys = {}
  for i, entry in ipairs(sb:log()) do keys[i] = entry.headers.authorization:match("^Bearer (.*)$") end
  return keys
end

local function with_file(content, run)
  local path = tmp.file(content)
  finally(function() os.remove(path) end)
  return run(path)
end

describe("key_file", function()
  it("gives the key without the white space around it", function()
    with_file("\n " .. sb.key .. " \r\n", function(path)
      local tm = assert(sb:client { key_file = path })
      assert(tm:workspace())
      assert.same({ sb.key }, sent())
    end)
  end)

  local rows = {
    { "empty", "", "empty" }, { "white space only", " \n\n", "empty" },
    { "two words", "tm_live_abc def", "white space" }, { "two lines", "tm_live_abc\ndef\n", "white space" },
    { "a NUL", "tm_live_abc\0def", "control" }, { "too long", ("k"):rep(200000), "long" },
  }
  for _, row in ipairs(rows) do
    it("is refused where it holds " .. row[1], function()
      with_file(row[2], function(path)
        local tm, err = sb:client { key_file = path }
        assert.is_nil(tm)
        assert.equal("config", err.kind)
        assert.matches("key_file " .. path, err.message, 1, true)
        assert.is_nil(tostring(err):find("tm_live_abc", 1, true))
        assert.matches("readable", err.hint)
      end)
    end)
  end

  it("is refused where it cannot be read", function()
    for path, why in pairs { ["/not/there"] = "No such file", ["/tmp"] = "file" } do
      local tm, err = sb:client { key_file = path }
      assert.is_nil(tm)
      assert.equal("config", err.kind)
      assert.matches("key_file " .. path, err.message, 1, true)
      assert.matches(why, err.message)
    end
  end)

  -- The file is looked at once a second: after that a call has the new key.
  local function goes_over(tm, change)
    local fresh = sb:rotate(sb.key)
    assert(tm:workspace())
    change(fresh)
    tm:sleep(1.05)
    assert(tm:workspace())
    assert.same({ sb.key, fresh }, sent())
  end

  it("is read again when it was written over", function()
    with_file(sb.key .. "\n", function(path)
      goes_over(assert(sb:client { key_file = path }), function(fresh) tmp.write(path, fresh) end)
    end)
  end)

  it("is read again when another took its place", function()
    with_file(sb.key .. "\n", function(path)
      goes_over(assert(sb:client { key_file = path }), function(fresh) tmp.replace(path, fresh) end)
    end)
  end)

  it("keeps its last key when it is spoilt or gone", function()
    with_file(sb.key, function(path)
      local tm = assert(sb:client { key_file = path })
      tmp.write(path, "not a key")
      tm:sleep(1.05) -- the next call looks at the file
      assert(tm:workspace())
      os.remove(path)
      tm:sleep(1.05)
      assert(tm:workspace())
      assert.same({ sb.key, sb.key }, sent())
    end)
  end)
end)

describe("a key function", function()
  it("is asked at the first call and not before", function()
    local asked = {}
    local tm = assert(sb:client { key = function(...)
      asked[#asked + 1] = { ... }
      return sb.key
    end })
    assert.same({}, asked)
    assert(tm:workspace())
    assert(tm:workspace())
    assert.same({ { "first" } }, asked)
  end)

  it("takes its time from the call's deadline", function()
    local tm = assert(sb:client { key = function()
      socket.sleep(0.1)
      return sb.key, nil, 0
    end })
    local _, _, response = tm:get("/workspaces/me")
    assert.is_true(response.elapsed >= 0.1)
    local _, err = tm:get("/workspaces/me", nil, { deadline = 0.05 })
    assert.same({ "timeout", "not_sent", true }, { err.kind, err.outcome, err.elapsed >= 0.1 })
    assert.matches("deadline = 0.05", err.hint)
    assert.equal(1, #sent())
  end)

  it("is asked again when its key has expired", function()
    local count = 0
    local tm = assert(sb:client { key = function()
      count = count + 1
      return sb.key, nil, 0.05
    end })
    assert(tm:workspace())
    tm:sleep(0.06)
    assert(tm:workspace())
    assert.equal(2, count)
  end)

  it("is asked before every call where its key is good for no time, and once where for ever", function()
    for _, row in ipairs { { 0, 3 }, { -5, 3 }, { math.huge, 1 } } do
      local count = 0
      local tm = assert(sb:client { key = function()
        count = count + 1
        return sb.key, nil, row[1]
      end })
      for _ = 1, 3 do assert(tm:workspace()) end
      assert.equal(row[2], count)
    end
  end)

  --- The error of a call whose key function is this; nothing was sent.
  local function fails(ask)
    local tm = assert(sb:client { key = ask })
    local data, err, response = tm:workspace()
    assert.is_nil(data)
    assert.is_nil(response)
    assert.equal("config", err.kind)
    assert.equal("not_sent", err.outcome)
    assert.same({}, sb:log())
    return err
  end

  it("that raises, gives nothing, or gives what is no key, fails the call", function()
    assert.matches("vault is sealed", fails(function() error("vault is sealed") end).message)
    assert.matches("vault is shut", fails(function() return nil, "vault is shut" end).message)
    local returned = "^the function key returned %s, where a string is needed$"
    for what, value in pairs { ["a number"] = 42, ["a boolean"] = false, ["a table"] = {} } do
      local message = fails(function() return value end).message
      assert.matches(returned:format(what), message)
      assert.is_nil(message:find("42", 1, true))
    end
    assert.matches(returned:format("nil and no reason"), fails(function() end).message)
    assert.matches(returned:format("a number"), fails(function() return 5, "vault is shut" end).message)
    assert.matches("gave no key: vault is shut$", fails(function() return false, "vault is shut" end).message)
    assert.matches("function key", fails(function() return "tm live" end).message)
    assert.matches("function key", fails(function() return "" end).message)
    assert.matches("table", fails(function() error({}) end).message)
  end)

  it("whose third value is no time fails the call, and says so", function()
    for got, value in pairs { ["a string of 3 bytes"] = "300", ["a table"] = {}, ["true"] = true, ["NaN"] = 0 / 0 } do
      local err = fails(function() return sb.key, nil, value end)
      assert.matches("the function key gave " .. got .. " as its third value, which must be the seconds until the"
        .. " key expires: return a number there, or nil", err.message)
    end
    for _, value in ipairs { -1, 0, 1e300, math.huge } do
      assert(assert(sb:client { key = function() return sb.key, nil, value end }):workspace())
    end
  end)

  it("is asked again after it failed", function()
    local keys = { false, sb.key }
    local tm = assert(sb:client { key = function() return table.remove(keys, 1) or nil, "later" end })
    assert.equal("config", select(2, tm:workspace()).kind)
    assert(tm:workspace())
  end)

  it("cannot use the client that asks it", function()
    local tm, problem
    tm = assert(sb:client { key = function()
      problem = raises("cannot use the client that asks it for the key: use another client there, and its sleep or"
        .. " the loop's own$", function() tm:workspace() end)
      return sb.key
    end })
    assert(tm:workspace())
    assert.is_string(problem)
    assert.equal(1, #sb:log())
  end)

  it("can use another client", function()
    local vault = assert(sb:client())
    local tm = assert(sb:client { key = function()
      assert(vault:get("/echo"))
      return sb.key
    end })
    assert(tm:workspace())
    assert.equal(2, #sb:log())
  end)

  it("is told as the source where its key is not accepted", function()
    local tm = assert(sb:client { key = function() return "tm_live_0123456789abcdef" end })
    local _, err = tm:workspace()
    assert.equal("unauthorized", err.kind)
    assert.matches("function", err.hint)
  end)
end)

describe("set_key", function()
  it("replaces the key from the next call on", function()
    local tm, fresh = assert(sb:client()), sb:rotate(sb.key)
    assert(tm:workspace())
    assert.is_true(tm:set_key(" " .. fresh .. "\n"))
    assert(tm:workspace())
    assert.same({ sb.key, fresh }, sent())
  end)

  it("refuses what is no key, and the old one stays", function()
    local tm = assert(sb:client())
    for _, bad in ipairs { "", "two words", "a\nb", "a\0b", "\195\164" } do
      local done, err = tm:set_key(bad)
      assert.is_nil(done)
      assert.equal("config", err.kind)
    end
    assert(tm:workspace())
    assert.same({ sb.key }, sent())
  end)

  it("takes a function, and a string after it", function()
    local tm, fresh = assert(sb:client { key = "tm_live_unknown" }), sb:rotate(sb.key)
    assert.is_true(tm:set_key(function() return fresh end))
    assert(tm:workspace())
    assert.is_true(tm:set_key(sb.key))
    assert(tm:workspace())
    assert.same({ fresh, sb.key }, sent())
  end)

  it("ends the rule of key_file", function()
    with_file("tm_live_unknown", function(path)
      local tm = assert(sb:client { key_file = path })
      assert.is_true(tm:set_key(sb.key))
      tmp.write(path, "tm_live_other_unknown")
      tm:sleep(1.05) -- a file that still ruled would be read now
      assert(tm:workspace())
    end)
  end)

  it("raises at its caller for another type", function()
    local tm = assert(trailmark.new { key = "tm_live_x" })
    for _, bad in ipairs { 5, true, {} } do
      raises("tm:set_key: the key must be a string or a function", function() tm:set_key(bad) end)
    end
    raises("got nil", function() tm:set_key() end)
  end)
end)

-- On 5.1 a key function cannot wait in a coroutine.
local waits_in_coroutines = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

--- A client whose key function stands still in coroutines: it gives each key once it is resumed.
local function standing(keys, opts)
  local inside, asked = {}, {}
  opts = opts or {}
  opts.key = function(why)
    asked[#asked + 1] = why
    local thread, is_main = coroutine.running()
    if thread and not is_main then
      inside[#inside + 1] = thread
      coroutine.yield()
    end
    return keys[#asked] or keys[#keys]
  end
  return assert(sb:client(opts)), inside, asked
end

describe("a call that was sent, whose key a function gives", function()
  it("is back before the function is called, by whoever waits", function()
    for name, wait in pairs {
      call = function(call) return assert(call:wait()) end,
      sleep = function(call, tm) repeat tm:sleep(0.002) until call:done() end,
      step = function(call) repeat trailmark.step() until call:done() end,
      close = function(_, tm) tm:close(5) end,
    } do
      local asked = {}
      local tm = assert(sb:client { key = function(why)
        asked[#asked + 1] = why
        return sb.key
      end })
      local call = tm:send { path = "/workspaces/me" }
      assert.same({}, asked)
      wait(call, tm)
      assert.same({ "first" }, asked, name)
      assert.equal("Acme Sales", assert(call:wait()).name)
    end
  end)

  it("has its callback told what went wrong in the function", function()
    local told
    local tm = assert(sb:client { key = function() return nil, "the vault is shut" end })
    tm:send({ path = "/workspaces/me" }, function(_, err) told = err end)
    assert.is_nil(told)
    repeat tm:sleep(0.002) until told
    assert.same({ "config", "not_sent", false }, { told.kind, told.outcome, told.retryable })
    assert.matches("the function key gave no key: the vault is shut", told.message)
    assert.matches("must return a key", told.hint)
    assert.same({}, sb:log())
  end)

  it("fails with all others that the function was asked for", function()
    local asked = 0
    local tm = assert(sb:client { key = function()
      asked = asked + 1
      return nil, "shut"
    end })
    for _, result in ipairs(tm:all { { path = "/echo" }, { path = "/echo" }, { path = "/echo" } }) do
      assert.equal("config", result.err.kind)
    end
    assert.equal(1, asked)
  end)

  if not waits_in_coroutines then return end

  it("leaves its coroutine at once, and the function waits in one of the loop's", function()
    local loop, told = hand_loop.new(), nil
    local tm, inside = standing({ sb.key }, { loop = loop.adapter })
    local thread = loop:go(function()
      tm:send({ path = "/workspaces/me" }, function(data) told = data.name end)
    end)
    assert.equal("dead", coroutine.status(thread))
    assert.same({}, inside)
    loop:run(function() return inside[1] end)
    loop:resume(inside[1])
    loop:run()
    assert.equal("Acme Sales", told)
  end)

  it("ends at its deadline, however long the function takes", function()
    local loop, err = hand_loop.new(), nil
    local tm, inside, asked = standing({ sb.key }, { loop = loop.adapter })
    loop:go(function()
      tm:send({ path = "/workspaces/me", deadline = 0.05 }, function(_, problem) err = problem end)
    end)
    loop:run(function() return err end)
    assert.same({ "timeout", "not_sent", true }, { err.kind, err.outcome, err.retryable })
    assert.matches("timed out waiting for the function key", err.message)
    loop:resume(inside[1]) -- in time for the next one
    local name
    loop:go(function() name = tm:workspace().name end)
    loop:run()
    assert.same({ "Acme Sales", "first" }, { name, table.concat(asked, " ") })
  end)

  it("can be cancelled, and closed, while the function is asked", function()
    local loop, kinds = hand_loop.new(), {}
    local tm, inside = standing({ sb.key }, { loop = loop.adapter })
    local calls = {}
    loop:go(function()
      for i = 1, 2 do
        calls[i] = tm:send({ path = "/workspaces/me" }, function(_, err) kinds[i] = err.kind end)
      end
    end)
    loop:run(function() return inside[1] end)
    calls[1]:cancel()
    loop:run(function() return kinds[1] end)
    tm:close()
    loop:run(function() return kinds[2] end)
    assert.same({ "cancelled", "closed" }, kinds)
    loop:resume(inside[1])
    loop:run()
    assert.same({}, sb:log())
  end)
end)

describe("a key function that does not go on", function()
  if not waits_in_coroutines then return end

  local GONE = "tm_live_gone0123456789"

  -- What the function is asked until it stands still, and what it has given by then.
  for when, row in pairs {
    ["before a call"] = { asked = "first", keys = {} },
    ["after a 401"] = { asked = "first unauthorized", keys = { GONE } },
  } do
    local function standing_there(opts)
      local keys = { row.keys[1] or sb.key, sb.key }
      return standing(keys, opts)
    end

    it("in a coroutine that nobody resumes, " .. when .. ", is called again by who blocks", function()
      local tm, inside, asked = standing_there { deadline = 10 }
      local thread = coroutine.create(function() tm:workspace() end)
      for _ = 0, #row.keys do assert(coroutine.resume(thread)) end
      assert.same({ row.asked, "suspended" }, { table.concat(asked, " "), coroutine.status(inside[1]) })
      assert.equal("Acme Sales", assert(tm:workspace()).name)
      assert.equal(2 + #row.keys, #asked)
      assert.is_true(coroutine.resume(thread))
      assert.equal("dead", coroutine.status(thread))
    end)

    local close = rawget(coroutine, "close")
    it("in a coroutine that is closed, " .. when .. ", is called by another", close and function()
      local loop, name, err = hand_loop.new(), nil, nil
      local tm, inside, asked = standing_there { loop = loop.adapter, deadline = 10 }
      local thread = loop:go(function() tm:workspace() end)
      for i = 1, #row.keys do
        loop:run(function() return inside[i] end)
        loop:resume(thread)
      end
      loop:run(function() return table.concat(asked, " ") == row.asked end)
      loop:go(function() name, err = tm:workspace() end)
      close(thread)
      local began = own_time()
      loop:run(function() return inside[#row.keys + 2] end)
      local took = own_time() - began
      assert.is_true(took < 0.5, "called after " .. took .. " s")
      loop:resume(inside[#row.keys + 2])
      loop:run()
      assert.equal("Acme Sales", assert(name, err).name)
    end or nil)
  end
end)
