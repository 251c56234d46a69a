-- JSON through calls: integers, null, empty arrays, large numbers, and what cannot be encoded.
-- The codec itself: spec/lua/json_spec.lua.

local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"
local raises = require "spec.support.raises"

local sb, tm
setup(function()
  sb = assert(sandbox.start { limit = 1000000 })
  tm = assert(sb:client { retries = 0 })
end)
teardown(function()
  tm:close()
  sb:stop()
end)
before_each(function() sb:reset() end)

local HAS_INTEGERS = math.type ~= nil

local function answered(body)
  sb:script { { status = 200, body = body } }
  return tm:get("/echo")
end

--- What a body is on the wire.
local function sent(body)
  local echo, err = tm:post("/echo", body, {})
  return assert(echo, tostring(err)).body
end

describe("a decoded answer", function()
  it("has integers where the text has", function()
    local answer = answered '{"id":14,"n":-3,"price":1.5,"whole":2.0}'
    assert.equal("/x/14", "/x/" .. answer.id)
    assert.equal("-3", tostring(answer.n))
    assert.equal(1.5, answer.price)
    assert.equal(2, answer.whole)
    if HAS_INTEGERS then assert.equal("integer", math.type(answer.id)) end
  end)

  it("has large integers exactly", function()
    local answer = answered '[9007199254740993,-9223372036854775808,9223372036854775807,18446744073709551616]'
    local shown = {}
    for i, value in ipairs(answer) do shown[i] = tostring(value) end
    assert.same({ "9007199254740993", "-9223372036854775808", "9223372036854775807", "18446744073709551616" }, shown)
    if HAS_INTEGERS then
      assert.equal("integer", math.type(answer[1]))
      assert.equal(math.mininteger, answer[2])
    else
      assert.is_string(answer[1])
    end
    assert.is_string(answer[4])
  end)

  it("has null, and arrays that stay arrays", function()
    local answer = answered '{"none":null,"list":[],"object":{},"deep":{"list":[[]]}}'
    assert.equal(trailmark.null, answer.none)
    local again = trailmark.decode(sent(answer))
    assert.same(answer, again)
    assert.equal("[]", trailmark.encode(answer.list))
    assert.equal("{}", trailmark.encode(answer.object))
    assert.equal("[[]]", trailmark.encode(answer.deep.list))
  end)

  it("is refused where it is not strictly JSON", function()
    for _, body in ipairs { "{", "[1,]", "NaN", "0x10", "{'a':1}", "1 2", "[01]", '"\255"', '"\1"', "nul" } do
      local data, err = answered(body)
      assert.is_nil(data, body)
      assert.equal("decode", err.kind)
      assert.equal(body, err.body)
    end
  end)

  it("is refused where it is nested without end", function()
    local _, err = answered(("["):rep(200) .. ("]"):rep(200))
    assert.equal("decode", err.kind)
    assert.is_table((answered(("["):rep(100) .. ("]"):rep(100))))
  end)
end)

describe("an encoded body", function()
  it("says arrays, empty or not, objects and null", function()
    assert.equal('{"a":[]}', sent { a = trailmark.array {} })
    assert.equal('{"a":{}}', sent { a = {} })
    assert.equal("[1,2]", sent { 1, 2 })
    assert.equal("[1]", sent(trailmark.array { 1 }))
    assert.equal("[null]", sent { trailmark.null })
    assert.equal("{}", sent {})
  end)

  it("keeps numbers as they are", function()
    assert.equal("[14]", sent { 14 })
    assert.equal("[14]", sent { 14.0 })
    assert.equal("[1234567890123456]", sent { 1234567890123456 })
    assert.equal("[9007199254740992]", sent { 2 ^ 53 })
    assert.equal(0.1, trailmark.decode(sent { 0.1 })[1])
    assert.equal(0.1 + 0.2, trailmark.decode(sent { 0.1 + 0.2 })[1])
    if HAS_INTEGERS then assert.equal("[9223372036854775807]", sent { math.maxinteger }) end
  end)

  local cycle = {}
  cycle[1] = cycle
  local rows = {
    { "a function", { a = { { f = print } } }, "a%[1%]%.f" },
    { "a coroutine", { coroutine.create(function() end) }, "%[1%]" },
    { "NaN", { n = 0 / 0 }, "n" }, { "infinity", { list = { 1, -math.huge } }, "list%[2%]" },
    { "a circle", cycle, "%[1%]" }, { "mixed keys", { a = { 1, b = 2 } }, "a" },
    { "a hole", { list = { [1] = 1, [3] = 3 } }, "list" }, { "broken UTF-8", { s = "a\255" }, "s" },
    { "a boolean key", { [true] = 1 }, "boolean" }, { "userdata", { io.stdout }, "%[1%]" },
  }
  for _, row in ipairs(rows) do
    it("is refused with the place of " .. row[1], function()
      local data, err = tm:put("/echo", row[2])
      assert.is_nil(data)
      assert.equal("argument", err.kind)
      assert.equal("not_sent", err.outcome)
      assert.matches("^body: .*" .. row[3], err.message)
      assert.same({}, sb:log())
    end)
  end

  it("that is nested without end is refused", function()
    local deep = {}
    for _ = 1, 200 do deep = { deep } end
    assert.equal("argument", select(2, tm:post("/echo", deep)).kind)
  end)
end)

describe("trailmark.array", function()
  it("returns its table, marked", function()
    local t = { 1 }
    assert.equal(t, trailmark.array(t))
    assert.equal(t, trailmark.array(t))
    assert.equal("[]", trailmark.encode(trailmark.array {}))
  end)

  it("refuses what has another metatable, and what is no table", function()
    raises("another metatable", function() trailmark.array(setmetatable({}, {})) end)
    raises("table expected", function() trailmark.array(nil) end)
  end)
end)

describe("trailmark.encode and trailmark.decode", function()
  it("are the client's own", function()
    assert.equal('{"a":[]}', trailmark.encode { a = trailmark.array {} })
    assert.same({ a = 1 }, trailmark.decode '{"a":1}')
    assert.is_false(trailmark.decode "false")
    assert.equal(trailmark.null, trailmark.decode "null")
  end)

  it("return nil and a message for what is refused", function()
    local text, problem = trailmark.encode { f = print }
    assert.is_nil(text)
    assert.matches("f", problem)
    local value, why = trailmark.decode "{"
    assert.is_nil(value)
    assert.is_string(why)
  end)

  it("leave the settings of everybody else's cjson alone", function()
    local cjson = require "cjson"
    local before = { cjson.encode { 0.1 }, cjson.encode {}, cjson.encode_max_depth(), cjson.decode_max_depth() }
    tm:post("/echo", { 1 / 3 })
    assert.same(before, { cjson.encode { 0.1 }, cjson.encode {}, cjson.encode_max_depth(), cjson.decode_max_depth() })
  end)
end)
