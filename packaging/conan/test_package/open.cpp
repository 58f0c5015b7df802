// Opens a client on a store in memory and counts an answer; no network.

#include <iostream>

#include "wxsub.hpp"

int main() {
  wxsub::Client client;
  client.open(wxsub::Config().appid("wx0000000000000000").secret("none").store(":memory:")).or_throw();
  client.report("o-player", "template", wxsub::Answer::accept).or_throw();
  const long long count = client.quota("o-player", "template").remaining();
  std::cout << "wxsub " << wxsub_version() << ": count " << count << '\n';
  return count == 1 ? 0 : 1;
}
