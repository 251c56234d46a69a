-- The sandbox's own collection over the wire: verbs, pagination, idempotency keys.

local sandbox = require("trailmark.sandbox")
local talk = require("spec.sandbox.talk")

describe("the sandbox's contacts", function()
  local sb

  setup(function() sb = assert(sandbox.start({ contacts = 3 })) end)
  teardown(function() sb:stop() end)
  before_each(function() sb:reset() end)

  local function post(body, key)
    local headers = key and { "Idempotency-Key: " .. key }
    return talk.ask(sb, "POST", "/contacts", { body = body, headers = headers })
  end

  it("are created, read, changed, replaced and deleted", function()
    local made = post('{"name":"Ada","email":"ada@example.com","tags":["a"]}')
    assert.equal(201, made.status)
    assert.equal("Ada", made.json.name)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", made.json.created_at)
    local path = "/contacts/" .. made.json.id
    assert.equal("/v1" .. path, made.headers.location)
    assert.same(made.json, talk.ask(sb, "GET", path).json)
    local changed = talk.ask(sb, "PATCH", path, { body = '{"email":null,"note":"x"}' })
    assert.equal(200, changed.status)
    assert.is_nil(changed.json.email)
    assert.equal("x", changed.json.note)
    assert.same({ "a" }, changed.json.tags)
    local replaced = talk.ask(sb, "PUT", path, { body = '{"name":"Bob"}' })
    assert.is_nil(replaced.json.note)
    assert.equal(204, talk.ask(sb, "DELETE", path).status)
    for _, method in ipairs({ "GET", "DELETE" }) do
      assert.equal(404, talk.ask(sb, method, path).status)
    end
    assert.equal(404, talk.ask(sb, "PATCH", path, { body = "{}" }).status)
    assert.equal(404, talk.ask(sb, "PUT", path, { body = '{"name":"B"}' }).status)
  end)

  it("are counted, and told apart in the log", function()
    assert.equal(3, sb:contacts())
    post('{"name":"Ada"}')
    talk.ask(sb, "PATCH", "/contacts/ct_000004", { body = '{"note":"x"}' })
    talk.ask(sb, "DELETE", "/contacts/ct_000001")
    talk.ask(sb, "DELETE", "/contacts/ct_000001")
    post("{}")
    local effects = {}
    for i, entry in ipairs(sb:log()) do
      effects[i] = entry.effect or "none"
    end
    assert.same({ "created", "updated", "deleted", "none", "none" }, effects)
    local counts = sb:counts()
    assert.equal(5, counts.requests)
    assert.equal(1, counts.created)
    assert.equal(1, counts.updated)
    assert.equal(1, counts.deleted)
    assert.equal(3, sb:contacts())
    sb:seed(10)
    assert.equal(13, sb:contacts())
    assert.equal(13, talk.ask(sb, "GET", "/contacts?offset=0").json.total)
    sb:reset()
    assert.equal(3, sb:contacts())
    assert.equal(3, talk.ask(sb, "GET", "/contacts?offset=0").json.total)
  end)

  it("are of one workspace", function()
    local key = sb:make_key("read:workspace", "ws_other")
    assert.equal("[]", talk.ask(sb, "GET", "/contacts?style=link", { key = key }).body)
  end)

  it("are given page by page, with an empty list as a list", function()
    sb:seed(2)
    local answer = talk.ask(sb, "GET", "/contacts?limit=4")
    assert.equal("ct_000004", answer.json.data[4].id)
    assert.is_true(answer.json.has_more)
    answer = talk.ask(sb, "GET", "/contacts?limit=4&cursor=" .. answer.json.next_cursor)
    assert.equal("ct_000005", answer.json.data[1].id)
    assert.matches('"next_cursor":null,"has_more":false', answer.body)
    assert.matches('"page":2,"per_page":4,"total_pages":2',
      talk.ask(sb, "GET", "/contacts?page=2&per_page=4").body)
    assert.matches('^{"data":%[%],"offset":9,"limit":20,"total":5}$',
      talk.ask(sb, "GET", "/contacts?offset=9").body)
  end)

  it("have a Link header where asked for, which leads on", function()
    local answer = talk.ask(sb, "GET", "/contacts?style=link&limit=2")
    assert.equal(2, #answer.json)
    local target = answer.headers.link:match('^<http://127%.0%.0%.1/v1(%S+)>; rel="next"$')
    answer = talk.ask(sb, "GET", target)
    assert.equal("ct_000003", answer.json[1].id)
    assert.is_nil(answer.headers.link)
  end)

  describe("under an Idempotency-Key", function()
    it("are made once, and the first answer is given again", function()
      local first, again = post('{"name":"A"}', "k1"), post('{"name":"A"}', "k1")
      assert.equal(201, first.status)
      assert.is_nil(first.headers["idempotency-replayed"])
      assert.equal(201, again.status)
      assert.equal(first.body, again.body)
      assert.equal(first.headers.location, again.headers.location)
      assert.equal("true", again.headers["idempotency-replayed"])
      assert.not_equal(first.headers["x-request-id"], again.headers["x-request-id"])
      assert.equal(1, sb:counts().created)
      assert.equal(1, sb:counts().replayed)
      assert.is_true(sb:log()[2].replayed)
    end)

    it("are made anew under another key, and without one", function()
      for _, key in ipairs({ "k1", "k2" }) do
        assert.equal(201, post('{"name":"A"}', key).status)
      end
      assert.equal(201, post('{"name":"A"}').status)
      assert.equal(3, sb:counts().created)
    end)

    it("are refused with another body or path", function()
      post('{"name":"A"}', "k1")
      assert.equal(422, post('{"name":"B"}', "k1").status)
      local answer = talk.ask(sb, "PATCH", "/contacts/ct_000001", {
        body = '{"name":"A"}', headers = { "Idempotency-Key: k1" },
      })
      assert.equal("idempotency_key_reused", answer.json.error.code)
      assert.equal(1, sb:counts().created)
      assert.equal(0, sb:counts().updated)
    end)

    it("leave the key free where they were not made", function()
      assert.equal(422, post("{}", "k1").status)
      assert.equal(201, post('{"name":"A"}', "k1").status)
    end)

    it("are refused while the first request is at work", function()
      sb:script({ { delay = 0.5, match = "POST /contacts" } })
      local opts = { key = sb.key, body = '{"name":"A"}', headers = { "Idempotency-Key: k1" } }
      local first = talk.send(sb, "POST", "/contacts", opts)
      assert.is_true(talk.eventually(function() return #sb:log() == 1 end))
      local second = post('{"name":"A"}', "k1")
      assert.equal(409, second.status)
      assert.equal("idempotency_key_in_progress", second.json.error.code)
      assert.equal(201, talk.receive(first).status)
      assert.equal("true", post('{"name":"A"}', "k1").headers["idempotency-replayed"])
      assert.equal(1, sb:counts().created)
    end)

    it("need one of 1 to 255 characters", function()
      assert.equal(400, post('{"name":"A"}', ("k"):rep(256)).status)
      assert.equal(201, post('{"name":"A"}', ("k"):rep(255)).status)
    end)
  end)
end)
