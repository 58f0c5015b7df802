// wxsub.h for koffi, as far as a game server usually needs it; a test compares every line with the header.
// To use another function, copy its prototype from wxsub.h; _Out_ marks what the library writes into an array of one.
import koffi from 'koffi';

export const RESULT = koffi.struct('wxsub_result', {
  struct_size: 'uint32_t',
  status: 'int32_t',
  errcode: 'int32_t',
  http_status: 'int32_t',
  retry: 'int32_t',
  quota: 'int32_t',
  remaining: 'int64_t', // a Number while it is exact, else a BigInt; so are the next three
  msgid: 'int64_t',
  ticket: 'uint64_t',
  tag: 'uint64_t',
  attempts: 'uint32_t',
  elapsed_ms: 'uint32_t',
  retry_after_ms: 'uint32_t',
  flags: 'uint32_t',
  template_id: koffi.array('char', 64, 'String'),
  key: koffi.array('char', 64, 'String'),
  message: koffi.array('char', 248, 'String'),
});
koffi.opaque('wxsub_client');
koffi.alias('wxsub_status', 'int32_t');

export const WXSUB_ABI = 2;
export const WXSUB_OK = 0;
export const WXSUB_E_NO_QUOTA = 20;
export const WXSUB_E_REFUSED = 21;
export const WXSUB_E_QUEUE_FULL = 22;
export const WXSUB_E_UNKNOWN = 41;
export const WXSUB_ACCEPT = 1;
export const WXSUB_REJECT = 2;
export const WXSUB_BAN = 3;
export const WXSUB_FILTER = 4;
export const WXSUB_RETRY_NEVER = 0;
export const WXSUB_RETRY_LATER = 1;
export const WXSUB_RETRY_UNSAFE = 2;
export const WXSUB_REPLAYED = 1;
export const WXSUB_STORED = 2;
export const WXSUB_OUTCOME = 4;
export const WXSUB_NOT_OURS = 8;

const library = koffi.load(
  process.env.WXSUB_LIBRARY ?? (process.platform === 'win32' ? 'wxsub.dll' : 'libwxsub.so.1'));
export const prototypes = `
uint32_t wxsub_abi(void);
const char *wxsub_version(void);
const char *wxsub_status_name(wxsub_status status);
wxsub_status wxsub_init(const char *config_json, _Out_ wxsub_client **out, wxsub_result *why);
wxsub_status wxsub_shutdown(const wxsub_client *client, uint32_t drain_ms, _Out_ size_t *unfinished);
void wxsub_free(wxsub_client *client);
wxsub_status wxsub_report(const wxsub_client *client, const char *openid, const char *template_id, int32_t answer, const char *key, wxsub_result *out);
wxsub_status wxsub_report_json(const wxsub_client *client, const char *openid, const char *json, const char *key, wxsub_result *results, size_t capacity, _Out_ size_t *count);
wxsub_status wxsub_quota(const wxsub_client *client, const char *openid, const char *template_id, _Out_ int64_t *remaining, wxsub_result *why);
wxsub_status wxsub_send(const wxsub_client *client, const char *message_json, const char *options_json, wxsub_result *out);
wxsub_status wxsub_submit(const wxsub_client *client, const char *message_json, const char *options_json, _Out_ uint64_t *ticket, wxsub_result *why);
wxsub_status wxsub_submit_report(const wxsub_client *client, const char *openid, const char *template_id, int32_t answer, const char *key, uint64_t tag, _Out_ uint64_t *ticket, wxsub_result *why);
wxsub_status wxsub_poll(const wxsub_client *client, wxsub_result *results, size_t capacity, uint32_t wait_ms, _Out_ size_t *count);
wxsub_status wxsub_cancel(const wxsub_client *client, const char *openid, const char *key, wxsub_result *out);
wxsub_status wxsub_lookup(const wxsub_client *client, const char *openid, const char *key, wxsub_result *out);
wxsub_status wxsub_check(const wxsub_client *client, wxsub_result *out);`.trim().split('\n');

/** The functions by their names without "wxsub_"; each has an `.async` form that works on a thread of libuv's pool. */
export const wxsub = {};
for (const prototype of prototypes) {
  wxsub[prototype.match(/wxsub_(\w+)\(/)[1]] = library.func(prototype);
}

/** Memory for `count` results. Pass it where wxsub.h wants a wxsub_result *, then read it with `resultAt`. */
export function results(count) {
  const memory = Buffer.alloc(count * koffi.sizeof(RESULT));
  memory.writeUInt32LE(koffi.sizeof(RESULT), 0); // struct_size of the first is the stride
  return memory;
}

export function resultAt(memory, index) {
  return koffi.decode(memory, index * koffi.sizeof(RESULT), RESULT);
}
