-- A command for Neovim: `:Trailmark /contacts/ct_000001` shows in a new window what is there.
--
-- Copy it to ~/.config/nvim/plugin/trailmark.lua, or try it out of a clone:
--
--     make LUA=luajit
--     export LUA_PATH="build/lua/?.lua;build/lua/?/init.lua;;" LUA_CPATH="build/luajit/?.so;;"
--     TRAILMARK_API_KEY=tm_live_... nvim -c 'luafile spec/examples/neovim.lua'
--
-- The editor goes on while the call is under way. The callback runs in the editor's main loop, so
-- it may use all of its functions.

local trailmark = require "trailmark"

local tm -- made at the first use: an editor without a key starts all the same

local function complain(err)
  vim.notify(tostring(err), vim.log.levels.ERROR)
end

local function show(path, data)
  vim.cmd "new"
  vim.bo.buftype, vim.bo.bufhidden, vim.bo.swapfile = "nofile", "wipe", false
  vim.bo.filetype = "lua"
  local lines = vim.split("-- " .. path .. "\n" .. vim.inspect(data), "\n")
  vim.api.nvim_buf_set_lines(0, 0, -1, false, lines)
end

local function trailmark_command(command)
  if not tm then
    local err
    tm, err = trailmark.new()
    if not tm then return complain(err) end
  end
  local path = command.args
  tm:send({ path = path }, function(data, err)
    if err then return complain(err) end
    show(path, data)
  end)
end

vim.api.nvim_create_user_command("Trailmark", trailmark_command, {
  nargs = 1, desc = "Show a resource of the Trailmark API",
})
