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
    assert_eq!(c.store, "wxsub.db");
    assert_eq!(c.api_base, [Host::wechat()]);
    assert_eq!(c.token, TokenMode::Stable);
    assert!(c.durable && c.enforce_quota);
    assert!(!format!("{c:?}").contains("secret"));
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
        ("store", "\"redis://h\"", "no engine"),
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
}
