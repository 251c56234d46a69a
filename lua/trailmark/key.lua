--- Where a client's keys come from: an option, the environment, a file, or a function.
--
-- The core holds the keys and decides which one to use; here it is given them. It asks a question
-- where a function has to be called: before the first call, when what the function returned has
-- expired, and after a 401. Calls wait for the answer in the core; of those who wait for them one
-- calls the function, in its own coroutine, one at a time.

local checks = require "trailmark.checks"
local core = require "trailmark.core"
local errors = require "trailmark.errors"
local is_interruption = require "trailmark.interruption"
local place = require "trailmark.place"
local printable = require "trailmark.printable"
local pump = require "trailmark.pump"

local Key = {}
Key.__index = Key

local key = {}

local function config(message, option)
  return errors.new { kind = "config", message = message, option = option }
end

local FIRST_LOOK = 1 -- seconds; then twice as many each time

local NONE = "no API key: neither the options key and key_file nor the variables"
  .. " TRAILMARK_API_KEY and TRAILMARK_API_KEY_FILE give one"

local function give_first(handle, settings)
  if settings.key_variable then return handle:use_key_variable(settings.key_variable) end
  if settings.key ~= nil then return handle:set_key(settings.key) end
  if settings.key_file then return handle:use_key_file(settings.key_file) end
  return nil, NONE
end

--- The core keeps a string; a function it only has to know of.
local function give_fallback(source, fallback)
  if fallback == nil then return true end
  if type(fallback) == "string" then return source.handle:set_fallback(fallback) end
  source.ask.fallback = fallback
  return source.handle:set_fallback(nil)
end

local function weak()
  return setmetatable({ false }, { __mode = "v" })
end

--- Gives the core client its keys.
---@param handle userdata the core's client
---@param settings table  of options.client and options.environment
---@return table|nil source
---@return trailmark.Error|nil
function key.open(handle, settings)
  local asking = setmetatable({}, { __mode = "k" }) -- by coroutine
  local source = setmetatable({
    handle = handle, ask = {}, asking = asking, waiters = setmetatable({}, { __mode = "k" }),
    elected = weak(), apart = false, ended = false,
    problem = false, taken = false, look_at = false, alarm = false,
  }, Key)
  local ok, why = true, nil
  if type(settings.key) == "function" then
    source.ask.key = settings.key
    handle:use_key_function()
  else
    ok, why = give_first(handle, settings)
  end
  if not ok then return nil, config(why, settings.key_file and "key_file" or "key") end
  ok, why = give_fallback(source, settings.fallback_key)
  if not ok then return nil, config(why, "fallback_key") end
  if next(source.ask) then pump.tend(source) end
  return source
end

--- Replaces the key, or the function that gives it.
function Key:set(new)
  self.problem = false
  if type(new) == "function" then
    self.ask.key = new
    pump.tend(self)
    return self.handle:use_key_function()
  end
  local ok, why = self.handle:set_key(new)
  if not ok then return nil, config(why, "key") end
  self.ask.key = nil
  return true
end

--- A function's own words about what went wrong, with any key in them hidden.
local function words(problem)
  return (printable.raised(problem):gsub("tm_live_[^%s\"']+", "tm_live_***"))
end

--- The coroutine that runs; Lua 5.1 has no value for the main one.
local function current()
  return coroutine.running() or "main"
end

--- Whether this very coroutine is inside the function. Another that yielded in it, or was dropped
-- there, stands in nobody's way.
function Key:is_asking()
  return self.asking[current()] == true and place.is_asking()
end

local function ask(self, me, which, why)
  self.asking[me] = true
  return self.ask[which](why)
end

local NO_TIME = "the function %s gave %s as its third value, which must be the seconds until the"
  .. " key expires: return a number there, or nil"

local function no_string(name, given, problem)
  if not given and problem ~= nil then
    return ("the function %s gave no key: %s"):format(name, words(problem))
  end
  local what = given == nil and "nil and no reason" or "a " .. type(given)
  return ("the function %s returned %s, where a string is needed"):format(name, what)
end

--- Asks a function; the problem says which one failed, and never what it returned.
local function asked(self, which, why)
  local name = which == "key" and "key" or "fallback_key"
  local me = current()
  local fine, given, problem, expires_in = place.ask(ask, self, me, which, why)
  if self.asking[me] then self.asking[me] = nil end
  if not fine then
    if is_interruption(given) then self.interruption = given end
    return nil, ("the function %s failed: %s"):format(name, words(given))
  end
  if type(given) ~= "string" then
    return nil, no_string(name, given, problem)
  end
  if expires_in ~= nil and (type(expires_in) ~= "number" or expires_in ~= expires_in) then
    return nil, NO_TIME:format(name, checks.describe(expires_in))
  end
  return given, nil, expires_in
end

--- Ctrl-C within a function goes on to the caller, once everybody else has been told.
local function pass_on(self)
  local problem = self.interruption
  self.interruption = nil
  if problem then error(problem, 0) end
end

--- Takes what the function `key` gives.
local function renew(self, why)
  local given, problem, expires_in = asked(self, "key", why)
  if not given then return nil, problem end
  return self.handle:set_key(given, "function", expires_in)
end

-- The question ------------------------------------------------------------------------------------

local function fetch(self, which)
  if which == "fallback" then
    if not self.ask.fallback then return true end
    local given, problem = asked(self, "fallback", "unauthorized")
    if not given then return nil, problem end
    return self.handle:set_fallback(given)
  end
  if not self.ask.key then return true end -- a string has taken its place meanwhile
  return renew(self, which == "first" and "first" or "unauthorized")
end

local function unset_alarm(self)
  if self.alarm then pump.unset_alarm(self.alarm) end
  self.alarm = false
end

-- A coroutine that is closed in the function, which 5.4 can do, has the alarm ring at once.
local watch = { __close = function(question)
  local source = question.source
  local before = source.alarm
  if question.is_over or not before then return end
  source.alarm = pump.set_alarm(core.now(), source)
  pump.unset_alarm(before)
end }

local function fetch_once(question)
  if question.is_over then return nil end
  question.ok, question.problem = fetch(question.source, question.which)
  question.is_over = true
  return true
end

-- The loop's fourth value is closed with it. A Lua that knows none has no coroutine.close either.
local function fetch_watched(self, which)
  local question = setmetatable({ source = self, which = which, is_over = false }, watch)
  for _ in fetch_once, question, nil, question do end
  return question.ok, question.problem
end

--- The problem, if any, is kept for the error that follows a 401.
local function conclude(self, which, problem)
  if which ~= "first" then self.problem = problem end
  self.elected[1], self.taken, self.look_at = false, false, false -- it is not given back
  self.apart, self.ended = false, false
  self.handle:key_answered(problem or nil)
  unset_alarm(self)
end

--- Answers the engine's question: a key before a call, or after a 401.
---@param which "first"|"key"|"fallback"
---@param seat table  of the one who was elected; another may have been since
function Key:answer(which, seat)
  if self.elected[1] ~= seat then return end
  seat.thread = current()
  local guard = seat.adapter and seat.adapter.guard
  if guard then guard(core.doorbell(), seat.who) end
  local ok, problem = fetch_watched(self, which)
  if self.elected[1] == seat then conclude(self, which, not ok and problem) end
  if guard then seat.adapter.unguard(seat.who) end -- after the answer, which spares others a look
  pass_on(self)
end

--- Whether its host says that it has ended the coroutine.
local function has_left(seat)
  local adapter = seat.adapter
  return adapter and adapter.has_left and adapter.has_left(seat.who)
end

local function look_at_elected(self)
  local seat = self.elected[1]
  if not seat or not has_left(seat) then return end
  self.elected[1] = false
  if not seat.waiting then return end
  self.waiters[seat] = nil
  seat.waiting:forsake()
end

local ENDED = "the function %s was ended before it returned: its host ended the coroutine that it"
  .. " was called in, as ngx.exit does"

--- Somebody else is to see to the question, or the next turn. There may be no memory to say so:
-- then it is said once more. A function that ends what it alone is called in would do so for ever;
-- once, it may have been somebody else who did.
local function give_back(self)
  if not self.taken then return end
  look_at_elected(self)
  if self.elected[1] then return end
  local which = self.apart
  if which and self.ended then
    return conclude(self, which, ENDED:format(which == "fallback" and "fallback_key" or "key"))
  end
  self.apart, self.ended = false, which
  self.handle:give_question_back()
  self.taken, self.look_at = false, false
end

local function thread_of(seat)
  return seat.thread or seat.waiting and seat.waiting.thread
end

--- Before this coroutine blocks: whoever is in the function, and would have to be resumed to go on,
-- is not waited for.
function Key:relieve()
  local seat = self.elected[1]
  if not self.taken then return end
  if seat and not place.is_active(thread_of(seat)) then
    self.elected[1], self.apart = false, false
  end
  give_back(self)
end

--- Whether there is a function to be asked.
function Key:asks()
  return next(self.ask) ~= nil
end

--- A coroutine that waits for a call of the client: it may be asked to call the function. It holds
-- what this returns, and nobody else does, for that tells whether it still lives.
---@return table|nil seat
function Key:join(waiting)
  if not next(self.ask) then return nil end
  local seat = { waiting = waiting, adapter = waiting.adapter, who = waiting.number }
  self.waiters[seat] = true
  return seat
end

---@param seat table|nil  as `join` returned it
function Key:leave(seat)
  if not seat then return end
  self.waiters[seat] = nil
  if self.elected[1] ~= seat then return end
  self.elected[1] = false -- it has not answered
  give_back(self)
end

-- A host may end a coroutine behind our back, and a program close its own (coroutine.close, on
-- 5.4). From time to time somebody looks whether the elected one still lives: that shows once it is
-- collected, if not before. Where coroutines wait at a doorbell, that rings when one has left; and
-- they look, and the porter does, for the host may not have closed or collected what it had.
-- Elsewhere an alarm rings, for one that was closed at once.

local function watch_over(self, home)
  self.wait, self.look_at = FIRST_LOOK, core.now() + FIRST_LOOK
  if home and home.porter then
    for seat in pairs(self.waiters) do seat.waiting:look() end
    home.porter:look()
  elseif not self.alarm then
    self.alarm = pump.set_alarm(self.look_at, self)
  end
end

local function look_after(self)
  if not self.look_at or core.now() < self.look_at then return end
  self.wait = self.wait * 2
  self.look_at = core.now() + self.wait
  collectgarbage()
end

--- When whoever begins to wait is to be tended to because of the elected one: now, where that has
-- left already; nil where there is none.
---@return number|nil
function Key:next_look()
  if not self.look_at then return nil end
  local seat = self.elected[1]
  return seat and not has_left(seat) and self.look_at or core.now()
end

-- In nginx this is not to be asked: another request's coroutine looks dead to it.
local function is_dead(seat)
  local thread = seat and thread_of(seat)
  return type(thread) == "thread" and coroutine.status(thread) == "dead"
end

--- The alarm rings.
function Key:wake()
  self.alarm = false
  if not self.taken then return end
  local seat = self.elected[1]
  if is_dead(seat) then
    self.elected[1] = false
    if seat.waiting then seat.waiting:forsake() end
  end
  look_after(self)
  give_back(self)
  if self.taken then self.alarm = pump.set_alarm(self.look_at, self) end
end

local function elect(self, which)
  for seat in pairs(self.waiters) do
    if not has_left(seat) and seat.waiting:ask(which) then
      self.elected[1] = seat
      return true
    end
  end
  return false
end

local function no_longer(self, elected)
  if self.elected[1] == elected then self.elected[1] = false end
end

-- Elected within pcall, whose own call may find no memory.
local function as_elected(self, mine, f, ...)
  self.elected[1] = mine
  f(...)
end

--- Nobody waits, but a loop runs callbacks: a coroutine of it may yield in the function.
local function answer_apart(self, which, home)
  -- Gone with that coroutine, should it be dropped in the function.
  local mine = { began = false, is_held = false, adapter = home.adapter }
  mine.who = mine
  local function run()
    mine.began = true
    if home.porter and self.elected[1] == mine then self.apart = which end
    self:answer(which, mine)
    mine.is_held = true -- until here
  end
  local function report(problem)
    if self.elected[1] == mine then self.apart = false end
    no_longer(self, mine)
    give_back(self)
    pump.tell({ home = home }, problem)
  end
  local ok, problem = pcall(as_elected, self, mine, place.spawn, home, run, report)
  if ok then return end
  if not mine.began then no_longer(self, mine) end
  error(problem, 0)
end

local function answer_here(self, which)
  local mine = {}
  local ok, problem = pcall(as_elected, self, mine, self.answer, self, which, mine)
  no_longer(self, mine)
  if not ok then error(problem, 0) end
end

local function tend(self, in_turn, home)
  local which = self.handle:take_question()
  if not which then return end
  self.taken = true
  if in_turn then watch_over(self, home) end
  if in_turn and elect(self, which) then return end
  if home then answer_apart(self, which, home) else answer_here(self, which) end
end

--- Looks whether the engine has a question. One of those who wait is elected to call the function,
-- in its own coroutine; if it is dropped there, the next one is. Where somebody blocks, or nobody
-- waits, it is called here.
---@param in_turn boolean  of a loop: it may be left to a coroutine
---@param home? table      the loop, where it has coroutines
function Key:tend(in_turn, home)
  if self.taken then look_after(self) end
  give_back(self)
  local ok, problem = pcall(tend, self, in_turn, home)
  if ok then return end
  give_back(self)
  error(problem, 0)
end

return key
