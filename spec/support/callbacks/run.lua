--- Runs the rows of rows.lua in one drive: `lua5.4 spec/support/callbacks/run.lua DRIVE`, with URL
-- in the environment. Prints a line for each row that is not as it should be.

package.preload["trailmark.core"] = require("trailmark_testing").worker.core -- so that there is one

local drivers = require "spec.support.drives.drivers"
local rows = require "spec.support.callbacks.rows"
local trailmark = require "trailmark"

local THROWN = {
  "broken\27[31m", { "a table" }, false,
  setmetatable({}, { __tostring = function() return "an object" end }),
  require("trailmark.errors").new { kind = "network", message = "an error of ours" },
}
local NOTHING = {} -- stands for nil

local function env_of(loop, thrown, told)
  local env = { thrown = thrown, told = told }
  function env.client(options)
    local all = { key = "tm_live_0123456789abcdef", base_url = os.getenv "URL", pace = "off",
      backoff = { base = 0.001, cap = 0.001 }, timeout = 5, deadline = 10, loop = loop }
    for name, value in pairs(options or {}) do all[name] = value end
    return assert(trailmark.new(all))
  end
  function env.calls(tm)
    local data, err = tm:get "/fine"
    if not data then error("the next call does not work: " .. tostring(err), 2) end
    local results = tm:all { { path = "/fine" }, { path = "/fine" } }
    if not (results[1].data and results[2].data) then error("nor do the next ones", 2) end
  end
  return env
end

local function run(row, loop, thrown)
  local told, stderr = {}, io.stderr
  io.stderr = { write = function(_, ...) -- luacheck: ignore
    told[#told + 1] = table.concat { ... }
    return io.stderr
  end }
  local fine, problem = pcall(row.run, env_of(loop, thrown, told), function() error(thrown, 0) end)
  io.stderr = stderr -- luacheck: ignore
  if fine then return end
  print(("%s, which raises %s: %s"):format(row.name, tostring(thrown), tostring(problem)))
end

--- What is raised in a row; one that takes long has one value.
local function values_of(row)
  local values = { THROWN[1] }
  for i = 1, row.slow and 0 or #THROWN do values[i] = THROWN[i] end
  if not row.slow then values[#values + 1] = NOTHING end
  return values
end

--- The loop's adapter, but that it tells of errors on stderr: in luv and cqueues one that nobody
-- hears is their own to tell, and ends the program.
local function telling(loop)
  local adapter = {}
  for field, f in pairs(require("trailmark.loop." .. loop)) do adapter[field] = f end
  adapter.report = function(message) io.stderr:write(message, "\n") end
  return adapter
end

-- In a coroutine of 5.1 nothing that waits can be called in pcall.
local LOOPS = arg[1] == "inline" and require("trailmark.place").YIELDS_IN_PCALL

drivers[arg[1]].run(function(loop)
  if drivers[arg[1]].needs then loop = telling(loop) end
  for _, row in ipairs(rows) do
    for _, value in ipairs(row.own_loop and not LOOPS and {} or values_of(row)) do
      if value == NOTHING then value = nil end
      run(row, loop, value)
    end
  end
end)
io.write "fine"
