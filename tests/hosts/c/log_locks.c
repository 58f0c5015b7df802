/* A log callback that waits for a lock of the host's while the host, holding that lock, frees the client, takes the
 * callback away or goes on calling: none of them may wait for the callback, and its destroy comes when it is back. */

#include "support.h"

#include <pthread.h>

enum { REPORTERS = 4 };

struct sink {
  pthread_mutex_t *wants; /* what each line takes for a moment; NULL: nothing */
  wxsub_client *frees;    /* the client that the next line frees */
  int entered, inside, wrong, destroyed;
};

static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;   /* guards the sinks */
static pthread_mutex_t hosts = PTHREAD_MUTEX_INITIALIZER; /* the lock that is fought for */

static void line(void *user_data, int32_t level, const char *message) {
  struct sink *sink = user_data;
  wxsub_client *frees;
  pthread_mutex_t *wants;
  (void)level;
  (void)message;
  pthread_mutex_lock(&own);
  sink->entered++;
  sink->inside++;
  sink->wrong += sink->destroyed;
  frees = sink->frees;
  wants = sink->wants;
  sink->frees = NULL;
  pthread_mutex_unlock(&own);
  if (wants != NULL) {
    /* On a machine so slow that the line comes from the thread that holds the lock, this fails instead of hanging. */
    struct timespec patience;
    clock_gettime(CLOCK_REALTIME, &patience);
    patience.tv_sec += 20;
    if (pthread_mutex_timedlock(wants, &patience) != 0) give_up("the line came from the thread that holds the lock");
    pthread_mutex_unlock(wants);
  }
  if (frees != NULL) {
    wxsub_free(frees);
    if (wxsub_quota(frees, "o", "T", NULL, NULL) != WXSUB_E_STATE) give_up("freed in its callback, a client is open");
  }
  pthread_mutex_lock(&own);
  sink->wrong += sink->destroyed;
  sink->inside--;
  pthread_mutex_unlock(&own);
}

/* It may call the library too; the client that it belonged to is stale or closing. */
static void destroy(void *user_data) {
  struct sink *sink = user_data;
  wxsub_client *other = NULL;
  if (wxsub_init("{\"appid\":\"wx1\",\"secret\":\"s\",\"store\":\":memory:\"}", &other, NULL) != WXSUB_OK) other = NULL;
  wxsub_free(other);
  pthread_mutex_lock(&own);
  sink->wrong += sink->inside + (other == NULL);
  sink->destroyed++;
  pthread_mutex_unlock(&own);
}

static int seen(const int *number) {
  int now;
  pthread_mutex_lock(&own);
  now = *number;
  pthread_mutex_unlock(&own);
  return now;
}

static int seen_soon(const int *number, int wanted) {
  int i;
  for (i = 0; i < patient(500) && seen(number) < wanted; i++) sleep_ms(10);
  return seen(number);
}

struct reporter {
  pthread_t thread;
  const wxsub_client *client;
  int number;
  wxsub_status status;
};

static void *report_once(void *argument) {
  struct reporter *r = argument;
  char openid[32];
  snprintf(openid, sizeof openid, "o-locks-%d", r->number);
  r->status = wxsub_report(r->client, openid, "T", WXSUB_ACCEPT, NULL, NULL);
  return NULL;
}

static void start_reporters(struct reporter *reporters, const wxsub_client *client) {
  int i;
  for (i = 0; i < REPORTERS; i++) {
    reporters[i].client = client;
    reporters[i].number = i;
    reporters[i].status = -1;
    if (pthread_create(&reporters[i].thread, NULL, report_once, &reporters[i]) != 0) give_up("pthread_create");
  }
}

/* What each of them reported is on disk, whatever became of its log line. */
static void join_reporters(struct reporter *reporters, const char *store) {
  wxsub_client *client;
  int i;
  for (i = 0; i < REPORTERS; i++) {
    pthread_join(reporters[i].thread, NULL);
    CHECK_INT(reporters[i].status, WXSUB_OK);
  }
  client = open_store(store);
  for (i = 0; i < REPORTERS; i++) CHECK_INT(count_of(client, text_of("o-locks-%d", i), "T"), 1);
  wxsub_free(client);
}

static void take_the_client(wxsub_client *client) { wxsub_free(client); }

static void take_the_callback(wxsub_client *client) {
  CHECK_INT(wxsub_set_log(client, NULL, NULL, NULL, WXSUB_LOG_OFF), WXSUB_OK);
}

/* Several threads wait in the callback for the lock that this one holds. */
static void while_lines_wait(void (*take)(wxsub_client *), const char *store) {
  struct sink sink = {NULL, NULL, 0, 0, 0, 0};
  struct reporter reporters[REPORTERS];
  wxsub_client *client = open_store(store);
  long start;
  int before;
  sink.wants = &hosts;
  CHECK_INT(wxsub_set_log(client, line, &sink, destroy, WXSUB_LOG_DEBUG), WXSUB_OK);
  before = seen(&sink.entered);
  pthread_mutex_lock(&hosts);
  start_reporters(reporters, client);
  CHECK_INT(seen_soon(&sink.entered, before + REPORTERS), before + REPORTERS);
  start = now_ms();
  take(client);
  CHECK(now_ms() - start < patient(2000));
  CHECK_INT(seen(&sink.destroyed), 0);
  CHECK_INT(seen(&sink.inside), REPORTERS);
  pthread_mutex_unlock(&hosts);
  CHECK_INT(seen_soon(&sink.destroyed, 1), 1);
  join_reporters(reporters, store);
  wxsub_free(client);
  CHECK_INT(sink.destroyed, 1);
  CHECK_INT(sink.wrong, 0);
}

/* A client whose own thread, not a call, is about to write a line: of the token that it renews ahead of its end. */
static wxsub_client *about_to_renew(const char *store, struct sink *sink) {
  wxsub_client *client;
  wxsub_result r = WXSUB_RESULT_INIT;
  simulator_set("/sim/token", "{\"lifetime_s\":10}");
  client = open_store(store);
  CHECK_INT(wxsub_set_log(client, line, sink, destroy, WXSUB_LOG_INFO), WXSUB_OK);
  allow(client, "o-renew", "T");
  CHECK_VERDICT(wxsub_send(client, message_to("o-renew", "T"), NULL, &r), &r, WXSUB_OK);
  sleep_ms(5200);
  allow(client, "o-renew", "T");
  return client;
}

/* The library's own thread waits in the callback; calls go on, and then the client is freed. */
static void while_upkeep_waits(void) {
  struct sink sink = {NULL, NULL, 0, 0, 0, 0};
  wxsub_client *client = about_to_renew("renewal-waits.db", &sink);
  wxsub_result r = WXSUB_RESULT_INIT;
  const int before = seen(&sink.entered);
  long start;
  pthread_mutex_lock(&own);
  sink.wants = &hosts;
  pthread_mutex_unlock(&own);
  pthread_mutex_lock(&hosts);
  CHECK_VERDICT(wxsub_send(client, message_to("o-renew", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_INT(seen_soon(&sink.entered, before + 1), before + 1);
  start = now_ms();
  allow(client, "o-renew", "T");
  CHECK_VERDICT(wxsub_send(client, message_to("o-renew", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_INT(count_of(client, "o-renew", "T"), 0);
  CHECK(now_ms() - start < patient(2000));
  start = now_ms();
  wxsub_free(client);
  CHECK(now_ms() - start < patient(2000));
  CHECK_INT(seen(&sink.destroyed), 0);
  CHECK_INT(seen(&sink.inside), 1);
  pthread_mutex_unlock(&hosts);
  CHECK_INT(seen_soon(&sink.destroyed, 1), 1);
  CHECK_INT(sink.wrong, 0);
  simulator_set("/sim/token", "{\"lifetime_s\":7200}");
}

/* The library's own thread frees the client that it works for. */
static void upkeep_frees_it(void) {
  struct sink sink = {NULL, NULL, 0, 0, 0, 0};
  wxsub_client *client = about_to_renew("renewal-frees.db", &sink);
  const int before = seen(&sink.entered);
  wxsub_result r = WXSUB_RESULT_INIT;
  pthread_mutex_lock(&own);
  sink.frees = client;
  pthread_mutex_unlock(&own);
  CHECK_VERDICT(wxsub_send(client, message_to("o-renew", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_INT(seen_soon(&sink.destroyed, 1), 1);
  CHECK(sink.entered > before);
  CHECK_INT(wxsub_quota(client, "o-renew", "T", NULL, &r), WXSUB_E_STATE);
  CHECK_INT(sink.wrong, 0);
  simulator_set("/sim/token", "{\"lifetime_s\":7200}");
}

/* Sinks that are set while the client is freed: each is destroyed once, the ones that came too late at once. */

enum { SETTERS = 3, SINKS = 8 };

struct setter {
  pthread_t thread;
  const wxsub_client *client;
  struct sink sinks[SINKS];
};

static void *set_all(void *argument) {
  struct setter *s = argument;
  int i;
  for (i = 0; i < SINKS; i++) wxsub_set_log(s->client, line, &s->sinks[i], destroy, WXSUB_LOG_DEBUG);
  return NULL;
}

static void *free_it(void *client) {
  wxsub_free(client);
  return NULL;
}

static void set_while_it_is_freed(void) {
  static struct setter setters[SETTERS];
  const int rounds = getenv("WXSUB_TOOL") == NULL ? 10 : 2;
  int round, i, n;
  for (round = 0; round < rounds; round++) {
    wxsub_client *client = open_config(config_with(":memory:", ""));
    pthread_t freer;
    memset(setters, 0, sizeof setters);
    for (n = 0; n < SETTERS; n++) {
      setters[n].client = client;
      if (pthread_create(&setters[n].thread, NULL, set_all, &setters[n]) != 0) give_up("pthread_create");
    }
    if (round % 3 > 0) sleep_ms(round % 3);
    if (pthread_create(&freer, NULL, free_it, client) != 0) give_up("pthread_create");
    wxsub_free(client);
    pthread_join(freer, NULL);
    for (n = 0; n < SETTERS; n++) pthread_join(setters[n].thread, NULL);
    for (n = 0; n < SETTERS; n++) {
      for (i = 0; i < SINKS; i++) {
        CHECK_INT(seen_soon(&setters[n].sinks[i].destroyed, 1), 1);
        CHECK_INT(setters[n].sinks[i].wrong, 0);
      }
    }
  }
  sleep_ms(100);
  for (n = 0; n < SETTERS; n++) {
    for (i = 0; i < SINKS; i++) CHECK_INT(setters[n].sinks[i].destroyed, 1);
  }
}

int main(void) {
  while_lines_wait(take_the_client, "free-waits.db");
  while_lines_wait(take_the_callback, "set-waits.db");
  while_upkeep_waits();
  upkeep_frees_it();
  set_while_it_is_freed();
  return finish();
}
