// What every program here needs: checks, a configuration, the simulator's controls over plain sockets.

#ifndef WXSUB_TEST_SUPPORT_HPP
#define WXSUB_TEST_SUPPORT_HPP

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "wxsub.hpp"

namespace test {

struct Tally {
  int passed = 0;
  int failed = 0;
};

inline Tally &tally() {
  static Tally only;
  return only;
}

inline bool check(bool good, const char *file, int line, const std::string &what) {
  if (good) {
    ++tally().passed;
  } else {
    ++tally().failed;
    std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  }
  return good;
}

inline std::string shown(const std::string &value) { return '"' + value + '"'; }
inline std::string shown(const char *value) { return shown(std::string(value)); }
inline std::string shown(bool value) { return value ? "true" : "false"; }
inline std::string shown(long long value) { return std::to_string(value); }
inline std::string shown(std::size_t value) { return std::to_string(value); }
inline std::string shown(int value) { return std::to_string(value); }
inline std::string shown(long value) { return std::to_string(value); }
inline std::string shown(unsigned value) { return std::to_string(value); }
inline std::string shown(wxsub::Status value) { return wxsub_status_name(static_cast<wxsub_status>(value)); }
inline std::string shown(wxsub::Retry value) { return std::to_string(static_cast<int>(value)); }
inline std::string shown(wxsub::Quota value) { return std::to_string(static_cast<int>(value)); }

template <class Got, class Wanted>
bool check_equal(const Got &got, const Wanted &wanted, const char *file, int line, const char *what) {
  return check(got == wanted, file, line, std::string(what) + " is " + shown(got) + ", not " + shown(wanted));
}

inline int finish() {
  std::printf("%d passed, %d failed\n", tally().passed, tally().failed);
  return tally().failed == 0 ? 0 : 1;
}

inline void give_up(const std::string &why) {
  std::fprintf(stderr, "cannot go on: %s\n", why.c_str());
  std::exit(2);
}

inline std::string environment(const char *name) {
  const char *value = std::getenv(name);
  if (value == nullptr) give_up(std::string(name) + " is not set");
  return value;
}

inline int connect_to(const std::string &base) {
  const std::size_t start = base.find("://") + 3;
  const std::size_t colon = base.find(':', start);
  const std::string host = base.substr(start, colon - start);
  const std::string port = std::to_string(std::atoi(base.c_str() + colon + 1));
  addrinfo wanted;
  std::memset(&wanted, 0, sizeof wanted);
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo *found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &wanted, &found) != 0) give_up(base);
  const int descriptor = socket(found->ai_family, found->ai_socktype, 0);
  if (descriptor < 0 || connect(descriptor, found->ai_addr, found->ai_addrlen) != 0) give_up(base);
  freeaddrinfo(found);
  return descriptor;
}

// The body of the simulator's answer; anything but 200 ends the program.
inline std::string simulator(const std::string &method, const std::string &path, const std::string &json = "") {
  const std::string request = method + " " + path +
                              " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " +
                              std::to_string(json.size()) + "\r\n\r\n" + json;
  const int descriptor = connect_to(environment("WXSUB_SIM"));
  std::size_t sent = 0;
  while (sent < request.size()) {
    const ssize_t more = send(descriptor, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (more <= 0) give_up("the simulator hung up");
    sent += static_cast<std::size_t>(more);
  }
  std::string answer;
  char chunk[4096];
  for (ssize_t got; (got = recv(descriptor, chunk, sizeof chunk, 0)) > 0;) {
    answer.append(chunk, static_cast<std::size_t>(got));
  }
  close(descriptor);
  const std::size_t body = answer.find("\r\n\r\n");
  if (body == std::string::npos || answer.compare(0, 12, "HTTP/1.1 200") != 0) give_up(request + "\n" + answer);
  return answer.substr(body + 4);
}

inline void grant(const std::string &openid, const std::string &template_id, int n) {
  simulator("POST", "/sim/grant",
            "{\"openid\":\"" + openid + "\",\"template_id\":\"" + template_id + "\",\"n\":" + std::to_string(n) + "}");
}

inline std::string deliveries_to(const std::string &openid) {
  return simulator("GET", "/sim/deliveries?openid=" + openid);
}

inline int times_in(const std::string &text, const std::string &part) {
  int times = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++times;
  return times;
}

inline wxsub::Config config(const std::string &store = ":memory:") {
  return wxsub::Config()
      .appid(environment("WXSUB_APPID"))
      .secret(environment("WXSUB_SECRET"))
      .api_base(environment("WXSUB_SIM"))
      .store(store)
      .raw("templates", "\"off\"");  // most programs here send what no template of the simulator's would allow
}

inline wxsub::Client opened(const wxsub::Config &with) {
  wxsub::Client client;
  const wxsub::Result result = client.open(with);
  if (!result) give_up(result.message());
  return client;
}

inline wxsub::Client opened() { return opened(config()); }

}  // namespace test

#define CHECK(condition) test::check(static_cast<bool>(condition), __FILE__, __LINE__, "not so: " #condition)
#define CHECK_EQUAL(got, wanted) test::check_equal(got, wanted, __FILE__, __LINE__, #got)

#endif  // WXSUB_TEST_SUPPORT_HPP
