-- The README's code runs, each block by itself in a fresh interpreter against a sandbox, and its
-- tables name what there is.
--
-- Where a block has `--> text`, its output is exactly these texts, a line each. A block may be
-- answered with an error status only where it looks at one (`err.kind`).

local options = require "trailmark.options"
local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"

local lua = assert(os.getenv("TRAIL_LUA"), "run the specs with make check")

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- The blocks of a language: { heading =, line =, code = }.
local function blocks_of(text, language)
  local list, heading, block, number = {}, "the top", nil, 0
  for line in text:gmatch("([^\n]*)\n") do
    number = number + 1
    if line == "```" .. language then
      block = { heading = heading, line = number, lines = {} }
    elseif block and line == "```" then
      block.code = table.concat(block.lines, "\n") .. "\n"
      list[#list + 1], block = block, nil
    elseif block then
      block.lines[#block.lines + 1] = line
    else
      heading = line:match("^#+ (.*)$") or heading
    end
  end
  return list
end

local function squeezed(text) return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")) end

local function promised_output(code)
  local list = {}
  for text in code:gmatch("%-%->([^\n]*)") do list[#list + 1] = squeezed(text) end
  return list
end

local function lines_of(text)
  local list = {}
  for line in text:gmatch("([^\n]+)") do list[#list + 1] = squeezed(line) end
  return list
end

-- Runs code in an interpreter of its own; what it wrote, and its exit status.
local function run(code, environment)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(code)
  file:close()
  local unset = "env -u TRAILMARK_API_KEY_FILE -u TRAILMARK_LOG "
  local command = unset .. environment .. quoted(lua) .. " " .. quoted(path)
  local pipe = assert(io.popen("cd / && " .. command .. ' 2>&1; echo "=$?"'))
  local output, status = pipe:read("*a"):match("^(.*)=(%d+)\n$")
  pipe:close()
  os.remove(path)
  return output, tonumber(status)
end

local readme = read "README.md"

describe("README.md", function()
  local sb

  setup(function() sb = assert(sandbox.start()) end)
  teardown(function() sb:stop() end)
  before_each(function() sb:reset() end)

  local blocks = blocks_of(readme, "lua")

  it("begins with code", function()
    assert.truthy(blocks[1] and blocks[1].line < 10 and #blocks[1].lines < 20)
  end)

  for _, block in ipairs(blocks) do
    it(("runs the code of line %d, %s"):format(block.line, block.heading), function()
      local output, status = run(block.code, sb:env())
      assert.equal(0, status, output)
      local promised = promised_output(block.code)
      if #promised > 0 then assert.same(promised, lines_of(output)) end
      local about_errors = block.code:find("err.kind", 1, true)
      for _, entry in ipairs(sb:log()) do
        local line = ("%s %s: %s"):format(entry.method, entry.path, tostring(entry.status))
        assert.truthy(about_errors or entry.status and entry.status < 400, line)
      end
    end)
  end

  it("marks as code in Lua all that is code in Lua, so that it runs", function()
    local fences, lua_fences = 0, 0
    for language in ("\n" .. readme):gmatch("\n```(%l[%l ]*)") do
      fences = fences + 1
      if language == "lua" then lua_fences = lua_fences + 1 end -- "lua haproxy": spec/haproxy runs it
    end
    assert.equal(#blocks, lua_fences)
    local _, all = ("\n" .. readme):gsub("\n```", "")
    assert.equal(all, 2 * fences, "a block does not say its language")
    -- Code that is indented is a synopsis or a command line, and no program.
    for line in readme:gsub("\n```.-\n```", ""):gmatch("\n    ([^\n]*)") do
      assert.falsy(line:find("^local ") or line:find("^%s*end%)?$") or line:find("require", 1, true),
        line)
    end
  end)

  -- `make ...` in the text, and lines that are indented.
  local function make_commands(text)
    local list = {}
    for command in text:gmatch("`make ([^`]+)`") do list[#list + 1] = command end
    for line in text:gmatch("\n    ([^\n]*)") do
      list[#list + 1] = line:match("^make ([^#]*)") or line:match("&& sudo make ([^#]*)")
    end
    return list
  end

  -- Commands --------------------------------------------------------------------------------------

  -- They are those of Lua 5.4 as it is installed.
  local there = lua:find "lua5%.4$" and not lua:find("build/", 1, true)
  local it_there = there and it or function() end

  -- Runs commands in a folder; what they wrote, and the exit status of the last.
  local function run_commands(commands, folder, environment)
    local script = ("cd %s && { %s\n} 2>&1; echo \"=$?\""):format(quoted(folder), commands)
    local pipe = assert(io.popen(environment .. " sh -c " .. quoted(script)))
    local output, status = pipe:read("*a"):match("^(.*)=(%d+)\n$")
    pipe:close()
    return output, tonumber(status)
  end

  local function output_of(command)
    local pipe = assert(io.popen(command))
    local text = pipe:read("*a"):gsub("\n$", "")
    pipe:close()
    return text
  end

  -- A folder that is gone behind the spec, with the tree's specs in it.
  local function folder_with_specs()
    local folder = output_of "mktemp -d"
    finally(function() os.execute("rm -rf " .. quoted(folder)) end)
    assert(os.execute("ln -s " .. quoted(output_of "pwd" .. "/spec") .. " " .. quoted(folder)))
    return folder
  end

  it_there("runs its first lines in the clone as it tells", function()
    local commands = assert(readme:match "saved as `first%.lua`.-\n\n(    make\n.-)\n\n")
    local path = folder_with_specs() .. "/first.lua"
    local file = assert(io.open(path, "wb"))
    file:write(blocks[1].code)
    file:close()
    local ours, count = commands:gsub("tm_live_%.%.%.", sb.key):gsub("first%.lua", path)
    assert.equal(1, count)
    local unset = "env -u LUA_PATH -u LUA_CPATH TRAILMARK_BASE_URL=" .. quoted(sb.url)
    local output, status = run_commands(ours, ".", unset)
    assert.equal(0, status, output)
    local last = lines_of(output)
    assert.equal("Acme Sales team 14", last[#last])
  end)

  it_there("runs an example on a sandbox as it tells", function()
    local shell = blocks_of(readme, "sh")
    assert.equal(1, #shell)
    local folder = folder_with_specs()
    local output, status = run_commands(shell[1].code, folder, "env")
    assert.equal(0, status, output)
    assert.equal("1000", output_of("wc -l <" .. quoted(folder .. "/contacts.jsonl")))
  end)

  it("names packages that .ci/deps knows", function()
    local known, count = read ".ci/deps", 0
    for names in readme:gsub("\\\n", " "):gmatch "\n +apt install ([^\n]+)" do
      for name in names:gmatch "%S+" do
        count = count + 1
        assert.truthy(name == "make" or known:find("\n" .. name .. " ", 1, true), name)
      end
    end
    assert.truthy(count > 10)
  end)

  it("names targets and variables of make that there are", function()
    local makefile, targets = "\n" .. read "Makefile", 0
    for _, command in ipairs(make_commands(readme .. read "CHANGELOG.md")) do
      local target = command:match("^%l[%l-]*")
      if target then
        targets = targets + 1
        assert.truthy(makefile:find("\n" .. target:gsub("%-", "%%-") .. ":"), "make " .. command)
      end
      for variable in command:gmatch("(%u[%u_]*)=") do
        assert.truthy(makefile:find("%f[%w]" .. variable .. "%s*:?=")
          or makefile:find("$(" .. variable .. ")", 1, true), "make " .. command)
      end
    end
    assert.truthy(targets > 8, targets)
  end)

  it("would not pass with code that fails, or prints what it does not say", function()
    local output, status = run("print(1) error 'no'", sb:env())
    assert.equal(1, status)
    assert.truthy(output:find("1\n", 1, true) and output:find(": no\n", 1, true), output)
    assert.same({ "a b" }, promised_output("print('a', 'b') -->  a\tb\n"))
  end)

  it("names every kind of error", function()
    assert.truthy(#trailmark.error_kinds > 10)
    for _, kind in ipairs(trailmark.error_kinds) do
      assert.truthy(readme:find("`" .. kind .. "`", 1, true), kind)
    end
  end)

  -- What it says there is ------------------------------------------------------------------------

  it("calls functions that there are", function()
    local tm = assert(sb:client())
    local call = tm:send { path = "/workspaces/me" }
    finally(function() tm:close() end)
    local objects = { tm = tm, call = call, pager = tm:pager "/contacts", sandbox = sb, sb = sb }
    local count = 0
    for object, name in readme:gmatch "%f[%w](%l+):(%l[%w_]*)[({]" do
      if objects[object] then
        count = count + 1
        assert.is_function(debug.getmetatable(objects[object]).__index[name], object .. ":" .. name)
      end
    end
    for name in readme:gmatch "%f[%w]trailmark%.(%l[%w_]*)[({]" do
      count = count + 1
      assert.truthy(trailmark[name], "trailmark." .. name)
    end
    assert.truthy(count > 50)
  end)

  -- The first cells of a table's rows are names; { name =, default = } of each.
  local function rows_under(head)
    local from = select(2, assert(readme:find("\n" .. head .. "[^\n]*\n|[ |-]+\n")))
    local rows = {}
    for line in readme:sub(from + 1):gmatch "([^\n]*)\n" do
      local names, second = line:match "^| ([^|]+) | ?([^|]*)|"
      if not names then break end
      for name in names:gmatch "`([%w_]+)`" do
        rows[#rows + 1] = { name = name, default = second:gsub(" $", "") }
      end
    end
    return rows
  end

  local function set_of(list)
    local set = {}
    for _, name in ipairs(list) do set[name] = true end
    return set
  end

  -- How a table begins -> what it lists, all of it.
  local listed = {
    ["| option | meaning |"] = options.names["trailmark.PageOptions"],
    ["| option | |"] = options.names["trailmark.BatchOptions"],
    ["| option | default | |"] = options.names["trailmark.Options"],
    ["| in `paginate` | default | |"] = options.names["trailmark.Paginate"],
    ["| in `pace` | default | |"] = options.names["trailmark.Pace"],
    ["| `err.kind` | |"] = trailmark.error_kinds,
  }

  for head, names in pairs(listed) do
    it("lists in the table " .. head .. " what there is, and nothing else", function()
      local told = {}
      for i, row in ipairs(rows_under(head)) do told[i] = row.name end
      assert.same(set_of(names), set_of(told))
      assert.equal(#names, #told)
    end)
  end

  -- How a table begins -> what stands before its names in the settings of one who gave nothing.
  local told_defaults = {
    ["| option | default | |"] = { "", options.client() },
    ["| in `paginate` | default | |"] = { "", options.pages().paginate },
    ["| in `pace` | default | |"] = { "pace_", options.client() },
  }

  for head, given in pairs(told_defaults) do
    it("tells the defaults in the table " .. head .. " as they are", function()
      local count = 0
      for _, row in ipairs(rows_under(head)) do
        local value = given[2][given[1] .. row.name]
        local told = row.default:match "^`\"(%l+)\"`$" or row.default:match "^[%d.]+$"
          or row.default:match "^true$" or row.default == "64 MiB" and 67108864
        if value ~= nil and row.name ~= "backoff" then
          count = count + 1
          assert.equal(type(value) == "number" and value or tostring(value),
            tonumber(told) or told, row.name)
        end
      end
      assert.truthy(count > 0)
    end)
  end

  -- Class -> the file that declares it.
  local classes = {
    ["trailmark.Options"] = "options/client", ["trailmark.CallOptions"] = "options/call",
    ["trailmark.Error"] = "errors", ["trailmark.Response"] = "client",
    ["trailmark.Paginate"] = "options/call",
  }

  for class, file in pairs(classes) do
    it("names every field of " .. class, function()
      local source = read("lua/trailmark/" .. file .. ".lua")
      local declared = assert(source:match("%-%-%-@class " .. class .. "\n(.-)\n\n"), class)
      local count = 0
      for name in declared:gmatch("%-%-%-@field ([%w_]+)") do
        count = count + 1
        assert.truthy(readme:find("`" .. name .. "`", 1, true)
          or readme:find("err." .. name, 1, true), name)
      end
      assert.truthy(count > 7)
    end)
  end
end)
