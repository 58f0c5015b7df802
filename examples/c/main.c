/*
 * One whole round: a player accepts, gets a message, and the next one is turned down until they accept again.
 *
 *   cargo build
 *   cc -std=c99 -Iinclude examples/c/main.c -o round -Ltarget/debug -lwxsub -Wl,-rpath,$PWD/target/debug
 *   WXSUB_SECRET=simulator-secret ./round --appid wx0000000000000000 --openid o-alice --template-id sim-activity \
 *       --store round.db --api-base http://127.0.0.1:PORT
 *
 * The ids and the secret are those of tools/simulator, which must have been told that o-alice accepted. Without
 * --api-base it talks to the real WeChat: then the openid must be a player of yours who has just accepted this
 * template, and the keys in write_message() must be the template's own. Exit code 0: everything went as told here.
 *
 * With --check it asks only whether it will work (store, network, clock, appid, secret, IP, templates), and says so;
 * --openid and --template-id are not needed then.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wxsub.h"

struct text {
  char bytes[4096];
  size_t length;
};

static void append(struct text *text, const char *bytes, size_t count) {
  if (text->length + count >= sizeof text->bytes) {
    fputs("an argument is too long\n", stderr);
    exit(2);
  }
  memcpy(text->bytes + text->length, bytes, count);
  text->length += count;
  text->bytes[text->length] = '\0';
}

static void append_raw(struct text *text, const char *raw) { append(text, raw, strlen(raw)); }

/* "name":"value", with whatever JSON wants escaped in the value. */
static void append_member(struct text *text, const char *name, const char *value) {
  append_raw(text, text->bytes[text->length - 1] == '{' ? "\"" : ",\"");
  append_raw(text, name);
  append_raw(text, "\":\"");
  for (; *value != '\0'; value++) {
    unsigned char byte = (unsigned char)*value;
    char escaped[8];
    if (byte < 0x20) {
      append(text, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", byte));
    } else {
      if (byte == '"' || byte == '\\') append_raw(text, "\\");
      append(text, value, 1);
    }
  }
  append_raw(text, "\"");
}

struct arguments {
  const char *appid, *secret, *store, *api_base, *openid, *template_id;
  int check;
};

static int read_arguments(int argc, char **argv, struct arguments *a) {
  int i;
  memset(a, 0, sizeof *a);
  a->secret = getenv("WXSUB_SECRET");
  for (i = 1; i < argc; i++) {
    const char **to = strcmp(argv[i], "--appid") == 0         ? &a->appid
                      : strcmp(argv[i], "--secret") == 0      ? &a->secret
                      : strcmp(argv[i], "--store") == 0       ? &a->store
                      : strcmp(argv[i], "--api-base") == 0    ? &a->api_base
                      : strcmp(argv[i], "--openid") == 0      ? &a->openid
                      : strcmp(argv[i], "--template-id") == 0 ? &a->template_id
                                                              : NULL;
    if (strcmp(argv[i], "--check") == 0) {
      a->check = 1;
    } else {
      if (to == NULL || ++i == argc) return 0;
      *to = argv[i];
    }
  }
  return a->appid && a->secret && (a->check || (a->openid && a->template_id));
}

static void write_config(struct text *config, const struct arguments *a) {
  append_raw(config, "{");
  append_member(config, "appid", a->appid);
  append_member(config, "secret", a->secret);
  if (a->store) append_member(config, "store", a->store);
  if (a->api_base) append_member(config, "api_base", a->api_base);
  append_raw(config, "}");
}

static void write_message(struct text *message, const struct arguments *a) {
  append_raw(message, "{");
  append_member(message, "touser", a->openid);
  append_member(message, "template_id", a->template_id);
  append_member(message, "page", "pages/index/index?from=round");
  append_raw(message, ",\"data\":{");
  append_member(message, "thing1", "Double drops \"now\"");
  append_member(message, "date2", "2026-10-01");
  append_member(message, "number3", "100");
  append_raw(message, "}}");
}

static int fail(const char *step, const wxsub_result *result) {
  printf("%s: %s: %s\n", step, wxsub_status_name(result->status), result->message);
  return 1;
}

static int run(const wxsub_client *client, const struct arguments *a) {
  static struct text message;
  wxsub_result result = WXSUB_RESULT_INIT;
  long long left;

  /* In a game: the player's client told us what wx.requestSubscribeMessage answered. */
  if (wxsub_report(client, a->openid, a->template_id, WXSUB_ACCEPT, NULL, &result) != WXSUB_OK) {
    return fail("report", &result);
  }
  printf("%s accepted %s: count %lld\n", a->openid, a->template_id, (long long)result.remaining);

  write_message(&message, a);
  for (left = result.remaining; left > 0; left--) {
    if (wxsub_send(client, message.bytes, NULL, &result) != WXSUB_OK) return fail("send", &result);
    printf("sent: message id %lld, count %lld\n", (long long)result.msgid, (long long)result.remaining);
  }

  if (wxsub_send(client, message.bytes, NULL, &result) != WXSUB_E_NO_QUOTA || result.attempts != 0) {
    return fail("one send too many", &result);
  }
  printf("one more: %s, WeChat was not called (%u requests): %s\n", wxsub_status_name(result.status),
         (unsigned)result.attempts, result.message);
  return 0;
}

static int check(const wxsub_client *client) {
  wxsub_result result = WXSUB_RESULT_INIT;
  wxsub_status status = wxsub_check(client, &result);
  printf("check: %s: %s\n", wxsub_status_name(status), result.message);
  return status != WXSUB_OK;
}

int main(int argc, char **argv) {
  static struct text config;
  struct arguments arguments;
  wxsub_client *client;
  wxsub_result why = WXSUB_RESULT_INIT;
  int code;

  if (!read_arguments(argc, argv, &arguments)) {
    fputs("usage: round --appid ID --openid ID --template-id ID [--secret S] [--store PATH] [--api-base URL]\n"
          "       round --appid ID --check [--secret S] [--store PATH] [--api-base URL]\n"
          "       the secret may come from the environment instead: WXSUB_SECRET\n",
          stderr);
    return 2;
  }
  if (wxsub_abi() < WXSUB_ABI) {
    fputs("the libwxsub that was loaded is older than the header\n", stderr);
    return 1;
  }
  printf("wxsub %s\n", wxsub_version());
  write_config(&config, &arguments);
  if (wxsub_init(config.bytes, &client, &why) != WXSUB_OK) return fail("init", &why);
  code = arguments.check ? check(client) : run(client, &arguments);
  wxsub_free(client);
  return code;
}
