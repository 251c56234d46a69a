-- Keys over a hand-moved clock.

local keys = require("trailmark.sandbox.server.keys")

describe("keys", function()
  local all
  before_each(function()
    all = keys.new()
    all:add("tm_live_a", "read:workspace", "ws_a")
  end)

  local function check(key, now)
    local found, code = all:check("Bearer " .. key, now or 0)
    return found and found.workspace or code
  end

  it("are good until revoked", function()
    assert.equal("ws_a", check("tm_live_a", 1e9))
    all:revoke("tm_live_a")
    assert.equal("revoked_key", check("tm_live_a", 0))
  end)

  it("overlap when rotated, to the instant", function()
    all:rotate("tm_live_a", "tm_live_b", 105)
    assert.equal("ws_a", check("tm_live_a", 104.999))
    assert.equal("ws_a", check("tm_live_b", 104.999))
    assert.equal("expired_key", check("tm_live_a", 105))
    assert.equal("ws_a", check("tm_live_b", 1e9))
  end)

  it("keep their scope when rotated", function()
    all:rotate("tm_live_a", "tm_live_b", 105)
    local fresh = all:check("Bearer tm_live_b", 100)
    assert.is_true(keys.allows(fresh, "read:workspace"))
    assert.is_false(keys.allows(fresh, "read:write:workspace"))
  end)

  it("that do not exist are neither rotated nor revoked into existence", function()
    all:rotate("tm_live_x", "tm_live_y", 105)
    all:revoke("tm_live_x")
    assert.equal("invalid_key", check("tm_live_x"))
    assert.equal("invalid_key", check("tm_live_y"))
  end)
end)
