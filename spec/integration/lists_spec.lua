-- Lists of many pages: every item comes exactly once whatever fails between, and memory does not grow with them.

local memory = require "trailmark_testing".memory
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"
local sandbox = require "trailmark.sandbox"

local PAGES, SIZE = 500, 4

local sb
setup(function()
  sb = assert(sandbox.start { limit = 1000000 })
  sb:seed(PAGES * SIZE)
end)
teardown(function() sb:stop() end)

-- What happens to a tenth of the pages. The first four are repeated by the client; the others end the loop, and
-- the caller goes on from err.next.
local FAULTS = {
  { status = 503 },
  { fault = "reset" },
  { fault = "truncate" },
  { status = 429, headers = { ["Retry-After"] = "0" } },
  { status = 403 },
  { status = 200, body = '{"data":' },
  { status = 200, body = '{"status":"no items"}' },
  { status = 404 },
}
local REPEATED = 4

--- A script with a fault before one page in each ten, at a place that differs, and how many of each sort.
local function broken_script()
  local steps, repeated, ended = {}, 0, 0
  local function add(step)
    local copy = { match = "GET /contacts" }
    for name, value in pairs(step) do copy[name] = value end
    steps[#steps + 1] = copy
  end
  for ten = 0, PAGES / 10 - 1 do
    local kind, before = ten % #FAULTS + 1, ten * 7 % 10
    if before > 0 then add { times = before } end
    add(FAULTS[kind])
    add { times = 10 - before }
    if kind <= REPEATED then repeated = repeated + 1 else ended = ended + 1 end
  end
  return steps, repeated, ended
end

-- The ways to read a list: each calls `take(item)`, and raises what went wrong.
local WAYS = {
  each = function(tm, query, opts, take)
    for item in tm:each("/contacts", query, opts) do take(item) end
  end,
  pages = function(tm, query, opts, take)
    for items in tm:pages("/contacts", query, opts) do
      for _, item in ipairs(items) do take(item) end
    end
  end,
  pager = function(tm, query, opts, take)
    local pager = tm:pager("/contacts", query, opts)
    local items = pager:next()
    while items do
      for _, item in ipairs(items) do take(item) end
      items = pager:next()
    end
  end,
  collect = function(tm, query, opts, take)
    local list, err = tm:collect("/contacts", query, opts)
    for _, item in ipairs(list or err.items) do take(item) end
    if err then error(err, 0) end
  end,
}

--- Reads the list to its end, with another client from each failure on. Returns the ids, and how often it failed.
local function read_all(way, query, paginate)
  local ids, failures, start = {}, 0, nil
  local function take(item) ids[#ids + 1] = item.id end
  while true do
    local tm = assert(sb:client())
    local opts = { paginate = { start = start } }
    for name, value in pairs(paginate) do opts.paginate[name] = value end
    local fine, err = pcall(WAYS[way], tm, query, opts, take)
    tm:close()
    if fine then return ids, failures end
    assert.is_table(err, tostring(err))
    failures, start = failures + 1, err.next
    assert.is_true(failures < PAGES, tostring(err))
  end
end

describe("500 pages with a fault on each tenth", function()
  local rows = {
    { "each", "cursor", { limit = SIZE } },
    { "pages", "page", { per_page = SIZE, page = 1 } },
    { "pager", "offset", { limit = SIZE, offset = 0 } },
    { "collect", "link", { limit = SIZE, style = "link" } },
    { "each", "auto", { limit = SIZE } },
    { "collect", "auto", { limit = SIZE, style = "link" } },
  }
  for _, row in ipairs(rows) do
    local way, style, query = row[1], row[2], row[3]
    it(("give every item exactly once: %s, %s"):format(way, style), function()
      sb:reset()
      sb:seed(PAGES * SIZE)
      local steps, repeated, ended = broken_script()
      sb:script(steps)
      local ids, failures = read_all(way, query, { style = style })
      assert.equal(PAGES * SIZE, #ids)
      for i, id in ipairs(ids) do assert.equal(("ct_%06d"):format(i), id) end
      assert.equal(ended, failures)
      assert.is_true(sb:counts().requests >= PAGES + repeated + ended)
    end)
  end
end)

describe("page.next", function()
  local REST = [[
    local tm = require "trailmark".new { pace = "off" }
    local paginate = { style = os.getenv "STYLE", start = os.getenv "START" }
    for item in tm:each("/contacts", os.getenv "QUERY", { paginate = paginate }) do io.write(item.id, "\n") end
  ]]

  -- After two pages, and amid the second.
  local rows = {
    { "cursor", "limit=3" }, { "page", "per_page=3&page=1" }, { "offset", "limit=3&offset=0" },
    { "link", "limit=3&style=link" }, { "auto", "limit=3" }, { "auto", "per_page=3&page=1" },
    { "auto", "limit=3&offset=0" }, { "auto", "limit=3&style=link" },
  }
  for _, row in ipairs(rows) do
    local style, query = row[1], row[2]
    it(("is a string from which another process goes on: %s, %s"):format(style, query), function()
      sb:reset()
      sb:seed(10)
      for name, count in pairs { max_pages = 2, max_items = 5 } do
        local tm, ids, start = assert(sb:client()), {}, nil
        local opts = { paginate = { style = style, [name] = count } }
        for items, page in tm:pages("/contacts", query, opts) do
          for _, item in ipairs(items) do ids[#ids + 1] = item.id end
          assert.equal("string", type(page.next))
          start = page.next
        end
        tm:close()
        assert.equal(name == "max_pages" and 6 or 5, #ids)
        local said, code, complaint = process.lua(REST, {
          TRAILMARK_API_KEY = sb.key, TRAILMARK_BASE_URL = sb.url, STYLE = style, START = start, QUERY = query,
        }):finish()
        assert.same({ 0, "" }, { code, complaint })
        for id in said:gmatch "%S+" do ids[#ids + 1] = id end
        assert.equal(10, #ids)
        for i, id in ipairs(ids) do assert.equal(("ct_%06d"):format(i), id) end
      end
    end)
  end
end)

describe("a list without an end", function()
  local ROUND, ROUNDS = 500, 4

  it("takes the same memory after 2,000 pages as after 500", function()
    local item = ('{"id":7,"text":"%s"}'):format(("x"):rep(100))
    local items = item .. ("," .. item):rep(99)
    local server = raw_server.start(function(connection)
      local number = 0
      while connection:request() do
        number = number + 1
        connection:answer(200, ('{"data":[%s],"next_cursor":"cursor-%d"}'):format(items, number))
      end
    end)
    finally(function() server:stop() end)
    local child = process.lua(([[
      io.stdout:setvbuf "line"
      local tm = require "trailmark".new { key = "tm_live_x", base_url = os.getenv "URL", pace = "off" }
      local function resident()
        local file = assert(io.open "/proc/self/smaps_rollup")
        local kib = 0
        for amount in file:read "*a":gmatch "Private_%%a+:%%s+(%%d+)" do kib = kib + amount end
        file:close()
        return kib
      end
      for _, page in tm:pages("/contacts", nil, { paginate = { max_pages = %d } }) do
        if page.number %% %d == 0 then
          page = nil
          collectgarbage()
          collectgarbage()
          print(collectgarbage "count", resident())
        end
      end
    ]]):format(ROUND * ROUNDS, ROUND), { URL = server.url })
    local said, code, complaint = child:finish()
    assert.equal(0, code, complaint)
    local heaps, residents = {}, {}
    for heap, resident in said:gmatch("(%S+)\t(%S+)\n") do
      heaps[#heaps + 1], residents[#residents + 1] = tonumber(heap), tonumber(resident)
    end
    assert.equal(ROUNDS, #heaps)
    -- A page is 12 KiB as text; 1,500 of them would be 18 MiB.
    assert.is_true(heaps[ROUNDS] - heaps[1] < 64, said)
    if not memory.has_asan() then assert.is_true(residents[ROUNDS] - residents[1] < 1024, said) end
  end)
end)
