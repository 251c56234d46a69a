local poller = require("trailmark_testing").poller
local clock = require("trailmark_testing").clock
local limit_descriptors = require("trailmark_testing").process.limit_descriptors

local made, open

before_each(function() made, open = poller.new(), {} end)

after_each(function()
  made:destroy()
  for fd in pairs(open) do poller.close(fd) end
end)

-- Two ends of a connection; the first is known to the poller as its own.
local function pair()
  local ours, theirs = poller.pair()
  open[ours], open[theirs] = true, true
  assert.equal("ok", made:opened(ours))
  return ours, theirs
end

local function close(fd)
  poller.close(fd)
  open[fd] = nil
end

-- A new connection under a number that was closed; returns its other end.
local function reopen(number)
  local first, second = poller.pair()
  open[first], open[second] = true, true
  if first == number then return second end
  if second == number then return first end
  poller.duplicate(first, number)
  open[number] = true
  close(first)
  return second
end

-- What the kernel's set holds, by descriptor.
local function in_kernel()
  local file = assert(io.open("/proc/self/fdinfo/" .. made:fd()))
  local seen = {}
  for line in file:lines() do
    local fd, events = line:match "^tfd:%s*(%d+)%s+events:%s*(%x+)"
    if fd then seen[tonumber(fd)] = tonumber(events, 16) % 8 end -- EPOLLIN 1, EPOLLOUT 4
  end
  file:close()
  return seen
end

local function calls_of(action)
  local before = poller.told_kernel()
  action()
  return poller.told_kernel() - before
end

describe("a poller", function()
  it("tells what is ready, and of that only what is wanted", function()
    local ours, theirs = pair()
    made:want(ours, "r")
    assert.same({}, made:wait(0))
    poller.write(theirs)
    assert.same({ [ours] = "r" }, made:wait(0))
    made:want(ours, "rw")
    assert.same({ [ours] = "rw" }, made:wait(0))
    made:want(ours, "w")
    assert.same({ [ours] = "w" }, made:wait(0))
    made:want(ours, "")
    assert.same({}, made:wait(0))
  end)

  it("tells of several at once, and no more than asked for", function()
    local wanted = {}
    for _ = 1, 5 do
      local ours, theirs = pair()
      made:want(ours, "r")
      poller.write(theirs)
      wanted[ours] = "r"
    end
    assert.same(wanted, made:wait(0))
    local first = made:wait(0, 2)
    local count = 0
    for _ in pairs(first) do count = count + 1 end
    assert.equal(2, count)
  end)

  it("tells that a connection is broken", function()
    local ours, theirs = pair()
    made:want(ours, "r")
    close(theirs)
    assert.is_truthy(made:wait(1e6)[ours]:find "b")
  end)

  it("waits as long as it is told, not shorter, and wakes when something comes", function()
    local ours, theirs = pair()
    made:want(ours, "r")
    local before = clock.boot_us()
    assert.same({}, made:wait(20000))
    assert.is_true(clock.boot_us() - before >= 20000)
    before = clock.boot_us()
    assert.same({}, made:wait(1))
    assert.is_true(clock.boot_us() - before >= 1)
    poller.write(theirs)
    assert.same({ [ours] = "r" }, made:wait(-1))
  end)

  it("returns for a signal", function()
    assert.is_true(made:wait_for_alarm())
  end)

  it("says so when there are no descriptors left for it", function()
    assert.equal("network", poller.create_without_descriptors())
  end)
end)

describe("interest", function()
  it("is handed to the kernel only just before a wait", function()
    local ours = pair()
    assert.equal(0, calls_of(function() made:want(ours, "r") end))
    assert.is_nil(in_kernel()[ours])
    assert.equal(1, calls_of(function() made:wait(0) end))
    assert.equal(1, in_kernel()[ours])
    assert.equal(0, calls_of(function() made:wait(0) end))
  end)

  it("that is dropped and taken up again between two waits costs nothing", function()
    local ours, theirs = pair()
    made:want(ours, "r")
    made:wait(0)
    assert.equal(0, calls_of(function()
      for _ = 1, 1000 do
        made:want(ours, "")
        made:want(ours, "w")
        made:want(ours, "r")
        made:wait(0)
      end
    end))
    poller.write(theirs)
    assert.same({ [ours] = "r" }, made:wait(0))
  end)

  it("that comes and goes before the kernel heard of it costs nothing", function()
    local ours = pair()
    assert.equal(0, calls_of(function()
      made:want(ours, "rw")
      made:want(ours, "")
      made:wait(0)
    end))
    assert.is_nil(in_kernel()[ours])
  end)

  it("is told once for each descriptor, however often it changed", function()
    local first, second = pair(), pair()
    assert.equal(2, calls_of(function()
      for _ = 1, 10 do
        made:want(first, "r")
        made:want(second, "rw")
        made:want(first, "w")
      end
      made:wait(0)
    end))
    assert.same({ 4, 5 }, { in_kernel()[first], in_kernel()[second] })
    assert.equal(1, calls_of(function()
      made:want(first, "r")
      made:want(second, "w")
      made:want(second, "rw")
      made:wait(0)
    end))
    assert.same({ 1, 5 }, { in_kernel()[first], in_kernel()[second] })
  end)

  it("that was dropped leaves the kernel's set", function()
    local ours = pair()
    made:want(ours, "r")
    made:wait(0)
    made:want(ours, "")
    made:wait(0)
    assert.is_nil(in_kernel()[ours])
  end)

  it("in what others have opened is dropped at once: it may be closed behind our back", function()
    local theirs, other = poller.pair()
    open[other] = true
    made:want(theirs, "r")
    made:wait(0)
    assert.equal(1, in_kernel()[theirs])
    assert.equal(1, calls_of(function() made:want(theirs, "") end))
    assert.is_nil(in_kernel()[theirs])
    poller.close(theirs)
  end)
end)

describe("a descriptor that is closed", function()
  it("leaves the set before its number is free", function()
    local ours = pair()
    made:want(ours, "r")
    made:wait(0)
    assert.equal(1, calls_of(function() made:closing(ours) end))
    assert.is_nil(in_kernel()[ours])
  end)

  it("leaves it too when its connection lives on under another number", function()
    local ours, theirs = pair()
    made:want(ours, "r")
    made:wait(0)
    local copy = poller.duplicate(ours)
    open[copy] = true
    made:closing(ours)
    close(ours)
    poller.write(theirs)
    assert.same({}, made:wait(0))
    assert.same({}, made:wait(1000))
  end)

  it("costs nothing when the kernel never heard of it", function()
    local ours = pair()
    made:want(ours, "r")
    assert.equal(0, calls_of(function()
      made:closing(ours)
      made:wait(0)
    end))
  end)

  it("leaves no interest behind for the next of its number", function()
    local ours = pair()
    made:want(ours, "r")
    made:wait(0)
    made:closing(ours)
    close(ours)
    local peer = reopen(ours)
    made:opened(ours)
    poller.write(peer)
    assert.same({}, made:wait(0))
    made:want(ours, "r")
    assert.same({ [ours] = "r" }, made:wait(0))
  end)

  it("and opened again between two waits is wanted anew", function()
    for _, before in ipairs { true, false } do
      local ours = pair()
      made:want(ours, "r")
      if before then made:wait(0) end
      made:want(ours, "rw")
      made:closing(ours)
      close(ours)
      local peer = reopen(ours)
      made:opened(ours)
      made:want(ours, "r")
      poller.write(peer)
      assert.same({ [ours] = "r" }, made:wait(0))
      assert.equal(1, in_kernel()[ours])
      made:closing(ours)
    end
  end)

  it("without a word is noticed by its next owner all the same", function()
    local ours = pair()
    made:want(ours, "r")
    made:wait(0)
    close(ours) -- the kernel drops it, and nobody told the poller
    local peer = reopen(ours)
    made:opened(ours)
    made:want(ours, "r")
    poller.write(peer)
    assert.same({ [ours] = "r" }, made:wait(0))
  end)

  it("is nothing to a poller that never knew it", function()
    made:closing(1000)
    made:closing(0)
    assert.same({}, made:wait(0))
  end)

  it("holds for many numbers in any order", function()
    local seed, known = 5, {}
    local function random(most)
      seed = (seed * 16807) % 2147483647
      return seed % most + 1
    end
    local letters = { "", "r", "w", "rw" }
    for _ = 1, 3000 do
      local dice = random(10)
      if dice <= 2 and #known < 100 then
        local ours, theirs = pair()
        known[#known + 1] = { ours, theirs, "" }
      elseif #known > 0 then
        local i = random(#known)
        local entry = known[i]
        if dice <= 7 then
          entry[3] = letters[random(4)]
          assert.equal("ok", made:want(entry[1], entry[3]))
        elseif dice == 8 then
          made:closing(entry[1])
          close(entry[1])
          close(entry[2])
          table.remove(known, i)
        else
          made:wait(0)
          local expected = { [""] = nil, r = 1, w = 4, rw = 5 }
          local kernel, wanted = in_kernel(), 0
          for _, one in ipairs(known) do
            assert.equal(expected[one[3]], kernel[one[1]])
            if one[3] ~= "" then wanted = wanted + 1 end
          end
          local held = 0
          for _ in pairs(kernel) do held = held + 1 end
          assert.equal(wanted + 1, held) -- and the timer
        end
      end
    end
  end)
end)

describe("an idle connection", function()
  local function idle_pair()
    local ours, theirs = pair()
    made:want(ours, "r")
    made:wait(0)
    made:want(ours, "")
    made:idle(ours)
    return ours, theirs
  end

  it("is told of once when something comes that nobody asked for", function()
    local ours, theirs = idle_pair()
    assert.same({}, made:sweep(64))
    poller.write(theirs)
    assert.same({ [ours] = true }, made:sweep(64))
    assert.same({}, made:sweep(64))
    assert.same({}, made:wait(0))
  end)

  it("that is wanted again is like any other", function()
    local ours, theirs = idle_pair()
    made:want(ours, "r")
    poller.write(theirs)
    assert.same({}, made:sweep(64))
    assert.same({ [ours] = "r" }, made:wait(0))
  end)

  it("is found behind any number of busy ones", function()
    for _ = 1, 200 do
      local ours, theirs = pair()
      made:want(ours, "r")
      poller.write(theirs)
    end
    local peers, expected = {}, {}
    for i = 1, 5 do
      local ours
      ours, peers[i] = idle_pair()
      expected[ours] = true
    end
    for _, theirs in ipairs(peers) do poller.write(theirs) end
    assert.same(expected, made:sweep(64))
  end)

  it("is told of in portions", function()
    local peers = {}
    for i = 1, 100 do peers[i] = select(2, idle_pair()) end
    for _, theirs in ipairs(peers) do poller.write(theirs) end
    local seen, portions = 0, 0
    repeat
      local count = 0
      for _ in pairs(made:sweep(40)) do count = count + 1 end
      seen, portions = seen + count, portions + 1
      assert.is_true(count <= 40)
    until count == 0
    assert.same({ 100, 4 }, { seen, portions })
  end)
end)

describe("a program that closes descriptors behind the poller's back", function()
  local function close_its_own()
    for fd in pairs(in_kernel()) do
      if not open[fd] then poller.close(fd) end -- the timer
    end
    poller.close(made:fd())
  end

  it("finds it at work again, the closed sockets told of as broken", function()
    local closed = pair()
    local ours, theirs = pair()
    made:want(closed, "r")
    made:want(ours, "r")
    made:wait(0)
    close_its_own()
    close(closed)
    assert.same({ [closed] = "b" }, made:wait(1e6))
    assert.same({}, made:wait(0))
    poller.write(theirs)
    assert.same({ [ours] = "r" }, made:wait(1e6))
    made:want(ours, "")
    local other
    other, theirs = pair()
    made:want(other, "r")
    poller.write(theirs)
    assert.same({ [other] = "r" }, made:wait(1e6))
    made:arm(1000)
    assert.is_true(poller.is_readable(made:fd(), 1000))
  end)

  it("and leaves none to be had finds it waiting until there are some", function()
    local ours, theirs = pair()
    made:want(ours, "r")
    made:wait(0)
    close_its_own()
    poller.write(theirs)
    local before = limit_descriptors(3)
    local heard = { made:wait(1e6), made:wait(1e6) }
    limit_descriptors(before)
    assert.same({ {}, {} }, heard)
    assert.same({}, made:wait(1e6)) -- takes up its work
    assert.same({ [ours] = "r" }, made:wait(1e6))
  end)

  it("may have opened something else at a number: that is not waited for, and not ours to close", function()
    local ours = pair()
    made:want(ours, "r")
    made:wait(0)
    close_its_own()
    close(ours)
    local peer = reopen(ours)
    poller.write(peer)
    assert.same({ [ours] = "b" }, made:wait(0))
    assert.same({}, made:wait(0))
    assert.is_false(made:closing(ours))
    assert.is_true(made:closing((pair())))
  end)
end)

describe("the one descriptor of a poller", function()
  it("is readable while a socket is ready", function()
    local ours, theirs = pair()
    made:want(ours, "r")
    made:arm()
    assert.is_false(poller.is_readable(made:fd(), 0))
    poller.write(theirs)
    assert.is_true(poller.is_readable(made:fd(), 1000))
    poller.read(ours)
    assert.is_false(poller.is_readable(made:fd(), 0))
  end)

  it("hands interest to the kernel when it is armed", function()
    local ours, theirs = pair()
    poller.write(theirs)
    made:want(ours, "r")
    made:arm()
    assert.is_true(poller.is_readable(made:fd(), 1000))
  end)

  it("is readable when its time has come, until the poller is asked", function()
    local before = clock.boot_us()
    made:arm(20000)
    assert.is_true(not poller.is_readable(made:fd(), 0) or clock.boot_us() - before >= 20000)
    assert.is_true(poller.is_readable(made:fd(), 5000))
    assert.is_true(clock.boot_us() - before >= 20000)
    assert.same({}, made:wait(0)) -- the timer itself is nobody's business
    assert.is_false(poller.is_readable(made:fd(), 0))
  end)

  it("is readable at once for a time that has passed", function()
    made:arm(-1e6)
    assert.is_true(poller.is_readable(made:fd(), 1000))
    made:wait(0)
    made:arm(-1e15) -- before the machine was started
    assert.is_true(poller.is_readable(made:fd(), 1000))
  end)

  it("may be armed for later, earlier, or never again", function()
    made:arm(1)
    assert.is_true(poller.is_readable(made:fd(), 1000))
    made:arm(3600e6)
    assert.is_false(poller.is_readable(made:fd(), 0))
    made:arm(1000)
    assert.is_true(poller.is_readable(made:fd(), 1000))
    made:arm()
    assert.is_false(poller.is_readable(made:fd(), 0))
    made:arm(1000)
    assert.is_true(poller.is_readable(made:fd(), 1000))
  end)
end)

describe("a poller that is abandoned in the child of a fork", function()
  it("closes the child's copies of its own sockets, and leaves the parent's set alone", function()
    local ours, theirs = pair()
    made:want(ours, "r")
    made:wait(0)
    local copy = poller.duplicate(theirs)
    open[copy] = true
    made:want(copy, "r")
    made:wait(0)
    assert.same({ true, false, true }, { made:abandon_in_child(ours, copy) })
    assert.equal(1, in_kernel()[ours])
    assert.equal(1, in_kernel()[copy])
    poller.write(theirs)
    assert.same({ [ours] = "r" }, made:wait(0))
  end)
end)
