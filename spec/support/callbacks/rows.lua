--- Every function that a caller gives the client, as rows: how one that raises is used, and where
-- its error goes.
--
--     { name, function(env, throw) ... end }
--
-- `throw` raises what is tried at the moment, `env.thrown`; `env.client(options)` makes a client in
-- the drive's loop; `env.told` are the lines on stderr so far, `env.calls(tm)` shows that calls
-- work. A row with `own_loop` is for the blocking drive alone, one with `slow` is for one value.

local errors = require "trailmark.errors"
local trailmark = require "trailmark"

local rows = {}

local function add(name, run, more)
  local row = { name = name, run = run }
  for field, value in pairs(more or {}) do row[field] = value end
  rows[#rows + 1] = row
end

local OWN_LOOP, SLOW = { own_loop = true }, { slow = true }

local function expect(condition, message, ...)
  if not condition then error(tostring(message or "not so") .. " " .. tostring((...)), 2) end
end

--- What is raised is the very value.
local function raises_it(env, f, ...)
  local fine, problem = pcall(f, ...)
  expect(not fine, "nothing was raised")
  expect(rawequal(problem, env.thrown), "another error was raised:", problem)
end

local function said(text, part) return tostring(text):find(part, 1, true) ~= nil end

--- Exactly so many lines of that are on stderr.
local function told(env, part, count)
  local found = 0
  for _, line in ipairs(env.told) do
    if said(line, part) then found = found + 1 end
  end
  expect(found == count, ("%d lines of %q, not %d: %s"):format(found, part, count,
    table.concat(env.told, "")))
end

-- Keys --------------------------------------------------------------------------------------------

add("key, when it is first asked", function(env, throw)
  local broken = true
  local tm = env.client { key = function()
    if broken then throw() end
    return "tm_live_new"
  end }
  for _ = 1, 2 do
    local data, err = tm:get "/fine"
    expect(data == nil and err.kind == "config" and err.outcome == "not_sent", "told", err)
    expect(said(err.message, "the function key failed"), err.message)
  end
  broken = false
  env.calls(tm)
end)

add("key, after a 401", function(env, throw)
  local broken = true
  local tm = env.client { key = function(why)
    if why == "first" then return "tm_live_old" end
    if broken then throw() end
    return "tm_live_new"
  end }
  local data, err = tm:get "/rotated"
  expect(data == nil and err.kind == "unauthorized", "told", err)
  expect(said(err.hint, "the function key failed"), err.hint)
  broken = false
  tm:sleep(1.05) -- a key that was given up is asked for again after a second
  expect(tm:get "/rotated")
end, SLOW)

add("fallback_key", function(env, throw)
  local tm = env.client { key = "tm_live_old", fallback_key = function() throw() end }
  local data, err = tm:get "/rotated"
  expect(data == nil and err.kind == "unauthorized", "told", err)
  expect(said(err.hint, "the function fallback_key failed"), err.hint)
  env.calls(tm)
end)

add("set_key", function(env, throw)
  local tm = env.client()
  expect(tm:set_key(function() throw() end))
  local data, err = tm:get "/fine"
  expect(data == nil and err.kind == "config", "told", err)
  expect(tm:set_key "tm_live_new")
  env.calls(tm)
end)

-- Hooks -------------------------------------------------------------------------------------------

for _, hook in ipairs { "on_event", "log" } do
  add(hook, function(env, throw)
    local tm = env.client { [hook] = function() throw() end }
    env.calls(tm)
    env.calls(tm)
    told(env, ("the function %s failed"):format(hook), 1)
  end)

  add(hook .. ", which sends and closes", function(env, throw)
    local tm, again
    local done = 0
    tm = env.client { [hook] = function()
      if again then return end
      again = true
      tm:send({ path = "/fine" }, function() done = done + 1 end)
      tm:close()
      throw()
    end }
    local data, err = tm:get "/fine"
    expect(data or err.kind == "closed", "told", err)
    local other = env.client()
    while done == 0 do other:sleep(0.002) end
    expect(done == 1)
    env.calls(other)
  end)
end

-- Callbacks ---------------------------------------------------------------------------------------

add("send's callback", function(env, throw)
  local tm = env.client()
  local seen = {}
  for _ = 1, 3 do
    tm:send({ path = "/fine" }, function(data)
      seen[#seen + 1] = data.fine
      throw()
    end)
  end
  local failed = tm:send({ path = "/missing" }, function(_, err)
    seen[#seen + 1] = err.kind
    throw()
  end)
  while #seen < 4 do tm:sleep(0.002) end
  tm:sleep(0)
  told(env, "the callback of GET /fine failed", 3)
  told(env, "the callback of GET /missing failed", 1)
  expect(select(2, failed:wait()).kind == "not_found", "the result is lost")
  env.calls(tm)
end)

add("send's callback, which calls, closes and raises", function(env, throw)
  local tm = env.client()
  local seen
  tm:send({ path = "/fine" }, function()
    local data, err = tm:get "/fine"
    tm:close()
    seen = { data, err, select(2, tm:get "/fine") }
    throw()
  end)
  local other = env.client()
  while not seen do other:sleep(0.002) end
  other:sleep(0)
  expect(seen[1] and seen[3].kind == "closed", "told", seen[2])
  told(env, "the callback of GET /fine failed", 1)
  env.calls(other)
end)

add("send's callback, of a call that could not begin", function(env, throw)
  local tm = env.client()
  local kinds = {}
  tm:send({ path = "/{x}", params = { x = ".." } }, function(_, err)
    kinds[#kinds + 1] = err.kind
    throw()
  end)
  while #kinds == 0 do tm:sleep(0.002) end
  tm:sleep(0)
  told(env, "failed", 1)
  expect(kinds[1] == "argument", kinds[1])
  env.calls(tm)
end)

-- Batches -----------------------------------------------------------------------------------------

--- What is told of the item whose function has raised: an error of ours is told as it is.
local function expect_item(env, err)
  if errors.is(env.thrown) then return expect(rawequal(err, env.thrown), "told", err) end
  expect(err.kind == "argument" and said(err.message, "the function failed"), "told", err)
end

add("map's function", function(env, throw)
  local tm = env.client()
  local results, summary = tm:map({ 1, 2, 3 }, function(i)
    if i == 2 then throw() end
    return { path = "/fine" }
  end)
  expect(results[1].data and results[3].data, "results are lost")
  expect_item(env, results[2].err)
  expect(summary.failed == 1, "so many failed:", summary.failed)
  env.calls(tm)
end)

add("map's function, which calls and closes", function(env, throw)
  local tm = env.client()
  local results = tm:map({ 1, 2, 3 }, function(i)
    if i == 2 then
      expect(tm:get "/fine")
      tm:close()
      throw()
    end
    return { path = "/fine" }
  end)
  expect(results[1].data or results[1].err.kind == "closed", "told", results[1].err)
  expect_item(env, results[2].err)
  expect(results[3].err.kind == "closed", "told", results[3].err)
end)

for _, hook in ipairs { "on_result", "on_progress", "stop_when" } do
  add(hook, function(env, throw)
    local tm = env.client()
    local begun, calls = 0, 0
    raises_it(env, tm.map, tm, { 1, 2, 3, 4, 5, 6 }, function()
      begun = begun + 1
      return { path = "/fine" }
    end, { concurrency = 2, [hook] = function()
      calls = calls + 1
      throw()
    end })
    expect(calls == 1 and begun <= 3, ("%d calls, %d begun"):format(calls, begun))
    env.calls(tm)
  end)
end

-- Lists -------------------------------------------------------------------------------------------

for _, field in ipairs { "items", "next" } do
  local function options(throw, broken)
    return { paginate = { [field] = function(body)
      if broken[1] then throw() end
      return field == "items" and body.data or body.next_cursor
    end, style = "cursor" } }
  end

  add("paginate." .. field, function(env, throw)
    local tm, broken = env.client(), { true }
    local pager = tm:pager("/pages", nil, options(throw, broken))
    raises_it(env, pager.next, pager)
    broken[1] = false
    local sum = 0
    for items in function() return (pager:next()) end do sum = sum + items[1] end
    expect(sum == 6, "pages are lost:", sum)
    broken[1] = true
    raises_it(env, function()
      for _ in tm:each("/pages", nil, options(throw, broken)) do expect(false) end
    end)
    raises_it(env, tm.collect, tm, "/pages", nil, options(throw, broken))
    env.calls(tm)
  end)
end

add("a loop over pages", function(env, throw)
  local tm = env.client()
  for _, list in ipairs { "pages", "each" } do
    raises_it(env, function()
      for _ in tm[list](tm, "/pages") do throw() end
    end)
  end
  env.calls(tm)
end)

-- The adapter of a loop ---------------------------------------------------------------------------

for _, name in ipairs { "waiter", "key", "suspend", "watch" } do
  add("the adapter's " .. name, function(env, throw)
    local loop = require("spec.support.hand_loop").new()
    local adapter, broken = {}, true
    for field, f in pairs(loop.adapter) do adapter[field] = f end
    local own = adapter[name] or function() return loop end
    adapter[name] = function(...)
      if broken then throw() end
      return own(...)
    end
    local tm = env.client { loop = adapter }
    local over, fine, problem
    loop:go(function()
      fine, problem = pcall(tm.get, tm, "/fine")
      broken = false
      over = tm:get "/fine"
    end)
    loop:run()
    expect(not fine and rawequal(problem, env.thrown), "another error was raised:", problem)
    expect(over, "the next call does not work")
  end, OWN_LOOP)
end

for _, name in ipairs { "spawn", "report" } do
  add("the adapter's " .. name, function(env, throw)
    local loop = require("spec.support.hand_loop").new()
    local adapter, calls = {}, 0
    for field, f in pairs(loop.adapter) do adapter[field] = f end
    adapter[name] = function() throw() end
    local tm = env.client { loop = adapter }
    loop:go(function()
      tm:send({ path = "/fine" }, function()
        calls = calls + 1
        throw()
      end)
    end)
    loop:run()
    expect(calls == (name == "report" and 1 or 0), calls)
    expect(#env.told > 0, "nobody was told")
    local over
    loop:go(function() over = tm:get "/fine" end)
    loop:run()
    expect(over, "the next call does not work")
  end, OWN_LOOP)
end

--- A loop whose `resume` raises the first time that the condition holds; what it tells is told.
local function failing_resume(env, throw, condition)
  local loop = require("spec.support.hand_loop").new()
  local adapter, own, failed = {}, loop.adapter.resume, false
  for field, f in pairs(loop.adapter) do adapter[field] = f end
  adapter.report = function(message) env.told[#env.told + 1] = message end
  adapter.resume = function(...)
    if failed or not condition() then return own(...) end
    failed = true
    throw()
  end
  return loop, adapter
end

add("the adapter's resume", function(env, throw)
  local loop, adapter = failing_resume(env, throw, function() return true end)
  local tm = env.client { loop = adapter }
  local answers = { n = 0 }
  for _ = 1, 2 do
    loop:go(function() answers.n, answers.data = answers.n + 1, tm:get "/fine" end)
  end
  loop:run() -- who was not let go on keeps it no longer
  expect(#env.told == 1, "nobody was told, or more than once")
  expect(answers.n == 1 and answers.data, "the other one was not told")
  loop:go(function() answers.next = tm:get "/fine" end)
  loop:run()
  expect(answers.next, "the next call does not work")
end, OWN_LOOP)

add("the adapter's resume, of who is to ask for a key", function(env, throw)
  local asked, answers = 0, 0
  local refused = false
  local loop, adapter = failing_resume(env, throw, function() return refused end)
  local tm = env.client { loop = adapter, retries = 0, key = function(why)
    if why == "first" then return "tm_live_old" end
    asked = asked + 1
    return "tm_live_new"
  end, on_event = function(event) refused = refused or event.status == 401 end }
  for _ = 1, 2 do
    loop:go(function() if tm:get "/rotated" then answers = answers + 1 end end)
  end
  loop:run()
  expect(#env.told == 1, "nobody was told, or more than once")
  expect(asked == 1, "the function was asked so often:", asked)
  expect(answers == 2, "so many were answered:", answers)
end, OWN_LOOP)

-- What the collector calls ------------------------------------------------------------------------

add("a finaliser", function(env, throw)
  local tm = env.client()
  local called = 0
  local function final()
    called = called + 1
    tm:send { path = "/fine" }
    env.client():close()
    throw()
  end
  if _VERSION == "Lua 5.1" then
    getmetatable(rawget(_G, "newproxy")(true)).__gc = final
  else
    setmetatable({}, { __gc = final })
  end
  for _ = 1, 3 do pcall(collectgarbage) end -- before 5.4 it raises what a finaliser does
  expect(called == 1, called)
  env.calls(tm)
end)

add("what prints an error of mine", function(env)
  local mute = setmetatable({}, { __tostring = function() error "mute" end })
  local tm = env.client()
  local results = tm:map({ 1 }, function() error(mute) end)
  expect(results[1].err.kind == "argument", "told", results[1].err)
  local seen
  tm:send({ path = "/fine" }, function()
    seen = true
    error(mute)
  end)
  while not seen do tm:sleep(0.002) end
  tm:sleep(0)
  told(env, "the callback of GET /fine failed", 1)
  expect(trailmark.encode { 1 } == "[1]")
  env.calls(tm)
end)

return rows
