/* Submitting and polling: what is wrong is refused before it has an effect, every ticket has one result, and whoever
   waits is woken. */

#include "support.h"

#include <pthread.h>
#ifndef _WIN32
#include <poll.h>
#include <sys/types.h>
#include <sys/wait.h>
#endif

static wxsub_client *client;
static wxsub_result r = WXSUB_RESULT_INIT;

static size_t ready(void) {
  size_t count = 99;
  CHECK_INT(wxsub_poll(client, NULL, 0, 0, &count), WXSUB_OK);
  return count;
}

/* The next result, which must come. */
static wxsub_result next(void) {
  wxsub_result result = WXSUB_RESULT_INIT;
  size_t count = 0;
  CHECK_INT(wxsub_poll(client, &result, 1, 60000, &count), WXSUB_OK);
  if (count != 1) give_up("no result came");
  return result;
}

/* A garbage handle, a freed one, none: the same for every function. */
static void not_a_client(const wxsub_client *wrong) {
  wxsub_result why = WXSUB_RESULT_INIT;
  wxsub_stats stats = WXSUB_STATS_INIT;
  uint64_t ticket = 7;
  size_t count = 7;
  ptrdiff_t handle = 7;
  CHECK_VERDICT(wxsub_submit(wrong, message_to("o", "T"), NULL, &ticket, &why), &why, WXSUB_E_STATE);
  CHECK_INT(ticket, 0);
  ticket = 7;
  CHECK_VERDICT(wxsub_submit_report(wrong, "o", "T", WXSUB_ACCEPT, NULL, 0, &ticket, &why), &why, WXSUB_E_STATE);
  CHECK_INT(ticket, 0);
  CHECK_INT(wxsub_poll(wrong, &why, 1, UINT32_MAX, &count), WXSUB_E_STATE);
  CHECK_INT(count, 0);
  count = 7;
  CHECK_INT(wxsub_poll(wrong, NULL, 0, UINT32_MAX, &count), WXSUB_E_STATE);
  CHECK_INT(count, 0);
  CHECK_INT(wxsub_poll_handle(wrong, &handle), WXSUB_E_STATE);
  CHECK_INT(handle, -1);
  CHECK_VERDICT(wxsub_cancel(wrong, "o", "k", &why), &why, WXSUB_E_STATE);
  CHECK_VERDICT(wxsub_lookup(wrong, "o", "k", &why), &why, WXSUB_E_STATE);
  count = 7;
  CHECK_INT(wxsub_shutdown(wrong, UINT32_MAX, &count), WXSUB_E_STATE);
  CHECK_INT(count, 0);
  CHECK_INT(wxsub_get_stats(wrong, &stats), WXSUB_E_STATE);
}

static const char *const no_messages[] = {
    "", " ", "{", "[]", "null", "7", "\"o\"", "[\"o\"]", "{}", "{\"touser\":null}", "{\"touser\":7}", "{\"touser\":\"\"}",
    "{\"touser\":\"a\\u0000b\"}", "{\"touser\":\"o\"}x", "{\"touser\":\"o\",}", "\xff\xfe", "{\"touser\":\"\xc3(\"}",
};

static const char *const no_options[] = {
    "[]", "{", "7", "\"k\"", "{\"kee\":1}", "{\"key\":7}", "{\"tag\":-1}", "{\"tag\":1.5}", "{\"timeout_ms\":0}",
    "{\"timeout_ms\":60001}", "{\"durable\":1}", "{\"deliver_at\":1}", "{\"deliver_at\":1800000000}",
    "{\"deliver_at\":1800000000000,\"durable\":false}", "{\"deliver_at\":1e300}", "{\"deliver_at\":-1800000000000}",
    "{\"deliver_at\":1800000000000,\"expires_at\":1800000000000}", "{\"on_conflict\":\"keep\"}",
    "{\"durable\":true,\"on_conflict\":\"replace\"}", "{\"durable\":true,\"key\":\"k\",\"on_conflict\":\"drop\"}",
    "{\"durable\":true,\"on_unknown\":\"again\"}", "{\"notify\":0}", "\xff",
};

static void wrong_arguments(void) {
  const uint32_t sizes[] = {0, 4, 447, 4097, UINT32_MAX};
  char key[600];
  uint64_t ticket;
  size_t i, count;
  for (i = 0; i < sizeof no_messages / sizeof *no_messages; i++) {
    ticket = 7;
    if (!CHECK_VERDICT(wxsub_submit(client, no_messages[i], NULL, &ticket, &r), &r, WXSUB_E_ARG)) fprintf(stderr, "%s\n", no_messages[i]);
    CHECK_INT(ticket, 0);
  }
  CHECK_VERDICT(wxsub_submit(client, NULL, NULL, &ticket, &r), &r, WXSUB_E_ARG);
  for (i = 0; i < sizeof no_options / sizeof *no_options; i++) {
    ticket = 7;
    if (!CHECK_VERDICT(wxsub_submit(client, message_to("o", "T"), no_options[i], &ticket, &r), &r, WXSUB_E_ARG)) {
      fprintf(stderr, "%s\n", no_options[i]);
    }
    CHECK_INT(ticket, 0);
  }
  memset(key, 'k', sizeof key);
  key[513] = '\0';
  CHECK_VERDICT(wxsub_submit(client, message_to("o", "T"), text_of("{\"key\":\"%s\"}", key), NULL, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_submit_report(client, "o", "T", WXSUB_ACCEPT, key, 0, NULL, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_submit_report(client, NULL, "T", WXSUB_ACCEPT, NULL, 0, NULL, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_submit_report(client, "", "T", WXSUB_ACCEPT, NULL, 0, NULL, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_submit_report(client, "o", "", WXSUB_ACCEPT, NULL, 0, NULL, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_submit_report(client, "o", NULL, WXSUB_ACCEPT, NULL, 0, NULL, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_submit_report(client, "\xff", "T", WXSUB_ACCEPT, NULL, 0, NULL, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_submit_report(client, "o", "T", 0, NULL, 0, NULL, &r), &r, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_submit_report(client, "o", "T", 5, NULL, 0, NULL, &r), &r, WXSUB_E_ARG);
  for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    r.struct_size = sizes[i];
    ticket = count = 7;
    CHECK_INT(wxsub_submit(client, message_to("o", "T"), NULL, &ticket, &r), WXSUB_E_ARG);
    CHECK_INT(ticket, 0);
    CHECK_INT(wxsub_submit_report(client, "o", "T", WXSUB_ACCEPT, NULL, 0, NULL, &r), WXSUB_E_ARG);
    CHECK_INT(wxsub_poll(client, &r, 1, UINT32_MAX, &count), WXSUB_E_ARG);
    CHECK_INT(count, 0);
    r.struct_size = sizeof r;
  }
  CHECK_INT(wxsub_poll(client, NULL, 1, UINT32_MAX, &count), WXSUB_E_ARG);
  CHECK_INT(wxsub_poll_handle(client, NULL), WXSUB_E_ARG);
  /* Nothing of all this had an effect. */
  CHECK_INT(wxsub_shutdown(NULL, 0, NULL), WXSUB_E_STATE);
  sleep_ms(100);
  CHECK_INT(ready(), 0);
  CHECK_INT(count_of(client, "o", "T"), 0);
  CHECK_INT(sends_to("o"), 0);
}

static void what_is_not_wanted_may_be_null(void) {
  uint64_t ticket = 0;
  wxsub_result result;
  grant("o-null", "T", 1);
  CHECK_INT(wxsub_submit_report(client, "o-null", "T", WXSUB_ACCEPT, NULL, 7, NULL, NULL), WXSUB_OK);
  CHECK_INT(wxsub_submit(client, message_to("o-null", "T"), "{\"tag\":18446744073709551615}", &ticket, NULL), WXSUB_OK);
  result = next();
  CHECK(result.status == WXSUB_OK && result.tag == 7 && result.ticket != 0 && result.quota == WXSUB_QUOTA_GRANTED);
  result = next();
  CHECK(result.status == WXSUB_OK && result.tag == UINT64_MAX && result.ticket == ticket && result.msgid != 0);
  CHECK_INT(wxsub_poll(client, NULL, 0, UINT32_MAX, NULL), WXSUB_OK);
  CHECK_INT(wxsub_poll(client, &result, 1, 0, NULL), WXSUB_OK);
  CHECK_INT(wxsub_submit(client, message_to("o-null", "T"), "", &ticket, &r), WXSUB_OK);
  CHECK_INT(r.ticket, ticket);
  CHECK_INT(next().status, WXSUB_E_NO_QUOTA);
  CHECK_INT(wxsub_submit(client, message_to("o-null", "T"), "{\"notify\":false}", &ticket, &r), WXSUB_OK);
  CHECK_INT(ticket, 0);
}

/* A host of a later version has larger structs: each is filled as far as the library knows it. */
static void larger_structs(void) {
  enum { STRIDE = 600, ROOM = 3 };
  unsigned char *memory = malloc(ROOM * STRIDE);
  const uint32_t stride = STRIDE;
  size_t i, count = 0, at;
  if (memory == NULL) give_up("out of memory");
  memset(memory, 0xAA, ROOM * STRIDE);
  memcpy(memory, &stride, sizeof stride);
  for (i = 0; i < 2; i++) CHECK_INT(wxsub_submit_report(client, "o-large", "T", WXSUB_ACCEPT, NULL, 50 + i, NULL, NULL), WXSUB_OK);
  while (ready() < 2) sleep_ms(1);
  CHECK_INT(wxsub_poll(client, (wxsub_result *)(void *)memory, ROOM, 0, &count), WXSUB_OK);
  CHECK_INT(count, 2);
  for (i = 0; i < ROOM; i++) {
    uint64_t tag;
    memcpy(&tag, memory + i * STRIDE + offsetof(wxsub_result, tag), sizeof tag);
    if (i < 2) CHECK_INT(tag, 50 + i);
    for (at = i < 2 ? sizeof(wxsub_result) : i == 0 ? 4 : 0; at < STRIDE; at++) {
      if (memory[i * STRIDE + at] != 0xAA) break;
    }
    CHECK_INT(at, STRIDE);
  }
  CHECK(memcmp(memory, &stride, sizeof stride) == 0);
  for (i = 0; i < 4; i++) CHECK_INT(memory[STRIDE + i], 0xAA);
  free(memory);
}

/* More than fit wait for the next call. */
static void capacities(void) {
  wxsub_result results[3];
  size_t count = 9, i;
  for (i = 0; i < 5; i++) CHECK_INT(wxsub_submit_report(client, "o-room", "T", WXSUB_ACCEPT, NULL, i, NULL, NULL), WXSUB_OK);
  while (ready() < 5) sleep_ms(1);
  memset(results, 0, sizeof results);
  CHECK_INT(wxsub_poll(client, results, 0, UINT32_MAX, &count), WXSUB_OK);
  CHECK_INT(count, 5);
  results[0].struct_size = sizeof *results;
  CHECK_INT(wxsub_poll(client, results, 3, UINT32_MAX, &count), WXSUB_OK);
  CHECK_INT(count, 3);
  for (i = 0; i < 3; i++) CHECK_INT(results[i].tag, i);
  CHECK_INT(wxsub_poll(client, results, 3, UINT32_MAX, &count), WXSUB_OK);
  CHECK_INT(count, 2);
  for (i = 0; i < 2; i++) CHECK_INT(results[i].tag, 3 + i);
  CHECK_INT(wxsub_poll(client, results, 3, 1, &count), WXSUB_OK);
  CHECK_INT(count, 0);
}

#ifdef _WIN32
static void a_handle_for_an_event_loop(void) {
  ptrdiff_t handle = -7;
  CHECK_INT(wxsub_poll_handle(client, &handle), WXSUB_E_INTERNAL);
  CHECK_INT(handle, -1);
}
#else
static int is_readable(ptrdiff_t handle, int wait_ms) {
  struct pollfd descriptor;
  descriptor.fd = (int)handle;
  descriptor.events = POLLIN;
  return poll(&descriptor, 1, wait_ms) == 1 && descriptor.revents == POLLIN;
}

static void a_handle_for_an_event_loop(void) {
  ptrdiff_t handle = -7, again = -7;
  uint64_t ticket = 0;
  int i;
  CHECK_INT(wxsub_poll_handle(client, &handle), WXSUB_OK);
  CHECK_INT(wxsub_poll_handle(client, &again), WXSUB_OK);
  CHECK(handle >= 0 && handle == again);
  CHECK((fcntl((int)handle, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(!is_readable(handle, 0));
  for (i = 0; i < 3; i++) {
    CHECK_INT(wxsub_submit_report(client, "o-handle", "T", WXSUB_ACCEPT, NULL, 0, &ticket, NULL), WXSUB_OK);
    CHECK(is_readable(handle, 60000));
    CHECK(is_readable(handle, 0));
    CHECK_INT(next().ticket, ticket);
    CHECK(!is_readable(handle, 0));
  }
}
#endif

/* Waiting ------------------------------------------------------------------------------------------------------ */

struct waiter {
  pthread_t thread;
  const wxsub_client *client;
  wxsub_status status;
  size_t count;
};

static void *wait_for_ever(void *argument) {
  struct waiter *w = argument;
  wxsub_result result = WXSUB_RESULT_INIT;
  w->status = wxsub_poll(w->client, &result, 1, UINT32_MAX, &w->count);
  return NULL;
}

static void a_free_wakes_all_that_wait(void) {
  enum { WAITERS = 4 };
  struct waiter waiters[WAITERS];
  wxsub_client *mine = open_store("wake.db");
  int i;
  for (i = 0; i < WAITERS; i++) {
    waiters[i].client = mine;
    waiters[i].count = 7;
    if (pthread_create(&waiters[i].thread, NULL, wait_for_ever, &waiters[i]) != 0) give_up("pthread_create");
  }
  sleep_ms(100);
  wxsub_free(mine);
  for (i = 0; i < WAITERS; i++) {
    pthread_join(waiters[i].thread, NULL);
    CHECK_INT(waiters[i].status, WXSUB_E_STATE);
    CHECK_INT(waiters[i].count, 0);
  }
}

/* Many at once ------------------------------------------------------------------------------------------------- */

enum { THREADS = 8, EACH = 200, PLAYERS = 30 };

static struct {
  pthread_t thread;
  uint64_t tickets[EACH];
  int submitted;
} submitters[THREADS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t seen[THREADS * EACH + 100];
static size_t seen_count;
static int all_submitted;

static void *submit_many(void *argument) {
  size_t number = (size_t)argument;
  int i;
  for (i = 0; i < EACH; i++) {
    char message[200], openid[32];
    wxsub_status status;
    snprintf(openid, sizeof openid, "o-many-%d", (i * 7 + (int)number) % PLAYERS);
    snprintf(message, sizeof message, "{\"touser\":\"%s\",\"template_id\":\"T\",\"data\":{\"thing1\":\"a\"}}", openid);
    do {
      status = i % 3 == 0 ? wxsub_submit_report(client, openid, "T", WXSUB_ACCEPT, NULL, 0, &submitters[number].tickets[i], NULL)
                          : wxsub_submit(client, message, i % 3 == 1 ? NULL : "{\"deliver_at\":4000000000000}",
                                         &submitters[number].tickets[i], NULL);
      if (status == WXSUB_E_QUEUE_FULL) sleep_ms(1);
    } while (status == WXSUB_E_QUEUE_FULL);
    submitters[number].submitted += status == WXSUB_OK && submitters[number].tickets[i] != 0;
  }
  return NULL;
}

static void *poll_many(void *argument) {
  wxsub_result results[16];
  size_t count, i;
  (void)argument;
  for (;;) {
    int over;
    pthread_mutex_lock(&lock);
    over = all_submitted && seen_count >= THREADS * EACH;
    pthread_mutex_unlock(&lock);
    if (over) return NULL;
    results[0].struct_size = sizeof *results;
    if (wxsub_poll(client, results, 16, 20, &count) != WXSUB_OK) return NULL;
    pthread_mutex_lock(&lock);
    for (i = 0; i < count && seen_count < sizeof seen / sizeof *seen; i++) seen[seen_count++] = results[i].ticket;
    pthread_mutex_unlock(&lock);
  }
}

static int by_number(const void *a, const void *b) {
  const uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
  return one < other ? -1 : one > other;
}

static void one_result_per_ticket(void) {
  static uint64_t tickets[THREADS * EACH];
  pthread_t pollers[3];
  size_t i;
  int n, submitted = 0;
  wxsub_client *before = client;
  client = open_config(config_with(in_tmp("many.db"), ",\"queue_capacity\":50,\"workers\":8,\"timeout_ms\":60000"));
  for (i = 0; i < 3; i++) pthread_create(&pollers[i], NULL, poll_many, NULL);
  for (i = 0; i < THREADS; i++) pthread_create(&submitters[i].thread, NULL, submit_many, (void *)i);
  for (i = 0; i < THREADS; i++) {
    pthread_join(submitters[i].thread, NULL);
    submitted += submitters[i].submitted;
    for (n = 0; n < EACH; n++) tickets[i * EACH + (size_t)n] = submitters[i].tickets[n];
  }
  CHECK_INT(submitted, THREADS * EACH);
  pthread_mutex_lock(&lock);
  all_submitted = 1;
  pthread_mutex_unlock(&lock);
  for (i = 0; i < 3; i++) pthread_join(pollers[i], NULL);
  CHECK_INT(seen_count, THREADS * EACH);
  qsort(tickets, THREADS * EACH, sizeof *tickets, by_number);
  qsort(seen, seen_count, sizeof *seen, by_number);
  CHECK(memcmp(tickets, seen, sizeof tickets) == 0);
  CHECK_INT(ready(), 0);
  wxsub_free(client);
  client = before;
}

/* The end ------------------------------------------------------------------------------------------------------ */

static int in_progress(void) {
  const char *counters = simulator_get("/sim/counters");
  const char *at = strstr(counters, "\"sends_in_progress\":");
  return at == NULL ? -1 : atoi(at + strlen("\"sends_in_progress\":"));
}

static void after_a_shutdown(void) {
  wxsub_client *before = client;
  wxsub_stats stats = WXSUB_STATS_INIT;
  wxsub_result result;
  uint64_t tickets[4], ticket = 7;
  size_t unfinished = 99;
  int i, unknown = 0, cancelled = 0;
  client = open_config(config_with(in_tmp("shutdown.db"), ",\"workers\":2,\"timeout_ms\":60000"));
  for (i = 0; i < 4; i++) allow(client, text_of("o-end-%d", i), "T");
  arm("{\"kind\":\"stall\",\"endpoint\":\"send\",\"times\":\"forever\"}");
  for (i = 0; i < 4; i++) CHECK_INT(wxsub_submit(client, message_to(text_of("o-end-%d", i), "T"), NULL, &tickets[i], NULL), WXSUB_OK);
  for (i = 0; i < patient(2000) && in_progress() < 2; i++) sleep_ms(5);
  CHECK_INT(wxsub_shutdown(client, 100, &unfinished), WXSUB_OK);
  CHECK_INT(unfinished, 4);
  simulator_set("/sim/faults/clear", "{}");

  CHECK_VERDICT(wxsub_submit(client, message_to("o", "T"), NULL, &ticket, &r), &r, WXSUB_E_STATE);
  CHECK_INT(ticket, 0);
  CHECK_VERDICT(wxsub_submit_report(client, "o", "T", WXSUB_ACCEPT, NULL, 0, NULL, &r), &r, WXSUB_E_STATE);
  CHECK_VERDICT(wxsub_send(client, message_to("o", "T"), NULL, &r), &r, WXSUB_E_STATE);
  CHECK_VERDICT(wxsub_report(client, "o", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_E_STATE);
  CHECK_VERDICT(wxsub_cancel(client, "o", "k", &r), &r, WXSUB_E_STATE);
  CHECK_VERDICT(wxsub_lookup(client, "o", "k", &r), &r, WXSUB_E_STATE);
  CHECK_VERDICT(wxsub_quota(client, "o", "T", NULL, &r), &r, WXSUB_E_STATE);
  CHECK_INT(wxsub_get_stats(client, &stats), WXSUB_OK);
  CHECK_INT(stats.results, 4);
  CHECK_INT(wxsub_set_log(client, NULL, NULL, NULL, 0), WXSUB_OK);
  unfinished = 99;
  CHECK_INT(wxsub_shutdown(client, UINT32_MAX, &unfinished), WXSUB_OK);
  CHECK_INT(unfinished, 0);
  CHECK_INT(wxsub_shutdown(client, 0, NULL), WXSUB_OK);

  for (i = 0; i < 4; i++) {
    result = next();
    unknown += result.status == WXSUB_E_UNKNOWN;
    cancelled += result.status == WXSUB_E_CANCELLED;
    CHECK(result.ticket >= tickets[0] && result.ticket <= tickets[3]);
  }
  CHECK_INT(unknown, 2);
  CHECK_INT(cancelled, 2);
  CHECK_INT(ready(), 0);
  wxsub_free(client);
  not_a_client(client);
  client = before;
}

/* From within a callback ---------------------------------------------------------------------------------------- */

struct ender {
  wxsub_client *client;
  int frees, lines, destroyed;
  wxsub_status status;
  size_t unfinished;
};

static pthread_mutex_t ender_lock = PTHREAD_MUTEX_INITIALIZER;

/* At the first line of a send it ends the client that wrote it. */
static void end_it(void *user_data, int32_t level, const char *message) {
  struct ender *e = user_data;
  int first = 0;
  (void)level;
  if (strncmp(message, "send ", 5) != 0) return;
  pthread_mutex_lock(&ender_lock);
  first = e->lines++ == 0;
  pthread_mutex_unlock(&ender_lock);
  if (!first) return;
  if (e->frees) {
    wxsub_free(e->client);
    e->status = WXSUB_OK;
  } else {
    size_t unfinished = 0;
    wxsub_status status = wxsub_shutdown(e->client, 30000, &unfinished);
    pthread_mutex_lock(&ender_lock);
    e->status = status;
    e->unfinished = unfinished;
    pthread_mutex_unlock(&ender_lock);
  }
}

static void count_destroys(void *user_data) {
  pthread_mutex_lock(&ender_lock);
  ((struct ender *)user_data)->destroyed++;
  pthread_mutex_unlock(&ender_lock);
}

static int read_locked(const int *number) {
  int value;
  pthread_mutex_lock(&ender_lock);
  value = *number;
  pthread_mutex_unlock(&ender_lock);
  return value;
}

static void ended_from_a_callback(int frees) {
  enum { MESSAGES = 10 };
  static struct ender enders[2];
  struct ender *e = &enders[frees];
  wxsub_client *before = client;
  int i, results = 0;
  client = open_config(config_with(in_tmp(frees ? "freed.db" : "ended.db"), ",\"workers\":1,\"quota\":\"observe\""));
  e->client = client;
  e->frees = frees;
  e->status = -1;
  for (i = 0; i < MESSAGES; i++) grant(text_of("o-back-%d", i), "T", 1);
  CHECK_INT(wxsub_set_log(client, end_it, e, count_destroys, WXSUB_LOG_DEBUG), WXSUB_OK);
  for (i = 0; i < MESSAGES; i++) {
    wxsub_status status = wxsub_submit(client, message_to(text_of("o-back-%d", i), "T"), NULL, NULL, NULL);
    results += status == WXSUB_OK;
    CHECK(status == WXSUB_OK || status == WXSUB_E_STATE);
  }
  CHECK(results > 0);
  if (frees) {
    for (i = 0; i < patient(10000) && read_locked(&e->destroyed) == 0; i++) sleep_ms(1);
    CHECK_INT(wxsub_poll(client, NULL, 0, 0, NULL), WXSUB_E_STATE);
  } else {
    for (i = 0; i < results; i++) CHECK(next().ticket != 0);
    CHECK_INT(ready(), 0);
    CHECK_INT(read_locked(&e->status), WXSUB_OK);
    wxsub_free(client);
    for (i = 0; i < patient(10000) && read_locked(&e->destroyed) == 0; i++) sleep_ms(1);
  }
  sleep_ms(50);
  CHECK_INT(read_locked(&e->destroyed), 1);
  client = before;
}

/* Rule 7 -------------------------------------------------------------------------------------------------------- */

#ifndef _WIN32
static void everything_is_forked(void) {
  wxsub_stats stats = WXSUB_STATS_INIT;
  uint64_t ticket = 7;
  size_t count = 7;
  ptrdiff_t handle = 7;
  CHECK_VERDICT(wxsub_submit(client, message_to("o", "T"), NULL, &ticket, &r), &r, WXSUB_E_FORKED);
  CHECK_INT(ticket, 0);
  CHECK_VERDICT(wxsub_submit_report(client, "o", "T", WXSUB_ACCEPT, NULL, 0, &ticket, &r), &r, WXSUB_E_FORKED);
  CHECK_INT(wxsub_poll(client, &r, 1, UINT32_MAX, &count), WXSUB_E_FORKED);
  CHECK_INT(count, 0);
  CHECK_INT(wxsub_poll_handle(client, &handle), WXSUB_E_FORKED);
  CHECK_INT(handle, -1);
  CHECK_VERDICT(wxsub_cancel(client, "o", "k", &r), &r, WXSUB_E_FORKED);
  CHECK_VERDICT(wxsub_lookup(client, "o", "k", &r), &r, WXSUB_E_FORKED);
  count = 7;
  CHECK_INT(wxsub_shutdown(client, UINT32_MAX, &count), WXSUB_E_FORKED);
  CHECK_INT(count, 0);
  CHECK_INT(wxsub_get_stats(client, &stats), WXSUB_E_FORKED);
  wxsub_free(client);
}

static void in_a_forked_child(void) {
  int status = -1;
  uint64_t ticket = 0;
  pid_t child;
  fflush(NULL);
  child = fork();
  if (child == 0) {
    alarm((unsigned)patient(20));
    checks_failed = 0;
    everything_is_forked();
    _exit(checks_failed != 0);
  }
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK_INT(status, 0);
  CHECK_INT(wxsub_submit_report(client, "o-parent", "T", WXSUB_ACCEPT, NULL, 0, &ticket, NULL), WXSUB_OK);
  CHECK_INT(next().ticket, ticket);
}
#endif

int main(void) {
  CHECK(wxsub_abi() >= WXSUB_ABI);
  client = open_store("submit.db");
  wrong_arguments();
  not_a_client(NULL);
  not_a_client((const wxsub_client *)(const void *)&client);
  not_a_client((const wxsub_client *)(uintptr_t)-1);
  what_is_not_wanted_may_be_null();
  larger_structs();
  capacities();
  a_handle_for_an_event_loop();
  a_free_wakes_all_that_wait();
  one_result_per_ticket();
  after_a_shutdown();
  ended_from_a_callback(0);
  ended_from_a_callback(1);
#ifndef _WIN32
  if (!valgrind_watches()) in_a_forked_child();
#endif
  wxsub_free(client);
  not_a_client(client);
  return finish();
}
