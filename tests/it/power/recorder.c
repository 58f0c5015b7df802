/* Records what a process does to the files of one folder: preloaded, it writes each call that changes a file or a name, or
   waits for the disk, to a log, in the order in which they happened. What the process says and sends is noted between them.

   A write is noted while it is made. A sync is noted twice: it covers what was noted before its begin, once its end is. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { CREATED = 1, OPENED, WRITTEN, CUT, SYNC_BEGINS, SYNC_ENDS, LINKED, RENAMED, UNLINKED, SAID, SENT };

struct entry {
  uint64_t kind, file, number, length;
};

enum { DESCRIPTORS = 4096, DISK_TAKES_US = 200 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_descriptor = -1;
static char folder[PATH_MAX];
/* By descriptor: the inode of a file of the folder, or 0. */
static uint64_t files[DESCRIPTORS];
static uint64_t syncs;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("WXSUB_TEST_RECORD"), *watched = getenv("WXSUB_TEST_RECORD_FOLDER");
  if (path == NULL || watched == NULL) return;
  strncpy(folder, watched, sizeof folder - 1);
  log_descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* With the lock held. */
static void note(enum kind kind, uint64_t file, uint64_t number, const void *data, size_t length) {
  struct entry entry = {kind, file, number, length};
  struct iovec parts[2] = {{&entry, sizeof entry}, {(void *)data, length}};
  int before = errno;
  if (syscall(SYS_writev, log_descriptor, parts, 2) != (long)(sizeof entry + length)) abort();
  errno = before;
}

static void note_names(enum kind kind, const char *old, const char *new) {
  char both[2 * PATH_MAX];
  size_t length = strlen(old);
  memcpy(both, old, length + 1);
  strcpy(both + length + 1, new);
  note(kind, 0, 0, both, length + 1 + strlen(new));
}

static int is_watched(const char *path) {
  size_t length = strlen(folder), whole = strlen(path);
  if (log_descriptor < 0 || strncmp(path, folder, length) != 0) return 0;
  /* The index of the log is made anew after a cut. */
  if (whole >= 4 && strcmp(path + whole - 4, "-shm") == 0) return 0;
  return path[length] == '/' || path[length] == '\0';
}

static uint64_t file_of(int descriptor) {
  return descriptor >= 0 && descriptor < DESCRIPTORS ? files[descriptor] : 0;
}

static int open_noted(const char *path, int flags, mode_t mode) {
  /* Whoever comes after the cut is on another boot of the machine. */
  const char *boot = log_descriptor < 0 ? NULL : getenv("WXSUB_TEST_BOOT_ID");
  if (boot != NULL && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0) path = boot;
  if (!is_watched(path)) return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  pthread_mutex_lock(&lock);
  struct stat status;
  int was_there = stat(path, &status) == 0;
  int descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  if (descriptor >= DESCRIPTORS) abort();
  if (descriptor >= 0) {
    if (fstat(descriptor, &status) != 0) abort();
    files[descriptor] = status.st_ino;
    note(was_there ? OPENED : CREATED, status.st_ino, 0, path, strlen(path));
    if (was_there && (flags & O_TRUNC)) note(CUT, status.st_ino, 0, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return descriptor;
}

static mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_noted(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_noted(path, flags, mode);
}

int close(int descriptor) {
  if (file_of(descriptor) == 0) return (int)syscall(SYS_close, descriptor);
  pthread_mutex_lock(&lock);
  files[descriptor] = 0;
  int done = (int)syscall(SYS_close, descriptor);
  pthread_mutex_unlock(&lock);
  return done;
}

ssize_t pwrite(int descriptor, const void *data, size_t length, off_t at) {
  if (file_of(descriptor) == 0) return syscall(SYS_pwrite64, descriptor, data, length, at);
  pthread_mutex_lock(&lock);
  ssize_t written = syscall(SYS_pwrite64, descriptor, data, length, at);
  if (written > 0) note(WRITTEN, files[descriptor], (uint64_t)at, data, (size_t)written);
  pthread_mutex_unlock(&lock);
  return written;
}

ssize_t pwrite64(int descriptor, const void *data, size_t length, off_t at) {
  return pwrite(descriptor, data, length, at);
}

static int has(const void *data, size_t length, const char *text) {
  return memmem(data, length, text, strlen(text)) != NULL;
}

ssize_t write(int descriptor, const void *data, size_t length) {
  int says = descriptor == STDOUT_FILENO && log_descriptor >= 0 && has(data, length, "@@ ");
  if (!says && file_of(descriptor) == 0) return syscall(SYS_write, descriptor, data, length);
  pthread_mutex_lock(&lock);
  if (says) note(SAID, 0, 0, data, length);
  ssize_t written = syscall(SYS_write, descriptor, data, length);
  if (!says && written > 0) {
    off_t end = lseek(descriptor, 0, SEEK_CUR);
    note(WRITTEN, files[descriptor], (uint64_t)(end - written), data, (size_t)written);
  }
  pthread_mutex_unlock(&lock);
  return written;
}

ssize_t send(int descriptor, const void *data, size_t length, int flags) {
  if (log_descriptor >= 0 && has(data, length, "/message/subscribe/send")) {
    pthread_mutex_lock(&lock);
    note(SENT, 0, 0, data, length);
    pthread_mutex_unlock(&lock);
  }
  return syscall(SYS_sendto, descriptor, data, length, flags, NULL, 0);
}

/* What the recorder does not know must not be used unnoticed. */
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  if (file_of(descriptor) != 0) abort();
  return syscall(SYS_writev, descriptor, parts, count);
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t at) {
  if (file_of(descriptor) != 0) abort();
  return syscall(SYS_pwritev, descriptor, parts, count, at, 0);
}

int fallocate(int descriptor, int mode, off_t at, off_t length) {
  if (file_of(descriptor) != 0) abort();
  return (int)syscall(SYS_fallocate, descriptor, mode, at, length);
}

int ftruncate(int descriptor, off_t length) {
  if (file_of(descriptor) == 0) return (int)syscall(SYS_ftruncate, descriptor, length);
  pthread_mutex_lock(&lock);
  int done = (int)syscall(SYS_ftruncate, descriptor, length);
  if (done == 0) note(CUT, files[descriptor], (uint64_t)length, NULL, 0);
  pthread_mutex_unlock(&lock);
  return done;
}

int ftruncate64(int descriptor, off_t length) {
  return ftruncate(descriptor, length);
}

static int sync_noted(long call, int descriptor) {
  uint64_t file = file_of(descriptor);
  if (file == 0) return (int)syscall(call, descriptor);
  pthread_mutex_lock(&lock);
  uint64_t number = ++syncs;
  note(SYNC_BEGINS, file, number, NULL, 0);
  pthread_mutex_unlock(&lock);
  int done = (int)syscall(call, descriptor);
  /* In a file system in memory it takes no time, in which others could write. */
  usleep(DISK_TAKES_US);
  if (done == 0) {
    pthread_mutex_lock(&lock);
    note(SYNC_ENDS, file, number, NULL, 0);
    pthread_mutex_unlock(&lock);
  }
  return done;
}

int fsync(int descriptor) {
  return sync_noted(SYS_fsync, descriptor);
}

int fdatasync(int descriptor) {
  return sync_noted(SYS_fdatasync, descriptor);
}

int rename(const char *old, const char *new) {
  pthread_mutex_lock(&lock);
  int done = (int)syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, 0);
  if (done == 0 && is_watched(new)) note_names(RENAMED, old, new);
  pthread_mutex_unlock(&lock);
  return done;
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
  pthread_mutex_lock(&lock);
  int done = (int)syscall(SYS_linkat, from, old, to, new, flags);
  if (done == 0 && is_watched(new)) note_names(LINKED, old, new);
  pthread_mutex_unlock(&lock);
  return done;
}

int link(const char *old, const char *new) {
  return linkat(AT_FDCWD, old, AT_FDCWD, new, 0);
}

int unlink(const char *path) {
  pthread_mutex_lock(&lock);
  int done = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
  if (done == 0 && is_watched(path)) note(UNLINKED, 0, 0, path, strlen(path));
  pthread_mutex_unlock(&lock);
  return done;
}
