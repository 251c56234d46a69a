-- The sandbox's own sample collection, in order of creation.
-- Pure: the time is an argument.

local contacts = {}
contacts.__index = contacts

function contacts.new()
  return setmetatable({ list = {}, by_id = {}, made = 0 }, contacts)
end

-- What a client may not set.
local own = { id = true, created_at = true, updated_at = true }

local function assign(contact, fields, null)
  for name, value in pairs(fields) do
    if not own[name] then
      contact[name] = value ~= null and value or nil
    end
  end
end

--- What is wrong with `fields`, nil where nothing is.
---@param fields any
---@param null any what says null
---@param partial boolean true where missing fields stay as they are
function contacts.problem(fields, null, partial)
  if type(fields) ~= "table" or #fields > 0 then
    return "The body must be a JSON object."
  end
  local name, email = fields.name, fields.email
  if not (partial and name == nil) and (type(name) ~= "string" or name == "") then
    return "`name` must be a string that is not empty."
  end
  local has_email = email ~= nil and email ~= null
  if has_email and not (type(email) == "string" and email:find("@", 1, true)) then
    return "`email` must be an address."
  end
end

function contacts:create(fields, null, time)
  self.made = self.made + 1
  local contact = { number = self.made }
  local value = { id = ("ct_%06d"):format(self.made), created_at = time, updated_at = time }
  assign(value, fields, null)
  contact.value = value
  self.list[#self.list + 1] = contact
  self.by_id[value.id] = contact
  return value
end

function contacts:find(id)
  local contact = self.by_id[id]
  return contact and contact.value
end

--- Replaces all fields (PUT) or merges them in (PATCH).
function contacts:update(id, fields, null, time, partial)
  local value = self.by_id[id].value
  if not partial then
    for name in pairs(value) do
      if not own[name] then
        value[name] = nil
      end
    end
  end
  assign(value, fields, null)
  value.updated_at = time
  return value
end

function contacts:delete(id)
  local contact = self.by_id[id]
  self.by_id[id] = nil
  for i, other in ipairs(self.list) do
    if other == contact then
      table.remove(self.list, i)
      return
    end
  end
end

function contacts:seed(count, time)
  for _ = 1, count do
    local n = self.made + 1
    self:create({ name = "Contact " .. n, email = "contact" .. n .. "@example.com" }, nil, time)
  end
end

--- At most `count` contacts after the first `skip`.
function contacts:slice(skip, count)
  local values = {}
  for i = skip + 1, math.min(skip + count, #self.list) do
    values[#values + 1] = self.list[i].value
  end
  return values
end

--- How many contacts come up to and including the one with this creation number.
function contacts:position(number)
  local low, high = 0, #self.list
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if self.list[middle].number <= number then
      low = middle
    else
      high = middle - 1
    end
  end
  return low
end

--- The creation number of the contact at this place.
function contacts:number_at(place)
  return self.list[place] and self.list[place].number or self.made
end

return contacts
