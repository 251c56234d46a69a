-- What the environment gives where the options leave it open.

local option_rows = require "spec.support.option_rows"
local options = require "trailmark.options"

local new, KEY = option_rows.new, option_rows.KEY

describe("options.environment", function()
  local function from(variables, given)
    local settings = new(given)
    local fine, problem, option = options.environment(settings, function(name)
      return variables[name]
    end)
    return settings, fine, problem, option
  end

  it("ends in the defaults", function()
    local settings, fine = from {}
    assert.is_true(fine)
    assert.equal("https://api.trailmark.com/v1", settings.base_url)
    assert.equal("off", settings.log)
    assert.is_nil(settings.key)
    assert.is_nil(settings.key_file)
    assert.is_nil(settings.base_url_variable)
  end)

  it("fills what the options left open and says from where", function()
    local settings, fine = from { TRAILMARK_API_KEY = KEY, TRAILMARK_BASE_URL = "https://h/v2",
      TRAILMARK_LOG = "debug" }
    assert.is_true(fine)
    assert.same({ KEY, "https://h/v2", "debug", "TRAILMARK_API_KEY", "TRAILMARK_BASE_URL" },
      { settings.key, settings.base_url, settings.log, settings.key_variable,
        settings.base_url_variable })
    settings = from { TRAILMARK_API_KEY_FILE = "/k" }
    assert.same({ "/k", "TRAILMARK_API_KEY_FILE" }, { settings.key_file,
      settings.key_file_variable })
  end)

  it("is beaten by the options, a key of either kind by either option", function()
    local all = { TRAILMARK_API_KEY = "e", TRAILMARK_API_KEY_FILE = "/e",
      TRAILMARK_BASE_URL = "https://e", TRAILMARK_LOG = "info" }
    local settings, fine = from(all, { key = "o", base_url = "https://o", log = "off" })
    assert.is_true(fine)
    assert.same({ "o", "https://o", "off" }, { settings.key, settings.base_url, settings.log })
    assert.is_nil(settings.key_file)
    assert.is_nil(settings.key_variable)
    settings, fine = from(all, { key_file = "/o" })
    assert.is_true(fine)
    assert.equal("/o", settings.key_file)
    assert.is_nil(settings.key)
  end)

  it("takes an empty variable for none", function()
    local settings, fine = from { TRAILMARK_API_KEY = "", TRAILMARK_API_KEY_FILE = "/k",
      TRAILMARK_BASE_URL = "", TRAILMARK_LOG = "" }
    assert.is_true(fine)
    assert.is_nil(settings.key)
    assert.equal("/k", settings.key_file)
    assert.equal("off", settings.log)
  end)

  local wrong = {
    { { TRAILMARK_API_KEY = KEY, TRAILMARK_API_KEY_FILE = "/k" }, "key",
      "TRAILMARK_API_KEY and TRAILMARK_API_KEY_FILE are both set" },
    { { TRAILMARK_BASE_URL = "h" }, "base_url", "TRAILMARK_BASE_URL: base_url must be" },
    { { TRAILMARK_LOG = "loud" }, "log", "TRAILMARK_LOG: log must be" },
    { { TRAILMARK_API_KEY_FILE = "/a\nb" }, "key_file", "TRAILMARK_API_KEY_FILE: key_file must" },
  }
  for _, row in ipairs(wrong) do
    it("returns what is wrong with " .. row[2], function()
      local _, fine, problem, option = from(row[1])
      assert.is_nil(fine)
      assert.equal(row[2], option)
      assert.truthy(problem:find(row[3], 1, true), problem)
      assert.falsy(problem:find("canary", 1, true))
    end)
  end

  it("reads the process's own environment unless told otherwise", function()
    local settings = new { key = "k" }
    assert.is_true(options.environment(settings))
    assert.is_string(settings.base_url)
  end)
end)
