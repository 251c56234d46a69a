--- How many requests a second a server answers to h2load, over HTTP/1.1.

local h2load = {}

--- Raises what h2load said where a request failed.
---@param url string
---@param connections integer
---@param requests integer
---@return number
function h2load.rate(url, connections, requests)
  local command = "h2load --h1 -n %d -c %d %s 2>&1"
  local pipe = assert(io.popen(command:format(requests, connections, url)))
  local said = pipe:read "*a"
  pipe:close()
  local found = said:match "finished in [^,]+, ([%d.]+) req/s"
  if not found or said:match "(%d+) failed" ~= "0" or said:match "status codes: (%d+) 2xx"
    ~= tostring(requests) then
    error(said)
  end
  return tonumber(found)
end

return h2load
