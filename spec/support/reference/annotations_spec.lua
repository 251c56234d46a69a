local annotations = require "spec.support.reference.annotations"

local SOURCE = [[
--- What the file is for.
--
-- More of it.

local other = require "other"

--- Of two kinds.
---@alias m.Kind "a"|"b"

--- A thing.
--
--     local thing = m.new()
---@class m.Thing: m.Base
---@field size? integer  how large,
---  in bytes
---@field kind m.Kind
local Thing = {}
Thing.__index = Thing

-- Making one ----------------------------

local function inner() return 1 end

--- Makes one.
-- At once.
---@param name string  its name
---@param opts? table
---@return m.Thing|nil thing
---@return string|nil err  what is wrong
function Thing.new(name, opts)
  return inner(name, opts)
end

--- Says nothing.
function Thing:quiet()
  if self.done then return end
end

---@package
function Thing:hidden() return 2 end

--- Of another module.
---@type fun(a: string): b: integer
Thing.far = other.far

function Thing:bare(a, ...) self.a = a end
]]

describe("annotations of a source", function()
  local found, problems = annotations.read(SOURCE, "m.lua")
  local by_name = {}
  for _, made in ipairs(found.functions) do by_name[made.name] = made end

  it("are understood", function() assert.same({}, problems) end)

  it("tell the class: its parent, its variable, its words and its fields", function()
    local class = found.classes[1]
    assert.same({ "m.Thing", "m.Base", "Thing" }, { class.name, class.parent, class.variable })
    assert.same({ { text = "A thing." }, { code = "local thing = m.new()" } }, class.text)
    assert.same({
      { name = "size", optional = true, type = "integer", text = "how large, in bytes", line = 14 },
      { name = "kind", optional = false, type = "m.Kind", text = "", line = 16 },
    }, class.fields)
  end)

  it("tell the alias", function()
    local alias = found.aliases[1]
    assert.same({ "m.Kind", '"a"|"b"' }, { alias.name, alias.type })
    assert.same({ { text = "Of two kinds." } }, alias.about)
  end)

  it("tell a function: its section, words, parameters, results and arguments", function()
    local made = by_name["Thing.new"]
    assert.equal("Making one", made.section)
    assert.same({ { text = "Makes one. At once." } }, made.text)
    assert.same({ "name", "opts" }, made.arguments)
    assert.equal("its name", made.params[1].text)
    assert.is_true(made.params[2].optional)
    assert.same({ type = "m.Thing|nil", name = "thing", text = "" }, made.returns[1])
    assert.same({ type = "string|nil", name = "err", text = "what is wrong" }, made.returns[2])
    assert.is_true(made.gives)
  end)

  it("tell a function that returns nothing from one that does", function()
    assert.is_nil(by_name["Thing:quiet"].gives)
    assert.is_true(by_name["Thing:hidden"].gives)
    assert.is_nil(by_name["Thing:bare"].gives)
  end)

  it("tell what is not for users, and what has no words", function()
    assert.is_true(by_name["Thing:hidden"].internal)
    assert.same({}, by_name["Thing:bare"].text)
    assert.same({ "a", "..." }, by_name["Thing:bare"].arguments)
  end)

  it("tell the type of what another module made", function()
    assert.equal("fun(a: string): b: integer", by_name["Thing.far"].type)
  end)

  for tag, what in pairs {
    ["---@field name"] = "---@field wants a name and a type: name",
    ["---@param name (odd)"] = "---@param wants a name and a type: name (odd)",
    ["---@return (odd)"] = "---@return wants a type: (odd)",
    ["---@field name string"] = "---@field without a class above it",
    ["---@class"] = "---@class wants a name: ",
    ["---@alias m.A"] = "---@alias wants a name and a type: m.A",
    ["---@overload fun()"] = "---@overload is not known here",
  } do
    it("complain of " .. tag, function()
      local _, list = annotations.read("\n" .. tag .. "\n", "m.lua")
      assert.same({ "m.lua:2: " .. what }, list)
    end)
  end
end)
