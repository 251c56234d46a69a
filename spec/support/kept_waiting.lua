--- Seconds in which a process's main thread was ready to run and the machine had no processor for
-- it; 0 where the kernel does not count that (CONFIG_SCHED_INFO), or there is no such process.

---@param pid? integer  this one unless it is given
return function(pid)
  local file = io.open(("/proc/%s/schedstat"):format(pid or "self"))
  if not file then return 0 end
  local ns = file:read("*a"):match("^%d+ (%d+)") or 0
  file:close()
  return ns / 1e9
end
