/* What every program here needs: checks, files, a client, the simulator's controls over plain sockets. */

#ifndef WXSUB_TEST_SUPPORT_H
#define WXSUB_TEST_SUPPORT_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <fcntl.h>
#ifdef _WIN32
#include "on_windows.h"
#else
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#endif
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "wxsub.h"

/* Checks ------------------------------------------------------------------------------------------------------- */

static int checks_passed;
static int checks_failed;

static inline int check_that(int good, const char *file, int line, const char *format, ...) {
  if (good) {
    checks_passed++;
  } else {
    va_list arguments;
    checks_failed++;
    fprintf(stderr, "%s:%d: ", file, line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
  }
  return good;
}

static inline int check_int(const char *file, int line, const char *what, long long got, long long wanted) {
  return check_that(got == wanted, file, line, "%s is %lld, not %lld", what, got, wanted);
}

static inline int check_text(const char *file, int line, const char *what, const char *got, const char *wanted) {
  return check_that(strcmp(got, wanted) == 0, file, line, "%s is \"%s\", not \"%s\"", what, got, wanted);
}

static inline int check_has(const char *file, int line, const char *text, const char *part) {
  return check_that(strstr(text, part) != NULL, file, line, "\"%s\" is not in \"%s\"", part, text);
}

#define CHECK(condition) check_that((condition) != 0, __FILE__, __LINE__, "not so: %s", #condition)
#define CHECK_INT(got, wanted) check_int(__FILE__, __LINE__, #got, (long long)(got), (long long)(wanted))
#define CHECK_TEXT(got, wanted) check_text(__FILE__, __LINE__, #got, got, wanted)
#define CHECK_HAS(text, part) check_has(__FILE__, __LINE__, text, part)

/* The status that a call returned, the same in its result, and a sentence with it. */
static inline int check_verdict(const char *file, int line, const char *call, wxsub_status got,
                                const wxsub_result *result, wxsub_status wanted) {
  return check_that(got == wanted, file, line, "%s is %s (%s), not %s", call, wxsub_status_name(got), result->message,
                    wxsub_status_name(wanted)) &&
         check_that(result->status == got, file, line, "%s returned %d, but its result says %d", call, (int)got,
                    (int)result->status) &&
         check_that(got == WXSUB_OK || strlen(result->message) >= 15, file, line, "%s: no sentence, but \"%s\"", call,
                    result->message) &&
         check_that(result->struct_size == sizeof *result, file, line, "%s wrote struct_size: %u", call,
                    (unsigned)result->struct_size);
}

#define CHECK_VERDICT(call, result, wanted) check_verdict(__FILE__, __LINE__, #call, call, result, wanted)

static inline int finish(void) {
  printf("%d passed, %d failed\n", checks_passed, checks_failed);
  return checks_failed != 0;
}

static inline void give_up(const char *why) {
  fprintf(stderr, "cannot go on: %s\n", why);
  exit(2);
}

/* Time --------------------------------------------------------------------------------------------------------- */

static inline long long wall_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void sleep_ms(long ms) {
  struct timespec pause;
  pause.tv_sec = ms / 1000;
  pause.tv_nsec = ms % 1000 * 1000000;
  nanosleep(&pause, NULL);
}

/* So much of time, or of tries; more where a tool watches each access, on a machine that may have other work, too. */
static inline long patient(long n) { return getenv("WXSUB_TOOL") != NULL ? 30 * n : n; }

/* valgrind takes all that a parent had for leaks of its child. */
static inline int valgrind_watches(void) {
  const char *tool = getenv("WXSUB_TOOL");
  return tool != NULL && strcmp(tool, "valgrind") == 0;
}

/* A sanitizer that looks up a name, for a report that is suppressed, too, keeps a program for that: two pipes, and what it
 * reads. A leak would be more. */
static inline int spare_descriptors(void) { return getenv("WXSUB_TOOL") != NULL ? 3 : 0; }

/* Text and files ----------------------------------------------------------------------------------------------- */

static inline const char *environment(const char *name) {
  const char *value = getenv(name);
  if (value == NULL || *value == '\0') {
    fprintf(stderr, "%s is not set\n", name);
    exit(2);
  }
  return value;
}

/* One of a few buffers that are used in turn, so that two may stand in one expression. */
static inline char *text_of(const char *format, ...) {
  static char buffers[16][8192];
  static int next;
  char *buffer = buffers[next++ % 16];
  va_list arguments;
  va_start(arguments, format);
  if (vsnprintf(buffer, sizeof buffers[0], format, arguments) >= (int)sizeof buffers[0]) give_up("a text is too long");
  va_end(arguments);
  return buffer;
}

static inline char *in_tmp(const char *name) { return text_of("%s/%s", environment("WXSUB_TMP"), name); }

struct bytes {
  unsigned char *at;
  size_t count;
};

static inline void write_file(const char *path, const void *bytes, size_t count) {
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(bytes, 1, count, file) != count || fclose(file) != 0) give_up(path);
}

static inline struct bytes read_file(const char *path) {
  struct bytes all = {NULL, 0};
  struct stat about;
  FILE *file = fopen(path, "rb");
  if (file == NULL || fstat(fileno(file), &about) != 0) give_up(path);
  all.count = (size_t)about.st_size;
  all.at = malloc(all.count + 1);
  if (all.at == NULL || fread(all.at, 1, all.count, file) != all.count) give_up(path);
  fclose(file);
  return all;
}

static inline int exists(const char *path) {
  struct stat about;
#ifdef _WIN32
  return stat(path, &about) == 0;
#else
  return lstat(path, &about) == 0;
#endif
}

/* The simulator ------------------------------------------------------------------------------------------------ */

static inline void hang_up(int descriptor) {
#ifdef _WIN32
  closesocket((SOCKET)descriptor);
#else
  close(descriptor);
#endif
}

static inline int connect_to(const char *base) {
  struct addrinfo wanted, *found;
  char host[256];
  const char *start = strstr(base, "://");
  const char *colon = start == NULL ? NULL : strchr(start + 3, ':');
  char *port;
  int descriptor;
  if (colon == NULL) give_up("WXSUB_SIM must look like http://127.0.0.1:PORT");
  start += 3;
  snprintf(host, sizeof host, "%.*s", (int)(colon - start), start);
  port = text_of("%d", atoi(colon + 1));
  memset(&wanted, 0, sizeof wanted);
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(host, port, &wanted, &found) != 0) give_up(base);
  descriptor = (int)socket(found->ai_family, found->ai_socktype, 0);
  if (descriptor < 0 || connect(descriptor, found->ai_addr, found->ai_addrlen) != 0) give_up(base);
  freeaddrinfo(found);
  return descriptor;
}

/* The body of the simulator's answer, valid until the next one; anything but 200 ends the program. */
static inline const char *simulator(const char *method, const char *path, const char *json) {
  static char *answer;
  static size_t room;
  size_t length = 0;
  const char *request = text_of(
      "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %lu\r\n\r\n%s", method, path,
      (unsigned long)strlen(json), json);
  int descriptor = connect_to(environment("WXSUB_SIM"));
  char *body;
  size_t sent = 0;
  ssize_t got;
  while (sent < strlen(request)) {
    ssize_t more = send(descriptor, request + sent, strlen(request) - sent, MSG_NOSIGNAL);
    if (more <= 0) give_up("the simulator hung up");
    sent += (size_t)more;
  }
  do {
    if (length + 65536 > room) answer = realloc(answer, room = 2 * room + 131072);
    if (answer == NULL) give_up("out of memory");
    got = recv(descriptor, answer + length, room - length - 1, 0);
    if (got > 0) length += (size_t)got;
  } while (got > 0);
  hang_up(descriptor);
  answer[length] = '\0';
  body = strstr(answer, "\r\n\r\n");
  if (body == NULL || strncmp(answer, "HTTP/1.1 200", 12) != 0) {
    fprintf(stderr, "%s %s %s: %s\n", method, path, json, answer);
    give_up("the simulator refused");
  }
  return body + 4;
}

static inline const char *simulator_get(const char *path) { return simulator("GET", path, ""); }
static inline void simulator_set(const char *path, const char *json) { simulator("POST", path, json); }

/* The player accepts at WeChat; whether anybody tells the library is another matter. */
static inline void grant(const char *openid, const char *template_id, int n) {
  simulator_set("/sim/grant", text_of("{\"openid\":\"%s\",\"template_id\":\"%s\",\"n\":%d}", openid, template_id, n));
}

static inline void arm(const char *fault) { simulator_set("/sim/faults", fault); }

static inline int times_in(const char *text, const char *part) {
  int times = 0;
  for (text = strstr(text, part); text != NULL; text = strstr(text + 1, part)) times++;
  return times;
}

/* How many requests to send a message to this player reached WeChat. */
static inline int sends_to(const char *openid) {
  return times_in(simulator_get(text_of("/sim/requests?endpoint=send&openid=%s", openid)), "\"seq\":");
}

static inline int deliveries_to(const char *openid) {
  return times_in(simulator_get(text_of("/sim/deliveries?openid=%s", openid)), "\"msgid\":");
}

/* Clients ------------------------------------------------------------------------------------------------------ */

/* Under valgrind or a sanitizer everything takes its time; `more` are the members that a test gives itself. */
static inline const char *patience(const char *more) {
  return getenv("WXSUB_TOOL") != NULL && strstr(more, "_ms\"") == NULL
             ? ",\"timeout_ms\":60000,\"connect_timeout_ms\":20000"
             : "";
}

/* A configuration for the simulator with a store of its own; `more` is further JSON members with a comma before. */
static inline char *config_with(const char *store, const char *more) {
  /* Most programs here send what no template of the simulator's would allow. */
  const char *templates = strstr(more, "\"templates\"") == NULL ? ",\"templates\":\"off\"" : "";
  return text_of("{\"appid\":\"%s\",\"secret\":\"%s\",\"api_base\":\"%s\",\"store\":\"%s\"%s%s%s}",
                 environment("WXSUB_APPID"), environment("WXSUB_SECRET"), environment("WXSUB_SIM"), store, more, templates,
                 patience(more));
}

static inline wxsub_client *open_config(const char *config) {
  wxsub_client *client = NULL;
  wxsub_result why = WXSUB_RESULT_INIT;
  if (wxsub_init(config, &client, &why) != WXSUB_OK) give_up(why.message);
  return client;
}

static inline wxsub_client *open_store(const char *name) { return open_config(config_with(in_tmp(name), "")); }

static inline char *message_to(const char *openid, const char *template_id) {
  return text_of("{\"touser\":\"%s\",\"template_id\":\"%s\",\"data\":{\"thing1\":{\"value\":\"hello\"}}}", openid,
                 template_id);
}

static inline long long count_of(const wxsub_client *client, const char *openid, const char *template_id) {
  int64_t remaining = -2;
  wxsub_result why = WXSUB_RESULT_INIT;
  if (wxsub_quota(client, openid, template_id, &remaining, &why) != WXSUB_OK) give_up(why.message);
  return remaining;
}

/* One message more is allowed, at WeChat and in the library. */
static inline void allow(const wxsub_client *client, const char *openid, const char *template_id) {
  wxsub_result why = WXSUB_RESULT_INIT;
  grant(openid, template_id, 1);
  if (wxsub_report(client, openid, template_id, WXSUB_ACCEPT, NULL, &why) != WXSUB_OK) give_up(why.message);
}

#endif
