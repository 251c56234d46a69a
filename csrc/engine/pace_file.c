/* A pacing state in a mapped file, shared by all processes of one user on one machine.
 *
 * /dev/shm/trailmark-<uid>/<name>: the folder is private (its owner and mode are checked, a link is
 * refused), the name is a digest. A file is finished under a temporary name and then linked to its
 * own, so nobody ever sees half of one. Its pages are reserved first: on a full tmpfs a page that
 * is only promised would be a SIGBUS at its first use. What does not look like ours in every
 * respect is left alone, and the budget is then not shared.
 *
 * Files go with the boot (tmpfs). There is one page for every budget used since, and one name for
 * every key; nothing removes them earlier, since a process that has one mapped cannot be asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/random.h"
#include "engine/pace_backend.h"

struct content {
  struct {
    char magic[8];
    uint32_t layout, size;
    char unused[48];
  } head;
  struct trail_pace pace;
};

_Static_assert(sizeof(struct content) == 128, "two cache lines");
#define MAGIC "trailmrk"

enum { PATH_SIZE = 256 };

struct file_place {
  struct trail_pace_place place;
  struct content *content;
  dev_t device;
  ino_t inode;
  char folder[PATH_SIZE];
  char name[TRAIL_PACE_NAME_SIZE];
};

struct mapping {
  struct content *content;
  dev_t device;
  ino_t inode;
};

static const char *reason(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "the shared memory file system is full";
    case EROFS:
      return "the shared memory file system is read-only";
    case EACCES:
    case EPERM:
      return "shared memory may not be written";
    case ENOENT:
      return "there is no shared memory file system";
    case ELOOP:
    case ENOTDIR:
      return "the folder in shared memory is a link or no folder";
    case EMFILE:
    case ENFILE:
      return "too many files are open";
    default:
      return "shared memory cannot be used";
  }
}

/* ---- the folder ------------------------------------------------------------------------------ */

static bool is_private(const struct stat *status) {
  return status->st_uid == geteuid() && (status->st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

static int open_folder(const char *path, const char **why) {
  struct stat status;
  if (mkdir(path, 0700) != 0 && errno != EEXIST) {
    *why = reason(errno);
    return -1;
  }
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    *why = reason(errno);
  } else if (fstat(fd, &status) != 0 || !is_private(&status)) {
    *why = "the folder /dev/shm/trailmark-<uid> belongs to somebody else or is open to others:"
           " remove it, or give it to this user with mode 700";
    close(fd);
    fd = -1;
  }
  return fd;
}

/* ---- a file ---------------------------------------------------------------------------------- */

static bool is_ours(const struct content *content) {
  return memcmp(content->head.magic, MAGIC, sizeof content->head.magic) == 0 &&
         content->head.layout == TRAIL_PACER_LAYOUT && content->head.size == sizeof *content;
}

static bool map_checked(int fd, struct mapping *mapping) {
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || !is_private(&status) ||
      status.st_size != sizeof(struct content))
    return false;
  void *content = mmap(NULL, sizeof(struct content), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (content == MAP_FAILED) return false;
  if (is_ours(content)) {
    *mapping = (struct mapping){content, status.st_dev, status.st_ino};
    return true;
  }
  munmap(content, sizeof(struct content));
  return false;
}

/* A FIFO or a device there must not hold us up. */
static int open_existing(int folder, const char *name) {
  return openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int fill(int fd) {
  static const struct content fresh = {
      .head = {.magic = MAGIC, .layout = TRAIL_PACER_LAYOUT, .size = sizeof(struct content)}};
  int error;
  do
    error = posix_fallocate(fd, 0, sizeof fresh);
  while (error == EINTR);
  if (error) return error;
  errno = EIO;
  return pwrite(fd, &fresh, sizeof fresh, 0) == (ssize_t)sizeof fresh ? 0 : errno;
}

/* 0, or what went wrong; that another process was quicker is nothing wrong. */
static int publish(int folder, const char *name) {
  char temporary[32];
  snprintf(temporary, sizeof temporary, ".new-%08x%08x", trail_random_u32(), trail_random_u32());
  int fd = openat(folder, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  int error = fill(fd);
  if (!error && linkat(folder, temporary, folder, name, 0) != 0 && errno != EEXIST) error = errno;
  unlinkat(folder, temporary, 0);
  close(fd);
  return error;
}

#define OF_ANOTHER_KIND                                                                      \
  "a file of another kind has our name in /dev/shm/trailmark-<uid>: remove that folder when" \
  " no program uses it"

static bool map_name(int folder, const char *name, struct mapping *mapping, const char **why) {
  int fd = open_existing(folder, name);
  if (fd < 0 && errno == ENOENT) {
    int error = publish(folder, name);
    if (error) {
      *why = reason(error);
      return false;
    }
    fd = open_existing(folder, name);
  }
  bool full = fd < 0 && (errno == EMFILE || errno == ENFILE);
  bool mapped = fd >= 0 && map_checked(fd, mapping);
  if (!mapped) *why = full ? reason(errno) : OF_ANOTHER_KIND;
  if (fd >= 0) close(fd);
  return mapped;
}

/* ---- the place ------------------------------------------------------------------------------- */

static void use(struct file_place *self, const struct mapping *mapping) {
  self->content = mapping->content;
  self->device = mapping->device;
  self->inode = mapping->inode;
  self->place.pace = &mapping->content->pace;
}

/* The other file's readers and ours spend from one budget from now on, in theirs. */
static bool join(struct file_place *self, int folder, const char *name) {
  struct mapping other;
  const char *why;
  if (!map_name(folder, name, &other, &why)) return false;
  struct content *before = self->content;
  if (other.device == self->device && other.inode == self->inode) {
    before = other.content;
  } else {
    trail_pacer_merge(&other.content->pace, &before->pace);
    use(self, &other);
  }
  munmap(before, sizeof *before);
  return true;
}

/* A name that cannot be made costs later processes the knowledge, and us nothing. */
static void alias_file(struct trail_pace_place *place, const char *name) {
  struct file_place *self = (struct file_place *)place;
  const char *why;
  if (strcmp(name, self->name) == 0) return;
  int folder = open_folder(self->folder, &why);
  if (folder < 0) return;
  if (linkat(folder, self->name, folder, name, 0) == 0 || join(self, folder, name))
    memcpy(self->name, name, sizeof self->name);
  close(folder);
}

static void close_file(struct trail_pace_place *place) {
  struct file_place *self = (struct file_place *)place;
  munmap(self->content, sizeof *self->content);
  trail_memory_free(self);
}

static const struct trail_pace_backend file = {
    .shared = true, .alias = alias_file, .close = close_file};

struct trail_pace_place *trail_pace_backend_open_file(const char *folder, const char *name,
                                                      const char **why) {
  struct file_place *self = trail_memory_zalloc(1, sizeof *self);
  struct mapping mapping;
  if (!self) return NULL;
  self->place.backend = &file;
  int size =
      snprintf(self->folder, sizeof self->folder, "%s/trailmark-%u", folder, (unsigned)geteuid());
  int fd = -1;
  if (size < 0 || (size_t)size >= sizeof self->folder)
    *why = "the folder's name is too long";
  else
    fd = open_folder(self->folder, why);
  bool mapped = fd >= 0 && map_name(fd, name, &mapping, why);
  if (fd >= 0) close(fd);
  if (!mapped) {
    trail_memory_free(self);
    return NULL;
  }
  use(self, &mapping);
  memcpy(self->name, name, sizeof self->name);
  return &self->place;
}
