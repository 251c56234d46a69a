-- The pager against servers that a spec makes up: what is asked for when, what ends a list, what is an error.

local process = require "spec.support.process"
local raises = require "spec.support.raises"
local raw_server = require "spec.support.raw_server"
local socket = require "socket"
local trailmark = require "trailmark"

local servers = {}
after_each(function()
  for _, server in ipairs(servers) do server:stop() end
  servers = {}
end)

-- A server whose answer to the target of each request is `answer(target, count)`: a body, and more header lines.
-- It says the target of each request that comes. Returns a client of it, and the server.
local function serve(answer, opts)
  local server = raw_server.start(function(connection, _, say)
    local count = 0
    for request in function() return connection:request() end do
      local target = request.line:match("^GET (%S+) HTTP")
      count = count + 1
      say(target .. "\n")
      local body, headers, status = answer(target, count, connection)
      if body then connection:answer(status or 200, body, headers) end
    end
  end)
  servers[#servers + 1] = server
  local all = { key = "tm_live_x", pace = "off", base_url = server.url .. "/v1", retries = 0, timeout = 10 }
  for name, value in pairs(opts or {}) do all[name] = value end
  return assert(trailmark.new(all)), server
end

-- What the server was asked for; ends it.
local function asked(server)
  local list = {}
  for target in server:stop():gmatch("(/%S*)\n") do list[#list + 1] = target end
  return list
end

-- A list of `count` pages of one item each, by cursors: "c2", "c3"...
local function numbered(count)
  return function(target)
    local number = tonumber(target:match("cursor=c(%d+)") or 1)
    local following = number < count and ('"c%d"'):format(number + 1) or "null"
    return ('{"data":[{"id":%d}],"next_cursor":%s}'):format(number, following)
  end
end

local function ids(list)
  local all = {}
  for _, item in ipairs(list) do all[#all + 1] = item.id end
  return all
end

describe("the next page", function()
  it("is asked for while this one is consumed, and no other", function()
    local tm, server = serve(numbered(4))
    local pager = tm:pager("/contacts")
    assert.same({ { id = 1 } }, (pager:next()))
    server:expect("cursor=c2\n")
    assert.same({ { id = 2 } }, (pager:next()))
    server:expect("cursor=c3\n")
    pager = nil
    assert.same({ "/v1/contacts", "/v1/contacts?cursor=c2", "/v1/contacts?cursor=c3" }, asked(server), pager)
  end)

  it("is not asked for beyond max_pages", function()
    local tm, server = serve(numbered(4))
    local numbers, following = {}, nil
    for _, page in tm:pages("/contacts", nil, { paginate = { max_pages = 2 } }) do
      numbers[#numbers + 1], following = page.number, page.next
    end
    assert.same({ 1, 2 }, numbers)
    assert.equal("c3", following)
    assert.same({ "/v1/contacts", "/v1/contacts?cursor=c2" }, asked(server))
  end)

  it("is not asked for once max_items are there", function()
    local tm, server = serve(numbered(4))
    local list, following = {}, nil
    for item, page in tm:each("/contacts", nil, { paginate = { max_items = 2 } }) do
      list[#list + 1], following = item, page.next
    end
    assert.same({ 1, 2 }, ids(list))
    assert.equal("c3", following)
    assert.same({ "/v1/contacts", "/v1/contacts?cursor=c2" }, asked(server))
  end)

  it("is passed over where the place was told by a run with larger pages", function()
    local tm, server = serve(numbered(5))
    local list = tm:collect("/contacts", nil, { paginate = { start = "skip=2;c2" } })
    assert.same({ 4, 5 }, ids(list))
    local nothing, page = tm:pager("/contacts", nil, { paginate = { start = "skip=2;c2", max_pages = 1 } }):next()
    assert.same({}, nothing)
    assert.equal("skip=1;c3", page.next)
    assert.equal(4 + 1, #asked(server))
  end)

  it("comes however the loop changes the items of this one", function()
    local tm = serve(function(target)
      if target:find "cursor" then return '{"data":[{"id":4},{"id":5}]}' end
      return '{"data":[{"id":1},{"id":2},{"id":3}],"next_cursor":"c2"}'
    end)
    local list = {}
    for item, page in tm:each "/contacts" do
      list[#list + 1] = item
      if item.id == 1 then page.items[3], page.items[2] = nil, nil end
    end
    assert.same({ 1, 4, 5 }, ids(list))
  end)

  it("is not asked for before the first is wanted", function()
    local tm, server = serve(numbered(2))
    tm:pager("/contacts")
    tm:pages("/contacts")
    tm:each("/contacts")
    assert.equal(1, tm:get("/contacts/count").data[1].id)
    assert.same({ "/v1/contacts/count" }, asked(server))
  end)

  it("is let go by a loop that breaks, where the language tells of it", function()
    local events = {}
    local tm, server = serve(function(target, _, connection)
      if target:find("cursor") then return connection:await_end() end
      return '{"data":[{"id":1}],"next_cursor":"c2"}'
    end, { on_event = function(event) events[#events + 1] = event.kind or event.type end })
    for items in tm:pages("/contacts") do
      server:expect("cursor=c2\n")
      if #items > 0 then break end
    end
    tm:sleep(0)
    local cancelled = events[#events] == "cancelled"
    assert.equal(_VERSION == "Lua 5.4", cancelled)
  end)

  it("is asked for again where it only failed because the caller was busy", function()
    -- Larger than the buffers of a socket, so it does not arrive while nobody reads.
    local large = ('{"data":[{"id":2,"text":"%s"}],"next_cursor":null}'):format(("x"):rep(16000000))
    local tm, server = serve(function(target)
      if not target:find("cursor") then return '{"data":[{"id":1}],"next_cursor":"c2"}' end
      return large
    end, { timeout = 5 }) -- enough for it on a busy machine, too
    local list = {}
    for item in tm:each("/contacts") do
      list[#list + 1] = item.id
      if item.id == 1 then socket.sleep(5.2) end
    end
    assert.same({ 1, 2 }, list)
    assert.same({ "/v1/contacts", "/v1/contacts?cursor=c2", "/v1/contacts?cursor=c2" }, asked(server))
  end)

  it("is not asked for again where the caller was there", function()
    local tm, server = serve(function(target, _, connection)
      if target:find("cursor") then return connection:await_end() end
      return '{"data":[{"id":1}],"next_cursor":"c2"}'
    end, { timeout = 0.3 })
    local list, err = tm:collect("/contacts")
    assert.is_nil(list)
    assert.equal("timeout", err.kind)
    assert.equal("c2", err.next)
    assert.same({ "/v1/contacts", "/v1/contacts?cursor=c2" }, asked(server))
  end)
end)

describe("a list", function()
  it("keeps the caller's query, table or string, and takes it as it was", function()
    for _, query in ipairs { { sort = "name", tag = { "a", "b" } }, "sort=name&tag=a&tag=b" } do
      local tm, server = serve(numbered(2))
      local pager = tm:pager("/contacts", query, { paginate = { per_page = 7 } })
      if type(query) == "table" then query.sort, query.tag[1] = "x", "y" end
      assert(pager:next())
      assert(pager:next())
      assert.is_nil(pager:next())
      assert.is_nil(pager:next())
      local all = asked(server)
      local first, second = all[1], all[2]
      for _, pair in ipairs { "sort=name", "tag=a&tag=b", "limit=7" } do
        assert.truthy(first:find(pair, 1, true) and second:find(pair, 1, true), first .. " " .. second)
      end
      assert.truthy(second:find("cursor=c2", 1, true) and not first:find("cursor", 1, true))
    end
  end)

  it("fills the path's params on each page, and carries the call's options", function()
    local tm, server = serve(numbered(2))
    local list = tm:collect("/workspaces/{id}/contacts", nil, { params = { id = "a/b" }, timeout = 5 })
    assert.same({ 1, 2 }, ids(list))
    assert.same({ "/v1/workspaces/a%2Fb/contacts", "/v1/workspaces/a%2Fb/contacts?cursor=c2" }, asked(server))
  end)

  it("goes on behind empty pages", function()
    local tm = serve(function(target)
      local number = tonumber(target:match("cursor=c(%d+)") or 1)
      local items = number % 3 == 0 and ('{"id":%d}'):format(number) or ""
      return ('{"data":[%s],"next_cursor":%s}'):format(items, number < 9 and ('"c%d"'):format(number + 1) or "null")
    end)
    assert.same({ 3, 6, 9 }, ids(tm:collect("/contacts")))
    local counts = {}
    for items, page in tm:pages("/contacts") do counts[page.number] = #items end
    assert.same({ 0, 0, 1, 0, 0, 1, 0, 0, 1 }, counts)
  end)

  it("may have one page, or nothing in it", function()
    local tm = serve(function() return "[]" end)
    assert.same({}, tm:collect("/contacts"))
    for _ in tm:each("/contacts") do error "an item" end
    local items, page = tm:pager("/contacts"):next()
    assert.same({}, items)
    assert.equal(1, page.number)
    assert.is_nil(page.next)
    assert.equal(200, page.response.status)
    assert.equal(page.body, items)
  end)

  it("gives out items that are null or false", function()
    local tm = serve(function() return '{"data":[null,false,1]}' end)
    local list = {}
    for item in tm:each("/contacts") do list[#list + 1] = item end
    assert.same({ trailmark.null, false, 1 }, list)
    assert.same({ trailmark.null, false, 1 }, tm:collect("/contacts"))
  end)

  it("may be bytes that the caller's own functions understand", function()
    local tm = serve(function(target)
      return target:find("from=") and "name\nGrace\n" or "name\nAda\nmore:7\n"
    end)
    local list = tm:collect("/export", nil, { decode = false, paginate = {
      style = "cursor", param = "from",
      items = function(body) return { body:match("name\n(%a+)") } end,
      next = function(body) return body:match("more:(%d+)") end,
    } })
    assert.same({ "Ada", "Grace" }, list)
  end)

  it("is asked for by page numbers, first told", function()
    local tm, server = serve(function(target)
      local number = tonumber(target:match("page=(%d+)"))
      return number < 3 and ('[{"id":%d}]'):format(number) or "[]"
    end)
    local list = tm:collect("/contacts", nil, { paginate = { style = "page", per_page = 1 } })
    assert.same({ 1, 2 }, ids(list))
    assert.same({ "/v1/contacts?page=1&per_page=1", "/v1/contacts?page=2&per_page=1",
      "/v1/contacts?page=3&per_page=1" }, asked(server))
  end)

  it("begins where the query says", function()
    local tm, server = serve(function(target)
      return target:find("o=30", 1, true) and '{"data":[{"id":1},{"id":2}],"total":32}' or "[]"
    end)
    local list = tm:collect("/contacts", { o = 30 }, { paginate = { style = "offset", param = "o" } })
    assert.same({ 1, 2 }, ids(list))
    assert.same({ "/v1/contacts?o=30" }, asked(server))
  end)
end)

describe("links", function()
  local function link(target, body) return body or '[{"id":1}]', ("Link: <%s>; rel=\"next\"\r\n"):format(target) end

  it("are followed where they are relative, and lose their fragment", function()
    local links = {
      ["/v1/a/contacts"] = "?after=1", ["/v1/a/contacts?after=1"] = "contacts/2?x#top",
      ["/v1/a/contacts/2?x"] = "/v1/three", ["/v1/three"] = "../four?a=1,2", ["/four?a=1,2"] = nil,
    }
    local tm, server = serve(function(target)
      if links[target] then return link(links[target]) end
      return "[]"
    end)
    assert.equal(4, #tm:collect("/{id}/contacts", nil, { params = { id = "a" } }))
    assert.same({ "/v1/a/contacts", "/v1/a/contacts?after=1", "/v1/a/contacts/2?x", "/v1/three", "/four?a=1,2" },
      asked(server))
  end)

  it("to another origin are refused, and nothing goes there", function()
    local other, elsewhere = raw_server.listen()
    local port = elsewhere:match(":(%d+)$")
    local refused = { elsewhere .. "/v1/contacts?after=secret", "//127.0.0.1:" .. port .. "/x",
      "http://u:p@127.0.0.1:" .. port .. "/x", "https://127.0.0.1/x", "ftp://127.0.0.1/x" }
    for _, target in ipairs(refused) do
      for _, style in ipairs { "auto", "link" } do
        local tm, server = serve(function() return link(target) end)
        local list, err = tm:collect("/contacts", nil, { paginate = { style = style } })
        assert.is_nil(list)
        assert.equal("decode", err.kind)
        assert.same({}, err.items)
        assert.is_nil(err.next)
        assert.matches("link to the next page", err.message)
        assert.is_nil(tostring(err):find("secret", 1, true))
        assert.is_nil(tostring(err):find("u:p", 1, true))
        assert.same({ "/v1/contacts" }, asked(server))
      end
    end
    local tm = serve(function() return ('{"data":[],"next":"%s"}'):format(refused[1]) end)
    local _, err = tm:collect("/contacts")
    assert.matches("another origin than base_url, and the key is not sent there", err.message)
    assert.truthy(err.message:find(elsewhere, 1, true), err.message)
    other:settimeout(0)
    assert.is_nil(other:accept())
    other:close()
  end)

  it("of a start to another origin are refused before anything is sent", function()
    local tm, server = serve(numbered(1))
    for _, style in ipairs { "auto", "link" } do
      local _, err = tm:collect("/contacts", nil, { paginate = { style = style, start = "https://other.test/x" } })
      assert.equal("argument", err.kind)
      assert.equal("not_sent", err.outcome)
      assert.matches("paginate.start is of another origin", err.message)
    end
    assert.same({}, asked(server))
  end)

  it("that no parser agrees on are an error of their page", function()
    local headers = { "Link: /x; rel=next\r\n", "Link: </x; rel=next\r\n", "Link: </x>; rel=\"next\r\n" }
    for _, header in ipairs(headers) do
      local tm = serve(function() return '[{"id":1}]', header end)
      local list, err = tm:collect("/contacts")
      assert.is_nil(list)
      assert.equal("decode", err.kind)
      assert.matches("header Link is malformed", err.message)
    end
  end)

  it("may be in a header that is repeated", function()
    local tm = serve(function(target)
      if target:find("after") then return "[]", "Link: </v1/contacts>; rel=first\r\n" end
      return '[{"id":1}]', "Link: </v1/contacts?p>; rel=prev\r\nLink: </v1/contacts?after=1>; rel=next\r\n"
    end)
    assert.same({ 1 }, ids(tm:collect("/contacts")))
  end)
end)

describe("a list that runs in a circle", function()
  -- Cursors c1, c2, ... up to `last`, then back to `first`.
  local function circle(first, last)
    return function(target)
      local number = tonumber(target:match("cursor=c(%d+)") or 0)
      return ('{"data":[{"id":%d}],"next_cursor":"c%d"}'):format(number, number < last and number + 1 or first)
    end
  end

  it("ends with an error at the first repetition", function()
    for _, row in ipairs { { 0, 0 }, { 1, 1 }, { 1, 2 }, { 3, 7 }, { 5, 60 } } do
      local tm, server = serve(circle(row[1], row[2]))
      local list, err = tm:collect("/contacts")
      assert.is_nil(list)
      assert.equal("decode", err.kind)
      assert.equal("done", err.outcome)
      assert.is_false(err.retryable)
      assert.matches("back to a page where it has been", err.message)
      local expected = {}
      for number = 0, row[2] - 1 do expected[#expected + 1] = number end
      if row[1] == 0 then expected[1] = 0 end
      assert.same(expected, ids(err.items))
      assert.truthy(#asked(server) <= row[2] + 2)
    end
  end)

  it("ends with an error also where it is long", function()
    local tm, server = serve(circle(10, 200))
    local list, err = tm:collect("/contacts")
    assert.is_nil(list)
    assert.matches("back to a page where it has been", err.message)
    assert.truthy(#asked(server) <= 620)
  end)

  it("is found among links, the first page included", function()
    for _, target in ipairs { "/v1/contacts", "?", "/v1/contacts?a#b" } do
      local tm, server = serve(function() return '[{"id":1}]', ("Link: <%s>; rel=next\r\n"):format(target) end)
      local list, err = tm:collect("/contacts")
      assert.is_nil(list)
      assert.matches("back to a page where it has been", err.message)
      assert.truthy(#asked(server) <= 2)
    end
  end)

  it("is found where the service does not look at the number", function()
    for _, style in ipairs { "page", "offset" } do
      local tm, server = serve(function() return '[{"id":1,"name":"Ada"},{"id":2}]' end)
      local list, err = tm:collect("/contacts", nil, { paginate = { style = style } })
      assert.is_nil(list)
      assert.matches("gives the same page again", err.message)
      assert.same({ 1, 2 }, ids(err.items))
      assert.equal(2, #asked(server))
    end
  end)

  it("is not seen where pages of plain values are alike", function()
    local tm = serve(function(target) return target:find("page=4", 1, true) and "[]" or "[0,0]" end)
    assert.same({ 0, 0, 0, 0, 0, 0 }, tm:collect("/x", nil, { paginate = { style = "page" } }))
  end)

  it("ends also where the pages are empty and the numbers go on", function()
    local tm, server = serve(function() return '{"data":[],"has_more":true}' end)
    local list, err = tm:collect("/contacts", nil, { paginate = { style = "page" } })
    assert.is_nil(list)
    assert.matches("1000 pages without an item", err.message)
    assert.equal(1000, #asked(server))
  end)
end)

describe("a page that fails", function()
  it("is an error with its place, and the items before it", function()
    local list = numbered(9)
    local tm, server = serve(function(target)
      if target:find("c7", 1, true) then return '{"message":"gone"}', nil, 500 end
      return list(target)
    end)
    local all, err = tm:collect("/contacts")
    assert.is_nil(all)
    assert.equal("server", err.kind)
    assert.equal("c7", err.next)
    assert.same({ 1, 2, 3, 4, 5, 6 }, ids(err.items))
    local seen = {}
    local fine, raised = pcall(function()
      for item in tm:each("/contacts") do seen[#seen + 1] = item.id end
    end)
    assert.is_false(fine)
    assert.equal("c7", raised.next)
    assert.same({ 1, 2, 3, 4, 5, 6 }, seen)
    fine, raised = pcall(function() for _ in tm:pages("/contacts") do seen[#seen + 1] = 0 end end)
    assert.is_false(fine)
    assert.equal("server", raised.kind)
    assert.equal(12, #seen)
    assert.equal(21, #asked(server))
  end)

  it("is asked for again by another next", function()
    local tm = serve(function(target, count)
      if target:find("c2", 1, true) and count == 2 then return "{}", nil, 503 end
      return numbered(2)(target)
    end)
    local pager = tm:pager("/contacts")
    assert.same({ { id = 1 } }, (pager:next()))
    local fine, err = pcall(pager.next, pager)
    assert.is_false(fine)
    assert.equal(503, err.status)
    assert.same({ { id = 2 } }, (pager:next()))
    assert.is_nil(pager:next())
  end)

  it("has nothing to resume from where it is the first", function()
    local tm = serve(function() return "{}", nil, 404 end)
    local _, err = tm:collect("/contacts")
    assert.equal("not_found", err.kind)
    assert.same({}, err.items)
    assert.is_nil(err.next)
  end)

  it("says what was looked for where it has no items", function()
    local tm = serve(function(target)
      if target:find("cursor", 1, true) then return '{"status":"ok"}' end
      return '{"data":[{"id":1}],"next_cursor":"c2"}'
    end)
    local list, err, third = tm:collect("/contacts")
    assert.is_nil(list)
    assert.is_nil(third)
    assert.equal("decode", err.kind)
    assert.equal("c2", err.next)
    assert.same({ 1 }, ids(err.items))
    assert.same({ status = "ok" }, err.body)
    assert.equal(200, err.status)
    assert.matches('"contacts", "data", "items"', tostring(err))
    assert.matches("paginate.items", tostring(err))
  end)

  it("says so where decode = false left no items to find", function()
    local tm = serve(numbered(1))
    local _, err = tm:collect("/contacts", nil, { decode = false })
    assert.matches("^decode = false leaves the body bytes", err.hint)
  end)

  it("says so where it tells of more and not where", function()
    local tm = serve(function() return '{"data":[{"id":1}],"has_more":true}' end)
    local list, err = tm:collect("/contacts")
    assert.is_nil(list)
    assert.same({}, err.items)
    assert.matches("paginate.next", err.message)
    list = tm:collect("/contacts", nil, { paginate = { next = function() end } })
    assert.same({ 1 }, ids(list))
  end)

  it("says so where the total is more than came, unless the query began amid the list", function()
    local tm = serve(function() return '{"data":[{"id":1}],"total":3}' end)
    local list, err = tm:collect("/contacts", { tag = "x", limit = 1 })
    assert.is_nil(list)
    assert.same({}, err.items)
    assert.matches('"total" is 3, but the answer has 1 items', err.message)
    for _, query in ipairs { { page = 3 }, { offset = 2 }, { cursor = "c" }, { after = "c" }, "page=3" } do
      assert.same({ 1 }, ids(assert(tm:collect("/contacts", query))))
    end
    assert.same({ 1 }, ids(assert(tm:collect("/contacts?from=2"))))
    assert.same({ 1 }, ids(assert(tm:collect("/contacts", { from = 2 }, { paginate = { param = "from" } }))))
  end)

  it("lets an error of the caller's own function through, and can be asked for again", function()
    local tm = serve(numbered(1))
    local broken = true
    local pager = tm:pager("/contacts", nil, { paginate = { items = function(body)
      if broken then error("mine", 0) end
      return body.data
    end } })
    assert.same({ false, "mine" }, { pcall(pager.next, pager) })
    local in_another = coroutine.wrap(function() return pcall(pager.next, pager) end)
    assert.same({ false, "mine" }, { in_another() })
    broken = false
    assert.same({ { id = 1 } }, (pager:next()))
  end)

  it("ends a list whose client was closed", function()
    local tm = serve(function(target, _, connection)
      if target:find("cursor") then return connection:await_end() end
      return '{"data":[{"id":1}],"next_cursor":"c2"}'
    end)
    local pager = tm:pager("/contacts")
    assert(pager:next())
    tm:close()
    local fine, err = pcall(pager.next, pager)
    assert.is_false(fine)
    assert.equal("closed", err.kind)
    assert.equal("c2", err.next)
    fine, err = pcall(pager.next, pager)
    assert.is_false(fine)
    assert.equal("closed", err.kind)
  end)
end)

describe("a list's arguments", function()
  local tm
  setup(function() tm = assert(trailmark.new { key = "tm_live_x", base_url = "http://127.0.0.1:1", pace = "off" }) end)
  teardown(function() tm:close() end)

  for _, name in ipairs { "pages", "each", "collect", "pager" } do
    it(name .. " checks them at once", function()
      local list = tm[name]
      raises("^tm:" .. name .. ': unknown option "paginate.sytle"', function()
        list(tm, "/contacts", nil, { paginate = { sytle = "page" } })
      end)
      raises("^tm:" .. name .. ".*path must be a string", function() list(tm, 7) end)
      raises("^tm:" .. name .. ".*did you mean opts", function() list(tm, "/contacts", { paginate = {} }) end)
      raises("called with a colon", function() list("/contacts") end)
    end)
  end

  it("belong to lists alone", function()
    raises('^tm:get: unknown option "paginate" %(it is an option of tm:pages', function()
      tm:get("/contacts", nil, { paginate = {} })
    end)
    raises('^tm:request: unknown option "paginate" %(it is an option of tm:pages', function()
      tm:request { path = "/contacts", paginate = {} }
    end)
    raises('unknown option "paginate" %(it is an option of tm:pages', function() trailmark.new { paginate = {} } end)
  end)

  it("that cannot be sent are an error of kind argument", function()
    for _, opts in ipairs { { headers = { ["X-A"] = "a\nb" } }, { paginate = { start = "3" } },
      { paginate = { style = "page", start = "c" } }, { paginate = { start = "a\0" } } } do
      local list, err = tm:collect("/contacts", nil, opts)
      assert.is_nil(list)
      assert.equal("argument", err.kind)
      local fine, raised = pcall(function() for _ in tm:each("/contacts", nil, opts) do error "an item" end end)
      assert.is_false(fine)
      assert.equal("argument", raised.kind)
    end
  end)
end)

describe("a pager", function()
  it("wants its colon", function()
    local pager = serve(numbered(1)):pager("/contacts")
    for _, name in ipairs { "next", "close" } do
      raises("called with a colon", function() pager[name]() end)
    end
  end)

  it("cannot be waited for in a hook", function()
    local pager, problem
    local tm = serve(numbered(2), { on_event = function(event)
      if event.type == "response" and not problem then problem = select(2, pcall(pager.next, pager)) end
    end })
    pager = tm:pager("/contacts")
    assert(pager:next())
    assert.matches("inside on_event", problem)
    assert.same({ { id = 2 } }, (pager:next()))
  end)

  it("that is closed is over", function()
    local tm, server = serve(numbered(3))
    local pager = tm:pager("/contacts")
    assert(pager:next())
    pager:close()
    assert.is_nil(pager:next())
    assert.truthy(#asked(server) <= 2)
  end)

  it("goes on in another process", function()
    local tm, server = serve(numbered(5))
    local _, page = tm:pager("/contacts"):next()
    local child = process.lua(([[
      local trailmark = require "trailmark"
      local tm = trailmark.assert(trailmark.new { pace = "off" })
      for item, page in tm:each("/contacts", nil, { paginate = { start = %q } }) do
        io.write(item.id, " ", page.number, "\n")
      end
    ]]):format(page.next), { TRAILMARK_API_KEY = "tm_live_x", TRAILMARK_BASE_URL = server.url .. "/v1" })
    local said, code, complaint = child:finish()
    assert.same({ "2 1\n3 2\n4 3\n5 4\n", 0, "" }, { said, code, complaint })
  end)
end)
