/* What the library leaves alone: stdout, stderr, signal handlers, and, once freed, file descriptors. */

#include "support.h"

#include <signal.h>

static int open_descriptors(void) {
  int descriptor, open = 0;
  for (descriptor = 0; descriptor < 1024; descriptor++) open += fcntl(descriptor, F_GETFD) != -1;
  return open;
}

static void good_and_bad_calls(void) {
  static int times;
  char openid[32]; /* another each time: after a maybe, a player's next send waits for two seconds */
  wxsub_client *client = open_store("quiet.db");
  wxsub_client *out = NULL;
  snprintf(openid, sizeof openid, "o-quiet-%d", ++times);
  wxsub_init("{\"appid\":5}", &out, NULL);
  wxsub_init("nonsense", &out, NULL);
  wxsub_init(config_with("/no/such/folder/x.db", ""), &out, NULL);
  allow(client, openid, "T");
  wxsub_send(client, message_to(openid, "T"), NULL, NULL);
  wxsub_send(client, message_to(openid, "T"), NULL, NULL);
  wxsub_send(client, "\xff", "\xff", NULL);
  wxsub_report_json(client, openid, "{{{{", NULL, NULL, 0, NULL);
  allow(client, openid, "T");
  arm("{\"kind\":\"reset\",\"endpoint\":\"send\"}");
  wxsub_send(client, message_to(openid, "T"), NULL, NULL);
  wxsub_free(client);
  wxsub_free(client);
  wxsub_send(client, message_to(openid, "T"), NULL, NULL);
}

static void silent(void) {
  char *path = in_tmp("output.txt");
  int out = dup(1), err = dup(2), file = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
  struct bytes written;
  if (out < 0 || err < 0 || file < 0) give_up("dup");
  fflush(NULL);
  dup2(file, 1);
  dup2(file, 2);
  good_and_bad_calls();
  fflush(NULL);
  dup2(out, 1);
  dup2(err, 2);
  close(out);
  close(err);
  close(file);
  written = read_file(path);
  if (!CHECK_INT(written.count, 0)) fprintf(stderr, "it wrote: %.*s\n", (int)written.count, (char *)written.at);
  free(written.at);
}

static void my_own(int signal_number) { (void)signal_number; }

static void signals_stay_the_hosts(void) {
  static const int watched[] = {SIGINT, SIGTERM, SIGPIPE, SIGSEGV, SIGBUS, SIGABRT, SIGCHLD, SIGALRM, SIGUSR1, SIGHUP};
  struct sigaction before[sizeof watched / sizeof watched[0]], after;
  size_t i;
  signal(SIGUSR1, my_own);
  for (i = 0; i < sizeof watched / sizeof watched[0]; i++) sigaction(watched[i], NULL, &before[i]);
  good_and_bad_calls();
  for (i = 0; i < sizeof watched / sizeof watched[0]; i++) {
    sigaction(watched[i], NULL, &after);
    CHECK(after.sa_handler == before[i].sa_handler && after.sa_flags == before[i].sa_flags);
  }
}

static void descriptors_go_with_the_client(void) {
  int before, i;
  good_and_bad_calls();
  before = open_descriptors() + spare_descriptors();
  for (i = 0; i < 8; i++) good_and_bad_calls();
  for (i = 0; i < patient(1000) && open_descriptors() > before; i++) sleep_ms(10);
  CHECK(open_descriptors() <= before);
}

int main(void) {
  silent();
  signals_stay_the_hosts();
  descriptors_go_with_the_client();
  return finish();
}
