-- wxsub.h for LuaJIT, as far as a game server usually needs it; a test compares every line with the header.
-- To use another function, copy its prototype from wxsub.h.
local ffi = require("ffi")

ffi.cdef [[
typedef struct wxsub_client wxsub_client;
typedef int32_t wxsub_status;
typedef struct wxsub_result {
  uint32_t struct_size;
  wxsub_status status;
  int32_t errcode, http_status, retry, quota;
  int64_t remaining, msgid;
  uint64_t ticket, tag;
  uint32_t attempts, elapsed_ms, retry_after_ms, flags;
  char template_id[64], key[64], message[248];
} wxsub_result;

enum {
  WXSUB_ABI = 2,
  WXSUB_OK = 0, WXSUB_E_NO_QUOTA = 20, WXSUB_E_REFUSED = 21, WXSUB_E_QUEUE_FULL = 22, WXSUB_E_UNKNOWN = 41,
  WXSUB_ACCEPT = 1, WXSUB_REJECT = 2, WXSUB_BAN = 3, WXSUB_FILTER = 4,
  WXSUB_RETRY_NEVER = 0, WXSUB_RETRY_LATER = 1, WXSUB_RETRY_UNSAFE = 2,
  WXSUB_REPLAYED = 1, WXSUB_STORED = 2, WXSUB_OUTCOME = 4, WXSUB_NOT_OURS = 8,
};

uint32_t wxsub_abi(void);
const char *wxsub_version(void);
const char *wxsub_status_name(wxsub_status status);
wxsub_status wxsub_init(const char *config_json, wxsub_client **out, wxsub_result *why);
wxsub_status wxsub_shutdown(const wxsub_client *client, uint32_t drain_ms, size_t *unfinished);
void wxsub_free(wxsub_client *client);
wxsub_status wxsub_report(const wxsub_client *client, const char *openid, const char *template_id, int32_t answer,
                          const char *key, wxsub_result *out);
wxsub_status wxsub_report_json(const wxsub_client *client, const char *openid, const char *json, const char *key,
                               wxsub_result *results, size_t capacity, size_t *count);
wxsub_status wxsub_quota(const wxsub_client *client, const char *openid, const char *template_id, int64_t *remaining,
                         wxsub_result *why);
wxsub_status wxsub_send(const wxsub_client *client, const char *message_json, const char *options_json,
                        wxsub_result *out);
wxsub_status wxsub_submit(const wxsub_client *client, const char *message_json, const char *options_json,
                          uint64_t *ticket, wxsub_result *why);
wxsub_status wxsub_submit_report(const wxsub_client *client, const char *openid, const char *template_id,
                                 int32_t answer, const char *key, uint64_t tag, uint64_t *ticket, wxsub_result *why);
wxsub_status wxsub_poll(const wxsub_client *client, wxsub_result *results, size_t capacity, uint32_t wait_ms,
                        size_t *count);
wxsub_status wxsub_cancel(const wxsub_client *client, const char *openid, const char *key, wxsub_result *out);
wxsub_status wxsub_lookup(const wxsub_client *client, const char *openid, const char *key, wxsub_result *out);
wxsub_status wxsub_check(const wxsub_client *client, wxsub_result *out);
]]

return ffi.load(os.getenv("WXSUB_LIBRARY") or (ffi.os == "Windows" and "wxsub" or "libwxsub.so.1"))
