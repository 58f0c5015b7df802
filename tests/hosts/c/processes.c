/* Several processes on one store, as a prefork server has them, and processes that are killed. */

#include "support.h"

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>

enum { CHILDREN = 4, ACCEPTS = 25, SENDS = 10 };

static const char store[] = "processes.db";

static pid_t start(void (*work)(wxsub_client *)) {
  pid_t child;
  fflush(NULL);
  child = fork();
  if (child == 0) {
    wxsub_client *client;
    alarm((unsigned)patient(30));
    checks_failed = 0;
    client = open_store(store);
    work(client);
    wxsub_free(client);
    _exit(checks_failed != 0);
  }
  if (child < 0) give_up("fork");
  return child;
}

static void all_children(void (*work)(wxsub_client *)) {
  pid_t children[CHILDREN];
  int i, status = -1;
  for (i = 0; i < CHILDREN; i++) children[i] = start(work);
  for (i = 0; i < CHILDREN; i++) {
    CHECK(waitpid(children[i], &status, 0) == children[i]);
    CHECK_INT(status, 0);
  }
}

static long long count_now(const char *openid) {
  wxsub_client *client = open_store(store);
  long long count = count_of(client, openid, "T");
  wxsub_free(client);
  return count;
}

static void accept_often(wxsub_client *client) {
  wxsub_result r = WXSUB_RESULT_INIT;
  int i;
  for (i = 0; i < ACCEPTS; i++) {
    CHECK_VERDICT(wxsub_report(client, "o-many", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
  }
}

static void no_accept_is_lost(void) {
  all_children(accept_often);
  CHECK_INT(count_now("o-many"), CHILDREN * ACCEPTS);
}

static void send_often(wxsub_client *client) {
  int i;
  for (i = 0; i < SENDS; i++) {
    wxsub_result r = WXSUB_RESULT_INIT;
    wxsub_status status = wxsub_send(client, message_to("o-race", "T"), "{\"timeout_ms\":20000}", &r);
    if (!CHECK(status == WXSUB_OK || (status == WXSUB_E_NO_QUOTA && r.attempts == 0))) {
      fprintf(stderr, "%s\n", r.message);
    }
  }
}

static void no_unit_is_spent_twice(void) {
  enum { UNITS = CHILDREN * SENDS / 2 };
  wxsub_client *client = open_store(store);
  int i;
  for (i = 0; i < UNITS; i++) allow(client, "o-race", "T");
  wxsub_free(client);
  grant("o-race", "T", CHILDREN * SENDS);
  all_children(send_often);
  CHECK_INT(deliveries_to("o-race"), UNITS);
  CHECK_INT(sends_to("o-race"), UNITS);
  CHECK_INT(count_now("o-race"), 0);
  CHECK_HAS(simulator_get("/sim/player?openid=o-race"), "\"overlaps\":0");
}

static void report_and_die(wxsub_client *client) {
  if (wxsub_report(client, "o-killed", "T", WXSUB_ACCEPT, "tap", NULL) == WXSUB_OK) kill(getpid(), SIGKILL);
  CHECK(0);
}

static void an_acknowledged_accept_outlives_its_process(void) {
  int status = 0;
  CHECK(waitpid(start(report_and_die), &status, 0) > 0);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  CHECK_INT(count_now("o-killed"), 1);
}

static void send_and_wait(wxsub_client *client) {
  wxsub_send(client, message_to("o-held", "T"), "{\"timeout_ms\":3000,\"key\":\"mail\"}", NULL);
}

/* Its unit comes back when the lease has ended; what became of its message nobody knows. */
static void a_process_killed_while_it_sends(void) {
  wxsub_client *client = open_store(store);
  wxsub_result r = WXSUB_RESULT_INIT;
  pid_t child;
  int i;
  allow(client, "o-held", "T");
  wxsub_free(client);
  arm("{\"kind\":\"stall\",\"endpoint\":\"send\",\"openid\":\"o-held\"}");
  child = start(send_and_wait);
  for (i = 0; i < patient(1000) && sends_to("o-held") == 0; i++) sleep_ms(5);
  CHECK_INT(sends_to("o-held"), 1);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);

  client = open_store(store);
  CHECK_VERDICT(wxsub_send(client, message_to("o-held", "T"), "{\"key\":\"mail\"}", &r), &r, WXSUB_E_UNKNOWN);
  CHECK_INT(r.retry, WXSUB_RETRY_UNSAFE);
  CHECK_INT(sends_to("o-held"), 1);
  CHECK_VERDICT(wxsub_send(client, message_to("o-held", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.remaining, 0);
  wxsub_free(client);
}

int main(void) {
  CHECK(wxsub_abi() >= WXSUB_ABI);
  no_accept_is_lost();
  no_unit_is_spent_twice();
  an_acknowledged_accept_outlives_its_process();
  a_process_killed_while_it_sends();
  return finish();
}
