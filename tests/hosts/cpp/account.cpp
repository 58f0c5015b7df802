// Client::login and Client::check.

#include <cstring>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "support.hpp"

namespace {

static_assert(sizeof(wxsub::Identity) == sizeof(wxsub_identity), "");
static_assert(std::is_standard_layout<wxsub::Identity>::value, "");
static_assert(std::is_nothrow_copy_constructible<wxsub::Identity>::value, "");

void fault(const std::string &endpoint, int errcode, const std::string &errmsg) {
  test::simulator("POST", "/sim/faults", "{\"kind\":\"errcode\",\"endpoint\":\"" + endpoint + "\",\"errcode\":" +
                                             std::to_string(errcode) + ",\"errmsg\":\"" + errmsg + "\"}");
}

void a_code_becomes_an_identity_once() {
  const wxsub::Client client = test::opened();
  test::simulator("POST", "/sim/codes", "{\"code\":\"good\",\"openid\":\"o-good\",\"unionid\":\"u-good\"}");
  const std::pair<wxsub::Result, wxsub::Identity> login = client.login("good");
  CHECK(login.first);
  const wxsub::Identity player = login.second;
  CHECK_EQUAL(player.openid(), "o-good");
  CHECK_EQUAL(player.unionid(), "u-good");
  CHECK_EQUAL(std::strlen(player.session_key()), std::size_t{24});
  CHECK_EQUAL(player.raw().struct_size, sizeof(wxsub_identity));

  const std::pair<wxsub::Result, wxsub::Identity> again = client.login("good");
  CHECK_EQUAL(again.first.status(), wxsub::Status::wechat);
  CHECK_EQUAL(again.first.errcode(), 40163);
  CHECK_EQUAL(again.second.openid(), "");
  CHECK_EQUAL(std::string(again.second.session_key()), "");
  CHECK_EQUAL(client.login(std::string("code-o-plain")).second.unionid(), "");
#if WXSUB_CPLUSPLUS >= 201703L
  const auto [result, identity] = client.login("code-o-plain~2");
  CHECK(result);
  CHECK_EQUAL(identity.openid(), "o-plain");
#endif
}

void an_identity_wipes_itself() {
  const wxsub::Client client = test::opened();
  alignas(wxsub::Identity) unsigned char memory[sizeof(wxsub::Identity)];
  wxsub::Identity *player = new (memory) wxsub::Identity(client.login("code-o-wiped").second);
  const std::string key = player->session_key();
  CHECK_EQUAL(key.size(), std::size_t{24});
  player->~Identity();
  CHECK(std::string(reinterpret_cast<const char *>(memory), sizeof memory).find(key) == std::string::npos);
}

void codes_that_are_no_good() {
  const wxsub::Client client = test::opened();
  CHECK_EQUAL(client.login("no-such-code").first.errcode(), 40029);
  CHECK_EQUAL(client.login("").first.status(), wxsub::Status::arg);
  CHECK_EQUAL(client.login(nullptr).first.status(), wxsub::Status::arg);
  CHECK_EQUAL(client.login("\xff").first.status(), wxsub::Status::arg);
  fault("jscode2session", 45009, "reach max api daily quota limit");
  const wxsub::Result busy = client.login("code-o-busy").first;
  CHECK_EQUAL(busy.status(), wxsub::Status::busy);
  CHECK_EQUAL(busy.retry(), wxsub::Retry::later);
  CHECK_EQUAL(test::opened(wxsub::Config().appid("wx1").token("external").store(":memory:")).login("x").first.status(),
              wxsub::Status::config);
}

void all_is_well() {
  const wxsub::Result result = test::opened().check();
  CHECK(result);
  CHECK(result.message().find("store: writable; network: reached; credentials: right; templates: ") == 0);
}

void what_is_wrong_is_said() {
  const wxsub::Result secret = test::opened(test::config().secret("wrong-secret")).check();
  CHECK_EQUAL(secret.status(), wxsub::Status::auth);
  CHECK(secret.message().find("\"secret\"") != std::string::npos);

  const wxsub::Client client = test::opened();
  fault("stable_token", 40164, "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 1-2-3");
  const wxsub::Result address = client.check();
  CHECK_EQUAL(address.errcode(), 40164);
  CHECK(address.message().find("203.0.113.7") != std::string::npos);
  CHECK(client.check());

  const wxsub::Result far = test::opened(test::config().api_base("http://127.0.0.1:1").timeout_ms(1000)).check();
  CHECK_EQUAL(far.status(), wxsub::Status::connect);
  CHECK(far.message().find("network: ") == 0);
  CHECK(far.message().find("store: writable") != std::string::npos);
}

}  // namespace

int main() {
  a_code_becomes_an_identity_once();
  an_identity_wipes_itself();
  codes_that_are_no_good();
  all_is_well();
  what_is_wrong_is_said();
  return test::finish();
}
