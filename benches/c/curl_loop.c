/* What a send costs a host that writes it in C: a loop on libcurl, without a ledger, a token's renewal or a verdict.
 *
 * curl_loop URL THREADS. From standard input: how many messages, then each on a line of its own; thread t sends those
 * whose number is t modulo THREADS. After that each line is a phase of so many milliseconds, answered with a line:
 * sends, microseconds that the phase took, microseconds of CPU, and the median and the 99th percentile of a send. */

#define _GNU_SOURCE
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *url;
static char **messages;
static size_t message_count, thread_count;
static pthread_barrier_t begin, end;
static atomic_bool over;

struct answer {
  char text[4096];
  size_t length;
};

struct sender {
  pthread_t thread;
  size_t number;
  size_t in_time;
  double *took;
  size_t count, room;
};

static void fail(const char *why) {
  fprintf(stderr, "curl_loop: %s\n", why);
  exit(1);
}

static double now_us(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static size_t keep(char *data, size_t size, size_t count, void *to) {
  struct answer *answer = to;
  size_t length = size * count;
  if (answer->length + length >= sizeof answer->text) return 0;
  memcpy(answer->text + answer->length, data, length);
  answer->length += length;
  answer->text[answer->length] = 0;
  return length;
}

static void note(struct sender *sender, double took) {
  if (sender->count == sender->room) {
    sender->room = sender->room ? sender->room * 2 : 4096;
    sender->took = realloc(sender->took, sender->room * sizeof *sender->took);
    if (sender->took == NULL) fail("out of memory");
  }
  sender->took[sender->count++] = took;
}

static void send_one(CURL *curl, const char *message, struct answer *answer) {
  answer->length = 0;
  answer->text[0] = 0;
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, message);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(message));
  CURLcode done = curl_easy_perform(curl);
  if (done != CURLE_OK) fail(curl_easy_strerror(done));
  if (strstr(answer->text, "\"errcode\":0") == NULL) fail(answer->text);
}

static void *send_all(void *argument) {
  struct sender *sender = argument;
  struct answer answer;
  CURL *curl = curl_easy_init();
  struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
  if (curl == NULL || headers == NULL) fail("no handle");
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 5000L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 2000L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  size_t next = sender->number;
  for (;;) {
    pthread_barrier_wait(&begin);
    while (!atomic_load_explicit(&over, memory_order_relaxed)) {
      double began = now_us(CLOCK_MONOTONIC);
      send_one(curl, messages[next], &answer);
      note(sender, now_us(CLOCK_MONOTONIC) - began);
      sender->in_time += !atomic_load_explicit(&over, memory_order_relaxed);
      next += thread_count;
      if (next >= message_count) next = sender->number;
    }
    pthread_barrier_wait(&end);
  }
  return NULL;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void run_phase(struct sender *senders, long ms) {
  for (size_t i = 0; i < thread_count; i++) senders[i].count = senders[i].in_time = 0;
  atomic_store(&over, false);
  pthread_barrier_wait(&begin);
  double began = now_us(CLOCK_MONOTONIC), cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
  usleep((useconds_t)ms * 1000);
  atomic_store(&over, true);
  double elapsed = now_us(CLOCK_MONOTONIC) - began;
  pthread_barrier_wait(&end);
  cpu = now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  size_t all = 0, in_time = 0;
  for (size_t i = 0; i < thread_count; i++) all += senders[i].count, in_time += senders[i].in_time;
  double *took = malloc((all + 1) * sizeof *took);
  if (took == NULL || all == 0) fail("nothing was sent");
  size_t filled = 0;
  for (size_t i = 0; i < thread_count; i++) {
    memcpy(took + filled, senders[i].took, senders[i].count * sizeof *took);
    filled += senders[i].count;
  }
  qsort(took, all, sizeof *took, by_size);
  printf("%zu %.0f %.0f %.1f %.1f\n", in_time, elapsed, cpu * (double)in_time / (double)all, took[all / 2], took[all * 99 / 100]);
  fflush(stdout);
  free(took);
}

int main(int count, char **arguments) {
  if (count != 3) fail("usage: curl_loop URL THREADS");
  url = arguments[1];
  thread_count = (size_t)atol(arguments[2]);
  char *line = NULL;
  size_t room = 0;
  if (getline(&line, &room, stdin) < 0) fail("no messages");
  message_count = (size_t)atol(line);
  if (thread_count == 0 || message_count < thread_count) fail("fewer messages than threads");
  messages = calloc(message_count, sizeof *messages);
  struct sender *senders = calloc(thread_count, sizeof *senders);
  if (messages == NULL || senders == NULL) fail("out of memory");
  for (size_t i = 0; i < message_count; i++) {
    ssize_t length = getline(&line, &room, stdin);
    if (length <= 0) fail("a message is missing");
    line[length - 1] = 0;
    messages[i] = strdup(line);
  }
  curl_global_init(CURL_GLOBAL_DEFAULT);
  pthread_barrier_init(&begin, NULL, (unsigned)thread_count + 1);
  pthread_barrier_init(&end, NULL, (unsigned)thread_count + 1);
  for (size_t i = 0; i < thread_count; i++) {
    senders[i].number = i;
    if (pthread_create(&senders[i].thread, NULL, send_all, &senders[i]) != 0) fail("no thread");
  }
  while (getline(&line, &room, stdin) > 0) run_phase(senders, atol(line));
  return 0;
}
