--- Types as LuaLS writes them: where one ends, and what else stands in it.
--
--     fun(body: any): string|nil     table<string, string|string[]>     "low"|"high"     integer?

local types = {}

local CLOSING = { ["("] = ")", ["<"] = ">", ["{"] = "}", ["["] = "]" }

--- The place behind a bracket's partner, or nil.
local function past_bracket(text, at)
  local open = text:sub(at, at)
  local _, last = text:find("^%b" .. open .. CLOSING[open], at)
  return last and last + 1
end

local past

--- Behind `: type, name: type`, what a function type returns; where there is none, where it was.
local function past_returns(text, at)
  local behind = text:match("^:%s*()", at)
  while behind do
    behind = text:match("^[%a_][%w_]*:%s+()", behind) or text:match("^%.%.%.()", behind) or behind
    local after = past(text, behind) or behind
    at, behind = after, text:match("^,%s*()", after)
  end
  return at
end

--- The place behind one alternative, or nil.
local function past_one(text, at)
  local first = text:sub(at, at)
  if first == '"' then return text:match('^"[^"]*"()', at) end
  if first == "{" then return past_bracket(text, at) end
  if text:find("^fun%(", at) then return past_returns(text, past_bracket(text, at + 3)) end
  local behind = text:match("^[%a_][%w_.]*()", at) or text:match("^%.%.%.()", at)
  if behind and text:sub(behind, behind) == "<" then behind = past_bracket(text, behind) end
  return behind
end

--- The place behind the type that begins at `at`, or nil where none does.
---@param text string
---@param at integer
---@return integer|nil
function past(text, at)
  local behind = past_one(text, at)
  while behind do
    local mark = text:match("^%[%]()", behind) or text:match("^%?()", behind)
    if mark then
      behind = mark
    elseif text:sub(behind, behind) == "|" then
      local next_one = past_one(text, behind + 1)
      if not next_one then return behind end
      behind = next_one
    else
      return behind
    end
  end
  return nil
end

--- Splits `type rest`.
---@return string|nil type
---@return string rest  with its leading spaces
function types.split(text)
  local behind = past(text, 1)
  if not behind then return nil, text end
  return text:sub(1, behind - 1), text:sub(behind)
end

--- The parts of a list, divided by commas that stand in no bracket.
local function parts_of(text)
  local list, at, from = {}, 1, 1
  while at <= #text do
    local char = text:sub(at, at)
    if char == "," then
      list[#list + 1] = text:sub(from, at - 1)
      from = at + 1
    end
    at = CLOSING[char] and past_bracket(text, at) or at + 1
  end
  if text:find("%S", from) then list[#list + 1] = text:sub(from) end
  return list
end

local function named(part)
  local name, optional, type = part:match("^%s*([%w_]+)(%??):%s*(.-)%s*$")
  if name then return { name = name, optional = optional == "?", type = type } end
  local text = part:match("^%s*(.-)%s*$")
  return { name = text == "..." and "..." or nil, type = text == "..." and "any" or text }
end

--- The parameters and results of a function's type.
---@param type string  "fun(name?: type, ...): name: type"
---@return table[]|nil params   { name, optional, type }
---@return table[]|nil returns  { name, type }
function types.signature(type)
  local arguments, rest = type:match("^fun(%b())(.*)$")
  if not arguments then return nil end
  local params, returns = {}, {}
  for i, part in ipairs(parts_of(arguments:sub(2, -2))) do params[i] = named(part) end
  for i, part in ipairs(parts_of((rest:gsub("^:", "")))) do returns[i] = named(part) end
  return params, returns
end

return types
