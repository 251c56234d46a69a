--- What benchmarks run beside themselves: C programs, peers written in Lua, and Lua of our own in a
-- process that has done nothing else yet. Each prints one number.

local run = {}

local LUA = os.getenv("TRAIL_LUA") or "lua"

-- The private resident memory (RssAnon: no pages of shared libraries) without what is garbage.
local PRELUDE = [[
  local function private_kib()
    collectgarbage() collectgarbage()
    for line in io.lines("/proc/self/status") do
      local kib = line:match("^RssAnon:%s+(%d+)")
      if kib then return tonumber(kib) end
    end
  end
]]

local function quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

local function number_of(...)
  local words = { ... }
  for i, word in ipairs(words) do words[i] = quote(word) end
  local command = table.concat(words, " ")
  local pipe = assert(io.popen("ulimit -n 8192; exec timeout 600 " .. command))
  local number = pipe:read("*n")
  pipe:close()
  return assert(number, "failed: " .. command)
end

--- Runs a command that says its seconds and, where there are any, a line of times.
---@param ... string|number
---@return number seconds
---@return number[] times
function run.times(...)
  local words = { ... }
  for i, word in ipairs(words) do words[i] = quote(word) end
  local command = table.concat(words, " ")
  local pipe = assert(io.popen("ulimit -n 8192; exec timeout 600 " .. command))
  local seconds, times = pipe:read("*n"), {}
  for time in (pipe:read("*a") or ""):gmatch("%S+") do times[#times + 1] = tonumber(time) end
  pipe:close()
  return assert(seconds, "failed: " .. command), times
end

--- Any command that prints one number.
---@param ... string|number its words
---@return number
function run.command(...) return number_of(...) end

--- A C program of this folder.
---@param name string
---@param ... string|number its arguments
---@return number
function run.program(name, ...)
  return number_of(os.getenv("TRAIL_BENCH_PROGRAMS") .. "/" .. name, ...)
end

--- A peer of the folder `peers`.
---@param lua string the interpreter
---@param name string
---@param ... string|number its arguments
---@return number
function run.peer(lua, name, ...)
  return number_of(lua, ("spec/bench/peers/%s.lua"):format(name), ...)
end

--- The first of these interpreters that has all of these modules, or nil.
---@param interpreters string[]
---@param modules string
---@return string|nil
function run.find(interpreters, modules)
  local code = ('for name in ("%s"):gmatch("%%S+") do require(name) end'):format(modules)
  for _, lua in ipairs(interpreters) do
    local command = ("%s -e %s >/dev/null 2>&1"):format(lua, quote(code))
    local status = os.execute(command)
    if status == true or status == 0 then return lua end
  end
  return nil
end

--- Lua code, which may use `private_kib()` and, as locals, the values given by name.
---@param code string
---@param values? table<string, string|number>
---@return number
function run.code(code, values)
  local lines = { PRELUDE }
  for name, value in pairs(values or {}) do
    lines[#lines + 1] = ("local %s = %s"):format(name,
      type(value) == "string" and ("%q"):format(value) or tostring(value))
  end
  lines[#lines + 1] = code
  return number_of(LUA, "-e", table.concat(lines, "\n"))
end

return run
