use proptest::prelude::*;
use serde_json::Map;

use super::*;

fn refused(text: &str) -> String {
    let e = Config::from_json(text).expect_err(text);
    assert_eq!(e.status, Status::Config, "{text}: {e}");
    e.message
}

#[test]
fn defaults() {
    let c = Config::from_json(r#"{"appid":"wx1","secret":"s"}"#).unwrap();
    assert_eq!((c.timeout_ms, c.connect_timeout_ms, c.max_attempts), (5000, 2000, 3));
    assert_eq!(c.store, StoreAt::File("wxsub.db".to_owned()));
    assert_eq!(c.api_base, [Host::wechat()]);
    assert_eq!(c.token, TokenMode::Stable);
    assert!(c.durable && c.enforce_quota);
    assert_eq!((c.utc_offset_ms, c.history_days, c.funnel_days), (8 * 3_600_000, 30, 400));
    assert!(!format!("{c:?}").contains("secret") && !c.observer);
}

#[test]
fn an_observer_needs_no_secret() {
    let c = Config::from_json(r#"{"appid":"wx1","role":"observer"}"#).unwrap();
    assert!(c.observer && c.secret.is_none());
    assert!(refused(r#"{"appid":"wx1","role":"sender"}"#).contains("secret is missing"));
    assert!(refused(r#"{"appid":"wx1","role":"watcher"}"#).contains("role must be one of"));
}

#[test]
fn days_are_counted_where_the_players_are() {
    for (text, minutes) in [("+08:00", 480), ("-05:30", -330), ("+00:00", 0), ("+14:00", 840), ("-14:00", -840)] {
        let c = Config::from_json(&format!(r#"{{"appid":"x","secret":"s","utc_offset":"{text}"}}"#)).unwrap();
        assert_eq!(c.utc_offset_ms, minutes * 60_000, "{text}");
    }
}

#[cfg(feature = "redis")]
#[test]
fn history_is_kept_shorter_where_it_lies_in_a_servers_memory() {
    let days = |more: &str| {
        let text = format!(r#"{{"appid":"x","secret":"s","store":"redis://h"{more}}}"#);
        Config::from_json(&text).unwrap().history_days
    };
    assert_eq!((days(""), days(r#","history_days":0"#), days(r#","history_days":7"#)), (3, 0, 7));
}

#[test]
fn not_an_object_is_a_wrong_argument() {
    for text in ["", "{", "[]", "1", "{\"appid\":\"a\",}"] {
        assert_eq!(Config::from_json(text).expect_err(text).status, Status::Arg, "{text}");
    }
}

#[test]
fn every_mistake_is_named() {
    let m = refused(r#"{"appId":"x","secret":5,"timeout_ms":60001}"#);
    for part in ["unknown key \"appId\"; did you mean appid?", "appid is missing", "secret must be a string", "60001"] {
        assert!(m.contains(part), "{part} in {m}");
    }
    for (key, meant) in [
        ("appSecret", "secret"),
        ("app_secret", "secret"),
        ("timeoutMs", "timeout_ms"),
        ("miniprogramState", "miniprogram_state"),
        ("apiBase", "api_base"),
    ] {
        let m = refused(&format!(r#"{{"appid":"x","secret":"s","{key}":"y"}}"#));
        assert!(m.contains(&format!("unknown key \"{key}\"; did you mean {meant}?")), "{m}");
    }
    let m = refused(r#"{"appid":"x","secret":"s","event":{"token":"t","EncodingAESKey":"k"}}"#);
    assert!(m.contains("did you mean event.aes_key?"), "{m}");
    let many = refused(r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1}"#);
    assert!(many.len() < 248 && many.contains("more"), "{many}");
    assert!(
        refused(r#"{"appid":"x","secret":"s","zzzzzzzzzzzzzz":1}"#)
            .starts_with("unknown key \"zzzzzzzzzzzzzz\"; wxsub.h")
    );
}

#[test]
fn wrong_values_by_key() {
    for (key, value, part) in [
        ("store", "\"\"", "empty string"),
        ("store", "\"mysql://h\"", "mysql:// is no store"),
        ("store", "\"redis:hunter2@h\"", "two slashes"),
        ("store", "\"redis//:hunter2@h\"", "two slashes"),
        ("store", "\"rediss-cluster:hunter2@h\"", "two slashes"),
        ("store", "\"redis-cluster://h1:6379,password=hunter2\"", "a host holds a ="),
        ("store", "\"host:6379,password=hunter2://x\"", "is no store"),
        ("store", "\"hunter2://h\"", "is no store"),
        ("store", "\"redis://hunter2:x\"", "is no port"),
        ("store", "\"host:6379,password=hunter2\"", "looks like an address"),
        ("store", "\"host,password=hunter2,ssl=True\"", "looks like an address"),
        ("store", "\"hunter2@h:6379\"", "looks like an address"),
        ("store", "\":hunter2@h:6379/0\"", "looks like an address"),
        ("store", "\"//:hunter2@h:6379\"", "looks like an address"),
        ("store", "\"localhost:6379\"", "looks like an address"),
        ("store", "\"10.0.0.1\"", "looks like an address"),
        ("store", "\"::1\"", "looks like an address"),
        ("store", "\"[::1]:6379\"", "looks like an address"),
        ("store", "\"localhost\"", "looks like an address"),
        ("store", "\"file:wxsub.db?mode=memory\"", "looks like an address"),
        ("store", "\"Data Source=wxsub.db;Password=hunter2\"", "looks like an address"),
        ("store", "\"hunter2@host\"", "looks like an address"),
        ("store", "\"hunter2@host/0\"", "looks like an address"),
        ("store", "\"//hunter2@host/0\"", "looks like an address"),
        ("store", "\"hunter2@host/0?x\"", "looks like an address"),
        ("store", "\"host auth=hunter2/0/\"", "looks like an address"),
        ("store", "\"host auth=hunter2/0\"", "looks like an address"),
        ("store", "\"host=h port=6379 auth=hunter2\"", "looks like an address"),
        ("store", "\"redis-cli -h h -a hunter2\"", "looks like an address"),
        ("store", "\":memory\"", "looks like an address"),
        ("store", "\"redis/:hunter2@h\"", "two slashes"),
        ("store", "\"redis;//:hunter2@h\"", "two slashes"),
        ("store", "\"redis://hunter2:@h\"", "the user's password is empty"),
        ("store", "\"swordfish://h\"", "what stands before the :// is no store"),
        ("store", "\"hunter2@h/db0\"", "looks like an address"),
        ("store", "\"hunter2@h/0/?x\"", "looks like an address"),
        ("store", "\"h/0?auth=hunter2\"", "looks like an address"),
        ("store", "\"h -a hunter2/x\"", "looks like an address"),
        ("store", "\"r-bp1234.redis.rds.aliyuncs.com\"", "looks like an address"),
        ("utc_offset", "\"8\"", "like \"+08:00\""),
        ("utc_offset", "\"+8:00\"", "like \"+08:00\""),
        ("utc_offset", "\"+14:01\"", "-14:00"),
        ("utc_offset", "\"+08:60\"", "-14:00"),
        ("utc_offset", "\"++8:00\"", "-14:00"),
        ("utc_offset", "8", "a number"),
        ("history_days", "3651", "from 0 to 3650"),
        ("funnel_days", "0", "from 1 to 3650"),
        ("max_count", "-1", "from 0 to 1000000"),
        ("max_count", "\"5\"", "a string"),
        ("ask_again_hours", "-1", "from 0 to 87600"),
        ("ask_again_hours", "87601", "from 0 to 87600"),
        ("appid", "\"wx{1}\"", "brace"),
        ("store_prefix", "\"a b\"", "space"),
        ("store_prefix", "\"a{b\"", "brace"),
        ("store", "\"a\\u0000b\"", "NUL"),
        ("api_base", "[]", "a list"),
        ("api_base", "\"http://example.com\"", "plain http"),
        ("api_base", "\"http://127.0.0.1.evil.com\"", "plain http"),
        ("api_base", "\"ftp://127.0.0.1\"", "neither"),
        ("api_base", "\"https://u:hunter2@h\"", "user name"),
        ("api_base", "\"https://h/?x=1\"", "query"),
        ("api_base", "\"nonsense\"", "not a URL"),
        ("api_base", "[\"https://h\", 7]", "a number"),
        ("timeout_ms", "0", "from 1 to 60000"),
        ("timeout_ms", "1.5", "whole number"),
        ("timeout_ms", "\"5\"", "a string"),
        ("max_attempts", "-1", "whole number"),
        ("durability", "\"FULL\"", "\"full\""),
        ("quota", "true", "\"enforce\""),
        ("templates", "\"on\"", "\"auto\""),
        ("miniprogram_state", "\"prod\"", "\"formal\""),
        ("lang", "\"zh\"", "\"zh_CN\""),
        ("event", "{\"tokne\":\"x\"}", "event.token?"),
        ("event", "{\"token\":null,\"aes_key\":null}", "event.token is missing"),
        ("event", "{\"token\":\"\\ufefft\"}", "event.token holds a byte order mark"),
        ("secret", "\"\\ufeffs\"", "secret holds a byte order mark"),
        ("event", "[]", "an object"),
        ("workers", "0", "from 1"),
        ("max_per_second", "0", "above 0"),
        ("proxy", "\"socks5://h:1\"", "http://host:port"),
    ] {
        let m = refused(&format!(r#"{{"appid":"x","secret":"s","{key}":{value}}}"#));
        assert!(m.contains(part) && m.contains(key), "{key}={value}: {m}");
        assert!(!m.contains("hunter2"), "{m}");
    }
}

#[test]
fn accepted_values() {
    let c = Config::from_json(
        r#"{"appid":"x","token":"external","api_base":["http://localhost:1/","http://[::1]:2/gw","https://h"],
            "timeout_ms":60000,"secret":null,"proxy":"http://user:pw@h:1","max_per_second":0.5,
            "event":{"token":"t"},"templates":[]}"#,
    )
    .unwrap();
    let hosts: Vec<&str> = c.api_base.iter().map(Host::as_str).collect();
    assert_eq!(hosts, ["http://localhost:1", "http://[::1]:2/gw", "https://h"]);
    assert!(c.secret.is_none());
    for path in [
        "wxsub.db",
        "/var/lib/game/wxsub.db",
        "./a:1.db",
        "../data/10.0.0.1",
        "data/host:6379/wxsub.db",
        "C:\\\\game\\\\wxsub.db",
        "C:/game/wxsub.db",
        "game@prod.db",
        "a,b=c.db",
        "游戏.db",
        "数据：一/wxsub.db",
        "game@prod/wxsub.dat",
        "redis-data@prod/wxsub.db",
        "redis.old@1.db",
        "wxsub.local",
        ":memory:",
    ] {
        let config = Config::from_json(&format!(r#"{{"appid":"x","secret":"s","store":"{path}"}}"#));
        assert!(config.is_ok(), "{path}: {:?}", config.err());
    }
}

/// What no error and no `Debug` may show, wherever in the configuration it stands.
const MARK: &str = "hunter2-hunter2";

fn any_value() -> impl Strategy<Value = Value> {
    const WORDS: [&str; 11] =
        ["stable", "external", "full", "strict", "observe", "auto", "off", "formal", "zh_CN", ":memory:", "https://h"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_u64..70_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(&WORDS[..]).prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        // The way in which serde_json itself writes a number down.
        "[0-9a-z.]{0,8}".prop_map(|n| serde_json::json!({"$serde_json::private::Number": n})),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((any_key(), inner), 0..4)
                .prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

/// A known key, one with a slip of the pen, or any text.
fn any_key() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(keys::CONFIGURATION).prop_map(|key| key.name);
    prop_oneof![
        3 => known.clone().prop_map(str::to_owned),
        1 => (known, any::<proptest::sample::Index>(), proptest::char::any()).prop_map(|(key, at, other)| {
            let at = at.index(key.len());
            key.char_indices().map(|(i, c)| if i == at { other } else { c }).collect()
        }),
        1 => "\\PC{0,60}",
    ]
}

/// The keys whose value is secret, with one that is.
fn secrets() -> impl Strategy<Value = Vec<(String, Value)>> {
    let around = || prop_oneof![Just(String::new()), "\\PC{0,6}", any::<String>()];
    (around(), around(), 0_usize..7).prop_map(|(before, after, shape)| {
        let marked = format!("{before}{MARK}{after}");
        let (key, value) = match shape {
            0 => ("secret", marked.into()),
            1 => ("proxy", marked.into()),
            2 => ("proxy", format!("http://{marked}@127.0.0.1:{after}").into()),
            3 => ("event", serde_json::json!({"token": marked, "aes_key": after})),
            4 => ("event", serde_json::json!({"token": before, "aes_key": marked})),
            5 => ("token", marked.into()),
            _ => ("api_base", format!("https://user:{marked}@{}", after.replace(MARK, "")).into()),
        };
        vec![(key.to_owned(), value)]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn no_configuration_panics_and_none_is_told(
        members in proptest::collection::vec((any_key(), any_value()), 0..8),
        secrets in secrets(),
        good: bool,
    ) {
        let mut all = Map::new();
        if good {
            all.insert("appid".to_owned(), "wx1".into());
            all.insert("secret".to_owned(), MARK.into());
        }
        all.extend(members);
        all.extend(secrets);
        match Config::from_json(&Value::Object(all).to_string()) {
            Ok(config) => {
                let shown = format!("{config:?} {:?} {:?} {:?}", config.secret, config.proxy, config.event);
                prop_assert!(!shown.contains(MARK));
                prop_assert!(!config.appid.is_empty() && !(config.store == StoreAt::File(String::new())) && !config.api_base.is_empty());
                prop_assert!((1..=MAX_TIMEOUT_MS).contains(&config.timeout_ms) && config.max_attempts > 0);
            }
            Err(e) => {
                prop_assert!(e.status == Status::Config || e.status == Status::Arg, "{:?}", e.status);
                let shown = format!("{e} {e:?}");
                prop_assert!(!shown.contains(MARK));
                prop_assert!(e.message.len() >= 15, "{}", e.message);
            }
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        prop_assert!(Config::from_json(&text).is_err());
    }

    #[test]
    fn no_damaged_configuration_is_told(at: proptest::sample::Index, byte: u8, cut: bool) {
        let good = serde_json::json!({
            "appid": "wx1", "secret": MARK, "proxy": format!("http://u:{MARK}@h:1"), "timeout_ms": 100,
            "event": {"token": MARK, "aes_key": MARK}, "templates": [{"id": "t", "keys": ["thing1"]}],
        });
        let mut bytes = good.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(if cut { at } else { bytes.len() });
        if let Err(e) = Config::from_json(&String::from_utf8_lossy(&bytes)) {
            prop_assert!(!e.message.contains(&MARK[1..MARK.len() - 1]), "{}", e.message);
        }
    }

    #[test]
    fn a_number_is_taken_in_its_range_and_in_no_other(ms: i64, near in 59_990_i64..60_010) {
        for ms in [ms, near, near - 60_000] {
            let config = Config::from_json(&format!(r#"{{"appid":"a","secret":"s","timeout_ms":{ms}}}"#));
            prop_assert_eq!(config.is_ok(), (1..=60_000).contains(&ms), "{}", ms);
        }
    }
}
