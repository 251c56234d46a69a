--- trailmark: the Lua client of the Trailmark HTTP API.
--
--     local trailmark = require "trailmark"
--     local tm = trailmark.assert(trailmark.new())  -- its key: TRAILMARK_API_KEY
--     local workspace = trailmark.assert(tm:workspace())
--
-- Requiring this does no I/O and starts nothing.

local core = require "trailmark.core"
local client = require "trailmark.client"
local errors = require "trailmark.errors"
local json = require "trailmark.json"

---@class trailmark
---@field _VERSION string
---@field null lightuserdata            JSON's null
---@field error_kinds table<string|integer, string>  the kinds of trailmark.Error: an array of
---  their names, and by name what each means
local trailmark = {
  _VERSION = "trailmark " .. core.version,
  null = json.null,
  error_kinds = errors.kinds,
}

--- Makes a client.
-- A caller's mistake (an unknown option, a wrong type) raises; what only the environment can get
-- wrong (no key found, a file that cannot be read, a malformed key) comes back as an error of kind
-- "config".
---@type fun(opts?: trailmark.Options): trailmark.Client|nil, trailmark.Error?
trailmark.new = client.new

--- Returns its arguments, or raises the error's printed line as a string with the caller's
-- position.
---@type fun(data: any, err?: any, ...): any, any, ...
trailmark.assert = errors.assert

--- Marks a table as a JSON array, empty or not, and returns it; raises where it has another
-- metatable.
---@type fun(t: table): table
trailmark.array = json.array

--- The client's own JSON codec. `nil, message` where a value or a text is refused.
---@type fun(value: any): string|nil, string?
trailmark.encode = json.encode

---@type fun(text: string): any, string?
trailmark.decode = json.decode

return trailmark
