/* A server's life with the library that is shipped: `restart before` does its work over HTTPS and is killed in the
 * middle of it, `restart after` finds what was promised; several `restart share` at once share a store, and
 * `restart shared N` finds the accepts of N of them. WXSUB_HTTPS is the simulator's, WXSUB_CA the file of its CA. */

#include "../c/support.h"

#ifndef _WIN32
#include <signal.h>
#endif

static wxsub_client *client;
static wxsub_result r = WXSUB_RESULT_INIT;

static long long wall_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void die(void) {
  fflush(NULL);
#ifdef _WIN32
  TerminateProcess(GetCurrentProcess(), 137);
#else
  raise(SIGKILL);
#endif
}

static wxsub_client *open_https(const char *ca) {
  return open_config(text_of("{\"appid\":\"%s\",\"secret\":\"%s\",\"api_base\":\"%s\",\"store\":\"%s\",\"templates\":\"off\","
                             "\"timeout_ms\":20000,\"connect_timeout_ms\":10000%s%s%s}",
                             environment("WXSUB_APPID"), environment("WXSUB_SECRET"), environment("WXSUB_HTTPS"),
                             in_tmp("restart.db"), ca == NULL ? "" : ",\"ca_file\":\"", ca == NULL ? "" : ca,
                             ca == NULL ? "" : "\""));
}

/* The next result, whatever it takes. */
static wxsub_result next(void) {
  wxsub_result result = WXSUB_RESULT_INIT;
  size_t count = 0;
  if (wxsub_poll(client, &result, 1, 60000, &count) != WXSUB_OK || count != 1) give_up("no result came");
  return result;
}

static wxsub_result result_of(const char *message, const char *options) {
  wxsub_result result;
  uint64_t ticket = 0;
  CHECK_VERDICT(wxsub_submit(client, message, options, &ticket, &r), &r, WXSUB_OK);
  result = next();
  CHECK(result.ticket == ticket && ticket != 0);
  return result;
}

/* Names of files are UTF-8 everywhere. */
static void a_store_with_a_chinese_name(void) {
  int i;
  for (i = 1; i <= 2; i++) {
    client = open_store("\xe5\xad\x98\xe6\xa1\xa3 \xc3\xa9.db");
    CHECK_VERDICT(wxsub_report(client, "o-name", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
    CHECK_INT(r.remaining, i);
    wxsub_free(client);
  }
}

static void before(void) {
  wxsub_result result;
  int i;
  a_store_with_a_chinese_name();
  client = open_https(environment("WXSUB_CA"));
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_OK);
  grant("o-server", "T", 4);
  for (i = 0; i < 4; i++) {
    CHECK_VERDICT(wxsub_report(client, "o-server", "T", WXSUB_ACCEPT, text_of("tap-%d", i), &r), &r, WXSUB_OK);
  }
  CHECK_INT(r.remaining, 4);
  CHECK_VERDICT(wxsub_send(client, message_to("o-server", "T"), "{\"key\":\"first\",\"tag\":7}", &r), &r, WXSUB_OK);
  CHECK(r.msgid != 0 && r.attempts == 1 && r.http_status == 200 && r.tag == 7 && r.remaining == 3);
  result = result_of(message_to("o-server", "T"), "{\"tag\":8}");
  CHECK_INT(result.status, WXSUB_OK);
  CHECK(result.tag == 8 && result.remaining == 2 && result.msgid != 0);
  allow(client, "o-later", "T");
  result = result_of(message_to("o-later", "T"), text_of("{\"deliver_at\":%lld,\"key\":\"later\",\"tag\":9}", wall_ms() + 4000));
  CHECK_INT(result.status, WXSUB_OK);
  CHECK_INT(result.flags, WXSUB_STORED);
  CHECK_INT(deliveries_to("o-server"), 2);
  CHECK_INT(deliveries_to("o-later"), 0);
  if (checks_failed == 0) die();
}

static void after(void) {
  wxsub_client *trusts_nobody;
  client = open_https(environment("WXSUB_CA"));
  CHECK_INT(count_of(client, "o-server", "T"), 2);
  CHECK_VERDICT(wxsub_report(client, "o-server", "T", WXSUB_ACCEPT, "tap-3", &r), &r, WXSUB_OK);
  CHECK_INT(r.flags, WXSUB_REPLAYED);
  CHECK_INT(count_of(client, "o-server", "T"), 2);
  CHECK_VERDICT(wxsub_send(client, message_to("o-server", "T"), "{\"key\":\"first\"}", &r), &r, WXSUB_OK);
  CHECK(r.flags == WXSUB_REPLAYED && r.msgid != 0);
  CHECK_INT(sends_to("o-server"), 2);

  r = next();
  CHECK_INT(r.status, WXSUB_OK);
  CHECK_INT(r.flags, WXSUB_OUTCOME);
  CHECK_INT(r.tag, 9);
  CHECK_TEXT(r.key, "later");
  CHECK_INT(deliveries_to("o-later"), 1);

  /* The same server, whose CA is on nobody's list. */
  trusts_nobody = open_https(NULL);
  CHECK_VERDICT(wxsub_send(trusts_nobody, message_to("o-server", "T"), NULL, &r), &r, WXSUB_E_CONNECT);
  CHECK_INT(sends_to("o-server"), 2);
  wxsub_free(trusts_nobody);

  CHECK_VERDICT(wxsub_send(client, message_to("o-server", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_send(client, message_to("o-server", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_send(client, message_to("o-server", "T"), NULL, &r), &r, WXSUB_E_NO_QUOTA);
  CHECK_INT(deliveries_to("o-server"), 4);
  wxsub_free(client);
}

enum { ACCEPTS = 25 };

static void share(void) {
  int i;
  client = open_store("shared.db");
  for (i = 0; i < ACCEPTS; i++) {
    CHECK_VERDICT(wxsub_report(client, "o-shared", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
  }
  wxsub_free(client);
}

static void shared(int processes) {
  client = open_store("shared.db");
  CHECK_INT(count_of(client, "o-shared", "T"), (long long)processes * ACCEPTS);
  wxsub_free(client);
}

int main(int argc, char **argv) {
  const char *what = argc < 2 ? "" : argv[1];
  if (strcmp(what, "before") == 0) {
    before();
  } else if (strcmp(what, "after") == 0) {
    after();
  } else if (strcmp(what, "share") == 0) {
    share();
  } else if (strcmp(what, "shared") == 0 && argc == 3) {
    shared(atoi(argv[2]));
  } else {
    give_up("restart before | after | share | shared N");
  }
  return finish();
}
