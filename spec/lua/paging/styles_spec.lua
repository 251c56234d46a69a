local json = require "trailmark.json"
local styles = require "trailmark.paging.styles"

local null = json.null

local function place(style, text, param)
  return { style = style, text = text, param = style ~= "link" and (param or styles.params[style]) or nil }
end

-- The next place of an answer. `about` may hold place, headers, size, and what paginate is to hold.
local function next_of(style, body, about)
  about = about or {}
  return styles.next({
    body = body, items = about.items or body.data or {}, headers = { link = about.link }, place = about.place,
    size = about.size, whole = about.whole,
  }, { style = style, param = about.param, next = about.next })
end

local ONE, NONE = { { id = 1 } }, json.array {}

describe("where a list goes on", function()
  local rows = { -- what, style, body, the next text (nil: the end), about
    { "a cursor", "cursor", { next_cursor = "c2" }, "c2" },
    { "a cursor that is a number", "cursor", { next_cursor = 17 }, "17" },
    { "a cursor in meta", "cursor", { meta = { next_cursor = "c2" } }, "c2" },
    { "a cursor behind an empty page", "cursor", { data = NONE, next_cursor = "c2" }, "c2" },
    { "a cursor in camel case", "cursor", { pageInfo = { nextCursor = "c2" } }, "c2" },
    { "next as a cursor", "cursor", { next = "/c2==" }, "/c2==" },
    { "a cursor behind a page that calls itself the last", "cursor",
      { data = ONE, next_cursor = "c2", has_more = false }, "c2" },
    { "a cursor to ask again with later", "cursor", { data = NONE, next_cursor = "c2", has_more = false }, nil },
    { "no cursor", "cursor", { data = ONE }, nil },
    { "null", "cursor", { next_cursor = null }, nil },
    { "an empty cursor", "cursor", { next_cursor = "" }, nil },
    { "false", "cursor", { next_cursor = false, has_more = false }, nil },
    { "a bare array", "cursor", ONE, nil },

    { "a page of a known number", "page", { data = ONE, page = 1, total_pages = 3 }, "2",
      { place = place("page", "1") } },
    { "an empty page in the middle", "page", { data = NONE, total_pages = 3 }, "3", { place = place("page", "2") } },
    { "the last page", "page", { data = ONE, total_pages = 3 }, nil, { place = place("page", "3") } },
    { "pages of a known total", "page", { data = ONE, total = 41, per_page = 20 }, "3",
      { place = place("page", "2") } },
    { "the last of a known total", "page", { data = ONE, total = 41, per_page = 20 }, nil,
      { place = place("page", "3") } },
    { "a short page that does not tell the end", "page", { data = ONE }, "5",
      { place = place("page", "4"), size = 9 } },
    { "an empty page that tells nothing", "page", { data = NONE }, nil, { place = place("page", "4") } },
    { "an empty page before more", "page", { data = NONE, has_more = true }, "5", { place = place("page", "4") } },
    { "a full page before nothing", "page", { data = ONE, has_more = false }, nil, { place = place("page", "4") } },
    { "next_page", "page", { data = ONE, meta = { next_page = 9 } }, "9", { place = place("page", "4") } },
    { "next_page that is null", "page", { data = ONE, next_page = null }, nil, { place = place("page", "4") } },
    { "a bare array", "page", ONE, "2", { items = ONE, place = place("page", "1") } },
    { "a page counted from 0", "page", { data = ONE }, "1", { place = place("page", "0") } },
    { "a query that the page's number is not in", "page", { data = ONE, current_page = 6, last_page = 7 }, "7" },

    { "an offset", "offset", { data = ONE, total = 3 }, "2", { place = place("offset", "1") } },
    { "an offset at its end", "offset", { data = ONE, total = 3 }, nil, { place = place("offset", "2") } },
    { "an offset without a total", "offset", { data = ONE }, "41", { place = place("offset", "40") } },
    { "fewer items than asked for", "offset", { data = ONE, limit = 500 }, "1",
      { place = place("offset", "0"), size = 500 } },
    { "an empty page without a total", "offset", { data = NONE }, nil, { place = place("offset", "40") } },
    { "an empty page before the total", "offset", { data = NONE, total = 99, limit = 20 }, "60",
      { place = place("offset", "40") } },
    { "an empty page of the size that was asked for", "offset", { data = NONE, has_more = true }, "50",
      { place = place("offset", "40"), size = 10 } },

    { "a Link header", "link", ONE, "/x?p=2", { link = '</x?p=2>; rel="next", </x?p=9>; rel="last"' } },
    { "a Link header without next", "link", ONE, nil, { link = '</x?p=1>; rel="prev"' } },
    { "no Link header", "link", ONE, nil },
    { "a link in the body", "link", { next = "/x?p=2" }, "/x?p=2" },
    { "a link among links", "link", { links = { next = "/x/2" } }, "/x/2" },
    { "an object with href", "link", { _links = { next = { href = "/x/2" } } }, "/x/2" },
    { "the header before the body", "link", { next = "/x?p=3" }, "/x?p=2", { link = "</x?p=2>; rel=next" } },
    { "a link that is null", "link", { next = null }, nil },

    { "paginate.next as a field", "cursor", { a = { b = "c2" }, next_cursor = "no" }, "c2", { next = "a.b" } },
    { "paginate.next that is null", "cursor", { a = null, has_more = true }, nil, { next = "a" } },
    { "paginate.next that is not there", "cursor", { next_cursor = "no" }, nil, { next = "a" } },
    { "paginate.next as a function", "cursor", { data = { { id = 7 } } }, "7",
      { next = function(body) return body.data[1].id end } },
    { "paginate.next as a page's number", "page", { n = 4 }, "4", { next = "n", place = place("page", "1") } },
    { "paginate.next as a link", "link", { more = "/x" }, "/x", { next = "more" } },
  }
  for _, row in ipairs(rows) do
    it(("style %s: %s"):format(row[2], row[1]), function()
      local following, problem = next_of(row[2], row[3], row[5])
      assert.is_nil(problem)
      if row[4] then
        assert.same(place(row[2], row[4]), following)
      else
        assert.is_nil(following)
      end
    end)
  end

  it("is asked for by the parameter of that field, or of paginate.param", function()
    assert.same(place("cursor", "t", "page_token"), (next_of("cursor", { next_page_token = "t" })))
    assert.same(place("cursor", "t", "pageToken"), (next_of("cursor", { nextPageToken = "t" })))
    assert.same(place("cursor", "t", "after"), (next_of("cursor", { next_page_token = "t" }, { param = "after" })))
    assert.same(place("page", "2", "p"), (next_of("page", { data = ONE }, { param = "p" })))
  end)

  it("keeps to the parameter it began with", function()
    local here = place("cursor", "t1", "page_token")
    assert.same(place("cursor", "t2", "page_token"), (next_of("cursor", { next_cursor = "t2" }, { place = here })))
  end)
end)

describe("the style auto", function()
  local rows = { -- what, body, the next place, about
    { "a Link header before all else", { next_cursor = "c" }, place("link", "/x?p=2"),
      { link = "</x?p=2>; rel=next" } },
    { "the body where the header has no next", { next_cursor = "c" }, place("cursor", "c"),
      { link = "</s>; rel=self" } },
    { "a cursor", { data = ONE, meta = { next_cursor = "c" } }, place("cursor", "c") },
    { "a page token", { next_page_token = "t" }, place("cursor", "t", "page_token") },
    { "a link in the body", { next = "https://h/x?p=2" }, place("link", "https://h/x?p=2") },
    { "a relative link", { next = "/x?p=2" }, place("link", "/x?p=2") },
    { "a relative link among links", { links = { next = "/x/2" } }, place("link", "/x/2") },
    { "HAL", { _links = { next = { href = "/x/2" } } }, place("link", "/x/2") },
    { "next as a cursor", { next = "/9j4AAQ==" }, place("cursor", "/9j4AAQ==") },
    { "pages", { data = ONE, page = 1, total_pages = 2 }, place("page", "2") },
    { "pages that do not tell how many", { data = ONE, page = 3 }, place("page", "4") },
    { "next_page", { data = ONE, pagination = { next_page = 2 } }, place("page", "2") },
    { "an offset", { data = ONE, offset = 20, total = 41 }, place("offset", "21") },
    { "an offset that does not tell how many", { data = ONE, offset = 0, limit = 1 }, place("offset", "1") },
    { "a cursor that is null, and pages", { data = ONE, next_cursor = null, page = 1, last_page = 2 },
      place("page", "2") },
    { "paginate.next that finds a link", { more = "http://h/x" }, place("link", "http://h/x"), { next = "more" } },
    { "paginate.next that finds anything else", { more = 7 }, place("cursor", "7", "p"),
      { next = "more", param = "p" } },

    { "the last page", { data = ONE, page = 2, total_pages = 2 } },
    { "the last offset", { data = ONE, offset = 40, total = 41 } },
    { "the last cursor", { data = ONE, next_cursor = null, has_more = false } },
    { "a cursor to ask again with later", { data = NONE, next_cursor = "c2", has_more = false } },
    { "the last link", ONE, nil, { link = "</x?p=1>; rel=prev" } },
    { "a list that is whole", ONE },
    { "an object with a list", { data = ONE } },
    { "a list with its total", { data = ONE, total = 1 }, nil, { whole = true } },
    { "a total of more beside a cursor that is null", { data = ONE, next_cursor = null, total = 41 }, nil,
      { whole = true } },
    { "a total of more beside has_more", { data = ONE, has_more = false, total = 41 }, nil, { whole = true } },
    { "a total of more beside links", { data = ONE, links = {}, total = 41 }, nil, { whole = true } },
    { "a total of more beside a Link header", { data = ONE, total = 41 }, nil,
      { whole = true, link = "</x?p=1>; rel=first" } },
    { "a part of a list with its total", { data = ONE, total = 41 }, nil, { whole = false } },
    { "the end of a list of cursors with its total", { data = ONE, total = 41 }, nil,
      { place = place("cursor", "c9") } },
  }
  for _, row in ipairs(rows) do
    it(("%s %s"):format(row[3] and "follows" or "ends with", row[1]), function()
      local following, problem = next_of("auto", row[2], row[4])
      assert.is_nil(problem)
      assert.same(row[3], following)
    end)
  end

  it("stays with the style that it found", function()
    local both = { data = ONE, page = 1, total_pages = 9, next_cursor = null }
    assert.is_nil((next_of("auto", both, { place = place("cursor", "c1") })))
    assert.same(place("page", "6"), (next_of("auto", both, { place = place("page", "5") })))
  end)
end)

describe("an answer is not the end of a list, but an error, with", function()
  local rows = { -- what, style, body, what is said, about
    { "has_more and no cursor", "cursor", { has_more = true }, '"has_more" is true' },
    { "has_more and nothing else", "auto", { meta = { hasMore = true } }, '"meta.hasMore" is true' },
    { "has_more and no link", "link", { has_more = true, next = null }, '"has_more" is true' },
    { "a link where a cursor was expected", "cursor", { next = "https://h/x?p=2" }, '"next" of the answer is a link' },
    { "HAL where a cursor was expected", "cursor", { _links = { next = { href = "/x" } } }, "goes on by link" },
    { "a cursor where a link was expected", "link", { next_cursor = "c" }, "goes on by cursor" },
    { "a total of more", "auto", { data = ONE, meta = { total_count = 41 } },
      '"meta.total_count" is 41, but the answer has 1 items', { whole = true } },
    { "next as a number", "auto", { next = 2 }, '"next" is a number' },
    { "next as an object", "cursor", { next = { page = 2 } }, '"next" is a table' },
    { "a cursor that is an object", "cursor", { next_cursor = { id = 1 } }, '"next_cursor" of the answer is a table' },
    { "a cursor that is true", "auto", { next_cursor = true }, "is a boolean, not a cursor" },
    { "a Link header that is malformed", "auto", { next_cursor = "c" }, "header Link is malformed",
      { link = "/x; rel=next" } },
    { "a malformed Link header in its style", "link", ONE, "header Link is malformed", { link = "</x" } },
    { "an empty page of unknown size", "offset", { data = NONE, total = 9 }, "paginate.per_page" },
    { "paginate.next that finds an object", "cursor", { a = { b = 1 } }, 'paginate.next = "a" finds a table',
      { next = "a" } },
    { "paginate.next that returns true", "cursor", {}, "the function paginate.next returned a boolean",
      { next = function() return true end } },
    { "paginate.next that returns a fraction", "page", {}, "not a string or a whole number",
      { next = function() return 1.5 end } },
  }
  for _, row in ipairs(rows) do
    it(row[1], function()
      local following, problem = next_of(row[2], row[3], row[5])
      assert.is_nil(following)
      assert.truthy(problem and problem:find(row[4], 1, true), problem)
    end)
  end
end)
