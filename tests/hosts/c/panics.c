/* A bug of the library's, planted in every function and in the middle of a send: it is WXSUB_E_PANIC, nothing is
 * printed, and the client still works. The debug build panics where WXSUB_TEST_PANIC says. */

#include "support.h"

#include <sys/wait.h>

static const char *const functions[] = {
    "wxsub_init",  "wxsub_report", "wxsub_report_json", "wxsub_quota",        "wxsub_send",  "wxsub_set_token",
    "wxsub_login", "wxsub_check",  "wxsub_set_log",     "wxsub_handle_event", "wxsub_free",  "in the middle of a send",
};

static wxsub_status wanted(const char *planted, const char *function, wxsub_status otherwise) {
  return strcmp(planted, function) == 0 ? WXSUB_E_PANIC : otherwise;
}

/* Calls everything once; what is planted shows, everything else works as ever. */
static int host(const char *planted, const char *store) {
  static const char message[] =
      "{\"touser\":\"o-panic\",\"template_id\":\"sim-activity\",\"data\":{\"thing1\":\"a\",\"date2\":\"2026-10-01\",\"number3\":1}}";
  const int in_send = strcmp(planted, "in the middle of a send") == 0;
  wxsub_client *client = NULL;
  wxsub_result r = WXSUB_RESULT_INIT;
  wxsub_identity who = WXSUB_IDENTITY_INIT;
  int64_t left = -1;
  char reply[64];
  const char *config = config_with(store, ",\"event\":{\"token\":\"t\"},\"templates\":\"off\",\"timeout_ms\":3000");

  CHECK_INT(wxsub_init(config, &client, &r), wanted(planted, "wxsub_init", WXSUB_OK));
  if (client == NULL) return checks_failed != 0;
  CHECK_INT(wxsub_report(client, "o-panic", "sim-activity", WXSUB_ACCEPT, NULL, &r), wanted(planted, "wxsub_report", WXSUB_OK));
  CHECK_INT(wxsub_report_json(client, "o-panic", "{\"sim-activity\":\"accept\"}", NULL, &r, 1, NULL),
            wanted(planted, "wxsub_report_json", WXSUB_OK));
  CHECK_INT(wxsub_send(client, message, NULL, &r), in_send ? WXSUB_E_PANIC : wanted(planted, "wxsub_send", WXSUB_OK));
  if (r.status == WXSUB_E_PANIC) {
    CHECK_INT(r.retry, WXSUB_RETRY_UNSAFE);
    CHECK_HAS(r.message, "src/");
  }
  CHECK_INT(wxsub_quota(client, "o-panic", "sim-activity", &left, &r), wanted(planted, "wxsub_quota", WXSUB_OK));
  if (in_send || strcmp(planted, "wxsub_send") == 0) CHECK_INT(left, 2);
  CHECK_INT(wxsub_set_token(client, "x", 1), wanted(planted, "wxsub_set_token", WXSUB_E_ARG));
  CHECK_INT(wxsub_login(client, text_of("code-o-panic~%d", (int)getpid()), &who, &r), wanted(planted, "wxsub_login", WXSUB_OK));
  CHECK_INT(wxsub_check(client, &r), wanted(planted, "wxsub_check", WXSUB_OK));
  CHECK_INT(wxsub_set_log(client, NULL, NULL, NULL, 0), wanted(planted, "wxsub_set_log", WXSUB_OK));
  CHECK_INT(wxsub_handle_event(client, "a=b", NULL, 0, reply, sizeof reply, NULL, &r),
            wanted(planted, "wxsub_handle_event", WXSUB_E_SIGNATURE));
  wxsub_free(client);
  CHECK_INT(wxsub_quota(client, "o-panic", "sim-activity", NULL, &r),
            strcmp(planted, "wxsub_quota") == 0 ? WXSUB_E_PANIC : strcmp(planted, "wxsub_free") == 0 ? WXSUB_OK : WXSUB_E_STATE);
  return checks_failed != 0;
}

/* Runs this program again with the panic planted; what it printed must be nothing. */
static void plant(const char *program, const char *planted, const char *store) {
  int pipe_ends[2], status = -1;
  char printed[2048];
  ssize_t n, length = 0;
  pid_t child;
  CHECK(pipe(pipe_ends) == 0);
  child = fork();
  if (child == 0) {
    setenv("WXSUB_TEST_PANIC", planted, 1);
    dup2(pipe_ends[1], 1);
    dup2(pipe_ends[1], 2);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    execl(program, program, planted, store, (char *)NULL);
    _exit(127);
  }
  close(pipe_ends[1]);
  while ((n = read(pipe_ends[0], printed + length, sizeof printed - 1 - (size_t)length)) > 0) length += n;
  close(pipe_ends[0]);
  printed[length] = '\0';
  CHECK(waitpid(child, &status, 0) == child);
  check_that(WIFEXITED(status) && WEXITSTATUS(status) == 0 && length == 0, __FILE__, __LINE__, "%s: status %d, printed: %s",
             planted, status, printed);
}

int main(int argc, char **argv) {
  size_t i;
  if (argc == 3) return host(argv[1], argv[2]);
  grant("o-panic", "sim-activity", 100);
  for (i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    char name[32];
    snprintf(name, sizeof name, "panic-%u.db", (unsigned)i);
    plant(argv[0], functions[i], in_tmp(name));
  }
  return finish();
}
