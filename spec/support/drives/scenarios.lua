--- What is run through every driver. One row each:
--
--     name       what it is
--     requests   how many the server gets
--     script     steps for the sandbox
--     options    of the client
--     contacts   how many the sandbox has
--     unordered  calls run side by side, so requests have no order
--     run        function(tm, tell, sb, client), which tells values; client(opts) makes another one

local trailmark = require "trailmark"

local function gets(count, opts)
  return function(tm, tell)
    for i = 1, count do tell(tm:get("/workspaces/me", { n = i }, opts)) end
  end
end

local function posts(opts)
  return function(tm, tell)
    tell(tm:post("/contacts", { name = "Ada" }, opts))
    tell(tm:get "/contacts")
  end
end

local function sent(count, more)
  local specs = {}
  for i = 1, count do
    specs[i] = { path = "/workspaces/me", query = { n = i } }
    for name, value in pairs(more or {}) do specs[i][name] = value end
  end
  return specs
end

--- Lets the client move until the server has a request.
local function arrives(tm, sb)
  repeat tm:sleep(0.01) until #sb:log() > 0
end

local function numbers(count)
  local list = {}
  for i = 1, count do list[i] = i end
  return list
end

-- {"packed":true,"list":[1,2,3]}
local GZIP = "\031\139\008\000\000\000\000\000\002\003\171\086\042\072\076\206\078\077\081\178\042"
  .. "\041\042\077\213\081\202\201\044\046\081\178\138\054\212\049\210\049\142\173\005\000\040\126"
  .. "\025\199\030\000\000\000"
local GZIPPED = { ["Content-Encoding"] = "gzip" }

local scenarios = {}

local function add(row) scenarios[#scenarios + 1] = row end

-- Verbs -------------------------------------------------------------------------------------------

add { name = "every verb", requests = 7, run = function(tm, tell)
  local ada = tell(tm:post("/contacts", { name = "Ada", email = trailmark.null }))
  local at = { params = { id = ada.id } }
  tell(tm:get("/contacts/{id}", nil, at))
  tell(tm:patch("/contacts/{id}", { name = "Ada L." }, at))
  tell(tm:put("/contacts/{id}", { name = "Ada Lovelace" }, at))
  tell(tm:request { method = "HEAD", path = "/contacts/" .. ada.id })
  tell(tm:delete("/contacts/{id}", nil, at))
  tell(tm:workspace())
end }

add { name = "queries, headers and bodies", requests = 4, run = function(tm, tell)
  tell(tm:get("/echo", { tag = { "a", "b" }, q = "a b&c", on = true, n = 7 }))
  tell(tm:get("/echo", "raw=%41", { headers = { ["X-One"] = "1" } }))
  tell(tm:post("/echo", "plain", { content_type = "text/plain", idempotency_key = "mine" }))
  tell(tm:put("/echo", { list = trailmark.array {}, deep = { { 1 }, "x" } }))
end }

add { name = "bytes instead of JSON", requests = 2, script = { { body = "not JSON", times = 2 } },
  run = function(tm, tell)
    tell(tm:get("/workspaces/me", nil, { decode = false }))
    tell(tm:get "/workspaces/me")
  end }

add { name = "many calls on one connection", requests = 12, run = gets(12) }

add { name = "a user agent and headers of the client", requests = 1,
  options = { user_agent = "app/1", headers = { ["X-App"] = "yes" } }, run = gets(1) }

-- Statuses ----------------------------------------------------------------------------------------

for _, status in ipairs { 201, 204, 301, 400, 403, 404, 408, 409, 418, 422, 429, 500, 502, 503,
  504 } do
  local script = { {
    status = status, times = math.huge, match = "*",
    body = status ~= 204 and { message = "as told", code = "told" } or nil,
  } }
  local idempotent = status == 408 or status == 429 or status >= 500
  add { name = "GET answered with " .. status, script = script, options = { retries = 2 },
    requests = idempotent and 3 or 1, run = gets(1) }
  add { name = "POST answered with " .. status, script = script, options = { retries = 1 },
    requests = (idempotent or status == 409) and 2 or 1, run = function(tm, tell)
      tell(tm:post("/contacts", { name = "Ada" }))
    end }
  add { name = "POST without a key answered with " .. status, script = script,
    options = { retries = 1 }, requests = 1, run = function(tm, tell)
      tell(tm:post("/contacts", { name = "Ada" }, { idempotency_key = false }))
    end }
end

-- Retries -----------------------------------------------------------------------------------------

add { name = "a GET that fails twice", requests = 4,
  script = { { status = 503 }, { fault = "reset" }, { fault = "truncate", status = 200,
    body = "{}" } }, run = gets(1) }

add { name = "a POST that acts and fails", requests = 3,
  script = { { status = 503, acts = true, match = "POST /contacts" } }, run = posts() }

add { name = "a POST whose connection breaks", requests = 3,
  script = { { fault = "reset", match = "POST /contacts" } }, run = posts() }

add { name = "a POST without a key whose connection breaks", requests = 2,
  script = { { fault = "reset", match = "POST /contacts" } },
  run = posts { idempotency_key = false } }

add { name = "Retry-After of seconds", requests = 2, options = { deadline = 4 },
  script = { { status = 503, headers = { ["Retry-After"] = 1 } } }, run = gets(1) }

add { name = "Retry-After beyond the deadline", requests = 1, options = { deadline = 4 },
  script = { { status = 429, headers = { ["Retry-After"] = 30 } } }, run = gets(1) }

add { name = "no retries", requests = 1, options = { retries = 0 }, script = { { status = 503 } },
  run = gets(1) }

-- Bodies ------------------------------------------------------------------------------------------

add { name = "gzip", requests = 1, script = { { body = GZIP, headers = GZIPPED } }, run = gets(1) }

add { name = "gzip without its end", requests = 1, options = { retries = 0 },
  script = { { body = GZIP:sub(1, -9), headers = GZIPPED } }, run = gets(1) }

add { name = "a truncated body", requests = 1, options = { retries = 0 },
  script = { { fault = "truncate", status = 200, body = ("x"):rep(5000) } }, run = gets(1) }

add { name = "a body that is too large", requests = 1, options = { max_response_bytes = 100 },
  script = { { body = '"' .. ("x"):rep(5000) .. '"' } }, run = gets(1) }

add { name = "large bodies both ways", requests = 1, run = function(tm, tell)
  local data = tm:post("/echo", { text = ("x"):rep(60000) })
  tell(#data.body)
end }

-- Time --------------------------------------------------------------------------------------------

add { name = "a timeout", requests = 1, options = { timeout = 0.15, retries = 0 },
  script = { { delay = 2 } }, run = gets(1) }

add { name = "a timeout, then an answer", requests = 2, options = { timeout = 0.8 },
  script = { { delay = 2 } }, run = gets(1) }

add { name = "a deadline", requests = 1, options = { deadline = 0.2 }, script = { { delay = 2 } },
  run = gets(1) }

add { name = "a sleep", requests = 0, run = function(tm, tell)
  tm:sleep(0.02)
  tell "slept"
end }

-- Keys --------------------------------------------------------------------------------------------

add { name = "a rotation with a fallback key", requests = 3, run = function(_, tell, sb, client)
  local fresh = sb:make_key "admin:full"
  local tm = client { fallback_key = fresh }
  sb:revoke(sb.key)
  tell(tm:workspace())
  tell(tm:workspace())
  tm:close()
end }

add { name = "a rotation with a key function", requests = 3, run = function(_, tell, sb, client)
  local fresh, asked = sb:make_key "admin:full", {}
  local tm = client { key = function(why)
    asked[#asked + 1] = why
    return why == "first" and sb.key or fresh
  end }
  sb:revoke(sb.key)
  tell(tm:workspace())
  tell(tm:workspace())
  tell(asked)
  tm:close()
end }

add { name = "a rotation with a fallback function", requests = 3,
  run = function(_, tell, sb, client)
    local fresh, asked = sb:make_key "admin:full", {}
    local tm = client { fallback_key = function(why)
      asked[#asked + 1] = why
      return fresh
    end }
    sb:revoke(sb.key)
    tell(tm:workspace())
    tell(tm:workspace())
    tell(asked)
    tm:close()
  end }

add { name = "a fallback function that gives no key", requests = 1,
  run = function(_, tell, _, client)
    local bad = "tm_live_00000000000000000000000000000000"
    local tm = client { key = bad, fallback_key = function() return "two words" end }
    tell(tm:workspace())
    tm:close()
  end }

add { name = "a key that is good for nothing", requests = 1, run = function(tm, tell)
  tell(tm:set_key "tm_live_00000000000000000000000000000000")
  tell(tm:workspace())
  tell(tm:set_key "two words")
end }

add { name = "a key whose scope is too small", requests = 1, run = function(_, tell, sb, client)
  local tm = client { key = sb:make_key "read:workspace" }
  tell(tm:get "/billing")
  tm:close()
end }

-- Side by side ------------------------------------------------------------------------------------

add { name = "a call that is waited for twice", requests = 1, run = function(tm, tell)
  local call = tm:send { path = "/workspaces/me" }
  tell(call:wait())
  tell(call:wait())
  tell(call:done())
end }

add { name = "a wait that runs out", requests = 1, script = { { delay = 0.8 } },
  run = function(tm, tell, sb)
    local call = tm:send { path = "/workspaces/me" }
    arrives(tm, sb)
    tell(call:wait(0.01))
    tell(call:wait())
  end }

add { name = "a callback", requests = 2, run = function(tm, tell)
  local over
  tm:send({ path = "/workspaces/me" }, function(data, err, response)
    tell(data, err, response)
    tell(tm:get "/contacts")
    over = true
  end)
  while not over do tm:sleep(0.01) end
end }

add { name = "a call that is cancelled before it is sent", requests = 1,
  options = { concurrency = 1 }, script = { { delay = 0.8 } }, run = function(tm, tell)
    local first, second = tm:send { path = "/workspaces/me" }, tm:send { path = "/contacts" }
    second:cancel()
    tell(second:wait())
    tell(first:wait())
  end }

add { name = "a call that is cancelled in flight", requests = 1, script = { { delay = 2 } },
  run = function(tm, tell, sb)
    local call = tm:send { path = "/workspaces/me" }
    arrives(tm, sb)
    call:cancel()
    tell(call:wait())
  end }

add { name = "all", requests = 20, unordered = true, run = function(tm, tell)
  tell(tm:all(sent(20)))
end }

add { name = "a callback of a client that closes", requests = 1,
  run = function(tm, tell, _, client)
    local other, over = client(), nil
    tm:send({ path = "/workspaces/me" }, function(data, err, response)
      tell(data, err, response)
      tell(tm:get "/contacts")
      over = true
    end)
    tm:close(5)
    while not over do other:sleep(0.01) end
    other:close()
  end }

add { name = "all, some of which fail", requests = 13, unordered = true, options = { retries = 1 },
  script = { { status = 404, match = "/contacts" },
    { status = 503, match = "/billing", times = 4 } },
  run = function(tm, tell)
    local specs = sent(9)
    specs[10], specs[11], specs[12] = { path = "/contacts" }, { path = "/billing" }, { path = "/x" }
    tell(tm:all(specs))
  end }

add { name = "map", requests = 15, unordered = true, run = function(tm, tell)
  tell(tm:map(numbers(30), function(i)
    if i % 2 == 0 then return nil end
    return { path = "/echo", query = { i = i } }
  end, { concurrency = 3 }))
end }

add { name = "map one at a time, until it is told to stop", requests = 3,
  script = { { status = 404, times = 1, match = "/workspaces/3" } }, run = function(tm, tell)
    local seen = {}
    tell(tm:map({ "me", "me", "3", "me" }, function(id)
      return { path = "/workspaces/" .. id }
    end, {
      concurrency = 1, keep = "failed", stop_when = function(result) return result.err ~= nil end,
      on_result = function(result, item, i) seen[i] = item .. (result.err and " failed" or "") end,
    }))
    tell(seen)
  end }

-- Lists -------------------------------------------------------------------------------------------

for _, style in ipairs { "cursor", "page", "offset", "link" } do
  add { name = "a list by " .. style, contacts = 65, requests = 4, run = function(tm, tell)
    local query = { style = style, per_page = style == "page" and 20 or nil }
    local list, err = tm:collect("/contacts", query, { paginate = { style = style } })
    tell(#(list or {}), err)
  end }
end

add { name = "a list that is gone through by hand", contacts = 45, requests = 3,
  run = function(tm, tell)
    local pager = tm:pager("/contacts", { limit = 20 })
    local items, page = pager:next()
    while items do
      tell(#items, page.number, page.next)
      items, page = pager:next()
    end
  end }

add { name = "a list with a page that fails", contacts = 65, requests = 2,
  options = { retries = 0 }, script = { { status = 500, match = "/contacts", times = 1 } },
  run = function(tm, tell)
    tell(tm:collect("/contacts", nil, { paginate = { max_pages = 1 } }))
    local list, err = tm:collect("/contacts", nil, { paginate = { max_pages = 1 } })
    tell(#list, err)
  end }

-- What is told ------------------------------------------------------------------------------------

add { name = "events", requests = 3, script = { { status = 503 } },
  run = function(_, tell, _, client)
    local events = {}
    local tm = client { on_event = function(event) events[#events + 1] = event end }
    tm:get "/workspaces/me"
    tm:get "/nowhere"
    tell(events)
    tm:close()
  end }

add { name = "the rate limit", requests = 3, options = { pace = {} }, run = function(tm, tell)
  tell(tm:rate())
  gets(3)(tm, tell)
  local rate = tm:rate()
  tell(rate.limit, rate.remaining, rate.shared, rate.waiting)
end }

add { name = "a value that cannot be sent", requests = 0, run = function(tm, tell)
  tell(tm:get("/echo", nil, { headers = { ["X-Bad"] = "a\nb" } }))
  tell(tm:post("/echo", { f = 0 / 0 }))
  tell(tm:send({ path = "/a b" }):wait())
end }

add { name = "a client that is closed", requests = 1, run = function(tm, tell)
  tell(tm:workspace())
  tm:close()
  tell(tm:workspace())
  tell(tm:send({ path = "/workspaces/me" }):wait())
end }

return scenarios
