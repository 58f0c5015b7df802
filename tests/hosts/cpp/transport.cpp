// Client::set_transport: what the function gets, what becomes of what it says, when it goes.

#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

namespace {

using wxsub::HttpReply;
using wxsub::HttpRequest;

wxsub::Message hello(const std::string &openid) {
  return wxsub::Message().to(openid).template_id("T").value("thing1", "hello");
}

bool is_send(const HttpRequest &request) {
  return std::string(request.url()).find("message/subscribe/send") != std::string::npos;
}

// As the library itself would, to the simulator.
HttpReply carried(const HttpRequest &request) {
  const std::string base = test::environment("WXSUB_SIM");
  const std::string url = request.url();
  if (url.compare(0, base.size(), base) != 0) test::give_up("not the simulator's: " + url);
  return HttpReply::answered(200, test::simulator(request.method(), url.substr(base.size()), request.body()));
}

struct Seen {
  std::mutex lock;
  std::vector<std::string> urls;
};

// A client whose next send of this player finds a transport that says so.
wxsub::Result sent_by(const std::string &openid, const wxsub::Client::Transport &sends) {
  const wxsub::Client client = test::opened(test::config().timeout_ms(3000).max_attempts(1));
  CHECK(client.report(openid, "T", wxsub::Answer::accept));
  CHECK(client.set_transport([&sends](const HttpRequest &request) {
    return is_send(request) ? sends(request) : carried(request);
  }));
  wxsub::Result result = client.send(hello(openid));
  CHECK_EQUAL(client.quota(openid, "T").remaining(), result.status() == wxsub::Status::refused ? 0 : 1);
  return result;
}

void it_carries_all_requests() {
  const auto seen = std::make_shared<Seen>();
  const wxsub::Client client = test::opened(test::config().timeout_ms(4000));
  CHECK(client.set_transport([seen](const HttpRequest &request) {
    const std::lock_guard<std::mutex> hold(seen->lock);
    seen->urls.push_back(request.url());
    CHECK_EQUAL(request.method(), std::string("POST"));
    CHECK_EQUAL(request.content_type(), std::string("application/json"));
    CHECK(request.timeout_ms() > 0 && request.timeout_ms() <= 4000);
    CHECK(request.body().front() == '{' && request.body().back() == '}');
    CHECK(request.raw().body_len == request.body().size());
    return carried(request);
  }));
  test::grant("o-carried", "T", 2);
  for (int n = 0; n < 2; ++n) CHECK(client.report("o-carried", "T", wxsub::Answer::accept));
  const wxsub::Result sent = client.send(hello("o-carried"));
  CHECK(sent);
  CHECK_EQUAL(sent.http_status(), 200);
  CHECK(sent.msgid() > 0);
  CHECK_EQUAL(seen->urls.size(), std::size_t{2});

  CHECK(client.set_transport(nullptr));
  CHECK(client.send(hello("o-carried")));
  CHECK_EQUAL(seen->urls.size(), std::size_t{2});
  CHECK_EQUAL(test::times_in(test::deliveries_to("o-carried"), "\"msgid\":"), 2);
}

void what_it_says_decides() {
  const wxsub::Result refused = sent_by("o-refused", [](const HttpRequest &) {
    return HttpReply::answered(200, "{\"errcode\":43101,\"errmsg\":\"user refuse to accept the msg\"}");
  });
  CHECK_EQUAL(refused.errcode(), 43101);

  const wxsub::Result busy = sent_by("o-busy", [](const HttpRequest &) {
    return HttpReply::answered(503, "{\"errcode\":-1,\"errmsg\":\"system error\"}");
  });
  CHECK_EQUAL(busy.status(), wxsub::Status::busy);
  CHECK_EQUAL(busy.http_status(), 503);

  const wxsub::Result away = sent_by("o-away", [](const HttpRequest &) { return HttpReply::not_sent("no route"); });
  CHECK_EQUAL(away.status(), wxsub::Status::connect);
  CHECK_EQUAL(away.retry(), wxsub::Retry::later);
  CHECK(away.message().find("no route") != std::string::npos);

  const wxsub::Result maybe = sent_by("o-maybe", [](const HttpRequest &) { return HttpReply::maybe_sent("cut off"); });
  CHECK_EQUAL(maybe.status(), wxsub::Status::unknown);
  CHECK_EQUAL(maybe.retry(), wxsub::Retry::unsafe);
  CHECK(maybe.message().find("cut off") != std::string::npos);

  CHECK_EQUAL(sent_by("o-empty", [](const HttpRequest &) { return HttpReply::answered(200, ""); }).status(),
              wxsub::Status::unknown);
  CHECK_EQUAL(sent_by("o-mute", [](const HttpRequest &) { return HttpReply::not_sent(""); }).status(),
              wxsub::Status::connect);
  const wxsub::Result much = sent_by("o-much", [](const HttpRequest &request) {
    return HttpReply::answered(200, std::string((1 << 20) + 1, request.body()[0]));
  });
  CHECK_EQUAL(much.status(), wxsub::Status::unknown);
  CHECK(much.message().find("longer") != std::string::npos);
  const std::string story(5000, 'x');
  CHECK_EQUAL(sent_by("o-wordy", [&](const HttpRequest &) { return HttpReply::not_sent(story); }).status(),
              wxsub::Status::connect);
}

void no_secret_gets_out() {
  for (const bool left : {false, true}) {
    std::string token;
    const wxsub::Result result = sent_by(left ? "o-told" : "o-quoted", [&](const HttpRequest &request) {
      const std::string url = request.url();
      token = url.substr(url.find("access_token=") + 13);
      return left ? HttpReply::maybe_sent("failed: " + token) : HttpReply::not_sent("failed: " + token);
    });
    CHECK(token.size() > 10);
    CHECK(result.message().find("failed: ") != std::string::npos);
    CHECK(result.message().find(token) == std::string::npos);
  }
}

#if WXSUB_HAS_EXCEPTIONS
void what_it_throws_is_a_maybe() {
  for (const bool known : {false, true}) {
    const auto throws = [known](const HttpRequest &request) -> HttpReply {
      if (known) throw std::runtime_error(request.url());
      throw 7;
    };
    const wxsub::Result result = sent_by(known ? "o-known" : "o-thrown", throws);
    CHECK_EQUAL(result.status(), wxsub::Status::unknown);
    CHECK_EQUAL(result.retry(), wxsub::Retry::unsafe);
    CHECK(result.message().find("threw") != std::string::npos);
    CHECK(result.message().find("access_token") == std::string::npos);
  }
}
#endif

// The function, and its share in what it holds, may go a little after the client.
bool alone(const std::shared_ptr<Seen> &seen) {
  for (int i = 0; i < 500 && seen.use_count() > 1; ++i) usleep(10000);
  return seen.use_count() == 1;
}

void it_goes_when_it_is_needed_no_more() {
  const auto first = std::make_shared<Seen>();
  const auto second = std::make_shared<Seen>();
  {
    const wxsub::Client client = test::opened();
    CHECK(client.set_transport([first](const HttpRequest &) { return HttpReply::not_sent("x"); }));
    CHECK_EQUAL(first.use_count(), 2L);
    CHECK(client.set_transport([second](const HttpRequest &) { return HttpReply::not_sent("y"); }));
    CHECK_EQUAL(first.use_count(), 1L);
    CHECK_EQUAL(second.use_count(), 2L);
  }
  CHECK(alone(second));
  const wxsub::Client closed;
  CHECK_EQUAL(closed.set_transport([first](const HttpRequest &) { return HttpReply::not_sent(""); }).status(),
              wxsub::Status::state);
  CHECK_EQUAL(first.use_count(), 1L);
  CHECK_EQUAL(closed.set_transport(nullptr).status(), wxsub::Status::state);
}

void it_outlives_its_last_call() {
  const auto seen = std::make_shared<Seen>();
  std::atomic<bool> inside(false);
  std::atomic<bool> let_go(false);
  wxsub::Client client = test::opened(test::config().timeout_ms(20000));
  CHECK(client.report("o-inside", "T", wxsub::Answer::accept));
  CHECK(client.set_transport([seen, &inside, &let_go](const HttpRequest &) {
    inside = true;
    while (!let_go) usleep(1000);
    seen->urls.push_back("still here");
    return HttpReply::not_sent("let go");
  }));
  CHECK(client.submit(hello("o-inside")));
  while (!inside) usleep(1000);
  CHECK(client.set_transport([](const HttpRequest &) { return HttpReply::not_sent("another"); }));
  client.close();
  CHECK_EQUAL(seen.use_count(), 2L);
  let_go = true;
  CHECK(alone(seen));
  CHECK_EQUAL(seen->urls.size(), std::size_t{1});
}

}  // namespace

int main() {
  it_carries_all_requests();
  what_it_says_decides();
  no_secret_gets_out();
#if WXSUB_HAS_EXCEPTIONS
  what_it_throws_is_a_maybe();
#endif
  it_goes_when_it_is_needed_no_more();
  it_outlives_its_last_call();
  return test::finish();
}
