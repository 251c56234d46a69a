-- The demo as a newcomer's terminal, a pipe and a machine with a key in its environment see it.

local sandbox = require "trailmark.sandbox"

local lua = assert(os.getenv("TRAIL_LUA"), "run the specs with make check")

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- What a command writes, and its exit status.
local function run(command)
  local pipe = assert(io.popen("{ " .. command .. '\n} 2>&1; echo "=$?"'))
  local output, status = pipe:read("*a"):match("^(.*)=(%d+)\n$")
  pipe:close()
  return output, tonumber(status)
end

local demo_command = quoted(lua) .. " spec/demo.lua"

-- The demo in a pipe, with these settings for env(1).
local function demo(environment)
  return run(("env -u LIVE -u NO_COLOR %s %s"):format(environment or "", demo_command))
end

local function has(output, text)
  assert.truthy(output:find(text, 1, true), "no " .. text .. " in:\n" .. output)
end

describe("the demo", function()
  describe("in a pipe", function()
    local output, status

    setup(function() output, status = demo() end)

    it("succeeds", function() assert.equal(0, status, output) end)

    it("is plain text", function() assert.is_nil(output:find("[^\n\32-\126]")) end)

    it("fits a terminal of 100 columns and two screens", function()
      local count = 0
      for line in output:gmatch("([^\n]*)\n") do
        count = count + 1
        assert.truthy(#line <= 100, line)
      end
      assert.truthy(count > 40 and count <= 110, count)
    end)

    it("prints the workspace as a table", function()
      has(output, '  | { id = "ws_3kf9x2m7", name = "Acme Sales",')
      has(output, "members_count = 14, ")
    end)

    it("creates a contact once, with its idempotency key shown", function()
      assert.truthy(output:find("created ct_000001 under the key %x+%-%x+%-4%x+%-%x+%-%x+\n"))
      has(output, "repeated: ct_000001 again; contacts in all: 1\n")
    end)

    local failures = {
      { "401", "[unauthorized,", "see Settings > Developers > API Keys" },
      { "403", "[forbidden,", "it takes a key of wider scope" },
      { "404", "[not_found,", "or a wrong id in the path" },
      { "429", "[rate_limited,", "again at " },
      { "503", "[server,", "if it persists: status.trailmark.com" },
    }
    for _, row in ipairs(failures) do
      it("shows a " .. row[1] .. " with its hint", function()
        local line = output:match("trailmark: %u+ /%S+ " .. row[1] .. " .-%]\n")
        assert.truthy(line, output)
        has(line, row[2])
        has(line, row[3])
      end)
    end

    it("shows the retries of a call that recovers", function()
      assert.truthy(output:find(
        "| attempt 1: 503, next in %d+%.%d+ s\n  | attempt 2: 503, next in %d+%.%d+ s\n"
        .. "  | attempt 3: 200, Acme Sales\n"))
    end)

    it("ends with the rate limit", function()
      assert.truthy(output:find("{ limit = 600, remaining = %d+, reset = %d+, resets_in = "))
    end)
  end)

  it("colours what a terminal shows, unless NO_COLOR is set", function()
    local function in_terminal(environment)
      -- script(1), which every Debian has, runs its command in a terminal of its own.
      return run(("env -u LIVE -u NO_COLOR TERM=xterm %s script -qec %s /dev/null"):format(
        environment, quoted(demo_command)))
    end
    has((in_terminal ""), "\27[36mtrailmark = require \"trailmark\"\27[0m")
    local plain, status = in_terminal "NO_COLOR=1"
    assert.equal(0, status, plain)
    assert.is_nil(plain:find("\27", 1, true))
  end)

  describe("when something is wrong", function()
    local function demo_with(code)
      return run(("env -u LIVE %s -e %s spec/demo.lua"):format(quoted(lua), quoted(code)))
    end

    it("fails and tells what is missing for the sandbox", function()
      local output, status = demo_with [[
        require("trailmark.sandbox").start = function() return nil, "install nginx" end]]
      assert.equal(1, status)
      assert.equal("\ninstall nginx\n", output)
    end)

    it("fails at the step that does not lead to what it must", function()
      local output, status = demo_with [[
        local sandbox = require "trailmark.sandbox"
        local start = sandbox.start
        sandbox.start = function()
          local started = start()
          started:seed(1)
          return started
        end]]
      assert.equal(1, status)
      has(output, "\nStopped at: A write: ")
      has(output, "\nthe second POST under one idempotency key made a second contact\n")
      assert.is_nil(output:find("401: ", 1, true))
    end)
  end)

  describe("beside the real service", function()
    local elsewhere

    setup(function() elsewhere = assert(sandbox.start()) end)
    teardown(function() elsewhere:stop() end)
    before_each(function() elsewhere:reset() end)

    it("does not go there because a key is in the environment", function()
      local output, status = demo(elsewhere:env() .. "TRAILMARK_API_KEY_FILE=/no/such/file "
        .. "TRAILMARK_LOG=nonsense")
      assert.equal(0, status, output)
      assert.equal(0, elsewhere:counts().requests)
      assert.is_nil(output:find(elsewhere.key, 1, true))
    end)

    it("goes there with LIVE=1, reads, and changes nothing", function()
      local output, status = demo(elsewhere:env() .. "LIVE=1")
      assert.equal(0, status, output)
      has(output, elsewhere.url)
      has(output, 'name = "Acme Sales"')
      has(output, "limit = 600")
      assert.is_nil(output:find(elsewhere.key, 1, true))
      local log = elsewhere:log()
      assert.truthy(#log > 0)
      for _, entry in ipairs(log) do assert.equal("GET", entry.method) end
    end)

    it("says why it failed there, and fails", function()
      elsewhere:revoke(elsewhere.key)
      local output, status = demo(elsewhere:env() .. "LIVE=1")
      assert.equal(1, status)
      has(output, "Stopped at: The workspace of your key")
      has(output, "\ntrailmark: GET /workspaces/me: 401 (This key was revoked.)")
      has(output, "see Settings > Developers > API Keys")
    end)

    it("asks for a key where there is none", function()
      local output, status = demo("-u TRAILMARK_API_KEY -u TRAILMARK_API_KEY_FILE LIVE=1")
      assert.equal(1, status)
      has(output, "make demo LIVE=1 needs a key of yours")
      has(output, "TRAILMARK_API_KEY")
    end)

    it("takes LIVE for 1 or nothing", function()
      local output, status = demo(elsewhere:env() .. "LIVE=yes")
      assert.equal(1, status)
      has(output, 'LIVE is 1 or nothing, not "yes"')
      assert.equal(0, elsewhere:counts().requests)
    end)
  end)
end)
