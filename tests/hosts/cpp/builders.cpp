// The JSON that Message, Options and Config make, to the letter.

#include <chrono>
#include <string>

#include "support.hpp"

namespace {

std::string with_nul(const char *bytes, std::size_t count) { return std::string(bytes, count); }

void strings_are_escaped() {
  CHECK_EQUAL(wxsub::json::quoted(""), "\"\"");
  CHECK_EQUAL(wxsub::json::quoted("plain"), "\"plain\"");
  CHECK_EQUAL(wxsub::json::quoted("say \"hi\""), "\"say \\\"hi\\\"\"");
  CHECK_EQUAL(wxsub::json::quoted("C:\\dir\\"), "\"C:\\\\dir\\\\\"");
  CHECK_EQUAL(wxsub::json::quoted("a/b"), "\"a/b\"");
  CHECK_EQUAL(wxsub::json::quoted("\t\n\r\b\f"), "\"\\u0009\\u000a\\u000d\\u0008\\u000c\"");
  CHECK_EQUAL(wxsub::json::quoted("\x01\x1f\x20\x7f"), "\"\\u0001\\u001f \x7f\"");
  CHECK_EQUAL(wxsub::json::quoted(with_nul("a\0b", 3)), "\"a\\u0000b\"");
  CHECK_EQUAL(wxsub::json::quoted("\xe4\xbd\xa0\xe5\xa5\xbd"), "\"\xe4\xbd\xa0\xe5\xa5\xbd\"");
  CHECK_EQUAL(wxsub::json::quoted("\xf0\x9f\x8e\x89"), "\"\xf0\x9f\x8e\x89\"");
  CHECK_EQUAL(wxsub::json::quoted("\xe2\x80\xa8"), "\"\xe2\x80\xa8\"");
  CHECK_EQUAL(wxsub::json::quoted("\xff"), "\"\xff\"");
  CHECK_EQUAL(wxsub::json::quoted(nullptr), "null");
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    const std::string quoted = wxsub::json::quoted(text);
    const bool plain = byte >= 0x20 && byte != '"' && byte != '\\';
    CHECK_EQUAL(quoted.size(), plain ? std::size_t{3} : byte < 0x20 ? std::size_t{8} : std::size_t{4});
  }
}

void messages() {
  CHECK_EQUAL(wxsub::Message().json(), "{}");
  CHECK_EQUAL(wxsub::Message()
                  .to("o-1")
                  .template_id("T")
                  .page("a=\"b\"")
                  .value("thing1", "hello")
                  .number("number2", 42)
                  .miniprogram_state("trial")
                  .lang("en_US")
                  .json(),
              "{\"touser\":\"o-1\",\"template_id\":\"T\",\"page\":\"a=\\\"b\\\"\",\"miniprogram_state\":\"trial\","
              "\"lang\":\"en_US\",\"data\":{\"thing1\":{\"value\":\"hello\"},\"number2\":{\"value\":\"42\"}}}");
  CHECK_EQUAL(wxsub::Message().to("a").to("b").value("thing1", "x").value("thing1", "y").json(),
              "{\"touser\":\"b\",\"data\":{\"thing1\":{\"value\":\"y\"}}}");
  CHECK_EQUAL(wxsub::Message().raw("future", "[1,{\"a\":null}]").raw("data", "{}").json(),
              "{\"future\":[1,{\"a\":null}],\"data\":{}}");
  CHECK_EQUAL(wxsub::Message().value("a\"b", "c").json(), "{\"data\":{\"a\\\"b\":{\"value\":\"c\"}}}");
  CHECK_EQUAL(wxsub::Message().to(nullptr).json(), "{\"touser\":null}");
}

void numbers() {
  wxsub::Message message;
  message.number("a", 0)
      .number("b", -1)
      .number("c", 9223372036854775807LL)
      .number("d", 18446744073709551615ULL)
      .number("e", static_cast<unsigned char>(7))
      .number("f", static_cast<short>(-3));
  CHECK_EQUAL(message.json(),
              "{\"data\":{\"a\":{\"value\":\"0\"},\"b\":{\"value\":\"-1\"},\"c\":{\"value\":\"9223372036854775807\"},"
              "\"d\":{\"value\":\"18446744073709551615\"},\"e\":{\"value\":\"7\"},\"f\":{\"value\":\"-3\"}}}");
}

void options() {
  CHECK_EQUAL(wxsub::Options().json(), "{}");
  CHECK_EQUAL(wxsub::Options().key("k\"").tag(18446744073709551615ULL).timeout_ms(250).json(),
              "{\"key\":\"k\\\"\",\"tag\":18446744073709551615,\"timeout_ms\":250}");
  CHECK_EQUAL(wxsub::Options().durable().on_unknown(wxsub::OnUnknown::resend).notify(false).json(),
              "{\"durable\":true,\"on_unknown\":\"resend\",\"notify\":false}");
  CHECK_EQUAL(wxsub::Options().durable(false).on_unknown(wxsub::OnUnknown::report).notify(true).json(),
              "{\"durable\":false,\"on_unknown\":\"report\",\"notify\":true}");
  CHECK_EQUAL(wxsub::Options().on_conflict(wxsub::OnConflict::keep).json(), "{\"on_conflict\":\"keep\"}");
  CHECK_EQUAL(wxsub::Options().on_conflict(wxsub::OnConflict::replace).json(), "{\"on_conflict\":\"replace\"}");
}

void times() {
  using std::chrono::system_clock;
  const system_clock::time_point when = system_clock::from_time_t(1800000000) + std::chrono::milliseconds(7);
  CHECK_EQUAL(wxsub::Options().deliver_at(when).expires_at(when + std::chrono::hours(1)).json(),
              "{\"deliver_at\":1800000000007,\"expires_at\":1800003600007}");
  CHECK_EQUAL(wxsub::Options().deliver_at(1800000000007).expires_at(1800000000008LL).json(),
              "{\"deliver_at\":1800000000007,\"expires_at\":1800000000008}");
  const std::chrono::time_point<system_clock, std::chrono::hours> whole_hours{std::chrono::hours(500000)};
  CHECK_EQUAL(wxsub::Options().deliver_at(whole_hours).json(), "{\"deliver_at\":1800000000000}");
}

void configurations() {
  CHECK_EQUAL(wxsub::Config().json(), "{}");
  CHECK_EQUAL(wxsub::Config().appid("wx1").secret("s\\").store("C:\\games\\wxsub.db").timeout_ms(3000).json(),
              "{\"appid\":\"wx1\",\"secret\":\"s\\\\\",\"store\":\"C:\\\\games\\\\wxsub.db\",\"timeout_ms\":3000}");
  CHECK_EQUAL(wxsub::Config().templates("off").event("t\"", "k").json(),
              "{\"templates\":\"off\",\"event\":{\"token\":\"t\\\"\",\"aes_key\":\"k\"}}");
  CHECK_EQUAL(wxsub::Config().event("t").json(), "{\"event\":{\"token\":\"t\"}}");
  CHECK_EQUAL(wxsub::Config().event(nullptr).json(), "{\"event\":{\"token\":null}}");
  CHECK_EQUAL(wxsub::Config().api_base("a").api_bases({"b", "c\""}).json(), "{\"api_base\":[\"b\",\"c\\\"\"]}");
  CHECK_EQUAL(wxsub::Config()
                  .token("external")
                  .connect_timeout_ms(1)
                  .max_attempts(2)
                  .proxy("http://p:1")
                  .ca_file("ca.pem")
                  .durability("normal")
                  .validate("off")
                  .quota("observe")
                  .miniprogram_state("trial")
                  .lang("zh_CN")
                  .workers(8)
                  .queue_capacity(500)
                  .max_per_second(20)
                  .store_prefix("p")
                  .max_count(9)
                  .ask_again_hours(24)
                  .raw("future", "[1]")
                  .json(),
              "{\"token\":\"external\",\"connect_timeout_ms\":1,\"max_attempts\":2,\"proxy\":\"http://p:1\","
              "\"ca_file\":\"ca.pem\",\"durability\":\"normal\",\"validate\":\"off\",\"quota\":\"observe\","
              "\"miniprogram_state\":\"trial\",\"lang\":\"zh_CN\",\"workers\":8,\"queue_capacity\":500,"
              "\"max_per_second\":20,\"store_prefix\":\"p\",\"max_count\":9,\"ask_again_hours\":24,\"future\":[1]}");
  CHECK_EQUAL(wxsub::Config().max_per_second(0.5).json(), "{\"max_per_second\":0.5}");
  CHECK_EQUAL(wxsub::Config().event("t").trust_plain().json(), "{\"event\":{\"token\":\"t\",\"trust_plain\":true}}");
  CHECK_EQUAL(wxsub::Config().role("observer").json(), "{\"role\":\"observer\"}");
  CHECK_EQUAL(wxsub::Config().utc_offset("-03:00").history_days(0).funnel_days(31).json(),
              "{\"utc_offset\":\"-03:00\",\"history_days\":0,\"funnel_days\":31}");
}

// What a setter was given may be gone by the time the text is made.
void nothing_is_borrowed() {
  wxsub::Message message;
  {
    std::string openid = "o-1";
    std::string text = "hello";
    message.to(openid).value("thing1", text);
    openid = "changed";
    text = "changed";
  }
  const wxsub::Message copy = message;
  message.to("o-2");
  CHECK_EQUAL(copy.json(), "{\"touser\":\"o-1\",\"data\":{\"thing1\":{\"value\":\"hello\"}}}");
}

#if WXSUB_CPLUSPLUS >= 201703L
void string_views() {
  const std::string_view whole = "o-1thing1hello";
  CHECK_EQUAL(wxsub::Message().to(whole.substr(0, 3)).value(whole.substr(3, 6), whole.substr(9)).json(),
              "{\"touser\":\"o-1\",\"data\":{\"thing1\":{\"value\":\"hello\"}}}");
  CHECK_EQUAL(wxsub::json::quoted(std::string_view()), "\"\"");
}
#endif

#if defined(__cpp_char8_t)
void u8_literals() { CHECK_EQUAL(wxsub::json::quoted(u8"\u4f60"), "\"\xe4\xbd\xa0\""); }
#endif

}  // namespace

int main() {
  strings_are_escaped();
  messages();
  numbers();
  options();
  times();
  configurations();
  nothing_is_borrowed();
#if WXSUB_CPLUSPLUS >= 201703L
  string_views();
#endif
#if defined(__cpp_char8_t)
  u8_literals();
#endif
  return test::finish();
}
