-- The options of tm:map.

local option_rows = require "spec.support.option_rows"
local options = require "trailmark.options"

local function map(given)
  local settings = options.batch(given, 2)
  return settings
end

describe("options.batch", function()
  local hooks = { 1, "x", true, {} }
  option_rows.of(it, "tm:map", map, {
    { "concurrency", { 0, 10001, 1.5, "4" }, { 1, 10000 } },
    { "batch_deadline", { 0, 3601, "1", true }, { 0.1, 3600 } },
    { "on_progress", hooks, { print } },
    { "on_result", hooks, { print } },
    { "stop_when", hooks, { print } },
    { "keep", { 1, true, "some", "" }, { "all", "failed", "none" } },
  })

  it("keeps all results unless told otherwise", function()
    assert.same({ keep = "all" }, map(nil))
  end)

  it("says where an option of a call belongs", function()
    assert.matches("it goes into the call that the function returns",
      option_rows.raised("tm:map", map, { timeout = 1 }))
  end)

  it("wants a table", function()
    assert.matches("options must be a table, got 7", option_rows.raised("tm:map", map, 7))
  end)
end)
