-- Where in nginx a call can be waited for, where it can only be started, and what is said elsewhere.

local nginx = require "spec.support.nginx"
local sandbox = require "trailmark.sandbox"

local HTTP = [[
  init_by_lua_block {
    trailmark = require "trailmark"
    client = trailmark.assert(trailmark.new { pace = "off" })
    key = os.getenv "TRAILMARK_API_KEY"
    said = {}
    function try(where)
      local ok, problem = pcall(function()
        local data, err = client:get "/workspaces/me"
        said[where] = data and data.id or tostring(err)
      end)
      if not ok then said[where] = problem end
    end
    function start(where)
      local ok, problem = pcall(client.send, client, { path = "/contacts", query = { from = where } })
      if not ok then said[where] = problem end
    end
    keyless = trailmark.assert(trailmark.new { pace = "off", key = function()
      ngx.sleep(0.02)
      said.asked = (said.asked and said.asked .. " " or "") .. ngx.get_phase()
      return key
    end })
    kept = {}
    function start_keyless(where)
      kept[#kept + 1] = keyless:send { path = "/contacts", query = { from = where } }
    end
    try "init"
    start "send in init"
  }
  exit_worker_by_lua_block {
    start "send in exit_worker"
    ngx.log(ngx.NOTICE, "at exit: ", said["send in exit_worker"])
  }
  lua_shared_dict sessions 1m;
  upstream balanced {
    server 0.0.0.1;
    balancer_by_lua_block { try "balancer" require("ngx.balancer").set_current_peer("127.0.0.1", ngx.var.server_port) }
  }
  ssl_session_store_by_lua_block { try "ssl_session_store" }
  ssl_session_fetch_by_lua_block { try "ssl_session_fetch" }
  ssl_session_cache shared:tls:1m;
  ssl_session_tickets off;
  ssl_protocols TLSv1.2;
]]

local LOCATIONS = [[
  server_rewrite_by_lua_block { if ngx.var.uri == "/all" then try "server_rewrite" end }
  location = /all {
    set_by_lua_block $unused { try "set" return "" }
    rewrite_by_lua_block { try "rewrite" }
    access_by_lua_block { try "access" }
    content_by_lua_block {
      try "content"
      ngx.thread.wait(ngx.thread.spawn(function() try "thread" end))
      coroutine.wrap(function() try "coroutine" end)()
      local done
      ngx.timer.at(0, function() try "timer" done = true end)
      while not done do ngx.sleep(0.001) end
      table.sort({ 1, 2 }, function() try "sort" return false end)
      ngx.say "done"
    }
    header_filter_by_lua_block { try "header_filter" }
    body_filter_by_lua_block { try "body_filter" }
    log_by_lua_block { try "log" }
  }
  location = /send {
    set_by_lua_block $unused { start "set" return "" }
    content_by_lua_block { start "content" ngx.say "" }
    header_filter_by_lua_block { start "header_filter" }
    log_by_lua_block { start "log" }
  }
  location = /send_keyless {
    set_by_lua_block $unused { start_keyless "set" return "" }
    content_by_lua_block { start_keyless "content" ngx.say "" }
    log_by_lua_block { start_keyless "log" }
  }
  location = /balanced { proxy_pass http://balanced/said; }
  location = /said { content_by_lua_block { ngx.say(require("cjson").encode(said)) } }
]]

describe("nginx", function()
  local json = require "cjson"
  local sb, server
  setup(function()
    sb = assert(sandbox.start { https = true })
    server = nginx.start {
      env = { TRAILMARK_API_KEY = sb.key, TRAILMARK_BASE_URL = sb.http_url },
      http = HTTP, locations = LOCATIONS, init_worker = [[ try "init_worker" start "init_worker" ]],
      tls = { folder = sb.folder, text = [[
        ssl_client_hello_by_lua_block { try "ssl_client_hello" }
        ssl_certificate_by_lua_block { try "ssl_certificate" }
        location / { return 200 "hello"; }
      ]] },
    }
  end)
  teardown(function()
    server:stop()
    sb:stop()
  end)

  local function said()
    return json.decode(server:says "/said")
  end

  it("waits in the phases that can, and says what to do in the others", function()
    server:says "/all"
    assert.matches('"content"', server:says "/balanced")
    local all = said()
    for _, phase in ipairs { "server_rewrite", "rewrite", "access", "content", "thread", "coroutine", "timer" } do
      assert.equal(sb.workspace_id, all[phase], phase)
    end
    for _, phase in ipairs { "init_worker", "set", "header_filter", "body_filter", "log", "balancer" } do
      assert.equal(("trailmark: nginx cannot wait for a call in %s_by_lua: make it in a function that"
        .. " ngx.timer.at(0, ...) runs, or start it with tm:send and do not wait"):format(phase),
        all[phase]:match "^init_by_lua%(nginx.conf:%d+%):8: (.*)")
    end
    assert.matches("trailmark: nginx has no workers yet in init_by_lua: make a client there, and its calls in"
      .. " init_worker_by_lua, in a function that ngx.timer.at%(0, ...%) runs", all.init)
    assert.equal(all.init:match "trailmark: .*", all["send in init"]:match "trailmark: .*")
    assert.matches("trailmark: a call cannot wait inside", all.sort)
  end)

  it("waits while a certificate is chosen, not while a session is stored or fetched", function()
    local session = os.tmpname()
    finally(function() os.remove(session) end)
    local function connect(how)
      local pipe = assert(io.popen(("printf 'GET / HTTP/1.0\r\n\r\n' | timeout 10 openssl s_client -quiet -tls1_2"
        .. " -connect 127.0.0.1:%d %s %s 2>/dev/null"):format(server.tls_port, how, session)))
      assert.matches("hello$", pipe:read "*a")
      pipe:close()
    end
    connect "-sess_out"
    connect "-sess_in"
    local all = said()
    assert.equal(sb.workspace_id, all.ssl_certificate)
    for _, phase in ipairs { "ssl_client_hello", "ssl_session_store", "ssl_session_fetch" } do
      assert.matches("nginx cannot wait for a call in " .. phase .. "_by_lua", all[phase])
    end
    assert.equal("", server:errors())
  end)

  it("starts calls that nobody waits for wherever it has a worker", function()
    sb:reset()
    server:says "/send"
    local from = {}
    nginx.await("the calls", function()
      from = {}
      for _, entry in ipairs(sb:log()) do from[#from + 1] = entry.query end
      return #from == 4
    end)
    table.sort(from)
    assert.same({ "from=content", "from=header_filter", "from=log", "from=set" }, from)
  end)

  it("asks a function that waits for their key, although nothing can wait there", function()
    sb:reset()
    server:says "/send_keyless"
    local from = {}
    nginx.await("the calls", function()
      from = {}
      for _, entry in ipairs(sb:log()) do from[#from + 1] = entry.query end
      return #from == 3
    end)
    table.sort(from)
    assert.same({ "from=content", "from=log", "from=set" }, from)
    assert.matches('"asked":"timer"', server:says "/said")
    assert.equal("", server:errors())
  end)

  it("says at the end of a worker that it is too late", function()
    server:signal "QUIT"
    server:await_log "at exit: .*nginx cannot begin a call in exit_worker_by_lua"
    assert.equal("", server:errors())
  end)
end)
