-- Calls in HAProxy as Debian configures it: its workers are in a chroot, as the user haproxy.

local haproxy = require "spec.support.haproxy"
local sandbox = require "trailmark.sandbox"

local LUA = [[
local tm = trailmark.assert(trailmark.new { ca_file = os.getenv "SPEC_CA" })
service("me", function()
  local workspace, err, response = tm:get("/workspaces/me")
  return workspace and workspace.id .. " " .. response.status or tostring(err)
end)
service("wrong", function()
  local data, err = tm:get("/nothing")
  return tostring(data) .. " " .. err.kind
end)
service("both", function()
  local list = {}
  for i = 1, 40 do list[i] = { path = "/echo", query = { n = i } } end
  local sum = 0
  for _, result in ipairs(tm:all(list)) do
    sum = sum + tonumber(trailmark.assert(result.data, result.err).query:match "n=(%d+)")
  end
  local results, summary = tm:map({ 1, 2, 3, 4 }, function(n)
    core.msleep(1)
    return { path = "/echo", query = { n = n } }
  end)
  local call = tm:send { path = "/echo", query = "n=5" }
  local sent = trailmark.assert(call:wait())
  return ("%d %d %s %s"):format(sum, summary.done, results[4].data.query, sent.query)
end)
service("list", function()
  local names = {}
  for contact in tm:each("/contacts", { limit = 2 }) do names[#names + 1] = contact.name end
  return #names
end)
service("sleep", function()
  local before = core.now()
  tm:sleep(0.05)
  local now = core.now()
  return (now.sec - before.sec) * 1000 + (now.usec - before.usec) / 1000 >= 45
end)
core.register_action("learn", { "http-req" }, function(txn)
  local workspace, err = tm:workspace()
  txn:set_var("txn.plan", workspace and workspace.plan or tostring(err))
end)
core.register_cli({ "show", "plan" }, "show plan: the workspace's", function(applet)
  applet:send(trailmark.assert(tm:workspace()).plan)
end)
core.register_task(function()
  local workspace = trailmark.assert(tm:workspace())
  core.Info("a task knows " .. workspace.id)
  tm:send({ path = "/workspaces/me" }, function(data, err)
    core.Info("a callback knows " .. trailmark.assert(data, err).id)
    core.Info("and waits for " .. trailmark.assert(tm:workspace()).id)
    error "a callback's own mistake"
  end)
end)
]]

local FRONTEND = [[
  http-request lua.learn if { path /plan }
  http-request return status 200 content-type text/plain lf-string %[var(txn.plan)] if { path /plan }
]]

local describe_here = haproxy.missing() and pending or describe

describe_here("HAProxy", function()
  local sb, server
  setup(function()
    sb = assert(sandbox.start { https = true, limit = 100000 })
    sb:seed(5)
    server = haproxy.start {
      lua = LUA, frontend = FRONTEND, services = { "me", "wrong", "both", "list", "sleep" },
      env = { TRAILMARK_API_KEY = sb.key, TRAILMARK_BASE_URL = sb.url, SPEC_CA = sb.ca_file },
    }
  end)
  teardown(function()
    server:stop()
    sb:stop()
  end)

  it("makes calls in services, in four threads", function()
    local open = {}
    for round = 1, 3 do
      for i = 1, 40 do open[i] = server:open "/me" end
      for i = 1, 40 do
        local _, body = haproxy.read(open[i])
        assert.equal(sb.workspace_id .. " 200", body, round)
      end
    end
    assert.equal("nil not_found", server:says "/wrong")
    assert.equal(1, haproxy.our_threads(server:pid()))
  end)

  it("makes them in actions, and in commands of its CLI", function()
    assert.equal("team", server:says "/plan")
    assert.equal("team", server:command "show plan")
  end)

  it("makes them in tasks, and runs callbacks in one", function()
    server:await_log("a task knows " .. sb.workspace_id)
    server:await_log("a callback knows " .. sb.workspace_id)
    server:await_log("and waits for " .. sb.workspace_id)
    server:await_log "trailmark: .*a callback's own mistake"
  end)

  it("makes many at a time for one request", function()
    assert.equal("820 4 n=4 n=5", server:says "/both")
    assert.equal("5", server:says "/list")
    assert.equal("true", server:says "/sleep")
  end)

  it("leaves no descriptor behind", function()
    for _ = 1, 5 do server:says "/both" end
    local before
    haproxy.await("quiet", function()
      local now = haproxy.descriptors(server:pid())
      before, now = now, before
      return before == now
    end)
    for _ = 1, 20 do server:says "/both" end
    haproxy.await("as few descriptors as before", function()
      return haproxy.descriptors(server:pid()) <= before
    end)
  end)
end)
