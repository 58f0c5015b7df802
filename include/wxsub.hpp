/*
 * wxsub for C++11 and later: a thin, header-only layer over wxsub.h, which remains the manual. What a call does, what
 * it returns and what to do then is written there; here is only how it looks in C++.
 *
 *   wxsub::Client client;
 *   wxsub::Result opened = client.open(wxsub::Config().appid("wx...").secret(secret).store("/var/lib/game/wxsub.db"));
 *   if (!opened) return fail(opened.message());
 *
 *   wxsub::Result accepted = client.report(openid, template_id, wxsub::Answer::accept, answer_id);
 *
 *   wxsub::Result sent = client.send(wxsub::Message()
 *                                        .to(openid)
 *                                        .template_id(template_id)
 *                                        .value("thing1", "Your crops are ripe")
 *                                        .number("number2", 42));
 *   if (sent.status() == wxsub::Status::no_quota) ask_the_player_again();
 *
 * In a game loop, where nothing may wait: submit() what is to be sent, and poll() in each frame what became of it.
 *
 *   wxsub::Result accepted = client.submit(message, wxsub::Options().key("crops-4711"));
 *
 *   wxsub::Result results[64];
 *   for (const wxsub::Result &one : client.poll(results, 64)) ended(one.ticket(), one);
 *
 *  1. Every call returns a Result, or something that holds one, which is true when it went well. Nothing throws,
 *     std::bad_alloc apart, unless asked to: client.send(message).or_throw() throws a wxsub::Error that carries the
 *     result.
 *  2. Works with -fno-exceptions (or_throw() is then not there) and with -fno-rtti.
 *  3. Strings are UTF-8: a C string, a std::string, and from C++17 on a std::string_view. They are borrowed for the
 *     call. A NULL pointer means what it means in wxsub.h. A NUL byte inside one is Status::arg, never a cut string.
 *  4. A const member function may be called from any number of threads at once. open(), close(), moving and
 *     destruction must not run at the same time as another call on the same object, as with any C++ object. (To close
 *     a client under the feet of other threads, wxsub_free(client.handle()) is fine: they get Status::state.)
 *  5. No logic of its own, Futures apart: what is missing here can be reached through client.handle() and result.raw().
 */

#ifndef WXSUB_HPP
#define WXSUB_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <initializer_list>
#include <limits>
#include <locale>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "wxsub.h"

#if defined(_MSVC_LANG)
#define WXSUB_CPLUSPLUS _MSVC_LANG
#else
#define WXSUB_CPLUSPLUS __cplusplus
#endif

#if WXSUB_CPLUSPLUS >= 201703L
#include <string_view>
#define WXSUB_NODISCARD [[nodiscard]]
#else
#define WXSUB_NODISCARD
#endif

#if WXSUB_CPLUSPLUS >= 202002L
#include <span>
#endif

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
#define WXSUB_HAS_EXCEPTIONS 1
#else
#define WXSUB_HAS_EXCEPTIONS 0
#endif

namespace wxsub {

/// WXSUB_OK and WXSUB_E_*. A library newer than this header may return others: treat them as internal.
enum class Status : std::int32_t {
  ok = WXSUB_OK,
  arg = WXSUB_E_ARG,
  config = WXSUB_E_CONFIG,
  message = WXSUB_E_MESSAGE,
  state = WXSUB_E_STATE,
  forked = WXSUB_E_FORKED,
  no_quota = WXSUB_E_NO_QUOTA,
  refused = WXSUB_E_REFUSED,
  queue_full = WXSUB_E_QUEUE_FULL,
  busy = WXSUB_E_BUSY,
  auth = WXSUB_E_AUTH,
  banned = WXSUB_E_BANNED,
  wechat = WXSUB_E_WECHAT,
  signature = WXSUB_E_SIGNATURE,
  connect = WXSUB_E_CONNECT,
  unknown = WXSUB_E_UNKNOWN,
  cancelled = WXSUB_E_CANCELLED,
  expired = WXSUB_E_EXPIRED,
  not_found = WXSUB_E_NOT_FOUND,
  too_late = WXSUB_E_TOO_LATE,
  skipped = WXSUB_E_SKIPPED,
  store = WXSUB_E_STORE,
  panic = WXSUB_E_PANIC,
  internal = WXSUB_E_INTERNAL
};

/// WXSUB_RETRY_*: whether the same call may be made again.
enum class Retry : std::int32_t {
  never = WXSUB_RETRY_NEVER,
  later = WXSUB_RETRY_LATER,
  unsafe = WXSUB_RETRY_UNSAFE
};

/// WXSUB_QUOTA_*: what the call did to the player's count.
enum class Quota : std::int32_t {
  untouched = WXSUB_QUOTA_UNTOUCHED,
  spent = WXSUB_QUOTA_SPENT,
  returned = WXSUB_QUOTA_RETURNED,
  cleared = WXSUB_QUOTA_CLEARED,
  granted = WXSUB_QUOTA_GRANTED
};

/// WXSUB_ACCEPT and the like: what a player answered.
enum class Answer : std::int32_t {
  accept = WXSUB_ACCEPT,
  reject = WXSUB_REJECT,
  ban = WXSUB_BAN,
  filter = WXSUB_FILTER
};

/// Options::on_conflict(): what a message does that finds another one waiting with its key.
enum class OnConflict {
  /// The other one stays.
  keep,
  /// It takes the other one's place.
  replace
};

/// Options::on_unknown(): what becomes of a stored message that was maybe sent.
enum class OnUnknown {
  /// It ends as Status::unknown.
  report,
  /// It is sent again, maybe twice.
  resend
};

class Client;
class Futures;

/// The library's own version and its SQLite's: "0.1.0 (sqlite 3.x)".
inline const char *version() noexcept { return wxsub_version(); }

/// A string argument; see rule 3. Nobody makes one by hand: what is passed turns into it.
class Text {
 public:
  Text(const char *text) : borrowed_(text), size_(text == nullptr ? 0 : std::strlen(text)) {}
  Text(std::nullptr_t) {}
  Text(const std::string &text) : borrowed_(text.c_str()), size_(text.size()) {}
#if WXSUB_CPLUSPLUS >= 201703L
  Text(std::string_view text) : copy_(text), copied_(true), size_(text.size()) {}
#endif
#if defined(__cpp_char8_t)
  Text(const char8_t *text) : Text(reinterpret_cast<const char *>(text)) {}
#endif

  /// NUL-terminated, or NULL.
  const char *c_str() const noexcept { return copied_ ? copy_.c_str() : borrowed_; }
  std::size_t size() const noexcept { return size_; }

  /// Whether a C function would see less of it than there is.
  bool has_nul() const noexcept { return size_ != 0 && std::memchr(c_str(), 0, size_) != nullptr; }

 private:
  std::string copy_;  // a std::string_view has no NUL at its end
  bool copied_ = false;
  const char *borrowed_ = nullptr;
  std::size_t size_ = 0;
};

/// What became of one report or one message: a wxsub_result. A copy of it is independent of everything else.
class Result {
 public:
  Result() = default;

  bool ok() const noexcept { return raw_.status == WXSUB_OK; }
  explicit operator bool() const noexcept { return ok(); }

  Status status() const noexcept { return static_cast<Status>(raw_.status); }
  /// The status as wxsub.h spells it: "WXSUB_E_NO_QUOTA". Never NULL.
  const char *status_name() const noexcept { return wxsub_status_name(raw_.status); }
  /// WeChat's; 0 when WeChat did not answer with one.
  std::int32_t errcode() const noexcept { return raw_.errcode; }
  /// 0 when there was no answer.
  std::int32_t http_status() const noexcept { return raw_.http_status; }
  Retry retry() const noexcept { return static_cast<Retry>(raw_.retry); }
  /// With Retry::later: wait at least this many milliseconds before another try.
  std::uint32_t retry_after_ms() const noexcept { return raw_.retry_after_ms; }
  Quota quota() const noexcept { return static_cast<Quota>(raw_.quota); }
  /// Count left for this user and template; -1 not known.
  std::int64_t remaining() const noexcept { return raw_.remaining; }
  /// WeChat's message id; 0 none.
  std::int64_t msgid() const noexcept { return raw_.msgid; }
  /// Of what was submitted; 0 otherwise, and for an outcome().
  std::uint64_t ticket() const noexcept { return raw_.ticket; }
  /// The number given by Options::tag(), or to Client::submit_report().
  std::uint64_t tag() const noexcept { return raw_.tag; }
  /// HTTP requests made for the send itself.
  std::uint32_t attempts() const noexcept { return raw_.attempts; }
  std::uint32_t elapsed_ms() const noexcept { return raw_.elapsed_ms; }
  /// An earlier call's answer, found by its key: this call changed nothing.
  bool replayed() const noexcept { return (raw_.flags & WXSUB_REPLAYED) != 0; }
  /// A durable message is on disk; its verdict comes later, as an outcome().
  bool stored() const noexcept { return (raw_.flags & WXSUB_STORED) != 0; }
  /// The late verdict of a durable message.
  bool outcome() const noexcept { return (raw_.flags & WXSUB_OUTCOME) != 0; }
  /// A pushed message of another kind than subscribe events: the host answers it itself, see Client::open_event().
  bool not_ours() const noexcept { return (raw_.flags & WXSUB_NOT_OURS) != 0; }
  /// Cut if longer than 63 bytes; empty when none.
  std::string template_id() const { return raw_.template_id; }
  /// The idempotency key; cut if longer than 63 bytes; empty when none.
  std::string key() const { return raw_.key; }
  /// What happened and what to do, for a log or an operator. Never empty after a failure.
  std::string message() const { return raw_.message; }

  /// The struct itself.
  const wxsub_result &raw() const noexcept { return raw_; }

  /// Throws an Error unless ok(). Only where the compiler has exceptions on.
  inline Result or_throw() const;

 private:
  friend class Client;
  friend class Futures;

  static Result made(wxsub_status status, const char *message) {
    Result result;
    result.raw_.status = status;
    result.raw_.remaining = -1;
    const std::size_t room = sizeof result.raw_.message - 1;
    std::memcpy(result.raw_.message, message, (std::min)(std::strlen(message), room));
    return result;
  }

  wxsub_result raw_ = WXSUB_RESULT_INIT;
};

/// What became of a pushed event.
struct EventReply {
  Result result;
  /// What the host sends back as the response's body, with HTTP 200; empty unless result.ok(), and when it is
  /// not_ours(): then the answer is the host's own.
  std::string reply;
};

/// What Client::poll() took: a range over the part of the caller's memory that was filled, valid as long as that is.
class Polled {
 public:
  Polled(const Result &how, Result *first, std::size_t count) : result(how), first_(first), count_(count) {}

  /// How the call went: ok() also when there was nothing to take.
  Result result;

  Result *begin() const noexcept { return first_; }
  Result *end() const noexcept { return first_ + count_; }
  std::size_t size() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }

 private:
  Result *first_;
  std::size_t count_;
};

/// Who a player is: a wxsub_identity. It wipes itself when it goes.
class Identity {
 public:
  Identity() = default;
  Identity(const Identity &) = default;
  Identity &operator=(const Identity &) = default;
  ~Identity() {
    volatile char *byte = raw_.session_key;  // volatile: or the compiler sees that nobody looks, and leaves it out
    for (std::size_t i = 0; i < sizeof raw_.session_key; ++i) byte[i] = 0;
  }

  /// The player's id in this game.
  std::string openid() const { return raw_.openid; }
  /// The player's id among all apps of the same owner; empty when WeChat gives none.
  std::string unionid() const { return raw_.unionid; }
  /// Signs what the player's client sends; it must not leave the server. Valid as long as this object.
  const char *session_key() const noexcept { return raw_.session_key; }

  /// The struct itself.
  const wxsub_identity &raw() const noexcept { return raw_; }

 private:
  friend class Client;

  wxsub_identity raw_ = WXSUB_IDENTITY_INIT;
};

/// A request that a host's transport is to make: a wxsub_http_request. It, and all it points to, is valid during the
/// call only.
class HttpRequest {
 public:
  explicit HttpRequest(const wxsub_http_request &raw) noexcept : raw_(&raw) {}

  /// "POST" or "GET".
  const char *method() const noexcept { return raw_->method; }
  /// The whole URL. It holds the access token or the secret: never log it.
  const char *url() const noexcept { return raw_->url; }
  /// Of the body; NULL without one.
  const char *content_type() const noexcept { return raw_->content_type; }
  /// A copy of the body; empty without one. It may hold the secret: never log it.
  std::string body() const { return raw_->body_len == 0 ? std::string() : std::string(raw_->body, raw_->body_len); }
  /// Give up after this.
  std::uint32_t timeout_ms() const noexcept { return raw_->timeout_ms; }

  /// The struct itself.
  const wxsub_http_request &raw() const noexcept { return *raw_; }

 private:
  const wxsub_http_request *raw_;
};

/// What became of an HttpRequest.
class HttpReply {
 public:
  /// An answer came, whatever its status.
  static HttpReply answered(std::int32_t http_status, std::string body) {
    return HttpReply(WXSUB_HTTP_ANSWERED, http_status, std::move(body));
  }
  /// No byte of the request left, surely. `why` is for an operator, without the URL.
  static HttpReply not_sent(std::string why) { return HttpReply(WXSUB_HTTP_NOT_SENT, 0, std::move(why)); }
  /// The request left, or may have, and no whole answer came. `why` is for an operator, without the URL.
  static HttpReply maybe_sent(std::string why) { return HttpReply(WXSUB_HTTP_MAYBE_SENT, 0, std::move(why)); }

 private:
  friend class Client;

  HttpReply(std::int32_t end, std::int32_t http_status, std::string text)
      : end_(end), http_status_(http_status), text_(std::move(text)) {}

  std::int32_t end_;
  std::int32_t http_status_;
  std::string text_;
};

#if WXSUB_HAS_EXCEPTIONS
/// Thrown by Result::or_throw(), and by nothing else. what() is "WXSUB_E_NO_QUOTA: what happened and what to do".
class Error : public std::runtime_error {
 public:
  explicit Error(const Result &result)
      : std::runtime_error(std::string(result.status_name()) + ": " + result.raw().message), result_(result) {}

  const Result &result() const noexcept { return result_; }

 private:
  Result result_;
};

inline Result Result::or_throw() const {
  if (!ok()) throw Error(*this);
  return *this;
}
#endif

/// JSON objects, member by member. Setting a name again replaces its value.
namespace json {

/// A string with its quotes; NULL is null. Bytes from 0x80 on pass unchanged: wxsub itself refuses what is not UTF-8.
inline std::string quoted(const Text &text) {
  if (text.c_str() == nullptr) return "null";
  static const char hex[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text.c_str()[i];
    const unsigned char byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

class Object {
 public:
  /// `value` is JSON already.
  void set(const Text &name, std::string value) {
    std::string key = quoted(name);
    for (Member &member : members_) {
      if (member.first == key) {
        member.second = std::move(value);
        return;
      }
    }
    members_.emplace_back(std::move(key), std::move(value));
  }

  bool empty() const noexcept { return members_.empty(); }

  std::string text() const {
    std::string out = "{";
    for (const Member &member : members_) {
      if (out.size() > 1) out += ',';
      out += member.first;
      out += ':';
      out += member.second;
    }
    out += '}';
    return out;
  }

 private:
  using Member = std::pair<std::string, std::string>;
  std::vector<Member> members_;
};

}  // namespace json

/// A configuration, for Client::open(). The names, meanings and defaults are those of wxsub_init in wxsub.h.
class Config {
 public:
  Config &appid(const Text &appid) { return string("appid", appid); }
  Config &secret(const Text &secret) { return string("secret", secret); }
  Config &store(const Text &path) { return string("store", path); }
  Config &api_base(const Text &url) { return string("api_base", url); }
  /// Several, in order of preference.
  Config &api_bases(const std::vector<std::string> &urls) {
    std::string list = "[";
    for (const std::string &url : urls) {
      if (list.size() > 1) list += ',';
      list += json::quoted(url);
    }
    return raw("api_base", list + "]");
  }
  /// "stable", "legacy" or "external".
  Config &token(const Text &source) { return string("token", source); }
  Config &timeout_ms(std::uint32_t ms) { return number("timeout_ms", ms); }
  Config &connect_timeout_ms(std::uint32_t ms) { return number("connect_timeout_ms", ms); }
  Config &max_attempts(std::uint32_t requests) { return number("max_attempts", requests); }
  Config &proxy(const Text &url) { return string("proxy", url); }
  Config &ca_file(const Text &path) { return string("ca_file", path); }
  /// "full" or "normal".
  Config &durability(const Text &durability) { return string("durability", durability); }
  /// "strict", "truncate" or "off".
  Config &validate(const Text &validate) { return string("validate", validate); }
  /// "enforce" or "observe".
  Config &quota(const Text &quota) { return string("quota", quota); }
  /// "developer", "trial" or "formal".
  Config &miniprogram_state(const Text &state) { return string("miniprogram_state", state); }
  /// "zh_CN", "en_US", "zh_HK" or "zh_TW".
  Config &lang(const Text &lang) { return string("lang", lang); }
  /// "auto" or "off"; a list takes raw().
  Config &templates(const Text &templates) { return string("templates", templates); }
  /// How many submitted messages are sent at once.
  Config &workers(std::uint32_t threads) { return number("workers", threads); }
  /// Submitted messages that may wait, and tickets without a polled result.
  Config &queue_capacity(std::uint32_t messages) { return number("queue_capacity", messages); }
  /// Submitted and stored messages that this process begins in a second; may be below 1.
  Config &max_per_second(double messages) {
    std::ostringstream text;
    text.imbue(std::locale::classic());  // a decimal point everywhere
    text.precision(std::numeric_limits<double>::max_digits10);
    text << messages;
    return raw("max_per_second", text.str());
  }
  /// Token and EncodingAESKey (NULL: none) of the console's message push, for Client::handle_event(); and the key before,
  /// while it is being changed. Without a key nothing signs the bodies: only accepts are taken, unless trust_plain().
  Config &event(const Text &token, const Text &aes_key = nullptr, const Text &aes_key_previous = nullptr) {
    event_.set("token", json::quoted(token));
    if (aes_key.c_str() != nullptr) event_.set("aes_key", json::quoted(aes_key));
    if (aes_key_previous.c_str() != nullptr) event_.set("aes_key_previous", json::quoted(aes_key_previous));
    return raw("event", event_.text());
  }
  /// With event() without a key: refusals and results are taken, too, since only WeChat reaches the address.
  Config &trust_plain(bool trust = true) {
    event_.set("trust_plain", trust ? "true" : "false");
    return raw("event", event_.text());
  }
  /// Accepts that a player may pile up for one template; 0: no limit.
  Config &max_count(std::uint32_t accepts) { return number("max_count", accepts); }
  /// The time zone in which days are counted, like "+08:00".
  Config &utc_offset(const Text &zone) { return string("utc_offset", zone); }
  /// How long it is kept what became of each answer and message; 0: not at all.
  Config &history_days(std::uint32_t days) { return number("history_days", days); }
  /// How long the numbers of each day and template are kept.
  Config &funnel_days(std::uint32_t days) { return number("funnel_days", days); }
  /// "sender" or "observer": for operators' programs, which send nothing.
  Config &role(const Text &role) { return string("role", role); }
  /// Caps, quiet hours and budgets, as JSON: {"per_day": 2, "quiet": "22:00-09:00"}.
  Config &rules(const Text &rules) { return raw("rules", rules); }
  /// What the names of the keys in Redis begin with.
  Config &store_prefix(const Text &prefix) { return string("store_prefix", prefix); }
  /// Hours for which Client::ask() leaves a player alone with a template after he refused it; 72 by default.
  Config &ask_again_hours(std::uint32_t hours) { return number("ask_again_hours", hours); }
  /// Any key, with a value that is JSON already.
  Config &raw(const Text &key, const Text &value) {
    object_.set(key, value.c_str() == nullptr ? "null" : value.c_str());
    return *this;
  }

  std::string json() const { return object_.text(); }

 private:
  Config &string(const char *key, const Text &value) {
    object_.set(key, json::quoted(value));
    return *this;
  }
  Config &number(const char *key, std::uint32_t value) {
    object_.set(key, std::to_string(value));
    return *this;
  }

  json::Object object_;
  json::Object event_;
};

/// A message, for Client::send() and Client::submit(). Values are escaped; whether they keep their template's rules is
/// for wxsub to say.
class Message {
 public:
  Message &to(const Text &openid) { return string("touser", openid); }
  Message &template_id(const Text &template_id) { return string("template_id", template_id); }
  Message &page(const Text &page) { return string("page", page); }
  /// "developer", "trial" or "formal".
  Message &miniprogram_state(const Text &state) { return string("miniprogram_state", state); }
  /// "zh_CN", "en_US", "zh_HK" or "zh_TW".
  Message &lang(const Text &lang) { return string("lang", lang); }
  /// value("thing1", "...") for {{thing1.DATA}} in the template.
  Message &value(const Text &key, const Text &value) {
    data_.set(key, "{\"value\":" + json::quoted(value) + "}");
    return *this;
  }
  /// A whole number for {{number1.DATA}} and the like.
  template <class Integer>
  Message &number(const Text &key, Integer number) {
    static_assert(std::is_integral<Integer>::value && !std::is_same<Integer, bool>::value,
                  "whole numbers only: write decimals as text and give them to value()");
    return value(key, std::to_string(number));
  }
  /// Any other field, with a value that is JSON already: it travels on to WeChat.
  Message &raw(const Text &field, const Text &value) {
    object_.set(field, value.c_str() == nullptr ? "null" : value.c_str());
    return *this;
  }

  std::string json() const {
    json::Object whole = object_;
    if (!data_.empty()) whole.set("data", data_.text());
    return whole.text();
  }

 private:
  Message &string(const char *field, const Text &value) {
    object_.set(field, json::quoted(value));
    return *this;
  }

  json::Object object_;
  json::Object data_;
};

/// Options of one message.
class Options {
 public:
  /// A point in time; of std::chrono::system_clock, with any unit.
  template <class Duration>
  using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;

  /// Idempotency, at most 512 bytes: the same key for this player sends once.
  Options &key(const Text &key) { return set("key", json::quoted(key)); }
  /// Your own number, echoed in Result::tag().
  Options &tag(std::uint64_t tag) { return set("tag", std::to_string(tag)); }
  /// For this send instead of the configured one.
  Options &timeout_ms(std::uint32_t ms) { return set("timeout_ms", std::to_string(ms)); }

  /// The configured rules bind it: Status::skipped where one keeps it back.
  Options &rules(bool rules = true) { return set("rules", rules ? "true" : "false"); }

  // The rest is for Client::submit().

  /// Put into the store, where it survives a crash. Its verdict comes as an outcome.
  Options &durable(bool durable = true) { return set("durable", durable ? "true" : "false"); }
  /// When to send it, in Unix milliseconds; implies durable().
  Options &deliver_at(std::int64_t unix_ms) { return set("deliver_at", std::to_string(unix_ms)); }
  template <class Duration>
  Options &deliver_at(Time<Duration> time) {
    return deliver_at(in_ms(time));
  }
  /// When it is too late, in Unix milliseconds: Status::expired then.
  Options &expires_at(std::int64_t unix_ms) { return set("expires_at", std::to_string(unix_ms)); }
  template <class Duration>
  Options &expires_at(Time<Duration> time) {
    return expires_at(in_ms(time));
  }
  /// With durable() and a key().
  Options &on_conflict(OnConflict conflict) {
    return set("on_conflict", conflict == OnConflict::replace ? "\"replace\"" : "\"keep\"");
  }
  /// With durable().
  Options &on_unknown(OnUnknown unknown) {
    return set("on_unknown", unknown == OnUnknown::resend ? "\"resend\"" : "\"report\"");
  }
  /// False: neither its result nor its outcome is wanted, and it has no ticket.
  Options &notify(bool notify) { return set("notify", notify ? "true" : "false"); }

  std::string json() const { return object_.text(); }

 private:
  template <class Duration>
  static std::int64_t in_ms(Time<Duration> time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  }
  Options &set(const char *name, std::string value) {
    object_.set(name, std::move(value));
    return *this;
  }

  json::Object object_;
};

/// A client: one appid, one store. Move-only; closes itself. One that is not open answers Status::state.
class Client {
 public:
  /// Gets each log line: `level` is WXSUB_LOG_*, `message` is valid during the call only. Called from any thread, also
  /// at once from several. An exception that leaves it is swallowed.
  using Log = std::function<void(int level, const char *message)>;
  /// Makes one request, once, without following redirects, and says whether it left. Called from any thread, also at
  /// once from several. An exception that leaves it is an HttpReply::maybe_sent(); its text, which may hold the URL, is
  /// not kept.
  using Transport = std::function<HttpReply(const HttpRequest &request)>;

  Client() noexcept = default;
  Client(const Client &) = delete;
  Client &operator=(const Client &) = delete;
  Client(Client &&other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
  Client &operator=(Client &&other) noexcept {
    if (this != &other) {
      close();
      handle_ = other.handle_;
      other.handle_ = nullptr;
    }
    return *this;
  }
  ~Client() { close(); }

  /// wxsub_init. What this client had open before is closed first. Status::internal when the library that was loaded
  /// is older than this header.
  WXSUB_NODISCARD Result open(const Text &config_json) {
    close();
    if (wxsub_abi() < WXSUB_ABI) {
      return Result::made(WXSUB_E_INTERNAL,
                          "the libwxsub that was loaded is older than the wxsub.h of this program: install the one "
                          "that came with the header");
    }
    return call({&config_json}, [&](wxsub_result *out) { return wxsub_init(config_json.c_str(), &handle_, out); });
  }
  WXSUB_NODISCARD Result open(const Config &config) { return open(config.json()); }

  /// wxsub_free.
  void close() noexcept {
    wxsub_free(handle_);
    handle_ = nullptr;
  }

  bool is_open() const noexcept { return handle_ != nullptr; }
  explicit operator bool() const noexcept { return is_open(); }

  /// For calls of wxsub.h; NULL when not open. It stays this object's: don't free it, see rule 4.
  wxsub_client *handle() const noexcept { return handle_; }

  /// wxsub_report. `template_id` NULL with Answer::reject: every template of this player.
  WXSUB_NODISCARD Result report(const Text &openid, const Text &template_id, Answer answer,
                                const Text &key = nullptr) const {
    return call({&openid, &template_id, &key}, [&](wxsub_result *out) {
      return wxsub_report(handle_, openid.c_str(), template_id.c_str(), static_cast<std::int32_t>(answer), key.c_str(),
                          out);
    });
  }

  /// wxsub_report_json: what the player's game client got from WeChat, untouched. One result per template, at most
  /// 64; none when there was nothing to count. If the whole call failed there is one result, not ok(), without a
  /// template_id(), and nothing was changed, unless its retry is unsafe (Redis): then only the same
  /// key makes another call safe.
  WXSUB_NODISCARD std::vector<Result> report_json(const Text &openid, const Text &json,
                                                  const Text &key = nullptr) const {
    const char *text = json.c_str();
    // Each entry has a colon. A second call with more room would count twice.
    const std::ptrdiff_t colons = text == nullptr ? 0 : std::count(text, text + json.size(), ':');
    std::vector<Result> results(static_cast<std::size_t>((std::min<std::ptrdiff_t>)(colons + 1, 65)));
    static_assert(sizeof(Result) == sizeof(wxsub_result), "the results lie one after the other");
    std::size_t count = 0;
    const Result whole = call({&openid, &json, &key}, [&](wxsub_result *) {
      return wxsub_report_json(handle_, openid.c_str(), text, key.c_str(), &results[0].raw_, results.size(), &count);
    });
    if (whole) {
      results.resize((std::min)(count, results.size()));
    } else {
      results.resize(1);
      if (results[0]) results[0] = whole;
    }
    return results;
  }

  /// wxsub_quota: Result::remaining() is how many messages this player still allows from this template.
  WXSUB_NODISCARD Result quota(const Text &openid, const Text &template_id) const {
    std::int64_t remaining = -1;
    Result result = call({&openid, &template_id}, [&](wxsub_result *out) {
      return wxsub_quota(handle_, openid.c_str(), template_id.c_str(), &remaining, out);
    });
    result.raw_.remaining = remaining;
    return result;
  }

  /// wxsub_send: waits for the verdict.
  WXSUB_NODISCARD Result send(const Message &message) const { return send(Text(message.json()), nullptr); }
  WXSUB_NODISCARD Result send(const Message &message, const Options &options) const {
    return send(message.json(), options.json());
  }
  /// With WeChat's own request body, and the options as JSON or NULL.
  WXSUB_NODISCARD Result send(const Text &message_json, const Text &options_json = nullptr) const {
    return call({&message_json, &options_json}, [&](wxsub_result *out) {
      return wxsub_send(handle_, message_json.c_str(), options_json.c_str(), out);
    });
  }

  /// wxsub_submit: never waits. Result::ticket() is the ticket, whose result comes by poll(): exactly one, whatever
  /// happens. Status::queue_full: poll, and submit again in the next frame.
  WXSUB_NODISCARD Result submit(const Message &message) const { return submit(Text(message.json()), nullptr); }
  WXSUB_NODISCARD Result submit(const Message &message, const Options &options) const {
    return submit(message.json(), options.json());
  }
  /// With WeChat's own request body, and the options as JSON or NULL.
  WXSUB_NODISCARD Result submit(const Text &message_json, const Text &options_json = nullptr) const {
    return call({&message_json, &options_json}, [&](wxsub_result *why) {
      return wxsub_submit(handle_, message_json.c_str(), options_json.c_str(), nullptr, why);
    });
  }

  /// wxsub_submit_report: report() without waiting for the disk. The answer is there when the ticket's result is ok().
  WXSUB_NODISCARD Result submit_report(const Text &openid, const Text &template_id, Answer answer,
                                       const Text &key = nullptr, std::uint64_t tag = 0) const {
    return call({&openid, &template_id, &key}, [&](wxsub_result *why) {
      return wxsub_submit_report(handle_, openid.c_str(), template_id.c_str(), static_cast<std::int32_t>(answer),
                                 key.c_str(), tag, nullptr, why);
    });
  }

  /// wxsub_poll: takes finished results, of tickets and outcomes, into the caller's array. Waits up to `wait` for the first;
  /// not at all by default. Still works after shutdown().
  WXSUB_NODISCARD Polled poll(Result *results, std::size_t capacity,
                              std::chrono::milliseconds wait = std::chrono::milliseconds::zero()) const {
    std::size_t count = 0;
    const Result result = call({}, [&](wxsub_result *) {
      return wxsub_poll(handle_, results == nullptr ? nullptr : &results->raw_, capacity, in_ms(wait), &count);
    });
    return Polled(result, results, (std::min)(count, capacity));
  }
#if WXSUB_CPLUSPLUS >= 202002L
  WXSUB_NODISCARD Polled poll(std::span<Result> results,
                              std::chrono::milliseconds wait = std::chrono::milliseconds::zero()) const {
    return poll(results.data(), results.size(), wait);
  }
#endif
  /// The same into a vector, which holds what was taken then, up to `most`, and nothing else.
  WXSUB_NODISCARD Polled poll(std::vector<Result> &results,
                              std::chrono::milliseconds wait = std::chrono::milliseconds::zero(),
                              std::size_t most = 64) const {
    results.resize(most);
    const Polled polled = poll(results.data(), results.size(), wait);
    results.resize(polled.size());
    return Polled(polled.result, results.data(), results.size());
  }

  /// wxsub_poll_handle: a descriptor that is readable while poll() has something; -1 unless the result is ok(). Linux
  /// only. It is the client's: only wait for it.
  WXSUB_NODISCARD std::pair<Result, std::ptrdiff_t> poll_handle() const {
    std::ptrdiff_t handle = -1;
    const Result result = call({}, [&](wxsub_result *) { return wxsub_poll_handle(handle_, &handle); });
    return {result, handle};
  }

  /// wxsub_cancel: when it is ok(), the message with this key will not be sent. Status::too_late, Status::not_found.
  WXSUB_NODISCARD Result cancel(const Text &openid, const Text &key) const {
    return call({&openid, &key}, [&](wxsub_result *out) {
      return wxsub_cancel(handle_, openid.c_str(), key.c_str(), out);
    });
  }

  /// wxsub_lookup: what became of the message with this key. replayed(): this is how it ended. stored(): it waits in
  /// the store. Status::busy: it is in the queue or being sent. Status::not_found.
  WXSUB_NODISCARD Result lookup(const Text &openid, const Text &key) const {
    return call({&openid, &key}, [&](wxsub_result *out) {
      return wxsub_lookup(handle_, openid.c_str(), key.c_str(), out);
    });
  }

  /// wxsub_shutdown: takes in nothing more, and lets what was submitted and what runs end, for up to `drain`. Then poll()
  /// what is left, and close(). `unfinished` (may be NULL) gets how much did not end in time.
  WXSUB_NODISCARD Result shutdown(std::chrono::milliseconds drain, std::size_t *unfinished = nullptr) const {
    return call({}, [&](wxsub_result *) { return wxsub_shutdown(handle_, in_ms(drain), unfinished); });
  }

  /// wxsub_get_stats: what was done so far, and what waits now. All 0 unless the result is ok().
  WXSUB_NODISCARD std::pair<Result, wxsub_stats> stats() const {
    wxsub_stats stats = WXSUB_STATS_INIT;
    const Result result = call({}, [&](wxsub_result *) { return wxsub_get_stats(handle_, &stats); });
    return {result, stats};
  }

  /// wxsub_handle_event: what WeChat pushed to the host's HTTP endpoint; the raw query string and body. No body: the
  /// check of the address (a GET). A body may hold anything, also NUL bytes: not as a C string, then.
  WXSUB_NODISCARD EventReply handle_event(const Text &query, const Text &body = nullptr) const {
    // A reply is "success", or a part of the query.
    std::string reply((std::max)(query.size(), std::size_t{64}), '\0');
    std::size_t length = 0;
    const Result result = call({&query}, [&](wxsub_result *out) {
      return wxsub_handle_event(handle_, query.c_str(), body.c_str(), body.size(), &reply[0], reply.size(), &length,
                                out);
    });
    reply.resize(length);
    return {result, std::move(reply)};
  }

  /// wxsub_open_event: verifies and decrypts what WeChat pushed, of any kind, and applies nothing; the message as WeChat
  /// wrote it, for those that are not_ours(). Before or after handle_event(). Empty unless the result is ok().
  WXSUB_NODISCARD std::pair<Result, std::string> open_event(const Text &query, const Text &body) const {
    // A message is never longer than the body that carries it.
    std::string plain(body.size() + 1, '\0');
    std::size_t length = 0;
    const Result result = call({&query}, [&](wxsub_result *why) {
      return wxsub_open_event(handle_, query.c_str(), body.c_str(), body.size(), &plain[0], plain.size(), &length, why);
    });
    plain.resize(result.ok() ? length : 0);
    return {result, std::move(plain)};
  }

  /// wxsub_ask: which templates to ask a player for now. The request and the reply are JSON, as there; the reply is empty
  /// unless the result is ok().
  WXSUB_NODISCARD std::pair<Result, std::string> ask(const Text &openid, const Text &request) const {
    // More than any plan for the 64 templates of a request.
    std::string reply(65536, '\0');
    std::size_t length = 0;
    const Result result = call({&openid, &request}, [&](wxsub_result *why) {
      return wxsub_ask(handle_, openid.c_str(), request.c_str(), &reply[0], reply.size(), &length, why);
    });
    reply.resize(result.ok() ? length : 0);
    return {result, std::move(reply)};
  }

  /// wxsub_login: who a login code (wx.login in the game) belongs to. The identity is empty unless the result is ok().
  WXSUB_NODISCARD std::pair<Result, Identity> login(const Text &code) const {
    Identity identity;
    const Result result = call({&code}, [&](wxsub_result *why) {
      return wxsub_login(handle_, code.c_str(), &identity.raw_, why);
    });
    return {result, identity};
  }

  /// wxsub_check: tells an operator in words, in Result::message(), whether it will work.
  WXSUB_NODISCARD Result check() const {
    return call({}, [&](wxsub_result *out) { return wxsub_check(handle_, out); });
  }

  /// wxsub_admin: an operator's request and its reply, both JSON. Empty unless the result is ok().
  WXSUB_NODISCARD std::pair<Result, std::string> admin(const Text &request_json) const {
    // Every reply fits into 64 KiB; with more a page has all the rows that it was asked for.
    std::string reply(256 * 1024, '\0');
    std::size_t length = 0;
    const Result result = call({&request_json}, [&](wxsub_result *why) {
      return wxsub_admin(handle_, request_json.c_str(), &reply[0], reply.size(), &length, why);
    });
    reply.resize(result.ok() ? length : 0);
    return {result, std::move(reply)};
  }

  /// The numbers of this client in Prometheus' text format, for an endpoint of yours. Empty unless the result is ok().
  WXSUB_NODISCARD std::pair<Result, std::string> metrics() const {
    const std::pair<Result, std::string> reply = admin("{\"do\":\"metrics\"}");
    std::string text;
    // {"metrics":"..."}, where nothing but quotes and line breaks is escaped.
    const std::size_t begin = std::strlen("{\"metrics\":\""), end = std::strlen("\"}");
    for (std::size_t at = begin; at + end < reply.second.size(); at++) {
      const bool escaped = reply.second[at] == '\\';
      const char next = reply.second[escaped ? ++at : at];
      text += escaped && next == 'n' ? '\n' : next;
    }
    return {reply.first, std::move(text)};
  }

  /// wxsub_set_token.
  WXSUB_NODISCARD Result set_token(const Text &access_token, std::uint32_t expires_in_s) const {
    return call({&access_token}, [&](wxsub_result *) {
      return wxsub_set_token(handle_, access_token.c_str(), expires_in_s);
    });
  }

  /// wxsub_set_log. An empty function turns logging off. `log` lives until another takes its place or the client is
  /// closed and its last line is out; it is destroyed at once when this call fails.
  WXSUB_NODISCARD Result set_log(Log log, int max_level = WXSUB_LOG_INFO) const {
    return call({}, [&](wxsub_result *) {
      return log ? wxsub_set_log(handle_, write_line, new Log(std::move(log)), destroy_log, max_level)
                 : wxsub_set_log(handle_, nullptr, nullptr, nullptr, WXSUB_LOG_OFF);
    });
  }

  /// wxsub_set_transport: has a function of the host's carry all requests to WeChat. An empty function: the library
  /// does again. `transport` lives until another takes its place or the client is closed, and its last call has come
  /// back; it is destroyed at once when this call fails.
  WXSUB_NODISCARD Result set_transport(Transport transport) const {
    return call({}, [&](wxsub_result *) {
      return transport ? wxsub_set_transport(handle_, carry, new Transport(std::move(transport)), destroy_transport)
                       : wxsub_set_transport(handle_, nullptr, nullptr, nullptr);
    });
  }

 private:
  friend class Futures;

  template <class Function>
  static Result call(std::initializer_list<const Text *> texts, Function function) {
    for (const Text *text : texts) {
      if (text->has_nul()) {
        return Result::made(WXSUB_E_ARG, "a string argument has a NUL byte in it; nothing was done");
      }
    }
    Result result;
    result.raw_.remaining = -1;
    result.raw_.status = function(&result.raw_);
    // Not every function of wxsub.h explains itself.
    return result || result.raw_.message[0] != '\0' ? result
                                                    : Result::made(result.raw_.status, result.status_name());
  }

  static void write_line(void *user_data, std::int32_t level, const char *message) {
#if WXSUB_HAS_EXCEPTIONS
    try {
      (*static_cast<const Log *>(user_data))(level, message);
    } catch (...) {  // there are no C++ frames above to catch it
    }
#else
    (*static_cast<const Log *>(user_data))(level, message);
#endif
  }

  static void destroy_log(void *user_data) { delete static_cast<Log *>(user_data); }

  static std::int32_t carry(void *user_data, const wxsub_http_request *request, wxsub_http_response *response) {
    const Transport &transport = *static_cast<const Transport *>(user_data);
#if WXSUB_HAS_EXCEPTIONS
    try {
      return answer(transport(HttpRequest(*request)), *response);
    } catch (...) {  // there are no C++ frames above to catch it
      return no_answer(WXSUB_HTTP_MAYBE_SENT, "the host's transport threw an exception", *response);
    }
#else
    return answer(transport(HttpRequest(*request)), *response);
#endif
  }

  static std::int32_t answer(const HttpReply &reply, wxsub_http_response &response) {
    if (reply.end_ != WXSUB_HTTP_ANSWERED) return no_answer(reply.end_, reply.text_.c_str(), response);
    if (reply.text_.size() > response.body_capacity) {
      return no_answer(WXSUB_HTTP_MAYBE_SENT, "the answer is longer than wxsub takes", response);
    }
    response.http_status = reply.http_status_;
    response.body_len = reply.text_.size();
    if (!reply.text_.empty()) std::memcpy(response.body, reply.text_.data(), reply.text_.size());
    return WXSUB_HTTP_ANSWERED;
  }

  static std::int32_t no_answer(std::int32_t end, const char *why, wxsub_http_response &response) {
    std::memset(response.message, 0, sizeof response.message);
    std::memcpy(response.message, why, (std::min)(std::strlen(why), sizeof response.message - 1));
    return end;
  }

  static void destroy_transport(void *user_data) { delete static_cast<Transport *>(user_data); }

  static std::uint32_t in_ms(std::chrono::milliseconds time) {
    if (time < std::chrono::milliseconds::zero()) return 0;
    return static_cast<std::uint32_t>((std::min<std::chrono::milliseconds::rep>)(time.count(), UINT32_MAX));
  }

  wxsub_client *handle_ = nullptr;
};

/// Results as futures: submit() gives one at once, and whoever calls pump(), the loop or a thread of the host's, has it
/// get its result. Any number of threads may submit and pump at once. All results of the client must come through here
/// then: nobody else polls.
///
///   wxsub::Futures futures(client, [](const wxsub::Result &outcome) { ... });
///   std::future<wxsub::Result> sent = futures.submit(message);
///   ...
///   futures.pump();  // in each frame
///
/// Each future gets exactly one result: that of its ticket; why it was not submitted; or, when this object goes or the
/// client is closed before there was one, Status::unknown with Retry::unsafe: the message may have been sent, or still
/// be. None is ever broken. To wait for all of them at the end, shut the client down and pump until waiting() is 0.
class Futures {
 public:
  /// Gets what belongs to no future of this object, in the thread that pumps: outcomes of durable messages, and results
  /// of what was submitted by the client itself. It may submit and pump. What it throws leaves pump(); what it was not
  /// given yet then comes with the next.
  using Other = std::function<void(const Result &result)>;

  /// The client need not stay where it is: it may be moved, and closed.
  explicit Futures(const Client &client, Other other = nullptr) : other_(std::move(other)) {
    client_.handle_ = client.handle_;
  }
  Futures(const Futures &) = delete;
  Futures &operator=(const Futures &) = delete;
  ~Futures() {
    client_.handle_ = nullptr;  // it is the host's, and stays open
    end_all();
  }

  /// Client::submit(). With Options::notify(false) the future has a result at once: whether it was taken in.
  WXSUB_NODISCARD std::future<Result> submit(const Message &message) {
    return opened([&] { return client_.submit(message); });
  }
  WXSUB_NODISCARD std::future<Result> submit(const Message &message, const Options &options) {
    return opened([&] { return client_.submit(message, options); });
  }
  WXSUB_NODISCARD std::future<Result> submit(const Text &message_json, const Text &options_json = nullptr) {
    return opened([&] { return client_.submit(message_json, options_json); });
  }

  /// Client::submit_report().
  WXSUB_NODISCARD std::future<Result> submit_report(const Text &openid, const Text &template_id, Answer answer,
                                                    const Text &key = nullptr, std::uint64_t tag = 0) {
    return opened([&] { return client_.submit_report(openid, template_id, answer, key, tag); });
  }

  /// Takes all results there are, waiting up to `wait` for the first one, and hands them out. Not ok() when the client is
  /// closed (or this is a child of fork()): no future waits any more then.
  Result pump(std::chrono::milliseconds wait = std::chrono::milliseconds::zero()) {
    Result batch[16];
    for (bool more = true; more;) {
      const Polled polled = client_.poll(batch, sizeof batch / sizeof batch[0], wait);
      if (!polled.result) {
        end_all();
        hand_on();  // what is left of an earlier pump
        return polled.result;
      }
      settle(polled);
      hand_on();
      more = polled.size() == sizeof batch / sizeof batch[0];
      wait = std::chrono::milliseconds::zero();
    }
    return Result();
  }

  /// How many futures have no result yet.
  std::size_t waiting() const {
    const std::lock_guard<std::mutex> hold(lock_);
    return open_.size();
  }

 private:
  template <class Submit>
  std::future<Result> opened(Submit submit) {
    std::promise<Result> promise;
    std::future<Result> future = promise.get_future();
    // Held while it is submitted: another thread may pump its result before its ticket is known here.
    const std::lock_guard<std::mutex> hold(lock_);
    const Result accepted = submit();
    if (accepted.ticket() == 0) {
      promise.set_value(accepted);
    } else {
      open_.emplace(accepted.ticket(), std::move(promise));
    }
    return future;
  }

  void settle(const Polled &polled) {
    const std::lock_guard<std::mutex> hold(lock_);
    for (const Result &result : polled) {
      const auto found = open_.find(result.ticket());
      if (found != open_.end()) {
        found->second.set_value(result);
        open_.erase(found);
      } else if (other_) {
        others_.push_back(result);
      }
    }
  }

  // One by one and without the lock, since the host's function may throw, and may call this object.
  void hand_on() {
    for (;;) {
      Result next;
      {
        const std::lock_guard<std::mutex> hold(lock_);
        if (others_.empty()) return;
        next = others_.front();
        others_.pop_front();
      }
      other_(next);
    }
  }

  void end_all() {
    const std::lock_guard<std::mutex> hold(lock_);
    for (auto &open : open_) {
      Result lost = Result::made(WXSUB_E_UNKNOWN,
                                 "the client was closed, or its Futures went, before the result came: it may have been "
                                 "sent, or still be");
      lost.raw_.retry = WXSUB_RETRY_UNSAFE;
      lost.raw_.ticket = open.first;
      open.second.set_value(lost);
    }
    open_.clear();
  }

  Client client_;
  const Other other_;
  mutable std::mutex lock_;
  std::unordered_map<std::uint64_t, std::promise<Result>> open_;
  std::deque<Result> others_;
};

}  // namespace wxsub

#endif  // WXSUB_HPP
