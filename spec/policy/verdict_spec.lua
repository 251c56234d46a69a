local verdict = require("trailmark_testing").verdict

local METHODS = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" }
local IDEMPOTENT = { GET = true, HEAD = true, PUT = true, DELETE = true }
local SAFE = { GET = true, HEAD = true }

local function attempt(method, fields)
  local made = { method = method }
  for name, value in pairs(fields) do made[name] = value end
  return made
end

local function answer(method, status, keyed)
  return {
    method = method, keyed = keyed, sent = true, head_complete = true, complete = true,
    http_status = status, failure = verdict.status(status),
  }
end

describe("verdict.status", function()
  local kinds = {
    [400] = "invalid", [401] = "unauthorized", [403] = "forbidden", [404] = "not_found",
    [409] = "conflict", [422] = "invalid", [429] = "rate_limited",
  }
  it("knows the kind of every status", function()
    for status = 0, 1100 do
      local expected = kinds[status]
        or (status < 200 or status > 999) and "protocol"
        or status < 300 and "ok"
        or status >= 500 and status < 600 and "server"
        or "http"
      assert.equal(expected, verdict.status(status), tostring(status))
    end
  end)
end)

describe("verdict.outcome", function()
  local rows = { -- name, facts, of a safe method, of another
    { "nothing left", { failure = "network" }, "not_sent", "not_sent" },
    { "the peer dropped the stream unread", { failure = "network", cut = true }, "not_sent",
      "not_sent" },
    { "cancelled while queued", { failure = "cancelled" }, "not_sent", "not_sent" },
    { "no answer in time", { sent = true, failure = "timeout" }, "unknown", "unknown" },
    { "a reset", { sent = true, failure = "network", cut = true }, "unknown", "unknown" },
    { "a malformed head", { sent = true, failure = "protocol" }, "unknown", "unknown" },
    { "half a head that said 200", { sent = true, http_status = 200, failure = "protocol" },
      "unknown", "unknown" },
    { "half a head that said 404", { sent = true, http_status = 404, failure = "protocol" },
      "unknown", "unknown" },
    { "a cut 2xx body", { sent = true, head_complete = true, http_status = 201, cut = true,
                         failure = "protocol" }, "done", "done" },
    { "a stalled 2xx body", { sent = true, head_complete = true, http_status = 200,
                             failure = "timeout" }, "done", "done" },
    { "an over-long 2xx body", { sent = true, head_complete = true, http_status = 200,
                                failure = "too_large" }, "done", "done" },
    { "a 2xx body that is no JSON", { sent = true, head_complete = true, complete = true,
                                     http_status = 200, failure = "decode" }, "done", "done" },
    { "a cut 404 body", { sent = true, head_complete = true, http_status = 404, cut = true,
                         failure = "protocol" }, "unknown", "unknown" },
    { "an interim answer only", { sent = true, head_complete = true, complete = true,
                                 http_status = 101, failure = "protocol" }, "unknown", "unknown" },
  }
  for _, row in ipairs(rows) do
    it(("calls %s %s, %s"):format(row[1], row[3], row[4]), function()
      for _, method in ipairs(METHODS) do
        local outcome = verdict.outcome(attempt(method, row[2]))
        assert.equal(SAFE[method] and row[3] or row[4], outcome, method)
      end
    end)
  end

  it("calls a complete answer done, rejected or, where it may have acted, unknown", function()
    for status = 200, 999 do
      local ambiguous = status == 408 or status == 409 or (status >= 500 and status < 600)
      for _, method in ipairs(METHODS) do
        local expected = status < 300 and "done" or ambiguous and not SAFE[method] and "unknown"
          or "rejected"
        assert.equal(expected, verdict.outcome(answer(method, status)), method .. " " .. status)
      end
    end
  end)

  it("ranks them: of several attempts the highest describes the call", function()
    local order = { "not_sent", "rejected", "unknown", "done" }
    for i, a in ipairs(order) do
      for j, b in ipairs(order) do assert.equal(order[math.max(i, j)], verdict.worse(a, b)) end
      assert.equal(a, verdict.outcome_name(i - 1))
    end
    assert.equal("unknown", verdict.outcome_name(4))
    assert.equal("unknown", verdict.outcome_name(-1))
  end)
end)

describe("verdict.retryable", function()
  local rows = { -- name, facts, idempotent method, unkeyed POST or PATCH, keyed
    { "a refused connection", { failure = "network" }, true, true, true },
    { "a connection not made in time", { failure = "timeout" }, true, true, true },
    { "a refused stream", { failure = "network", cut = true }, true, true, true },
    { "a reset", { sent = true, failure = "network" }, true, false, true },
    { "no answer in time", { sent = true, failure = "timeout" }, true, false, true },
    { "a stalled body", { sent = true, head_complete = true, http_status = 200,
                         failure = "timeout" }, true, false, true },
    { "a cut answer", { sent = true, cut = true, failure = "protocol" }, true, false, true },
    { "a cut 2xx body", { sent = true, head_complete = true, http_status = 200, cut = true,
                         failure = "protocol" }, true, false, true },
    { "a malformed answer", { sent = true, failure = "protocol" }, false, false, false },
    { "a certificate that does not fit", { failure = "tls" }, false, false, false },
    { "an over-long body", { sent = true, head_complete = true, http_status = 200,
                            failure = "too_large" }, false, false, false },
    { "a body that is no JSON", { sent = true, head_complete = true, complete = true,
                                 http_status = 200, failure = "decode" }, false, false, false },
    { "a cancelled call", { failure = "cancelled" }, false, false, false },
    { "a closed client", { failure = "closed" }, false, false, false },
    { "an argument that cannot be sent", { failure = "argument" }, false, false, false },
    { "a pacing wait that cannot fit", { failure = "rate_limited" }, false, false, false },
  }
  for _, row in ipairs(rows) do
    it("rules on " .. row[1], function()
      for _, method in ipairs(METHODS) do
        local plain = attempt(method, row[2])
        assert.equal(row[IDEMPOTENT[method] and 3 or 4], verdict.retryable(plain), method)
        plain.keyed = true
        assert.equal(row[5], verdict.retryable(plain), method .. " with a key")
      end
    end)
  end

  it("rules on every complete answer", function()
    local again = {}
    for _, status in ipairs { 408, 429, 500, 502, 503, 504 } do again[status] = true end
    for status = 200, 999 do
      for _, method in ipairs(METHODS) do
        local words = method .. " " .. status
        local plain = again[status] and IDEMPOTENT[method] or false
        local keyed = again[status] or status == 409
        assert.equal(plain, verdict.retryable(answer(method, status)), words)
        assert.equal(keyed, verdict.retryable(answer(method, status, true)), words .. " with a key")
      end
    end
  end)
end)

describe("verdict.repeatable", function()
  local refused = { failure = "rate_limited" } -- by the pacer
  local reset = { sent = true, failure = "network" }
  local cancelled = { failure = "cancelled" }
  local cut_short = { sent = true, failure = "cancelled" }
  local unreachable = { failure = "network" }
  local rows = { -- name, attempt, outcome of the whole, expected
    { "a GET after 503", answer("GET", 503), "rejected", true },
    { "a POST after 503", answer("POST", 503), "unknown", false },
    { "a keyed POST after 503", answer("POST", 503, true), "unknown", true },
    { "a POST after 429", answer("POST", 429), "rejected", true },
    { "a POST after 429 and a reset before", answer("POST", 429), "unknown", false },
    { "a keyed POST after 409", answer("POST", 409, true), "unknown", true },
    { "a PUT after 409", answer("PUT", 409), "unknown", false },
    { "a POST after 422", answer("POST", 422, true), "rejected", false },
    { "a GET after 404", answer("GET", 404), "rejected", false },
    { "a GET after 501", answer("GET", 501), "rejected", false },
    { "a POST the pacer refused", attempt("POST", refused), "not_sent", true },
    { "a POST the pacer refused after a reset", attempt("POST", refused), "unknown", false },
    { "a PUT the pacer refused after a reset", attempt("PUT", refused), "unknown", true },
    { "a cancelled POST that was not sent", attempt("POST", cancelled), "not_sent", true },
    { "a cancelled POST that was", attempt("POST", cut_short), "unknown", false },
    { "a cancelled GET", attempt("GET", cut_short), "unknown", true },
    { "a POST that there was no memory to send", attempt("POST", { failure = "no_memory" }), "not_sent", true },
    { "a POST that memory ran out in", attempt("POST", { sent = true, failure = "no_memory" }), "unknown", false },
    { "a reset POST", attempt("POST", reset), "unknown", false },
    { "a reset DELETE", attempt("DELETE", reset), "unknown", true },
    { "a POST that found no connection", attempt("POST", unreachable), "not_sent", true },
    { "a POST that found none after a reset", attempt("POST", unreachable), "unknown", false },
    { "a closed client", attempt("GET", { failure = "closed" }), "not_sent", false },
    { "a certificate that does not fit", attempt("GET", { failure = "tls" }), "not_sent", false },
  }
  for _, row in ipairs(rows) do
    it(("says %s of %s"):format(tostring(row[4]), row[1]), function()
      assert.equal(row[4], verdict.repeatable(row[2], row[3]))
    end)
  end
end)
