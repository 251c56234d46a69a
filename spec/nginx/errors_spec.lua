-- What nginx's log says of us, and both lines of lua-cjson.

local nginx = require "spec.support.nginx"
local sandbox = require "trailmark.sandbox"

describe("in nginx", function()
  local sb, server
  setup(function() sb = assert(sandbox.start()) end)
  teardown(function() sb:stop() end)
  before_each(function() sb:reset() end)
  after_each(function() server:stop() end)

  local function start(options, locations, more)
    server = nginx.start {
      http = ((more or "") .. [[ init_by_lua_block {
        %s
        trailmark = require "trailmark"
        client = trailmark.assert(trailmark.new { base_url = "%s", key = "%s", pace = "off",
          backoff = { base = 0.005, cap = 0.02 }, %s })
      } ]]):format("", sb.url, sb.key, options),
      locations = locations,
    }
  end

  it("the log option writes to the log of nginx", function()
    start('log = "debug"', [[ location = / { content_by_lua_block {
      ngx.say(trailmark.assert(client:workspace()).id)
    } } ]])
    sb:script { { status = 503, match = "GET /workspaces/me" } }
    server:says "/"
    assert.matches("%[notice%].*trailmark: GET /v1/workspaces/me: 503 server, attempt 2 in", server:log "attempt 2 in")
    assert.equal("", server:errors())
  end)

  it("trailmark.assert raises the line, and callbacks and hooks that fail are told", function()
    start('on_event = function() error "of a hook" end', [[
      location = /assert { content_by_lua_block { trailmark.assert(client:get "/nothing") } }
      location = /callback { content_by_lua_block {
        client:send({ path = "/echo" }, function() error "of a callback" end)
        ngx.say ""
      } }
    ]])
    assert.equal(500, (server:get "/assert"))
    assert.matches("%[error%].*trailmark: GET /nothing: 404", server:errors())
    assert.matches("%[error%].*trailmark: the function on_event failed: .*of a hook", server:errors())
    server:says "/callback"
    server:await_log "%[error%].*trailmark: the callback of GET /v1/echo failed: .*of a callback"
  end)

  it("a hook that waits holds up nobody else, and no hook can make a call", function()
    start([[on_event = function(event)
        if event.type == "request" then ngx.sleep(0.05) end
        local ok, problem = pcall(client.workspace, client)
        told = problem
      end]], [[
      location = / { content_by_lua_block { ngx.say(trailmark.assert(client:workspace()).id) } }
      location = /told { content_by_lua_block { ngx.say(told) } }
      location = /plain { content_by_lua_block {
        local other = trailmark.assert(trailmark.new { base_url = client._base_url, key = "tm_live_x", pace = "off" })
        ngx.say(trailmark.assert(other:get "/echo").path)
      } }
    ]])
    local one = server:open "/"
    for _ = 1, 5 do assert.equal("/v1/echo", server:says "/plain") end
    assert.equal(200, (nginx.read(one)))
    assert.matches("a call cannot be waited for inside on_event or log", server:says "/told")
  end)

  local JSON = [[ location = / { content_by_lua_block {
    local sent = { list = trailmark.array {}, null = trailmark.null, big = 2 ^ 53, n = 14 }
    local echo = trailmark.assert(client:post("/echo", sent))
    local body = trailmark.decode(echo.body)
    ngx.say(trailmark.encode(body), " ", tostring(body.null == trailmark.null), " ", #body.list,
      " ", require("cjson").encode({}))
  } } ]]

  for name, code in pairs {
    ["Debian's lua-cjson"] = "",
    ["OpenResty's"] = 'package.loaded.cjson = require "spec.support.other_cjson"; package.loaded.cjson.encode ='
      .. ' require("cjson").new().encode',
  } do
    it("JSON goes through " .. name, function()
      server = nginx.start {
        http = ([[ init_by_lua_block {
          %s
          trailmark = require "trailmark"
          client = trailmark.assert(trailmark.new { base_url = "%s", key = "%s", pace = "off" })
        } ]]):format(code, sb.url, sb.key),
        locations = JSON,
      }
      assert.equal('{"big":9007199254740992,"list":[],"n":14,"null":null} true 0 {}', server:says "/")
      assert.equal("", server:errors())
    end)
  end
end)
