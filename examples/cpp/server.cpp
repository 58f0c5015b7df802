/*
 * A game server's half, whole: login, the players' answers, which templates to ask for, a message after an event of the
 * game, WeChat's push address, and numbers for Prometheus. HTTP is cpp-httplib's, one header or Debian's package; JSON is
 * nlohmann's.
 *
 *   apt-get install libcpp-httplib-dev nlohmann-json3-dev
 *   g++ -std=c++17 -Iinclude examples/cpp/server.cpp -o server -Ltarget/release -lwxsub -lcpp-httplib -lpthread \
 *       -Wl,-rpath,$PWD/target/release
 *   WXSUB_SECRET=simulator-secret ./server --appid wx0000000000000000 --api-base http://127.0.0.1:8900 --port 9000
 *
 * and open the simulator's phone on it: http://127.0.0.1:8900/phone?server=http://127.0.0.1:9000
 *
 *   POST /login   {"code", "scene"}         -> {"session", "ask", "counts"}   the code of wx.login; scene 1014: a card was tapped
 *   POST /report  {"id", "kind", "answer"}  -> {"ask", "counts"}              what wxsub-client hands to `report`
 *   POST /plan    {}                        -> {"ask", "counts"}              which templates to ask for now
 *   POST /event   {"event": "stamina"}      -> {"full_at_ms"}                 the stamina is used up
 *   GET, POST /push                                                           what WeChat pushes; the console's format: JSON
 *   GET  /metrics                                                             for Prometheus: not for the internet
 *
 * All but login, push and metrics want the header "Authorization: Bearer SESSION": who a player is comes from the session
 * and never from a body. The session, the stamina and the bag stand for your own game; what remains is wxsub's part.
 *
 * Secrets come from the environment: WXSUB_SECRET, and for pushes WXSUB_EVENT_TOKEN and WXSUB_EVENT_AES_KEY. It serves
 * plain HTTP on loopback: put the web server before it that speaks HTTPS.
 */

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include "game.hpp"
#include "wxsub.hpp"

namespace {

using json = nlohmann::json;

// What this game sends, in order of worth, and how many accepts of each are enough.
const char templates[] = R"({"templates":[{"id":"sim-stamina","keep":3},{"id":"sim-activity","keep":3},{"id":"sim-result","keep":3}]})";

// WeChat's scene for a tap on a card of 服务通知.
const int from_a_card = 1014;

// A report is 64 KiB at most, and a little around it; and no deeper than the library takes it.
const std::size_t body_bytes = 72 * 1024;
const int body_depth = 32;

void say(const std::string &text) {
  char now[16];
  const std::time_t time = std::time(nullptr);
  std::tm local;
  std::strftime(now, sizeof now, "%H:%M:%S", localtime_r(&time, &local));
  std::printf("%s %s\n", now, text.c_str());
  std::fflush(stdout);
}

// 4xx is the caller's mistake and stays one, 503 is worth another try.
void ensure(const wxsub::Result &result) {
  if (result) return;
  if (result.status() == wxsub::Status::arg || result.status() == wxsub::Status::message) {
    throw Refusal(400, result.message());
  }
  say(std::string(result.status_name()) + ": " + result.message());
  if (result.retry() == wxsub::Retry::never) throw Refusal(500, result.status_name());
  throw Refusal(503, result.status_name(), std::max(1, static_cast<int>(result.retry_after_ms() / 1000)));
}

json parsed(const std::string &text) {
  const auto shallow = [](int depth, json::parse_event_t, json &) {
    if (depth > body_depth) throw Refusal(400, "the body is nested too deep");
    return true;
  };
  json body = text.empty() ? json::object() : json::parse(text, shallow, false);
  if (!body.is_object()) throw Refusal(400, "the body is no JSON object");
  return body;
}

std::string text_of(const json &body, const char *name) {
  const auto found = body.find(name);
  const std::string value = found != body.end() && found->is_string() ? found->get<std::string>() : "";
  if (value.empty() || value.size() > 128) throw Refusal(400, std::string(name) + " must be a text of 1 to 128 bytes");
  return value;
}

// How WeChat's pushes come, if they do.
enum class Pushes { none, plain, encrypted };

class Server {
 public:
  Server(const wxsub::Client &client, double seconds) : client_(client), outbox_(client, tell_outcome), game_(seconds) {}

  void routes(httplib::Server &http, Pushes pushes) {
    encrypted_ = pushes == Pushes::encrypted;
    http.set_payload_max_length(body_bytes);
    http.set_read_timeout(std::chrono::seconds(10));
    http.set_exception_handler([](const httplib::Request &, httplib::Response &response, std::exception_ptr error) {
      answer_error(response, error);
    });
    http.Post("/login", [this](const httplib::Request &request, httplib::Response &response) {
      response.set_content(login(parsed(request.body)).dump(), "application/json");
    });
    known(http, "/report", &Server::report);
    known(http, "/plan", &Server::plan);
    known(http, "/event", &Server::event);
    http.Get("/metrics", [this](const httplib::Request &, httplib::Response &response) {
      response.set_content(metrics(), "text/plain");
    });
    if (pushes == Pushes::none) return;
    const auto pushed = [this](const httplib::Request &request, httplib::Response &response) { push(request, response); };
    http.Get("/push", pushed);
    http.Post("/push", pushed);
  }

  // Takes what the library has to tell, until `stop`.
  void poll(const std::atomic<bool> &stop) {
    while (!stop && outbox_.pump(std::chrono::milliseconds(250))) {
    }
  }

 private:
  using Handler = json (Server::*)(const std::string &openid, const json &body);

  // What became of a message that was stored.
  static void tell_outcome(const wxsub::Result &result) {
    const std::string sent = "sent, " + std::to_string(result.remaining()) + " left";
    say("message " + result.key() + ": " + (result ? sent : result.status_name() + (": " + result.message())));
  }

  // For players who are logged in: the handler gets the openid of the session, and the body.
  void known(httplib::Server &http, const char *path, Handler handler) {
    http.Post(path, [this, handler](const httplib::Request &request, httplib::Response &response) {
      const std::string header = request.get_header_value("Authorization"), kind = "Bearer ";
      const bool is_bearer = header.compare(0, kind.size(), kind) == 0;
      const std::string openid = sessions_.find(is_bearer ? header.substr(kind.size()) : "");
      response.set_content((this->*handler)(openid, parsed(request.body)).dump(), "application/json");
    });
  }

  static void answer_error(httplib::Response &response, std::exception_ptr error) {
    response.status = 500;
    std::string why = "an error of the server's";
    try {
      std::rethrow_exception(error);
    } catch (const Refusal &refusal) {
      why = refusal.what();
      response.status = refusal.status;
      if (refusal.retry_after_s > 0) response.set_header("Retry-After", std::to_string(refusal.retry_after_s));
    } catch (const std::exception &other) {
      say(std::string("error: ") + other.what());
    }
    response.set_content(json{{"error", why}}.dump(-1, ' ', false, json::error_handler_t::replace), "application/json");
  }

  // The code of wx.login becomes a session. The session_key stays here.
  json login(const json &body) {
    const auto who = client_.login(text_of(body, "code"));
    if (who.first.status() == wxsub::Status::wechat) throw Refusal(401, who.first.message());
    ensure(who.first);
    const std::string openid = who.second.openid();
    say(openid + " logged in");
    if (body.value("scene", json()) == from_a_card) opened(openid);
    json answer = plan(openid, {});
    answer["session"] = sessions_.begin(openid);
    return answer;
  }

  // Who taps a card is counted, once a message, for the funnel. It must not keep anybody from playing.
  void opened(const std::string &openid) {
    const json request = {{"do", "opened"}, {"openid", openid}, {"scene", from_a_card}};
    const auto done = client_.admin(request.dump());
    if (!done.first) return say(std::string("opened: ") + done.first.status_name() + ": " + done.first.message());
    const json answer = json::parse(done.second);
    say(openid + " opened " + (answer.at("counted").get<bool>() ? answer.at("template_id").get<std::string>() : "nothing new"));
  }

  // Which templates the game should ask this player for, at the next tap.
  json plan(const std::string &openid, const json &) {
    const auto plan = client_.ask(openid, templates);
    ensure(plan.first);
    const json answer = json::parse(plan.second);
    return {{"ask", answer.at("ask")}, {"counts", answer.at("counts")}};
  }

  // What the player answered, as WeChat gave it to the client. Returns when it is on disk: then the client forgets it. The
  // id makes that the same answer, reported again, counts once.
  json report(const std::string &openid, const json &body) {
    const std::string id = text_of(body, "id");
    const auto answer = body.find("answer");
    if (answer == body.end() || !answer->is_object()) throw Refusal(400, "answer must be what WeChat gave to the game");
    std::string told;
    for (const wxsub::Result &one : client_.report_json(openid, answer->dump(), id)) {
      if (one.template_id().empty()) ensure(one);
      if (!one || one.remaining() < 0) continue;
      told += " " + one.template_id() + (one.replayed() ? " again, " : ", ") + std::to_string(one.remaining()) + " left;";
    }
    say(openid + " answered:" + (told.empty() ? " nothing to count" : told));
    return plan(openid, {});
  }

  // The stamina is used up: the message is stored now, survives a restart, and goes out when it is full.
  json event(const std::string &openid, const json &body) {
    if (body.value("event", json()) != "stamina") throw Refusal(400, "event must be \"stamina\"");
    const auto full_at = game_.use_up(openid);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(full_at.time_since_epoch()).count();
    const auto message = wxsub::Message()
                             .to(openid)
                             .template_id("sim-stamina")
                             .page("pages/index?from=stamina")
                             .value("thing1", "体力已满，快来领取")
                             .value("time2", time_of_day(full_at));
    // The key names what the message is about: told twice by the game, it is sent once.
    const auto options = wxsub::Options().key("stamina-" + std::to_string(ms)).deliver_at(ms);
    ensure(outbox_.submit(message, options).get());
    return {{"full_at_ms", ms}};
  }

  // WeChat's push address: events go into the count, what is about other things is the game's to answer.
  void push(const httplib::Request &request, httplib::Response &response) {
    const std::size_t mark = request.target.find('?');
    const std::string query = mark == std::string::npos ? "" : request.target.substr(mark + 1);
    const auto done = client_.handle_event(query, request.body);
    std::string reply = done.reply;
    if (done.result && done.result.not_ours()) {
      const auto opened = client_.open_event(query, request.body);
      if (opened.first) reply = of_another_kind(opened.second);
    }
    const bool stranger = done.result.status() == wxsub::Status::signature || done.result.status() == wxsub::Status::arg;
    response.status = done.result ? (reply.empty() ? 500 : 200) : stranger ? 403 : 500;  // after a 500 WeChat pushes again
    response.set_content(reply, "text/plain");
    say("push: " + std::to_string(response.status) + " " + reply.substr(0, 40));
  }

  // Gifts and paid goods want ErrCode 0 once they are delivered, and come again until then; all else wants "success".
  // Nobody signed a plain push: it delivers nothing and deletes nobody.
  std::string of_another_kind(const std::string &text) {
    const json message = json::parse(text, nullptr, false);
    if (!message.is_object()) {
      // A chat's text that was cut inside an emoji is no JSON for this parser, and comes again until it is answered.
      const auto first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
      if (first != std::string::npos && text[first] == '{') return "success";
      say("push: not JSON: set the format to JSON in the console");
      return "";
    }
    const std::string kind = message.value("Event", "");
    const bool gift = kind == "minigame_deliver_goods";
    if (gift || kind == "minigame_h5_goods_deliver_notify" || kind == "minigame_game_pay_goods_deliver_notify") {
      try {
        const json &goods = message.at("MiniGame");
        // A server that sells for money checks PayEventSig over this text, too: the guide to payment says how.
        const json order = gift ? goods : json::parse(goods.at("Payload").get<std::string>());
        const std::string id = order.at(gift ? "OrderId" : "OutTradeNo"), openid = order.at(gift ? "ToUserOpenid" : "OpenId");
        if (encrypted_ && game_.deliver(id, openid)) return R"({"ErrCode":0})";
      } catch (const json::exception &) {
        say("push: " + kind + " without an order");
      }
      return R"({"ErrCode":1,"ErrMsg":"not delivered"})";
    }
    if (encrypted_ && (kind == "user_authorization_cancellation" || kind == "user_authorization_revoke")) {
      game_.forget(message.value("OpenID", ""));
    }
    return "success";
  }

  // For Prometheus.
  std::string metrics() {
    const auto metrics = client_.admin(R"({"do":"metrics"})");
    ensure(metrics.first);
    return json::parse(metrics.second).at("metrics");
  }

  const wxsub::Client &client_;
  wxsub::Futures outbox_;
  Sessions sessions_;
  Game game_;
  bool encrypted_ = false;
};

std::string from_environment(const char *name) {
  const char *value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Serves until SIGINT or SIGTERM.
int serve(const wxsub::Client &client, std::map<std::string, std::string> &arguments, Pushes pushes) {
  httplib::Server http;
  Server server(client, arguments["seconds"].empty() ? 3 : std::atof(arguments["seconds"].c_str()));
  server.routes(http, pushes);
  const int wanted = std::atoi(arguments["port"].c_str());
  const int port = wanted == 0 ? http.bind_to_any_port("127.0.0.1") : http.bind_to_port("127.0.0.1", wanted) ? wanted : -1;
  if (port < 0) {
    std::fprintf(stderr, "server: port %d is not free\n", wanted);
    return 1;
  }
  std::printf("listening on http://127.0.0.1:%d\n", port);
  std::fflush(stdout);
  std::atomic<bool> stop(false);
  std::thread polling([&] { server.poll(stop); });
  std::thread serving([&] { http.listen_after_bind(); });
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  int signal = 0;
  sigwait(&signals, &signal);  // main() blocked them in every thread
  http.stop();
  serving.join();
  stop = true;
  polling.join();
  return 0;
}

}  // namespace

int main(int argc, char **argv) {
  std::map<std::string, std::string> arguments;
  bool fine = argc % 2 == 1;
  for (int i = 1; fine && i < argc; i += 2) {
    const std::string name = argv[i];
    fine = name == "--appid" || name == "--api-base" || name == "--store" || name == "--port" || name == "--seconds";
    if (fine) arguments[name.substr(2)] = argv[i + 1];
  }
  if (!fine || arguments["appid"].empty()) {
    std::fputs("usage: server --appid ID [--api-base URL] [--store PATH] [--port N] [--seconds N]\n", stderr);
    return 2;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  wxsub::Config config;
  config.appid(arguments["appid"]).secret(from_environment("WXSUB_SECRET"));
  config.store(arguments["store"].empty() ? "wxsub.db" : arguments["store"]);
  if (!arguments["api-base"].empty()) config.api_base(arguments["api-base"]);
  const std::string token = from_environment("WXSUB_EVENT_TOKEN"), key = from_environment("WXSUB_EVENT_AES_KEY");
  if (!token.empty()) config.event(token, key.empty() ? wxsub::Text(nullptr) : wxsub::Text(key));
  wxsub::Client client;
  const wxsub::Result opened = client.open(config);
  if (!opened) {
    std::fprintf(stderr, "server: %s: %s\n", opened.status_name(), opened.message().c_str());
    return 1;
  }
  return serve(client, arguments, token.empty() ? Pushes::none : key.empty() ? Pushes::plain : Pushes::encrypted);
}
