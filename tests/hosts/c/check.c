/* Will it work? In words, for an operator. */

#include "support.h"

static wxsub_result r = WXSUB_RESULT_INIT;

static wxsub_client *client_of(const char *secret, const char *api_base, const char *more) {
  return open_config(text_of("{\"appid\":\"%s\",\"secret\":\"%s\",\"api_base\":\"%s\",\"store\":\":memory:\"%s%s}",
                             environment("WXSUB_APPID"), secret, api_base, more, patience(more)));
}

static wxsub_client *good_client(const char *more) {
  return client_of(environment("WXSUB_SECRET"), environment("WXSUB_SIM"), more);
}

static void all_is_well(void) {
  wxsub_client *client = good_client("");
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_OK);
  CHECK_TEXT(r.message, "store: writable; network: reached; credentials: right; templates: 3");
  CHECK_INT(wxsub_check(client, NULL), WXSUB_OK);
  CHECK_INT(times_in(simulator_get("/sim/requests?endpoint=send"), "\"seq\":"), 0);
  CHECK_INT(count_of(client, "o", "T"), 0);
  wxsub_free(client);
}

static void templates(void) {
  wxsub_client *client = good_client(",\"templates\":[{\"id\":\"A\",\"keys\":[\"thing1\"]}]");
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_OK);
  CHECK_HAS(r.message, "templates: 1 configured, 3 at WeChat");
  arm("{\"kind\":\"errcode\",\"errcode\":48001,\"endpoint\":\"gettemplate\"}");
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_E_AUTH);
  CHECK(strncmp(r.message, "templates: ", 11) == 0);
  CHECK_HAS(r.message, "credentials: right");
  wxsub_free(client);
}

static void a_wrong_secret(void) {
  wxsub_client *client = client_of("wrong-secret", environment("WXSUB_SIM"), "");
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_E_AUTH);
  CHECK(strncmp(r.message, "credentials: ", 13) == 0);
  CHECK_HAS(r.message, "\"secret\"");
  CHECK(strstr(r.message, "wrong-secret") == NULL);
  CHECK_INT(r.errcode, 40125);
  wxsub_free(client);
}

static void a_wrong_appid(void) {
  wxsub_client *client =
      open_config(text_of("{\"appid\":\"wx9\",\"secret\":\"%s\",\"api_base\":\"%s\",\"store\":\":memory:\"}",
                          environment("WXSUB_SECRET"), environment("WXSUB_SIM")));
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_E_AUTH);
  CHECK_HAS(r.message, "\"appid\"");
  CHECK_INT(r.errcode, 40013);
  wxsub_free(client);
}

static void an_address_that_is_not_allowed_is_named(void) {
  wxsub_client *client = good_client("");
  arm("{\"kind\":\"errcode\",\"errcode\":40164,\"endpoint\":\"stable_token\",\"errmsg\":\"invalid ip 203.0.113.7 ipv6 "
      "::ffff:203.0.113.7, not in whitelist rid: 6650a1b2-0badf00d-00000001\"}");
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_E_AUTH);
  CHECK_INT(r.errcode, 40164);
  CHECK_HAS(r.message, "203.0.113.7");
  CHECK_HAS(r.message, "IP list");
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_OK);
  wxsub_free(client);
}

/* It works although there is a token already: a changed secret must not hide behind it. */
static void the_token_in_use_proves_nothing(void) {
  wxsub_client *client = good_client("");
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_OK);
  simulator_set("/sim/secret", "{\"secret\":\"changed\"}");
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_E_AUTH);
  simulator_set("/sim/secret", text_of("{\"secret\":\"%s\"}", environment("WXSUB_SECRET")));
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_OK);
  wxsub_free(client);
}

static void nobody_there(void) {
  wxsub_client *client = client_of("secret", "http://127.0.0.1:1", text_of(",\"timeout_ms\":%ld", patient(1000)));
  long start = now_ms();
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_E_CONNECT);
  CHECK(strncmp(r.message, "network: ", 9) == 0);
  CHECK_HAS(r.message, "store: writable");
  CHECK_INT(r.retry, WXSUB_RETRY_LATER);
  CHECK(now_ms() - start < patient(3000));
  wxsub_free(client);
}

static void wechat_does_not_answer(void) {
  wxsub_client *client = good_client(text_of(",\"timeout_ms\":%ld", patient(600)));
  long start = now_ms();
  arm("{\"kind\":\"stall\",\"endpoint\":\"other\"}");
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_E_CONNECT);
  CHECK(now_ms() - start < patient(2000));
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_OK);
  wxsub_free(client);
}

static void an_external_token(void) {
  wxsub_client *client = good_client(",\"token\":\"external\"");
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_E_AUTH);
  CHECK_HAS(r.message, "wxsub_set_token");
  wxsub_free(client);
}

static void wrong_calls(void) {
  wxsub_client *client = good_client("");
  wxsub_result small;
  memset(&small, 0xA5, sizeof small);
  small.struct_size = sizeof small - 1;
  CHECK_VERDICT(wxsub_check(NULL, &r), &r, WXSUB_E_STATE);
  CHECK_INT(wxsub_check(NULL, NULL), WXSUB_E_STATE);
  CHECK_INT(wxsub_check(client, &small), WXSUB_E_ARG);
  CHECK_INT(small.status, (int32_t)0xA5A5A5A5);
  wxsub_free(client);
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_E_STATE);
}

int main(void) {
  all_is_well();
  templates();
  a_wrong_secret();
  a_wrong_appid();
  an_address_that_is_not_allowed_is_named();
  the_token_in_use_proves_nothing();
  nobody_there();
  wechat_does_not_answer();
  an_external_token();
  wrong_calls();
  return finish();
}
