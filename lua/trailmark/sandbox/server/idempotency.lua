-- What became of the requests that carried an Idempotency-Key. The guide only
-- names an article on these keys; this is the usual meaning: a repetition gets
-- the first answer, another request under the same key is refused, and so is a
-- repetition while the first request is still at work. Only requests that
-- acted are remembered, the last 100,000 of them.
-- Pure.

local idempotency = {}
idempotency.__index = idempotency

local KEPT = 100000

function idempotency.new()
  return setmetatable({ entries = {}, order = {}, count = 0 }, idempotency)
end

--- Begins work under `key`.
---@param key string
---@param request string what must be the same when the key is: method, path and body
---@return "new"|"done"|"other"|"busy" state
---@return table|nil answer the first answer, where `state` is "done"
function idempotency:begin(key, request)
  local entry = self.entries[key]
  if not entry then
    self.entries[key] = { request = request }
    return "new"
  elseif entry.request ~= request then
    return "other"
  elseif not entry.answer then
    return "busy"
  end
  return "done", entry.answer
end

--- Ends work under `key`; without an answer nothing happened and the key is free again.
function idempotency:finish(key, answer)
  if not answer then
    self.entries[key] = nil
    return
  end
  self.entries[key].answer = answer
  local slot = self.count % KEPT
  if self.order[slot] then
    self.entries[self.order[slot]] = nil
  end
  self.order[slot] = key
  self.count = self.count + 1
end

return idempotency
