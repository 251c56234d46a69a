local testing = require "trailmark_testing"
local tmp = require "spec.support.tmp"
local pace_store, process = testing.pace_store, testing.process

local ORIGIN = "https://api.trailmark.com"

local function run(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

describe("pace store", function()
  local root, folder, stores

  before_each(function()
    root = run("mktemp -d"):gsub("%s+$", "")
    folder = ("%s/trailmark-%d"):format(root, pace_store.user())
    stores = {}
  end)

  after_each(function()
    for _, store in ipairs(stores) do pace_store.close(store) end
    os.execute(("rm -rf '%s'"):format(root))
  end)

  local function open(key, options)
    local full = { key = key, origin = ORIGIN, folder = root }
    for name, value in pairs(options or {}) do full[name] = value end
    stores[#stores + 1] = pace_store.open(full)
    return stores[#stores]
  end

  local function names()
    local list = {}
    for name in run(("ls -1A '%s' 2>/dev/null"):format(folder)):gmatch("[^\n]+") do
      list[#list + 1] = name
    end
    return list
  end

  local function used(store) return (select(2, pace_store.window(store))) end

  it("is one state for all who have the same key and origin", function()
    local mine, theirs = open("tm_live_one"), open("tm_live_one")
    pace_store.window(mine, 1700000060, 7)
    assert.equal(7, used(theirs))
    assert.is_true((pace_store.describe(mine)))
    assert.is_true(pace_store.is_line(mine))
    assert.equal(1, #names())
  end)

  local others = {
    { "another key", { key = "tm_live_two" } },
    { "another origin", { origin = "https://api.trailmark.com:8443" } },
    { "a scope", { scope = "tm_live_one" } },
    { "a key that begins where the origin ends", { origin = ORIGIN .. "t", key = "m_live_one" } },
    { "no key", { key = "" } },
  }
  for _, row in ipairs(others) do
    it("is another state for " .. row[1], function()
      local mine, theirs = open("tm_live_one"), open("tm_live_one", row[2])
      pace_store.window(mine, 1700000060, 7)
      assert.equal(0, used(theirs))
      assert.equal(2, #names())
    end)
  end

  it("is one state for all keys of a scope", function()
    local scope = { scope = "crm" }
    local mine, theirs = open("tm_live_one", scope), open("tm_live_two", scope)
    pace_store.alias(mine, "tm_live_three")
    pace_store.window(mine, 1700000060, 7)
    assert.equal(7, used(theirs))
    assert.equal(1, #names())
  end)

  it("outlives those who used it", function()
    local mine = open("tm_live_one")
    pace_store.window(mine, 1700000060, 7)
    pace_store.close(mine)
    assert.equal(7, used(open("tm_live_one")))
  end)

  it("keeps to itself: a private folder, private files, and no key in any name", function()
    open("tm_live_one")
    pace_store.alias(open("tm_live_two"), "tm_live_three")
    assert.equal(tonumber("700", 8), (pace_store.stat(folder)))
    for _, name in ipairs(names()) do
      assert.matches("^" .. ("[0-9a-f]"):rep(64) .. "$", name)
      local mode, _, size = pace_store.stat(folder .. "/" .. name)
      assert.same({ tonumber("600", 8), 128 }, { mode, size })
    end
    assert.equal("", run(("grep -rl tm_live '%s'; ls -R '%s' | grep live"):format(root, root)))
  end)

  it("has a state of its own where it was asked to", function()
    local mine, theirs = open("k", { private = true }), open("k", { private = true })
    pace_store.window(mine, 1700000060, 7)
    assert.equal(0, used(theirs))
    assert.same({ false, nil }, { pace_store.describe(mine) })
    assert.is_true(pace_store.is_line(mine))
    assert.same({}, names())
    pace_store.alias(mine, "other")
    assert.equal(7, used(mine))
  end)

  describe("with a new key", function()
    it("gives the state a second name, for processes that know only the new key", function()
      local mine = open("old")
      pace_store.window(mine, 1700000060, 7)
      pace_store.alias(mine, "new")
      assert.equal(7, used(open("new")))
      assert.equal(7, used(open("old")))
      assert.equal(2, #names())
      local _, links = pace_store.stat(folder .. "/" .. names()[1])
      assert.equal(2, links)
    end)

    it("changes nothing when it is the same, or was one before", function()
      local mine = open("old")
      pace_store.alias(mine, "old")
      pace_store.alias(mine, "new")
      pace_store.alias(mine, "old")
      pace_store.window(mine, 1700000060, 7)
      assert.equal(7, used(open("new")))
      assert.equal(2, #names())
    end)

    it("joins the state that the new key has already, with the larger count of the two", function()
      for _, row in ipairs { { 7, 3 }, { 3, 7 } } do
        local old, new = "old" .. row[1], "new" .. row[1]
        local mine, theirs = open(old), open(new)
        pace_store.window(mine, 1700000060, row[1])
        pace_store.window(theirs, 1700000060, row[2])
        pace_store.alias(mine, new)
        assert.same({ 7, 7 }, { used(mine), used(theirs) })
        pace_store.window(mine, 1700000060, 9)
        assert.equal(9, used(theirs))
      end
    end)

    it("goes on where its own name is gone", function()
      local mine = open("old")
      pace_store.window(mine, 1700000060, 7)
      os.execute(("rm '%s'/*"):format(folder))
      pace_store.alias(mine, "new")
      assert.same({ 7, 7 }, { used(mine), used(open("new")) })
    end)

    it("stays where it is when the folder is gone, or what has the new name is not ours", function()
      local mine = open("old")
      open("new")
      os.execute(("for f in '%s'/*; do echo garbage >$f.x; done"):format(folder))
      pace_store.window(mine, 1700000060, 7)
      os.execute(("chmod 755 '%s'"):format(folder))
      pace_store.alias(mine, "new")
      assert.equal(7, used(mine))
      os.execute(("rm -rf '%s'"):format(folder))
      assert.equal(7, used(mine))
    end)
  end)

  describe("falls back to this process", function()
    local rows = {
      { "with no such file system", function() os.execute("rmdir " .. root) end,
        "no shared memory" },
      { "with a file in the folder's place", function() os.execute("touch " .. folder) end,
        "no folder" },
      { "with a link in the folder's place",
        function() os.execute(("mkdir -m 700 %s/x && ln -s x %s"):format(root, folder)) end,
        "is a link" },
      { "with a link to nowhere", function() os.execute("ln -s nowhere " .. folder) end,
        "is a link" },
      { "with a folder that others may enter",
        function() os.execute(("mkdir -m 755 '%s'"):format(folder)) end, "open to others" },
    }
    for _, row in ipairs(rows) do
      it(row[1], function()
        row[2]()
        local mine = open("k")
        local shared, why = pace_store.describe(mine)
        assert.is_false(shared)
        assert.matches(row[3], why)
        pace_store.window(mine, 1700000060, 7)
        pace_store.alias(mine, "other")
        assert.equal(7, used(mine))
      end)
    end

    it("where the folder's name is too long", function()
      local shared, why = pace_store.describe(open("k", { folder = ("/x"):rep(3000) }))
      assert.is_false(shared)
      assert.matches("too long", why)
    end)

    it("where one descriptor is left, and the state needs two", function()
      local free, other = process.pipe()
      process.close(free)
      process.close(other)
      local before = process.limit_descriptors(math.min(free, other) + 1)
      local mine = open("k")
      process.limit_descriptors(before)
      local shared, why = pace_store.describe(mine)
      assert.is_false(shared)
      assert.matches("too many files", why)
    end)

    local garbage = { -- what the file becomes
      { "is empty", ": >$f" },
      { "is too short", "head -c 64 $f >x; cat x >$f" },
      { "is too long", "echo >>$f" },
      { "has no mark of ours", "head -c 128 /dev/zero >$f" },
      { "has another layout", "printf '\\377' | dd of=$f bs=1 seek=8 conv=notrunc 2>/dev/null" },
      { "is a link", "mv $f x; ln -s x $f" },
      { "is a folder", "rm $f; mkdir $f" },
      { "is a pipe", "rm $f; mkfifo -m 600 $f" },
      { "is a socket's name or a device", "rm $f; ln -s /dev/zero $f" },
      { "may be read by others", "chmod 644 $f" },
    }
    for _, row in ipairs(garbage) do
      it("where the file " .. row[1], function()
        pace_store.close(open("k"))
        stores = {}
        os.execute(("cd '%s' && f=$(ls) && %s"):format(folder, row[2]))
        local shared, why = pace_store.describe(open("k"))
        assert.is_false(shared)
        assert.matches("another kind", why)
      end)
    end

    if pace_store.user() == 0 then -- only root can make such a file
      it("in a folder or with a file of somebody else's", function()
        pace_store.close(open("k"))
        stores = {}
        os.execute(("chown nobody '%s'/*"):format(folder))
        assert.is_false((pace_store.describe(open("k"))))
        os.execute(("chown nobody '%s'"):format(folder))
        local shared, why = pace_store.describe(open("k2"))
        assert.is_false(shared)
        assert.matches("somebody else", why)
      end)
    end

    -- In a mount of its own, where the machine lets users have one.
    local function mounted(options, prepare)
      local script = tmp.file(([[
        local pace_store = require("trailmark_testing").pace_store
        local store = pace_store.open { key = "k", origin = "o", folder = "%s" }
        pace_store.count(store, 1)
        local shared, why = pace_store.describe(store)
        io.write(tostring(shared), " ", tostring(why))
        pace_store.close(store)]]):format(root))
      local command = [[unshare -rm sh -c '
        mount -t tmpfs -o %s none %s && %s && "$TRAIL_LUA" %s' 2>&1]]
      local said = run(command:format(options, root, prepare, script))
      os.remove(script)
      return said
    end

    if os.execute("unshare -rm true 2>/dev/null") == (_VERSION == "Lua 5.1" and 0 or true) then
      it("on one that is full", function()
        assert.matches("^false .*is full", mounted("size=4k", "echo >" .. root .. "/page"))
      end)

      it("on one that has no room for one more name", function()
        assert.matches("^false .*is full", mounted("nr_inodes=1", "true"))
      end)

      it("on one that is read-only", function()
        assert.matches("^false .*is read%-only", mounted("ro", "true"))
      end)
    end

    it("where clients of one key share at least with each other", function()
      os.execute("rmdir " .. root)
      local mine = open("fallen back")
      pace_store.window(mine, 1700000060, 7)
      assert.equal(7, used(open("fallen back")))
      assert.equal(0, used(open("other")))
      pace_store.close(mine)
      assert.equal(7, used(open("fallen back")))
    end)

    it("and has room for a client when others have taken all of that", function()
      os.execute("rmdir " .. root)
      for i = 1, 40 do open("many " .. i) end
      pace_store.window(stores[40], 1700000060, 7)
      assert.equal(7, used(stores[40]))
      assert.is_false((pace_store.describe(stores[40])))
    end)
  end)

  it("leaves no half-made file behind, whenever memory runs short", function()
    assert.is_true(pace_store.sweep(root) >= 2)
    assert.equal(1, #names())
  end)

  it("loses no count between processes, whenever they are killed", function()
    local mine = open("k")
    pace_store.window(mine, 1700000060, 0)
    local children = {}
    for i = 1, 4 do
      local pid = process.fork()
      if pid == 0 then
        local store = pace_store.open { key = "k", origin = ORIGIN, folder = root }
        pace_store.count(store, i == 4 and 2 ^ 40 or 20000)
        process.exit(0)
      end
      children[i] = pid
    end
    for i = 1, 3 do assert.equal(0, process.wait(children[i])) end
    process.kill(children[4], 9)
    assert.same({ nil, 9 }, { process.wait(children[4]) })
    local before = used(mine)
    assert.is_true(before >= 60000)
    pace_store.count(mine, 1)
    assert.equal(before + 1, used(mine))
  end)

  it("is one file, whoever of many is the first", function()
    for round = 1, 20 do
      local children = {}
      for i = 1, 4 do
        children[i] = process.fork()
        if children[i] == 0 then
          local key = "k" .. round
          pace_store.count(pace_store.open { key = key, origin = ORIGIN, folder = root }, 100)
          process.exit(0)
        end
      end
      for _, pid in ipairs(children) do assert.equal(0, process.wait(pid)) end
      assert.equal(400, used(open("k" .. round)))
    end
    assert.equal(20, #names())
  end)

  it("stays shared across a fork", function()
    local mine = open("k")
    pace_store.window(mine, 1700000060, 0)
    local pid = process.fork()
    if pid == 0 then
      pace_store.count(mine, 5)
      process.exit(0)
    end
    assert.equal(0, process.wait(pid))
    assert.equal(5, used(mine))
  end)
end)
