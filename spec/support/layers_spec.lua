local check = require "spec.support.layers"

local header = "/* Purpose. */\n#ifndef TRAIL_%s_H\n#define TRAIL_%s_H\n%s\n#endif\n"

-- A header of the tree below, complete but for what the case is about.
local function h(path, body)
  local guard = path:gsub("/", "_"):upper()
  return header:format(guard, guard, body or "")
end

-- One violation each: the files that make it, and what must be said of it.
local cases = {
  { rule = "an include upwards",
    files = { ["csrc/base/low.c"] = '#include "net/high.h"\n', ["csrc/net/high.h"] = h "net/high" },
    says = "csrc/base/low.c:1: base may not include net/high.h" },
  { rule = "a level of its own",
    files = { ["csrc/extra/x.c"] = "\n" },
    says = "csrc/extra/x.c:1: is in no level of csrc/" },
  { rule = "a source that is included",
    files = { ["csrc/base/a.c"] = '\n#include "base/b.c"\n', ["csrc/base/b.c"] = "\n" },
    says = 'csrc/base/a.c:2: "base/b.c" is no "level/file.h" of csrc/' },
  { rule = "a relative include",
    files = { ["csrc/base/a.c"] = '#include "b.h"\n', ["csrc/base/b.h"] = h "base/b" },
    says = 'csrc/base/a.c:1: "b.h" is no "level/file.h" of csrc/' },
  { rule = "a cycle",
    files = { ["csrc/base/a.h"] = h("base/a", '#include "base/b.h"'),
              ["csrc/base/b.h"] = h("base/b", '#include "base/a.h"') },
    says = "csrc/base/b.h:4: includes base/a.h in a cycle" },
  { rule = "Lua outside the binding",
    files = { ["csrc/engine/e.c"] = "#include <lua.h>\n" },
    says = "csrc/engine/e.c:1: only binding may see <lua.h>; this does" },
  { rule = "libcurl in the engine, through a header",
    files = { ["csrc/engine/e.c"] = '#include "net/n.h"\n',
              ["csrc/net/n.h"] = h("net/n", "#include <curl/curl.h>") },
    says = "csrc/engine/e.c:1: only net may see <curl/curl.h>; this does through csrc/net/n.h" },
  { rule = "a clock in policy",
    files = { ["csrc/policy/p.c"] = "#include <time.h>\n" },
    says = "csrc/policy/p.c:1: policy may not see time.h" },
  { rule = "our own clock in policy",
    files = { ["csrc/policy/p.c"] = '#include "base/clock.h"\n',
              ["csrc/base/clock.h"] = h "base/clock" },
    says = "csrc/policy/p.c:1: policy may not see base/clock.h" },
  { rule = "the environment in policy",
    files = { ["csrc/policy/p.c"] = 'int f(void) {\n  return getenv("X") != 0;\n}\n' },
    says = "csrc/policy/p.c:2: getenv() is not for policy" },
  { rule = "a copy without a bound",
    files = { ["csrc/base/a.c"] = "void f(char *d, char *s) { strcpy (d, s); }\n" },
    says = "csrc/base/a.c:1: strcpy() has no bound" },
  { rule = "an end of the process",
    files = { ["csrc/base/a.c"] = "/* abort() */ void f(void) { abort(); }\n" },
    says = "csrc/base/a.c:1: abort() ends the host" },
  { rule = "a line printed",
    files = { ["csrc/base/a.c"] = 'void f(void) { printf("\\"/*"); }\n' },
    says = "csrc/base/a.c:1: printf() prints" },
  { rule = "the host's stderr",
    files = { ["csrc/base/a.c"] = "void *f(void) { return stderr; }\n" },
    says = "csrc/base/a.c:1: stderr belongs to the host" },
  { rule = "an allocation that is not counted",
    files = { ["csrc/net/a.c"] = "void *f(void) { return malloc(1); }\n" },
    says = "csrc/net/a.c:1: malloc() is not counted or wiped: base/memory.h" },
  { rule = "a typedef of a struct",
    files = { ["csrc/base/a.c"] = "typedef struct a a;\n" },
    says = "csrc/base/a.c:1: structs and enums keep their tags: no typedef" },
  { rule = "a header without its purpose",
    files = { ["csrc/base/a.h"] = "#ifndef TRAIL_BASE_A_H\n#define TRAIL_BASE_A_H\n#endif\n" },
    says = "csrc/base/a.h:1: does not begin with its purpose" },
  { rule = "a header without its guard",
    files = { ["csrc/base/a.h"] = "/* Purpose. */\n" },
    says = "csrc/base/a.h:1: has no include guard TRAIL_BASE_A_H" },
  { rule = "a function of another file's name",
    files = { ["csrc/base/buffer.h"] = h("base/buffer", "void trail_secret_wipe(void);") },
    says = "csrc/base/buffer.h:4: trail_secret_wipe is no trail_buffer_..." },
  { rule = "the test-only module in the library",
    files = { ["lua/trailmark/a.lua"] = '\nlocal t = require("trailmark_testing")\n' },
    says = "lua/trailmark/a.lua:2: requires trailmark_testing, which is never installed" },
  { rule = "the sandbox in the client",
    files = { ["lua/trailmark/a.lua"] = 'require "trailmark.sandbox"\n' },
    says = "lua/trailmark/a.lua:1: the client does not load the sandbox" },
  { rule = "something else at the top",
    files = { ["notes.txt"] = "\n" },
    says = "notes.txt:1: does not belong at the top of the tree" },
}

-- What comes near to each rule and breaks none.
local clean = {
  ["Makefile"] = "\n",
  ["csrc/base/memory.c"] = "void *f(void) { return malloc(1); }\n",
  ["csrc/base/slice.h"] = h("base/slice", "int trail_slice_is(void);"),
  ["csrc/engine/events.h"] = h("engine/events", "int trail_event_name(void); /* strcpy( */"),
  ["csrc/policy/p.c"] = '#include <stdint.h>\n#include "base/slice.h"\n'
    .. "// time(0)\nint f(struct x *x) { return x->strcpy_done + sizeof \"printf(\" + '\"'; }\n",
  ["csrc/net/n.h"] = h("net/n", "#include <curl/curl.h>"),
  ["csrc/net/n.c"] = '#include "net/n.h"\n#include "policy/q.h"\n',
  ["csrc/policy/q.h"] = h "policy/q",
  ["csrc/binding/b.c"] = '#include <lua.h>\n#include "engine/events.h"\n',
  ["lua/trailmark/sandbox/init.lua"] = 'local part = require "trailmark.sandbox.part"\n',
}

local function write_tree(root, files)
  for path, text in pairs(files) do
    assert(os.execute(("mkdir -p '%s/%s'"):format(root, path:match("^(.*)/") or ".")))
    local file = assert(io.open(root .. "/" .. path, "w"))
    file:write(text)
    file:close()
  end
end

describe("the layer rules", function()
  local root

  before_each(function()
    local pipe = io.popen("mktemp -d")
    root = pipe:read("*l")
    pipe:close()
  end)

  after_each(function() os.execute(("rm -rf '%s'"):format(root)) end)

  it("find nothing in a tree that keeps them", function()
    write_tree(root, clean)
    assert.same({}, check(root))
  end)

  for _, case in ipairs(cases) do
    it("find " .. case.rule, function()
      write_tree(root, clean)
      write_tree(root, case.files)
      assert.same({ case.says }, check(root))
    end)
  end
end)
