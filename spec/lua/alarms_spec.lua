local alarms = require "trailmark.alarms"

local rang

local function waiter(name)
  return { wake = function() rang[#rang + 1] = name end }
end

local function ring_all(clock, now)
  rang = {}
  clock:ring(now)
  return rang
end

describe("alarms", function()
  it("ring in the order of their times, whatever the order they were set in", function()
    local clock = alarms.new()
    for _, at in ipairs { 5, 1, 4, 2, 3 } do clock:set(at, waiter("at " .. at)) end
    assert.equal(1, clock:first())
    assert.same({ "at 1", "at 2", "at 3", "at 4", "at 5" }, ring_all(clock, 10))
    assert.is_nil(clock:first())
  end)

  it("ring at their time and not before", function()
    local clock = alarms.new()
    clock:set(2, waiter "two")
    clock:set(3, waiter "three")
    assert.same({}, ring_all(clock, 1.999))
    assert.same({ "two" }, ring_all(clock, 2))
    assert.equal(3, clock:first())
  end)

  it("all ring that have the same time", function()
    local clock = alarms.new()
    for i = 1, 4 do clock:set(1, waiter(i)) end
    local all = ring_all(clock, 1)
    table.sort(all)
    assert.same({ 1, 2, 3, 4 }, all)
  end)

  it("that are unset do not ring", function()
    local clock = alarms.new()
    local first, second = clock:set(1, waiter "first"), clock:set(2, waiter "second")
    clock:unset(first)
    assert.equal(2, clock:first())
    clock:unset(second)
    assert.is_nil(clock:first())
    assert.same({}, ring_all(clock, 10))
  end)

  it("may be unset once more, and after they rang", function()
    local clock = alarms.new()
    local gone, rung = clock:set(1, waiter "gone"), clock:set(2, waiter "rang")
    clock:set(3, waiter "left")
    clock:unset(gone)
    clock:unset(gone)
    assert.same({ "rang" }, ring_all(clock, 2))
    clock:unset(rung)
    assert.same({ "left" }, ring_all(clock, 3))
    clock:unset(rung)
    assert.is_nil(clock:first())
  end)

  it("that cannot be told of stay", function()
    local clock, memory = alarms.new(), false
    clock:set(1, { wake = function()
      if not memory then error("not enough memory", 0) end
      rang[#rang + 1] = "told"
    end })
    assert.is_false((pcall(ring_all, clock, 1)))
    memory = true
    assert.same({ "told" }, ring_all(clock, 1))
    assert.same({}, ring_all(clock, 1))
  end)

  it("agree with a sorted list over thousands of random steps", function()
    local clock, model, seed = alarms.new(), {}, 11
    local function random(n)
      seed = (seed * 16807) % 2147483647
      return seed % n + 1
    end
    local function earliest()
      local least
      for _, alarm in ipairs(model) do
        if not least or alarm.at < least then least = alarm.at end
      end
      return least
    end
    for i = 1, 3000 do
      local what = random(4)
      if what <= 2 or #model == 0 then
        model[#model + 1] = clock:set(random(50), waiter(i))
      elseif what == 3 then
        clock:unset(table.remove(model, random(#model)))
      else
        local now, due = earliest(), 0
        for place = #model, 1, -1 do
          if model[place].at == now then
            due = due + 1
            table.remove(model, place)
          end
        end
        assert.equal(due, #ring_all(clock, now))
      end
      assert.equal(earliest(), clock:first())
      assert.equal(#model, #clock)
    end
  end)
end)
