local fork_mark = require("trailmark_testing").fork_mark

-- What a child answers: it is told (1), not any more once it took the mark over (not 2), and its
-- own child is told in turn (4).
local TOLD = 1 + 4

describe("a fork mark", function()
  it("tells the child that it is one, its child too, and the parent nothing", function()
    assert.same({ false, TOLD, false }, { fork_mark.across() })
  end)

  it("does so by the process's number where the kernel wipes no pages", function()
    assert.same({ false, TOLD, false }, { fork_mark.across(true) })
    local said = fork_mark.on_old_kernel()
    if said == 2 then
      pending("this process may not filter its system calls")
      return
    end
    assert.equal(0, said)
  end)
end)
