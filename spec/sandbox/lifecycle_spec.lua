-- Start, stop, and every way a sandbox's caller can end.

local sandbox = require("trailmark.sandbox")
local talk = require("spec.sandbox.talk")

local function started(opts)
  return assert(sandbox.start(opts))
end

describe("a started sandbox", function()
  it("answers at once", function()
    local sb = started()
    finally(function() sb:stop() end)
    assert.equal(200, talk.ask(sb, "GET", "/workspaces/me").status)
  end)

  it("listens on loopback only", function()
    local sb = started({ https = true })
    finally(function() sb:stop() end)
    for _, url in ipairs({ sb.url, sb.http_url }) do
      local listeners = {}
      for _, table_name in ipairs({ "tcp", "tcp6" }) do
        for line in io.lines("/proc/net/" .. table_name) do
          local address, port = line:match("^%s*%d+: (%x+):(%x+) %x+:0000 0A")
          if port and tonumber(port, 16) == talk.port(url) then
            listeners[#listeners + 1] = address
          end
        end
      end
      assert.same({ "0100007F" }, listeners)
    end
  end)

  it("keeps its folder to itself", function()
    local sb = started()
    finally(function() sb:stop() end)
    assert.same({ "700" }, talk.lines("stat -c %a " .. sb.folder))
  end)

  it("is gone when stop returns", function()
    local sb = started({ https = true })
    local nginx = talk.nginx_pid(sb.folder)
    assert.is_true(talk.alive(nginx))
    sb:stop()
    assert.is_nil(talk.connect(sb.url))
    assert.is_nil(talk.connect(sb.http_url))
    assert.is_false(talk.exists(sb.folder))
    assert.is_false(talk.alive(nginx))
  end)

  it("can be stopped twice, and then says that it was", function()
    local sb = started()
    sb:stop()
    sb:stop()
    local _, err = pcall(function() sb:log() end)
    assert.matches("lifecycle_spec.lua:%d+: the sandbox was stopped", err)
  end)

  it("lives beside another", function()
    local one, two = started(), started()
    finally(function() two:stop() end)
    assert.not_equal(one.url, two.url)
    assert.not_equal(one.folder, two.folder)
    assert.equal(401, talk.ask(two, "GET", "/workspaces/me", { key = one.key }).status)
    assert.equal(0, #one:log())
    assert.equal(1, #two:log())
    one:stop()
    assert.equal(200, talk.ask(two, "GET", "/workspaces/me").status)
  end)

  it("takes another port where one is taken", function()
    local host = require("trailmark.sandbox.host")
    local one, random_port = started(), host.random_port
    finally(function()
      host.random_port = random_port
      one:stop()
    end)
    local tried = 0
    host.random_port = function()
      tried = tried + 1
      return tried == 1 and talk.port(one.url) or random_port()
    end
    local two = started()
    assert.is_true(tried > 1)
    assert.equal(200, talk.ask(two, "GET", "/workspaces/me").status)
    two:stop()
  end)

  it("has two ports where HTTPS is wanted, whatever chance says", function()
    local host = require("trailmark.sandbox.host")
    local random_port, drawn = host.random_port, {}
    finally(function() host.random_port = random_port end)
    host.random_port = function() -- each twice
      drawn[#drawn + 1] = #drawn % 2 == 0 and random_port() or drawn[#drawn]
      return drawn[#drawn]
    end
    local sb = started({ https = true })
    assert.not_equal(talk.port(sb.url), talk.port(sb.http_url))
    sb:stop()
  end)

  it("stops when it is collected", function()
    local sb = started()
    local url, folder = sb.url, sb.folder
    sb = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.is_nil(talk.connect(url))
    assert.is_false(talk.exists(folder))
  end)

  it("is left alone by the forks of its process, which may steer it all the same", function()
    local process = require("trailmark_testing").process
    local sb = started()
    finally(function() sb:stop() end)
    local pid = process.fork()
    if pid == 0 then
      sb:script({ { status = 503 } })
      sb:stop()
      sb = nil
      collectgarbage()
      collectgarbage()
      process.exit(7)
    end
    assert.equal(7, process.wait(pid))
    assert.equal(503, talk.ask(sb, "GET", "/workspaces/me").status)
    assert.equal(200, talk.ask(sb, "GET", "/workspaces/me").status)
    assert.equal(2, #sb:log())
  end)

  it("holds none of its caller's descriptors", function()
    local path = os.tmpname()
    local files = {}
    for i = 1, 40 do
      files[i] = assert(io.open(path, "r"))
    end
    local sb = started()
    finally(function()
      sb:stop()
      os.remove(path)
      for _, file in ipairs(files) do
        file:close()
      end
    end)
    local nginx = talk.nginx_pid(sb.folder)
    local pids = talk.lines("echo " .. nginx .. "; ps -o ppid= -p " .. nginx
      .. "; ps -o pid= --ppid " .. nginx)
    assert.equal(3, #pids)
    for _, pid in ipairs(pids) do
      local held = table.concat(talk.lines("ls -l /proc/" .. tonumber(pid) .. "/fd"), "\n")
      assert.matches("/dev/null", held)
      assert.is_nil(held:find(path, 1, true))
    end
  end)

  it("serves without the rights of root", function()
    local sb = started()
    finally(function() sb:stop() end)
    local workers = talk.lines("ps -o uid= --ppid " .. talk.nginx_pid(sb.folder))
    assert.equal(1, #workers)
    assert.not_equal(0, tonumber(workers[1]))
  end)

  it("can be started by a user without rights", function()
    if talk.lines("id -u")[1] ~= "0" then
      return -- as all other specs here show
    end
    local drop = "setpriv --reuid=65534 --regid=65534 --clear-groups"
    if talk.lines(drop .. " test -x " .. talk.interpreter() .. " && echo yes")[1] ~= "yes" then
      return pending("this Lua is out of others' reach")
    end
    local source = debug.getinfo(sandbox.start, "S").source:match("^@(.*)/trailmark/sandbox/init")
    local copy = talk.lines("folder=$(mktemp -d); cp -rL " .. source .. "/trailmark $folder;"
      .. "chmod -R a+rX $folder; echo $folder")[1]
    local child = talk.child(([[
      package.path = "%s/?.lua;%s/?/init.lua"
      local sb = assert(require("trailmark.sandbox").start({ https = true }))
      io.stdout:setvbuf("line")
      print(sb.url .. " " .. sb.http_url .. " " .. sb.folder)
      io.read()
    ]]):format(copy, copy), nil, drop)
    finally(function()
      child:finish()
      os.execute("rm -rf " .. copy)
    end)
    local url, http_url, folder = child:expect("^(%S+) (%S+) (%S+)$")
    assert.equal(401, talk.ask({ http_url = http_url }, "GET", "/x", { key = false }).status)
    child:nudge()
    child:rest()
    assert.is_nil(talk.connect(url))
    assert.is_false(talk.exists(folder))
  end)

  it("survives the death of nginx's worker", function()
    local sb = started()
    finally(function() sb:stop() end)
    local connection = talk.connect(sb.url)
    os.execute("pkill -9 -P " .. talk.nginx_pid(sb.folder))
    assert.is_nil(connection:receive("*l")) -- closed by the worker's death
    assert.equal(200, talk.ask(sb, "GET", "/workspaces/me").status)
  end)

  it("outlasts that nginx is stopped for a while, as those who want a server that hangs do", function()
    local sb = started()
    finally(function() sb:stop() end)
    local nginx = talk.nginx_pid(sb.folder)
    local keeper = tonumber(talk.lines("ps -o ppid= -p " .. nginx)[1])
    local function is(pid, state)
      return talk.eventually(function()
        return #talk.lines(("grep '^ShdPnd:.0*$\\|^State:.%s' /proc/%d/status"):format(state, pid)) == 2
      end)
    end
    os.execute("kill -STOP " .. nginx)
    assert.is_true(is(nginx, "T"))
    assert.is_true(is(keeper, "S")) -- it has been told, and waits again
    os.execute("kill -CONT " .. nginx)
    assert.equal(200, talk.ask(sb, "GET", "/workspaces/me").status)
  end)

  it("stops in order when nginx is dead already", function()
    local sb = started()
    local nginx = talk.nginx_pid(sb.folder)
    os.execute("kill -9 " .. nginx)
    assert.is_true(talk.eventually(function() return not talk.exists(sb.folder) end))
    sb:stop()
    assert.is_nil(talk.connect(sb.url))
  end)
end)

describe("the end of a sandbox's process", function()
  local code = [[
    local sb = assert(require("trailmark.sandbox").start())
    io.stdout:setvbuf("line")
    print("ready " .. sb.url .. " " .. sb.folder)
  ]]
  local ready = "^ready (%S+) (%S+)$"

  -- Everything of the child's sandbox is gone, or will be in a moment.
  local function goes(url, folder, nginx)
    assert.is_true(talk.eventually(function() return not talk.exists(folder) end))
    assert.is_nil(talk.connect(url))
    assert.is_false(talk.alive(nginx))
  end

  local function running(rest)
    local child = talk.child(code .. rest)
    finally(function() child:finish() end)
    local url, folder = child:expect(ready)
    return child, url, folder, talk.nginx_pid(folder)
  end

  for _, signal in ipairs({ "KILL", "TERM", "HUP", "QUIT" }) do
    it("by SIG" .. signal .. " ends the sandbox", function()
      local child, url, folder, nginx = running("io.read()")
      child:kill(signal)
      goes(url, folder, nginx)
    end)
  end

  it("by SIGKILL to its whole group ends the sandbox", function()
    local child, url, folder, nginx = running("io.read()")
    child:kill("KILL", true)
    goes(url, folder, nginx)
  end)

  it("by SIGKILL ends the sandbox although a fork lives on with every descriptor", function()
    local child, url, folder, nginx = running([[
      os.execute("sleep 60 </dev/null >/dev/null 2>&1 & echo $!")
      io.read()
    ]])
    local fork = child:expect("^(%d+)$")
    child:kill("KILL")
    goes(url, folder, nginx)
    assert.is_true(talk.alive(fork))
    os.execute("kill " .. fork)
  end)

  it("is not brought about by Ctrl-C, which the sandbox outlives as its process does", function()
    -- Lua itself waits in system(), which ignores the signal.
    local child, url, folder, nginx = running([[
      os.execute("trap '' INT; echo waiting; read line")
    ]])
    child:expect("^waiting$")
    child:kill("INT", true)
    assert.equal(401, talk.parse(talk.raw(url, "GET /v1/workspaces/me HTTP/1.1\r\n"
      .. "Host: localhost\r\nConnection: close\r\n\r\n")).status)
    child:nudge()
    child:rest()
    goes(url, folder, nginx)
  end)

  it("in the ordinary way has ended the sandbox before", function()
    local child = talk.child(code)
    finally(function() child:finish() end)
    local url, folder = child:expect(ready)
    child:rest()
    assert.is_false(talk.exists(folder))
    assert.is_nil(talk.connect(url))
  end)

  it("by os.exit ends the sandbox", function()
    local child, url, folder, nginx = running("io.read() os.exit(3)")
    child:nudge()
    child:rest()
    goes(url, folder, nginx)
  end)

  it("with a stop before it is not held up by a fork", function()
    local child, url, folder, nginx = running([[
      os.execute("sleep 60 </dev/null >/dev/null 2>&1 & echo $!")
      io.read()
      sb:stop()
      print("stopped")
    ]])
    local fork = child:expect("^(%d+)$")
    child:nudge()
    child:expect("^stopped$")
    assert.is_false(talk.exists(folder))
    assert.is_nil(talk.connect(url))
    assert.is_false(talk.alive(nginx))
    os.execute("kill " .. fork)
  end)

  it("ends nginx even when the keeper was killed; stop removes the folder", function()
    local child, url, folder, nginx = running("io.read() sb:stop()")
    os.execute("kill -9 " .. talk.lines("ps -o ppid= -p " .. nginx)[1])
    assert.is_true(talk.eventually(function() return not talk.alive(nginx) end))
    assert.is_true(talk.eventually(function() return not talk.connect(url) end))
    assert.is_true(talk.exists(folder))
    child:nudge()
    child:rest()
    assert.is_false(talk.exists(folder))
  end)
end)

describe("a sandbox that cannot start", function()
  local function script(text)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write("#!/bin/sh\n" .. text .. "\n")
    file:close()
    os.execute("chmod +x " .. path)
    finally(function() os.remove(path) end)
    return path
  end

  it("names nginx and its module where there is no nginx", function()
    local sb, err = sandbox.start({ nginx = "/nonexistent/nginx" })
    assert.is_nil(sb)
    assert.matches("install libnginx%-mod%-http%-lua, nginx ", err)
  end)

  it("names the module where nginx has none", function()
    local sb, err = sandbox.start({
      nginx = script("echo 'configure arguments: --modules-path=/nonexistent --with-x'"),
    })
    assert.is_nil(sb)
    assert.matches("install libnginx%-mod%-http%-lua ", err)
  end)

  it("names openssl where HTTPS needs it", function()
    local child = talk.child([[
      print(select(2, require("trailmark.sandbox").start({ https = true })))
    ]], "PATH=/nonexistent")
    finally(function() child:finish() end)
    assert.matches("install .*openssl", child:rest())
  end)

  it("names lua-cjson where the caller has none", function()
    local child = talk.child([[
      package.cpath = ""
      print(select(2, require("trailmark.sandbox").start()))
    ]])
    finally(function() child:finish() end)
    assert.matches("install lua%-cjson ", child:rest())
  end)

  it("says where it cannot make its folder", function()
    local child = talk.child([[
      print(select(2, require("trailmark.sandbox").start()))
    ]], "TMPDIR=/nonexistent")
    finally(function() child:finish() end)
    assert.matches("^trailmark.sandbox cannot start: mktemp: .*/nonexistent", child:rest())
  end)

  it("says what nginx said, and leaves no folder", function()
    local sb, err = sandbox.start({
      nginx = script([[
        [ "$1" = -V ] && { echo "--add-module=../ngx_lua-0.10"; exit; }
        echo "in $2"; echo "no luck today" >&2; exit 1
      ]]),
    })
    assert.is_nil(sb)
    assert.matches("no luck today", err)
    local folder = err:match("in (%S+)/")
    assert.matches("trailmark%-sandbox", folder)
    assert.is_false(talk.exists(folder))
  end)
end)
