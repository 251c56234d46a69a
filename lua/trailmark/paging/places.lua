--- A place in a list as the string that `page.next` is and `paginate.start` takes. Pure.
--
-- A style that the caller named makes it the server's own words: the cursor, the number, the URL.
-- Under "auto" it has to tell the style, too: a URL is a link, `page=3` or `offset=40` a number,
-- the rest a cursor, as `cursor=...` where it could be taken for something else. `skip=5;` in front
-- says that so many items of the page were given already (max_items cut it).

local styles = require "trailmark.paging.styles"

local places = {}

-- The parameters that may stand in front of a text, and the styles they tell.
local TAGS = {
  cursor = "cursor", page_token = "cursor", pageToken = "cursor", page = "page", offset = "offset",
}

local function tagged(place)
  local tag = place.style == "cursor" and TAGS[place.param] == "cursor" and place.param
    or place.style
  return tag .. "=" .. place.text
end

local function read_auto(text, settings)
  local tag, rest = text:match("^([%a_]+)=(.*)$")
  local style = TAGS[tag]
  if style then return { style = style, param = settings.param or tag, text = rest } end
  if text:find("^https?://") then return { style = "link", text = text } end
  if text:find("^%d+$") then return nil end -- a page, an offset or a cursor
  return { style = "cursor", param = settings.param or "cursor", text = text }
end

local function write_auto(place, settings)
  local plain = read_auto(place.text, settings)
  local same = plain and plain.style == place.style and plain.param == place.param
    and plain.text == place.text
  return same and place.text or tagged(place)
end

--- The string of a place; nil for the beginning.
---@param place? trailmark.paging.Place
---@param settings trailmark.Paginate
---@param skip? integer  items of its page that were given already
---@return string|nil
function places.write(place, settings, skip)
  local text = place and (settings.style == "auto" and write_auto(place, settings) or place.text)
  if not skip and not (text and text:find("^skip=%d+;")) then return text end
  return ("skip=%d;%s"):format(skip or 0, text or "")
end

--- The place of a string.
---@param text string
---@param settings trailmark.Paginate
---@return trailmark.paging.Place|nil place  nil for the beginning
---@return string|nil problem
---@return integer skip
function places.read(text, settings)
  local count, rest = text:match("^skip=(%d+);(.*)$")
  local skip = tonumber(count) or 0
  if count then text = rest end
  if text == "" then return nil, nil, skip end
  local style = settings.style
  if (style == "page" or style == "offset") and not settings.next and not text:find("^%d+$") then
    return nil, ('paginate.start must be a whole number in the style "%s"'):format(style), skip
  end
  if style ~= "auto" then
    local param = style ~= "link" and (settings.param or styles.params[style]) or nil
    return { style = style, param = param, text = text }, nil, skip
  end
  local place = read_auto(text, settings)
  if place then return place, nil, skip end
  return nil, "paginate.start is a number, which may be a page or an offset: paginate.style tells",
    skip
end

return places
