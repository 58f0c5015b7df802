// Messages in the store: sent at their time, cancelled, replaced, looked up.

#include <chrono>
#include <string>

#include "support.hpp"

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::system_clock;

wxsub::Message hello(const std::string &openid) {
  return wxsub::Message().to(openid).template_id("T").value("thing1", "hello");
}

int delivered(const std::string &openid) { return test::times_in(test::deliveries_to(openid), "\"msgid\":"); }

wxsub::Result next(const wxsub::Client &client) {
  wxsub::Result one[1];
  for (int i = 0; i < 300; ++i) {
    if (!client.poll(one, 1, milliseconds(200)).empty()) return one[0];
  }
  test::give_up("no result came");
  return one[0];
}

// Submits, and returns the result of the ticket.
wxsub::Result stored(const wxsub::Client &client, const std::string &openid, const wxsub::Options &options) {
  const wxsub::Result accepted = client.submit(hello(openid), options);
  CHECK(accepted);
  const wxsub::Result result = next(client);
  CHECK(result.ticket() == accepted.ticket());
  return result;
}

void sent_at_its_time() {
  const wxsub::Client client = test::opened();
  test::grant("o-time", "T", 1);
  CHECK(client.report("o-time", "T", wxsub::Answer::accept));
  const system_clock::time_point due = system_clock::now() + milliseconds(900);
  const wxsub::Result now =
      stored(client, "o-time", wxsub::Options().key("k").tag(9).deliver_at(due).expires_at(due + seconds(60)));
  CHECK(now && now.stored() && !now.outcome() && !now.replayed());
  CHECK_EQUAL(now.tag(), 9U);
  const wxsub::Result waits = client.lookup("o-time", "k");
  CHECK(waits && waits.stored() && !waits.replayed());
  CHECK(waits.retry_after_ms() > 0 && waits.retry_after_ms() <= 900);
  CHECK(client.stats().second.outbox_waiting == 1);
  CHECK_EQUAL(delivered("o-time"), 0);

  const wxsub::Result sent = next(client);
  CHECK(system_clock::now() >= due);
  CHECK(sent && sent.outcome() && !sent.stored());
  CHECK(sent.ticket() == 0);
  CHECK_EQUAL(sent.tag(), 9U);
  CHECK_EQUAL(sent.key(), "k");
  CHECK_EQUAL(delivered("o-time"), 1);
  const wxsub::Result found = client.lookup("o-time", "k");
  CHECK(found && found.replayed());
  CHECK_EQUAL(found.msgid() == sent.msgid(), true);
  CHECK_EQUAL(client.lookup("o-time", "other").status(), wxsub::Status::not_found);
  CHECK_EQUAL(client.lookup("o-time", nullptr).status(), wxsub::Status::arg);
}

void another_process_sends_what_this_one_stored() {
  const std::string store = test::environment("WXSUB_TMP") + "/outbox.db";
  test::grant("o-next", "T", 1);
  {
    const wxsub::Client client = test::opened(test::config(store));
    CHECK(client.report("o-next", "T", wxsub::Answer::accept));
    CHECK(stored(client, "o-next", wxsub::Options().deliver_at(system_clock::now() + milliseconds(500)).tag(3)));
  }
  const wxsub::Client client = test::opened(test::config(store));
  const wxsub::Result sent = next(client);
  CHECK(sent && sent.outcome());
  CHECK_EQUAL(sent.tag(), 3U);
  CHECK_EQUAL(delivered("o-next"), 1);
}

void cancel_keep_and_replace() {
  const wxsub::Client client = test::opened();
  test::grant("o-keep", "T", 3);
  for (int n = 0; n < 3; ++n) CHECK(client.report("o-keep", "T", wxsub::Answer::accept));
  const system_clock::time_point later = system_clock::now() + std::chrono::hours(1);
  CHECK(stored(client, "o-keep", wxsub::Options().key("k").tag(1).deliver_at(later)).stored());
  const wxsub::Result kept =
      stored(client, "o-keep", wxsub::Options().key("k").tag(2).durable().on_conflict(wxsub::OnConflict::keep));
  CHECK(kept && kept.stored() && kept.replayed());
  CHECK_EQUAL(client.lookup("o-keep", "k").tag(), 1U);

  const wxsub::Result cancelled = client.cancel("o-keep", "k");
  CHECK(cancelled);
  CHECK_EQUAL(cancelled.tag(), 1U);
  CHECK_EQUAL(client.cancel("o-keep", "k").status(), wxsub::Status::not_found);
  CHECK_EQUAL(client.lookup("o-keep", "k").status(), wxsub::Status::cancelled);
  CHECK_EQUAL(client.cancel(std::string("o\0", 2), "k").status(), wxsub::Status::arg);

  CHECK(stored(client, "o-keep", wxsub::Options().key("k").tag(3).deliver_at(later)).stored());
  const wxsub::Result replaced =
      stored(client, "o-keep", wxsub::Options().key("k").tag(4).durable().on_conflict(wxsub::OnConflict::replace));
  CHECK(replaced && replaced.stored() && !replaced.replayed());
  const wxsub::Result sent = next(client);
  CHECK(sent && sent.outcome());
  CHECK_EQUAL(sent.tag(), 4U);
  CHECK_EQUAL(client.cancel("o-keep", "k").status(), wxsub::Status::too_late);
  CHECK_EQUAL(delivered("o-keep"), 1);
}

void cancelled_in_the_queue() {
  const wxsub::Client client = test::opened(test::config().workers(1).timeout_ms(20000));
  CHECK(client.report("o-slow", "T", wxsub::Answer::accept));
  test::simulator("POST", "/sim/faults",
                  "{\"kind\":\"delay\",\"endpoint\":\"send\",\"openid\":\"o-slow\",\"delay_ms\":700}");
  test::grant("o-slow", "T", 1);
  const wxsub::Result first = client.submit(hello("o-slow"), wxsub::Options().key("first"));
  const wxsub::Result second = client.submit(hello("o-slow"), wxsub::Options().key("second").tag(6));
  CHECK(first && second);
  CHECK_EQUAL(client.lookup("o-slow", "second").status(), wxsub::Status::busy);
  CHECK_EQUAL(client.cancel("o-slow", "second").tag(), 6U);
  const wxsub::Result told = next(client);
  CHECK(told.ticket() == second.ticket());
  CHECK_EQUAL(told.status(), wxsub::Status::cancelled);
  const wxsub::Result sent = next(client);
  CHECK(sent && sent.ticket() == first.ticket());
  CHECK_EQUAL(delivered("o-slow"), 1);
}

void too_late_or_maybe() {
  const wxsub::Client client = test::opened(test::config().timeout_ms(1000));
  const wxsub::Options late = wxsub::Options().durable().expires_at(system_clock::now() - seconds(1));
  CHECK_EQUAL(stored(client, "o-late", late).status(), wxsub::Status::expired);
  for (const wxsub::OnUnknown then : {wxsub::OnUnknown::report, wxsub::OnUnknown::resend}) {
    const bool again = then == wxsub::OnUnknown::resend;
    const std::string openid = again ? "o-resend" : "o-report";
    test::grant(openid, "T", 1);
    CHECK(client.report(openid, "T", wxsub::Answer::accept));
    test::simulator("POST", "/sim/faults",
                    "{\"kind\":\"garbage\",\"endpoint\":\"send\",\"text\":\"?\",\"openid\":\"" + openid + "\"}");
    CHECK(stored(client, openid, wxsub::Options().durable().on_unknown(then)).stored());
    const wxsub::Result end = next(client);
    CHECK_EQUAL(end.status(), again ? wxsub::Status::ok : wxsub::Status::unknown);
    CHECK_EQUAL(delivered(openid), again ? 1 : 0);
  }
}

void nobody_asks_for_its_end() {
  const wxsub::Client client = test::opened();
  test::grant("o-quiet", "T", 1);
  CHECK(client.report("o-quiet", "T", wxsub::Answer::accept));
  CHECK(client.submit(hello("o-quiet"), wxsub::Options().durable().key("k").notify(false)));
  for (int i = 0; i < 3000 && !client.lookup("o-quiet", "k").replayed(); ++i) usleep(10000);
  CHECK(client.lookup("o-quiet", "k"));
  CHECK_EQUAL(delivered("o-quiet"), 1);
  wxsub::Result one[1];
  CHECK(client.poll(one, 1, milliseconds(50)).empty());
}

}  // namespace

int main() {
  sent_at_its_time();
  another_process_sends_what_this_one_stored();
  cancel_keep_and_replace();
  cancelled_in_the_queue();
  too_late_or_maybe();
  nobody_asks_for_its_end();
  return test::finish();
}
