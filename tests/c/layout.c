/* Every number that crosses the ABI, exactly as the design has it. */

#include "support.h"

#define FIELD_OF(type, field, offset, bytes)     \
  do {                                           \
    CHECK_INT(offsetof(type, field), offset);    \
    CHECK_INT(sizeof((type *)0)->field, bytes);  \
  } while (0)
#define FIELD(field, offset, bytes) FIELD_OF(wxsub_result, field, offset, bytes)

static void fields(void) {
  FIELD(struct_size, 0, 4);
  FIELD(status, 4, 4);
  FIELD(errcode, 8, 4);
  FIELD(http_status, 12, 4);
  FIELD(retry, 16, 4);
  FIELD(quota, 20, 4);
  FIELD(remaining, 24, 8);
  FIELD(msgid, 32, 8);
  FIELD(ticket, 40, 8);
  FIELD(tag, 48, 8);
  FIELD(attempts, 56, 4);
  FIELD(elapsed_ms, 60, 4);
  FIELD(retry_after_ms, 64, 4);
  FIELD(flags, 68, 4);
  FIELD(template_id, 72, 64);
  FIELD(key, 136, 64);
  FIELD(message, 200, 248);
  CHECK_INT(sizeof(wxsub_result), 448);
  CHECK_INT(sizeof(wxsub_result[3]), 3 * 448);
  CHECK_INT(sizeof(wxsub_status), 4);

  FIELD_OF(wxsub_identity, struct_size, 0, 4);
  FIELD_OF(wxsub_identity, reserved, 4, 4);
  FIELD_OF(wxsub_identity, openid, 8, 64);
  FIELD_OF(wxsub_identity, unionid, 72, 64);
  FIELD_OF(wxsub_identity, session_key, 136, 64);
  CHECK_INT(sizeof(wxsub_identity), 200);
}

static void signs(void) {
  wxsub_result r;
  memset(&r, 0xff, sizeof r);
  CHECK(r.status < 0 && r.errcode < 0 && r.http_status < 0 && r.retry < 0 && r.quota < 0);
  CHECK(r.remaining < 0 && r.msgid < 0);
  CHECK(r.struct_size > 0 && r.ticket > 0 && r.tag > 0 && r.attempts > 0 && r.elapsed_ms > 0);
  CHECK(r.retry_after_ms > 0 && r.flags > 0);
  CHECK((wxsub_status)-1 < 0);
}

static void starting_value(void) {
  wxsub_result r = WXSUB_RESULT_INIT;
  wxsub_identity who = WXSUB_IDENTITY_INIT;
  wxsub_identity nobody;
  wxsub_result zero;
  memset(&zero, 0, sizeof zero);
  zero.struct_size = sizeof zero;
  CHECK(memcmp(&r, &zero, sizeof r) == 0);
  memset(&nobody, 0, sizeof nobody);
  nobody.struct_size = sizeof nobody;
  CHECK(memcmp(&who, &nobody, sizeof who) == 0);
}

static void statuses(void) {
  static const struct {
    const char *name;
    int value, wanted;
  } all[] = {
#define STATUS(name, wanted) {#name, name, wanted}
      STATUS(WXSUB_OK, 0),           STATUS(WXSUB_E_ARG, 1),         STATUS(WXSUB_E_CONFIG, 2),
      STATUS(WXSUB_E_MESSAGE, 3),    STATUS(WXSUB_E_STATE, 4),       STATUS(WXSUB_E_FORKED, 5),
      STATUS(WXSUB_E_NO_QUOTA, 20),  STATUS(WXSUB_E_REFUSED, 21),    STATUS(WXSUB_E_QUEUE_FULL, 22),
      STATUS(WXSUB_E_BUSY, 23),      STATUS(WXSUB_E_AUTH, 24),       STATUS(WXSUB_E_BANNED, 25),
      STATUS(WXSUB_E_WECHAT, 26),    STATUS(WXSUB_E_SIGNATURE, 27),  STATUS(WXSUB_E_CONNECT, 40),
      STATUS(WXSUB_E_UNKNOWN, 41),   STATUS(WXSUB_E_CANCELLED, 42),  STATUS(WXSUB_E_EXPIRED, 43),
      STATUS(WXSUB_E_NOT_FOUND, 44), STATUS(WXSUB_E_TOO_LATE, 45),   STATUS(WXSUB_E_STORE, 60),
      STATUS(WXSUB_E_PANIC, 61),     STATUS(WXSUB_E_INTERNAL, 62),
  };
  size_t i;
  int number, named = 0;
  for (i = 0; i < sizeof all / sizeof all[0]; i++) {
    CHECK_INT(all[i].value, all[i].wanted);
    CHECK_TEXT(wxsub_status_name(all[i].wanted), all[i].name);
  }
  for (number = -300; number < 300; number++) {
    if (strcmp(wxsub_status_name(number), "WXSUB_E_?") != 0) named++;
  }
  CHECK_INT(named, sizeof all / sizeof all[0]);
  CHECK_TEXT(wxsub_status_name(INT32_MIN), "WXSUB_E_?");
  CHECK_TEXT(wxsub_status_name(INT32_MAX), "WXSUB_E_?");
}

static void others(void) {
  CHECK_INT(WXSUB_ABI, 1);
  CHECK_INT(WXSUB_RETRY_NEVER, 0);
  CHECK_INT(WXSUB_RETRY_LATER, 1);
  CHECK_INT(WXSUB_RETRY_UNSAFE, 2);
  CHECK_INT(WXSUB_QUOTA_UNTOUCHED, 0);
  CHECK_INT(WXSUB_QUOTA_SPENT, 1);
  CHECK_INT(WXSUB_QUOTA_RETURNED, 2);
  CHECK_INT(WXSUB_QUOTA_CLEARED, 3);
  CHECK_INT(WXSUB_QUOTA_GRANTED, 4);
  CHECK_INT(WXSUB_ACCEPT, 1);
  CHECK_INT(WXSUB_REJECT, 2);
  CHECK_INT(WXSUB_BAN, 3);
  CHECK_INT(WXSUB_FILTER, 4);
  CHECK_INT(WXSUB_REPLAYED, 1);
  CHECK_INT(WXSUB_STORED, 2);
  CHECK_INT(WXSUB_OUTCOME, 4);
  CHECK_INT(WXSUB_LOG_OFF, 0);
  CHECK_INT(WXSUB_LOG_ERROR, 1);
  CHECK_INT(WXSUB_LOG_WARN, 2);
  CHECK_INT(WXSUB_LOG_INFO, 3);
  CHECK_INT(WXSUB_LOG_DEBUG, 4);
}

static void library(void) {
  const char *version = wxsub_version();
  CHECK(wxsub_abi() >= WXSUB_ABI);
  CHECK(version[0] >= '0' && version[0] <= '9');
  CHECK_HAS(version, "(sqlite 3.");
  CHECK(wxsub_version() == version);
}

int main(void) {
  fields();
  signs();
  starting_value();
  statuses();
  others();
  library();
  return finish();
}
