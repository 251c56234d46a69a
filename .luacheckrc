-- What Lua 5.1 to 5.4 and LuaJIT have in common, and nothing else.
std = "min"
cache = false
max_line_length = 100
self = false

files["**/*_spec.lua"] = { std = "+busted" }
files["lua/trailmark"] = { not_globals = { "print" } }
files["lua/trailmark/sandbox/server"] = { std = "ngx_lua" }
files["rockspec"] = { std = "rockspec" }
files[".busted"] = { std = "min" }
