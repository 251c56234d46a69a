--- The service of the sweep: what a path asks for is what it does, and it remembers what it saw.
--
-- Paths are /v1/<what>/<mark>; a mark belongs to one run. /seen/<mark> tells how many requests of a
-- mark came that change something, once all that has come was read.

local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"
local socket = require "socket"

local FINE = '{"fine":true}'
local GZIP = "\31\139\8\0\0\0\0\0\2\3\171\86\74\203\204\75\85\178\42\41\42\77\173\5\0\84\93"
  .. "\217\107\13\0\0\0" -- FINE

-- What is answered --------------------------------------------------------------------------------

--- A list of five items, two on a page.
local function items(from)
  local list = {}
  for i = from, math.min(from + 1, 5) do list[#list + 1] = ('{"id":%d}'):format(i) end
  return table.concat(list, ",")
end

local function list(from, rest)
  return 200, ('{"data":[%s]%s}'):format(items(from), rest or "")
end

local function number(request, name, otherwise)
  return tonumber(request.query:match(name .. "=(%d+)") or otherwise)
end

local WHAT = {
  fine = function() return 200, FINE end,
  workspaces = function() return 200, '{"name":"Acme"}' end,
  empty = function() return 204, "" end,
  gzip = function() return 200, GZIP, "Content-Encoding: gzip\r\n" end,
  long = function() return 200, ('{"long":"%s"}'):format(("x"):rep(60000)) end,
  text = function() return 200, "no JSON" end,
  invalid = function() return 422, '{"error":{"code":"bad_name","message":"name is taken"}}' end,
  numbers = function() return 200, '{"list":[],"big":9007199254740993,"half":0.5,"none":null}' end,
  cookies = function()
    return 200, FINE, "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-A: 1\r\nX-A: 2\r\n"
      .. "X-Request-Id: r1\r\n"
  end,
  echo = function(request)
    local content_type = request.head:match "[Cc]ontent%-[Tt]ype: ([^\r]*)" or ""
    local keyed = request.head:find "[Ii]dempotency%-[Kk]ey: " ~= nil
    local form = '{"method":"%s","path":"%s","query":"%s","type":"%s","body":%d,"keyed":%s}'
    return 200, form:format(request.method, request.rest, request.query, content_type,
      #request.body, tostring(keyed))
  end,
  busy = function(request)
    if request.times == 1 then return 503, '{"error":"busy"}' end
    return 200, FINE
  end,
  limited = function(request)
    if request.times == 1 then return 429, '{"error":"slow down"}', "Retry-After: 0\r\n" end
    return 200, FINE
  end,
  broken = function(request)
    if request.times == 1 then return nil end
    return 200, FINE
  end,
  rotated = function(request)
    if request.head:find("tm_live_new", 1, true) then return 200, FINE end
    return 401, '{"error":"unknown key"}'
  end,
  hold = function() return "never" end,
  cursor = function(request)
    local from = number(request, "cursor", 1)
    local following = from < 5 and ('"%d"'):format(from + 2) or "null"
    return list(from, ',"next_cursor":' .. following)
  end,
  page = function(request) return list(number(request, "page", 1) * 2 - 1, ',"total_pages":3') end,
  offset = function(request) return list(number(request, "offset", 0) + 1, ',"total":5') end,
  link = function(request)
    local from = number(request, "from", 1)
    local header = '</v1/link/%s?from=%d>; rel="next"'
    local more = from < 5 and ("Link: " .. header:format(request.mark, from + 2) .. "\r\n") or ""
    local status, body = list(from)
    return status, body, more
  end,
}

-- The server's process ----------------------------------------------------------------------------

local HEAD = "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nX-RateLimit-Limit: 1000000\r\n"
  .. "X-RateLimit-Remaining: 999999\r\nX-RateLimit-Reset: %d\r\n%sContent-Length: %d\r\n\r\n"

local Served = {}
Served.__index = Served

local function say(connection, status, body, more)
  -- The body may hold NULs, which end a "%s" on Lua 5.1.
  connection.socket:send(HEAD:format(status, os.time() + 60, more or "", #body) .. body)
end

function Served:close(one)
  self.connections[one] = nil
  one:close()
end

function Served:count(request)
  local of = self.marks[request.mark] or { times = 0, writes = 0 }
  self.marks[request.mark] = of
  of.times = of.times + 1
  if request.method ~= "GET" then of.writes = of.writes + 1 end
  request.times = of.times
end

function Served:take_in(connection, request)
  local what, mark = request.target:match "^/v1/(%w+)/([%w_.-]+)"
  local seen = request.target:match "^/seen/([%w_.-]+)"
  if seen then
    self.questions[#self.questions + 1] = { connection = connection, mark = seen }
    return
  end
  request.mark, request.rest = mark, request.target:match "^[^?]*"
  request.query = request.target:match "%?(.*)$" or ""
  self:count(request)
  local status, body, more = WHAT[what](request)
  if status == nil then
    connection.socket:setoption("linger", { on = true, timeout = 0 })
    self:close(connection.socket)
  elseif status ~= "never" then
    say(connection, status, body, more)
  end
end

--- Whole requests out of what has come on a connection.
function Served:parse(connection)
  while self.connections[connection.socket] do
    local head, rest = connection.came:match "^(.-\r\n)\r\n(.*)$"
    if not head then return end
    local size = tonumber(head:match "[Cc]ontent%-[Ll]ength: (%d+)" or 0)
    if #rest < size then return end
    connection.came = rest:sub(size + 1)
    local method, target = head:match "^(%S+) (%S+)"
    self:take_in(connection, { head = head, method = method, target = target,
      body = rest:sub(1, size) })
  end
end

function Served:read(one)
  local connection = self.connections[one]
  local bytes, why, part = one:receive(65536)
  connection.came = connection.came .. (bytes or part)
  self:parse(connection)
  if why == "closed" and self.connections[one] then self:close(one) end
end

function Served:accept(listener)
  local one = listener:accept()
  if not one then return end
  one:settimeout(0)
  one:setoption("tcp-nodelay", true)
  self.connections[one] = { socket = one, came = "" }
end

--- Nothing is left to be read.
function Served:answer_questions()
  for _, question in ipairs(self.questions) do
    local of = self.marks[question.mark]
    self.marks[question.mark] = nil
    say(question.connection, 200, tostring(of and of.writes or 0))
  end
  self.questions = {}
end

local function serve(listener)
  local self = setmetatable({ connections = {}, marks = {}, questions = {} }, Served)
  listener:settimeout(0)
  while true do
    local all = { listener }
    for one in pairs(self.connections) do all[#all + 1] = one end
    local ready = socket.select(all, nil, #self.questions > 0 and 0 or nil)
    if #ready == 0 then self:answer_questions() end
    for _, one in ipairs(ready) do
      if one == listener then self:accept(listener) else self:read(one) end
    end
  end
end

-- The sweep's side --------------------------------------------------------------------------------

local server = {}

--- Starts it; returns its URL and a function that ends it.
function server.start()
  local listener, url = raw_server.listen(256)
  local child = process.fork(function() serve(listener) end, listener:getfd())
  listener:close()
  return url, function()
    child:kill(process.KILL)
    local said = child:finish()
    assert(not said:find("fork failed", 1, true), said)
  end
end

--- How many requests of a mark came that change something; asked once.
function server.writes(url, mark)
  local host, port = url:match "^http://([%d.]+):(%d+)$"
  local one = assert(socket.connect(host, port))
  one:settimeout(10)
  one:send(("GET /seen/%s HTTP/1.1\r\n\r\n"):format(mark))
  local size
  repeat
    local line = assert(one:receive("*l"))
    size = line:match "^Content%-Length: (%d+)" or size
  until line == ""
  local count = tonumber((one:receive(tonumber(size))))
  one:close()
  return count
end

return server
