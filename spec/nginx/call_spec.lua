-- A call in a handler of nginx.

local nginx = require "spec.support.nginx"
local sandbox = require "trailmark.sandbox"

describe("a handler of nginx", function()
  local sb, server
  setup(function()
    sb = assert(sandbox.start())
    server = nginx.start {
      main = "env TRAILMARK_API_KEY; env TRAILMARK_BASE_URL;",
      env = { TRAILMARK_API_KEY = sb.key, TRAILMARK_BASE_URL = sb.url },
      http = [[ init_by_lua_block {
        trailmark = require "trailmark"
        client = trailmark.assert(trailmark.new { pace = "off" })
      } ]],
      locations = [[
        location = /me { content_by_lua_block {
          local data, err, response = client:get("/workspaces/me")
          ngx.say(data and data.id or tostring(err), " ", response.status)
        } }
        location = /wrong { content_by_lua_block {
          local data, err = client:get("/nothing")
          ngx.say(err.kind, " ", tostring(data))
        } }
      ]],
    }
  end)
  teardown(function()
    server:stop()
    sb:stop()
  end)

  it("makes a call", function()
    assert.equal(sb.workspace_id .. " 200", server:says "/me")
    assert.equal("not_found nil", server:says "/wrong")
    for _ = 1, 20 do assert.equal(sb.workspace_id .. " 200", server:says "/me") end
    assert.equal("", server:errors())
  end)
end)
