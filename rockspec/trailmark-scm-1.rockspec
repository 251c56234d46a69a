-- From the top of a clone: luarocks make rockspec/trailmark-scm-1.rockspec
--
-- lua-cjson is needed and yet no dependency here: OpenResty and the distributions bring a build of
-- their own that LuaRocks does not see, and a second one in its tree would take that one's place.
-- `make install`, which this runs, says so when there is none.
rockspec_format = "3.0"
package = "trailmark"
version = "scm-1"
source = {
  url = "git+file://.",
}
description = {
  summary = "Client for the Trailmark HTTP API",
  detailed = [[
    A C core over libcurl that does HTTP, authentication, retries and rate-limit pacing, for plain
    Lua scripts, nginx and event loops. Needs libcurl 7.87 or newer, zlib, libmd, GNU make, a C11
    compiler and the lua-cjson module.
  ]],
  license = "MIT",
}
supported_platforms = { "linux" }
dependencies = {
  "lua >= 5.1, < 5.5",
}
external_dependencies = {
  CURL = { library = "curl" },
  ZLIB = { library = "z" },
  MD = { library = "md" },
}
build = {
  type = "make",
  variables = {
    BUILD = "build/rock",
    CFLAGS = "$(CFLAGS)",
    LUA_BIN = "$(LUA)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    CURL_LIBS = "-L$(CURL_LIBDIR) -lcurl -L$(ZLIB_LIBDIR) -lz -L$(MD_LIBDIR) -lmd",
    INST_LIBDIR = "$(LIBDIR)",
    INST_LUADIR = "$(LUADIR)",
  },
}
