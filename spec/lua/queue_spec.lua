local queue = require "trailmark.queue"

local function one(name) return { name = name, behind = false } end

describe("a queue", function()
  it("gives what it was given, first in, first out", function()
    local line = queue.new()
    for i = 1, 5 do line:push(one(i * 10)) end
    assert.equal(5, line.count)
    for i = 1, 5 do assert.equal(i * 10, line:pop().name) end
    assert.equal(0, line.count)
  end)

  it("is empty at first and in the end", function()
    local line = queue.new()
    assert.is_nil(line:pop())
    line:push(one "a")
    line:pop()
    assert.is_nil(line:pop())
    assert.equal(0, line.count)
  end)

  it("gives first what was put back", function()
    local line, first, second = queue.new(), one "first", one "second"
    line:put_back(second)
    line:put_back(first)
    line:push(one "third")
    assert.equal(first, line:pop())
    line:put_back(first)
    assert.equal("first second third",
      ("%s %s %s"):format(line:pop().name, line:pop().name, line:pop().name))
  end)

  it("has nobody twice", function()
    local line, a, b = queue.new(), one "a", one "b"
    line:push(a)
    line:push(b)
    line:push(a)
    line:put_back(b)
    assert.equal(2, line.count)
    assert.equal(a, line:pop())
    line:push(a) -- it had left
    assert.equal(b, line:pop())
    assert.equal(a, line:pop())
    assert.is_nil(line:pop())
  end)

  it("needs no memory for those who come and go", function()
    local line, all = queue.new(), {}
    for i = 1, 100 do all[i] = one(i) end
    local compiler = rawget(_G, "jit") -- which takes of the same memory, and so does what it compiled
    if compiler then compiler.off() end
    if compiler then compiler.flush() end
    collectgarbage()
    collectgarbage "stop"
    local before = collectgarbage "count"
    for _ = 1, 3 do
      for i = 1, 100 do line:push(all[i]) end
      line:put_back(line:pop())
      for _ = 1, 100 do line:pop() end
    end
    local after = collectgarbage "count"
    collectgarbage "restart"
    if compiler then compiler.on() end
    assert.equal(before, after)
  end)

  it("agrees with an array over thousands of random steps, and keeps nothing it gave away", function()
    local line, model, seed = queue.new(), {}, 7
    for i = 1, 5000 do
      seed = (seed * 16807) % 2147483647
      if seed % 5 < 3 then
        local member = one(i)
        line[seed % 2 == 0 and "push" or "put_back"](line, member)
        table.insert(model, seed % 2 == 0 and #model + 1 or 1, member)
      else
        assert.equal(table.remove(model, 1), line:pop())
      end
      assert.equal(#model, line.count)
    end
    while line.count > 0 do assert.equal(table.remove(model, 1), line:pop()) end
    assert.is_false(line.first)
    assert.is_false(line.last)
  end)
end)
