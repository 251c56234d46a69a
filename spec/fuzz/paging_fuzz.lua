-- Where a list goes on (lua/trailmark/paging). The lines of the input: the settings, as words
-- ("style=page param=p items=data per_page=5 at=3"); the header Link; the body, as JSON.
--
-- Whatever a server answers: nothing raises, nothing is changed, a place that is found can be
-- written and read again, a list never ends while the answer says that it goes on, and one that
-- leads nowhere new is found out.

local fields = require "trailmark.paging.fields"
local json = require "trailmark.json"
local places = require "trailmark.paging.places"
local queries = require "trailmark.paging.query"
local repeats = require "trailmark.paging.repeats"
local styles = require "trailmark.paging.styles"

local STYLES = { auto = true, cursor = true, page = true, offset = true, link = true }
local MORE = { "has_more", "hasMore", "has_next", "has_next_page", "hasNextPage" }
local NUMBERED = { page = true, offset = true }

local function read_settings(line)
  local words = {}
  for name, word in line:gmatch("(%w+)=(%S+)") do words[name] = word end
  local settings = {
    style = STYLES[words.style] and words.style or "auto",
    param = words.param, items = words.items, next = words.next,
  }
  return settings, words.at, tonumber(words.per)
end

local function check_place(place, answer, settings)
  assert(STYLES[place.style] and place.style ~= "auto", "no style")
  assert(type(place.text) == "string", "no text")
  assert(place.style == "link" or type(place.param) == "string", "no parameter")
  if NUMBERED[place.style] and not settings.next then
    assert(place.text:find("^%d+$"), "no number")
  end
  if settings.style ~= "auto" then assert(place.style == settings.style, "another style") end
  if answer.place then assert(place.style == answer.place.style, "the style changed") end
end

--- As page.next and paginate.start carry it from one process to the next.
local function check_written(place, settings, skip)
  if place.style == "link" and not place.text:find("^https?://") then return end -- made absolute
  local text = places.write(place, settings, skip)
  local read, problem, skipped = places.read(text, settings)
  assert(skipped == (skip or 0), "another skip")
  if place.text == "" and settings.style ~= "auto" then return end -- asks for the beginning
  assert(read, problem)
  assert(read.style == place.style and read.text == place.text, "another place")
  if settings.style == "auto" and not settings.param then
    assert(read.param == place.param, "another parameter")
  end
end

--- The same answer for ever: the list ends, or its repetition is found.
local function check_walk(answer, settings)
  local seen, place = repeats.new(), answer.place
  for _ = 1, 300 do
    answer.place = place
    place = styles.next(answer, settings)
    if not place or seen:seen(place.text) then return end
  end
  assert(NUMBERED[place.style], "went on and on")
end

local function check_end(answer, settings)
  local style = settings.style
  if settings.next or type(answer.body) ~= "table" or answer.place then return end
  local more = rawget(answer.body, "has_more")
  assert(more ~= true, "the list goes on, and yet it ended")
  local cursor = rawget(answer.body, "next_cursor")
  local left_over = #answer.items == 0 and fields.first(answer.body, MORE) == false
  if (style == "auto" or style == "cursor") and cursor ~= nil and not left_over then
    assert(fields.is_none(cursor), "a cursor was passed over")
  end
end

local function check_query(body, text)
  for _, name in ipairs { "cursor", text } do
    local query = queries.set(text, name, body)
    assert(queries.get(query, name) == body, "another value in the query")
    assert(queries.set(query, name, body) == query, "another query the second time")
  end
end

return function(input)
  local head, link, body = input:match("^([^\n]*)\n?([^\n]*)\n?(.*)$")
  local settings, at, size = read_settings(head)
  local decoded = json.decode(body)
  if decoded == nil then decoded = true end
  check_query(body, link)
  local items = fields.items(decoded, settings.items, "/v1/contacts?x=1")
  local place = at and settings.style ~= "auto"
    and places.read(at, settings) or at and places.read("cursor=" .. at, settings) or nil
  local answer = {
    body = decoded, items = items or {}, place = place, size = size, whole = not place,
    headers = { link = link ~= "" and link or nil },
  }
  local before = json.encode(decoded)
  local following, problem = styles.next(answer, settings)
  assert(not (following and problem), "a place and a problem")
  if following then
    check_place(following, answer, settings)
    check_written(following, settings)
    check_written(following, settings, 3)
    check_walk(answer, settings)
  elseif problem then
    assert(type(problem) == "string" and problem ~= "")
  else
    check_end(answer, settings)
  end
  assert(json.encode(decoded) == before, "the body was changed")
end
