/*
 * Game servers call from fibers and coroutines, whose stacks are small: every function on one of 64 KiB, in threads and, with
 * glibc, in a coroutine. An unoptimised library takes more: WXSUB_STACK_KIB says how much there is then; instrumented code
 * (WXSUB_TOOL) takes more still, and knows no coroutines. With WXSUB_HTTPS and WXSUB_CA set, over TLS, too.
 */

#include "support.h"

#include <pthread.h>
#ifdef __GLIBC__
#include <ucontext.h>
#endif

#define TOKEN "console-token"

enum { LEVELS = 32, TOO_DEEP = 120 };

static size_t stack_bytes = 64 * 1024;
static wxsub_client *client;
static wxsub_result r = WXSUB_RESULT_INIT;
static const char *more_config = "";
static char query[1024];

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

static void configures(void) {
  wxsub_client *other = NULL;
  CHECK_VERDICT(wxsub_init(config_with(in_tmp("other.db"), more_config), &other, &r), &r, WXSUB_OK);
  CHECK_INT(wxsub_set_log(other, NULL, NULL, NULL, WXSUB_LOG_OFF), WXSUB_OK);
  wxsub_free(other);
  CHECK_INT(wxsub_init(nested("", LEVELS, ""), &other, &r), WXSUB_E_CONFIG);
  CHECK_INT(wxsub_init(nested("", TOO_DEEP, ""), &other, &r), WXSUB_E_ARG);
}

static void counts(void) {
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
  char reply[64];
  size_t length = 0;
  CHECK_INT(wxsub_handle_event(client, unsigned_query, "{}", 2, reply, sizeof reply, &length, &r), WXSUB_E_SIGNATURE);
  CHECK_INT(wxsub_open_event(client, unsigned_query, "{}", 2, NULL, 0, &length, &r), WXSUB_E_SIGNATURE);
}

/* So that the body is parsed. */
static void sign_a_query(void) {
  const char *answer = simulator("POST", "/sim/push", "{\"token\":\"" TOKEN "\",\"message\":\"<xml/>\"}");
  const char *at = strstr(answer, "\"query\":\""), *end;
  if (at == NULL || (end = strchr(at + 9, '"')) == NULL || (size_t)(end - at - 9) >= sizeof query) give_up(answer);
  memcpy(query, at + 9, (size_t)(end - at - 9));
  query[end - at - 9] = '\0';
}

static void takes_events(void) {
  static char body[2048];
  char reply[64];
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
  CHECK_INT(wxsub_set_transport(client, NULL, NULL, NULL), WXSUB_OK);
  CHECK_INT(wxsub_shutdown(client, 3000, &unfinished), WXSUB_OK);
  CHECK_INT(unfinished, 0);
  wxsub_free(client);
}

static void (*const all[])(void) = {configures, counts, sends, submits, listens, takes_events, asks, ends};
static void (*now)(void);

static void *in_a_thread(void *nothing) {
  now();
  return nothing;
}

static void on_a_small_stack(void (*what)(void)) {
  pthread_attr_t small;
  pthread_t thread;
  now = what;
  pthread_attr_init(&small);
  if (pthread_attr_setstacksize(&small, stack_bytes) != 0) give_up("no such stack");
  if (pthread_create(&thread, &small, in_a_thread, NULL) != 0) give_up("no thread");
  pthread_join(thread, NULL);
  pthread_attr_destroy(&small);
}

#ifdef __GLIBC__
static void in_a_coroutine(void (*what)(void)) {
  static ucontext_t back, there;
  char *stack = malloc(stack_bytes);
  if (stack == NULL || getcontext(&there) != 0) give_up("no coroutine");
  there.uc_stack.ss_sp = stack;
  there.uc_stack.ss_size = stack_bytes;
  there.uc_link = &back;
  makecontext(&there, what, 0);
  CHECK(swapcontext(&back, &there) == 0);
  free(stack);
}
#endif

static void everything(const char *store, const char *more, void (*run)(void (*)(void))) {
  size_t i;
  more_config = more;
  client = open_config(config_with(in_tmp(store), more));
  grant("o-stack", "T", 20);
  sign_a_query();
  for (i = 0; i < sizeof all / sizeof *all; i++) run(all[i]);
}

int main(void) {
  static const char event[] = ",\"event\":{\"token\":\"" TOKEN "\"}";
  const char *kib = getenv("WXSUB_STACK_KIB"), *https = getenv("WXSUB_HTTPS"), *ca = getenv("WXSUB_CA");
  if (kib != NULL && atoi(kib) > 0) stack_bytes = (size_t)atoi(kib) * 1024;
  if (getenv("WXSUB_TOOL") != NULL) stack_bytes = 1024 * 1024;
  everything("threads.db", event, on_a_small_stack);
#ifdef __GLIBC__
  if (getenv("WXSUB_TOOL") == NULL) everything("coroutines.db", event, in_a_coroutine);
#endif
  if (https != NULL && ca != NULL) {
    everything("tls.db", text_of("%s,\"api_base\":\"%s\",\"ca_file\":\"%s\"", event, https, ca), on_a_small_stack);
  }
  return finish();
}
