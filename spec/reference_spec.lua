-- Everything that users can reach is documented, and `make docs` tells what is so. Where this fails,
-- the message says what to write, and where.

local chapters = require "spec.support.reference.chapters"
local errors = require "trailmark.errors"
local options = require "trailmark.options"
local page = require "spec.support.reference.page"
local sandbox = require "trailmark.sandbox"
local surface = require "spec.support.reference.surface"
local trailmark = require "trailmark"

describe("the API reference", function()
  local found = surface.read()

  it("documents everything that is public", function()
    assert.equal("", table.concat(surface.complaints(found, chapters), "\n"))
  end)

  -- What the sources declare is compared with what is there when they run.

  local function documented(class)
    local set = {}
    for _, made in ipairs(class.functions or {}) do set[made.member] = true end
    return set
  end

  local function check_functions(name, functions)
    local class, count = found.classes[name], 0
    local known = documented(class)
    for member, value in pairs(functions) do
      if type(value) == "function" and not member:find("^_")
        and not (class.internal and class.internal[member]) then
        count = count + 1
        assert.truthy(known[member], ("%s: %s is a function of it, which the annotations of %s do"
          .. " not show: write it as `function X:%s(...)` below the class, or `X.%s = other.%s` with"
          .. " ---@type fun(...)"):format(name, member, class.path, member, member, member))
        known[member] = nil
      end
    end
    assert.is_nil((next(known)), name)
    assert.truthy(count > 0)
  end

  it("has the functions that the modules have", function()
    check_functions("trailmark", trailmark)
    check_functions("trailmark.sandbox", sandbox)
  end)

  it("has the methods that the objects have", function()
    local sb = assert(sandbox.start())
    local tm = assert(sb:client())
    local call = tm:send { path = "/workspaces/me" }
    for name, object in pairs {
      ["trailmark.Client"] = tm, ["trailmark.Call"] = call, ["trailmark.Sandbox"] = sb,
      ["trailmark.Pager"] = tm:pager "/contacts",
    } do
      check_functions(name, debug.getmetatable(object).__index)
    end
    call:cancel()
    tm:close()
    sb:stop()
  end)

  it("has the fields that the module has", function()
    local fields = {}
    for _, field in ipairs(found.classes.trailmark.fields) do fields[field.name] = true end
    for name, value in pairs(trailmark) do
      if type(value) ~= "function" then
        assert.truthy(fields[name], ("lua/trailmark/init.lua: write below ---@class trailmark"
          .. " ---@field %s %s  what it is"):format(name, type(value)))
      end
    end
  end)

  -- Class -> what stands before its names in the settings, and the settings of one who gave nothing.
  local defaults = {
    ["trailmark.Options"] = { "", options.client() },
    ["trailmark.Backoff"] = { "backoff_", options.client() },
    ["trailmark.Pace"] = { "pace_", options.client() },
    ["trailmark.Paginate"] = { "", options.pages().paginate },
    ["trailmark.BatchOptions"] = { "", options.batch() },
  }

  for name, given in pairs(defaults) do
    it("tells the defaults of " .. name .. " as they are", function()
      for _, field in ipairs(found.classes[name].fields) do
        local value = given[2][given[1] .. field.name]
        local told = field.text:match("default ([^%s;]+)")
        if type(value) == "string" then value = '"' .. value .. '"' end
        if type(value) == "number" then value = ("%.14g"):format(value) end
        assert.equal(value ~= nil and tostring(value) or nil, told, name .. "." .. field.name)
      end
    end)
  end

  it("is a page on which every link leads somewhere", function()
    local html = page.write(found, chapters, { version = "0", kinds = errors.kinds })
    local count = 0
    for target in html:gmatch('href="#([^"]+)"') do
      count = count + 1
      assert.truthy(html:find('id="' .. target .. '"', 1, true), target)
    end
    assert.truthy(count > 100)
  end)
end)
