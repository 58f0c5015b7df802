// Client::set_log: what the function gets, when it goes, and that nothing it throws gets out.

#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#include "support.hpp"

namespace {

struct Lines {
  std::mutex lock;
  int count = 0;
  std::string text;
};

wxsub::Client::Log into(const std::shared_ptr<Lines> &lines) {
  return [lines](int level, const char *message) {
    const std::lock_guard<std::mutex> hold(lines->lock);
    ++lines->count;
    lines->text += std::to_string(level) + " " + message + "\n";
  };
}

// The function, and its share in the lines, may go a little after the client.
bool alone(const std::shared_ptr<Lines> &lines) {
  for (int i = 0; i < 200 && lines.use_count() > 1; ++i) usleep(10000);
  return lines.use_count() == 1;
}

void lines_arrive_and_the_function_goes() {
  const auto first = std::make_shared<Lines>();
  const auto second = std::make_shared<Lines>();
  {
    const wxsub::Client client = test::opened(test::config(test::environment("WXSUB_TMP") + "/log.db"));
    CHECK(client.set_log(into(first)));
    CHECK(first->text.find("log.db") != std::string::npos);
    CHECK_EQUAL(first.use_count(), 2L);
    CHECK(client.set_log(into(second), WXSUB_LOG_DEBUG));
    CHECK(alone(first));
    CHECK(client.report("o-log", "T", wxsub::Answer::accept));
    CHECK(second->text.find("4 ") == 0);
    CHECK_EQUAL(second.use_count(), 2L);
  }
  CHECK(alone(second));
}

void an_empty_function_turns_it_off() {
  const auto lines = std::make_shared<Lines>();
  const wxsub::Client client = test::opened();
  CHECK(client.set_log(into(lines), WXSUB_LOG_DEBUG));
  CHECK(client.set_log(nullptr));
  CHECK(alone(lines));
  const int before = lines->count;
  CHECK(client.report("o-off", "T", wxsub::Answer::accept));
  CHECK_EQUAL(lines->count, before);
  CHECK(client.set_log(wxsub::Client::Log(), WXSUB_LOG_DEBUG));
}

void a_refused_function_goes_at_once() {
  const auto lines = std::make_shared<Lines>();
  const wxsub::Client closed;
  CHECK_EQUAL(closed.set_log(into(lines)).status(), wxsub::Status::state);
  CHECK_EQUAL(lines.use_count(), 1L);
}

void the_function_may_use_the_client() {
  const wxsub::Client client = test::opened();
  int calls = 0;
  CHECK(client.set_log(
      [&](int, const char *) {
        ++calls;
        CHECK(client.quota("o-inside", "T"));
        CHECK(client.set_log(nullptr));
      },
      WXSUB_LOG_DEBUG));
  CHECK(client.report("o-inside", "T", wxsub::Answer::accept));
  CHECK(calls > 0);
}

#if WXSUB_HAS_EXCEPTIONS
void what_it_throws_is_swallowed() {
  const wxsub::Client client = test::opened();
  int calls = 0;
  CHECK(client.set_log(
      [&calls](int, const char *) {
        if (++calls % 2 == 0) throw calls;
        throw std::runtime_error("from the log function");
      },
      WXSUB_LOG_DEBUG));
  test::grant("o-throw", "T", 1);
  CHECK(client.report("o-throw", "T", wxsub::Answer::accept));
  CHECK(client.send(wxsub::Message().to("o-throw").template_id("T").value("thing1", "hello")));
  CHECK_EQUAL(client.send(wxsub::Message().to("o-throw").template_id("T").value("thing1", "hello")).status(),
              wxsub::Status::no_quota);
  CHECK(calls >= 3);
}
#endif

}  // namespace

int main() {
  lines_arrive_and_the_function_goes();
  an_empty_function_turns_it_off();
  a_refused_function_goes_at_once();
  the_function_may_use_the_client();
#if WXSUB_HAS_EXCEPTIONS
  what_it_throws_is_swallowed();
#endif
  return test::finish();
}
