--- Seconds that this process could have used: the wall's, less those in which its main thread was
-- ready to run and the machine had no processor for it. To wait takes its time, to be kept waiting
-- by other programs does not: an upper bound in it judges the code, on a busy machine too.
--
-- Where the kernel does not count that (CONFIG_SCHED_INFO), it is the wall's time.

local socket = require "socket"

local function kept_waiting()
  local file = io.open("/proc/self/schedstat")
  if not file then return 0 end
  local ns = file:read("*a"):match("^%d+ (%d+)")
  file:close()
  return ns / 1e9
end

return function() return socket.gettime() - kept_waiting() end
