--- Where the parts of a page stand in a decoded body. Pure.

local gap = require "trailmark.gap"
local json = require "trailmark.json"

local fields = {}

local null = json.null

--- The value at a path such as "meta.next_cursor"; nil where there is none. A name that itself has
-- dots comes first.
---@param body any
---@param path string
---@return any
function fields.at(body, path)
  if type(body) ~= "table" then return nil end
  local whole = rawget(body, path)
  if whole ~= nil or not path:find(".", 1, true) then return whole end
  local value = body
  for name in path:gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    value = rawget(value, name)
  end
  return value
end

--- Says nothing: absent, null, false or empty.
---@return boolean
function fields.is_none(value)
  return value == nil or value == null or value == false or value == ""
end

-- Objects of an answer that tell about the page rather than hold its items.
local ABOUT = { "meta", "pagination", "paging", "page_info", "pageInfo", "links", "_links" }

--- The first of these names that the body, or what it tells about the page, holds; null counts.
---@param body any
---@param names string[]
---@return any value
---@return string|nil path
function fields.first(body, names)
  if type(body) ~= "table" then return nil end
  for _, name in ipairs(names) do
    local value = rawget(body, name)
    if value ~= nil then return value, name end
  end
  for _, about in ipairs(ABOUT) do
    local within = rawget(body, about)
    for _, name in ipairs(type(within) == "table" and names or {}) do
      local value = rawget(within, name)
      if value ~= nil then return value, about .. "." .. name end
    end
  end
  return nil
end

local WHOLE = 2 ^ 53

--- A whole number from one of these fields, also where it is written as a string.
---@return number|nil
function fields.number(body, names)
  local value = fields.first(body, names)
  if type(value) == "string" and value:find("^%d+$") then value = tonumber(value) end
  if type(value) ~= "number" or value % 1 ~= 0 or value < 0 or value >= WHOLE then return nil end
  return value
end

--- A place in a list as text: a string, or a whole number; nil for anything else. An integer of Lua
-- 5.3 is exact whatever its size; a float beyond 2^53 may be another number than the server's.
---@return string|nil
function fields.text(value)
  if type(value) == "string" then return value end
  if math.type and math.type(value) == "integer" then return ("%d"):format(value) end
  if type(value) ~= "number" or value % 1 ~= 0 or math.abs(value) >= WHOLE then return nil end
  return ("%.0f"):format(value)
end

-- Items -------------------------------------------------------------------------------------------

-- Where items stand that nobody told us about, after the collection's own name.
local USUAL = { "data", "items", "results", "records", "entries" }

local function is_array(value)
  return type(value) == "table" and (rawget(value, 1) ~= nil or json.is_array(value))
end

--- The last word of a path: "contacts" of "/workspaces/me/contacts?sort=name".
local function collection(path)
  return path:match("^[^?#]*"):match("([%w_-]+)/*$")
end

local function search(body, path)
  if is_array(body) then return body end
  local names = { collection(path) }
  for _, name in ipairs(USUAL) do
    if name ~= names[1] then names[#names + 1] = name end
  end
  for _, name in ipairs(names) do
    local value = fields.at(body, name)
    if is_array(value) then return value end
  end
  return nil, ('no items: looked for an array as the body and in its "%s"; paginate.items tells'
    .. ' where they are'):format(table.concat(names, '", "'))
end

local function at_path(body, path)
  local value = fields.at(body, path)
  if is_array(value) then return value end
  if value == null then return {} end -- how some servers write an empty list
  local found = value == nil and "nothing" or type(value) == "table" and "an object"
    or "a " .. type(value)
  return nil, ('no items: paginate.items = "%s" finds %s there, not an array'):format(path, found)
end

--- What keeps a function's result from being a list that ends at its end, or nil.
local function no_list(value)
  if type(value) ~= "table" then return "a " .. type(value) .. ", not a table" end
  if getmetatable(value) ~= nil then return nil end
  local at = gap(value)
  if at then return ("an array that lacks element %d: leave no gap"):format(at) end
  return #value == 0 and next(value) ~= nil and "an object, not an array" or nil
end

--- The items of a page.
---@param body any
---@param where? string|fun(body: any): table  paginate.items
---@param path string  of the request: its last word names the collection
---@return table|nil items
---@return string|nil problem
function fields.items(body, where, path)
  if where == nil then return search(body, path) end
  if type(where) == "string" then return at_path(body, where) end
  local items = where(body)
  local problem = no_list(items)
  if not problem then return items end
  return nil, "no items: the function paginate.items returned " .. problem
end

return fields
