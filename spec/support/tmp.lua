--- Files for one spec.

local tmp = {}

--- A new file with this content; its path.
function tmp.file(content)
  local path = os.tmpname()
  tmp.write(path, content)
  return path
end

function tmp.write(path, content)
  local file = assert(io.open(path, "wb"))
  assert(file:write(content))
  assert(file:close())
end

--- Puts a file in another's place in one step, as careful programs do.
function tmp.replace(path, content)
  local fresh = path .. ".new"
  tmp.write(fresh, content)
  assert(os.rename(fresh, path))
end

return tmp
