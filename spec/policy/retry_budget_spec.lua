local retry_budget = require("trailmark_testing").retry_budget

describe("retry budget", function()
  it("grants 35 retries from full, then none", function()
    local budget = retry_budget.new()
    assert.equal(500, retry_budget.tokens(budget))
    for _ = 1, 35 do assert.is_true(retry_budget.take(budget)) end
    assert.is_false(retry_budget.take(budget))
    assert.equal(10, retry_budget.tokens(budget))
  end)

  it("grants one more for every 14 successes", function()
    local budget = retry_budget.new()
    while retry_budget.take(budget) do end -- luacheck: ignore 542
    for _ = 1, 4 do retry_budget.give(budget) end
    for _ = 1, 10 do
      assert.is_true(retry_budget.take(budget))
      for _ = 1, 13 do retry_budget.give(budget) end
      assert.is_false(retry_budget.take(budget))
      retry_budget.give(budget)
    end
  end)

  it("is never more than full", function()
    local budget = retry_budget.new()
    retry_budget.give(budget)
    assert.equal(500, retry_budget.tokens(budget))
    assert.is_true(retry_budget.take(budget))
    for _ = 1, 20 do retry_budget.give(budget) end
    assert.equal(500, retry_budget.tokens(budget))
  end)

  it("holds 1,000 calls to a server that is down to 35 retries", function()
    local budget, retries = retry_budget.new(), 0
    for _ = 1, 1000 do
      for _ = 1, 3 do
        if not retry_budget.take(budget) then break end
        retries = retries + 1
      end
    end
    assert.equal(35, retries)
  end)

  it("never refuses where one call in a hundred fails", function()
    local budget = retry_budget.new()
    for call = 1, 10000 do
      if call % 100 == 0 then assert.is_true(retry_budget.take(budget)) end
      retry_budget.give(budget)
    end
  end)
end)
