-- Counts what busted ran and says so in one line a machine can read. With TRAIL_RESULT in the
-- environment the counts go to that file too, as "PASSED FAILED". `make check` puts "0 1" there
-- before it starts: a suite that dies half-way leaves a failure behind, not an absence.
--
-- An error outside a test (a file that does not load, a setup that raises) counts as a failure. So
-- does a run that found no test at all.

local busted = require "busted"

local count = { success = 0, failure = 0, pending = 0 }

local function outside_a_test(element)
  if element.descriptor ~= "it" then count.failure = count.failure + 1 end
  return nil, true
end

busted.subscribe({ "test", "end" }, function(_, _, status)
  local name = status == "error" and "failure" or status
  count[name] = count[name] + 1
  return nil, true
end)
busted.subscribe({ "failure" }, outside_a_test)
busted.subscribe({ "error" }, outside_a_test)

local function write(path, text)
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  assert(file:close())
end

busted.subscribe({ "exit" }, function()
  if count.success + count.failure + count.pending == 0 then
    print("no spec was found, or none matched the filter")
    count.failure = 1
  end
  print(("%s: %d passed, %d failed, %d pending"):format(
    os.getenv("TRAIL_SUITE") or _VERSION, count.success, count.failure, count.pending))
  local path = os.getenv("TRAIL_RESULT")
  if path then write(path, count.success .. " " .. count.failure .. "\n") end
  if count.failure > 0 then os.exit(1, true) end
  return nil, true
end)
