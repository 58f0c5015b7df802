/* The library as a plugin, on Windows too: loaded, used and unloaded with a client open, and its threads live on. The
 * program is not linked with it; WXSUB_LIBRARY is the file. WXSUB_STORE is one that exists; how long it takes to load the
 * library and to open the store goes to stdout: "load_ms 1.234 init_ms 2.345". */

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

#include "wxsub.h"

static void *opened;

static void open_library(void) {
#ifdef _WIN32
  opened = (void *)LoadLibraryA(getenv("WXSUB_LIBRARY"));
#else
  opened = dlopen(getenv("WXSUB_LIBRARY"), RTLD_NOW | RTLD_LOCAL);
#endif
  if (opened == NULL) {
    fputs("the library cannot be loaded\n", stderr);
    exit(2);
  }
}

static void *symbol(const char *name) {
#ifdef _WIN32
  return (void *)(size_t)GetProcAddress((HMODULE)opened, name);
#else
  return dlsym(opened, name);
#endif
}

static int close_library(void) {
#ifdef _WIN32
  return FreeLibrary((HMODULE)opened) ? 0 : 1;
#else
  return dlclose(opened);
#endif
}

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int main(void) {
  wxsub_status (*init)(const char *, wxsub_client **, wxsub_result *);
  wxsub_status (*submit)(const wxsub_client *, const char *, const char *, uint64_t *, wxsub_result *);
  uint32_t (*abi)(void);
  wxsub_client *client;
  wxsub_result why = WXSUB_RESULT_INIT;
  struct timespec pause = {0, 300000000};
  char config[2048];
  void *address;
  double start = now_ms(), loaded, ready;

  open_library();
  loaded = now_ms();
  address = symbol("wxsub_init");
  memcpy(&init, &address, sizeof init);
  address = symbol("wxsub_submit");
  memcpy(&submit, &address, sizeof submit);
  address = symbol("wxsub_abi");
  memcpy(&abi, &address, sizeof abi);
  snprintf(config, sizeof config, "{\"appid\":\"wx0000000000000000\",\"secret\":\"s\",\"store\":\"%s\",\"api_base\":"
           "\"http://127.0.0.1:9\"}", getenv("WXSUB_STORE"));
  ready = now_ms();
  if (init(config, &client, &why) != WXSUB_OK) {
    fprintf(stderr, "init: %s\n", why.message);
    return 1;
  }
  printf("load_ms %.3f init_ms %.3f\n", loaded - start, now_ms() - ready);
  fflush(stdout);
  if (submit(client, "{\"touser\":\"o\",\"template_id\":\"T\",\"data\":{\"thing1\":\"x\"}}", NULL, NULL, &why) != WXSUB_OK) {
    fprintf(stderr, "submit: %s\n", why.message);
    return 1;
  }
  /* A worker is at it now: the code under its feet must stay. */
  if (close_library() != 0) return 1;
  nanosleep(&pause, NULL);
  return abi() >= WXSUB_ABI ? 0 : 1;
}
