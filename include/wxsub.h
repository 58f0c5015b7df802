/*
 * wxsub: WeChat mini-game subscribe messages for game servers.
 *
 * This header is the manual. Rules that hold for every function:
 *
 *  1. Any function may be called from any thread, at any time, at once on one client. A freed, foreign or garbage
 *     handle is WXSUB_E_STATE, not a crash. wxsub_free(NULL) does nothing.
 *  2. Strings in are NUL-terminated UTF-8, borrowed for the call. Bodies that may hold anything are pointer + length.
 *     What players' devices hand in is bounded: ids (openid, template_id) of at most 128 bytes without white space or
 *     control characters; messages, options and client objects of at most 64 KiB, with at most 64 entries; nesting of at
 *     most 32 levels. More is WXSUB_E_ARG, and nothing of it is done.
 *  3. Nothing of the caller's memory is kept after a call; nothing of ours must be freed, except a client.
 *  4. Out-structs begin with uint32_t struct_size. The caller sets it (WXSUB_RESULT_INIT does) and the library never
 *     writes it. It is checked before any effect: below version 1's size or above 4096 is WXSUB_E_ARG. The library
 *     touches nothing beyond the smaller of both sizes. In an array the first one's size is the stride. An `out` of
 *     NULL means "not wanted".
 *  5. No unwinding, no exit, no output to stdout or stderr, no signal handler. A bug of ours is WXSUB_E_PANIC; the
 *     client still works after it.
 *  6. Callbacks get `void *user_data` and come with a `destroy` that runs exactly once, also when the call that took
 *     them failed. No lock is held while one runs; it may call any function here, wxsub_free too.
 *  7. After fork() in a process that had a client open, everything in the child that touches a client, wxsub_init
 *     included, returns WXSUB_E_FORKED at once, until exec; wxsub_free there leaks on purpose. Loading the library
 *     before the fork and calling wxsub_init after it is fine: that is what a prefork server should do.
 *  8. The ABI number rises with additions. A host works with any library whose wxsub_abi() is at least its own
 *     header's WXSUB_ABI. A break would change the SONAME and the prefix.
 *  9. Statuses are int32_t constants, never reused. Treat an unknown positive value as an internal error.
 *
 * A call takes at most 64 KiB of the caller's stack, so fibers and coroutines may call: 56 KiB were seen, for a request to
 * wxsub_admin whose JSON is nested 32 levels deep, and 45 KiB for a send with the first TLS handshake. Yours runs on the
 * same stack in a wxsub_http_fn, some 16 KiB down. A library that was built without optimisation takes up to three times
 * as much.
 *
 * Unloading the library (dlclose) is a no-op on Linux: it stays mapped, since threads of the system may still be in it.
 *
 * The store file (and its -wal and -shm) is this library's alone: don't open it with another SQLite in the same
 * process (a second copy of this library, loaded from another path or linked in statically beside it, is one: load it
 * once), don't copy it while a client is open, keep it on a local disk.
 *
 * What survives what. An accept that wxsub_report acknowledged is on disk, fsynced (with "durability": "full", the
 * default), and is never lost. A deduction may be forgotten by a crash or a power cut: the count is then one too high,
 * the next send for it is refused by WeChat (WXSUB_E_REFUSED), and that corrects the count.
 *
 * A store in Redis or Valkey (6.2 or newer) is for several machines, and keeps the same rules, but:
 *  - Time is the server's: leases, keys and due times go by its clock, not by each machine's. A machine that starts anew
 *    ends no lease early; a server whose clock is set moves them all.
 *  - "durability": "full" needs a server that confirms what it keeps: `appendfsync always`; or AOF and WAITAOF (7.2),
 *    which takes up to a second with `appendfsync everysec`; or a replica (WAIT), which then has it, but maybe not on
 *    disk. Else wxsub_init is WXSUB_E_STORE. A failover to a replica may lose what it had not got yet.
 *  - A server that is not reached is waited for until the call's deadline; then WXSUB_E_STORE, later. A step whose answer
 *    was lost is looked for, and done once; where it can't be told by the deadline whether it was, retry is
 *    WXSUB_RETRY_UNSAFE.
 *  - A message of the outbox that a process put there just before it died may be found up to 30 seconds late.
 */


#ifndef WXSUB_H
#define WXSUB_H

#include <stddef.h>
#include <stdint.h>

/* Fills struct_size and zeroes the rest: wxsub_result r = WXSUB_RESULT_INIT; */
#define WXSUB_RESULT_INIT \
  { sizeof(wxsub_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, { 0 }, { 0 }, { 0 } }

/* The same for a wxsub_stats. */
#define WXSUB_STATS_INIT \
  { sizeof(wxsub_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* The same for a wxsub_identity. */
#define WXSUB_IDENTITY_INIT \
  { sizeof(wxsub_identity), 0, { 0 }, { 0 }, { 0 } }


/// Done.
#define WXSUB_OK 0

/// The call is wrong: NULL, not UTF-8, not JSON, unknown option, struct too small, over a bound; nothing was done.
/// Fix the program.
#define WXSUB_E_ARG 1

/// The configuration is wrong; the message names each key, and the nearest known one. Also: the call needs a key that
/// is not set (event, secret); from wxsub_check: the clock is off. Fix the configuration, or the clock.
#define WXSUB_E_CONFIG 2

/// The message breaks a template rule, or its page or an id is wrong, by our check or WeChat's (40003, 40037, 41030,
/// 45168, 47003). Fix the message; don't retry.
#define WXSUB_E_MESSAGE 3

/// Not a client, freed, or closing. Open one.
#define WXSUB_E_STATE 4

/// Used in the child of a fork. Call wxsub_init after the fork, in the process that sends.
#define WXSUB_E_FORKED 5

/// The count is 0: nothing was sent, WeChat was not called. Ask the player again in the game.
#define WXSUB_E_NO_QUOTA 20

/// WeChat says that the player does not allow it (43101); the count is 0 now. Ask the player again in the game.
#define WXSUB_E_REFUSED 21

/// Too much is submitted, or too many results wait to be polled. Poll, and try again next tick.
#define WXSUB_E_QUEUE_FULL 22

/// WeChat or this player is busy, or a limit is reached (-1, 43108, 45009, 45011, ...), after our own retries; surely
/// not sent. Try again after retry_after_ms.
#define WXSUB_E_BUSY 23

/// The appid, the secret, the token, the IP list or a permission is wrong (40001, 40013, 40125, 40164, ...). Tell an
/// operator; the message says what to fix.
#define WXSUB_E_AUTH 24

/// WeChat banned the capability or this template (43107); for a while sends fail at once. Look into the console.
#define WXSUB_E_BANNED 25

/// Any other errcode of WeChat's. See errcode and the message.
#define WXSUB_E_WECHAT 26

/// A pushed event is not WeChat's, or its keys are not yours: bad signature, undecryptable, another appid, plaintext
/// where a key is set. Answer 403; check event.
#define WXSUB_E_SIGNATURE 27

/// Failed before the request left: surely not sent. Try again after retry_after_ms.
#define WXSUB_E_CONNECT 40

/// The request left and no readable answer came: maybe sent; the library does not send it again by itself. Send again
/// only if twice is better than never.
#define WXSUB_E_UNKNOWN 41

/// Cancelled, or the client was closed, before the request left.
#define WXSUB_E_CANCELLED 42

/// Its expires_at passed before it could be sent.
#define WXSUB_E_EXPIRED 43

/// Cancel, lookup: nothing has this key.
#define WXSUB_E_NOT_FOUND 44

/// Cancel: it is being sent, or was sent.
#define WXSUB_E_TOO_LATE 45

/// A rule of the configuration kept it from being sent: a cap, quiet hours, a budget, a mute; surely not sent. The
/// message names the rule; with WXSUB_RETRY_LATER try again after retry_after_ms.
#define WXSUB_E_SKIPPED 46

/// The store failed: disk full, locked too long, damaged, not ours, from a newer version, not reached. Look at retry:
/// later, nothing was changed; unsafe, it may be done, since its answer was lost (Redis), and only a key makes
/// another call safe; never, a record of this player or key is damaged.
#define WXSUB_E_STORE 60

/// A bug of ours, caught; the client still works. Please report it.
#define WXSUB_E_PANIC 61

/// Anything else of ours. Please report it.
#define WXSUB_E_INTERNAL 62

/// The ABI number of this header. Compare it with wxsub_abi(): the library's must be at least this.
#define WXSUB_ABI 2

/// wxsub_result.retry: the same call would end the same way.
#define WXSUB_RETRY_NEVER 0

/// wxsub_result.retry: nothing was done (sent, counted or stored); the same call may work later, not before
/// retry_after_ms.
#define WXSUB_RETRY_LATER 1

/// wxsub_result.retry: it may have been done; the same call may send, or count, twice, unless it has a key.
#define WXSUB_RETRY_UNSAFE 2

/// wxsub_result.quota: the count was not touched.
#define WXSUB_QUOTA_UNTOUCHED 0

/// wxsub_result.quota: one unit was spent.
#define WXSUB_QUOTA_SPENT 1

/// wxsub_result.quota: a unit was held and given back.
#define WXSUB_QUOTA_RETURNED 2

/// wxsub_result.quota: the player allows nothing (more).
#define WXSUB_QUOTA_CLEARED 3

/// wxsub_result.quota: one more message is allowed, or a system type was switched on.
#define WXSUB_QUOTA_GRANTED 4

/// wxsub_report: "accept", one more message from this template.
#define WXSUB_ACCEPT 1

/// wxsub_report: "reject", the count goes to 0.
#define WXSUB_REJECT 2

/// wxsub_report: "ban", the platform's doing: changes nothing.
#define WXSUB_BAN 3

/// wxsub_report: "filter", the platform's doing: changes nothing.
#define WXSUB_FILTER 4

/// wxsub_result.flags: this is an earlier call's answer, found by its key. This call changed nothing.
#define WXSUB_REPLAYED 1

/// wxsub_result.flags: a durable message is on disk; its verdict comes later.
#define WXSUB_STORED 2

/// wxsub_result.flags: the late verdict of a durable message.
#define WXSUB_OUTCOME 4

/// wxsub_result.flags: a pushed message of another kind than subscribe events: the answer is the host's. Since ABI 2.
#define WXSUB_NOT_OURS 8

/// Log level: nothing at all.
#define WXSUB_LOG_OFF 0

/// Log level: an operator must act.
#define WXSUB_LOG_ERROR 1

/// Log level: something went wrong and was dealt with.
#define WXSUB_LOG_WARN 2

/// Log level: once-in-a-while facts, such as the store's path or a new token.
#define WXSUB_LOG_INFO 3

/// Log level: every send and every report.
#define WXSUB_LOG_DEBUG 4

/// wxsub_http_fn returns: an answer came, whatever its status.
#define WXSUB_HTTP_ANSWERED 0

/// wxsub_http_fn returns: no byte of the request left, surely.
#define WXSUB_HTTP_NOT_SENT 1

/// wxsub_http_fn returns: the request left, or may have, and no whole answer came. So does any other number.
#define WXSUB_HTTP_MAYBE_SENT 2

/// A client: one appid, one store. Opaque; its value is looked up, never dereferenced, so a stale one is
/// WXSUB_E_STATE. Safe to use from any number of threads at once. A process may have 1000 open.
typedef struct wxsub_client wxsub_client;

/// A verdict in one number: WXSUB_OK or one of WXSUB_E_*.
typedef int32_t wxsub_status;

/// What became of one report or one message. 448 bytes, the same layout on 32 and 64 bit.
typedef struct wxsub_result {
  /// Set by the caller to sizeof(wxsub_result): WXSUB_RESULT_INIT does.
  uint32_t struct_size;
  /// The verdict; the same as the function's return value where it has one result.
  wxsub_status status;
  /// WeChat's; 0 when WeChat did not answer with one.
  int32_t errcode;
  /// 0 when there was no answer.
  int32_t http_status;
  /// WXSUB_RETRY_NEVER, _LATER or _UNSAFE (maybe done).
  int32_t retry;
  /// WXSUB_QUOTA_UNTOUCHED, _SPENT, _RETURNED, _CLEARED or _GRANTED.
  int32_t quota;
  /// Count left for this user and template; -1 not known.
  int64_t remaining;
  /// WeChat's message id; 0 none.
  int64_t msgid;
  /// From wxsub_submit; 0 otherwise.
  uint64_t ticket;
  /// The caller's own number, echoed.
  uint64_t tag;
  /// HTTP requests made for the send itself.
  uint32_t attempts;
  /// How long the call took, in milliseconds.
  uint32_t elapsed_ms;
  /// With WXSUB_RETRY_LATER: wait at least this many milliseconds before another try.
  uint32_t retry_after_ms;
  /// WXSUB_REPLAYED, WXSUB_STORED, WXSUB_OUTCOME, WXSUB_NOT_OURS, or'ed.
  uint32_t flags;
  /// Cut if longer; empty when none. NUL-terminated.
  char template_id[64];
  /// The idempotency key; cut after 63 bytes, so a SHA-256 in hex (64) loses its last digit: tell results apart by
  /// `tag`, or use shorter keys. Empty when none. NUL-terminated.
  char key[64];
  /// What happened and what to do. UTF-8, NUL-terminated, cut at a character, no secrets.
  char message[248];
} wxsub_result;

/// A log line: `level` is WXSUB_LOG_*, `message` NUL-terminated UTF-8 without line breaks and without secrets, valid
/// during the call only. Called from any thread, also at once from several. Lines that a call made from within the
/// callback would write are dropped.
typedef void (*wxsub_log_fn)(void *user_data, int32_t level, const char *message);

/// Called exactly once when `user_data` is needed no more.
typedef void (*wxsub_destroy_fn)(void *user_data);

/// Who a player is: from wxsub_login. 200 bytes.
typedef struct wxsub_identity {
  /// Set by the caller to sizeof(wxsub_identity): WXSUB_IDENTITY_INIT does.
  uint32_t struct_size;
  /// 0.
  uint32_t reserved;
  /// The player's id in this game. NUL-terminated.
  char openid[64];
  /// The player's id among all apps of the same owner; empty when WeChat gives none. NUL-terminated.
  char unionid[64];
  /// Signs what the player's client sends. NUL-terminated. It must not leave the server; wipe it when done.
  char session_key[64];
} wxsub_identity;

/// What a client has done since it was opened, and what waits now: from wxsub_get_stats. 208 bytes. Messages are counted
/// once, by their final verdict, from wxsub_send, wxsub_submit and the outbox.
typedef struct wxsub_stats {
  /// Set by the caller to sizeof(wxsub_stats): WXSUB_STATS_INIT does.
  uint32_t struct_size;
  /// 0.
  uint32_t reserved;
  /// Messages that WeChat took.
  uint64_t sent;
  /// Messages that ended as WXSUB_E_REFUSED.
  uint64_t refused;
  /// As WXSUB_E_NO_QUOTA.
  uint64_t no_quota;
  /// As WXSUB_E_MESSAGE.
  uint64_t bad_message;
  /// As WXSUB_E_BUSY.
  uint64_t busy;
  /// As WXSUB_E_AUTH.
  uint64_t auth;
  /// As WXSUB_E_BANNED.
  uint64_t banned;
  /// As WXSUB_E_WECHAT.
  uint64_t wechat;
  /// As WXSUB_E_CONNECT.
  uint64_t connect;
  /// As WXSUB_E_UNKNOWN: maybe sent.
  uint64_t unknown;
  /// As WXSUB_E_CANCELLED.
  uint64_t cancelled;
  /// As WXSUB_E_EXPIRED.
  uint64_t expired;
  /// As WXSUB_E_STORE.
  uint64_t store;
  /// In any other way.
  uint64_t other;
  /// Calls that were answered as an earlier one with their key; not counted above.
  uint64_t replayed;
  /// Answers of players that were reported.
  uint64_t reports;
  /// Requests for an access token.
  uint64_t token_calls;
  /// Now: submitted messages and reports that wait in this process.
  uint64_t queued;
  /// Now: calls that run, and what the library's threads work on.
  uint64_t running;
  /// Now: results that wait to be polled.
  uint64_t results;
  /// Outcomes that were not kept, since the host had not polled for 10 seconds and "queue_capacity" results waited.
  uint64_t lost_results;
  /// Now: messages in the store, of all processes.
  uint64_t outbox_waiting;
  /// Now: those of them that are due and not yet taken up; at most 100000 are counted.
  uint64_t outbox_due;
  /// Now: milliseconds since the oldest of those was due.
  uint64_t outbox_oldest_due_ms;
  /// Messages that ended as WXSUB_E_SKIPPED; not among other. Since ABI 2.
  uint64_t skipped;
} wxsub_stats;

/// A request that a host's transport is to make. Valid during the call only.
typedef struct wxsub_http_request {
  /// Set by the library: what it knows of this struct.
  uint32_t struct_size;
  /// Give up after this.
  uint32_t timeout_ms;
  /// "POST" or "GET".
  const char *method;
  /// The whole URL. It holds the access token or the secret: never log it.
  const char *url;
  /// The Content-Type of the body; NULL without one.
  const char *content_type;
  /// The body, not NUL-terminated; NULL without one.
  const char *body;
  /// Its length in bytes.
  size_t body_len;
} wxsub_http_request;

/// Where a host's transport puts the answer.
typedef struct wxsub_http_response {
  /// Set by the library: what it knows of this struct.
  uint32_t struct_size;
  /// The answer's HTTP status.
  int32_t http_status;
  /// The library's memory for the answer's body.
  char *body;
  /// Its size: 1 MiB.
  size_t body_capacity;
  /// How long the body is.
  size_t body_len;
  /// Without an answer: why, NUL-terminated, without the URL.
  char message[128];
} wxsub_http_response;

/// Makes one request, once, without following redirects, and says whether it left: WXSUB_HTTP_*. Called from any thread,
/// also at once from several.
typedef int32_t (*wxsub_http_fn)(void *user_data,
                                 const struct wxsub_http_request *request,
                                 struct wxsub_http_response *response);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/// The library's ABI number: at least the WXSUB_ABI a host was compiled with, or the host must not go on.
uint32_t wxsub_abi(void);

/// "0.1.0 (sqlite 3.x)": the library's version and that of the SQLite in it. Static; never NULL.
const char *wxsub_version(void);

/// The constant's name, such as "WXSUB_E_NO_QUOTA"; "WXSUB_E_?" for a number this library does not know. Static;
/// never NULL.
const char *wxsub_status_name(wxsub_status status);

/// Opens a client. The store is opened, and made if it is not there; no other network is used than to a store in Redis.
///
/// `config_json`: strict JSON, UTF-8.
///   "appid"                   string, required: the game's appid
///   "secret"                  string, required: the game's secret; optional for an observer, and with "token":
///                             "external", where only a login needs it
///   "role"                    "sender" (default), "observer": "observer": for operators' programs beside the game:
///                             sends nothing, claims no stored message, renews no token and needs no secret. Sends,
///                             submits and logins are WXSUB_E_CONFIG, and wxsub_check looks at the store only
///   "store"                   string, default "wxsub.db": path of the store file, relative to the working directory;
///                             ":memory:" for tests: forgotten when closed; for several machines
///                             redis://[user:password@]host[:port][/db], rediss://... (TLS),
///                             redis-cluster://host1:port1,host2:port2, rediss-cluster://.... What looks like an
///                             address without a scheme is refused
///   "api_base"                string, or list, default "https://api.weixin.qq.com": hosts in order of preference;
///                             plain http:// to a loopback host only
///   "token"                   "stable" (default), "legacy", "external": where the access token comes from: WeChat's
///                             endpoint for several askers, its old one, or wxsub_set_token
///   "timeout_ms"              1 to 60000, default 5000: for a whole send with its retries
///   "connect_timeout_ms"      1 to 60000, default 2000: for one connection
///   "max_attempts"            1 to 20, default 3: requests made for one send; another is made only where the one
///                             before surely had no effect
///   "proxy"                   string, default none: http://host:port to go through; environment variables are
///                             ignored
///   "ca_file"                 string, default built-in list: PEM file of the only CAs to trust, also for rediss://
///   "durability"              "full" (default), "normal": "full": an acknowledged accept is fsynced (in Redis:
///                             confirmed by the server); "normal": a power cut may lose the last ones
///   "validate"                "strict" (default), "truncate", "off": "strict": a message that breaks a rule of its
///                             template is WXSUB_E_MESSAGE with all faults, and nothing is held or sent; "truncate"
///                             cuts free text (thing, short_thing, name) that is merely too long and logs it; "off"
///                             checks nothing
///   "templates"               "auto" (default), "off", or list: "auto": the account's own, fetched on first need and
///                             kept in the store; "off": WeChat is never asked for them; a list of {"id", "keys":
///                             ["thing1", ...], "type": 2 or 3 (long-term), "enums": {KEY: [...]}} or of
///                             gettemplate's entries works offline
///   "quota"                   "enforce" (default), "observe": "observe" counts, but sends also at 0: for a game
///                             whose players accepted before it had this library
///   "max_count"               0 to 1000000, default 0: an accept that would raise a count above it is WXSUB_OK and
///                             changes nothing, so that a game client that cheats or repeats does no harm; 0: no
///                             limit
///   "ask_again_hours"         0 to 87600, default 72: how long wxsub_ask does not propose a template that the player
///                             refused
///   "utc_offset"              string, default "+08:00": the time zone in which days are counted; the same for all
///                             processes of a store
///   "history_days"            0 to 3650, default 30, in Redis 3: for how many days it is kept what became of each
///                             answer and message; 0: not at all. In Redis at most some two million entries, the
///                             newest
///   "funnel_days"             1 to 3650, default 400: how long the numbers of each day and template are kept
///   "rules"                   object, default none: what keeps messages back that the rules bind (campaigns, and
///                             sends and stored messages with the option rules): {"per_day": N, "per_week": N,
///                             "quiet": "22:00-09:00", "daily_budget": {TEMPLATE: N}}, each optional: messages to one
///                             player in any 24 hours and 7 days, at most 100, whatever they are of; hours in which
///                             nothing is sent, and messages of a template a day, both in utc_offset. The same for
///                             all processes of a store
///   "miniprogram_state"       "developer", "trial", "formal", default none: put into messages that have none
///   "lang"                    "zh_CN", "en_US", "zh_HK", "zh_TW", default none: put into messages that have none
///   "event"                   object, default none: the console's message push, for wxsub_handle_event (see
///                             docs/events.md): an object with the keys that follow
///   "event.token"             string, required: the console's Token
///   "event.aes_key"           string, default none: the console's EncodingAESKey, for its encrypted modes; with it,
///                             plaintext is refused
///   "event.aes_key_previous"  string, default none: the EncodingAESKey before it, while it is being changed
///   "event.trust_plain"       true or false, default false: without aes_key nobody signs what is pushed, and only
///                             accepts are taken from it; true: refusals and results, too, since only WeChat reaches
///                             the address
///   "workers"                 1 to 256, default 4: submitted and stored messages that are sent at once; four send
///                             some 200 a second at 20 ms an answer
///   "queue_capacity"          1 to 10000000, default 10000: submitted messages that may wait, and tickets without a
///                             polled result
///   "max_per_second"          number above 0, default none: submitted and stored messages that this process begins
///                             in a second; may be below 1
///   "store_prefix"            string, default "wxsub": what the names of the keys in Redis begin with; no braces
/// An unknown key is WXSUB_E_CONFIG, and so is every wrong value; the message names each.
///
/// `out` gets the client, or NULL when the call fails; it may not be NULL. `why` may be NULL.
/// Returns WXSUB_OK, WXSUB_E_ARG, WXSUB_E_CONFIG, WXSUB_E_STORE (the store file cannot be used, and is not touched;
/// or the Redis is not reached, refuses, or confirms nothing), WXSUB_E_FORKED, WXSUB_E_INTERNAL. Blocks for the disk only;
/// with Redis for "timeout_ms" at most.
wxsub_status wxsub_init(const char *config_json,
                        struct wxsub_client **out,
                        struct wxsub_result *why);

/// Sets where log lines go; without it they go nowhere. Lines written since wxsub_init (the store's path) come at once.
///
/// `log` NULL turns logging off. `max_level` is WXSUB_LOG_*. `destroy` (may be NULL) runs exactly once with
/// `user_data`: when another callback takes its place, when the client is freed, or at once when this call fails;
/// never before the last call of `log` has come back, so maybe after wxsub_free returned.
/// Returns WXSUB_OK, WXSUB_E_STATE, WXSUB_E_FORKED.
wxsub_status wxsub_set_log(const struct wxsub_client *client,
                           wxsub_log_fn log,
                           void *user_data,
                           wxsub_destroy_fn destroy,
                           int32_t max_level);

/// Ends a client's work before wxsub_free: takes in nothing more (all calls but wxsub_poll, wxsub_poll_handle,
/// wxsub_get_stats and wxsub_set_log get WXSUB_E_STATE), lets what was submitted and what runs end for `drain_ms`, then interrupts it. Every
/// ticket gets its result: WXSUB_E_CANCELLED, if it was not begun. Messages in the store stay for the next start. Poll
/// what is left, then call wxsub_free.
///
/// `unfinished` (may be NULL) gets how many tickets and calls did not end in time; 0 when it was called before. From
/// within a callback of this library it returns at once and goes on behind it.
/// Returns WXSUB_OK, WXSUB_E_STATE, WXSUB_E_FORKED.
wxsub_status wxsub_shutdown(const struct wxsub_client *client,
                            uint32_t drain_ms,
                            size_t *unfinished);

/// Closes a client. New calls get WXSUB_E_STATE at once; running ones may finish within their deadline, but after
/// about a second they are interrupted and end as cancelled or maybe sent, and so does what was submitted (wxsub_shutdown
/// gives it more time, and lets its results be polled). Messages in the store stay for the next start. NULL, a stale or a garbage handle: nothing
/// happens. From within a callback of this library it returns at once and the closing goes on behind it.
void wxsub_free(struct wxsub_client *client);

/// Tells what a player answered for one template.
///
/// `answer`: WXSUB_ACCEPT adds one to the count; WXSUB_REJECT sets it to 0; WXSUB_BAN and WXSUB_FILTER are the
/// platform's doing and change nothing. `template_id` NULL with WXSUB_REJECT: every template of this player (the main
/// switch is off). System types ("SYS_MSG_TYPE_...") are remembered as on or off and never counted.
/// `key` (may be NULL; an empty one counts as NULL): an id of this one answer, at most 512 bytes. A second report with
/// the same key for this player and template changes nothing and answers as the first did, with WXSUB_REPLAYED; kept
/// for 24 hours. Give one whenever your own retry could repeat the call.
///
/// When this returns WXSUB_OK the accept is on disk (with "durability": "full", fsynced: a few milliseconds).
/// `out` (may be NULL): remaining = the count now; quota = _GRANTED, _CLEARED or _UNTOUCHED.
/// Returns WXSUB_OK, WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE (retry is
/// WXSUB_RETRY_LATER: nothing was changed, report again; WXSUB_RETRY_UNSAFE: it may have been counted, report again with the
/// same key).
wxsub_status wxsub_report(const struct wxsub_client *client,
                          const char *openid,
                          const char *template_id,
                          int32_t answer,
                          const char *key,
                          struct wxsub_result *out);

/// Tells what a player's game client got from WeChat, untouched: the object of wx.requestSubscribeMessage,
/// wx.requestSubscribeSystemMessage or wx.getSetting({withSubscriptions: true}) (whole, or its subscriptionsSetting).
///
/// In the first two each "accept" (and every word that begins with it) counts; in the last "accept" is a state, not a
/// grant, and adds nothing, while "reject" and mainSwitch false clear. errMsg and errCode are no templates: errCode
/// 20004 (main switch off) refuses all; any other failure object is WXSUB_OK with no results. An entry with an unknown
/// word gets its own WXSUB_E_ARG and changes nothing; the others are applied in one transaction.
/// `key` as in wxsub_report, for each template of its own.
///
/// `results` gets one result per template (or system type), in the object's own order, at most `capacity`; the first
/// one's struct_size is the stride. A result for all templates (main switch off) has an empty template_id. `*count` is how
/// many there are and may exceed `capacity`; the rest are applied all the same. `results` and `count` may be NULL.
/// Returns WXSUB_OK when the object was understood, though single entries may have failed; else WXSUB_E_ARG,
/// WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE (as for wxsub_report; the first result says why).
wxsub_status wxsub_report_json(const struct wxsub_client *client,
                               const char *openid,
                               const char *json,
                               const char *key,
                               struct wxsub_result *results,
                               size_t capacity,
                               size_t *count);

/// Asks how many messages this player still allows from this template; for a system type 1 (on) or 0. For
/// "quota": "observe" this is the count as far as the ledger saw it. Does not wait for sends that run: a unit one of
/// them holds is not counted.
///
/// `remaining` may be NULL (a check that the store works). `why` may be NULL; its `remaining` is filled too.
/// Returns WXSUB_OK, WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE.
wxsub_status wxsub_quota(const struct wxsub_client *client,
                         const char *openid,
                         const char *template_id,
                         int64_t *remaining,
                         struct wxsub_result *why);

/// Says which templates to ask a player for now, or that it is better to ask for none. Fetch the plan when he logs in and
/// again after each answer, and give its list to the game client, for its next tap. A read: no fsync, no network but the
/// store's. Since ABI 2.
///
/// `request_json`: {"templates": [{"id", "keep"}, ...], "most"}, the templates in order of worth, 1 to 64 of them; `keep`
/// (3): the count that is enough ("max_count" at most; for system types and long-term templates 1); `most` (3): how many
/// are asked for at once. WeChat asks for system types in a call of their own, so they can't be listed among others.
///
/// `reply` (`capacity` bytes, at least 4096) gets {"ask": [ID, ...], "counts": {ID: N}, "why": {ID: WORD}}, NUL-terminated:
///   "ask"     which to ask for, those first for which messages wait in the outbox; may be empty
///   "counts"  of each that was listed, as wxsub_quota tells it
///   "why"     "banned": WeChat answered 43107 a moment ago, or told this player's device so; "refused": the player refused
///             it, or turned the main switch off, less than "ask_again_hours" ago, and accepted nothing of it since;
///             "stocked": the count is `keep` or more; "ask": worth asking, also where `most` leaves it for the next time
/// Replies may gain members. `*reply_len` (may be NULL) is the length without the NUL, also when `capacity` is too small
/// (WXSUB_E_ARG, and the reply is empty); 0 when the call fails otherwise. `why` may be NULL.
///
/// Returns WXSUB_OK, WXSUB_E_ARG (names what is wrong in the request), WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE.
wxsub_status wxsub_ask(const struct wxsub_client *client,
                       const char *openid,
                       const char *request_json,
                       char *reply,
                       size_t capacity,
                       size_t *reply_len,
                       struct wxsub_result *why);

/// Sends one message and waits for the verdict, at most "timeout_ms" long, and a second more where the store is too slow to
/// note what WeChat has answered. For a game loop this is too long.
///
/// `message_json` is WeChat's own request body:
///   {"touser": "OPENID", "template_id": "...", "page": "index", "data": {"thing1": {"value": "..."}},
///    "miniprogram_state": "formal", "lang": "zh_CN"}
/// Also accepted: "thing1": "..." and numbers as values. Unknown fields travel on to WeChat.
/// `options_json` (NULL, an empty text and null are no options); an unknown option is WXSUB_E_ARG.
///   "key"         string, at most 512 bytes, default none: idempotency: the same key for this player again, from any
///                 thread, process or after a restart, within 24 hours of the verdict, sends nothing and answers as
///                 the first did, with WXSUB_REPLAYED, if the first was sent or may have been. After an outcome that
///                 surely had no effect it tries afresh. While the first runs, the second waits for it. A send found
///                 in progress after a crash is WXSUB_E_UNKNOWN; with another template the key is WXSUB_E_ARG. A
///                 result shows its first 63 bytes
///   "tag"         0 to 2^64-1, default 0: your own number, echoed in the result
///   "timeout_ms"  1 to 60000, default the configured one: for this send instead of the configured one
///   "rules"       true or false, default false: the configured rules bind it: what they keep back is
///                 WXSUB_E_SKIPPED, and only a stored message waits, for the end of the quiet hours
///
/// One unit of the player's count is held while the send runs, spent when WeChat answers success and given back
/// otherwise. Sends to one player wait for each other, also across processes; different players don't wait.
///
/// Returns, and what to do:
///   WXSUB_OK           sent. remaining = what is left
///   WXSUB_E_NO_QUOTA   ask the player again; WeChat was not called
///   WXSUB_E_REFUSED    ask the player again; the count was too high and is 0 now
///   WXSUB_E_MESSAGE    fix the text or the ids; the message names the field
///   WXSUB_E_BUSY, WXSUB_E_CONNECT, WXSUB_E_STORE
///                      surely not sent; with WXSUB_RETRY_LATER call again after retry_after_ms. WXSUB_E_STORE with
///                      WXSUB_RETRY_NEVER: a record is damaged or of a newer version, tell an operator
///   WXSUB_E_UNKNOWN    maybe sent; the unit is given back. Call again only if twice is better than never
///   WXSUB_E_AUTH       tell an operator: the message says what to fix
///   WXSUB_E_SKIPPED    a rule or a mute kept it back; surely not sent; the message names the rule. With
///                      WXSUB_RETRY_LATER call again after retry_after_ms
///   WXSUB_E_BANNED, WXSUB_E_WECHAT
///                      errcode and message say why
///   WXSUB_E_CONFIG     the client is an observer ("role")
///   WXSUB_E_ARG        the call is wrong; WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_CANCELLED, WXSUB_E_PANIC,
///                      WXSUB_E_INTERNAL as their names say
/// `out` may be NULL.
wxsub_status wxsub_send(const struct wxsub_client *client,
                        const char *message_json,
                        const char *options_json,
                        struct wxsub_result *out);

/// Hands in an access token, with "token": "external": for a team whose central token server is the only one that may
/// ask WeChat for tokens. It takes effect at once. When WeChat refuses it, it is dropped, another process's newer one is
/// taken from the store if there is one, and else sends end in WXSUB_E_AUTH until a new one is handed in.
///
/// `expires_in_s`: seconds it is still good for; 0 is WXSUB_E_ARG.
/// Returns WXSUB_OK, WXSUB_E_ARG (also when the client gets its own tokens), WXSUB_E_STATE, WXSUB_E_FORKED.
wxsub_status wxsub_set_token(const struct wxsub_client *client,
                             const char *access_token,
                             uint32_t expires_in_s);

/// Copies a message and returns at once with a ticket; threads of the library send it. For a game loop.
///
/// Every ticket gets exactly one result from wxsub_poll, whatever happens, but for wxsub_free. Only that the texts are
/// JSON with a "touser" is checked here; other faults come as the ticket's result. Messages and reports for one player are
/// worked on one after the other in the order in which they were submitted; different players don't wait for each other.
/// At most "workers" messages are sent at once, and at most "max_per_second" are begun in a second. What is submitted faster
/// than "workers" divided by the time of WeChat's answer (4 at 20 ms: 200 a second) waits in the queue.
///
/// `options_json` as for wxsub_send, and:
///   "durable"      true or false, default false: the message is put into the store and survives a crash. Its
///                  ticket's result is WXSUB_OK with WXSUB_STORED as soon as it is on disk (its template is checked
///                  before), or why not. Its verdict comes later as an outcome: a result with WXSUB_OUTCOME, ticket
///                  0, and your tag and key, from the wxsub_poll of the process that sent it; wxsub_lookup tells it
///                  everywhere. Failures that may pass are tried again with growing pauses until expires_at; the
///                  count is looked at when it is sent
///   "deliver_at"   Unix milliseconds, default now: when it is sent, by whichever process has the store open then;
///                  implies durable
///   "expires_at"   Unix milliseconds, default 24 hours after deliver_at: after that it is WXSUB_E_EXPIRED instead of
///                  late
///   "on_conflict"  "keep" (default), "replace": what becomes of one that waits with the same key: it stays, and the
///                  result says WXSUB_OK, WXSUB_STORED and WXSUB_REPLAYED; or this one takes its place
///                  (WXSUB_E_TOO_LATE when it is being sent)
///   "on_unknown"   "report" (default), "resend": what becomes of one that was maybe sent, also when its process died
///                  while it was sending: it ends as WXSUB_E_UNKNOWN; or it is sent again, maybe twice
///   "notify"       true or false, default true: false: neither result nor outcome is wanted, and the ticket is 0. A
///                  stored message whose outcome is wanted needs a tag when its key has more than 63 bytes, which is
///                  all that a result shows
///
/// `ticket` (may be NULL) gets the ticket; 0 when the call fails. `why` may be NULL.
/// Returns WXSUB_OK, WXSUB_E_QUEUE_FULL ("queue_capacity" messages wait, or as many tickets have no polled result yet: poll,
/// and try again next tick), WXSUB_E_ARG, WXSUB_E_CONFIG (an observer), WXSUB_E_STATE, WXSUB_E_FORKED.
wxsub_status wxsub_submit(const struct wxsub_client *client,
                          const char *message_json,
                          const char *options_json,
                          uint64_t *ticket,
                          struct wxsub_result *why);

/// As wxsub_report, without waiting for the disk: an fsync is too long for a frame. The accept is on disk when its ticket's
/// result says WXSUB_OK, not before. Arguments as for wxsub_report; `tag` is your own number, echoed.
///
/// `ticket` (may be NULL) gets the ticket; 0 when the call fails. `why` may be NULL.
/// Returns as wxsub_submit.
wxsub_status wxsub_submit_report(const struct wxsub_client *client,
                                 const char *openid,
                                 const char *template_id,
                                 int32_t answer,
                                 const char *key,
                                 uint64_t tag,
                                 uint64_t *ticket,
                                 struct wxsub_result *why);

/// Takes finished results: those of tickets, and outcomes of durable messages.
///
/// `results` is an array of `capacity` structs, the first one's struct_size set. `wait_ms` 0: never waits. Else it waits
/// up to `wait_ms` for the first result (UINT32_MAX: seven weeks). `count` gets how many were written; with `capacity` 0 (then
/// `results` may be NULL) nothing is taken, and it gets how many wait.
/// Still works after wxsub_shutdown. Several threads may poll; each result goes to one of them.
/// Returns WXSUB_OK, also for none; WXSUB_E_ARG, WXSUB_E_STATE (also when the client is freed meanwhile),
/// WXSUB_E_FORKED.
wxsub_status wxsub_poll(const struct wxsub_client *client,
                        struct wxsub_result *results,
                        size_t capacity,
                        uint32_t wait_ms,
                        size_t *count);

/// A descriptor for the host's own event loop: readable (poll, select, epoll) while wxsub_poll has something. Only wait
/// for it: don't read, write or close it. It belongs to the client, and wxsub_free ends it. Linux only.
///
/// `handle` gets the descriptor; -1 when the call fails.
/// Returns WXSUB_OK, WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_INTERNAL (no descriptor is left, or not
/// Linux: poll with wait_ms instead).
wxsub_status wxsub_poll_handle(const struct wxsub_client *client,
                               ptrdiff_t *handle);

/// Takes a message back that was submitted with a key and waits, in the queue or in the store, also another process's.
/// When this says WXSUB_OK it is on disk that it will not be sent. Waits for the disk only.
///
/// A ticket that has no result yet gets WXSUB_E_CANCELLED; for a stored message no outcome comes.
/// Returns WXSUB_OK; WXSUB_E_TOO_LATE: it is being sent, or was sent or maybe sent; WXSUB_E_NOT_FOUND: nothing waits with
/// this key; WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE. `out` may be NULL.
wxsub_status wxsub_cancel(const struct wxsub_client *client,
                          const char *openid,
                          const char *key,
                          struct wxsub_result *out);

/// Tells what became of a message with a key, whichever process sent it, and by whichever function, until 24 hours after
/// its end.
///
/// Returns the verdict with which it ended, with WXSUB_REPLAYED; WXSUB_OK with WXSUB_STORED while it waits in the store
/// (retry_after_ms: until it is due, message: why the last try failed); WXSUB_E_BUSY while it is in this process's queue
/// or being sent; WXSUB_E_NOT_FOUND; WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE. `out` may be NULL.
wxsub_status wxsub_lookup(const struct wxsub_client *client,
                          const char *openid,
                          const char *key,
                          struct wxsub_result *out);

/// Verifies and applies what WeChat pushed to the host's own HTTP endpoint, set up in the console's "message push".
/// Needs "event" in the configuration: "token"; "aes_key" for the encrypted modes (with it, plaintext is refused); while
/// the EncodingAESKey is being changed, the one before as "aes_key_previous".
///
/// `query`: the request's raw query string. `body`, `body_len`: the raw body; NULL and 0 for the check of the address (a
/// GET). Popup answers, refusals in the settings and results of sends go into the count, each once, however often
/// WeChat pushes it; an accept that the game reported too (wxsub_report) counts once. A refusal that was created less
/// than 60 s after the newest accept, or before it, leaves that one: two clocks are being compared, in doubt it is kept.
///
/// A mini game has one address for messages of all kinds. What is not about subscriptions (customer service, gifts, paid
/// goods, accounts) is the host's to answer: WXSUB_OK with WXSUB_NOT_OURS and an empty reply. wxsub_open_event has its
/// text. Gifts (minigame_deliver_goods) and paid goods want {"ErrCode":0} once they are delivered and are pushed again
/// until then; most other kinds want "success". No such reply need be encrypted.
///
/// Plain mode (no "aes_key") signs the query only: whoever has seen one query string can put a body of his own under it,
/// for five minutes. So from plain pushes only accepts are taken (a forged grant costs one refused call), and none of
/// another template while 32 of the player's have something left; refusals and results of sends are WXSUB_OK and change
/// nothing, unless "trust_plain": true says that nobody else reaches the endpoint. A CreateTime more than five minutes
/// ahead (of what would be applied), or a query that was used with another body, is
/// WXSUB_E_SIGNATURE. Use the encrypted modes.
///
/// `reply` (`reply_capacity` bytes) gets what the host must send back as the response's body, with HTTP 200; a NUL
/// follows if there is room. 64 bytes are enough for events; the address check echoes what WeChat sent, usually some 20
/// bytes. `*reply_len` (may be NULL) is its length, 0 when the call fails. Nothing is applied if it does not fit. `reply` may be NULL with
/// capacity 0 if the host knows what to answer ("success").
///
/// Returns
///   WXSUB_OK           send the reply; with WXSUB_NOT_OURS, your own. With one part in the event, `out` tells what it did
///                      (template_id, quota, remaining), flags WXSUB_REPLAYED if it came before
///   WXSUB_E_SIGNATURE  not WeChat's: bad signature, too old (5 minutes), undecryptable, another appid, plaintext where
///                      a key is set, unreadable. Answer 403; the reply is empty and nothing was changed
///   WXSUB_E_STORE, WXSUB_E_BUSY
///                      answer 500, so that WeChat pushes again; the reply is empty
///   WXSUB_E_CONFIG     no "event" in the configuration; WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED,
///                      WXSUB_E_CANCELLED (the client was freed meanwhile: answer 500)
/// May wait up to 4 seconds for a send to the same player that runs.
wxsub_status wxsub_handle_event(const struct wxsub_client *client,
                                const char *query,
                                const char *body,
                                size_t body_len,
                                char *reply,
                                size_t reply_capacity,
                                size_t *reply_len,
                                struct wxsub_result *out);

/// Verifies and decrypts what WeChat pushed, of whatever kind, and hands out the message: for those that are the host's to
/// answer (WXSUB_NOT_OURS). Applies nothing. May be called before or after wxsub_handle_event on the same request. Needs
/// "event" in the configuration. Since ABI 2.
///
/// `query`, `body`, `body_len`: as for wxsub_handle_event. In plain mode what is said there holds here too: the message
/// may be anybody's. Deliver goods by encrypted pushes only.
///
/// `plain` (`capacity` bytes) gets the message as WeChat wrote it, XML or JSON; a NUL follows if there is room. It is never
/// longer than `body_len`. `*plain_len` (may be NULL) is its length, also when `capacity` is too small (WXSUB_E_ARG, and
/// no part of it is written); 0 for the check of the address and when the call fails otherwise. `plain` NULL with capacity 0: only
/// verifies, and tells the length. `why` may be NULL.
///
/// Returns WXSUB_OK, WXSUB_E_SIGNATURE (not WeChat's: answer 403), WXSUB_E_STORE (answer 500), WXSUB_E_CONFIG, WXSUB_E_ARG,
/// WXSUB_E_STATE, WXSUB_E_FORKED.
wxsub_status wxsub_open_event(const struct wxsub_client *client,
                              const char *query,
                              const char *body,
                              size_t body_len,
                              char *plain,
                              size_t capacity,
                              size_t *plain_len,
                              struct wxsub_result *why);

/// Asks WeChat who a login code (wx.login in the game) belongs to, at most "timeout_ms" long. The session_key is given
/// to the caller and kept nowhere. A code is good once and for five minutes.
///
/// `out` gets the player; it may not be NULL, and is not touched when the call fails. `why` may be NULL.
/// Returns WXSUB_OK, WXSUB_E_ARG, WXSUB_E_WECHAT (40163 used, or 40029 invalid or too old: let the game call wx.login again,
/// and for 40029 make sure that it is built with the configured appid; 40226: WeChat blocks this player, don't repeat),
/// WXSUB_E_BUSY, WXSUB_E_AUTH (appid or secret), WXSUB_E_CONFIG (no secret, or an observer), WXSUB_E_CONNECT (no
/// answer; unlike for a send the request may have left, and the code be used up), WXSUB_E_CANCELLED, WXSUB_E_STATE, WXSUB_E_FORKED.
wxsub_status wxsub_login(const struct wxsub_client *client,
                         const char *code,
                         struct wxsub_identity *out,
                         struct wxsub_result *why);

/// Tells an operator in words whether it will work: store writable, WeChat reached, this machine's clock, appid, secret
/// and IP right (and which IP to allow), how many templates the account has. At most "timeout_ms" long; sends nothing.
/// The message tells all, first what is wrong; the status is that of the first thing that is wrong. The whole text is
/// logged, too, since a message has 247 bytes. With "token": "legacy" it uses the token in use, since asking for one would kill it.
///
/// Returns WXSUB_OK, WXSUB_E_STORE, WXSUB_E_CONNECT, WXSUB_E_AUTH, WXSUB_E_CONFIG (the clock is off), WXSUB_E_BUSY,
/// WXSUB_E_WECHAT, WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED.
wxsub_status wxsub_check(const struct wxsub_client *client,
                         struct wxsub_result *out);

/// Tells what the client has done since it was opened, and what waits now. Works after wxsub_shutdown too.
///
/// `out` may not be NULL; its struct_size must be set (WXSUB_STATS_INIT).
/// Returns WXSUB_OK, WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE.
wxsub_status wxsub_get_stats(const struct wxsub_client *client, struct wxsub_stats *out);

/// Answers an operator's question about the ledger: JSON in, JSON out. For consoles, exports and programs beside the game;
/// the game itself needs nothing of it. Since ABI 2.
///
/// `request_json`: an object in UTF-8 with the request's name in "do", at most 16 MiB. An unknown name or field is
/// WXSUB_E_ARG, and the message has the nearest known one. Optional fields have a question mark; null is as if absent.
///   {"do": "players", "template_id"?, "min"? (1)}
///       {"players": [{"openid", "template_id", "count"}], "next"}: whose count is at least `min`; a unit that a running
///       send holds is still in it
///   {"do": "player", "openid"}
///       {"openid", "counts": {TEMPLATE: N}, "system": {TYPE: true or false}, "muted_until_ms": N or null,
///       "sending": {"template_id", "until_ms"} or null, "in_doubt": N, "waiting": N (stored messages, 1000 at most),
///       "history": [...]}; a player who is not known has zeros
///   {"do": "export", "full"? (false)}
///       {"players": [{"openid", "template_id", "count"}], "next"}: every count, those of 0 too. With "full": true
///       {"records": [...], "next"}: everything but the token, for "import" into another ledger; leases end on the way.
///       The history comes last, from its oldest entry on
///       Of records that can't be read every list has "left_out": {"count", "first": [{"openid" or null, "why"}]}
///   {"do": "import", "players": [{"openid", "template_id", "count"}], "mode": "set", "add" or "max", "key"?}, or
///   {"do": "import", "records": [...], "key"?}
///       {"imported": N, "refused": [{"row", "why"}]}: at most 1000 rows, counted from 0; a wrong one keeps no other from
///       being taken, and 100 are told. "max": the higher count stays. Records replace what is there; of the account's,
///       the audit, budgets and the list of campaigns are joined, and a campaign that is there already is refused. Numbers of the
///       funnel become those of the rows, on Redis but for days that it has closed, three days later; the history is
///       joined, on Redis only where no entry of a player nearby is newer: move into an empty one. The same
///       key within 24 hours changes nothing and answers the same; give one, since a failed call may have taken some rows
///       (then retry is WXSUB_RETRY_UNSAFE)
///   {"do": "backup", "path"}
///       {"bytes": N}: copies the store's file while it is in use: one state of it, readable by its owner only, never over
///       a file that is there. Takes as long as it takes to write it. On Redis WXSUB_E_ARG
///   {"do": "outbox", "openid"?}
///       {"messages": [{"openid", "template_id", "key" (cut at 64 bytes; then also "key_cut": true), "due_ms", "expires_ms",
///       "tries", "why"}], "next"}: stored messages that wait or are being sent; `why` the last try failed
///   {"do": "history", "openid"?, "template_id"?, "status"?, "what"?, "from_ms"?, "to_ms"? (exclusive)}
///       {"history": [{"at_ms", "what", "openid", "template_id", "answer", "status", "errcode", "msgid", "key", "campaign",
///       "before", "after", "times", "message"}], "next"}, the newest first. "what" is report, event, send, stored, skipped,
///       cancelled, settled, opened or imported; "status" a name; "msgid" a text, since it exceeds 2^53; "before" and "after"
///       are counts; repeats of a refusal within an hour are one entry with "times". See "history_days" at wxsub_init
///   {"do": "audit"}
///       {"audit": [{"at_ms", "do", "detail"}], "next"}: what operators did, the newest first, without openids
///   {"do": "funnel", "from", "to" (days like "2026-11-29", inclusive), "template_id"?}
///       {"funnel": [{"day", "template_id", "accepted", "rejected", "filtered", "sent", "refused", "no_quota", "bad_message",
///       "unknown", "expired", "skipped", "other", "opened", "campaign"}], "next"}: "unknown" also while it is being sent
///   {"do": "opened", "openid", "scene"? (1014)}
///       {"counted", "template_id"}: the player came in by a message card, which counts for the last message of three days
///   {"do": "mute", "openid", "until_ms" (null: not any more)}
///       {}: campaigns and what the rules bind pass over the player
///   {"do": "forget", "openid"}
///       {"forgotten": {"players", "keys", "messages", "history"}}: from now on nothing shows the player. On Redis keys are
///       not counted: their names are hashes, they say nothing any more, and pass within a day
///   {"do": "compact"}
///       {"bytes_before", "bytes_after"}, or {"note"} where there is no file: no byte is left of what was forgotten. Writes
///       wait meanwhile; it may take minutes
///   {"do": "stats"}
///       the fields of wxsub_stats by name
///   {"do": "token"}
///       {"mode", "source": "memory", "store" or "none", "age_ms", "left_ms", "failures", "why"}: never the token itself
///   {"do": "metrics"}
///       {"metrics": "..."}: the numbers of this client in Prometheus' text format: wxsub_sends_total{status},
///       wxsub_reports_total{answer}, wxsub_contradictions_total (43101 where the count was above 0), the histograms
///       wxsub_send_seconds, wxsub_token_seconds and wxsub_store_seconds, gauges for what waits. No label from outside
///   {"do": "campaign.put", "id", "message", "audience": "allowed" or "list", "start_at_ms"?, "expires_at_ms"?,
///   "per_second"?, "leave"? (0), "rules"? (true), "dry_run"? (false)}
///       {"id", "state": "waiting", "running", "paused", "done" or "cancelled", "why", "template_id", "audience", "listed",
///       "seen", "sent", "skipped": {REASON: N}, "failed": {STATUS: N}, "unknown", "per_second", "begun_at_ms",
///       "ends_at_ms"}: one message to all who allow it, or to a list, each player once. Until it has begun or ended,
///       another put of the id takes its place
///   {"do": "campaign.add", "id", "players": [OPENID or {"openid", "data"?}], "key"?}
///       {"added": N, "refused": [{"row", "why"}]}: at most 1000 players for the list of a campaign, with data of their
///       own; the same key again adds nothing
///   {"do": "campaign.forecast", "id"}, or with all fields of a put
///       {"players", "units", "skipped": {REASON: N}, "seconds", "next"}: what a run would do now; the last page has the
///       whole numbers. No "limit" here
///   {"do": "campaign.start", "id"}, and "campaign.pause", "campaign.resume", "campaign.cancel", "campaign.status"
///       the reply of "campaign.put"
///   {"do": "campaign.list"}
///       {"campaigns": [the reply of "campaign.put", ...], "next"}, in the order in which they were put
/// Times are Unix milliseconds. Replies may gain fields.
///
/// Where a reply has "next", the list comes in pages: give that text as "after" with the same other fields for the next
/// one, until it is null. "limit"? (100) is 1 to 1000. A page may be empty with "next" set, since a call looks at 20000
/// records at most. A "next" of another ledger or request is WXSUB_E_ARG.
///
/// `reply` (`capacity` bytes, at least 65536; less is WXSUB_E_ARG before any effect) gets the reply, NUL-terminated: every
/// reply fits, and a page ends early where it would not. `*reply_len` (may be NULL) is its length without the NUL; 0 when
/// the call fails. `why` may be NULL.
/// Returns WXSUB_OK, WXSUB_E_ARG, WXSUB_E_MESSAGE (a campaign's), WXSUB_E_NOT_FOUND (no such campaign), WXSUB_E_TOO_LATE (the
/// campaign has begun or ended), WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE.
wxsub_status wxsub_admin(const struct wxsub_client *client,
                         const char *request_json,
                         char *reply,
                         size_t capacity,
                         size_t *reply_len,
                         struct wxsub_result *why);

/// Has a function of the host's carry all requests to WeChat, for a host with an HTTP stack or a gateway of its own; NULL:
/// the library carries them again. Running requests end the way they began.
///
/// `destroy` (may be NULL) runs exactly once with `user_data`: when another function takes its place, when the client is
/// freed, or at once when this call fails; never before the last call of `http` has come back.
/// Returns WXSUB_OK, WXSUB_E_STATE, WXSUB_E_FORKED.
wxsub_status wxsub_set_transport(const struct wxsub_client *client,
                                 wxsub_http_fn http,
                                 void *user_data,
                                 wxsub_destroy_fn destroy);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WXSUB_H */
