local places = require "trailmark.paging.places"
local styles = require "trailmark.paging.styles"

local function place(style, text, param)
  return { style = style, text = text, param = style ~= "link" and (param or styles.params[style]) or nil }
end

describe("a place as a string", function()
  local rows = { -- style, place, skip, the string, paginate.param
    { "cursor", place("cursor", "abc=="), nil, "abc==" },
    { "cursor", place("cursor", "page=2"), nil, "page=2" },
    { "cursor", place("cursor", "7", "after"), nil, "7", "after" },
    { "page", place("page", "3"), nil, "3" },
    { "offset", place("offset", "40"), nil, "40" },
    { "link", place("link", "https://h/x?a=b"), nil, "https://h/x?a=b" },
    { "cursor", place("cursor", "abc"), 5, "skip=5;abc" },
    { "cursor", nil, 5, "skip=5;" },
    { "cursor", place("cursor", "skip=1;abc"), nil, "skip=0;skip=1;abc" },
    { "auto", place("cursor", "abc=="), nil, "abc==" },
    { "auto", place("cursor", "abc", "page_token"), nil, "page_token=abc" },
    { "auto", place("cursor", "abc", "after"), nil, "abc", "after" },
    { "auto", place("cursor", "7"), nil, "cursor=7" },
    { "auto", place("cursor", "page=2"), nil, "cursor=page=2" },
    { "auto", place("cursor", "cursor=2"), nil, "cursor=cursor=2" },
    { "auto", place("cursor", "https://h/"), nil, "cursor=https://h/" },
    { "auto", place("page", "3"), nil, "page=3" },
    { "auto", place("page", "3", "p"), nil, "page=3", "p" },
    { "auto", place("offset", "40"), 2, "skip=2;offset=40" },
    { "auto", place("link", "https://h/x?cursor=a"), nil, "https://h/x?cursor=a" },
  }
  for _, row in ipairs(rows) do
    it(("is %s in the style %s, and reads back"):format(row[4], row[1]), function()
      local settings = { style = row[1], param = row[5] }
      assert.equal(row[4], places.write(row[2], settings, row[3]))
      local read, problem, skip = places.read(row[4], settings)
      assert.is_nil(problem)
      assert.same(row[2], read)
      assert.equal(row[3] or 0, skip)
    end)
  end

  it("is nothing at the beginning", function()
    assert.is_nil(places.write(nil, { style = "auto" }))
  end)

  local refused = {
    { "auto", "3" }, { "page", "cur_1" }, { "offset", "-1" }, { "page", "skip=1;x" },
  }
  for _, row in ipairs(refused) do
    it(("is not %s in the style %s"):format(row[2], row[1]), function()
      local read, problem = places.read(row[2], { style = row[1] })
      assert.is_nil(read)
      assert.matches("^paginate%.start ", problem)
    end)
  end

  it("may be anything that paginate.next gave", function()
    assert.same(place("page", "three"), (places.read("three", { style = "page", next = "n" })))
  end)
end)
