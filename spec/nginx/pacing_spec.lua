-- Workers of one nginx spend from one budget.
--
-- TRAIL_LONG=1 runs through more windows.

local nginx = require "spec.support.nginx"
local sandbox = require "trailmark.sandbox"
local windows = require "spec.support.windows"

local LIMIT, WINDOW = 100, 1 -- and a second between two of them, the grain of X-RateLimit-Reset
local LONG = os.getenv "TRAIL_LONG" == "1"
local WINDOWS = LONG and 12 or 2 -- at least; the last, which nobody finishes, is not counted

describe("four workers of nginx", function()
  local sb, server
  setup(function()
    sb = assert(sandbox.start { limit = LIMIT, window = WINDOW })
    server = nginx.start {
      workers = 4,
      http = ([[
        lua_shared_dict counts 1m;
        init_by_lua_block {
          local trailmark = require "trailmark"
          client = trailmark.assert(trailmark.new { retries = 0, concurrency = 64,
            pace = { scope = "nginx-spec-%d" } })
        }
      ]]):format(os.time()),
      -- Each worker keeps 16 calls in flight until the time is over.
      init_worker = ([[
        ngx.timer.at(0, function()
          local function work()
            while not ngx.shared.counts:get "go" do ngx.sleep(0.01) end
            local until_time = ngx.now() + %g
            while ngx.now() < until_time and not ngx.worker.exiting() do
              local data, err = client:get("/workspaces/me", nil, { deadline = 20 })
              ngx.shared.counts:incr(data and "good" or err.status == 429 and "refused" or "bad", 1, 0)
              ngx.update_time()
            end
            ngx.shared.counts:incr("ended", 1, 0)
          end
          for _ = 1, 16 do ngx.thread.spawn(work) end
        end)
      ]]):format(WINDOWS * (WINDOW + 1)),
      locations = [[
        location = /go { content_by_lua_block { ngx.shared.counts:set("go", true) ngx.say "" } }
        location = /counts { content_by_lua_block {
          local counts = ngx.shared.counts
          ngx.say(counts:get "ended" or 0, " ", counts:get "good" or 0, " ", counts:get "refused" or 0,
            " ", counts:get "bad" or 0)
        } }
      ]],
      env = { TRAILMARK_API_KEY = sb.key, TRAILMARK_BASE_URL = sb.url },
    }
  end)
  teardown(function()
    server:stop()
    sb:stop()
  end)

  it("are never refused, and use what there is", function()
    server:says "/go"
    local function have_ended() return server:says "/counts":match "^64 " ~= nil end
    nginx.await("their end", have_ended, WINDOWS * (WINDOW + 1) + 20)
    local refused, bad = server:says "/counts":match "^64 %d+ (%d+) (%d+)"
    assert.same({ "0", "0" }, { refused, bad })
    local counts, again = windows.count(sb:log(), WINDOW)
    local used = windows.share_used(counts, LIMIT)
    if LONG then print(("%d windows, %.4f used, none refused"):format(#counts, used)) end
    assert.is_true(#counts >= WINDOWS - 1, #counts .. " windows")
    assert.equal(0, again)
    assert.is_true(used >= 0.98, ("%.4f used"):format(used))
    assert.equal("", server:errors())
  end)
end)
