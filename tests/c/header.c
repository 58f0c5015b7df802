/* The header needs nothing before it, may come twice, and every function that it promises is in the library. */

#include "wxsub.h"
#include "wxsub.h"

static uint32_t (*const abi)(void) = wxsub_abi;
static const char *(*const version)(void) = wxsub_version;
static const char *(*const status_name)(wxsub_status) = wxsub_status_name;
static wxsub_status (*const init)(const char *, wxsub_client **, wxsub_result *) = wxsub_init;
static wxsub_status (*const set_log)(const wxsub_client *, wxsub_log_fn, void *, wxsub_destroy_fn,
                                     int32_t) = wxsub_set_log;
static void (*const free_client)(wxsub_client *) = wxsub_free;
static wxsub_status (*const report)(const wxsub_client *, const char *, const char *, int32_t, const char *,
                                    wxsub_result *) = wxsub_report;
static wxsub_status (*const report_json)(const wxsub_client *, const char *, const char *, const char *,
                                         wxsub_result *, size_t, size_t *) = wxsub_report_json;
static wxsub_status (*const quota)(const wxsub_client *, const char *, const char *, int64_t *,
                                   wxsub_result *) = wxsub_quota;
static wxsub_status (*const send_message)(const wxsub_client *, const char *, const char *,
                                          wxsub_result *) = wxsub_send;
static wxsub_status (*const set_token)(const wxsub_client *, const char *, uint32_t) = wxsub_set_token;
static wxsub_status (*const handle_event)(const wxsub_client *, const char *, const char *, size_t, char *, size_t,
                                          size_t *, wxsub_result *) = wxsub_handle_event;
static wxsub_status (*const login)(const wxsub_client *, const char *, wxsub_identity *, wxsub_result *) = wxsub_login;
static wxsub_status (*const check)(const wxsub_client *, wxsub_result *) = wxsub_check;

#include <stdio.h>

int main(void) {
  /* Volatile, or the compiler knows that no function's address is NULL and the linker is never asked. */
  int volatile there = abi && version && status_name && init && set_log && free_client && report && report_json &&
                       quota && send_message && set_token && handle_event && login && check;
  int good = there && abi() >= WXSUB_ABI && version()[0] != '\0' && status_name(0)[0] == 'W';
  free_client(NULL);
  printf("%d passed, %d failed\n", good, !good);
  return !good;
}
