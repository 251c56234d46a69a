-- Rows, and the loop that reads what a caller gave.

local checks = require "trailmark.checks"
local schema = require "trailmark.options.schema"

describe("a schema", function()
  local function made(about)
    return schema.new({
      { "size", checks.integer, from = 1, to = 9, default = 3 },
      { "kind", checks.word, words = { "a", "b" }, other = "table", other_rule = "a table",
        read = function() return "t" end },
      { "on", checks.typed, types = checks.BOOLEAN, rule = "a boolean" },
    }, about or {})
  end

  it("knows its names in order, its defaults, and says the rule of words", function()
    local it = made()
    assert.same({ "size", "kind", "on" }, it.names)
    assert.same({ size = 3 }, it.defaults)
    assert.equal('"a", "b" or a table', it.rows.kind.rule)
  end)

  it("reads what was given, and returns the first problem", function()
    local settings = {}
    assert.is_nil((schema.read(made(), { size = 2, kind = {}, on = false }, settings)))
    assert.same({ size = 2, kind = "t", on = false }, settings)
    assert.equal("size must be an integer from 1 to 9, got 10", (schema.read(made(), { size = 10 }, {})))
    assert.equal('unknown option "sise" (did you mean "size"?)', (schema.read(made(), { sise = 1 }, {})))
  end)

  it("asks its rules when everything was read, and tells a note on a name of elsewhere", function()
    local it = made { notes = { time = "it is of another" }, rules = { function(settings, given)
      return settings.size == 2 and given.on and "not both"
    end } }
    assert.equal("not both", (schema.read(it, { size = 2, on = true }, {})))
    assert.equal('unknown option "time" (it is of another)', (schema.read(it, { time = 1 }, {})))
  end)

  it("names options of a table with that, and puts them beside the others or apart", function()
    local beside, apart = made { within = "box", flat = true }, made { within = "box" }
    local settings = {}
    assert.equal("there", (schema.beside(beside, "there")({ size = 4 }, settings)))
    assert.same({ box_size = 4 }, settings)
    assert.same({ size = 3, on = true }, (schema.apart(apart)({ on = true })))
    local _, problem = schema.apart(apart)({ size = 0 })
    assert.equal("box.size must be an integer from 1 to 9, got 0", problem)
  end)

  it("fills what was not given, false being given", function()
    assert.same({ on = false, size = 3 }, schema.fill({ on = false }, { on = true, size = 3 }))
  end)

  it("puts a note on each row, and joins rows", function()
    assert.same({ x = 1, a = "n", b = "n" }, schema.note_all({ x = 1 }, { { "a" }, { "b" } }, "n"))
    assert.same({ { "a" }, { "b" }, { "c" } }, schema.joined({ { "a" }, { "b" } }, { { "c" } }))
  end)
end)
