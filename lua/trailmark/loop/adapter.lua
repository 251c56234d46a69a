--- What an adapter is: a table of what this library has to know of a host's loop.

local checks = require "trailmark.checks"

--- An event loop of the host's, for the option `loop`.
---@class trailmark.Loop
---@field waiter fun(): any  what stands for the coroutine that runs; nil: it is none of the loop's,
---  so calls block in it
---@field suspend fun(token: any)  suspends that coroutine, which is the one that runs
---@field resume fun(token: any)   lets it go on, at once or soon
---@field watch fun(fd: integer, step: fun(), key: any): fun()  from now on `step` is called
---  whenever the descriptor is readable, until the function returned is called
---@field spawn? fun(f: fun(), key: any)  runs `f` in a coroutine of the loop's; else in a plain one
---@field report? fun(message: string, key: any)  tells of an error that nobody else would see
---@field key? fun(): any  where there are several of its kind: the one that runs now, if any
---@field new_waiter? fun(token: any, source?: table): table  in place of trailmark.waiter's

local REQUIRED = { "waiter", "suspend", "resume", "watch" }
local FIELDS = { "waiter", "suspend", "resume", "watch", "spawn", "report", "key", "new_waiter" }

local known = {}
for _, name in ipairs(FIELDS) do known[name] = true end

local adapter = {}

--- What is wrong with a table that is to be an adapter, or nil.
---@param value table
---@return string|nil
function adapter.problem(value)
  for name, field in next, value do
    if type(name) ~= "string" then return "loop must be a table of named functions" end
    if not known[name] then
      return ("unknown field %s of loop%s"):format(checks.quoted(name),
        checks.did_you_mean(name, FIELDS))
    end
    if type(field) ~= "function" then
      return ("loop.%s must be a function, got %s"):format(name, checks.describe(field))
    end
  end
  for _, name in ipairs(REQUIRED) do
    if value[name] == nil then return ("loop.%s must be given: a function"):format(name) end
  end
end

return adapter
