-- The caller's orders: one JSON line each, appended to the file `orders`, read
-- from where the last look ended. The worker looks before each request, which
-- costs it one read() that finds nothing; so an order holds for every request sent
-- after it was given, and giving one costs a single write.

local cjson = require("cjson")
local ffi = require("ffi")
local posix = require("trailmark.sandbox.server.posix")

local C = posix.C
local orders = {}
orders.__index = orders

local SIZE = 65536

function orders.open(folder)
  local self = setmetatable({ offset = 0, rest = "", buffer = ffi.new("char[?]", SIZE) }, orders)
  self.file = C.open(folder .. "orders", posix.O_RDWR)
  assert(self.file >= 0, "the sandbox's files are missing")
  return self
end

--- Hands each order given since the last look to `obey(order)`.
function orders:take(obey)
  while true do
    local size = tonumber(C.pread(self.file, self.buffer, SIZE, self.offset))
    if size <= 0 then
      return
    end
    self.offset = self.offset + size
    local text = self.rest .. ffi.string(self.buffer, size)
    local first, last = 1, text:find("\n", #self.rest + 1, true)
    while last do
      obey(cjson.decode(text:sub(first, last - 1)))
      first, last = last + 1, text:find("\n", last + 1, true)
    end
    self.rest = text:sub(first)
  end
end

return orders
