--- The client that `trailmark.new` returns: its methods, as the README documents them.

local batch = require "trailmark.batch"
local call = require "trailmark.call"
local drain = require "trailmark.drain"
local errors = require "trailmark.errors"
local loop = require "trailmark.loop"
local opening = require "trailmark.opening"
local options = require "trailmark.options"
local pages = require "trailmark.pages"
local place = require "trailmark.place"
local pump = require "trailmark.pump"
local sent = require "trailmark.sent"

--- The rate limit, as an answer told it.
---@class trailmark.Rate
---@field limit integer      requests a window
---@field remaining integer  of them left
---@field reset integer      Unix time by the server's clock when the window ends
---@field resets_in number   seconds until then

--- The rate limit, as all who share it know it.
---@class trailmark.RateState: trailmark.Rate
---@field scope string     names the budget
---@field shared boolean   by other processes too
---@field waiting integer  calls that wait for it

--- What came with an answer, beside its body.
---@class trailmark.Response
---@field status integer  HTTP status
---@field headers table<string, string|string[]>  lower-case names; repeats joined by ", ",
---  set-cookie an array
---@field request_id? string       the service's name for the request
---@field idempotency_key? string  that was sent
---@field attempts integer         how many were made
---@field elapsed number  seconds, all attempts and waits
---@field method string  of the request
---@field url string     of the request, with its query
---@field rate? trailmark.Rate  the rate limit as this answer told it

--- What `trailmark.new` returns. Calls return `data, nil, response`, or `nil, err, response`, where
-- `response` is nil if the server did not answer. Where a loop drives the client they yield,
-- otherwise they block.
---@class trailmark.Client
local Client = {}
Client.__index = Client
Client.__name = "trailmark.Client"
Client.__metatable = false

function Client:__tostring()
  return "trailmark.Client (" .. self._base_url .. ")"
end

-- Making one --------------------------------------------------------------------------------------

--- `trailmark.new`.
---@param opts? trailmark.Options
---@return trailmark.Client|nil
---@return trailmark.Error|nil
local function new(opts)
  local fields, err = opening(opts, 2)
  if not fields then return nil, err end
  return setmetatable(fields, Client)
end

-- Calls -------------------------------------------------------------------------------------------

local function closed(method, path)
  return errors.new { kind = "closed", method = method, path = path, outcome = "not_sent" }
end

local function check_self(self, level)
  if type(self) ~= "table" or not self._key then
    error("trailmark: the client's methods are called with a colon, as in tm:get(path)", level + 1)
  end
end

--- Raises where nobody may wait for a call.
local function check_place(self, level)
  check_self(self, level + 1)
  place.check(self, level + 1)
end

--- At the first call: who moves this client's calls, from now on. In a host that must never wait,
-- the worker's thread does.
local function settle(self, method, path)
  local adapter = loop.home(self._loop)
  if adapter and adapter.visit then
    local ok, why, kind = self.handle:hire(adapter.abstract)
    if not ok then
      if kind == "config" then why = why .. (adapter.no_worker or "") end
      return nil, call.unsent(kind, why, method, path)
    end
  end
  self._settled = true
  return true
end

--- Begins a call. Nothing is sent before the engine next moves.
---@param settings? table  of options.call
---@return userdata|nil handle
---@return trailmark.Error|nil
function Client:_begin(method, path, query, body, settings)
  if self._closed then return nil, closed(method, path) end
  if not self._settled then
    local settled, fault = settle(self, method, path)
    if not settled then return nil, fault end
  end
  return call.start(self, method, path, query, body, settings)
end

local function perform(self, level, method, path, query, body, settings)
  local adapter, token = place.here(self, level + 1)
  local handle, err = self:_begin(method, path, query, body, settings)
  if not handle then return nil, err end
  call.wait(self, handle, adapter, token)
  local data, problem, response = call.finish(self, handle, settings and settings.decode)
  handle:forget()
  return data, problem, response
end

--- The verbs differ in what their second argument is. Nothing tail-calls, so that levels count.
local function verb(self, method, path, what, value, opts, name)
  check_place(self, 3)
  local settings, problem = options.call(opts, 3, name)
  if problem then return nil, call.argument(problem, method, path) end
  options.arguments(path, what, value, opts, 3, name)
  local query, body
  if what == "query" then query = value else body = value end
  local data, err, response = perform(self, 3, method, path, query, body, settings)
  return data, err, response
end

--- GET. `query` is a table (strings, numbers, booleans; an array repeats its name) or an encoded
-- string.
---@param path string  relative to base_url, or an absolute URL of its origin
---@param query? table|string
---@param opts? trailmark.CallOptions
---@return any data  decoded JSON, or the bytes with decode = false; true where the answer has no
---  body
---@return trailmark.Error|nil err
---@return trailmark.Response|nil response
function Client:get(path, query, opts)
  local data, err, response = verb(self, "GET", path, "query", query, opts, "tm:get")
  return data, err, response
end

--- DELETE; as `get`.
---@param path string
---@param query? table|string
---@param opts? trailmark.CallOptions
---@return any data  as of `get`
---@return trailmark.Error|nil err
---@return trailmark.Response|nil response
function Client:delete(path, query, opts)
  local data, err, response = verb(self, "DELETE", path, "query", query, opts, "tm:delete")
  return data, err, response
end

--- POST. A table is sent as JSON; a string as it is, and then `content_type` is required. Carries
-- an Idempotency-Key unless told otherwise, so that a retry cannot act twice.
---@param path string
---@param body? table|string
---@param opts? trailmark.CallOptions
---@return any data  as of `get`
---@return trailmark.Error|nil err
---@return trailmark.Response|nil response
function Client:post(path, body, opts)
  local data, err, response = verb(self, "POST", path, "body", body, opts, "tm:post")
  return data, err, response
end

--- PUT; body as in `post`.
---@param path string
---@param body? table|string
---@param opts? trailmark.CallOptions
---@return any data  as of `get`
---@return trailmark.Error|nil err
---@return trailmark.Response|nil response
function Client:put(path, body, opts)
  local data, err, response = verb(self, "PUT", path, "body", body, opts, "tm:put")
  return data, err, response
end

--- PATCH; body and Idempotency-Key as in `post`.
---@param path string
---@param body? table|string
---@param opts? trailmark.CallOptions
---@return any data  as of `get`
---@return trailmark.Error|nil err
---@return trailmark.Response|nil response
function Client:patch(path, body, opts)
  local data, err, response = verb(self, "PATCH", path, "body", body, opts, "tm:patch")
  return data, err, response
end

local function refuse_more(name, more, remedy)
  if more == nil then return end
  error(("%s takes one table, and no %s beside it: %s"):format(name, type(more), remedy), 3)
end

--- Any method, with query and body: `tm:request{ method = "POST", path = "/contacts", body = {...}
-- }`.
---@param spec trailmark.Request
---@param ... nil  nothing: its options are in `spec`
---@return any data  as of `get`
---@return trailmark.Error|nil err
---@return trailmark.Response|nil response
function Client:request(spec, ...)
  check_place(self, 2)
  refuse_more("tm:request", ..., "its options stand beside method and path")
  local settings, problem = options.request(spec, 2)
  if problem then return nil, call.argument(problem, spec.method or "GET", spec.path) end
  local data, err, response = perform(self, 2, settings.method, settings.path, settings.query,
    settings.body, settings)
  return data, err, response
end

-- Side by side ------------------------------------------------------------------------------------

--- Starts a call and returns at once. A function that gives the key is called later, by whoever
-- waits or by the loop.
-- With a callback it lives until it is done; without one, whoever drops it cancels it while it is
-- unsent, and lets it run on once it is in flight.
---@param spec trailmark.Request
---@param callback? fun(data: any, err?: trailmark.Error, response?: trailmark.Response)
---@return trailmark.Call call
function Client:send(spec, callback)
  if callback ~= nil and type(callback) ~= "function" then
    error("tm:send: the callback must be a function, got " .. type(callback), 2)
  end
  check_self(self, 2)
  place.check_start(self, 2)
  if callback then place.check_callback(self, 2) end
  local settings, problem = options.request(spec, 2, "tm:send")
  local handle, err
  if problem then
    err = call.argument(problem, spec.method or "GET", spec.path)
  else
    handle, err = self:_begin(settings.method, settings.path, settings.query, settings.body,
      settings)
  end
  if not handle then return sent.failed(self, err, callback) end
  return sent.new(self, handle, settings.decode, callback)
end

--- Makes all the calls, side by side, and waits for them.
---@param specs trailmark.Request[]
---@param ... nil  nothing: each call has its own options
---@return trailmark.Result[] results  { data=, err=, response= } for each, in the same order
function Client:all(specs, ...)
  check_place(self, 2)
  refuse_more("tm:all", ..., "each call has its own options, and tm:map takes those of a batch")
  return (batch.all(self, specs, 2))
end

--- Makes a call for each item, side by side, and waits for them. What goes wrong with one item is
-- that item's result.
---@param items any[]
---@param make fun(item: any, i: integer): trailmark.Request|nil  its call; nil skips the item
---@param opts? trailmark.BatchOptions
---@return trailmark.Result[] results  by the item's place
---@return trailmark.Summary summary
function Client:map(items, make, opts)
  check_place(self, 2)
  local results, summary = batch.map(self, items, make, opts, 2)
  return results, summary
end

--- The workspace that the key belongs to (GET /workspaces/me; guide, step 2).
---@return table|nil workspace  id, name, plan, members_count, created_at
---@return trailmark.Error|nil err
---@return trailmark.Response|nil response
function Client:workspace()
  check_place(self, 2)
  local data, err, response = perform(self, 2, "GET", "/workspaces/me")
  return data, err, response
end

-- Lists -------------------------------------------------------------------------------------------

--- The arguments of a list as a pager. They are checked now, nothing is asked for yet.
local function list(self, path, query, opts, name)
  check_self(self, 3)
  local settings, problem = options.pages(opts, 3, name)
  options.arguments(path, "query", query, opts, 3, name)
  return pages.open(self, path, query, settings, problem)
end

--- A list page by page: `for items, page in tm:pages(path) do ... end`. The next page is fetched
-- while this one is consumed. Raises the error object, with the place to go on from in `next`.
---@param path string
---@param query? table|string
---@param opts? trailmark.PageOptions
---@return fun(): table|nil, trailmark.Page|nil iterator  of items and page
function Client:pages(path, query, opts)
  local iterator, pager, _, closing = pages.iterate(list(self, path, query, opts, "tm:pages"))
  return iterator, pager, nil, closing
end

--- The same item by item: `for item, page in tm:each(path) do ... end`.
---@param path string
---@param query? table|string
---@param opts? trailmark.PageOptions
---@return fun(): any, trailmark.Page|nil iterator  of item and page
function Client:each(path, query, opts)
  local iterator, _, _, closing = pages.each(list(self, path, query, opts, "tm:each"))
  return iterator, nil, nil, closing
end

--- All items of a list.
---@param path string
---@param query? table|string
---@param opts? trailmark.PageOptions
---@return table|nil list
---@return trailmark.Error|nil err  with those so far in `items`, and in `next` where to go on
function Client:collect(path, query, opts)
  local items, err = pages.collect(list(self, path, query, opts, "tm:collect"))
  return items, err
end

--- What `pages` does, for a `while` loop: `pager:next()` returns items and page, nil at the end.
-- In a coroutine of an event loop this is the way on Lua 5.1, where iterators cannot yield.
---@param path string
---@param query? table|string
---@param opts? trailmark.PageOptions
---@return trailmark.Pager pager
function Client:pager(path, query, opts)
  local pager = list(self, path, query, opts, "tm:pager")
  return pager
end

-- State -------------------------------------------------------------------------------------------

--- The rate limit as the latest answer told it (guide, step 4), or nil before any did.
---@return trailmark.RateState|nil rate
function Client:rate()
  check_self(self, 2)
  local rate = self.handle:rate()
  if not rate then return nil end
  rate.scope = self._scope
  return rate
end

--- Uses another key from the next attempt on.
---@param new_key string|trailmark.KeyFunction
---@return true|nil ok
---@return trailmark.Error|nil err  kind "config" where it is malformed; the old one then stays
function Client:set_key(new_key)
  check_self(self, 2)
  local kind = type(new_key)
  if kind ~= "string" and kind ~= "function" then
    error("tm:set_key: the key must be a string or a function, got " .. kind, 2)
  end
  if self._closed then return nil, closed() end
  return self._key:set(new_key)
end

--- Sleeps in the host's way; calls in flight advance meanwhile.
---@param seconds number  0 to 3600 seconds
function Client:sleep(seconds)
  check_self(self, 2)
  if seconds == nil then error("tm:sleep: the time must be seconds from 0 to 3600, got nil", 2) end
  place.check_seconds(seconds, "tm:sleep: the time", 2)
  check_place(self, 2)
  call.sleep(self, seconds, 2)
end

--- Ends the client: no further call begins; those under way get `grace` seconds to finish, and are
-- cancelled then; the key is wiped. Later calls return kind "closed".
---@param grace? number  seconds, default 0
function Client:close(grace)
  check_self(self, 2)
  place.check_seconds(grace, "tm:close: grace", 2)
  if self._closed then return end
  local ok, problem = true, nil
  if grace and grace > 0 and self.handle:live() > 0 then
    check_place(self, 2)
    local adapter, token = place.here(self, 2)
    self._closed = true
    ok, problem = place.try(drain, self, grace, adapter, token)
  end
  self._closed = true
  self.handle:close()
  pump.between()
  if not ok then error(problem, 0) end
end

Client.__close = function(self) self:close() end

return { new = new }
