// flags: -fno-exceptions -fno-rtti
//
// A whole round without exceptions and RTTI. tests/hosts/programs.rs reads the first line.

#include <future>
#include <string>

#include "support.hpp"

namespace {

void a_loop(const wxsub::Client &client, const wxsub::Message &message) {
  wxsub::Futures futures(client);
  std::future<wxsub::Result> reported = futures.submit_report("o-plain", "T", wxsub::Answer::accept);
  std::future<wxsub::Result> sent = futures.submit(message);
  while (futures.waiting() > 0) CHECK(futures.pump(std::chrono::milliseconds(100)));
  CHECK(reported.get());
  CHECK_EQUAL(sent.get().status(), wxsub::Status::connect);
}

}  // namespace

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
  CHECK(client.set_transport([](const wxsub::HttpRequest &) { return wxsub::HttpReply::not_sent("no network"); }));
  a_loop(client, message);
  client.close();
  return test::finish();
}
