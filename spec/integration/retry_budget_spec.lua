--- The retry budget over real sockets: a server that is down is asked little more than callers ask.

local sandbox = require "trailmark.sandbox"

describe("the retry budget", function()
  local sb

  before_each(function() sb = assert(sandbox.start { limit = 100000 }) end)
  after_each(function() sb:stop() end)

  it("lets a server that only says 503 be asked 36 times more at most, over 1,000 calls", function()
    sb:script { { status = 503, times = 5000 } }
    local tm = sb:client { backoff = { base = 0.0001, cap = 0.0001 } }
    local attempts = 0
    for _ = 1, 1000 do
      local data, err = tm:get("/workspaces/me")
      assert.is_nil(data)
      assert.equal("server", err.kind)
      attempts = attempts + err.attempts
    end
    assert.is_true(attempts > 1000, "nothing was retried")
    assert.is_true(attempts <= 1036, attempts .. " attempts")
    tm:close()
  end)

  it("does not stand in the way where one call in a hundred fails", function()
    local tm = sb:client { backoff = { base = 0.0001, cap = 0.0001 } }
    local succeeded = 0
    for i = 1, 2000 do
      if i % 100 == 0 then sb:script { { status = 503 } } end
      if tm:get("/workspaces/me") then succeeded = succeeded + 1 end
    end
    assert.is_true(succeeded >= 1998, succeeded .. " of 2000")
    tm:close()
  end)
end)
