/* Once a file is there, the next sync of the log fails by each descriptor that was open by then, as Linux tells of a failure.
 * Preloaded. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST = 1024 };

/* Those that were told. */
static char told[MOST];

static int fails(int descriptor) {
  const char *flag = getenv("WXSUB_TEST_FAILS");
  char link[64], path[4096];
  ssize_t length;
  if (flag == NULL || access(flag, F_OK) != 0 || descriptor < 0 || descriptor >= MOST || told[descriptor]) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  length = readlink(link, path, sizeof path - 1);
  if (length < 4 || memcmp(path + length - 4, "-wal", 4) != 0) return 0;
  told[descriptor] = 1;
  errno = EIO;
  return 1;
}

int fdatasync(int descriptor) { return fails(descriptor) ? -1 : (int)syscall(SYS_fdatasync, descriptor); }

int fsync(int descriptor) { return fails(descriptor) ? -1 : (int)syscall(SYS_fsync, descriptor); }
