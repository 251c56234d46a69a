-- Run by nginx's init_by_lua, in the process that `start` made: forks off the
-- keeper, then loads everything the worker needs. Loading happens here because
-- nginx may still be root here, while its worker may be unable to read the
-- caller's files.

local root, folder, caller = ...

local path, cpath = package.path, package.cpath
package.path = root .. "/?.lua;" .. path

local cjson = require("cjson")
local file = assert(io.open(folder .. "settings.json"))
local settings = cjson.decode(file:read("*a"))
file:close()

local announce = require("trailmark.sandbox.server.keeper").start(folder, caller, settings.ports)
local handler = require("trailmark.sandbox.server.handler")
package.path, package.cpath = path, cpath

handler.open(folder, settings)

--- init_worker_by_lua: nginx listens, this process answers.
function handler.announce()
  local C = require("ffi").C
  C.write(announce, "r", 1)
  C.close(announce)
end

return handler
