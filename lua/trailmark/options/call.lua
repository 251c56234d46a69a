--- The options of a call and of a list, and the parts of a request.

local checks = require "trailmark.checks"
local client = require "trailmark.options.client"
local header_lines = require "trailmark.header_lines"
local schema = require "trailmark.options.schema"

--- How a list is divided into pages. In most cases "auto" finds out.
---@class trailmark.Paginate
---@field style? "auto"|"cursor"|"page"|"offset"|"link"  how a page is asked for, default "auto"
---@field items? string|fun(body: any): table       where a page's items are
---@field param? string                             the query parameter that asks for a page
---@field next? string|fun(body: any): string|nil   where the next page is told
---@field per_page? integer                         items of a page, asked for from the server
---@field max_pages? integer                        ends the list after so many
---@field max_items? integer                        ends the list after so many
---@field start? string|integer                     page.next of an earlier run

--- The options of a call; each goes before the client's option of that name.
---@class trailmark.CallOptions
---@field params? table<string, string|number>  fill the path's {names}; a number as its digits
---@field headers? table<string, string>        added to the client's, or in place of them
---@field content_type? string                  of a body that is a string
---@field idempotency_key? string|false         false sends none; a fresh one for each POST and
---  PATCH where it is not given
---@field timeout? number                       seconds for one attempt
---@field deadline? number                      seconds for the whole call
---@field retries? integer                      after the first attempt, 0..20
---@field priority? trailmark.Priority          who stops first when the rate limit is near
---@field decode? boolean                       false gives the bytes, which over TLS have to tell
---  their end: by Content-Length, chunks or gzip

--- The options of a list: those of its calls, and how it is divided into pages.
---@class trailmark.PageOptions: trailmark.CallOptions
---@field paginate? trailmark.Paginate  how it is divided into pages

--- A call as `tm:request`, `tm:send`, `tm:all` and `tm:map` take it, its options beside its parts.
---@class trailmark.Request: trailmark.CallOptions
---@field method? "GET"|"HEAD"|"POST"|"PUT"|"PATCH"|"DELETE"  "GET" where it is not given
---@field path string          relative to base_url, or an absolute URL of its origin
---@field query? table|string  strings, numbers and booleans by name, or encoded already
---@field body? table|string   a table is sent as JSON; a string wants content_type

local seconds, integer, typed = checks.seconds, checks.integer, checks.typed
local text, word, group = checks.text, checks.word, checks.group
local must, quoted, describe = checks.must, checks.quoted, checks.describe

local call = {}

-- Lists -------------------------------------------------------------------------------------------

local function count_row(name)
  return { name, integer, from = 1, to = checks.MANY }
end

local function place_row(name)
  return { name, typed, types = checks.STRING_OR_FUNCTION,
    rule = "the name of a field or a function" }
end

--- page.next is a string in every style; a number is as good where a person begins at one.
local function start_at(value, row)
  if type(value) == "number" and value % 1 == 0 and value >= 0 and value < 2 ^ 53 then
    return ("%.0f"):format(value)
  end
  return text(value, row)
end

call.paginate = schema.new({
  { "style", word, words = { "auto", "cursor", "page", "offset", "link" }, default = "auto" },
  place_row "items",
  { "param", text, rule = "the name of a query parameter", longest = 128 },
  place_row "next",
  count_row "per_page",
  count_row "max_pages",
  count_row "max_items",
  { "start", start_at, rule = "page.next of an earlier run", longest = 16384 },
}, { within = "paginate" })

-- A call ------------------------------------------------------------------------------------------

local function param_problem(name, value)
  if type(name) ~= "string" then return "params must be named, as in { id = 7 }" end
  if type(value) == "string" or checks.is_finite(value) then return nil end
  return ("params: %s must be a string or a finite number, got %s"):format(quoted(name),
    describe(value))
end

--- A copy: what a value may hold is for the path to say, which it becomes part of.
local function params(value, row)
  if type(value) ~= "table" then return nil, must(row, row.rule, value) end
  local copy = {}
  for name, content in next, value do
    local problem = param_problem(name, content)
    if problem then return nil, problem end
    copy[name] = content
  end
  return copy
end

call.rows = {
  { "params", params, rule = "a table of names and values" },
  { "headers", header_lines, rule = "a table of names and strings" },
  { "content_type", text, rule = "a media type in visible ASCII", longest = 256,
    unwanted = checks.NOT_ASCII, shape = checks.no_outer_space },
  { "idempotency_key", text, rule = "visible ASCII without spaces, or false", longest = 255,
    unwanted = checks.NOT_VISIBLE, may_be_false = true },
  { "timeout", seconds },
  { "deadline", seconds },
  { "retries", integer, from = 0, to = client.MAX_RETRIES },
  { "priority", word, words = { "low", "normal", "high" } },
  { "decode", typed, types = checks.BOOLEAN, rule = "a boolean" },
}

--- Of a list, beside these.
call.paginate_row = { "paginate", group, read = schema.apart(call.paginate), rule = "a table" }

-- A request ---------------------------------------------------------------------------------------

local TABLE_OR_STRING = { table = true, string = true }
local WITHOUT_BODY = { GET = true, HEAD = true }
call.NO_CONTENT_TYPE = "content_type must be given with a body that is a string"

--- What must hold between the parts of a request.
function call.parts_fit(settings)
  if settings.path == nil then return "path must be given" end
  if settings.body == nil then return nil end
  if not settings.method then return "method must be given with a body" end
  if WITHOUT_BODY[settings.method] then return settings.method .. " carries no body" end
  if type(settings.body) ~= "string" or settings.content_type then return nil end
  return call.NO_CONTENT_TYPE
end

--- The parts of a request.
call.parts = {
  { "method", word, words = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" } },
  { "path", typed, types = { string = true }, rule = "a string" },
  { "query", typed, types = TABLE_OR_STRING, rule = "a table or an encoded string" },
  { "body", typed, types = TABLE_OR_STRING, rule = "a table, or a string with content_type" },
}

return call
