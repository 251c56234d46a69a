--- The reference as one HTML page that needs nothing else: no script, no font, no second file.

local page = {}

local STYLE = [[
:root { color-scheme: light dark; --ink: #1d2733; --faint: #5d6b7a; --line: #dfe4ea; --paper: #fff;
  --shade: #f5f7f9; --link: #0b62a8; }
@media (prefers-color-scheme: dark) { :root { --ink: #dde3ea; --faint: #95a1af; --line: #333d48;
  --paper: #14191f; --shade: #1c232b; --link: #6cb6f5; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; color: var(--ink); background: var(--paper);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
code, pre, .signature { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }
code { font-size: .875em; }
p code, li code { background: var(--shade); padding: .1em .3em; border-radius: 4px; }
pre { background: var(--shade); padding: .8rem 1rem; border-radius: 6px; overflow-x: auto; }
.layout { display: grid; grid-template-columns: 17rem minmax(0, 54rem); gap: 0 3rem; }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1.2rem;
  border-right: 1px solid var(--line); background: var(--shade); font-size: .875rem; }
nav h2 { font-size: .75rem; margin: 1.2rem 0 .2rem; color: var(--faint); font-weight: 600;
  letter-spacing: .04em; text-transform: uppercase; border: 0; padding: 0; }
nav ul { list-style: none; margin: 0; padding: 0; } nav ul ul { padding-left: .9rem; }
nav ul ul code { color: var(--faint); } nav ul ul a:hover code { color: inherit; }
main { padding: 2rem 1.5rem 6rem 0; }
h1 { font-size: 1.9rem; margin: 0; } h1 + p { color: var(--faint); margin-top: .2rem; }
h2 { font-size: 1.45rem; margin: 3.5rem 0 .5rem; padding-bottom: .3rem;
  border-bottom: 2px solid var(--line); }
h3 { font-size: 1.1rem; margin: 2.4rem 0 .3rem; }
h4 { font-size: .8rem; margin: 2rem 0 0; color: var(--faint); font-weight: 600;
  letter-spacing: .04em; text-transform: uppercase; }
.signature { margin: 1.6rem 0 .4rem; padding: .45rem .8rem; border-left: 3px solid var(--link);
  background: var(--shade); border-radius: 0 6px 6px 0; font-size: .95rem; }
.signature b { font-weight: 700; } .signature .gives, .optional { color: var(--faint); }
table { border-collapse: collapse; width: 100%; margin: .4rem 0; font-size: .9375rem; }
td, th { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0;
  border-top: 1px solid var(--line); }
th { font-size: .75rem; color: var(--faint); border: 0; font-weight: 600; }
td:first-child { width: 11.5rem; } td:nth-child(2) { width: 16rem; }
td:nth-child(2) code { color: var(--faint); }
.kinds td:first-child { width: 11.5rem; } .kinds td:nth-child(2) { width: auto; }
@media (max-width: 60rem) { .layout { display: block; } nav { position: static; height: auto;
  border-right: 0; } main { padding: 1.5rem 1.2rem 4rem; }
  td, td:first-child, td:nth-child(2) { width: auto; } }
]]

-- Text --------------------------------------------------------------------------------------------

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape(text) return (text:gsub('[&<>"]', ENTITIES)) end

local Page = {}
Page.__index = Page

function Page:add(...)
  for _, piece in ipairs { ... } do self.pieces[#self.pieces + 1] = piece end
  self.pieces[#self.pieces + 1] = "\n"
end

--- Escaped code in which the names of public classes lead to them.
function Page:linked(code)
  local html = escape(code):gsub("|", "|<wbr>")
  return (html:gsub("%f[%w]trailmark%.[%w.]+", function(name)
    if not self.told[name] then return nil end
    return ('<a href="#%s">%s</a>'):format(name, name)
  end))
end

function Page:words(text)
  local html = escape(text):gsub("`([^`]+)`", "<code>%1</code>")
  return (html:gsub("%f[%w]trailmark%.[%w.]*%w", function(name)
    return self.told[name] and ('<a href="#%s">%s</a>'):format(name, name) or nil
  end))
end

function Page:prose(paragraphs)
  for _, paragraph in ipairs(paragraphs or {}) do
    if paragraph.code then
      self:add("<pre>", escape(paragraph.code), "</pre>")
    else
      self:add("<p>", self:words(paragraph.text), "</p>")
    end
  end
end

-- Tables ------------------------------------------------------------------------------------------

function Page:type_of(part)
  local alias = self.surface.aliases[part.type]
  if not alias then return "<code>" .. self:linked(part.type) .. "</code>" end
  return ('<code><a href="#%s">%s</a></code>'):format(alias.name, alias.name)
end

function Page:rows(heads, parts, name_of)
  if #parts == 0 then return end
  self:add("<table><tr><th>", table.concat(heads, "</th><th>"), "</th></tr>")
  for _, part in ipairs(parts) do
    self:add("<tr><td><code>", escape(name_of(part)), "</code>",
      part.optional and '<span class="optional"> ?</span>' or "", "</td><td>",
      self:type_of(part), "</td><td>", self:words(part.text or ""), "</td></tr>")
  end
  self:add("</table>")
end

local function name_of(part) return part.name end

-- Functions ---------------------------------------------------------------------------------------

local function arguments_of(made)
  local list = {}
  for i, param in ipairs(made.params) do
    list[i] = escape(param.name) .. (param.optional and '<span class="optional">?</span>' or "")
  end
  return table.concat(list, ", ")
end

local function results_of(made)
  local list = {}
  for i, result in ipairs(made.returns) do list[i] = result.name end
  return #list > 0 and ' <span class="gives">&rarr; ' .. table.concat(list, ", ") .. "</span>" or ""
end

local function shown_name(chapter, class, made)
  local receiver = chapter.as and chapter.as[class.name] or class.name
  return receiver .. made.separator .. made.member
end

function Page:tell_function(chapter, class, made)
  local name = shown_name(chapter, class, made)
  self:add(('<div class="signature" id="%s"><b>%s</b>(%s)%s</div>'):format(made.label,
    escape(name), arguments_of(made), results_of(made)))
  self:prose(made.text)
  self:rows({ "argument", "type", "" }, made.params, name_of)
  self:rows({ "returns", "type", "" }, made.returns, name_of)
end

-- Classes -----------------------------------------------------------------------------------------

function Page:tell_class(chapter, class)
  self:add(('<h3 id="%s"><code>%s</code></h3>'):format(class.name, class.name))
  self:prose(class.text)
  if class.parent then
    self:add("<p>All of ", self:words(class.parent), ", and:</p>")
  end
  self:rows({ "field", "type", "" }, class.fields, name_of)
  local section
  for _, made in ipairs(class.functions or {}) do
    if made.section and made.section ~= section then
      section = made.section
      self:add("<h4>", escape(section), "</h4>")
    end
    self:tell_function(chapter, class, made)
  end
end

function Page:tell_kinds(kinds)
  self:add('<h3 id="kinds">Kinds of error</h3>',
    "<p><code>err.kind</code> is one of these; <code>trailmark.error_kinds</code> lists them.</p>",
    '<table class="kinds">')
  for _, kind in ipairs(kinds) do
    self:add("<tr><td><code>", kind, "</code></td><td>", escape(kinds[kind]), "</td></tr>")
  end
  self:add("</table>")
end

--- The types that have a name and no fields, where they are used.
function Page:tell_aliases(names)
  for _, name in ipairs(names or {}) do
    local alias = self.surface.aliases[name]
    self:add(('<h3 id="%s"><code>%s</code></h3>'):format(name, name))
    self:prose(alias.about)
    self:add("<pre>", self:linked(alias.type), "</pre>")
  end
end

-- The page ----------------------------------------------------------------------------------------

function Page:navigation(chapters)
  self:add("<nav><b>trailmark</b>")
  for _, chapter in ipairs(chapters) do
    self:add("<h2>", escape(chapter.title), "</h2><ul>")
    for _, name in ipairs(chapter.classes) do
      local class = self.surface.classes[name]
      self:add(('<li><a href="#%s">%s</a><ul>'):format(name, name))
      for _, made in ipairs(class.functions or {}) do
        self:add(('<li><a href="#%s"><code>%s%s</code></a></li>'):format(made.label,
          made.separator, made.member))
      end
      self:add("</ul></li>")
    end
    for _, name in ipairs(chapter.aliases or {}) do
      self:add(('<li><a href="#%s">%s</a></li>'):format(name, name))
    end
    if chapter.kinds then self:add('<li><a href="#kinds">Kinds of error</a></li>') end
    self:add("</ul>")
  end
  self:add("</nav>")
end

--- The whole page.
---@param surface table     of surface.read
---@param chapters table[]  in order
---@param facts table       version, kinds
---@return string html
function page.write(surface, chapters, facts)
  local self = setmetatable({ surface = surface, pieces = {}, told = {} }, Page)
  for _, chapter in ipairs(chapters) do
    for _, name in ipairs(chapter.classes) do self.told[name] = true end
    for _, name in ipairs(chapter.aliases or {}) do self.told[name] = true end
  end
  self:add('<!doctype html><html lang="en"><head><meta charset="utf-8"><title>trailmark ',
    facts.version, ': API reference</title><meta name="viewport" content="width=device-width">',
    "<style>", STYLE, '</style></head><body><div class="layout">')
  self:navigation(chapters)
  self:add("<main><h1>trailmark</h1><p>API reference of version ", facts.version,
    "; the README is the guide. What a <code>?</code> follows may be left out, or be absent.</p>")
  for _, chapter in ipairs(chapters) do
    self:add("<h2>", escape(chapter.title), "</h2>")
    if chapter.text then self:add("<p>", self:words(chapter.text), "</p>") end
    if chapter.kinds then self:tell_kinds(facts.kinds) end
    for _, name in ipairs(chapter.classes) do
      self:tell_class(chapter, self.surface.classes[name])
    end
    self:tell_aliases(chapter.aliases)
  end
  self:add("</main></div></body></html>")
  return table.concat(self.pieces)
end

return page
