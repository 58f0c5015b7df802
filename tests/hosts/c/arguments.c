/* NULL for each pointer of each function, text that is not UTF-8, answers and keys out of range. None has an effect. */

#include "support.h"

static wxsub_client *client;
static wxsub_result r = WXSUB_RESULT_INIT;

static const char *const not_utf8[] = {
    "\xff",             "abc\x80",          "\xc0\x80" /* overlong NUL */, "\xe4\xb8" /* cut */,
    "\xed\xa0\x80",     "\xf5\x80\x80\x80", "\xe4\xb8\x96\xfe",
};
enum { NOT_UTF8 = sizeof not_utf8 / sizeof not_utf8[0] };

static void null_to_init(void) {
  wxsub_client *out = (wxsub_client *)&r;
  char *config = config_with(in_tmp("other.db"), "");
  CHECK_VERDICT(wxsub_init(NULL, &out, &r), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "config_json");
  CHECK(out == NULL);
  CHECK_VERDICT(wxsub_init(config, NULL, &r), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "out");
  CHECK_INT(wxsub_init(NULL, NULL, NULL), WXSUB_E_ARG);
  CHECK(!exists(in_tmp("other.db")));
  CHECK_INT(wxsub_init(config, &out, NULL), WXSUB_OK);
  CHECK(out != NULL);
  wxsub_free(out);
  wxsub_free(NULL);
}

static void null_client(void) {
  size_t count = 7;
  int64_t remaining = 7;
  CHECK_VERDICT(wxsub_report(NULL, "o", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_E_STATE);
  CHECK_VERDICT(wxsub_report_json(NULL, "o", "{}", NULL, &r, 1, &count), &r, WXSUB_E_STATE);
  CHECK_INT(count, 0);
  CHECK_VERDICT(wxsub_quota(NULL, "o", "T", &remaining, &r), &r, WXSUB_E_STATE);
  CHECK_INT(remaining, 7);
  CHECK_VERDICT(wxsub_send(NULL, message_to("o", "T"), NULL, &r), &r, WXSUB_E_STATE);
  CHECK_INT(wxsub_set_token(NULL, "token", 7200), WXSUB_E_STATE);
  CHECK_INT(wxsub_set_log(NULL, NULL, NULL, NULL, WXSUB_LOG_DEBUG), WXSUB_E_STATE);
}

static void null_to_report(void) {
  CHECK_VERDICT(wxsub_report(client, NULL, "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "openid");
  CHECK_VERDICT(wxsub_report(client, NULL, NULL, WXSUB_REJECT, NULL, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_report(client, "o-null", NULL, WXSUB_ACCEPT, NULL, &r), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "template_id");
  CHECK_VERDICT(wxsub_report(client, "o-null", NULL, WXSUB_BAN, NULL, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_report(client, "o-null", NULL, WXSUB_FILTER, NULL, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_report(client, "o-null", NULL, WXSUB_REJECT, NULL, &r), &r, WXSUB_OK);
  CHECK_INT(wxsub_report(client, "o-null", "T", WXSUB_REJECT, NULL, NULL), WXSUB_OK);
  CHECK_INT(wxsub_report(client, NULL, "T", WXSUB_REJECT, NULL, NULL), WXSUB_E_ARG);
}

static void null_to_report_json(void) {
  size_t count = 7;
  CHECK_VERDICT(wxsub_report_json(client, NULL, "{}", NULL, &r, 1, &count), &r, WXSUB_E_ARG);
  CHECK_INT(count, 0);
  CHECK_HAS(r.message, "openid");
  CHECK_VERDICT(wxsub_report_json(client, "o-null", NULL, NULL, &r, 1, &count), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "json");
  CHECK_INT(wxsub_report_json(client, "o-null", NULL, NULL, NULL, 0, NULL), WXSUB_E_ARG);
  CHECK_INT(wxsub_report_json(client, "o-null", "{\"T\":\"reject\"}", NULL, NULL, 5, &count), WXSUB_OK);
  CHECK_INT(count, 1);
  CHECK_INT(wxsub_report_json(client, "o-null", "{\"T\":\"reject\"}", NULL, &r, 1, NULL), WXSUB_OK);
  CHECK_INT(wxsub_report_json(client, "o-null", "{\"T\":\"reject\"}", NULL, NULL, 0, NULL), WXSUB_OK);
}

static void null_to_quota(void) {
  int64_t remaining = 7;
  CHECK_VERDICT(wxsub_quota(client, NULL, "T", &remaining, &r), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "openid");
  CHECK_VERDICT(wxsub_quota(client, "o-null", NULL, &remaining, &r), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "template_id");
  CHECK_INT(remaining, 7);
  CHECK_VERDICT(wxsub_quota(client, "o-null", "T", NULL, &r), &r, WXSUB_OK);
  CHECK_INT(wxsub_quota(client, "o-null", "T", &remaining, NULL), WXSUB_OK);
  CHECK_INT(remaining, 0);
  CHECK_INT(wxsub_quota(client, "o-null", "T", NULL, NULL), WXSUB_OK);
}

static void null_to_send(void) {
  CHECK_VERDICT(wxsub_send(client, NULL, NULL, &r), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "message_json");
  CHECK_VERDICT(wxsub_send(client, NULL, "{}", &r), &r, WXSUB_E_ARG);
  CHECK_INT(wxsub_send(client, NULL, NULL, NULL), WXSUB_E_ARG);
  CHECK_INT(wxsub_send(client, message_to("o-null", "T"), NULL, NULL), WXSUB_E_NO_QUOTA);
}

static void bad_tokens(void) {
  wxsub_client *external = open_config(config_with(in_tmp("external.db"), ",\"token\":\"external\""));
  CHECK_INT(wxsub_set_token(external, NULL, 7200), WXSUB_E_ARG);
  CHECK_INT(wxsub_set_token(external, "\xff", 7200), WXSUB_E_ARG);
  CHECK_INT(wxsub_set_token(external, "token", 0), WXSUB_E_ARG);
  CHECK_INT(wxsub_set_token(external, "token", 7200), WXSUB_OK);
  CHECK_INT(wxsub_set_token(external, "token", UINT32_MAX), WXSUB_OK);
  CHECK_INT(wxsub_set_token(client, "token", 7200), WXSUB_E_ARG);
  wxsub_free(external);
}

static void text_that_is_not_utf8(void) {
  int i;
  for (i = 0; i < NOT_UTF8; i++) {
    const char *bad = not_utf8[i];
    char *bad_message = message_to(bad, "T");
    char *bad_options = text_of("{\"key\":\"%s\"}", bad);
    wxsub_client *out = NULL;
    CHECK_VERDICT(wxsub_init(config_with(in_tmp("o.db"), text_of(",\"lang\":\"%s\"", bad)), &out, &r), &r,
                  WXSUB_E_ARG);
    CHECK(out == NULL);
    CHECK_VERDICT(wxsub_report(client, bad, "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_E_ARG);
    CHECK_HAS(r.message, "openid");
    CHECK_VERDICT(wxsub_report(client, "o-utf8", bad, WXSUB_ACCEPT, NULL, &r), &r, WXSUB_E_ARG);
    CHECK_VERDICT(wxsub_report(client, "o-utf8", bad, WXSUB_REJECT, NULL, &r), &r, WXSUB_E_ARG);
    CHECK_VERDICT(wxsub_report(client, "o-utf8", "T", WXSUB_ACCEPT, bad, &r), &r, WXSUB_E_ARG);
    CHECK_HAS(r.message, "key");
    CHECK_VERDICT(wxsub_report_json(client, bad, "{\"T\":\"accept\"}", NULL, &r, 1, NULL), &r, WXSUB_E_ARG);
    CHECK_VERDICT(wxsub_report_json(client, "o-utf8", text_of("{\"%s\":\"accept\"}", bad), NULL, &r, 1, NULL), &r,
                  WXSUB_E_ARG);
    CHECK_VERDICT(wxsub_report_json(client, "o-utf8", "{\"T\":\"accept\"}", bad, &r, 1, NULL), &r, WXSUB_E_ARG);
    CHECK_VERDICT(wxsub_quota(client, bad, "T", NULL, &r), &r, WXSUB_E_ARG);
    CHECK_VERDICT(wxsub_quota(client, "o-utf8", bad, NULL, &r), &r, WXSUB_E_ARG);
    CHECK_VERDICT(wxsub_send(client, bad_message, NULL, &r), &r, WXSUB_E_ARG);
    CHECK_VERDICT(wxsub_send(client, message_to("o-utf8", "T"), bad_options, &r), &r, WXSUB_E_ARG);
  }
  CHECK_INT(count_of(client, "o-utf8", "T"), 0);
}

static void answers_out_of_range(void) {
  static const int32_t bad[] = {0, 5, -1, 100, INT32_MIN, INT32_MAX};
  size_t i;
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    CHECK_VERDICT(wxsub_report(client, "o-answer", "T", bad[i], NULL, &r), &r, WXSUB_E_ARG);
    CHECK_HAS(r.message, "answer");
  }
  CHECK_INT(count_of(client, "o-answer", "T"), 0);
}

static void keys_up_to_512_bytes(void) {
  char key[514];
  memset(key, 'k', sizeof key);
  key[513] = '\0';
  CHECK_VERDICT(wxsub_report(client, "o-key", "T", WXSUB_ACCEPT, key, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_report_json(client, "o-key", "{\"T\":\"accept\"}", key, &r, 1, NULL), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_send(client, message_to("o-key", "T"), text_of("{\"key\":\"%s\"}", key), &r), &r, WXSUB_E_ARG);
  CHECK_INT(count_of(client, "o-key", "T"), 0);
  key[512] = '\0';
  CHECK_VERDICT(wxsub_report(client, "o-key", "T", WXSUB_ACCEPT, key, &r), &r, WXSUB_OK);
  CHECK_INT(strlen(r.key), 63);
  CHECK_VERDICT(wxsub_report(client, "o-key", "T", WXSUB_ACCEPT, "", &r), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_report(client, "o-key", "T", WXSUB_ACCEPT, "", &r), &r, WXSUB_OK);
  CHECK_INT(r.remaining, 3);
}

int main(void) {
  client = open_store("arguments.db");
  null_to_init();
  null_client();
  null_to_report();
  null_to_report_json();
  null_to_quota();
  null_to_send();
  bad_tokens();
  text_that_is_not_utf8();
  answers_out_of_range();
  keys_up_to_512_bytes();
  CHECK_INT(times_in(simulator_get("/sim/requests"), "\"seq\":"), 0);
  wxsub_free(client);
  return finish();
}
