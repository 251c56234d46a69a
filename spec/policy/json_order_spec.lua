local json_order = require("trailmark_testing").json_order

describe("json_order.apply", function()
  local rows = { -- name, text, ordered, members
    { "changes nothing without members", "[1,[],{},\"a:b\",-2.5e+20,true,false,null]",
      "[1,[],{},\"a:b\",-2.5e+20,true,false,null]", 0 },
    { "takes a bare value", "-12.5", "-12.5", 0 },
    { "takes a bare string", [["b,a"]], [["b,a"]], 0 },
    { "leaves one member", [[{"a":1}]], [[{"a":1}]], 1 },
    { "leaves what is in order", [[{"a":1,"b":2,"c":3}]], [[{"a":1,"b":2,"c":3}]], 3 },
    { "orders two", [[{"b":1,"a":22}]], [[{"a":22,"b":1}]], 2 },
    { "orders many, of any length", [[{"d":"x","c":[1,2],"bb":null,"b":{},"a":-1}]],
      [[{"a":-1,"b":{},"bb":null,"c":[1,2],"d":"x"}]], 5 },
    { "puts a name before those that it begins", [[{"ab":1,"a":2,"":3}]], [[{"":3,"a":2,"ab":1}]], 3 },
    { "compares bytes", '{"\195\169":1,"z":2,"Z":3,"0":4}', '{"0":4,"Z":3,"z":2,"\195\169":1}', 4 },
    { "orders inside before outside", [[{"b":{"d":1,"c":2},"a":{"f":3,"e":4}}]],
      [[{"a":{"e":4,"f":3},"b":{"c":2,"d":1}}]], 6 },
    { "orders objects in arrays, which stay as they are", [==[[{"b":1,"a":2},[{"d":3,"c":4}],0]]==],
      [==[[{"a":2,"b":1},[{"c":4,"d":3}],0]]==], 4 },
    { "reads past quotes, braces and backslashes", [[{"b":"\",\\","a":"}]{,:","\"":"\\"}]],
      [[{"\"":"\\","a":"}]{,:","b":"\",\\"}]], 3 },
  }
  for _, row in ipairs(rows) do
    it(row[1], function()
      local ordered, count = json_order.apply(row[2])
      assert.equal(row[3], ordered)
      assert.equal(row[4], count)
      assert.equal(ordered, (json_order.apply(ordered)))
    end)
  end

  it("orders as deep as a value can be, and as wide", function()
    local DEPTH, WIDTH = 128, 5000
    local deep = ('{"b":0,"a":'):rep(DEPTH) .. "1" .. ("}"):rep(DEPTH)
    assert.equal(('{"a":'):rep(DEPTH) .. "1" .. (',"b":0}'):rep(DEPTH), (json_order.apply(deep)))

    local up, down = {}, {}
    for i = 1, WIDTH do
      up[i] = ('"%05d":%d'):format(i, i)
      down[WIDTH + 1 - i] = up[i]
    end
    assert.equal("{" .. table.concat(up, ",") .. "}",
      (json_order.apply("{" .. table.concat(down, ",") .. "}")))
  end)
end)
