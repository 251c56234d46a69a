--- What happens between two moves of the engine: whoever waits for a call that has ended is told,
-- events are delivered, functions are asked for keys, alarms ring.
--
-- The engine lists the announced calls that have ended; here each is known to its owner. Two things
-- call this: a host's loop, whose watch on the engine's descriptor runs `pump.turn`, and a blocking
-- wait, which runs `pump.between` and leaves what belongs to a loop to that loop's next turn. So no
-- coroutine runs inside somebody else's blocking call, and no wake-up is lost by one.
--
-- An owner is a table with `finished(self, number)`, which returns the task to run for it, or nil.
-- A task is a table with `run(self)` and, for the queue, `behind`; with `missed(self)` it hears
-- that `run` has raised.
--
-- Memory may run out anywhere in here. What was taken from the core, or out of a queue, is told or
-- run once more the next time then, so an owner and a task must bear to be told and run twice.

local alarms = require "trailmark.alarms"
local common = require "trailmark.common"
local core = require "trailmark.core"
local events = require "trailmark.events"
local is_exhaustion = require "trailmark.exhaustion"
local is_interruption = require "trailmark.interruption"
local members = require "trailmark.members"
local place = require "trailmark.place"
local printable = require "trailmark.printable"
local queue = require "trailmark.queue"

local pump = {}

-- Homes: the loops in which something of ours is under way ----------------------------------------
-- A watch exists exactly while a home has something under way, so a loop can come to its end. In a
-- forked child the homes of the parent are stale: their loops are not touched any more.

local homes = common("pump.homes", "k") -- by the adapter's key

local function is_stale(home)
  return home.fd and home.fd ~= core.fd()
end

--- The loop that an adapter speaks for now.
---@param adapter trailmark.Loop
---@return table home
function pump.home(adapter)
  local key = adapter.key and adapter.key() or adapter
  local home = homes[key]
  if not home or is_stale(home) then
    home = { adapter = adapter, key = key, live = 0, fd = false, stop = false }
    home.turn = function() pump.turn(home) end
    home.porter = adapter.new_porter and adapter.new_porter(adapter, home)
    homes[key] = home
  end
  return home
end

local function begin(home)
  home.live = home.live + 1
  if home.porter then return home.porter:begin() end
  if is_stale(home) then return end
  local fd = core.fd()
  home.stop = home.adapter.watch(fd, home.turn, home.key)
  home.fd = fd
end

--- One thing more is under way there.
function pump.enter(home)
  if home.stop then
    home.live = home.live + 1
    return
  end
  local before = home.live
  local ok, problem = pcall(begin, home)
  if ok then return end
  home.live = before
  error(problem, 0)
end

--- One thing less.
function pump.leave(home)
  home.live = home.live - 1
  if home.live > 0 then return end
  if home.porter then return home.porter:rest() end
  local stop = home.stop
  if not stop then return end
  home.stop = false
  stop()
end

-- Tasks -------------------------------------------------------------------------------------------

local tasks = common "pump.tasks"
tasks.blocking = tasks.blocking or queue.new() -- for whoever blocks, or steps
tasks.homed = tasks.homed or queue.new()       -- for the turn of a loop
tasks.ringing = tasks.ringing or alarms.new()
tasks.untold = tasks.untold or false           -- an ended call's number, while its owner is told
local blocking, homed, ringing = tasks.blocking, tasks.homed, tasks.ringing
local busy = common "pump.busy" -- the coroutines inside of `turn` and `serve`: turner, server
busy.turner, busy.server = busy.turner or false, busy.server or false
-- A callback that yields leaves `turn` or `serve` half done, and may never be resumed: nobody waits
-- for that.
local is_active = place.is_active

--- Runs a task soon: in its home's loop, or where the program blocks.
---@param task table
---@param home? table
function pump.push(task, home)
  if task.behind then return end
  if not home then
    blocking:push(task)
    return
  end
  task.home = home
  pump.enter(home)
  if home.porter then return home.porter:take(task) end
  homed:push(task)
  if not is_active(busy.turner) then core.arm(0) end
end

local function tell(task, problem)
  local lines = {} -- a traceback has several
  for line in printable.raised(problem):gmatch "[^\n]+" do
    lines[#lines + 1] = printable.text((line:gsub("\t", "  ")), 400)
  end
  local message = "trailmark: " .. table.concat(lines, "\n", 1, math.min(#lines, 30))
  local home = task.home
  local report = home and home.adapter.report
  if report and pcall(report, message, home.key) then return end
  io.stderr:write(message, "\n")
end

local function run_first(line)
  return line:pop():run()
end

--- Runs the first task of a queue; it stays there where memory runs out.
function pump.run(line)
  local task = line.first
  local home = line ~= blocking and task.home
  if home and is_stale(home) then return line:pop() end
  local ok, problem = pcall(run_first, line)
  local exhausted = not ok and is_exhaustion(problem)
  local kept = exhausted and not task.behind
  if kept then line:put_back(task) elseif home then pump.leave(home) end
  if not (ok or kept) and task.missed then task:missed() end
  if exhausted or not ok and is_interruption(problem) then error(problem, 0) end
  if not ok then tell(task, problem) end
end

--- Tells of an error that nobody else would see.
pump.tell = tell

-- Owners ------------------------------------------------------------------------------------------

-- An announced call has a number while it is under way. Numbers are given out again, so that these
-- tables neither grow nor are made anew all the time.

local owners = common("pump.owners", "v") -- by number; whoever waits holds its owner
local home_of = common "pump.home_of"     -- by number; false: it has none
local spare = common "pump.spare"         -- numbers that no call has
spare.count, spare.highest = spare.count or 0, spare.highest or 0

local function take_number()
  local count = spare.count
  if count == 0 then
    local number = spare.highest + 1
    home_of[number], spare[number] = false, 0 -- room for what is to come
    spare.highest = number
    return number
  end
  spare.count = count - 1
  return spare[count]
end

local function give_number(number)
  local count = spare.count + 1
  spare.count, spare[count] = count, number
end

--- Tells `owner` when the call ends. Nil: it has ended already.
---@param handle userdata  the call
---@param owner table
---@param home? table      the loop that is kept going for it
---@return integer|nil number
function pump.announce(handle, owner, home)
  local new = take_number()
  local number = handle:announce(new)
  if number ~= new then give_number(new) end -- it has ended, or has one already
  if not number then return nil end
  owners[number] = owner
  if home and not home_of[number] then
    pump.enter(home)
    home_of[number] = home
  end
  return number
end

--- When a loop is to run the next turn.
local function due()
  return (tasks.untold or blocking.count + homed.count > 0) and 0 or ringing:first()
end

local function tell_owner(number)
  local owner, home = owners[number], home_of[number]
  local task = owner and owner:finished(number)
  if task then pump.push(task, task.home or home) end
  if owner then owners[number] = nil end
  if home then home_of[number] = false end
  if number > 0 then give_number(number) end
  if home then pump.leave(home) end
end

--- Tells the owners of all calls that have ended.
function pump.take_in()
  if tasks.untold then tell_owner(tasks.untold) end
  tasks.untold = false
  for _, number in core.next_finished do
    tasks.untold = number
    tell_owner(number)
    tasks.untold = false
  end
end

--- The number of the call that ended first, where that is one of `owner`'s, in no loop: its owner
-- has heard of it so. Else nil, and `take_in` is needed. Needs no memory.
function pump.take_one(owner)
  if tasks.untold then return nil end
  local _, number = core.next_finished()
  if not number then return nil end
  if owners[number] ~= owner or home_of[number] then
    tasks.untold = number
    return nil
  end
  owners[number] = nil
  give_number(number)
  return number
end

-- Keys --------------------------------------------------------------------------------------------

local curious = common("pump.curious", "k") -- sources of keys that have functions to ask

--- From now on `source:tend(in_turn, home)` is called after each move of the engine; `home` is the
-- loop whose turn it is, if any. `source:next_look()` is when it has to be, or nil.
function pump.tend(source)
  curious[source] = true
end

--- No longer.
function pump.untend(source)
  curious[source] = nil
end

--- When the first of them wants to be tended to, because of who is in a function: or nil.
---@return number|nil
function pump.next_look()
  local first
  for source in pairs(curious) do
    local at = source:next_look()
    if at and (not first or at < first) then first = at end
  end
  return first
end

local function tend(in_turn, home)
  for _, source in ipairs(members(curious)) do source:tend(in_turn, home) end
end

-- Alarms ------------------------------------------------------------------------------------------

--- Wakes a waiter at a time, if nothing did before.
---@param at number  on the clock of core.now
function pump.set_alarm(at, waiter)
  local alarm = ringing:set(at, waiter)
  if not is_active(busy.turner) then core.arm(due()) end
  return alarm
end

function pump.unset_alarm(alarm)
  ringing:unset(alarm)
end

-- A turn ------------------------------------------------------------------------------------------

local TURN = 0.002 -- seconds, about: the loop has others to serve

local function turn(home, me)
  busy.turner = me
  core.step()
  pump.take_in()
  events.deliver()
  tend(true, home)
  local now = core.now()
  ringing:ring(now)
  local over = now + TURN
  if place.is_inner() then return end
  while now <= over and blocking.count + homed.count > 0 do
    if blocking.count > 0 then pump.run(blocking) end
    if homed.count > 0 then pump.run(homed) end
    now = core.now()
  end
end

--- What a loop runs when the engine's descriptor is readable. Never blocks, and takes a bounded
-- time; what is left makes the descriptor readable again at once, and so does want of memory, which
-- may have kept it from anything.
---@param home? table  the loop; nil: a host that steps by hand
function pump.turn(home)
  if is_active(busy.turner) then return end
  local me = place.current()
  local ok, problem = place.move(turn, home, me)
  if busy.turner == me then busy.turner = false end
  core.arm(not ok and is_exhaustion(problem) and 0 or due())
  if not ok then error(problem, 0) end
end

--- What a coroutine of that home runs when the doorbell has rung for it.
function pump.hear(home)
  pump.take_in()
  events.deliver()
  tend(true, home)
end

local function run_blocking(me)
  busy.server = me
  while blocking.count > 0 and busy.server == me do pump.run(blocking) end
end

--- What a blocking wait runs before it blocks: what memory ran out in, and callbacks that are due.
-- Within a callback, a hook or a key function no callback runs: they are left to the wait around
-- that.
function pump.serve()
  if tasks.untold then pump.take_in() end
  if blocking.count == 0 or is_active(busy.server) or place.is_inner() then return end
  local me = place.current()
  local ok, problem = pcall(run_blocking, me)
  if busy.server == me then busy.server = false end
  if not ok then error(problem, 0) end
end

--- What a blocking wait runs whenever the core has something for Lua.
---@param taking? boolean  who waits takes what has ended one by one (`take_one`), if it can
function pump.between(taking)
  if not taking or tasks.untold then pump.take_in() end
  events.deliver()
  tend(false)
  if homed.count > 0 and not is_active(busy.turner) then core.arm(0) end
  pump.serve()
end

return pump
