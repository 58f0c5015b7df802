// A project's own test that starts the simulator of the prefix which it was built with.
#include <cstdio>

#include <wxsub_simulator.hpp>

int main() {
  const wxsub::Simulator wechat({"--grants", "1"});
  wxsub::Client client;
  client.open(wechat.config().store(":memory:")).or_throw();
  client.report("o-prefix", "sim-stamina", wxsub::Answer::accept).or_throw();
  client.send(wxsub::Message().to("o-prefix").template_id("sim-stamina").value("thing1", "ripe").value("time2", "15:01"))
      .or_throw();
  std::printf("sent at %s\n", wechat.url().c_str());
  return 0;
}
