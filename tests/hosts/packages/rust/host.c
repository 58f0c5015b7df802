/* Panics in two Rust libraries, each caught by its own. The debug build panics where WXSUB_TEST_PANIC says. */

#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>

#include "wxsub.h"

int their_panic(void);

int main(void) {
  wxsub_client *client = NULL;
  wxsub_result r = WXSUB_RESULT_INIT;
  int caught = their_panic();
  setenv("WXSUB_TEST_PANIC", "wxsub_quota", 1);
  if (wxsub_init("{\"appid\":\"wx\",\"secret\":\"none\",\"store\":\":memory:\"}", &client, &r) != WXSUB_OK) {
    puts(r.message);
    return 1;
  }
  caught += wxsub_quota(client, "o", "T", NULL, &r) == WXSUB_E_PANIC;
  caught += their_panic();
  wxsub_free(client);
  printf("%d caught\n", caught);
  return caught != 3;
}
