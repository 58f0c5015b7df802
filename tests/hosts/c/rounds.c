/* Clients that come and go, and many of them at once: nothing is left behind, neither memory nor threads nor
 * descriptors. WXSUB_SLOW=1 makes the hundreds of rounds thousands; WXSUB_TOOL (valgrind, a sanitizer) makes them a few,
 * and then only threads and descriptors are counted, since the tool watches the memory. */

#include "support.h"

#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>

static int rounds(int a_few, int hundreds, int thousands) {
  return getenv("WXSUB_TOOL") != NULL ? a_few : getenv("WXSUB_SLOW") != NULL ? thousands : hundreds;
}

/* What this process holds --------------------------------------------------------------------------------------- */

struct held {
  long threads, descriptors, resident_kb, heap_kb;
};

static long entries_of(const char *folder) {
  long count = 0;
  DIR *entries = opendir(folder);
  if (entries == NULL) give_up(folder);
  while (readdir(entries) != NULL) count++;
  closedir(entries);
  return count;
}

static struct held hold_now(void) {
  struct held held = {0, 0, 0, 0};
  long pages = 0;
#if defined __GLIBC__ && __GLIBC_PREREQ(2, 33)
  malloc_trim(0); /* what is freed and only kept by the allocator is not held */
  held.heap_kb = (long)(mallinfo2().uordblks / 1024); /* bytes that are not freed, and what threads keep */
#endif
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) give_up("/proc/self/statm");
  fclose(file);
  held.resident_kb = pages * (sysconf(_SC_PAGESIZE) / 1024);
  held.threads = entries_of("/proc/self/task");
  held.descriptors = entries_of("/proc/self/fd");
  return held;
}

/* A closed client's last thread may end a moment after wxsub_free has returned. */
static struct held hold_soon(const struct held *before) {
  struct held held = hold_now();
  int i;
  for (i = 0; i < patient(500) && (held.threads > before->threads || held.descriptors > before->descriptors); i++) {
    sleep_ms(10);
    held = hold_now();
  }
  return held;
}

/* The C library keeps the stacks of up to 200 ended threads (40 MB of 192 KiB each) with some 20 kB of each in memory:
 * how many, differs with how many threads lived at once. What leaks outside of the heap leaks more than that. */
enum { KEPT_STACKS_KB = 200 * 20, NOISE_KB = 4096 };

/* Memory counts only where what is made once and kept was made before: after some rounds. */
static void expect_no_growth(const char *what, const struct held *before, int times) {
  struct held after = hold_soon(before);
  printf("%s, %d rounds: %+ld threads, %+ld descriptors, %+ld kB resident, %+ld kB of heap\n", what, times,
         after.threads - before->threads, after.descriptors - before->descriptors,
         after.resident_kb - before->resident_kb, after.heap_kb - before->heap_kb);
  CHECK(after.threads <= before->threads);
  /* A sanitizer that looks up a name keeps a program for that: two pipes, and what it reads. */
  CHECK(after.descriptors <= before->descriptors + (getenv("WXSUB_TOOL") != NULL ? 3 : 0));
  if (getenv("WXSUB_TOOL") != NULL || times == 0) return;
  CHECK(after.heap_kb - before->heap_kb < (getenv("GLIBC_TUNABLES") != NULL ? 32 : 1024));
  CHECK(after.resident_kb - before->resident_kb < KEPT_STACKS_KB + NOISE_KB);
}

/* Runs it some times for all that is made once and kept, then as often as that, and looks. */
static void without_growth(const char *what, void (*round)(int), int warm_up, int times) {
  struct held before;
  int i;
  for (i = 0; i < warm_up; i++) round(i);
  before = hold_now();
  before = hold_soon(&before);
  sleep_ms(50);
  before = hold_now();
  for (i = 0; i < times; i++) round(i);
  expect_no_growth(what, &before, times);
}

/* One client after the other ------------------------------------------------------------------------------------ */

static void init_report_send_free(const char *store, int i) {
  wxsub_result r = WXSUB_RESULT_INIT;
  wxsub_client *client = open_config(config_with(store, ",\"timeout_ms\":60000"));
  char *openid = text_of("o-rounds-%d", i % 10);
  CHECK_VERDICT(wxsub_report(client, openid, "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_send(client, message_to(openid, "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.remaining, 0);
  wxsub_free(client);
  CHECK_INT(wxsub_quota(client, openid, "T", NULL, NULL), WXSUB_E_STATE);
}

static void on_a_file(int i) { init_report_send_free(in_tmp("rounds.db"), i); }

static void in_memory(int i) { init_report_send_free(":memory:", i); }

static void that_cannot_open(int i) {
  wxsub_client *out = (wxsub_client *)&out;
  const char *config;
  switch (i % 5) {
    case 0: config = "{\"appid\":5,\"secret\":\"s\",\"nonsense\":[1,2,3]}"; break;
    case 1: config = "no JSON"; break;
    case 2: config = config_with("/no/such/folder/wxsub.db", ""); break;
    case 3: config = config_with(in_tmp("letter.txt"), ""); break;
    default: config = config_with(":memory:", ",\"ca_file\":\"/dev/null\""); break;
  }
  CHECK(wxsub_init(config, &out, NULL) != WXSUB_OK);
  CHECK(out == NULL);
}

static void clients_come_and_go(void) {
  int i;
  for (i = 0; i < 10; i++) grant(text_of("o-rounds-%d", i), "T", 10000);
  write_file(in_tmp("letter.txt"), "Dear player,\nthis is no database at all.\n", 41);
  without_growth("a client on a file", on_a_file, rounds(1, 30, 100), rounds(2, 200, 5000));
  without_growth("a client in memory", in_memory, rounds(1, 30, 100), rounds(1, 200, 5000));
  without_growth("a client that cannot open", that_cannot_open, rounds(5, 50, 100), rounds(5, 500, 20000));
}

/* Freed while it is used ---------------------------------------------------------------------------------------- */

enum { SENDERS = 4 };

struct sender {
  pthread_t thread;
  wxsub_client *client;
  const wxsub_client *other; /* NULL, or another client of the same store, used in turn */
  int number, sent, left_over;
  wxsub_status last;
};

/* text_of() is for one thread only, so the senders write their own messages. */
static wxsub_status send_to(const wxsub_client *client, const char *openid, wxsub_result *r) {
  char message[256];
  snprintf(message, sizeof message, "{\"touser\":\"%s\",\"template_id\":\"T\",\"data\":{\"thing1\":\"hello\"}}", openid);
  return wxsub_send(client, message, NULL, r);
}

/* One accept and one send after the other, until the client is no more. */
static void *until_it_is_freed(void *argument) {
  struct sender *s = argument;
  wxsub_result r = WXSUB_RESULT_INIT;
  char openid[32];
  snprintf(openid, sizeof openid, "o-busy-%d", s->number);
  do {
    s->last = wxsub_report(s->client, openid, "T", WXSUB_ACCEPT, NULL, &r);
    if (s->last == WXSUB_OK) s->last = send_to(s->client, openid, &r);
    s->sent += s->last == WXSUB_OK;
  } while (s->last == WXSUB_OK);
  return NULL;
}

static void freed_in_use(int i) {
  struct sender senders[SENDERS];
  wxsub_client *client = open_config(config_with(":memory:", ",\"timeout_ms\":60000"));
  int n;
  memset(senders, 0, sizeof senders);
  for (n = 0; n < SENDERS; n++) {
    senders[n].client = client;
    senders[n].number = n;
    if (pthread_create(&senders[n].thread, NULL, until_it_is_freed, &senders[n]) != 0) give_up("pthread_create");
  }
  sleep_ms(i % 4 * 5);
  wxsub_free(client);
  for (n = 0; n < SENDERS; n++) {
    pthread_join(senders[n].thread, NULL);
    /* On a slow machine a send may not be through in the second that running calls have. */
    if (senders[n].last == WXSUB_E_CANCELLED || senders[n].last == WXSUB_E_UNKNOWN) continue;
    CHECK_INT(senders[n].last, WXSUB_E_STATE);
  }
}

/* WeChat never answers: the senders are interrupted, and their connections go too. */
static void interrupted(int i) {
  long start;
  arm(text_of("{\"kind\":\"stall\",\"endpoint\":\"send\",\"times\":%d}", SENDERS));
  start = now_ms();
  freed_in_use(3);
  CHECK(now_ms() - start < patient(3000));
  simulator_set("/sim/faults/clear", "{}");
  (void)i;
}

static void freed_under_way(void) {
  int i;
  for (i = 0; i < SENDERS; i++) grant(text_of("o-busy-%d", i), "T", 1000000);
  without_growth("freed in use", freed_in_use, rounds(1, 10, 20), rounds(1, 40, 1000));
  without_growth("interrupted", interrupted, 1, rounds(1, 2, 30));
}

/* Many at once -------------------------------------------------------------------------------------------------- */

enum { MANY = 100 };

/* Half of the clients share a ledger, the others have one each. */
static void many(int round) {
  static wxsub_client *all[MANY];
  static int times;
  const int clients = rounds(4, MANY, MANY);
  char openid[32];
  int i;
  (void)round;
  snprintf(openid, sizeof openid, "o-many-%d", ++times);
  for (i = 0; i < clients; i++) all[i] = open_store(text_of("many-%d.db", i % 2 == 0 ? 0 : i));
  for (i = 0; i < clients; i++) CHECK_INT(wxsub_report(all[i], openid, "T", WXSUB_ACCEPT, NULL, NULL), WXSUB_OK);
  for (i = 0; i < clients; i++) CHECK_INT(count_of(all[i], openid, "T"), i % 2 == 0 ? clients / 2 : 1);
  /* The first half goes; the others must not feel it. POSIX drops a file's locks when any descriptor of it closes. */
  for (i = 0; i < clients / 2; i++) wxsub_free(all[i]);
  for (; i < clients; i++) CHECK_INT(wxsub_report(all[i], openid, "T", WXSUB_ACCEPT, NULL, NULL), WXSUB_OK);
  for (i = clients / 2; i < clients; i++) CHECK_INT(count_of(all[i], openid, "T"), i % 2 == 0 ? clients / 4 * 3 : 2);
  for (i = clients / 2; i < clients; i++) wxsub_free(all[i]);
}

static void *accept_and_send_by_both(void *argument) {
  struct sender *s = argument;
  wxsub_result r = WXSUB_RESULT_INIT;
  char own[32];
  int i;
  snprintf(own, sizeof own, "o-two-%d", s->number);
  for (i = 0; i < 2 * rounds(1, 10, 200); i++) {
    const wxsub_client *one = i % 2 == 0 ? s->client : s->other;
    const wxsub_client *other = i % 2 == 0 ? s->other : s->client;
    s->left_over += wxsub_report(one, own, "T", WXSUB_ACCEPT, NULL, &r) != WXSUB_OK || r.remaining != 1;
    s->left_over += wxsub_report(one, "o-two", "T", WXSUB_ACCEPT, NULL, &r) != WXSUB_OK;
    s->left_over += send_to(other, own, &r) != WXSUB_OK || r.remaining != 0;
    s->left_over += send_to(other, "o-two", &r) != WXSUB_OK;
    s->sent += 2;
  }
  return NULL;
}

/* What one client of a file is told the other one knows, also while both write and send at once. */
static void two_on_one_file(void) {
  enum { THREADS = 2 * SENDERS };
  struct sender senders[THREADS];
  struct held before = hold_now();
  wxsub_client *one = open_config(config_with(in_tmp("two.db"), ",\"timeout_ms\":60000"));
  wxsub_client *two = open_config(config_with(in_tmp("two.db"), ",\"timeout_ms\":60000"));
  int n, sent = 0;
  grant("o-two", "T", 1000000);
  for (n = 0; n < THREADS; n++) grant(text_of("o-two-%d", n), "T", 1000000);
  memset(senders, 0, sizeof senders);
  for (n = 0; n < THREADS; n++) {
    senders[n].number = n;
    senders[n].client = one;
    senders[n].other = two;
    if (pthread_create(&senders[n].thread, NULL, accept_and_send_by_both, &senders[n]) != 0) give_up("pthread_create");
  }
  for (n = 0; n < THREADS; n++) {
    pthread_join(senders[n].thread, NULL);
    CHECK_INT(senders[n].left_over, 0);
    CHECK_INT(count_of(n % 2 == 0 ? one : two, text_of("o-two-%d", n), "T"), 0);
    CHECK_INT(deliveries_to(text_of("o-two-%d", n)), senders[n].sent / 2);
    CHECK_HAS(simulator_get(text_of("/sim/player?openid=o-two-%d", n)), "\"overlaps\":0");
    sent += senders[n].sent / 2;
  }
  CHECK_INT(count_of(one, "o-two", "T"), 0);
  CHECK_INT(count_of(two, "o-two", "T"), 0);
  CHECK_INT(deliveries_to("o-two"), sent);
  CHECK_HAS(simulator_get("/sim/player?openid=o-two"), "\"overlaps\":0");
  wxsub_free(one);
  wxsub_free(two);
  expect_no_growth("two clients on one file", &before, 0);
}

static void *open_the_new_one(void *argument) {
  struct sender *s = argument;
  wxsub_result r = WXSUB_RESULT_INIT;
  char config[1024];
  snprintf(config, sizeof config, "{\"appid\":\"wx1\",\"secret\":\"s\",\"templates\":\"off\",\"store\":\"%s/new-%d.db\"}",
           environment("WXSUB_TMP"), s->left_over);
  s->last = wxsub_init(config, &s->client, &r);
  if (s->last == WXSUB_OK) s->last = wxsub_report(s->client, "o-new", "T", WXSUB_ACCEPT, NULL, &r);
  if (s->last != WXSUB_OK) fprintf(stderr, "%s\n", r.message);
  return NULL;
}

/* A store that is not there yet, opened by many at once, is made once. */
static void all_make_the_same_file(int round) {
  enum { THREADS = 2 * SENDERS };
  struct sender makers[THREADS];
  int n;
  memset(makers, 0, sizeof makers);
  for (n = 0; n < THREADS; n++) {
    makers[n].left_over = round;
    if (pthread_create(&makers[n].thread, NULL, open_the_new_one, &makers[n]) != 0) give_up("pthread_create");
  }
  for (n = 0; n < THREADS; n++) pthread_join(makers[n].thread, NULL);
  for (n = 0; n < THREADS; n++) {
    CHECK_INT(makers[n].last, WXSUB_OK);
    if (makers[n].last == WXSUB_OK) CHECK_INT(count_of(makers[n].client, "o-new", "T"), THREADS);
  }
  for (n = 0; n < THREADS; n++) wxsub_free(makers[n].client);
}

static void everybody_makes_it(void) {
  int i;
  for (i = 0; i < rounds(1, 4, 100); i++) all_make_the_same_file(i);
}

/* Nothing left to open ------------------------------------------------------------------------------------------ */

static struct rlimit ordinary;

/* From now on only so many descriptors more can be opened. */
static void leave_descriptors(long more) {
  struct rlimit tight;
  int lowest_free = dup(0);
  if (lowest_free < 0 || getrlimit(RLIMIT_NOFILE, &ordinary) != 0) give_up("getrlimit");
  close(lowest_free);
  tight = ordinary;
  tight.rlim_cur = (rlim_t)(lowest_free + more);
  if (setrlimit(RLIMIT_NOFILE, &tight) != 0) give_up("setrlimit");
}

static void leave_many_descriptors(void) {
  if (setrlimit(RLIMIT_NOFILE, &ordinary) != 0) give_up("setrlimit");
}

static long half_made_stores(void) {
  long count = 0;
  const struct dirent *entry;
  DIR *entries = opendir(environment("WXSUB_TMP"));
  if (entries == NULL) give_up("opendir");
  while ((entry = readdir(entries)) != NULL) count += strstr(entry->d_name, ".db.") != NULL;
  closedir(entries);
  return count;
}

/* Opens the store with one descriptor more each time until that works; until then each time says why not. */
static wxsub_client *open_with_few(const char *name) {
  wxsub_client *out = NULL;
  long more;
  for (more = 0; more < 20; more++) {
    wxsub_result why = WXSUB_RESULT_INIT;
    char *config = config_with(in_tmp(name), ",\"timeout_ms\":60000");
    long open_before = entries_of("/proc/self/fd");
    wxsub_status status;
    out = (wxsub_client *)&out;
    leave_descriptors(more);
    status = wxsub_init(config, &out, &why);
    leave_many_descriptors();
    if (status == WXSUB_OK) break;
    CHECK_VERDICT(status, &why, WXSUB_E_STORE);
    CHECK(out == NULL);
    CHECK_INT(entries_of("/proc/self/fd"), open_before);
    if (getenv("WXSUB_TOOL") == NULL) CHECK_INT(half_made_stores(), 0); /* valgrind lets a file be made, then says no */
  }
  if (!CHECK(more >= 3 && more < 20)) give_up(name);
  return out;
}

/* A host that has no descriptor left is told so, loses nothing, and goes on as soon as there are some. */
static void without_descriptors(void) {
  struct held before = hold_now();
  wxsub_client *client;
  wxsub_result r = WXSUB_RESULT_INIT;
  wxsub_free(open_with_few("few.db"));
  client = open_with_few("few.db");
  CHECK_INT(count_of(client, "o-few", "T"), 0);
  leave_descriptors(0);
  CHECK_VERDICT(wxsub_report(client, "o-few", "T", WXSUB_ACCEPT, NULL, &r), &r, WXSUB_OK);
  CHECK_VERDICT(wxsub_send(client, message_to("o-few", "T"), NULL, &r), &r, WXSUB_E_CONNECT);
  CHECK_INT(r.quota, WXSUB_QUOTA_RETURNED);
  CHECK_INT(count_of(client, "o-few", "T"), 1);
  leave_many_descriptors();
  grant("o-few", "T", 1);
  CHECK_VERDICT(wxsub_send(client, message_to("o-few", "T"), NULL, &r), &r, WXSUB_OK);
  CHECK_INT(r.remaining, 0);
  wxsub_free(client);
  expect_no_growth("few descriptors left", &before, 0);
}

int main(void) {
  clients_come_and_go();
  freed_under_way();
  without_growth("many at once", many, 1, rounds(1, 1, 10));
  two_on_one_file();
  everybody_makes_it();
  without_descriptors();
  return finish();
}
