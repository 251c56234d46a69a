-- What the sandbox needs of this machine, in plain Lua: random bytes, process
-- ids, a clock with fractions, the programs it runs. Linux only.

local host = {}

local function read_file(path, what)
  local file, err = io.open(path, "rb")
  if not file then
    return nil, err
  end
  local content = file:read(what)
  file:close()
  return content
end

--- `count` random bytes as hexadecimal digits. The global generator of `math` is left alone.
function host.random_hex(count)
  local bytes = assert(read_file("/dev/urandom", count))
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

--- A random whole number from `low` to `high`.
function host.random_between(low, high)
  return low + tonumber(host.random_hex(4), 16) % (high - low + 1)
end

--- The calling process's id, nil where there is no /proc.
function host.process_id()
  local stat = read_file("/proc/self/stat", "*l")
  return stat and tonumber(stat:match("^%d+"))
end

--- Seconds since the machine started, in hundredths.
function host.uptime()
  return read_file("/proc/uptime", "*n")
end

--- A loopback port to try: below those the kernel gives to outgoing connections.
function host.random_port()
  local range = read_file("/proc/sys/net/ipv4/ip_local_port_range", "*l") or ""
  local first = tonumber(range:match("^%d+")) or 32768
  return host.random_between(10000, first > 12000 and math.min(first - 1, 32767) or 32767)
end

--- `text` as one word of a shell command.
function host.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Prints `nginx PATH`, a `line` of configuration for each module to load, or what is missing.
local probe = [=[
usable() {
  about=$("$1" -V 2>&1) || return 1
  modules=${about#*--modules-path=}
  modules=${modules%% *}
  if [ -e "$modules/ngx_http_lua_module.so" ]; then
    [ -e "$modules/ndk_http_module.so" ] && echo "line load_module $modules/ndk_http_module.so;"
    echo "line load_module $modules/ngx_http_lua_module.so;"
    return 0
  fi
  case $about in *ngx_lua*|*lua-nginx-module*) return 0 ;; esac
  return 1
}
some=
for name in @CANDIDATES@; do
  path=$(command -v "$name") || continue
  some=$path
  if usable "$path"; then
    echo "nginx $path"
    found=1
    break
  fi
done
[ -n "$found" ] || echo "missing libnginx-mod-http-lua"
[ -n "$some" ] || echo "missing nginx"
command -v openssl >/dev/null || echo "missing openssl"
if [ "$(id -u)" = 0 ]; then
  id nobody >/dev/null 2>&1 && echo "line user nobody $(id -gn nobody);"
fi
]=]

local candidates = "nginx /usr/sbin/nginx /usr/local/sbin/nginx openresty"
  .. " /usr/local/openresty/nginx/sbin/nginx"

--- Looks for the programs and packages a sandbox needs.
---@param wanted_nginx string? path of the nginx to use
---@param with_tls boolean
---@return { nginx: string, preamble: string }|nil found
---@return string|nil err names the Debian packages that are missing
function host.find_programs(wanted_nginx, with_tls)
  if not host.process_id() then
    return nil, "trailmark.sandbox runs on Linux only"
  end
  local missing, lines, nginx = {}, {}, nil
  local list = wanted_nginx and host.quote(wanted_nginx) or candidates
  local pipe = assert(io.popen((probe:gsub("@CANDIDATES@", function() return list end)), "r"))
  for line in pipe:lines() do
    local what, value = line:match("^(%S+) (.*)$")
    if what == "nginx" then
      nginx = value
    elseif what == "line" then
      lines[#lines + 1] = value
    elseif value ~= "openssl" or with_tls then
      missing[#missing + 1] = value
    end
  end
  pipe:close()
  if not pcall(require, "cjson") then
    missing[#missing + 1] = "lua-cjson"
  end
  if #missing > 0 then
    return nil, "trailmark.sandbox cannot start: install " .. table.concat(missing, ", ")
      .. " (names of Debian packages)" .. (wanted_nginx and "; looked at " .. wanted_nginx or "")
  end
  return { nginx = nginx, preamble = table.concat(lines, "\n") }
end

return host
