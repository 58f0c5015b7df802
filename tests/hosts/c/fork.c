/* Rule 7: what a child of fork() may and may not do. `fork child` as arguments is this program after an exec. */

/* RTLD_NEXT, syscall */
#define _GNU_SOURCE

#include "support.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>

static wxsub_client *client;
static const char *program;
static int destroyed;
static pid_t parent;
/* What is looked up in the parent waits until its other end is closed. */
static int held[2];
static int looked_up_in_child;
/* Set in a child that holds what a thread of its parent's had, which a leak checker would count at _exit. */
static int holds_a_threads;

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* The library's, too: a resolver that hangs. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *wanted, struct addrinfo **found) {
  resolver *system;
  char byte;
  if (node == NULL || strcmp(node, "held.invalid") != 0) {
    *(void **)&system = dlsym(RTLD_NEXT, "getaddrinfo");
    return system(node, service, wanted, found);
  }
  if (getpid() == parent) {
    if (read(held[0], &byte, 1) != 0) give_up("read");
  } else {
    looked_up_in_child++;
  }
  return EAI_NONAME;
}

static void line(void *user_data, int32_t level, const char *message) {
  (void)user_data;
  (void)level;
  (void)message;
}

static void destroy(void *user_data) {
  (void)user_data;
  destroyed++;
}

/* Runs this in a child; a child that hangs is ended by SIGALRM. */
static void in_child(void (*work)(void)) {
  int status = -1;
  pid_t child;
  fflush(NULL);
  child = fork();
  if (child == 0) {
    alarm((unsigned)patient(10));
    checks_failed = 0;
    work();
    fflush(NULL);
    if (holds_a_threads) syscall(SYS_exit_group, checks_failed == 0 ? 0 : 1);
    _exit(checks_failed == 0 ? 0 : 1);
  }
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK_INT(status, 0);
}

static void open_and_send(void) {
  wxsub_result r = WXSUB_RESULT_INIT;
  wxsub_client *mine = open_config(config_with(":memory:", ""));
  allow(mine, "o-child", "T");
  CHECK_VERDICT(wxsub_send(mine, message_to("o-child", "T"), NULL, &r), &r, WXSUB_OK);
  wxsub_free(mine);
}

static void everything_is_forked(void) {
  wxsub_result r = WXSUB_RESULT_INIT;
  wxsub_identity who = WXSUB_IDENTITY_INIT;
  wxsub_client *out = (wxsub_client *)&r;
  char reply[64];
  size_t count = 7;
  int64_t remaining = 7;
  long start = now_ms();
  CHECK_VERDICT(wxsub_init(config_with(":memory:", ""), &out, &r), &r, WXSUB_E_FORKED);
  CHECK(out == NULL);
  CHECK_HAS(r.message, "fork");
  CHECK_VERDICT(wxsub_report(client, "o", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_E_FORKED);
  CHECK_VERDICT(wxsub_report_json(client, "o", "{\"T\":\"accept\"}", NULL, &r, 1, &count), &r, WXSUB_E_FORKED);
  CHECK_INT(count, 0);
  CHECK_VERDICT(wxsub_quota(client, "o", "T", &remaining, &r), &r, WXSUB_E_FORKED);
  CHECK_INT(remaining, 7);
  CHECK_VERDICT(wxsub_send(client, message_to("o", "T"), NULL, &r), &r, WXSUB_E_FORKED);
  CHECK_INT(r.retry, WXSUB_RETRY_NEVER);
  CHECK_INT(wxsub_set_token(client, "token", 60), WXSUB_E_FORKED);
  count = 7;
  CHECK_VERDICT(wxsub_handle_event(client, "a=b", NULL, 0, reply, sizeof reply, &count, &r), &r, WXSUB_E_FORKED);
  CHECK_INT(count, 0);
  CHECK_VERDICT(wxsub_login(client, "code-o", &who, &r), &r, WXSUB_E_FORKED);
  CHECK_TEXT(who.openid, "");
  CHECK_VERDICT(wxsub_check(client, &r), &r, WXSUB_E_FORKED);
  destroyed = 0;
  CHECK_INT(wxsub_set_log(client, line, NULL, destroy, WXSUB_LOG_DEBUG), WXSUB_E_FORKED);
  CHECK_INT(destroyed, 1);
  wxsub_free(client);
  wxsub_free(client);
  wxsub_free(NULL);
  CHECK(wxsub_abi() >= WXSUB_ABI);
  CHECK(wxsub_version()[0] != '\0');
  CHECK_TEXT(wxsub_status_name(WXSUB_E_FORKED), "WXSUB_E_FORKED");
  CHECK(now_ms() - start < patient(1500));
}

static void forked_and_forked_again(void) {
  everything_is_forked();
  in_child(everything_is_forked);
}

static void exec_myself(void) {
  execl(program, program, "child", (char *)NULL);
  CHECK(0);
}

static void *send_slowly(void *status) {
  /* message_to() is for one thread only. */
  static const char message[] = "{\"touser\":\"o-slow\",\"template_id\":\"T\",\"data\":{\"thing1\":\"hello\"}}";
  *(wxsub_status *)status = wxsub_send(client, message, NULL, NULL);
  return NULL;
}

static void while_a_send_runs(void) {
  wxsub_status status = -1;
  pthread_t sender;
  int i;
  allow(client, "o-slow", "T");
  arm("{\"kind\":\"delay\",\"delay_ms\":1000,\"endpoint\":\"send\",\"openid\":\"o-slow\"}");
  if (pthread_create(&sender, NULL, send_slowly, &status) != 0) give_up("pthread_create");
  for (i = 0; i < patient(200) && sends_to("o-slow") == 0; i++) sleep_ms(5);
  in_child(everything_is_forked);
  pthread_join(sender, NULL);
  CHECK_INT(status, WXSUB_OK);
  CHECK_INT(count_of(client, "o-slow", "T"), 0);
}

static void the_parent_goes_on(void) {
  wxsub_result r = WXSUB_RESULT_INIT;
  allow(client, "o-parent", "T");
  CHECK_VERDICT(wxsub_send(client, message_to("o-parent", "T"), NULL, &r), &r, WXSUB_OK);
}

static wxsub_client *open_held(int timeout_ms) {
  return open_config(text_of("{\"appid\":\"wx1\",\"secret\":\"s\",\"api_base\":\"https://held.invalid\",\"store\":\":memory:\","
                             "\"timeout_ms\":%d}", timeout_ms));
}

static void a_name_is_looked_up_anew(void) {
  wxsub_result r = WXSUB_RESULT_INIT;
  wxsub_client *mine = open_held(5000);
  holds_a_threads = 1;
  CHECK(wxsub_check(mine, &r) != WXSUB_OK);
  CHECK(looked_up_in_child > 0);
  wxsub_free(mine);
}

/* The parent's lookup is never answered in a child. */
static void while_a_name_is_looked_up(void) {
  wxsub_result r = WXSUB_RESULT_INIT;
  wxsub_client *mine;
  if (pipe(held) != 0) give_up("pipe");
  mine = open_held(200);
  CHECK(wxsub_check(mine, &r) != WXSUB_OK);
  wxsub_free(mine);
  in_child(a_name_is_looked_up_anew);
  close(held[1]);
}

int main(int argc, char **argv) {
  program = argv[0];
  parent = getpid();
  if (argc > 1) {
    client = open_store("fork.db");
    CHECK_INT(count_of(client, "o-exec", "T"), 1);
    wxsub_free(client);
    return checks_failed != 0;
  }
  CHECK(wxsub_abi() >= WXSUB_ABI);
  in_child(open_and_send);
  while_a_name_is_looked_up();

  client = open_store("fork.db");
  wxsub_report(client, "o-exec", "T", WXSUB_ACCEPT, NULL, NULL);
  in_child(everything_is_forked);
  in_child(forked_and_forked_again);
  the_parent_goes_on();
  while_a_send_runs();
  in_child(exec_myself);
  the_parent_goes_on();

  wxsub_free(client);
  in_child(open_and_send);
  return finish();
}
