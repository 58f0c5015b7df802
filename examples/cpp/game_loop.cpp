/*
 * A game's loop, 60 frames a second: players accept and get messages, and no frame waits for WeChat or for the disk.
 *
 *   cargo build
 *   g++ -std=c++11 -Iinclude examples/cpp/game_loop.cpp -o game_loop -Ltarget/debug -lwxsub \
 *       -Wl,-rpath,$PWD/target/debug
 *   WXSUB_SECRET=simulator-secret ./game_loop --appid wx0000000000000000 --openid o-player --players 20 \
 *       --template-id sim-activity --store loop.db --api-base http://127.0.0.1:PORT
 *
 * The ids and the secret are those of tools/simulator, started with --grants 1. With --players N the players are
 * o-player-1 to o-player-N. Without --api-base it talks to the real WeChat: then the openid must be a player of yours
 * who has just accepted this template, and the keys in message_for() must be the template's own. Exit code 0: all
 * that was submitted had its one result, and every message was sent.
 *
 * With --check it asks only whether it will work (store, network, clock, appid, secret, IP, templates), and says so;
 * --openid and --template-id are not needed then.
 */

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "wxsub.hpp"

namespace {

using Arguments = std::map<std::string, std::string>;
using Clock = std::chrono::steady_clock;

const char usage[] =
    "usage: game_loop --appid ID --openid ID --template-id ID [--players N] [--frames N]\n"
    "                 [--secret S] [--store PATH] [--api-base URL]\n"
    "       game_loop --appid ID --check [--secret S] [--store PATH] [--api-base URL]\n"
    "       the secret may come from the environment instead: WXSUB_SECRET\n";

bool read(int argc, char **argv, Arguments &arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--check") {
      arguments["check"] = "yes";
      continue;
    }
    if (name.compare(0, 2, "--") != 0 || ++i == argc) return false;
    arguments[name.substr(2)] = argv[i];
  }
  const char *secret = std::getenv("WXSUB_SECRET");
  if (arguments["secret"].empty() && secret != nullptr) arguments["secret"] = secret;
  const bool whole = !arguments["openid"].empty() && !arguments["template-id"].empty();
  return !arguments["appid"].empty() && !arguments["secret"].empty() && (whole || !arguments["check"].empty());
}

wxsub::Config config_from(Arguments &arguments) {
  wxsub::Config config;
  config.appid(arguments["appid"]).secret(arguments["secret"]);
  if (!arguments["store"].empty()) config.store(arguments["store"]);
  if (!arguments["api-base"].empty()) config.api_base(arguments["api-base"]);
  return config;
}

std::vector<std::string> players_from(Arguments &arguments) {
  const int count = std::atoi(arguments["players"].c_str());
  if (count <= 0) return {arguments["openid"]};
  std::vector<std::string> players;
  for (int n = 1; n <= count; ++n) players.push_back(arguments["openid"] + "-" + std::to_string(n));
  return players;
}

wxsub::Message message_for(const std::string &openid, const std::string &template_id) {
  return wxsub::Message()
      .to(openid)
      .template_id(template_id)
      .page("pages/index/index?from=loop")
      .value("thing1", "Double drops \"now\"")
      .value("date2", "2026-10-01")
      .number("number3", 100);
}

int fail(const char *step, const wxsub::Result &result) {
  std::printf("%s: %s: %s\n", step, result.status_name(), result.message().c_str());
  return 1;
}

class Stopwatch {
 public:
  template <class Call>
  auto time(Call call) -> decltype(call()) {
    const Clock::time_point began = Clock::now();
    auto result = call();
    longest_ = (std::max)(longest_, Clock::now() - began);
    return result;
  }

  long long longest_us() const { return std::chrono::duration_cast<std::chrono::microseconds>(longest_).count(); }

 private:
  Clock::duration longest_ = Clock::duration::zero();
};

class Game {
 public:
  Game(const wxsub::Client &client, std::vector<std::string> players, std::string template_id)
      : client_(client), players_(std::move(players)), template_id_(std::move(template_id)) {}

  void frame(int number) {
    // A player every tenth of a second.
    if (number % 6 == 0 && joined_ < players_.size()) player_accepts(players_[joined_++]);
    submit();
    wxsub::Result results[32];
    for (const wxsub::Result &result : polls_.time([&] { return client_.poll(results, 32); })) tell(result);
  }

  bool is_quiet() const { return joined_ == players_.size() && to_submit_.empty() && open_.empty(); }

  // What was submitted ends; what comes after it is refused.
  bool end() {
    if (!client_.shutdown(std::chrono::seconds(5))) return false;
    std::vector<wxsub::Result> results;
    while (!client_.poll(results).empty()) {
      for (const wxsub::Result &result : results) tell(result);
    }
    return open_.empty() && to_submit_.empty() && strangers_ == 0 && unsent_ == 0;
  }

  void tell_numbers() const {
    std::printf("longest submit: %lld us, longest poll: %lld us\n", submits_.longest_us(), polls_.longest_us());
    const std::pair<wxsub::Result, wxsub_stats> stats = client_.stats();
    if (!stats.first) return;
    const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::printf("reports: %llu, sent: %llu, token requests: %llu, still waiting: %llu\n", number(stats.second.reports),
                number(stats.second.sent), number(stats.second.token_calls),
                number(stats.second.queued + stats.second.results));
  }

 private:
  // In a game: the player's client told us what wx.requestSubscribeMessage answered, and later something happens that
  // the player should know. Both are done in this order, since they are one player's.
  void player_accepts(const std::string &openid) {
    to_submit_.push_back([this, openid] { return client_.submit_report(openid, template_id_, wxsub::Answer::accept); });
    to_submit_.push_back([this, openid] { return client_.submit(message_for(openid, template_id_)); });
  }

  void submit() {
    while (!to_submit_.empty()) {
      const wxsub::Result accepted = submits_.time(to_submit_.front());
      if (accepted.status() == wxsub::Status::queue_full) return;  // in the next frame, then
      to_submit_.pop_front();
      if (accepted) {
        open_.insert(accepted.ticket());
      } else {
        ++unsent_;
        fail("submit", accepted);
      }
    }
  }

  void tell(const wxsub::Result &result) {
    if (open_.erase(result.ticket()) == 0) ++strangers_;
    if (!result) {
      ++unsent_;
      fail("result", result);
    } else if (result.msgid() != 0) {
      std::printf("sent: message id %lld after %u ms\n", static_cast<long long>(result.msgid()), result.elapsed_ms());
    }
  }

  const wxsub::Client &client_;
  const std::vector<std::string> players_;
  const std::string template_id_;
  std::size_t joined_ = 0;
  std::deque<std::function<wxsub::Result()>> to_submit_;
  std::set<std::uint64_t> open_;
  int strangers_ = 0;
  int unsent_ = 0;
  Stopwatch submits_;
  Stopwatch polls_;
};

}  // namespace

int main(int argc, char **argv) {
  Arguments arguments;
  if (!read(argc, argv, arguments)) {
    std::fputs(usage, stderr);
    return 2;
  }
  std::printf("wxsub %s\n", wxsub_version());

  wxsub::Client client;
  const wxsub::Result opened = client.open(config_from(arguments));
  if (!opened) return fail("open", opened);

  if (!arguments["check"].empty()) {
    const wxsub::Result result = client.check();
    std::printf("check: %s: %s\n", result.status_name(), result.message().c_str());
    return result ? 0 : 1;
  }

  Game game(client, players_from(arguments), arguments["template-id"]);
  const int frames = arguments["frames"].empty() ? 1800 : std::atoi(arguments["frames"].c_str());
  Clock::time_point next = Clock::now();
  int number = 0;
  for (; number < frames && !game.is_quiet(); ++number) {
    game.frame(number);
    next += std::chrono::microseconds(16667);
    std::this_thread::sleep_until(next);
  }
  const bool all_well = game.end();
  std::printf("%d frames\n", number);
  game.tell_numbers();
  return all_well ? 0 : 1;
}
