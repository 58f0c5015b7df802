/* What the client counts: each message once, by its final verdict; and what waits now. */

#include "support.h"

static wxsub_client *client;
static wxsub_result r = WXSUB_RESULT_INIT;

static wxsub_stats stats_now(void) {
  wxsub_stats stats = WXSUB_STATS_INIT;
  CHECK_INT(wxsub_get_stats(client, &stats), WXSUB_OK);
  CHECK_INT(stats.struct_size, sizeof stats);
  CHECK_INT(stats.reserved, 0);
  return stats;
}

static wxsub_result next(void) {
  wxsub_result result = WXSUB_RESULT_INIT;
  size_t count = 0;
  CHECK_INT(wxsub_poll(client, &result, 1, 60000, &count), WXSUB_OK);
  if (count != 1) give_up("no result came");
  return result;
}

static void submit(const char *openid, const char *options) {
  if (wxsub_submit(client, message_to(openid, "T"), options, NULL, &r) != WXSUB_OK) give_up(r.message);
}

static void wrong_arguments(void) {
  union {
    wxsub_stats stats;
    unsigned char bytes[600];
  } memory;
  const uint32_t sizes[] = {0, 4, 199 /* version 1 had 200 */, 4097, UINT32_MAX};
  size_t i, at;
  CHECK_INT(wxsub_get_stats(client, NULL), WXSUB_E_ARG);
  for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    memset(&memory, 0xAA, sizeof memory);
    memory.stats.struct_size = sizes[i];
    CHECK_INT(wxsub_get_stats(client, &memory.stats), WXSUB_E_ARG);
    for (at = 4; at < sizeof memory && memory.bytes[at] == 0xAA; at++) {
    }
    CHECK_INT(at, sizeof memory);
  }
  /* A host of a later version. */
  memset(&memory, 0xAA, sizeof memory);
  memory.stats.struct_size = sizeof memory;
  CHECK_INT(wxsub_get_stats(client, &memory.stats), WXSUB_OK);
  CHECK_INT(memory.stats.struct_size, sizeof memory);
  CHECK_INT(memory.stats.sent, 0);
  for (at = sizeof(wxsub_stats); at < sizeof memory && memory.bytes[at] == 0xAA; at++) {
  }
  CHECK_INT(at, sizeof memory);
}

static void nothing_yet(void) {
  const wxsub_stats stats = stats_now();
  const unsigned char *bytes = (const unsigned char *)&stats;
  size_t at = 4;
  while (at < sizeof stats && bytes[at] == 0) at++;
  CHECK_INT(at, sizeof stats);
}

/* Every end that a message can have, from wxsub_send. */
static void ends_of_sends(void) {
  static const struct {
    const char *fault;
    wxsub_status wanted;
    size_t counter;
  } ends[] = {
      {"\"kind\":\"errcode\",\"errcode\":43101", WXSUB_E_REFUSED, offsetof(wxsub_stats, refused)},
      {"\"kind\":\"errcode\",\"errcode\":47003", WXSUB_E_MESSAGE, offsetof(wxsub_stats, bad_message)},
      {"\"kind\":\"errcode\",\"errcode\":45009", WXSUB_E_BUSY, offsetof(wxsub_stats, busy)},
      {"\"kind\":\"errcode\",\"errcode\":40164", WXSUB_E_AUTH, offsetof(wxsub_stats, auth)},
      {"\"kind\":\"errcode\",\"errcode\":20001", WXSUB_E_WECHAT, offsetof(wxsub_stats, wechat)},
      {"\"kind\":\"close\"", WXSUB_E_UNKNOWN, offsetof(wxsub_stats, unknown)},
  };
  const wxsub_stats before = stats_now();
  wxsub_stats after;
  size_t i;
  for (i = 0; i < sizeof ends / sizeof *ends; i++) {
    const char *openid = text_of("o-end-%d", (int)i);
    uint64_t was, is;
    const wxsub_stats then = stats_now();
    allow(client, openid, "T");
    arm(text_of("{%s,\"endpoint\":\"send\",\"openid\":\"%s\"}", ends[i].fault, openid));
    CHECK_VERDICT(wxsub_send(client, message_to(openid, "T"), NULL, &r), &r, ends[i].wanted);
    after = stats_now();
    memcpy(&was, (const char *)&then + ends[i].counter, sizeof was);
    memcpy(&is, (const char *)&after + ends[i].counter, sizeof is);
    CHECK_INT(is, was + 1);
  }
  CHECK_INT(after.sent, before.sent);
  CHECK_INT(after.reports, before.reports + i);
  CHECK_VERDICT(wxsub_send(client, message_to("o-none", "T"), NULL, &r), &r, WXSUB_E_NO_QUOTA);
  CHECK_VERDICT(wxsub_send(client, "{\"touser\":\"o\"}", NULL, &r), &r, WXSUB_E_ARG);
  allow(client, "o-sent", "T");
  CHECK_VERDICT(wxsub_send(client, message_to("o-sent", "T"), "{\"key\":\"k\"}", &r), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_send(client, message_to("o-sent", "T"), "{\"key\":\"k\"}", &r), &r, WXSUB_OK);
  after = stats_now();
  CHECK_INT(after.no_quota, before.no_quota + 1);
  CHECK_INT(after.sent, before.sent + 1);
  CHECK_INT(after.replayed, before.replayed + 1);
  CHECK_INT(after.token_calls, 1);
  CHECK_INT(after.running, 0);
}

static void what_was_submitted(void) {
  const wxsub_stats before = stats_now();
  wxsub_stats after;
  int i;
  for (i = 0; i < 3; i++) allow(client, "o-queue", "T");
  arm("{\"kind\":\"delay\",\"delay_ms\":3500,\"endpoint\":\"send\",\"openid\":\"o-queue\"}");
  for (i = 0; i < 3; i++) submit("o-queue", NULL);
  for (i = 0; i < patient(2000) && sends_to("o-queue") == 0; i++) sleep_ms(5);
  after = stats_now();
  CHECK_INT(after.queued, 2);
  CHECK_INT(after.running, 1);
  CHECK_INT(after.results, 0);
  for (i = 0; i < patient(6000) && stats_now().results < 3; i++) sleep_ms(5);
  after = stats_now();
  CHECK_INT(after.queued, 0);
  CHECK_INT(after.results, 3);
  CHECK_INT(after.sent, before.sent + 3);
  for (i = 0; i < 3; i++) CHECK_INT(next().status, WXSUB_OK);
  CHECK_INT(stats_now().results, 0);

  /* Reports, too late ones, and cancelled ones. */
  CHECK_INT(wxsub_submit_report(client, "o-queue", "T", WXSUB_ACCEPT, NULL, 0, NULL, NULL), WXSUB_OK);
  CHECK_INT(next().status, WXSUB_OK);
  CHECK_INT(stats_now().reports, before.reports + 4);
  submit("o-late", "{\"expires_at\":1000000000000}");
  CHECK_INT(next().status, WXSUB_E_EXPIRED);
  CHECK_INT(stats_now().expired, before.expired + 1);
}

static void what_is_stored(void) {
  const wxsub_stats before = stats_now();
  const int due_in_ms = getenv("WXSUB_TOOL") != NULL ? 20000 : 5000;
  wxsub_stats after;
  int i;
  submit("o-store", "{\"deliver_at\":4000000000000,\"key\":\"k\"}");
  submit("o-store", "{\"deliver_at\":4000000000000}");
  CHECK_INT(next().flags, WXSUB_STORED);
  CHECK_INT(next().flags, WXSUB_STORED);
  after = stats_now();
  CHECK_INT(after.outbox_waiting, 2);
  CHECK_INT(after.outbox_due, 0);
  CHECK_INT(after.outbox_oldest_due_ms, 0);
  CHECK_INT(after.sent, before.sent);
  CHECK_INT(wxsub_cancel(client, "o-store", "k", NULL), WXSUB_OK);
  after = stats_now();
  CHECK_INT(after.outbox_waiting, 1);
  CHECK_INT(after.cancelled, before.cancelled + 1);

  /* Two of one player, stored before their time comes: where the first is sent at once, the second is stored behind it. */
  allow(client, "o-due", "T");
  allow(client, "o-due", "T");
  for (i = 0; i < 2; i++) submit("o-due", text_of("{\"deliver_at\":%lld}", wall_ms() + due_in_ms));
  for (i = 0; i < 2; i++) CHECK_INT(next().flags, WXSUB_STORED);
  CHECK_INT(stats_now().outbox_waiting, 3);
  for (i = 0; i < 2; i++) CHECK_INT(next().flags, WXSUB_OUTCOME);
  after = stats_now();
  CHECK_INT(after.outbox_waiting, 1);
  CHECK_INT(after.sent, before.sent + 2);
  CHECK_INT(after.lost_results, 0);
}

/* A host that does not poll is not waited for longer than ten seconds, and told what it missed. */
static void outcomes_that_nobody_took(void) {
  wxsub_client *before = client;
  wxsub_stats stats;
  int i;
  client = open_config(config_with(in_tmp("lost.db"), ",\"queue_capacity\":2"));
  for (i = 0; i < 2; i++) allow(client, text_of("o-lost-%d", i), "T");
  for (i = 0; i < 2; i++) submit(text_of("o-lost-%d", i), "{\"durable\":true,\"key\":\"k\"}");
  CHECK_INT(wxsub_submit(client, message_to("o-lost-2", "T"), NULL, NULL, &r), WXSUB_E_QUEUE_FULL);
  for (i = 0; i < patient(12000) && (stats_now().results < 2 || stats_now().outbox_waiting > 0); i++) sleep_ms(5);
  for (i = 0; i < patient(2000) && stats_now().lost_results < 2; i++) sleep_ms(5);
  stats = stats_now();
  CHECK_INT(stats.outbox_waiting, 0);
  CHECK_INT(stats.sent, 2);
  CHECK_INT(stats.results, 2);
  CHECK_INT(stats.lost_results, 2);
  for (i = 0; i < 2; i++) CHECK_INT(next().flags, WXSUB_STORED);
  CHECK_INT(stats_now().results, 0);
  for (i = 0; i < 2; i++) CHECK_INT(wxsub_lookup(client, text_of("o-lost-%d", i), "k", NULL), WXSUB_OK);
  wxsub_free(client);
  client = before;
}

int main(void) {
  wxsub_stats stats = WXSUB_STATS_INIT;
  CHECK(wxsub_abi() >= WXSUB_ABI);
  client = open_store("stats.db");
  wrong_arguments();
  nothing_yet();
  ends_of_sends();
  what_was_submitted();
  what_is_stored();
  outcomes_that_nobody_took();
  CHECK_INT(wxsub_shutdown(client, 60000, NULL), WXSUB_OK);
  CHECK(stats_now().sent > 0);
  wxsub_free(client);
  CHECK_INT(wxsub_get_stats(client, &stats), WXSUB_E_STATE);
  CHECK_INT(wxsub_get_stats(NULL, &stats), WXSUB_E_STATE);
  return finish();
}
