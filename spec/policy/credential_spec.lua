local credential = require("trailmark_testing").credential

local function refused(pattern, given)
  local key, text = credential.check(given)
  assert.is_nil(key)
  assert.is_truthy(text:find(pattern), text)
end

describe("a key", function()
  it("is every visible ASCII byte", function()
    local visible = {}
    for code = 0x21, 0x7e do visible[#visible + 1] = string.char(code) end
    local all = table.concat(visible)
    assert.equal(all, credential.check(all))
    assert.equal("x", credential.check("x"))
  end)

  it("is trimmed of whitespace around it", function()
    for _, space in ipairs { " ", "\t", "\n", "\v", "\f", "\r", "\r\n", " \n\t \r\n" } do
      assert.equal("tm_live_x", credential.check(space .. "tm_live_x"))
      assert.equal("tm_live_x", credential.check("tm_live_x" .. space))
      assert.equal("tm_live_x", credential.check(space .. "tm_live_x" .. space))
    end
  end)

  it("is not empty", function()
    for _, given in ipairs { "", " ", "\n", " \t\r\n\v\f " } do refused("empty", given) end
    refused("empty", nil)
  end)

  it("holds no byte that could end its line or is not ASCII, wherever it stands", function()
    for code = 0, 255 do
      local byte = string.char(code)
      local inner = "a" .. byte .. "b"
      if code == 32 or (code >= 9 and code <= 13) then
        refused("whitespace", inner)
      elseif code < 32 or code == 127 then
        for _, given in ipairs { inner, byte .. "b", "a" .. byte } do refused("control", given) end
      elseif code > 127 then
        for _, given in ipairs { inner, byte .. "b", "a" .. byte } do refused("ASCII", given) end
      else
        assert.equal(inner, credential.check(inner))
      end
    end
  end)

  it("is at most 8192 bytes long, what is trimmed not counted", function()
    local longest = ("k"):rep(8192)
    assert.equal(longest, credential.check(longest))
    assert.equal(longest, credential.check("  " .. longest .. "\n"))
    refused("longer than 8192", longest .. "k")
  end)

  it("never stands in the text that refuses it", function()
    for _, given in ipairs { "canary key", "canary\1", "canary\255", ("canary"):rep(2000) } do
      local _, text = credential.check(given)
      assert.is_nil(text:find("canary", 1, true))
    end
  end)

  it("is known by its prefix, in full and in its own letters", function()
    for _, key in ipairs { "tm_live_", "tm_live_x" } do
      assert.is_true(credential.is_prefixed(key))
    end
    for _, key in ipairs { "", "tm_live", "TM_LIVE_x", "xtm_live_x", "tm_test_x" } do
      assert.is_false(credential.is_prefixed(key))
    end
    assert.is_false(credential.is_prefixed(nil))
  end)

  it("has a text for every verdict, and for a number that is none", function()
    assert.equal("can be sent", credential.text(0))
    for _, number in ipairs { 6, 99, -1 } do
      assert.equal("cannot be sent", credential.text(number))
    end
  end)
end)
