--- Errors thrown in every function that a caller gives the client, in every drive: a string, tables,
-- false, nil. The rows and what is expected of each are in spec/support/callbacks/rows.lua.

local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"

local JIT = rawget(_G, "jit") ~= nil

-- In a coroutine of 5.1 nothing that waits can be called in pcall, as the rows do.
local DRIVES = _VERSION == "Lua 5.1" and not JIT and { "inline" }
  or { "inline", "fd", "worker", "uv", "cqueues" }

describe("an error in a caller's function", function()
  local server, children = nil, {}
  setup(function()
    server = raw_server.start(function(connection)
      for request in function() return connection:request() end do
        local path = request.line:match " /(%a+)"
        local page = tonumber(request.line:match "cursor=(%d)" or 1)
        local new = request.headers.authorization:find("tm_live_new", 1, true)
        if path == "pages" then
          connection:answer(200, ('{"data":[%d],"next_cursor":%s}'):format(page,
            page < 3 and ('"%d"'):format(page + 1) or "null"))
        elseif path == "missing" or path == "rotated" and not new then
          connection:answer(path == "missing" and 404 or 401, "{}")
        else
          connection:answer(200, '{"fine":true}')
        end
      end
    end)
    for _, drive in ipairs(DRIVES) do -- side by side, for some rows wait
      children[drive] = process.script({ "spec/support/callbacks/run.lua", drive }, { URL = server.url })
    end
  end)
  teardown(function()
    for _, child in pairs(children) do child:stop() end
    server:stop()
  end)

  for _, drive in ipairs(DRIVES) do
    it("is told where it belongs, loses no result and stops no later call: " .. drive, function()
      assert.same({ "fine", 0, "" }, { children[drive]:finish() })
    end)
  end
end)
