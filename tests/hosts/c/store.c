/* Store files that cannot be used: WXSUB_E_STORE with a sentence, and the file stays as it was, byte for byte. */

#include "support.h"

#ifndef _WIN32
#include <sys/types.h>
#include <sys/wait.h>
#endif

static void expect_refused(const char *store) {
  wxsub_client *out = (wxsub_client *)&out;
  wxsub_result why = WXSUB_RESULT_INIT;
  if (!CHECK_VERDICT(wxsub_init(config_with(store, ""), &out, &why), &why, WXSUB_E_STORE)) {
    fprintf(stderr, "%s\n", store);
  }
  CHECK(out == NULL);
  wxsub_free(out);
}

static void expect_refused_and_untouched(const char *name, const void *bytes, size_t count) {
  char *path = in_tmp(name);
  struct bytes after;
  write_file(path, bytes, count);
  expect_refused(path);
  after = read_file(path);
  if (!CHECK(after.count == count && memcmp(after.at, bytes, count) == 0)) fprintf(stderr, "changed: %s\n", name);
  free(after.at);
  /* Looking at a file in WAL mode makes these; they hold nothing. */
  if (exists(text_of("%s-wal", path))) {
    struct bytes log = read_file(text_of("%s-wal", path));
    CHECK_INT(log.count, 0);
    free(log.at);
  }
  CHECK(!exists(text_of("%s-journal", path)));
}

static void put_number(unsigned char *at, uint32_t number) {
  at[0] = (unsigned char)(number >> 24);
  at[1] = (unsigned char)(number >> 16);
  at[2] = (unsigned char)(number >> 8);
  at[3] = (unsigned char)number;
}

/* The offsets are those of SQLite's file format: https://sqlite.org/fileformat.html */
enum { PAGE = 512, USER_VERSION = 60, APPLICATION_ID = 68 };

/* Another program's database: one table "t", empty. */
static void foreign_database(unsigned char *two_pages, uint32_t application_id) {
  static const unsigned char row[] = "\x1f\x01\x06\x17\x0f\x0f\x01\x2f"
                                     "tablett\x02"
                                     "CREATE TABLE t(x)";
  const size_t row_length = sizeof row - 1;
  const size_t row_at = PAGE - row_length;
  memset(two_pages, 0, 2 * PAGE);
  memcpy(two_pages, "SQLite format 3", 16);
  memcpy(two_pages + 16, "\x02\x00\x01\x01\x00\x40\x20\x20", 8);
  put_number(two_pages + 24, 1);
  put_number(two_pages + 28, 2);
  put_number(two_pages + 40, 1);
  put_number(two_pages + 44, 4);
  put_number(two_pages + 56, 1);
  put_number(two_pages + APPLICATION_ID, application_id);
  put_number(two_pages + 92, 1);
  put_number(two_pages + 96, 3040000);
  two_pages[100] = 13;
  two_pages[104] = 1;
  two_pages[105] = (unsigned char)(row_at >> 8);
  two_pages[106] = (unsigned char)row_at;
  two_pages[108] = (unsigned char)(row_at >> 8);
  two_pages[109] = (unsigned char)row_at;
  memcpy(two_pages + row_at, row, row_length);
  two_pages[PAGE] = 13;
  two_pages[PAGE + 5] = PAGE >> 8;
}

static void not_ours(void) {
  static const char letter[] = "Dear player,\nthis is no database at all, though long enough to be one of them.\n";
  unsigned char database[2 * PAGE];
  unsigned char noise[3 * 4096];
  size_t i;
  for (i = 0; i < sizeof noise; i++) noise[i] = (unsigned char)(i * 167 + i / 256);
  expect_refused_and_untouched("letter.txt", letter, sizeof letter - 1);
  expect_refused_and_untouched("noise.bin", noise, sizeof noise);
  expect_refused_and_untouched("two-bytes.txt", "hi", 2);
  expect_refused_and_untouched("half-a-header.db", "SQLite format 3\0\x10", 17);
  foreign_database(database, 0);
  expect_refused_and_untouched("no-application.db", database, sizeof database);
  foreign_database(database, 0x12345678);
  expect_refused_and_untouched("other-application.db", database, sizeof database);
}

/* Our own, as it is after a client has used and closed it. */
static struct bytes good_store(void) {
  char *path = in_tmp("good.db");
  wxsub_client *client = open_config(config_with(path, ""));
  wxsub_result r = WXSUB_RESULT_INIT;
  CHECK_VERDICT(wxsub_report(client, "o-store", "T", WXSUB_ACCEPT, "k", &r), &r, WXSUB_OK);
  wxsub_free(client);
  return read_file(path);
}

static void damaged(void) {
  struct bytes good = good_store();
  unsigned char *bad = malloc(good.count);
  if (bad == NULL || good.count < 4096) give_up("good.db is too short");

  memcpy(bad, good.at, good.count);
  put_number(bad + USER_VERSION, 9999);
  expect_refused_and_untouched("newer.db", bad, good.count);

  memcpy(bad, good.at, good.count);
  put_number(bad + APPLICATION_ID, 1);
  expect_refused_and_untouched("renamed.db", bad, good.count);

  memcpy(bad, good.at, good.count);
  memset(bad + 100, 0xAA, good.count - 100);
  expect_refused_and_untouched("overwritten.db", bad, good.count);

  memcpy(bad, good.at, good.count);
  memset(bad, 0, 100);
  expect_refused_and_untouched("no-header.db", bad, good.count);

  expect_refused_and_untouched("cut.db", good.at, 1000);
  free(bad);
  free(good.at);
}

static void not_a_file(void) {
  expect_refused(environment("WXSUB_TMP"));
  expect_refused(in_tmp("no/such/folder/wxsub.db"));
  write_file(in_tmp("plain"), "x", 1);
  expect_refused(in_tmp("plain/wxsub.db"));
#ifndef _WIN32
  expect_refused("/dev/full");
  expect_refused("/proc/version");
#endif
}

#ifndef _WIN32
/* As root every file is writable, so somebody else must try. */
static void without_permission(void) {
  struct bytes good = good_store();
  char *path = in_tmp("readonly.db");
  struct bytes after;
  pid_t child;
  int status = -1;
  write_file(path, good.at, good.count);
  if (chmod(path, 0444) != 0 || chmod(environment("WXSUB_TMP"), 0555) != 0) give_up("chmod");
  child = fork();
  if (child == 0) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(2);
    checks_failed = 0;
    expect_refused(path);
    expect_refused(in_tmp("new.db"));
    _exit(checks_failed != 0);
  }
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK_INT(status, 0);
  chmod(environment("WXSUB_TMP"), 0755);
  after = read_file(path);
  CHECK(after.count == good.count && memcmp(after.at, good.at, good.count) == 0);
  CHECK(!exists(in_tmp("new.db")));
  free(after.at);
  free(good.at);
}
#endif

/* The store is there for its owner only, and a count outlives the client. */
static void a_good_one(void) {
  char *path = in_tmp("kept.db");
  wxsub_client *client = open_config(config_with(path, ""));
  wxsub_result r = WXSUB_RESULT_INIT;
  CHECK_VERDICT(wxsub_report(client, "o-kept", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
#ifndef _WIN32
  {
    struct stat about;
    CHECK(stat(path, &about) == 0 && (about.st_mode & 0777) == 0600);
    CHECK(stat(text_of("%s-wal", path), &about) == 0 && (about.st_mode & 0777) == 0600);
  }
#endif
  wxsub_free(client);
  client = open_config(config_with(path, ""));
  CHECK_INT(count_of(client, "o-kept", "T"), 1);
  wxsub_free(client);
}

int main(void) {
  not_ours();
  damaged();
  not_a_file();
#ifndef _WIN32
  if (!valgrind_watches()) without_permission();
#endif
  a_good_one();
  return finish();
}
