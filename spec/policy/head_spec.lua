local head = require("trailmark_testing").head

local MAX_BYTES, MAX_FIELDS, MAX_INTERIM = 65536, 200, 32

-- Lines of a block, with their line ends.
local function block(first, ...)
  local lines = { first .. "\r\n" }
  for _, line in ipairs { ... } do lines[#lines + 1] = line .. "\r\n" end
  lines[#lines + 1] = "\r\n"
  return lines
end

local function joined(...)
  local lines = {}
  for _, some in ipairs { ... } do
    for _, line in ipairs(some) do lines[#lines + 1] = line end
  end
  return lines
end

local function repeated(line, count)
  local lines = {}
  for i = 1, count do lines[i] = line end
  return lines
end

local function read(lines)
  local seen, status, why = head.read(lines)
  assert.is_table(seen, tostring(status) .. ": " .. tostring(why))
  return seen
end

local function refused(kind, pattern, lines)
  local seen, status, why = head.read(lines)
  assert.is_nil(seen)
  assert.equal(kind, status)
  assert.is_truthy(why:find(pattern), why)
end

describe("a status line", function()
  local good = {
    ["HTTP/1.1 200 OK"] = 200,
    ["HTTP/1.0 404 Not Found"] = 404,
    ["HTTP/2 503"] = 503,
    ["HTTP/2 204 "] = 204,
    ["HTTP/1.1 200 \195\164 \127"] = 200,
    ["HTTP/1.1 599 x"] = 599,
    ["HTTP/1.1 299"] = 299,
  }
  for line, status in pairs(good) do
    it(("is read: %q"):format(line), function()
      local seen = read(block(line))
      assert.equal(status, seen.status)
      assert.is_true(seen.complete)
      assert.equal(-1, seen.content_length)
      assert.same({}, seen.fields)
    end)
  end

  it("may end in a bare line feed, as its block may", function()
    assert.is_true(read({ "HTTP/1.1 200 OK\n", "a: b\n", "\n" }).complete)
  end)

  local malformed = { "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 2", "HTTP/1.1 20", "HTTP/1.1 20x",
    "HTTP/1.1 x00", "HTTP/1.1 2x0", "HTTP/1.1 2000", "HTTP/1.1  200", "HTTP/1.1\t200", "200",
    "HTTP/1.1 200OK", "HTTP/1.1 -20", "HTTP/1.1 200\tOK", "name: value", "http/1.1 200 OK",
    "HtTP/1.1 200 OK", "HTTP 200 OK", "HTTP/ 200 OK", "HTTP/x 200 OK", "HTTP/1. 200 OK",
    "HTTP/1.x 200 OK", "HTTP/11 200 OK", "HTTP/1.10 200 OK", "RTSP/1.0 200 OK" }
  for _, line in ipairs(malformed) do
    it(("is refused when malformed: %q"):format(line), function()
      refused("protocol", "malformed", { line .. "\r\n" })
    end)
  end

  it("is refused with a status outside 100 to 599", function()
    for _, status in ipairs { "000", "099", "600", "999" } do
      refused("protocol", "100 to 599", { "HTTP/1.1 " .. status .. " x\r\n" })
    end
  end)

  it("must be there", function()
    refused("protocol", "no status line", { "\r\n" })
    refused("protocol", "no status line", { "\n" })
    refused("protocol", "no status line", { "" })
  end)
end)

describe("a header block", function()
  it("counts only once its blank line was seen", function()
    local seen = read { "HTTP/1.1 200 OK\r\n", "a: b\r\n" }
    assert.is_false(seen.complete)
    assert.is_true(read({ "HTTP/1.1 200 OK\r\n", "a: b\r\n", "\r\n" }).complete)
    assert.is_false(read({}).complete)
  end)

  it("gives its fields back in order, names as they came, values trimmed", function()
    local seen = read(block("HTTP/1.1 200 OK", "B: 1", "a:2", "B:\t 3 \t", "Empty:", "c: x: y",
      "d:  \195\188 \1"))
    assert.same({ { "B", "1" }, { "a", "2" }, { "B", "3" }, { "Empty", "" }, { "c", "x: y" },
      { "d", "\195\188 \1" } }, seen.fields)
  end)

  it("skips lines that are no field", function()
    local seen = read(block("HTTP/1.1 200 OK", "no colon", ": no name", "a b: c", "name : x",
      "\195\188: y", "good: 1", "\1: z"))
    assert.same({ { "good", "1" } }, seen.fields)
  end)

  it("marks a value that was continued on further lines", function()
    local seen = read(block("HTTP/1.1 200 OK", "a: 1", " 2", "\t3", "b: 4", "c:", " 5"))
    assert.same({ { "a", "1\n 2\n\t3", "folded" }, { "b", "4" }, { "c", "\n 5", "folded" } },
      seen.fields)
  end)

  it("continues nothing where nothing came before", function()
    assert.same({ { "a", "1" } }, read(block("HTTP/1.1 200 OK", " x", "\ty", "a: 1")).fields)
  end)

  it("refuses a NUL and a line end inside a line, wherever it stands", function()
    for _, line in ipairs { "a: b\0c\r\n", "\0a: b\r\n", "a\0: b\r\n", "a: b\0\r\n" } do
      refused("protocol", "NUL", { "HTTP/1.1 200 OK\r\n", line })
      refused("protocol", "NUL", joined(block "HTTP/1.1 200 OK", { line }))
    end
    refused("protocol", "NUL", { "HTTP/1.1 200 OK\0\r\n" })
    refused("protocol", "line end", { "HTTP/1.1 200 OK\r\n", "a: b\nc: d\r\n" })
    refused("protocol", "line end", { "HTTP/1.1 200 OK\nx\r\n" })
  end)

  it("ends at 200 fields, trailers counted", function()
    local fields = repeated("a: b\r\n", MAX_FIELDS)
    assert.equal(MAX_FIELDS, #read(joined({ "HTTP/1.1 200 OK\r\n" }, fields, { "\r\n" })).fields)
    refused("protocol", "too many header lines",
      joined({ "HTTP/1.1 200 OK\r\n" }, fields, { "a: b\r\n" }, { "\r\n" }))
    refused("protocol", "too many header lines",
      joined(block "HTTP/1.1 200 OK", fields, { "a: b\r\n" }))
  end)

  it("counts lines that are no field, and continuations, among them", function()
    for _, line in ipairs { "no colon\r\n", " more\r\n" } do
      refused("protocol", "too many header lines",
        joined({ "HTTP/1.1 200 OK\r\n", "a: b\r\n" }, repeated(line, MAX_FIELDS), { "\r\n" }))
    end
  end)

  it("ends at 64 KiB, what is skipped included", function()
    local status = "HTTP/1.1 200 OK\r\n"
    local function filled(line, room)
      return line .. ("x"):rep(room - #status - #line - 4) .. "\r\n"
    end
    for _, line in ipairs { "a: ", "no colon ", " " } do
      assert.is_true(read({ status, filled(line, MAX_BYTES), "\r\n" }).complete)
      refused("too_large", "64 KiB", { status, filled(line, MAX_BYTES + 1), "\r\n" })
    end
    refused("too_large", "64 KiB",
      joined(block "HTTP/1.1 200 OK", { "trailer: " .. ("x"):rep(MAX_BYTES) }))
  end)
end)

describe("Content-Length", function()
  local function with(...) return block("HTTP/1.1 200 OK", ...) end

  it("is read, whatever the letters", function()
    assert.equal(0, read(with "content-length: 0").content_length)
    assert.equal(17, read(with "CONTENT-LENGTH:17 ").content_length)
    assert.equal(-1, read(with "content-lengths: 17").content_length)
  end)

  it("may stand twice when it says the same", function()
    assert.equal(5, read(with("Content-Length: 5", "content-length: 5")).content_length)
  end)

  it("is refused when two differ", function()
    refused("protocol", "differ", with("Content-Length: 5", "content-length: 6"))
    refused("protocol", "differ", with("Content-Length: 0", "content-length: 6"))
  end)

  it("is refused when it is no number", function()
    for _, value in ipairs { "", "x", "5x", "-1", "+5", "5.0", "0x5", "5, 5", "5 5", "1e3",
      "99999999999999999999", "9223372036854775808" } do
      refused("protocol", "not a number", with("Content-Length: " .. value))
    end
  end)
end)

describe("an interim answer", function()
  local interim = block("HTTP/1.1 103 Early Hints", "Link: </x>", "Content-Length: 3")

  it("leaves nothing behind but its count", function()
    local seen = read(joined(interim, block("HTTP/1.1 200 OK", "Content-Length: 4")))
    assert.equal(200, seen.status)
    assert.equal(1, seen.interim)
    assert.equal(4, seen.content_length)
    assert.same({ { "Content-Length", "4" } }, seen.fields)
  end)

  it("is none without an end, and is not the final one", function()
    assert.equal(0, read({ "HTTP/1.1 100 Continue\r\n" }).interim)
    local seen = read(interim)
    assert.is_false(seen.complete)
    assert.equal(0, seen.status)
  end)

  it("comes at most 32 times", function()
    local many = {}
    for _ = 1, MAX_INTERIM do many = joined(many, block "HTTP/1.1 100 Continue") end
    assert.equal(200, read(joined(many, block "HTTP/1.1 200 OK")).status)
    refused("protocol", "interim", joined(many, block "HTTP/1.1 100 Continue"))
  end)

  it("does not eat into the final block's fields", function()
    local fields = repeated("a: b\r\n", MAX_FIELDS)
    local seen = read(joined({ "HTTP/1.1 103 x\r\n" }, fields, { "\r\n", "HTTP/1.1 200 OK\r\n" },
      fields, { "\r\n" }))
    assert.equal(MAX_FIELDS, #seen.fields)
  end)

  it("ends at as many fields as a final one", function()
    refused("protocol", "too many header lines",
      joined({ "HTTP/1.1 103 x\r\n" }, repeated("a: b\r\n", MAX_FIELDS + 1)))
  end)

  it("is bounded together with the others at 64 KiB", function()
    local large = block("HTTP/1.1 103 x", "a: " .. ("x"):rep(33000))
    assert.equal(1, read(large).interim)
    refused("too_large", "64 KiB", joined(large, large))
  end)
end)

describe("trailers", function()
  it("are no fields", function()
    local seen = read(joined(block("HTTP/1.1 200 OK", "a: 1"),
      { "b: 2\r\n", " 3\r\n", "Content-Length: 9\r\n", "HTTP/1.1 500 No\r\n", "\r\n" }))
    assert.same({ { "a", "1" } }, seen.fields)
    assert.equal(200, seen.status)
    assert.equal(-1, seen.content_length)
  end)
end)

describe("any bytes", function()
  it("are read or refused, and no field is made of them that was not there", function()
    local seed = 1
    local function random(most)
      seed = (seed * 16807) % 2147483647
      return seed % most + 1
    end
    local pieces = { "a", "bc", ":", ": ", " ", "\t", "\r", "\n", "Content-Length: 5", "\255",
      "\0", "x", "HTTP/1.1 100" }
    local odd = { [7] = true, [8] = true, [11] = true } -- these end most heads
    local complete = 0
    for _ = 1, 3000 do
      local lines = { "HTTP/1.1 200 OK\r\n" }
      for i = 2, random(8) do
        local line = {}
        for j = 1, random(5) do
          local piece = random(#pieces)
          if odd[piece] then piece = random(#pieces) end
          line[j] = pieces[piece]
        end
        lines[i] = table.concat(line) .. "\r\n"
      end
      lines[#lines + 1] = "\r\n"
      local all = table.concat(lines)
      local seen, status, why = head.read(lines)
      if seen then
        if seen.complete then complete = complete + 1 end
        for _, field in ipairs(seen.fields) do
          assert.is_truthy(all:find(field[1] .. ":", 1, true))
          assert.is_truthy(field[3] or all:find(field[2], 1, true))
        end
      else
        assert.equal("protocol", status)
        assert.is_string(why)
      end
    end
    assert.is_true(complete > 1000)
  end)
end)
