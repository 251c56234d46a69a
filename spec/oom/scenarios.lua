--- What the sweep of failing memory runs: rows of what is done while memory runs out.
--
--     add("get", { run = function(env) return env.tm:get(env:path "fine") end, want = FINE })
--
-- `run` gives the values of a call, or with `results` so many `{ data =, err =, response = }`;
-- `want` is its data as JSON, or a function that tells what is wrong with it. `prepare` makes
-- `env.tm` in another way, with memory at hand; with `bare` not even the library is loaded. `error`
-- is the kind of the error that is its answer, `kinds` are those that may come of it beside
-- "network", `raises` parts of what may be raised beside "not enough memory". `writes` says that
-- the server acts. After a run with `over` there is no next call; with `leave` memory goes on
-- running out while the Lua state ends. `after` looks at what is left, and tells what is wrong.

local scenarios = { names = {} }

local FINE = '{"fine":true}'

local function add(name, row)
  scenarios[name] = row
  scenarios.names[#scenarios.names + 1] = name
end

local function with(options)
  return function(env)
    local tm, err = env:client(type(options) == "function" and options(env) or options)
    env.tm = assert(tm, err)
  end
end

-- The constructor ---------------------------------------------------------------------------------

--- Makes the client while memory runs out; where that fails, the next call has one made afterwards.
local function add_new(name, options, more)
  local row = {
    bare = not (more and more.loaded), kinds = { "config" },
    run = function(env)
      env.made = type(options) == "function" and options(env) or options
      local tm, err = env:client(env.made)
      if not tm then return nil, err end
      env.tm = tm
      return true
    end,
    want = "true",
    after = function(env)
      if not env.tm then with(env.made)(env) end
    end,
  }
  for field, value in pairs(more or {}) do row[field] = value end
  add("new: " .. name, row)
end

--- Lua 5.1 takes a module whose loading failed for one that is being loaded.
local function forget_modules()
  for name in pairs(package.loaded) do
    local ours = name:find "^trailmark" and name ~= "trailmark_testing"
    if ours or name == "cjson" then package.loaded[name] = nil end
  end
end

add("require", {
  bare = true,
  run = function() return require("trailmark")._VERSION ~= nil end,
  want = "true",
  after = function(env)
    forget_modules()
    with()(env)
  end,
})

local LOADED = { loaded = true, prepare = function() end }

add_new("a key", nil, LOADED)
add_new("every string", function(env)
  return {
    headers = { ["X-One"] = "1", ["X-Two"] = "2" }, user_agent = "sweep/1", ca_file = env.ca_file,
    proxy = "env", priority = "high",
    pinned_public_key = "sha256//" .. ("A"):rep(43) .. "=",
    pace = { scope = "sweep", limit = 100000, window = 60, reserve = 1, shared = false },
  }
end, LOADED)
add_new("key_file", function(env) return { key = false, key_file = env.key_file } end, LOADED)
add_new("functions for keys", {
  key = function() return "tm_live_0123456789abcdef" end,
  fallback_key = function() return "tm_live_new" end,
}, LOADED)
add_new("fallback_key", { fallback_key = "tm_live_new0123456789" }, LOADED)
add_new("events and log", { on_event = function() end, log = function() end }, LOADED)
add_new("no key", { key = false }, {
  loaded = true, prepare = function() end, error = "config",
  after = function(env) with()(env) end,
})

-- Verbs, paths, queries, bodies -------------------------------------------------------------------

local function add_call(name, run, want, more)
  local row = { run = run, want = want }
  for field, value in pairs(more or {}) do row[field] = value end
  add(name, row)
end

local WRITES = { writes = true }

--- The echo of a request, as the server saw it.
local function echo(method, query, content_type, size, keyed)
  return function(env, data)
    local wanted = { method = method, path = "/v1" .. env:path "echo", query = query or "",
      type = content_type or "", body = size or 0, keyed = keyed or false }
    for field, value in pairs(wanted) do
      if data[field] ~= value then
        local saw = tostring(data[field])
        return ("the server saw %s %s, not %s"):format(field, saw, tostring(value))
      end
    end
  end
end

add_call("get", function(env) return env.tm:get(env:path "fine") end, FINE)
add_call("get: query, params, headers", function(env)
  return env.tm:get("/echo/{mark}", { tag = { "a", "b" }, n = 7, yes = true },
    { params = { mark = env.mark }, headers = { ["X-Own"] = "1" }, timeout = 3, deadline = 5 })
end, echo("GET", "n=7&tag=a&tag=b&yes=true"))
add_call("get: a whole URL", function(env)
  return env.tm:get(env.url .. "/v1" .. env:path "echo" .. "?a=b")
end, echo("GET", "a=b"))
add_call("delete", function(env) return env.tm:delete(env:path "echo") end, echo "DELETE", WRITES)
add_call("post", function(env)
  return env.tm:post(env:path "echo", { name = "Ada", tags = { "a", "b" } })
end, echo("POST", "", "application/json", 31, true), WRITES)
add_call("post: a string", function(env)
  return env.tm:post(env:path "echo", ("x"):rep(5000), { content_type = "text/plain" })
end, echo("POST", "", "text/plain", 5000, true), WRITES)
add_call("post: without a key", function(env)
  return env.tm:post(env:path "echo", { a = 1 }, { idempotency_key = false })
end, echo("POST", "", "application/json", 7, false), WRITES)
add_call("post: half a megabyte", function(env)
  return env.tm:post(env:path "echo", env.body,
    { content_type = "text/plain", idempotency_key = "k" })
end, echo("POST", "", "text/plain", 500000, true), {
  writes = true,
  prepare = function(env)
    env.tm = assert(env:client())
    env.body = ("x"):rep(500000)
  end,
})
add_call("put", function(env) return env.tm:put(env:path "echo", { a = { b = 1 } }) end,
  echo("PUT", "", "application/json", 13, false), WRITES)
add_call("patch", function(env) return env.tm:patch(env:path "echo", { a = 1 }) end,
  echo("PATCH", "", "application/json", 7, true), WRITES)
add_call("request", function(env)
  return env.tm:request { method = "POST", path = env:path "echo", query = "a=b", body = { a = 1 } }
end, echo("POST", "a=b", "application/json", 7, true), WRITES)
add_call("workspace", function(env) return env.tm:workspace() end, '{"name":"Acme"}')

-- Answers -----------------------------------------------------------------------------------------

add_call("answer: gzip", function(env) return env.tm:get(env:path "gzip") end, FINE)
add_call("answer: long", function(env) return env.tm:get(env:path "long") end,
  function(_, data) return #data.long ~= 60000 and "not all of it" or nil end)
add_call("answer: empty", function(env) return env.tm:get(env:path "empty") end, "true")
add_call("answer: bytes", function(env)
  return env.tm:get(env:path "text", nil, { decode = false })
end, '"no JSON"')
add_call("answer: no JSON", function(env) return env.tm:get(env:path "text") end, nil,
  { error = "decode" })
add_call("answer: numbers and lists", function(env) return env.tm:get(env:path "numbers") end,
  function(_, data)
    local json = require "trailmark.json"
    if not json.is_array(data.list) then return "the list is none any more" end
    if tostring(data.big) ~= "9007199254740993" then return "not " .. tostring(data.big) end
    if data.half ~= 0.5 or data.none ~= json.null then return "half or none" end
  end)
add_call("answer: headers", function(env) return env.tm:get(env:path "cookies") end,
  function(_, _, response)
    local headers = response.headers
    if headers["x-a"] ~= "1, 2" or #headers["set-cookie"] ~= 2 then return "headers were lost" end
    if response.request_id ~= "r1" then return "the request id was lost" end
    if response.rate.limit ~= 1000000 then return "the rate was lost" end
  end)
add_call("answer: an error", function(env) return env.tm:post(env:path "invalid", { a = 1 }) end,
  nil, { error = "invalid" })
add_call("answer: an error, printed", function(env)
  local data, err = env.tm:get(env:path "invalid")
  local said = tostring(err)
  if data == nil and err.kind == "invalid" and not said:find "422" then return nil, said end
  return data, err
end, nil, { error = "invalid" })

-- Retries, pacing, keys ---------------------------------------------------------------------------

add_call("retry: 503", function(env) return env.tm:get(env:path "busy") end, FINE,
  { kinds = { "server" } })
add_call("retry: 503 to a write", function(env) return env.tm:post(env:path "busy", { a = 1 }) end,
  FINE, { kinds = { "server" }, writes = true })
add_call("retry: 429", function(env) return env.tm:get(env:path "limited") end, FINE,
  { kinds = { "rate_limited" } })
add_call("retry: a broken connection", function(env)
  return env.tm:post(env:path "broken", { a = 1 })
end, FINE, WRITES)

local function add_paced(name, pace)
  add_call("pace: " .. name, function(env)
    local data, err, response = env.tm:get(env:path "fine")
    env.rate = env.tm:rate()
    return data, err, response
  end, FINE, { prepare = with { pace = pace, on_event = function() end } })
end

add_paced("on the heap", { shared = false })
add_paced("in a file", { scope = "a-sweep-of-failing-memory" })

local NEW = "tm_live_new0123456789"

local function add_rotation(name, options, more)
  add_call("rotation: " .. name, function(env) return env.tm:get(env:path "rotated") end, FINE, {
    kinds = { "unauthorized", "config" },
    prepare = function(env)
      with(options)(env)
      if more then more(env) end
    end,
  })
end

add_rotation("fallback_key", { fallback_key = NEW })
add_rotation("a function", {
  key = function(why) return why == "first" and "tm_live_old0123456789" or NEW end,
})
add_rotation("a fallback function", { fallback_key = function() return NEW end })

local function write_key(env, key)
  local file = assert(io.open(env.own_key_file, "w"))
  file:write(key, "\n")
  file:close()
end

add("rotation: a file", {
  prepare = function(env)
    env.own_key_file = os.tmpname()
    write_key(env, "tm_live_old0123456789")
    with { key = false, key_file = env.own_key_file }(env)
    write_key(env, NEW)
  end,
  kinds = { "unauthorized" },
  run = function(env) return env.tm:get(env:path "rotated") end,
  want = FINE,
  after = function(env) os.remove(env.own_key_file) end,
})
add_call("set_key", function(env)
  local ok, err = env.tm:set_key(NEW)
  if not ok then return nil, err end
  return env.tm:get(env:path "rotated")
end, FINE, { kinds = { "unauthorized", "config" } })

-- Events ------------------------------------------------------------------------------------------

add("events and log", {
  prepare = function(env)
    with {
      on_event = function() end,
      log = function() end,
    }(env)
  end,
  run = function(env) return env.tm:get(env:path "busy") end, want = FINE, kinds = { "server" },
})

-- Lists -------------------------------------------------------------------------------------------

local function add_pages(style, more)
  local paginate = { style = style, per_page = 2 }
  add("pages: " .. style, {
    run = function(env)
      local count, last = 0, nil
      for items, page in env.tm:pages(env:path(style), nil, { paginate = paginate }) do
        count, last = count + #items, page.number
      end
      return { count, last }
    end,
    want = "[5,3]", kinds = more,
  })
end

add_pages "cursor"
add_pages("page")
add_pages("offset")
add_pages("link")
add_call("each", function(env)
  local sum = 0
  for item in env.tm:each(env:path "cursor") do sum = sum + item.id end
  return sum
end, "15")
add_call("collect", function(env)
  return env.tm:collect(env:path "cursor", nil, { paginate = { max_items = 4 } })
end, '[{"id":1},{"id":2},{"id":3},{"id":4}]')

-- Side by side ------------------------------------------------------------------------------------

local function specs(env, count)
  local all = {}
  for i = 1, count do all[i] = { path = env:path "echo", query = { i = i } } end
  return all
end

local function is_echo(_, data, response)
  local i = response.url:match "i=(%d+)$"
  if data.query ~= "i=" .. i then return "another call's answer: " .. data.query end
end

add("all", {
  run = function(env) return env.tm:all(specs(env, 4)) end, results = 4, want = is_echo,
})
add("map", {
  results = 4, want = is_echo,
  run = function(env)
    return env.tm:map({ 1, 2, 3, 4 }, function(i)
      return { path = env:path "echo", query = { i = i } }
    end, {
      concurrency = 2, on_result = function() end, on_progress = function() end,
      stop_when = function() return false end,
    })
  end,
})
add_call("send and wait", function(env)
  local call = env.tm:send { path = env:path "fine" }
  return call:wait()
end, FINE)
--- What a callback notes; it shall need no memory of its own.
local function expect_callback(prepare)
  return function(env)
    env.told, env.data, env.err = 0, false, false
    env.note = function(data, err)
      env.told, env.data, env.err = env.told + 1, data, err
    end
    prepare(env)
  end
end

local function judge_callback(env)
  if not env.call then return nil end
  if env.told == 0 and env.reported then return nil end -- there was none to call it
  if env.told ~= 1 then return ("its callback was called %d times"):format(env.told) end
  local kind = env.err and env.err.kind
  if kind and kind ~= "network" and kind ~= env.may_be then return tostring(env.err) end
end

add("send with a callback", {
  prepare = expect_callback(with()),
  run = function(env)
    env.call = env.tm:send({ path = env:path "fine" }, env.note)
    env.call:wait()
    return true
  end,
  want = "true",
  after = function(env)
    if env.call then env.call:wait() end
    env.tm:sleep(0)
    return judge_callback(env)
  end,
})
add("send and cancel", {
  error = "cancelled",
  run = function(env)
    local call = env.tm:send { path = env:path "hold" }
    call:wait(0.002)
    call:cancel()
    return call:wait()
  end,
  kinds = { "pending" },
})
add("send and drop", {
  run = function(env)
    env.tm:send { path = env:path "fine" }
    collectgarbage()
    collectgarbage()
    return true
  end,
  want = "true",
})

-- Time and the end --------------------------------------------------------------------------------

local NO_EPOLL = { "no descriptor is left for epoll" }

add_call("sleep", function(env)
  local call = env.tm:send { path = env:path "fine" }
  env.tm:sleep(0.002)
  return call:wait()
end, FINE, { raises = NO_EPOLL })
add("close with grace", {
  over = true,
  run = function(env)
    local call = env.tm:send { path = env:path "fine" }
    env.tm:close(2)
    return call:wait()
  end,
  want = FINE,
  after = function(env)
    env.tm:close()
    local data, err = env.tm:get(env:path "fine")
    if data or err.kind ~= "closed" then return "it is not closed" end
  end,
})
add("close with calls in flight", {
  over = true, error = "closed",
  run = function(env)
    local call = env.tm:send { path = env:path "hold" }
    call:wait(0.002)
    env.tm:close()
    return call:wait()
  end,
  kinds = { "pending" },
  after = function(env) env.tm:close() end,
})
add("the state ends with calls in flight", {
  leave = true, over = true,
  prepare = function(env)
    with()(env)
    env.one = env.tm:send { path = env:path "hold" }
    env.other = env.tm:send({ path = env:path "hold" }, function() end)
    env.one:wait(0.002)
  end,
  run = function() return true end,
  want = "true",
})

-- In the coroutines of a loop ---------------------------------------------------------------------

local function in_loop(options)
  return function(env)
    env.loop = require("spec.support.hand_loop").new()
    env.reported = false
    env.loop.adapter.report = function(message) env.reported = message end
    env.ended = {}
    local all = { loop = env.loop.adapter }
    for name, value in pairs(options or {}) do all[name] = value end
    with(all)(env)
  end
end

--- Runs the function in a coroutine of the loop, and notes what became of it.
local function go(env, f)
  env.started = (env.started or 0) + 1
  local number = env.started
  env.loop:go(function()
    local over = { n = 0 }
    env.ended[number] = over -- memory was at hand so far
    over.data, over.err, over.response = f()
    over.done = true
  end)
end

--- With memory at hand again the loop comes to its end, and nobody waits any more.
local function finish_loop(env)
  repeat
    local fine, problem = pcall(env.loop.run, env.loop)
    if not fine and not tostring(problem):find "not enough memory" then return tostring(problem) end
  until fine
  collectgarbage() -- a coroutine that could not even begin
  for thread in pairs(env.loop.mine) do
    if coroutine.status(thread) == "suspended" then return "a coroutine waits forever" end
  end
end

local function add_in_loop(name, f, row)
  row.prepare = row.prepare or in_loop()
  row.run = function(env)
    go(env, function() return f(env) end)
    env.loop:run()
    local over = env.ended[1]
    return over.data, over.err, over.response
  end
  row.after = finish_loop
  add("loop: " .. name, row)
end

add_in_loop("get", function(env) return env.tm:get(env:path "fine") end, { want = FINE })
add_in_loop("all", function(env) return env.tm:all(specs(env, 3)) end,
  { results = 3, want = is_echo })
add_in_loop("sleep", function(env)
  env.tm:sleep(0.002)
  return true
end, { want = "true", raises = NO_EPOLL })
add_in_loop("a function for keys", function(env) return env.tm:get(env:path "rotated") end, {
  want = FINE, kinds = { "unauthorized", "config" },
  prepare = in_loop {
    key = function(why) return why == "first" and "tm_live_old0123456789" or NEW end,
  },
})
local function add_sent_in_loop(name, prepare)
  add("loop: " .. name, {
    prepare = expect_callback(prepare),
    run = function(env)
      env.call = env.tm:send({ path = env:path "fine" }, env.note)
      env.loop:run()
      return true
    end,
    want = "true", raises = NO_EPOLL,
    after = function(env) return finish_loop(env) or judge_callback(env) end,
  })
end

add_sent_in_loop("send with a callback", in_loop())
add_sent_in_loop("send, a function for keys", function(env)
  env.may_be = "config"
  in_loop { key = function() return "tm_live_0123456789abcdef" end } (env)
end)

-- Other processes and threads ---------------------------------------------------------------------

local function speak(env)
  local data, err = env.tm:get(env:path "fine")
  env.process.write(env.into, data and "fine" or err.kind)
end

-- The child's allocations are counted with the parent's, which waits for its end.
add("a forked child", {
  prepare = function(env)
    with()(env)
    env.process = require("trailmark_testing").process
    env.out, env.into = env.process.pipe()
    assert(env.tm:get("/fine/" .. env.mark)) -- a connection that is the parent's
  end,
  run = function(env)
    pcall(pcall, pcall, speak, false) -- room on the stack: nothing of the child's may come to us
    env.child = env.process.fork()
    if env.child == 0 then
      pcall(speak, env)
      env.process.exit(0)
    end
    env.process.wait(env.child)
    return true
  end,
  want = "true",
  after = function(env)
    env.process.close(env.into)
    local said = env.process.read(env.out, 10)
    env.process.close(env.out)
    -- It says nothing where Lua's own error ended it.
    if said ~= "" and said ~= "fine" and said ~= "network" then return "the child said " .. said end
  end,
})

local function hire(env)
  local worker = require("trailmark_testing").worker
  worker.linger(0)
  env.doorbell = require "spec.support.doorbell"
end

-- What the spec's own visitor says when the bell had no memory for it, or itself no descriptor, and
-- what is said where the worker could not start.
local SHOWN_OUT = {
  "Broken pipe", "answered  to", "Connection reset", "no folder can hold", "Too many open files",
  "no descriptor is left for",
}

--- A core's client has no errors but its own.
local function core_values(handle)
  local ok, body = handle:result()
  if ok then return body end
  return nil, require("trailmark.errors").new(handle:failure())
end

--- Waits for a call of the worker's. A bell that had no memory for its visitor shows it out.
local function finish(env, handle)
  local fine, problem = pcall(env.visitor.finish, env.visitor, handle)
  if fine then return end
  env.visitor:leave()
  env.visitor = nil
  error(problem, 0)
end

local function is_fine(_, body) if body ~= FINE then return "gave " .. tostring(body) end end

--- With all at hand again.
local function serves_again(env)
  if env.visitor then env.visitor:leave() end
  local client = env.worker_client or env.doorbell.client(env.url .. "/v1")
  env.visitor = env.doorbell.visitor()
  local handle = env.visitor:start(client, env:path "fine")
  finish(env, handle)
  local body, err = core_values(handle)
  env.visitor:leave()
  if body ~= FINE then return tostring(err) end
end

add("the worker starts and serves", {
  prepare = hire, over = true, want = is_fine,
  run = function(env)
    local client = env.doorbell.client(env.url .. "/v1")
    env.visitor = env.doorbell.visitor()
    local handle = env.visitor:start(client, env:path "fine")
    finish(env, handle)
    return core_values(handle)
  end,
  raises = SHOWN_OUT, after = serves_again,
})
add("the worker serves", {
  over = true, want = is_fine,
  prepare = function(env)
    hire(env)
    env.worker_client = env.doorbell.client(env.url .. "/v1")
    env.visitor = env.doorbell.visitor()
  end,
  run = function(env)
    local handle = env.visitor:start(env.worker_client, env:path "fine")
    finish(env, handle)
    return core_values(handle)
  end,
  raises = SHOWN_OUT, after = serves_again,
})
--- As `finish`, for a visitor that the bell knows.
local function listen(env, handle)
  while not handle:done() do
    if env.visitor:listen() and not env.visitor:hear() then error "the bell is silent" end
    repeat until not env.doorbell.core.next_finished()
  end
end

add("the worker's call is waited for without a line", {
  over = true, want = is_fine,
  prepare = function(env)
    scenarios["the worker serves"].prepare(env)
    finish(env, env.visitor:start(env.worker_client, env:path "fine"))
  end,
  run = function(env)
    local handle = env.visitor:start(env.worker_client, env:path "fine")
    listen(env, handle)
    return core_values(handle)
  end,
  raises = SHOWN_OUT, after = scenarios["the worker serves"].after,
})
add("the worker's call is cancelled", {
  over = true, error = "cancelled",
  prepare = scenarios["the worker serves"].prepare, after = serves_again,
  run = function(env)
    local handle = env.visitor:start(env.worker_client, env:path "hold")
    env.core = env.doorbell.core
    env.core.wake()
    handle:cancel()
    finish(env, handle)
    return core_values(handle)
  end,
  raises = SHOWN_OUT,
})
add("the state ends with the worker's calls in flight", {
  over = true, leave = true, want = "true",
  prepare = function(env)
    scenarios["the worker serves"].prepare(env)
    env.handle = env.visitor:start(env.worker_client, env:path "hold")
    env.doorbell.core.wake()
    env.visitor:leave()
  end,
  run = function() return true end,
})

-- TLS and HTTP/2 ----------------------------------------------------------------------------------

local function add_http2(name, run, more)
  local row = {
    run = run, want = FINE, next = "/fine", kinds = { "tls" },
    prepare = function(env) with { base_url = env.http2_url, ca_file = env.ca_file }(env) end,
  }
  for field, value in pairs(more or {}) do row[field] = value end
  add("HTTP/2: " .. name, row)
end

add_http2("get", function(env) return env.tm:get "/fine" end)
add_http2("all", function(env)
  return env.tm:all { { path = "/a" }, { path = "/b" }, { path = "/c" } }
end, { results = 3 })
add_http2("post without a key", function(env)
  return env.tm:post("/fine", { a = 1 }, { idempotency_key = false })
end)

-- JSON --------------------------------------------------------------------------------------------

add("encode", {
  run = function() return require("trailmark.json").encode {
    b = { 1, 2.5, "x", require("trailmark.json").array {} }, a = { deep = { deeper = { true } } },
    big = math.maxinteger or 1 / 3,
  } end,
  want = function(_, text)
    local expected = '{"a":{"deep":{"deeper":[true]}},"b":[1,2.5,"x",[]],"big":'
    if text:sub(1, #expected) ~= expected then return text end
  end,
})
add("decode", {
  run = function()
    local text = '{"a":[],"b":9007199254740993,"c":[1.0,{"d":"\\u00e9"}]}'
    return require("trailmark.json").decode(text)
  end,
  want = function(_, value)
    local same = tostring(value.b) == "9007199254740993" and value.c[2].d == "\195\169"
    if not same then return "another value" end
  end,
})

return scenarios
