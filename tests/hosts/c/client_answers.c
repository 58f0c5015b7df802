/* wxsub_report_json: the untouched objects that a player's game client got from WeChat. */

#include "support.h"

enum { ROOM = 8 };

static wxsub_client *client;
static wxsub_result results[ROOM];
static size_t count;

static wxsub_status report(const char *openid, const char *json, const char *key) {
  static const wxsub_result start = WXSUB_RESULT_INIT;
  size_t i;
  for (i = 0; i < ROOM; i++) results[i] = start;
  count = 99;
  return wxsub_report_json(client, openid, json, key, results, ROOM, &count);
}

static void check_entry(int line, size_t i, const char *template_id, wxsub_status status, int quota,
                        long long remaining) {
  check_text(__FILE__, line, "template_id", results[i].template_id, template_id);
  check_int(__FILE__, line, "status", results[i].status, status);
  check_int(__FILE__, line, "quota", results[i].quota, quota);
  if (remaining >= 0) check_int(__FILE__, line, "remaining", results[i].remaining, remaining);
}

#define CHECK_ENTRY(i, template_id, status, quota, remaining) \
  check_entry(__LINE__, i, template_id, status, WXSUB_QUOTA_##quota, remaining)

static void one_time_templates(void) {
  static const char json[] =
      "{\"errMsg\":\"requestSubscribeMessage:ok\",\"Z\":\"accept\",\"A\":\"reject\",\"M\":\"ban\",\"B\":\"filter\","
      "\"Y\":\"acceptWithAudio\",\"X\":\"acceptWithForcePush\"}";
  CHECK_INT(report("o-once", "{\"A\":\"accept\",\"errMsg\":\"requestSubscribeMessage:ok\"}", NULL), WXSUB_OK);
  CHECK_INT(count, 1);
  CHECK_ENTRY(0, "A", WXSUB_OK, GRANTED, 1);
  CHECK_INT(report("o-once", json, NULL), WXSUB_OK);
  CHECK_INT(count, 6);
  CHECK_ENTRY(0, "Z", WXSUB_OK, GRANTED, 1);
  CHECK_ENTRY(1, "A", WXSUB_OK, CLEARED, 0);
  CHECK_ENTRY(2, "M", WXSUB_OK, UNTOUCHED, 0);
  CHECK_ENTRY(3, "B", WXSUB_OK, UNTOUCHED, 0);
  CHECK_ENTRY(4, "Y", WXSUB_OK, GRANTED, 1);
  CHECK_ENTRY(5, "X", WXSUB_OK, GRANTED, 1);
  CHECK_INT(report("o-once", json, NULL), WXSUB_OK);
  CHECK_ENTRY(0, "Z", WXSUB_OK, GRANTED, 2);
}

static void system_types(void) {
  CHECK_INT(report("o-sys",
                   "{\"SYS_MSG_TYPE_INTERACTIVE\":\"accept\",\"SYS_MSG_TYPE_RANK\":\"reject\","
                   "\"errMsg\":\"requestSubscribeSystemMessage:ok\"}",
                   NULL),
            WXSUB_OK);
  CHECK_INT(count, 2);
  CHECK_TEXT(results[0].template_id, "SYS_MSG_TYPE_INTERACTIVE");
  CHECK_TEXT(results[1].template_id, "SYS_MSG_TYPE_RANK");
  CHECK_INT(results[0].quota, WXSUB_QUOTA_GRANTED);
  CHECK_INT(count_of(client, "o-sys", "SYS_MSG_TYPE_INTERACTIVE"), 1);
  CHECK_INT(count_of(client, "o-sys", "SYS_MSG_TYPE_RANK"), 0);
}

static void settings_are_a_state(void) {
  report("o-set", "{\"A\":\"accept\",\"B\":\"accept\",\"C\":\"accept\"}", NULL);
  CHECK_INT(report("o-set",
                   "{\"errMsg\":\"getSetting:ok\",\"authSetting\":{\"scope.userInfo\":true},\"subscriptionsSetting\":"
                   "{\"mainSwitch\":true,\"itemSettings\":{\"A\":\"accept\",\"B\":\"reject\",\"C\":\"ban\","
                   "\"SYS_MSG_TYPE_RANK\":\"accept\"}}}",
                   NULL),
            WXSUB_OK);
  CHECK_INT(count, 4);
  CHECK_ENTRY(0, "A", WXSUB_OK, UNTOUCHED, 1);
  CHECK_ENTRY(1, "B", WXSUB_OK, CLEARED, 0);
  CHECK_ENTRY(2, "C", WXSUB_OK, UNTOUCHED, 1);
  CHECK_TEXT(results[3].template_id, "SYS_MSG_TYPE_RANK");
  CHECK_INT(count_of(client, "o-set", "SYS_MSG_TYPE_RANK"), 1);

  CHECK_INT(report("o-set", "{\"mainSwitch\":true}", NULL), WXSUB_OK);
  CHECK_INT(count, 0);
  CHECK_INT(report("o-set", "{\"mainSwitch\":false,\"itemSettings\":{}}", NULL), WXSUB_OK);
  CHECK_INT(count, 1);
  CHECK_ENTRY(0, "", WXSUB_OK, CLEARED, -1);
  CHECK_INT(count_of(client, "o-set", "A"), 0);
  CHECK_INT(count_of(client, "o-set", "C"), 0);
}

static void failures_of_the_dialog(void) {
  report("o-fail", "{\"A\":\"accept\"}", NULL);
  CHECK_INT(report("o-fail", "{\"errMsg\":\"requestSubscribeMessage:fail\",\"errCode\":10005}", NULL), WXSUB_OK);
  CHECK_INT(count, 0);
  CHECK_INT(report("o-fail", "{\"errMsg\":\"requestSubscribeMessage:fail\",\"errCode\":20001}", NULL), WXSUB_OK);
  CHECK_INT(count, 0);
  CHECK_INT(report("o-fail", "{}", NULL), WXSUB_OK);
  CHECK_INT(count, 0);
  CHECK_INT(count_of(client, "o-fail", "A"), 1);
  CHECK_INT(report("o-fail", "{\"errMsg\":\"requestSubscribeMessage:fail\",\"errCode\":20004}", NULL), WXSUB_OK);
  CHECK_INT(count, 1);
  CHECK_ENTRY(0, "", WXSUB_OK, CLEARED, -1);
  CHECK_INT(count_of(client, "o-fail", "A"), 0);
}

static void an_unknown_word_fails_alone(void) {
  CHECK_INT(report("o-word", "{\"A\":\"accept\",\"B\":\"maybe\",\"C\":5,\"D\":null,\"E\":\"accept\"}", NULL), WXSUB_OK);
  CHECK_INT(count, 5);
  CHECK_ENTRY(0, "A", WXSUB_OK, GRANTED, 1);
  CHECK_ENTRY(1, "B", WXSUB_E_ARG, UNTOUCHED, -1);
  CHECK_ENTRY(2, "C", WXSUB_E_ARG, UNTOUCHED, -1);
  CHECK_ENTRY(3, "D", WXSUB_E_ARG, UNTOUCHED, -1);
  CHECK_ENTRY(4, "E", WXSUB_OK, GRANTED, 1);
  CHECK_HAS(results[1].message, "maybe");
  CHECK_INT(count_of(client, "o-word", "B"), 0);
}

static void what_is_no_such_object(void) {
  static const char *const bad[] = {
      "", "{", "[]", "null", "5", "\"accept\"", "{\"A\":}", "{\"subscriptionsSetting\":5}",
      "{\"mainSwitch\":\"off\"}", "{\"mainSwitch\":true,\"itemSettings\":[]}", "{\"A\":\"accept\"} x",
  };
  size_t i;
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    if (!CHECK_INT(report("o-shape", bad[i], NULL), WXSUB_E_ARG)) fprintf(stderr, "%s\n", bad[i]);
    CHECK_INT(count, 0);
    CHECK_INT(results[0].status, WXSUB_E_ARG);
    CHECK(strlen(results[0].message) >= 15);
    CHECK_TEXT(results[0].template_id, "");
  }
  CHECK_INT(count_of(client, "o-shape", "A"), 0);
}

static void more_than_there_is_room_for(void) {
  wxsub_result two[3] = {WXSUB_RESULT_INIT, WXSUB_RESULT_INIT, WXSUB_RESULT_INIT};
  const wxsub_result untouched = WXSUB_RESULT_INIT;
  CHECK_INT(wxsub_report_json(client, "o-room", "{\"A\":\"accept\",\"B\":\"accept\",\"C\":\"accept\"}", NULL, two, 2,
                              &count),
            WXSUB_OK);
  CHECK_INT(count, 3);
  CHECK_TEXT(two[1].template_id, "B");
  CHECK(memcmp(&two[2], &untouched, sizeof untouched) == 0);
  CHECK_INT(count_of(client, "o-room", "C"), 1);
}

static void a_key_counts_once_for_each_template(void) {
  CHECK_INT(report("o-key", "{\"A\":\"accept\",\"B\":\"accept\"}", "tap-1"), WXSUB_OK);
  CHECK_ENTRY(0, "A", WXSUB_OK, GRANTED, 1);
  CHECK_TEXT(results[0].key, "tap-1");
  CHECK_INT(report("o-key", "{\"B\":\"accept\",\"C\":\"accept\"}", "tap-1"), WXSUB_OK);
  CHECK_INT(count, 2);
  CHECK_INT(results[0].flags, WXSUB_REPLAYED);
  CHECK_INT(results[1].flags, 0);
  CHECK_INT(count_of(client, "o-key", "B"), 1);
  CHECK_INT(count_of(client, "o-key", "C"), 1);
  CHECK_INT(report("o-key", "{\"A\":\"accept\"}", "tap-2"), WXSUB_OK);
  CHECK_ENTRY(0, "A", WXSUB_OK, GRANTED, 2);
}

int main(void) {
  client = open_store("answers.db");
  one_time_templates();
  system_types();
  settings_are_a_state();
  failures_of_the_dialog();
  an_unknown_word_fails_alone();
  what_is_no_such_object();
  more_than_there_is_room_for();
  a_key_counts_once_for_each_template();
  wxsub_free(client);
  return finish();
}
