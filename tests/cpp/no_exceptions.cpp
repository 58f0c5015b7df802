// flags: -fno-exceptions -fno-rtti
//
// A whole round without exceptions and RTTI. tests/hosts.rs reads the first line.

#include "support.hpp"

int main() {
  wxsub::Client client;
  CHECK(client.open(test::config()));
  int lines = 0;
  CHECK(client.set_log([&lines](int, const char *) { ++lines; }, WXSUB_LOG_DEBUG));
  test::grant("o-plain", "T", 1);
  CHECK(client.report("o-plain", "T", wxsub::Answer::accept));
  const wxsub::Message message = wxsub::Message().to("o-plain").template_id("T").value("thing1", "hello");
  CHECK(client.send(message));
  CHECK_EQUAL(client.send(message).status(), wxsub::Status::no_quota);
  CHECK(lines > 0);
  client.close();
  return test::finish();
}
