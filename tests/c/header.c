/* The header needs nothing before it, may come twice, and its starting values are what they say. */

#define _POSIX_C_SOURCE 200809L /* for support.h, which comes late here */

#include "wxsub.h"
#include "wxsub.h"

#include "support.h"

/* All zeroes behind its struct_size. */
#define STARTS_EMPTY(type, start)              \
  do {                                         \
    type fresh = start, zero;                  \
    memset(&zero, 0, sizeof zero);             \
    zero.struct_size = sizeof zero;            \
    CHECK(memcmp(&fresh, &zero, sizeof zero) == 0); \
  } while (0)

int main(void) {
  const char *version = wxsub_version();
  STARTS_EMPTY(wxsub_result, WXSUB_RESULT_INIT);
  STARTS_EMPTY(wxsub_identity, WXSUB_IDENTITY_INIT);
  STARTS_EMPTY(wxsub_stats, WXSUB_STATS_INIT);
  CHECK(wxsub_abi() == WXSUB_ABI);
  CHECK(version[0] >= '0' && version[0] <= '9');
  CHECK_HAS(version, "(sqlite 3.");
  CHECK(wxsub_version() == version);
  wxsub_free(NULL);
  return finish();
}
