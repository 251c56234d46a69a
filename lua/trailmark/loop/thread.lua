--- The coroutine that a loop has to resume to let the running one go on; nil in the main program.
--
-- It is not the one that runs inside of coxpcall's pcall on 5.1, which runs its function in another
-- coroutine, and passes on what that yields.

local loaded = package.loaded

---@return thread|nil
return function()
  local coxpcall = loaded.coxpcall
  local running = type(coxpcall) == "table" and coxpcall.running or coroutine.running
  local thread, is_main = running()
  return not is_main and thread or nil
end
