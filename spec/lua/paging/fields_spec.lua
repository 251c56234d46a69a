local fields = require "trailmark.paging.fields"
local json = require "trailmark.json"

local null = json.null

describe("fields.at", function()
  local body = { a = { b = { c = 7 }, empty = null }, ["a.b"] = "whole", list = { { id = 1 } } }
  local rows = {
    { "a name", body, "list", body.list },
    { "a path", body, "a.b.c", 7 },
    { "a name with a dot, which comes first", body, "a.b", "whole" },
    { "null", body, "a.empty", null },
    { "a path that ends early", body, "a.x.c", nil },
    { "a path through a value", body, "a.b.c.d", nil },
    { "a path through null", body, "a.empty.x", nil },
    { "no such name", body, "zzz", nil },
    { "a body that is no table", "text", "a", nil },
    { "a body that is true", true, "a", nil },
  }
  for _, row in ipairs(rows) do
    it("reads " .. row[1], function() assert.equal(row[4], fields.at(row[2], row[3])) end)
  end

  it("asks no metamethod", function()
    local asked = setmetatable({}, { __index = function() error "asked" end })
    assert.is_nil(fields.at(asked, "a"))
    assert.is_nil(fields.at(asked, "a.b"))
  end)
end)

describe("fields.number", function()
  local rows = {
    { 3, 3 }, { 0, 0 }, { "12", 12 }, { 2 ^ 53 - 1, 2 ^ 53 - 1 },
    { 2 ^ 53 }, { -1 }, { 1.5 }, { "1.5" }, { "" }, { "x" }, { true }, { null }, { {} },
  }
  for _, row in ipairs(rows) do
    it("of " .. tostring(row[1]), function()
      assert.equal(row[2], fields.number({ total = row[1] }, { "total" }))
      assert.equal(row[2], fields.number({ meta = { total = row[1] } }, { "count", "total" }))
    end)
  end
end)

describe("fields.text", function()
  local rows = {
    { "a", "a" }, { "", "" }, { 7, "7" }, { 9007199254740991, "9007199254740991" }, { -3, "-3" },
    { 1.5 }, { 2 ^ 53 }, { true }, { null }, { {} },
  }
  for _, row in ipairs(rows) do
    it("of " .. tostring(row[1]), function() assert.equal(row[2], fields.text(row[1])) end)
  end

  it("of numbers beyond 2^53, as the client decodes them", function()
    for _, digits in ipairs { "9007199254740993", "-9223372036854775808", "18446744073709551615" } do
      assert.equal(digits, fields.text(json.decode(digits)))
    end
  end)
end)

describe("fields.items", function()
  local list, empty = { { id = 1 } }, json.array {}

  local found = { -- name, body, paginate.items, path
    { "the body itself", list, nil, "/x" },
    { "an empty body", empty, nil, "/x" },
    { "data", { data = list }, nil, "/x" },
    { "items", { items = list }, nil, "/x" },
    { "an empty array among others", { data = empty, next_cursor = null }, nil, "/x" },
    { "the collection's own name", { contacts = list, data = { 1 } }, nil, "/contacts" },
    { "the own name at the end of a path", { contacts = list }, nil, "/w/7/contacts/?sort=a/b" },
    { "the own name of a URL", { contacts = list }, nil, "http://h:1/v1/contacts" },
    { "a field", { result = list }, "result", "/x" },
    { "a path", { result = { rows = list } }, "result.rows", "/x" },
    { "a function", { result = { list } }, function(body) return body.result[1] end, "/x" },
  }
  for _, row in ipairs(found) do
    it("finds " .. row[1], function()
      local items, problem = fields.items(row[2], row[3], row[4])
      assert.is_nil(problem)
      assert.truthy(items == list or items == empty)
    end)
  end

  it("takes null for an empty list where it was told to look there", function()
    assert.same({}, fields.items({ rows = null }, "rows", "/x"))
    assert.same({}, fields.items({ rows = empty }, "rows", "/x"))
  end)

  it("takes a function's empty table for an empty list", function()
    assert.same({}, fields.items({}, function() return {} end, "/x"))
  end)

  local lost = { -- name, body, paginate.items, what is said
    { "an object", { status = "ok" }, nil, 'looked for an array as the body and in its "contacts", "data", "items"' },
    { "an object as data", { data = {} }, nil, "paginate.items tells" },
    { "null as data", { data = null }, nil, "paginate.items tells" },
    { "a string", "text", nil, "looked for an array" },
    { "an answer without a body", true, nil, "looked for an array" },
    { "a field that is not there", { data = list }, "rows", 'paginate.items = "rows" finds nothing there' },
    { "a field that is an object", { rows = { a = 1 } }, "rows", "finds an object there" },
    { "a field that is a string", { rows = "x" }, "rows", "finds a string there" },
    { "a function that finds nothing", {}, function() end, "the function paginate.items returned a nil" },
    { "a function's object", { a = 1 }, function(body) return body end, "returned an object, not an array" },
    { "a function's array with a gap", {}, function() return { 1, nil, 3 } end, "lacks element 2: leave no gap" },
  }
  for _, row in ipairs(lost) do
    it("does not take " .. row[1] .. " for an empty list", function()
      local items, problem = fields.items(row[2], row[3], "/contacts")
      assert.is_nil(items)
      assert.truthy(problem:find(row[4], 1, true), problem)
    end)
  end
end)
