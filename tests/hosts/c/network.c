/* Servers that cannot be reached, don't answer, or answer what nobody can read: the verdict says whether the message
   may have been sent, and the count is as it was unless WeChat itself said otherwise. */

#include "support.h"

static wxsub_client *client;
static wxsub_result r = WXSUB_RESULT_INIT;

/* A loopback port that nothing listens on. */
static int dead_port(void) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  int descriptor = (int)socket(AF_INET, SOCK_STREAM, 0);
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(descriptor, (struct sockaddr *)&address, sizeof address) != 0) give_up("bind");
  if (getsockname(descriptor, (struct sockaddr *)&address, &length) != 0) give_up("getsockname");
  hang_up(descriptor);
  return ntohs(address.sin_port);
}

static void unreachable(const char *api_base) {
  char *config = text_of(
      "{\"appid\":\"%s\",\"secret\":\"%s\",\"store\":\":memory:\",\"timeout_ms\":%ld,\"api_base\":%s}",
      environment("WXSUB_APPID"), environment("WXSUB_SECRET"), patient(1500), api_base);
  wxsub_client *far = open_config(config);
  long start = now_ms();
  wxsub_report(far, "o-far", "T", WXSUB_ACCEPT, NULL, NULL);
  CHECK_VERDICT(wxsub_send(far, message_to("o-far", "T"), NULL, &r), &r, WXSUB_E_CONNECT);
  CHECK(now_ms() - start < patient(3000));
  CHECK_INT(r.retry, WXSUB_RETRY_LATER);
  CHECK_INT(r.quota, WXSUB_QUOTA_RETURNED);
  CHECK_INT(r.http_status, 0);
  CHECK_INT(r.attempts, 0);
  CHECK_INT(count_of(far, "o-far", "T"), 1);
  wxsub_free(far);
}

/* The next host in the list is tried when the first one is not there. */
static void a_fallback_host(void) {
  char *hosts = text_of(",\"api_base\":[\"http://127.0.0.1:%d\",\"%s\"]", dead_port(), environment("WXSUB_SIM"));
  wxsub_client *other = open_config(text_of("{\"appid\":\"%s\",\"secret\":\"%s\",\"store\":\":memory:\",\"templates\":\"off\"%s%s}",
                                            environment("WXSUB_APPID"), environment("WXSUB_SECRET"), hosts, patience("")));
  allow(other, "o-fallback", "T");
  CHECK_VERDICT(wxsub_send(other, message_to("o-fallback", "T"), NULL, &r), &r, WXSUB_OK);
  wxsub_free(other);
}

static const char *const unreadable[] = {
    "\"kind\":\"garbage\",\"text\":\"<html><body>It works!</body></html>\"",
    "\"kind\":\"garbage\",\"text\":\"[]\"",
    "\"kind\":\"garbage\",\"text\":\"null\"",
    "\"kind\":\"garbage\",\"text\":\"{}\"",
    "\"kind\":\"garbage\",\"text\":\"{\\\"errcode\\\":{}}\"",
    "\"kind\":\"garbage\",\"text\":\"{\\\"errcode\\\":0,\\\"errm\"",
    "\"kind\":\"garbage\",\"base64\":\"//79AAEC\"",
    "\"kind\":\"http\",\"status\":502",
    "\"kind\":\"http\",\"status\":200",
    "\"kind\":\"empty\"",
    "\"kind\":\"empty\",\"applied\":true",
    "\"kind\":\"cut\"",
    "\"kind\":\"close\"",
    "\"kind\":\"close\",\"applied\":true",
    "\"kind\":\"reset\"",
    "\"kind\":\"raw\",\"text\":\"SSH-2.0-OpenSSH_9.2\\r\\n\"",
    "\"kind\":\"stall\"",
};

static void maybe_sent(void) {
  size_t i;
  for (i = 0; i < sizeof unreadable / sizeof unreadable[0]; i++) {
    char *openid = text_of("o-unreadable-%d", (int)i);
    const char *options = text_of("{\"timeout_ms\":%ld}", patient(700));
    allow(client, openid, "T");
    arm(text_of("{%s,\"endpoint\":\"send\",\"openid\":\"%s\"}", unreadable[i], openid));
    if (!CHECK_VERDICT(wxsub_send(client, message_to(openid, "T"), options, &r), &r, WXSUB_E_UNKNOWN)) {
      fprintf(stderr, "%s\n", unreadable[i]);
    }
    CHECK_INT(r.retry, WXSUB_RETRY_UNSAFE);
    CHECK_INT(r.quota, WXSUB_QUOTA_RETURNED);
    CHECK_INT(r.errcode, 0);
    CHECK_INT(r.msgid, 0);
    CHECK_INT(r.attempts, 1);
    CHECK((long)r.elapsed_ms < patient(2000));
    CHECK_INT(count_of(client, openid, "T"), 1);
    CHECK_INT(sends_to(openid), 1);
  }
}

static const struct {
  int errcode;
  wxsub_status wanted;
  int retry;
  int quota;
  long long left;
} answers[] = {
    {43101, WXSUB_E_REFUSED, WXSUB_RETRY_NEVER, WXSUB_QUOTA_CLEARED, 0},
    {43107, WXSUB_E_BANNED, WXSUB_RETRY_LATER, WXSUB_QUOTA_RETURNED, 1},
    {40003, WXSUB_E_MESSAGE, WXSUB_RETRY_NEVER, WXSUB_QUOTA_RETURNED, 1},
    {40037, WXSUB_E_MESSAGE, WXSUB_RETRY_NEVER, WXSUB_QUOTA_RETURNED, 1},
    {41030, WXSUB_E_MESSAGE, WXSUB_RETRY_NEVER, WXSUB_QUOTA_RETURNED, 1},
    {45168, WXSUB_E_MESSAGE, WXSUB_RETRY_NEVER, WXSUB_QUOTA_RETURNED, 1},
    {47003, WXSUB_E_MESSAGE, WXSUB_RETRY_NEVER, WXSUB_QUOTA_RETURNED, 1},
    {43116, WXSUB_E_MESSAGE, WXSUB_RETRY_NEVER, WXSUB_QUOTA_RETURNED, 1},
    {45009, WXSUB_E_BUSY, WXSUB_RETRY_LATER, WXSUB_QUOTA_RETURNED, 1},
    {48001, WXSUB_E_AUTH, WXSUB_RETRY_LATER, WXSUB_QUOTA_RETURNED, 1},
    {50002, WXSUB_E_WECHAT, WXSUB_RETRY_NEVER, WXSUB_QUOTA_RETURNED, 1},
    {20001, WXSUB_E_WECHAT, WXSUB_RETRY_NEVER, WXSUB_QUOTA_RETURNED, 1},
    {99999, WXSUB_E_WECHAT, WXSUB_RETRY_NEVER, WXSUB_QUOTA_RETURNED, 1},
};

static void wechat_says_no(void) {
  size_t i;
  for (i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    char *openid = text_of("o-no-%d", answers[i].errcode);
    char *template_id = text_of("T-%d", answers[i].errcode);
    allow(client, openid, template_id);
    arm(text_of("{\"kind\":\"errcode\",\"errcode\":%d,\"endpoint\":\"send\",\"openid\":\"%s\"}", answers[i].errcode,
                openid));
    CHECK_VERDICT(wxsub_send(client, message_to(openid, template_id), NULL, &r), &r, answers[i].wanted);
    CHECK_INT(r.errcode, answers[i].errcode);
    CHECK_INT(r.http_status, 200);
    CHECK_INT(r.retry, answers[i].retry);
    CHECK_INT(r.quota, answers[i].quota);
    CHECK_INT(r.attempts, 1);
    CHECK_INT(count_of(client, openid, template_id), answers[i].left);
  }
}

static void bruised_answers(void) {
  allow(client, "o-string", "T");
  arm("{\"kind\":\"errcode_as_string\",\"errcode\":43101,\"endpoint\":\"send\",\"openid\":\"o-string\"}");
  CHECK_VERDICT(wxsub_send(client, message_to("o-string", "T"), NULL, &r), &r, WXSUB_E_REFUSED);
  CHECK_INT(r.errcode, 43101);
  allow(client, "o-broken", "T");
  arm("{\"kind\":\"broken_errmsg\",\"errcode\":40003,\"endpoint\":\"send\",\"openid\":\"o-broken\"}");
  CHECK_VERDICT(wxsub_send(client, message_to("o-broken", "T"), NULL, &r), &r, WXSUB_E_MESSAGE);
  {
    const char *at;
    for (at = r.message; *at != '\0'; at++) CHECK((unsigned char)*at >= 0x20);
  }
}

static void busy_for_a_moment(void) {
  allow(client, "o-busy", "T");
  arm("{\"kind\":\"errcode\",\"errcode\":-1,\"endpoint\":\"send\",\"openid\":\"o-busy\"}");
  CHECK_VERDICT(wxsub_send(client, message_to("o-busy", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.attempts, 2);
  CHECK_INT(deliveries_to("o-busy"), 1);
}

static void busy_all_the_time(void) {
  allow(client, "o-busier", "T");
  arm("{\"kind\":\"errcode\",\"errcode\":-1,\"endpoint\":\"send\",\"openid\":\"o-busier\",\"times\":\"forever\"}");
  CHECK_VERDICT(wxsub_send(client, message_to("o-busier", "T"), text_of("{\"timeout_ms\":%ld}", patient(1500)), &r), &r,
                WXSUB_E_BUSY);
  CHECK_INT(r.errcode, -1);
  CHECK_INT(r.retry, WXSUB_RETRY_LATER);
  CHECK_INT(r.quota, WXSUB_QUOTA_RETURNED);
  CHECK(r.attempts >= 1 && r.attempts <= 3);
  CHECK((long)r.elapsed_ms < patient(2500));
  CHECK_INT(count_of(client, "o-busier", "T"), 1);
  simulator_set("/sim/faults/clear", "{}");
}

static void a_dead_token_is_renewed(void) {
  allow(client, "o-dead", "T");
  simulator_set("/sim/token", "{\"kill\":\"stable\"}");
  CHECK_VERDICT(wxsub_send(client, message_to("o-dead", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.attempts, 2);
}

/* Trouble before the message could leave: surely not sent. */
static const struct {
  const char *fault;
  wxsub_status wanted;
  int errcode;
} at_the_token[] = {
    {"\"kind\":\"errcode\",\"errcode\":40013", WXSUB_E_AUTH, 40013},
    {"\"kind\":\"errcode\",\"errcode\":40125", WXSUB_E_AUTH, 40125},
    {"\"kind\":\"errcode\",\"errcode\":40001", WXSUB_E_AUTH, 40001},
    {"\"kind\":\"errcode\",\"errcode\":40243", WXSUB_E_AUTH, 40243},
    {"\"kind\":\"errcode\",\"errcode\":40164,\"errmsg\":\"invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist\"",
     WXSUB_E_AUTH, 40164},
    {"\"kind\":\"errcode\",\"errcode\":45009", WXSUB_E_BUSY, 45009},
    {"\"kind\":\"garbage\",\"text\":\"<html>\"", WXSUB_E_CONNECT, 0},
    {"\"kind\":\"garbage\",\"text\":\"{}\"", WXSUB_E_CONNECT, 0},
    {"\"kind\":\"http\",\"status\":502", WXSUB_E_CONNECT, 0},
    {"\"kind\":\"close\"", WXSUB_E_CONNECT, 0},
    {"\"kind\":\"stall\"", WXSUB_E_CONNECT, 0},
};

static void no_token_to_be_had(void) {
  size_t i;
  for (i = 0; i < sizeof at_the_token / sizeof at_the_token[0]; i++) {
    wxsub_client *fresh = open_config(config_with(":memory:", text_of(",\"timeout_ms\":%ld", patient(700))));
    char *openid = text_of("o-token-%d", (int)i);
    allow(fresh, openid, "T");
    arm(text_of("{%s,\"endpoint\":\"stable_token\",\"times\":\"forever\"}", at_the_token[i].fault));
    if (!CHECK_VERDICT(wxsub_send(fresh, message_to(openid, "T"), NULL, &r), &r, at_the_token[i].wanted)) {
      fprintf(stderr, "%s\n", at_the_token[i].fault);
    }
    CHECK_INT(r.errcode, at_the_token[i].errcode);
    CHECK_INT(r.retry, WXSUB_RETRY_LATER);
    CHECK_INT(r.attempts, 0);
    CHECK((long)r.elapsed_ms < patient(2000));
    if (at_the_token[i].errcode == 40164) CHECK_HAS(r.message, "1.2.3.4");
    CHECK_INT(count_of(fresh, openid, "T"), 1);
    CHECK_INT(sends_to(openid), 0);
    simulator_set("/sim/faults/clear", "{}");
    wxsub_free(fresh);
  }
}

int main(void) {
  client = open_store("network.db");
  unreachable(text_of("\"http://127.0.0.1:%d\"", dead_port()));
  unreachable(text_of("[\"http://127.0.0.1:%d\",\"http://[::1]:%d\"]", dead_port(), dead_port()));
  unreachable("\"https://no-such-host.invalid\"");
  /* Plain HTTP where TLS is expected. */
  unreachable(text_of("\"https%s\"", environment("WXSUB_SIM") + strlen("http")));
  a_fallback_host();
  maybe_sent();
  wechat_says_no();
  bruised_answers();
  busy_for_a_moment();
  busy_all_the_time();
  a_dead_token_is_renewed();
  no_token_to_be_had();
  wxsub_free(client);
  return finish();
}
