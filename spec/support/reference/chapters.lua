--- The order in which the reference tells of the public classes and of the types that have a name.
-- Functions of a class stand under the headings of its source file, and are shown as methods of
-- what `as` calls an object of it.

return {
  {
    title = "The module", classes = { "trailmark" },
    text = "What `require \"trailmark\"` returns. A caller's mistake (an unknown option, a wrong "
      .. "type) raises an error with the caller's position; what goes wrong at run time is "
      .. "returned as `nil, err`. All times are seconds, fractions allowed.",
  },
  {
    title = "Options of a client",
    classes = { "trailmark.Options", "trailmark.Backoff", "trailmark.Pace", "trailmark.Event",
      "trailmark.Loop" },
    aliases = { "trailmark.KeyFunction", "trailmark.Priority" },
  },
  {
    title = "The client", classes = { "trailmark.Client" }, as = { ["trailmark.Client"] = "tm" },
  },
  {
    title = "Options of a call", classes = { "trailmark.CallOptions", "trailmark.Request" },
  },
  {
    title = "Answers", classes = { "trailmark.Response", "trailmark.Rate", "trailmark.RateState" },
  },
  {
    title = "Errors", classes = { "trailmark.Error", "trailmark.Attempt" }, kinds = true,
  },
  {
    title = "Calls side by side", as = { ["trailmark.Call"] = "call" },
    classes = { "trailmark.Call", "trailmark.BatchOptions", "trailmark.Result",
      "trailmark.Summary", "trailmark.Progress" },
  },
  {
    title = "Lists", as = { ["trailmark.Pager"] = "pager" },
    classes = { "trailmark.PageOptions", "trailmark.Paginate", "trailmark.Page",
      "trailmark.Pager" },
  },
  {
    title = "The sandbox", aliases = { "trailmark.sandbox.Scope" },
    as = { ["trailmark.sandbox"] = "sandbox", ["trailmark.Sandbox"] = "sb" },
    classes = { "trailmark.sandbox", "trailmark.Sandbox", "trailmark.sandbox.Options",
      "trailmark.sandbox.Step", "trailmark.sandbox.Entry", "trailmark.sandbox.Counts" },
  },
}
