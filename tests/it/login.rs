//! A login code becomes an openid; the session_key goes to the caller and nowhere else.

use std::ffi::{CStr, CString};
use std::sync::{Arc, Mutex};
use std::{fs, ptr};

use crate::common::{TestEnv, send};
use serde_json::json;
use wxsub::ffi::{
    WXSUB_E_ARG, WXSUB_E_WECHAT, WXSUB_OK, wxsub_client, wxsub_free, wxsub_identity, wxsub_init, wxsub_login,
    wxsub_result,
};
use wxsub::{Client, Error, Level, Retry, Sink, Status};
use wxsub_simulator::{Endpoint, Fault, LoginCode, Options};

fn refused(client: &Client, code: &str) -> Error {
    match client.login(code) {
        Ok(identity) => panic!("{code}: {}", identity.openid),
        Err(e) => e,
    }
}

fn logins(env: &TestEnv) -> u64 {
    env.wechat.counters().calls_to(Endpoint::Jscode2Session)
}

#[test]
fn a_code_becomes_an_identity() {
    let env = TestEnv::new();
    env.wechat.add_code(LoginCode {
        code: "the/code+1&a=é %".to_owned(),
        openid: "o1".to_owned(),
        unionid: Some("u1".to_owned()),
        blocked: false,
    });
    let client = env.client(json!({}));
    let alice = client.login("the/code+1&a=é %").unwrap();
    assert_eq!((alice.openid.as_str(), alice.unionid.as_str()), ("o1", "u1"));
    assert_eq!(alice.session_key.expose().len(), 24, "base64 of 16 bytes");
    let bob = client.login("code-o2").unwrap();
    assert_eq!((bob.openid.as_str(), bob.unionid.as_str()), ("o2", ""));
    assert_ne!(alice.session_key, bob.session_key);
    assert_eq!(env.wechat.counters().calls_to(Endpoint::StableToken), 0, "a login needs no token");
}

#[test]
fn codes_that_are_no_good() {
    let env = TestEnv::new();
    env.wechat.add_code(LoginCode { code: "risky".to_owned(), openid: "o3".to_owned(), unionid: None, blocked: true });
    let client = env.client(json!({}));
    client.login("code-o1").unwrap();
    for (code, errcode, part) in [
        ("made-up", 40029, "is the game built with the configured appid?"),
        ("code-o1", 40163, "let the game call wx.login again"),
        ("risky", 40226, "high-risk"),
    ] {
        let before = logins(&env);
        let e = refused(&client, code);
        assert_eq!((e.status, e.errcode, e.http_status, e.retry), (Status::Wechat, errcode, 200, Retry::Never), "{e}");
        assert!(e.message.contains(part) && e.message.contains("rid"), "{e}");
        assert_eq!(logins(&env), before + 1);
    }
    let e = refused(&client, "");
    assert_eq!(e.status, Status::Arg, "{e}");
}

#[test]
fn every_errcode_is_classified() {
    let env = TestEnv::new();
    // Short enough that nothing which WeChat asks to repeat later is repeated.
    let client = env.client(json!({"timeout_ms": 150, "max_attempts": 1}));
    for (errcode, status) in [
        (-1, Status::Busy),
        (45009, Status::Busy),
        (45011, Status::Busy),
        (40001, Status::Auth),
        (40125, Status::Auth),
        (40013, Status::Auth),
        (40164, Status::Auth),
        (40243, Status::Auth),
        (41002, Status::Auth),
        (41004, Status::Auth),
        (48001, Status::Auth),
        (50004, Status::Auth),
        (40029, Status::Wechat),
        (40163, Status::Wechat),
        (40226, Status::Wechat),
        (41008, Status::Wechat),
        (12345, Status::Wechat),
    ] {
        env.wechat.arm(Fault::errcode(errcode).on(Endpoint::Jscode2Session));
        let e = refused(&client, "code-o1");
        assert_eq!((e.status, e.errcode), (status, errcode as i32), "{e}");
        let retry = if status == Status::Wechat { Retry::Never } else { Retry::Later };
        assert_eq!((e.retry, e.retry_after_ms > 0), (retry, status == Status::Busy), "{e}");
    }
}

#[test]
fn wrong_appids_and_secrets_are_the_operators() {
    for wrong_secret_errcode in [40125, 40001] {
        let env = TestEnv::with(Options { wrong_secret_errcode, ..Options::default() });
        let wrong = env.client(json!({"secret": "another"}));
        let e = refused(&wrong, "code-o1");
        assert_eq!((e.status, i64::from(e.errcode)), (Status::Auth, wrong_secret_errcode), "{e}");
        assert!(e.message.contains("compare \"secret\"") && !e.message.contains("another"), "{e}");
        let foreign = env.client(json!({"appid": "wxfedcba9876543210"}));
        let e = refused(&foreign, "code-o1");
        assert_eq!((e.status, e.errcode), (Status::Auth, 40013), "{e}");
        env.client(json!({})).login("code-o1").expect("the code was not used up");
    }
}

#[test]
fn a_busy_wechat_is_asked_again() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.wechat.arm(Fault::errcode(-1).on(Endpoint::Jscode2Session).times(2));
    assert_eq!(client.login("code-o1").unwrap().openid, "o1");
    assert_eq!(logins(&env), 3);
}

#[test]
fn no_answer_or_a_strange_one() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 600}));
    for (fault, status) in [
        (Fault::close(), Status::Connect),
        (Fault::stall(), Status::Connect),
        (Fault::empty(), Status::Connect),
        (Fault::http(502, "<html>Bad Gateway</html>"), Status::Connect),
        (Fault::garbage("{}"), Status::Wechat),
        (Fault::garbage(r#"{"session_key":"a2V5","openid":""}"#), Status::Wechat),
        (Fault::errcode_as_string(Some(40029)), Status::Wechat),
        (Fault::broken_errmsg(Some(40029)), Status::Wechat),
    ] {
        let what = format!("{:?}", fault.kind);
        env.wechat.arm(fault.on(Endpoint::Jscode2Session));
        let e = refused(&client, "code-o1");
        assert_eq!(e.status, status, "{what}: {e}");
        assert!(!e.message.contains("a2V5") && !e.message.contains("code-o1"), "{what}: {e}");
    }
    env.wechat.set_offline(true);
    assert_eq!(refused(&env.client(json!({})), "code-o1").status, Status::Connect);
    env.wechat.set_offline(false);
    client.close(true);
    assert_eq!(refused(&client, "code-o1").status, Status::State);
}

#[test]
fn a_token_server_needs_the_secret_all_the_same() {
    let env = TestEnv::new();
    let without = env.client(json!({"token": "external", "secret": null}));
    let e = refused(&without, "code-o1");
    assert_eq!(e.status, Status::Config, "{e}");
    assert!(e.message.contains("\"secret\""), "{e}");
    let with = env.client(json!({"token": "external"}));
    assert_eq!(with.login("code-o1").unwrap().openid, "o1");
}

/// Keeps all that is logged.
#[derive(Default)]
struct Everything(Mutex<String>);

impl Sink for Everything {
    fn line(&self, _level: Level, text: &str) {
        let mut all = self.0.lock().unwrap();
        all.push_str(text);
        all.push('\n');
    }
}

#[test]
fn the_session_key_is_neither_shown_nor_kept() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    let log = Arc::new(Everything::default());
    client.set_log(Some(Arc::clone(&log) as Arc<dyn Sink>), Level::Debug as i32);
    let identity = client.login("code-o1").unwrap();
    let key = identity.session_key.expose().to_owned();
    let debug = format!("{identity:?} {identity:#?} {:?}", identity.session_key);
    assert!(debug.contains("o1") && !debug.contains(&key), "{debug}");
    refused(&client, "code-o1");
    send(&client, "o1");
    env.accept(&client, "o1");
    client.check();
    assert!(!log.0.lock().unwrap().is_empty());
    drop(client);

    let mut kept = log.0.lock().unwrap().clone().into_bytes();
    for file in fs::read_dir(env.folder.path()).unwrap() {
        kept.extend(fs::read(file.unwrap().path()).unwrap());
    }
    for secret in [&key, &env.wechat.secret(), "code-o1"] {
        let found = kept.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!found, "{secret} was kept or logged");
    }
}

#[test]
fn the_c_abi_fills_the_callers_struct() {
    let env = TestEnv::new();
    let config = CString::new(env.config(json!({}))).unwrap();
    env.wechat.add_code(LoginCode {
        code: "c1".to_owned(),
        openid: "o1".to_owned(),
        unionid: Some("u1".to_owned()),
        blocked: false,
    });
    // SAFETY: zeroes are valid for both structs; every pointer is NULL where that is allowed, or to one of them.
    unsafe {
        let mut client: *mut wxsub_client = ptr::null_mut();
        assert_eq!(wxsub_init(config.as_ptr(), &mut client, ptr::null_mut()), WXSUB_OK);
        let mut out: wxsub_identity = std::mem::zeroed();
        let mut why: wxsub_result = std::mem::zeroed();
        out.struct_size = size_of::<wxsub_identity>() as u32;
        why.struct_size = size_of::<wxsub_result>() as u32;
        let (good, bad) = (CString::new("c1").unwrap(), CString::new("c2").unwrap());

        assert_eq!(wxsub_login(client, good.as_ptr(), ptr::null_mut(), &mut why), WXSUB_E_ARG);
        let mut small = out;
        small.struct_size = 8;
        assert_eq!(wxsub_login(client, good.as_ptr(), &mut small, &mut why), WXSUB_E_ARG);
        assert_eq!(wxsub_login(client, ptr::null(), &mut out, &mut why), WXSUB_E_ARG);
        assert_eq!(logins(&env), 0, "the code was not used up");

        assert_eq!(wxsub_login(client, good.as_ptr(), &mut out, &mut why), WXSUB_OK);
        let text = |field: &[std::ffi::c_char]| CStr::from_ptr(field.as_ptr()).to_str().unwrap().to_owned();
        assert_eq!(
            (text(&out.openid), text(&out.unionid), text(&out.session_key).len()),
            ("o1".into(), "u1".into(), 24)
        );
        assert!(!text(&why.message).contains(&text(&out.session_key)));

        let before = text(&out.session_key);
        assert_eq!(wxsub_login(client, bad.as_ptr(), &mut out, &mut why), WXSUB_E_WECHAT);
        assert_eq!((text(&out.session_key), why.errcode), (before, 40029), "not touched when the call fails");
        wxsub_free(client);
    }
}
