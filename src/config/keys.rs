//! The public contract about JSON that comes in: every key of the configuration, with its type, limits, default and
//! meaning. What is read, the header's text and the tables in `docs/` are made from it; `tests/contract/` compares the
//! wrappers with it.

/// A key of the configuration, or an option of a call.
#[derive(Clone, Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// What counts without it.
    pub default: Default,
    /// What it is for, in the Markdown of `docs/`; the header has it as plain text.
    pub meaning: &'static str,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A string that is not empty, of at most this many bytes; 0: as many as fit.
    Text(usize),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A whole number from the first to the last.
    Whole(u64, u64),
    /// A number above 0.
    Above0,
    /// true or false.
    Bool,
    /// Unix milliseconds.
    Time,
    /// One string or a list of strings.
    TextOrList,
    /// One of these, or a list.
    OneOfOrList(&'static [&'static str]),
    /// An object with these keys.
    Object,
    /// An object whose form the meaning tells.
    Json,
}

/// What counts where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Default {
    /// It must be there.
    Required,
    /// This text.
    Text(&'static str),
    /// This number.
    Number(u64),
    /// This.
    Bool(bool),
    /// What these words say.
    Words(&'static str),
}

/// The longest `timeout_ms` that may be asked for.
pub const MAX_TIMEOUT_MS: u64 = 60_000;

/// `miniprogram_state` as WeChat knows it (wechat-api: section 3).
pub const MINIPROGRAM_STATES: &[&str] = &["developer", "trial", "formal"];

/// `lang` as WeChat knows it (wechat-api: section 3).
pub const LANGS: &[&str] = &["zh_CN", "en_US", "zh_HK", "zh_TW"];

/// How long history and funnel may be kept at most, in days.
const MAX_DAYS: u64 = 3650;

const NONE: Default = Default::Words("none");

/// A row of a table.
pub const fn key(name: &'static str, kind: Kind, default: Default, meaning: &'static str) -> Key {
    Key { name, kind, default, meaning }
}

/// What `wxsub_init` takes.
pub const CONFIGURATION: &[Key] = &[
    key("appid", Kind::Text(0), Default::Required, "the game's appid"),
    key(
        "secret",
        Kind::Text(0),
        Default::Required,
        "the game's secret; optional for an observer, and with `\"token\": \"external\"`, where only a login needs it",
    ),
    key(
        "role",
        Kind::OneOf(&["sender", "observer"]),
        Default::Text("sender"),
        "`\"observer\"`: for operators' programs beside the game: sends nothing, claims no stored message, renews no token \
         and needs no secret. Sends, submits and logins are `WXSUB_E_CONFIG`, and `wxsub_check` looks at the store only",
    ),
    key(
        "store",
        Kind::Text(0),
        Default::Text("wxsub.db"),
        "path of the store file, relative to the working directory; `\":memory:\"` for tests: forgotten when closed; for \
         [several machines](redis.md) `redis://[user:password@]host[:port][/db]`, `rediss://…` (TLS), \
         `redis-cluster://host1:port1,host2:port2`, `rediss-cluster://…`. What looks like an address without a scheme is \
         refused",
    ),
    key(
        "api_base",
        Kind::TextOrList,
        Default::Text("https://api.weixin.qq.com"),
        "hosts in order of preference; plain `http://` to a loopback host only",
    ),
    key(
        "token",
        Kind::OneOf(&["stable", "legacy", "external"]),
        Default::Text("stable"),
        "where [the access token](guide.md#the-access-token) comes from: WeChat's endpoint for several askers, its old \
         one, or `wxsub_set_token`",
    ),
    key("timeout_ms", Kind::Whole(1, MAX_TIMEOUT_MS), Default::Number(5000), "for a whole send with its retries"),
    key("connect_timeout_ms", Kind::Whole(1, MAX_TIMEOUT_MS), Default::Number(2000), "for one connection"),
    key(
        "max_attempts",
        Kind::Whole(1, 20),
        Default::Number(3),
        "requests made for one send; another is made only where the one before surely had no effect",
    ),
    key("proxy", Kind::Text(0), NONE, "`http://host:port` to go through; environment variables are ignored"),
    key(
        "ca_file",
        Kind::Text(0),
        Default::Words("built-in list"),
        "PEM file of the only CAs to trust, also for `rediss://`",
    ),
    key(
        "durability",
        Kind::OneOf(&["full", "normal"]),
        Default::Text("full"),
        "`\"full\"`: an acknowledged accept is fsynced (in Redis: confirmed by the server); `\"normal\"`: a power cut may \
         lose the last ones",
    ),
    key(
        "validate",
        Kind::OneOf(&["strict", "truncate", "off"]),
        Default::Text("strict"),
        "`\"strict\"`: a message that breaks a rule of [its template](guide.md#messages-are-checked-against-your-templates) \
         is `WXSUB_E_MESSAGE` with all faults, and nothing is held or sent; `\"truncate\"` cuts free text (thing, \
         short_thing, name) that is merely too long and logs it; `\"off\"` checks nothing",
    ),
    key(
        "templates",
        Kind::OneOfOrList(&["auto", "off"]),
        Default::Text("auto"),
        "`\"auto\"`: the account's own, fetched on first need and kept in the store; `\"off\"`: WeChat is never asked for \
         them; a list of `{\"id\", \"keys\": [\"thing1\", …], \"type\": 2 or 3 (long-term), \"enums\": {KEY: […]}}` or of \
         gettemplate's entries works offline",
    ),
    key(
        "quota",
        Kind::OneOf(&["enforce", "observe"]),
        Default::Text("enforce"),
        "`\"observe\"` counts, but sends also at 0: for a game whose players accepted before it had this library",
    ),
    key(
        "max_count",
        Kind::Whole(0, 1_000_000), // a larger one could not be told from none
        Default::Number(0),
        "an accept that would raise a count above it is `WXSUB_OK` and changes nothing, so that a game client that cheats \
         or repeats does no harm; 0: no limit",
    ),
    key(
        "ask_again_hours",
        Kind::Whole(0, 87_600), // ten years
        Default::Number(72),
        "how long `wxsub_ask` does not propose a template that the player refused",
    ),
    key(
        "utc_offset",
        Kind::Text(0),
        Default::Text("+08:00"),
        "the time zone in which days are counted; the same for all processes of a store",
    ),
    key(
        "history_days",
        Kind::Whole(0, MAX_DAYS),
        Default::Words("30, in Redis 3"),
        "for how many days it is kept what became of each answer and message; 0: not at all. In Redis at most some two million \
         entries, the newest",
    ),
    key(
        "funnel_days",
        Kind::Whole(1, MAX_DAYS),
        Default::Number(400),
        "how long the numbers of each day and template are kept",
    ),
    key(
        "rules",
        Kind::Json,
        NONE,
        "what keeps messages back that the rules bind (campaigns, and sends and stored messages with the option `rules`): \
         `{\"per_day\": N, \"per_week\": N, \"quiet\": \"22:00-09:00\", \"daily_budget\": {TEMPLATE: N}}`, each optional: \
         messages to one player in any 24 hours and 7 days, at most 100, whatever they are of; hours in which nothing is \
         sent, and messages of a template a day, both in `utc_offset`. The same for all processes of a store",
    ),
    key("miniprogram_state", Kind::OneOf(MINIPROGRAM_STATES), NONE, "put into messages that have none"),
    key("lang", Kind::OneOf(LANGS), NONE, "put into messages that have none"),
    key(
        "event",
        Kind::Object,
        NONE,
        "the console's message push, for `wxsub_handle_event` (see [docs/events.md](events.md)): an object with the keys that follow",
    ),
    key("event.token", Kind::Text(0), Default::Required, "the console's Token"),
    key(
        "event.aes_key",
        Kind::Text(0),
        NONE,
        "the console's EncodingAESKey, for its encrypted modes; with it, plaintext is refused",
    ),
    key("event.aes_key_previous", Kind::Text(0), NONE, "the EncodingAESKey before it, while it is being changed"),
    key(
        "event.trust_plain",
        Kind::Bool,
        Default::Bool(false),
        "without `aes_key` nobody signs what is pushed, and only accepts are taken from it; true: refusals and results, \
         too, since only WeChat reaches the address",
    ),
    key(
        "workers",
        Kind::Whole(1, 256),
        Default::Number(4),
        "submitted and stored messages that are sent at once; four send some 200 a second at 20 ms an answer",
    ),
    key(
        "queue_capacity",
        Kind::Whole(1, 10_000_000),
        Default::Number(10_000),
        "submitted messages that may wait, and tickets without a polled result",
    ),
    key(
        "max_per_second",
        Kind::Above0,
        NONE,
        "submitted and stored messages that this process begins in a second; may be below 1",
    ),
    key(
        "store_prefix",
        Kind::Text(0),
        Default::Text("wxsub"),
        "what the names of the keys in Redis begin with; no braces",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_among_what_is_allowed() {
        for Key { name, kind, default, meaning } in CONFIGURATION {
            match (kind, default) {
                (Kind::OneOf(words) | Kind::OneOfOrList(words), Default::Text(word)) => {
                    assert!(words.contains(word), "{name}");
                }
                (Kind::Whole(min, max), Default::Number(number)) => assert!((min..=max).contains(&number), "{name}"),
                (_, Default::Number(_)) => panic!("{name}: a default of another type"),
                _ => {}
            }
            assert!(!meaning.is_empty() && !meaning.contains('|') && !meaning.ends_with('.'), "{name}");
            assert_eq!(CONFIGURATION.iter().filter(|other| other.name == *name).count(), 1, "{name} stands twice");
        }
    }
}
