--- The options of a batch, `tm:map`.

local checks = require "trailmark.checks"

--- The options of `tm:map`.
---@class trailmark.BatchOptions
---@field concurrency? integer   calls at a time, at most those of the client
---@field batch_deadline? number  seconds for all: then calls under way end as "timeout"
---@field on_progress? fun(progress: trailmark.Progress)  after each result
---@field on_result? fun(result: trailmark.Result, item: any, i: integer)  for each, as it comes
---@field stop_when? fun(result: trailmark.Result): boolean  true begins no more
---@field keep? "all"|"failed"|"none"  which of the results are returned, default "all"

local batch = {}

local function hook_row(name)
  return { name, checks.typed, types = checks.FUNCTION, rule = "a function" }
end

batch.rows = {
  { "concurrency", checks.integer, from = 1, to = 10000 },
  { "batch_deadline", checks.seconds },
  hook_row "on_progress",
  hook_row "on_result",
  hook_row "stop_when",
  { "keep", checks.word, words = { "all", "failed", "none" }, default = "all" },
}

return batch
