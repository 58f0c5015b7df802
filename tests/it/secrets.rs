//! Whatever goes wrong, the secret, the tokens and the proxy's password are in no message, no log line and no Debug
//! output; the store holds the token, for its owner's eyes, and never the secret.

use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::common::server::{Mode, REFUSING, Relay};
use crate::common::{TEMPLATE, TestEnv, message};
use serde_json::{Value, json};
use wxsub::{Answer, Client, Config, Level, Sink, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, FaultKind, Options, Simulator, TokenKind};

/// What is searched for; the secret itself has characters that a URL escapes.
const MARK: &str = "MARKEDsecret";
const SECRET: &str = "MARKEDsecret+7/8=";
const PASSWORD: &str = "MARKEDpassword";
/// "me:MARKEDpassword" in base64, as it goes to the proxy, without the last characters.
const CREDENTIALS: &str = "bWU6TUFSS0VEcGFzc3dvcm";
const HANDED_IN: &str = "MARKEDtoken";
const EVENT_TOKEN: &str = "MARKEDevent";
const AES_KEY: &str = "MARKEDaeskey0123456789012345678901234567890";

/// Everything that the library said.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    fn record(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn assert_recorded_nothing_of(&self, secrets: &[String]) {
        let lines = self.lines();
        for secret in secrets {
            let telling: Vec<&String> = lines.iter().filter(|line| line.contains(secret.as_str())).collect();
            assert!(telling.is_empty(), "{secret} was told {} times, first in {:?}", telling.len(), telling[0]);
        }
    }
}

impl Sink for Recorder {
    fn line(&self, level: Level, text: &str) {
        self.record(format!("{level:?} {text}"));
    }
}

fn env() -> TestEnv {
    TestEnv::with(Options { https: Some(0), secret: SECRET.to_owned(), ..Options::default() })
}

/// A client on a store of its own, whose every word goes to `recorder`.
fn client(env: &TestEnv, recorder: &Arc<Recorder>, store: &str, more: &Value) -> Client {
    let mut config = json!({
        "store": env.folder.path().join(format!("{store}.db")), "timeout_ms": 400, "max_attempts": 2,
        "event": {"token": EVENT_TOKEN, "aes_key": AES_KEY}, "templates": "off",
    });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    let config = Config::from_json(&env.config(config)).expect("a valid configuration");
    recorder.record(format!("{config:?} {config:#?}"));
    let client = Client::open(config).expect("an open client");
    client.set_log(Some(Arc::clone(recorder) as Arc<dyn Sink>), Level::Debug as i32);
    client
}

fn try_to_send(env: &TestEnv, client: &Client, recorder: &Recorder, openid: &str) -> Verdict {
    env.wechat.grant(openid, TEMPLATE, 1);
    recorder.record(format!("{:?}", client.report(openid, Some(TEMPLATE), Answer::Accept, None)));
    let verdict = client.send(&message(openid), Some(r#"{"key": "k"}"#));
    recorder.record(format!("{verdict:?}"));
    verdict
}

/// All tokens that ever travelled.
fn tokens(wechat: &Simulator) -> Vec<String> {
    let mut tokens: Vec<String> = wechat.requests().into_iter().filter_map(|request| request.token).collect();
    tokens.extend([wechat.token(TokenKind::Stable), wechat.token(TokenKind::Legacy)]);
    tokens.sort();
    tokens.dedup();
    tokens
}

/// All else that a host asks of WeChat; returns the session_key that was handed to it.
fn ask_around(client: &Client, recorder: &Recorder, code: &str) -> Option<String> {
    recorder.record(format!("{:?}", client.check()));
    let forged = client.handle_event(&format!("signature={code}&timestamp=1&nonce=2"), b"<xml/>", 100);
    recorder.record(format!("{forged:?}"));
    let login = client.login(code);
    recorder.record(format!("{login:?}"));
    login.ok().map(|identity| identity.session_key.expose().to_owned())
}

fn never_told(wechat: &Simulator) -> Vec<String> {
    let mut secrets = tokens(wechat);
    secrets.extend([MARK, PASSWORD, CREDENTIALS, HANDED_IN, EVENT_TOKEN, AES_KEY].map(str::to_owned));
    secrets
}

fn faults(elsewhere: &str) -> Vec<Fault> {
    let moved = format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n");
    let codes = [-1, 40001, 40013, 40125, 40164, 41001, 41002, 43101, 43107, 43108, 45009, 45011, 47001, 48001, 99999];
    let mut faults: Vec<Fault> = codes.into_iter().map(Fault::errcode).collect();
    faults.extend([
        Fault::stall(),
        Fault::close(),
        Fault::reset(),
        Fault::empty(),
        Fault::cut().applied(),
        Fault::http(502, ""),
        Fault::garbage("<html>"),
        Fault::raw("SSH-2.0-x\r\n"),
        Fault::raw(moved),
        Fault::drip(100),
        Fault::errcode_as_string(Some(40001)),
        Fault::broken_errmsg(Some(43101)),
    ]);
    faults
}

#[test]
fn no_failure_tells_a_secret() {
    let env = env();
    let recorder = Arc::new(Recorder::default());
    let stranger = Simulator::start(Options { https: Some(0), ..Options::default() });
    let ca = env.folder.path().join("ca.pem");
    std::fs::write(&ca, env.wechat.ca_pem().unwrap()).unwrap();
    let https = env.wechat.https_url().unwrap();
    let silent = Relay::start(Mode::Silent);
    let no = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
    let (rude_proxy, mute_proxy) = (Relay::proxy(Mode::Say(no)), Relay::proxy(Mode::Silent));
    let through = |port: u16| json!({"api_base": https, "proxy": format!("http://me:{PASSWORD}@127.0.0.1:{port}")});

    let elsewhere = format!("{https}/cgi-bin/token?secret={MARK}");
    let mut shared: Vec<Failure> = Vec::new();
    for (what, mode, endpoint) in [
        ("stable", "stable", Endpoint::StableToken),
        ("legacy", "legacy", Endpoint::Token),
        ("templates", "stable", Endpoint::GetTemplate),
        ("login", "stable", Endpoint::Jscode2Session),
    ] {
        for (n, fault) in faults(&elsewhere).into_iter().enumerate() {
            shared.push((format!("{what}-{n}"), json!({"token": mode}), Some(fault.on(endpoint))));
        }
    }
    for mode in ["stable", "legacy"] {
        for (name, mut transport) in [
            ("wrong-secret", json!({"secret": format!("{SECRET}wrong")})),
            ("refused", json!({"api_base": format!("http://127.0.0.1:{REFUSING}")})),
            ("no-name", json!({"api_base": "https://no-such-host.invalid"})),
            ("silent", json!({"api_base": silent.url("http")})),
            ("silent-tls", json!({"api_base": silent.url("https")})),
            ("another-ca", json!({"api_base": stranger.https_url()})),
            ("rude-proxy", through(rude_proxy.port())),
            ("mute-proxy", through(mute_proxy.port())),
            ("no-proxy", through(REFUSING)),
        ] {
            transport["token"] = json!(mode);
            transport["ca_file"] = json!(ca);
            shared.push((format!("{mode}-{name}"), transport, None));
        }
    }
    // A send names its player, so that each meets its own fault; the others may meet each other's.
    let own = |(n, fault): (usize, Fault)| {
        let name = format!("send-{n}");
        let fault = fault.on(Endpoint::Send).openid(&name).forever();
        (name, json!({"timeout_ms": 2000}), Some(fault))
    };
    let own: Vec<Failure> = faults(&elsewhere).into_iter().enumerate().map(own).collect();
    let wanted = shared.len() + own.len();
    let session_keys = at_once(shared, |(name, transport, fault)| {
        let client = client(&env, &recorder, &name, &transport);
        if let Some(fault) = fault {
            env.wechat.arm(fault);
        }
        try_to_send(&env, &client, &recorder, &name);
        ask_around(&client, &recorder, &format!("code-{name}"))
    });
    let mut session_keys: Vec<String> = session_keys.into_iter().flatten().collect();
    env.wechat.clear_faults();
    at_once(own, |(name, transport, fault)| {
        let client = client(&env, &recorder, &name, &transport);
        env.wechat.arm(fault.expect("a fault of its own"));
        let verdict = try_to_send(&env, &client, &recorder, &name);
        assert!(verdict.status != Status::Ok && verdict.attempts > 0, "{name}: {verdict:?}");
    });

    // On a busy machine few of those above came far enough to be handed a token or a session_key.
    let calm = client(&env, &recorder, "calm", &json!({}));
    for n in 0..10 {
        env.wechat.kill_token(TokenKind::Stable);
        assert_eq!(try_to_send(&env, &calm, &recorder, &format!("calm-{n}")).status, Status::Ok);
        session_keys.extend(ask_around(&calm, &recorder, &format!("calm-{n}")));
    }
    drop(calm);

    // The failures above that are no answer's happen at the token request; this one happens at the send's own.
    let relay = Relay::start(Mode::Forward(env.wechat.port()));
    let cut_off = client(&env, &recorder, "cut-off", &json!({"api_base": relay.url("http")}));
    assert_eq!(try_to_send(&env, &cut_off, &recorder, "o1").status, Status::Ok);
    relay.stop();
    assert_eq!(try_to_send(&env, &cut_off, &recorder, "o2").status, Status::Connect);
    drop(cut_off);

    let lines = recorder.lines();
    assert!(lines.len() > wanted * 4, "only {} lines", lines.len());
    for said in [
        "no access token",
        "surely not sent",
        "maybe sent",
        "the proxy refused",
        "invalid peer certificate",
        "(WeChat: 40164 ",
    ] {
        assert!(lines.iter().any(|line| line.contains(said)), "no failure of the kind {said:?}");
    }
    for level in ["Error ", "Warn ", "Info ", "Debug "] {
        assert!(lines.iter().any(|line| line.starts_with(level)), "no line at {level}");
    }
    assert!(tokens(&env.wechat).len() > 10, "few tokens travelled");
    assert!(rude_proxy.heads()[0].contains(CREDENTIALS), "the password was used");
    recorder.assert_recorded_nothing_of(&never_told(&env.wechat));
    recorder.assert_recorded_nothing_of(&session_keys);
    assert_stores_hold_none_of(&session_keys[..8], env.folder.path(), wanted + 2);
}

/// A name, what is changed in the configuration, and what goes wrong at WeChat.
type Failure = (String, Value, Option<Fault>);

/// Works through the failures in many threads.
fn at_once<R: Send>(failures: Vec<Failure>, work: impl Fn(Failure) -> R + Sync) -> Vec<R> {
    let todo = Mutex::new(failures.into_iter());
    let (todo, work) = (&todo, &work);
    let next = || todo.lock().unwrap().next();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..32).map(|_| scope.spawn(move || std::iter::from_fn(next).map(work).collect::<Vec<R>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// The file's bytes, what is no text replaced; what is searched for is ASCII.
fn text_of(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
}

fn assert_stores_hold_no_secret(folder: &Path, wanted: usize) {
    assert_stores_hold_none_of(&[], folder, wanted);
}

fn assert_stores_hold_none_of(more: &[String], folder: &Path, wanted: usize) {
    let mut stores = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = text_of(&path);
        let marked = [MARK, PASSWORD, CREDENTIALS, EVENT_TOKEN, AES_KEY];
        for secret in marked.into_iter().chain(more.iter().map(String::as_str)) {
            assert!(!text.contains(secret), "{} holds {secret}", path.display());
        }
        stores += usize::from(path.extension().is_some_and(|e| e == "db"));
    }
    assert_eq!(stores, wanted);
}

#[test]
fn dead_and_handed_in_tokens_are_not_told() {
    let env = env();
    let recorder = Arc::new(Recorder::default());
    for mode in ["stable", "legacy"] {
        let client = client(&env, &recorder, mode, &json!({"token": mode, "timeout_ms": 3000}));
        assert_eq!(try_to_send(&env, &client, &recorder, "o1").status, Status::Ok);
        let kind = if mode == "stable" { TokenKind::Stable } else { TokenKind::Legacy };
        env.wechat.set_sticky_dead_token(true);
        for n in 0..3 {
            env.wechat.kill_token(kind);
            try_to_send(&env, &client, &recorder, &format!("o-dead-{n}"));
        }
    }
    let external = json!({"token": "external"});
    let handing_in = client(&env, &recorder, "external", &external);
    handing_in.set_token(HANDED_IN, 7200).expect("it is taken");
    // The next one reads it in the store.
    drop(handing_in);
    let external = client(&env, &recorder, "external", &external);
    let refused = try_to_send(&env, &external, &recorder, "o-external");
    assert_eq!((refused.status, refused.attempts), (Status::Auth, 1), "{}", refused.message);
    drop(external);
    assert!(tokens(&env.wechat).contains(&HANDED_IN.to_owned()), "it travelled");
    recorder.assert_recorded_nothing_of(&never_told(&env.wechat));
    assert_stores_hold_no_secret(env.folder.path(), 3);
}

/// A gateway between us and WeChat may put the request's URL into its own error text.
#[test]
fn an_answer_that_quotes_the_request_is_not_passed_on_with_its_secrets() {
    let env = env();
    let recorder = Arc::new(Recorder::default());
    let escaped = "MARKEDsecret%2B7%2F8%3D";
    for (n, quoted) in [SECRET, escaped].into_iter().enumerate() {
        for (mode, endpoint) in [("stable", Endpoint::StableToken), ("legacy", Endpoint::Token)] {
            let client = client(&env, &recorder, &format!("{mode}-{n}"), &json!({"token": mode}));
            let errmsg = Some(format!("no route to /cgi-bin/token?appid=x&secret={quoted} from here"));
            env.wechat.arm(Fault::new(FaultKind::Errcode { errcode: 40013, errmsg, status: 200 }).on(endpoint));
            let verdict = try_to_send(&env, &client, &recorder, "o1");
            assert_eq!((verdict.status, verdict.errcode), (Status::Auth, 40013), "{}", verdict.message);
            assert!(verdict.message.contains("no route to"), "the operator needs the text: {}", verdict.message);
        }
    }
    let client = client(&env, &recorder, "send", &json!({"timeout_ms": 3000}));
    let token = env.wechat.token(TokenKind::Stable);
    for errcode in [99999, -1, 43101] {
        let errmsg = Some(format!("cannot POST /cgi-bin/message/subscribe/send?access_token={token}"));
        let kind = FaultKind::Errcode { errcode, errmsg, status: 502 };
        env.wechat.arm(Fault::new(kind).on(Endpoint::Send).times(2));
        let verdict = try_to_send(&env, &client, &recorder, &format!("o{errcode}"));
        assert_eq!(verdict.errcode, errcode as i32, "{}", verdict.message);
        env.wechat.clear_faults();
    }
    for errcode in [40013, 48001, 99999, -1] {
        for (endpoint, query) in [
            (Endpoint::GetTemplate, format!("access_token={token}")),
            (Endpoint::Jscode2Session, format!("secret={escaped}")),
            (Endpoint::Jscode2Session, format!("secret={SECRET}")),
        ] {
            let errmsg = Some(format!("no route to ?{query}"));
            let kind = FaultKind::Errcode { errcode, errmsg, status: 200 };
            env.wechat.arm(Fault::new(kind).on(endpoint).times(2));
        }
        ask_around(&client, &recorder, &format!("code-o{errcode}"));
        ask_around(&client, &recorder, &format!("code-o{errcode}"));
        env.wechat.clear_faults();
    }
    drop(client);
    recorder.assert_recorded_nothing_of(&never_told(&env.wechat));
    assert_stores_hold_no_secret(env.folder.path(), 5);
}

#[test]
fn a_faulty_configuration_is_named_and_not_quoted() {
    let good = |more: Value| {
        let mut config = json!({"appid": "wx1", "secret": SECRET, "store": ":memory:"});
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        config.to_string()
    };
    let secret_in = |value: Value| good(json!({"secret": value}));
    let cases = [
        secret_in(json!([SECRET])),
        secret_in(json!({"value": SECRET})),
        secret_in(json!(format!("{SECRET}\u{0}"))),
        good(json!({"secrets": SECRET})),
        good(json!({"timeout_ms": SECRET})),
        good(json!({"max_attempts": [SECRET]})),
        good(json!({"templates": SECRET})),
        good(json!({"event": SECRET})),
        good(json!({"event": {"token": [EVENT_TOKEN], "aes_key": AES_KEY}})),
        good(json!({"event": {"token": EVENT_TOKEN, "aes_key": {"k": AES_KEY}}})),
        good(json!({"event": {"token": EVENT_TOKEN, "aeskey": AES_KEY}})),
        good(json!({"proxy": format!("socks5://me:{PASSWORD}@127.0.0.1:1080")})),
        good(json!({"proxy": format!("http://me:{PASSWORD}@[::1")})),
        good(json!({"proxy": format!("me:{PASSWORD}@127.0.0.1:1080")})),
        good(json!({"api_base": format!("https://me:{PASSWORD}@api.weixin.qq.com")})),
        good(json!({"api_base": format!("https://api.weixin.qq.com/cgi-bin/token?secret={SECRET}")})),
        // The key that sounds as if the token itself belonged there.
        good(json!({"token": HANDED_IN})),
        good(json!({})).replace('}', ""),
        good(json!({})).replace("\"wx1\"", "wx1"),
        format!("\"{SECRET}\""),
        format!("{{\"appid\":\"wx1\",\"secret\":\"{SECRET}"),
        format!("{{\"appid\":\"wx1\",\"secret\":{SECRET}}}"),
    ];
    for text in cases {
        let error = match Config::from_json(&text) {
            Err(error) => error,
            Ok(config) => panic!("{text} was taken: {config:?}"),
        };
        let told = format!("{error:?} {error} {}", error.message);
        for secret in [MARK, PASSWORD, EVENT_TOKEN, AES_KEY, HANDED_IN] {
            assert!(!told.contains(secret), "{text} was answered by {told}");
        }
    }
}

#[cfg(unix)]
#[test]
fn the_store_is_for_its_owners_eyes() {
    use std::os::unix::fs::PermissionsExt;

    let env = env();
    let recorder = Arc::new(Recorder::default());
    let modes = || -> Vec<(String, u32)> {
        let entries = std::fs::read_dir(env.folder.path()).unwrap().map(Result::unwrap);
        let mode = |e: &std::fs::DirEntry| e.metadata().unwrap().permissions().mode() & 0o777;
        entries.map(|e| (e.file_name().into_string().unwrap(), mode(&e))).collect()
    };
    let open = client(&env, &recorder, "wxsub", &json!({}));
    assert_eq!(try_to_send(&env, &open, &recorder, "o1").status, Status::Ok);
    let while_open = modes();
    assert_eq!(while_open.len(), 3, "the store, its -wal and its -shm: {while_open:?}");
    assert!(while_open.iter().all(|(_, mode)| *mode == 0o600), "{while_open:?}");
    drop(open);
    assert!(modes().iter().all(|(_, mode)| *mode == 0o600), "{:?}", modes());

    let path = env.folder.path().join("wxsub.db");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = client(&env, &recorder, "wxsub", &json!({}));
    assert_eq!(try_to_send(&env, &open, &recorder, "o2").status, Status::Ok);
    assert!(modes().iter().all(|(_, mode)| *mode == 0o600), "made readable by somebody: {:?}", modes());
    drop(open);

    // The contrast to all the searching: the token is in there; in the log, where a thread of the client's outlived it for a
    // moment, as it may on a busy machine.
    let token = env.wechat.token(TokenKind::Stable);
    let holds_it = |path: &Path| path.exists() && text_of(path).contains(&token);
    assert!(holds_it(&path) || holds_it(&env.folder.path().join("wxsub.db-wal")) || holds_it(&path));
}
