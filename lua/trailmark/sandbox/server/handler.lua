-- A request's way through the sandbox: orders, key, window, script, route, answer.
-- The only file that talks to nginx.

local answer = require("trailmark.sandbox.server.answer")
local find_route = require("trailmark.sandbox.server.routes")
local keys = require("trailmark.sandbox.server.keys")
local orders = require("trailmark.sandbox.server.orders")
local posix = require("trailmark.sandbox.server.posix")
local record = require("trailmark.sandbox.server.record")
local state = require("trailmark.sandbox.server.state")

local ngx = ngx
local handler = {}
local here, inbox, log
local served = 0

--- Opens the sandbox's files; called while nginx may still be root.
function handler.open(folder, settings)
  here = state.new(settings)
  inbox = orders.open(folder)
  log = record.open(folder, settings.log_limit)
end

local function obey(order)
  if order.what == "reset" then
    here:reset()
    log:reset(order.generation)
  elseif order.what == "record" then
    log.on = order.on
  else
    here:obey(order)
  end
end

local function joined_headers()
  local headers = ngx.req.get_headers(0)
  for name, value in pairs(headers) do
    if type(value) == "table" then
      headers[name] = table.concat(value, ", ")
    elseif value == true then
      headers[name] = ""
    end
  end
  return setmetatable(headers, nil)
end

local function read_body()
  ngx.req.read_body()
  return ngx.req.get_body_data() or ""
end

-- Sleeps for the scripted delay, once, after the request was recorded.
local function pause(call)
  local step = call.step
  if step and step.delay and not call.paused then
    call.paused = true
    log:arrived(call)
    ngx.sleep(step.delay)
  end
end

-- nginx makes a GET of what it refused.
local function method(refused)
  return refused and (ngx.var.request or ""):match("^%S+") or ngx.req.get_method()
end

local function receive(refused)
  served = served + 1
  local target = ngx.var.request_uri or ""
  local path, query = target:match("^([^?]*)%??(.*)$")
  local wall, now = posix.wall_time(), posix.steady_time()
  return {
    request_id = ("req_%06x"):format(served),
    method = method(refused), target = target, path = path, query = query,
    route = path:match("^/v1(/.*)$") or path,
    refused = refused, body = refused and "" or read_body(),
    headers = joined_headers(), args = function() return ngx.req.get_uri_args(100) end,
    protocol = ngx.var.server_protocol, connection = tonumber(ngx.var.connection),
    origin = ngx.var.scheme .. "://" .. (ngx.var.http_host or "127.0.0.1:" .. ngx.var.server_port),
    head = function() return ngx.req.http_version() < 2 and ngx.req.raw_header() or nil end,
    wall = wall, now = now,
    time_text = function() return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(wall)) end,
    elapsed = function() return posix.steady_time() - now end,
    pause = pause,
  }
end

-- Runs the route, under the request's Idempotency-Key where it writes.
local function act(call, verb, id)
  local name = call.headers["idempotency-key"]
  if not name or call.method == "GET" or call.method == "HEAD" then
    return verb.run(call, id)
  elseif #name == 0 or #name > 255 then
    return answer.refusal(call, 400, "invalid_idempotency_key",
      "An Idempotency-Key has 1 to 255 characters.")
  end
  local store = call.workspace.idempotency
  local what, first = store:begin(name, call.method .. " " .. call.target .. "\n" .. call.body)
  if what == "new" then
    local result = verb.run(call, id)
    store:finish(name, call.effect and result)
    return result
  elseif what == "done" then
    call.replayed = true
    return first
  elseif what == "busy" then
    return answer.refusal(call, 409, "idempotency_key_in_progress",
      "The first request under this Idempotency-Key is still at work.")
  end
  return answer.refusal(call, 422, "idempotency_key_reused",
    "This Idempotency-Key was used for another request.")
end

-- What Trailmark itself would answer.
local function respond(call, key, code, message, granted)
  local verb, id, allow = find_route(call.method, call.route)
  local free = verb and not verb.scope
  if call.refused then
    return answer.refusal(call, call.refused, "refused", "nginx did not accept this request.")
  elseif not key and not free then
    return answer.refusal(call, 401, code, message, { ["WWW-Authenticate"] = "Bearer" })
  elseif key and not granted then
    call.limited = true
    return answer.refusal(call, 429, "rate_limited", "The workspace's request limit is reached.",
      { ["Retry-After"] = tostring(math.max(1, math.ceil(call.rate.wait))) })
  elseif allow then
    return answer.refusal(call, 405, "method_not_allowed", "Allowed here: " .. allow,
      { Allow = allow })
  elseif not verb then
    return answer.refusal(call, 404, "not_found", "There is nothing at this path.")
  elseif not free and not keys.allows(key, verb.scope) then
    return answer.refusal(call, 403, "insufficient_scope",
      "This needs the scope " .. verb.scope .. ".")
  end
  return act(call, verb, id and ngx.unescape_uri(id))
end

-- The answer that a step dictates; its headers go over those of any answer.
local function dictated(call, step)
  if not step.status then
    return nil
  elseif step.body then
    return answer.new(step.status, step.body)
  elseif step.status >= 400 then
    return answer.refusal(call, step.status, "scripted", "The sandbox's script says so.")
  end
  return answer.new(step.status, step.status ~= 204 and step.status ~= 304 and "{}" or nil)
end

local function put_headers(call, result)
  local header, rate = ngx.header, call.rate
  local skew = call.step and call.step.date_skew or here.skew
  header["Content-Type"] = result.body and "application/json" or nil
  header["X-Request-Id"] = call.request_id
  header["X-RateLimit-Limit"] = rate.limit
  header["X-RateLimit-Remaining"] = rate.remaining
  header["X-RateLimit-Reset"] = ("%d"):format(rate.reset + skew)
  header["Idempotency-Replayed"] = call.replayed and "true" or nil
  if skew ~= 0 then
    header["Date"] = ngx.http_time(math.floor(posix.wall_time() + skew))
  end
  for name, value in pairs(result.headers) do
    header[name] = value
  end
  for name, value in pairs(call.step and call.step.headers or {}) do
    header[name] = value or nil -- false takes a header away
  end
end

-- Sends all of it, a part of it, or a reset.
local function send(call, result)
  local fault, body = call.step and call.step.fault, result.body or ""
  log:answered(call, { status = result.status, fault = fault })
  if fault == "reset" then
    return ngx.exit(444) -- with reset_timedout_connection: RST
  end
  ngx.status = result.status
  put_headers(call, result)
  if fault == "truncate" then
    ngx.header["Content-Length"] = math.max(#body, 2)
    ngx.print(body:sub(1, math.floor(#body / 2)))
    ngx.flush(true)
    return ngx.exit(ngx.ERROR)
  end
  if result.body then
    ngx.header["Content-Length"] = #body
    ngx.print(body)
  end
  return ngx.exit(ngx.OK)
end

--- content_by_lua of everything but the benchmark's location.
---@param refused integer? the status with which nginx refused the request
function handler.serve(refused)
  inbox:take(obey)
  local call = receive(refused)
  local key, code, message = here.keys:check(call.headers.authorization, call.now)
  call.workspace = key and here:workspace(key.workspace) or here.main
  local spend = key and not refused and "spend" or "look"
  local granted, rate = call.workspace.window[spend](call.workspace.window, call.now, call.wall)
  call.rate = rate or granted
  local step = here.script:take(call.method, call.route, call.path)
  call.step = step
  local result
  if not step or not step.status or step.acts then
    result = respond(call, key, code, message, granted)
  end
  call:pause()
  send(call, step and dictated(call, step) or result)
end

return handler
