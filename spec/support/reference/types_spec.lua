local types = require "spec.support.reference.types"

describe("types of annotations", function()
  local rows = {
    { "string", "string", "" },
    { "string  what it is", "string", "  what it is" },
    { "string? is", "string?", " is" },
    { "string[] s", "string[]", " s" },
    { '"low"|"high"  who', '"low"|"high"', "  who" },
    { "table<string, string|string[]>  by name", "table<string, string|string[]>", "  by name" },
    { "fun(body: any): string|nil   where", "fun(body: any): string|nil", "   where" },
    { "fun(a: fun(b: c): d, ...): e, f: g h", "fun(a: fun(b: c): d, ...): e, f: g", " h" },
    { "fun() runs", "fun()", " runs" },
    { "trailmark.Error|nil  why", "trailmark.Error|nil", "  why" },
    { "{ a: b }[] list", "{ a: b }[]", " list" },
    { "... rest", "...", " rest" },
    { "(no type)", nil, "(no type)" },
    { "table<string", nil, "table<string" },
  }

  for _, row in ipairs(rows) do
    it("splits " .. row[1], function()
      local type, rest = types.split(row[1])
      assert.equal(row[2], type)
      assert.equal(row[3], rest)
    end)
  end

  it("tells a function's parameters and results", function()
    local params, returns = types.signature(
      "fun(a: table<string, b>, c?: fun(d, e): f, ...): g: h|nil, ...")
    assert.same({
      { name = "a", optional = false, type = "table<string, b>" },
      { name = "c", optional = true, type = "fun(d, e): f" }, { name = "...", type = "any" },
    }, params)
    assert.same({
      { name = "g", optional = false, type = "h|nil" }, { name = "...", type = "any" },
    }, returns)
  end)

  it("tells nothing of what is no function", function()
    assert.is_nil((types.signature "string"))
  end)
end)
