// Client::submit and what belongs to it: one result per ticket, whatever happens; shutdown; the numbers.

#include <poll.h>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support.hpp"

#if WXSUB_CPLUSPLUS >= 202002L
#include <array>
#include <span>
#endif

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

wxsub::Message hello(const std::string &openid) {
  return wxsub::Message().to(openid).template_id("T").value("thing1", "hello");
}

std::string player(const std::string &name, int n) { return "o-" + name + "-" + std::to_string(n); }

// Polls until there are so many results, and a moment longer: there must be no more.
std::vector<wxsub::Result> polled(const wxsub::Client &client, std::size_t wanted) {
  std::vector<wxsub::Result> all;
  wxsub::Result results[7];
  const auto until = std::chrono::steady_clock::now() + seconds(60);
  while (all.size() < wanted && std::chrono::steady_clock::now() < until) {
    for (const wxsub::Result &one : client.poll(results, 7, milliseconds(200))) all.push_back(one);
  }
  for (const wxsub::Result &one : client.poll(results, 7, milliseconds(20))) all.push_back(one);
  CHECK_EQUAL(all.size(), wanted);
  return all;
}

void a_ticket_has_the_verdict_as_its_result() {
  const wxsub::Client client = test::opened();
  test::grant("o-one", "T", 1);
  const wxsub::Result reported = client.submit_report("o-one", "T", wxsub::Answer::accept, "tap", 8);
  CHECK(reported);
  const wxsub::Result accepted = client.submit(hello("o-one"), wxsub::Options().key("mail").tag(7));
  CHECK(accepted);
  CHECK(accepted.ticket() > reported.ticket() && reported.ticket() > 0);

  const std::vector<wxsub::Result> results = polled(client, 2);
  CHECK_EQUAL(results[0].ticket() == reported.ticket(), true);
  CHECK_EQUAL(results[0].quota(), wxsub::Quota::granted);
  CHECK_EQUAL(results[0].tag(), 8U);
  CHECK_EQUAL(results[0].key(), "tap");
  CHECK_EQUAL(results[1].ticket() == accepted.ticket(), true);
  CHECK_EQUAL(results[1].status(), wxsub::Status::ok);
  CHECK_EQUAL(results[1].quota(), wxsub::Quota::spent);
  CHECK_EQUAL(results[1].tag(), 7U);
  CHECK_EQUAL(results[1].key(), "mail");
  CHECK(!results[1].stored() && !results[1].outcome() && !results[1].replayed());
  CHECK_EQUAL(test::times_in(test::deliveries_to("o-one"), "\"msgid\":"), 1);
}

void every_ticket_has_one_result_from_many_threads() {
  const wxsub::Client client = test::opened(test::config().workers(3).quota("observe"));
  std::vector<std::thread> threads;
  std::vector<std::set<std::uint64_t>> tickets(3);
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&client, &tickets, t] {
      for (int n = 0; n < 40; ++n) {
        const std::string openid = player("crowd", n % 10);
        const wxsub::Result accepted = n % 2 == 0 ? client.submit(hello(openid))
                                                  : client.submit_report(openid, "T", wxsub::Answer::accept);
        CHECK(accepted);
        tickets[static_cast<std::size_t>(t)].insert(accepted.ticket());
      }
    });
  }
  for (std::thread &thread : threads) thread.join();
  std::set<std::uint64_t> wanted;
  for (const std::set<std::uint64_t> &some : tickets) wanted.insert(some.begin(), some.end());
  CHECK_EQUAL(wanted.size(), std::size_t{120});
  std::set<std::uint64_t> got;
  for (const wxsub::Result &one : polled(client, 120)) CHECK(got.insert(one.ticket()).second);
  CHECK(got == wanted);
}

void what_is_refused_has_no_ticket() {
  const wxsub::Client client = test::opened();
  CHECK_EQUAL(client.submit("").status(), wxsub::Status::arg);
  CHECK_EQUAL(client.submit(nullptr).status(), wxsub::Status::arg);
  CHECK_EQUAL(client.submit(wxsub::Message().template_id("T")).status(), wxsub::Status::arg);
  CHECK_EQUAL(client.submit(hello("o"), wxsub::Options().on_conflict(wxsub::OnConflict::replace)).status(),
              wxsub::Status::arg);
  CHECK_EQUAL(client.submit(std::string("{}\0", 3)).status(), wxsub::Status::arg);
  CHECK_EQUAL(client.submit(hello("o").json(), std::string("{}\0", 3)).status(), wxsub::Status::arg);
  CHECK_EQUAL(client.submit_report("o", nullptr, wxsub::Answer::accept).status(), wxsub::Status::arg);
  CHECK_EQUAL(client.submit_report(std::string("o\0", 2), "T", wxsub::Answer::accept).status(), wxsub::Status::arg);
  const wxsub::Result wrong = client.submit(hello("o"), wxsub::Options().deliver_at(1800000000));
  CHECK_EQUAL(wrong.status(), wxsub::Status::arg);
  CHECK(wrong.message().find("in seconds") != std::string::npos);
  CHECK(wrong.ticket() == 0);
  CHECK_EQUAL(client.send(hello("o"), wxsub::Options().durable()).status(), wxsub::Status::arg);
  polled(client, 0);

  const wxsub::Result text = client.submit(hello("o-text").json(), "{\"tag\":5}");
  CHECK(text);
  const wxsub::Result result = polled(client, 1)[0];
  CHECK_EQUAL(result.status(), wxsub::Status::no_quota);
  CHECK_EQUAL(result.tag(), 5U);
  CHECK(client.submit(hello("o-quiet"), wxsub::Options().notify(false)).ticket() == 0);
}

void a_full_queue_says_so() {
  const wxsub::Client client = test::opened(test::config().workers(1).queue_capacity(3));
  for (int n = 0; n < 3; ++n) CHECK(client.submit(hello(player("full", n))));
  const wxsub::Result full = client.submit(hello("o-full"));
  CHECK_EQUAL(full.status(), wxsub::Status::queue_full);
  CHECK(full.ticket() == 0);
  CHECK_EQUAL(client.submit_report("o-full", "T", wxsub::Answer::accept).status(), wxsub::Status::queue_full);
  polled(client, 3);
  CHECK(client.submit(hello("o-full")));
  polled(client, 1);
}

void ways_to_poll() {
  const wxsub::Client client = test::opened();
  wxsub::Result array[4];
  wxsub::Polled none = client.poll(array, 4);
  CHECK(none.result && none.empty() && none.begin() == none.end());
  const auto before = std::chrono::steady_clock::now();
  CHECK(client.poll(array, 4, milliseconds(120)).empty());
  CHECK(std::chrono::steady_clock::now() - before >= milliseconds(100));
  CHECK(client.poll(array, 4, milliseconds(-5)).empty());

  for (int n = 0; n < 10; ++n) CHECK(client.submit(hello(player("ways", n)), wxsub::Options().tag(1)));
  while (client.stats().second.results < 10) usleep(1000);
  CHECK(client.poll(array, 0).result);
  CHECK(client.poll(array, 0).empty());
  CHECK(client.poll(nullptr, 0).empty());
  CHECK_EQUAL(client.poll(nullptr, 2).result.status(), wxsub::Status::arg);
  CHECK_EQUAL(client.poll(array, 4).size(), std::size_t{4});
  CHECK_EQUAL(array[3].status(), wxsub::Status::no_quota);

  std::vector<wxsub::Result> some(17);
  const wxsub::Polled two = client.poll(some, milliseconds::zero(), 2);
  CHECK_EQUAL(two.size(), std::size_t{2});
  CHECK_EQUAL(some.size(), std::size_t{2});
  CHECK(two.begin() == some.data());
#if WXSUB_CPLUSPLUS >= 202002L
  std::array<wxsub::Result, 3> fixed;
  CHECK_EQUAL(client.poll(fixed).size(), std::size_t{3});
  CHECK_EQUAL(fixed[2].tag(), 1U);
  wxsub::Result plain[1];
  CHECK_EQUAL(client.poll(std::span(plain), seconds(1)).size(), std::size_t{1});
  CHECK_EQUAL(client.poll(plain, 1u).size(), std::size_t{0});
#else
  CHECK_EQUAL(client.poll(array, 4).size(), std::size_t{4});
#endif
  CHECK(client.poll(some).result && some.empty());
}

void the_handle_is_ready_while_there_is_something() {
  const wxsub::Client client = test::opened();
  const std::pair<wxsub::Result, std::ptrdiff_t> handle = client.poll_handle();
  CHECK(handle.first && handle.second >= 0);
  pollfd watched = {static_cast<int>(handle.second), POLLIN, 0};
  CHECK_EQUAL(poll(&watched, 1, 0), 0);
  CHECK(client.submit(hello("o-handle")));
  CHECK_EQUAL(poll(&watched, 1, 30000), 1);
  wxsub::Result results[2];
  CHECK_EQUAL(client.poll(results, 2).size(), std::size_t{1});
  CHECK_EQUAL(poll(&watched, 1, 0), 0);
}

void a_shutdown_lets_end_what_was_submitted() {
  const wxsub::Client client = test::opened(test::config().workers(2));
  for (int n = 0; n < 20; ++n) {
    test::grant(player("drain", n), "T", 1);
    CHECK(client.submit_report(player("drain", n), "T", wxsub::Answer::accept));
    CHECK(client.submit(hello(player("drain", n))));
  }
  std::size_t unfinished = 99;
  CHECK(client.shutdown(seconds(60), &unfinished));
  CHECK_EQUAL(unfinished, std::size_t{0});
  for (const wxsub::Result &one : polled(client, 40)) CHECK(one);
  CHECK_EQUAL(client.submit(hello("o")).status(), wxsub::Status::state);
  CHECK_EQUAL(client.quota("o", "T").status(), wxsub::Status::state);
  CHECK(client.stats().first);
  CHECK_EQUAL(client.stats().second.sent == 20, true);
  CHECK(client.shutdown(seconds(1)));
}

void a_shutdown_interrupts_what_takes_too_long() {
  const wxsub::Client client = test::opened(test::config().workers(1).timeout_ms(60000));
  test::simulator("POST", "/sim/faults", "{\"kind\":\"stall\",\"endpoint\":\"send\",\"openid\":\"o-stalled-0\"}");
  for (int n = 0; n < 3; ++n) {
    CHECK(client.report(player("stalled", n), "T", wxsub::Answer::accept));
    CHECK(client.submit(hello(player("stalled", n))));
  }
  // The one that stalls has begun when its request is at WeChat.
  for (int i = 0; i < 3000 && test::simulator("GET", "/sim/requests?openid=o-stalled-0") == "[]"; ++i) usleep(10000);
  std::size_t unfinished = 0;
  CHECK(client.shutdown(milliseconds(50), &unfinished));
  CHECK_EQUAL(unfinished, std::size_t{3});
  std::map<wxsub::Status, int> ends;
  for (const wxsub::Result &one : polled(client, 3)) ++ends[one.status()];
  CHECK_EQUAL(ends[wxsub::Status::unknown], 1);
  CHECK_EQUAL(ends[wxsub::Status::cancelled], 2);
}

void the_numbers() {
  const wxsub::Client client = test::opened();
  test::grant("o-numbers", "T", 1);
  CHECK(client.report("o-numbers", "T", wxsub::Answer::accept));
  CHECK(client.send(hello("o-numbers"), wxsub::Options().key("k")));
  CHECK(client.send(hello("o-numbers"), wxsub::Options().key("k")).replayed());
  CHECK(client.submit(hello("o-numbers")));
  polled(client, 1);
  const std::pair<wxsub::Result, wxsub_stats> stats = client.stats();
  CHECK(stats.first);
  CHECK_EQUAL(stats.second.struct_size, sizeof(wxsub_stats));
  CHECK(stats.second.sent == 1 && stats.second.no_quota == 1 && stats.second.replayed == 1);
  CHECK(stats.second.reports == 1 && stats.second.token_calls == 1 && stats.second.refused == 0);
  CHECK(stats.second.queued == 0 && stats.second.results == 0 && stats.second.lost_results == 0);
}

void not_open() {
  const wxsub::Client client;
  wxsub::Result results[2];
  std::size_t unfinished = 5;
  CHECK_EQUAL(client.submit(hello("o")).status(), wxsub::Status::state);
  CHECK_EQUAL(client.submit_report("o", "T", wxsub::Answer::accept).status(), wxsub::Status::state);
  const wxsub::Polled polled = client.poll(results, 2, seconds(60));
  CHECK_EQUAL(polled.result.status(), wxsub::Status::state);
  CHECK(!polled.result.message().empty() && polled.empty());
  CHECK_EQUAL(client.poll_handle().first.status(), wxsub::Status::state);
  CHECK(client.poll_handle().second == -1);
  CHECK_EQUAL(client.cancel("o", "k").status(), wxsub::Status::state);
  CHECK_EQUAL(client.lookup("o", "k").status(), wxsub::Status::state);
  CHECK_EQUAL(client.shutdown(seconds(1), &unfinished).status(), wxsub::Status::state);
  CHECK_EQUAL(unfinished, std::size_t{0});
  CHECK_EQUAL(client.stats().first.status(), wxsub::Status::state);
  CHECK(client.stats().second.sent == 0);
}

void closing_ends_a_poll_that_waits() {
  const wxsub::Client client = test::opened();
  std::thread waits([&client] {
    wxsub::Result results[1];
    CHECK_EQUAL(client.poll(results, 1, seconds(60)).result.status(), wxsub::Status::state);
  });
  usleep(50000);
  wxsub_free(client.handle());
  waits.join();
}

}  // namespace

int main() {
  a_ticket_has_the_verdict_as_its_result();
  every_ticket_has_one_result_from_many_threads();
  what_is_refused_has_no_ticket();
  a_full_queue_says_so();
  ways_to_poll();
  the_handle_is_ready_while_there_is_something();
  a_shutdown_lets_end_what_was_submitted();
  a_shutdown_interrupts_what_takes_too_long();
  the_numbers();
  not_open();
  closing_ends_a_poll_that_waits();
  return test::finish();
}
