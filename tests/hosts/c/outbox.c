/* Messages for later: stored, delivered by whichever process is there, cancelled, replaced, looked up. */

#include "support.h"

#include <pthread.h>
#ifndef _WIN32
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#endif

static wxsub_client *client;
static wxsub_result r = WXSUB_RESULT_INIT;

static wxsub_result next_of(const wxsub_client *from) {
  wxsub_result result = WXSUB_RESULT_INIT;
  size_t count = 0;
  CHECK_INT(wxsub_poll(from, &result, 1, 60000, &count), WXSUB_OK);
  if (count != 1) give_up("no result came");
  return result;
}

/* Submits a message with these options (JSON members), and returns its ticket's result. */
static wxsub_result store(const char *openid, const char *options) {
  uint64_t ticket = 0;
  wxsub_result result;
  if (wxsub_submit(client, message_to(openid, "T"), text_of("{%s}", options), &ticket, &r) != WXSUB_OK) give_up(r.message);
  result = next_of(client);
  CHECK_INT(result.ticket, ticket);
  return result;
}

static void stored(const char *openid, const char *options) {
  const wxsub_result result = store(openid, options);
  CHECK_INT(result.status, WXSUB_OK);
  CHECK_INT(result.flags, WXSUB_STORED);
  CHECK_TEXT(result.template_id, "T");
}

static void wrong_arguments(void) {
  const uint32_t sizes[] = {0, 4, 447, 4097, UINT32_MAX};
  char key[600];
  size_t i;
  memset(key, 'k', sizeof key);
  key[513] = '\0';
  CHECK_VERDICT(wxsub_cancel(client, NULL, "k", &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_cancel(client, "o", NULL, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_cancel(client, "", "k", &r), &r, WXSUB_E_ARG);
  CHECK_INT(wxsub_cancel(client, "o", "", &r), WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_cancel(client, "o", key, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_cancel(client, "\xff", "k", &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_cancel(client, "o", "\xc3(", &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_lookup(client, NULL, "k", &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_lookup(client, "o", NULL, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_lookup(client, "", "k", &r), &r, WXSUB_E_ARG);
  CHECK_INT(wxsub_lookup(client, "o", "", &r), WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_lookup(client, "o", key, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_cancel(client, "o", "k", &r), &r, WXSUB_E_NOT_FOUND);
  CHECK_VERDICT(wxsub_lookup(client, "o", "k", &r), &r, WXSUB_E_NOT_FOUND);
  stored("o-sizes", "\"deliver_at\":4000000000000,\"key\":\"k\"");
  for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    r.struct_size = sizes[i];
    CHECK_INT(wxsub_cancel(client, "o-sizes", "k", &r), WXSUB_E_ARG);
    CHECK_INT(wxsub_lookup(client, "o-sizes", "k", &r), WXSUB_E_ARG);
    r.struct_size = sizeof r;
  }
  CHECK_INT(wxsub_lookup(client, "o-sizes", "k", NULL), WXSUB_OK);
  CHECK_INT(wxsub_cancel(client, "o-sizes", "k", NULL), WXSUB_OK);
  CHECK_INT(wxsub_cancel(client, "o-sizes", "k", NULL), WXSUB_E_NOT_FOUND);
  CHECK_INT(wxsub_lookup(client, "o-sizes", "k", NULL), WXSUB_E_CANCELLED);
}

static void from_the_ticket_to_the_outcome(void) {
  const long long due = wall_ms() + 700;
  allow(client, "o-life", "T");
  stored("o-life", text_of("\"deliver_at\":%lld,\"key\":\"k\",\"tag\":9", due));
  CHECK_VERDICT(wxsub_lookup(client, "o-life", "k", &r), &r, WXSUB_OK);
  CHECK_INT(r.flags, WXSUB_STORED);
  CHECK_INT(r.tag, 9);
  CHECK(r.retry_after_ms > 0 && r.retry_after_ms <= 700);
  CHECK_TEXT(r.template_id, "T");
  CHECK_TEXT(r.key, "k");
  r = next_of(client);
  CHECK(wall_ms() >= due);
  CHECK_INT(r.status, WXSUB_OK);
  CHECK_INT(r.flags, WXSUB_OUTCOME);
  CHECK_INT(r.ticket, 0);
  CHECK_INT(r.tag, 9);
  CHECK_TEXT(r.key, "k");
  CHECK_TEXT(r.template_id, "T");
  CHECK(r.msgid != 0 && r.attempts == 1 && r.http_status == 200);
  CHECK_INT(r.quota, WXSUB_QUOTA_SPENT);
  CHECK_INT(deliveries_to("o-life"), 1);
  CHECK_VERDICT(wxsub_lookup(client, "o-life", "k", &r), &r, WXSUB_OK);
  CHECK_INT(r.flags, WXSUB_REPLAYED);
  CHECK_VERDICT(wxsub_cancel(client, "o-life", "k", &r), &r, WXSUB_E_TOO_LATE);
  CHECK_INT(wxsub_lookup(client, "o-other", "k", NULL), WXSUB_E_NOT_FOUND);
}

/* A key of the longest kind: results show its beginning, and it is found by the whole of it. */
static void a_long_key(void) {
  char key[513];
  wxsub_result result;
  memset(key, 'k', sizeof key);
  key[512] = '\0';
  /* Without a tag nobody could tell whose outcome it is. */
  CHECK_INT(wxsub_submit(client, message_to("o-long", "T"), text_of("{\"durable\":true,\"key\":\"%s\"}", key), NULL, &r),
            WXSUB_E_ARG);
  CHECK_HAS(r.message, "give a tag");
  result = store("o-long", text_of("\"deliver_at\":4000000000000,\"tag\":1,\"key\":\"%s\"", key));
  CHECK_INT(result.flags, WXSUB_STORED);
  CHECK_INT(strlen(result.key), 63);
  key[511] = 'l';
  CHECK_INT(wxsub_cancel(client, "o-long", key, &r), WXSUB_E_NOT_FOUND);
  key[511] = 'k';
  CHECK_VERDICT(wxsub_cancel(client, "o-long", key, &r), &r, WXSUB_OK);
}

static void keep_replace_and_cancel(void) {
  wxsub_result result;
  allow(client, "o-keep", "T");
  stored("o-keep", "\"deliver_at\":4000000000000,\"key\":\"k\",\"tag\":1");
  result = store("o-keep", "\"durable\":true,\"key\":\"k\",\"tag\":2");
  CHECK(result.status == WXSUB_OK && result.flags == (WXSUB_STORED | WXSUB_REPLAYED) && result.tag == 2);
  CHECK_VERDICT(wxsub_lookup(client, "o-keep", "k", &r), &r, WXSUB_OK);
  CHECK_INT(r.tag, 1);
  CHECK_VERDICT(wxsub_cancel(client, "o-keep", "k", &r), &r, WXSUB_OK);
  CHECK(r.tag == 1 && strcmp(r.key, "k") == 0 && strcmp(r.template_id, "T") == 0);
  CHECK_VERDICT(wxsub_lookup(client, "o-keep", "k", &r), &r, WXSUB_E_CANCELLED);
  CHECK_INT(r.flags, WXSUB_REPLAYED);

  stored("o-keep", "\"deliver_at\":4000000000000,\"key\":\"k\",\"tag\":3");
  result = store("o-keep", "\"deliver_at\":4000000000001,\"key\":\"k\",\"tag\":4,\"on_conflict\":\"replace\"");
  CHECK(result.status == WXSUB_OK && result.flags == WXSUB_STORED);
  result = store("o-keep", text_of("\"deliver_at\":%lld,\"key\":\"k\",\"tag\":5,\"on_conflict\":\"replace\"", wall_ms()));
  CHECK(result.status == WXSUB_OK && result.flags == WXSUB_STORED);
  result = next_of(client);
  CHECK(result.status == WXSUB_OK && result.flags == WXSUB_OUTCOME && result.tag == 5);
  result = store("o-keep", "\"durable\":true,\"key\":\"k\",\"on_conflict\":\"replace\"");
  CHECK(result.status == WXSUB_OK && result.flags == WXSUB_REPLAYED && result.msgid != 0);
  CHECK_INT(deliveries_to("o-keep"), 1);
}

static void while_it_is_being_sent(void) {
  wxsub_result result;
  int i;
  allow(client, "o-busy", "T");
  arm("{\"kind\":\"delay\",\"delay_ms\":3500,\"endpoint\":\"send\",\"openid\":\"o-busy\"}");
  stored("o-busy", "\"durable\":true,\"key\":\"k\",\"tag\":1");
  for (i = 0; i < patient(2000) && sends_to("o-busy") == 0; i++) sleep_ms(5);
  CHECK_VERDICT(wxsub_lookup(client, "o-busy", "k", &r), &r, WXSUB_E_BUSY);
  CHECK(r.retry_after_ms > 0);
  CHECK_VERDICT(wxsub_cancel(client, "o-busy", "k", &r), &r, WXSUB_E_TOO_LATE);
  result = next_of(client);
  CHECK(result.status == WXSUB_OK && result.flags == WXSUB_OUTCOME && result.tag == 1);
}

static void too_late_and_refused(void) {
  int i;
  wxsub_result result = store("o-late", text_of("\"durable\":true,\"expires_at\":%lld,\"key\":\"k\"", wall_ms() - 1));
  CHECK_INT(result.status, WXSUB_E_EXPIRED);
  CHECK_INT(result.flags, 0);
  /* For a moment after its result the thread that was at it is still there. */
  for (i = 0; i < patient(4000) && wxsub_lookup(client, "o-late", "k", NULL) == WXSUB_E_BUSY; i++) sleep_ms(5);
  CHECK_INT(wxsub_lookup(client, "o-late", "k", NULL), WXSUB_E_NOT_FOUND);
  /* Nobody allowed it, which is looked at when it is sent. */
  stored("o-late", "\"durable\":true,\"key\":\"l\"");
  CHECK_INT(next_of(client).status, WXSUB_E_NO_QUOTA);
  CHECK_INT(wxsub_lookup(client, "o-late", "l", NULL), WXSUB_E_NO_QUOTA);
  CHECK_INT(sends_to("o-late"), 0);
  /* It had no effect, so the key is free. */
  allow(client, "o-late", "T");
  stored("o-late", "\"durable\":true,\"key\":\"l\"");
  CHECK_INT(next_of(client).status, WXSUB_OK);
}

static void without_notify(void) {
  wxsub_result result = WXSUB_RESULT_INIT;
  uint64_t ticket = 7;
  size_t count;
  int i;
  allow(client, "o-quiet", "T");
  CHECK_INT(wxsub_submit(client, message_to("o-quiet", "T"), "{\"durable\":true,\"notify\":false,\"key\":\"k\"}", &ticket, &r),
            WXSUB_OK);
  CHECK_INT(ticket, 0);
  for (i = 0; i < patient(4000) && wxsub_lookup(client, "o-quiet", "k", &r) != WXSUB_OK; i++) sleep_ms(5);
  for (i = 0; i < 4000 && r.flags != WXSUB_REPLAYED; i++) {
    sleep_ms(5);
    wxsub_lookup(client, "o-quiet", "k", &r);
  }
  CHECK_INT(deliveries_to("o-quiet"), 1);
  CHECK_INT(wxsub_poll(client, &result, 1, 50, &count), WXSUB_OK);
  CHECK_INT(count, 0);
}

/* From within a callback of the thread that stored it, which must not wait for itself. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static wxsub_status from_within[2];

static wxsub_status was(int which) {
  wxsub_status status;
  pthread_mutex_lock(&lock);
  status = from_within[which];
  pthread_mutex_unlock(&lock);
  return status;
}

static void now_is(int which, wxsub_status status) {
  pthread_mutex_lock(&lock);
  from_within[which] = status;
  pthread_mutex_unlock(&lock);
}

static void at_a_line(void *user_data, int32_t level, const char *message) {
  (void)user_data;
  (void)level;
  if (strncmp(message, "store o-line ", 13) != 0) return;
  now_is(0, wxsub_lookup(client, "o-line", "k", NULL));
  now_is(1, wxsub_cancel(client, "o-line", "k", NULL));
}

static void cancelled_from_within_a_callback(void) {
  wxsub_client *before = client;
  const long start = now_ms();
  now_is(0, -1);
  now_is(1, -1);
  client = open_config(config_with(in_tmp("within.db"), ",\"timeout_ms\":60000"));
  CHECK_INT(wxsub_set_log(client, at_a_line, NULL, NULL, WXSUB_LOG_DEBUG), WXSUB_OK);
  stored("o-line", "\"deliver_at\":4000000000000,\"key\":\"k\"");
  CHECK_INT(wxsub_submit(client, message_to("o-line", "T"), NULL, NULL, NULL), WXSUB_OK);
  CHECK_INT(next_of(client).status, WXSUB_E_NO_QUOTA);
  /* The player's next one does not wait for the line of the first. */
  while (was(1) == -1 && now_ms() - start < patient(30000)) sleep_ms(5);
  CHECK(now_ms() - start < patient(30000));
  CHECK_INT(was(0), WXSUB_OK);
  CHECK_INT(was(1), WXSUB_OK);
  CHECK_INT(wxsub_lookup(client, "o-line", "k", NULL), WXSUB_E_CANCELLED);
  wxsub_free(client);
  client = before;
}

#ifndef _WIN32
/* Processes ---------------------------------------------------------------------------------------------------- */

static const char shared[] = "outbox-shared.db";

static pid_t start(void (*work)(wxsub_client *)) {
  pid_t child;
  fflush(NULL);
  child = fork();
  if (child == 0) {
    alarm((unsigned)patient(60));
    checks_failed = 0;
    client = open_store(shared);
    work(client);
    wxsub_free(client);
    _exit(checks_failed != 0);
  }
  if (child < 0) give_up("fork");
  return child;
}

static void ends_well(pid_t child) {
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_INT(status, 0);
}

/* When what they store is due: once all who only store are gone, also on a busy machine. */
static long long due_ms;

static void store_and_leave(wxsub_client *mine) {
  allow(mine, "o-heir", "T");
  stored("o-heir", "\"deliver_at\":4000000000000,\"key\":\"l\",\"tag\":12");
  stored("o-heir", text_of("\"deliver_at\":%lld,\"key\":\"k\",\"tag\":11", due_ms));
}

static void store_and_die(wxsub_client *mine) {
  allow(mine, "o-heir", "T");
  stored("o-heir", text_of("\"deliver_at\":%lld,\"key\":\"m\",\"tag\":13", due_ms));
  kill(getpid(), SIGKILL);
}

/* What one process stored, another delivers, looks up and cancels. */
static void several_processes(void) {
  int status = 0;
  wxsub_result result;
  due_ms = wall_ms() + 2000 + patient(1600);
  ends_well(start(store_and_leave));
  waitpid(start(store_and_die), &status, 0);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  client = open_store(shared);
  CHECK_VERDICT(wxsub_cancel(client, "o-heir", "l", &r), &r, WXSUB_OK);
  CHECK_INT(r.tag, 12);
  result = next_of(client);
  CHECK(result.status == WXSUB_OK && result.flags == WXSUB_OUTCOME && (result.tag == 11 || result.tag == 13));
  result = next_of(client);
  CHECK(result.status == WXSUB_OK && result.flags == WXSUB_OUTCOME && (result.tag == 11 || result.tag == 13));
  CHECK_INT(deliveries_to("o-heir"), 2);
  wxsub_free(client);
}
#endif

int main(void) {
  CHECK(wxsub_abi() >= WXSUB_ABI);
#ifndef _WIN32
  several_processes();
#endif
  client = open_store("outbox.db");
  wrong_arguments();
  from_the_ticket_to_the_outcome();
  a_long_key();
  keep_replace_and_cancel();
  while_it_is_being_sent();
  too_late_and_refused();
  without_notify();
  cancelled_from_within_a_callback();
  wxsub_free(client);
  return finish();
}
