/* Many threads at once on one client, and a client freed under the feet of its senders. */

#include "support.h"

#include <pthread.h>

enum { THREADS = 16, ROUNDS = 10 };

static wxsub_client *client;

struct worker {
  pthread_t thread;
  int number, ok, other;
  wxsub_status last;
  wxsub_result result;
  char text[512];
};

static struct worker workers[THREADS];

static void start_all(void *(*work)(void *)) {
  int i;
  memset(workers, 0, sizeof workers);
  for (i = 0; i < THREADS; i++) {
    workers[i].number = i;
    workers[i].result.struct_size = sizeof workers[i].result;
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) give_up("pthread_create");
  }
}

static void join_all(void) {
  int i;
  for (i = 0; i < THREADS; i++) pthread_join(workers[i].thread, NULL);
}

static int sum_of_ok(void) {
  int i, sum = 0;
  for (i = 0; i < THREADS; i++) sum += workers[i].ok;
  return sum;
}

/* text_of() and the simulator's answer are for one thread only, so the workers write their own. */
static const char *own_message(struct worker *w, const char *openid) {
  snprintf(w->text, sizeof w->text, "{\"touser\":\"%s\",\"template_id\":\"T\",\"data\":{\"thing1\":\"hello\"}}",
           openid);
  return w->text;
}

static void *a_player_each(void *argument) {
  struct worker *w = argument;
  char openid[32];
  int i;
  snprintf(openid, sizeof openid, "o-each-%d", w->number);
  for (i = 0; i < ROUNDS; i++) {
    w->ok += wxsub_report(client, openid, "T", WXSUB_ACCEPT, NULL, &w->result) == WXSUB_OK && w->result.remaining == 1;
    w->ok += wxsub_send(client, own_message(w, openid), NULL, &w->result) == WXSUB_OK && w->result.remaining == 0;
    w->ok += wxsub_send(client, own_message(w, openid), NULL, &w->result) == WXSUB_E_NO_QUOTA;
  }
  return NULL;
}

static void different_players(void) {
  int i;
  for (i = 0; i < THREADS; i++) grant(text_of("o-each-%d", i), "T", ROUNDS);
  start_all(a_player_each);
  join_all();
  CHECK_INT(sum_of_ok(), 3 * THREADS * ROUNDS);
  for (i = 0; i < THREADS; i++) CHECK_INT(deliveries_to(text_of("o-each-%d", i)), ROUNDS);
}

static void *one_player(void *argument) {
  struct worker *w = argument;
  w->last = wxsub_send(client, own_message(w, "o-one"), NULL, &w->result);
  w->ok = w->last == WXSUB_OK;
  w->other = w->last == WXSUB_E_NO_QUOTA && w->result.attempts == 0;
  return NULL;
}

static void the_same_player(void) {
  int i, turned_down = 0;
  for (i = 0; i < 5; i++) allow(client, "o-one", "T");
  grant("o-one", "T", THREADS);
  start_all(one_player);
  join_all();
  for (i = 0; i < THREADS; i++) turned_down += workers[i].other;
  CHECK_INT(sum_of_ok(), 5);
  CHECK_INT(turned_down, THREADS - 5);
  CHECK_INT(sends_to("o-one"), 5);
  CHECK_INT(deliveries_to("o-one"), 5);
  CHECK_INT(count_of(client, "o-one", "T"), 0);
  CHECK_HAS(simulator_get("/sim/player?openid=o-one"), "\"overlaps\":0");
}

static void *one_key(void *argument) {
  struct worker *w = argument;
  w->ok = wxsub_report(client, "o-key", "T", WXSUB_ACCEPT, "tap", &w->result) == WXSUB_OK && w->result.flags == 0 &&
          w->result.remaining == 1;
  w->ok += wxsub_send(client, own_message(w, "o-key"), "{\"key\":\"mail\"}", &w->result) == WXSUB_OK;
  w->other = w->result.flags == 0;
  return NULL;
}

static void the_same_key(void) {
  int i, first = 0;
  grant("o-key", "T", THREADS);
  start_all(one_key);
  join_all();
  for (i = 0; i < THREADS; i++) first += workers[i].other;
  CHECK_INT(sum_of_ok(), 1 + THREADS);
  CHECK_INT(first, 1);
  CHECK_INT(deliveries_to("o-key"), 1);
  CHECK_INT(count_of(client, "o-key", "T"), 0);
}

static void *open_use_and_free(void *argument) {
  struct worker *w = argument;
  char config[1024];
  int i;
  snprintf(config, sizeof config, "{\"appid\":\"wx%d\",\"secret\":\"s\",\"store\":\":memory:\"}", w->number);
  for (i = 0; i < ROUNDS; i++) {
    wxsub_client *mine = NULL;
    wxsub_client *stale;
    w->ok += wxsub_init(config, &mine, NULL) == WXSUB_OK;
    w->ok += wxsub_report(mine, "o", "T", WXSUB_ACCEPT, NULL, &w->result) == WXSUB_OK && w->result.remaining == 1;
    stale = mine;
    wxsub_free(mine);
    w->ok += wxsub_quota(stale, "o", "T", NULL, NULL) == WXSUB_E_STATE;
    wxsub_free(stale);
  }
  return NULL;
}

static void clients_come_and_go(void) {
  start_all(open_use_and_free);
  join_all();
  CHECK_INT(sum_of_ok(), 3 * THREADS * ROUNDS);
}

static void *one_send(void *argument) {
  struct worker *w = argument;
  char openid[32];
  snprintf(openid, sizeof openid, "o-free-%d", w->number);
  w->last = wxsub_send(client, own_message(w, openid), "{\"timeout_ms\":20000}", &w->result);
  return NULL;
}

static int in_progress(void) {
  const char *counters = simulator_get("/sim/counters");
  const char *at = strstr(counters, "\"sends_in_progress\":");
  return at == NULL ? -1 : atoi(at + strlen("\"sends_in_progress\":"));
}

/* The same under way: all are at WeChat, which answers after so many milliseconds, or never. */
static void free_under_way(const char *fault, int finishes) {
  const char *store = finishes ? "finishes.db" : "never.db";
  long start;
  int i;
  client = open_store(store);
  for (i = 0; i < THREADS; i++) allow(client, text_of("o-free-%d", i), "T");
  arm(fault);
  start_all(one_send);
  for (i = 0; i < patient(400) && in_progress() < THREADS; i++) sleep_ms(5);
  CHECK_INT(in_progress(), THREADS);
  start = now_ms();
  wxsub_free(client);
  CHECK(now_ms() - start < patient(2500));
  CHECK_INT(wxsub_quota(client, "o", "T", NULL, NULL), WXSUB_E_STATE);
  join_all();
  CHECK(now_ms() - start < patient(4000));
  simulator_set("/sim/faults/clear", "{}");
  client = open_store(store);
  for (i = 0; i < THREADS; i++) {
    CHECK_INT(workers[i].last, workers[i].result.status);
    CHECK_INT(workers[i].last, finishes ? WXSUB_OK : WXSUB_E_UNKNOWN);
    CHECK_INT(workers[i].result.retry, finishes ? WXSUB_RETRY_NEVER : WXSUB_RETRY_UNSAFE);
    CHECK_INT(count_of(client, text_of("o-free-%d", i), "T"), !finishes);
  }
  wxsub_free(client);
}

int main(void) {
  client = open_store("threads.db");
  different_players();
  the_same_player();
  the_same_key();
  wxsub_free(client);
  clients_come_and_go();
  free_under_way("{\"kind\":\"delay\",\"delay_ms\":500,\"endpoint\":\"send\",\"times\":\"forever\"}", 1);
  free_under_way("{\"kind\":\"stall\",\"endpoint\":\"send\",\"times\":\"forever\"}", 0);
  return finish();
}
