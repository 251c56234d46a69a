local common = require "trailmark.common"
local gate_server = require "spec.support.gate_server"
local hand_loop = require "spec.support.hand_loop"

local function is_ours(name) return name == "trailmark" or name:find "^trailmark%." ~= nil end

--- Takes the library's modules out of package.loaded.
local function unload()
  local modules = {}
  for name, module in pairs(package.loaded) do
    if is_ours(name) then modules[name] = module end
  end
  for name in pairs(modules) do package.loaded[name] = nil end
  return modules
end

--- The library, loaded once more.
local function load_again()
  local modules = unload()
  local again = require "trailmark"
  unload()
  for name, module in pairs(modules) do package.loaded[name] = module end
  return again
end

describe("a common table", function()
  it("is one for its name, and weak where it is wanted so", function()
    assert.equal(common "spec.one", common "spec.one")
    assert.not_equal(common "spec.one", common "spec.two")
    assert.equal("k", getmetatable(common("spec.weak", "k")).__mode)
  end)
end)

describe("the library that is loaded twice", function()
  local gate, first, second
  before_each(function()
    gate = gate_server.start()
    local trailmark = require "trailmark"
    local again = load_again()
    assert.not_equal(trailmark, again)
    local opts = { key = "tm_live_x", base_url = gate.url, pace = "off", retries = 0 }
    first, second = assert(trailmark.new(opts)), assert(again.new(opts))
  end)
  after_each(function()
    first:close()
    second:close()
    gate:stop()
  end)

  it("tells each load of the calls that are its own, whoever waits", function()
    local told = {}
    for i = 1, 5 do
      first:send({ path = "/first" }, function(data) told[#told + 1] = data.path .. i end)
      second:send({ path = "/second" }, function(data) told[#told + 1] = data.path .. i end)
    end
    repeat second:sleep(0.002) until #told == 10
    table.sort(told)
    assert.equal("/first1 /first2", told[1] .. " " .. told[2])
    assert.equal("/second5", told[10])
    assert.equal("/a", first:all({ { path = "/a" } })[1].data.path)
  end)

  it("wakes the coroutines of both in one loop", function()
    local loop = hand_loop.new()
    local trailmark, again = require "trailmark", load_again()
    local woken = 0
    for _, library in ipairs { trailmark, again } do
      local tm = library.new { key = "tm_live_x", base_url = gate.url, pace = "off", loop = loop.adapter }
      for _ = 1, 3 do
        loop:go(function()
          tm:get "/hold"
          tm:sleep(0.001)
          woken = woken + 1
        end)
      end
    end
    loop:run(function() return #gate:held() == 6 end)
    gate:release()
    assert(second:get "/a")
    loop:run()
    assert.equal(6, woken)
    assert.equal(loop.watches, loop.stops)
  end)
end)
