/* A host with a SQLite of its own beside the library: each runs on its own, whatever the order of linking. */

#include <sqlite3.h>

#include "../c/support.h"

int main(void) {
  wxsub_result r = WXSUB_RESULT_INIT;
  wxsub_client *client = open_config(
      text_of("{\"appid\":\"a\",\"secret\":\"s\",\"store\":\"%s\"}", in_tmp("ours.db")));
  sqlite3 *theirs = NULL;

  CHECK_TEXT(sqlite3_libversion(), SQLITE_VERSION);
  CHECK(strstr(wxsub_version(), SQLITE_VERSION) == NULL);
  CHECK_HAS(wxsub_version(), "sqlite 3.");
  CHECK_INT(sqlite3_open(in_tmp("theirs.db"), &theirs), SQLITE_OK);
  CHECK_INT(sqlite3_exec(theirs, "PRAGMA journal_mode = WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1)", NULL, NULL, NULL),
            SQLITE_OK);
  CHECK_VERDICT(wxsub_report(client, "o", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
  /* Theirs is built with it, ours without. */
  CHECK_INT(sqlite3_compileoption_used("ENABLE_FTS5"), 1);
  CHECK_INT(count_of(client, "o", "T"), 1);
  CHECK_INT(sqlite3_close(theirs), SQLITE_OK);
  wxsub_free(client);
  printf("host: sqlite %s, library: %s\n", sqlite3_libversion(), wxsub_version());
  return finish();
}
