-- The rules of the tree, checked: who may include whom, who may call what, what may lie at the top.
--
--     lua spec/support/layers.lua [root]
--
-- prints one line a violation and ends with 1 if there was any. The tables are the rules; what
-- follows them only reads files. As a module it is a function of the root that returns the list.

-- A level includes itself and what it names here, nothing else.
local LEVELS = {
  base = {},
  policy = { "base" },
  net = { "base", "policy" },
  engine = { "base", "policy", "net" },
  binding = { "base", "policy", "net", "engine" },
}

-- Headers of others that one level alone may see, however many includes lie between.
local OWNERS = {
  { level = "net", pattern = "^curl/" },
  { level = "binding", pattern = "^luajit%.h$" },
  { level = "binding", pattern = "^lua[%a]*%.h$" },
  { level = "binding", pattern = "^lauxlib%.h$" },
}

-- Policy computes: no clock, no chance, no input or output, and no header that leads to them.
local POLICY_SEES = {
  ["base/buffer.h"] = true, ["base/memory.h"] = true, ["base/secret.h"] = true,
  ["base/slice.h"] = true, ["base/status.h"] = true, ["base/version.h"] = true,
  ["ctype.h"] = true, ["float.h"] = true, ["inttypes.h"] = true, ["limits.h"] = true,
  ["math.h"] = true, ["stdalign.h"] = true, ["stdatomic.h"] = true, ["stdbool.h"] = true,
  ["stddef.h"] = true, ["stdint.h"] = true, ["stdio.h"] = true, ["stdlib.h"] = true,
  ["string.h"] = true, ["strings.h"] = true,
}

local BANNED_CALLS = {
  ["has no bound"] = "strcpy strcat stpcpy sprintf vsprintf gets",
  ["keeps hidden state"] = "strtok rand srand random localtime gmtime strerror",
  ["hides errors"] = "atoi atol atoll atof",
  ["ends the host"] = "abort exit _exit _Exit quick_exit assert",
  ["prints"] = "printf vprintf puts putchar fprintf vfprintf fputs fputc dprintf perror",
  ["takes libcurl from others of the process"] = "curl_global_cleanup",
}
local ALLOCATORS = "malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf"
local IMPURE = "time clock clock_gettime gettimeofday getenv getrandom fopen tmpfile remove rename"

local TOP = {}
local NAMES = "csrc lua spec rockspec build Makefile README.md CHANGELOG.md LICENSE"
for name in NAMES:gmatch("%S+") do TOP[name] = true end

-- -- Reading --------------------------------------------------------------------------------------

local function words(text)
  local set = {}
  for word in text:gmatch("%S+") do set[word] = true end
  return set
end

local function lines_of(command)
  local pipe, list = assert(io.popen(command)), {}
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  table.sort(list)
  return list
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function files_under(root, folder, names)
  local find = "cd %s && find %s -type f -name '%s' 2>/dev/null"
  return lines_of(find:format(quoted(root), folder, names))
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function blank(text) return (text:gsub("[^\n]", " ")) end

local CLOSINGS = { ["/*"] = "%*/", ["//"] = "%f[\n]", ['"'] = '"', ["'"] = "'" }

-- Where the comment or literal that opens before `from` ends.
local function end_of(text, opening, from)
  local at = from
  while true do
    local first, last = text:find(CLOSINGS[opening], at)
    if not first then return #text end
    local escaped = #opening == 1 and #text:sub(from, first - 1):match("\\*$") % 2 == 1
    if not escaped then return last end
    at = last + 1
  end
end

-- C without its comments, strings and characters, every line where it was.
local function code_of(text)
  local out, at = {}, 1
  while true do
    local first = text:find("[\"'/]", at)
    if not first then break end
    local opening = text:match("^/[/*]", first) or text:sub(first, first)
    local last = CLOSINGS[opening] and end_of(text, opening, first + #opening)
    out[#out + 1] = text:sub(at, first - 1) .. (last and blank(text:sub(first, last)) or "/")
    at = (last or first) + 1
  end
  out[#out + 1] = text:sub(at)
  return table.concat(out)
end

local function each_line(text, visit)
  local number = 0
  for line in (text .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    visit(line, number)
  end
end

local function includes_of(text)
  local list = {}
  each_line(text, function(line, number)
    local kind, name = line:match('^%s*#%s*include%s*([<"])([^>"]+)')
    if name then list[#list + 1] = { name = name, own = kind == '"', line = number } end
  end)
  return list
end

-- path -> { path, level, text, code, includes }
local function load_c(root)
  local files = {}
  for _, path in ipairs(files_under(root, "csrc", "*.[ch]")) do
    local text = read(root .. "/" .. path)
    files[path] = {
      path = path, level = path:match("^csrc/([^/]+)/[^/]+$"), text = text, code = code_of(text),
      includes = includes_of(text),
    }
  end
  return files
end

local function in_order(files)
  local paths, at = {}, 0
  for path in pairs(files) do paths[#paths + 1] = path end
  table.sort(paths)
  return function()
    at = at + 1
    return files[paths[at]]
  end
end

-- -- Rules ----------------------------------------------------------------------------------------

local rules = {}

function rules.place(files, report)
  for file in in_order(files) do
    if not LEVELS[file.level or ""] then report(file.path, 1, "is in no level of csrc/") end
  end
end

function rules.includes_go_down(files, report)
  for file in in_order(files) do
    local allowed = words(table.concat(LEVELS[file.level] or {}, " "))
    for _, include in ipairs(file.includes) do
      local level = include.name:match("^([^/]+)/[^/]+%.h$")
      if include.own and not (level and files["csrc/" .. include.name]) then
        report(file.path, include.line, ('"%s" is no "level/file.h" of csrc/'):format(include.name))
      elseif include.own and level ~= file.level and not allowed[level] then
        report(file.path, include.line, ("%s may not include %s"):format(file.level, include.name))
      end
    end
  end
end

function rules.owners(files, report)
  local function visit(file, seen, found)
    if seen[file.path] then return found end
    seen[file.path] = true
    for _, include in ipairs(file.includes) do
      local next_file = include.own and files["csrc/" .. include.name]
      if next_file then visit(next_file, seen, found) else found[include.name] = file end
    end
    return found
  end
  for file in in_order(files) do
    for name, through in pairs(visit(file, {}, {})) do
      for _, owner in ipairs(OWNERS) do
        local allowed = file.level == owner.level
        if name:match(owner.pattern) and not allowed then
          local by = through == file and "" or (" through %s"):format(through.path)
          report(file.path, 1, ("only %s may see <%s>; this does%s"):format(owner.level, name, by))
        end
      end
    end
  end
end

function rules.no_cycle(files, report)
  local state = {}
  local function visit(file)
    state[file.path] = "open"
    for _, include in ipairs(file.includes) do
      local next_file = include.own and files["csrc/" .. include.name]
      if next_file and state[next_file.path] == "open" then
        report(file.path, include.line, ("includes %s in a cycle"):format(include.name))
      elseif next_file and not state[next_file.path] then
        visit(next_file)
      end
    end
    state[file.path] = "done"
  end
  for file in in_order(files) do
    if not state[file.path] then visit(file) end
  end
end

function rules.policy_is_pure(files, report)
  for file in in_order(files) do
    for _, include in ipairs(file.level == "policy" and file.includes or {}) do
      if not (POLICY_SEES[include.name] or include.name:match("^policy/")) then
        report(file.path, include.line, ("policy may not see %s"):format(include.name))
      end
    end
  end
end

local function report_calls(file, banned, why, report)
  each_line(file.code, function(line, number)
    for name in line:gmatch("%f[%w_]([%a_][%w_]*)%s*%(") do
      if banned[name] then report(file.path, number, ("%s() %s"):format(name, why)) end
    end
  end)
end

function rules.calls(files, report)
  for file in in_order(files) do
    for why, names in pairs(BANNED_CALLS) do report_calls(file, words(names), why, report) end
    if file.path ~= "csrc/base/memory.c" then
      report_calls(file, words(ALLOCATORS), "is not counted or wiped: base/memory.h", report)
    end
    if file.level == "policy" then
      report_calls(file, words(IMPURE), "is not for policy", report)
    end
    each_line(file.code, function(line, number)
      for name in line:gmatch("%f[%w_](std[eo][ru][rt])%f[^%w_]") do
        report(file.path, number, ("%s belongs to the host"):format(name))
      end
      if line:match("^%s*typedef%s+struct") or line:match("^%s*typedef%s+enum") then
        report(file.path, number, "structs and enums keep their tags: no typedef")
      end
    end)
  end
end

-- trail_<file>_<verb>, where a file of the plural may say the singular, and a backend comes first.
function rules.headers(files, report)
  for file in in_order(files) do
    local level, name = file.path:match("^csrc/([^/]+)/([^/]+)%.h$")
    if name then
      local guard = ("TRAIL_%s_%s_H"):format(level, name):upper()
      if not file.text:match("^/%*") then
        report(file.path, 1, "does not begin with its purpose")
      end
      if not file.text:find("#ifndef " .. guard .. "\n#define " .. guard .. "\n", 1, true) then
        report(file.path, 1, "has no include guard " .. guard)
      end
      each_line(file.code, function(line, number)
        local declared = line:match("^[%a_][%w_ *]-%f[%w_]trail_([%w_]+)%s*%(")
        if declared and not declared:find((name:gsub("s$", "")), 1, true) then
          report(file.path, number, ("trail_%s is no trail_%s_..."):format(declared, name))
        end
      end)
    end
  end
end

function rules.lua_stays_inside(_, report, root)
  for _, path in ipairs(files_under(root, "lua", "*.lua")) do
    each_line(read(root .. "/" .. path), function(line, number)
      local name = line:match("require%s*%(?%s*[\"']([^\"']+)")
      local in_sandbox = path:match("^lua/trailmark/sandbox/")
      if name and (name:match("^spec%f[%.\0]") or name == "trailmark_testing") then
        report(path, number, ("requires %s, which is never installed"):format(name))
      elseif name and name:match("^trailmark%.sandbox") and not in_sandbox then
        report(path, number, "the client does not load the sandbox")
      end
    end)
  end
end

function rules.top(_, report, root)
  for _, name in ipairs(lines_of(("ls -1 %s"):format(quoted(root)))) do
    if not TOP[name] then report(name, 1, "does not belong at the top of the tree") end
  end
end

local function check(root)
  local files, found = load_c(root), {}
  local function report(path, line, text)
    found[#found + 1] = ("%s:%d: %s"):format(path, line, text)
  end
  for _, rule in pairs(rules) do rule(files, report, root) end
  table.sort(found)
  return found
end

if arg and arg[0] and arg[0]:match("layers%.lua$") then
  local found = check(arg[1] or ".")
  for _, line in ipairs(found) do print(line) end
  os.exit(#found == 0 and 0 or 1)
end
return check
