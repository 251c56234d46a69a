-- Where the workers of nginx have their keys from.

local nginx = require "spec.support.nginx"
local sandbox = require "trailmark.sandbox"
local socket = require "socket"
local tmp = require "spec.support.tmp"

describe("a worker of nginx", function()
  local sb, server
  before_each(function() sb = assert(sandbox.start()) end)
  after_each(function()
    server:stop()
    sb:stop()
  end)

  local ME = [[
    location = /me { content_by_lua_block {
      local data, err = require("client"):workspace()
      ngx.say(data and data.id or tostring(err))
    } }
  ]]

  local function preloading(options)
    return ([[ init_by_lua_block {
      local trailmark = require "trailmark"
      package.loaded.client = trailmark.assert(trailmark.new { pace = "off", %s })
    } ]]):format(options or "")
  end

  it("is told of the env directive where it has no key", function()
    server = nginx.start {
      env = { TRAILMARK_API_KEY = sb.key, TRAILMARK_BASE_URL = sb.url },
      locations = [[ location = / { content_by_lua_block {
        local client, err = require("trailmark").new()
        ngx.say(tostring(client), " ", tostring(err))
      } } ]],
    }
    assert.matches("^nil trailmark: no API key.*`env TRAILMARK_API_KEY;`", server:says "/")
  end)

  it("has that of the environment where a client is made in init_by_lua", function()
    server = nginx.start {
      as_nobody = true, http = preloading(), locations = ME,
      env = { TRAILMARK_API_KEY = sb.key, TRAILMARK_BASE_URL = sb.url },
    }
    assert.equal(sb.workspace_id, server:says "/me")
    assert.equal("", server:errors())
  end)

  it("keeps the key of a file that it may not read itself", function()
    local path = tmp.file(sb.key .. "\n")
    finally(function() os.remove(path) end)
    assert(os.execute("chmod 600 " .. path))
    server = nginx.start {
      as_nobody = true, http = preloading(('key_file = %q, base_url = %q'):format(path, sb.url)), locations = ME,
    }
    assert.equal(sb.workspace_id, server:says "/me")
    sb:revoke(sb.key)
    assert.matches("401", server:says "/me")
    assert.equal("", server:errors())
  end)

  it("asks a function that waits, one at a time, and again after a 401", function()
    server = nginx.start {
      env = { FIRST = sb.key, BASE = sb.url }, main = "env FIRST; env BASE;",
      http = [[
        lua_shared_dict keys 1m;
        init_by_lua_block {
          local trailmark = require "trailmark"
          asked = {}
          package.loaded.client = trailmark.assert(trailmark.new { base_url = os.getenv "BASE", pace = "off",
            key = function(why)
              ngx.sleep(0.02)
              asked[#asked + 1] = why
              return ngx.shared.keys:get "next" or os.getenv "FIRST"
            end })
        } ]],
      locations = ME .. [[
        location = /next { content_by_lua_block { ngx.shared.keys:set("next", ngx.var.arg_key) ngx.say "" } }
        location = /asked { content_by_lua_block { ngx.say(table.concat(asked, " ")) } }
      ]],
    }
    local function all_at_once()
      local connections = {}
      for i = 1, 10 do connections[i] = server:open "/me" end
      for i = 1, 10 do
        local status, body = nginx.read(connections[i])
        assert.same({ 200, sb.workspace_id .. "\n" }, { status, body })
      end
    end
    all_at_once()
    assert.equal("first", server:says "/asked")
    local fresh = sb:rotate(sb.key, 0)
    server:says("/next?key=" .. fresh)
    all_at_once()
    assert.equal("first unauthorized", server:says "/asked")
    assert.equal("", server:errors())
  end)

  it("is asked for the key by others when the request that was asked has gone", function()
    server = nginx.start {
      env = { FIRST = sb.key, BASE = sb.url }, main = "env FIRST; env BASE;",
      http = [[
        lua_shared_dict keys 1m; lua_check_client_abort on;
        init_by_lua_block {
          local trailmark = require "trailmark"
          package.loaded.client = trailmark.assert(trailmark.new { base_url = os.getenv "BASE", pace = "off",
            key = function(why)
              if why == "unauthorized" and ngx.shared.keys:incr("asked", 1, 0) == 1 then ngx.sleep(60) end
              return ngx.shared.keys:get "next" or os.getenv "FIRST"
            end })
        } ]],
      locations = ME .. [[
        location = /next { content_by_lua_block { ngx.shared.keys:set("next", ngx.var.arg_key) ngx.say "" } }
        location = /asked { content_by_lua_block { ngx.say(ngx.shared.keys:get "asked" or 0) } }
      ]],
    }
    assert.equal(sb.workspace_id, server:says "/me")
    server:says("/next?key=" .. sb:rotate(sb.key, 0))
    local one = server:open "/me"
    nginx.await("the question", function() return server:says "/asked" == "1" end)
    local other = server:open "/me"
    one:close()
    local status, body = nginx.read(other)
    assert.same({ 200, sb.workspace_id .. "\n" }, { status, body }, server:errors())
  end)

  it("is asked for the first key by others when the request that was in the function has gone", function()
    server = nginx.start {
      env = { FIRST = sb.key, BASE = sb.url }, main = "env FIRST; env BASE;",
      http = [[
        lua_shared_dict keys 1m; lua_check_client_abort on;
        init_by_lua_block {
          local trailmark = require "trailmark"
          package.loaded.client = trailmark.assert(trailmark.new { base_url = os.getenv "BASE", pace = "off",
            key = function()
              if ngx.shared.keys:incr("asked", 1, 0) == 1 then ngx.sleep(60) end
              return os.getenv "FIRST"
            end })
        } ]],
      locations = ME .. [[
        location = /asked { content_by_lua_block { ngx.say(ngx.shared.keys:get "asked" or 0) } }
        location = /hasty { content_by_lua_block {
          local _, err = require("client"):get("/workspaces/me", nil, { deadline = 0.5 })
          ngx.say(err.kind, " ", err.outcome, " ", err.elapsed >= 0.5, " ", tostring(err))
        } }
      ]],
    }
    local one = server:open "/me"
    nginx.await("the question", function() return server:says "/asked" == "1" end)
    assert.matches("^timeout not_sent true .*timed out waiting for the function key.*deadline = 0.5",
      server:says "/hasty")
    local other = server:open "/me"
    one:close()
    local status, body = nginx.read(other)
    assert.same({ 200, sb.workspace_id .. "\n" }, { status, body }, server:errors())
    assert.equal("2", server:says "/asked")
  end)

  -- A client that leaves while its request is inside of the function, and a callback that waits.
  local LEFT = [[
    location = /send { content_by_lua_block {
      require("client"):send({ path = "/workspaces/me" }, function(data, err)
        ngx.shared.keys:set("told", data and data.id or err.kind .. ": " .. err.message)
      end)
      ngx.say ""
    } }
    location = /told { content_by_lua_block { ngx.say(ngx.shared.keys:get "told" or "") } }
    location = /asked { content_by_lua_block { ngx.say(ngx.shared.keys:get "asked" or 0) } }
  ]]

  -- Nobody looks whether who is in the function still lives: all that is told was told at once.
  local NO_LOOKS = [[
    local path = package.searchpath("trailmark.key", package.path)
    local file = assert(io.open(path))
    local source, changed = file:read("*a"):gsub("FIRST_LOOK = 1 ", "FIRST_LOOK = 3600 ")
    file:close()
    assert(changed == 1)
    package.preload["trailmark.key"] = assert(loadstring(source, "@" .. path))
  ]]

  --- The function gives `GONE` or the key, as the lines of Lua in `ask` say; the first one in there stays.
  local function asking(ask, locations, with_looks)
    return nginx.start {
      env = { FIRST = sb.key, BASE = sb.url }, main = "env FIRST; env BASE;",
      http = ([[
        lua_shared_dict keys 1m; lua_check_client_abort on;
        init_by_lua_block {
          %s
          local trailmark = require "trailmark"
          package.loaded.client = trailmark.assert(trailmark.new { base_url = os.getenv "BASE", pace = "off",
            key = function(why)
              local asked = ngx.shared.keys:incr("asked", 1, 0)
              %s
              return os.getenv "FIRST"
            end })
        } ]]):format(with_looks and "" or NO_LOOKS, ask),
      locations = ME .. LEFT .. (locations or ""),
    }
  end

  local function told()
    nginx.await("the callback", function() return server:says "/told" ~= "" end)
    return server:says "/told"
  end

  for when, row in pairs {
    ["before a call"] = { ask = "if asked == 1 then ngx.sleep(60) end", inside = "1", asked = "2" },
    ["after a 401"] = {
      ask = [[if asked == 1 then return "tm_live_gone0123456789" end
        if asked == 2 then ngx.sleep(60) end]],
      inside = "2", asked = "3",
    },
  } do
    it("calls the function in a timer when the request that was in it has gone, " .. when, function()
      server = asking(row.ask)
      local one = server:open "/me"
      nginx.await("the question", function() return server:says "/asked" == row.inside end)
      server:says "/send"
      one:close()
      assert.equal(sb.workspace_id, told())
      assert.equal(row.asked, server:says "/asked")
      assert.equal(row.inside == "1" and 1 or 2, sb:counts().requests) -- not that of the request that has gone
      assert.equal("", server:errors())
    end)
  end

  it("calls the function at once in another request when the one that was in it has gone", function()
    server = asking "if asked == 1 then ngx.sleep(60) end"
    local one = server:open "/me"
    nginx.await("the question", function() return server:says "/asked" == "1" end)
    local others = {}
    for i = 1, 5 do others[i] = server:open "/me" end
    one:close()
    for i = 1, 5 do assert.equal(sb.workspace_id .. "\n", select(2, nginx.read(others[i]))) end
    assert.equal("2", server:says "/asked")
  end)

  it("calls the function once more when a thread was killed in it", function()
    server = asking("if asked == 1 then ngx.sleep(60) end", [[
      location = /kill { content_by_lua_block {
        local thread = ngx.thread.spawn(function() require("client"):workspace() end)
        repeat ngx.sleep(0.005) until ngx.shared.keys:get "asked"
        ngx.thread.kill(thread)
        thread = nil
        ngx.say ""
        ngx.flush(true)
        ngx.sleep(60)
      } }
    ]], true)
    local killer = server:open "/kill"
    nginx.await("the question", function() return server:says "/asked" == "1" end)
    server:says "/send"
    assert.equal(sb.workspace_id, told())
    assert.equal("2", server:says "/asked")
    killer:close()
  end)

  it("ends the question where the function ends the timer that it is called in", function()
    server = asking "ngx.exit(503)"
    server:says "/send"
    assert.matches("^config: the function key was ended before it returned", told())
    assert.equal("2", server:says "/asked") -- twice, for another may have ended it
  end)

  it("leaves when it is to, though a request has gone while it was in the function", function()
    server = asking "if asked == 1 then ngx.sleep(60) end"
    local one, before = server:open "/me", server:pid()
    nginx.await("the question", function() return server:says "/asked" == "1" end)
    server:says "/send"
    one:close()
    assert.equal(sb.workspace_id, told())
    server:signal "HUP"
    server:await_workers(1)
    local began = socket.gettime()
    nginx.await("the old worker's end", function() return not nginx.lives(before) end)
    assert.is_true(socket.gettime() - began < 2)
  end)
end)
