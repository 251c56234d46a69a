-- The stream module's Lua, where that is installed (Debian 12 does not pack it).

local host = require "trailmark.sandbox.host"
local nginx = require "spec.support.nginx"
local sandbox = require "trailmark.sandbox"
local socket = require "socket"

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

--- What loads the module: lines, none where it is built in, nil where it is missing.
local function load_lines()
  local programs = assert(host.find_programs(nil, false))
  local folder = programs.preamble:match "load_module (%S*)/ngx_http_lua_module"
  local lines = {}
  for _, name in ipairs(folder and { "ngx_stream_module", "ngx_stream_lua_module" } or {}) do
    local path = ("%s/%s.so"):format(folder, name)
    if exists(path) then lines[#lines + 1] = ("load_module %s;\n"):format(path) end
  end
  if #lines > 0 and lines[#lines]:find("stream_lua", 1, true) then return table.concat(lines) end
  local pipe = assert(io.popen(host.quote(programs.nginx) .. " -V 2>&1"))
  local about = pipe:read "*a"
  pipe:close()
  return about:find "stream[-_]lua" and "" or nil
end

local STREAM = [[
@LOAD@
stream {
  @PATHS@
  init_by_lua_block {
    trailmark = require "trailmark"
    client = trailmark.assert(trailmark.new { pace = "off" })
  }
  server {
    listen 127.0.0.1:@PORT@;
    preread_by_lua_block { ngx.ctx.id = trailmark.assert(client:workspace()).id }
    content_by_lua_block {
      local done
      client:send({ path = "/workspaces/me" }, function(data) done = data.id end)
      local thread = ngx.thread.spawn(function() return client:workspace() end)
      local _, data = ngx.thread.wait(thread)
      local results = client:all { { path = "/workspaces/me" }, { path = "/nothing" } }
      while not done do ngx.sleep(0.005) end
      ngx.say(ngx.ctx.id, " ", data.id, " ", done, " ", results[1].data.id, " ", results[2].err.kind)
    }
    log_by_lua_block {
      local _, problem = pcall(client.workspace, client)
      ngx.log(ngx.NOTICE, problem)
    }
  }
}
]]

local lines = load_lines()

if lines then
  describe("the stream module of nginx", function()
    it("makes calls in preread_by_lua, content_by_lua, light threads and callbacks", function()
      local sb = assert(sandbox.start())
      finally(function() sb:stop() end)
      local port, paths = host.random_port(), nginx.paths()
      local values = { LOAD = lines, PATHS = paths, PORT = tostring(port) }
      local server = nginx.start {
        env = { TRAILMARK_API_KEY = sb.key, TRAILMARK_BASE_URL = sb.url }, main = STREAM:gsub("@(%u+)@", values),
      }
      finally(function()
        server:stop()
        sb:stop()
      end)
      local connection = assert(socket.connect("127.0.0.1", port))
      local id = sb.workspace_id
      assert.equal(("%s %s %s %s not_found"):format(id, id, id, id), (connection:receive "*l"))
      connection:close()
      server:await_log "nginx cannot wait for a call in log_by_lua"
      assert.equal("", server:errors())
    end)
  end)
end
