-- Shows several workspaces, each with a key of its own, asked for side by side.
--
--     lua5.4 spec/examples/workspaces.lua acme.key globex.key ...
--
-- Each argument is a file that holds a key. In a clone LUA_PATH and LUA_CPATH are needed as the
-- README's first section has them. Ends with 0 when all answered; with 1 otherwise, and what went
-- wrong with one workspace, which keeps none of the others from being shown, is on stderr.

local trailmark = require "trailmark"

if #arg == 0 then
  io.stderr:write("usage: workspaces.lua key-file ...\n")
  os.exit(1)
end

local status = 0

local function complain(path, err)
  io.stderr:write(path, ": ", tostring(err), "\n")
  status = 1
end

-- All calls are on their way before the first is waited for, so the slowest one sets the time. Each
-- client keeps to its own workspace's rate limit; connections are shared.
local calls = {}
for _, path in ipairs(arg) do
  local tm, err = trailmark.new { key_file = path }
  if tm then
    calls[#calls + 1] = { path = path, workspace = tm:send { path = "/workspaces/me" } }
  else
    complain(path, err)
  end
end

for _, call in ipairs(calls) do
  local workspace, err = call.workspace:wait()
  if workspace then
    print(("%-14s %-20s %-10s %5d members"):format(
      workspace.id, workspace.name, workspace.plan, workspace.members_count))
  else
    complain(call.path, err)
  end
end
os.exit(status)
