-- What the sandbox serves below /v1: workspaces as the guide documents them,
-- and contacts, billing and echo of its own. A route is { path, verbs }; a verb is
-- { scope, run }, `run(call, id)` returns an answer and may note `call.effect`.

local cjson = require("cjson")
local answer = require("trailmark.sandbox.server.answer")
local contacts = require("trailmark.sandbox.server.contacts")
local pages = require("trailmark.sandbox.server.pages")

local READ, WRITE, ADMIN = "read:workspace", "read:write:workspace", "admin:full"

local function not_found(call)
  return answer.refusal(call, 404, "not_found", "There is no such resource in this workspace.")
end

local function get_workspace(call, id)
  local profile = call.workspace.profile
  if id ~= "me" and id ~= profile.id then
    return not_found(call)
  end
  return answer.new(200, answer.object({
    "id", profile.id, "name", profile.name, "plan", profile.plan,
    "members_count", profile.members_count, "created_at", profile.created_at,
  }))
end

local function get_billing(call)
  return answer.new(200, answer.object({
    "workspace_id", call.workspace.profile.id, "plan", call.workspace.profile.plan,
    "seats", 20, "currency", "EUR", "balance_cents", 0,
  }))
end

local function list_contacts(call)
  local page, problem = pages.read(call.workspace.contacts, call.args())
  if not page then
    return answer.refusal(call, 400, "invalid_parameter", problem)
  end
  local items = answer.list(page.items)
  if not page.fields then
    local link = page.next_query
      and ('<%s/v1/contacts?%s>; rel="next"'):format(call.origin, page.next_query)
    return answer.new(200, items, { Link = link })
  end
  for i, value in ipairs(page.fields) do
    page.fields[i] = value == pages.null and cjson.null or value
  end
  local rest = answer.object(page.fields)
  return answer.new(200, '{"data":' .. items .. "," .. rest:sub(2))
end

-- The body's fields, or the answer that refuses it.
local function read_fields(call, partial)
  local kind = call.headers["content-type"]
  if kind and not kind:lower():find("json", 1, true) then
    return nil, answer.refusal(call, 415, "unsupported_type", "The body must be application/json.")
  end
  local ok, fields = pcall(cjson.decode, call.body)
  if not ok then
    return nil, answer.refusal(call, 400, "malformed_json", "The body is not JSON.")
  end
  local problem = contacts.problem(fields, cjson.null, partial)
  if problem then
    return nil, answer.refusal(call, 422, "invalid_field", problem)
  end
  return fields
end

local function create_contact(call)
  local fields, refusal = read_fields(call, false)
  if refusal then
    return refusal
  end
  call:pause()
  local contact = call.workspace.contacts:create(fields, cjson.null, call.time_text())
  call.effect = "created"
  return answer.new(201, cjson.encode(contact), { Location = "/v1/contacts/" .. contact.id })
end

local function get_contact(call, id)
  local contact = call.workspace.contacts:find(id)
  return contact and answer.new(200, cjson.encode(contact)) or not_found(call)
end

local function update_contact(partial)
  return function(call, id)
    local fields, refusal = read_fields(call, partial)
    if refusal then
      return refusal
    end
    call:pause()
    local list = call.workspace.contacts
    if not list:find(id) then
      return not_found(call)
    end
    local contact = list:update(id, fields, cjson.null, call.time_text(), partial)
    call.effect = "updated"
    return answer.new(200, cjson.encode(contact))
  end
end

local function delete_contact(call, id)
  call:pause()
  local list = call.workspace.contacts
  if not list:find(id) then
    return not_found(call)
  end
  list:delete(id)
  call.effect = "deleted"
  return answer.new(204)
end

-- What arrived, as it was on the wire; needs no key.
local function echo(call)
  return answer.new(200, cjson.encode({
    method = call.method, target = call.target, path = call.path, query = call.query,
    headers = call.headers, body = call.body, head = call.head(), protocol = call.protocol,
  }))
end

local echo_verb = { run = echo }

local routes = {
  { path = "^/workspaces/([^/]+)$", verbs = { GET = { scope = READ, run = get_workspace } } },
  { path = "^/billing$", verbs = { GET = { scope = ADMIN, run = get_billing } } },
  { path = "^/contacts$", verbs = {
    GET = { scope = READ, run = list_contacts },
    POST = { scope = WRITE, run = create_contact },
  } },
  { path = "^/contacts/([^/]+)$", verbs = {
    GET = { scope = READ, run = get_contact },
    PUT = { scope = WRITE, run = update_contact(false) },
    PATCH = { scope = WRITE, run = update_contact(true) },
    DELETE = { scope = WRITE, run = delete_contact },
  } },
  { path = "^/echo$", verbs = setmetatable({}, { __index = function() return echo_verb end }) },
}

local function allowed(verbs)
  local names = {}
  for name in pairs(verbs) do
    names[#names + 1] = name
  end
  table.sort(names)
  return table.concat(names, ", ")
end

--- Finds who answers a request.
---@param method string
---@param path string below /v1
---@return table|nil verb
---@return string|nil id the path's variable part, still percent-encoded
---@return string|nil allow where the path exists and the method does not: the methods that do
return function(method, path)
  local wanted = method == "HEAD" and "GET" or method
  for _, route in ipairs(routes) do
    local id = path:match(route.path)
    if id then
      local verb = route.verbs[wanted]
      return verb, id, not verb and allowed(route.verbs) or nil
    end
  end
end
