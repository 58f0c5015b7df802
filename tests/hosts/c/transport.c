/* A host's own transport: what it is given, what its answers mean, what it may call, and when it is let go. */

#include "support.h"

#include <pthread.h>
#ifndef _WIN32
#include <sys/types.h>
#include <sys/wait.h>
#endif

/* As long as WeChat's are. */
static const char token[] =
    "86_Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3JhdWx0Z2FycGx5d2FsZG9mcmVkcGx1Z2h4eXp6eXRodWRGb29CYXJCYXpRdXhRdXV4Q29yZ2VHcmF1bHQ"
    "0123456789abcdef";

struct host {
  /* What it answers to a send. */
  int32_t returns;
  int32_t http_status;
  const char *body;
  size_t body_len; /* 0: that of body */
  const char *message;
  /* What was asked of it. */
  int sends, tokens, others, bad_requests, destroyed, running;
  uint32_t timeout_ms;
  char body_seen[512];
  char url_seen[512];
  /* What it does meanwhile. */
  void (*meanwhile)(struct host *);
  long took_ms;
  wxsub_client *client;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static wxsub_result r = WXSUB_RESULT_INIT;

static void answer(wxsub_http_response *response, int32_t http_status, const char *body, size_t body_len) {
  response->http_status = http_status;
  if (body_len <= response->body_capacity) memcpy(response->body, body, strlen(body) < body_len ? strlen(body) : body_len);
  response->body_len = body_len;
}

static int is_well_formed(const wxsub_http_request *request, const wxsub_http_response *response, int post) {
  return request->struct_size == sizeof *request && response->struct_size == sizeof *response && request->timeout_ms > 0 &&
         strcmp(request->method, post ? "POST" : "GET") == 0 && strncmp(request->url, "http://127.0.0.1:1/", 19) == 0 &&
         (post ? strcmp(request->content_type, "application/json") == 0 && request->body != NULL && request->body_len > 0
               : request->content_type == NULL && request->body == NULL && request->body_len == 0) &&
         response->body != NULL && response->body_capacity == 1 << 20 && response->body_len == 0 &&
         response->http_status == 0 && response->message[0] == '\0';
}

static int32_t carry(void *user_data, const wxsub_http_request *request, wxsub_http_response *response) {
  struct host *host = user_data;
  void (*meanwhile)(struct host *);
  int32_t returns = WXSUB_HTTP_ANSWERED;
  pthread_mutex_lock(&lock);
  host->running++;
  host->bad_requests += host->destroyed != 0;
  if (strstr(request->url, "/cgi-bin/stable_token") != NULL) {
    host->tokens++;
    host->bad_requests += !is_well_formed(request, response, 1);
    response->http_status = 200;
    response->body_len =
        (size_t)snprintf(response->body, response->body_capacity, "{\"access_token\":\"%s\",\"expires_in\":7200}", token);
  } else if (strstr(request->url, "/cgi-bin/message/subscribe/send?access_token=") != NULL) {
    host->sends++;
    host->bad_requests += !is_well_formed(request, response, 1) || strstr(request->url, token) == NULL;
    host->timeout_ms = request->timeout_ms;
    snprintf(host->body_seen, sizeof host->body_seen, "%.*s", (int)request->body_len, request->body);
    snprintf(host->url_seen, sizeof host->url_seen, "%s", request->url);
    answer(response, host->http_status, host->body, host->body_len == 0 ? strlen(host->body) : host->body_len);
    if (host->message != NULL) strncpy(response->message, host->message, sizeof response->message);
    returns = host->returns;
  } else {
    host->others++;
    host->bad_requests += !is_well_formed(request, response, 0);
    returns = WXSUB_HTTP_NOT_SENT;
  }
  meanwhile = host->meanwhile;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  if (meanwhile != NULL) meanwhile(host);
  pthread_mutex_lock(&lock);
  host->running--;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  return returns;
}

static void destroy(void *user_data) {
  struct host *host = user_data;
  pthread_mutex_lock(&lock);
  host->bad_requests += host->running != 0;
  host->destroyed++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static int read_locked(const int *number) {
  int value;
  pthread_mutex_lock(&lock);
  value = *number;
  pthread_mutex_unlock(&lock);
  return value;
}

static void wait_for(const int *number, int wanted) {
  pthread_mutex_lock(&lock);
  while (*number < wanted) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}

static struct host new_host(void) {
  struct host host;
  memset(&host, 0, sizeof host);
  host.http_status = 200;
  host.body = "{\"errcode\":0,\"errmsg\":\"ok\",\"msgid\":77}";
  host.took_ms = -1;
  return host;
}

/* A client that reaches nobody by itself. */
static wxsub_client *open_alone(const char *more) {
  return open_config(text_of("{\"appid\":\"wx0\",\"secret\":\"very-secret-secret\",\"api_base\":\"http://127.0.0.1:1\",\"store\":\":memory:\","
                             "\"templates\":\"off\",\"quota\":\"observe\",\"max_attempts\":1%s}",
                             more));
}

static wxsub_client *open_with(struct host *host) {
  wxsub_client *client = open_alone("");
  host->client = client;
  CHECK_INT(wxsub_set_transport(client, carry, host, destroy), WXSUB_OK);
  CHECK_INT(host->destroyed, 0);
  return client;
}

static void what_it_is_given(void) {
  struct host host = new_host();
  wxsub_client *client = open_with(&host);
  CHECK_VERDICT(wxsub_send(client, message_to("o", "T"), "{\"timeout_ms\":60000}", &r), &r, WXSUB_OK);
  CHECK_INT(r.msgid, 77);
  CHECK_INT(r.http_status, 200);
  CHECK_INT(r.attempts, 1);
  CHECK_INT(host.sends, 1);
  CHECK_INT(host.tokens, 1);
  CHECK_INT(host.bad_requests, 0);
  CHECK(host.timeout_ms > 0 && host.timeout_ms <= 60000);
  CHECK_HAS(host.body_seen, "\"touser\":\"o\"");
  CHECK_HAS(host.body_seen, "\"thing1\":{\"value\":\"hello\"}");
  wxsub_free(client);
  CHECK_INT(host.destroyed, 1);
}

static void what_its_answers_mean(void) {
  static const struct {
    int32_t returns, http_status;
    const char *body;
    size_t body_len;
    wxsub_status wanted;
    int32_t retry, errcode;
  } answers[] = {
      {WXSUB_HTTP_ANSWERED, 200, "{\"errcode\":0,\"msgid\":5}", 0, WXSUB_OK, WXSUB_RETRY_NEVER, 0},
      {WXSUB_HTTP_ANSWERED, 200, "{\"errcode\":43101,\"errmsg\":\"no\"}", 0, WXSUB_E_REFUSED, WXSUB_RETRY_NEVER, 43101},
      {WXSUB_HTTP_ANSWERED, 200, "{\"errcode\":-1}", 0, WXSUB_E_BUSY, WXSUB_RETRY_LATER, -1},
      {WXSUB_HTTP_ANSWERED, 503, "{\"errcode\":-1}", 0, WXSUB_E_BUSY, WXSUB_RETRY_LATER, -1},
      {WXSUB_HTTP_ANSWERED, 200, "", 0, WXSUB_E_UNKNOWN, WXSUB_RETRY_UNSAFE, 0},
      {WXSUB_HTTP_ANSWERED, 502, "<html>Bad Gateway</html>", 0, WXSUB_E_UNKNOWN, WXSUB_RETRY_UNSAFE, 0},
      {WXSUB_HTTP_ANSWERED, 200, "\xff\xfe{}", 0, WXSUB_E_UNKNOWN, WXSUB_RETRY_UNSAFE, 0},
      {WXSUB_HTTP_ANSWERED, 200, "{\"errcode\":0,\"msgid\":5}", 9, WXSUB_E_UNKNOWN, WXSUB_RETRY_UNSAFE, 0},
      {WXSUB_HTTP_ANSWERED, 200, "{\"errcode\":0,\"msgid\":5}", (1 << 20) + 1, WXSUB_E_UNKNOWN, WXSUB_RETRY_UNSAFE, 0},
      {WXSUB_HTTP_ANSWERED, 200, "{\"errcode\":0,\"msgid\":5}", SIZE_MAX, WXSUB_E_UNKNOWN, WXSUB_RETRY_UNSAFE, 0},
      {WXSUB_HTTP_ANSWERED, 0, "{\"errcode\":0,\"msgid\":5}", 0, WXSUB_OK, WXSUB_RETRY_NEVER, 0},
      {WXSUB_HTTP_ANSWERED, -5, "{\"errcode\":0,\"msgid\":5}", 0, WXSUB_OK, WXSUB_RETRY_NEVER, 0},
      {WXSUB_HTTP_ANSWERED, 70000, "{\"errcode\":0,\"msgid\":5}", 0, WXSUB_OK, WXSUB_RETRY_NEVER, 0},
      /* The body of what was not answered is nothing. */
      {WXSUB_HTTP_NOT_SENT, 200, "{\"errcode\":0,\"msgid\":5}", 0, WXSUB_E_CONNECT, WXSUB_RETRY_LATER, 0},
      {WXSUB_HTTP_MAYBE_SENT, 200, "{\"errcode\":0,\"msgid\":5}", 0, WXSUB_E_UNKNOWN, WXSUB_RETRY_UNSAFE, 0},
      {3, 200, "{\"errcode\":0,\"msgid\":5}", 0, WXSUB_E_UNKNOWN, WXSUB_RETRY_UNSAFE, 0},
      {-1, 200, "{\"errcode\":0,\"msgid\":5}", 0, WXSUB_E_UNKNOWN, WXSUB_RETRY_UNSAFE, 0},
      {INT32_MIN, 200, "", 0, WXSUB_E_UNKNOWN, WXSUB_RETRY_UNSAFE, 0},
  };
  struct host host = new_host();
  wxsub_client *client = open_with(&host);
  size_t i;
  for (i = 0; i < sizeof answers / sizeof *answers; i++) {
    const int before = host.sends;
    host.returns = answers[i].returns;
    host.http_status = answers[i].http_status;
    host.body = answers[i].body;
    host.body_len = answers[i].body_len;
    if (!CHECK_VERDICT(wxsub_send(client, message_to(text_of("o%d", (int)i), "T"), NULL, &r), &r, answers[i].wanted)) {
      fprintf(stderr, "answer %d\n", (int)i);
    }
    CHECK_INT(r.retry, answers[i].retry);
    CHECK_INT(r.errcode, answers[i].errcode);
    CHECK_INT(host.sends, before + 1);
  }
  /* The longest body that there is room for. */
  host.returns = WXSUB_HTTP_ANSWERED;
  host.http_status = 200;
  host.body = malloc((1 << 20) + 1);
  if (host.body == NULL) give_up("out of memory");
  memset((char *)(uintptr_t)host.body, ' ', 1 << 20);
  memcpy((char *)(uintptr_t)host.body, "{\"errcode\":0,\"msgid\":6}", 23);
  ((char *)(uintptr_t)host.body)[1 << 20] = '\0';
  host.body_len = 0;
  CHECK_VERDICT(wxsub_send(client, message_to("o-long", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.msgid, 6);
  free((void *)(uintptr_t)host.body);
  CHECK_INT(host.bad_requests, 0);
  wxsub_free(client);
  CHECK_INT(host.destroyed, 1);
}

/* What a host writes into its message, URL and all, ends up in results and logs. */
static char logged[1 << 16];

static void keep_line(void *user_data, int32_t level, const char *message) {
  (void)user_data;
  (void)level;
  pthread_mutex_lock(&lock);
  if (strlen(logged) + strlen(message) + 2 < sizeof logged) {
    strcat(logged, message);
    strcat(logged, "\n");
  }
  pthread_mutex_unlock(&lock);
}

static void no_secret_of_its_message_is_told(void) {
  char quoted[600], prefix[24];
  struct host host = new_host();
  wxsub_client *client = open_with(&host);
  CHECK_INT(wxsub_set_log(client, keep_line, NULL, NULL, WXSUB_LOG_DEBUG), WXSUB_OK);
  host.returns = WXSUB_HTTP_MAYBE_SENT;
  host.message = "the gateway timed out";
  CHECK_VERDICT(wxsub_send(client, message_to("o1", "T"), NULL, &r), &r, WXSUB_E_UNKNOWN);
  CHECK_HAS(r.message, "the gateway timed out");
  snprintf(prefix, sizeof prefix, "%.20s", token);

  /* The field is shorter than such a token: it is cut in its middle. */
  snprintf(quoted, sizeof quoted, "timeout: %s", host.url_seen);
  host.message = quoted;
  CHECK_VERDICT(wxsub_send(client, message_to("o2", "T"), NULL, &r), &r, WXSUB_E_UNKNOWN);
  CHECK(strstr(r.message, prefix) == NULL);
  snprintf(quoted, sizeof quoted, "%s", token);
  host.returns = WXSUB_HTTP_NOT_SENT;
  CHECK_VERDICT(wxsub_send(client, message_to("o3", "T"), NULL, &r), &r, WXSUB_E_CONNECT);
  CHECK(strstr(r.message, prefix) == NULL);
  /* And what it answers with. */
  host.returns = WXSUB_HTTP_ANSWERED;
  snprintf(quoted, sizeof quoted, "{\"errcode\":47003,\"errmsg\":\"%s\"}", host.url_seen);
  host.message = NULL;
  host.body = quoted;
  CHECK_VERDICT(wxsub_send(client, message_to("o4", "T"), NULL, &r), &r, WXSUB_E_MESSAGE);
  CHECK(strstr(r.message, prefix) == NULL);
  wxsub_free(client);
  CHECK(strlen(logged) > 0 && strstr(logged, prefix) == NULL);
}

static void odd_messages(void) {
  static const char *const messages[] = {"\xff\xfe\xfd", "a\nb\rc", "%s%n%s", ""};
  char full[200];
  struct host host = new_host();
  wxsub_client *client = open_with(&host);
  size_t i;
  host.returns = WXSUB_HTTP_MAYBE_SENT;
  for (i = 0; i <= sizeof messages / sizeof *messages; i++) {
    memset(full, 'x', sizeof full);
    full[sizeof full - 1] = '\0';
    /* The last one fills the field, without a NUL. */
    host.message = i < sizeof messages / sizeof *messages ? messages[i] : full;
    CHECK_VERDICT(wxsub_send(client, message_to(text_of("o%d", (int)i), "T"), NULL, &r), &r, WXSUB_E_UNKNOWN);
  }
  CHECK_INT(times_in(r.message, "x"), 128);
  wxsub_free(client);
}

static void destroyed_once(void) {
  static struct host hosts[8];
  wxsub_client *client = open_alone("");
  size_t i;
  for (i = 0; i < 8; i++) hosts[i] = new_host();
  CHECK_INT(wxsub_set_transport(client, carry, &hosts[0], destroy), WXSUB_OK);
  CHECK_INT(hosts[0].destroyed, 0);
  /* Another takes its place, and the library itself; also the same one again, which is another time. */
  CHECK_INT(wxsub_set_transport(client, carry, &hosts[1], destroy), WXSUB_OK);
  CHECK_INT(hosts[0].destroyed, 1);
  CHECK_INT(wxsub_set_transport(client, carry, &hosts[1], destroy), WXSUB_OK);
  CHECK_INT(hosts[1].destroyed, 1);
  CHECK_INT(wxsub_set_transport(client, NULL, &hosts[2], destroy), WXSUB_OK);
  CHECK_INT(hosts[1].destroyed, 2);
  CHECK_INT(hosts[2].destroyed, 1);
  CHECK_VERDICT(wxsub_send(client, message_to("o", "T"), "{\"timeout_ms\":2000}", &r), &r, WXSUB_E_CONNECT);
  /* Failing calls. */
  CHECK_INT(wxsub_set_transport(NULL, carry, &hosts[3], destroy), WXSUB_E_STATE);
  CHECK_INT(hosts[3].destroyed, 1);
  CHECK_INT(wxsub_set_transport((wxsub_client *)(void *)hosts, carry, &hosts[4], destroy), WXSUB_E_STATE);
  CHECK_INT(hosts[4].destroyed, 1);
  CHECK_INT(wxsub_set_transport(client, carry, &hosts[5], NULL), WXSUB_OK);
  CHECK_INT(wxsub_set_transport(client, carry, &hosts[6], destroy), WXSUB_OK);
  CHECK_INT(hosts[6].destroyed, 0);
  wxsub_free(client);
  CHECK_INT(hosts[6].destroyed, 1);
  CHECK_INT(wxsub_set_transport(client, carry, &hosts[7], destroy), WXSUB_E_STATE);
  CHECK_INT(hosts[7].destroyed, 1);
  for (i = 0; i < 8; i++) CHECK_INT(hosts[i].sends, 0);
}

#ifndef _WIN32
static void in_a_forked_child(void) {
  struct host host = new_host(), other = new_host();
  wxsub_client *client = open_with(&host);
  int status = -1;
  pid_t child;
  fflush(NULL);
  child = fork();
  if (child == 0) {
    alarm((unsigned)patient(20));
    _exit(!(wxsub_set_transport(client, carry, &other, destroy) == WXSUB_E_FORKED && other.destroyed == 1 && host.destroyed == 0));
  }
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_INT(status, 0);
  wxsub_free(client);
  CHECK_INT(host.destroyed, 1);
}
#endif

/* Replaced, and freed, while a call of it runs: it is let go after that. */
static int may_go_on;

static void until_told(struct host *host) {
  (void)host;
  pthread_mutex_lock(&lock);
  while (!may_go_on) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}

static void replaced_while_it_runs(int by_free) {
  static struct host hosts[2];
  struct host *host = &hosts[by_free];
  struct host next = new_host();
  wxsub_client *client;
  wxsub_result result = WXSUB_RESULT_INIT;
  size_t count = 0;
  *host = new_host();
  client = open_with(host);
  CHECK_VERDICT(wxsub_send(client, message_to("o-warm", "T"), NULL, &r), &r, WXSUB_OK);
  may_go_on = 0;
  host->meanwhile = until_told;
  CHECK_INT(wxsub_submit(client, message_to("o-runs", "T"), NULL, NULL, &r), WXSUB_OK);
  wait_for(&host->sends, 2);
  if (by_free) {
    wxsub_free(client);
  } else {
    CHECK_INT(wxsub_set_transport(client, carry, &next, destroy), WXSUB_OK);
  }
  CHECK_INT(read_locked(&host->destroyed), 0);
  pthread_mutex_lock(&lock);
  may_go_on = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  wait_for(&host->destroyed, 1);
  if (!by_free) {
    CHECK_INT(wxsub_poll(client, &result, 1, 60000, &count), WXSUB_OK);
    CHECK(count == 1 && result.status == WXSUB_OK);
    CHECK_VERDICT(wxsub_send(client, message_to("o-next", "T"), NULL, &r), &r, WXSUB_OK);
    CHECK_INT(next.sends, 1);
    wxsub_free(client);
    CHECK_INT(next.destroyed, 1);
  }
  sleep_ms(50);
  CHECK_INT(read_locked(&host->destroyed), 1);
  CHECK_INT(read_locked(&host->bad_requests), 0);
}

/* It may call any function. */
static void everything(struct host *host) {
  wxsub_result mine = WXSUB_RESULT_INIT;
  wxsub_stats stats = WXSUB_STATS_INIT;
  int64_t left = -1;
  size_t count = 0;
  const int good = wxsub_report(host->client, "o-inside", "T", WXSUB_ACCEPT, NULL, &mine) == WXSUB_OK &&
                   wxsub_quota(host->client, "o-inside", "T", &left, NULL) == WXSUB_OK && left > 0 &&
                   wxsub_submit(host->client, "{\"touser\":\"o-inside\"}", NULL, NULL, &mine) == WXSUB_OK &&
                   wxsub_lookup(host->client, "o-inside", "k", &mine) == WXSUB_E_NOT_FOUND &&
                   wxsub_cancel(host->client, "o-inside", "k", &mine) == WXSUB_E_NOT_FOUND &&
                   wxsub_get_stats(host->client, &stats) == WXSUB_OK &&
                   wxsub_poll(host->client, NULL, 0, 0, &count) == WXSUB_OK;
  pthread_mutex_lock(&lock);
  host->bad_requests += !good;
  host->meanwhile = NULL;
  pthread_mutex_unlock(&lock);
}

/* Another of itself, or none: this one runs on. */
static void itself_replaced(struct host *host) {
  host->meanwhile = NULL;
  host->bad_requests += wxsub_set_transport(host->client, NULL, NULL, NULL) != WXSUB_OK;
  host->bad_requests += read_locked(&host->destroyed);
}

static void shut_down(struct host *host) {
  size_t unfinished = 99;
  host->meanwhile = NULL;
  host->bad_requests += wxsub_shutdown(host->client, 60000, &unfinished) != WXSUB_OK || unfinished == 0 || unfinished == 99;
}

static void freed(struct host *host) {
  host->meanwhile = NULL;
  wxsub_free(host->client);
  host->bad_requests += wxsub_quota(host->client, "o", "T", NULL, NULL) != WXSUB_E_STATE;
}

/* On one of the library's threads, the last that holds the client: closing must not be waited for there either. */
static void freed_at_once(struct host *host) {
  const long began = now_ms();
  host->meanwhile = NULL;
  wxsub_free(host->client);
  pthread_mutex_lock(&lock);
  host->took_ms = now_ms() - began;
  pthread_mutex_unlock(&lock);
}

static void freed_on_a_thread_of_the_library(void) {
  static struct host host;
  wxsub_client *client;
  host = new_host();
  client = open_with(&host);
  CHECK_VERDICT(wxsub_send(client, message_to("o-warm", "T"), NULL, &r), &r, WXSUB_OK);
  host.meanwhile = freed_at_once;
  CHECK_INT(wxsub_submit(client, message_to("o", "T"), NULL, NULL, NULL), WXSUB_OK);
  wait_for(&host.destroyed, 1);
  CHECK_INT(wxsub_quota(client, "o", "T", NULL, NULL), WXSUB_E_STATE);
  pthread_mutex_lock(&lock);
  CHECK(host.took_ms >= 0 && host.took_ms < patient(100));
  pthread_mutex_unlock(&lock);
}

static void called_from_within(void (*work)(struct host *), wxsub_status afterwards) {
  static struct host hosts[8];
  static int used;
  struct host *host = &hosts[used++];
  wxsub_client *client;
  *host = new_host();
  client = open_with(host);
  CHECK_VERDICT(wxsub_send(client, message_to("o-warm", "T"), NULL, &r), &r, WXSUB_OK);
  host->meanwhile = work;
  CHECK_VERDICT(wxsub_send(client, message_to("o", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_INT(wxsub_quota(client, "o", "T", NULL, NULL), afterwards);
  wxsub_free(client);
  wait_for(&host->destroyed, 1);
  sleep_ms(20);
  CHECK_INT(read_locked(&host->destroyed), 1);
  CHECK_INT(read_locked(&host->bad_requests), 0);
}

static int32_t reach_nobody(void *user_data, const wxsub_http_request *request, wxsub_http_response *response) {
  (void)user_data;
  (void)request;
  (void)response;
  return WXSUB_HTTP_NOT_SENT;
}

/* Another client on the same store asks for its token at once, by the library's HTTP. */
static void its_failures_are_its_own(void) {
  const char *config = config_with(in_tmp("transports.db"), "");
  wxsub_client *lost = open_config(config), *right = open_config(config);
  static char reply[1 << 16];
  size_t reply_len = 0;
  int tries = 0;
  CHECK_INT(wxsub_set_transport(lost, reach_nobody, NULL, NULL), WXSUB_OK);
  allow(right, "o", "T");
  do {
    CHECK_VERDICT(wxsub_send(lost, message_to("o", "T"), "{\"timeout_ms\":300}", &r), &r, WXSUB_E_CONNECT);
    CHECK_INT(wxsub_admin(lost, "{\"do\":\"token\"}", reply, sizeof reply, &reply_len, &r), WXSUB_OK);
    if (tries++ > patient(100)) give_up("no failure is told");
  } while (strstr(reply, "\"failures\":0") != NULL);
  CHECK_INT(wxsub_admin(right, "{\"do\":\"token\"}", reply, sizeof reply, &reply_len, &r), WXSUB_OK);
  CHECK_HAS(reply, "\"failures\":0");
  CHECK_VERDICT(wxsub_send(right, message_to("o", "T"), NULL, &r), &r, WXSUB_OK);
  wxsub_free(lost);
  wxsub_free(right);
}

/* Many threads' requests at once, with the transport replaced under them. */
enum { SENDERS = 8, EACH = 50 };

static void *send_many(void *client) {
  int i;
  intptr_t sent = 0;
  for (i = 0; i < EACH; i++) {
    char message[200];
    snprintf(message, sizeof message, "{\"touser\":\"o%p-%d\",\"template_id\":\"T\",\"data\":{\"thing1\":\"a\"}}", (void *)&message, i);
    sent += wxsub_send(client, message, "{\"timeout_ms\":60000}", NULL) == WXSUB_OK;
  }
  return (void *)sent;
}

static void many_at_once(void) {
  enum { TIMES = 40 };
  static struct host hosts[TIMES];
  pthread_t senders[SENDERS];
  wxsub_client *client = open_alone("");
  void *sent;
  intptr_t all = 0;
  int i, carried = 0, destroyed = 0, bad = 0;
  for (i = 0; i < TIMES; i++) hosts[i] = new_host();
  CHECK_INT(wxsub_set_transport(client, carry, &hosts[0], destroy), WXSUB_OK);
  for (i = 0; i < SENDERS; i++) pthread_create(&senders[i], NULL, send_many, client);
  for (i = 1; i < TIMES; i++) {
    sleep_ms(2);
    CHECK_INT(wxsub_set_transport(client, carry, &hosts[i], destroy), WXSUB_OK);
  }
  for (i = 0; i < SENDERS; i++) {
    pthread_join(senders[i], &sent);
    all += (intptr_t)sent;
  }
  wxsub_free(client);
  for (i = 0; i < TIMES; i++) {
    carried += hosts[i].sends;
    destroyed += read_locked(&hosts[i].destroyed) == 1;
    bad += hosts[i].bad_requests;
  }
  CHECK_INT(all, SENDERS * EACH);
  CHECK_INT(carried, SENDERS * EACH);
  CHECK_INT(destroyed, TIMES);
  CHECK_INT(bad, 0);
}

int main(void) {
  CHECK(wxsub_abi() >= WXSUB_ABI);
  what_it_is_given();
  what_its_answers_mean();
  no_secret_of_its_message_is_told();
  odd_messages();
  destroyed_once();
#ifndef _WIN32
  if (!valgrind_watches()) in_a_forked_child();
#endif
  replaced_while_it_runs(0);
  replaced_while_it_runs(1);
  called_from_within(everything, WXSUB_OK);
  called_from_within(itself_replaced, WXSUB_OK);
  called_from_within(shut_down, WXSUB_E_STATE);
  called_from_within(freed, WXSUB_E_STATE);
  freed_on_a_thread_of_the_library();
  its_failures_are_its_own();
  many_at_once();
  return finish();
}
