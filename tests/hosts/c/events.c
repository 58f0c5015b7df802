/* Pushed events: what is WeChat's counts, each act once; what is not, or does not fit, changes nothing. */

#include "support.h"

#include <pthread.h>

#define TOKEN "console-token"
/* As the console makes them: the last character's spare bits are not zero. */
#define AES_KEY "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
/* Plain mode, for a host that nobody but WeChat reaches. */
#define TRUSTING ",\"event\":{\"token\":\"" TOKEN "\",\"trust_plain\":true}"
#define SECURE ",\"mode\":\"secure\",\"aes_key\":\"" AES_KEY "\""
#define ACCEPT "{\"template_id\":\"T\",\"status\":\"accept\"}"
#define REJECT "{\"template_id\":\"T\",\"status\":\"reject\"}"

enum { FILL = 0xA5 };

static wxsub_client *client; /* without an aes_key */
static wxsub_client *secure; /* with one */
static wxsub_result r = WXSUB_RESULT_INIT;
static char reply[64];
static size_t reply_len;

/* Requests ----------------------------------------------------------------------------------------------------- */

struct pushed {
  char query[4096];
  char body[4096];
  size_t body_len;
};

/* The text of a member of the simulator's answer. */
static void member(const char *json, const char *name, char *to, size_t room) {
  const char *at = strstr(json, text_of("\"%s\":\"", name));
  size_t length = 0;
  if (at == NULL) give_up(json);
  for (at += strlen(name) + 4; *at != '"' && length + 1 < room; at++) {
    if (*at == '\\' && strchr("\"\\/", *++at) == NULL) give_up("an escape that this test does not know");
    to[length++] = *at;
  }
  to[length] = '\0';
}

/* `more` is further JSON members with a comma before. */
static struct pushed pushed_by(const char *token, const char *event, const char *openid, const char *items,
                               const char *more) {
  static struct pushed pushed;
  const char *answer =
      simulator("POST", "/sim/push",
                text_of("{\"event\":\"%s\",\"openid\":\"%s\",\"items\":[%s],\"token\":\"%s\"%s}", event, openid, items,
                        token, more));
  member(answer, "query", pushed.query, sizeof pushed.query);
  member(answer, "body", pushed.body, sizeof pushed.body);
  pushed.body_len = strlen(pushed.body);
  return pushed;
}

static struct pushed pushed(const char *event, const char *openid, const char *items, const char *more) {
  return pushed_by(TOKEN, event, openid, items, more);
}

static const char *address_check(const char *token, const char *echostr) {
  static char query[4096];
  member(simulator_get(text_of("/sim/verification?token=%s&echostr=%s", token, echostr)), "query", query, sizeof query);
  return query;
}

/* The body goes in a block of its very size, so that a memory checker sees who reads beyond. */
static wxsub_status handle(const wxsub_client *to, const char *query, const char *body, size_t body_len) {
  char *exact = malloc(body_len + (body_len == 0));
  wxsub_status status;
  if (exact == NULL) give_up("out of memory");
  memcpy(exact, body, body_len);
  memset(reply, FILL, sizeof reply);
  reply_len = 7777;
  status = wxsub_handle_event(to, query, exact, body_len, reply, sizeof reply, &reply_len, &r);
  free(exact);
  return status;
}

static wxsub_status handle_pushed(const wxsub_client *to, const struct pushed *p) {
  return handle(to, p->query, p->body, p->body_len);
}

static void expect_success(int line, const wxsub_client *to, struct pushed p) {
  check_verdict(__FILE__, line, "handle_event", handle_pushed(to, &p), &r, WXSUB_OK);
  check_text(__FILE__, line, "the reply", reply, "success");
  check_int(__FILE__, line, "its length", (long long)reply_len, 7);
}

static void expect_refused(int line, const wxsub_client *to, const char *query, const char *body, size_t body_len) {
  check_verdict(__FILE__, line, "handle_event", handle(to, query, body, body_len), &r, WXSUB_E_SIGNATURE);
  check_text(__FILE__, line, "the reply", reply, "");
  check_int(__FILE__, line, "its length", (long long)reply_len, 0);
  check_that(strstr(r.message, TOKEN) == NULL && strstr(r.message, AES_KEY) == NULL, __FILE__, line, "a secret: %s",
             r.message);
}

#define SUCCESS(to, p) expect_success(__LINE__, to, p)
#define REFUSED(to, query, body, body_len) expect_refused(__LINE__, to, query, body, body_len)

static int untouched(const char *from, const char *to) {
  while (from < to && (unsigned char)*from == FILL) from++;
  return from == to;
}

/* The check of the address ------------------------------------------------------------------------------------- */

static void the_check_of_the_address(void) {
  static char long_reply[3000], long_echo[2001];
  const char *query = address_check(TOKEN, "5837397520665623");
  CHECK_VERDICT(handle(client, query, "", 0), &r, WXSUB_OK);
  CHECK_TEXT(reply, "5837397520665623");
  CHECK_INT(reply_len, 16);
  CHECK_VERDICT(handle(client, text_of("?%s", query), "", 0), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_handle_event(secure, query, NULL, 0, reply, sizeof reply, &reply_len, &r), &r, WXSUB_OK);
  CHECK_TEXT(reply, "5837397520665623");
  REFUSED(client, address_check("wrong", "1"), "", 0);

  memset(long_echo, 'e', sizeof long_echo - 1);
  query = address_check(TOKEN, long_echo);
  CHECK_VERDICT(handle(client, query, "", 0), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "2000");
  CHECK_INT(reply_len, 0);
  CHECK_INT(wxsub_handle_event(client, query, NULL, 0, long_reply, sizeof long_reply, &reply_len, &r), WXSUB_OK);
  CHECK_TEXT(long_reply, long_echo);
  CHECK_INT(reply_len, 2000);
}

/* What counts -------------------------------------------------------------------------------------------------- */

static void an_answer_counts_once_however_often_it_comes(void) {
  struct pushed p = pushed("popup", "o-once", ACCEPT, "");
  SUCCESS(client, p);
  CHECK_TEXT(r.template_id, "T");
  CHECK_INT(r.quota, WXSUB_QUOTA_GRANTED);
  CHECK_INT(r.remaining, 1);
  CHECK_INT(r.flags, 0);
  SUCCESS(client, p);
  CHECK_INT(r.flags, WXSUB_REPLAYED);
  CHECK_INT(count_of(client, "o-once", "T"), 1);
  grant("o-once", "T", 1);
  CHECK_VERDICT(wxsub_send(client, message_to("o-once", "T"), NULL, &r), &r, WXSUB_OK);
  SUCCESS(client, p);
  CHECK_INT(count_of(client, "o-once", "T"), 0);
}

static void after_a_restart_too(void) {
  char *config = config_with(in_tmp("restart.db"), TRUSTING);
  struct pushed p = pushed("popup", "o-restart", ACCEPT, "");
  wxsub_client *before = open_config(config), *after;
  SUCCESS(before, p);
  wxsub_free(before);
  after = open_config(config);
  SUCCESS(after, p);
  CHECK_INT(r.flags, WXSUB_REPLAYED);
  CHECK_INT(count_of(after, "o-restart", "T"), 1);
  wxsub_free(after);
}

static void in_mode(const wxsub_client *to, const char *mode, const char *format, int number) {
  char *openid = text_of("o-%s-%d-%s", mode, number, to == secure ? "key" : "no-key");
  char *more = text_of(",\"mode\":\"%s\",\"aes_key\":\"" AES_KEY "\",%s", mode, format);
  SUCCESS(to, pushed("popup", openid, ACCEPT, more));
  CHECK_INT(r.remaining, 1);
  CHECK_INT(r.flags, 0);
}

static void every_format_and_mode(void) {
  static const char *const formats[] = {
      "\"format\":\"xml\"",
      "\"format\":\"json\"",
      "\"format\":\"json\",\"numbers_as_strings\":true,\"list_name\":\"event\"",
  };
  int i;
  for (i = 0; i < 3; i++) {
    in_mode(client, "plain", formats[i], i);
    in_mode(client, "mixed", formats[i], i);
    in_mode(secure, "mixed", formats[i], i);
    in_mode(secure, "secure", formats[i], i);
  }
}

/* A refusal event right after an accept keeps that one, in doubt of the clocks; here it comes long after. */
static char *seconds_ago(int seconds) { return text_of(",\"create_time\":%ld", (long)time(NULL) - seconds); }

static void refusals_and_several_parts(void) {
  static const char both[] = ACCEPT ",{\"template_id\":\"U\",\"status\":\"accept\"}";
  SUCCESS(client, pushed("popup", "o-parts", both, seconds_ago(250)));
  CHECK_TEXT(r.template_id, "");
  SUCCESS(client, pushed("popup", "o-parts", ACCEPT, seconds_ago(200)));
  CHECK_INT(r.remaining, 2);
  SUCCESS(client, pushed("change", "o-parts", REJECT, ",\"list_name\":\"always_popup\""));
  CHECK_TEXT(r.template_id, "T");
  CHECK_INT(r.quota, WXSUB_QUOTA_CLEARED);
  CHECK_INT(r.remaining, 0);
  CHECK_INT(count_of(client, "o-parts", "U"), 1);
  SUCCESS(client, pushed("popup", "o-parts", "{\"template_id\":\"U\",\"status\":\"reject\"}", ""));
  CHECK_INT(count_of(client, "o-parts", "U"), 0);
}

static void one_act_that_comes_both_ways_counts_once(void) {
  SUCCESS(client, pushed("popup", "o-event-first", ACCEPT, ""));
  CHECK_VERDICT(wxsub_report(client, "o-event-first", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.quota, WXSUB_QUOTA_UNTOUCHED);
  CHECK_INT(r.remaining, 1);
  CHECK_VERDICT(wxsub_report(client, "o-event-first", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.remaining, 2);

  CHECK_VERDICT(wxsub_report(client, "o-report-first", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
  SUCCESS(client, pushed("popup", "o-report-first", ACCEPT, ""));
  CHECK_INT(r.quota, WXSUB_QUOTA_UNTOUCHED);
  CHECK_INT(r.remaining, 1);
  CHECK_VERDICT(wxsub_report(client, "o-report-first", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.remaining, 2);

  /* The report of the refusal that WeChat told already must not take the accept that came after it. */
  SUCCESS(client, pushed("popup", "o-refusal", ACCEPT, seconds_ago(120)));
  SUCCESS(client, pushed("popup", "o-refusal", REJECT, seconds_ago(1)));
  CHECK_INT(count_of(client, "o-refusal", "T"), 0);
  SUCCESS(client, pushed("popup", "o-refusal", ACCEPT, ""));
  CHECK_VERDICT(wxsub_report(client, "o-refusal", "T", WXSUB_REJECT, NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.quota, WXSUB_QUOTA_UNTOUCHED);
  CHECK_INT(count_of(client, "o-refusal", "T"), 1);
}

static char *sent_item(int64_t msgid, int code) {
  return text_of("{\"template_id\":\"T\",\"msg_id\":%lld,\"error_code\":%d}", (long long)msgid, code);
}

static void a_late_result_settles_a_maybe(void) {
  static const struct {
    const char *openid, *kind;
    int code;
    wxsub_status settled;
    int left;
  } all[] = {{"o-late-sent", "\"close\",\"applied\":true", 0, WXSUB_OK, 0},
             {"o-late-refused", "\"close\"", 43101, WXSUB_E_REFUSED, 0}};
  size_t i;
  for (i = 0; i < sizeof all / sizeof all[0]; i++) {
    const char *const openid = all[i].openid;
    struct pushed p;
    allow(client, openid, "T");
    arm(text_of("{\"kind\":%s,\"endpoint\":\"send\",\"openid\":\"%s\"}", all[i].kind, openid));
    CHECK_VERDICT(wxsub_send(client, message_to(openid, "T"), "{\"key\":\"k\"}", &r), &r, WXSUB_E_UNKNOWN);
    CHECK_INT(count_of(client, openid, "T"), 1);
    p = pushed("sent", openid, sent_item(4711, all[i].code), "");
    SUCCESS(client, p);
    CHECK_INT(count_of(client, openid, "T"), all[i].left);
    SUCCESS(client, p);
    CHECK_INT(r.flags, WXSUB_REPLAYED);
    CHECK_INT(sends_to(openid), 1);
    if (all[i].settled == WXSUB_OK) {
      CHECK_VERDICT(wxsub_send(client, message_to(openid, "T"), "{\"key\":\"k\"}", &r), &r, WXSUB_OK);
      CHECK_INT(r.flags, WXSUB_REPLAYED);
      CHECK_INT(r.msgid, 4711);
      CHECK_INT(sends_to(openid), 1);
    } else {
      CHECK_VERDICT(wxsub_send(client, message_to(openid, "T"), "{\"key\":\"k\"}", &r), &r, WXSUB_E_NO_QUOTA);
    }
  }
}

static void *send_slowly(void *status) {
  /* message_to() is for one thread only. */
  static const char message[] = "{\"touser\":\"o-running\",\"template_id\":\"T\",\"data\":{\"thing1\":\"hello\"}}";
  *(wxsub_status *)status = wxsub_send(client, message, "{\"timeout_ms\":4000}", NULL);
  return NULL;
}

/* A result that comes while a send to the player runs: the host answers 500, and WeChat pushes again. */
static void a_result_waits_for_the_send_that_runs(void) {
  wxsub_client *hasty = open_config(
      config_with(in_tmp("events.db"), TRUSTING ",\"timeout_ms\":300"));
  wxsub_status status = -1;
  pthread_t sender;
  struct pushed p;
  int i;
  allow(client, "o-running", "T");
  arm("{\"kind\":\"delay\",\"delay_ms\":1200,\"endpoint\":\"send\",\"openid\":\"o-running\"}");
  p = pushed("sent", "o-running", sent_item(4712, 0), "");
  if (pthread_create(&sender, NULL, send_slowly, &status) != 0) give_up("pthread_create");
  for (i = 0; i < patient(400) && sends_to("o-running") == 0; i++) sleep_ms(5);
  CHECK_VERDICT(handle_pushed(hasty, &p), &r, WXSUB_E_BUSY);
  CHECK_TEXT(reply, "");
  CHECK_INT(reply_len, 0);
  SUCCESS(client, p);
  pthread_join(sender, NULL);
  CHECK_INT(status, WXSUB_OK);
  SUCCESS(hasty, p);
  CHECK_INT(count_of(client, "o-running", "T"), 0);
  wxsub_free(hasty);
}

struct push_at_once {
  const struct pushed *what;
  wxsub_result r;
};

static void *push_it(void *argument) {
  struct push_at_once *mine = argument;
  char answer[64];
  wxsub_handle_event(client, mine->what->query, mine->what->body, mine->what->body_len, answer, sizeof answer, NULL,
                     &mine->r);
  return NULL;
}

static void many_at_once(void) {
  enum { THREADS = 12 };
  static const wxsub_result none = WXSUB_RESULT_INIT;
  struct pushed p = pushed("popup", "o-crowd", ACCEPT, "");
  struct push_at_once each[THREADS];
  pthread_t threads[THREADS];
  int i, first = 0;
  for (i = 0; i < THREADS; i++) {
    each[i].what = &p;
    each[i].r = none;
    if (pthread_create(&threads[i], NULL, push_it, &each[i]) != 0) give_up("pthread_create");
  }
  for (i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    CHECK_INT(each[i].r.status, WXSUB_OK);
    first += each[i].r.flags == 0;
  }
  CHECK_INT(first, 1);
  CHECK_INT(count_of(client, "o-crowd", "T"), 1);
}

/* What does not count ------------------------------------------------------------------------------------------ */

static void handed_on(const wxsub_client *to, const struct pushed *p, const char *message) {
  static char plain[4096];
  size_t length = 7777;
  CHECK_VERDICT(handle_pushed(to, p), &r, WXSUB_OK);
  CHECK_TEXT(reply, "");
  CHECK_INT(reply_len, 0);
  CHECK_TEXT(r.template_id, "");
  CHECK_INT(r.quota, WXSUB_QUOTA_UNTOUCHED);
  CHECK_INT(r.flags, WXSUB_NOT_OURS);
  memset(plain, FILL, sizeof plain);
  CHECK_VERDICT(wxsub_open_event(to, p->query, p->body, p->body_len, plain, sizeof plain, &length, &r), &r, WXSUB_OK);
  CHECK_INT(length, strlen(message));
  CHECK_TEXT(plain, message);
  CHECK_INT(r.flags, 0);
  memset(plain, FILL, sizeof plain);
  CHECK_VERDICT(wxsub_open_event(to, p->query, p->body, p->body_len, plain, length, &length, &r), &r, WXSUB_OK);
  CHECK(memcmp(plain, message, length) == 0 && untouched(plain + length, plain + sizeof plain));
  memset(plain, FILL, sizeof plain);
  CHECK_VERDICT(wxsub_open_event(to, p->query, p->body, p->body_len, plain, length - 1, &length, &r), &r, WXSUB_E_ARG);
  CHECK_INT(length, strlen(message));
  CHECK(plain[0] == '\0' && untouched(plain + 1, plain + sizeof plain));
}

static void what_is_not_ours_is_left_to_the_host(void) {
  static const char *const bodies[] = {
      "<xml><ToUserName><![CDATA[gh]]></ToUserName><MsgType>text</MsgType><Content>accept</Content></xml>",
      "<xml><MsgType>event</MsgType><Event>user_enter_tempsession</Event></xml>",
      "\xef\xbb\xbf {\"MsgType\":\"text\",\"FromUserName\":\"o-other\",\"Content\":\"\xff\"}",
  };
  struct pushed p;
  size_t i;
  for (i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    p = pushed("popup", "o-other", ACCEPT, "");
    strcpy(p.body, bodies[i]);
    p.body_len = strlen(p.body);
    handed_on(client, &p, bodies[i]);
  }
  CHECK_INT(count_of(client, "o-other", "T"), 0);
  p = pushed("popup", "o-other", ACCEPT, SECURE ",\"message\":\"<xml><Event>minigame_deliver_goods</Event></xml>\"");
  handed_on(secure, &p, "<xml><Event>minigame_deliver_goods</Event></xml>");
}

static void what_cannot_be_opened(void) {
  struct pushed p = pushed("popup", "o-open", ACCEPT, SECURE);
  char plain[8] = "before";
  size_t length = 7777;
  CHECK_VERDICT(wxsub_open_event(secure, "a=b", p.body, p.body_len, plain, sizeof plain, &length, &r), &r,
                WXSUB_E_SIGNATURE);
  CHECK_INT(length, 0);
  CHECK_TEXT(plain, "");
  CHECK_VERDICT(wxsub_open_event(secure, NULL, p.body, p.body_len, plain, sizeof plain, &length, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_open_event(secure, p.query, NULL, 5, plain, sizeof plain, &length, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_open_event(secure, p.query, p.body, p.body_len, NULL, 5, &length, &r), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "plain is NULL");
  CHECK_INT(wxsub_open_event(NULL, NULL, NULL, 0, NULL, 0, NULL, NULL), WXSUB_E_STATE);
  CHECK_INT(wxsub_open_event(secure, p.query, p.body, p.body_len, NULL, 0, NULL, NULL), WXSUB_OK);
  CHECK_VERDICT(wxsub_open_event(secure, p.query, p.body, p.body_len, NULL, 0, &length, &r), &r, WXSUB_OK);
  CHECK(length > 100 && length < p.body_len);
  SUCCESS(secure, p);
  CHECK_INT(r.flags, 0); /* opening it applied nothing */
}

/* One query that somebody saw signs no body of his own. */
static void an_unsigned_body_lowers_no_count(void) {
  wxsub_client *wary = open_config(config_with(in_tmp("wary.db"), ",\"event\":{\"token\":\"" TOKEN "\"}"));
  struct pushed seen = pushed("popup", "o-wary", ACCEPT, ""), forged;
  SUCCESS(wary, seen);
  CHECK_INT(r.remaining, 1);
  SUCCESS(wary, pushed("popup", "o-wary", REJECT, seconds_ago(-200)));
  CHECK_INT(r.quota, WXSUB_QUOTA_UNTOUCHED);
  SUCCESS(wary, pushed("sent", "o-wary", sent_item(4713, 43101), ""));
  CHECK_INT(r.quota, WXSUB_QUOTA_UNTOUCHED);
  forged = pushed("popup", "o-forged", ACCEPT, "");
  REFUSED(wary, seen.query, forged.body, forged.body_len);
  CHECK_HAS(r.message, "another body");
  SUCCESS(wary, seen);
  CHECK_INT(r.flags, WXSUB_REPLAYED);
  CHECK_INT(count_of(wary, "o-wary", "T"), 1);
  CHECK_INT(count_of(wary, "o-forged", "T"), 0);
  wxsub_free(wary);
}

static void signatures(void) {
  static char long_query[20000];
  struct pushed p = pushed("popup", "o-forged", ACCEPT, "");
  struct pushed wrong = pushed_by("wrong-token", "popup", "o-forged", ACCEPT, "");
  struct pushed altered = p;
  char *digit = strstr(altered.query, "signature=") + strlen("signature=");
  *digit = *digit == '0' ? '1' : '0';
  REFUSED(client, wrong.query, wrong.body, wrong.body_len);
  CHECK_HAS(r.message, "event.token");
  REFUSED(client, altered.query, p.body, p.body_len);
  REFUSED(client, "", p.body, p.body_len);
  REFUSED(client, "a=b&c", p.body, p.body_len);
  REFUSED(client, text_of("%s&nonce=1", p.query), p.body, p.body_len);
  memset(long_query, 'a', sizeof long_query - 1);
  memcpy(long_query, text_of("%s&", p.query), strlen(p.query) + 1);
  REFUSED(client, long_query, p.body, p.body_len);
  CHECK_INT(count_of(client, "o-forged", "T"), 0);
}

static void too_old_or_too_new(void) {
  int seconds;
  for (seconds = -400; seconds <= 400; seconds += 800) {
    struct pushed p = pushed("popup", "o-old", ACCEPT, seconds_ago(seconds));
    REFUSED(client, p.query, p.body, p.body_len);
    CHECK_HAS(r.message, "clock");
  }
  CHECK_INT(count_of(client, "o-old", "T"), 0);
  /* A re-push of an old act is fine: it is signed anew. */
  SUCCESS(client, pushed("popup", "o-old", ACCEPT,
                         text_of("%s,\"timestamp\":\"%ld\"", seconds_ago(400), (long)time(NULL))));
  CHECK_INT(count_of(client, "o-old", "T"), 1);
}

static void encryption(void) {
  struct pushed plain = pushed("popup", "o-sealed", ACCEPT, "");
  struct pushed sealed = pushed("popup", "o-sealed", ACCEPT, SECURE);
  struct pushed second = pushed("popup", "o-sealed", ACCEPT, SECURE);
  struct pushed other = pushed("popup", "o-sealed", ACCEPT, SECURE ",\"appid\":\"wx9999999999999999\"");
  struct pushed foreign =
      pushed("popup", "o-sealed", ACCEPT,
             ",\"mode\":\"secure\",\"aes_key\":\"0000000000000000000000000000000000000000000\"");
  REFUSED(secure, plain.query, plain.body, plain.body_len);
  CHECK_HAS(r.message, "aes_key");
  REFUSED(client, sealed.query, sealed.body, sealed.body_len);
  CHECK_HAS(r.message, "aes_key");
  REFUSED(secure, sealed.query, second.body, second.body_len);
  REFUSED(secure, plain.query, sealed.body, sealed.body_len);
  REFUSED(secure, other.query, other.body, other.body_len);
  CHECK_HAS(r.message, "appid");
  REFUSED(secure, foreign.query, foreign.body, foreign.body_len);
  CHECK_INT(count_of(secure, "o-sealed", "T"), 0);
  SUCCESS(secure, sealed);
  CHECK_INT(r.remaining, 1);
}

static void bodies_that_nobody_can_read(void) {
  static const char *const bodies[] = {"nonsense", "<xml>", "{", "[]", "<", "\xff\xfe<\0x\0m\0l\0>", "\n\t "};
  struct pushed p = pushed("popup", "o-unreadable", ACCEPT, ",\"format\":\"json\"");
  size_t i;
  char *huge = malloc(1 << 21);
  for (i = 0; i < sizeof bodies / sizeof bodies[0]; i++) REFUSED(client, p.query, bodies[i], strlen(bodies[i]));
  for (i = 0; i < p.body_len; i += 7) REFUSED(client, p.query, p.body, i);
  REFUSED(client, p.query, "\0\0", 2);
  if (huge == NULL) give_up("out of memory");
  memset(huge, ' ', 1 << 21);
  huge[0] = '{';
  REFUSED(client, p.query, huge, 1 << 21);
  memset(huge, '{', 1 << 19);
  REFUSED(client, p.query, huge, 1 << 19);
  free(huge);
  CHECK_INT(count_of(client, "o-unreadable", "T"), 0);
}

/* Wrong calls -------------------------------------------------------------------------------------------------- */

static void wrong_calls(void) {
  struct pushed p = pushed("popup", "o-call", ACCEPT, "");
  wxsub_client *deaf = open_store("deaf.db");
  CHECK_VERDICT(handle_pushed(NULL, &p), &r, WXSUB_E_STATE);
  CHECK_INT(reply_len, 0);
  CHECK_VERDICT(handle_pushed(deaf, &p), &r, WXSUB_E_CONFIG);
  CHECK_HAS(r.message, "event");
  CHECK_TEXT(reply, "");
  wxsub_free(deaf);
  CHECK_VERDICT(handle_pushed(deaf, &p), &r, WXSUB_E_STATE);

  CHECK_VERDICT(handle(client, NULL, p.body, p.body_len), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "query");
  CHECK_VERDICT(handle(client, "signature=\xff", p.body, p.body_len), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "query");
  CHECK_VERDICT(wxsub_handle_event(client, p.query, NULL, 5, reply, sizeof reply, &reply_len, &r), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "body");
  CHECK_VERDICT(wxsub_handle_event(client, p.query, p.body, SIZE_MAX, reply, sizeof reply, &reply_len, &r), &r,
                WXSUB_E_ARG);
  reply_len = 7777;
  CHECK_VERDICT(wxsub_handle_event(client, p.query, p.body, p.body_len, NULL, 5, &reply_len, &r), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "reply");
  CHECK_INT(reply_len, 0);
  CHECK_INT(wxsub_handle_event(NULL, NULL, NULL, 0, NULL, 0, NULL, NULL), WXSUB_E_STATE);
  CHECK_INT(count_of(client, "o-call", "T"), 0);

  CHECK_INT(wxsub_handle_event(client, p.query, p.body, p.body_len, NULL, 0, NULL, NULL), WXSUB_OK);
  CHECK_INT(count_of(client, "o-call", "T"), 1);
  CHECK_INT(wxsub_handle_event(client, p.query, p.body, p.body_len, NULL, 0, &reply_len, NULL), WXSUB_OK);
  CHECK_INT(reply_len, 7);
}

static void replies_that_do_not_fit(void) {
  struct pushed p = pushed("popup", "o-room", ACCEPT, "");
  char room[32];
  size_t capacity;
  for (capacity = 0; capacity < 7; capacity++) {
    memset(room, FILL, sizeof room);
    reply_len = 7777;
    CHECK_VERDICT(wxsub_handle_event(client, p.query, p.body, p.body_len, room, capacity, &reply_len, &r), &r,
                  WXSUB_E_ARG);
    CHECK_HAS(r.message, "7 bytes");
    CHECK_INT(reply_len, 0);
    if (capacity > 0) CHECK_INT(room[0], 0);
    CHECK(untouched(room + (capacity > 0), room + sizeof room));
  }
  CHECK_INT(count_of(client, "o-room", "T"), 0);

  memset(room, FILL, sizeof room);
  CHECK_VERDICT(wxsub_handle_event(client, p.query, p.body, p.body_len, room, 7, &reply_len, &r), &r, WXSUB_OK);
  CHECK_INT(r.flags, 0);
  CHECK(memcmp(room, "success", 7) == 0 && untouched(room + 7, room + sizeof room));
  CHECK_INT(reply_len, 7);
  CHECK_VERDICT(wxsub_handle_event(client, p.query, p.body, p.body_len, room, 20, &reply_len, &r), &r, WXSUB_OK);
  CHECK_INT(r.flags, WXSUB_REPLAYED);
  CHECK(strcmp(room, "success") == 0 && untouched(room + 8, room + sizeof room));
  CHECK_INT(count_of(client, "o-room", "T"), 1);
}

static void result_sizes(void) {
  static const uint32_t bad[] = {0, 1, 440, 447, 4097, UINT32_MAX};
  static union {
    wxsub_result result;
    char bytes[4096 + 64];
  } memory;
  struct pushed p = pushed("popup", "o-size", ACCEPT, "");
  size_t i;
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    memset(&memory, FILL, sizeof memory);
    memory.result.struct_size = bad[i];
    reply_len = 7777;
    CHECK_INT(wxsub_handle_event(client, p.query, p.body, p.body_len, reply, sizeof reply, &reply_len, &memory.result),
              WXSUB_E_ARG);
    CHECK_INT(reply_len, 0);
    CHECK_INT(memory.result.struct_size, bad[i]);
    CHECK(untouched(memory.bytes + 4, memory.bytes + sizeof memory));
  }
  CHECK_INT(count_of(client, "o-size", "T"), 0);
  memset(&memory, FILL, sizeof memory);
  memory.result.struct_size = 4096;
  CHECK_INT(wxsub_handle_event(client, p.query, p.body, p.body_len, reply, sizeof reply, &reply_len, &memory.result),
            WXSUB_OK);
  CHECK_INT(memory.result.struct_size, 4096);
  CHECK_TEXT(memory.result.template_id, "T");
  CHECK(untouched(memory.bytes + sizeof(wxsub_result), memory.bytes + sizeof memory));
}

int main(void) {
  client = open_config(config_with(in_tmp("events.db"), TRUSTING));
  secure = open_config(
      config_with(in_tmp("secure.db"), ",\"event\":{\"token\":\"" TOKEN "\",\"aes_key\":\"" AES_KEY "\"}"));
  the_check_of_the_address();
  an_answer_counts_once_however_often_it_comes();
  after_a_restart_too();
  every_format_and_mode();
  refusals_and_several_parts();
  one_act_that_comes_both_ways_counts_once();
  a_late_result_settles_a_maybe();
  a_result_waits_for_the_send_that_runs();
  many_at_once();
  what_is_not_ours_is_left_to_the_host();
  what_cannot_be_opened();
  an_unsigned_body_lowers_no_count();
  signatures();
  too_old_or_too_new();
  encryption();
  bodies_that_nobody_can_read();
  wrong_calls();
  replies_that_do_not_fit();
  result_sizes();
  wxsub_free(secure);
  wxsub_free(client);
  return finish();
}
