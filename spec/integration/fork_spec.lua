-- A process that forks while its connections are warm: parent and child go on with the same client, at the same
-- time, and nobody gets the other's answer.

local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"
local process = require "spec.support.process"

local CALLS, CHILDREN = 40, 3

local sb
setup(function() sb = assert(sandbox.start { https = true, limit = 1000000 }) end)
teardown(function() sb:stop() end)
before_each(function() sb:reset() end)

--- Calls with ids of its own; raises where an answer is another's.
local function call(tm, who)
  for i = 1, CALLS do
    local id = ("%s-%d"):format((who:gsub(" ", "-")), i)
    local echo, err = tm:get("/echo", { id = id })
    if not echo then error(tostring(err)) end
    if echo.query ~= "id=" .. id then error(id .. " was answered " .. echo.query) end
  end
end

for _, scheme in ipairs { "HTTP", "HTTPS" } do
  describe("over " .. scheme, function()
    local function client()
      local tm = assert(sb:client { base_url = scheme == "HTTP" and sb.http_url or sb.url, retries = 0 })
      assert(tm:get("/echo"))
      return tm
    end

    it("a client works in parent and children at once", function()
      local tm, children = client(), {}
      for number = 1, CHILDREN do
        children[number] = process.fork(function(say)
          call(tm, "child " .. number)
          tm:close()
          say("done")
        end)
      end
      call(tm, "parent")
      for _, child in ipairs(children) do assert.same({ "done", 0, "" }, { child:finish() }) end
      call(tm, "parent again") -- its connection is unharmed by the children's ends
      local requests, of_parent = {}, {}
      for _, entry in ipairs(sb:log()) do
        requests[#requests + 1] = entry
        if entry.query:find("^id=parent") then of_parent[entry.connection] = true end
      end
      assert.equal(1 + CALLS * (CHILDREN + 2), #requests)
      local first = next(of_parent)
      assert.is_nil(next(of_parent, first), "the parent's connection did not last")
    end)

    it("a client made by the child works beside the parent's", function()
      local tm = client()
      local child = process.fork(function(say)
        call(client(), "child")
        say("done")
      end)
      call(tm, "parent")
      assert.same({ "done", 0, "" }, { child:finish() })
    end)

    it("a child of a child works", function()
      local tm = client()
      local child = process.fork(function(say)
        call(tm, "child")
        local grandchild = process.fork(function() call(tm, "grandchild") end)
        call(tm, "child again")
        local said, code = grandchild:finish()
        say(said .. code)
      end)
      call(tm, "parent")
      assert.same({ "0", 0, "" }, { child:finish() })
    end)

    it("a child that only collects its garbage leaves the parent's connection alone", function()
      local tm = client()
      local child = process.fork(function()
        tm = nil -- luacheck: ignore
        collectgarbage()
        collectgarbage()
      end)
      assert.same({ "", 0, "" }, { child:finish() })
      call(tm, "parent")
      local seen = {}
      for _, entry in ipairs(sb:log()) do seen[entry.connection] = true end
      assert.is_nil(next(seen, next(seen)))
    end)
  end)
end

describe("a child that closed what it inherited", function()
  it("keeps the files it opened at those numbers", function()
    local tm = assert(trailmark.new { key = "tm_live_x", pace = "off", base_url = "http://127.0.0.1:1", retries = 0 })
    tm:get("/before")
    local child = process.fork(function()
      local files = {}
      for i = 1, 12 do files[i] = assert(io.open("/dev/null", "w")) end
      tm:get("/after")
      for _, file in ipairs(files) do assert(file:write("x") and file:flush()) end
    end, 1)
    local said, code = child:finish()
    assert.same({ "", 0 }, { said, code })
  end)
end)
