-- Creates a contact for each row of a CSV file (name,email), with a progress bar.
--
--     lua5.4 spec/examples/import.lua people.csv
--
-- Needs TRAILMARK_API_KEY, and in a clone LUA_PATH and LUA_CPATH as the README's first section has
-- them. Ends with 0 when every row has its contact; with 1 otherwise, each failed row on stderr.
--
-- It is safe to run again with the same file, after a failure, a Ctrl-C or a kill: the idempotency
-- key of a row comes from the row, so the service answers for a row that it knows with the contact
-- it made then. Leave rows as they are between two runs: another row under a known key is refused.

local trailmark = require "trailmark"

local function stop(message)
  io.stderr:write(tostring(message), "\n")
  os.exit(1)
end

local function read_rows(path)
  local file, problem = io.open(path)
  if not file then stop(problem) end
  local rows = {}
  for line in file:lines() do
    local name, email = line:match("^([^,]+),([^,%s]+)%s*$")
    if not name then stop(("%s:%d: not name,email: %s"):format(path, #rows + 1, line)) end
    rows[#rows + 1] = { name = name, email = email }
  end
  file:close()
  return rows
end

local function creation(row)
  return {
    method = "POST", path = "/contacts", body = row,
    idempotency_key = "people-import-" .. row.email,
  }
end

local shown

local function draw(progress)
  local percent = math.floor(100 * progress.done / progress.total)
  if percent == shown then return end
  shown = percent
  local bar = ("#"):rep(math.floor(percent / 2.5))
  io.stderr:write(("\r[%-40s] %d of %d, %d failed, %4.0f s left "):format(
    bar, progress.done, progress.total, progress.failed, progress.eta or 0))
end

local rows = read_rows(arg[1] or stop("usage: import.lua people.csv"))
local tm, err = trailmark.new()
if not tm then stop(err) end

local failures, summary = tm:map(rows, creation, { on_progress = draw, keep = "failed" })
io.stderr:write("\n")
for i = 1, #rows do
  if failures[i] then io.stderr:write(("row %d: %s\n"):format(i, tostring(failures[i].err))) end
end
print(("%d of %d rows have their contact"):format(summary.done - summary.failed, #rows))
os.exit(summary.failed == 0 and 0 or 1)
