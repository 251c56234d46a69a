-- The four styles of pagination over a collection in memory.

local contacts = require("trailmark.sandbox.server.contacts")
local pages = require("trailmark.sandbox.server.pages")

local function collection(count)
  local list = contacts.new()
  list:seed(count, "2025-11-02T18:01:12Z")
  return list
end

local function ids(items)
  local names = {}
  for i, item in ipairs(items) do
    names[i] = tonumber(item.id:match("%d+"))
  end
  return names
end

-- A page's fields as a table.
local function fields(page)
  local result = {}
  for i = 1, #page.fields, 2 do
    result[page.fields[i]] = page.fields[i + 1]
  end
  return result
end

local function text(number)
  return ("%d"):format(number)
end

-- How each style goes on from a page; nil at the end.
local walkers = {
  cursor = function(page)
    local cursor = fields(page).next_cursor
    assert.equal(cursor ~= pages.null, fields(page).has_more)
    return cursor ~= pages.null and { cursor = cursor, limit = "3" } or nil
  end,
  page = function(page)
    local seen = fields(page)
    if seen.page < seen.total_pages then
      return { page = text(seen.page + 1), per_page = "3" }
    end
  end,
  offset = function(page)
    local seen = fields(page)
    if seen.offset + seen.limit < seen.total then
      return { offset = text(seen.offset + seen.limit), limit = "3" }
    end
  end,
  link = function(page)
    if page.next_query then
      local limit, after = page.next_query:match("^style=link&limit=(%d+)&after=(%S+)$")
      return { style = "link", limit = limit, after = after }
    end
  end,
}

local first = {
  cursor = { limit = "3" },
  page = { page = "1", per_page = "3" },
  offset = { offset = "0", limit = "3" },
  link = { style = "link", limit = "3" },
}

describe("pages", function()
  for style, next_args in pairs(walkers) do
    for count = 0, 7 do
      it(("in style %s give each of %d items once"):format(style, count), function()
        local list, seen, args, rounds = collection(count), {}, first[style], 0
        repeat
          local page = assert(pages.read(list, args))
          for _, id in ipairs(ids(page.items)) do
            seen[#seen + 1] = id
          end
          rounds = rounds + 1
          args = next_args(page)
        until not args
        local wanted = {}
        for i = 1, count do
          wanted[i] = i
        end
        assert.same(wanted, seen)
        assert.equal(math.max(1, math.ceil(count / 3)), rounds)
      end)
    end
  end

  it("by cursor skip and repeat nothing when items are deleted meanwhile", function()
    local list = collection(9)
    local page = pages.read(list, { limit = "3" })
    list:delete("ct_000001")
    list:delete("ct_000003")
    list:delete("ct_000005")
    page = pages.read(list, { limit = "3", cursor = fields(page).next_cursor })
    assert.same({ 4, 6, 7 }, ids(page.items))
  end)

  it("are of 20 items where nothing is said, and of 100 at most", function()
    local list = collection(150)
    assert.equal(20, #pages.read(list, {}).items)
    assert.equal(100, #pages.read(list, { limit = "150" }).items)
  end)

  it("beyond the end are empty", function()
    local list = collection(5)
    assert.same({}, pages.read(list, { page = "9" }).items)
    assert.same({}, pages.read(list, { offset = "9" }).items)
  end)

  local refused = { -- the parameter that is wrong, all parameters
    { "limit", { limit = "0" } }, { "limit", { limit = "-1" } }, { "limit", { limit = "x" } },
    { "limit", { limit = "1.5" } }, { "limit", { limit = true } },
    { "limit", { limit = "99999999999" } }, { "limit", { offset = "0", limit = "0" } },
    { "cursor", { cursor = "x" } }, { "cursor", { cursor = "cur_zz" } },
    { "cursor", { cursor = true } }, { "page", { page = "0" } },
    { "per_page", { page = "1", per_page = "0" } }, { "offset", { offset = "-1" } },
    { "style", { style = "other" } }, { "after", { style = "link", after = "1" } },
  }
  for i, row in ipairs(refused) do
    it(("refuse a wrong %s, row %d"):format(row[1], i), function()
      local page, problem = pages.read(collection(5), row[2])
      assert.is_nil(page)
      assert.matches("^`" .. row[1] .. "` ", problem)
    end)
  end
end)
