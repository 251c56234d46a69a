-- Waits until a contact's `status` is "active", and prints the contact.
--
--     lua5.4 spec/examples/poll.lua ct_000001 [seconds]
--
-- Needs TRAILMARK_API_KEY, and in a clone LUA_PATH and LUA_CPATH as the README's first section has
-- them. Ends with 0 when it is so, with 2 when the time (60 seconds) ran out, with 1 on an error.

local trailmark = require "trailmark"

local FIRST_WAIT, LONGEST_WAIT = 0.25, 10 -- seconds

-- Gets `path` until `is_ready(data)`: the data, or nil and an error. What may pass does not end it:
-- a resource that is not there yet, a service that fails for a while.
local function poll(tm, path, params, is_ready, seconds)
  local ends, wait = os.time() + seconds, FIRST_WAIT
  while true do
    local left = ends - os.time()
    if left <= 0 then return nil, { kind = "timeout" } end
    local data, err = tm:get(path, nil, { params = params, deadline = left })
    if data and is_ready(data) then return data end
    if err and err.kind ~= "not_found" and not err.retryable then return nil, err end
    wait = math.max(wait, err and err.retry_after or 0) -- the service may ask for more
    io.stderr:write(("%s; looking again in %.2f s\n"):format(
      err and err.kind or "not ready", math.min(wait, left)))
    tm:sleep(math.min(wait, left))
    wait = math.min(2 * wait, LONGEST_WAIT)
  end
end

local id, seconds = arg[1], tonumber(arg[2] or 60)
if not id or not seconds or seconds <= 0 or seconds > 3600 then
  io.stderr:write("usage: poll.lua contact-id [seconds]\n")
  os.exit(1)
end

-- With low priority, looking takes no request that others in the workspace are short of.
local tm, problem = trailmark.new { priority = "low" }
if not tm then
  io.stderr:write(tostring(problem), "\n")
  os.exit(1)
end

local contact, err = poll(tm, "/contacts/{id}", { id = id }, function(found)
  return found.status == "active"
end, seconds)
if contact then
  print(trailmark.encode(contact))
elseif err.kind == "timeout" then
  io.stderr:write(("%s is not active after %g s\n"):format(id, seconds))
  os.exit(2)
else
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end
