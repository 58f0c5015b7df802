// wxsub::Simulator: started for a program's own tests, and never left behind. Its own name as the only argument: a host
// that is killed.

#include "wxsub_simulator.hpp"

#include <signal.h>
#include <sys/wait.h>

#include "support.hpp"

namespace {

bool listens(const std::string &url) {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in where;
  std::memset(&where, 0, sizeof where);
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<std::uint16_t>(std::atoi(url.c_str() + url.rfind(':') + 1)));
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = connect(descriptor, reinterpret_cast<const sockaddr *>(&where), sizeof where) == 0;
  close(descriptor);
  return connected;
}

bool goes_away(const std::string &url) {
  for (int i = 0; i < 2000; ++i) {
    if (!listens(url)) return true;
    usleep(10000);
  }
  return false;
}

void a_whole_round() {
  std::string url;
  {
    const wxsub::Simulator wechat({"--grants", "1"});
    url = wechat.url();
    CHECK(url.compare(0, 17, "http://127.0.0.1:") == 0);
    wxsub::Client client;
    client.open(wechat.config().store(":memory:")).or_throw();
    client.report("o-cpp", "sim-stamina", wxsub::Answer::accept).or_throw();
    const auto message =
        wxsub::Message().to("o-cpp").template_id("sim-stamina").value("thing1", "体力已满").value("time2", "15:01");
    CHECK(client.send(message).ok());
    CHECK_EQUAL(client.send(message).status(), wxsub::Status::no_quota);
    const wxsub::Simulator other;
    CHECK(other.url() != url);
  }
  CHECK(goes_away(url));
}

// The program's path, so that a child can be this program.
void it_ends_with_a_host_that_is_killed(const char *self) {
  int said[2];
  CHECK(pipe(said) == 0);
  const pid_t host = fork();
  if (host == 0) {
    dup2(said[1], 1);
    close(said[0]);
    close(said[1]);
    execl(self, self, "host", static_cast<char *>(nullptr));
    _exit(127);
  }
  close(said[1]);
  std::string url;
  char byte;
  while (read(said[0], &byte, 1) == 1 && byte != '\n') url += byte;
  CHECK(listens(url));
  kill(host, SIGKILL);
  waitpid(host, nullptr, 0);
  close(said[0]);
  CHECK(goes_away(url));
}

void what_keeps_it_from_starting() {
  try {
    const wxsub::Simulator none({}, "/no/such/simulator");
    CHECK(false);
  } catch (const std::runtime_error &error) {
    CHECK(std::string(error.what()).find("WXSUB_SIMULATOR") != std::string::npos);
  }
  for (const char *option : {"--no-such-option", "--templates=/no/such/file"}) {
    try {
      const wxsub::Simulator wrong({option});
      CHECK(false);
    } catch (const std::runtime_error &error) {
      CHECK(std::string(error.what()).find("did not start") != std::string::npos);
    }
  }
}

}  // namespace

int main(int argc, char **argv) {
  if (argc > 1) {
    const wxsub::Simulator wechat;
    std::printf("%s\n", wechat.url().c_str());
    std::fflush(stdout);
    for (;;) pause();
  }
  a_whole_round();
  it_ends_with_a_host_that_is_killed(argv[0]);
  what_keeps_it_from_starting();
  return test::finish();
}
