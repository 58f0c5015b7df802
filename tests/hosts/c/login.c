/* Login codes: who they belong to, once; the struct that it goes to; and that the session_key goes nowhere else. */

#include "support.h"

enum { OURS = sizeof(wxsub_identity), FILL = 0xA5 };

static wxsub_client *client;
static wxsub_result r = WXSUB_RESULT_INIT;
static char session_key[64];

static union {
  wxsub_identity identity;
  unsigned char bytes[4096 + 64];
} memory;

static wxsub_identity *sized(uint32_t size) {
  memset(&memory, FILL, sizeof memory);
  memory.identity.struct_size = size;
  return &memory.identity;
}

static int untouched_from(size_t offset) {
  while (offset < sizeof memory && memory.bytes[offset] == FILL) offset++;
  return offset == sizeof memory;
}

static void new_code(const char *code, const char *more) {
  simulator_set("/sim/codes", text_of("{\"code\":\"%s\",\"openid\":\"o-%s\"%s}", code, code, more));
}

static void logged(void *lines, int32_t level, const char *message) {
  (void)level;
  strncat(lines, message, 16383 - strlen(lines));
}

/* Only when no client has it open: closing the file here would drop the client's locks. */
static int has_bytes(const char *path, const char *text) {
  struct bytes all = read_file(path);
  size_t at, length = strlen(text);
  int found = 0;
  for (at = 0; at + length <= all.count && !found; at++) found = memcmp(all.at + at, text, length) == 0;
  free(all.at);
  return found;
}

static void a_code_becomes_an_identity_once(void) {
  static char lines[16384];
  const wxsub_identity *who = &memory.identity;
  CHECK_INT(wxsub_set_log(client, logged, lines, NULL, WXSUB_LOG_DEBUG), WXSUB_OK);
  new_code("good", ",\"unionid\":\"u-\xe7\x8e\xa9\xe5\xae\xb6\"");
  CHECK_VERDICT(wxsub_login(client, "good", sized(OURS), &r), &r, WXSUB_OK);
  CHECK_INT(who->struct_size, OURS);
  CHECK_INT(who->reserved, 0);
  CHECK_TEXT(who->openid, "o-good");
  CHECK_TEXT(who->unionid, "u-\xe7\x8e\xa9\xe5\xae\xb6");
  CHECK_INT(strlen(who->session_key), 24);
  CHECK(untouched_from(OURS));
  CHECK(strstr(lines, who->session_key) == NULL && strstr(lines, environment("WXSUB_SECRET")) == NULL);
  CHECK(strstr(r.message, who->session_key) == NULL);
  memcpy(session_key, who->session_key, sizeof session_key);

  CHECK_VERDICT(wxsub_login(client, "good", sized(OURS), &r), &r, WXSUB_E_WECHAT);
  CHECK_INT(r.errcode, 40163);
  CHECK_INT(r.retry, WXSUB_RETRY_NEVER);
  CHECK(untouched_from(4));
  CHECK_INT(wxsub_set_log(client, NULL, NULL, NULL, WXSUB_LOG_OFF), WXSUB_OK);

  CHECK_INT(wxsub_login(client, "code-o-plain", sized(OURS), NULL), WXSUB_OK);
  CHECK_TEXT(who->openid, "o-plain");
  CHECK_TEXT(who->unionid, "");
}

static void codes_that_are_no_good(void) {
  CHECK_VERDICT(wxsub_login(client, "no-such-code", sized(OURS), &r), &r, WXSUB_E_WECHAT);
  CHECK_INT(r.errcode, 40029);
  CHECK_INT(r.retry, WXSUB_RETRY_NEVER);
  new_code("blocked", ",\"blocked\":true");
  CHECK_VERDICT(wxsub_login(client, "blocked", sized(OURS), &r), &r, WXSUB_E_WECHAT);
  CHECK_INT(r.errcode, 40226);
  CHECK(untouched_from(4));
}

/* Whatever a player's client sends travels as the code, and as nothing else. */
static void codes_are_escaped(void) {
  new_code("a&b=c#d %2f+\xe4\xb8\xad", "");
  CHECK_VERDICT(wxsub_login(client, "a&b=c#d %2f+\xe4\xb8\xad", sized(OURS), &r), &r, WXSUB_OK);
  CHECK_TEXT(memory.identity.openid, "o-a&b=c#d %2f+\xe4\xb8\xad");
}

static void wrong_calls(void) {
  wxsub_client *other = open_store("other.db");
  int requests = times_in(simulator_get("/sim/requests?endpoint=jscode2session"), "\"seq\":");
  CHECK_VERDICT(wxsub_login(NULL, "code-o", sized(OURS), &r), &r, WXSUB_E_STATE);
  CHECK_VERDICT(wxsub_login(client, NULL, sized(OURS), &r), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "code");
  CHECK_INT(wxsub_login(client, "", sized(OURS), &r), WXSUB_E_ARG);
  CHECK_TEXT(r.message, "code is empty");
  CHECK_VERDICT(wxsub_login(client, "\xff", sized(OURS), &r), &r, WXSUB_E_ARG);
  CHECK(untouched_from(4));
  CHECK_VERDICT(wxsub_login(client, "code-o", NULL, &r), &r, WXSUB_E_ARG);
  CHECK_HAS(r.message, "out");
  CHECK_INT(wxsub_login(NULL, NULL, NULL, NULL), WXSUB_E_ARG);
  wxsub_free(other);
  CHECK_VERDICT(wxsub_login(other, "code-o", sized(OURS), &r), &r, WXSUB_E_STATE);
  CHECK_INT(times_in(simulator_get("/sim/requests?endpoint=jscode2session"), "\"seq\":"), requests);
}

static void struct_sizes(void) {
  static const uint32_t bad[] = {0, 1, 4, 196, 199, 4097, UINT32_MAX}, good[] = {OURS, OURS + 1, 448, 4096};
  static union {
    wxsub_result result;
    unsigned char bytes[sizeof(wxsub_result)];
  } why;
  size_t i;
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    CHECK_VERDICT(wxsub_login(client, "code-o-size", sized(bad[i]), &r), &r, WXSUB_E_ARG);
    CHECK_HAS(r.message, "struct_size");
    CHECK(memory.identity.struct_size == bad[i] && untouched_from(4));
  }
  memset(&why, FILL, sizeof why);
  why.result.struct_size = sizeof why - 1;
  CHECK_INT(wxsub_login(client, "code-o-size", sized(OURS), &why.result), WXSUB_E_ARG);
  CHECK(untouched_from(4) && why.bytes[4] == FILL && memcmp(why.bytes + 4, why.bytes + 5, sizeof why - 5) == 0);

  /* None of these used the code up. */
  CHECK_VERDICT(wxsub_login(client, "code-o-size", sized(OURS), &r), &r, WXSUB_OK);
  for (i = 0; i < sizeof good / sizeof good[0]; i++) {
    CHECK_VERDICT(wxsub_login(client, text_of("code-o-size~%d", (int)i), sized(good[i]), &r), &r, WXSUB_OK);
    CHECK_INT(memory.identity.struct_size, good[i]);
    CHECK_TEXT(memory.identity.openid, "o-size");
    CHECK(untouched_from(OURS));
  }
}

/* An id that is cut is another one's. */
static void ids_that_do_not_fit(void) {
  char openid[65];
  memset(openid, 'x', sizeof openid);
  openid[63] = '\0';
  CHECK_VERDICT(wxsub_login(client, text_of("code-%s", openid), sized(OURS), &r), &r, WXSUB_OK);
  CHECK_TEXT(memory.identity.openid, openid);
  openid[63] = 'x';
  openid[64] = '\0';
  CHECK_VERDICT(wxsub_login(client, text_of("code-%s", openid), sized(OURS), &r), &r, WXSUB_E_INTERNAL);
  CHECK(untouched_from(4));
}

static void fault(const char *members) {
  arm(text_of("{\"endpoint\":\"jscode2session\",%s}", members));
}

static void what_wechat_answers(void) {
  static const struct {
    int errcode;
    wxsub_status status;
  } all[] = {{45009, WXSUB_E_BUSY}, {40013, WXSUB_E_AUTH}, {40125, WXSUB_E_AUTH},
             {40164, WXSUB_E_AUTH}, {50007, WXSUB_E_AUTH}, {87009, WXSUB_E_WECHAT}};
  size_t i;
  for (i = 0; i < sizeof all / sizeof all[0]; i++) {
    fault(text_of("\"kind\":\"errcode\",\"errcode\":%d", all[i].errcode));
    CHECK_VERDICT(wxsub_login(client, "code-o-answer", sized(OURS), &r), &r, all[i].status);
    CHECK_INT(r.errcode, all[i].errcode);
    CHECK(untouched_from(4));
  }
  fault("\"kind\":\"errcode\",\"errcode\":-1");
  CHECK_VERDICT(wxsub_login(client, "code-o-answer", sized(OURS), &r), &r, WXSUB_OK);
  fault("\"kind\":\"errcode\",\"errcode\":-1,\"times\":3");
  CHECK_VERDICT(wxsub_login(client, "code-o-answer~2", sized(OURS), &r), &r, WXSUB_E_BUSY);
  CHECK_INT(r.retry, WXSUB_RETRY_LATER);
}

static void what_nobody_can_read(void) {
  static const char *const kinds[] = {
      "\"kind\":\"garbage\",\"text\":\"<html>\"", "\"kind\":\"empty\"", "\"kind\":\"cut\"", "\"kind\":\"reset\"",
      "\"kind\":\"http\",\"status\":502",         "\"kind\":\"stall\"",
  };
  wxsub_client *hasty = open_config(config_with(":memory:", ",\"timeout_ms\":500"));
  size_t i;
  for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    fault(kinds[i]);
    if (!CHECK_VERDICT(wxsub_login(hasty, "code-o-unreadable", sized(OURS), &r), &r, WXSUB_E_CONNECT)) {
      fprintf(stderr, "%s\n", kinds[i]);
    }
    CHECK(untouched_from(4));
  }
  wxsub_free(hasty);
  fault("\"kind\":\"garbage\",\"text\":\"{}\"");
  CHECK_VERDICT(wxsub_login(client, "code-o-unreadable", sized(OURS), &r), &r, WXSUB_E_WECHAT);
}

static void accounts(void) {
  wxsub_client *wrong = open_config(text_of(
      "{\"appid\":\"%s\",\"secret\":\"wrong-secret\",\"api_base\":\"%s\",\"store\":\":memory:\"}",
      environment("WXSUB_APPID"), environment("WXSUB_SIM")));
  wxsub_client *none = open_config("{\"appid\":\"wx1\",\"token\":\"external\",\"store\":\":memory:\"}");
  CHECK_VERDICT(wxsub_login(wrong, "code-o-account", sized(OURS), &r), &r, WXSUB_E_AUTH);
  CHECK(strstr(r.message, "wrong-secret") == NULL);
  CHECK_VERDICT(wxsub_login(none, "code-o-account", sized(OURS), &r), &r, WXSUB_E_CONFIG);
  CHECK_HAS(r.message, "secret");
  wxsub_free(none);
  wxsub_free(wrong);
}

int main(void) {
  client = open_store("login.db");
  a_code_becomes_an_identity_once();
  codes_that_are_no_good();
  codes_are_escaped();
  wrong_calls();
  struct_sizes();
  ids_that_do_not_fit();
  what_wechat_answers();
  what_nobody_can_read();
  accounts();
  wxsub_free(client);
  CHECK(!has_bytes(in_tmp("login.db"), session_key));
  if (exists(in_tmp("login.db-wal"))) CHECK(!has_bytes(in_tmp("login.db-wal"), session_key));
  return finish();
}
