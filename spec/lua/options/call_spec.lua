-- The options of calls and lists, and the parts of a request.

local option_rows = require "spec.support.option_rows"
local options = require "trailmark.options"

local get, pages, request, raised = option_rows.get, option_rows.pages, option_rows.request, option_rows.raised
local rows_of, CALL, LISTS, KEY = option_rows.of, option_rows.CALL, option_rows.LISTS, option_rows.KEY

describe("options.call", function()
  rows_of(it, "tm:get", get, CALL)

  it("gives nil for nil, and a fresh table for one", function()
    assert.same({}, { get(nil) })
    local given = { timeout = 1, params = { id = 1 }, headers = { ["X-A"] = "1" } }
    local settings = get(given)
    assert.same({ timeout = 1, params = { id = 1 }, headers = { ["x-a"] = "X-A: 1" } }, settings)
    assert.are_not.equal(given, settings)
    assert.are_not.equal(given.params, settings.params)
  end)

  it("keeps false", function()
    assert.same({ decode = false, idempotency_key = false },
      get { decode = false, idempotency_key = false })
  end)

  local unknown = {
    { "time_out", '(did you mean "timeout"?)' }, { "key", "an option of trailmark.new" },
    { "query", "beside the options" }, { "body", "beside the options" },
    { "paginate", "an option of tm:pages" }, { "max_items", "into the option paginate, of lists" },
    { "idempotencykey", '(did you mean "idempotency_key"?)' }, { 1, "options have names" },
  }
  for _, row in ipairs(unknown) do
    it(("answers the unknown option %s"):format(tostring(row[1])), function()
      local message = raised("tm:get", get, { [row[1]] = 1 })
      assert.truthy(message:find(row[2], 1, true), message)
    end)
  end

  it("wants a table", function()
    for _, value in ipairs { 1, true, "x", print } do
      assert.truthy(raised("tm:get", get, value):find("must be a table", 1, true))
    end
  end)
end)

describe("options.request", function()
  it("gives the parts and the options of a call in one table", function()
    local query, body = { a = 1 }, { b = 2 }
    local settings = request { method = "POST", path = "/x", query = query, body = body,
      timeout = 2 }
    assert.same({ method = "POST", path = "/x", query = { a = 1 }, body = { b = 2 }, timeout = 2 },
      settings)
    assert.equal(query, settings.query)
    assert.equal(body, settings.body)
  end)

  it("takes GET for a request without a body", function()
    assert.equal("GET", request({ path = "/x" }).method)
  end)

  for _, method in ipairs { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" } do
    it("knows " .. method, function()
      assert.equal(method, request({ path = "/x", method = method }).method)
    end)
  end

  local refused = {
    { "no path", {}, "path must be given" },
    { "a path that is no string", { path = 7 }, "path must be a string, got 7" },
    { "a method in small letters", { path = "/x", method = "get" }, '(did you mean "GET"?)' },
    { "a misspelt method", { path = "/x", method = "PSOT" }, '(did you mean "POST"?)' },
    { "a method of a server's", { path = "/x", method = "TRACE" }, 'got "TRACE"' },
    { "a method that is no string", { path = "/x", method = 1 }, "method must be" },
    { "a body without a method", { path = "/x", body = {} }, "method must be given" },
    { "a body with GET", { path = "/x", method = "GET", body = {} }, "GET carries no body" },
    { "a body with HEAD", { path = "/x", method = "HEAD", body = {} }, "HEAD carries no body" },
    { "bytes without a type", { path = "/x", method = "PUT", body = "x" }, "content_type" },
    { "a body of another type", { path = "/x", method = "PUT", body = 1 }, "body must be" },
    { "a query of another type", { path = "/x", query = 1 }, "query must be" },
    { "an unknown name", { path = "/x", qurey = {} }, '(did you mean "query"?)' },
    { "the client's option", { path = "/x", key = KEY }, "an option of trailmark.new" },
    { "a wrong option", { path = "/x", timeout = 0 }, "timeout must be" },
    { "no table", "/x", "must be a table" },
    { "nothing", nil, "must be a table" },
  }
  for _, row in ipairs(refused) do
    it("refuses " .. row[1], function()
      local message = raised("tm:request", request, row[2])
      assert.truthy(message:find(row[3], 1, true), message)
    end)
  end

  it("hands back what is wrong with the bytes", function()
    local settings, problem = request { path = "/x", idempotency_key = "a\nb" }
    assert.is_nil(settings)
    assert.truthy(problem:find("byte 2 is \\x0A", 1, true))
  end)

  it("speaks in the name of its caller", function()
    local _, message = pcall(function() options.request({}, 1, "tm:send") end)
    assert.truthy(message:find("call_spec%.lua:%d+: tm:send: path must be given$"), message)
  end)
end)

describe("options.pages", function()
  rows_of(it, "tm:each", pages, CALL)
  rows_of(it, "tm:each", pages, LISTS)

  it("keeps paginate in a table of its own, its style filled, its start a string", function()
    assert.same({ style = "auto", start = "7", max_pages = 2 },
      pages({ paginate = { start = 7, max_pages = 2 } }).paginate)
  end)

  it("fills paginate where it was not given", function()
    assert.same({ paginate = { style = "auto" } }, pages(nil))
    assert.same({ timeout = 1, paginate = { style = "auto" } }, pages { timeout = 1 })
    assert.are_not.equal(pages(nil).paginate, pages(nil).paginate)
  end)

  it("wants a table", function()
    assert.truthy(raised("tm:each", pages, "x"):find("must be a table", 1, true))
  end)
end)

describe("options.looks_like_opts", function()
  it("finds each option's name, false values included", function()
    for _, rows in ipairs { CALL, LISTS } do
      for _, row in ipairs(rows) do
        assert.equal(row[1], options.looks_like_opts { x = 1, [row[1]] = false })
        assert.equal(row[1], options.looks_like_opts(setmetatable({ [row[1]] = 1 }, {})))
      end
    end
  end)

  it("leaves everything else alone", function()
    local trap = setmetatable({ a = 1 }, { __index = function() error("ran") end })
    for _, value in ipairs { {}, { a = 1 }, { "timeout" }, trap, "timeout=1", 7, true } do
      assert.is_nil(options.looks_like_opts(value))
    end
    assert.is_nil(options.looks_like_opts(nil))
  end)
end)

describe("options.arguments", function()
  local function check(arguments)
    options.arguments(arguments.path or "/x", arguments.part or "query", arguments.value,
      arguments.opts, 2, "tm:call")
  end

  local refused = {
    { "an option in the query", { value = { limit = 5, timeout = 1 } }, "did you mean opts?" },
    { "an option in the body", { part = "body", value = { decode = false } },
      "did you mean opts?" },
    { "a query of another type", { value = 7 }, "query must be" },
    { "a body of another type", { part = "body", value = true, opts = {} }, "body must be" },
    { "bytes without a type", { part = "body", value = "a,b" }, "content_type must be given" },
    { "bytes without a type beside other options", { part = "body", value = "a,b",
      opts = { timeout = 1 } }, "content_type must be given" },
    { "a path that is no string", { path = {} }, "path must be a string, got a table" },
  }
  for _, row in ipairs(refused) do
    it("refuses " .. row[1], function()
      local message = raised("tm:call", check, row[2])
      assert.truthy(message:find(row[3], 1, true), message)
    end)
  end

  local accepted = {
    { "nothing", {} },
    { "a query", { value = { limit = 5 } } },
    { "an encoded query", { value = "timeout=1" } },
    { "an option's name that an empty opts says is meant", { value = { timeout = 1 }, opts = {} } },
    { "bytes with a type", { part = "body", value = "a,b", opts = { content_type = "text/csv" } } },
  }
  for _, row in ipairs(accepted) do
    it("accepts " .. row[1], function()
      assert.has_no.errors(function() check(row[2]) end)
    end)
  end
end)
