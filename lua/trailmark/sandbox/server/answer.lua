-- Answers as values: { status, headers, body }. The body is JSON text, since an
-- answer may be kept and given again. Objects are written by hand where the
-- guide shows an order of fields, and lists because this lua-cjson writes an
-- empty one as {}.

local cjson = require("cjson")

local answer = {}

--- JSON of names and values in turn, in this order.
---@param fields any[]
function answer.object(fields)
  local parts = {}
  for i = 1, #fields, 2 do
    parts[#parts + 1] = cjson.encode(fields[i]) .. ":" .. cjson.encode(fields[i + 1])
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- JSON of a list, empty or not.
function answer.list(items)
  local parts = {}
  for i, item in ipairs(items) do
    parts[i] = cjson.encode(item)
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

---@param status integer
---@param body string? JSON text
---@param headers table<string, string>?
---@return table answer
function answer.new(status, body, headers)
  return { status = status, body = body, headers = headers or {} }
end

--- An error in the sandbox's own shape; the guide documents none.
---@param call table
---@param status integer
---@param code string
---@param message string
---@param headers table<string, string>?
function answer.refusal(call, status, code, message, headers)
  local body = ('{"error":%s,"request_id":%s}'):format(
    answer.object({ "code", code, "message", message }), cjson.encode(call.request_id))
  return answer.new(status, body, headers)
end

return answer
