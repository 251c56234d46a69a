local new = require("trailmark_testing").host.new

local URL = "https://api.test/v1/thing"

local hosts, open
before_each(function() hosts, open = new(), {} end)
after_each(function()
  for fd in pairs(open) do hosts:close(fd) end
  hosts:destroy()
end)

local function attempt() return hosts:enter(URL, 1) end

--- A new connection of the attempt's host; its port.
local function connect(number)
  local fd, port = hosts:open(number)
  open[fd] = true
  return port, fd
end

local function close(fd)
  hosts:close(fd)
  open[fd] = nil
end

--- An attempt that has opened a connection and sent its request on it.
local function scout()
  local first = attempt()
  assert.is_false(hosts:holds(first))
  assert.is_true(hosts:may_open(first))
  local port, fd = connect(first)
  hosts:sends(first, port)
  return first, port, fd
end

describe("a host", function()
  local function same(a, b) return hosts:host(a) == hosts:host(b) end

  it("is that of an origin, whatever the path and whoever asks", function()
    local one = hosts:enter("https://api.test/v1/thing", 1)
    assert.is_true(same(one, hosts:enter("https://api.test/v1/other?x=https://y", 1)))
    assert.is_true(same(one, hosts:enter("https://API.test/", 2)))
    assert.is_true(same(one, hosts:enter("https://api.test/v1/thing", 1)))
    assert.is_false(same(one, hosts:enter("https://api.test:8443/v1/thing", 3)))
    assert.is_false(same(one, hosts:enter("https://api.test.other/v1/thing", 4)))
  end)

  it("is another where other certificates are trusted", function()
    assert.is_false(same(attempt(), hosts:enter(URL, 2, "/ca.pem")))
  end)

  it("is forgotten when many others came and nobody points to it", function()
    for i = 1, 50 do
      local one = hosts:enter(("https://h%d.test/"):format(i), i)
      if i > 2 then hosts:leave(one) end
    end
    local _, count = hosts:host(1)
    assert.is_true(count <= 33, count)
    assert.is_true(same(1, hosts:enter("https://h1.test/", 1)))
    assert.is_true(same(2, hosts:enter("https://h2.test/", 2)))
  end)
end)

describe("while a connection is opened", function()
  it("the first opens it, the others wait until it has sent", function()
    local first = attempt()
    assert.is_false(hosts:holds(first))
    for _ = 1, 3 do assert.is_true(hosts:holds(attempt())) end
    assert.is_true(hosts:may_open(first))
    assert.is_true(hosts:may_open(first)) -- to another address of the host
    assert.is_false(hosts:lets_go(first))
    hosts:sends(first, (connect(first)))
    assert.is_true(hosts:lets_go(first))
    assert.is_false(hosts:holds(attempt()))
  end)

  it("the others wait until it has failed", function()
    local first = attempt()
    hosts:holds(first)
    assert.is_true(hosts:holds(attempt()))
    hosts:quits(first)
    assert.is_true(hosts:lets_go(first))
    assert.is_false(hosts:holds(attempt()))
  end)

  it("nobody else gets a socket", function()
    local first, port = scout()
    local second = attempt()
    hosts:sends(second, port) -- it multiplexes
    local third, fourth = attempt(), attempt()
    assert.is_true(hosts:may_open(third)) -- where the first takes no more
    assert.is_false(hosts:may_open(fourth))
    hosts:sends(third, (connect(third)))
    assert.is_true(hosts:may_open(fourth))
    assert.is_true(hosts:kind(first) == "multiplexes")
  end)
end)

describe("a host of HTTP/1.1", function()
  it("is known by who cannot share a connection in use, and keeps nobody waiting", function()
    local first = scout()
    assert.equal("unknown", hosts:kind(first))
    for _ = 1, 3 do
      local other = attempt()
      assert.is_false(hosts:holds(other))
      assert.is_true(hosts:may_open(other))
    end
    assert.equal("serves one", hosts:kind(first))
  end)

  it("is known by its answer, at which those who wait go on", function()
    local first = scout()
    local second = attempt()
    hosts:may_open(second)
    hosts:answers(first, "1")
    assert.equal("serves one", hosts:kind(first))
    assert.is_false(hosts:holds(attempt()))
    assert.equal(-1, hosts:wire(first).descriptor) -- of no more interest
  end)

  it("is not taken for one because a request is repeated whose connection broke", function()
    local first, _, fd = scout()
    close(fd)
    assert.is_true(hosts:may_open(first))
    assert.equal("unknown", hosts:kind(first))
  end)

  it("is not taken for one when nobody uses the first connection", function()
    local first = scout()
    hosts:quits(first)
    local second = attempt()
    assert.is_true(hosts:may_open(second))
    assert.equal("unknown", hosts:kind(second))
    assert.is_false(hosts:may_open((attempt())))
  end)

  it("may become one of HTTP/2, and the reverse", function()
    local first, port = scout()
    hosts:answers(first, "1")
    hosts:answers(first, "2")
    assert.equal("multiplexes", hosts:kind(first))
    hosts:quits(first)
    local second = attempt()
    assert.is_false(hosts:holds(second))
    hosts:sends(second, port)
    hosts:answers(second, "1")
    assert.equal("serves one", hosts:kind(second))
  end)
end)

describe("a connection", function()
  it("counts those under way on it, and is shared once there were two", function()
    local first, port, fd = scout()
    assert.same({ descriptor = fd, streams = 1, shared = false, heard = 0 }, hosts:wire(first))
    local second = attempt()
    hosts:sends(second, port)
    assert.same({ descriptor = fd, streams = 2, shared = true, heard = 0 }, hosts:wire(second))
    hosts:quits(first)
    hosts:quits(first)
    assert.same({ descriptor = fd, streams = 1, shared = true, heard = 0 }, hosts:wire(second))
    assert.is_nil(hosts:wire(first))
  end)

  it("is shared when its answer is of HTTP/2", function()
    local first = scout()
    hosts:answers(first, "2")
    assert.is_true(hosts:wire(first).shared)
  end)

  it("is found by its port among several", function()
    local first, _, fd = scout()
    hosts:answers(first, "2")
    local port, other = connect(first)
    local second = attempt()
    hosts:sends(second, port)
    assert.equal(fd, hosts:wire(first).descriptor)
    assert.equal(other, hosts:wire(second).descriptor)
    hosts:heard(other, 77)
    assert.same({ 0, 77 }, { hosts:wire(first).heard, hosts:wire(second).heard })
  end)

  it("that was closed is known until the last of its attempts has ended", function()
    local first, port, fd = scout()
    local second = attempt()
    hosts:sends(second, port)
    close(fd)
    assert.same({ descriptor = -1, streams = 2, shared = true, heard = 0 }, hosts:wire(first))
    hosts:quits(first)
    hosts:quits(second)
    assert.is_nil(hosts:wire(second))
    local third = attempt()
    assert.is_false(hosts:holds(third)) -- it opens the next
    assert.is_true(hosts:holds(attempt()))
  end)

  it("of the same descriptor as one before is not taken for it", function()
    local first, _, fd = scout()
    close(fd)
    local port, again = connect(first)
    assert.equal(fd, again)
    local second = attempt()
    hosts:sends(second, port)
    assert.same({ -1, again }, { hosts:wire(first).descriptor, hosts:wire(second).descriptor })
    hosts:quits(first)
    assert.equal(1, hosts:wire(second).streams)
  end)

  it("of which the port is not known is nobody's", function()
    local first = attempt()
    hosts:holds(first)
    hosts:sends(first, 1)
    assert.is_nil(hosts:wire(first))
    hosts:answers(first, "2")
    hosts:quits(first)
  end)
end)
