-- Runs busted in the interpreter at hand (the sanitizers' build has one of its own), with busted's
-- own options:
--
--     lua5.4 spec/support/run.lua [options] spec
--
-- What is counted, and where the counts go, is in run_counts.lua, which .busted names as helper.

require("busted.runner")({ standalone = false })
