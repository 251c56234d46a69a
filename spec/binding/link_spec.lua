-- What the binding adds to policy/link and net/origin: Lua's strings, and a client.

local core = require "trailmark.core"
local trailmark = require "trailmark"

describe("next_link", function()
  it("tells a link, none, and a header that cannot be read apart", function()
    assert.same({ "/x?p=2" }, { core.next_link("</x?p=2>; rel=next") })
    assert.same({ nil, false }, { core.next_link("</x?p=2>; rel=prev") })
    assert.same({ nil, true }, { core.next_link("</x?p=2; rel=next") })
    assert.same({ nil, false }, { core.next_link("") })
    assert.same({ nil, true }, { core.next_link("</x\0>; rel=next") })
  end)
end)

describe("follow_link", function()
  local tm
  setup(function() tm = assert(trailmark.new { key = "tm_live_x", base_url = "http://127.0.0.1:1/v1" }) end)
  teardown(function() tm:close() end)

  it("makes a link absolute, within the client's origin", function()
    local from = "http://127.0.0.1:1/v1/contacts"
    assert.equal("http://127.0.0.1:1/v1/contacts?a=1", core.follow_link(tm.handle, from, "?a=1"))
    local url, why = core.follow_link(tm.handle, from, "http://127.0.0.1:2/v1")
    assert.is_nil(url)
    assert.matches("another origin", why)
  end)

  it("refuses a NUL", function()
    local url, why = core.follow_link(tm.handle, "http://127.0.0.1:1/", "/x\0http://127.0.0.1:2")
    assert.is_nil(url)
    assert.matches("control byte", why)
  end)
end)
