/* The structs' starting values, and the library's number and version. Sizes and offsets: tests/contract/abi. */

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
