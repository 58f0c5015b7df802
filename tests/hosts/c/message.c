/* Messages and options that are wrong: a status, a sentence that names the field, no request, no unit spent. */

#include "support.h"

static wxsub_client *client;

static const struct {
  const char *json;
  wxsub_status wanted;
  const char *part;
} messages[] = {
    {"", WXSUB_E_ARG, "JSON"},
    {"{", WXSUB_E_ARG, "JSON"},
    {"null", WXSUB_E_ARG, "JSON"},
    {"[]", WXSUB_E_ARG, "JSON"},
    {"\"text\"", WXSUB_E_ARG, "JSON"},
    {"{} {}", WXSUB_E_ARG, "JSON"},
    {"{}", WXSUB_E_ARG, "touser"},
    {"{\"touser\":5,\"template_id\":\"T\",\"data\":{\"thing1\":\"x\"}}", WXSUB_E_ARG, "touser"},
    {"{\"touser\":\"\",\"template_id\":\"T\",\"data\":{\"thing1\":\"x\"}}", WXSUB_E_ARG, "touser"},
    {"{\"touser\":null,\"template_id\":\"T\",\"data\":{\"thing1\":\"x\"}}", WXSUB_E_ARG, "touser"},
    {"{\"touser\":\"o-bad\",\"data\":{\"thing1\":\"x\"}}", WXSUB_E_ARG, "template_id"},
    {"{\"touser\":\"o-bad\",\"template_id\":[],\"data\":{\"thing1\":\"x\"}}", WXSUB_E_ARG, "template_id"},
    {"{\"touser\":\"o-bad\",\"template_id\":\"SYS_MSG_TYPE_RANK\",\"data\":{\"thing1\":\"x\"}}", WXSUB_E_ARG,
     "SYS_MSG_TYPE_RANK"},
    {"{\"touser\":\"o-bad\",\"template_id\":\"T\"}", WXSUB_E_MESSAGE, "data"},
    {"{\"touser\":\"o-bad\",\"template_id\":\"T\",\"data\":5}", WXSUB_E_MESSAGE, "data"},
    {"{\"touser\":\"o-bad\",\"template_id\":\"T\",\"data\":\"{}\"}", WXSUB_E_MESSAGE, "data"},
    {"{\"touser\":\"o-bad\",\"template_id\":\"T\",\"data\":{\"thing1\":null}}", WXSUB_E_MESSAGE, "thing1"},
    {"{\"touser\":\"o-bad\",\"template_id\":\"T\",\"data\":{\"thing1\":[\"x\"]}}", WXSUB_E_MESSAGE, "thing1"},
    {"{\"touser\":\"o-bad\",\"template_id\":\"T\",\"data\":{\"thing1\":{\"valeu\":\"x\"}}}", WXSUB_E_MESSAGE, "thing1"},
    {"{\"touser\":\"o-bad\",\"template_id\":\"T\",\"page\":5,\"data\":{\"thing1\":\"x\"}}", WXSUB_E_MESSAGE, "page"},
    {"{\"touser\":\"o-bad\",\"template_id\":\"T\",\"lang\":\"fr\",\"data\":{\"thing1\":\"x\"}}", WXSUB_E_MESSAGE,
     "lang"},
    {"{\"touser\":\"o-bad\",\"template_id\":\"T\",\"miniprogram_state\":1,\"data\":{\"thing1\":\"x\"}}",
     WXSUB_E_MESSAGE, "miniprogram_state"},
};

static const struct {
  const char *json;
  const char *part;
} options[] = {
    {"{", "JSON"},
    {"[]", "JSON"},
    {"5", "JSON"},
    {"{\"kye\":null}", "kye"},
    {"{\"kye\":\"k\"}", "kye"},
    {"{\"deliver_at\":5}", "deliver_at"},
    {"{\"Key\":\"k\"}", "Key"},
    {"{\"key\":5}", "key"},
    {"{\"key\":[]}", "key"},
    {"{\"tag\":\"5\"}", "tag"},
    {"{\"tag\":-1}", "tag"},
    {"{\"tag\":1.5}", "tag"},
    {"{\"tag\":18446744073709551616}", "tag"},
    {"{\"timeout_ms\":\"5\"}", "timeout_ms"},
    {"{\"timeout_ms\":-1}", "timeout_ms"},
    {"{\"timeout_ms\":60001}", "timeout_ms"},
    {"{\"timeout_ms\":0}", "timeout_ms"},
};

/* Whether it is found here or by WeChat, the verdict is the same, and the unit stays the player's. */
static void values_that_break_their_rule(const char *templates) {
  wxsub_client *ruled = open_config(config_with(":memory:", text_of(",\"templates\":\"%s\"", templates)));
  static const char *const bad[] = {"", "123456789012345678901"};
  wxsub_result r = WXSUB_RESULT_INIT;
  size_t i;
  allow(ruled, "o-rule", "sim-stamina");
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char *message = text_of("{\"touser\":\"o-rule\",\"template_id\":\"sim-stamina\",\"data\":{\"thing1\":\"%s\","
                            "\"time2\":\"15:01\"}}",
                            bad[i]);
    CHECK_VERDICT(wxsub_send(ruled, message, NULL, &r), &r, WXSUB_E_MESSAGE);
    CHECK_HAS(r.message, "thing1");
    CHECK_INT(r.retry, WXSUB_RETRY_NEVER);
    CHECK_INT(count_of(ruled, "o-rule", "sim-stamina"), 1);
  }
  wxsub_free(ruled);
}

int main(void) {
  wxsub_result r = WXSUB_RESULT_INIT;
  size_t i;
  client = open_store("message.db");
  allow(client, "o-bad", "T");
  for (i = 0; i < sizeof messages / sizeof messages[0]; i++) {
    if (!CHECK_VERDICT(wxsub_send(client, messages[i].json, NULL, &r), &r, messages[i].wanted)) {
      fprintf(stderr, "%s\n", messages[i].json);
    }
    CHECK_HAS(r.message, messages[i].part);
    CHECK_INT(r.retry, WXSUB_RETRY_NEVER);
    CHECK_INT(r.attempts, 0);
    CHECK(r.quota != WXSUB_QUOTA_SPENT && r.quota != WXSUB_QUOTA_CLEARED);
  }
  for (i = 0; i < sizeof options / sizeof options[0]; i++) {
    if (!CHECK_VERDICT(wxsub_send(client, message_to("o-bad", "T"), options[i].json, &r), &r, WXSUB_E_ARG)) {
      fprintf(stderr, "%s\n", options[i].json);
    }
    CHECK_HAS(r.message, options[i].part);
    CHECK_INT(r.attempts, 0);
  }
  CHECK_INT(count_of(client, "o-bad", "T"), 1);
  CHECK_INT(times_in(simulator_get("/sim/requests"), "\"seq\":"), 0);

  CHECK_VERDICT(wxsub_send(client, message_to("o-bad", "T"), "{}", &r), &r, WXSUB_OK);
  allow(client, "o-bad", "T");
  CHECK_VERDICT(wxsub_send(client, message_to("o-bad", "T"), "{\"tag\":18446744073709551615,\"timeout_ms\":60000}", &r),
                &r, WXSUB_OK);
  CHECK(r.tag == UINT64_MAX);
  values_that_break_their_rule("off");
  values_that_break_their_rule("auto");
  wxsub_free(client);
  return finish();
}
