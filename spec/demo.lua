-- `make demo`: walks the Trailmark guide against the sandbox, a local server of the library's own.
-- `make demo LIVE=1`: the steps that only read, against the real service, with a key of yours.
--
-- A step is a piece of code and what it must lead to. The code is printed, then that very string is
-- run, as if typed at Lua's prompt: globals carry over to the next step. A step that does not lead
-- to what it must ends the demo with the reason and exit status 1.
-- A key in the environment is used with LIVE=1 and never otherwise.

local COLUMNS = 92

-- Steps against the sandbox -----------------------------------------------------------------------

local first_request = {
  title = "The first request: the workspace of a key, as a Lua table",
  code = [[
trailmark = require "trailmark"
tm = trailmark.assert(trailmark.new { key = sandbox.key, base_url = sandbox.url })

workspace = trailmark.assert(tm:workspace())
dump(workspace)]],
  expect = function(got)
    return type(got.workspace.id) == "string" and type(got.workspace.members_count) == "number",
      "the workspace has no id or no members_count"
  end,
}

local write = {
  title = "A write: POST carries an idempotency key, so sending it again creates nothing twice",
  code = [[
ada = { name = "Ada", email = "ada@example.com" }
contact, err, response = trailmark.assert(tm:post("/contacts", ada))
print("created", contact.id, "under the key", response.idempotency_key)

same_key = { idempotency_key = response.idempotency_key }
again = trailmark.assert(tm:post("/contacts", ada, same_key))
print("repeated:", again.id, "again; contacts in all:", sandbox:contacts())]],
  expect = function(got)
    return got.contact.id == got.again.id and got.sandbox:contacts() == 1,
      "the second POST under one idempotency key made a second contact"
  end,
}

-- What every step of a failure must lead to.
local function fails_with(kind, status)
  return function(got)
    local err = got.err
    if type(err) ~= "table" then return false, "the call did not fail" end
    return err.kind == kind and err.status == status and err.hint ~= nil,
      ("expected %s, status %d, with a hint"):format(kind, status)
  end
end

local errors = {
  {
    title = "401: the key is wrong or revoked",
    code = [[
stranger = trailmark.new { key = "tm_live_revoked_long_ago", base_url = sandbox.url }
workspace, err = stranger:workspace()
print(err)]],
    expect = fails_with("unauthorized", 401),
  },
  {
    title = "403: the key's scope is too small",
    code = [[
reader = trailmark.new { key = sandbox:make_key("read:workspace"), base_url = sandbox.url }
contact, err = reader:post("/contacts", { name = "Grace" })
print(err)]],
    expect = fails_with("forbidden", 403),
  },
  {
    title = "404: no such thing in this workspace",
    code = [[
contact, err = tm:get("/contacts/{id}", nil, { params = { id = "ct_404" } })
print(err)]],
    expect = fails_with("not_found", 404),
  },
  {
    title = "429: over the rate limit, and the wait the service asks for is beyond our deadline",
    code = [[
sandbox:script { { status = 429, headers = { ["Retry-After"] = "30" } } }
local unpaced = sandbox:client { pace = "off" }  -- tm itself would not run into a 429
workspace, err = unpaced:get("/workspaces/me", nil, { deadline = 5 })
print(err)]],
    expect = fails_with("rate_limited", 429),
  },
  {
    title = "5xx: the service fails and goes on failing; did the POST happen? Repeating it is safe",
    code = [[
sandbox:script { { status = 503, times = 2 } }
contact, err = tm:post("/contacts", { name = "Grace" }, { retries = 1 })
print(err)]],
    expect = fails_with("server", 503),
  },
}

local recovery = {
  title = "Most failures never reach you: two 503, then an answer",
  code = [[
watched = trailmark.new { key = sandbox.key, base_url = sandbox.url,
  on_event = function(event)
    if event.type == "retry" then
      print(("attempt %d: %d, next in %.2f s"):format(event.attempt, event.status, event.wait))
    end
  end }
sandbox:script { { status = 503, times = 2 } }
workspace, err, response = watched:workspace()
print(("attempt %d: %d, %s"):format(response.attempts, response.status, workspace.name))]],
  expect = function(got)
    return got.response and got.response.attempts == 3,
      "the call did not succeed at the third attempt"
  end,
}

local rate = {
  title = "The rate limit, as the last answer told it",
  code = [[
dump(tm:rate())]],
  expect = function(got)
    local now = got.tm:rate()
    return now and now.limit and now.remaining and now.resets_in, "the rate limit is not known"
  end,
}

-- Steps against the real service ------------------------------------------------------------------

local live_request = {
  title = "The workspace of your key, as a Lua table",
  code = [[
trailmark = require "trailmark"
tm = trailmark.assert(trailmark.new())

workspace, err, response = tm:workspace()
dump(trailmark.assert(workspace, err))
print(response.status, response.url, ("%.3f s"):format(response.elapsed))]],
  expect = function(got) return type(got.workspace) == "table", "the answer is no table" end,
}

-- Printing ----------------------------------------------------------------------------------------

-- Plain Lua cannot ask whether its output is a terminal; the shell can.
local function is_terminal()
  local answer = os.execute("test -t 1")
  return answer == true or answer == 0
end

local function wants_colour()
  local no_colour = os.getenv("NO_COLOR")
  return (no_colour == nil or no_colour == "") and os.getenv("TERM") ~= "dumb" and is_terminal()
end

local STYLES = { title = "1", code = "36", gutter = "2" }
local coloured = wants_colour()

local function styled(style, text)
  return coloured and ("\27[%sm%s\27[0m"):format(STYLES[style], text) or text
end

local function say(...)
  io.stdout:write(table.concat { ... }, "\n")
end

-- A space at which no line is broken, until the line is printed.
local GLUE = "\1"

-- Breaks a line between words; what follows the first part stands a little deeper.
local function wrapped(text, width)
  local lines, line = {}, nil
  for space, word in text:gmatch("(%s*)(%S+)") do
    if line and #line + #space + #word > width then
      lines[#lines + 1], line = line, "  " .. word
    else
      line = (line or "") .. space .. word
    end
  end
  lines[#lines + 1] = line or ""
  for i = 1, #lines do lines[i] = lines[i]:gsub(GLUE, " ") end
  return lines
end

-- An error's one line, a part of it on each.
local function unfolded(text)
  if not ("\n" .. text):find("\ntrailmark: ") then return text end
  local function glued(part) return (part:gsub(" ", GLUE)) end
  text = text:gsub("in [%d.]+ s %b()", glued):gsub("%b[]$", glued)
  return (text:gsub("; ", ";\n  "))
end

-- The lines that show a text, or an error.
local function shown(text, width)
  local lines = {}
  for line in (unfolded(text) .. "\n"):gmatch("([^\n]*)\n") do
    for _, piece in ipairs(wrapped(line, width)) do lines[#lines + 1] = piece end
  end
  return lines
end

-- `print` as the steps know it.
local function print_output(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = tostring((select(i, ...))) end
  for _, line in ipairs(shown(table.concat(parts, " "), COLUMNS - 4)) do
    say(styled("gutter", "  | "), line)
  end
end

-- Names in order, but for those one looks for first.
local function names_of(value)
  local names = {}
  for name in pairs(value) do names[#names + 1] = name end
  local first = { id = 1, name = 2, limit = 1, remaining = 2 }
  table.sort(names, function(a, b)
    local rank_a, rank_b = first[a] or 3, first[b] or 3
    if rank_a ~= rank_b then return rank_a < rank_b end
    return tostring(a) < tostring(b)
  end)
  return names
end

local function literal(value)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) == "number" and value % 1 ~= 0 then return ("%.1f"):format(value) end
  return tostring(value)
end

-- A table as a line or two of Lua.
local function dump(value)
  local parts = {}
  for i, name in ipairs(names_of(value)) do
    parts[i] = (name .. " = " .. literal(value[name])):gsub(" ", GLUE)
  end
  print_output("{ " .. table.concat(parts, ", ") .. " }")
end

-- Running -----------------------------------------------------------------------------------------

-- `code` with `got` for its globals; on every Lua.
local function compile(code, got)
  local rest = code
  local chunk = assert(load(function()
    local piece = rest
    rest = nil
    return piece
  end, "=demo", "t", got))
  if setfenv then setfenv(chunk, got) end
  return chunk
end

local function run_step(step, got)
  say()
  say(styled("title", step.title))
  for line in (step.code .. "\n"):gmatch("([^\n]*)\n") do
    say(line == "" and "" or "    " .. styled("code", line))
  end
  got.err, got.response = nil, nil
  compile(step.code, got)()
  local fine, reason = step.expect(got)
  if not fine then error(reason, 0) end
end

local function run_steps(steps, sandbox)
  local got = setmetatable({ sandbox = sandbox, print = print_output, dump = dump },
    { __index = _G })
  for _, step in ipairs(steps) do
    local fine, problem = pcall(run_step, step, got)
    if not fine then
      local reason = tostring(problem):gsub("^demo:%d+: trailmark:", "trailmark:")
      return nil, ("Stopped at: %s\n%s"):format(step.title, reason)
    end
  end
  return true
end

local function walk_the_guide()
  -- What is set for the real service must not reach the sandbox's clients.
  local getenv = os.getenv
  os.getenv = function(name) -- luacheck: ignore 122
    return not name:find("^TRAILMARK_") and getenv(name) or nil
  end
  local sandbox, problem = require("trailmark.sandbox").start()
  if not sandbox then return nil, problem end
  say("A local Trailmark runs at ", sandbox.url, "; nothing leaves this machine.")
  say("Each block is code that runs now; the lines with | are what it prints.")
  local steps = { first_request, write }
  for _, step in ipairs(errors) do steps[#steps + 1] = step end
  steps[#steps + 1], steps[#steps + 2] = recovery, rate
  local fine, reason = run_steps(steps, sandbox)
  sandbox:stop()
  if not fine then return nil, reason end
  say()
  say("Next: README.md. With a key of yours: TRAILMARK_API_KEY=tm_live_... make demo LIVE=1")
  return true
end

local function go_live()
  local tm, err = require("trailmark").new()
  if not tm then return nil, "make demo LIVE=1 needs a key of yours.\n" .. tostring(err) end
  local address = tostring(tm):match("%((.*)%)")
  tm:close()
  say("This asks ", address, " with your key. It reads and changes nothing.")
  return run_steps { live_request, rate }
end

-- The mode is asked for in so many words; what is neither is a mistake, not a default.
local MODES = { [""] = walk_the_guide, ["0"] = walk_the_guide, ["1"] = go_live }
local live = os.getenv("LIVE") or ""
local run = MODES[live] or function()
  return nil, ('LIVE is 1 or nothing, not "%s"'):format(live)
end

io.stdout:setvbuf("line")
local ok, problem = run()
if not ok then
  io.stderr:write("\n", table.concat(shown(problem, COLUMNS), "\n"), "\n")
  os.exit(1)
end
