/* What stands for the game itself in server.cpp and lines.cpp: who is logged in, when the stamina is full, what was delivered. */

#ifndef EXAMPLES_GAME_HPP
#define EXAMPLES_GAME_HPP

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <iterator>
#include <list>
#include <map>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <unordered_map>

// One player's requests: so many at once, then so many a second.
constexpr double burst = 20, per_second = 5;
// Sessions that are kept; the one that was used longest ago makes room.
constexpr std::size_t most_sessions = 100000;

// Ends a request with this answer.
struct Refusal : std::runtime_error {
  Refusal(int http_status, const std::string &why, int seconds = 0)
      : std::runtime_error(why), status(http_status), retry_after_s(seconds) {}
  int status, retry_after_s;
};

// A time of day as a template's `time` takes it.
inline std::string time_of_day(std::chrono::system_clock::time_point when) {
  const std::time_t time = std::chrono::system_clock::to_time_t(when);
  std::tm local;
  char text[8];
  std::strftime(text, sizeof text, "%H:%M", localtime_r(&time, &local));
  return text;
}

// Who is logged in. In your game this is what you have already.
class Sessions {
 public:
  // A new session's token, which cannot be guessed.
  std::string begin(const std::string &openid) {
    std::random_device random;
    std::string token;
    for (int i = 0; i < 6; ++i) {
      char part[9];
      std::snprintf(part, sizeof part, "%08x", random());
      token += part;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    order_.push_back({token, openid, burst, std::chrono::steady_clock::now()});
    open_[token] = std::prev(order_.end());
    if (order_.size() > most_sessions) {
      open_.erase(order_.front().token);
      order_.pop_front();
    }
    return token;
  }

  // The openid of a session.
  std::string find(const std::string &token) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = open_.find(token);
    if (found == open_.end()) throw Refusal(401, "log in first");
    order_.splice(order_.end(), order_, found->second);
    Session &session = *found->second;
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - session.seen;
    session.seen = std::chrono::steady_clock::now();
    session.left = std::min(burst, session.left + passed.count() * per_second);
    if (session.left < 1) throw Refusal(429, "too many requests");
    session.left -= 1;
    return session.openid;
  }

 private:
  struct Session {
    std::string token, openid;
    double left;
    std::chrono::steady_clock::time_point seen;
  };
  std::mutex mutex_;
  std::list<Session> order_;
  std::unordered_map<std::string, std::list<Session>::iterator> open_;
};

// The game's own: when each player's stamina is full again (the server knows, not the client), and what was delivered. A
// real game keeps both in its database.
class Game {
 public:
  explicit Game(double seconds) : seconds_(seconds) {}

  // When the stamina will be full; the same while it still fills.
  std::chrono::system_clock::time_point use_up(const std::string &openid) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto now = std::chrono::system_clock::now();
    auto &full_at = full_at_[openid];
    if (full_at <= now) full_at = now + std::chrono::milliseconds(static_cast<long long>(seconds_ * 1000));
    return full_at;
  }

  // Puts goods into a player's bag, each order once, however often it is pushed. False: it was another player's.
  bool deliver(const std::string &order, const std::string &openid) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return delivered_.emplace(order, openid).first->second == openid;
  }

  // Deletes what the game knows of a player.
  void forget(const std::string &openid) {
    const std::lock_guard<std::mutex> lock(mutex_);
    full_at_.erase(openid);
  }

 private:
  const double seconds_;
  std::mutex mutex_;
  std::map<std::string, std::chrono::system_clock::time_point> full_at_;
  std::map<std::string, std::string> delivered_;
};

#endif
