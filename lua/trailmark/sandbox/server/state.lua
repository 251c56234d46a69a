-- All the sandbox knows: keys, workspaces, the script. Lives in the one worker
-- process; `reset` brings back the state of the start.

local contacts = require("trailmark.sandbox.server.contacts")
local idempotency = require("trailmark.sandbox.server.idempotency")
local keys = require("trailmark.sandbox.server.keys")
local script = require("trailmark.sandbox.server.script")
local window = require("trailmark.sandbox.server.window")

local state = {}
state.__index = state

local SEED_TIME = "2025-11-02T18:01:12Z"

---@param settings table as options made them
function state.new(settings)
  local self = setmetatable({ settings = settings }, state)
  self:reset()
  return self
end

function state:reset()
  local settings = self.settings
  self.keys, self.script, self.workspaces = keys.new(), script.new(), {}
  self.limit, self.length, self.skew = settings.limit, settings.window, settings.date_skew
  self.main = self:workspace(settings.workspace)
  self.main.contacts:seed(settings.contacts, SEED_TIME)
  self.keys:add(settings.key, settings.scope, settings.workspace)
end

--- The workspace of this id, made when it is asked for first.
function state:workspace(id)
  local found = self.workspaces[id]
  if not found then
    found = {
      profile = {
        id = id, name = "Acme Sales", plan = "team", members_count = 14, created_at = SEED_TIME,
      },
      window = window.new(self.limit, self.length, self.settings.reset_rounding),
      contacts = contacts.new(),
      idempotency = idempotency.new(),
    }
    self.workspaces[id] = found
  end
  return found
end

local obey = {}

function obey.script(self, order)
  self.script:add(order.steps)
end

function obey.key(self, order)
  self.keys:add(order.key, order.scope, order.workspace or self.settings.workspace)
end

function obey.rotate(self, order)
  self.keys:rotate(order.key, order.fresh, order.ends)
end

function obey.revoke(self, order)
  self.keys:revoke(order.key)
end

function obey.limit(self, order)
  self.limit, self.length = order.limit or self.limit, order.window or self.length
  for _, workspace in pairs(self.workspaces) do
    workspace.window:change(order.limit, order.window)
  end
end

function obey.skew(self, order)
  self.skew = order.seconds
end

function obey.seed(self, order)
  self.main.contacts:seed(order.count, SEED_TIME)
end

--- Obeys one order of the caller's.
function state:obey(order)
  obey[order.what](self, order)
end

return state
