-- The configuration of HAProxy in the README, word for word but for its paths and its port.

local haproxy = require "spec.support.haproxy"
local sandbox = require "trailmark.sandbox"
local tmp = require "spec.support.tmp"

local describe_here = haproxy.missing() and pending or describe

local function block(language)
  local file = assert(io.open("README.md", "rb"))
  local text = file:read "*a"
  file:close()
  return assert(text:match("\n```" .. language .. "\n(.-\n)```"))
end

--- What the machine of a spec has elsewhere.
local function adapted(text, changes)
  for from, to in pairs(changes) do
    local at, till = text:find(from, 1, true)
    assert(at, from)
    text = text:sub(1, at - 1) .. to .. text:sub(till + 1)
  end
  return text
end

describe_here("the README's haproxy.cfg", function()
  it("works", function()
    local sb = assert(sandbox.start())
    finally(function() sb:stop() end)
    sb:seed(3)
    local key_file = tmp.file(sb.key)
    assert(os.execute("chmod 600 " .. key_file))
    finally(function() os.remove(key_file) end)
    local server = haproxy.start {
      lua = block "lua haproxy",
      env = { TRAILMARK_BASE_URL = sb.url },
      whole = function(port, folder, library, sources)
        local paths = ("  lua-prepend-path %s/?.lua\n  lua-prepend-path %s/?/init.lua\n"
          .. "  lua-prepend-path %s/?.so cpath\n"):format(sources, sources, library)
        return adapted(block "haproxy", {
          ["log /dev/log local0"] = "log stderr format raw local0",
          ["  lua-load "] = paths .. "  lua-load ",
          ["/etc/haproxy/trailmark.lua"] = folder .. "/spec.lua",
          ["/etc/haproxy/trailmark.key"] = key_file,
          ["127.0.0.1:8080"] = "127.0.0.1:" .. port,
        })
      end,
    }
    finally(function() server:stop() end)
    assert.equal("plan: team", server:says "/")
    assert.matches('^%[{.*"id":"ct_000001"', server:says "/contacts")
    sb:revoke(sb.key)
    assert.equal("plan: unknown", server:says "/")
    server:await_log "^trailmark: GET /workspaces/me: 401" -- HAProxy writes it to stderr, too, with its level
  end)
end)
