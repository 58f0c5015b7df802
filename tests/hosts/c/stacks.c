/*
 * Game servers call from fibers and coroutines, whose stacks are small: every function on one of 64 KiB, in threads and, with
 * glibc, in a coroutine. An unoptimised library takes more: WXSUB_STACK_KIB says how much there is then; instrumented code
 * (WXSUB_TOOL) takes more still, and knows no coroutines. With WXSUB_HTTPS and WXSUB_CA set, over TLS, too; WXSUB_STORE
 * names a store in place of files, WXSUB_MORE further members of the configuration. WXSUB_STACK_TOLD prints what each
 * group of calls took.
 */

#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "support.h"

#include <pthread.h>
#ifdef __GLIBC__
#include <sys/mman.h>
#include <ucontext.h>
#endif

#define TOKEN "console-token"
#define AES_KEY "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"

enum { LEVELS = 32, TOO_DEEP = 120, ROOM = 65536, PUSHED = 8192 };

struct pushed {
  char query[1024];
  char body[PUSHED];
};

static size_t stack_bytes = 64 * 1024;
static wxsub_client *client;
static wxsub_client *secure; /* its pushes are encrypted */
static wxsub_result r = WXSUB_RESULT_INIT;
static char more_config[1024];
static char query[1024];
static struct pushed accepts, sent, deep, too_deep;
static char reply[ROOM];
static int runs; /* names what a run leaves in a store that others use, too */

/* {"NAME":[[[...1...]]]}, as deep as is taken or deeper. */
static const char *nested(const char *before, int levels, const char *after) {
  static char text[1024];
  char *at = text + sprintf(text, "{%s\"deep\":", before);
  memset(at, '[', (size_t)levels - 1);
  at += levels - 1;
  *at++ = '1';
  memset(at, ']', (size_t)levels - 1);
  at += levels - 1;
  sprintf(at, "%s}", after);
  return text;
}

/* This file, or the one store that was given. */
static const char *store_of(const char *path) {
  const char *given = getenv("WXSUB_STORE");
  return given != NULL ? given : path;
}

static void configures(void) {
  wxsub_client *other = NULL;
  CHECK_VERDICT(wxsub_init(config_with(store_of(in_tmp("other.db")), more_config), &other, &r), &r, WXSUB_OK);
  CHECK_INT(wxsub_set_log(other, NULL, NULL, NULL, WXSUB_LOG_OFF), WXSUB_OK);
  wxsub_free(other);
  CHECK_INT(wxsub_init(nested("", LEVELS, ""), &other, &r), WXSUB_E_CONFIG);
  CHECK_INT(wxsub_init(nested("", TOO_DEEP, ""), &other, &r), WXSUB_E_ARG);
}

static void counts(void) {
  static char plan[4096];
  wxsub_result results[2] = {WXSUB_RESULT_INIT, WXSUB_RESULT_INIT};
  size_t count = 0;
  int64_t left = 0;
  CHECK_VERDICT(wxsub_report(client, "o-stack", "T", WXSUB_ACCEPT, "k", &r), &r, WXSUB_OK);
  CHECK_INT(wxsub_report_json(client, "o-stack", "{\"T\":\"accept\"}", NULL, results, 2, &count), WXSUB_OK);
  CHECK_INT(wxsub_report_json(client, "o-deep", nested("", LEVELS, ""), NULL, results, 2, &count), WXSUB_OK);
  CHECK_INT(results[0].status, WXSUB_E_ARG);
  CHECK_INT(wxsub_report_json(client, "o-deep", nested("", TOO_DEEP, ""), NULL, results, 2, &count), WXSUB_E_ARG);
  CHECK_HAS(results[0].message, "nested");
  CHECK_INT(wxsub_quota(client, "o-stack", "T", &left, NULL), WXSUB_OK);
  CHECK(left > 0);
  CHECK_VERDICT(wxsub_ask(client, "o-stack", "{\"templates\":[{\"id\":\"T\"}]}", plan, sizeof plan, &count, &r), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_ask(client, "o-stack", nested("", LEVELS, ""), plan, sizeof plan, &count, &r), &r, WXSUB_E_ARG);
}

static void sends(void) {
  const char *message = "\"touser\":\"o-stack\",\"template_id\":\"T\",\"data\":{\"thing1\":\"hello\"},";
  CHECK_VERDICT(wxsub_send(client, message_to("o-stack", "T"), "{\"key\":\"sent\"}", &r), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_send(client, nested(message, LEVELS, ""), NULL, &r), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_send(client, nested(message, TOO_DEEP, ""), NULL, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_send(client, message_to("o-stack", "T"), nested("", LEVELS, ""), &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_lookup(client, "o-stack", "sent", &r), &r, WXSUB_OK);
  CHECK_INT(wxsub_set_token(client, "86_mine", 7200), WXSUB_E_ARG);
}

static void submits(void) {
  wxsub_result result = WXSUB_RESULT_INIT;
  size_t count = 0, polled = 0;
  ptrdiff_t handle = -1;
  CHECK_VERDICT(wxsub_submit_report(client, "o-stack", "T", WXSUB_ACCEPT, NULL, 1, NULL, &r), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_submit(client, message_to("o-stack", "T"), "{\"tag\":2}", NULL, &r), &r, WXSUB_OK);
  CHECK_VERDICT(
      wxsub_submit(client, message_to("o-stack", "T"), "{\"key\":\"later\",\"deliver_at\":4000000000000}", NULL, &r), &r,
      WXSUB_OK);
  while (polled < 3) {
    CHECK_INT(wxsub_poll(client, &result, 1, 60000, &count), WXSUB_OK);
    if (count != 1) break;
    CHECK_INT(result.status, WXSUB_OK);
    polled++;
  }
  CHECK_INT(polled, 3);
  CHECK_VERDICT(wxsub_lookup(client, "o-stack", "later", &r), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_cancel(client, "o-stack", "later", &r), &r, WXSUB_OK);
  wxsub_poll_handle(client, &handle);
}

static void listens(void) {
  static const char unsigned_query[] = "signature=1&timestamp=1&nonce=1";
  size_t length = 0;
  CHECK_INT(wxsub_handle_event(client, unsigned_query, "{}", 2, reply, sizeof reply, &length, &r), WXSUB_E_SIGNATURE);
  CHECK_INT(wxsub_open_event(client, unsigned_query, "{}", 2, NULL, 0, &length, &r), WXSUB_E_SIGNATURE);
}

/* The text of a member of the simulator's answer, which escapes quotes and line breaks. */
static void member(const char *json, const char *name, char *to, size_t room) {
  const char *at = strstr(json, text_of("\"%s\":\"", name));
  size_t length = 0;
  if (at == NULL) give_up(json);
  for (at += strlen(name) + 4; *at != '"' && length + 1 < room; at++) {
    if (*at == '\\') at++;
    to[length++] = at[-1] == '\\' && *at == 'n' ? '\n' : *at;
  }
  if (*at != '"') give_up("a push is too long");
  to[length] = '\0';
}

static void push(struct pushed *to, const char *fields) {
  const char *answer = simulator(
      "POST", "/sim/push", text_of("{\"token\":\"" TOKEN "\",\"aes_key\":\"" AES_KEY "\",\"mode\":\"secure\",%s}", fields));
  member(answer, "query", to->query, sizeof to->query);
  member(answer, "body", to->body, sizeof to->body);
}

/* On the big stack: what WeChat will push. In plain mode any body may stand under one query. */
static void prepare_pushes(void) {
  char tags[3 * TOO_DEEP + 1] = "";
  int level;
  member(simulator("POST", "/sim/push", "{\"token\":\"" TOKEN "\",\"message\":\"<xml/>\"}"), "query", query, sizeof query);
  push(&accepts, "\"event\":\"popup\",\"openid\":\"o-secure\",\"items\":[{\"template_id\":\"T\",\"status\":\"accept\"}]");
  push(&sent,
       "\"event\":\"sent\",\"openid\":\"o-secure\",\"items\":[{\"template_id\":\"T\",\"msg_id\":9,\"error_code\":0,"
       "\"error_status\":\"success\"}]");
  push(&deep, "\"message\":\"{\\\"Event\\\":\\\"minigame_deliver_goods\\\",\\\"deep\\\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}\"");
  for (level = 0; level < TOO_DEEP; level++) strcat(tags, "<a>");
  push(&too_deep, text_of("\"message\":\"%s\"", tags));
}

static void takes_events(void) {
  static char body[2048];
  size_t length = 0;
  int level;
  body[0] = '\0';
  CHECK_VERDICT(wxsub_handle_event(client, query, nested("", LEVELS, ""), strlen(nested("", LEVELS, "")), reply,
                                   sizeof reply, &length, &r),
                &r, WXSUB_OK);
  for (level = 0; level < TOO_DEEP; level++) strcat(body, "<a>");
  CHECK_INT(wxsub_handle_event(client, query, body, strlen(body), reply, sizeof reply, &length, &r), WXSUB_E_SIGNATURE);
  CHECK_HAS(r.message, "deep");
  CHECK_INT(wxsub_open_event(client, query, nested("", LEVELS, ""), strlen(nested("", LEVELS, "")), body, sizeof body,
                             &length, &r),
            WXSUB_OK);
}

static void takes_encrypted_events(void) {
  static char plain[PUSHED];
  size_t length = 0;
  CHECK_VERDICT(
      wxsub_handle_event(secure, accepts.query, accepts.body, strlen(accepts.body), reply, sizeof reply, &length, &r), &r,
      WXSUB_OK);
  CHECK_INT(r.quota, WXSUB_QUOTA_GRANTED);
  CHECK_VERDICT(
      wxsub_open_event(secure, accepts.query, accepts.body, strlen(accepts.body), plain, sizeof plain, &length, &r), &r,
      WXSUB_OK);
  CHECK_HAS(plain, "o-secure");
  CHECK_VERDICT(wxsub_handle_event(secure, sent.query, sent.body, strlen(sent.body), reply, sizeof reply, &length, &r), &r,
                WXSUB_OK);
  CHECK_VERDICT(wxsub_handle_event(secure, deep.query, deep.body, strlen(deep.body), reply, sizeof reply, &length, &r), &r,
                WXSUB_OK);
  CHECK_INT(r.flags & WXSUB_NOT_OURS, WXSUB_NOT_OURS);
  CHECK_VERDICT(wxsub_open_event(secure, deep.query, deep.body, strlen(deep.body), plain, sizeof plain, &length, &r), &r,
                WXSUB_OK);
  CHECK_VERDICT(
      wxsub_handle_event(secure, too_deep.query, too_deep.body, strlen(too_deep.body), reply, sizeof reply, &length, &r),
      &r, WXSUB_E_SIGNATURE);
  CHECK_HAS(r.message, "deep");
}

static void admin(const char *request, wxsub_status wanted) {
  size_t length = 0;
  CHECK_VERDICT(wxsub_admin(client, request, reply, sizeof reply, &length, &r), &r, wanted);
  CHECK_INT(length, strlen(reply));
  CHECK(wanted != WXSUB_OK || reply[0] == '{');
}

static void operates(void) {
  static const char *const requests[] = {
      "{\"do\":\"players\"}",
      "{\"do\":\"player\",\"openid\":\"o-stack\"}",
      "{\"do\":\"export\"}",
      "{\"do\":\"import\",\"players\":[{\"openid\":\"o-in\",\"template_id\":\"T\",\"count\":3},7],\"mode\":\"max\",\"key\":\"i\"}",
      "{\"do\":\"outbox\"}",
      "{\"do\":\"history\"}",
      "{\"do\":\"history\",\"openid\":\"o-stack\",\"what\":\"send\",\"status\":\"WXSUB_OK\"}",
      "{\"do\":\"funnel\",\"from\":\"2026-01-01\",\"to\":\"2026-03-01\"}",
      "{\"do\":\"opened\",\"openid\":\"o-stack\"}",
      "{\"do\":\"mute\",\"openid\":\"o-stack\",\"until_ms\":4000000000000}",
      "{\"do\":\"mute\",\"openid\":\"o-stack\",\"until_ms\":null}",
      "{\"do\":\"forget\",\"openid\":\"o-in\"}",
      "{\"do\":\"audit\"}",
      "{\"do\":\"compact\"}",
      "{\"do\":\"stats\"}",
      "{\"do\":\"token\"}",
      "{\"do\":\"metrics\"}",
      "{\"do\":\"campaign.list\"}",
  };
  size_t i;
  for (i = 0; i < sizeof requests / sizeof *requests; i++) admin(requests[i], WXSUB_OK);
  admin(text_of("{\"do\":\"backup\",\"path\":\"%s-%d\"}", in_tmp("backup"), runs),
        getenv("WXSUB_STORE") == NULL ? WXSUB_OK : WXSUB_E_ARG);
  admin(nested("\"do\":\"players\",", LEVELS, ""), WXSUB_E_ARG);
  admin(nested("\"do\":\"players\",", TOO_DEEP, ""), WXSUB_E_ARG);
  CHECK_HAS(r.message, "nested");
}

/* Records out, and in again. */
static void moves_records(void) {
  static char request[ROOM + 64];
  const char *records, *end;
  admin("{\"do\":\"export\",\"full\":true,\"limit\":1000}", WXSUB_OK);
  records = strstr(reply, "\"records\":");
  end = strstr(reply, ",\"next\":");
  if (records == NULL || end == NULL) give_up(reply);
  snprintf(request, sizeof request, "{\"do\":\"import\",%.*s}", (int)(end - records), records);
  admin(request, WXSUB_OK);
  CHECK_HAS(reply, "\"refused\":[]");
  CHECK(strstr(reply, "\"imported\":0") == NULL);
  admin(nested("\"do\":\"import\",\"mode\":\"set\",\"players\":[{", LEVELS - 2, "}]"), WXSUB_OK);
  CHECK_HAS(reply, "\"imported\":0");
}

/* A request about the campaign of this run that has this name. */
static void campaign(const char *what, const char *name, const char *fields) {
  admin(text_of("{\"do\":\"campaign.%s\",\"id\":\"%s-%d\"%s}", what, name, runs, fields), WXSUB_OK);
}

static void campaigns(void) {
#define MESSAGE ",\"message\":{\"template_id\":\"T\",\"data\":{\"thing1\":\"hello\"}}"
  campaign("put", "all", MESSAGE ",\"audience\":\"allowed\",\"dry_run\":true");
  campaign("put", "all", MESSAGE ",\"audience\":\"allowed\",\"start_at_ms\":4000000000000");
  campaign("put", "some", MESSAGE ",\"audience\":\"list\"");
  campaign("add", "some",
           ",\"key\":\"k\",\"players\":[\"o-stack\",{\"openid\":\"o-other\",\"data\":{\"thing1\":\"you\"}}]");
  CHECK_HAS(reply, "\"added\":2");
  admin(nested(text_of("\"do\":\"campaign.add\",\"id\":\"some-%d\",\"players\":[{\"openid\":\"o-deep\",\"data\":{", runs),
               LEVELS - 3, "}}]"),
        WXSUB_OK);
  campaign("forecast", "all", "");
  campaign("start", "some", "");
  campaign("status", "some", "");
  campaign("pause", "all", "");
  campaign("resume", "all", "");
  campaign("cancel", "all", "");
  admin("{\"do\":\"campaign.list\"}", WXSUB_OK);
  admin(nested("\"do\":\"campaign.put\",\"id\":\"deep\",\"audience\":\"list\",\"message\":{\"template_id\":\"T\",\"data\":{", LEVELS - 2, "}}"),
        WXSUB_E_MESSAGE);
#undef MESSAGE
}

/* A transport of the host's: it runs on the caller's stack. */
static int carried;

static int32_t carry(void *user_data, const wxsub_http_request *request, wxsub_http_response *response) {
  const char *answer = "{\"errcode\":0,\"errmsg\":\"ok\",\"msgid\":77}";
  (void)user_data;
  if (strstr(request->url, "token?") != NULL || strstr(request->url, "stable_token") != NULL) {
    answer = "{\"access_token\":\"86_carried\",\"expires_in\":7200}";
  } else if (strstr(request->url, "gettemplate") != NULL) {
    answer = "{\"errcode\":0,\"errmsg\":\"ok\",\"data\":[]}";
  }
  carried++;
  response->http_status = 200;
  response->body_len = strlen(answer);
  memcpy(response->body, answer, response->body_len);
  return WXSUB_HTTP_ANSWERED;
}

static int let_go;

static void destroy(void *user_data) {
  (void)user_data;
  let_go++;
}

static void carries(void) {
  carried = let_go = 0;
  CHECK_INT(wxsub_set_transport(client, carry, NULL, destroy), WXSUB_OK);
  CHECK_VERDICT(wxsub_report(client, "o-carried", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_send(client, message_to("o-carried", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.msgid, 77);
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_OK);
  CHECK(carried > 0);
  CHECK_INT(wxsub_set_transport(client, NULL, NULL, NULL), WXSUB_OK);
  CHECK_INT(let_go, 1);
}

static void asks(void) {
  static int logins;
  wxsub_identity who = WXSUB_IDENTITY_INIT;
  wxsub_stats stats = WXSUB_STATS_INIT;
  CHECK_VERDICT(wxsub_login(client, text_of("code-o-stack~%d", ++logins), &who, &r), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_OK);
  CHECK_INT(wxsub_get_stats(client, &stats), WXSUB_OK);
  CHECK(wxsub_abi() >= WXSUB_ABI && wxsub_version() != NULL && wxsub_status_name(0) != NULL);
}

static void ends(void) {
  size_t unfinished = 1;
  CHECK_INT(wxsub_shutdown(client, 3000, &unfinished), WXSUB_OK);
  CHECK_INT(unfinished, 0);
  wxsub_free(client);
  wxsub_free(secure);
}

static const struct {
  const char *name;
  void (*calls)(void);
} all[] = {
    {"configures", configures},
    {"counts", counts},
    {"sends", sends},
    {"submits", submits},
    {"listens", listens},
    {"takes_events", takes_events},
    {"takes_encrypted_events", takes_encrypted_events},
    {"operates", operates},
    {"moves_records", moves_records},
    {"campaigns", campaigns},
    {"carries", carries},
    {"asks", asks},
    {"ends", ends},
};
static void (*now)(void);

static void *in_a_thread(void *nothing) {
  now();
  return nothing;
}

#ifdef __GLIBC__
enum { PAGE = 4096, PAINT = 0xA5 };

/* A stack with a page below it that ends who goes further, and paint to see how far down somebody was. */
static unsigned char *new_stack(void) {
  unsigned char *all_of_it =
      mmap(NULL, stack_bytes + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all_of_it == MAP_FAILED || mprotect(all_of_it, PAGE, PROT_NONE) != 0) give_up("no stack");
  memset(all_of_it + PAGE, PAINT, stack_bytes);
  return all_of_it + PAGE;
}

static void end_stack(unsigned char *stack, const char *name) {
  size_t untouched = 0;
  while (untouched < stack_bytes && stack[untouched] == PAINT) untouched++;
  if (getenv("WXSUB_STACK_TOLD") != NULL) printf("%s: %lu bytes\n", name, (unsigned long)(stack_bytes - untouched));
  munmap(stack - PAGE, stack_bytes + PAGE);
}

static void in_a_coroutine(void (*what)(void), const char *name) {
  static ucontext_t back, there;
  unsigned char *stack = new_stack();
  if (getcontext(&there) != 0) give_up("no coroutine");
  there.uc_stack.ss_sp = stack;
  there.uc_stack.ss_size = stack_bytes;
  there.uc_link = &back;
  makecontext(&there, what, 0);
  CHECK(swapcontext(&back, &there) == 0);
  end_stack(stack, name);
}
#endif

static void in_a_thread_of_its_own(void (*what)(void), const char *name) {
  pthread_attr_t small;
  pthread_t thread;
  (void)name;
  now = what;
  pthread_attr_init(&small);
  if (pthread_attr_setstacksize(&small, stack_bytes) != 0) give_up("no such stack");
  if (pthread_create(&thread, &small, in_a_thread, NULL) != 0) give_up("no thread");
  pthread_join(thread, NULL);
  pthread_attr_destroy(&small);
}

static void everything(const char *name, const char *event, const char *more, void (*run)(void (*)(void), const char *)) {
  size_t i;
  runs++;
  snprintf(more_config, sizeof more_config, "%s}%s", event, more);
  client = open_config(config_with(store_of(in_tmp(text_of("%s.db", name))), more_config));
  secure = open_config(config_with(store_of(in_tmp(text_of("%s-secure.db", name))),
                                   text_of("%s,\"aes_key\":\"" AES_KEY "\"}%s", event, more)));
  grant("o-stack", "T", 20);
  prepare_pushes();
  for (i = 0; i < sizeof all / sizeof *all; i++) run(all[i].calls, text_of("%s, %s", name, all[i].name));
}

int main(void) {
  static const char event[] = ",\"event\":{\"token\":\"" TOKEN "\"";
  const char *kib = getenv("WXSUB_STACK_KIB"), *https = getenv("WXSUB_HTTPS"), *ca = getenv("WXSUB_CA");
  const char *more = getenv("WXSUB_MORE") == NULL ? "" : getenv("WXSUB_MORE");
  int coroutines = 0;
#ifdef __GLIBC__
  coroutines = getenv("WXSUB_TOOL") == NULL;
#endif
  if (kib != NULL && atoi(kib) > 0) stack_bytes = (size_t)atoi(kib) * 1024;
  if (getenv("WXSUB_TOOL") != NULL) stack_bytes = 1024 * 1024;
  everything("threads", event, more, in_a_thread_of_its_own);
#ifdef __GLIBC__
  if (coroutines) everything("coroutines", event, more, in_a_coroutine);
#endif
  if (https != NULL && ca != NULL) {
    static char tls[1024];
    snprintf(tls, sizeof tls, ",\"api_base\":\"%s\",\"ca_file\":\"%s\"", https, ca);
    everything("tls", event, tls, in_a_thread_of_its_own);
#ifdef __GLIBC__
    if (coroutines) everything("tls coroutines", event, tls, in_a_coroutine);
#endif
  }
  return finish();
}
