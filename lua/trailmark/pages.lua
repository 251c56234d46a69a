--- Lists page by page: the pager, and the loops that are made of it.
--
-- While the caller is busy with a page the next one is under way, one and no more, so the memory
-- that a list takes does not grow with it. Where a page is, and where the next one, is decided in
-- `paging/`. A page that cannot be understood is an error, whole: none of its items is given out,
-- and err.next leads to it.

local call = require "trailmark.call"
local core = require "trailmark.core"
local errors = require "trailmark.errors"
local fields = require "trailmark.paging.fields"
local group = require "trailmark.group"
local json = require "trailmark.json"
local loop = require "trailmark.loop"
local place = require "trailmark.place"
local places = require "trailmark.paging.places"
local printable = require "trailmark.printable"
local pump = require "trailmark.pump"
local queries = require "trailmark.paging.query"
local repeats = require "trailmark.paging.repeats"
local styles = require "trailmark.paging.styles"

local pages = {}

--- A page of a list.
---@class trailmark.Page
---@field items table     its items, an array
---@field body any        the whole answer, decoded
---@field number integer  the first page of this run is 1
---@field next? string    where the list goes on, for paginate.start; nil at its end
---@field response trailmark.Response  what came with it

--- A list page by page, for a `while` loop.
---@class trailmark.Pager
local Pager = {}
Pager.__index = Pager
Pager.__name = "trailmark.Pager"

-- Beginning ---------------------------------------------------------------------------------------

local FIRST = { page = "1", offset = "0" }

--- Where a list begins: the style's first place, unless the query tells another.
local function first_place(settings, query)
  local style = settings.style
  local param = settings.param or styles.params[style]
  if not styles.params[style] then return nil end
  local text = fields.text(queries.get(query, param)) or not settings.next and FIRST[style]
  return text and { style = style, param = param, text = text } or nil
end

local function start_place(self, settings)
  local found, problem, skip = places.read(settings.start, settings)
  self.skip = skip
  if not found or found.style ~= "link" then return found, problem end
  local url, why = core.follow_link(self.client.handle, self.client._base_url, found.text)
  found.text = url
  return url and found, why and "paginate.start " .. why
end

local function begin(self, query)
  local settings = self.settings
  if settings.per_page then
    local param = settings.style == "page" and "per_page" or "limit"
    query = queries.set(query, param, settings.per_page)
  end
  self.query = query
  if not settings.start then
    self.place = first_place(settings, query)
    return nil
  end
  local problem
  self.place, problem = start_place(self, settings)
  return problem
end

--- A pager, which has asked for nothing yet.
---@param client trailmark.Client
---@param path string
---@param query? table|string
---@param settings table   of options.pages
---@param problem? string  why nothing can be sent
---@return trailmark.Pager
function pages.open(client, path, query, settings, problem)
  local self = setmetatable({
    client = client, group = group.open(client), path = path, settings = {}, request = {},
    repeats = repeats.new(), number = 0, given = 0, skip = 0, empty = 0,
    turn = 0, taking = setmetatable({}, { __mode = "v" }),
  }, Pager)
  if settings then
    self.settings, self.request = settings.paginate, settings
    problem = begin(self, queries.copy(query))
  end
  if problem then self.stuck = call.argument(problem, "GET", path) end
  if self.place then self.repeats:seen(self.place.text) end
  return self
end

-- Asking ------------------------------------------------------------------------------------------

--- The request of a page. The settings are the pager's own, so they carry it.
local function request(self)
  local here, settings = self.place, self.request
  settings.method = "GET"
  if here and here.style == "link" then
    settings.path, settings.query, settings.params = here.text, nil, nil
  else
    local query = here and queries.set(self.query, here.param, here.text) or self.query
    settings.path, settings.query = self.path, query
  end
  return settings
end

--- Asks for the page at `self.place`, ahead of the caller or for it.
local function ask(self, ahead)
  local ok, err = self.group:start(self.turn + 1, request(self))
  if not ok then return nil, err end
  self.turn = self.turn + 1
  self.asked, self.ahead, self.asked_at = true, ahead, core.now()
  -- In a plain script nothing else moves the engine before the caller comes again.
  if ahead and not loop.here(self.client._loop) then
    core.step()
    core.wait(0) -- what a host's loop has to know of that step
    pump.between()
  end
  return true
end

local UNANSWERED = { timeout = true, network = true, protocol = true }

--- Whether a page that was asked for ahead failed only because the caller was busy for so long. The
-- engine of a plain script stands still meanwhile, and what is too large for the socket's buffer
-- runs into a timeout, or into the server's patience. That is no failure: it is asked for again.
local function was_neglected(self, err, away)
  return self.ahead and err and UNANSWERED[err.kind] and away >= (err.elapsed or 0) / 2
end

--- What came of the latest request. That of an earlier one is of no use any more: who waited for it
-- was ended, or his wait was.
local function latest(self)
  local turn, data, err, response
  repeat turn, data, err, response = self.group:next() until turn == self.turn
  return data, err, response
end

--- The answer to the page at `self.place`.
local function answer(self)
  local away = self.asked and core.now() - self.asked_at
  while true do
    if not self.asked then
      local ok, err = ask(self, false)
      if not ok then return nil, err end
    end
    self.asked = false -- whatever comes of it
    local data, err, response = latest(self)
    if not was_neglected(self, err, away) then return data, err, response end
  end
end

-- Understanding -----------------------------------------------------------------------------------

local AGAIN = "none of its items was given out; err.next, as paginate.start, begins with it again"

local function here_text(self)
  return places.write(self.place, self.settings, self.skip > 0 and self.skip or nil)
end

local function unusable(self, problem, data, response, hint)
  return errors.new {
    kind = "decode", message = problem, hint = hint or AGAIN, method = "GET", path = self.path,
    status = response.status, headers = response.headers, request_id = response.request_id,
    attempts = response.attempts, elapsed = response.elapsed, time = os.time(), outcome = "done",
    body = data, next = here_text(self),
  }
end

local function origin_of(url)
  local origin = url:match("^%a[%w+.-]*://[^/?#\\]*") or url:match("^//[^/?#\\]*") or "it"
  return printable.text(origin:gsub("//.*@", "//"), 100)
end

--- Makes a link absolute, and sure that the key may go there.
local function follow(self, following, from)
  local url, why = core.follow_link(self.client.handle, from, following.text)
  if not url then
    return ("the link to the next page, to %s, %s"):format(origin_of(following.text), why)
  end
  following.text = url
end

--- What two pages that a server gives for two numbers have in common when it does not look at the
-- number. Items that are no objects may well repeat.
local function looks(items)
  local count = #items
  if count == 0 or type(items[1]) ~= "table" then return nil end
  local some = {}
  for i = 1, math.min(count, 8) do some[i] = items[i] end
  some[#some + 1] = items[count]
  local text = json.encode(some)
  return text and count .. text
end

local BY_NUMBER = { page = true, offset = true }

--- What is wrong with the way from this page to `following`; counts the page as seen otherwise.
local function wrong_way(self, items, following, response)
  local style = following.style
  if style == "link" then
    local problem = follow(self, following, response.url)
    if problem then return problem end
    if not self.place then self.repeats:seen(response.url) end
  end
  local now_looks = BY_NUMBER[style] and looks(items)
  if now_looks and now_looks == self.looks then
    return ('the service gives the same page again: does it know the parameter "%s"?'
      .. " paginate.param names another"):format(following.param)
  end
  if self.repeats:seen(following.text) then
    return "the list leads back to a page where it has been"
  end
  self.looks = now_looks
end

-- Parameters by which a caller's own query may begin amid a list.
local AMID = { "cursor", "page_token", "pageToken", "after", "page", "offset", "skip", "start" }

--- Whether the answer is that of a list's beginning, as far as the request tells.
local function is_whole(self)
  if self.place or self.path:find("?", 1, true) then return false end
  for _, name in ipairs(AMID) do
    if queries.get(self.query, name) then return false end
  end
  return not (self.settings.param and queries.get(self.query, self.settings.param))
end

local WHERE_ITEMS = 'paginate.items is a field such as "data.contacts", or a function of the body'
local BYTES = "decode = false leaves the body bytes: leave it out, or find the items by a function"

local MOST_EMPTY = 1000

--- Items and next place of an answer; nil and what is wrong with it.
local function understand(self, data, response)
  local settings = self.settings
  local items, problem = fields.items(data, settings.items, self.path)
  if not items then
    return nil, unusable(self, problem, data, response,
      self.request.decode == false and BYTES or WHERE_ITEMS)
  end
  local following
  following, problem = styles.next({
    body = data, headers = response.headers, items = items, place = self.place,
    size = settings.per_page or tonumber(queries.get(self.query, "limit")), whole = is_whole(self),
  }, settings)
  if following then problem = wrong_way(self, items, following, response) end
  if following and not problem and #items == 0 and self.empty + 1 >= MOST_EMPTY then
    problem = ("%d pages without an item, one after another"):format(MOST_EMPTY)
  end
  if problem then return nil, unusable(self, problem, data, response) end
  return items, following
end

-- Giving out --------------------------------------------------------------------------------------

local function slice(items, from, to)
  if from == 1 and to >= #items then return items end
  local part = {}
  for i = from, to do part[#part + 1] = items[i] end
  return part
end

--- The items that the caller gets of a page, and where it goes on behind them.
local function share(self, items, following)
  local settings, skip, count = self.settings, self.skip, #items
  local last = math.min(count, skip + (settings.max_items or math.huge) - self.given)
  local part = slice(items, skip + 1, last)
  self.given, self.number = self.given + #part, self.number + 1
  self.empty = count == 0 and self.empty + 1 or 0
  if last < count then return part, places.write(self.place, settings, last), true end
  local enough = self.given == settings.max_items or self.number == settings.max_pages
  local left = math.max(skip - count, 0) -- pages are smaller than in the run that told the place
  return part, places.write(following, settings, left > 0 and left or nil), enough, left
end

--- The next page; nil at the end; nil and the error. After an error the same page is asked for.
local function take(self)
  if self.over then return nil end
  if self.stuck then return nil, self.stuck end
  local data, err, response = answer(self)
  if err then
    err.next = here_text(self)
    return nil, err
  end
  local items, following = understand(self, data, response)
  if not items then return nil, following end
  local part, next_text, enough, left = share(self, items, following)
  self.over = enough or not following
  if not self.over then
    self.place, self.skip = following, left
    ask(self, true) -- where that fails, so it will when the page's turn comes
  end
  return {
    items = part, body = data, number = self.number, next = next_text, response = response,
  }
end

local function check_self(self, level)
  if getmetatable(self) == Pager then return end
  error("trailmark: a pager's methods are called with a colon, as in pager:next()", level + 1)
end

local function is_over(other)
  return not other or other.thread ~= nil and coroutine.status(other.thread) == "dead"
end

--- Whether somebody waits for the next page. A host may end a coroutine without a word, and begin
-- another as the same value; but what only the first one held is gone then, once it is collected.
local function is_taken(self)
  if is_over(self.taking[1]) then return false end
  collectgarbage()
  return self.taking[1] ~= nil
end

--- Keeps two coroutines from waiting for one page.
local function lone_take(self, level)
  place.check_wait(self.client, level + 1)
  if is_taken(self) then
    error("trailmark: another coroutine waits for the next page of this list", level + 1)
  end
  local mine = { thread = coroutine.running() }
  self.taking[1] = mine
  local ok, page, err = place.try(take, self)
  if self.taking[1] == mine then self.taking[1] = nil end
  if not ok then error(page, 0) end
  return page, err
end

--- The next page's items, and the page; nil at the end. Raises the error object, which tells in
-- `next` where to go on; called again, it asks for the same page again.
---@return table|nil items
---@return trailmark.Page|nil page
function Pager:next()
  check_self(self, 2)
  local page, err = lone_take(self, 2)
  if err then place.raise(self.client, err) end
  if page then return page.items, page end
end

--- Lets go of the page that was asked for ahead; the list is over.
function Pager:close()
  check_self(self, 2)
  self.over = true
  self.group:cancel()
end

Pager.__close = Pager.close

-- Loops -------------------------------------------------------------------------------------------

--- In 5.1 the iterator of a `for` cannot yield, not even in a coroutine.
local function check_yields(self, level)
  if place.YIELDS_IN_PCALL or not loop.here(self.client._loop) then return end
  error("trailmark: on Lua 5.1 the iterator of a `for` cannot wait in a coroutine: use tm:pager,"
    .. " whose `next` can", level + 1)
end

local function next_page(self)
  check_yields(self, 2)
  local page, err = lone_take(self, 2)
  if err then place.raise(self.client, err) end
  if page then return page.items, page end
end

--- What `tm:pages` returns; the fourth value ends the list when the loop does (Lua 5.4).
---@param pager trailmark.Pager
function pages.iterate(pager)
  return next_page, pager, nil, pager
end

--- What `tm:each` returns.
---@param pager trailmark.Pager
function pages.each(pager)
  local items, page
  local at, count = 0, 0
  local function next_item()
    local item
    repeat -- an item that the caller took out of page.items is no end
      while at == count do
        check_yields(pager, 2)
        local err
        page, err = lone_take(pager, 2)
        if err then place.raise(pager.client, err) end
        if not page then return nil end
        items, at, count = page.items, 0, #page.items
      end
      at = at + 1
      item = items[at]
    until item ~= nil
    return item, page
  end
  return next_item, nil, nil, pager
end

--- What `tm:collect` returns.
---@param pager trailmark.Pager
---@return table|nil list
---@return trailmark.Error|nil  with the items so far in `items`
function pages.collect(pager)
  local list = {}
  while true do
    local page, err = lone_take(pager, 3)
    if err then
      err.items = list
      return nil, err
    end
    if not page then return list end
    for _, item in ipairs(page.items) do list[#list + 1] = item end
  end
end

return pages
