// Futures: each gets one result, its own; what belongs to none goes to the host; none is broken at the end.

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support.hpp"

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

static_assert(!std::is_copy_constructible<wxsub::Futures>::value, "");
static_assert(!std::is_move_constructible<wxsub::Futures>::value, "");

wxsub::Message hello(const std::string &openid) {
  return wxsub::Message().to(openid).template_id("T").value("thing1", "hello");
}

bool is_ready(const std::future<wxsub::Result> &future) {
  return future.wait_for(seconds(0)) == std::future_status::ready;
}

void pump_all(wxsub::Futures &futures) {
  for (int i = 0; i < 600 && futures.waiting() > 0; ++i) CHECK(futures.pump(milliseconds(100)));
  CHECK_EQUAL(futures.waiting(), std::size_t{0});
}

void each_gets_its_own() {
  const wxsub::Client client = test::opened();
  wxsub::Futures futures(client);
  test::grant("o-future", "T", 1);
  std::future<wxsub::Result> accept = futures.submit_report("o-future", "T", wxsub::Answer::accept, "tap", 3);
  std::future<wxsub::Result> first = futures.submit(hello("o-future"));
  std::future<wxsub::Result> second = futures.submit(hello("o-future"), wxsub::Options().tag(4));
  std::future<wxsub::Result> third = futures.submit(hello("o-future").json(), "{\"tag\":5}");
  CHECK_EQUAL(futures.waiting(), std::size_t{4});
  CHECK(!is_ready(accept));
  pump_all(futures);
  const wxsub::Result accepted = accept.get();
  CHECK_EQUAL(accepted.quota(), wxsub::Quota::granted);
  CHECK_EQUAL(accepted.tag(), 3U);
  CHECK_EQUAL(first.get().quota(), wxsub::Quota::spent);
  const wxsub::Result none = second.get();
  CHECK_EQUAL(none.status(), wxsub::Status::no_quota);
  CHECK_EQUAL(none.tag(), 4U);
  CHECK_EQUAL(third.get().tag(), 5U);
}

void what_is_not_submitted_is_ready_at_once() {
  const wxsub::Client client = test::opened(test::config().queue_capacity(2).workers(1));
  wxsub::Futures futures(client);
  CHECK_EQUAL(futures.submit("nonsense").get().status(), wxsub::Status::arg);
  CHECK_EQUAL(futures.submit_report("o", nullptr, wxsub::Answer::accept).get().status(), wxsub::Status::arg);
  std::future<wxsub::Result> one = futures.submit_report("o-full", "T", wxsub::Answer::accept);
  std::future<wxsub::Result> two = futures.submit_report("o-full", "T", wxsub::Answer::accept);
  std::future<wxsub::Result> full = futures.submit_report("o-full", "T", wxsub::Answer::accept);
  CHECK(is_ready(full));
  CHECK_EQUAL(full.get().status(), wxsub::Status::queue_full);
  pump_all(futures);
  CHECK_EQUAL(one.get().remaining() + two.get().remaining(), 3);
  CHECK(futures.submit(hello("o-quiet"), wxsub::Options().notify(false)).get());
}

void what_belongs_to_none_goes_to_the_host() {
  const wxsub::Client client = test::opened();
  std::vector<wxsub::Result> others;
  wxsub::Futures futures(client, [&others](const wxsub::Result &other) { others.push_back(other); });
  std::future<wxsub::Result> stored = futures.submit(hello("o-durable"), wxsub::Options().durable().tag(8));
  const wxsub::Result direct = client.submit(hello("o-direct"));
  CHECK(direct);
  for (int i = 0; i < 600 && (futures.waiting() > 0 || others.size() < 2); ++i) CHECK(futures.pump(milliseconds(100)));
  CHECK(stored.get().stored());
  CHECK_EQUAL(others.size(), std::size_t{2});
  const wxsub::Result &outcome = others[others[0].outcome() ? 0 : 1];
  const wxsub::Result &own = others[others[0].outcome() ? 1 : 0];
  CHECK(outcome.outcome() && outcome.ticket() == 0);
  CHECK_EQUAL(outcome.tag(), 8U);
  CHECK(own.ticket() == direct.ticket());
}

void the_host_may_submit_from_within() {
  const wxsub::Client client = test::opened();
  std::vector<std::future<wxsub::Result>> more;
  std::unique_ptr<wxsub::Futures> futures;
  futures.reset(new wxsub::Futures(client, [&](const wxsub::Result &) {
    more.push_back(futures->submit_report("o-within", "T", wxsub::Answer::accept));
    CHECK(futures->pump());
  }));
  CHECK(client.submit(hello("o-within")));
  for (int i = 0; i < 600 && (more.empty() || futures->waiting() > 0); ++i) CHECK(futures->pump(milliseconds(100)));
  CHECK_EQUAL(more.size(), std::size_t{1});
  CHECK_EQUAL(more[0].get().remaining(), 1);
}

#if WXSUB_HAS_EXCEPTIONS
void what_the_host_throws_leaves_pump_and_nothing_is_lost(bool closed) {
  const wxsub::Client client = test::opened();
  int given = 0;
  wxsub::Futures futures(client, [&given](const wxsub::Result &) {
    if (++given == 1) throw std::runtime_error("from the host");
  });
  for (int n = 0; n < 3; ++n) CHECK(client.submit(hello("o-thrown")));
  std::future<wxsub::Result> last = futures.submit(hello("o-thrown"));
  while (client.stats().second.results < 4) usleep(1000);
  bool thrown = false;
  try {
    futures.pump();
  } catch (const std::runtime_error &) {
    thrown = true;
  }
  CHECK(thrown && given == 1 && is_ready(last));
  if (closed) wxsub_free(client.handle());
  CHECK(futures.pump().ok() == !closed);
  CHECK_EQUAL(given, 3);
}
#endif

void many_threads_submit_while_others_pump() {
  const wxsub::Client client = test::opened(test::config().workers(4).quota("observe"));
  std::atomic<int> others(0);
  std::atomic<bool> done(false);
  wxsub::Futures futures(client, [&others](const wxsub::Result &) { ++others; });
  std::vector<std::thread> pumps;
  for (int t = 0; t < 2; ++t) {
    pumps.emplace_back([&] {
      while (!done) CHECK(futures.pump(milliseconds(5)));
    });
  }
  std::vector<std::thread> submits;
  for (int t = 0; t < 3; ++t) {
    submits.emplace_back([&futures, t] {
      for (unsigned n = 0; n < 40; ++n) {
        const std::string openid = "o-threads-" + std::to_string(n % 7);
        const unsigned tag = static_cast<unsigned>(t) * 100 + n;
        std::future<wxsub::Result> future =
            n % 2 == 0 ? futures.submit(hello(openid), wxsub::Options().tag(tag))
                       : futures.submit_report(openid, "T", wxsub::Answer::accept, nullptr, tag);
        CHECK_EQUAL(future.get().tag(), tag);
      }
    });
  }
  for (std::thread &thread : submits) thread.join();
  done = true;
  for (std::thread &thread : pumps) thread.join();
  CHECK_EQUAL(futures.waiting(), std::size_t{0});
  CHECK_EQUAL(others.load(), 0);
}

// A client with one message that WeChat never answers.
wxsub::Client stalled(const std::string &openid) {
  wxsub::Client client = test::opened(test::config().timeout_ms(30000).workers(1));
  test::simulator("POST", "/sim/faults", "{\"kind\":\"stall\",\"endpoint\":\"send\",\"openid\":\"" + openid + "\"}");
  CHECK(client.report(openid, "T", wxsub::Answer::accept));
  return client;
}

void check_lost(std::future<wxsub::Result> future) {
  CHECK(is_ready(future));
  const wxsub::Result lost = future.get();
  CHECK_EQUAL(lost.status(), wxsub::Status::unknown);
  CHECK_EQUAL(lost.retry(), wxsub::Retry::unsafe);
  CHECK_EQUAL(lost.remaining(), -1);
  CHECK(lost.ticket() > 0);
  CHECK(!lost.message().empty());
}

void at_its_end_every_future_has_a_result() {
  const wxsub::Client client = stalled("o-end");
  std::future<wxsub::Result> open;
  {
    wxsub::Futures futures(client);
    open = futures.submit(hello("o-end"));
  }
  check_lost(std::move(open));
  CHECK(client.quota("o-end", "T"));
}

void a_closed_client_ends_all_waiting() {
  wxsub::Client client = stalled("o-closed");
  wxsub::Futures futures(client);
  std::future<wxsub::Result> open = futures.submit(hello("o-closed"));
  const wxsub::Client moved = std::move(client);
  CHECK(futures.pump());
  CHECK_EQUAL(futures.waiting(), std::size_t{1});
  wxsub_free(moved.handle());
  CHECK_EQUAL(futures.pump().status(), wxsub::Status::state);
  CHECK_EQUAL(futures.waiting(), std::size_t{0});
  check_lost(std::move(open));
  CHECK_EQUAL(futures.submit(hello("o-closed")).get().status(), wxsub::Status::state);
}

void a_shutdown_gives_each_its_verdict() {
  const wxsub::Client client = stalled("o-shut");
  wxsub::Futures futures(client);
  std::future<wxsub::Result> begun = futures.submit(hello("o-shut"));
  std::future<wxsub::Result> behind = futures.submit(hello("o-shut"));
  for (int i = 0; i < 3000 && test::simulator("GET", "/sim/requests?openid=o-shut") == "[]"; ++i) usleep(10000);
  CHECK(client.shutdown(milliseconds(20)));
  pump_all(futures);
  CHECK_EQUAL(begun.get().status(), wxsub::Status::unknown);
  CHECK_EQUAL(behind.get().status(), wxsub::Status::cancelled);
}

}  // namespace

int main() {
  each_gets_its_own();
  what_is_not_submitted_is_ready_at_once();
  what_belongs_to_none_goes_to_the_host();
  the_host_may_submit_from_within();
#if WXSUB_HAS_EXCEPTIONS
  what_the_host_throws_leaves_pump_and_nothing_is_lost(false);
  what_the_host_throws_leaves_pump_and_nothing_is_lost(true);
#endif
  many_threads_submit_while_others_pump();
  at_its_end_every_future_has_a_result();
  a_closed_client_ends_all_waiting();
  a_shutdown_gives_each_its_verdict();
  return test::finish();
}
