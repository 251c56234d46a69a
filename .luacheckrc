-- What Lua 5.1 to 5.4 and LuaJIT have in common, and what is asked for before it is used.
std = "min"
read_globals = {
  "jit",
  "loadstring",
  "setfenv",
  "unpack",
  math = { fields = { "maxinteger", "mininteger", "tointeger", "type" } },
  table = { fields = { "pack", "unpack" } },
  package = { fields = { "searchpath" } },
  coroutine = { fields = { "isyieldable" } },
  debug = { fields = { "upvalueid" } },
}
max_line_length = 100
self = false
cache = false

files["**/*_spec.lua"] = { std = "+busted", max_line_length = 120 } -- rows of cases
files["lua/trailmark"] = { not_globals = { "print" } }
files["spec/examples/neovim.lua"] = { globals = { "vim" } }
files["lua/trailmark/sandbox/server"] = { std = "ngx_lua" }
files["spec/fuzz"] = { std = "lua54" } -- the only Lua they run on
files["rockspec"] = { std = "rockspec" }
