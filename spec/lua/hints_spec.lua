local hints = require "trailmark.hints"

describe("hints.rows", function()
  it("name each kind of the contract once, with a meaning and words for it", function()
    local names = {}
    for i, row in ipairs(hints.rows) do
      names[i] = row.name
      assert.is_true(#row.means > 0 and #row.says > 0, row.name)
      assert.equal(row, hints.row(row.name))
    end
    table.sort(names)
    assert.same({
      "argument", "cancelled", "closed", "config", "conflict", "decode", "forbidden", "http",
      "invalid", "network", "not_found", "pending", "protocol", "rate_limited", "server",
      "timeout", "tls", "too_large", "unauthorized",
    }, names)
  end)

  it("stand in for a kind that is not in the list", function()
    assert.equal("failed", hints.row("no such kind").says)
    assert.is_nil(hints.remedy({ kind = "no such kind" }, {}))
  end)
end)

describe("hints.remedy", function()
  -- What must be in the remedy, or with a minus in front must not.
  local rows = {
    { "a missing key", { kind = "config" }, {},
      { "key_file", "TRAILMARK_API_KEY", "TRAILMARK_API_KEY_FILE", "-nginx" } },
    { "an unreadable key file", { kind = "config" }, { option = "key_file" }, { "readable" } },
    { "a bad base URL", { kind = "config" }, { option = "base_url" }, { "https://" } },
    { "401: where the key came from", { kind = "unauthorized", status = 401 },
      { key_source = "key_file /etc/tm.key", key_last4 = "a1b2", key_age = 300000,
        key_prefixed = true },
      { "key_file /etc/tm.key", 'ends in "a1b2"', "file is 4 d old", "API Keys", "24 hours",
        "-tm_live_" } },
    { "401: a key without the prefix", { kind = "unauthorized", status = 401 },
      { key_prefixed = false }, { "tm_live_", "OAuth" } },
    { "401: nothing known of the key", { kind = "unauthorized", status = 401 }, {},
      { "API Keys", "-ends in", "-old", "-tm_live_" } },
    { "403: the scopes", { kind = "forbidden", status = 403 }, {},
      { "read:workspace", "read:write:workspace", "admin:full" } },
    { "404", { kind = "not_found", status = 404, method = "GET", attempts = 3 }, {},
      { "workspace", "-earlier" } },
    { "404 on a first DELETE", { kind = "not_found", status = 404, method = "DELETE",
      attempts = 1 }, {}, { "workspace", "-earlier" } },
    { "404 on a repeated DELETE", { kind = "not_found", status = 404, method = "DELETE",
      attempts = 2 }, {}, { "earlier attempt" } },
    { "409", { kind = "conflict", status = 409 }, {}, { "idempotency key" } },
    { "422", { kind = "invalid", status = 422 }, {}, { "err.body",
      "developers.trailmark.com/api" } },
    { "429 with a time", { kind = "rate_limited", status = 429, retry_after = 52.1,
      retry_at = 1700017927 }, {},
      { "again at 03:12:07Z in 53 s", "600", "developers@trailmark.com", "-longer deadline" } },
    { "429 with seconds only", { kind = "rate_limited", status = 429, retry_after = 5 }, {},
      { "again in 5 s" } },
    { "429 with neither", { kind = "rate_limited", status = 429 }, {}, { "600", "-again" } },
    { "a pacing wait beyond the deadline", { kind = "rate_limited", retry_at = 0 }, {},
      { "again at 00:00:00Z", "longer deadline" } },
    { "5xx", { kind = "server", status = 503 }, {}, { "status.trailmark.com" } },
    { "a redirect", { kind = "http", status = 302 }, {}, { "redirects", "base_url" } },
    { "304", { kind = "http", status = 304 }, {}, { "If-None-Match", "-redirects" } },
    { "405", { kind = "http", status = 405 }, {}, { "method" } },
    { "413", { kind = "http", status = 413 }, {}, { "body" } },
    { "415", { kind = "http", status = 415 }, {}, { "content_type" } },
    { "a network error", { kind = "network" }, {}, { "base_url", "-proxy" } },
    { "a network error by a proxy", { kind = "network" }, { proxied = true }, { "option proxy", "base_url" } },
    { "an ignored proxy variable", { kind = "network" }, { ignored_proxy = "HTTPS_PROXY" },
      { "HTTPS_PROXY", 'proxy = "env"' } },
    { "an ignored proxy without its name", { kind = "network" }, { ignored_proxy = true },
      { "proxy variable", 'proxy = "env"' } },
    { "a TLS error", { kind = "tls" }, {}, { "host name", "clock", "ca_file" } },
    { "a ca_file that holds no certificates", { kind = "tls", curl_code = 77 }, {}, { "PEM", "-host name" } },
    { "TLS to a port that speaks none", { kind = "tls", curl_code = 35, message = "SSL::wrong version number" },
      {}, { "port of base_url", "-clock" } },
    { "an attempt's timeout", { kind = "timeout" }, { limit = "timeout", seconds = 10 },
      { "timeout = 10", "raise it" } },
    { "a connect timeout", { kind = "timeout" }, { limit = "connect_timeout", seconds = 0.5 },
      { "connect_timeout = 0.5", "firewall" } },
    { "a deadline", { kind = "timeout" }, { limit = "deadline", seconds = 90 },
      { "deadline = 90", "queueing" } },
    { "a timeout without its limit", { kind = "timeout" }, {}, { "deadline" } },
    { "a closed client", { kind = "closed" }, {}, { "trailmark.new" } },
    { "a cancelled call", { kind = "cancelled", outcome = "unknown" }, {}, { "call:cancel", "-nothing was sent" } },
    { "a cancelled call that was not sent", { kind = "cancelled", outcome = "not_sent" }, {}, { "nothing was sent" } },
    { "a call of the process before a fork", { kind = "cancelled", message = "... was forked from" }, {},
      { "in this process" } },
    { "a wait that ran out", { kind = "pending" }, {}, { "wait" } },
    { "malformed HTTP", { kind = "protocol" }, {}, { "proxy" } },
    { "an answer that is too large", { kind = "too_large" },
      { limit = "max_response_bytes", seconds = 67108864 }, { "max_response_bytes = 67108864" } },
    { "an answer that is not JSON", { kind = "decode", status = 200 }, {}, { "decode = false" } },
  }
  for _, row in ipairs(rows) do
    it("explains " .. row[1], function()
      local remedy = hints.remedy(row[2], row[3])
      for _, words in ipairs(row[4]) do
        local absent = words:match("^%-(.*)")
        assert.equal(absent == nil, remedy:find(absent or words, 1, true) ~= nil, remedy)
      end
      assert.falsy(remedy:find("\n", 1, true))
      assert.is_true(#remedy < 300)
    end)
  end

  for _, row in ipairs { { "argument" }, { "http", 418 } } do
    it(("has none to give for %s"):format(table.concat(row, " ")), function()
      assert.is_nil(hints.remedy({ kind = row[1], status = row[2] }, {}))
    end)
  end

  it("names nginx's env directive inside nginx", function()
    local globals = _G
    local before = rawget(globals, "ngx")
    rawset(globals, "ngx", {})
    finally(function() rawset(globals, "ngx", before) end)
    local remedy = hints.remedy({ kind = "config" }, {})
    assert.truthy(remedy:find("env TRAILMARK_API_KEY;", 1, true), remedy)
    remedy = hints.remedy({ kind = "config" }, { option = "base_url" })
    assert.falsy(remedy:find("env TRAILMARK_API_KEY;", 1, true), remedy)
  end)
end)
