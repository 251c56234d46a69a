--- Asserts that a function raises a string with a position inside of itself, so that the error's
-- level is right, and that the rest matches. Returns the rest.

return function(pattern, raiser)
  local own = debug.getinfo(raiser, "S")
  local fine, message = pcall(raiser)
  if fine then error("nothing was raised, not " .. pattern, 2) end
  if type(message) ~= "string" then error("a " .. type(message) .. " was raised", 2) end
  local path, line, text = message:match("^(.-):(%d+): (.*)$")
  line = tonumber(line)
  if path ~= own.short_src or line < own.linedefined or line > own.lastlinedefined then
    error("the position is not the caller's: " .. message, 2)
  end
  if not text:find(pattern) then error(("%q is not %s"):format(text, pattern), 2) end
  return text
end
