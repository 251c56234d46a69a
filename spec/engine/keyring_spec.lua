-- Where a client's current key comes from, and what follows when it is rejected.

local testing = require "trailmark_testing"
local tmp = require "spec.support.tmp"

local SECOND, MINUTE = 1e6, 60e6
local VARIABLE = "TRAILMARK_SPEC_KEYRING"
local ring, path

before_each(function() ring = testing.keyring.new() end)
after_each(function()
  ring:clear()
  testing.process.setenv(VARIABLE, nil)
  if path then os.remove(path) end
  path = nil
end)

local function file(content)
  path = tmp.file(content)
  assert.equal("ok", ring:use_file(path, 0))
end

local function ok(status) assert.equal("ok", status) end

local function current(now)
  local _, key = ring:authorization(now or 0)
  return key
end

--- The current key is answered by a 401.
local function rejected(now)
  return ring:rejected((ring:authorization(now or 0)), now or 0)
end

local function accepted(now)
  ring:accepted((ring:authorization(now or 0)))
end

describe("a keyring", function()
  it("has no key and no source at first", function()
    assert.is_nil(ring:authorization(0))
    assert.equal("none", ring:look().source)
  end)

  it("tells its source and the source's name", function()
    file "file-key"
    assert.same({ "key_file", path }, { ring:look().source, ring:look().name })
    ok(ring:set("option-key", "option"))
    assert.same({ "option key" }, { ring:look().source, ring:look().name })
    ok(ring:set("function-key", "function"))
    assert.same({ "function key" }, { ring:look().source, ring:look().name })
    testing.process.setenv(VARIABLE, "variable-key")
    ok(ring:use_environment(VARIABLE))
    assert.same({ "environment variable", VARIABLE }, { ring:look().source, ring:look().name })
    assert.equal("variable-key", current())
    assert.equal("unknown", testing.keyring.source_name(99))
  end)

  it("stays as it was when a source gives no key", function()
    ok(ring:set("first", "option"))
    local rows = {
      { ring:set("two words", "function") }, { ring:set("", "option") },
      { ring:use_environment(VARIABLE) }, { ring:use_file("/not/there", 0) },
      { ring:set_fallback "two words" },
    }
    local faults = {
      "the key returned by function key holds whitespace", "key is empty",
      "environment variable " .. VARIABLE .. " is not set",
      "key_file /not/there cannot be read", "fallback_key holds whitespace",
    }
    for i, row in ipairs(rows) do
      assert.equal("config", row[1])
      assert.matches(faults[i], row[2], 1, true)
    end
    local seen = ring:look()
    assert.same({ "first", "option key" }, { seen.current.key, seen.source })
    assert.is_nil(seen.other)
  end)

  it("wipes all of it when it is cleared", function()
    file "file-key"
    ok(ring:set_fallback "fallback")
    ring:clear()
    local seen = ring:look()
    assert.same({ "none", false, false }, { seen.source, seen.swapped, seen.unproven })
    assert.is_nil(seen.current or seen.other or seen.name)
  end)
end)

describe("a file", function()
  it("is looked at when a second has passed, not before", function()
    file "old"
    tmp.replace(path, "new")
    assert.equal("old", current(0))
    assert.equal("old", current(SECOND - 1))
    assert.equal("new", current(SECOND))
    tmp.replace(path, "newer")
    assert.equal("new", current(2 * SECOND - 1))
    assert.equal("newer", current(2 * SECOND))
    assert.is_false(ring:look().unproven)
  end)

  it("that is spoilt or gone leaves its last key", function()
    file "old"
    tmp.replace(path, "not a key")
    assert.equal("old", current(SECOND))
    os.remove(path)
    assert.equal("old", current(2 * SECOND))
    assert.equal("give_up", rejected(2 * SECOND))
    assert.equal("old", current(2 * SECOND))
    tmp.write(path, "new")
    assert.equal("new", current(3 * SECOND))
  end)

  it("is read at a rejection, whenever it was looked at", function()
    file "old"
    tmp.replace(path, "new")
    assert.equal("retry", rejected(1))
    assert.equal("new", current(1))
    assert.is_true(ring:look().unproven)
    accepted(2)
    assert.is_false(ring:look().unproven)
  end)

  it("is read even if it looks the same as before", function()
    file "old" -- written over by the same length within the clock's tick: only its content tells
    tmp.write(path, "new")
    assert.equal("retry", rejected(1))
    assert.equal("new", current(1))
  end)

  it("is read at a rejection again and again", function()
    file "key-1"
    for i = 2, 5 do
      tmp.replace(path, "key-" .. i)
      assert.equal("retry", rejected(i))
      assert.equal("key-" .. i, current(i))
    end
  end)

  it("is read at a rejection although all was given up just before", function()
    file "old"
    assert.equal("give_up", rejected(1))
    tmp.replace(path, "new")
    assert.equal("retry", rejected(2))
    assert.equal("new", current(2))
  end)

  it("does not rule while the fallback key works", function()
    file "old"
    ok(ring:set_fallback "fallback")
    assert.equal("retry", rejected(0))
    accepted(1)
    tmp.replace(path, "new")
    assert.equal("fallback", current(5 * SECOND))
    assert.equal("retry", rejected(5 * SECOND)) -- but is what comes after it
    assert.equal("new", current(5 * SECOND))
    accepted(6 * SECOND)
    tmp.replace(path, "newer")
    assert.equal("newer", current(7 * SECOND))
  end)
end)

describe("a variable", function()
  it("is read at a rejection, not before", function()
    testing.process.setenv(VARIABLE, "old")
    ok(ring:use_environment(VARIABLE))
    testing.process.setenv(VARIABLE, "new")
    assert.equal("old", current(5 * SECOND))
    assert.equal("retry", rejected(5 * SECOND))
    assert.equal("new", current(5 * SECOND))
    testing.process.setenv(VARIABLE, nil)
    assert.equal("give_up", rejected(6 * SECOND))
    assert.equal("new", current(6 * SECOND))
  end)
end)

describe("a rejected key", function()
  it("alone is given up", function()
    ok(ring:set("only", "option"))
    assert.equal("give_up", rejected(0))
    assert.equal("only", current(0))
  end)

  it("that was replaced meanwhile is not mourned", function()
    ok(ring:set("old", "option"))
    local line = ring:authorization(0)
    ok(ring:set("new", "option"))
    assert.equal("retry", ring:rejected(line, 0))
    assert.is_false(ring:look().unproven) -- a key that the caller sets is taken at its word
  end)

  it("gives way to the fallback key, which stays first once it worked", function()
    ok(ring:set("old", "option"))
    ok(ring:set_fallback "fallback")
    assert.equal("retry", rejected(0))
    assert.equal("fallback", current(0))
    assert.is_true(ring:look().swapped)
    assert.is_true(ring:look().unproven)
    accepted(1)
    assert.equal("fallback", current(10 * MINUTE))
    assert.is_false(ring:look().unproven)
  end)

  it("and a rejected fallback key are the end", function()
    ok(ring:set("old", "option"))
    ok(ring:set_fallback "fallback")
    assert.equal("retry", rejected(0))
    assert.equal("give_up", rejected(1))
    assert.equal("give_up", rejected(2))
  end)

  it("is not tried again for a minute", function()
    ok(ring:set("old", "option"))
    ok(ring:set_fallback "fallback")
    assert.equal("retry", rejected(0))
    accepted(1)
    assert.equal("give_up", rejected(MINUTE - 1))
    assert.equal("retry", rejected(2 * MINUTE))
    assert.equal("old", current(2 * MINUTE))
  end)

  it("is given up for all that were sent with it", function()
    ok(ring:set("old", "option"))
    ok(ring:set_fallback "fallback")
    local old = ring:authorization(0)
    assert.equal("retry", ring:rejected(old, 0))
    assert.equal("retry", ring:rejected(old, 0)) -- another call's, which waits for the trial
    assert.equal("give_up", rejected(1))
    assert.equal("give_up", ring:rejected(old, 1))
  end)

  it("that comes back as fallback key is no other key", function()
    ok(ring:set("same", "option"))
    ok(ring:set_fallback "same")
    assert.equal("give_up", rejected(0))
  end)
end)

describe("an answer to another key than the current one", function()
  it("proves nothing", function()
    ok(ring:set("old", "option"))
    ok(ring:set_fallback "fallback")
    local old = ring:authorization(0)
    assert.equal("retry", rejected(0))
    ring:accepted(old)
    assert.is_true(ring:look().unproven)
  end)
end)

describe("a function", function()
  before_each(function() ok(ring:set("old", "function")) end)

  it("is asked at a rejection, and what it gives is on trial", function()
    assert.equal("ask", rejected(0))
    ok(ring:set("new", "function"))
    assert.is_true(ring:look().unproven)
    accepted(1)
    assert.is_false(ring:look().unproven)
    assert.equal("ask", rejected(2)) -- a later rejection is another matter
  end)

  it("that gave a key unasked, for the old one expired, is taken at its word", function()
    ok(ring:set("new", "function"))
    assert.is_false(ring:look().unproven)
  end)

  it("is asked once: the fallback key comes after it, then the end", function()
    ok(ring:set_fallback "fallback")
    assert.equal("ask", rejected(0))
    ok(ring:set("old", "function"))
    assert.equal("retry", rejected(0))
    assert.equal("fallback", current(0))
    assert.equal("give_up", rejected(1))
  end)

  it("is asked once, also where what it gave is rejected too", function()
    assert.equal("ask", rejected(0))
    ok(ring:set("new", "function"))
    assert.equal("give_up", rejected(1))
  end)

  it("that failed is followed by the fallback key", function()
    ok(ring:set_fallback "fallback")
    assert.equal("ask", rejected(0))
    assert.equal("config", (ring:set("two words", "function")))
    assert.equal("retry", rejected(0))
    assert.equal("fallback", current(0))
  end)

  it("is not asked for a second after all was given up", function()
    assert.equal("ask", rejected(0))
    assert.equal("give_up", rejected(0.1 * SECOND))
    assert.equal("give_up", rejected(0.2 * SECOND))
    assert.equal("give_up", rejected(1.0 * SECOND))
    assert.equal("ask", rejected(1.1 * SECOND))
  end)

  it("that says the same while the fallback key works changes nothing", function()
    ok(ring:set_fallback "fallback")
    assert.equal("ask", rejected(0))
    assert.equal("retry", rejected(0))
    accepted(1)
    ok(ring:set("old", "function"))
    assert.equal("fallback", current(2))
    assert.is_true(ring:look().swapped)
  end)

  it("that says another while the fallback key works is first again, and the fallback key stays",
    function()
      ok(ring:set_fallback "fallback")
      assert.equal("ask", rejected(0))
      assert.equal("retry", rejected(0))
      accepted(1)
      ok(ring:set("new", "function"))
      local seen = ring:look()
      assert.same({ "new", "fallback", false }, { seen.current.key, seen.other.key, seen.swapped })
    end)
end)

describe("a fallback function", function()
  before_each(function()
    ok(ring:set("old", "option"))
    ring:fallback_asks()
  end)

  it("is asked at a rejection, and what it gives is on trial", function()
    assert.equal("ask_fallback", rejected(0))
    ok(ring:set_fallback "fallback")
    assert.equal("retry", rejected(0))
    assert.equal("fallback", current(0))
    assert.is_true(ring:look().unproven)
    assert.is_true(ring:look().swapped)
  end)

  it("is asked once", function()
    assert.equal("ask_fallback", rejected(0))
    ok(ring:set_fallback "fallback")
    assert.equal("retry", rejected(0))
    assert.equal("give_up", rejected(1))
  end)

  it("that failed, or said the same key, is the end", function()
    assert.equal("ask_fallback", rejected(0))
    assert.equal("give_up", rejected(0))
    assert.equal("ask_fallback", rejected(2 * SECOND))
    ok(ring:set_fallback "old")
    assert.equal("give_up", rejected(2 * SECOND))
  end)

  it("is asked again when what it gave is rejected later", function()
    assert.equal("ask_fallback", rejected(0))
    ok(ring:set_fallback "fallback-1")
    assert.equal("retry", rejected(0))
    accepted(1)
    local first = ring:authorization(SECOND)
    assert.equal("ask_fallback", ring:rejected(first, SECOND))
    ok(ring:set_fallback "fallback-2")
    assert.equal("retry", ring:rejected(first, SECOND))
    local seen = ring:look()
    assert.same({ "fallback-2", "old", true }, { seen.current.key, seen.other.key, seen.swapped })
    assert.is_true(seen.unproven)
  end)

  it("comes after the function key", function()
    ok(ring:set("old", "function"))
    assert.equal("ask", rejected(0))
    assert.equal("ask_fallback", rejected(0))
    ok(ring:set_fallback "fallback")
    assert.equal("retry", rejected(0))
    assert.equal("give_up", rejected(1))
  end)
end)

describe("a key that the caller sets", function()
  it("is first, whichever was, and the fallback key stays one", function()
    ok(ring:set("old", "option"))
    ok(ring:set_fallback "fallback")
    assert.equal("retry", rejected(0))
    accepted(1)
    ok(ring:set("new", "option"))
    local seen = ring:look()
    assert.same({ "new", "fallback", false }, { seen.current.key, seen.other.key, seen.swapped })
    assert.equal("retry", rejected(2))
    assert.equal("fallback", current(2))
  end)

  it("ends a trial and a giving up", function()
    ok(ring:set("old", "option"))
    ok(ring:set_fallback "fallback")
    local old = ring:authorization(0)
    assert.equal("retry", rejected(0))
    assert.equal("give_up", rejected(1))
    ok(ring:set("new", "option"))
    assert.is_false(ring:look().unproven)
    assert.equal("retry", ring:rejected(old, 2))
    assert.equal("new", current(2))
  end)

  it("may be the rejected one: then it is first again", function()
    ok(ring:set("old", "option"))
    ok(ring:set_fallback "fallback")
    assert.equal("retry", rejected(0))
    accepted(1)
    ok(ring:set("old", "option"))
    assert.equal("old", current(2))
    assert.is_false(ring:look().swapped)
  end)
end)
