local link = require("trailmark_testing").link

describe("link.next", function()
  local rows = { -- name, input, result, target
    { "a quoted rel", '<https://x/y?page=2>; rel="next"', "found", "https://x/y?page=2" },
    { "a token rel", "</y?page=2>; rel=next", "found", "/y?page=2" },
    { "upper case", '</y>; REL="NEXT"', "found", "/y" },
    { "several rels in one", '</y>; rel="last next"', "found", "/y" },
    { "several rels, apart by tabs", '</y>; rel="\tlast\t next "', "found", "/y" },
    { "several links", '</1>; rel="prev", </3>; rel="next", </9>; rel="last"', "found", "/3" },
    { "several links without spaces", '</1>;rel="prev",</3>;rel="next"', "found", "/3" },
    { "the first of two nexts", "</1>; rel=next, </2>; rel=next", "found", "/1" },
    { "commas, semicolons and quotes inside <>", '</y?a=1,2;b="3">; rel="next"', "found",
      '/y?a=1,2;b="3"' },
    { "commas, semicolons and <> inside quotes", '</y>; title="a, b; <c>; rel=x"; rel="next"',
      "found", "/y" },
    { "a rel inside quotes only", '</y>; title="a; rel=next"', "absent" },
    { "a link inside quotes only", '</y>; title="<z>; rel=next, <z>; rel=next"', "absent" },
    { "escapes inside quotes", '</y>; title="\\"; rel=prev; \\""; rel="\\ne\\xt"', "found", "/y" },
    { "an escaped backslash before the quote", '</y>; title="\\\\"; rel="next"', "found", "/y" },
    { "an escaped last byte", '</y>; rel="nex\\t"', "found", "/y" },
    { "blanks wherever they may be", "\t</y>\t ;\t rel \t=\t next\t ", "found", "/y" },
    { "other parameters around", '</y>; type=text/html; rel=next; title*=UTF-8\'\'x%20y', "found",
      "/y" },
    { "a parameter without a value", "</y>; crossorigin; rel=next", "found", "/y" },
    { "empty parameters", "</y>;; rel=next;", "found", "/y" },
    { "empty elements", ", ,</y>; rel=next,,", "found", "/y" },
    { "a link without parameters before", "</x>, </y>; rel=next", "found", "/y" },
    { "an empty target", "<>; rel=next", "found", "" },
    { "an anchor on another link", '</x>; rel=prev; anchor="#a", </y>; rel=next', "found", "/y" },
    { "bytes of UTF-8", '</y>; title="\195\169"; rel=next', "found", "/y" },

    { "nothing", nil, "absent" },
    { "an empty value", "", "absent" },
    { "blanks", " \t", "absent" },
    { "commas", ",, ,", "absent" },
    { "no rel", "</y>", "absent" },
    { "another rel", '</y>; rel="prev"', "absent" },
    { "a longer word", '</y>; rel="nextpage"', "absent" },
    { "a shorter word", '</y>; rel="nex"', "absent" },
    { "a word with next inside", '</y>; rel="x-next next-x anext"', "absent" },
    { "an empty rel", '</y>; rel=""', "absent" },
    { "a rel without a value", "</y>; rel", "absent" },
    { "a second rel", "</y>; rel=prev; rel=next", "absent" },
    { "a second rel after one without a value", "</y>; rel; rel=next", "absent" },
    { "rev", "</y>; rev=next", "absent" },
    { "a parameter that ends in rel", "</y>; xrel=next; rel2=next", "absent" },
    { "an anchor before", '</y>; anchor="/z"; rel=next', "absent" },
    { "an anchor behind", "</y>; rel=next; ANCHOR=/z", "absent" },

    { "no brackets", "/y; rel=next", "malformed" },
    { "an open bracket", "</y; rel=next", "malformed" },
    { "a bracket alone", "<", "malformed" },
    { "no separator", "</y> rel=next", "malformed" },
    { "a missing comma", "</x>; rel=prev </y>; rel=next", "malformed" },
    { "an open quote", '</y>; rel="next', "malformed" },
    { "a quote that an escape left open", '</y>; rel="next\\"', "malformed" },
    { "an escape at the end", '</y>; rel="next\\', "malformed" },
    { "no value after =", "</y>; rel=", "malformed" },
    { "no value after = and more", "</y>; rel=; title=x", "malformed" },
    { "a value without a name", "</y>; =next", "malformed" },
    { "a name that is no token", '</y>; "rel"=next', "malformed" },
    { "a quote inside a bare value", '</y>; rel=ne"xt"', "malformed" },
    { "a backslash inside a bare value", "</y>; rel=ne\\xt", "malformed" },
    { "words behind the value", "</y>; rel=next page", "malformed" },
    { "words behind a quoted value", '</y>; rel="next"page', "malformed" },
    { "garbage behind a good link", "</y>; rel=next, garbage", "malformed" },
    { "a control byte", "</y>; rel=next; title=\"\7\"", "malformed" },
    { "a line break in the target", "</y\r\n>; rel=next", "malformed" },
    { "a NUL", "</y>; rel=next\0", "malformed" },
  }
  for _, row in ipairs(rows) do
    it(("calls %s %s"):format(row[1], row[3]), function()
      local result, target = link.next(row[2])
      assert.equal(row[3], result)
      assert.equal(row[4], target)
    end)
  end
end)

-- The same grammar as patterns over strings: slow, and written without a look at the other.
local function judge(text)
  local at, found = 1, nil
  local function match(pattern)
    local from, to, piece = text:find("^" .. pattern, at)
    if from then at = to + 1 end
    return from and (piece or true)
  end
  local function value()
    if not match '"' then return match '([^ \t,;"<>\\]+)' end
    local bytes = {}
    while not match '"' do
      local byte = match "\\(.)" or match '([^"\\])'
      if not byte then return nil end
      bytes[#bytes + 1] = byte
    end
    return table.concat(bytes)
  end
  local function parameters()
    local rel, anchor
    while match "[ \t]*;[ \t]*" do
      local name = match "([%w!#$%%&'*+%-.^_`|~]+)"
      local content = ""
      if name and match "[ \t]*=[ \t]*" then content = value() end
      if not content then return nil end
      name = name and name:lower()
      if name == "rel" then rel = rel or content:lower() end
      anchor = anchor or name == "anchor"
    end
    return { next = not anchor and rel and (" " .. rel:gsub("\t", " ") .. " "):find " next " }
  end
  repeat
    match "[ \t]*"
    if at <= #text and text:sub(at, at) ~= "," then
      local target = match "<([^>]*)>"
      local link_parameters = target and parameters()
      if not link_parameters then return "malformed" end
      if link_parameters.next then found = found or target end
      match "[ \t]*"
    end
  until not match ","
  if at <= #text then return "malformed" end
  return found and "found" or "absent", found
end

describe("link.next beside a judge", function()
  local pieces = {
    "<", ">", "</y>", "</z>", ";", ";", "; ", ",", ", ", "=", '"', "\\", " ", "\t", "x",
    "rel", "rel=next", "; rel=next", '; rel="next"', "; rel=prev", "next", "prev next",
    "anchor", "; anchor=x", "title", '; title="a, b"',
  }
  it("agrees on random pieces", function()
    math.randomseed(8288)
    local seen = { found = 0, absent = 0, malformed = 0 }
    for _ = 1, 60000 do
      local parts = {}
      for i = 1, math.random(0, 7) do parts[i] = pieces[math.random(#pieces)] end
      local text = (math.random(4) > 1 and "</y>" or "") .. table.concat(parts)
      local result, target = link.next(text)
      local expected, expected_target = judge(text)
      assert.equal(expected, result, text)
      assert.equal(expected_target, target, text)
      seen[result] = seen[result] + 1
    end
    for _, count in pairs(seen) do assert.is_true(count > 1000) end
  end)
end)
