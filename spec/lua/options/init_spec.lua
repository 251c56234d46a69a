-- All that takes options.

local option_rows = require "spec.support.option_rows"
local options = require "trailmark.options"

local new, get, pages, request = option_rows.new, option_rows.get, option_rows.pages, option_rows.request
local CLIENT, CALL, LISTS, KEY = option_rows.CLIENT, option_rows.CALL, option_rows.LISTS, option_rows.KEY

describe("a key in the wrong place", function()
  --- Every table that has the key once, as a value or a name, at any option.
  local function misplaced(rows)
    local givens = { KEY, { KEY }, { [KEY] = 1 }, { [KEY] = KEY }, { { KEY } } }
    for _, row in ipairs(rows) do
      for _, value in ipairs { KEY, KEY .. "\n", { KEY }, { [KEY] = KEY },
        { ["Bearer " .. KEY] = 1 },
        { ["X-Key"] = KEY .. "\0" }, { style = KEY }, { scope = KEY .. " " }, { limit = KEY } } do
        givens[#givens + 1] = { [row[1]] = value }
        givens[#givens + 1] = { [row[1] .. "x"] = value }
      end
    end
    for _, name in ipairs { "token", "api_key", "secret", "authorization", "Key" } do
      givens[#givens + 1] = { [name] = KEY }
    end
    return givens
  end

  local readers = {
    ["options.client"] = { new, CLIENT }, ["options.call"] = { get, CALL },
    ["options.request"] = { request, CALL }, ["options.pages"] = { pages, LISTS },
  }
  for name, reader in pairs(readers) do
    it("is in no message of " .. name, function()
      local refused = 0
      for _, given in ipairs(misplaced(reader[2])) do
        local fine, first, second = pcall(reader[1], given)
        local message = not fine and first or second
        if message then
          refused = refused + 1
          assert.falsy(message:lower():find("canary", 1, true), message)
        end
      end
      assert.is_true(refused >= 10 * #reader[2], refused)
    end)
  end

  it("is in no message about the arguments of a verb", function()
    for _, part in ipairs { "query", "body" } do
      for _, value in ipairs { KEY, { timeout = KEY }, { [KEY] = 1, retries = 1 } } do
        local fine, message = pcall(options.arguments, "/x", part, value, nil, 1, "tm:post")
        assert.falsy(not fine and message:find("canary", 1, true))
      end
    end
  end)
end)
