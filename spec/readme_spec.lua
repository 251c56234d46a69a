-- The README's code runs, each block by itself in a fresh interpreter against a sandbox, and its
-- tables name what there is.
--
-- Where a block has `--> text`, its output is exactly these texts, a line each. A block may be
-- answered with an error status only where it looks at one (`err.kind`).

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

  -- Class -> the file that declares it.
  local classes = {
    ["trailmark.Options"] = "options", ["trailmark.CallOptions"] = "options",
    ["trailmark.Error"] = "errors", ["trailmark.Response"] = "client",
    ["trailmark.Paginate"] = "options",
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
