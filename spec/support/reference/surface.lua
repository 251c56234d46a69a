--- What users can reach: the functions of the modules that they require, and every class that is
-- named on the way from there. `surface.read` finds it, `surface.complaints` tells what of it is
-- not documented, and what to write where.

local annotations = require "spec.support.reference.annotations"
local types = require "spec.support.reference.types"

local surface = {}

-- Classes that stand for modules: what `require` returns.
local MODULES = { "trailmark", "trailmark.sandbox" }

local function read_file(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- Reading -----------------------------------------------------------------------------------------

local function add_functions(found)
  local by_variable = {}
  for _, class in ipairs(found.classes) do
    if class.variable then by_variable[class.variable] = class end
  end
  for _, made in ipairs(found.functions) do
    local class = by_variable[made.owner]
    if class and made.internal then
      class.internal = class.internal or {}
      class.internal[made.member] = true
    elseif class and not made.member:find("^_") then
      made.label = class.name .. made.separator .. made.member
      if made.type then
        local params, returns = types.signature(made.type)
        made.params, made.returns = params or made.params, returns or made.returns
      end
      class.functions = class.functions or {}
      table.insert(class.functions, made)
    end
  end
end

local function add(self, path)
  local found, problems = annotations.read(read_file(path), path)
  for _, problem in ipairs(problems) do table.insert(self.problems, problem) end
  for _, class in ipairs(found.classes) do self.classes[class.name] = class end
  for _, alias in ipairs(found.aliases) do self.aliases[alias.name] = alias end
  add_functions(found)
end

--- Calls `see` with each name of ours in a type.
local function each_name(type, see)
  for name in type:gsub('"[^"]*"', ""):gmatch("%f[%w]trailmark[%w_.]*") do see(name) end
end

--- Calls `see` with every field, parameter and result of a class.
local function each_part(class, see)
  for _, field in ipairs(class.fields) do see(field, "field", class) end
  for _, made in ipairs(class.functions or {}) do
    for _, param in ipairs(made.params) do see(param, "param", made) end
    for _, result in ipairs(made.returns) do see(result, "return", made) end
  end
end

local reach

local function reach_types(self, type)
  each_name(type, function(name) reach(self, name) end)
end

function reach(self, name)
  local thing = self.classes[name] or self.aliases[name]
  if self.public[name] then return end
  self.public[name] = thing or false
  if not thing then return end
  if thing.parent then reach(self, thing.parent) end
  if thing.type then return reach_types(self, thing.type) end
  each_part(thing, function(part) reach_types(self, part.type) end)
end

--- Reads the sources below a folder.
---@param root? string  of the tree, default "."
---@return table  { classes, aliases, public, problems }, the first three by name
function surface.read(root)
  local self = { classes = {}, aliases = {}, public = {}, problems = {} }
  local pipe = assert(io.popen(("cd '%s' && find lua -name '*.lua' | sort"):format(root or ".")))
  for path in pipe:lines() do add(self, (root and root .. "/" or "") .. path) end
  pipe:close()
  for _, name in ipairs(MODULES) do reach(self, name) end
  return self
end

-- Complaining -------------------------------------------------------------------------------------

-- What a number that is no integer measures, in the words of this tree.
local UNITS = { "seconds?", "s", "Unix time", "share", "results a second", "digits", "how many" }

local function says_unit(text)
  for _, unit in ipairs(UNITS) do
    if text:find("%f[%w]" .. unit .. "%f[%W]") then return true end
  end
  return false
end

local function has_number(type)
  return type:gsub("fun%b()[^|]*", ""):find("%f[%w]number%f[%W]") ~= nil
end

local ABOUT = { field = "field", param = "argument", ["return"] = "result" }

local function check_part(list, part, tag, where, path)
  local name = part.name or "name"
  local place = ("%s:%d: %s: the %s `%s`"):format(path, part.line or where.line,
    where.label or where.name, ABOUT[tag], name)
  if tag == "field" and part.text == "" then
    list[#list + 1] = ("%s wants words behind its type: ---@field %s %s  what it is"):format(place,
      name, part.type)
  elseif part.text and has_number(part.type) and not says_unit(part.text) then
    list[#list + 1] = place .. " is a number: say its unit (seconds, Unix time, a share, ...)"
  end
end

local function names_of(params)
  local set = {}
  for _, param in ipairs(params) do set[param.name] = true end
  return set
end

local function check_arguments(list, made, place)
  if not made.arguments then return end
  local documented, real = names_of(made.params), {}
  for _, name in ipairs(made.arguments) do
    real[name] = true
    if not documented[name] and name ~= "self" and not name:find("^_") then
      list[#list + 1] = ("%s: write above it ---@param %s type  what it is"):format(place, name)
    end
  end
  for name in pairs(documented) do
    if not real[name] then
      list[#list + 1] = ("%s: ---@param %s is no argument of it"):format(place, name)
    end
  end
end

local function check_function(list, made)
  local place = ("%s:%d: %s"):format(made.path, made.line, made.label)
  if #made.text == 0 then
    list[#list + 1] = place .. ": write above it what it does: --- Does this."
      .. " (where users have no business with it: ---@package)"
  end
  check_arguments(list, made, place)
  if made.gives and #made.returns == 0 then
    list[#list + 1] = place .. ": write above it ---@return type name  what it is"
  end
  if not made.arguments and not made.type and #made.params + #made.returns == 0 then
    list[#list + 1] = place .. ": write above it ---@type fun(name: type): name: type"
  end
  for _, result in ipairs(made.returns) do
    if not result.name then
      list[#list + 1] = ("%s: the result of type %s wants a name"):format(place, result.type)
    end
  end
end

local function check_class(list, class)
  if not class.text or #class.text == 0 then
    list[#list + 1] = ("%s:%d: %s: write above ---@class what it is: --- This."):format(class.path,
      class.line, class.name)
  end
  for _, made in ipairs(class.functions or {}) do check_function(list, made) end
  each_part(class, function(part, tag, where) check_part(list, part, tag, where, class.path) end)
end

--- What is missing, a line each: where, and what to write there.
---@param self table  of surface.read
---@param chapters table[]  of the reference: { classes = names, aliases = names }
---@return string[]
function surface.complaints(self, chapters)
  local list, told = {}, {}
  for _, problem in ipairs(self.problems) do list[#list + 1] = problem end
  local function tell(names)
    for _, name in ipairs(names or {}) do
      told[name] = true
      if not self.public[name] then
        list[#list + 1] = name .. ": has a chapter of the reference, and nothing public names it"
      end
    end
  end
  for _, chapter in ipairs(chapters) do
    tell(chapter.classes)
    tell(chapter.aliases)
  end
  for name, thing in pairs(self.public) do
    if not thing then
      list[#list + 1] = name .. ": a public type that no ---@class and no ---@alias declares"
    elseif not told[name] then
      list[#list + 1] = name .. ": add it to a chapter in spec/support/reference/chapters.lua"
    end
    if thing and thing.fields then check_class(list, thing) end
  end
  table.sort(list)
  return list
end

return surface
