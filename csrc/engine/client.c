#include "engine/client.h"

#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"

static atomic_uint_fast64_t profiles_made;

void trail_client_forget_keys(struct trail_client *client) {
  trail_keyring_clear(&client->keyring);
  trail_secret_release(client->paced_key);
  client->paced_key = NULL;
}

static void hold_budget(struct trail_client *client) {
  client->retry_budget = trail_budgets_hold(client->origin.text);
  if (client->retry_budget) return;
  client->retry_budget = &client->own_budget;
  trail_retry_budget_init(client->retry_budget);
}

static void release_budget(struct trail_client *client) {
  if (client->retry_budget != &client->own_budget) trail_budgets_release(client->retry_budget);
}

static void destroy(struct trail_client *client) {
  release_budget(client);
  trail_origin_clear(&client->origin);
  trail_client_forget_keys(client);
  trail_events_clear(&client->events);
  if (client->guest) client->destroy_guest(client->guest);
  trail_memory_free((char *)client->profile.ca_file);
  trail_memory_free((char *)client->profile.ca_text.bytes);
  trail_memory_free((char *)client->profile.proxy);
  trail_memory_free((char *)client->profile.pinned_public_key);
  trail_memory_free((char *)client->defaults.pace_scope);
  trail_pace_store_close(client->pace_store);
  trail_memory_free(client->headers);
  trail_memory_free(client->json_headers);
  trail_memory_free(client);
}

static bool copy(const char *text, const char **to) {
  *to = text ? trail_memory_copy(text, strlen(text)) : NULL;
  return !text || *to;
}

static bool copy_bytes(struct trail_slice from, struct trail_slice *to) {
  char *bytes = from.size ? trail_memory_copy(from.bytes, from.size) : NULL;
  *to = trail_slice_of(bytes, bytes ? from.size : 0);
  return to->size == from.size;
}

static enum trail_status build(struct trail_client *client,
                               const struct trail_client_options *options, const char **why) {
  struct trail_profile *profile = &client->profile;
  enum trail_status status = trail_origin_parse(options->base_url, &client->origin, why);
  if (status != TRAIL_OK) return status;
  hold_budget(client);
  client->headers = trail_memory_copy(options->headers.bytes, options->headers.size);
  client->json_headers = trail_memory_copy(options->json_headers.bytes, options->json_headers.size);
  if (!client->headers || !client->json_headers || !copy(options->ca_file, &profile->ca_file) ||
      !copy_bytes(options->ca_text, &profile->ca_text) ||
      !copy(options->proxy, &profile->proxy) ||
      !copy(options->pinned_public_key, &profile->pinned_public_key))
    return TRAIL_NO_MEMORY;
  profile->id = atomic_fetch_add(&profiles_made, 1) + 1;
  profile->plain_http = client->origin.plain_http;
  profile->connect_timeout_us = options->connect_timeout_us;
  profile->max_response_bytes = options->max_response_bytes;
  client->defaults = *options;
  client->defaults.base_url = client->defaults.ca_file = client->defaults.proxy = NULL;
  client->defaults.pinned_public_key = client->defaults.pace_scope = NULL;
  client->defaults.headers = client->defaults.json_headers = trail_slice_of(NULL, 0);
  client->defaults.ca_text = trail_slice_of(NULL, 0);
  if (!copy(options->pace_scope, &client->defaults.pace_scope)) return TRAIL_NO_MEMORY;
  return trail_events_init(&client->events, options->events);
}

enum trail_status trail_client_create(const struct trail_client_options *options,
                                      struct trail_client **out, const char **why) {
  struct trail_client *client = trail_memory_zalloc(1, sizeof *client);
  *out = NULL;
  if (!client) return TRAIL_NO_MEMORY;
  atomic_init(&client->holders, 1);
  enum trail_status status = build(client, options, why);
  if (status == TRAIL_OK)
    *out = client;
  else
    destroy(client);
  return status;
}

struct trail_client *trail_client_retain(struct trail_client *client) {
  atomic_fetch_add_explicit(&client->holders, 1, memory_order_relaxed);
  return client;
}

void trail_client_release(struct trail_client *client) {
  if (client && atomic_fetch_sub_explicit(&client->holders, 1, memory_order_acq_rel) == 1)
    destroy(client);
}

double trail_client_resets_in(const struct trail_rate_view *rate, int64_t now_us) {
  int64_t server_then = rate->server_date >= 0 ? rate->server_date : rate->seen_wall_ms / 1000;
  double left_then = (double)((int64_t)rate->fields.reset - server_then);
  return left_then - (double)(now_us - rate->seen_us) / 1e6;
}
