#include "engine/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/credential.h"

static void remember(struct trail_key_file *file, const struct stat *is) {
  file->device = is->st_dev;
  file->inode = is->st_ino;
  file->size = is->st_size;
  file->modified = is->st_mtim;
}

static int problem_of(enum trail_status status) {
  if (status == TRAIL_OK) return 0;
  return status == TRAIL_NO_MEMORY ? ENOMEM : -1;
}

bool trail_key_file_has_changed(const struct trail_key_file *file, const char *path) {
  struct stat is;
  if (stat(path, &is) != 0) return false;
  return file->device != is.st_dev || file->inode != is.st_ino || file->size != is.st_size ||
         file->modified.tv_sec != is.st_mtim.tv_sec || file->modified.tv_nsec != is.st_mtim.tv_nsec;
}

static size_t read_all(int fd, char *bytes, size_t size) {
  size_t got = 0;
  while (got < size) {
    ssize_t count = read(fd, bytes + got, size - got);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    got += (size_t)count;
  }
  return got;
}

/* The file's bytes pass through secret memory only. */
static enum trail_status adopt(int fd, const char *path, const struct stat *is,
                               struct trail_key *key, struct trail_key_fault *fault) {
  if (!S_ISREG(is->st_mode))
    return trail_key_complain(fault, "key_file", path, "is not a regular file");
  if (is->st_size > TRAIL_CREDENTIAL_MAX)
    return trail_key_complain(fault, "key_file", path,
                              trail_credential_text(TRAIL_CREDENTIAL_TOO_LONG));
  struct trail_secret *content;
  enum trail_status status = trail_secret_create(TRAIL_CREDENTIAL_MAX, &content);
  if (status != TRAIL_OK) return status;
  size_t size = read_all(fd, trail_secret_bytes(content), TRAIL_CREDENTIAL_MAX);
  struct trail_slice bytes = trail_slice_of(trail_secret_bytes(content), size);
  status = trail_key_adopt(key, bytes, "key_file", path, fault);
  trail_secret_release(content);
  return status;
}

enum trail_status trail_key_file_read(struct trail_key_file *file, const char *path,
                                      struct trail_key *key, struct trail_key_fault *fault) {
  struct stat is;
  /* Not blocking: a named pipe is refused rather than waited for. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    char why[96], reason[64];
    file->problem = errno;
    snprintf(why, sizeof why, "cannot be read: %s", strerror_r(errno, reason, sizeof reason));
    return trail_key_complain(fault, "key_file", path, why);
  }
  enum trail_status status = TRAIL_OK;
  if (fstat(fd, &is) != 0)
    status = trail_key_complain(fault, "key_file", path, "cannot be looked at");
  if (status == TRAIL_OK) status = adopt(fd, path, &is, key, fault);
  if (status == TRAIL_OK) remember(file, &is);
  file->problem = problem_of(status);
  close(fd);
  return status;
}
