--- The ways to drive the engine: each runs a function in the way of its host, to its end, and says
-- what a client's option `loop` is there.
--
--     drivers.cqueues.run(function(loop) ... end)

local drivers = {}

--- A blocking call steps the engine itself.
drivers.inline = {
  run = function(body) body "blocking" end,
}

--- A thread moves the calls; their coroutines wait at the doorbell. The hosts that need it have
-- LuaJIT or a Lua from 5.3 on, whose coroutines can yield in pcall.
drivers.worker = (_VERSION ~= "Lua 5.1" or rawget(_G, "jit")) and {
  run = function(body)
    local loop = require "spec.support.drives.doorbell_loop"
    loop.run(function() body(loop.name) end)
  end,
} or nil

--- A loop of the user's own watches the engine's descriptor.
drivers.fd = {
  run = function(body)
    local loop, over = require("spec.support.hand_loop").new(), false
    loop:go(function()
      body(loop.adapter)
      over = true
    end)
    loop:run(function() return over end)
    assert(over, "the loop came to its end before the scenario did")
  end,
}

drivers.uv = {
  needs = "luv",
  run = function(body)
    local uv, over = require "luv", false -- in the main program: it runs callbacks in who loads it
    coroutine.wrap(function()
      body "uv"
      over = true
    end)()
    uv.run()
    assert(over, "the loop came to its end before the scenario did")
  end,
}

drivers.cqueues = {
  needs = "cqueues",
  run = function(body)
    local loop = require("cqueues").new()
    loop:wrap(body, "cqueues")
    assert(loop:loop())
  end,
}

--- Before 2.0 its loop has no end. Debian has it for these two, and for LuaJIT.
drivers.copas = (_VERSION == "Lua 5.1" or _VERSION == "Lua 5.2") and {
  needs = "copas",
  run = function(body)
    local copas, over = require "copas", false
    copas.addthread(function()
      body "copas"
      over = true
    end)
    while not over do copas.step(1) end
  end,
} or nil

return drivers
