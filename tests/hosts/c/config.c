/* Configurations that are wrong: which status, and that the message names the key. None makes a store or a client. */

#include "support.h"

struct wrong {
  const char *more; /* further members of a good configuration */
  const char *parts[2];
};

static const struct wrong values[] = {
    {",\"timeout\":5", {"timeout", "timeout_ms"}},
    {",\"apiBase\":\"https://h\"", {"apiBase", "api_base"}},
    {",\"Store\":\"x\"", {"Store", "store"}},
    {",\"zzzzzzzzzzzzzzzz\":1", {"zzzzzzzzzzzzzzzz", "unknown"}},
    {",\"\":1", {"unknown", ""}},
    {",\"timeout_ms\":\"5\"", {"timeout_ms", "string"}},
    {",\"timeout_ms\":0", {"timeout_ms", "60000"}},
    {",\"timeout_ms\":60001", {"timeout_ms", "60000"}},
    {",\"timeout_ms\":-1", {"timeout_ms", "-1"}},
    {",\"timeout_ms\":2.5", {"timeout_ms", "2.5"}},
    {",\"timeout_ms\":1e300", {"timeout_ms", "60000"}},
    {",\"connect_timeout_ms\":[]", {"connect_timeout_ms", "list"}},
    {",\"max_attempts\":0", {"max_attempts", "0"}},
    {",\"max_attempts\":true", {"max_attempts", "boolean"}},
    {",\"store\":5", {"store", "number"}},
    {",\"store\":\"\"", {"store", "empty"}},
    {",\"store\":\"mysql://h/0\"", {"store", ""}},
    {",\"api_base\":[]", {"api_base", ""}},
    {",\"api_base\":{}", {"api_base", "object"}},
    {",\"api_base\":\"http://api.weixin.qq.com\"", {"api_base", "https"}},
    {",\"api_base\":\"http://127.0.0.1.evil.com\"", {"api_base", "https"}},
    {",\"api_base\":\"api.weixin.qq.com\"", {"api_base", "https://"}},
    {",\"api_base\":\"file:///etc/passwd\"", {"api_base", ""}},
    {",\"api_base\":[\"https://h\",5]", {"api_base", ""}},
    {",\"token\":\"stabel\"", {"token", "\"stable\""}},
    {",\"token\":null,\"tokn\":1", {"tokn", "token"}},
    {",\"durability\":\"none\"", {"durability", "\"normal\""}},
    {",\"validate\":false", {"validate", "\"off\""}},
    {",\"quota\":\"ignore\"", {"quota", "\"observe\""}},
    {",\"miniprogram_state\":\"release\"", {"miniprogram_state", "formal"}},
    {",\"lang\":\"zh-CN\"", {"lang", "zh_CN"}},
    {",\"proxy\":\"socks5://h:1\"", {"proxy", "http://"}},
    {",\"event\":{\"tokn\":\"t\"}", {"tokn", "token"}},
    {",\"event\":5", {"event", "object"}},
    {",\"templates\":5", {"templates", ""}},
    {",\"workers\":0", {"workers", "0"}},
    {",\"queue_capacity\":-5", {"queue_capacity", "-5"}},
    {",\"max_per_second\":\"fast\"", {"max_per_second", "string"}},
    {",\"appid\":5", {"appid", "number"}},
    {",\"secret\":[\"hush-hush\"]", {"secret", "list"}},
    {",\"appid\":\"two words\"", {"appid", ""}},
};

static const char *const not_an_object[] = {
    "", " ", "{", "}", "[]", "null", "5", "\"appid\"", "{\"appid\":}", "{\"appid\":\"x\",}", "{'appid':'x'}",
    "{\"appid\":\"x\",\"secret\":\"s\"} trailing", "{\"appid\":\"\\ud800\"}", "{\"appid\":\"a\nb\"}", "\xef\xbb\xbf",
};

static void wrong_values(void) {
  size_t i;
  for (i = 0; i < sizeof values / sizeof values[0]; i++) {
    wxsub_client *out = (wxsub_client *)&out;
    wxsub_result why = WXSUB_RESULT_INIT;
    char *config = config_with(in_tmp("never.db"), values[i].more);
    if (!CHECK_VERDICT(wxsub_init(config, &out, &why), &why, WXSUB_E_CONFIG)) fprintf(stderr, "%s\n", values[i].more);
    CHECK_HAS(why.message, values[i].parts[0]);
    CHECK_HAS(why.message, values[i].parts[1]);
    CHECK_INT(why.retry, WXSUB_RETRY_NEVER);
    CHECK(strstr(why.message, "hush-hush") == NULL && strstr(why.message, environment("WXSUB_SECRET")) == NULL);
    CHECK(out == NULL);
    wxsub_free(out);
  }
}

static void not_a_json_object(void) {
  size_t i;
  for (i = 0; i < sizeof not_an_object / sizeof not_an_object[0]; i++) {
    wxsub_client *out = (wxsub_client *)&out;
    wxsub_result why = WXSUB_RESULT_INIT;
    if (!CHECK_VERDICT(wxsub_init(not_an_object[i], &out, &why), &why, WXSUB_E_ARG)) {
      fprintf(stderr, "%s\n", not_an_object[i]);
    }
    CHECK(out == NULL);
  }
}

static void every_mistake_is_named(void) {
  wxsub_client *out = NULL;
  wxsub_result why = WXSUB_RESULT_INIT;
  CHECK_VERDICT(wxsub_init("{}", &out, &why), &why, WXSUB_E_CONFIG);
  CHECK_HAS(why.message, "appid");
  CHECK_HAS(why.message, "secret");
  CHECK_VERDICT(
      wxsub_init("{\"appid\":\"x\",\"secret\":\"hush\",\"timeout_ms\":\"1\",\"lang\":\"fr\",\"qouta\":1}", &out, &why),
      &why, WXSUB_E_CONFIG);
  CHECK_HAS(why.message, "timeout_ms");
  CHECK_HAS(why.message, "lang");
  CHECK_HAS(why.message, "qouta");
  CHECK_HAS(why.message, "quota");
  CHECK(strstr(why.message, "hush") == NULL);
}

static void a_long_message_is_cut_at_a_character(void) {
  char key[900];
  wxsub_client *out = NULL;
  wxsub_result why = WXSUB_RESULT_INIT;
  size_t i;
  for (i = 0; i + 3 < sizeof key; i += 3) memcpy(key + i, "\xe4\xb8\x96", 3);
  key[i] = '\0';
  CHECK_VERDICT(wxsub_init(config_with(in_tmp("never.db"), text_of(",\"%s\":1,\"lang\":\"%s\"", key, key)), &out, &why),
                &why, WXSUB_E_CONFIG);
  CHECK(memchr(why.message, 0, sizeof why.message) != NULL);
  for (i = strlen(why.message); i > 0 && (why.message[i - 1] & 0xc0) == 0x80; i--) {
  }
  /* The last character has all the bytes that its first one promises. */
  if (i > 0 && (why.message[i - 1] & 0x80) != 0) {
    unsigned char first = (unsigned char)why.message[i - 1];
    size_t promised = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    CHECK_INT(strlen(why.message) - (i - 1), promised);
  }
}

static void what_is_fine(void) {
  static const char *const fine[] = {
      "",
      ",\"lang\":\"en_US\",\"miniprogram_state\":\"trial\"",
      ",\"durability\":\"normal\",\"validate\":\"truncate\",\"quota\":\"observe\",\"token\":\"legacy\"",
      ",\"timeout_ms\":60000,\"connect_timeout_ms\":1,\"max_attempts\":1",
      ",\"api_base\":[\"https://api.weixin.qq.com\",\"https://api2.weixin.qq.com\"]",
      ",\"templates\":\"auto\",\"workers\":4,\"queue_capacity\":100,\"max_per_second\":50.5,\"store_prefix\":\"x\"",
      ",\"event\":{\"token\":\"t\",\"aes_key\":\"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG\"}",
  };
  size_t i;
  for (i = 0; i < sizeof fine / sizeof fine[0]; i++) {
    wxsub_client *out = NULL;
    wxsub_result why = WXSUB_RESULT_INIT;
    if (!CHECK_VERDICT(wxsub_init(config_with(":memory:", fine[i]), &out, &why), &why, WXSUB_OK)) {
      fprintf(stderr, "%s\n", fine[i]);
    }
    CHECK(out != NULL);
    wxsub_free(out);
  }
  {
    wxsub_client *out = NULL;
    wxsub_result why = WXSUB_RESULT_INIT;
    CHECK_VERDICT(wxsub_init("{\"appid\":\"x\",\"token\":\"external\",\"store\":\":memory:\"}", &out, &why), &why,
                  WXSUB_OK);
    wxsub_free(out);
  }
}

int main(void) {
  /* The default store is "wxsub.db" in the working directory. */
  if (chdir(environment("WXSUB_TMP")) != 0) give_up("chdir");
  wrong_values();
  not_a_json_object();
  every_mistake_is_named();
  a_long_message_is_cut_at_a_character();
  CHECK(!exists(in_tmp("never.db")));
  CHECK(!exists("wxsub.db"));
  what_is_fine();
  return finish();
}
