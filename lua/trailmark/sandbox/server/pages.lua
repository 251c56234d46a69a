-- The four styles of pagination, over one collection:
--   cursor  ?cursor=&limit=    {"data": [...], "next_cursor": "...", "has_more": true}
--   page    ?page=&per_page=   {"data": [...], "page": 1, "per_page": 20, "total_pages": 3}
--   offset  ?offset=&limit=    {"data": [...], "offset": 0, "limit": 20, "total": 41}
--   link    ?after=&limit=     [...] and a header Link: <...>; rel="next"
-- `?style=` names one; without it the parameters tell, and else it is "cursor".
-- Pure: what a page is made of, no JSON.

local pages = {}

local MOST = 100
local DEFAULT = 20

-- A whole number among the parameters, or what is wrong with it.
local function whole(args, name, default, least)
  local value = args[name]
  if value == nil then
    return default
  end
  local number = type(value) == "string" and value:match("^%d+$") and tonumber(value)
  if not number or number < least or number > 1e9 then
    return nil, ("`%s` must be a whole number of at least %d."):format(name, least)
  end
  return number
end

local function size(args, name)
  local count, problem = whole(args, name, DEFAULT, 1)
  return count and math.min(count, MOST), problem
end

-- Where to begin, how many to give.
local function range(args, start_name, least, size_name)
  local start, start_problem = whole(args, start_name, least, least)
  local count, size_problem = size(args, size_name)
  return start, count, start_problem or size_problem
end

-- Opaque to clients: the creation number of the last contact seen, which deletions do not move.
local function cursor_of(list, place)
  return ("cur_%08x"):format(list:number_at(place))
end

-- The same where the place to go on from is told by a cursor.
local function cursor_range(list, args, name)
  local count, problem = size(args, "limit")
  local cursor = args[name]
  if cursor == nil or cursor == "" then
    return 0, count, problem
  end
  local number = type(cursor) == "string" and cursor:match("^cur_(%x%x%x%x%x%x%x%x)$")
  if not number then
    return nil, nil, ("`%s` is not one of ours."):format(name)
  end
  return list:position(tonumber(number, 16)), count, problem
end

local styles = {}

function styles.cursor(list, args)
  local skip, count, problem = cursor_range(list, args, "cursor")
  if problem then
    return nil, problem
  end
  local more = skip + count < #list.list
  local next_cursor = more and cursor_of(list, skip + count) or pages.null
  return {
    items = list:slice(skip, count),
    fields = { "next_cursor", next_cursor, "has_more", more },
  }
end

function styles.page(list, args)
  local page, per_page, problem = range(args, "page", 1, "per_page")
  if problem then
    return nil, problem
  end
  local total = math.max(1, math.ceil(#list.list / per_page))
  return {
    items = list:slice((page - 1) * per_page, per_page),
    fields = { "page", page, "per_page", per_page, "total_pages", total },
  }
end

function styles.offset(list, args)
  local offset, limit, problem = range(args, "offset", 0, "limit")
  if problem then
    return nil, problem
  end
  return {
    items = list:slice(offset, limit),
    fields = { "offset", offset, "limit", limit, "total", #list.list },
  }
end

function styles.link(list, args)
  local skip, count, problem = cursor_range(list, args, "after")
  if problem then
    return nil, problem
  end
  local next_query
  if skip + count < #list.list then
    next_query = ("style=link&limit=%d&after=%s"):format(count, cursor_of(list, skip + count))
  end
  return { items = list:slice(skip, count), next_query = next_query }
end

--- What says null among the fields.
pages.null = {}

--- One page. `fields` (names and values in turn) go beside the items; without `fields` the items
--- are the whole body and `next_query`, if any, belongs in a Link header.
---@param list table a collection of contacts.lua
---@param args table<string, any> query parameters
---@return { items: table[], fields: any[]?, next_query: string? }|nil page
---@return string|nil problem
function pages.read(list, args)
  local style = args.style or args.page and "page" or args.offset and "offset" or "cursor"
  local read = styles[style]
  if not read then
    return nil, "`style` must be cursor, page, offset or link."
  end
  return read(list, args)
end

return pages
