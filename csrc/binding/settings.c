#include "binding/settings.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"

enum trail_pacer_priority trail_settings_priority(const char *name) {
  if (name && strcmp(name, "low") == 0) return TRAIL_PACER_LOW;
  return name && strcmp(name, "high") == 0 ? TRAIL_PACER_HIGH : TRAIL_PACER_NORMAL;
}

enum setting_kind { TEXT, SECONDS, MILLISECONDS, COUNT, SIZE, SHARE, FLAG, PRIORITY, BYTES };

static const struct {
  const char *name;
  enum setting_kind kind;
  size_t offset;
} settings[] = {
#define SETTING(name, kind, field) \
  { name, kind, offsetof(struct trail_client_options, field) }
    SETTING("base_url", TEXT, base_url),
    SETTING("ca_file", TEXT, ca_file),
    SETTING("ca_text", BYTES, ca_text),
    SETTING("proxy", TEXT, proxy),
    SETTING("pinned_public_key", TEXT, pinned_public_key),
    SETTING("header_lines", BYTES, headers),
    SETTING("json_header_lines", BYTES, json_headers),
    SETTING("timeout", SECONDS, timeout_us),
    SETTING("connect_timeout", SECONDS, connect_timeout_us),
    SETTING("deadline", SECONDS, deadline_us),
    SETTING("backoff_base", MILLISECONDS, backoff.base_ms),
    SETTING("backoff_cap", MILLISECONDS, backoff.cap_ms),
    SETTING("retries", COUNT, retries),
    SETTING("concurrency", COUNT, concurrency),
    SETTING("max_response_bytes", SIZE, max_response_bytes),
    SETTING("events", FLAG, events),
    SETTING("paced", FLAG, paced),
    SETTING("pace_shared", FLAG, pace_shared),
    SETTING("pace_scope", TEXT, pace_scope),
    SETTING("pace_limit", COUNT, pacing.limit),
    SETTING("pace_window", MILLISECONDS, pacing.window_ms),
    SETTING("pace_reserve", COUNT, pacing.reserve),
    SETTING("pace_spread", SHARE, pacing.spread),
    SETTING("priority", PRIORITY, priority),
#undef SETTING
};

/* The value on top into its field. Strings stay on the stack, and so stay valid. */
static void read_setting(lua_State *L, enum setting_kind kind, void *field) {
  struct trail_slice bytes = {NULL, 0};
  switch (kind) {
    case TEXT:
      *(const char **)field = lua_tostring(L, -1);
      break;
    case BYTES:
      bytes.bytes = lua_tolstring(L, -1, &bytes.size);
      *(struct trail_slice *)field = bytes;
      break;
    case SECONDS:
      *(int64_t *)field = trail_clock_microseconds(lua_tonumber(L, -1));
      break;
    case MILLISECONDS:
      *(uint32_t *)field = (uint32_t)((double)lua_tonumber(L, -1) * 1e3);
      break;
    case COUNT:
      *(uint32_t *)field = (uint32_t)lua_tonumber(L, -1);
      break;
    case SIZE:
      *(size_t *)field = (size_t)lua_tonumber(L, -1);
      break;
    case SHARE:
      *(double *)field = (double)lua_tonumber(L, -1);
      break;
    case PRIORITY:
      *(enum trail_pacer_priority *)field = trail_settings_priority(lua_tostring(L, -1));
      break;
    case FLAG:
      *(bool *)field = lua_toboolean(L, -1);
      break;
  }
}

void trail_settings_read(lua_State *L, int index, struct trail_client_options *options) {
  luaL_checkstack(L, (int)(sizeof settings / sizeof *settings) + 8, NULL);
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    lua_getfield(L, index, settings[i].name);
    read_setting(L, settings[i].kind, (char *)options + settings[i].offset);
  }
}
