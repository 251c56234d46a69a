local page = require "spec.support.reference.page"

local SURFACE = {
  aliases = { ["trailmark.Way"] = { name = "trailmark.Way", type = '"a"|"b"',
    about = { { text = "One of two." } } } },
  classes = {
    ["trailmark.Thing"] = {
      name = "trailmark.Thing", parent = "trailmark.Base", text = { { text = "A <thing> & `more`." } },
      fields = { { name = "way", type = "trailmark.Way", optional = true, text = "how" } },
      functions = { {
        label = "trailmark.Thing:go", separator = ":", member = "go", section = "Going",
        text = { { text = "Goes." }, { code = "thing:go(1 < 2)" } },
        params = { { name = "at", type = "number", optional = true, text = "seconds" } },
        returns = { { name = "ok", type = "trailmark.Thing|nil" } },
      } },
    },
    ["trailmark.Base"] = { name = "trailmark.Base", fields = {} },
  },
}

local CHAPTERS = { {
  title = "Things", classes = { "trailmark.Base", "trailmark.Thing" }, kinds = true,
  aliases = { "trailmark.Way" }, as = { ["trailmark.Thing"] = "thing" },
} }

describe("the page of the reference", function()
  local html = page.write(SURFACE, CHAPTERS,
    { version = "1.2.3", kinds = { "tls", tls = "no <secure> connection" } })

  local function has(text) assert.truthy(html:gsub("\n", ""):find(text, 1, true), text) end

  it("names the version", function() has "API reference of version 1.2.3" end)

  it("escapes text and marks code", function()
    has "<p>A &lt;thing&gt; &amp; <code>more</code>.</p>"
    has "<pre>thing:go(1 &lt; 2)</pre>"
  end)

  it("shows a method as users write it", function()
    has '<b>thing:go</b>(at<span class="optional">?</span>)'
    has '<span class="gives">&rarr; ok</span>'
    has "<h4>Going</h4>"
  end)

  it("leads from types to what they are", function()
    has '<a href="#trailmark.Thing">trailmark.Thing</a>|<wbr>nil'
    has '<code><a href="#trailmark.Way">trailmark.Way</a></code>'
    has '<p>All of <a href="#trailmark.Base">trailmark.Base</a>, and:</p>'
    has '<h3 id="trailmark.Way">'
  end)

  it("lists the kinds of error", function()
    has "<tr><td><code>tls</code></td><td>no &lt;secure&gt; connection</td></tr>"
  end)
end)
