// A library older than the header: opening says so and opens nothing. This program's wxsub_abi() hides the library's.

#include "support.hpp"

extern "C" uint32_t wxsub_abi(void) { return WXSUB_ABI - 1; }

int main() {
  wxsub::Client client;
  const wxsub::Result result = client.open(test::config());
  CHECK_EQUAL(result.status(), wxsub::Status::internal);
  CHECK(result.message().find("older") != std::string::npos);
  CHECK(!client.is_open());
#if WXSUB_HAS_EXCEPTIONS
  bool thrown = false;
  try {
    client.open(test::config()).or_throw();
  } catch (const wxsub::Error &) {
    thrown = true;
  }
  CHECK(thrown);
#endif
  return test::finish();
}
