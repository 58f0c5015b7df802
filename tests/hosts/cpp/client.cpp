// wxsub::Client: its life, its moves, and every call of it against the simulator.

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support.hpp"

namespace {

static_assert(!std::is_copy_constructible<wxsub::Client>::value, "");
static_assert(!std::is_copy_assignable<wxsub::Client>::value, "");
static_assert(std::is_nothrow_move_constructible<wxsub::Client>::value, "");
static_assert(std::is_nothrow_move_assignable<wxsub::Client>::value, "");
static_assert(std::is_nothrow_default_constructible<wxsub::Client>::value, "");
static_assert(std::is_trivially_copyable<wxsub::Result>::value, "");
static_assert(std::is_standard_layout<wxsub::Result>::value, "");
static_assert(!std::is_convertible<wxsub::Result, bool>::value, "only where a condition is wanted");
static_assert(!std::is_convertible<wxsub::Client, bool>::value, "only where a condition is wanted");

wxsub_status state_of(wxsub_client *handle) { return wxsub_quota(handle, "o", "T", nullptr, nullptr); }

wxsub::Message hello(const std::string &openid) {
  return wxsub::Message().to(openid).template_id("T").value("thing1", "hello");
}

void closes_itself() {
  wxsub_client *handle = nullptr;
  {
    const wxsub::Client client = test::opened();
    handle = client.handle();
    CHECK(client && client.is_open());
    CHECK_EQUAL(state_of(handle), WXSUB_OK);
  }
  CHECK_EQUAL(state_of(handle), WXSUB_E_STATE);
}

void closes_when_told() {
  wxsub::Client client = test::opened();
  wxsub_client *handle = client.handle();
  client.close();
  CHECK(!client && client.handle() == nullptr);
  CHECK_EQUAL(state_of(handle), WXSUB_E_STATE);
  client.close();
}

void moves() {
  wxsub::Client first = test::opened();
  wxsub_client *handle = first.handle();
  wxsub::Client second(std::move(first));
  CHECK(!first.is_open());
  CHECK(second.handle() == handle);

  wxsub::Client third = test::opened();
  wxsub_client *dropped = third.handle();
  third = std::move(second);
  CHECK(!second.is_open());
  CHECK(third.handle() == handle);
  CHECK_EQUAL(state_of(dropped), WXSUB_E_STATE);
  CHECK_EQUAL(state_of(handle), WXSUB_OK);

  wxsub::Client &itself = third;
  third = std::move(itself);
  CHECK(third.handle() == handle);
  CHECK_EQUAL(state_of(handle), WXSUB_OK);

  std::vector<wxsub::Client> many;
  many.push_back(std::move(third));
  for (int i = 0; i < 5; ++i) many.push_back(test::opened());
  CHECK(many[0].handle() == handle);
  CHECK_EQUAL(state_of(handle), WXSUB_OK);
  many.clear();
  CHECK_EQUAL(state_of(handle), WXSUB_E_STATE);
}

void opens_again() {
  wxsub::Client client = test::opened();
  wxsub_client *before = client.handle();
  CHECK(client.open(test::config()));
  CHECK_EQUAL(state_of(before), WXSUB_E_STATE);
  CHECK_EQUAL(state_of(client.handle()), WXSUB_OK);
  const wxsub::Result refused = client.open("{}");
  CHECK_EQUAL(refused.status(), wxsub::Status::config);
  CHECK(refused.message().find("appid") != std::string::npos);
  CHECK(!client.is_open());
}

void not_open() {
  const wxsub::Client client;
  CHECK_EQUAL(client.report("o", "T", wxsub::Answer::accept).status(), wxsub::Status::state);
  CHECK_EQUAL(client.send(hello("o")).status(), wxsub::Status::state);
  CHECK_EQUAL(client.quota("o", "T").status(), wxsub::Status::state);
  CHECK_EQUAL(client.quota("o", "T").remaining(), -1);
  CHECK_EQUAL(client.set_token("token", 60).status(), wxsub::Status::state);
  CHECK_EQUAL(client.handle_event("a=b").result.status(), wxsub::Status::state);
  CHECK_EQUAL(client.handle_event("a=b").reply, "");
  CHECK_EQUAL(client.ask("o", "{}").first.status(), wxsub::Status::state);
  CHECK_EQUAL(client.ask("o", "{}").second, "");
  CHECK_EQUAL(client.login("code").first.status(), wxsub::Status::state);
  CHECK_EQUAL(client.login("code").second.openid(), "");
  CHECK_EQUAL(client.check().status(), wxsub::Status::state);
  CHECK_EQUAL(client.set_log([](int, const char *) {}).status(), wxsub::Status::state);
  CHECK_EQUAL(client.set_log(nullptr).status(), wxsub::Status::state);
  CHECK(!client.set_log(nullptr).message().empty());
  const std::vector<wxsub::Result> results = client.report_json("o", "{\"T\":\"accept\"}");
  CHECK_EQUAL(results.size(), std::size_t{1});
  CHECK_EQUAL(results[0].status(), wxsub::Status::state);
}

void accept_send_and_no_more() {
  const wxsub::Client client = test::opened();
  test::grant("o-round", "T", 1);
  const wxsub::Result accepted = client.report("o-round", "T", wxsub::Answer::accept, "tap-1");
  CHECK(accepted.ok());
  CHECK_EQUAL(accepted.remaining(), 1);
  CHECK_EQUAL(accepted.quota(), wxsub::Quota::granted);
  CHECK_EQUAL(accepted.template_id(), "T");
  CHECK_EQUAL(accepted.key(), "tap-1");
  CHECK(client.report("o-round", "T", wxsub::Answer::accept, "tap-1").replayed());
  CHECK_EQUAL(client.quota("o-round", "T").remaining(), 1);

  const wxsub::Result sent = client.send(hello("o-round"), wxsub::Options().tag(7).key("mail").timeout_ms(4000));
  CHECK(sent);
  CHECK_EQUAL(sent.status(), wxsub::Status::ok);
  CHECK_EQUAL(sent.status_name(), std::string("WXSUB_OK"));
  CHECK_EQUAL(sent.quota(), wxsub::Quota::spent);
  CHECK_EQUAL(sent.retry(), wxsub::Retry::never);
  CHECK_EQUAL(sent.remaining(), 0);
  CHECK_EQUAL(sent.tag(), 7U);
  CHECK_EQUAL(sent.key(), "mail");
  CHECK_EQUAL(sent.attempts(), 1U);
  CHECK_EQUAL(sent.http_status(), 200);
  CHECK_EQUAL(sent.errcode(), 0);
  CHECK(sent.msgid() > 0);
  CHECK(!sent.replayed());
  CHECK_EQUAL(sent.raw().struct_size, sizeof(wxsub_result));
  CHECK_EQUAL(client.send(hello("o-round"), wxsub::Options().key("mail")).msgid(), sent.msgid());

  const wxsub::Result more = client.send(hello("o-round"));
  CHECK(!more);
  CHECK_EQUAL(more.status(), wxsub::Status::no_quota);
  CHECK_EQUAL(more.status_name(), std::string("WXSUB_E_NO_QUOTA"));
  CHECK_EQUAL(more.attempts(), 0U);
  CHECK(!more.message().empty());
  CHECK_EQUAL(test::times_in(test::deliveries_to("o-round"), "\"msgid\":"), 1);
}

void a_plan_says_what_to_ask_for() {
  const wxsub::Client client = test::opened();
  CHECK(client.report("o-plan", "T", wxsub::Answer::accept));
  CHECK(client.report("o-plan", "U", wxsub::Answer::reject));
  const auto plan = client.ask("o-plan", "{\"templates\":[{\"id\":\"T\",\"keep\":1},{\"id\":\"U\"},{\"id\":\"V\"}]}");
  CHECK(plan.first.ok());
  CHECK_EQUAL(plan.second,
              "{\"ask\":[\"V\"],\"counts\":{\"T\":1,\"U\":0,\"V\":0},"
              "\"why\":{\"T\":\"stocked\",\"U\":\"refused\",\"V\":\"ask\"}}");
  const auto wrong = client.ask("o-plan", "{\"templates\":[]}");
  CHECK_EQUAL(wrong.first.status(), wxsub::Status::arg);
  CHECK_EQUAL(wrong.second, "");
}

void raw_json() {
  const wxsub::Client client = test::opened(test::config().quota("observe"));
  const std::string message = "{\"touser\":\"o-raw\",\"template_id\":\"T\",\"data\":{\"thing1\":\"hello\"}}";
  test::grant("o-raw", "T", 5);
  CHECK(client.send(message));
  CHECK(client.send(message.c_str()));
  CHECK_EQUAL(client.send(message, "{\"tag\":5}").tag(), 5U);
  CHECK(client.send(message, nullptr));
  CHECK_EQUAL(client.send(message, "{\"tga\":5}").status(), wxsub::Status::arg);
  CHECK_EQUAL(client.send(nullptr).status(), wxsub::Status::arg);
#if WXSUB_CPLUSPLUS >= 201703L
  CHECK(client.send(std::string_view(message)));
#else
  CHECK(client.send(message));
#endif
}

void many_answers() {
  const wxsub::Client client = test::opened();
  std::vector<wxsub::Result> results = client.report_json(
      "o-many", "{\"B\":\"accept\",\"A\":\"reject\",\"C\":\"what?\",\"errMsg\":\"requestSubscribeMessage:ok\"}");
  CHECK_EQUAL(results.size(), std::size_t{3});
  CHECK_EQUAL(results[0].template_id(), "B");
  CHECK_EQUAL(results[0].remaining(), 1);
  CHECK_EQUAL(results[0].quota(), wxsub::Quota::granted);
  CHECK_EQUAL(results[1].template_id(), "A");
  CHECK_EQUAL(results[2].template_id(), "C");
  CHECK_EQUAL(results[2].status(), wxsub::Status::arg);

  CHECK(client.report_json("o-many", "{\"errMsg\":\"requestSubscribeMessage:fail\",\"errCode\":10005}").empty());

  for (const char *bad : {"", "[]", "{\"B\":", "\xff"}) {
    results = client.report_json("o-many", bad);
    CHECK_EQUAL(results.size(), std::size_t{1});
    CHECK_EQUAL(results[0].status(), wxsub::Status::arg);
    CHECK_EQUAL(results[0].template_id(), "");
    CHECK(!results[0].message().empty());
  }
  results = client.report_json("o-many", nullptr);
  CHECK_EQUAL(results.size(), std::size_t{1});
  CHECK_EQUAL(results[0].status(), wxsub::Status::arg);

  results = client.report_json("o-many", "{\"mainSwitch\":false}");
  CHECK_EQUAL(results.size(), std::size_t{1});
  CHECK(results[0].ok() && results[0].quota() == wxsub::Quota::cleared);
  CHECK_EQUAL(client.quota("o-many", "B").remaining(), 0);

  std::string crowd = "{";
  for (int i = 0; i < 64; ++i) crowd += (i > 0 ? ",\"T" : "\"T") + std::to_string(i) + "\":\"accept\"";
  results = client.report_json("o-crowd", crowd + "}");
  CHECK_EQUAL(results.size(), std::size_t{64});
  CHECK_EQUAL(results[63].template_id(), "T63");
  results = client.report_json("o-crowd", crowd + ",\"T64\":\"accept\"}");
  CHECK_EQUAL(results.size(), std::size_t{1});
  CHECK_EQUAL(results[0].status(), wxsub::Status::arg);
  CHECK_EQUAL(client.quota("o-crowd", "T63").remaining(), 1);
}

void a_nul_inside_is_refused() {
  const wxsub::Client client = test::opened();
  const std::string cut("o-cut\0more", 10);
  CHECK_EQUAL(client.report(cut, "T", wxsub::Answer::accept).status(), wxsub::Status::arg);
  CHECK_EQUAL(client.report("o-cut", std::string("T\0", 2), wxsub::Answer::accept).status(), wxsub::Status::arg);
  CHECK_EQUAL(client.report("o-cut", "T", wxsub::Answer::accept, std::string("\0", 1)).status(), wxsub::Status::arg);
  CHECK_EQUAL(client.report_json(cut, "{\"T\":\"accept\"}")[0].status(), wxsub::Status::arg);
  CHECK_EQUAL(client.report_json("o-cut", std::string("{\"T\":\"accept\"}\0", 15))[0].status(), wxsub::Status::arg);
  CHECK_EQUAL(client.quota(cut, "T").status(), wxsub::Status::arg);
  CHECK_EQUAL(client.send(std::string("{}\0", 3)).status(), wxsub::Status::arg);
  CHECK_EQUAL(client.handle_event(cut).result.status(), wxsub::Status::arg);
  CHECK_EQUAL(client.login(std::string("code-o\0", 7)).first.status(), wxsub::Status::arg);
  CHECK_EQUAL(client.quota("o-cut", "T").remaining(), 0);
  wxsub::Client other;
  CHECK_EQUAL(other.open(std::string("{}\0", 3)).status(), wxsub::Status::arg);
  CHECK(!other.is_open());
}

void a_token_from_the_host() {
  const wxsub::Client external = test::opened(test::config().token("external"));
  CHECK(external.set_token("made-up", 7200));
  CHECK_EQUAL(external.set_token("made-up", 0).status(), wxsub::Status::arg);
  CHECK(external.report("o-token", "T", wxsub::Answer::accept));
  const wxsub::Result refused = external.send(hello("o-token"));
  CHECK_EQUAL(refused.status(), wxsub::Status::auth);
  CHECK_EQUAL(refused.retry(), wxsub::Retry::later);
  CHECK_EQUAL(external.quota("o-token", "T").remaining(), 1);
}

#if WXSUB_HAS_EXCEPTIONS
void throws_when_asked_to() {
  wxsub::Client client;
  client.open(test::config()).or_throw();
  CHECK_EQUAL(client.report("o-throw", "T", wxsub::Answer::accept).or_throw().remaining(), 1);
  client.report("o-throw", "T", wxsub::Answer::reject).or_throw();
  bool thrown = false;
  try {
    client.send(hello("o-throw")).or_throw();
  } catch (const wxsub::Error &error) {
    thrown = true;
    CHECK_EQUAL(error.result().status(), wxsub::Status::no_quota);
    CHECK_EQUAL(std::string(error.what()), "WXSUB_E_NO_QUOTA: " + error.result().message());
  }
  CHECK(thrown);
  try {
    client.open("nonsense").or_throw();
    CHECK(false);
  } catch (const std::runtime_error &error) {
    CHECK(std::string(error.what()).find("WXSUB_E_ARG: ") == 0);
  }
}
#endif

}  // namespace

int main() {
  closes_itself();
  closes_when_told();
  moves();
  opens_again();
  not_open();
  accept_send_and_no_more();
  a_plan_says_what_to_ask_for();
  raw_json();
  many_answers();
  a_nul_inside_is_refused();
  a_token_from_the_host();
#if WXSUB_HAS_EXCEPTIONS
  throws_when_asked_to();
#endif
  return test::finish();
}
