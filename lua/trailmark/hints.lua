--- What each kind of error means, and what to do about it.
--
-- One row a kind: its name, `means` for the documentation, `says` where the core or the server gave
-- no message, `remedy` for the hint. The facts are those the Trailmark guide documents (scopes, the
-- default rate limit, rotation, the status page); an answer's row is marked `answered`: its status
-- speaks for itself in the printed line.
-- A remedy is a string or a function of the error and of the facts that only the core knows
-- (trailmark.Facts); both are already safe to print.

local printable = require "trailmark.printable"

local hints = {}

local API_KEYS = "Settings > Developers > API Keys"
local REFERENCE = "developers.trailmark.com/api"

local function in_nginx()
  return rawget(_G, "ngx") ~= nil
end

local function in_haproxy()
  local host = rawget(_G, "core")
  return type(host) == "table" and rawget(host, "register_task") ~= nil
end

local function join(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local part = select(i, ...)
    if part then parts[#parts + 1] = part end
  end
  return #parts > 0 and table.concat(parts, "; ") or nil
end

local NO_KEY = "pass key or key_file, or set TRAILMARK_API_KEY or TRAILMARK_API_KEY_FILE"
local NGINX_KEY = "nginx workers see the variable only after `env TRAILMARK_API_KEY;` at the top"
  .. " level of nginx.conf"

-- By the option that is at fault, where the core says which.
local CONFIG = {
  key = NO_KEY,
  key_function = "the function must return a key, or nil and what is wrong",
  fallback_key = "the fallback key must be one key and nothing else",
  key_file = "the file must be readable by this process and hold one key and nothing else",
  base_url = "base_url is https://host/path; http only for this machine's own addresses",
  ca_file = "ca_file must be a readable file of PEM certificates",
}

local HAPROXY_KEY = "HAProxy has the variables that it was started with, and those of setenv above"
  .. " lua-load in its section global"

--- What the core and the C library say where descriptors have run out.
local function out_of_descriptors(err)
  local message = tostring(err.message)
  if not message:find("no descriptor is left", 1, true)
    and not message:find("Too many open files", 1, true) then return nil end
  local of_system = message:find("fs.file-max", 1, true)
    or message:find("open files in system", 1, true)
  local limit = of_system and "fs.file-max (sysctl), the system's limit"
    or in_nginx() and "worker_rlimit_nofile in nginx.conf"
    or in_haproxy() and "ulimit-n in HAProxy's section global" or "the limit (ulimit -n)"
  return ("raise %s, close what is not in use, or make fewer calls at a time"):format(limit)
end

local function config(err, facts)
  local starved = out_of_descriptors(err)
  if starved then return starved end
  local option = facts.option or "key"
  return join(CONFIG[option], option == "key" and in_nginx() and NGINX_KEY,
    option == "key" and in_haproxy() and HAPROXY_KEY)
end

local function key_at_fault(facts)
  local marks = {}
  if facts.key_last4 then marks[1] = 'ends in "' .. facts.key_last4 .. '"' end
  local age = printable.age(facts.key_age)
  if age then marks[#marks + 1] = "file is " .. age .. " old" end
  local text = "the key came from " .. (facts.key_source or "the client's options")
  return #marks > 0 and text .. " (" .. table.concat(marks, ", ") .. ")" or text
end

local function unauthorized(_, facts)
  local shape = facts.key_prefixed == false
    and 'it does not begin with "tm_live_" as API keys do (an OAuth token may have expired)'
  return join(key_at_fault(facts), shape, facts.key_problem,
    "see " .. API_KEYS .. ": revoked, or rotated over 24 hours ago?")
end

local function not_found(err, facts)
  if err.method == "DELETE" and (err.attempts or 0) > 1 then
    return "an earlier attempt of this call may have deleted it"
  end
  if err.path and err.path:find("[{}]") then
    return "the path holds a {name} as it stands: fill it with the option params"
  end
  return join("not in this key's workspace, or a wrong id in the path",
    facts.bare_base_url and "base_url has no path: should it end in /v1?")
end

local function rate_limited(err)
  local at, wait = printable.clock(err.retry_at), printable.age(err.retry_after)
  local again = at and "again at " .. at or wait and "again"
  if again and wait then again = again .. " in " .. wait end
  local room = not err.status and "a longer deadline lets the call wait"
  return join(again, room,
    "600 requests a minute per workspace unless developers@trailmark.com agreed to more")
end

local function named_limit(facts)
  if not facts.limit then return nil end
  return facts.seconds and ("%s = %.14g"):format(facts.limit, facts.seconds) or facts.limit
end

local TIMEOUTS = {
  timeout = "raise it if the service needs longer for this call",
  connect_timeout = "a firewall or a wrong address, most likely",
  deadline = "it covers queueing, pacing and every attempt",
  batch_deadline = "it covers all calls of the batch",
}

local function timeout(_, facts)
  local limit = named_limit(facts)
  if not limit then return "see timeout, connect_timeout and deadline" end
  return join("the limit was " .. limit, TIMEOUTS[facts.limit])
end

local NO_SUCH_HOST = 6 -- CURLE_COULDNT_RESOLVE_HOST

--- In a chroot the system's resolver has the files that are there.
local function resolver_files(err)
  if err.curl_code ~= NO_SUCH_HOST or not in_haproxy() then return nil end
  local file = io.open("/etc/resolv.conf")
  if file then
    file:close()
    return nil
  end
  return "HAProxy's chroot has no etc/resolv.conf, so names are asked of 127.0.0.1 alone: copy it"
    .. " and etc/hosts there"
end

local function network(err, facts)
  local starved = out_of_descriptors(err)
  if starved then return starved end
  local proxy = facts.ignored_proxy
  if proxy == true then proxy = "a proxy variable" end
  local places = facts.proxied and ", the option proxy and base_url" or " and base_url"
  return join("check the network" .. places, resolver_files(err),
    proxy and proxy .. ' is set but was not used: proxy = "env" uses it')
end

local function too_large(err, facts)
  if tostring(err.message):find("header", 1, true) then
    return "not the API at base_url, or a proxy in between that adds headers?"
  end
  local limit = named_limit(facts)
  return join(limit and "the limit was " .. limit,
    "raise max_response_bytes or ask for less at a time")
end

local BY_TLS_CODE = {
  [77] = CONFIG.ca_file .. "; without it the system's have to be installed", -- ..._CACERT_BADFILE
  [90] = "the server's public key is not the one of pinned_public_key: a new certificate, or"
    .. " somebody in between", -- CURLE_SSL_PINNEDPUBKEYNOTMATCH
}

local function tls(err)
  if BY_TLS_CODE[err.curl_code] then return BY_TLS_CODE[err.curl_code] end
  if tostring(err.message):find("wrong version number", 1, true) then -- OpenSSL's words
    return "no TLS is spoken there: check the port of base_url"
  end
  return "check base_url's host name, this machine's clock and its CA certificates; ca_file names"
    .. " a CA of your own"
end

local function cancelled(err)
  if tostring(err.message):find("forked", 1, true) then return "make it again in this process" end
  local again = err.outcome == "not_sent" and "nothing was sent, so it can be made again"
  return join("by call:cancel, or whoever waited for it has left", again)
end

--- Why an answer that is usually tried again was not.
local NOT_RETRIED = {
  deadline = "the deadline left no time for another attempt",
  retry_budget = "not tried again: this server has failed too often lately (retry budget)",
}

local KEYLESS = "the system gives no random bytes for an idempotency key, so it was not tried again"

hints.rows = {
  { name = "config", means = "the key or another setting is missing or unusable",
    says = "not configured", remedy = config },
  { name = "argument", means = "a value that cannot be sent: a control byte, an unencodable body",
    says = "a value cannot be sent" },
  { name = "unauthorized", means = "401: the key was not accepted", answered = true,
    says = "the key was not accepted", remedy = unauthorized },
  { name = "forbidden", means = "403: the key's scope does not cover the call", answered = true,
    says = "the key's scope does not cover this",
    remedy = "it takes a key of wider scope: read:workspace reads, read:write:workspace also"
      .. " writes, admin:full includes billing" },
  { name = "not_found", means = "404: nothing there in this workspace", answered = true,
    says = "nothing there", remedy = not_found },
  { name = "conflict", means = "409: the state of the resource stands in the way", answered = true,
    says = "in conflict with the present state",
    remedy = "read the resource again before changing it; the same idempotency key may be in use" },
  { name = "invalid", means = "400 or 422: the service refused what was sent", answered = true,
    says = "refused as invalid", remedy = "err.body may name the fields; " .. REFERENCE },
  { name = "rate_limited", means = "429, or a pacing wait that cannot fit the deadline",
    answered = true, says = "the rate limit leaves no room", remedy = rate_limited },
  { name = "server", means = "5xx: the service failed", answered = true,
    says = "the service failed", remedy = "if it persists: status.trailmark.com" },
  { name = "http", means = "any other status from 300 on", answered = true,
    says = "unexpected status" },
  { name = "network", means = "no connection, or it broke", says = "the connection failed",
    remedy = network },
  { name = "tls", means = "no secure connection", says = "no secure connection",
    remedy = tls },
  { name = "timeout", means = "an attempt, the connect or the whole call took too long",
    says = "no complete answer", remedy = timeout },
  { name = "cancelled", means = "the call was cancelled", says = "cancelled", remedy = cancelled },
  { name = "closed", means = "the client is closed", says = "the client is closed",
    remedy = "make another with trailmark.new" },
  { name = "pending", means = "wait(seconds) ran out; the call goes on", says = "not done yet",
    remedy = "wait again, or cancel" },
  { name = "protocol", means = "malformed or truncated HTTP",
    says = "the answer is malformed or cut short",
    remedy = "a proxy in between, or not the API at base_url?" },
  { name = "too_large", means = "the answer exceeds max_response_bytes",
    says = "the answer is too large", remedy = too_large },
  { name = "decode", means = "a success that is not JSON, or no page of a list",
    says = "the answer is not JSON",
    remedy = "not the API at base_url, or a login page in between? decode = false gives bytes" },
}

-- Statuses that deserve more than their kind's remedy.
local BY_STATUS = {
  [304] = "a header of the request asked for it: If-None-Match or If-Modified-Since",
  [405] = "the path does not offer this method; " .. REFERENCE,
  [413] = "the body is more than the service takes",
  [415] = "see content_type",
}

local by_name = {}
for _, row in ipairs(hints.rows) do by_name[row.name] = row end

local UNKNOWN = { name = "unknown", says = "failed" }

--- The row of a kind; a row of its own for a kind that is not in the list.
---@param kind string
---@return table
function hints.row(kind)
  return by_name[kind] or UNKNOWN
end

--- Of the target the origin alone: what follows may be a secret.
local function redirected(err)
  local location = type(err.headers) == "table" and err.headers.location
  local scheme, authority = tostring(location):match("^(%a[%w+.-]*://)([^/?#\\]*)")
  if not scheme then return "redirects are not followed: is base_url right?" end
  local origin = scheme .. authority:gsub("^.*@", "")
  return ("redirects are not followed, here to %s: is base_url right?"):format(
    printable.text(origin, 100))
end

--- The remedy, or nil where there is none to give.
---@param err trailmark.Error
---@param facts trailmark.Facts
---@return string|nil
function hints.remedy(err, facts)
  local status = err.status
  local own = err.kind == "http" and BY_STATUS[status]
  if err.kind == "http" and not own and status and status < 400 then return redirected(err) end
  local remedy = own or hints.row(err.kind).remedy
  if type(remedy) == "function" then remedy = remedy(err, facts) end
  local made = type(err.attempts) == "number" and err.attempts or 0
  local attempted = made > 0 and err.kind ~= "timeout"
  local keyless = facts.keyless and err.outcome == "unknown" and KEYLESS
  return join(attempted and NOT_RETRIED[facts.limit], keyless, remedy)
end

return hints
