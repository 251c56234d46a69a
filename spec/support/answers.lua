-- What a server, or the way to it, may do to one attempt: answers for the fake transport of
-- trailmark_testing.engine.

local answers = {}

local function lines(status, headers)
  local list = { ("HTTP/1.1 %d Some\r\n"):format(status) }
  for _, header in ipairs(headers or {}) do list[#list + 1] = header .. "\r\n" end
  return list
end

-- A whole answer. `headers` is an array of "Name: value".
function answers.status(status, headers, body)
  local list = lines(status, headers)
  list[#list + 1] = "\r\n"
  return { lines = list, body = body }
end

function answers.ok(body) return answers.status(200, nil, body) end

-- One whose body or header block ended too early.
function answers.cut_body(status, headers)
  local answer = answers.status(status, headers, "part")
  answer.failure, answer.cut = "protocol", true
  return answer
end

function answers.cut_head(status, headers)
  return { lines = lines(status, headers), failure = "protocol", cut = true }
end

-- No answer. `kind` is the failure's; the server can only have acted on what was sent.
function answers.unsent(kind, message)
  return { failure = kind or "network", sent = false, message = message }
end

function answers.lost(kind, message)
  return { failure = kind or "network", sent = true, message = message }
end

return answers
