-- The examples, each in a process of its own as a user runs it, against a sandbox. What counts is
-- what the sandbox and the files hold afterwards.

local process = require "spec.support.process"
local sandbox = require "trailmark.sandbox"
local socket = require "socket"
local tmp = require "spec.support.tmp"
local trailmark = require "trailmark"

describe("the example", function()
  local sb, running, files

  -- The limit is not what these are about.
  setup(function() sb = assert(sandbox.start { limit = 1000000 }) end)
  teardown(function() sb:stop() end)

  before_each(function()
    sb:reset()
    running, files = {}, {}
  end)

  after_each(function()
    for _, one in ipairs(running) do one:stop() end
    for _, path in ipairs(files) do os.remove(path) end
  end)

  local function environment()
    return { TRAILMARK_API_KEY = sb.key, TRAILMARK_BASE_URL = sb.url, TRAILMARK_LOG = "info" }
  end

  local function start(name, ...)
    local one = process.script({ ("spec/examples/%s.lua"):format(name), ... }, environment())
    running[#running + 1] = one
    return one
  end

  -- What it printed, its exit status, and what it wrote to stderr.
  local function run(name, ...)
    local said, status, complaint = start(name, ...):finish()
    return said, status, complaint
  end

  local function file(content)
    files[#files + 1] = tmp.file(content)
    return files[#files]
  end

  local function has(text, part)
    assert.truthy(text:find(part, 1, true), ("no %s in:\n%s"):format(part, text))
  end

  -- How many of the logged requests are this.
  local function count(method, path)
    local total = 0
    for _, entry in ipairs(sb:log()) do
      if entry.method == method and entry.path == path then total = total + 1 end
    end
    return total
  end

  describe("export.lua", function()
    local CONTACTS = 1000

    before_each(function() sb:seed(CONTACTS) end)

    local function new_path()
      local path = file ""
      os.remove(path)
      files[#files + 1] = path .. ".next"
      return path, path .. ".next"
    end

    -- Fails unless the file has each contact once, in order.
    local function expect_all(path)
      local number = 0
      for line in io.lines(path) do
        number = number + 1
        local contact = assert(trailmark.decode(line))
        assert.equal(("ct_%06d"):format(number), contact.id)
        assert.equal("Contact " .. number, contact.name)
      end
      assert.equal(CONTACTS, number)
    end

    it("writes every contact and shows how far it is", function()
      local path, saved = new_path()
      local said, status, complaint = run("export", path)
      assert.equal(0, status, complaint)
      assert.equal("", said)
      has(complaint, "\r100 contacts\r200 contacts\r300 contacts")
      assert.truthy(complaint:find("\r1000 contacts\n$"), complaint)
      expect_all(path)
      assert.is_nil(io.open(saved))
      assert.equal(10, count("GET", "/v1/contacts"))
    end)

    it("goes on with the page that failed", function()
      local path, saved = new_path()
      sb:script { { match = "GET /contacts", times = 4 }, { match = "GET /contacts", status = 400 } }
      local _, status, complaint = run("export", path)
      assert.equal(1, status)
      assert.truthy(complaint:find("\r400 contacts\ntrailmark: GET /contacts: 400 [^\n]*\n$"), complaint)
      assert.is_string(io.lines(saved)())
      _, status, complaint = run("export", path)
      assert.equal(0, status, complaint)
      assert.truthy(complaint:find("\r600 contacts more\n$"), complaint)
      expect_all(path)
      assert.is_nil(io.open(saved))
      assert.equal(11, count("GET", "/v1/contacts"))
    end)

    it("goes on after a kill, also one amid a line", function()
      local path = new_path()
      sb:script { { match = "GET /contacts", times = 5 }, { match = "GET /contacts", delay = 30 } }
      local first = start("export", path)
      first:expect_complaint("500 contacts")
      first:stop()
      local torn = assert(io.open(path, "a"))
      assert(torn:write('{"created_at":'))
      torn:close()
      local _, status, complaint = run("export", path)
      assert.equal(0, status, complaint)
      expect_all(path)
    end)

    it("tells what keeps it from writing", function()
      local _, status, complaint = run("export", "/no/such/folder/contacts.jsonl")
      assert.equal(1, status)
      has(complaint, "/no/such/folder/contacts.jsonl: No such file or directory\n")
      assert.equal(0, sb:counts().requests)
    end)
  end)

  describe("import.lua", function()
    local ROWS = 1000

    local function people()
      local lines = {}
      for i = 1, ROWS do lines[i] = ("Person %d,person%d@example.com\n"):format(i, i) end
      return table.concat(lines)
    end

    -- Fails unless the sandbox has each person once.
    local function expect_each_once()
      assert.equal(ROWS, sb:contacts())
      local tm, emails, cursor = assert(sb:client()), {}, nil
      repeat
        local page = assert(tm:get("/contacts", { limit = 100, cursor = cursor }))
        for _, contact in ipairs(page.data) do
          assert.is_nil(emails[contact.email])
          emails[contact.email] = contact.name
        end
        cursor = page.next_cursor
      until not page.has_more
      tm:close()
      for i = 1, ROWS do
        assert.equal("Person " .. i, emails[("person%d@example.com"):format(i)])
      end
    end

    it("creates a contact for each row and shows how far it is", function()
      local said, status, complaint = run("import", file(people()))
      assert.equal(0, status, complaint)
      assert.equal("1000 of 1000 rows have their contact\n", said)
      has(complaint, ("\r[%s%s] 500 of 1000, 0 failed, "):format(("#"):rep(20), (" "):rep(20)))
      has(complaint, ("\r[%s] 1000 of 1000, 0 failed,    0 s left \n"):format(("#"):rep(40)))
      expect_each_once()
    end)

    it("goes on after a kill without making any contact twice", function()
      local path = file(people())
      -- 400 rows are answered; the next 16 make their contacts too, and the script never knows.
      sb:script {
        { match = "POST /contacts", times = 400 },
        { match = "POST /contacts", times = 16, status = 503, acts = true, headers = { ["Retry-After"] = "30" } },
      }
      local first = start("import", path)
      for _ = 1, 16 do first:expect_complaint("POST [^\n]*/contacts: 503[^\n]*, attempt 2 in 3%d") end
      first:stop()
      assert.equal(416, sb:contacts())
      local said, status, complaint = run("import", path)
      assert.equal(0, status, complaint)
      assert.equal("1000 of 1000 rows have their contact\n", said)
      assert.equal(416, sb:counts().replayed)
      expect_each_once()
    end)

    it("tells which rows failed, and makes them when it runs again", function()
      local path = file("Ada,ada@example.com\nGrace,grace.example.com\nEdsger,ewd@example.com\n")
      local said, status, complaint = run("import", path)
      assert.equal(1, status)
      assert.equal("2 of 3 rows have their contact\n", said)
      assert.truthy(complaint:find("\nrow 2: trailmark: POST /contacts: 422 [^\n]*\n$"), complaint)
      tmp.write(path, "Ada,ada@example.com\nGrace,grace@example.com\nEdsger,ewd@example.com\n")
      said, status = run("import", path)
      assert.equal(0, status)
      assert.equal("3 of 3 rows have their contact\n", said)
      assert.equal(3, sb:contacts())
    end)

    it("sends nothing where the file is not what it takes", function()
      local said, status, complaint = run("import", file("Ada,ada@example.com\nnobody\n"))
      assert.equal(1, status)
      assert.equal("", said)
      has(complaint, ":2: not name,email: nobody\n")
      assert.equal(1, select(2, run("import", "/no/such/file")))
      assert.equal(0, sb:counts().requests)
    end)
  end)

  describe("poll.lua", function()
    local tm

    before_each(function() tm = assert(sb:client()) end)
    after_each(function() tm:close() end)

    it("waits until the contact is there and active", function()
      local poll = start("poll", "ct_000001")
      poll:expect_complaint("not_found; looking again in 0.25 s\n")
      local ada = assert(tm:post("/contacts", { name = "Ada", status = "invited" }))
      poll:expect_complaint("not ready; looking again in %d")
      assert(tm:patch("/contacts/ct_000001", { status = "active" }))
      local said, status, complaint = poll:finish()
      assert.equal(0, status, complaint)
      assert.equal("ct_000001", ada.id)
      has(said, '"status":"active"')
    end)

    it("looks on while the service fails for a while", function()
      assert(tm:post("/contacts", { name = "Ada", status = "active" }))
      sb:script { { status = 404, match = "GET /contacts/*" }, { status = 503, match = "GET /contacts/*" } }
      local said, status, complaint = run("poll", "ct_000001")
      assert.equal(0, status, complaint)
      has(said, '"name":"Ada"')
      assert.equal(3, count("GET", "/v1/contacts/ct_000001"))
    end)

    it("ends with 2 when the time is over", function()
      local said, status, complaint = run("poll", "ct_000001", "1")
      assert.equal(2, status, complaint)
      assert.equal("", said)
      assert.truthy(complaint:find("\nct_000001 is not active after 1 s\n$"), complaint)
      assert.truthy(count("GET", "/v1/contacts/ct_000001") >= 1)
    end)

    it("ends at once with what does not pass", function()
      sb:revoke(sb.key)
      local said, status, complaint = run("poll", "ct_000001")
      assert.equal(1, status)
      assert.equal("", said)
      assert.truthy(complaint:find("^trailmark: GET /contacts/ct_000001: 401 [^\n]*\n$"), complaint)
      assert.equal(1, sb:counts().requests)
    end)
  end)

  describe("workspaces.lua", function()
    local function key_file(workspace)
      return file(sb:make_key("read:workspace", workspace) .. "\n")
    end

    it("asks all of them before it waits for one", function()
      local DELAY = 1.5
      sb:script { { delay = DELAY, match = "GET /workspaces/me", times = 3 } }
      local said, status, complaint =
        run("workspaces", key_file "ws_acme", key_file "ws_globex", key_file "ws_initech")
      assert.equal(0, status, complaint)
      assert.truthy(said:find("^ws_acme [^\n]+\nws_globex [^\n]+\nws_initech [^\n]+\n$"), said)
      has(said, "Acme Sales           team          14 members\n")
      local log = sb:log()
      assert.equal(3, #log)
      assert.truthy(math.abs(log[3].time - log[1].time) < DELAY)
    end)

    it("shows the others where one fails", function()
      local revoked = sb:make_key("read:workspace", "ws_globex")
      sb:revoke(revoked)
      local said, status, complaint = run("workspaces", key_file "ws_acme", file(revoked),
        "/no/such.key", key_file "ws_initech")
      assert.equal(1, status)
      assert.truthy(said:find("^ws_acme [^\n]+\nws_initech [^\n]+\n$"), said)
      assert.truthy(complaint:find("^/no/such.key: trailmark: [^\n]+\n"), complaint)
      has(complaint, files[2] .. ": trailmark: GET /workspaces/me: 401 ")
    end)
  end)

  -- Neovim's Lua is LuaJIT, and it does not load the sanitizers.
  describe("neovim.lua", jit and process.is_plain_lua() and function()
    -- Runs Lua code in an editor that has the command. `wait_for(f)` lets the editor's loop run.
    local function edit(code)
      local all = environment()
      all.LUA_PATH, all.LUA_CPATH = package.path, package.cpath
      local driver = file([[
        local function say(...) io.stdout:write(table.concat({ ... }, " "), "\n") end
        local function wait_for(f) assert(vim.wait(20000, f, 5), "waited in vain") end
        vim.notify = function(message, level) say(level, message) noticed = true end
      ]] .. code)
      local editor = process.program({
        "nvim", "--headless", "--clean", "-c", "luafile spec/examples/neovim.lua",
        "-c", "luafile " .. driver, "-c", "qall!",
      }, all)
      running[#running + 1] = editor
      local said, status, complaint = editor:finish()
      assert.equal(0, status, complaint)
      assert.equal("", complaint)
      return said
    end

    it("shows what it asked for, and the editor goes on meanwhile", function()
      sb:seed(1)
      sb:script { { match = "GET /contacts/*", delay = 0.5 } }
      local said = edit [[
        local ticks, timer = 0, vim.loop.new_timer()
        timer:start(0, 10, function() ticks = ticks + 1 end)
        vim.cmd "Trailmark /contacts/ct_000001"
        say("windows", #vim.api.nvim_list_wins())
        wait_for(function() return #vim.api.nvim_list_wins() == 2 end)
        timer:close()
        say("ticks", ticks > 5 and "many" or ticks)
        say(vim.bo.buftype, vim.bo.filetype)
        say(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n"))
      ]]
      assert.truthy(said:find("^windows 1\nticks many\nnofile lua\n%-%- /contacts/ct_000001\n{\n"), said)
      has(said, '\n  name = "Contact 1",\n')
      assert.equal(1, count("GET", "/v1/contacts/ct_000001"))
    end)

    it("notifies of what went wrong", function()
      local said = edit [[
        vim.cmd "Trailmark /contacts/ct_000001"
        wait_for(function() return noticed end)
        say("windows", #vim.api.nvim_list_wins())
      ]]
      assert.truthy(said:find("^4 trailmark: GET /contacts/ct_000001: 404 [^\n]*\nwindows 1\n$"), said)
    end)
  end or function() end)

  describe("server.lua", function()
    local server, port

    before_each(function()
      server = start("server", "0")
      port = tonumber(server:expect "listening on http://127%.0%.0%.1:(%d+)\n")
    end)

    -- A client that has sent its request; the function that reads the answer.
    local function ask(request)
      local connection = assert(socket.connect("127.0.0.1", port))
      connection:settimeout(20)
      assert(connection:send(request .. " HTTP/1.1\r\nHost: here\r\n\r\n"))
      return function()
        local answer = assert(connection:receive "*a")
        connection:close()
        local status, size, body = answer:match("^HTTP/1.1 (%d+) .-\r\nContent%-Length: (%d+)\r\n.-\r\n\r\n(.*)$")
        assert.equal(#body, tonumber(size))
        return tonumber(status), body
      end
    end

    it("asks for all of its connections at once", function()
      local CLIENTS, DELAY = 12, 1.5
      sb:seed(CLIENTS)
      sb:script { { match = "GET /contacts/*", delay = DELAY, times = CLIENTS } }
      local answers = {}
      for i = 1, CLIENTS do answers[i] = ask(("GET /contacts/ct_%06d"):format(i)) end
      -- While these wait, somebody else is served.
      assert.equal(400, (ask "GET /favicon.ico" ()))
      for i = 1, CLIENTS do
        local status, body = answers[i]()
        assert.equal(200, status)
        assert.equal(("Contact %d\n"):format(i), body)
      end
      local log = sb:log()
      assert.equal(CLIENTS, #log)
      assert.truthy(log[CLIENTS].time - log[1].time < DELAY)
    end)

    it("tells those who ask no more than they need to know", function()
      assert.equal(404, (ask "GET /contacts/ct_000001" ()))
      sb:revoke(sb.key)
      local status, body = ask "GET /contacts/ct_000001" ()
      assert.equal(502, status)
      assert.equal("try again later\n", body)
      server:expect_complaint("^trailmark: GET /contacts/ct_000001: 401 [^\n]*\n")
    end)
  end)

  it("is told of in the README, each with a line", function()
    local readme = assert(io.open "README.md"):read "*a"
    local listing = io.popen "ls -p spec/examples"
    local number = 0
    for name in listing:lines() do
      number = number + 1
      has(readme, "| `" .. name .. "` | ")
    end
    listing:close()
    assert.equal(7, number)
  end)
end)
