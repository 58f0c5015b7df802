/*
 * A host of version 2: compiled against version 2's header, it must work with every later library. It uses what version 2
 * added; host-v1.c has the rest.
 */

#define _POSIX_C_SOURCE 200809L

#include "wxsub-v2.h"

#if WXSUB_ABI != 2
#error "this is not version 2's header"
#endif

/* Its #include "wxsub.h" brings nothing, since version 2's guard has the same name. */
#include "../../hosts/c/support.h"

#define TOKEN "console-token"
#define GIFT "<xml><MsgType>event</MsgType><Event>minigame_deliver_goods</Event></xml>"

enum { BEHIND = 256 };

static struct {
  wxsub_result r;
  unsigned char behind[BEHIND];
} one;

static char query[1024], page[65536];

static void prepare(void) {
  static const wxsub_result result = WXSUB_RESULT_INIT;
  memset(&one, 0xa5, sizeof one);
  one.r = result;
}

static int untouched(void) {
  int i;
  for (i = 0; i < BEHIND; i++) {
    if (one.behind[i] != 0xa5) return 0;
  }
  return 1;
}

/* One call, whose status the result repeats, and which leaves the memory behind its struct alone. */
#define CALL(call, wanted)                          \
  do {                                              \
    prepare();                                      \
    CHECK_VERDICT(call, &one.r, wanted);            \
    CHECK(untouched());                             \
  } while (0)

/* A query that the simulator signs. */
static void sign_a_query(void) {
  const char *answer = simulator(
      "POST", "/sim/push", "{\"token\":\"" TOKEN "\",\"message\":\"<xml/>\"}");
  const char *at = strstr(answer, "\"query\":\""), *end;
  if (at == NULL) give_up(answer);
  at += strlen("\"query\":\"");
  end = strchr(at, '"');
  if (end == NULL || (size_t)(end - at) >= sizeof query) give_up(answer);
  memcpy(query, at, (size_t)(end - at));
  query[end - at] = '\0';
}

int main(void) {
  wxsub_client *client;
  wxsub_stats stats = WXSUB_STATS_INIT;
  static char plan[4096];
  char plain[sizeof GIFT], reply[64];
  size_t plain_len = 1, reply_len = 1;
  CHECK(wxsub_abi() >= WXSUB_ABI);
  client = open_config(config_with(in_tmp("v2.db"), ",\"event\":{\"token\":\"" TOKEN "\"}"));
  sign_a_query();

  CALL(wxsub_open_event(client, query, GIFT, strlen(GIFT), plain, sizeof plain, &plain_len, &one.r), WXSUB_OK);
  CHECK_INT(plain_len, strlen(GIFT));
  CHECK_TEXT(plain, GIFT);
  CALL(wxsub_open_event(client, query, GIFT, strlen(GIFT), plain, 5, &plain_len, &one.r), WXSUB_E_ARG);
  CHECK_INT(plain_len, strlen(GIFT));
  CALL(wxsub_open_event(client, "a=b", GIFT, strlen(GIFT), plain, sizeof plain, &plain_len, &one.r), WXSUB_E_SIGNATURE);
  CHECK_INT(plain_len, 0);

  CALL(wxsub_handle_event(client, query, GIFT, strlen(GIFT), reply, sizeof reply, &reply_len, &one.r), WXSUB_OK);
  CHECK_INT(one.r.flags, WXSUB_NOT_OURS);
  CHECK_INT(reply_len, 0);
  CHECK_TEXT(reply, "");
  CHECK_TEXT(wxsub_status_name(WXSUB_E_SKIPPED), "WXSUB_E_SKIPPED");
  CHECK_INT(wxsub_get_stats(client, &stats), WXSUB_OK);
  CHECK_INT(stats.skipped, 0);

  CALL(wxsub_admin(client, "{\"do\":\"player\",\"openid\":\"o1\"}", page, sizeof page, &reply_len, &one.r), WXSUB_OK);
  CHECK_INT(reply_len, strlen(page));
  CHECK(strstr(page, "\"openid\":\"o1\"") != NULL);
  CALL(wxsub_admin(client, "{\"do\":\"stats\"}", page, sizeof page - 1, &reply_len, &one.r), WXSUB_E_ARG);
  CHECK_INT(reply_len, 0);
  CHECK_TEXT(page, "");

  CHECK_INT(wxsub_report(client, "o-plan", "A", WXSUB_ACCEPT, NULL, NULL), WXSUB_OK);
  CALL(wxsub_ask(client, "o-plan", "{\"templates\":[{\"id\":\"A\",\"keep\":1},{\"id\":\"B\"}],\"most\":3}", plan, sizeof plan,
                 &reply_len, &one.r),
       WXSUB_OK);
  CHECK_TEXT(plan, "{\"ask\":[\"B\"],\"counts\":{\"A\":1,\"B\":0},\"why\":{\"A\":\"stocked\",\"B\":\"ask\"}}");
  CHECK_INT(reply_len, strlen(plan));
  CALL(wxsub_ask(client, "o-plan", "{}", plan, sizeof plan, &reply_len, &one.r), WXSUB_E_ARG);
  CALL(wxsub_ask(client, "o-plan", "{}", plan, 4095, &reply_len, &one.r), WXSUB_E_ARG);
  wxsub_free(client);
  return finish();
}
