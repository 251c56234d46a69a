-- API keys: their scope, their workspace, and until when they are good.
-- Pure: the time is an argument.

local keys = {}
keys.__index = keys

-- Each scope includes the ones before it.
local levels = { ["read:workspace"] = 1, ["read:write:workspace"] = 2, ["admin:full"] = 3 }

function keys.new()
  return setmetatable({ known = {} }, keys)
end

function keys:add(key, scope, workspace)
  self.known[key] = { scope = scope, workspace = workspace }
end

--- `fresh` joins `key`, which stays good until `ends`.
function keys:rotate(key, fresh, ends)
  local old = self.known[key]
  if old then
    self:add(fresh, old.scope, old.workspace)
    old.ends = ends
  end
end

function keys:revoke(key)
  if self.known[key] then
    self.known[key].revoked = true
  end
end

--- Reads an Authorization header, strictly: `Bearer`, one space, the key.
---@return table|nil key
---@return string|nil code why not
---@return string|nil message
function keys:check(authorization, now)
  if not authorization then
    return nil, "missing_key", "No Authorization header."
  end
  local value = authorization:match("^Bearer (%S+)$")
  if not value then
    return nil, "malformed_key", "Authorization must read: Bearer, one space, the key."
  end
  local key = self.known[value]
  if not key then
    return nil, "invalid_key", "This key does not exist."
  elseif key.revoked then
    return nil, "revoked_key", "This key was revoked."
  elseif key.ends and now >= key.ends then
    return nil, "expired_key", "This key was rotated and its overlap is over."
  end
  return key
end

function keys.allows(key, scope)
  return levels[key.scope] >= levels[scope]
end

return keys
