// flags: -Wl,--as-needed -D_DEFAULT_SOURCE
/* The library as a plugin: loaded and unloaded again and again, with calls between, with clients left open and with
 * threads that outlive the unloading. This program is not linked with it, since it names none of its functions. */

#include "support.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sys/types.h>
#include <sys/wait.h>

/* What a plugin host looks up. */
struct library {
  void *handle;
  int good; /* calls that went well, where threads count them */
  uint32_t (*abi)(void);
  const char *(*version)(void);
  const char *(*status_name)(wxsub_status);
  wxsub_status (*init)(const char *, wxsub_client **, wxsub_result *);
  wxsub_status (*set_log)(const wxsub_client *, wxsub_log_fn, void *, wxsub_destroy_fn, int32_t);
  void (*free)(wxsub_client *);
  wxsub_status (*report)(const wxsub_client *, const char *, const char *, int32_t, const char *, wxsub_result *);
  wxsub_status (*quota)(const wxsub_client *, const char *, const char *, int64_t *, wxsub_result *);
  wxsub_status (*send)(const wxsub_client *, const char *, const char *, wxsub_result *);
};

static int is_mapped(void) {
  char line[4096];
  int found = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  if (maps == NULL) give_up("/proc/self/maps");
  while (fgets(line, sizeof line, maps) != NULL) found |= strstr(line, "libwxsub") != NULL;
  fclose(maps);
  return found;
}

/* A function pointer is no object pointer in C; POSIX says that this way is fine. */
static void look_up(const struct library *library, const char *name, void *where) {
  void *found = dlsym(library->handle, name);
  if (found == NULL) give_up(name);
  memcpy(where, &found, sizeof found);
}

static struct library load(int flags) {
  struct library library;
  memset(&library, 0, sizeof library);
  library.handle = dlopen(environment("WXSUB_LIBRARY"), flags);
  if (library.handle == NULL) give_up(dlerror());
  look_up(&library, "wxsub_abi", &library.abi);
  look_up(&library, "wxsub_version", &library.version);
  look_up(&library, "wxsub_status_name", &library.status_name);
  look_up(&library, "wxsub_init", &library.init);
  look_up(&library, "wxsub_set_log", &library.set_log);
  look_up(&library, "wxsub_free", &library.free);
  look_up(&library, "wxsub_report", &library.report);
  look_up(&library, "wxsub_quota", &library.quota);
  look_up(&library, "wxsub_send", &library.send);
  return library;
}

static void unload(struct library *library) {
  CHECK_INT(dlclose(library->handle), 0);
  memset(library, 0, sizeof *library);
}

static wxsub_client *open_with(const struct library *library, const char *store) {
  wxsub_client *client = NULL;
  wxsub_result why = WXSUB_RESULT_INIT;
  if (library->init(config_with(store, ",\"timeout_ms\":20000"), &client, &why) != WXSUB_OK) give_up(why.message);
  return client;
}

static long long count_with(const struct library *library, const wxsub_client *client, const char *openid) {
  int64_t remaining = -2;
  library->quota(client, openid, "T", &remaining, NULL);
  return remaining;
}

static void accept_and_send(const struct library *library, const wxsub_client *client, const char *openid) {
  wxsub_result r = WXSUB_RESULT_INIT;
  grant(openid, "T", 1);
  CHECK_INT(library->report(client, openid, "T", WXSUB_ACCEPT, NULL, &r), WXSUB_OK);
  CHECK_INT(library->send(client, message_to(openid, "T"), NULL, &r), WXSUB_OK);
  CHECK_INT(r.remaining, 0);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int lines, destroyed;

static void line(void *user_data, int32_t level, const char *message) {
  (void)user_data;
  (void)level;
  (void)message;
  pthread_mutex_lock(&lock);
  lines++;
  pthread_mutex_unlock(&lock);
}

static void destroy(void *user_data) {
  (void)user_data;
  pthread_mutex_lock(&lock);
  destroyed++;
  pthread_mutex_unlock(&lock);
}

static int destroyed_soon(int wanted) {
  int i, times = 0;
  for (i = 0; i < patient(500) && times < wanted; i++) {
    if (i > 0) sleep_ms(10);
    pthread_mutex_lock(&lock);
    times = destroyed;
    pthread_mutex_unlock(&lock);
  }
  return times;
}

static void everything_between(int round) {
  static const int flags[] = {RTLD_NOW | RTLD_LOCAL, RTLD_LAZY | RTLD_LOCAL, RTLD_NOW | RTLD_GLOBAL, RTLD_LAZY | RTLD_GLOBAL};
  static wxsub_client *stale;
  struct library library = load(flags[round % 4]);
  wxsub_client *client;
  int before = destroyed;
  CHECK_INT(library.abi(), WXSUB_ABI);
  CHECK_HAS(library.version(), "sqlite");
  CHECK_TEXT(library.status_name(WXSUB_E_STORE), "WXSUB_E_STORE");
  CHECK_INT(library.quota(stale, "o", "T", NULL, NULL), WXSUB_E_STATE);
  client = open_with(&library, round % 2 == 0 ? in_tmp("unload.db") : ":memory:");
  CHECK_INT(library.set_log(client, line, &library, destroy, WXSUB_LOG_DEBUG), WXSUB_OK);
  accept_and_send(&library, client, "o-unload");
  library.free(client);
  CHECK_INT(library.quota(client, "o", "T", NULL, NULL), WXSUB_E_STATE);
  CHECK(client != stale);
  stale = client;
  CHECK_INT(destroyed_soon(before + 1), before + 1);
  unload(&library);
}

static long entries_of(const char *folder) {
  long count = 0;
  DIR *entries = opendir(folder);
  if (entries == NULL) give_up(folder);
  while (readdir(entries) != NULL) count++;
  closedir(entries);
  return count;
}

static long mappings(void) {
  long count = 0;
  int c;
  FILE *maps = fopen("/proc/self/maps", "r");
  if (maps == NULL) give_up("/proc/self/maps");
  while ((c = fgetc(maps)) != EOF) count += c == '\n';
  fclose(maps);
  return count;
}

static void again_and_again(void) {
  const int times = getenv("WXSUB_TOOL") != NULL ? 4 : getenv("WXSUB_SLOW") != NULL ? 1000 : 40;
  long threads, descriptors, maps;
  int i;
  for (i = 0; i < 8; i++) everything_between(i);
  sleep_ms(100);
  threads = entries_of("/proc/self/task");
  descriptors = entries_of("/proc/self/fd") + spare_descriptors();
  maps = mappings();
  for (i = 0; i < times; i++) everything_between(i);
  /* A thread that ends, and what it holds, may be a moment late. */
  for (i = 0; i < 1000; i++) {
    if (entries_of("/proc/self/task") <= threads && entries_of("/proc/self/fd") <= descriptors) break;
    sleep_ms(10);
  }
  CHECK(entries_of("/proc/self/task") <= threads);
  CHECK(entries_of("/proc/self/fd") <= descriptors);
  /* Not one more for each round: an arena of malloc's or a kept stack may come along. */
  if (getenv("WXSUB_TOOL") == NULL) CHECK(mappings() < maps + times / 2);
}

/* An open client's thread goes on after the unloading: it must still find its code. */
static void a_client_left_open(void) {
  struct library library = load(RTLD_NOW | RTLD_LOCAL);
  wxsub_client *client = open_with(&library, in_tmp("left-open.db"));
  int before = destroyed;
  CHECK_INT(library.set_log(client, line, NULL, destroy, WXSUB_LOG_DEBUG), WXSUB_OK);
  CHECK_INT(library.report(client, "o-left", "T", WXSUB_ACCEPT, NULL, NULL), WXSUB_OK);
  unload(&library);
  sleep_ms(1500); /* in which its maintenance thread runs */
  library = load(RTLD_LAZY | RTLD_LOCAL);
  CHECK_INT(count_with(&library, client, "o-left"), 1);
  accept_and_send(&library, client, "o-left-2");
  library.free(client);
  CHECK_INT(destroyed_soon(before + 1), before + 1);
  unload(&library);
}

static struct library library_of_callback;
static wxsub_client *client_of_callback;
static int freed_inside;

static void free_it(void *user_data, int32_t level, const char *message) {
  (void)user_data;
  (void)level;
  (void)message;
  if (freed_inside++ == 0) library_of_callback.free(client_of_callback);
}

/* The closing goes on behind the callback's back, and behind the unloading. */
static void unloaded_while_it_closes(void) {
  int before = destroyed;
  library_of_callback = load(RTLD_NOW | RTLD_LOCAL);
  client_of_callback = open_with(&library_of_callback, in_tmp("closes.db"));
  CHECK_INT(library_of_callback.set_log(client_of_callback, free_it, NULL, destroy, WXSUB_LOG_DEBUG), WXSUB_OK);
  CHECK(freed_inside > 0);
  unload(&library_of_callback);
  CHECK_INT(destroyed_soon(before + 1), before + 1);
}

struct caller {
  struct library library;
  wxsub_client *client;
  pthread_mutex_t may_end;
  wxsub_status status;
  char message[256];
};

static void *call_and_wait(void *argument) {
  struct caller *caller = argument;
  caller->status = caller->library.send(caller->client, caller->message, NULL, NULL);
  pthread_mutex_lock(&caller->may_end);
  pthread_mutex_unlock(&caller->may_end);
  return NULL;
}

/* What a thread keeps for the library is dropped by the library's code when the thread ends, after the unloading. */
static void a_thread_that_outlives_it(void) {
  struct caller caller = {.may_end = PTHREAD_MUTEX_INITIALIZER, .status = -1};
  pthread_t thread;
  caller.library = load(RTLD_NOW | RTLD_LOCAL);
  caller.client = open_with(&caller.library, in_tmp("outlives.db"));
  grant("o-outlives", "T", 1);
  CHECK_INT(caller.library.report(caller.client, "o-outlives", "T", WXSUB_ACCEPT, NULL, NULL), WXSUB_OK);
  snprintf(caller.message, sizeof caller.message, "%s", message_to("o-outlives", "T"));
  arm("{\"kind\":\"delay\",\"delay_ms\":300,\"endpoint\":\"send\",\"openid\":\"o-outlives\"}");
  pthread_mutex_lock(&caller.may_end);
  if (pthread_create(&thread, NULL, call_and_wait, &caller) != 0) give_up("pthread_create");
  while (sends_to("o-outlives") == 0) sleep_ms(5);
  /* The call is under way; nobody may do this, but Unity's editor does. */
  unload(&caller.library);
  caller.library = load(RTLD_NOW | RTLD_LOCAL);
  caller.library.free(caller.client);
  unload(&caller.library);
  pthread_mutex_unlock(&caller.may_end);
  pthread_join(thread, NULL);
  CHECK_INT(caller.status, WXSUB_OK);
}

static int in_child(wxsub_status wanted) {
  int status = -1;
  pid_t child;
  fflush(NULL);
  child = fork();
  if (child == 0) {
    struct library library;
    wxsub_client *client = NULL;
    alarm((unsigned)patient(10));
    library = load(RTLD_NOW | RTLD_LOCAL);
    _exit(library.init(config_with(":memory:", ""), &client, NULL) == wanted ? 0 : 1);
  }
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* The mark that forbids a fork outlives the unloading, too, as long as a client is open. */
static void forks_are_seen_after_it(void) {
  struct library library = load(RTLD_NOW | RTLD_LOCAL);
  wxsub_client *client = open_with(&library, ":memory:");
  unload(&library);
  CHECK(in_child(WXSUB_E_FORKED));
  library = load(RTLD_NOW | RTLD_LOCAL);
  library.free(client);
  unload(&library);
  CHECK(in_child(WXSUB_OK));
}

static void *use(void *argument) {
  struct library *library = argument;
  wxsub_client *client = NULL;
  wxsub_result r = WXSUB_RESULT_INIT;
  library->good += library->init("{\"appid\":\"wx1\",\"secret\":\"s\",\"store\":\":memory:\"}", &client, NULL) == WXSUB_OK;
  library->good += library->report(client, "o", "T", WXSUB_ACCEPT, NULL, &r) == WXSUB_OK && r.remaining == 1;
  library->free(client);
  return NULL;
}

static void *load_use_and_unload(void *argument) {
  int *good = argument;
  int i;
  for (i = 0; i < 5; i++) {
    struct library library = load(RTLD_NOW | RTLD_LOCAL);
    use(&library);
    *good += library.good;
    dlclose(library.handle);
  }
  return NULL;
}

static void from_many_threads(void) {
  enum { THREADS = 8 };
  pthread_t threads[THREADS];
  int good[THREADS] = {0}, i;
  for (i = 0; i < THREADS; i++) {
    if (pthread_create(&threads[i], NULL, load_use_and_unload, &good[i]) != 0) give_up("pthread_create");
  }
  for (i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    CHECK_INT(good[i], 10);
  }
}

/* It stays in memory when nobody has it open any more, since threads and handlers of its own may be left. A thread calls
 * it, not this one: where a living thread has called it, it stays anyway. */
static void it_is_never_unmapped(void) {
  struct library library;
  pthread_t thread;
  CHECK(!is_mapped());
  library = load(RTLD_NOW | RTLD_LOCAL);
  if (pthread_create(&thread, NULL, use, &library) != 0) give_up("pthread_create");
  pthread_join(thread, NULL);
  CHECK_INT(library.good, 2);
  sleep_ms(500); /* its own threads end */
  unload(&library);
  CHECK(is_mapped());
}

int main(void) {
  it_is_never_unmapped();
  again_and_again();
  a_client_left_open();
  unloaded_while_it_closes();
  a_thread_that_outlives_it();
  if (getenv("WXSUB_TOOL") == NULL) forks_are_seen_after_it(); /* in a child all that the parent had is a leak */
  from_many_threads();
  return finish();
}
