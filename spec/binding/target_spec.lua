-- What the binding adds to policy/target: values from Lua's stack, however many.

local trailmark = require "trailmark"

local tm
setup(function()
  tm = assert(trailmark.new { key = "tm_live_x", base_url = "http://127.0.0.1:1", pace = "off", retries = 0 })
end)
teardown(function() tm:close() end)

describe("a path", function()
  for _, count in ipairs { 1, 40, 400, 1000 } do
    it(("of %d params and a query is filled"):format(count), function()
      local path, params, filled, query = {}, {}, {}, {}
      for i = 1, count do
        path[i], filled[i] = ("/{p%d}"):format(i), "/" .. i
        params["p" .. i] = i
        query["q" .. i] = i
      end
      local _, err = tm:get(table.concat(path), query, { params = params })
      assert.equal("network", err.kind)
      assert.equal(table.concat(filled), err.path)
    end)
  end
end)
