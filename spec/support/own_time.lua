--- Seconds that this process could have used: the wall's, less those in which its main thread was
-- ready to run and the machine had no processor for it, or the machine's own host had none. To wait
-- takes its time, to be kept waiting by other programs does not: an upper bound in it judges the
-- code, on a busy machine too.
--
-- Where the kernel does not count that, it is the wall's time.

local kept_waiting = require "spec.support.kept_waiting"
local socket = require "socket"

local TICKS = 100 -- a second, in /proc/stat

--- What the host took from all processors (proc_stat(5): steal).
local function stolen()
  local file = io.open("/proc/stat")
  if not file then return 0 end
  local ticks = file:read("*l"):match("^cpu" .. (" +%d+"):rep(7) .. " +(%d+)") or 0
  file:close()
  return ticks / TICKS
end

--- With another process (spec/support/process.lua), less what that one was kept waiting, too.
return function(other)
  local waited = kept_waiting() + stolen()
  if other then waited = waited + (other.pid and kept_waiting(other.pid) or other.kept_waiting) end
  return socket.gettime() - waited
end
