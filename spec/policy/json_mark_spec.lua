local json_mark = require("trailmark_testing").json_mark

describe("json_mark.apply", function()
  local rows = { -- name, text, marked
    { "changes nothing that needs nothing", [[{"a":[1,2.5,-3e2,"x",null,true,{}]}]],
      [[{"a":[1,2.5,-3e2,"x",null,true,{}]}]] },
    { "an empty array", "[]", [["~[]"]] },
    { "an empty array with spaces", "[ \n]", [["~[]"]] },
    { "nested ones", "[[],[[]]]", [==[["~[]",["~[]"]]]==] },
    { "an empty array as a member", [[{"a":[]}]], [[{"a":"~[]"}]] },
    { "a big integer", "[9007199254740993]", [==[["~9007199254740993"]]==] },
    { "a big negative integer", "-18446744073709551616", [["~-18446744073709551616"]] },
    { "not 2^53", "9007199254740992", "9007199254740992" },
    { "not a fraction", "9007199254740993.0", "9007199254740993.0" },
    { "not an exponent", "90071992547409930e1", "90071992547409930e1" },
    { "a string that begins with the mark", [==[["~[]",[]]]==], [==[["~~[]","~[]"]]==] },
    { "an escaped mark", [==[["\u007e[]","\u007E"]]==], [==[["~\u007e[]","~\u007E"]]==] },
    { "not a mark later on", [==[["a~","\\u007e"]]==], [==[["a~","\\u007e"]]==] },
    { "not a name", [[{"~[]":"~","\u007e" : 1}]], [[{"~[]":"~~","\u007e" : 1}]] },
    { "not what a string holds", [==[["[]","\"[]","9007199254740993"]]==],
      [==[["[]","\"[]","9007199254740993"]]==] },
    { "past escaped quotes and backslashes", [==[["\\\"",[],"\\"]]==],
      [==[["\\\"","~[]","\\"]]==] },
    { "keeps whitespace elsewhere", ' [1 , [ ] , "~" ] ', ' [1 , "~[]" , "~~" ] ' },
  }
  for _, row in ipairs(rows) do
    it(row[1], function()
      local marked, bound = json_mark.apply(row[2])
      assert.equal(row[3], marked)
      assert.is_true(#marked <= bound)
    end)
  end

  it("stays within its bound where every byte grows", function()
    local text = "[" .. ("[],9007199254740993,\"~\","):rep(1000) .. "[]]"
    local marked, bound = json_mark.apply(text)
    assert.equal(#marked, bound)
  end)
end)

describe("json_mark.undo", function()
  local rows = { -- name, text, plain
    { "changes nothing that has no mark", [[{"a":[1,"x",{}]}]], [[{"a":[1,"x",{}]}]] },
    { "an empty array", [["~[]"]], "[]" },
    { "a number", [==[["~-1.5e+20",1]]==], "[-1.5e+20,1]" },
    { "a doubled mark", [==[["~~","~~~a"]]==], [==[["~","~~a"]]==] },
    { "not a name", [[{"~[]":"~[]","~~":"~~"}]], [[{"~[]":[],"~~":"~"}]] },
    { "escapes after a doubled mark", [==[["~~\"\\","~[]"]]==], [==[["~\"\\",[]]]==] },
  }
  for _, row in ipairs(rows) do
    it(row[1], function() assert.equal(row[3], json_mark.undo(row[2])) end)
  end

  it("takes back what apply did", function()
    for _, text in ipairs { "[[],[]]", '{"~":"~~[]","b":["~",9007199254740993]}', '"~"', "[]" } do
      assert.equal(text, json_mark.undo((json_mark.apply(text))))
    end
  end)
end)
