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
local loop = require "trailmark.loop"
local pump = require "trailmark.pump"

--- The functions and values of the module.
---@class trailmark
---@field _VERSION string              "trailmark " and the version
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
---@type fun(opts?: trailmark.Options): tm: trailmark.Client|nil, err: trailmark.Error|nil
trailmark.new = client.new

--- Returns its arguments, or raises the error's printed line as a string with the caller's
-- position.
---@type fun(data: any, err?: any, ...): data: any, err: any, ...
trailmark.assert = errors.assert

--- Marks a table as a JSON array, empty or not, and returns it; raises where it has another
-- metatable.
---@type fun(t: table): t: table
trailmark.array = json.array

--- Writes a value as JSON, in the client's own codec: the members of a table in the order of their
-- names. A value that cannot be sent without loss is refused: `nil` and a message that names its
-- place.
---@type fun(value: any): text: string|nil, problem: string|nil
trailmark.encode = json.encode

--- Reads JSON (RFC 8259), strictly. Where the text is refused: `nil` and a message that names the
-- byte. `null` becomes `trailmark.null`; an empty array stays one when it is sent back.
---@type fun(text: string): value: any, problem: string|nil
trailmark.decode = json.decode

--- A descriptor for a host loop of your own: readable while there is work for `trailmark.step`. One
-- for all clients of this Lua state; a forked process has another.
---@type fun(): fd: integer
trailmark.fd = core.fd

--- Does what can be done without waiting: moves calls, runs callbacks, delivers events.
---@type fun()
trailmark.step = function() pump.turn() end

loop.prepare()

return trailmark
