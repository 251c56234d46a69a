-- The cost of a granted pacing decision: the C program beside this file measures and prints it.

local program = os.getenv("TRAIL_BENCH_PROGRAMS") .. "/pacer"
local status = os.execute(program)
assert(status == true or status == 0, program .. " failed")
