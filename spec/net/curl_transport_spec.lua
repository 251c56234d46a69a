local transport = require("trailmark_testing").transport

local NOBODY = "http://127.0.0.1:1/" -- tcpmux: nothing listens there

describe("the transport over libcurl", function()
  it("tells that a connection was refused, and that nothing was sent", function()
    local failure, sent, message = transport.get(NOBODY)
    assert.equal("network", failure)
    assert.is_false(sent)
    assert.is_truthy(message:find("127.0.0.1", 1, true))
  end)

  it("ends a transfer that was only just begun, and never hands it out", function()
    local _, sent, message, fetched = transport.cancel_at_once(NOBODY)
    assert.is_false(sent)
    assert.is_truthy(#message > 0)
    assert.is_false(fetched)
  end)

  it("ends a transfer that has finished but was not fetched, and never hands it out", function()
    local failure, sent, message, again, next_came = transport.cancel_finished(NOBODY)
    assert.equal("network", failure)
    assert.is_false(sent)
    assert.is_truthy(message:find("127.0.0.1", 1, true))
    assert.is_false(again)
    assert.is_true(next_came)
  end)

  it("may be destroyed with transfers under way and finished ones that nobody fetched", function()
    transport.leave(NOBODY, 5)
    transport.leave(NOBODY, 0)
  end)
end)
