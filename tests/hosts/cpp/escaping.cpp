// Odd strings travel from the builder through the library to WeChat and arrive as they were.

#include <string>
#include <vector>

#include "support.hpp"

namespace {

void append_utf8(std::string &out, unsigned long code) {
  const auto put = [&out](unsigned long byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

// The JSON string that begins at `at`, just behind its opening quote.
std::string decoded(const std::string &json, std::size_t at) {
  std::string out;
  unsigned long high = 0;
  while (json[at] != '"') {
    if (json[at] != '\\') {
      out += json[at++];
      continue;
    }
    const char kind = json[at + 1];
    at += 2;
    if (kind == 'u') {
      const unsigned long code = std::stoul(json.substr(at, 4), nullptr, 16);
      at += 4;
      if (code >= 0xd800 && code < 0xdc00) {
        high = code;
      } else {
        append_utf8(out, code >= 0xdc00 && code < 0xe000 ? 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00) : code);
      }
    } else {
      const std::string from = "nrtbf";
      const std::size_t control = from.find(kind);
      out += control == std::string::npos ? kind : "\n\r\t\b\f"[control];
    }
  }
  return out;
}

std::string every_control_character() {
  std::string all;
  for (int c = 0; c < 0x20; ++c) all += static_cast<char>(c);
  return all + "\x7f";
}

void odd_strings_arrive(const wxsub::Client &client) {
  const std::vector<std::string> odd = {
      "plain",
      " leading and trailing ",
      "\"",
      "\\",
      "\\\"",
      "\\\\\"\"\\",
      "\\u0041 \\n \\",
      "\"},\"touser\":\"o-evil\",\"x\":{\"y\":\"",
      "{\"value\":\"nested\"}",
      "line\nbreak\r\nand\ttab",
      every_control_character(),
      std::string("a\0b\0", 4),
      "</script><!-- & ' % %00 %s %n",
      "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c",
      "\xf0\x9f\x8e\x89\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
      "\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf\xc2\xa0",
      "\xf4\x8f\xbf\xbf\xef\xbf\xbf\xc2\x80",
      "e\xcc\x81",
      std::string(5000, '"'),
  };
  for (std::size_t i = 0; i < odd.size(); ++i) {
    const std::string openid = "o-odd-" + std::to_string(i);
    test::grant(openid, "T", 1);
    CHECK(client.report(openid, "T", wxsub::Answer::accept));
    const wxsub::Result sent = client.send(
        wxsub::Message().to(openid).template_id("T").page(odd[i]).value("thing1", odd[i]).value("thing2", "after"));
    if (!CHECK(sent)) std::fprintf(stderr, "%zu: %s\n", i, sent.message().c_str());
    const std::string delivered = test::deliveries_to(openid);
    for (const char *before : {"\"thing1\":{\"value\":\"", "\"page\":\""}) {
      const std::size_t at = delivered.find(before);
      if (CHECK(at != std::string::npos)) CHECK_EQUAL(decoded(delivered, at + std::strlen(before)), odd[i]);
    }
    CHECK(delivered.find("\"thing2\":{\"value\":\"after\"}") != std::string::npos);
  }
  CHECK_EQUAL(test::deliveries_to("o-evil"), "[]");
}

void odd_names_and_keys(const wxsub::Client &client) {
  const std::string openid = "o-\"quoted\\";
  CHECK(client.report(openid, "T\"", wxsub::Answer::accept, "key\"\n"));
  CHECK_EQUAL(client.quota(openid, "T\"").remaining(), 1);
  const wxsub::Result again = client.report(openid, "T\"", wxsub::Answer::accept, "key\"\n");
  CHECK(again.replayed());
  CHECK_EQUAL(again.key(), "key\"\n");
}

void what_is_not_utf8_is_refused(const wxsub::Client &client) {
  for (const char *bad : {"\xff", "cut \xe4\xbd", "\xc0\xaf", "\xed\xa0\x80"}) {
    const wxsub::Result sent = client.send(wxsub::Message().to("o-bad").template_id("T").value("thing1", bad));
    CHECK_EQUAL(sent.status(), wxsub::Status::arg);
    CHECK(!sent.message().empty());
  }
}

}  // namespace

int main() {
  const wxsub::Client client = test::opened(test::config().validate("off"));
  odd_strings_arrive(client);
  odd_names_and_keys(client);
  what_is_not_utf8_is_refused(client);
  return test::finish();
}
