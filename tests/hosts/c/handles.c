/* Handles that are no open client: each call is WXSUB_E_STATE, and clients that are open go on. */

#include "support.h"

static void expect_stale(wxsub_client *bad) {
  wxsub_result r = WXSUB_RESULT_INIT;
  int64_t remaining = 7;
  size_t count = 7;
  CHECK_VERDICT(wxsub_report(bad, "o", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_E_STATE);
  CHECK_VERDICT(wxsub_report_json(bad, "o", "{\"T\":\"accept\"}", NULL, &r, 1, &count), &r, WXSUB_E_STATE);
  CHECK_INT(count, 0);
  CHECK_VERDICT(wxsub_quota(bad, "o", "T", &remaining, &r), &r, WXSUB_E_STATE);
  CHECK_INT(remaining, 7);
  CHECK_VERDICT(wxsub_send(bad, message_to("o", "T"), NULL, &r), &r, WXSUB_E_STATE);
  CHECK_INT(r.retry, WXSUB_RETRY_NEVER);
  CHECK_INT(wxsub_set_token(bad, "token", 60), WXSUB_E_STATE);
  CHECK_INT(wxsub_set_log(bad, NULL, NULL, NULL, 0), WXSUB_E_STATE);
  CHECK_INT(wxsub_send(bad, NULL, NULL, NULL), WXSUB_E_STATE);
  wxsub_free(bad);
  wxsub_free(bad);
}

static wxsub_client *handle(uintptr_t value) { return (wxsub_client *)value; }

static void numbers(void) {
  static const uintptr_t all[] = {0,
                                  1,
                                  2,
                                  3,
                                  4,
                                  255,
                                  0x7ff,
                                  0x1000,
                                  0xdeadbeef,
                                  0x80000000,
                                  INTPTR_MAX,
                                  (uintptr_t)INTPTR_MAX - 1,
                                  UINTPTR_MAX,
                                  UINTPTR_MAX - 1,
                                  UINTPTR_MAX / 3,
                                  UINTPTR_MAX / 3 * 2};
  size_t i;
  for (i = 0; i < sizeof all / sizeof all[0]; i++) expect_stale(handle(all[i]));
}

static void addresses(void) {
  static int in_data;
  int on_stack = 0;
  void *on_heap = malloc(64);
  expect_stale((wxsub_client *)&in_data);
  expect_stale((wxsub_client *)&on_stack);
  expect_stale((wxsub_client *)on_heap);
  expect_stale((wxsub_client *)((char *)on_heap + 1));
  free(on_heap);
}

/* Every bit of a good handle turned over, and the values next to it. */
static void near_a_good_one(const wxsub_client *good) {
  unsigned bit;
  for (bit = 0; bit < 8 * sizeof good; bit++) expect_stale(handle((uintptr_t)good ^ (uintptr_t)1 << bit));
  expect_stale(handle((uintptr_t)good - 2));
  expect_stale(handle((uintptr_t)good + 2));
}

static void random_ones(const wxsub_client *good) {
  uint64_t state = 0x9e3779b97f4a7c15u;
  wxsub_result r = WXSUB_RESULT_INIT;
  int i, stale = 0;
  for (i = 0; i < 100000; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    if ((uintptr_t)state == (uintptr_t)good) continue;
    stale += wxsub_quota(handle((uintptr_t)state), "o", "T", NULL, &r) == WXSUB_E_STATE;
  }
  CHECK_INT(stale, 100000);
}

static void freed_ones(void) {
  enum { OLD = 50 };
  wxsub_client *old[OLD];
  wxsub_client *now;
  int i, j;
  for (i = 0; i < OLD; i++) {
    old[i] = open_config(config_with(":memory:", ""));
    for (j = 0; j < i; j++) CHECK(old[i] != old[j]);
    wxsub_free(old[i]);
    wxsub_free(old[i]);
  }
  now = open_config(config_with(":memory:", ""));
  for (i = 0; i < OLD; i++) expect_stale(old[i]);
  CHECK_INT(count_of(now, "o", "T"), 0);
  wxsub_free(now);
  expect_stale(now);
}

/* "A process may have 1000 open"; main() has one of them. */
static void many_at_once(void) {
  enum { MORE = 999 };
  static wxsub_client *all[MORE];
  wxsub_client *surplus = (wxsub_client *)&surplus;
  wxsub_result why = WXSUB_RESULT_INIT;
  int i;
  for (i = 0; i < MORE; i++) all[i] = open_config(config_with(":memory:", ""));
  CHECK_VERDICT(wxsub_init(config_with(":memory:", ""), &surplus, &why), &why, WXSUB_E_INTERNAL);
  CHECK_HAS(why.message, "1000 clients are open");
  CHECK(surplus == NULL);
  for (i = 0; i < MORE; i++) wxsub_free(all[i]);
  CHECK_VERDICT(wxsub_init(config_with(":memory:", ""), &surplus, &why), &why, WXSUB_OK);
  wxsub_free(surplus);
}

int main(void) {
  wxsub_client *good = open_store("handles.db");
  CHECK(((uintptr_t)good & 1) == 1);
  CHECK((uintptr_t)good != UINTPTR_MAX);
  numbers();
  addresses();
  near_a_good_one(good);
  random_ones(good);
  freed_ones();
  many_at_once();
  CHECK_INT(count_of(good, "o", "T"), 0);
  wxsub_free(good);
  expect_stale(good);
  return finish();
}
