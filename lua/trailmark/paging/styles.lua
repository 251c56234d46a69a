--- Where a list goes on, by each of the styles of pagination. Pure: what decides is the answer.
--
-- A place is { style =, param =, text = }: the page that `param=text` asks for, or that the link
-- `text` leads to. Each style is a function of an answer and of paginate's settings. It returns the
-- next place, nil at the end of the list, or nil and what is wrong with the answer: a list that
-- ends for want of understanding would be a short list that looks like a whole one.

local core = require "trailmark.core"
local fields = require "trailmark.paging.fields"

---@class trailmark.paging.Place
---@field style "cursor"|"page"|"offset"|"link"
---@field param? string  the query parameter; none for a link
---@field text string
---@field skip? integer  items of the page that were given already

---@class trailmark.paging.Answer
---@field body any
---@field headers table<string, string>
---@field items table
---@field place? trailmark.paging.Place  where it stands; nil: at the beginning
---@field size? number                   how many items were asked for
---@field whole? boolean                 the beginning was asked for, so a total counts these items

local styles = {}

-- Names that are usual. The first column of a row is the body's field, the second the query's.
local TOKENS = {
  { "next_cursor", "cursor" }, { "nextCursor", "cursor" },
  { "next_page_token", "page_token" }, { "nextPageToken", "pageToken" },
}
local LINKS = { "next", "next_url", "next_page_url", "nextLink", "@odata.nextLink" }
local MORE = { "has_more", "hasMore", "has_next", "has_next_page", "hasNextPage" }
local NUMBER = { "page", "current_page", "currentPage", "page_number" }
local NEXT_NUMBER = { "next_page", "nextPage" }
local PAGES = { "total_pages", "totalPages", "last_page", "page_count", "num_pages" }
local TOTAL = { "total", "total_count", "totalCount", "total_items" }
local SIZE = { "per_page", "perPage", "page_size", "pageSize", "limit" }
local LIMIT = { "limit", "page_size", "pageSize", "per_page", "perPage" }

-- Where an answer tells the next page, or that there is none.
local PLACES = { "links", "_links" }
for _, names in ipairs { LINKS, NEXT_NUMBER } do
  for _, name in ipairs(names) do PLACES[#PLACES + 1] = name end
end
for _, row in ipairs(TOKENS) do PLACES[#PLACES + 1] = row[1] end

--- The query parameter of a style, unless paginate.param names another.
styles.params = { cursor = "cursor", page = "page", offset = "offset" }

local function place(style, text, settings, param)
  if style == "link" then return { style = style, text = text } end
  return { style = style, text = text, param = settings.param or param or styles.params[style] }
end

local function number_place(style, number, settings)
  return place(style, ("%.0f"):format(number), settings)
end

--- Whether the body says so; nil where it does not say.
local function has_more(body)
  local value, path = fields.first(body, MORE)
  if type(value) == "boolean" then return value, path end
end

-- A relative link needs a "?": a cursor in base64 may begin with "/".
local function looks_like_link(text)
  return text:find("^[Hh][Tt][Tt][Pp][Ss]?://") or text:find("^/.*%?") or text:find("^%?")
end

-- Cursor ------------------------------------------------------------------------------------------

--- Some services tell a cursor to the very end, for whoever wants to ask again later: has_more says
-- then that nothing follows. It is believed where the page bears it out by being empty.
local function is_left_over(answer)
  return #answer.items == 0 and has_more(answer.body) == false
end

--- The cursor in a field that is made for one.
local function own_token(answer, settings)
  if is_left_over(answer) then return nil end
  for _, row in ipairs(TOKENS) do
    local value, path = fields.first(answer.body, { row[1] })
    if not fields.is_none(value) then
      local text = fields.text(value)
      if text then return place("cursor", text, settings, row[2]) end
      return nil, ('"%s" of the answer is a %s, not a cursor'):format(path, type(value))
    end
  end
end

--- The field "next", where it holds a cursor rather than a link.
local function next_token(answer, settings)
  local value, path = fields.first(answer.body, { "next" })
  if type(value) ~= "string" or value == "" then return nil end
  if not looks_like_link(value) then return place("cursor", value, settings) end
  return nil, ('"%s" of the answer is a link, which paginate.style = "link" follows'):format(path)
end

local function cursor(answer, settings)
  local found, problem = own_token(answer, settings)
  if found or problem then return found, problem end
  return next_token(answer, settings)
end

-- Page --------------------------------------------------------------------------------------------

--- Whether a page follows page `number`. An empty one ends a list that does not tell its length.
local function page_follows(answer, number)
  local body = answer.body
  local more = has_more(body)
  if more ~= nil then return more end
  local last, total, size = fields.number(body, PAGES), fields.number(body, TOTAL),
    fields.number(body, SIZE)
  if not last and total and size and size > 0 then last = math.ceil(total / size) end
  if last then return number < last end
  return #answer.items > 0
end

local function page(answer, settings)
  local body, here = answer.body, answer.place
  local told, path = fields.first(body, NEXT_NUMBER)
  local following = fields.number(body, NEXT_NUMBER)
  if following then return number_place("page", following, settings) end
  if path and fields.is_none(told) then return nil end
  local number = here and tonumber(here.text) or fields.number(body, NUMBER) or 1
  if not page_follows(answer, number) then return nil end
  return number_place("page", number + 1, settings)
end

-- Offset ------------------------------------------------------------------------------------------

local function offset_follows(answer, reached)
  local more = has_more(answer.body)
  if more ~= nil then return more end
  local total = fields.number(answer.body, TOTAL)
  if total then return reached < total end
  return #answer.items > 0
end

--- Goes on behind the items that came: a server may give fewer than it was asked for. Only an empty
-- page is passed by its size.
local function offset(answer, settings)
  local here, count = answer.place, #answer.items
  local start = here and tonumber(here.text) or fields.number(answer.body, { "offset" }) or 0
  if not offset_follows(answer, start + count) then return nil end
  if count == 0 then count = fields.number(answer.body, LIMIT) or answer.size or 0 end
  if count > 0 then return number_place("offset", start + count, settings) end
  return nil, ("the answer is empty, although the list goes on behind %.0f, and does not tell the"
    .. " size of a page; paginate.per_page does"):format(start)
end

-- Link --------------------------------------------------------------------------------------------

local function header_link(answer, settings)
  local header = answer.headers.link
  if header == nil then return nil end
  local target, malformed = core.next_link(header)
  if malformed then return nil, "the header Link is malformed" end
  if target then return place("link", target, settings) end
end

--- A link in the body: a string, or an object with "href" (as in HAL). With `sure`, a plain "next"
-- has to look like one.
local function body_link(answer, settings, sure)
  for _, name in ipairs(LINKS) do
    local value, path = fields.first(answer.body, { name })
    local open = name == "next" and type(value) == "string" and not path:find("links", 1, true)
    if type(value) == "table" then value = fields.at(value, "href") end
    local fits = type(value) == "string" and value ~= ""
    if fits and not (sure and open and not looks_like_link(value)) then
      return place("link", value, settings)
    end
  end
end

local function sure_link(answer, settings)
  return body_link(answer, settings, true)
end

local function link(answer, settings)
  local found, problem = header_link(answer, settings)
  if found or problem then return found, problem end
  return body_link(answer, settings)
end

-- Auto --------------------------------------------------------------------------------------------

local function auto_page(answer, settings)
  local told = fields.number(answer.body, NEXT_NUMBER) or fields.number(answer.body, NUMBER)
  if told then return page(answer, settings) end
end

local function auto_offset(answer, settings)
  local told = fields.number(answer.body, { "offset" })
  if told then return offset(answer, settings) end
end

local AUTO = { header_link, own_token, sure_link, next_token, auto_page, auto_offset }

local function auto(answer, settings)
  for _, look in ipairs(AUTO) do
    local found, problem = look(answer, settings)
    if found or problem then return found, problem end
  end
end

-- All of them -------------------------------------------------------------------------------------

local BY_NAME = { cursor = cursor, page = page, offset = offset, link = link, auto = auto }

--- What paginate.next finds. Under "auto" a link is known by its looks.
local function from_option(answer, style, settings)
  local where = settings.next
  local by_name = type(where) == "string"
  local value
  if by_name then value = fields.at(answer.body, where) else value = where(answer.body) end
  if fields.is_none(value) then return nil end
  local text = fields.text(value)
  if not text then
    local found = by_name and ('paginate.next = "%s" finds'):format(where)
      or "the function paginate.next returned"
    return nil, ("%s a %s, not a string or a whole number"):format(found, type(value))
  end
  if style == "auto" then style = looks_like_link(text) and "link" or "cursor" end
  return place(style, text, settings)
end

--- Whether the answer has a place for what follows: left empty, it says that nothing does.
local function tells_end(answer)
  local _, path = fields.first(answer.body, PLACES)
  return path or answer.headers.link or has_more(answer.body) ~= nil
end

--- A total of more than came, of an answer that tells of nothing else.
local function short_of(answer)
  local total, count = fields.number(answer.body, TOTAL), #answer.items
  if not answer.whole or not total or total <= count or tells_end(answer) then return nil end
  local _, path = fields.first(answer.body, TOTAL)
  return ('"%s" is %.0f, but the answer has %d items and does not tell where the list goes on')
    :format(path, total, count)
end

--- What contradicts the end of a list that was not counted.
local function unfinished(answer, style, settings)
  if style == "page" or style == "offset" then return nil end
  local more, path = has_more(answer.body)
  if more then
    return ('"%s" is true, but the answer does not tell where the list goes on'):format(path)
  end
  local other = style == "link" and own_token(answer, settings)
    or style == "cursor" and sure_link(answer, settings)
  if other then return ('the list goes on by %s, not by %s'):format(other.style, style) end
  local unread, name = fields.first(answer.body, { "next" })
  if not fields.is_none(unread) then
    return ('"%s" is a %s, which may mean anything'):format(name, type(unread))
  end
  return style == "auto" and short_of(answer) or nil
end

--- Where the list goes on behind an answer.
---@param answer trailmark.paging.Answer
---@param settings trailmark.Paginate
---@return trailmark.paging.Place|nil next  nil at the end
---@return string|nil problem
function styles.next(answer, settings)
  local style = answer.place and answer.place.style or settings.style
  if settings.next then return from_option(answer, style, settings) end
  local found, problem = BY_NAME[style](answer, settings)
  if not found and not problem then
    problem = unfinished(answer, style, settings)
    if problem then problem = problem .. "; paginate.style and paginate.next tell" end
  end
  if found and answer.place then found.param = answer.place.param end
  return found, problem
end

return styles
