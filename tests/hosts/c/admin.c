/* The operator's interface: what it answers, and every wrong argument. */

#include "support.h"

#define TEMPLATE "T"
enum { ROOM = 65536, BEHIND = 64 };

static char reply[ROOM + BEHIND];
static size_t reply_len;
static wxsub_result why;

static wxsub_status ask(const wxsub_client *client, const char *request) {
  static const wxsub_result result = WXSUB_RESULT_INIT;
  why = result;
  reply_len = 99;
  memset(reply, 'x', sizeof reply);
  return wxsub_admin(client, request, reply, ROOM, &reply_len, &why);
}

static void expect(const wxsub_client *client, const char *request, const char *part) {
  CHECK_VERDICT(ask(client, request), &why, WXSUB_OK);
  CHECK_INT(reply_len, strlen(reply));
  if (strstr(reply, part) == NULL) fprintf(stderr, "%s: no %s in %s\n", request, part, reply);
  CHECK(strstr(reply, part) != NULL);
}

static void refuse(const wxsub_client *client, const char *request, wxsub_status status, const char *says) {
  CHECK_VERDICT(ask(client, request), &why, status);
  CHECK_INT(reply_len, 0);
  CHECK_TEXT(reply, "");
  if (strstr(why.message, says) == NULL) fprintf(stderr, "%s: no %s in %s\n", request, says, why.message);
  CHECK(strstr(why.message, says) != NULL);
}

static void answers(const wxsub_client *client) {
  allow(client, "o1", TEMPLATE);
  allow(client, "o1", TEMPLATE);
  expect(client, "{\"do\":\"players\"}",
         "{\"players\":[{\"openid\":\"o1\",\"template_id\":\"T\",\"count\":2}],\"next\":null}");
  expect(client, "{\"do\":\"player\",\"openid\":\"o1\"}", "\"counts\":{\"T\":2}");
  expect(client, "{\"do\":\"outbox\"}", "{\"messages\":[],\"next\":null}");
  expect(client, "{\"do\":\"stats\"}", "\"reports\":2");
  expect(client, "{\"do\":\"token\"}", "\"mode\":\"stable\"");
}

static void wrong_requests(const wxsub_client *client) {
  refuse(client, NULL, WXSUB_E_ARG, "request_json is NULL");
  refuse(client, "{\"do\":\"\xff\"}", WXSUB_E_ARG, "not UTF-8");
  refuse(client, "", WXSUB_E_ARG, "not JSON");
  refuse(client, "[]", WXSUB_E_ARG, "not a JSON object");
  refuse(client, "{}", WXSUB_E_ARG, "do is missing");
  refuse(client, "{\"do\":\"player\"}", WXSUB_E_ARG, "openid");
  refuse(client, "{\"do\":\"palyers\"}", WXSUB_E_ARG, "did you mean players?");
}

static void wrong_arguments(const wxsub_client *client) {
  static const wxsub_result result = WXSUB_RESULT_INIT;
  const size_t capacities[] = {0, 1, 4096, ROOM - 1};
  const char *request = "{\"do\":\"stats\"}";
  wxsub_client *stale;
  size_t i;
  for (i = 0; i < sizeof capacities / sizeof *capacities; i++) {
    why = result;
    reply_len = 99;
    memset(reply, 'x', sizeof reply);
    CHECK_VERDICT(wxsub_admin(client, request, reply, capacities[i], &reply_len, &why), &why, WXSUB_E_ARG);
    CHECK_INT(reply_len, 0);
    CHECK_INT(reply[capacities[i]], 'x');
  }
  why = result;
  CHECK_VERDICT(wxsub_admin(client, request, NULL, 0, &reply_len, &why), &why, WXSUB_E_ARG);
  CHECK_VERDICT(wxsub_admin(client, request, NULL, ROOM, &reply_len, &why), &why, WXSUB_E_ARG);
  CHECK_INT(wxsub_admin(client, request, reply, ROOM, NULL, NULL), WXSUB_OK);
  why.struct_size = 447;
  CHECK_INT(wxsub_admin(client, request, reply, ROOM, NULL, &why), WXSUB_E_ARG);
  refuse(NULL, request, WXSUB_E_STATE, "");
  stale = open_store("stale.db");
  wxsub_free(stale);
  refuse(stale, request, WXSUB_E_STATE, "");
  /* Nothing is written beyond the capacity that was stated. */
  CHECK_INT(ask(client, request), WXSUB_OK);
  for (i = ROOM; i < sizeof reply; i++) CHECK_INT(reply[i], 'x');
}

int main(void) {
  wxsub_client *client = open_store("admin.db");
  answers(client);
  wrong_requests(client);
  wrong_arguments(client);
  wxsub_free(client);
  return finish();
}
