-- The nginx.conf of a sandbox. Paths are relative to the sandbox's folder,
-- which is nginx's prefix.

local config = {}

local template = [[
@PREAMBLE@
worker_processes 1;  # the state lives in the one worker
worker_rlimit_nofile @FILES@;
daemon off;
pid nginx.pid;
error_log error.log warn;
pcre_jit on;

events {
  worker_connections @CONNECTIONS@;
  multi_accept on;
}

http {
  access_log off;
  server_tokens off;
  default_type application/json;

  tcp_nodelay on;
  keepalive_timeout 3600s;
  keepalive_requests 1000000000;
  reset_timedout_connection on;  # makes exit code 444 a reset
  lingering_timeout 200ms;

  # Bodies stay in memory: the worker may be unable to write here.
  client_max_body_size 16m;
  client_body_buffer_size 16m;
  client_header_buffer_size 4k;
  large_client_header_buffers 8 64k;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;

  # Tests want to see what was sent, however odd.
  underscores_in_headers on;
  ignore_invalid_headers off;
  merge_slashes off;

  init_by_lua_block {
    local root = os.getenv("TRAILMARK_SANDBOX_ROOT")
    local boot = assert(loadfile(root .. "/trailmark/sandbox/server/boot.lua"))
    local caller = tonumber(os.getenv("TRAILMARK_SANDBOX_CALLER"))
    package.loaded.trailmark_sandbox = boot(root, ngx.config.prefix(), caller)
  }
  init_worker_by_lua_block { require("trailmark_sandbox").announce() }

  server {
    @LISTEN@
    server_name localhost;

    location / {
      content_by_lua_block { require("trailmark_sandbox").serve() }
    }

    # For benchmarks: the workspace as a constant, without Lua or key; the rate limit is for show.
    location = /bench/workspace {
      add_header X-RateLimit-Limit 600;
      add_header X-RateLimit-Remaining 599;
      add_header X-RateLimit-Reset 4102444800;
      return 200 '@WORKSPACE@';
    }

    error_page 400 405 408 411 413 414 421 494 495 497 500 503 505 /refused;
    location = /refused {
      internal;
      content_by_lua_block { require("trailmark_sandbox").serve(ngx.status) }
    }
  }
}
]]

local workspace = '{"id":"%s","name":"Acme Sales","plan":"team","members_count":14,'
  .. '"created_at":"2025-11-02T18:01:12Z"}'

local tls = [[
listen 127.0.0.1:%d ssl http2 backlog=4096;
    ssl_certificate cert.pem;
    ssl_certificate_key key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:1m;]]

--- The configuration but for its first lines (load_module, user), which go before it.
---@param port integer for HTTP
---@param tls_port integer? for HTTPS
---@param workspace_id string
---@return string
function config.text(port, tls_port, workspace_id)
  local listen = ("listen 127.0.0.1:%d backlog=4096;"):format(port)
  if tls_port then
    listen = listen .. "\n    " .. tls:format(tls_port)
  end
  local values = {
    PREAMBLE = "",
    FILES = "16384",
    CONNECTIONS = "8192",
    LISTEN = listen,
    WORKSPACE = workspace:format(workspace_id),
  }
  return (template:gsub("@(%u+)@", values))
end

return config
