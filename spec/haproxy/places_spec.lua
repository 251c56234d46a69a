-- Where in HAProxy a call cannot wait, and what is said of a configuration that lacks something.

local haproxy = require "spec.support.haproxy"
local sandbox = require "trailmark.sandbox"
local tmp = require "spec.support.tmp"

local describe_here = haproxy.missing() and pending or describe
-- Workers that count what they run are in no chroot, and stay root's.
local it_confined = os.getenv "TRAIL_COVERAGE" and pending or it

describe_here("HAProxy", function()
  local sb, server
  setup(function() sb = assert(sandbox.start { https = true, limit = 100000 }) end)
  teardown(function() sb:stop() end)
  after_each(function()
    if server then server:stop() end
    server = nil
  end)

  local function start(opts)
    opts.env = opts.env or {}
    opts.env.SPEC_CA = sb.ca_file
    opts.env.TRAILMARK_API_KEY = opts.env.TRAILMARK_API_KEY or sb.key
    opts.env.TRAILMARK_BASE_URL = opts.env.TRAILMARK_BASE_URL or sb.http_url
    server = haproxy.start(opts)
    return server
  end

  it("waits in its own coroutines alone, and says what to do elsewhere", function()
    start {
      services = { "said", "within", "sorted" },
      lua = [[
        local tm = trailmark.assert(trailmark.new())
        local said = {}
        local function try(where, f, ...)
          local ok, problem = pcall(f or tm.workspace, tm, ...)
          said[#said + 1] = where .. ": " .. tostring(not ok and problem)
        end
        try "load"
        try("send at load", tm.send, { path = "/echo" })
        core.register_init(function() try "init" end)
        core.register_fetches("fetch", function()
          try "fetch"
          tm:send({ path = "/echo" }, function() core.Info "sent by a fetch" end)
          return "fetched"
        end)
        core.register_converters("convert", function(text)
          try "converter"
          tm:send({ path = "/echo" }, function() core.Info "sent by a converter" end)
          return text
        end)
        service("within", function()
          coroutine.wrap(function()
            try "own coroutine"
            tm:send { path = "/echo" }
            try("callback", tm.send, { path = "/echo" }, print)
          end)()
          return "done"
        end)
        service("sorted", function()
          table.sort({ 1, 2 }, function() try "sort" return false end)
          return "done"
        end)
        service("said", function() return table.concat(said, "\n") end)
      ]],
      frontend = [[
        http-request return status 200 content-type text/plain lf-string %[lua.fetch,lua.convert] if { path /fetch }
      ]],
    }
    assert.equal("fetched", server:says "/fetch")
    assert.equal("done", server:says "/within")
    assert.equal("done", server:says "/sorted")
    local said = {}
    for where, problem in server:says("/said"):gmatch "([^\n:]+): ([^\n]*)" do said[where] = problem end
    assert.matches("trailmark: HAProxy has no workers yet while it loads Lua", said.load)
    assert.equal(said.load, said["send at load"])
    assert.equal(said.load, said.init)
    assert.matches("trailmark: HAProxy cannot wait for a call in the fetch fetch: make it in an action before",
      said.fetch)
    assert.matches("trailmark: HAProxy cannot wait for a call in the converter convert", said.converter)
    assert.matches("trailmark: HAProxy resumes its own coroutines alone", said["own coroutine"])
    assert.matches("trailmark: a call cannot wait inside", said.sort)
    assert.matches("trailmark: HAProxy begins no task for a coroutine of yours", said.callback)
    for _, who in ipairs { "fetch", "converter" } do server:await_log("sent by a " .. who) end
  end)

  it("knows fetches that were registered after it was loaded, and HAProxy ends one from before", function()
    local before = tmp.file [[
      core.register_fetches("before", function() return shared:workspace().id end)
    ]]
    assert(os.execute("chmod 644 " .. before))
    finally(function() os.remove(before) end)
    start {
      global = "lua-load " .. before, lua = [[
        core.register_fetches("after", function() return select(2, pcall(shared.workspace, shared)) end)
        shared = trailmark.assert(trailmark.new())
      ]],
      frontend = [[
        http-request return status 200 content-type text/plain lf-string %[lua.before] if { path /before }
        http-request return status 200 content-type text/plain lf-string %[lua.after] if { path /after }
      ]],
    }
    assert.matches("HAProxy cannot wait for a call in the fetch after", server:says "/after")
    server:get "/before"
    server:await_log "yield not allowed"
  end)

  it("asks a function that waits for the key of a call that a fetch has sent", function()
    sb:reset()
    start {
      lua = [[
        local key = os.getenv "TRAILMARK_API_KEY"
        local tm = trailmark.assert(trailmark.new { key = function()
          core.msleep(20)
          return key
        end })
        core.register_fetches("send", function()
          kept = tm:send { path = "/echo" }
          return "sent"
        end)
      ]],
      frontend = [[
        http-request return status 200 content-type text/plain lf-string %[lua.send] if { path /send }
      ]],
    }
    assert.equal("sent", server:says "/send")
    haproxy.await("the call", function() return #sb:log() == 1 end)
  end)

  local ASK = [[
    local tm, problem = trailmark.new { ca_file = os.getenv "SPEC_CA", retries = 0 }
    service("ask", function()
      if not tm then return tostring(problem) end
      local workspace, err = tm:workspace()
      return workspace and workspace.id or tostring(err)
    end)
  ]]

  it_confined("names the setting without which no thread can be started, to callbacks too", function()
    start { no_threads = true, services = { "ask" }, lua = ASK .. [[
      core.register_task(function()
        tm:send({ path = "/echo" }, function(_, err) core.Info("told: " .. tostring(err)) end)
      end)
    ]] }
    local said = server:says "/ask"
    assert.matches("no thread can be started .*: Resource temporarily unavailable", said)
    assert.matches("its section global says `insecure%-fork%-wanted`", said)
    server:await_log "told: .*insecure%-fork%-wanted"
  end)

  it_confined("says that a client is made too late to read certificates or a key file", function()
    local key_file = tmp.file(sb.key)
    finally(function() os.remove(key_file) end)
    start {
      services = { "late", "late_key" }, env = { SPEC_KEY_FILE = key_file, TRAILMARK_BASE_URL = sb.url },
      lua = [[
        service("late", function()
          local _, err = trailmark.new { ca_file = os.getenv "SPEC_CA" }
          return err
        end)
        service("late_key", function()
          local _, err = trailmark.new { key_file = os.getenv "SPEC_KEY_FILE", base_url = "http://127.0.0.1:9" }
          return err
        end)
      ]],
    }
    assert.matches("ca_file cannot be read: .*make the client while HAProxy loads Lua", server:says "/late")
    assert.matches("cannot be read: No such file", server:says "/late_key")
  end)

  -- 60: the server's issuer is none of them; 77 would be that there are none.
  it("has read the system's certificates by the time it gives up its files", function()
    start {
      services = { "ask" }, env = { TRAILMARK_BASE_URL = sb.url },
      lua = ASK:gsub('ca_file = os.getenv "SPEC_CA", ', ""),
    }
    assert.matches("%[tls, curl 60%]", server:says "/ask")
  end)

  it("keeps the key that it has read where only root can", function()
    local key_file = tmp.file(sb.key)
    assert(os.execute("chmod 600 " .. key_file))
    finally(function() os.remove(key_file) end)
    start {
      services = { "ask" }, env = { SPEC_KEY_FILE = key_file },
      lua = ASK:gsub("retries = 0", "key_file = os.getenv 'SPEC_KEY_FILE'"),
    }
    for _ = 1, 3 do assert.equal(sb.workspace_id, server:says "/ask") end
    sb:revoke(sb.key)
    finally(function() os.remove(key_file) sb:reset() end)
    assert.matches("401.*the key came from key_file", server:says "/ask")
  end)

  it_confined("takes a new key out of a file that only root can read at the next reload", function()
    local key_file = tmp.file(sb.key)
    assert(os.execute("chmod 600 " .. key_file))
    finally(function() os.remove(key_file) sb:reset() end)
    start {
      services = { "ask" }, env = { SPEC_KEY_FILE = key_file },
      lua = ASK:gsub("retries = 0", "key_file = os.getenv 'SPEC_KEY_FILE'"),
    }
    assert.equal(sb.workspace_id, server:says "/ask")
    tmp.write(key_file, sb:rotate(sb.key, 0))
    assert.matches("401", server:says "/ask")
    local old = server:pid()
    server:signal "USR2"
    haproxy.await("the old worker's end", function() return server:pid() ~= old and not haproxy.lives(old) end)
    assert.equal(sb.workspace_id, server:says "/ask")
  end)

  it_confined("resolves names with the files of its chroot, and says where there are none", function()
    local chroot = os.tmpname()
    os.remove(chroot)
    assert(os.execute("mkdir -p -m 755 " .. chroot .. "/etc"))
    finally(function() os.execute("rm -rf " .. chroot) end)
    start {
      services = { "ask" }, lua = ASK, chroot = chroot,
      env = { TRAILMARK_BASE_URL = (sb.url:gsub("127%.0%.0%.1", "trailmark.test")) },
    }
    assert.matches("HAProxy's chroot has no etc/resolv.conf", server:says "/ask")
    tmp.write(chroot .. "/etc/hosts", "127.0.0.1 trailmark.test\n")
    tmp.write(chroot .. "/etc/resolv.conf", "nameserver 127.0.0.1\n")
    assert.matches("%[tls, curl 60%]", server:says "/ask") -- found; the certificate is of another name
  end)
end)
