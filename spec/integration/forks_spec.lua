-- Many forks of a process whose connections are warm: no answer goes to the wrong process, and
-- no child's end harms the parent's connection.
--
-- TRAIL_FORKS=1000 forks that often for each scheme. The suites of other Luas and of the sanitizers,
-- where a fork takes half a second, fork a quarter as often as that of 5.4.

local sandbox = require "trailmark.sandbox"
local process = require "spec.support.process"
local socket = require "socket"

local FORKS = tonumber(os.getenv "TRAIL_FORKS") or os.getenv "TRAIL_SUITE" == "lua5.4" and 100 or 25
local AT_ONCE, CALLS = 4, 3

local sb
setup(function() sb = assert(sandbox.start { https = true, limit = 1000000 }) end)
teardown(function() sb:stop() end)
before_each(function() sb:reset() end)

--- How many of so many calls were answered with another's answer, or not at all.
local function crossed(tm, who)
  local wrong = 0
  for i = 1, CALLS do
    local id = ("%s-%d"):format(who, i)
    local echo = tm:get("/echo", { id = id })
    if not echo or echo.query ~= "id=" .. id then wrong = wrong + 1 end
  end
  return wrong
end

--- The ways a child may end: at once; with its client closed; with all garbage collected.
local ENDINGS = {
  function() end,
  function(tm) tm:close() end,
  function()
    collectgarbage()
    collectgarbage()
  end,
}

local function child(holder, number)
  return process.fork(function(say)
    local wrong = crossed(holder.tm, "child-" .. number)
    local tm = holder.tm
    if number % 3 == 2 then holder.tm, tm = nil, nil end
    ENDINGS[number % 3 + 1](tm)
    say("wrong " .. wrong)
  end)
end

--- The connections of the sandbox's log: those of the parent, and those of each child.
local function connections()
  local of = {}
  for _, entry in ipairs(sb:log()) do
    local who = entry.query:match "^id=(child%-%d+)%-" or "parent"
    of[who] = of[who] or { count = 0, requests = 0, seen = {} }
    local list = of[who]
    list.requests = list.requests + 1
    if not list.seen[entry.connection] then
      list.seen[entry.connection], list.count = true, list.count + 1
    end
  end
  return of
end

for _, scheme in ipairs { "HTTP", "HTTPS" } do
  describe(FORKS .. " forks with warm connections over " .. scheme, function()
    it("cross no answer, and leave the parent its connection", function()
      local url = scheme == "HTTP" and sb.http_url or sb.url
      local holder = { tm = assert(sb:client { base_url = url, retries = 0 }) }
      local wrong, parents, children, started = crossed(holder.tm, "parent-0"), CALLS, {}, socket.gettime()
      for number = 1, FORKS do
        children[#children + 1] = child(holder, number)
        if #children == AT_ONCE or number == FORKS then
          wrong, parents = wrong + crossed(holder.tm, "parent-" .. number), parents + CALLS
          for _, one in ipairs(children) do
            local said, code = one:finish()
            assert.equal(0, code)
            wrong = wrong + assert(tonumber(said:match "^wrong (%d+)$"), said)
          end
          children = {}
        end
      end
      wrong, parents = wrong + crossed(holder.tm, "parent-last"), parents + CALLS
      holder.tm:close()

      local of, most = connections(), 0
      for number = 1, FORKS do
        local list = of["child-" .. number]
        assert.equal(CALLS, list.requests)
        most = math.max(most, list.count)
        for connection in pairs(list.seen) do assert.is_nil(of.parent.seen[connection]) end
      end
      io.write(("\nforks: %d over %s, %d crossed answers; %d connections of the parent over %d calls,"
        .. " %d a child at most; %.1f s\n"):format(FORKS, scheme, wrong, of.parent.count, parents,
        most, socket.gettime() - started))
      assert.equal(0, wrong)
      assert.equal(parents, of.parent.requests)
      assert.equal(1, of.parent.count)
      assert.equal(1, most)
    end)
  end)
end

describe("a child that ends its whole Lua state", function()
  -- What libcurl holds for itself in the handle that the child gave up, a pair of sockets, cannot be
  -- closed without touching the parent's connections; the child does it, for the run counts leaks.
  local code = [[
    local trailmark = require "trailmark"
    local os_process = require "trailmark_testing".process
    local at_first = os_process.descriptors()
    local tm = trailmark.new { base_url = os.getenv "URL", ca_file = os.getenv "CA", retries = 0 }
    local function call(who)
      local echo = assert(tm:get("/echo", { id = who }))
      assert(echo.query == "id=" .. who, echo.query)
    end
    call "parent"
    for i = 1, 10 do
      local pid = os_process.fork()
      if pid == 0 then
        local inherited = os_process.descriptors()
        call("child" .. i)
        if i % 2 == 0 then tm = nil end
        local left = 0
        for fd, what in pairs(os_process.descriptors()) do
          if inherited[fd] == what and at_first[fd] ~= what then
            os_process.close(fd)
            left = left + 1
          end
        end
        assert(left <= 2, left)
        return -- the end of the script closes the state
      end
      assert(os_process.wait(pid) == 0)
      call "parent"
    end
    tm:close()
    io.write "done"
  ]]
  for _, scheme in ipairs { "HTTP", "HTTPS" } do
    it("leaves the parent's connection alone over " .. scheme, function()
      local of_whom = process.lua(code, {
        URL = scheme == "HTTP" and sb.http_url or sb.url, CA = sb.ca_file, TRAILMARK_API_KEY = sb.key,
      })
      local said, exit_code, complaint = of_whom:finish()
      assert.equal("", complaint)
      assert.equal("done", said)
      assert.equal(0, exit_code)
      local seen, count = {}, 0
      for _, entry in ipairs(sb:log()) do
        if entry.query == "id=parent" and not seen[entry.connection] then
          seen[entry.connection], count = true, count + 1
        end
      end
      assert.equal(21, #sb:log())
      assert.equal(1, count)
    end)
  end
end)

describe("a child that never calls", function()
  it("ends without a word on the parent's connection", function()
    for _, url in ipairs { sb.http_url, sb.url } do
      sb:reset()
      local tm = assert(sb:client { base_url = url, retries = 0 })
      assert(tm:get "/echo")
      for i = 1, 20 do
        local one = process.fork(function()
          if i % 2 == 0 then tm:close() end
          tm = nil
          collectgarbage()
          collectgarbage()
        end)
        assert.equal(0, select(2, one:finish()))
        assert(tm:get "/echo")
      end
      local seen = {}
      for _, entry in ipairs(sb:log()) do seen[entry.connection] = true end
      assert.is_nil(next(seen, next(seen)))
      tm:close()
    end
  end)
end)
