--- A /dev/shm that is full, read-only or not there, mounted in a namespace of the process's own: the
-- count of requests is this process's alone then, which an event says, and calls go on.

local failing_child = require "spec.support.failing_child"
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"

local PRELUDE = [[
  local trailmark = require "trailmark"
  local told = {}
  local function client(options)
    local all = { key = "tm_live_0123456789abcdef", base_url = os.getenv "URL", timeout = 5,
      pace = { scope = "a-full-house" }, on_event = function(event)
        if event.type == "pace" then told[#told + 1] = event.reason end
      end }
    for name, value in pairs(options or {}) do all[name] = value end
    return assert(trailmark.new(all))
  end
]]

local server
setup(function()
  server = raw_server.start(function(connection)
    for _ in function() return connection:request() end do
      connection:answer(200, "{}", "X-RateLimit-Limit: 100\r\nX-RateLimit-Remaining: 99\r\n"
        .. "X-RateLimit-Reset: " .. os.time() + 60 .. "\r\n")
    end
  end)
end)
teardown(function() server:stop() end)

--- Runs code in a mount namespace that was prepared by a shell's commands; nil where the system
--- makes none for us.
local function mounted(prepare, code)
  local child = process.program({ "unshare", "-rm", "true" })
  local _, status = child:finish()
  if status ~= 0 then return pending "the system makes no mount namespaces" end
  local command = prepare .. [[ && exec "$TRAIL_LUA" -e "$CODE" /dev/null]]
  child = process.program({ "unshare", "-rm", "sh", "-c", command }, {
    CODE = PRELUDE .. code .. " io.write 'fine'", URL = server.url, TMPDIR = "",
    LUA_PATH = package.path, LUA_CPATH = package.cpath,
  })
  local said, code_of_it, complaint = child:finish()
  assert.same({ "fine", 0, "" }, { said, code_of_it, complaint })
end

local UNSHARED = [[
  local tm = client()
  assert(tm:get "/x")
  local results = tm:map({ 1, 2, 3 }, function() return { path = "/x" } end)
  for i = 1, 3 do assert(results[i].data, tostring(results[i].err)) end
  assert(tm:rate().shared == false and tm:rate().remaining < 100)
  assert(#told == 1 and told[1]:find(%q), told[1])
]]

-- How /dev/shm is prepared, and what the event says.
local ROWS = {
  { "is full", "mount -t tmpfs -o size=4k none /dev/shm && echo >/dev/shm/page", "is full" },
  { "has no room for a name", "mount -t tmpfs -o nr_inodes=1 none /dev/shm", "is full" },
  { "is read-only", "mount -t tmpfs -o ro none /dev/shm", "is read%-only" },
  { "is not there", "mount -t tmpfs none /dev && : >/dev/null", "is no shared memory" },
  { "is another's", "mount -t tmpfs none /dev/shm && mkdir -m 755 /dev/shm/trailmark-0",
    "somebody else" },
}

describe("a /dev/shm", function()
  for _, row in ipairs(ROWS) do
    it("that " .. row[1] .. " costs the sharing, and no call", function()
      mounted(row[2], UNSHARED:format(row[3]))
    end)
  end

  it("that has room again is shared by the next client", function()
    mounted("mount -t tmpfs -o ro none /dev/shm", UNSHARED:format "is read%-only" .. [[
      assert(os.execute "mount -o remount,rw /dev/shm")
      local other = client()
      assert(other:get "/x")
      assert(other:rate().shared)
      assert(tm:get "/x")
    ]])
  end)

  it("that becomes full is used on by those who have their page", function()
    mounted("mount -t tmpfs -o size=8k none /dev/shm", [[
      local tm = client()
      assert(tm:get "/x")
      os.execute "dd if=/dev/zero of=/dev/shm/rest bs=4k count=9 2>/dev/null"
      for _ = 1, 3 do assert(tm:get "/x") end
      local other = client()
      assert(other:get "/x")
      assert(tm:rate().shared and other:rate().shared and #told == 0)
      local stranger = client { pace = { scope = "no-room" } }
      assert(stranger:get "/x")
      assert(stranger:rate().shared == false and told[1]:find "is full")
    ]])
  end)

  it("in which the reservation is interrupted is shared all the same", function()
    failing_child([[
      local tm = client { pace = { scope = "interrupted-" .. process.id() } }
      system.interrupt_allocations(3)
      assert(tm:get "/x")
      assert(tm:rate().shared)
    ]], { URL = server.url })
  end)
end)

describe("folders that hold no socket", function()
  it("stop a host's calls, with their names, until one does", function()
    if _VERSION == "Lua 5.1" and not rawget(_G, "jit") then return end -- no host has this
    mounted([[for folder in /tmp /var/tmp /run /dev/shm; do
        mount --bind $folder $folder && mount -o remount,ro,bind $folder || exit
      done]], [[
      local tm = require("spec.support.door_host").new():client { base_url = os.getenv "URL" }
      for _ = 1, 2 do
        local data, err = tm:get "/x"
        assert(data == nil and err.kind == "config" and err.outcome == "not_sent", tostring(err))
        assert(err.message:find("/dev/shm, /var/tmp, /run", 1, true), err.message)
      end
      assert(os.execute "mount -o remount,rw,bind /run")
      assert(tm:get "/x")
    ]])
  end)
end)
