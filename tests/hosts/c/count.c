/* The count: what adds to it, what sends take from it, what clears it; keys; several clients on one store. */

#include "support.h"

static wxsub_client *client;
static wxsub_result r = WXSUB_RESULT_INIT;

static void one_accept_is_one_message(void) {
  int64_t msgid;
  grant("o-one", "T", 2);
  CHECK_INT(count_of(client, "o-one", "T"), 0);
  CHECK_VERDICT(wxsub_report(client, "o-one", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.remaining, 1);
  CHECK_INT(r.quota, WXSUB_QUOTA_GRANTED);
  CHECK_TEXT(r.template_id, "T");
  CHECK_TEXT(r.key, "");
  CHECK_INT(count_of(client, "o-one", "T"), 1);

  CHECK_VERDICT(wxsub_send(client, message_to("o-one", "T"), "{\"tag\":42}", &r), &r, WXSUB_OK);
  CHECK_INT(r.remaining, 0);
  CHECK_INT(r.quota, WXSUB_QUOTA_SPENT);
  CHECK_INT(r.retry, WXSUB_RETRY_NEVER);
  CHECK_INT(r.errcode, 0);
  CHECK_INT(r.http_status, 200);
  CHECK_INT(r.attempts, 1);
  CHECK_INT(r.tag, 42);
  CHECK_INT(r.flags, 0);
  CHECK_INT(r.ticket, 0);
  CHECK(r.msgid > 0);
  CHECK_TEXT(r.template_id, "T");
  msgid = r.msgid;
  CHECK_HAS(simulator_get("/sim/deliveries?openid=o-one"), text_of("\"msgid\":%lld", (long long)msgid));
  CHECK_HAS(simulator_get("/sim/deliveries?openid=o-one"), "{\"thing1\":{\"value\":\"hello\"}}");

  CHECK_VERDICT(wxsub_send(client, message_to("o-one", "T"), "{\"tag\":43}", &r), &r, WXSUB_E_NO_QUOTA);
  CHECK_INT(r.remaining, 0);
  CHECK_INT(r.quota, WXSUB_QUOTA_UNTOUCHED);
  CHECK_INT(r.retry, WXSUB_RETRY_NEVER);
  CHECK_INT(r.attempts, 0);
  CHECK_INT(r.http_status, 0);
  CHECK_INT(r.msgid, 0);
  CHECK_INT(r.tag, 43);
  CHECK_INT(sends_to("o-one"), 1);
}

static void answers_add_up_or_clear(void) {
  int i;
  for (i = 1; i <= 3; i++) {
    CHECK_VERDICT(wxsub_report(client, "o-sum", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
    CHECK_INT(r.remaining, i);
  }
  CHECK_VERDICT(wxsub_report(client, "o-sum", "T", WXSUB_BAN, NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.remaining, 3);
  CHECK_INT(r.quota, WXSUB_QUOTA_UNTOUCHED);
  CHECK_VERDICT(wxsub_report(client, "o-sum", "T", WXSUB_FILTER, NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.remaining, 3);
  CHECK_VERDICT(wxsub_report(client, "o-sum", "T", WXSUB_REJECT, NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.remaining, 0);
  CHECK_INT(r.quota, WXSUB_QUOTA_CLEARED);
  CHECK_VERDICT(wxsub_report(client, "o-sum", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.remaining, 1);
}

static void players_and_templates_are_apart(void) {
  wxsub_report(client, "o-a", "T", WXSUB_ACCEPT, NULL, NULL);
  wxsub_report(client, "o-a", "U", WXSUB_ACCEPT, NULL, NULL);
  wxsub_report(client, "o-b", "T", WXSUB_ACCEPT, NULL, NULL);
  wxsub_report(client, "o-a", "T", WXSUB_REJECT, NULL, NULL);
  CHECK_INT(count_of(client, "o-a", "T"), 0);
  CHECK_INT(count_of(client, "o-a", "U"), 1);
  CHECK_INT(count_of(client, "o-b", "T"), 1);
  CHECK_INT(count_of(client, "O-A", "U"), 0);
}

static void main_switch_off_clears_all(void) {
  wxsub_report(client, "o-off", "T", WXSUB_ACCEPT, NULL, NULL);
  wxsub_report(client, "o-off", "U", WXSUB_ACCEPT, NULL, NULL);
  CHECK_VERDICT(wxsub_report(client, "o-off", NULL, WXSUB_REJECT, NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.quota, WXSUB_QUOTA_CLEARED);
  CHECK_TEXT(r.template_id, "");
  CHECK_INT(count_of(client, "o-off", "T"), 0);
  CHECK_INT(count_of(client, "o-off", "U"), 0);
}

static void system_types_are_on_or_off(void) {
  static const char type[] = "SYS_MSG_TYPE_INTERACTIVE";
  CHECK_INT(count_of(client, "o-sys", type), 0);
  wxsub_report(client, "o-sys", type, WXSUB_ACCEPT, NULL, NULL);
  CHECK_VERDICT(wxsub_report(client, "o-sys", type, WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
  CHECK_INT(count_of(client, "o-sys", type), 1);
  CHECK_VERDICT(wxsub_send(client, message_to("o-sys", type), NULL, &r), &r, WXSUB_E_ARG);
  CHECK_INT(count_of(client, "o-sys", type), 1);
  wxsub_report(client, "o-sys", type, WXSUB_REJECT, NULL, NULL);
  CHECK_INT(count_of(client, "o-sys", type), 0);
  CHECK_INT(sends_to("o-sys"), 0);
}

static void a_report_counts_once_per_key(void) {
  CHECK_VERDICT(wxsub_report(client, "o-key", "T", WXSUB_ACCEPT, "act-1", &r), &r, WXSUB_OK);
  CHECK_INT(r.flags, 0);
  CHECK_TEXT(r.key, "act-1");
  CHECK_VERDICT(wxsub_report(client, "o-key", "T", WXSUB_ACCEPT, "act-2", &r), &r, WXSUB_OK);
  CHECK_INT(r.remaining, 2);
  CHECK_VERDICT(wxsub_report(client, "o-key", "T", WXSUB_ACCEPT, "act-1", &r), &r, WXSUB_OK);
  CHECK_INT(r.flags, WXSUB_REPLAYED);
  CHECK_INT(r.remaining, 1);
  CHECK_INT(r.quota, WXSUB_QUOTA_GRANTED);
  CHECK_INT(count_of(client, "o-key", "T"), 2);
  CHECK_VERDICT(wxsub_report(client, "o-key", "U", WXSUB_ACCEPT, "act-1", &r), &r, WXSUB_OK);
  CHECK_INT(r.flags, 0);
  CHECK_VERDICT(wxsub_report(client, "o-key-2", "T", WXSUB_ACCEPT, "act-1", &r), &r, WXSUB_OK);
  CHECK_INT(r.flags, 0);
}

static void a_send_happens_once_per_key(void) {
  int64_t msgid;
  grant("o-keyed", "T", 2);
  wxsub_report(client, "o-keyed", "T", WXSUB_ACCEPT, NULL, NULL);

  CHECK_VERDICT(wxsub_send(client, message_to("o-keyed", "U"), "{\"key\":\"mail\"}", &r), &r, WXSUB_E_NO_QUOTA);
  CHECK_VERDICT(wxsub_send(client, message_to("o-keyed", "T"), "{\"key\":\"mail\",\"tag\":1}", &r), &r, WXSUB_OK);
  CHECK_INT(r.flags, 0);
  CHECK_TEXT(r.key, "mail");
  msgid = r.msgid;
  wxsub_report(client, "o-keyed", "T", WXSUB_ACCEPT, NULL, NULL);
  CHECK_VERDICT(wxsub_send(client, message_to("o-keyed", "T"), "{\"key\":\"mail\",\"tag\":2}", &r), &r, WXSUB_OK);
  CHECK_INT(r.flags, WXSUB_REPLAYED);
  CHECK_INT(r.msgid, msgid);
  CHECK_INT(r.tag, 2);
  CHECK_INT(sends_to("o-keyed"), 1);
  CHECK_INT(count_of(client, "o-keyed", "T"), 1);
  CHECK_VERDICT(wxsub_send(client, message_to("o-keyed", "U"), "{\"key\":\"mail\"}", &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_send(client, message_to("o-keyed", "T"), "{\"key\":\"mail-2\"}", &r), &r, WXSUB_OK);
  CHECK_INT(r.flags, 0);
  CHECK_INT(deliveries_to("o-keyed"), 2);
}

static void what_wechat_refuses_clears_the_count(void) {
  wxsub_report(client, "o-refused", "T", WXSUB_ACCEPT, NULL, NULL);
  wxsub_report(client, "o-refused", "T", WXSUB_ACCEPT, NULL, NULL);
  CHECK_VERDICT(wxsub_send(client, message_to("o-refused", "T"), NULL, &r), &r, WXSUB_E_REFUSED);
  CHECK_INT(r.errcode, 43101);
  CHECK_INT(r.quota, WXSUB_QUOTA_CLEARED);
  CHECK_INT(r.retry, WXSUB_RETRY_NEVER);
  CHECK_INT(r.remaining, 0);
  CHECK_INT(count_of(client, "o-refused", "T"), 0);
}

static void two_clients_share_a_store(void) {
  char *path = in_tmp("shared.db");
  wxsub_client *a = open_config(config_with(path, ""));
  wxsub_client *b = open_config(config_with(path, ""));
  CHECK(a != b);
  allow(a, "o-shared", "T");
  CHECK_INT(count_of(b, "o-shared", "T"), 1);
  CHECK_VERDICT(wxsub_send(b, message_to("o-shared", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_send(a, message_to("o-shared", "T"), NULL, &r), &r, WXSUB_E_NO_QUOTA);
  wxsub_free(a);
  CHECK_INT(count_of(b, "o-shared", "T"), 0);
  wxsub_free(b);
}

static void observing_sends_at_zero(void) {
  wxsub_client *observer = open_config(config_with(in_tmp("observer.db"), ",\"quota\":\"observe\""));
  grant("o-seen", "T", 2);
  CHECK_VERDICT(wxsub_send(observer, message_to("o-seen", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.quota, WXSUB_QUOTA_UNTOUCHED);
  wxsub_report(observer, "o-seen", "T", WXSUB_ACCEPT, NULL, NULL);
  CHECK_INT(count_of(observer, "o-seen", "T"), 1);
  CHECK_VERDICT(wxsub_send(observer, message_to("o-seen", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.quota, WXSUB_QUOTA_SPENT);
  CHECK_INT(count_of(observer, "o-seen", "T"), 0);
  CHECK_VERDICT(wxsub_send(observer, message_to("o-seen", "T"), NULL, &r), &r, WXSUB_E_REFUSED);
  CHECK_INT(deliveries_to("o-seen"), 2);
  wxsub_free(observer);
}

static void a_token_from_the_host(void) {
  wxsub_client *external = open_config(config_with(in_tmp("external.db"), ",\"token\":\"external\""));
  char token[1024];
  const char *start, *end;
  grant("o-token", "T", 1);
  wxsub_report(external, "o-token", "T", WXSUB_ACCEPT, NULL, NULL);
  CHECK_VERDICT(wxsub_send(external, message_to("o-token", "T"), NULL, &r), &r, WXSUB_E_AUTH);
  CHECK_INT(wxsub_set_token(external, "made-up", 7200), WXSUB_OK);
  CHECK_VERDICT(wxsub_send(external, message_to("o-token", "T"), NULL, &r), &r, WXSUB_E_AUTH);
  CHECK_INT(count_of(external, "o-token", "T"), 1);

  start = strstr(simulator_get("/sim/token"), "\"stable\":\"");
  if (start == NULL) give_up("the simulator has no token yet");
  start += strlen("\"stable\":\"");
  end = strchr(start, '"');
  snprintf(token, sizeof token, "%.*s", (int)(end - start), start);
  CHECK_INT(wxsub_set_token(external, token, 7200), WXSUB_OK);
  CHECK_VERDICT(wxsub_send(external, message_to("o-token", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_INT(count_of(external, "o-token", "T"), 0);
  wxsub_free(external);
}

static void a_plan_says_what_to_ask_for(void) {
  static const char request[] = "{\"templates\":[{\"id\":\"A\",\"keep\":1},{\"id\":\"B\"},{\"id\":\"C\"}],\"most\":2}";
  static const char plan[] =
      "{\"ask\":[\"C\"],\"counts\":{\"A\":1,\"B\":0,\"C\":0},\"why\":{\"A\":\"stocked\",\"B\":\"refused\",\"C\":\"ask\"}}";
  static char many[64 * 160], reply[4096 + 8];
  char *at = many;
  size_t length = 7, i;
  allow(client, "o-plan", "A");
  CHECK_INT(wxsub_report(client, "o-plan", "B", WXSUB_REJECT, NULL, NULL), WXSUB_OK);
  memset(reply, 0x55, sizeof reply);
  CHECK_VERDICT(wxsub_ask(client, "o-plan", request, reply, 4096, &length, &r), &r, WXSUB_OK);
  CHECK_TEXT(reply, plan);
  CHECK_INT(length, strlen(plan));
  CHECK_INT(wxsub_ask(client, "o-plan", request, reply, 4096, NULL, NULL), WXSUB_OK);
  CHECK_TEXT(reply, plan);

  /* Every wrong argument, each with an empty reply. */
  CHECK_VERDICT(wxsub_ask(client, "o-plan", request, reply, 4095, &length, &r), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "4096");
  CHECK_INT(length, 0);
  CHECK_TEXT(reply, "");
  CHECK_VERDICT(wxsub_ask(client, "o-plan", request, NULL, 4096, &length, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_ask(client, "o-plan", request, NULL, 0, &length, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_ask(client, NULL, request, reply, 4096, &length, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_ask(client, "", request, reply, 4096, &length, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_ask(client, "o-plan", NULL, reply, 4096, &length, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_ask(client, "o-plan", "\xff", reply, 4096, &length, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_ask(client, "o-plan", "{\"template\":[]}", reply, 4096, &length, &r), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "did you mean templates?");
  CHECK_INT(wxsub_ask(NULL, "o-plan", request, reply, 4096, &length, &r), WXSUB_E_STATE);
  CHECK_INT(wxsub_ask((wxsub_client *)(size_t)3, "o-plan", request, reply, 4096, &length, &r), WXSUB_E_STATE);

  /* One that does not fit says how much it needs, and writes nothing beyond the buffer. */
  at += sprintf(at, "{\"templates\":[");
  for (i = 0; i < 64; i++) at += sprintf(at, "%s{\"id\":\"%060d-%02d\"}", i == 0 ? "" : ",", 7, (int)i);
  sprintf(at, "]}");
  memset(reply, 0x55, sizeof reply);
  CHECK_VERDICT(wxsub_ask(client, "o-plan", many, reply, 4096, &length, &r), &r, WXSUB_E_ARG);
  CHECK(length > 4096);
  CHECK_TEXT(reply, "");
  for (i = 4096; i < sizeof reply; i++) CHECK_INT(reply[i], 0x55);
  at = malloc(length + 1);
  CHECK_VERDICT(wxsub_ask(client, "o-plan", many, at, length, &length, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_ask(client, "o-plan", many, at, length + 1, &length, &r), &r, WXSUB_OK);
  CHECK_INT(strlen(at), length);
  free(at);
}

int main(void) {
  client = open_store("count.db");
  a_plan_says_what_to_ask_for();
  one_accept_is_one_message();
  answers_add_up_or_clear();
  players_and_templates_are_apart();
  main_switch_off_clears_all();
  system_types_are_on_or_off();
  a_report_counts_once_per_key();
  a_send_happens_once_per_key();
  what_wechat_refuses_clears_the_count();
  two_clients_share_a_store();
  observing_sends_at_zero();
  a_token_from_the_host();
  wxsub_free(client);
  return finish();
}
