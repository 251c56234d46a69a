-- Writes every contact as a line of JSON, with progress, and goes on where it was interrupted.
--
--     lua5.4 spec/examples/export.lua contacts.jsonl
--
-- Needs TRAILMARK_API_KEY, and in a clone LUA_PATH and LUA_CPATH as the README's first section has
-- them. Ends with 0 when all are written; with 1 otherwise, and why on stderr: run it again then.
--
-- After each page contacts.jsonl.next says how long the file is by then and where the list goes on.
-- The next run begins there, and writes over what an interrupted one wrote beyond.

local trailmark = require "trailmark"

-- Puts the bytes written and the next page's place in the old file's stead, whole or not at all.
local function save(path, bytes, next_page)
  local file = assert(io.open(path .. ".new", "w"))
  assert(file:write(("%d %s\n"):format(bytes, next_page)))
  assert(file:close())
  assert(os.rename(path .. ".new", path))
end

local function load_saved(path)
  local file = io.open(path)
  if not file then return 0, nil end
  local bytes, next_page = file:read("*l"):match("^(%d+) (.+)$")
  file:close()
  return tonumber(bytes), next_page
end

local function export(path)
  local tm = trailmark.assert(trailmark.new())
  local bytes, start = load_saved(path .. ".next")
  local out = assert(io.open(path, start and "r+" or "w"))
  assert(out:seek("set", bytes))
  local count = 0
  local opts = { paginate = { start = start } }
  for contacts, page in tm:pages("/contacts", { limit = 100 }, opts) do
    for _, contact in ipairs(contacts) do
      assert(out:write(trailmark.encode(contact), "\n"))
    end
    assert(out:flush())
    if page.next then save(path .. ".next", out:seek(), page.next) end
    count = count + #contacts
    io.stderr:write(("\r%d contacts%s"):format(count, start and " more" or ""))
  end
  assert(out:close())
  os.remove(path .. ".next")
end

local path = arg[1]
if not path then
  io.stderr:write("usage: export.lua contacts.jsonl\n")
  os.exit(1)
end
local ok, err = pcall(export, path) -- a list that breaks off raises the error
io.stderr:write("\n")
if not ok then
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end
