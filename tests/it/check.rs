//! `wxsub_check` tells an operator in words whether it will work.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant, SystemTime};

use crate::common::process::{Child, play, say};
use crate::common::{TestEnv, left, send};
use serde_json::{Value, json};
use wxsub::{Client, Config, Retry, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, Options, Template, TokenKind};

/// What a result's `message` can show.
const SHOWN: usize = 247;

#[track_caller]
fn assert_told(verdict: &Verdict, status: Status, parts: &[&str]) {
    assert_eq!(verdict.status, status, "{}", verdict.message);
    for part in parts {
        let at = verdict.message.find(part);
        let at = at.unwrap_or_else(|| panic!("{part:?} is not in {:?}", verdict.message));
        assert!(at + part.len() <= SHOWN, "{part:?} is cut off from {:?}", verdict.message);
    }
}

#[test]
fn all_is_well() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    for _ in 0..2 {
        let checked = client.check();
        assert_told(&checked, Status::Ok, &[]);
        assert_eq!(checked.message, "store: writable; network: reached; credentials: right; templates: 3");
        assert_eq!((checked.errcode, checked.retry), (0, Retry::Never));
    }
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), 0, "it sends nothing");
    // It has left nothing behind that matters, and disturbs nobody.
    env.accept(&client, "o1");
    assert_eq!((left(&client, "o1"), send(&client, "o1").status), (1, Status::Ok));
}

#[test]
fn every_way_to_get_tokens() {
    let env = TestEnv::new();
    let right = "store: writable; network: reached; credentials: right; templates: 3";
    let legacy = env.client(json!({"token": "legacy"}));
    for _ in 0..3 {
        assert_eq!(legacy.check().message, right);
    }
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Token), 1, "asking for another would kill the one in use");

    let external = env.client(json!({"token": "external", "secret": null}));
    let without = external.check();
    assert_told(
        &without,
        Status::Auth,
        &["network: reached", "credentials: there is no access token", "wxsub_set_token"],
    );
    external.set_token(&env.wechat.token(TokenKind::Stable), 7200).unwrap();
    assert_eq!(external.check().message, right.replace("right", "a token was handed in"));
    external.set_token("made-up", 7200).unwrap();
    assert_told(&external.check(), Status::Auth, &["templates: there is no access token that works"]);
}

#[test]
fn templates_are_counted() {
    let env = TestEnv::new();
    let list = json!([{"id": "a", "keys": ["thing1"]}, {"id": "b", "keys": ["thing1"]}]);
    for (templates, told) in [
        (json!("auto"), "templates: 3"),
        (json!("off"), "templates: 3"),
        (list, "templates: 2 configured, 3 at WeChat"),
    ] {
        assert_told(&env.client(json!({"templates": templates})).check(), Status::Ok, &[told]);
    }
    for sample in Template::samples() {
        env.wechat.remove_template(&sample.pri_tmpl_id);
    }
    assert_told(&env.client(json!({})).check(), Status::Ok, &["templates: none yet: add one in the console"]);
    env.wechat.arm(Fault::errcode(48001).on(Endpoint::GetTemplate));
    let told = ["credentials: right", "templates: the account has no permission for this API", "48001"];
    let refused = env.client(json!({})).check();
    assert_told(&refused, Status::Auth, &told);
    assert_eq!(refused.errcode, 48001);
}

#[test]
fn wrong_credentials() {
    for (wrong_secret_errcode, told) in [(40125, "40125 invalid appsecret"), (40001, "40001")] {
        let env = TestEnv::with(Options { wrong_secret_errcode, ..Options::default() });
        for token in ["stable", "legacy"] {
            let wrong = env.client(json!({"secret": "another-secret", "token": token})).check();
            let parts =
                ["store: writable", "network: reached", "credentials: ", "compare \"secret\" with the console", told];
            assert_told(&wrong, Status::Auth, &parts);
            assert_eq!(i64::from(wrong.errcode), wrong_secret_errcode);
            assert!(!wrong.message.contains("another-secret"), "{}", wrong.message);
        }
    }
    let env = TestEnv::new();
    let foreign = env.client(json!({"appid": "wxfedcba9876543210"})).check();
    assert_told(&foreign, Status::Auth, &["network: reached", "compare \"appid\" with the console", "40013"]);
    assert_eq!(env.wechat.counters().calls_to(Endpoint::GetTemplate), 0);
    for (errcode, told) in [(40243, "the secret is frozen"), (50004, "the account is frozen"), (89503, "administrator")]
    {
        env.wechat.arm(Fault::errcode(errcode).on(Endpoint::StableToken));
        assert_told(&env.client(json!({})).check(), Status::Auth, &[told]);
    }
}

#[test]
fn an_ip_that_is_not_allowed_is_named() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.wechat.arm(Fault::errcode(40164).on(Endpoint::StableToken));
    let refused = client.check();
    let parts = ["credentials: ", "add it in the console", "invalid ip 127.0.0.1"];
    assert_told(&refused, Status::Auth, &parts);
    assert_eq!(refused.errcode, 40164);
    assert_told(&client.check(), Status::Ok, &["credentials: right"]);
}

#[test]
fn unreachable() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 1000}));
    env.wechat.set_offline(true);
    let refused = client.check();
    assert_told(&refused, Status::Connect, &["store: writable", "network: WeChat was not reached", &env.wechat.url()]);
    assert!(!refused.message.contains("credentials"), "nothing is known of them: {}", refused.message);
    assert_eq!(refused.retry, Retry::Later);
    env.wechat.set_offline(false);

    env.wechat.arm(Fault::stall().forever());
    let started = Instant::now();
    let silent = client.check();
    assert_told(&silent, Status::Connect, &["network: WeChat was not reached", "no answer in time"]);
    assert!(started.elapsed() < Duration::from_secs(3), "at most timeout_ms long");
    env.wechat.clear_faults();

    // Another host that answers will do.
    let hosts = json!([format!("http://127.0.0.1:{}", 1), env.wechat.url()]);
    assert_told(&env.client(json!({"api_base": hosts})).check(), Status::Ok, &["network: reached"]);

    // What answers is not WeChat.
    env.wechat.arm(Fault::http(502, "<html>Bad Gateway</html>").forever());
    assert_told(&client.check(), Status::Connect, &["credentials: ", "is not WeChat's (HTTP 502)"]);
}

/// A WeChat whose clock says something else than ours: answers every request, with this Date.
fn wechat_at(date: String) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, date) = (connection.unwrap(), date.clone());
            std::thread::spawn(move || {
                let mut reader = BufReader::new(connection.try_clone().unwrap());
                while let Some(target) = read_request(&mut reader) {
                    let body = match target.split('?').next().unwrap() {
                        "/cgi-bin/stable_token" => r#"{"access_token":"a-token","expires_in":7200}"#,
                        "/wxaapi/newtmpl/gettemplate" => {
                            r#"{"errcode":0,"data":[{"priTmplId":"a","content":"a:{{thing1.DATA}}","type":2}]}"#
                        }
                        _ => r#"{"errcode":40001,"errmsg":"invalid credential rid: 1-2-3"}"#,
                    };
                    let head = format!("HTTP/1.1 200 OK\r\n{date}content-length: {}\r\n\r\n", body.len());
                    if connection.write_all((head + body).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

/// Reads one request; its target.
fn read_request(reader: &mut impl BufRead) -> Option<String> {
    let mut lines = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let length = lines
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        })
        .last();
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(target)
}

#[test]
fn a_clock_that_is_off() {
    let env = TestEnv::new();
    let date = |off_s: i64| {
        let now = SystemTime::now();
        let then = if off_s < 0 {
            now - Duration::from_secs(off_s.unsigned_abs())
        } else {
            now + Duration::from_secs(off_s.unsigned_abs())
        };
        format!("date: {}\r\n", httpdate::fmt_http_date(then))
    };
    let rest = "credentials: right; templates: 1";
    for (date, status, parts) in [
        (date(0), Status::Ok, ["network: reached; ", rest]),
        (date(-50), Status::Ok, ["network: reached; ", rest]),
        (date(3600), Status::Config, ["this machine's clock is 3", rest]),
        (date(-3600), Status::Config, ["this machine's clock is 36", rest]),
        (date(8 * 3600), Status::Config, [" s behind WeChat's: set it", rest]),
        (date(-120), Status::Config, [" s ahead of WeChat's: set it", rest]),
        (String::new(), Status::Ok, ["network: reached; ", rest]),
        ("date: yesterday\r\n".to_owned(), Status::Ok, ["network: reached; ", rest]),
    ] {
        let client = env.client(json!({"store": ":memory:", "api_base": wechat_at(date.clone())}));
        let checked = client.check();
        assert_eq!(checked.status, status, "{date}: {}", checked.message);
        assert_told(&checked, status, &parts);
    }
}

#[test]
fn a_store_that_another_program_holds() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 1500}));
    let other = rusqlite::Connection::open(env.store()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let checked = client.check();
    assert_told(&checked, Status::Store, &["store: "]);
    assert_eq!(checked.retry, Retry::Later);
    other.execute_batch("COMMIT").unwrap();
    assert_told(&client.check(), Status::Ok, &["store: writable"]);
}

#[test]
fn child() {
    play(|_full_disk, args| {
        let client = Client::open(Config::from_json(args["config"].as_str().unwrap()).unwrap()).unwrap();
        limit_files(Some(1));
        say(&serde_json::to_string(&client.check()).unwrap());
        limit_files(None);
        say(&serde_json::to_string(&client.check()).unwrap());
    });
}

/// From now on no file of this process may grow beyond so many bytes.
fn limit_files(bytes: Option<u64>) {
    let limit = libc::rlimit { rlim_cur: bytes.unwrap_or(libc::RLIM_INFINITY), rlim_max: libc::RLIM_INFINITY };
    // SAFETY: plain system calls; without the signal a write beyond the limit fails with an error.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
    }
}

#[test]
fn a_store_that_cannot_be_written() {
    let env = TestEnv::new();
    let mut child =
        Child::start(module_path!(), "full disk", json!({"config": env.config(json!({"timeout_ms": 3000}))}));
    let verdict = |line: String| serde_json::from_str::<Verdict>(&line).unwrap();
    let full = verdict(child.heard());
    assert_told(&full, Status::Store, &["store: ", "network: reached", "credentials: right"]);
    assert!(!full.message.contains("writable"), "{}", full.message);
    assert_told(&verdict(child.heard()), Status::Ok, &["store: writable"]);
    child.finish();
}

#[test]
fn the_first_fault_gives_the_status_and_all_are_told() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 1000, "secret": "another"}));
    let other = rusqlite::Connection::open(env.store()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    env.wechat.set_offline(true);
    let both = client.check();
    assert_told(&both, Status::Store, &["store: ", "network: "]);
    other.execute_batch("COMMIT").unwrap();
    assert_told(&client.check(), Status::Connect, &["store: writable", "network: WeChat was not reached"]);
    env.wechat.set_offline(false);
    assert_told(&client.check(), Status::Auth, &["network: reached", "credentials: "]);
    client.close(true);
    assert_eq!(client.check().status, Status::State);
}

/// What it tells goes to the log, too, since it may be longer than a result can show; and holds no secret.
#[test]
fn the_whole_text_is_logged() {
    use std::sync::{Arc, Mutex};

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);
    impl wxsub::Sink for Lines {
        fn line(&self, _level: wxsub::Level, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }
    let env = TestEnv::new();
    let client = env.client(json!({}));
    let lines = Arc::new(Lines::default());
    client.set_log(Some(Arc::clone(&lines) as Arc<dyn wxsub::Sink>), wxsub::Level::Info as i32);
    env.wechat.arm(Fault::errcode(40164).on(Endpoint::StableToken));
    let told = client.check().message;
    let lines = lines.0.lock().unwrap();
    assert!(lines.contains(&format!("check: {told}")), "{lines:?}");
    let secrets: Vec<Value> = vec![env.wechat.secret().into(), env.wechat.token(TokenKind::Stable).into()];
    for secret in secrets.iter().filter_map(Value::as_str) {
        assert!(!lines.iter().any(|line| line.contains(secret)), "{lines:?}");
    }
}
