/* The log callback: what it gets, what it may do, and its destroy, exactly once whatever happens. */

#include "support.h"

#include <pthread.h>

struct sink {
  wxsub_client *client; /* what the line's callback is to work on, or NULL */
  void (*deed)(struct sink *);
  int lines, of_level[5], inside, deepest, wrong, destroyed, destroyed_inside;
  char text[65536];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void line(void *user_data, int32_t level, const char *message) {
  struct sink *sink = user_data;
  void (*deed)(struct sink *) = NULL;
  pthread_mutex_lock(&lock);
  sink->lines++;
  if (level >= 1 && level <= 4) sink->of_level[level]++;
  sink->wrong += level < 1 || level > 4 || strpbrk(message, "\r\n") != NULL || *message == '\0' || sink->destroyed;
  strncat(sink->text, message, sizeof sink->text - strlen(sink->text) - 1);
  if (++sink->inside > sink->deepest) sink->deepest = sink->inside;
  if (sink->inside == 1) {
    deed = sink->deed;
    sink->deed = NULL;
  }
  pthread_mutex_unlock(&lock);
  if (deed != NULL) deed(sink);
  pthread_mutex_lock(&lock);
  sink->inside--;
  pthread_mutex_unlock(&lock);
}

static void destroy(void *user_data) {
  struct sink *sink = user_data;
  pthread_mutex_lock(&lock);
  sink->destroyed++;
  sink->destroyed_inside += sink->inside > 0;
  pthread_mutex_unlock(&lock);
}

static struct sink *new_sink(void) {
  struct sink *sink = calloc(1, sizeof *sink);
  if (sink == NULL) give_up("out of memory");
  return sink;
}

/* A destroy may come a little after wxsub_free returned. */
static int destroyed(struct sink *sink) {
  int i, times = 0;
  for (i = 0; i < patient(200) && times == 0; i++) {
    if (i > 0) sleep_ms(10);
    pthread_mutex_lock(&lock);
    times = sink->destroyed;
    pthread_mutex_unlock(&lock);
  }
  return times;
}

static void use(wxsub_client *client, const char *openid) {
  wxsub_result r = WXSUB_RESULT_INIT;
  allow(client, openid, "T");
  CHECK_VERDICT(wxsub_send(client, message_to(openid, "T"), NULL, &r), &r, WXSUB_OK);
}

static void lines_come_with_their_level(void) {
  wxsub_client *client = open_store("log.db");
  struct sink *sink = new_sink();
  const char *at;
  char token[1024] = "";
  CHECK_INT(wxsub_set_log(client, line, sink, destroy, WXSUB_LOG_DEBUG), WXSUB_OK);
#ifdef _WIN32
  CHECK_HAS(sink->text, "\\log.db"); /* its path as Windows writes it */
#else
  CHECK_HAS(sink->text, in_tmp("log.db"));
#endif
  CHECK(sink->of_level[WXSUB_LOG_INFO] > 0);
  use(client, "o-log");
  CHECK(sink->of_level[WXSUB_LOG_DEBUG] >= 2);
  at = strstr(simulator_get("/sim/token"), "\"stable\":\"");
  if (at != NULL) sscanf(at, "\"stable\":\"%1000[^\"]", token);
  CHECK(strlen(token) > 10 && strstr(sink->text, token) == NULL);
  CHECK(strstr(sink->text, environment("WXSUB_SECRET")) == NULL);
  CHECK(strstr(sink->text, "access_token=") == NULL);
  CHECK_INT(sink->wrong, 0);
  CHECK_INT(sink->destroyed, 0);
  wxsub_free(client);
  CHECK_INT(destroyed(sink), 1);
  CHECK_INT(sink->wrong, 0);
  free(sink);
}

static void only_up_to_the_level(void) {
  static const int32_t levels[] = {WXSUB_LOG_OFF, WXSUB_LOG_ERROR, WXSUB_LOG_WARN, WXSUB_LOG_INFO, -5};
  size_t i;
  for (i = 0; i < sizeof levels / sizeof levels[0]; i++) {
    wxsub_client *client = open_store("levels.db");
    struct sink *sink = new_sink();
    int level;
    CHECK_INT(wxsub_set_log(client, line, sink, destroy, levels[i]), WXSUB_OK);
    use(client, "o-levels");
    wxsub_free(client);
    CHECK_INT(destroyed(sink), 1);
    for (level = 1; level <= 4; level++) CHECK(level <= levels[i] || sink->of_level[level] == 0);
    free(sink);
  }
}

static void another_takes_its_place(void) {
  wxsub_client *client = open_store("place.db");
  struct sink *first = new_sink(), *second = new_sink();
  int before;
  CHECK_INT(wxsub_set_log(client, line, first, destroy, WXSUB_LOG_DEBUG), WXSUB_OK);
  before = first->lines;
  CHECK_INT(wxsub_set_log(client, line, second, destroy, WXSUB_LOG_DEBUG), WXSUB_OK);
  CHECK_INT(destroyed(first), 1);
  use(client, "o-place");
  CHECK_INT(first->lines, before);
  CHECK(second->lines > 0);
  CHECK_INT(wxsub_set_log(client, NULL, NULL, NULL, WXSUB_LOG_DEBUG), WXSUB_OK);
  CHECK_INT(destroyed(second), 1);
  before = second->lines;
  use(client, "o-place");
  CHECK_INT(second->lines, before);
  wxsub_free(client);
  CHECK_INT(first->destroyed, 1);
  CHECK_INT(second->destroyed, 1);
  free(first);
  free(second);
}

static void destroy_also_when_it_fails(void) {
  wxsub_client *client = open_store("fails.db");
  struct sink *sink = new_sink();
  CHECK_INT(wxsub_set_log(NULL, line, sink, destroy, WXSUB_LOG_DEBUG), WXSUB_E_STATE);
  CHECK_INT(sink->destroyed, 1);
  CHECK_INT(wxsub_set_log((wxsub_client *)0x1234567, line, sink, destroy, WXSUB_LOG_DEBUG), WXSUB_E_STATE);
  CHECK_INT(sink->destroyed, 2);
  CHECK_INT(wxsub_set_log(client, NULL, sink, destroy, WXSUB_LOG_DEBUG), WXSUB_OK);
  wxsub_free(client);
  CHECK_INT(wxsub_set_log(client, line, sink, destroy, WXSUB_LOG_DEBUG), WXSUB_E_STATE);
  CHECK_INT(sink->destroyed, 4);
  CHECK_INT(sink->lines, 0);
  free(sink);
}

static void no_user_data_and_no_destroy(void) {
  wxsub_client *client = open_store("bare.db");
  struct sink *sink = new_sink();
  CHECK_INT(wxsub_set_log(client, line, sink, NULL, WXSUB_LOG_DEBUG), WXSUB_OK);
  CHECK(sink->lines > 0);
  CHECK_INT(wxsub_set_log(client, NULL, NULL, destroy == NULL ? destroy : NULL, WXSUB_LOG_DEBUG), WXSUB_OK);
  wxsub_free(client);
  CHECK_INT(sink->destroyed, 0);
  free(sink);
}

static void call_everything(struct sink *sink) {
  wxsub_client *other = NULL;
  size_t count;
  wxsub_report(sink->client, "o-inside", "T", WXSUB_ACCEPT, NULL, NULL);
  wxsub_report_json(sink->client, "o-inside", "{\"T\":\"accept\"}", NULL, NULL, 0, &count);
  if (wxsub_send(sink->client, message_to("o-inside", "T"), NULL, NULL) != WXSUB_OK) sink->wrong++;
  if (count_of(sink->client, "o-inside", "T") != 1) sink->wrong++;
  if (wxsub_init(config_with(":memory:", ""), &other, NULL) != WXSUB_OK) sink->wrong++;
  wxsub_free(other);
}

static void a_callback_may_call_the_library(void) {
  wxsub_client *client = open_store("inside.db");
  struct sink *sink = new_sink();
  grant("o-inside", "T", 2);
  sink->client = client;
  sink->deed = call_everything;
  CHECK_INT(wxsub_set_log(client, line, sink, destroy, WXSUB_LOG_DEBUG), WXSUB_OK);
  CHECK_INT(count_of(client, "o-inside", "T"), 1);
  CHECK_INT(sink->deepest, 1);
  CHECK_INT(sink->wrong, 0);
  wxsub_free(client);
  CHECK_INT(destroyed(sink), 1);
  free(sink);
}

static void replace_itself(struct sink *sink) {
  if (wxsub_set_log(sink->client, NULL, NULL, NULL, WXSUB_LOG_OFF) != WXSUB_OK) sink->wrong++;
}

static void free_the_client(struct sink *sink) {
  long start = now_ms();
  wxsub_free(sink->client);
  if (now_ms() - start > 700) sink->wrong++;
  if (wxsub_quota(sink->client, "o", "T", NULL, NULL) != WXSUB_E_STATE) sink->wrong++;
}

static void destroy_never_runs_inside(void (*deed)(struct sink *)) {
  wxsub_client *client = open_store("never-inside.db");
  struct sink *sink = new_sink();
  wxsub_status status;
  sink->client = client;
  CHECK_INT(wxsub_set_log(client, line, sink, destroy, WXSUB_LOG_DEBUG), WXSUB_OK);
  sink->deed = deed;
  status = wxsub_report(client, "o-never", "T", WXSUB_ACCEPT, NULL, NULL);
  CHECK(status == WXSUB_OK || status == WXSUB_E_STATE || status == WXSUB_E_CANCELLED);
  CHECK(sink->deed == NULL);
  CHECK_INT(destroyed(sink), 1);
  CHECK_INT(sink->destroyed_inside, 0);
  CHECK_INT(sink->wrong, 0);
  wxsub_free(client);
  CHECK_INT(sink->destroyed, 1);
  free(sink);
}

enum { SINKS = 40, REPORTERS = 4 };

static int over;

static void *report_until_it_is_over(void *client) {
  int done;
  do {
    wxsub_report(client, "o-fire", "T", WXSUB_BAN, NULL, NULL);
    pthread_mutex_lock(&lock);
    done = over;
    pthread_mutex_unlock(&lock);
  } while (!done);
  return NULL;
}

/* The callback is replaced, and its client freed, while others are in it: no line comes after its destroy. */
static void replaced_under_fire(void) {
  wxsub_client *client = open_config(config_with(":memory:", ""));
  static struct sink *sinks[SINKS];
  pthread_t reporters[REPORTERS];
  int i, lines = 0;
  for (i = 0; i < REPORTERS; i++) {
    if (pthread_create(&reporters[i], NULL, report_until_it_is_over, client) != 0) give_up("pthread_create");
  }
  for (i = 0; i < SINKS; i++) {
    sinks[i] = new_sink();
    CHECK_INT(wxsub_set_log(client, line, sinks[i], destroy, WXSUB_LOG_DEBUG), WXSUB_OK);
    sleep_ms(2);
  }
  wxsub_free(client);
  pthread_mutex_lock(&lock);
  over = 1;
  pthread_mutex_unlock(&lock);
  for (i = 0; i < REPORTERS; i++) pthread_join(reporters[i], NULL);
  for (i = 0; i < SINKS; i++) {
    CHECK_INT(destroyed(sinks[i]), 1);
    CHECK_INT(sinks[i]->destroyed_inside, 0);
    CHECK_INT(sinks[i]->wrong, 0);
    lines += sinks[i]->lines;
    free(sinks[i]);
  }
  CHECK(lines > SINKS);
}

int main(void) {
  lines_come_with_their_level();
  only_up_to_the_level();
  another_takes_its_place();
  destroy_also_when_it_fails();
  no_user_data_and_no_destroy();
  a_callback_may_call_the_library();
  destroy_never_runs_inside(replace_itself);
  destroy_never_runs_inside(free_the_client);
  replaced_under_fire();
  return finish();
}
