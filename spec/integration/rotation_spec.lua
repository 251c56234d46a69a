-- A key is rotated or revoked while a client works: the caller sees no 401 as long as any source has
-- a key that is good, and every 401 that it does see costs the server little.

local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"
local environment = require "spec.support.environment"
local own_time = require "spec.support.own_time"
local process = require "spec.support.process"
local raises = require "spec.support.raises"
local setenv = require "trailmark_testing".process.setenv
local socket = require "socket"
local tmp = require "spec.support.tmp"

local BAD = "tm_live_badbadbadbad0bad"
local WORSE = "tm_live_worseworse0worse"

local sb
setup(function() sb = assert(sandbox.start { limit = 1000000 }) end)
teardown(function() sb:stop() end)
before_each(function() sb:reset() end)

--- What reached the sandbox, in order: "key status", the sandbox's own key as "good".
local function seen(names)
  local list = {}
  for i, entry in ipairs(sb:log()) do
    local key = entry.headers.authorization:match "^Bearer (.*)$"
    list[i] = (names and names[key] or key == sb.key and "good" or key == BAD and "bad"
      or key == WORSE and "worse" or key) .. " " .. entry.status
  end
  return list
end

local function client(opts)
  return assert(sb:client(opts))
end

local function file(content)
  local path = tmp.file(content)
  finally(function() os.remove(path) end)
  return path
end

--- Nothing of it shows a key.
local function shows_none(value, keys, depth)
  if type(value) == "table" then
    if (depth or 0) > 4 then return end
    for name, inner in pairs(value) do
      shows_none(name, keys, (depth or 0) + 1)
      shows_none(inner, keys, (depth or 0) + 1)
    end
  end
  local text = tostring(value)
  for _, key in ipairs(keys) do assert.is_nil(text:find(key, 1, true), text) end
end

describe("a key that is rejected", function()
  it("gives way to a fallback key, which stays first", function()
    local tm = client { key = BAD, fallback_key = sb.key }
    local _, _, response = assert(tm:workspace())
    assert.equal(2, response.attempts)
    assert(tm:workspace())
    assert(tm:workspace())
    assert.same({ "bad 401", "good 200", "good 200", "good 200" }, seen())
  end)

  it("is found in its place again when the fallback key is rejected later", function()
    local names = { [sb.key] = "first" }
    local second = sb:make_key "admin:full"
    names[second] = "second"
    local tm = client { key = BAD, fallback_key = second }
    assert(tm:workspace())
    sb:revoke(second)
    local _, err = tm:workspace()
    assert.equal("unauthorized", err.kind)
    assert.is_true(tm:set_key(sb.key))
    assert(tm:workspace())
    assert.same({ "bad 401", "second 200", "second 401", "first 200" }, seen(names))
  end)

  it("and a bad fallback key cost two requests, and one more a call from then on", function()
    local tm = client { key = BAD, fallback_key = WORSE }
    local _, err = tm:workspace()
    assert.equal("unauthorized", err.kind)
    assert.equal(2, err.attempts)
    assert.equal("rejected", err.outcome)
    assert.same({ "bad 401", "worse 401" }, seen())
    for _ = 1, 3 do assert.equal(1, select(2, tm:workspace()).attempts) end
    assert.equal(5, #sb:log())
  end)

  it("alone costs one request, whatever retries say", function()
    local tm = client { key = BAD, retries = 20 }
    local _, err = tm:workspace()
    assert.equal("unauthorized", err.kind)
    assert.equal(1, err.attempts)
    assert.equal(1, #err.history)
    assert.is_false(err.retryable)
    assert.same({ "bad 401" }, seen())
  end)

  it("is replaced without a retry left", function()
    local tm = client { key = BAD, fallback_key = sb.key, retries = 0 }
    assert(tm:workspace())
    assert.same({ "bad 401", "good 200" }, seen())
  end)

  it("leaves the retries to what comes then", function()
    local tm = client { key = BAD, fallback_key = sb.key, retries = 1 }
    sb:script { { delay = 0 }, { status = 503 } }
    local _, _, response = assert(tm:workspace())
    assert.equal(3, response.attempts)
    assert.same({ "bad 401", "good 503", "good 200" }, seen())
  end)

  it("is rejected in the middle of retries, too", function()
    local tm = client { fallback_key = sb:make_key "admin:full", retries = 1 }
    sb:script { { status = 503 }, { status = 401 } }
    local _, _, response = assert(tm:workspace())
    assert.equal(3, response.attempts)
    assert.same({ 503, 401, 200 }, { sb:log()[1].status, sb:log()[2].status, sb:log()[3].status })
  end)

  it("keeps the call's deadline", function()
    local tm = client { key = BAD, fallback_key = sb.key, deadline = 0.3 }
    sb:script { { delay = 0 }, { delay = 5 } }
    local started = own_time()
    local _, err = tm:workspace()
    assert.equal("timeout", err.kind)
    assert.is_true(own_time() - started < 0.3 + 0.5)
    assert.equal(401, err.history[1].status)
  end)
end)

describe("a 403", function()
  it("is no reason for another key", function()
    local narrow = sb:make_key "read:workspace"
    local tm = client { key = narrow, fallback_key = sb.key }
    local _, err = tm:get "/billing"
    assert.equal("forbidden", err.kind)
    assert.equal(1, err.attempts)
    assert(tm:workspace())
    assert.same({ "narrow 403", "narrow 200" }, seen { [narrow] = "narrow" })
  end)

  it("of the fallback key is what the call ends with", function()
    local narrow = sb:make_key "read:workspace"
    local tm = client { key = BAD, fallback_key = narrow }
    local _, err = tm:get "/billing"
    assert.equal("forbidden", err.kind)
    assert.same({ "bad 401", "narrow 403" }, seen { [narrow] = "narrow" })
  end)
end)

describe("key_file", function()
  it("is read at a 401, within the second", function()
    local path, key = file(sb.key), sb.key
    local tm = client { key_file = path }
    for _ = 1, 5 do
      local fresh = sb:rotate(key)
      assert(tm:workspace())
      tmp.replace(path, fresh .. "\n")
      sb:revoke(key)
      local _, _, response = assert(tm:workspace())
      assert.equal(2, response.attempts)
      key = fresh
    end
    assert.equal(15, #sb:log())
  end)

  it("is read at a 401 although one was told to the caller just before", function()
    local path = file(BAD)
    local tm = client { key_file = path }
    assert.equal("unauthorized", select(2, tm:workspace()).kind)
    tmp.replace(path, sb.key)
    assert(tm:workspace())
    assert.same({ "bad 401", "bad 401", "good 200" }, seen())
  end)

  it("that is gone or spoilt when its key is rejected leaves the fallback key", function()
    for _, spoil in ipairs { os.remove, function(path) tmp.replace(path, "no key") end } do
      sb:reset()
      local old = sb:make_key "admin:full"
      local path = file(old)
      local tm = client { key_file = path, fallback_key = sb.key }
      assert(tm:workspace())
      spoil(path)
      assert(tm:workspace()) -- the last key goes on
      sb:revoke(old)
      assert(tm:workspace())
      assert.same({ "old 200", "old 200", "old 401", "good 200" }, seen { [old] = "old" })
    end
  end)

  it("that is gone or spoilt when its key is rejected is what the error tells of", function()
    for remedy, spoil in pairs {
      ["the file cannot be read again: No such file"] = os.remove,
      ["the file holds no key any more"] = function(path) tmp.replace(path, "no key") end,
    } do
      local path = file(BAD)
      local tm = client { key_file = path }
      spoil(path)
      local _, err = tm:workspace()
      assert.equal("unauthorized", err.kind)
      assert.matches(remedy, tostring(err), 1, true)
    end
  end)

  it("with the same bad key costs one request", function()
    local tm = client { key_file = file(BAD) }
    assert.equal(1, select(2, tm:workspace()).attempts)
    assert.same({ "bad 401" }, seen())
  end)

  it("with another bad key costs two", function()
    local path = file(BAD)
    local tm = client { key_file = path }
    tmp.replace(path, WORSE)
    assert.equal(2, select(2, tm:workspace()).attempts)
    assert.same({ "bad 401", "worse 401" }, seen())
  end)
end)

describe("the environment", function()
  --- A client of `variables`, and no option for a key.
  local function of(variables, run)
    variables.TRAILMARK_BASE_URL = sb.url
    environment.with(variables, function()
      run(assert(trailmark.new()))
    end)
  end

  it("is read again at a 401", function()
    of({ TRAILMARK_API_KEY = BAD }, function(tm)
      setenv("TRAILMARK_API_KEY", sb.key)
      assert(tm:workspace())
    end)
    assert.same({ "bad 401", "good 200" }, seen())
  end)

  it("that says the same is not asked twice", function()
    of({ TRAILMARK_API_KEY = BAD }, function(tm)
      local _, err = tm:workspace()
      assert.equal(1, err.attempts)
      assert.matches("environment variable TRAILMARK_API_KEY", tostring(err), 1, true)
      assert.matches('ends in "0bad"', tostring(err), 1, true)
    end)
    assert.same({ "bad 401" }, seen())
  end)

  it("that names a file has it read again", function()
    local path = file(BAD)
    of({ TRAILMARK_API_KEY_FILE = path }, function(tm)
      tmp.replace(path, sb.key)
      assert(tm:workspace())
    end)
    assert.same({ "bad 401", "good 200" }, seen())
  end)
end)

describe("a key function", function()
  --- A function that gives these, one after the other, and the last of them again and again; what it
  --- was asked is in its second result.
  local function giving(...)
    local answers, asked = { ... }, {}
    return function(why)
      asked[#asked + 1] = why
      local answer = answers[math.min(#asked, #answers)]
      if type(answer) == "function" then return answer() end
      return answer
    end, asked
  end

  it("is asked why: first, then unauthorized", function()
    local key, asked = giving(BAD, sb.key)
    local tm = client { key = key }
    assert(tm:workspace())
    assert(tm:workspace())
    assert.same({ "first", "unauthorized" }, asked)
    assert.same({ "bad 401", "good 200", "good 200" }, seen())
  end)

  it("is asked once for a call, whatever it says", function()
    local last = 0
    local key, asked = giving(function()
      last = last + 1
      return BAD .. last
    end)
    local tm = client { key = key, retries = 5 }
    local _, err = tm:workspace()
    assert.equal("unauthorized", err.kind)
    assert.same({ "first", "unauthorized" }, asked)
    assert.equal(2, #sb:log())
  end)

  it("that says the same key leaves the fallback key, and both bad cost two requests", function()
    local key, asked = giving(BAD)
    local tm = client { key = key, fallback_key = WORSE }
    assert.equal("unauthorized", select(2, tm:workspace()).kind)
    assert.same({ "bad 401", "worse 401" }, seen())
    assert.same({ "first", "unauthorized" }, asked)
    sb:reset()
    tm = client { key = giving(BAD), fallback_key = sb.key }
    assert(tm:workspace())
    assert(tm:workspace())
    assert.same({ "bad 401", "good 200", "good 200" }, seen())
  end)

  it("that fails, gives nothing, or what is no key, leaves the fallback key", function()
    local failures = {
      function() error "the vault is sealed" end,
      function() return nil, "the vault is shut" end,
      function() end,
      function() return "two words" end,
      function() return 5 end,
      function() return "tm_live_\0" end,
      function() return "" end,
    }
    for _, fails in ipairs(failures) do
      sb:reset()
      local tm = client { key = giving(BAD, fails), fallback_key = sb.key }
      assert(tm:workspace())
      assert.same({ "bad 401", "good 200" }, seen())
    end
  end)

  it("that fails is told of in the 401 it did not prevent", function()
    local rows = {
      { function() error "the vault is sealed" end, "function key failed: .*the vault is sealed" },
      { function() return nil, "the vault is shut" end, "function key gave no key: the vault is shut" },
      { function() end, "function key returned nil and no reason, where a string is needed" },
      { function() return "two words" end, "the key returned by function key holds whitespace" },
      { function() return "tm_live_canary\0" end, "the key returned by function key holds a control" },
    }
    for _, row in ipairs(rows) do
      sb:reset()
      local tm = client { key = giving(BAD, row[1]) }
      local _, err = tm:workspace()
      assert.equal("unauthorized", err.kind)
      assert.matches(row[2], tostring(err))
      assert.is_nil(tostring(err):find("canary", 1, true))
      assert.same({ "bad 401" }, seen())
      assert.is_true(tm:set_key(BAD .. "2"))
      assert.is_nil(tostring(select(2, tm:workspace())):find "function key")
    end
  end)

  it("that fails and names a key is told of without it", function()
    for _, fails in ipairs { function() error("no use: " .. sb.key) end,
      function() return nil, "no use: '" .. sb.key .. "'" end } do
      local _, err = client { key = giving(BAD, fails), fallback_key = fails }:workspace()
      assert.matches("no use: '?tm_live_%*%*%*", tostring(err))
      shows_none(err, { sb.key })
      _, err = client { key = fails }:workspace()
      assert.equal("config", err.kind)
      assert.matches("no use: '?tm_live_%*%*%*", tostring(err))
      shows_none(err, { sb.key })
    end
  end)

  it("is asked when its key has expired, and not at every call", function()
    local asked = {}
    local tm = client { key = function(why)
      asked[#asked + 1] = why
      return sb.key, nil, 0.2
    end }
    for _ = 1, 5 do assert(tm:workspace()) end
    assert.same({ "first" }, asked)
    tm:sleep(0.21)
    assert(tm:workspace())
    assert.same({ "first", "first" }, asked)
  end)

  it("whose key expired while the fallback key works does not depose it by saying the same", function()
    local tm = client {
      key = function() return BAD, nil, 0.05 end,
      fallback_key = sb.key,
    }
    assert(tm:workspace())
    tm:sleep(0.06)
    assert(tm:workspace())
    assert.same({ "bad 401", "good 200", "good 200" }, seen())
  end)

  it("cannot use its client when it is asked because of a 401", function()
    local tm, complaint
    local function key(why)
      if why == "first" then return BAD end
      complaint = raises("cannot use the client that asks", function() tm:get "/echo" end)
      raises("cannot use the client", function() tm:request { method = "GET", path = "/echo" } end)
      raises("cannot use the client", function() tm:workspace() end)
      raises("cannot use the client", function() tm:sleep(0) end)
      return sb.key
    end
    tm = client { key = key }
    assert(tm:workspace())
    assert.is_string(complaint)
    assert.same({ "bad 401", "good 200" }, seen())
  end)

  it("can use another client when it is asked because of a 401", function()
    local vault = client()
    local tm = client { key = function(why)
      if why == "first" then return BAD end
      assert(vault:get "/echo")
      return sb.key
    end }
    assert(tm:workspace())
    assert.same({ "bad 401", "good 200", "good 200" }, seen())
  end)
end)

describe("a fallback function", function()
  it("is asked at a 401 only, once a call", function()
    local asked = {}
    local tm = client { fallback_key = function(why)
      asked[#asked + 1] = why
      return WORSE
    end }
    assert(tm:workspace())
    assert.same({}, asked)
    assert.is_true(tm:set_key(BAD))
    assert.equal(2, select(2, tm:workspace()).attempts)
    assert.same({ "unauthorized" }, asked)
    assert.same({ "good 200", "bad 401", "worse 401" }, seen())
  end)

  it("is asked again when what it gave is rejected later", function()
    local keys = { sb:make_key "admin:full", sb:make_key "admin:full" }
    local names, asked = { [keys[1]] = "one", [keys[2]] = "two" }, 0
    local tm = client { key = BAD, fallback_key = function()
      asked = asked + 1
      return keys[asked]
    end }
    assert(tm:workspace())
    sb:revoke(keys[1])
    assert(tm:workspace())
    assert(tm:workspace())
    assert.equal(2, asked)
    assert.same({ "bad 401", "one 200", "one 401", "two 200", "two 200" }, seen(names))
  end)

  it("that fails is told of", function()
    local rows = {
      { function() error "the vault is sealed" end, "fallback_key failed: .*the vault is sealed" },
      { function() return nil, "shut" end, "fallback_key gave no key: shut" },
      { function() return "two words" end, "fallback_key holds whitespace" },
    }
    for _, row in ipairs(rows) do
      sb:reset()
      local _, err = client { key = BAD, fallback_key = row[1] }:workspace()
      assert.equal("unauthorized", err.kind)
      assert.matches(row[2], tostring(err))
      assert.same({ "bad 401" }, seen())
    end
  end)

  it("that gives the rejected key costs no request", function()
    assert.equal(1, select(2, client { key = BAD, fallback_key = function() return BAD end }
      :workspace()).attempts)
    assert.same({ "bad 401" }, seen())
  end)

  it("comes after the key function", function()
    local order = {}
    local tm = client {
      key = function(why) order[#order + 1] = "key " .. why return BAD end,
      fallback_key = function(why) order[#order + 1] = "fallback " .. why return sb.key end,
    }
    assert(tm:workspace())
    assert.same({ "key first", "key unauthorized", "fallback unauthorized" }, order)
    assert.same({ "bad 401", "good 200" }, seen())
  end)

  it("cannot use its client", function()
    local tm, complaint
    tm = client { key = BAD, fallback_key = function()
      complaint = raises("cannot use the client that asks", function() tm:get "/echo" end)
      return sb.key
    end }
    assert(tm:workspace())
    assert.is_string(complaint)
  end)
end)

describe("set_key", function()
  it("within a rotation's overlap costs nobody a 401", function()
    local tm, key = client(), sb.key
    for _ = 1, 5 do
      local fresh = sb:rotate(key)
      assert(tm:workspace())
      assert.is_true(tm:set_key(fresh))
      sb:revoke(key)
      assert(tm:workspace())
      key = fresh
    end
    for _, entry in ipairs(sb:log()) do assert.equal(200, entry.status) end
  end)

  it("inside the key function is what the call goes on with", function()
    local tm
    tm = client { key = function(why)
      if why == "first" then return BAD end
      assert.is_true(tm:set_key(sb.key))
      return nil, "it is set"
    end }
    assert(tm:workspace())
    assert.same({ "bad 401", "good 200" }, seen())
  end)
end)

describe("a write", function()
  it("goes with the same body and key after its key was replaced", function()
    local tm = client { key = BAD, fallback_key = sb.key }
    local contact, _, response = assert(tm:post("/contacts", { name = "Ada", email = "a@example.com" }))
    assert.equal(2, response.attempts)
    assert.equal("Ada", contact.name)
    local log = sb:log()
    assert.equal(2, #log)
    assert.equal(log[1].body, log[2].body)
    assert.matches("Ada", log[2].body)
    assert.equal(response.idempotency_key, log[1].headers["idempotency-key"])
    assert.equal(response.idempotency_key, log[2].headers["idempotency-key"])
    assert.equal(1, sb:contacts())
  end)

  it("without an Idempotency-Key is repeated too: a 401 has done nothing", function()
    local tm = client { key = BAD, fallback_key = sb.key }
    local contact = { name = "Ada", note = ("x"):rep(300000) }
    local _, _, response = assert(tm:post("/contacts", contact, { idempotency_key = false }))
    assert.is_nil(response.idempotency_key)
    local log = sb:log()
    assert.equal(2, #log)
    assert.is_nil(log[1].headers["idempotency-key"] or log[2].headers["idempotency-key"])
    assert.equal(log[1].body_size, log[2].body_size)
    assert.is_true(log[2].body_size > 300000)
    assert.equal(1, sb:contacts())
  end)

  it("of any method is repeated", function()
    for _, method in ipairs { "put", "delete", "patch" } do
      sb:reset()
      local tm = client { key = BAD, fallback_key = sb.key }
      tm[method](tm, "/contacts/none")
      local log = sb:log()
      assert.equal(2, #log)
      assert.equal(401, log[1].status)
      assert.not_equal(401, log[2].status)
    end
  end)
end)

describe("a 401's printed line", function()
  local function told(opts)
    local _, err = client(opts):workspace()
    assert.equal("unauthorized", err.kind)
    return tostring(err)
  end

  it("says where the key came from", function()
    local path = file(BAD)
    local rows = {
      { { key = BAD }, 'the key came from option key (ends in "0bad")' },
      { { key_file = path }, "the key came from key_file " .. path .. ' (ends in "0bad", file is' },
      { { key = function() return BAD end }, 'the key came from function key (ends in "0bad")' },
      { { key = WORSE, fallback_key = BAD }, 'the key came from fallback_key (ends in "0bad")' },
    }
    for _, row in ipairs(rows) do
      assert.matches(row[2], told(row[1]), 1, true)
    end
  end)

  it("does not show the end of a short key, and says that it is none of ours", function()
    local line = told { key = "shortish" }
    assert.is_nil(line:find("tish", 1, true))
    assert.matches('does not begin with "tm_live_"', line, 1, true)
  end)

  it("says another source after set_key", function()
    local tm = client { key_file = file(BAD) }
    assert.is_true(tm:set_key(WORSE))
    local _, err = tm:workspace()
    assert.matches("option key", tostring(err), 1, true)
    assert.is_nil(tostring(err):find("key_file /", 1, true))
  end)
end)

describe("the keys of a rotation", function()
  it("are in no error, event, log line or response", function()
    local events, lines = {}, {}
    local keys = { BAD, WORSE, sb.key }
    local function watched(opts)
      opts.on_event = function(event) events[#events + 1] = event end
      opts.log = function(level, line) lines[#lines + 1] = level .. " " .. line end
      return client(opts)
    end
    local tm = watched { key = BAD, fallback_key = sb.key }
    shows_none({ tm:post("/contacts", { name = "Ada" }) }, keys)
    tm = watched { key = function() return BAD end, fallback_key = function() return WORSE end }
    shows_none({ tm:workspace() }, keys)
    sb:script { { status = 401, body = BAD .. " is no key", headers = { ["X-Key"] = BAD } } }
    shows_none({ watched { key = BAD }:workspace() }, keys)
    shows_none(events, keys)
    shows_none(lines, keys)
    shows_none(tm, keys)
    local replaced = 0
    for _, event in ipairs(events) do
      if event.type == "key" then replaced = replaced + 1 end
    end
    assert.equal(2, replaced)
    assert.matches("the key was replaced", table.concat(lines, "\n"))
  end)
end)

describe("calls at a thousand a second", function()
  local CALLS, ROTATIONS = 4000, 4

  --- In another process: rotates, puts the new key into the file, and revokes the old one at once,
  --- each time when that many more requests have come.
  local function rotate_meanwhile(path)
    return process.fork(function(say)
      local key, every = sb.key, CALLS / (ROTATIONS + 1)
      for i = 1, ROTATIONS do
        while sb:counts().requests < i * every do socket.sleep(0.002) end
        local fresh = sb:rotate(key)
        tmp.replace(path, fresh)
        sb:revoke(key)
        key = fresh
        say("rotated\n")
      end
    end)
  end

  it("meet no 401 across rotations and revocations", function()
    local path = file(sb.key)
    local tm = client { key_file = path }
    local rotating = rotate_meanwhile(path)
    local started, visible = socket.gettime(), 0
    for _ = 1, CALLS do
      local _, err = tm:workspace()
      if err then
        assert.equal("unauthorized", err.kind, tostring(err))
        visible = visible + 1
      end
    end
    local rate = CALLS / (socket.gettime() - started)
    assert.equal(("rotated\n"):rep(ROTATIONS), (rotating:finish()))
    local rejected = 0
    for _, entry in ipairs(sb:log()) do rejected = rejected + (entry.status == 401 and 1 or 0) end
    io.write(("\nrotation: %d calls at %.0f a second, %d rotations, %d rejected requests, %d visible\n")
      :format(CALLS, rate, ROTATIONS, rejected, visible))
    assert.equal(0, visible)
    assert.is_true(rejected > 0, "no key was revoked while it was in use")
    assert.is_true(rejected <= ROTATIONS)
  end)
end)
