/*
 * A host of version 1: compiled against version 1's header, it must work with every later library. It calls every
 * function of that version and uses every field, and watches the memory behind its structs, where a later library's
 * structs may have more fields.
 */

#define _POSIX_C_SOURCE 200809L

#include "wxsub-v1.h"

#if WXSUB_ABI != 1
#error "this is not version 1's header"
#endif

/* Its #include "wxsub.h" brings nothing, since version 1's guard has the same name. */
#include "../../hosts/c/support.h"

#define TEMPLATE "T"

enum { BEHIND = 256, RESULTS = 4 };

static struct {
  wxsub_result r;
  unsigned char behind[BEHIND];
} one;
static struct {
  wxsub_result r[RESULTS];
  unsigned char behind[BEHIND];
} many;
static struct {
  wxsub_identity who;
  unsigned char behind[BEHIND];
} player;
static struct {
  wxsub_stats now;
  unsigned char behind[BEHIND];
} count;

static int untouched(const unsigned char *behind) {
  int i;
  for (i = 0; i < BEHIND; i++) {
    if (behind[i] != 0xa5) return 0;
  }
  return 1;
}

/* Fresh structs with a watched space behind each; in an array, each struct is the space behind the one before. */
static void prepare(void) {
  static const wxsub_result result = WXSUB_RESULT_INIT;
  static const wxsub_identity nobody = WXSUB_IDENTITY_INIT;
  static const wxsub_stats nothing = WXSUB_STATS_INIT;
  int i;
  memset(&one, 0xa5, sizeof one);
  memset(&many, 0xa5, sizeof many);
  memset(&player, 0xa5, sizeof player);
  memset(&count, 0xa5, sizeof count);
  one.r = result;
  for (i = 0; i < RESULTS; i++) many.r[i] = result;
  player.who = nobody;
  count.now = nothing;
}

static void check_around(int line) {
  int i;
  CHECK(untouched(one.behind) && untouched(many.behind) && untouched(player.behind) && untouched(count.behind));
  check_int(__FILE__, line, "one's struct_size", one.r.struct_size, 448);
  for (i = 0; i < RESULTS; i++) check_int(__FILE__, line, "a result's struct_size", many.r[i].struct_size, 448);
  check_int(__FILE__, line, "the identity's struct_size", player.who.struct_size, 200);
  check_int(__FILE__, line, "the statistics' struct_size", count.now.struct_size, 200);
}

/* A call, with nothing written beside what version 1 knew. */
#define CALL(call, wanted)     \
  do {                         \
    prepare();                 \
    CHECK_INT(call, wanted);   \
    check_around(__LINE__);    \
  } while (0)

static int lines, destroyed, carried, bad_requests;

static void log_line(void *user_data, int32_t level, const char *message) {
  (void)user_data;
  if (level >= WXSUB_LOG_ERROR && level <= WXSUB_LOG_DEBUG && message[0] != '\0') lines++;
}

static void destroy(void *user_data) {
  (void)user_data;
  destroyed++;
}

/* Answers as WeChat does, a token or a success. */
static int32_t carry(void *user_data, const wxsub_http_request *request, wxsub_http_response *response) {
  int is_send = strstr(request->url, "/cgi-bin/message/subscribe/send?") != NULL;
  (void)user_data;
  carried++;
  if (request->struct_size < sizeof *request || response->struct_size < sizeof *response || request->timeout_ms == 0 ||
      strcmp(request->method, "POST") != 0 || strcmp(request->content_type, "application/json") != 0 ||
      request->body == NULL || request->body_len == 0 || response->body_capacity < 65536) {
    bad_requests++;
  }
  response->http_status = 200;
  response->body_len = (size_t)snprintf(response->body, response->body_capacity, "%s",
                                        is_send ? "{\"errcode\":0,\"errmsg\":\"ok\",\"msgid\":4711}"
                                                : "{\"access_token\":\"86_of-the-host\",\"expires_in\":7200}");
  response->message[0] = '\0';
  return WXSUB_HTTP_ANSWERED;
}

static const char *message_for(const char *openid) { return message_to(openid, TEMPLATE); }

/* The next result, which must come. */
static const wxsub_result *polled(wxsub_client *client) {
  size_t got = 0;
  CALL(wxsub_poll(client, many.r, RESULTS, 20000, &got), WXSUB_OK);
  CHECK_INT(got, 1);
  return &many.r[0];
}

static void library(void) {
  CHECK(wxsub_abi() >= WXSUB_ABI);
  CHECK_HAS(wxsub_version(), "(sqlite 3.");
  CHECK_TEXT(wxsub_status_name(WXSUB_E_TOO_LATE), "WXSUB_E_TOO_LATE");
}

static void counts(wxsub_client *client) {
  int64_t left = -1;
  size_t parts = 0;
  CALL(wxsub_report(client, "o-count", TEMPLATE, WXSUB_ACCEPT, "first", &one.r), WXSUB_OK);
  CHECK_INT(one.r.quota, WXSUB_QUOTA_GRANTED);
  CHECK_INT(one.r.remaining, 1);
  CHECK_TEXT(one.r.template_id, TEMPLATE);
  CHECK_TEXT(one.r.key, "first");
  CALL(wxsub_report(client, "o-count", TEMPLATE, WXSUB_ACCEPT, "first", &one.r), WXSUB_OK);
  CHECK_INT(one.r.flags, WXSUB_REPLAYED);
  CALL(wxsub_report_json(client, "o-count", "{\"" TEMPLATE "\":\"accept\",\"T2\":\"reject\"}", NULL, many.r, 2, &parts),
       WXSUB_OK);
  CHECK_INT(parts, 2);
  CHECK_INT(many.r[0].remaining, 2);
  CHECK_TEXT(many.r[1].template_id, "T2");
  CHECK_INT(many.r[1].quota, WXSUB_QUOTA_CLEARED);
  CALL(wxsub_quota(client, "o-count", TEMPLATE, &left, &one.r), WXSUB_OK);
  CHECK_INT(left, 2);
}

static void sends(wxsub_client *client) {
  allow(client, "o-send", TEMPLATE);
  CALL(wxsub_send(client, message_for("o-send"), "{\"key\":\"k\",\"tag\":18446744073709551615}", &one.r), WXSUB_OK);
  CHECK(one.r.status == WXSUB_OK && one.r.errcode == 0 && one.r.http_status == 200 && one.r.retry == WXSUB_RETRY_NEVER);
  CHECK(one.r.quota == WXSUB_QUOTA_SPENT && one.r.remaining == 0 && one.r.msgid != 0 && one.r.ticket == 0);
  CHECK(one.r.tag == UINT64_MAX && one.r.attempts == 1 && one.r.elapsed_ms < 60000 && one.r.flags == 0);
  CHECK_TEXT(one.r.template_id, TEMPLATE);
  CHECK_TEXT(one.r.key, "k");
  CHECK_INT(deliveries_to("o-send"), 1);
  CALL(wxsub_send(client, message_for("o-send"), NULL, &one.r), WXSUB_E_NO_QUOTA);
  CHECK(strlen(one.r.message) > 15);

  grant("o-send", TEMPLATE, 1);
  CHECK_INT(wxsub_report(client, "o-send", TEMPLATE, WXSUB_ACCEPT, NULL, NULL), WXSUB_OK);
  arm("{\"kind\":\"close\",\"endpoint\":\"send\",\"applied\":true}");
  CALL(wxsub_send(client, message_for("o-send"), NULL, &one.r), WXSUB_E_UNKNOWN);
  CHECK_INT(one.r.retry, WXSUB_RETRY_UNSAFE);
  CHECK_INT(one.r.quota, WXSUB_QUOTA_RETURNED);
}

static void submits(wxsub_client *client) {
  const wxsub_result *r;
  uint64_t report = 0, message = 0;
  ptrdiff_t handle = -1;
  int64_t tomorrow = ((int64_t)time(NULL) + 86400) * 1000;
  grant("o-submit", TEMPLATE, 1);
  CALL(wxsub_submit_report(client, "o-submit", TEMPLATE, WXSUB_ACCEPT, NULL, 41, &report, &one.r), WXSUB_OK);
  r = polled(client);
  CHECK(r->ticket == report && r->tag == 41 && r->status == WXSUB_OK && r->remaining == 1);
  CALL(wxsub_submit(client, message_for("o-submit"), "{\"tag\":42}", &message, &one.r), WXSUB_OK);
  r = polled(client);
  CHECK(r->ticket == message && r->tag == 42 && r->status == WXSUB_OK && r->quota == WXSUB_QUOTA_SPENT);
#ifdef __linux__
  CALL(wxsub_poll_handle(client, &handle), WXSUB_OK);
  CHECK(handle >= 0);
#else
  CALL(wxsub_poll_handle(client, &handle), WXSUB_E_INTERNAL);
  CHECK_INT(handle, -1);
#endif

  CALL(wxsub_submit(client, message_for("o-submit"),
                    text_of("{\"deliver_at\":%lld,\"key\":\"later\"}", (long long)tomorrow), &message, &one.r),
       WXSUB_OK);
  r = polled(client);
  CHECK(r->ticket == message && r->status == WXSUB_OK && r->flags == WXSUB_STORED);
  CALL(wxsub_lookup(client, "o-submit", "later", &one.r), WXSUB_OK);
  CHECK(one.r.flags == WXSUB_STORED && one.r.retry_after_ms > 80000000);
  CALL(wxsub_cancel(client, "o-submit", "later", &one.r), WXSUB_OK);
  CALL(wxsub_cancel(client, "o-submit", "no such key", &one.r), WXSUB_E_NOT_FOUND);
}

static void account(wxsub_client *client) {
  char reply[64];
  size_t reply_len = 1;
  CALL(wxsub_login(client, "code-o-login", &player.who, &one.r), WXSUB_OK);
  CHECK_TEXT(player.who.openid, "o-login");
  CHECK(player.who.session_key[0] != '\0' && player.who.unionid[63] == '\0' && player.who.reserved == 0);
  CALL(wxsub_check(client, &one.r), WXSUB_OK);
  CALL(wxsub_handle_event(client, "signature=x&timestamp=1&nonce=2", "{}", 2, reply, sizeof reply, &reply_len, &one.r),
       WXSUB_E_SIGNATURE);
  CHECK_INT(reply_len, 0);
  CALL(wxsub_set_token(client, "86_mine", 7200), WXSUB_E_ARG);
}

static void transport(wxsub_client *client) {
  CHECK_INT(wxsub_set_transport(client, carry, NULL, destroy), WXSUB_OK);
  CHECK_INT(wxsub_report(client, "o-carried", TEMPLATE, WXSUB_ACCEPT, NULL, NULL), WXSUB_OK);
  CALL(wxsub_send(client, message_for("o-carried"), NULL, &one.r), WXSUB_OK);
  CHECK_INT(one.r.msgid, 4711);
  CHECK(carried >= 1 && bad_requests == 0 && destroyed == 0);
  CHECK_INT(wxsub_set_transport(client, NULL, NULL, NULL), WXSUB_OK);
  CHECK_INT(destroyed, 1);
}

static void statistics(wxsub_client *client) {
  CALL(wxsub_get_stats(client, &count.now), WXSUB_OK);
  CHECK_INT(count.now.sent, 3);
  CHECK_INT(count.now.no_quota, 1);
  CHECK_INT(count.now.unknown, 1);
  CHECK_INT(count.now.replayed + count.now.refused + count.now.lost_results + count.now.outbox_waiting, 0);
  CHECK(count.now.reports >= 6 && count.now.token_calls >= 1);
}

int main(void) {
  wxsub_client *client = NULL;
  size_t unfinished = 1;
  library();
  CALL(wxsub_init("{\"appid\":\"\"}", &client, &one.r), WXSUB_E_CONFIG);
  CALL(wxsub_init(config_with(in_tmp("wxsub.db"), ",\"event\":{\"token\":\"t\"}"), &client, &one.r), WXSUB_OK);
  CHECK_INT(wxsub_set_log(client, log_line, NULL, destroy, WXSUB_LOG_DEBUG), WXSUB_OK);
  counts(client);
  sends(client);
  submits(client);
  account(client);
  CHECK(lines > 0);
  CHECK_INT(wxsub_set_log(client, NULL, NULL, NULL, WXSUB_LOG_OFF), WXSUB_OK);
  CHECK_INT(destroyed, 1);
  destroyed = 0;
  transport(client);
  statistics(client);
  CALL(wxsub_shutdown(client, 3000, &unfinished), WXSUB_OK);
  CHECK_INT(unfinished, 0);
  wxsub_free(client);
  CALL(wxsub_quota(client, "o-count", TEMPLATE, NULL, &one.r), WXSUB_E_STATE);
  return finish();
}
