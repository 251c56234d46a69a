# trailmark. `make help` lists what can be made, `make demo` shows what it is.
#
#   LUA=5.4|5.3|5.2|5.1|luajit   the Lua to build for and to test with
#   CC=gcc|clang                 the compiler
#   V=1                          shows the commands
#
# Everything made goes under build/: build/<lua>/trailmark/core.so, the Lua files as build/lua, and below
# build/asan and build/clang the same once more for the sanitizers' and clang's builds.

LUA     = 5.4
PREFIX  = /usr/local
DESTDIR =
BUILD   = build
CFLAGS  = -O2 -g
ifeq ($(origin CC),default)
CC      = gcc
endif

LUAS     := lua5.4 lua5.3 lua5.2 lua5.1 luajit
LUA_NAME := $(patsubst 5.%,lua5.%,$(LUA))
LUA_ABI  := $(patsubst luajit,5.1,$(LUA_NAME:lua5%=5%))
ifeq ($(filter $(LUA_NAME),$(LUAS)),)
$(error LUA=$(LUA) is none of: 5.4 5.3 5.2 5.1 luajit)
endif

# -- Flags ------------------------------------------------------------------------------------------------

# pkg-config is asked at most once for each, and only when something is compiled: `make deps` may have to
# install it first.
once = $(eval $(1) := $(shell $(2)))$($(1))
LUA_CFLAGS  = $(call once,LUA_CFLAGS,pkg-config --cflags $(LUA_NAME))
LUA_LIBS    = $(call once,LUA_LIBS,pkg-config --libs $(LUA_NAME))
CURL_CFLAGS = $(call once,CURL_CFLAGS,pkg-config --cflags libcurl)
CURL_LIBS   = $(call once,CURL_LIBS,pkg-config --libs libcurl)

WARNINGS  := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
CORE_FLAGS = -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden $(WARNINGS) $(WERROR) -Icsrc $(SANITIZE)
# nodelete: threads and exit handlers of the library may outlive the Lua state that loaded it.
LINK_FLAGS = -shared -Wl,-z,nodelete,-z,relro,-z,now $(SANITIZE)

ifneq ($(V),1)
Q   = @
say = @printf '  %-8s %s\n' $(1) $(2)
endif

# -- Files ------------------------------------------------------------------------------------------------

# What does not know Lua is compiled once and shared by all of them.
OBJ     := $(BUILD)/obj
OUT     := $(BUILD)/$(LUA_NAME)
CORE    := $(OUT)/trailmark/core.so
TESTING := $(OUT)/trailmark_testing.so
object   = $(addprefix $(1)/,$(addsuffix .o,$(basename $(2))))
SHARED_OBJECTS  := $(call object,$(OBJ),$(filter-out csrc/binding/%,$(wildcard csrc/*/*.c)))
BINDING_OBJECTS := $(call object,$(OUT)/obj,$(wildcard csrc/binding/*.c))
TESTING_OBJECTS := $(call object,$(OUT)/obj,$(wildcard spec/support/testing/*.c))
OBJECTS         := $(SHARED_OBJECTS) $(BINDING_OBJECTS) $(TESTING_OBJECTS)

# -- Build ------------------------------------------------------------------------------------------------

.DEFAULT_GOAL := all
.PHONY: all
all: $(CORE) $(BUILD)/lua ## the library for $(LUA), under build/ (the default)

$(CORE): $(SHARED_OBJECTS) $(BINDING_OBJECTS)
$(TESTING): $(SHARED_OBJECTS) $(BINDING_OBJECTS) $(TESTING_OBJECTS)
$(CORE) $(TESTING):
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_FLAGS) $(LDFLAGS) $^ $(CURL_LIBS) -o $@

$(SHARED_OBJECTS): $(OBJ)/%.o: %.c Makefile
	$(call say,$(CC),$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CORE_FLAGS) $(CURL_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BINDING_OBJECTS) $(TESTING_OBJECTS): $(OUT)/obj/%.o: %.c Makefile
	$(call say,$(CC),"$< ($(LUA_NAME))")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CORE_FLAGS) $(LUA_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/lua:
	@mkdir -p $(@D)
	$(Q)ln -sfn $(CURDIR)/lua $@

-include $(OBJECTS:.o=.d)

# -- Test -------------------------------------------------------------------------------------------------

LUA_BIN   = $(LUA_NAME)
SPEC      = spec
FILTER    =
LUA_PATHS = LUA_PATH="$(CURDIR)/build/lua/?.lua;$(CURDIR)/build/lua/?/init.lua;$(CURDIR)/?.lua;;" \
            LUA_CPATH="$(CURDIR)/$(OUT)/?.so;;"

.PHONY: check
check: all $(TESTING) ## runs the specs on $(LUA); SPEC=path and FILTER=pattern narrow it
	$(Q)$(LUA_PATHS) busted --lua=$$(command -v $(LUA_BIN)) $(if $(FILTER),--filter='$(FILTER)') $(SPEC)

.PHONY: clean
clean: ## removes build/
	$(Q)rm -rf build

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
	  while IFS='|' read -r target text; do printf '%-14s %s\n' "$$target" "$$text"; done
