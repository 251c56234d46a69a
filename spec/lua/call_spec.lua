-- One call's own parts: the lines of its headers and the errors of what cannot be sent. What calls do as a whole:
-- spec/contract.

local call = require "trailmark.call"

local function lines(given)
  local list = {}
  for line in call.header_lines(given):gmatch("([^%z]*)%z") do list[#list + 1] = line end
  return list
end

describe("header_lines", function()
  it("are sorted, and each ends with NUL", function()
    assert.equal("A: 1\0B: 2\0Content-Type: text/csv\0Expect:\0",
      call.header_lines { b = "B: 2", a = "A: 1", ["content-type"] = "Content-Type: text/csv" })
  end)

  it("tell libcurl to add no Content-Type and no Expect", function()
    assert.same({ "Content-Type:", "Expect:" }, lines {})
  end)

  it("leave what is given as it was", function()
    local given = { a = "A: 1" }
    call.header_lines(given)
    assert.same({ a = "A: 1" }, given)
  end)
end)

describe("argument", function()
  it("is the error of what was never sent", function()
    local err = call.argument("path is empty", "GET", "/x?key=secret")
    assert.equal("argument", err.kind)
    assert.equal("not_sent", err.outcome)
    assert.equal("GET", err.method)
    assert.equal("/x", err.path)
    assert.is_false(err.retryable)
    assert.equal("trailmark: GET /x: path is empty [argument]", tostring(err))
  end)
end)
