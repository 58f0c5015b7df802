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
 *  1. Every call returns a Result, which is true when it went well. Nothing throws, std::bad_alloc apart, unless asked
 *     to: client.send(message).or_throw() throws a wxsub::Error that carries the result.
 *  2. Works with -fno-exceptions (or_throw() is then not there) and with -fno-rtti.
 *  3. Strings are UTF-8: a C string, a std::string, and from C++17 on a std::string_view. They are borrowed for the
 *     call. A NULL pointer means what it means in wxsub.h. A NUL byte inside one is Status::arg, never a cut string.
 *  4. A const member function may be called from any number of threads at once. open(), close(), moving and
 *     destruction must not run at the same time as another call on the same object, as with any C++ object. (To close
 *     a client under the feet of other threads, wxsub_free(client.handle()) is fine: they get Status::state.)
 *  5. No logic of its own: what is missing here can be reached through client.handle() and result.raw().
 */

#ifndef WXSUB_HPP
#define WXSUB_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <type_traits>
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

class Client;

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
  /// With Retry::later: not before so many milliseconds.
  std::uint32_t retry_after_ms() const noexcept { return raw_.retry_after_ms; }
  Quota quota() const noexcept { return static_cast<Quota>(raw_.quota); }
  /// Count left for this user and template; -1 not known.
  std::int64_t remaining() const noexcept { return raw_.remaining; }
  /// WeChat's message id; 0 none.
  std::int64_t msgid() const noexcept { return raw_.msgid; }
  /// The number given by Options::tag().
  std::uint64_t tag() const noexcept { return raw_.tag; }
  /// HTTP requests made for the send itself.
  std::uint32_t attempts() const noexcept { return raw_.attempts; }
  std::uint32_t elapsed_ms() const noexcept { return raw_.elapsed_ms; }
  /// An earlier call's answer, found by its key: this call changed nothing.
  bool replayed() const noexcept { return (raw_.flags & WXSUB_REPLAYED) != 0; }
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
  /// What the host sends back as the response's body, with HTTP 200; empty unless result.ok().
  std::string reply;
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
  /// Token and EncodingAESKey (NULL: none) of the console's message push, for Client::handle_event().
  Config &event(const Text &token, const Text &aes_key = nullptr) {
    json::Object keys;
    keys.set("token", json::quoted(token));
    if (aes_key.c_str() != nullptr) keys.set("aes_key", json::quoted(aes_key));
    return raw("event", keys.text());
  }
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
};

/// A message, for Client::send(). Values are escaped; whether they keep their template's rules is for wxsub to say.
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

/// Options of one send.
class Options {
 public:
  /// Idempotency, at most 512 bytes: the same key for this player sends once.
  Options &key(const Text &key) {
    object_.set("key", json::quoted(key));
    return *this;
  }
  /// Your own number, echoed in Result::tag().
  Options &tag(std::uint64_t tag) {
    object_.set("tag", std::to_string(tag));
    return *this;
  }
  /// For this send instead of the configured one.
  Options &timeout_ms(std::uint32_t ms) {
    object_.set("timeout_ms", std::to_string(ms));
    return *this;
  }

  std::string json() const { return object_.text(); }

 private:
  json::Object object_;
};

/// A client: one appid, one store. Move-only; closes itself. One that is not open answers Status::state.
class Client {
 public:
  /// Gets each log line: `level` is WXSUB_LOG_*, `message` is valid during the call only. Called from any thread, also
  /// at once from several. An exception that leaves it is swallowed.
  using Log = std::function<void(int level, const char *message)>;

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
  /// 128; none when there was nothing to count. If the whole call failed there is one result, not ok(), without a
  /// template_id(), and nothing was changed.
  WXSUB_NODISCARD std::vector<Result> report_json(const Text &openid, const Text &json,
                                                  const Text &key = nullptr) const {
    const char *text = json.c_str();
    // Each entry has a colon. A second call with more room would count twice.
    const std::ptrdiff_t colons = text == nullptr ? 0 : std::count(text, text + json.size(), ':');
    std::vector<Result> results(static_cast<std::size_t>((std::min<std::ptrdiff_t>)(colons + 1, 128)));
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

 private:
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

  wxsub_client *handle_ = nullptr;
};

}  // namespace wxsub

#endif  // WXSUB_HPP
