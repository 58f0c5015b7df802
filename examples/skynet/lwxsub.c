/*
 * wxsub for Lua 5.3 and later, such as skynet's own Lua 5.4, which has no FFI. A client is an integer, which a service
 * may send to others: all Lua states of a process can share it.
 *
 *   cc -O2 -fPIC -shared -Iskynet/3rd/lua lwxsub.c -o luaclib/lwxsub.so $(pkg-config --cflags --libs wxsub)
 */

#include <lauxlib.h>
#include <lua.h>

#include "wxsub.h"

static wxsub_client *client(lua_State *L) { return (wxsub_client *)(intptr_t)luaL_checkinteger(L, 1); }

static void push_result(lua_State *L, const wxsub_result *r) {
  lua_createtable(L, 0, 12);
#define TEXT(name, value) (lua_pushstring(L, value), lua_setfield(L, -2, name))
#define NUMBER(field) (lua_pushinteger(L, (lua_Integer)r->field), lua_setfield(L, -2, #field))
  TEXT("status", wxsub_status_name(r->status));
  TEXT("message", r->message);
  TEXT("template_id", r->template_id);
  TEXT("key", r->key);
  NUMBER(errcode);
  NUMBER(retry);
  NUMBER(retry_after_ms);
  NUMBER(remaining);
  NUMBER(msgid);
  NUMBER(ticket);
  NUMBER(tag);
  NUMBER(flags);
}

/* The number that a call gave, or nil and a result that says why not. */
static int answer(lua_State *L, wxsub_status status, lua_Integer number, const wxsub_result *why) {
  if (status == WXSUB_OK) return lua_pushinteger(L, number), 1;
  lua_pushnil(L);
  push_result(L, why);
  return 2;
}

/* client = init(config_json) */
static int init(lua_State *L) {
  wxsub_client *opened = NULL;
  wxsub_result why = WXSUB_RESULT_INIT;
  if (wxsub_abi() < WXSUB_ABI) return luaL_error(L, "the libwxsub that was loaded is older than lwxsub");
  wxsub_status status = wxsub_init(luaL_checkstring(L, 1), &opened, &why);
  return answer(L, status, (lua_Integer)(intptr_t)opened, &why);
}

/* ticket = report(client, openid, template_id, answer, key): the game client's word, "accept", "reject", ... */
static int report(lua_State *L) {
  static const char *const words[] = {"accept", "reject", "ban", "filter", NULL};
  uint64_t ticket = 0;
  wxsub_result why = WXSUB_RESULT_INIT;
  wxsub_status status = wxsub_submit_report(client(L), luaL_checkstring(L, 2), luaL_optstring(L, 3, NULL),
                                            WXSUB_ACCEPT + luaL_checkoption(L, 4, NULL, words),
                                            luaL_optstring(L, 5, NULL), 0, &ticket, &why);
  return answer(L, status, (lua_Integer)ticket, &why);
}

/* ticket = send(client, message_json, options_json) */
static int send_message(lua_State *L) {
  uint64_t ticket = 0;
  wxsub_result why = WXSUB_RESULT_INIT;
  wxsub_status status = wxsub_submit(client(L), luaL_checkstring(L, 2), luaL_optstring(L, 3, NULL), &ticket, &why);
  return answer(L, status, (lua_Integer)ticket, &why);
}

/* {result, ...} = poll(client): what is ready, without waiting; nil when the client is closed */
static int take_results(lua_State *L) {
  wxsub_result results[32] = {WXSUB_RESULT_INIT};
  size_t count = 0, i;
  if (wxsub_poll(client(L), results, 32, 0, &count) != WXSUB_OK) return 0;
  lua_createtable(L, (int)count, 0);
  for (i = 0; i < count; i++) {
    push_result(L, &results[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* unfinished = shutdown(client, milliseconds): takes in no more, and waits so long for what was submitted */
static int end(lua_State *L) {
  size_t unfinished = 0;
  wxsub_shutdown(client(L), (uint32_t)luaL_optinteger(L, 2, 3000), &unfinished);
  return lua_pushinteger(L, (lua_Integer)unfinished), 1;
}

static int free_client(lua_State *L) { return wxsub_free(client(L)), 0; }

int luaopen_lwxsub(lua_State *L) {
  static const luaL_Reg functions[] = {{"init", init}, {"report", report},     {"send", send_message},
                                       {"poll", take_results}, {"shutdown", end}, {"close", free_client},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
