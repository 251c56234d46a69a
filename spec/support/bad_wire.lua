--- A sandbox behind a bad wire (bad_wire.c), and clients of it at the other end.
--
--     local world = bad_wire.start({ loss = 10 }, { https = true })
--     local client = world:client(code)           -- a process of spec/support/process.lua
--     ... client:finish() ...
--     for _, entry in ipairs(world:seen()) do ... end
--     world:stop()

local host = require "trailmark.sandbox.host"
local process = require "spec.support.process"
local sandbox = require "trailmark.sandbox"
local tmp = require "spec.support.tmp"

local PROGRAM = os.getenv "TRAIL_BAD_WIRE" or "build/bad_wire"
local ENTER = "/usr/bin/nsenter"

local bad_wire = {}

local World = {}
World.__index = World

local function wire(faults)
  local arguments = { PROGRAM }
  for name, value in pairs(faults) do
    arguments[#arguments + 1] = (name:gsub("_", "-"))
    arguments[#arguments + 1] = tostring(value)
  end
  return process.program(arguments)
end

--- Why there can be no such wire here, or nil.
---@return string|nil
function bad_wire.missing()
  if not io.open(ENTER) then return "there is no " .. ENTER end
  local probe = wire {}
  local _, said = pcall(probe.expect, probe, "server %S+\n")
  probe:stop()
  return said:match "failed [^\n]*"
end

--- A program that is nginx in a namespace, for the sandbox to run.
local function nginx_in(namespace)
  local found = assert(host.find_programs(nil, false))
  local path = tmp.file(("#!/bin/sh\nexec %s --net=%s %s \"$@\"\n"):format(ENTER, namespace,
    host.quote(found.nginx)))
  os.execute("chmod 755 " .. path)
  return path
end

--- Makes the wire and starts a sandbox at its end.
---@param faults table<string, integer>  bad_wire.c says which; `cut_server` is its cut-server
---@param opts? trailmark.sandbox.Options
---@return table world
function bad_wire.start(faults, opts)
  local self = setmetatable({ wire = wire(faults) }, World)
  self.near, self.far = self.wire:expect "client (%S+)\nserver (%S+)\n"
  local settings = { nginx = nginx_in(self.far) }
  for name, value in pairs(opts or {}) do settings[name] = value end
  local sb, problem = sandbox.start(settings)
  os.remove(settings.nginx)
  if not sb then
    self.wire:stop()
    error(problem, 2)
  end
  self.sandbox = sb
  return self
end

local function lua_in(namespace, code)
  return process.program({ ENTER, "--net=" .. namespace, os.getenv "TRAIL_LUA" or "lua", "-e",
    code, "/dev/null" }, { LUA_PATH = package.path, LUA_CPATH = package.cpath })
end

--- Runs code in a fresh interpreter at the near end.
function World:client(code) return lua_in(self.near, code) end

local LAST = [[
  local trailmark = require "trailmark"
  local tm = assert(trailmark.new { base_url = %q, key = "tm_live_last", pace = "off" })
  local _, err = tm:get "/last"
  assert(err.status == 401, tostring(err))
]]

--- Ends the wire; what the server saw of all that came through. A last request from its own side is
--- answered when it has looked at whatever came before.
---@return trailmark.sandbox.Entry[]
function World:seen()
  local pid = io.open(self.sandbox.folder .. "/nginx.pid")
  local far = ("/proc/%d/ns/net"):format(pid:read "*n")
  pid:close()
  self.wire:stop()
  local last = lua_in(far, LAST:format(self.sandbox.http_url))
  local _, code, complaint = last:finish()
  assert(code == 0, complaint)
  local entries = self.sandbox:log()
  for i = #entries, 1, -1 do
    if entries[i].path == "/v1/last" then table.remove(entries, i) end
  end
  return entries
end

--- Ends all of it.
function World:stop()
  self.wire:stop()
  self.sandbox:stop()
end

return bad_wire
