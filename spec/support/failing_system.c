/* The system's calls, with the failures that failing_system.h asks for. */
#include "failing_system.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) struct trail_failing_system trail_failing_system;

#define SHOWN __attribute__((visibility("default")))

/* ---- descriptors ----------------------------------------------------------------------------- */

static bool refused(void) {
  int (*refuses)(void) = trail_failing_system.refuses_descriptor;
  int problem = trail_failing_system.full ? ENFILE : refuses && refuses() ? EMFILE : 0;
  if (problem) errno = problem;
  return problem != 0;
}

static void take_time(void) {
  int ms = trail_failing_system.slow_ms;
  if (!ms) return;
  const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
  trail_failing_system.slow++;
  nanosleep(&pause, NULL);
  trail_failing_system.slow--;
}

SHOWN int socket(int domain, int type, int protocol) {
  take_time();
  return refused() ? -1 : (int)syscall(SYS_socket, domain, type, protocol);
}

SHOWN int socketpair(int domain, int type, int protocol, int ends[2]) {
  return refused() ? -1 : (int)syscall(SYS_socketpair, domain, type, protocol, ends);
}

/* A server that awaits the byte ends the connection then, and not before it was made. */
SHOWN int getpeername(int fd, struct sockaddr *restrict address, socklen_t *restrict size) {
  struct pollfd end = {.fd = fd, .events = POLLRDHUP};
  if (trail_failing_system.late_peers && send(fd, "", 1, MSG_NOSIGNAL) == 1) poll(&end, 1, 5000);
  return (int)syscall(SYS_getpeername, fd, address, size);
}

SHOWN int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags) {
  return refused() ? -1 : (int)syscall(SYS_accept4, fd, address, size, flags);
}

SHOWN int epoll_create1(int flags) {
  return refused() ? -1 : (int)syscall(SYS_epoll_create1, flags);
}

SHOWN int eventfd(unsigned count, int flags) {
  return refused() ? -1 : (int)syscall(SYS_eventfd2, count, flags);
}

SHOWN int timerfd_create(clockid_t clock, int flags) {
  return refused() ? -1 : (int)syscall(SYS_timerfd_create, clock, flags);
}

SHOWN int pipe2(int ends[2], int flags) {
  return refused() ? -1 : (int)syscall(SYS_pipe2, ends, flags);
}

SHOWN int pipe(int ends[2]) { return pipe2(ends, 0); }

/* Variable arguments to their callers, which makes no difference to this one. */

SHOWN int openat(int folder, const char *path, int flags, mode_t mode) {
  return refused() ? -1 : (int)syscall(SYS_openat, folder, path, flags, mode);
}

SHOWN int openat64(int folder, const char *path, int flags, mode_t mode) {
  return openat(folder, path, flags, mode);
}

SHOWN int open(const char *path, int flags, mode_t mode) {
  return openat(AT_FDCWD, path, flags, mode);
}

SHOWN int open64(const char *path, int flags, mode_t mode) {
  return openat(AT_FDCWD, path, flags, mode);
}

SHOWN int fcntl(int fd, int command, void *argument) {
  bool copies = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
  return copies && refused() ? -1 : (int)syscall(SYS_fcntl, fd, command, argument);
}

SHOWN int fcntl64(int fd, int command, void *argument) { return fcntl(fd, command, argument); }

typedef FILE *open_file(const char *path, const char *mode);

static FILE *open_named(const char *name, const char *path, const char *mode) {
  open_file *real = (open_file *)dlsym(RTLD_NEXT, name);
  return refused() ? NULL : real(path, mode);
}

SHOWN FILE *fopen(const char *path, const char *mode) { return open_named("fopen", path, mode); }
SHOWN FILE *fopen64(const char *path, const char *mode) {
  return open_named("fopen64", path, mode);
}

/* ---- chance ---------------------------------------------------------------------------------- */

SHOWN ssize_t getrandom(void *bytes, size_t size, unsigned flags) {
  if (!trail_failing_system.no_random) return syscall(SYS_getrandom, bytes, size, flags);
  errno = ENOSYS;
  return -1;
}

SHOWN int getentropy(void *bytes, size_t size) {
  return getrandom(bytes, size, 0) == (ssize_t)size ? 0 : -1;
}

/* ---- threads --------------------------------------------------------------------------------- */

typedef int create_thread(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

SHOWN int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                         void *argument) {
  create_thread *real = (create_thread *)dlsym(RTLD_NEXT, "pthread_create");
  return trail_failing_system.no_threads ? EAGAIN : real(thread, attributes, run, argument);
}

/* ---- files ----------------------------------------------------------------------------------- */

SHOWN int posix_fallocate(int fd, off_t from, off_t size) {
  if (atomic_fetch_sub(&trail_failing_system.interruptions, 1) > 0) return EINTR;
  return syscall(SYS_fallocate, fd, 0, from, size) == 0 ? 0 : errno;
}

/* ---- the wall clock -------------------------------------------------------------------------- */

static void step(struct timespec *now) {
  long long ms = trail_failing_system.wall_step_ms;
  now->tv_sec += ms / 1000;
  now->tv_nsec += ms % 1000 * 1000000;
  if (now->tv_nsec < 0) now->tv_sec--, now->tv_nsec += 1000000000;
  if (now->tv_nsec >= 1000000000) now->tv_sec++, now->tv_nsec -= 1000000000;
}

SHOWN int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = (int)syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) step(now);
  return result;
}

SHOWN int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec exact;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &exact);
  *now = (struct timeval){exact.tv_sec, exact.tv_nsec / 1000};
  return 0;
}

SHOWN time_t time(time_t *to) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (to) *to = exact.tv_sec;
  return exact.tv_sec;
}
