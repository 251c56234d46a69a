#include "binding/event.h"

void trail_event_push(lua_State *L, const struct trail_event *event) {
  lua_createtable(L, 0, 12);
#define FIELD(push, name, value) (push(L, value), lua_setfield(L, -2, name))
  FIELD(lua_pushstring, "type", trail_event_name(event->type));
  FIELD(lua_pushinteger, "id", (lua_Integer)event->id);
  FIELD(lua_pushnumber, "time", (lua_Number)event->time_wall_ms / 1e3);
  FIELD(lua_pushstring, "method", trail_method_name(event->method));
  FIELD(lua_pushstring, "url", event->url);
  FIELD(lua_pushinteger, "attempt", (lua_Integer)event->attempt);
  if (event->kind != TRAIL_OK) FIELD(lua_pushstring, "kind", trail_status_name(event->kind));
  if (event->http_status) FIELD(lua_pushinteger, "status", event->http_status);
  if (event->type == TRAIL_EVENT_RETRY || event->type == TRAIL_EVENT_PACE)
    FIELD(lua_pushnumber, "wait", (lua_Number)event->wait_us / 1e6);
  if (event->type == TRAIL_EVENT_RESPONSE || event->type == TRAIL_EVENT_ERROR)
    FIELD(lua_pushnumber, "elapsed", (lua_Number)event->elapsed_us / 1e6);
  if (event->reason[0]) FIELD(lua_pushstring, "reason", event->reason);
  if (event->request_id[0]) FIELD(lua_pushstring, "request_id", event->request_id);
  if (event->has_rate) {
    lua_createtable(L, 0, 3);
    FIELD(lua_pushinteger, "limit", (lua_Integer)event->rate.limit);
    FIELD(lua_pushinteger, "remaining", (lua_Integer)event->rate.remaining);
    FIELD(lua_pushinteger, "reset", (lua_Integer)event->rate.reset);
    lua_setfield(L, -2, "rate");
  }
#undef FIELD
}
