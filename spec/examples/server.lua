-- A small HTTP server on cqueues that asks Trailmark: GET /contacts/ct_000001 answers with a name.
--
--     lua5.4 spec/examples/server.lua [port]
--
-- Needs Debian's lua-cqueues, TRAILMARK_API_KEY, and in a clone LUA_PATH and LUA_CPATH as the
-- README's first section has them. It listens on 127.0.0.1, port 8080, until it is ended.
--
-- Each connection has a coroutine. While tm:get waits in one, the others go on: nothing here says
-- so, the client finds by itself that it runs in a cqueues controller.

local cqueues = require "cqueues"
local socket = require "cqueues.socket"
local trailmark = require "trailmark"

local tm = trailmark.assert(trailmark.new { deadline = 20 })

-- What the one who asks is told; what went wrong between us and Trailmark is for our own log.
local function look_up(id)
  local contact, err = tm:get("/contacts/{id}", nil, { params = { id = id } })
  if contact then return "200 OK", contact.name end
  if err.kind == "not_found" then return "404 Not Found", "no such contact" end
  io.stderr:write(tostring(err), "\n")
  return "502 Bad Gateway", "try again later"
end

local function serve(connection)
  connection:setmode("b", "bf")
  connection:settimeout(10)
  local request = connection:read "*l"
  repeat local header = connection:read "*l" until not header or header:match "^\r?$"
  local id = (request or ""):match "^GET /contacts/([%w_]+) HTTP/1%.[01]\r?$"
  local status, text = "400 Bad Request", "ask for /contacts/ID"
  if id then status, text = look_up(id) end
  connection:write("HTTP/1.1 ", status, "\r\nContent-Type: text/plain; charset=utf-8\r\n",
    "Content-Length: ", #text + 1, "\r\nConnection: close\r\n\r\n", text, "\n")
  connection:flush()
end

local listener = socket.listen { host = "127.0.0.1", port = tonumber(arg[1] or 8080) }
assert(listener:listen())
print(("listening on http://127.0.0.1:%d"):format((select(3, listener:localname()))))
io.stdout:flush()

local controller = cqueues.new()
controller:wrap(function()
  while true do
    local connection = assert(listener:accept())
    controller:wrap(function()
      serve(connection)
      connection:close()
    end)
  end
end)
-- An error ends the coroutine where it happened, and nothing else.
for err in controller:errors() do io.stderr:write(tostring(err), "\n") end
