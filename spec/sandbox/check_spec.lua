-- What the sandbox refuses to be told, with an error that names it.

local sandbox = require("trailmark.sandbox")

-- The error of a call, which must have the position of this file.
local function mistake(call)
  local ok, err = pcall(call)
  assert.is_false(ok)
  assert.matches("check_spec%.lua:%d+: ", err)
  return (err:gsub("^.-:%d+: ", ""))
end

describe("start", function()
  local rows = {
    { { limt = 1 }, 'there is no "limt" %(did you mean "limit"%?%)' },
    { { [1] = 1 }, "there is no 1" },
    { { limit = "600" }, 'limit must be a whole number above 0, not "600"$' },
    { { limit = 1.5 }, "limit must be a whole number" },
    { { limit = -1 }, "limit must be a whole number" },
    { { limit = 0 }, "limit must be a whole number above 0, not 0: a step with status = 429" },
    { { window = 0 }, "window must be a number above 0" },
    { { window = 0 / 0 }, "window must be a number above 0" },
    { { window = math.huge }, "window must be a number above 0" },
    { { https = 1 }, "https must be a boolean" },
    { { contacts = -1 }, "contacts must be a whole number" },
    { { scope = "all" }, "scope must be one of read:workspace, read:write:workspace, admin:full" },
    { { reset_rounding = "off" }, "reset_rounding must be one of up, down, nearest" },
    { { date_skew = "1" }, "date_skew must be a number of seconds" },
    { { log_limit = {} }, "log_limit must be a whole number" },
    { { nginx = "" }, "nginx must be a string that is not empty" },
    { "fast", "must be a table, not string" },
  }
  for i, row in ipairs(rows) do
    it(("refuses row %d"):format(i), function()
      assert.matches(row[2], mistake(function() sandbox.start(row[1]) end))
    end)
  end

  it("leaves its options as they are", function()
    local opts = setmetatable({ limit = 5 }, { __newindex = error })
    local sb = assert(sandbox.start(opts))
    finally(function() sb:stop() end)
    assert.same({ limit = 5 }, opts)
  end)
end)

describe("a sandbox", function()
  local sb

  setup(function() sb = assert(sandbox.start()) end)
  teardown(function() sb:stop() end)

  local steps = {
    { { statu = 1 }, 'script: step 1: there is no "statu" %(did you mean "status"%?%)' },
    { { status = 42 }, "step 1: status must be an HTTP status, 200 to 599, not 42" },
    { { status = 600 }, "status must be" },
    { { status = "503" }, "status must be" },
    { { headers = "x" }, "headers must be a table" },
    { { headers = { "X: 1" } }, "headers must be a table" },
    { { headers = { a = {} } }, "headers must be a table" },
    { { headers = { a = { 1 } } }, "headers must be a table" },
    { { headers = { a = true } }, "headers must be a table" },
    { { body = 5 }, "body must be a string or a table, not 5" },
    { { delay = -1 }, "delay must be seconds, 0 to 3600" },
    { { delay = 3601 }, "delay must be seconds" },
    { { fault = "explode" }, 'fault must be one of reset, truncate, not "explode"' },
    { { match = 1 }, 'match must be a method, a path or both, as "POST /contacts" or .*, not 1$' },
    { { match = "" }, "match must be a method, a path or both" },
    { { match = "GET /a?b=1" }, 'match must be .*, not "GET /a%?b=1": leave the query out' },
    { { match = "/a#b" }, "leave the query out" },
    { { match = "GET /a*/b" }, "a %* stands at the end alone" },
    { { match = "/a**" }, "a %* stands at the end alone" },
    { { match = "get /a" }, "methods are GET, .* in capitals" },
    { { match = "post" }, "in capitals" },
    { { match = "GTE /a" }, "methods are GET" },
    { { match = "workspaces/me" }, "a path begins with /" },
    { { match = "GET workspaces/me" }, "a path begins with /" },
    { { match = "GET *me" }, "a %* stands at the end alone" },
    { { match = "GET /a HTTP/1.1" }, "a method and a path are all there is to it" },
    { { match = "GET " }, "a method and a path are all there is to it" },
    { { match = " /a" }, "a method and a path are all there is to it" },
    { {}, "step 1: {} says nothing: give what it answers, or match or times of requests" },
    { { fault = "reset", status = 503, body = "x" },
      'fault = "reset" sends no answer that could have body: leave one of them out' },
    { { fault = "reset", headers = { a = "b" } }, "could have headers" },
    { { fault = "reset", date_skew = 5 }, "could have date_skew" },
    { { status = 204, body = "x" }, "status = 204 has no body: leave body out, or take another" },
    { { status = 304, body = {} }, "status = 304 has no body: leave body out" },
    { { status = 204, fault = "truncate" }, 'has no body: leave fault = "truncate" out' },
    { { acts = false }, "acts = false goes with a status or body: a step without them acts" },
    { { times = 0 }, "times must be a whole number above 0, or math.huge" },
    { { times = 1.5 }, "times must be" },
    { { acts = "no" }, "acts must be a boolean" },
    { 5, "script: step 1 must be a table, not number" },
  }
  for i, row in ipairs(steps) do
    it(("refuses the step of row %d"):format(i), function()
      assert.matches(row[2], mistake(function() sb:script({ row[1] }) end))
    end)
  end

  it("takes steps that let requests through, and all there is of answers without a body", function()
    sb:script({
      { times = 2 }, { match = "GET /x" }, { match = "*" }, { match = "* *" }, { match = "DELETE" },
      { match = "/v1/contacts/*" }, { match = "OPTIONS /*" }, { match = "POST  *" },
      { status = 204, body = "" }, { status = 503, fault = "reset" }, { body = "x", acts = true },
    })
    sb:reset()
  end)

  it("names the step that is wrong, and takes none", function()
    assert.matches("step 2: status", mistake(function()
      sb:script({ { status = 500 }, { status = 5 } })
    end))
    assert.equal(401, require("spec.sandbox.talk").ask(sb, "GET", "/x", { key = false }).status)
  end)

  it("refuses other mistakes", function()
    local rows = {
      { function() sb:script() end, "script: must be a list of steps" },
      { function() sb:script({}) end, "script: must be a list of steps" },
      { function() sb:script({ status = 503 }) end, "script: must be a list of steps" },
      { function() sb:make_key("all") end, "make_key: the scope must be one of" },
      { function() sb:make_key() end, "make_key: the scope must be one of" },
      { function() sb:make_key("admin:full", 5) end, "make_key: the workspace must be a string" },
      { function() sb:rotate() end, "rotate: the key must be a string" },
      { function() sb:rotate("k", "1") end, "rotate: the overlap must be a number of seconds" },
      { function() sb:rotate("k") end, "rotate: the sandbox has no such key" },
      { function() sb:revoke(5) end, "revoke: the key must be a string" },
      { function() sb:revoke("k") end, "revoke: the sandbox has no such key" },
      { function() sb:set_limit(0) end,
        "set_limit: the limit must be a whole number above 0, not 0: a step with status = 429" },
      { function() sb:set_limit() end, "set_limit: the limit must be a whole number" },
      { function() sb:set_limit(5, 0) end, "set_limit: the window must be a number above 0" },
      { function() sb:set_skew("1") end, "set_skew: the argument must be a number of seconds" },
      { function() sb:seed(-1) end, "seed: the count must be a whole number" },
      { function() sb:record() end, "record: the argument must be a boolean" },
    }
    for _, row in ipairs(rows) do
      assert.matches(row[2], mistake(row[1]))
    end
  end)
end)
