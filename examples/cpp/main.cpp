/*
 * One whole round: a player accepts, gets a message, and the next one is turned down until they accept again.
 *
 *   cargo build
 *   g++ -std=c++11 -Iinclude examples/cpp/main.cpp -o round -Ltarget/debug -lwxsub -Wl,-rpath,$PWD/target/debug
 *   WXSUB_SECRET=simulator-secret ./round --appid wx0000000000000000 --openid o-alice --template-id sim-activity \
 *       --store round.db --api-base http://127.0.0.1:PORT
 *
 * The ids and the secret are those of tools/simulator, which must have been told that o-alice accepted. Without
 * --api-base it talks to the real WeChat: then the openid must be a player of yours who has just accepted this
 * template, and the keys in message_for() must be the template's own. Exit code 0: everything went as told here.
 *
 * With --check it asks only whether it will work (store, network, clock, appid, secret, IP, templates), and says so;
 * --openid and --template-id are not needed then.
 */

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "wxsub.hpp"

namespace {

using Arguments = std::map<std::string, std::string>;

const char usage[] =
    "usage: round --appid ID --openid ID --template-id ID [--secret S] [--store PATH] [--api-base URL]\n"
    "       round --appid ID --check [--secret S] [--store PATH] [--api-base URL]\n"
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

wxsub::Message message_for(const std::string &openid, const std::string &template_id) {
  return wxsub::Message()
      .to(openid)
      .template_id(template_id)
      .page("pages/index/index?from=round")
      .value("thing1", "Double drops \"now\"")
      .value("date2", "2026-10-01")
      .number("number3", 100);
}

int fail(const char *step, const wxsub::Result &result) {
  std::printf("%s: %s: %s\n", step, result.status_name(), result.message().c_str());
  return 1;
}

}  // namespace

int main(int argc, char **argv) {
  Arguments arguments;
  if (!read(argc, argv, arguments)) {
    std::fputs(usage, stderr);
    return 2;
  }
  const std::string openid = arguments["openid"];
  const std::string template_id = arguments["template-id"];
  std::printf("wxsub %s\n", wxsub_version());

  wxsub::Client client;
  const wxsub::Result opened = client.open(config_from(arguments));
  if (!opened) return fail("open", opened);

  if (!arguments["check"].empty()) {
    const wxsub::Result result = client.check();
    std::printf("check: %s: %s\n", result.status_name(), result.message().c_str());
    return result ? 0 : 1;
  }

  // In a game: the player's client told us what wx.requestSubscribeMessage answered.
  const wxsub::Result accepted = client.report(openid, template_id, wxsub::Answer::accept);
  if (!accepted) return fail("report", accepted);
  std::printf("%s accepted %s: count %lld\n", openid.c_str(), template_id.c_str(),
              static_cast<long long>(accepted.remaining()));

  const wxsub::Message message = message_for(openid, template_id);
  for (long long left = accepted.remaining(); left > 0; --left) {
    const wxsub::Result sent = client.send(message);
    if (!sent) return fail("send", sent);
    std::printf("sent: message id %lld, count %lld\n", static_cast<long long>(sent.msgid()),
                static_cast<long long>(sent.remaining()));
  }

  const wxsub::Result second = client.send(message);
  if (second.status() != wxsub::Status::no_quota || second.attempts() != 0) return fail("one send too many", second);
  std::printf("one more: %s, WeChat was not called (%u requests): %s\n", second.status_name(), second.attempts(),
              second.message().c_str());
  return 0;
}
