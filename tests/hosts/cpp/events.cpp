// Client::handle_event: what is WeChat's counts, each act once; what is not changes nothing.

#include <ctime>
#include <string>

#include "support.hpp"

namespace {

const char token[] = "console-token";
// As the console makes them: the last character's spare bits are not zero.
const char aes_key[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const char accept[] = "{\"template_id\":\"T\",\"status\":\"accept\"}";
const char reject[] = "{\"template_id\":\"T\",\"status\":\"reject\"}";

// The text of a member of the simulator's answer.
std::string member(const std::string &json, const std::string &name) {
  const std::size_t found = json.find('"' + name + "\":\"");
  if (found == std::string::npos) test::give_up(json);
  std::string text;
  for (std::size_t at = found + name.size() + 4; json[at] != '"'; ++at) {
    if (json[at] == '\\') ++at;
    text += json[at];
  }
  return text;
}

// Plain mode, for a host that nobody but WeChat reaches.
wxsub::Config trusting() {
  return test::config().raw("event", std::string("{\"token\":\"") + token + "\",\"trust_plain\":true}");
}

struct Pushed {
  std::string query;
  std::string body;
};

// `more` is further JSON members with a comma before.
Pushed pushed(const std::string &event, const std::string &openid, const std::string &items,
              const std::string &more = "", const std::string &by = token) {
  const std::string answer =
      test::simulator("POST", "/sim/push", "{\"event\":\"" + event + "\",\"openid\":\"" + openid + "\",\"items\":[" +
                                               items + "],\"token\":\"" + by + "\"" + more + "}");
  return {member(answer, "query"), member(answer, "body")};
}

std::string in_mode(const std::string &mode, const std::string &key = aes_key) {
  return ",\"mode\":\"" + mode + "\",\"aes_key\":\"" + key + "\"";
}

std::string address_check(const std::string &by, const std::string &echostr) {
  return member(test::simulator("GET", "/sim/verification?token=" + by + "&echostr=" + echostr), "query");
}

wxsub::Result applied(const wxsub::Client &client, const Pushed &event) {
  const wxsub::EventReply done = client.handle_event(event.query, event.body);
  CHECK_EQUAL(done.result.status(), wxsub::Status::ok);
  CHECK_EQUAL(done.reply, "success");
  return done.result;
}

std::string refused(const wxsub::Client &client, const wxsub::Text &query, const wxsub::Text &body) {
  const wxsub::EventReply done = client.handle_event(query, body);
  CHECK_EQUAL(done.result.status(), wxsub::Status::signature);
  CHECK_EQUAL(done.reply, "");
  CHECK(done.result.message().find(token) == std::string::npos);
  return done.result.message();
}

void the_check_of_the_address() {
  const wxsub::Client client = test::opened(trusting());
  CHECK_EQUAL(client.handle_event(address_check(token, "5837397520665623")).reply, "5837397520665623");
  CHECK_EQUAL(client.handle_event(address_check(token, "1"), "").reply, "1");
  const std::string lengthy(2000, 'e');
  CHECK_EQUAL(client.handle_event(address_check(token, lengthy).c_str(), nullptr).reply, lengthy);
  refused(client, address_check("wrong", "1"), nullptr);
}

void every_format_and_mode() {
  const wxsub::Client plain = test::opened(trusting());
  const wxsub::Client secure = test::opened(test::config().event(token, aes_key));
  for (const char *format : {"xml", "json"}) {
    for (const char *mode : {"plain", "mixed", "secure"}) {
      const std::string more = in_mode(mode) + ",\"format\":\"" + format + "\"";
      const Pushed event = pushed("popup", std::string("o-") + mode + format, accept, more);
      const wxsub::Result done = applied(*mode == 'p' ? plain : secure, event);
      CHECK_EQUAL(done.template_id(), "T");
      CHECK_EQUAL(done.quota(), wxsub::Quota::granted);
      CHECK_EQUAL(done.remaining(), 1);
      CHECK(!done.replayed());
    }
  }
}

void each_act_counts_once() {
  const wxsub::Client client = test::opened(trusting());
  const Pushed event = pushed("popup", "o-once", accept);
  CHECK(!applied(client, event).replayed());
  CHECK(applied(client, event).replayed());
  CHECK_EQUAL(client.report("o-once", "T", wxsub::Answer::accept).quota(), wxsub::Quota::untouched);
  CHECK_EQUAL(client.quota("o-once", "T").remaining(), 1);

  CHECK(client.report("o-other", "T", wxsub::Answer::accept));
  CHECK_EQUAL(applied(client, pushed("popup", "o-other", accept)).quota(), wxsub::Quota::untouched);
  CHECK_EQUAL(client.quota("o-other", "T").remaining(), 1);

  CHECK(client.report("o-off", "T", wxsub::Answer::accept));
  const std::string later = ",\"create_time\":" + std::to_string(std::time(nullptr) + 200);
  CHECK_EQUAL(applied(client, pushed("change", "o-off", reject, later)).quota(), wxsub::Quota::cleared);
  CHECK_EQUAL(client.quota("o-off", "T").remaining(), 0);
}

void handed_on(const wxsub::Client &client, const Pushed &event, const std::string &message) {
  CHECK_EQUAL(client.open_event(event.query, event.body).second, message);
  const wxsub::EventReply done = client.handle_event(event.query, event.body);
  CHECK(done.result.ok() && done.result.not_ours());
  CHECK_EQUAL(done.reply, "");
  const auto opened = client.open_event(event.query, event.body);
  CHECK(opened.first.ok() && !opened.first.not_ours());
  CHECK_EQUAL(opened.second, message);
}

void what_is_not_ours_is_left_to_the_host() {
  const wxsub::Client client = test::opened(trusting());
  const std::string query = pushed("popup", "o-not-ours", accept).query;
  const std::string with_nul("{\"MsgType\":\"text\",\"Content\":\"a\\u0000b\"}");
  handed_on(client, {query, with_nul}, with_nul);
  const std::string customer("<xml><MsgType>text</MsgType></xml>");
  handed_on(client, {pushed("popup", "o-not-ours", accept).query, customer}, customer);
  CHECK_EQUAL(client.quota("o-not-ours", "T").remaining(), 0);

  const wxsub::Client secure = test::opened(test::config().event(token, aes_key));
  const std::string gift("<xml><Event>minigame_deliver_goods</Event></xml>");
  handed_on(secure, pushed("popup", "o", accept, in_mode("secure") + ",\"message\":\"" + gift + "\""), gift);
  const Pushed event = pushed("popup", "o-opened", accept, in_mode("secure"));
  CHECK(secure.open_event(event.query, event.body).second.find("o-opened") != std::string::npos);
  CHECK(!applied(secure, event).replayed());
  const auto forged = secure.open_event(event.query + "1", event.body);
  CHECK_EQUAL(forged.first.status(), wxsub::Status::signature);
  CHECK_EQUAL(forged.second, "");
}

void an_unsigned_body_lowers_no_count() {
  const wxsub::Client client = test::opened(test::config().event(token));
  const Pushed event = pushed("popup", "o-unsigned", accept);
  CHECK_EQUAL(applied(client, event).remaining(), 1);
  const std::string later = ",\"create_time\":" + std::to_string(std::time(nullptr) + 200);
  CHECK_EQUAL(applied(client, pushed("popup", "o-unsigned", reject, later)).quota(), wxsub::Quota::untouched);
  CHECK(refused(client, event.query, event.body + " ").find("another body") != std::string::npos);
  CHECK_EQUAL(client.quota("o-unsigned", "T").remaining(), 1);
}

void two_keys_during_a_change() {
  const char next[] = "kZvGYbDKbtPbhv4LBWOcdsp5VktA3xe9epVhINevtGg";
  const wxsub::Client client = test::opened(test::config().event(token, next, aes_key));
  CHECK_EQUAL(applied(client, pushed("popup", "o-next", accept, in_mode("secure", next))).remaining(), 1);
  CHECK_EQUAL(applied(client, pushed("popup", "o-before", accept, in_mode("secure"))).remaining(), 1);
}

void what_is_not_wechats_changes_nothing() {
  const wxsub::Client client = test::opened(trusting());
  const wxsub::Client secure = test::opened(test::config().event(token, aes_key));
  const Pushed good = pushed("popup", "o-forged", accept);
  const Pushed forged = pushed("popup", "o-forged", accept, "", "wrong-token");
  CHECK(refused(client, forged.query, forged.body).find("event.token") != std::string::npos);
  refused(client, "a=b", good.body);
  refused(client, good.query, nullptr);
  refused(client, good.query, std::string("\0\0", 2));
  CHECK(refused(secure, good.query, good.body).find("aes_key") != std::string::npos);
  const Pushed foreign = pushed("popup", "o-forged", accept, in_mode("secure") + ",\"appid\":\"wx9\"");
  refused(secure, foreign.query, foreign.body);
  // The whole body counts, not what is before its first NUL.
  refused(client, good.query, good.body + std::string("\0<", 2));
  CHECK_EQUAL(client.quota("o-forged", "T").remaining(), 0);
  CHECK_EQUAL(secure.quota("o-forged", "T").remaining(), 0);
}

void wrong_calls() {
  const wxsub::Client client = test::opened();
  const wxsub::EventReply deaf = client.handle_event("a=b", "{}");
  CHECK_EQUAL(deaf.result.status(), wxsub::Status::config);
  CHECK(deaf.result.message().find("event") != std::string::npos);
  CHECK_EQUAL(deaf.reply, "");
  const wxsub::Client listening = test::opened(trusting());
  CHECK_EQUAL(listening.handle_event(nullptr).result.status(), wxsub::Status::arg);
}

}  // namespace

int main() {
  the_check_of_the_address();
  every_format_and_mode();
  each_act_counts_once();
  what_is_not_ours_is_left_to_the_host();
  an_unsigned_body_lowers_no_count();
  two_keys_during_a_change();
  what_is_not_wechats_changes_nothing();
  wrong_calls();
  return test::finish();
}
