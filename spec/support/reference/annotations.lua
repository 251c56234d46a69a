--- What a Lua source says of itself: its classes and functions with their LuaLS annotations.
--
-- Debian's documentation tool for Lua, LDoc, knows none of `---@class`, `---@field` and `fun()`
-- types, and Debian has no lua-language-server, which does; so the few forms that this tree uses
-- are read here. What is not understood is reported, never passed over.

local types = require "spec.support.reference.types"

local annotations = {}

local function trim(text) return (text:gsub("^%s+", ""):gsub("%s+$", "")) end

local Reader = {}
Reader.__index = Reader

function Reader:complain(what)
  self.problems[#self.problems + 1] = ("%s:%d: %s"):format(self.path, self.line, what)
end

--- Text of a comment as paragraphs and samples of code: { text = } or { code = }.
local function paragraphs(lines)
  local list, open = {}, nil
  for _, line in ipairs(lines) do
    local kind = line:find("^    ") and "code" or "text"
    if not line:find("%S") then
      open = nil
    elseif open and open[kind] then
      open[kind] = open[kind] .. (kind == "code" and "\n" or " ")
        .. (kind == "code" and line:sub(5) or trim(line))
    else
      open = { [kind] = kind == "code" and line:sub(5) or trim(line) }
      list[#list + 1] = open
    end
  end
  return list
end

-- Tags --------------------------------------------------------------------------------------------

local tags = {}

--- `name? type  text`
local function named(self, rest, tag)
  local name, optional, behind = rest:match("^([%w_.]+)(%??)%s+(.*)$")
  local type, text = types.split(behind or "")
  if not name or not type then
    return self:complain(("---@%s wants a name and a type: %s"):format(tag, rest))
  end
  if type:sub(-1) == "?" then type, optional = type:sub(1, -2), "?" end
  return { name = name, optional = optional == "?", type = type, text = trim(text),
    line = self.line }
end

function tags.class(self, rest)
  local name, parent = rest:match("^([%w_.]+):?%s*([%w_.]*)$")
  if not name then return self:complain("---@class wants a name: " .. rest) end
  self.class = {
    name = name, parent = parent ~= "" and parent or nil, fields = {}, line = self.line,
    path = self.path,
  }
  self.found.classes[#self.found.classes + 1] = self.class
end

function tags.field(self, rest)
  local field = named(self, rest, "field")
  if not field then return end
  if not self.class then return self:complain("---@field without a class above it") end
  table.insert(self.class.fields, field)
  self.latest = field
end

function tags.alias(self, rest)
  local name, type = rest:match("^([%w_.]+)%s+(.+)$")
  if not name then return self:complain("---@alias wants a name and a type: " .. rest) end
  local whole, text = types.split(type)
  self.latest = { name = name, type = whole, text = trim(text), line = self.line, path = self.path,
    about = paragraphs(self.block.text) }
  table.insert(self.found.aliases, self.latest)
end

function tags.param(self, rest)
  self.latest = named(self, rest, "param")
  table.insert(self.block.params, self.latest)
end

tags["return"] = function(self, rest)
  local type, behind = types.split(rest)
  if not type then return self:complain("---@return wants a type: " .. rest) end
  local name, text = behind:match("^%s+([%a_][%w_]*)%s%s+(.*)$")
  if not name then name = behind:match("^%s+([%a_][%w_]*)%s*$") end
  self.latest = { type = type, name = name, text = trim(text or name and "" or behind) }
  table.insert(self.block.returns, self.latest)
end

function tags.type(self, rest) self.block.type = rest end
function tags.generic() end
function tags.package(self) self.block.internal = true end
tags.private, tags.protected = tags.package, tags.package

-- Lines -------------------------------------------------------------------------------------------

local function new_block() return { text = {}, params = {}, returns = {} } end

--- A line of a comment: a tag, the rest of one, or text.
local function comment(self, dashes, rest)
  local tag, value = rest:match("^@(%a+)%s*(.*)$")
  self.block = self.block or new_block()
  if dashes == "---" and tag then
    self.latest = nil
    if not tags[tag] then return self:complain("---@" .. tag .. " is not known here") end
    return tags[tag](self, value)
  end
  if self.latest and rest:find("^  ") then
    self.latest.text = trim(self.latest.text .. " " .. trim(rest))
  else
    table.insert(self.block.text, (rest:gsub("^ ", "")))
  end
end

local function signature(text)
  local list = {}
  for name in text:gmatch("[%w_.]+") do list[#list + 1] = name end
  return list
end

--- A function, with the comment above it, if any.
local function declare(self, owner, separator, member, arguments)
  local block = self.block or new_block()
  block.owner, block.member, block.separator = owner, member, separator
  block.arguments = arguments and signature(arguments)
  block.line, block.path, block.section = self.line, self.path, self.section
  block.name = owner .. separator .. member
  if arguments then self.open_function = block end
  table.insert(self.found.functions, block)
end

local function code(self, line)
  local owner, separator, member, arguments = line:match("^function ([%w_]+)([.:])([%w_]+)(%b())")
  if owner then
    declare(self, owner, separator, member, arguments)
  else
    owner, member, arguments = line:match("^([%w_]+)%.([%w_]+) = function(%b())")
    if not owner then owner, member = line:match("^([%w_]+)%.([%w_]+) = [%w_.]+$") end
    if owner then declare(self, owner, ".", member, arguments) end
  end
  local name = line:match("^local ([%w_]+) = ") or line:match("^return ")
  if self.class and name then self.class.variable = self.class.variable or name end
end

--- Notes a function that returns something. One that begins at the margin ends there.
local function body(self, line)
  local value = line:match("%f[%w]return%s+(.*)$")
  if self.open_function and value and not value:find("^end%f[%W]") then
    self.open_function.gives = true
  end
  if line == "end" or line:find("^%S.* end$") then self.open_function = nil end
end

--- What a comment belongs to is the next line of code; a class's is the class.
local function close_comment(self)
  local block = self.block
  if block and self.class and not self.class.text then self.class.text = paragraphs(block.text) end
end

--- Reads a source.
---@param source string
---@param path string  for messages
---@return table found      { classes, aliases, functions }
---@return string[] problems
function annotations.read(source, path)
  local self = setmetatable({
    path = path, line = 0, problems = {}, found = { classes = {}, aliases = {}, functions = {} },
  }, Reader)
  for line in (source .. "\n"):gmatch("([^\n]*)\n") do
    self.line = self.line + 1
    local dashes, rest = line:match("^(%-%-%-?)%f[^-](.*)$")
    local section = line:match("^%-%- (.-) %-%-%-%-%-+$")
    if section then
      self.section, self.block, self.class, self.latest = section, nil, nil, nil
    elseif dashes and (self.block or dashes == "---") then
      comment(self, dashes, rest)
    else
      close_comment(self)
      if line:find("%S") then code(self, line) end
      body(self, line)
      self.block, self.latest = nil, nil
      if not line:find("%S") or self.class and self.class.variable then self.class = nil end
    end
  end
  for _, block in ipairs(self.found.functions) do block.text = paragraphs(block.text) end
  return self.found, self.problems
end

return annotations
