/*
 * A game server without HTTP: the players' answers come by its own protocol, here lines over TCP. One loop serves all
 * connections (Asio's), a few threads make the calls that wait for WeChat or for the disk.
 *
 *   apt-get install libasio-dev
 *   g++ -std=c++20 -Iinclude examples/cpp/lines.cpp -o lines -Ltarget/release -lwxsub -lpthread \
 *       -Wl,-rpath,$PWD/target/release
 *   WXSUB_SECRET=simulator-secret ./lines --appid wx0000000000000000 --api-base http://127.0.0.1:8900 --port 9001
 *
 *   login CODE           ok                     the code of wx.login; from now on the connection is this player's
 *   report ID ANSWER     ok ID COUNT            it is on disk: the client removes it; COUNT messages may be sent
 *                        bad ID WHY             never wanted: the client removes it, too
 *                        later ID WHY           the client tries again, with the same ID
 *   stamina              ok UNIX_MS             used up; when it is full again the message is sent
 *
 * ANSWER is the object that WeChat gave to the game, as it stands: nobody needs to parse it here. Any other line, or one
 * that comes before the login, is answered with "no WHY"; a line that is too long ends the connection.
 */

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <asio.hpp>

#include "game.hpp"
#include "wxsub.hpp"

namespace {

using asio::ip::tcp;

// A report is 64 KiB at most, and a little around it.
constexpr std::size_t line_bytes = 66 * 1024;
constexpr int most_connections = 500;
const char stamina[] = "sim-stamina";

// The first word of a text, which is taken off it.
std::string word_of(std::string &text) {
  const std::size_t end = text.find(' ');
  const std::string word = text.substr(0, end);
  text.erase(0, end == std::string::npos ? end : end + 1);
  return word;
}

class Server {
 public:
  Server(const wxsub::Client &client, double seconds) : client_(client), outbox_(client, tell_outcome), game_(seconds) {}

  // Answers one line of a connection; it may wait. `openid` is who has logged in there.
  std::string answer(std::string &openid, std::string line) {
    const std::string verb = word_of(line);
    if (verb == "login") return login(openid, line);
    if (openid.empty()) return "no log in first";
    if (verb == "report") return report(openid, line);
    if (verb == "stamina") return used_up(openid);
    return "no such word";
  }

  void poll(const std::atomic<bool> &stop) {
    while (!stop && outbox_.pump(std::chrono::milliseconds(250))) {
    }
  }

 private:
  static void tell_outcome(const wxsub::Result &result) {
    std::printf("message %s: %s\n", result.key().c_str(), result ? "sent" : result.message().c_str());
    std::fflush(stdout);
  }

  std::string login(std::string &openid, const std::string &code) {
    const auto who = client_.login(code);
    if (!who.first) return "no " + who.first.message();
    openid = who.second.openid();
    return "ok";
  }

  // The id makes that the same answer, reported again, counts once.
  std::string report(const std::string &openid, std::string rest) {
    const std::string id = word_of(rest);
    if (id.empty() || id.size() > 128) return "no id";
    for (const wxsub::Result &one : client_.report_json(openid, rest, id)) {
      if (one || !one.template_id().empty()) continue;  // one entry with an unknown word spoils none of the others
      const bool is_wrong = one.status() == wxsub::Status::arg;
      return (is_wrong ? "bad " : "later ") + id + " " + one.message();
    }
    return "ok " + id + " " + std::to_string(client_.quota(openid, stamina).remaining());
  }

  std::string used_up(const std::string &openid) {
    const auto full_at = game_.use_up(openid);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(full_at.time_since_epoch()).count();
    const auto message = wxsub::Message()
                             .to(openid)
                             .template_id(stamina)
                             .value("thing1", "体力已满，快来领取")
                             .value("time2", time_of_day(full_at));
    // The key names what the message is about: told twice by the game, it is sent once.
    const auto options = wxsub::Options().key("stamina-" + std::to_string(ms)).deliver_at(ms);
    const wxsub::Result stored = outbox_.submit(message, options).get();
    return stored ? "ok " + std::to_string(ms) : "no " + stored.message();
  }

  const wxsub::Client &client_;
  wxsub::Futures outbox_;
  Game game_;
};

// One connection: a line, its answer, the next line. So one player has one call running at most.
asio::awaitable<void> serve(tcp::socket socket, Server &server, asio::thread_pool &workers, std::atomic<int> &open) {
  std::string buffer, openid;
  try {
    for (;;) {
      const auto bounded = asio::dynamic_buffer(buffer, line_bytes);
      const std::size_t length = co_await asio::async_read_until(socket, bounded, '\n', asio::use_awaitable);
      std::string line = buffer.substr(0, length - 1);
      buffer.erase(0, length);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      const auto call = [&]() -> asio::awaitable<std::string> { co_return server.answer(openid, std::move(line)); };
      const std::string answer = co_await asio::co_spawn(workers, call(), asio::use_awaitable) + "\n";
      co_await asio::async_write(socket, asio::buffer(answer), asio::use_awaitable);
    }
  } catch (const asio::system_error &) {
    // The player has gone, or the line was too long.
  }
  --open;
}

asio::awaitable<void> accept(tcp::acceptor &acceptor, Server &server, asio::thread_pool &workers) {
  std::atomic<int> open(0);
  asio::steady_timer pause(acceptor.get_executor());
  for (;;) {
    asio::error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (error) {  // out of descriptors, say: the others go on
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::use_awaitable);
      continue;
    }
    if (open >= most_connections) continue;  // closes it
    ++open;
    asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), server, workers, open), asio::detached);
  }
}

int run(const wxsub::Client &client, int port, double seconds) {
  Server server(client, seconds);
  asio::io_context loop;
  asio::thread_pool workers(8);
  tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), static_cast<asio::ip::port_type>(port)});
  std::printf("listening on 127.0.0.1:%d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  std::atomic<bool> stop(false);
  std::thread polling([&] { server.poll(stop); });
  asio::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([&](auto, auto) { loop.stop(); });
  asio::co_spawn(loop, accept(acceptor, server, workers), asio::detached);
  loop.run();
  workers.join();
  stop = true;
  polling.join();
  return 0;
}

}  // namespace

int main(int argc, char **argv) {
  std::map<std::string, std::string> arguments;
  for (int i = 1; i + 1 < argc; i += 2) arguments[argv[i]] = argv[i + 1];
  const char *secret = std::getenv("WXSUB_SECRET");
  if (arguments["--appid"].empty() || argc % 2 == 0) {
    std::fputs("usage: lines --appid ID [--api-base URL] [--store PATH] [--port N] [--seconds N]\n", stderr);
    return 2;
  }
  wxsub::Config config;
  config.appid(arguments["--appid"]).secret(secret == nullptr ? "" : secret);
  if (!arguments["--store"].empty()) config.store(arguments["--store"]);
  if (!arguments["--api-base"].empty()) config.api_base(arguments["--api-base"]);
  wxsub::Client client;
  const wxsub::Result opened = client.open(config);
  if (!opened) {
    std::fprintf(stderr, "lines: %s: %s\n", opened.status_name(), opened.message().c_str());
    return 1;
  }
  try {
    const double seconds = arguments["--seconds"].empty() ? 3 : std::atof(arguments["--seconds"].c_str());
    return run(client, std::atoi(arguments["--port"].c_str()), seconds);
  } catch (const asio::system_error &error) {
    std::fprintf(stderr, "lines: %s\n", error.what());
    return 1;
  }
}
