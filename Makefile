# trailmark. `make help` lists what can be made, `make demo` shows what it is.
#
#   LUA=5.4|5.3|5.2|5.1|luajit   the Lua to build for and to test with
#   CC=gcc|clang                 the compiler
#   V=1                          shows the commands
#
# Everything made goes under build/: build/<lua>/trailmark/core.so, the Lua files as build/lua, and below
# build/asan and build/clang the same once more, for the sanitizers and the second compiler.

LUA     = 5.4
PREFIX  = /usr/local
DESTDIR =
BUILD   = build
CFLAGS  = -O2 -g
SANITIZE =
ifeq ($(origin CC),default)
CC      = gcc
endif

ALL_LUAS := lua5.4 lua5.3 lua5.2 lua5.1 luajit
LUAS     := $(ALL_LUAS)
LUA_NAME := $(patsubst 5.%,lua5.%,$(LUA))
LUA_ABI  := $(patsubst luajit,5.1,$(LUA_NAME:lua5%=5%))
ifeq ($(filter $(LUA_NAME),$(ALL_LUAS)),)
$(error LUA=$(LUA) is none of: 5.4 5.3 5.2 5.1 luajit)
endif

# The outermost make uses every processor to compile; recipes that test start one thing at a time.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc) --no-print-directory
endif

ifneq ($(V),1)
Q   = @
say = @printf '  %-6s %s\n' $(1) "$(2)"
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
FORCE:

# -- Flags ----------------------------------------------------------------------------------------

# pkg-config is asked at most once for each, and only when something is compiled: `make deps` may have to
# install it first.
once = $(eval $(1) := $(shell $(2)))$($(1))
LUA_CFLAGS  = $(call once,LUA_CFLAGS,pkg-config --cflags $(LUA_NAME))
LUA_LIBS    = $(call once,LUA_LIBS,pkg-config --libs $(LUA_NAME))
CURL_CFLAGS = $(call once,CURL_CFLAGS,pkg-config --cflags libcurl zlib libmd)
CURL_LIBS   = $(call once,CURL_LIBS,pkg-config --libs libcurl zlib libmd)

WARNINGS   := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
WERROR      = $(if $(CI),-Werror)
CORE_FLAGS  = -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -pthread -Icsrc \
                $(WARNINGS) $(WERROR) $(SANITIZE)
# nodelete: the library's thread and exit handler may outlive the Lua state that loaded it.
LINK_FLAGS  = -shared -pthread -Wl,-z,nodelete,-z,relro,-z,now $(SANITIZE)
COMPILE     = $(CC) $(CORE_FLAGS) $(CURL_CFLAGS) $(CPPFLAGS) $(CFLAGS)

# -- Files ----------------------------------------------------------------------------------------

# What does not know Lua is compiled once and shared by all of them.
OBJ     := $(BUILD)/obj
OUT     := $(BUILD)/$(LUA_NAME)
CORE    := $(OUT)/trailmark/core.so
TESTING := $(OUT)/trailmark_testing.so
to_objects       = $(patsubst %.c,$(1)/%.o,$(2))
SHARED_OBJECTS  := $(call to_objects,$(OBJ),$(filter-out csrc/binding/%,$(wildcard csrc/*/*.c)))
BINDING_OBJECTS := $(call to_objects,$(OUT)/obj,$(wildcard csrc/binding/*.c))
TESTING_OBJECTS := $(call to_objects,$(OUT)/obj,$(wildcard spec/support/testing/*.c))
FAULT_SERVER    := $(BUILD)/fault_server
BAD_WIRE        := $(BUILD)/bad_wire
BENCH_PROGRAMS  := $(patsubst spec/bench/%.c,$(BUILD)/bench/%,$(wildcard spec/bench/*.c))

# -- Build ----------------------------------------------------------------------------------------

.PHONY: all
all: $(CORE) $(BUILD)/lua ## builds the library under build/ (the default target)

.PHONY: tested
tested: all $(TESTING) $(if $(SANITIZE),$(OUT)/lua)

$(CORE): $(SHARED_OBJECTS) $(BINDING_OBJECTS)
$(TESTING): $(SHARED_OBJECTS) $(BINDING_OBJECTS) $(TESTING_OBJECTS)
$(CORE) $(TESTING):
	$(call say,link,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_FLAGS) $(LDFLAGS) $^ $(CURL_LIBS) -o $@

$(SHARED_OBJECTS): $(OBJ)/%.o: %.c $(OBJ)/flags
	$(call say,$(CC),$<)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -MMD -MP -c $< -o $@

$(BINDING_OBJECTS) $(TESTING_OBJECTS): $(OUT)/obj/%.o: %.c $(OUT)/obj/flags
	$(call say,$(CC),$< ($(LUA_NAME)))
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(LUA_CFLAGS) -MMD -MP -c $< -o $@

-include $(patsubst %.o,%.d,$(SHARED_OBJECTS) $(BINDING_OBJECTS) $(TESTING_OBJECTS))

# Changes when the command to compile with does, and everything is compiled anew.
$(OBJ)/flags $(OUT)/obj/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(COMPILE) $(if $(filter $(OUT)/%,$@),$(LUA_CFLAGS))' | cmp -s - $@ || \
	  echo '$(COMPILE) $(if $(filter $(OUT)/%,$@),$(LUA_CFLAGS))' >$@

$(BUILD)/lua:
	@mkdir -p $(@D)
	$(Q)ln -sfn $(CURDIR)/lua $@

# The interpreter of the sanitizers' build.
$(OUT)/lua: spec/support/run.c $(OUT)/obj/flags
	$(call say,$(CC),$@)
	$(Q)$(COMPILE) $(LUA_CFLAGS) -rdynamic $< $(LUA_LIBS) -o $@

# The server that specs of broken connections talk to.
$(FAULT_SERVER): $(wildcard spec/support/fault_*.c spec/support/fault_*.h) $(OBJ)/flags
	$(call say,$(CC),$@)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(filter %.c,$^) -lssl -lcrypto -lnghttp2 -o $@

# What the network between two namespaces does to packets.
$(BAD_WIRE): spec/support/bad_wire.c $(OBJ)/flags
	$(call say,$(CC),$@)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $< -o $@

$(BENCH_PROGRAMS): $(BUILD)/bench/%: spec/bench/%.c $(SHARED_OBJECTS)
	$(call say,$(CC),$<)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $< $(SHARED_OBJECTS) $(CURL_LIBS) -lm -o $@

# -- Use ------------------------------------------------------------------------------------------

# What specs preload into children, for what a true system does too seldom.
PRELOADED        := $(BUILD)/hanging_resolver.so $(BUILD)/failing_system.so
$(PRELOADED): $(BUILD)/%.so: spec/support/%.c spec/support/failing_system.h
	$(call say,$(CC),$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -fPIC -shared $(WARNINGS) -Wno-missing-prototypes -D_GNU_SOURCE $< -o $@

# What runs from the tree finds the library in build/, and the caller's own settings of Lua and make stay out.
LUA_BIN = $(LUA_NAME)
UNSET   = MAKEFLAGS MFLAGS MAKELEVEL LUA_INIT $(foreach version,5_2 5_3 5_4, \
            LUA_INIT_$(version) LUA_PATH_$(version) LUA_CPATH_$(version))
HOST_BUILD = build
RUN     = env $(addprefix -u ,$(UNSET)) TRAIL_LUA="$$(command -v $(LUA_BIN))" \
            TRAIL_PRELOADED='$(CURDIR)/$(BUILD)' \
            TRAIL_NGINX_LIBRARY='$(CURDIR)/$(HOST_BUILD)/luajit' TRAIL_HAPROXY_LIBRARY='$(CURDIR)/$(HOST_BUILD)/lua5.3' \
            TRAIL_FAULT_SERVER='$(CURDIR)/$(FAULT_SERVER)' TRAIL_BAD_WIRE='$(CURDIR)/$(BAD_WIRE)' \
            LUA_PATH='$(CURDIR)/$(BUILD)/lua/?.lua;$(CURDIR)/$(BUILD)/lua/?/init.lua;$(CURDIR)/?.lua;;' \
            LUA_CPATH='$(CURDIR)/$(OUT)/?.so;;'

.PHONY: demo
demo: ## walks the API's guide on a local Trailmark (LIVE=1: on the real one, read only)
	@.ci/deps build sandbox $(LUA_NAME)
	@$(MAKE) all
	$(Q)$(RUN) LIVE='$(LIVE)' $(LUA_BIN) spec/demo.lua

DOCS := build/docs/index.html
.PHONY: docs
docs: ## builds the API reference, one page of HTML: build/docs/index.html
	@.ci/deps $(LUA_NAME)
	@mkdir -p $(dir $(DOCS))
	$(Q)env -u LUA_INIT LUA_PATH='lua/?.lua;?.lua;;' $(LUA_BIN) spec/support/reference/build.lua $(DOCS)

# The judges of the pacer: threads and real processes on one state, and simulated time.
JUDGES := $(addprefix $(BUILD)/simulate/,pacing processes threads)
$(BUILD)/simulate/pacing: spec/support/simulate/world.c spec/support/simulate/server.c
$(BUILD)/simulate/processes: spec/support/simulate/server.c
$(JUDGES): $(BUILD)/simulate/%: spec/support/simulate/%.c $(wildcard spec/support/simulate/*.h) $(SHARED_OBJECTS)
	$(call say,$(CC),$@)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(filter %.c %.o,$^) $(CURL_LIBS) -lm -o $@

LONG =
.PHONY: simulate-pacing
simulate-pacing: ## judges the pacer in simulated time, then with real processes and kills (LONG=1: 600 in 60 s)
	@.ci/deps build
	@$(MAKE) $(JUDGES)
	$(Q)$(BUILD)/simulate/threads
	$(Q)$(BUILD)/simulate/pacing
	$(Q)$(BUILD)/simulate/processes $(if $(LONG),long)

.PHONY: check-tsan
# A thread joined by pthread_clockjoin_np, which the sanitizer does not know, is no leak.
check-tsan: export TSAN_OPTIONS = halt_on_error=1:die_after_fork=0:atexit_sleep_ms=0:report_thread_leaks=0
THREADED := BUILD=build/tsan SUITE=tsan-$(LUA_NAME) LUA_BIN=$(CURDIR)/build/tsan/$(LUA_NAME)/lua \
              SANITIZE=-fsanitize=thread CFLAGS='-O1 -g'
check-tsan: ## threads on one pacing state, on retry budgets and the worker, under the thread sanitizer
	@.ci/deps build sandbox check $(LUA_NAME)
	@$(MAKE) $(THREADED) build/tsan/simulate/threads
	$(Q)build/tsan/simulate/threads
	@$(MAKE) $(THREADED) run-specs SPEC='spec/engine/budgets_spec.lua spec/engine/worker_spec.lua'

.PHONY: bench
BENCH = *
bench: ## figures, ours beside a plain C program's (BENCH=name: one of them; LONG=1: a million calls)
	@.ci/deps build sandbox bench $(LUA_NAME) luajit
	@$(MAKE) all $(BENCH_PROGRAMS)
	@$(MAKE) LUA=luajit all # for Neovim
	$(Q)set -e; for bench in $(sort $(wildcard spec/bench/$(BENCH)_bench.lua)); do \
	  $(RUN) LONG='$(LONG)' TRAIL_BENCH_PROGRAMS='$(CURDIR)/$(BUILD)/bench' $(LUA_BIN) $$bench; \
	done

# What nginx and HAProxy load is the build for LuaJIT and Lua 5.3 as it is installed, whichever Lua
# drives the specs.
HOST_MAKE = @env -u MAKEFLAGS $(MAKE) --no-print-directory BUILD=build SANITIZE= CFLAGS='-O2 -g' V=$(V)
NGINX_MAKE = $(HOST_MAKE) LUA=luajit

.PHONY: bench-nginx
bench-nginx: ## figures of handlers of nginx that make calls, beside a bare cosocket and proxy_pass
	@.ci/deps build sandbox bench check $(LUA_NAME)
	@$(MAKE) tested
	$(NGINX_MAKE) all
	$(Q)set -e; for bench in spec/bench/nginx/*.lua; do $(RUN) $(LUA_BIN) $$bench; done

.PHONY: bench-haproxy
bench-haproxy: ## figures of services of HAProxy that make calls, beside core.tcp by hand and forwarding
	@.ci/deps build sandbox bench check $(LUA_NAME)
	@$(MAKE) tested
	$(HOST_MAKE) LUA=5.3 all
	$(Q)set -e; for bench in spec/bench/haproxy/*.lua; do $(RUN) $(LUA_BIN) $$bench; done

# The charts are measured beside all peers that are installed; what each benchmark says goes to a file.
REPORT := $(BUILD)/report
.PHONY: bench-report
bench-report: ## all benchmarks beside all peers, as a table and charts: build/report/index.html
	@.ci/deps build sandbox bench $(LUA_NAME)
	@$(MAKE) all $(BENCH_PROGRAMS)
	@rm -rf $(REPORT) && mkdir -p $(REPORT)
	@echo "every benchmark is run: that takes some minutes"
	$(Q)$(MAKE) bench >$(REPORT)/bench.txt && cat $(REPORT)/bench.txt
	$(Q)$(MAKE) bench-nginx >$(REPORT)/nginx.txt && cat $(REPORT)/nginx.txt
	$(Q)TRAIL_BENCH_PROGRAMS='$(CURDIR)/$(BUILD)/bench' $(RUN) $(LUA_BIN) spec/bench/charts/build.lua $(REPORT)

# -- Test -----------------------------------------------------------------------------------------

SPEC    = spec
FILTER  =
SUITE   = $(LUA_NAME)
# Each suite leaves its counts here, as "PASSED FAILED"; one that dies before its end has failed.
RESULTS = build/results
# Seconds for a whole suite: one that hangs is ended, and has failed.
LIMIT   = 1800

.PHONY: check
check: ## runs the specs (SPEC=path and FILTER=pattern narrow it)
	@.ci/deps build sandbox check $(LUA_NAME)
	@$(MAKE) run-specs

# nginx loads the build for LuaJIT and HAProxy the one for 5.3, whichever Lua drives their specs, so of
# all Luas those two do.
OWN_SPECS = $(filter-out $(if $(filter-out luajit,$(LUA_NAME)),spec/nginx/) \
              $(if $(filter-out lua5.3,$(LUA_NAME)),spec/haproxy/),$(sort $(dir $(wildcard spec/*/)) \
              $(wildcard spec/*_spec.lua)))

.PHONY: check-all
check-all: ## runs the specs on every Lua (LUAS="5.1 luajit": on these)
	@.ci/deps build sandbox check $(patsubst 5.%,lua5.%,$(LUAS))
	@failed=; for lua in $(LUAS); do $(MAKE) LUA=$$lua SPEC='$(if $(filter spec,$(SPEC)),$$(OWN_SPECS),$(SPEC))' \
	  run-specs || failed="$$failed $$lua"; done; \
	  [ -z "$$failed" ] || { echo "failed on:$$failed"; exit 1; }

.PHONY: check-asan
ASAN      := build/asan
SANITIZED  = BUILD=$(ASAN) SUITE='asan-$$(LUA_NAME)' LUA_BIN='$(CURDIR)/$(ASAN)/$$(LUA_NAME)/lua' \
               CFLAGS='-O1 -g -fno-omit-frame-pointer' \
               SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all'
# What a sanitizer finds in a spec's own children must not go unseen, so all of it goes to files.
REPORTS   := $(ASAN)/reports
SANITIZERS = log_path=$(CURDIR)/$(REPORTS)/report:print_stacktrace=1
check-asan: export ASAN_OPTIONS = $(SANITIZERS):detect_leaks=1:detect_stack_use_after_return=1
check-asan: export UBSAN_OPTIONS = $(SANITIZERS)
check-asan: export LSAN_OPTIONS = suppressions=$(CURDIR)/spec/support/run.supp:print_suppressions=0
check-asan: export TRAIL_LEAKED_FDS = $(CURDIR)/$(REPORTS)/descriptors
check-asan: ## runs the specs under the address, undefined behaviour and leak sanitizers
	@.ci/deps build sandbox check $(LUA_NAME)
	@rm -rf $(REPORTS) && mkdir -p $(REPORTS)
	@failed=0; $(MAKE) $(SANITIZED) SPEC='$(if $(filter spec,$(SPEC)),$(OWN_SPECS),$(SPEC))' run-specs || failed=1; \
	  for report in $(REPORTS)/*; do [ ! -e $$report ] || { cat $$report; failed=1; }; done; exit $$failed

CALLS = 100
.PHONY: check-net
check-net: ## calls over a network that loses, doubles, delays or cuts (CALLS=100 of each kind)
	@.ci/deps build sandbox check $(LUA_NAME)
	@TRAIL_CALLS=$(CALLS) $(MAKE) SUITE=net run-specs SPEC=spec/integration/bad_network_spec.lua

# Allocations fail one after the other, in each scenario of spec/oom/scenarios.lua.
.PHONY: check-oom
OOM_LUAS = 5.4 5.1 luajit
check-oom: export ASAN_OPTIONS = detect_leaks=1:print_stacktrace=1:allocator_may_return_null=1
check-oom: export UBSAN_OPTIONS = print_stacktrace=1
check-oom: export LSAN_OPTIONS = suppressions=$(CURDIR)/spec/oom/run.supp:print_suppressions=0
check-oom: ## fails allocations in 74 scenarios, under the sanitizers (LONG=1: every one of them)
	@.ci/deps build check $(patsubst 5.%,lua5.%,$(OOM_LUAS))
	@for lua in $(OOM_LUAS); do $(MAKE) LUA=$$lua $(SANITIZED) SUITE='oom-asan-$$(LUA_NAME)' sweep-oom || exit; done

.PHONY: sweep-oom
SCENARIO =
JOBS = $(shell nproc)
sweep-oom: SUITE = oom-$(LUA_NAME)
sweep-oom: tested $(FAULT_SERVER)
	@mkdir -p $(RESULTS) && echo 0 1 >$(RESULTS)/$(SUITE)
	$(Q)$(RUN) LONG='$(LONG)' JOBS='$(JOBS)' TRAIL_SUITE=$(SUITE) TRAIL_RESULT=$(RESULTS)/$(SUITE) \
	  $(LUA_BIN) spec/oom/run.lua $(if $(SCENARIO),'$(SCENARIO)')

.PHONY: run-specs
run-specs: UNSET += TRAILMARK_API_KEY TRAILMARK_API_KEY_FILE TRAILMARK_BASE_URL TRAILMARK_LOG \
  http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
run-specs: tested $(FAULT_SERVER) $(BAD_WIRE) $(PRELOADED)
	$(if $(filter spec spec/ spec/nginx%,$(SPEC)),$(if $(filter build,$(HOST_BUILD)),$(NGINX_MAKE) all))
	$(if $(filter spec spec/ spec/haproxy%,$(SPEC)),$(if $(filter build,$(HOST_BUILD)),$(HOST_MAKE) LUA=5.3 all))
	@mkdir -p $(RESULTS) && echo 0 1 >$(RESULTS)/$(SUITE)
	$(Q)$(RUN) TRAIL_SUITE=$(SUITE) TRAIL_RESULT=$(RESULTS)/$(SUITE) \
	  timeout --foreground $(LIMIT) $(LUA_BIN) spec/support/run.lua $(if $(FILTER),--filter='$(FILTER)') $(SPEC)
	@grep -q ' 0$$' $(RESULTS)/$(SUITE)

# -- Fuzz -----------------------------------------------------------------------------------------

SECONDS = 2
FUZZ    = *
FUZZERS := $(patsubst %_fuzz,%,$(basename $(notdir $(wildcard spec/fuzz/$(FUZZ)_fuzz.c \
             spec/fuzz/$(FUZZ)_fuzz.lua))))
# libFuzzer's own, with inputs of its making; replay.c runs those that are there, with any compiler.
FUZZ_MAIN   = spec/fuzz/replay.c
FUZZ_COMMON = $(filter %.c,$(FUZZ_MAIN)) spec/fuzz/fuzz.c $(SHARED_OBJECTS) \
                $(wildcard spec/fuzz/*.h) $(OBJ)/flags
FUZZ_BUILT  := BUILD=build/fuzz LUA=5.4 CC=clang CFLAGS='-O1 -g -fno-omit-frame-pointer' \
                 SANITIZE='-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all' \
                 FUZZ_MAIN=-fsanitize=fuzzer

.PHONY: fuzz
fuzz: ## looks for inputs that break a promise (SECONDS=60 for each fuzzer, FUZZ=name: one of them)
	@.ci/deps build fuzz lua5.4
	@mkdir -p $(RESULTS)
	@$(MAKE) -k $(FUZZ_BUILT) $(addprefix fuzz-,$(FUZZERS))

.PHONY: $(addprefix fuzz-,$(FUZZERS))
$(addprefix fuzz-,$(FUZZERS)): fuzz-%: $(BUILD)/fuzzers/%
	$(Q)spec/fuzz/run $< $(SECONDS) $(RESULTS)

$(BUILD)/fuzzers/%: spec/fuzz/%_fuzz.c $(FUZZ_COMMON)
	$(call say,$(CC),$@)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -Ispec/support/testing $(filter-out %.c,$(FUZZ_MAIN)) $(filter %.c %.o,$^) \
	  $(LDFLAGS) $(CURL_LIBS) -o $@

# Those in Lua: cjson, which comes from outside, looks for Lua in the program.
$(BUILD)/fuzzers/%: spec/fuzz/%_fuzz.lua spec/fuzz/lua.c $(FUZZ_COMMON) $(BINDING_OBJECTS)
	$(call say,$(CC),$@)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(LUA_CFLAGS) -DFUZZ_ROOT='"$(CURDIR)"' -DFUZZ_SCRIPT='"$<"' \
	  $(filter-out %.c,$(FUZZ_MAIN)) $(filter %.c %.o,$^) $(CURL_LIBS) $(LUA_LIBS) -rdynamic -o $@

$(BUILD)/fuzzers/answer: spec/fuzz/answer_reference.c
$(BUILD)/fuzzers/http2: spec/fuzz/http2_reference.c spec/fuzz/http2_frames.c
$(BUILD)/fuzzers/answer $(BUILD)/fuzzers/http2: spec/fuzz/peer.c spec/support/fault_certificate.c
$(BUILD)/fuzzers/answer $(BUILD)/fuzzers/http2: LDFLAGS += -lssl -lcrypto -lnghttp2
# Chance and the clocks are the fuzzer's there.
$(BUILD)/fuzzers/engine: spec/fuzz/engine_model.c spec/support/testing/fake_transport.c
$(BUILD)/fuzzers/doorbell: LDFLAGS += -Wl,--wrap=trail_clock_boot_us,--wrap=accept4
$(BUILD)/fuzzers/engine: LDFLAGS += -Wl,--wrap=trail_random_u32,--wrap=trail_clock_boot_us \
  -Wl,--wrap=trail_clock_wall_ms

.PHONY: replay
replay: $(addprefix $(BUILD)/fuzzers/,$(FUZZERS))
	@for fuzzer in $(FUZZERS); do $(BUILD)/fuzzers/$$fuzzer spec/fuzz/seeds/$$fuzzer/* || exit; done

.PHONY: coverage
COVERED := BUILD=build/coverage HOST_BUILD=build/coverage CC=gcc SUITE=coverage LIMIT=1800 \
             CFLAGS='-O0 -g' SANITIZE='--coverage -fprofile-update=atomic'
coverage: export TRAIL_COVERAGE = 1
coverage: ## runs specs, fuzzers' seeds, failing memory and racing threads: which lines of csrc/ have run
	@.ci/deps build sandbox check lua5.4 luajit
	@rm -rf build/coverage
	@$(MAKE) $(COVERED) LUA=luajit all
	@$(MAKE) $(COVERED) LUA=5.3 all
	@$(MAKE) $(COVERED) LUA=5.4 run-specs || echo "that is for make check to judge: counting takes time"
	@$(MAKE) $(COVERED) LUA=5.4 SUITE=coverage-oom sweep-oom
	@$(MAKE) $(COVERED) LUA=5.4 build/coverage/simulate/threads
	@build/coverage/simulate/threads
	@$(MAKE) $(COVERED) LUA=5.4 replay
	@lua5.4 spec/support/coverage.lua build/coverage

# -- Lint -----------------------------------------------------------------------------------------

LINTS := luacheck cppcheck analyzer layers exports gcc clang

.PHONY: lint
lint: ## luacheck, cppcheck, the layer rules, exported symbols, both compilers without a warning
	@.ci/deps build lint clang $(LUA_NAME)
	@mkdir -p $(RESULTS) && echo 0 1 >$(RESULTS)/lint
	@passed=0; failed=0; for lint in $(LINTS); do \
	  if $(MAKE) lint-$$lint; then passed=$$((passed + 1)); else failed=$$((failed + 1)); verdict=failed; fi; \
	  echo "lint-$$lint: $${verdict:-passed}"; verdict=; \
	done; echo $$passed $$failed >$(RESULTS)/lint; [ $$failed = 0 ]

.PHONY: $(addprefix lint-,$(LINTS))
lint-luacheck:
	$(Q)luacheck --quiet $(if $(CI),--no-color) lua spec rockspec/*.rockspec .luacheckrc .busted

# Values that are not set are left to the analyzer, which follows the order of evaluation.
lint-cppcheck:
	$(Q)cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability --error-exitcode=1 \
	  --inline-suppr --suppress=missingInclude --suppress=uninitvar --suppress=ctuuninitvar \
	  -D__GNUC__ -DLIBCURL_VERSION_NUM=0x075800 -Icsrc csrc spec

lint-analyzer:
	$(Q)echo $(wildcard csrc/*/*.c) | xargs -n 4 -P $(shell nproc) clang --analyze --analyzer-output text \
	  -Xclang -analyzer-werror -std=c11 -D_GNU_SOURCE -Icsrc $(LUA_CFLAGS) $(CURL_CFLAGS)

lint-layers:
	$(Q)$(LUA_NAME) spec/support/layers.lua .

lint-exports: all
	$(Q)nm -D --defined-only $(CORE) | \
	  awk '$$3 !~ /^luaopen_/ { print "$(CORE) exports " $$3; bad = 1 } END { exit bad }'

lint-gcc lint-clang: lint-%:
	$(Q)$(MAKE) BUILD=build/lint-$* CC=$* WERROR=-Werror tested

.PHONY: check-clang
check-clang: ## builds with clang, where a warning is an error
	@.ci/deps build clang $(LUA_NAME)
	@$(MAKE) lint-clang

# -- Install --------------------------------------------------------------------------------------

INST_LIBDIR = $(PREFIX)/lib/lua/$(LUA_ABI)
INST_LUADIR = $(PREFIX)/share/lua/$(LUA_ABI)
LUA_FILES  := $(sort $(patsubst lua/%,%,$(shell find lua -type f)))

.PHONY: install
install: all ## copies the library below PREFIX (/usr/local), for a package below DESTDIR
	$(Q)install -D -m 644 $(CORE) $(DESTDIR)$(INST_LIBDIR)/trailmark/core.so
	$(Q)for file in $(LUA_FILES); do install -D -m 644 lua/$$file $(DESTDIR)$(INST_LUADIR)/$$file || exit; done
	@$(LUA_BIN) -e 'require "cjson"' 2>/dev/null || \
	  echo "trailmark needs lua-cjson, which $(LUA_BIN) does not find: apt install or luarocks install lua-cjson"

.PHONY: uninstall
uninstall: ## removes what install put there
	$(Q)rm -f $(DESTDIR)$(INST_LIBDIR)/trailmark/core.so $(addprefix $(DESTDIR)$(INST_LUADIR)/,$(LUA_FILES))
	$(Q)for dir in $(DESTDIR)$(INST_LIBDIR)/trailmark $(DESTDIR)$(INST_LUADIR)/trailmark; do \
	  [ ! -d $$dir ] || find $$dir -depth -type d -empty -delete; done

.PHONY: deps
deps: ## installs the Debian packages that all of this needs, those that are missing
	@.ci/deps

.PHONY: clean
clean: ## removes build/
	$(Q)rm -rf build

.PHONY: help
help: ## this list
	@sed -n 's/^#   //p' Makefile; echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r target text; do \
	  printf 'make %-11s %s\n' "$$target" "$$text"; done
