-- The few system calls the sandbox's nginx side needs and Lua lacks, through
-- LuaJIT's FFI. Linux only, 64-bit; the numbers are the same on every
-- architecture nginx's Lua module runs on.

local ffi = require("ffi")

ffi.cdef([[
int fork(void);
int getpid(void);
int getppid(void);
int setsid(void);
int kill(int pid, int sig);
int waitpid(int pid, int *status, int options);
int waitid(int idtype, unsigned id, void *info, int options);
void _exit(int status);
int pipe(int fds[2]);
int open(const char *path, int flags, ...);
int close(int fd);
long pread(int fd, void *buf, unsigned long size, long offset);
long pwrite(int fd, const void *buf, unsigned long size, long offset);
int dup2(int from, int to);
long read(int fd, void *buf, unsigned long size);
long write(int fd, const void *buf, unsigned long size);
long readlink(const char *path, char *buf, unsigned long size);
int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
long syscall(long number, ...);
int sigfillset(void *set);
int sigprocmask(int how, const void *set, void *old);
int signalfd(int fd, const void *set, int flags);
struct trail_pollfd { int fd; short events; short revents; };
int poll(struct trail_pollfd *fds, unsigned long count, int timeout);
int socket(int domain, int type, int protocol);
int setsockopt(int fd, int level, int name, const void *value, unsigned int size);
struct trail_sockaddr { uint16_t family; uint8_t port[2]; uint8_t address[4]; uint8_t zero[8]; };
int bind(int fd, const struct trail_sockaddr *address, unsigned int size);
extern int ngx_pid;
struct trail_timespec { long seconds; long nanoseconds; };
int clock_gettime(int clock, struct trail_timespec *time);
]])

local C = ffi.C
local posix = { C = C }

posix.SIGKILL, posix.SIGTERM, posix.SIGCHLD = 9, 15, 17
posix.POLLIN, posix.POLLERR = 1, 8
posix.O_RDWR, posix.O_NONBLOCK, posix.O_APPEND = 2, 2048, 1024
posix.EINTR, posix.ESRCH = 4, 3

local P_ALL, WNOHANG, WEXITED, WNOWAIT = 0, 1, 4, 0x1000000
local PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
local SYS_PIDFD_OPEN, SYS_CLOSE_RANGE = 434, 436
local CLOCK_REALTIME, CLOCK_BOOTTIME = 0, 7
local AF_INET, SOCK_STREAM, SOL_SOCKET, SO_REUSEADDR = 2, 1, 1, 2

local now = ffi.new("struct trail_timespec")

local function clock(which)
  C.clock_gettime(which, now)
  return tonumber(now.seconds) + tonumber(now.nanoseconds) / 1e9
end

--- Unix time, seconds with fraction: the clock that `Date` and Reset show.
function posix.wall_time()
  return clock(CLOCK_REALTIME)
end

local function uptime()
  local file = assert(io.open("/proc/uptime"))
  local seconds = file:read("*n")
  file:close()
  return seconds
end

-- Some containers show an uptime of their own in /proc; else the difference is its missing digits.
local boot_offset = clock(CLOCK_BOOTTIME) - uptime()
if math.abs(boot_offset) < 0.1 then
  boot_offset = 0
end

--- Seconds on a clock that nobody can step, in line with /proc/uptime, which is the only clock
--- with fractions that a plain Lua can read: the sandbox's orders are stamped with it.
function posix.steady_time()
  return clock(CLOCK_BOOTTIME) - boot_offset
end

function posix.pipe()
  local fds = ffi.new("int[2]")
  assert(C.pipe(fds) == 0, "pipe failed")
  return fds[0], fds[1]
end

--- The calling process gets `signal` when the process that forked it dies.
function posix.die_with_parent(signal)
  C.prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
end

--- nginx keeps its process id in a variable, which is wrong in a process it did not fork itself.
function posix.correct_nginx_pid()
  C.ngx_pid = C.getpid()
end

--- Orphans below the calling process become its children, so that it can wait for them.
function posix.adopt_orphans()
  C.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
end

--- A descriptor that turns readable when process `pid` is dead; nil, errno on failure.
function posix.watch_process(pid)
  local fd = tonumber(C.syscall(SYS_PIDFD_OPEN, ffi.cast("int", pid), ffi.cast("int", 0)))
  if fd < 0 then
    return nil, ffi.errno()
  end
  return fd
end

--- All signals are blocked from here on and read from the descriptor returned.
function posix.take_signals()
  local set = ffi.new("char[128]")
  C.sigfillset(set)
  C.sigprocmask(0, set, nil)
  return C.signalfd(-1, set, 0)
end

--- The number of the next signal on a descriptor of take_signals.
function posix.next_signal(fd)
  local info = ffi.new("uint32_t[32]")
  return C.read(fd, info, 128) == 128 and tonumber(info[0]) or 0
end

--- Whether a child has ended, or there is none. SIGCHLD tells of one that was stopped, too.
function posix.child_has_ended()
  local info = ffi.new("int[32]") -- si_signo comes first, and stays 0 where there is no news
  return C.waitid(P_ALL, 0, info, WEXITED + WNOHANG + WNOWAIT) ~= 0 or info[0] ~= 0
end

function posix.close_range(first, last)
  if last < first then
    return
  end
  if C.syscall(SYS_CLOSE_RANGE, ffi.cast("unsigned", first), ffi.cast("unsigned", last),
    ffi.cast("unsigned", 0)) == 0 then
    return
  end
  for fd = first, math.min(last, 4095) do -- kernels before 5.9
    C.close(fd)
  end
end

--- What descriptor `fd` is open on, nil when it is not open.
function posix.target(fd)
  local buffer = ffi.new("char[4096]")
  local size = C.readlink("/proc/self/fd/" .. fd, buffer, 4096)
  return size >= 0 and ffi.string(buffer, size) or nil
end

--- Whether a listener could be bound to 127.0.0.1:`port` right now.
function posix.port_is_free(port)
  local fd = C.socket(AF_INET, SOCK_STREAM, 0)
  local on = ffi.new("int[1]", 1)
  C.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, on, 4) -- as nginx does: TIME_WAIT is no obstacle
  local address = ffi.new("struct trail_sockaddr", {
    family = AF_INET,
    port = { math.floor(port / 256), port % 256 },
    address = { 127, 0, 0, 1 },
  })
  local free = C.bind(fd, address, ffi.sizeof(address)) == 0
  C.close(fd)
  return free
end

return posix
