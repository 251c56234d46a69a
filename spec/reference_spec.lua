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

  -- With those of the classes that it extends.
  local function fields_of(name, into)
    local class, set = found.classes[name], into or {}
    for _, field in ipairs(class.fields) do set[field.name] = true end
    return class.parent and fields_of(class.parent, set) or set
  end

  for name, names in pairs(options.names) do
    it("has the options that " .. name .. " takes, and no other one", function()
      local taken = {}
      for _, option in ipairs(names) do taken[option] = true end
      assert.truthy(next(taken))
      assert.same(fields_of(name), taken)
    end)
  end

  local function check_fields(name, object)
    local set, count = fields_of(name), 0
    for field in pairs(object) do
      count = count + 1
      assert.truthy(set[field], ("%s: %s is a field of one, which the annotations of %s do not show:"
        .. " write ---@field %s below the class"):format(name, tostring(field),
        found.classes[name].path, tostring(field)))
    end
    assert.truthy(count > 0, name)
  end

  --- What a client has given out, in lists by the names of the classes.
  local function given_out(sb)
    local out = {}
    local function note(name, object)
      out[name] = out[name] or {}
      table.insert(out[name], object)
      return object
    end
    local tm = assert(sb:client { on_event = function(event) note("trailmark.Event", event) end })
    sb:script {
      { status = 429, headers = { ["Retry-After"] = "0" } }, { status = 503, match = "POST /contacts" },
    }
    local _, _, response = assert(tm:post("/contacts", { name = "Ada" }))
    note("trailmark.Rate", note("trailmark.Response", response).rate)
    note("trailmark.RateState", tm:rate())
    sb:seed(3)
    for _, one in tm:pages("/contacts", { limit = 2 }) do note("trailmark.Page", one) end
    local results, summary = tm:map({ 1, 2, 3 }, function(i)
      if i > 1 then return { path = i == 2 and "/nowhere" or "/workspaces/me" } end
    end, { on_progress = function(progress) note("trailmark.Progress", progress) end })
    for _, result in ipairs(results) do note("trailmark.Result", result) end
    note("trailmark.Summary", summary)
    sb:script { { status = 503, times = 2 }, { fault = "truncate" } }
    for _, spec in ipairs {
      { method = "POST", path = "/contacts", body = {}, retries = 1 }, { path = "/echo", retries = 0 },
      { path = "/nowhere" }, { path = "/echo", headers = { a = "\n" } },
    } do
      local err = note("trailmark.Error", select(2, tm:request(spec)))
      for _, attempt in ipairs(err.history or {}) do note("trailmark.Attempt", attempt) end
    end
    note("trailmark.Error", select(2, tm:collect("/contacts", nil, { paginate = { items = "x" } })))
    note("trailmark.sandbox.Counts", sb:counts())
    for _, entry in ipairs(sb:log()) do note("trailmark.sandbox.Entry", entry) end
    tm:close()
    note("trailmark.Error", select(2, tm:workspace()))
    return out
  end

  it("has the fields of all that is given out", function()
    local sb, classes = assert(sandbox.start()), 0
    finally(function() sb:stop() end)
    for name, objects in pairs(given_out(sb)) do
      classes = classes + 1
      for _, object in ipairs(objects) do check_fields(name, object) end
    end
    assert.equal(12, classes)
  end)

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
