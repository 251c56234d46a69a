--- What a sandbox's log tells of the windows of its rate limit.

local windows = {}

--- How many requests each whole window of the server's had, and how many were refused. The last
-- window, which nobody finished, is left out.
---@param log trailmark.sandbox.Entry[]
---@param length number  seconds
---@return integer[] counts
---@return integer refused
function windows.count(log, length)
  local counts, refused, began = {}, 0, nil
  for _, entry in ipairs(log) do
    if entry.status == 429 then
      refused = refused + 1
    else
      if not began or entry.time >= began + length then
        began = entry.time
        counts[#counts + 1] = 0
      end
      counts[#counts] = counts[#counts] + 1
    end
  end
  counts[#counts] = nil
  return counts, refused
end

--- The share of all places in these windows that was used.
---@param counts integer[]
---@param limit integer
---@return number
function windows.share_used(counts, limit)
  local sum = 0
  for _, count in ipairs(counts) do sum = sum + count end
  return sum / (#counts * limit)
end

return windows
