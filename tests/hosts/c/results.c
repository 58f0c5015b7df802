/* Result structs that are too small, larger than ours, or in arrays with a wider stride. */

#include "support.h"

enum { OURS = sizeof(wxsub_result), ROOM = 4096, GUARD = 64, FILL = 0xA5 };

static wxsub_client *client;
static union {
  uint64_t aligned;
  unsigned char bytes[4 * ROOM + GUARD];
} room;
static unsigned char *const memory = room.bytes;
static unsigned char *const memory_end = room.bytes + sizeof room.bytes;

static wxsub_result *sized(uint32_t size) {
  memset(room.bytes, FILL, sizeof room.bytes);
  memcpy(memory, &size, sizeof size);
  return (wxsub_result *)(void *)memory;
}

static uint32_t stated_size(const unsigned char *at) {
  uint32_t size;
  memcpy(&size, at, sizeof size);
  return size;
}

static int untouched(const unsigned char *from, const unsigned char *to) {
  while (from < to && *from == FILL) from++;
  return from == to;
}

/* Each function that takes a result, with one of this size. */
static void call_all(uint32_t size, wxsub_status wanted) {
  wxsub_client *out = NULL;
  size_t count = 7;
  int64_t remaining = 7;
  CHECK_INT(wxsub_init(config_with(":memory:", ""), &out, sized(size)), wanted);
  CHECK((out != NULL) == (wanted == WXSUB_OK));
  wxsub_free(out);
  CHECK_INT(wxsub_report(client, "o-size", "T", WXSUB_ACCEPT, NULL, sized(size)), wanted);
  CHECK_INT(wxsub_report_json(client, "o-size", "{\"T\":\"accept\"}", NULL, sized(size), 1, &count), wanted);
  CHECK_INT(wxsub_quota(client, "o-size", "T", &remaining, sized(size)), wanted);
  CHECK_INT(wxsub_send(client, message_to("o-size", "T"), NULL, sized(size)), wanted);
}

static void too_small_or_garbage(void) {
  static const uint32_t bad[] = {0, 1, 4, 8, 440, 447, 4097, 0x10000, UINT32_MAX};
  size_t i;
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    call_all(bad[i], WXSUB_E_ARG);
    CHECK(stated_size(memory) == bad[i] && untouched(memory + 4, memory_end));
  }
  CHECK_INT(count_of(client, "o-size", "T"), 0);
  CHECK_INT(sends_to("o-size"), 0);
}

static void larger_than_ours(void) {
  static const uint32_t good[] = {OURS, OURS + 1, OURS + 8, 600, 4095, 4096};
  size_t i;
  grant("o-size", "T", 2 * sizeof good / sizeof good[0]);
  for (i = 0; i < sizeof good / sizeof good[0]; i++) {
    const wxsub_result *r = (const wxsub_result *)(const void *)memory;
    call_all(good[i], WXSUB_OK);
    CHECK_INT(stated_size(memory), good[i]);
    CHECK_INT(r->status, WXSUB_OK);
    CHECK_TEXT(r->template_id, "T");
    CHECK_INT(r->remaining, i + 1);
    CHECK(memchr(r->message, 0, sizeof r->message) != NULL);
    CHECK(untouched(memory + OURS, memory_end));
  }
}

static void arrays_with_a_wider_stride(void) {
  static const char answers[] =
      "{\"A\":\"accept\",\"B\":\"reject\",\"C\":\"accept\",\"D\":\"accept\",\"errMsg\":\"requestSubscribeMessage:ok\"}";
  static const char *const ids[] = {"A", "B", "C"};
  static const uint32_t strides[] = {OURS, 512, 2000, 4096};
  size_t i, j;
  for (i = 0; i < sizeof strides / sizeof strides[0]; i++) {
    size_t count = 0;
    CHECK_INT(wxsub_report_json(client, "o-stride", answers, NULL, sized(strides[i]), 3, &count), WXSUB_OK);
    CHECK_INT(count, 4);
    for (j = 0; j < 3; j++) {
      const unsigned char *at = memory + j * strides[i];
      const wxsub_result *r = (const wxsub_result *)(const void *)at;
      CHECK_TEXT(r->template_id, ids[j]);
      CHECK(j == 0 ? stated_size(at) == strides[i] : untouched(at, at + 4));
      CHECK(untouched(at + OURS, at + strides[i]));
    }
    CHECK(untouched(memory + 3 * strides[i], memory_end));
    CHECK_INT(count_of(client, "o-stride", "D"), i + 1);
  }
}

static void no_room(void) {
  size_t count = 0;
  CHECK_INT(wxsub_report_json(client, "o-room", "{\"A\":\"accept\",\"B\":\"accept\"}", NULL, sized(OURS), 0, &count),
            WXSUB_OK);
  CHECK_INT(count, 2);
  CHECK(stated_size(memory) == OURS && untouched(memory + 4, memory_end));
  CHECK_INT(count_of(client, "o-room", "B"), 1);
}

int main(void) {
  client = open_store("results.db");
  too_small_or_garbage();
  larger_than_ours();
  arrays_with_a_wider_stride();
  no_room();
  wxsub_free(client);
  return finish();
}
