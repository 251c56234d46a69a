-- Groups: calls of one client whose results are taken as they come.

local gate_server = require "spec.support.gate_server"
local group = require "trailmark.group"
local options = require "trailmark.options"
local trailmark = require "trailmark"

local gate, tm, mine
before_each(function()
  gate = gate_server.start()
  tm = assert(trailmark.new { key = "tm_live_x", base_url = gate.url, pace = "off", retries = 0 })
  mine = group.open(tm)
end)
after_each(function()
  tm:close()
  gate:stop()
end)

local function start(tag, spec)
  return mine:start(tag, options.request(spec))
end

local function await(count)
  gate:await(count, function() tm:sleep(0.002) end)
end

describe("a group", function()
  it("without calls has no next one", function()
    assert.is_nil(mine:next())
    assert.is_nil(mine:next(0.01))
    assert.equal(0, mine.live)
  end)

  it("gives each result once, under its tag, as they end", function()
    assert.is_true(start("held", { path = "/hold" }))
    assert.is_true(start("quick", { path = "/a" }))
    assert.is_true(start({ "any", "value" }, { path = "/status/404", decode = false }))
    local seen = {}
    for _ = 1, 2 do
      local tag, data, err, response = mine:next()
      seen[type(tag) == "table" and tag[2] or tag] = { data and data.path or err.kind, response.status }
    end
    assert.same({ quick = { "/a", 200 }, value = { "not_found", 404 } }, seen)
    assert.equal(1, mine.live)
    gate:release()
    local tag, data = mine:next()
    assert.same({ "held", "/hold" }, { tag, data.path })
    assert.same({ 0, nil }, { mine.live, mine:next() })
  end)

  it("waits no longer than it is told to", function()
    start("held", { path = "/hold" })
    assert.is_nil(mine:next(0))
    assert.is_nil(mine:next(0.02))
    assert.equal(1, mine.live)
    await(1)
    gate:release()
    assert.equal("held", (mine:next(20)))
  end)

  it("gives what ended while something else waited", function()
    for i = 1, 5 do start(i, { path = "/" .. i }) end
    while #gate:seen() < 5 do tm:sleep(0.002) end
    tm:get "/b"
    local tags = {}
    for _ = 1, 5 do tags[#tags + 1] = mine:next() end
    table.sort(tags)
    assert.same({ 1, 2, 3, 4, 5 }, tags)
  end)

  it("tells what cannot be sent, and counts it not", function()
    local ok, err = start("bad", { path = "/a\1" })
    assert.is_nil(ok)
    assert.equal("argument", err.kind)
    tm:close()
    ok, err = start("late", { path = "/a" })
    assert.is_nil(ok)
    assert.equal("closed", err.kind)
    assert.same({ 0, nil }, { mine.live, mine:next() })
  end)

  it("that is cancelled gives every result, told why", function()
    for why, kind in pairs { timeout = "timeout", none = "cancelled" } do
      mine = group.open(tm)
      for i = 1, 20 do start(i, { path = "/hold" }) end -- more than may be in flight
      await(16)
      mine:cancel(why == "timeout" and why or nil)
      local count, sent = 0, 0
      for tag, data, err in function() return mine:next() end do
        count = count + 1
        assert.is_nil(data)
        assert.equal(kind, err.kind)
        assert.is_number(tag)
        if err.outcome == "not_sent" then sent = sent + 1 end
      end
      assert.equal(20, count)
      -- A GET that left may be repeated, but it may have been looked at; four never left.
      assert.is_true(sent >= 4)
      while #gate:held() > 0 do tm:sleep(0.002) end
    end
  end)

  it("may drop what was not sent of it; the rest goes on", function()
    for i = 1, 20 do start(i, { path = "/hold/" .. i }) end
    await(16)
    mine:drop()
    local kinds = { ok = 0, cancelled = 0 }
    gate:open()
    for _, _, err in function() return mine:next() end do
      local kind = err and err.kind or "ok"
      kinds[kind] = kinds[kind] + 1
    end
    assert.same({ ok = 16, cancelled = 4 }, kinds)
    assert.equal(16, #gate:seen())
  end)

  it("whose client is closed gives every result", function()
    for i = 1, 20 do start(i, { path = "/hold" }) end
    await(16)
    tm:close()
    local count = 0
    for _, _, err in function() return mine:next() end do
      count = count + 1
      assert.equal("closed", err.kind)
    end
    assert.equal(20, count)
  end)

  it("that is dropped lets go of its calls: the unsent are cancelled, the others run on", function()
    for i = 1, 20 do start(i, { path = "/hold/" .. i }) end
    await(16)
    mine = nil
    collectgarbage()
    collectgarbage()
    assert.equal(16, gate:open())
    tm:get "/last"
    assert.equal(0, gate:gone())
    assert.equal(17, #gate:seen())
  end)

  it("does not mix with another", function()
    local other = group.open(tm)
    for i = 1, 5 do
      start("mine", { path = "/m" .. i })
      other:start("other", options.request { path = "/o" .. i })
    end
    for _ = 1, 5 do assert.equal("mine", (mine:next())) end
    for _ = 1, 5 do assert.equal("other", (other:next())) end
    assert.is_nil(mine:next())
    assert.is_nil(other:next())
  end)

  it("may be used within a callback while another waits", function()
    local inner
    tm:send({ path = "/a" }, function()
      local own = group.open(tm)
      own:start("inner", options.request { path = "/inner" })
      inner = own:next()
    end)
    start("held", { path = "/hold" })
    while not inner do assert.is_nil(mine:next(0.01)) end
    assert.equal("inner", inner)
    await(1)
    gate:release()
    assert.equal("held", (mine:next()))
  end)
end)
