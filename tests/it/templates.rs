//! Messages are checked against the account's own templates before they leave.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::common::aging::{self, Shift};
use crate::common::{TEMPLATE, TestEnv, left, message, message_from, send};
use serde_json::{Value, json};
use wxsub::{Answer, Client, Config, Level, QuotaChange, Sink, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, Options, Template};

const TOO_LONG: &str = "体力已经完全恢复，快回到游戏里来领取今天的奖励";

fn text(openid: &str, template_id: &str, data: Value) -> String {
    json!({"touser": openid, "template_id": template_id, "data": data}).to_string()
}

fn faulty(openid: &str) -> String {
    text(openid, TEMPLATE, json!({"thing1": TOO_LONG, "time2": "15:01"}))
}

fn accept(env: &TestEnv, client: &Client, openid: &str, template_id: &str) {
    env.wechat.grant(openid, template_id, 1);
    let verdict = client.report(openid, Some(template_id), Answer::Accept, None);
    assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
}

fn fetches(env: &TestEnv) -> u64 {
    env.wechat.counters().calls_to(Endpoint::GetTemplate)
}

fn sends(env: &TestEnv) -> u64 {
    env.wechat.counters().calls_to(Endpoint::Send)
}

#[track_caller]
fn assert_sent(verdict: &Verdict) {
    assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
}

/// Refused before anything was held or sent, with this text.
#[track_caller]
fn assert_refused(verdict: &Verdict, message: &str) {
    assert_eq!((verdict.status, verdict.message.as_str()), (Status::Message, message));
    let untouched = (verdict.quota, verdict.attempts, verdict.errcode, verdict.http_status);
    assert_eq!(untouched, (QuotaChange::Untouched, 0, 0, 0));
}

/// Makes what the store keeps of the templates older. No client is open.
fn age_kept_templates(env: &TestEnv, by: Duration) {
    // By the wall clock of another boot: no machine need have run for so long.
    let shift = Shift { other_boot: true, ..Shift::earlier(by) };
    assert_eq!(aging::shift(&env.store(), "templates", shift), 1, "the store keeps the templates");
}

/// Keeps the log's lines.
#[derive(Default)]
struct Lines(Mutex<Vec<(Level, String)>>);

impl Sink for Lines {
    fn line(&self, level: Level, text: &str) {
        self.0.lock().unwrap().push((level, text.to_owned()));
    }
}

impl Lines {
    fn listen(client: &Client) -> Arc<Lines> {
        let lines = Arc::new(Lines::default());
        client.set_log(Some(Arc::clone(&lines) as Arc<dyn Sink>), 4);
        lines
    }

    fn warnings(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|(level, _)| *level <= Level::Warn).map(|(_, text)| text.clone()).collect()
    }
}

#[test]
fn fetched_on_first_need_once_and_kept_for_the_next_start() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    env.accept(&client, "o1");
    assert_eq!(fetches(&env), 0, "neither opening nor a report needs them");
    assert_sent(&send(&client, "o1"));
    assert_refused(&client.send(&faulty("o1"), None), "data.thing1: 23 characters, at most 20");
    assert_eq!(fetches(&env), 1);
    drop(client);

    env.wechat.arm(Fault::errcode(-1).on(Endpoint::GetTemplate).forever());
    let reopened = env.client(json!({}));
    assert_refused(&reopened.send(&faulty("o1"), None), "data.thing1: 23 characters, at most 20");
    assert_sent(&send(&reopened, "o1"));
    assert_eq!(fetches(&env), 1, "the store had them");
}

/// WeChat is not asked about a message that cannot be sent anyway.
#[test]
fn a_send_without_a_count_fetches_nothing() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    for _ in 0..3 {
        assert_eq!(send(&client, "o1").status, Status::NoQuota);
    }
    let counters = env.wechat.counters();
    assert_eq!((fetches(&env), counters.calls_to(Endpoint::StableToken)), (0, 0));
    // With "observe" it is sent all the same.
    let observing = env.client(json!({"quota": "observe"}));
    env.wechat.grant("o1", TEMPLATE, 1);
    assert_refused(&observing.send(&faulty("o1"), None), "data.thing1: 23 characters, at most 20");
    assert_sent(&send(&observing, "o1"));
    assert_eq!(fetches(&env), 1);
}

#[test]
fn many_first_sends_fetch_once() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    std::thread::scope(|scope| {
        for player in 0..8 {
            let (env, client) = (&env, &client);
            scope.spawn(move || {
                let openid = format!("o{player}");
                env.accept(client, &openid);
                assert_sent(&send(client, &openid));
            });
        }
    });
    assert_eq!(fetches(&env), 1);
}

#[test]
fn an_unknown_template_is_asked_for_once_a_minute_and_then_refused() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    assert_sent(&send(&client, "o1"));
    let unknown = "template_id new is none of the account's 3 templates; nothing was sent";
    accept(&env, &client, "o1", "new");
    assert_refused(&client.send(&message_from("o1", "new"), None), unknown);
    env.wechat.add_template(Template::new("new", "").keyword("a", "thing1", "x").keyword("b", "time2", "x"));
    assert_refused(&client.send(&message_from("o1", "new"), None), unknown);
    assert_eq!((fetches(&env), sends(&env)), (1, 1), "asked a moment ago");
    assert_eq!(client.quota("o1", "new").remaining, 1);
    drop(client);

    age_kept_templates(&env, Duration::from_secs(61));
    let client = env.client(json!({}));
    assert_sent(&client.send(&message_from("o1", "new"), None));
    assert_eq!(fetches(&env), 2);
    assert_refused(
        &client.send(&message_from("o1", "newer"), None),
        "template_id newer is none of the account's 4 templates; nothing was sent",
    );
    assert_eq!(fetches(&env), 2);
}

#[test]
#[ignore = "takes more than a minute"]
fn a_template_added_at_wechat_is_known_after_a_minute() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    accept(&env, &client, "o1", "new");
    assert_eq!(client.send(&message_from("o1", "new"), None).status, Status::Message);
    env.wechat.add_template(Template::new("new", "").keyword("a", "thing1", "x").keyword("b", "time2", "x"));
    std::thread::sleep(Duration::from_secs(61));
    assert_sent(&client.send(&message_from("o1", "new"), None));
    assert_eq!(fetches(&env), 2);
}

/// An old list that WeChat does not renew says nothing about a template that it lacks.
#[test]
fn an_unknown_template_passes_while_wechat_cannot_be_asked() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    assert_sent(&send(&client, "o1"));
    drop(client);
    age_kept_templates(&env, Duration::from_secs(61));
    env.wechat.set_any_template(true);
    env.wechat.arm(Fault::errcode(-1).on(Endpoint::GetTemplate).forever());
    let client = env.client(json!({}));
    accept(&env, &client, "o1", "new");
    assert_sent(&client.send(&message_from("o1", "new"), None));
    env.accept(&client, "o1");
    assert_refused(&client.send(&faulty("o1"), None), "data.thing1: 23 characters, at most 20");
}

#[test]
fn a_failed_fetch_never_fails_a_send() {
    let faults = [
        ("busy", Fault::errcode(-1)),
        ("no permission", Fault::errcode(48001)),
        ("unknown code", Fault::errcode(12345)),
        ("closed", Fault::close()),
        ("reset", Fault::reset()),
        ("HTML", Fault::http(502, "<html>Bad Gateway</html>")),
        ("garbage", Fault::garbage("\u{0}[")),
        ("no list", Fault::garbage(r#"{"errcode":0,"errmsg":"ok"}"#)),
        ("no answer", Fault::stall()),
    ];
    for (name, fault) in faults {
        let env = TestEnv::new();
        let client = env.client(json!({"timeout_ms": 2000}));
        let lines = Lines::listen(&client);
        env.wechat.arm(fault.on(Endpoint::GetTemplate).forever());
        env.accept(&client, "o1");
        env.accept(&client, "o1");
        let started = Instant::now();
        let sent = send(&client, "o1");
        assert_eq!(sent.status, Status::Ok, "{name}: {}", sent.message);
        assert!(started.elapsed() < Duration::from_millis(1900), "{name}: at most half of the time");
        let asked = fetches(&env);
        assert_eq!(send(&client, "o1").status, Status::Ok, "{name}");
        assert_eq!(fetches(&env), asked, "{name}: not again within a minute");
        let warned = lines.warnings();
        assert!(warned.iter().any(|w| w.contains("templates could not be fetched")), "{name}: {warned:?}");
    }
}

/// However much time a send has, it does not spend it on the templates.
#[test]
fn a_list_that_does_not_come_is_not_waited_for_long() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 20_000}));
    env.wechat.arm(Fault::stall().on(Endpoint::GetTemplate).forever());
    env.accept(&client, "o1");
    let started = Instant::now();
    assert_sent(&send(&client, "o1"));
    assert!(started.elapsed() < Duration::from_secs(7), "three seconds: {:?}", started.elapsed());
}

#[test]
fn a_token_refused_for_the_templates_is_renewed() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    env.wechat.arm(Fault::errcode(42001).on(Endpoint::GetTemplate));
    env.wechat.kill_token(wxsub_simulator::TokenKind::Stable);
    assert_refused(&client.send(&faulty("o1"), None), "data.thing1: 23 characters, at most 20");
    assert_eq!(fetches(&env), 2);
}

#[test]
fn an_empty_list_says_nothing() {
    let env = TestEnv::new();
    for sample in Template::samples() {
        env.wechat.remove_template(&sample.pri_tmpl_id);
    }
    env.wechat.set_any_template(true);
    let client = env.client(json!({}));
    accept(&env, &client, "o1", "any");
    assert_sent(&client.send(&message_from("o1", "any"), None));
    assert_eq!(fetches(&env), 1);
}

#[test]
fn a_list_in_the_configuration_works_offline() {
    let env = TestEnv::new();
    let templates = json!([
        {"id": "short", "keys": ["thing1", "enum_string2"], "enums": {"enum_string2": ["胜利", "失败"]}},
        {"priTmplId": "long", "title": "t", "content": "a:{{thing1.DATA}}\nb:{{phrase3.DATA}}\n", "example": "", "type": 3},
    ]);
    let client = env.client(json!({"templates": templates}));
    env.wechat.set_offline(true);
    assert_refused(
        &client.send(&text("o1", "short", json!({"thing1": "", "enum_string2": "平局"})), None),
        "data.thing1: empty; data.enum_string2: \"平局\" is not one of 胜利, 失败",
    );
    assert_refused(
        &client.send(&text("o1", "long", json!({"thing1": "a", "phrase3": "a"})), None),
        "data.phrase3: 'a' at 1 is not Chinese (phrase: up to 5 Chinese characters)",
    );
    assert_refused(
        &client.send(&message("o1"), None),
        "template_id sim-stamina is none of the account's 2 templates; nothing was sent",
    );
    env.wechat.set_offline(false);
    accept(&env, &client, "o1", "short");
    assert_sent(&client.send(&text("o1", "short", json!({"thing1": "a", "enum_string2": "胜利"})), None));
    assert_eq!(fetches(&env), 0);
}

#[test]
fn mistakes_in_a_configured_list_are_named() {
    let env = TestEnv::new();
    for (templates, message) in [
        (json!([{"id": "a"}]), "templates[0].keys: at least one key like \"thing1\" is needed"),
        (json!([{"id": "a", "keys": ["thing1"]}, {"id": "a", "keys": ["thing1"]}]), "templates[1]: the same id"),
        (json!([{"id": "a", "keys": ["thing1"], "type": 4}]), "templates[0].type: 2 (one-time) or 3 (long-term)"),
        (json!(["a"]), "templates[0]: an object is needed"),
    ] {
        let config = Config::from_json(&env.config(json!({"templates": templates.clone()}))).unwrap();
        let Err(e) = Client::open(config) else { panic!("{templates} was taken") };
        assert_eq!(e.status, Status::Config);
        assert!(e.message.contains(message), "{templates}: {e}");
    }
}

#[test]
fn off_never_asks_and_takes_anything() {
    let env = TestEnv::new();
    env.wechat.set_any_template(true);
    let client = env.client(json!({"templates": "off"}));
    accept(&env, &client, "o1", "no-such");
    assert_sent(&client.send(&text("o1", "no-such", json!({"thing1": TOO_LONG, "thing2": "x"})), None));
    env.accept(&client, "o1");
    let refused = client.send(&faulty("o1"), None);
    assert_eq!((refused.status, refused.errcode, refused.quota), (Status::Message, 47003, QuotaChange::Returned));
    assert!(refused.message.contains("data.thing1"), "{}", refused.message);
    assert_eq!(fetches(&env), 0);
}

#[test]
fn an_old_list_is_renewed_behind_the_senders_backs() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    assert_sent(&send(&client, "o1"));
    drop(client);
    age_kept_templates(&env, Duration::from_secs(7 * 3600));
    env.wechat.add_template(
        Template::new(TEMPLATE, "")
            .keyword("温馨提示", "thing1", "x")
            .keyword("恢复时间", "time2", "x")
            .keyword("地点", "thing3", "x"),
    );
    env.wechat.arm(Fault::delay(1000).on(Endpoint::GetTemplate));
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    let started = Instant::now();
    let with_old_rules = send(&client, "o1");
    assert!(started.elapsed() < Duration::from_millis(900), "the send did not wait for the list");
    assert_eq!((with_old_rules.status, with_old_rules.errcode), (Status::Message, 47003), "only WeChat knew better");
    let patience = Instant::now() + Duration::from_secs(10);
    while send(&client, "o1").message != "data.thing3: missing" {
        assert!(Instant::now() < patience, "the list was not renewed: {}", send(&client, "o1").message);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(fetches(&env), 2);
}

#[test]
fn a_renewal_that_fails_is_not_repeated_at_every_send() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    assert_sent(&send(&client, "o1"));
    drop(client);
    age_kept_templates(&env, Duration::from_secs(7 * 3600));
    env.wechat.arm(Fault::errcode(48001).on(Endpoint::GetTemplate).forever());
    let client = env.client(json!({}));
    for _ in 0..10 {
        env.accept(&client, "o1");
        assert_sent(&send(&client, "o1"));
        std::thread::sleep(Duration::from_millis(30));
    }
    assert_eq!(fetches(&env), 2);
}

#[test]
fn all_faults_are_told_at_once_and_nothing_is_held_or_sent() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    for template in [TEMPLATE, "sim-activity", "sim-result"] {
        accept(&env, &client, "o1", template);
    }
    let refused = |template: &str, data: Value, wanted: &str| {
        assert_refused(&client.send(&text("o1", template, data), Some(r#"{"key": "k"}"#)), wanted);
        assert_eq!(client.quota("o1", template).remaining, 1);
    };
    refused(TEMPLATE, json!({"thing1": TOO_LONG, "time2": "15:01"}), "data.thing1: 23 characters, at most 20");
    refused(
        "sim-result",
        json!({"name1": "a1", "enum_string2": "赢", "character_string3": "中"}),
        "data.name1: '1' at 2 is a digit (name: up to 10 Chinese characters, or 20 letters or symbols); \
         data.enum_string2: \"赢\" is not one of 胜利, 失败, 平局; … and 1 more",
    );
    refused(
        "sim-result",
        json!({"name1": {"value": "张三"}, "enum_string2": "赢", "character_string3": {"value": ""}}),
        "data.enum_string2: \"赢\" is not one of 胜利, 失败, 平局; data.character_string3: empty",
    );
    refused(
        "sim-activity",
        json!({"thing1.DATA": "a", "number3": 12.50, "date2": "明天", "thing9": "b", "amount4": 1}),
        "data.thing1: missing; leave .DATA out of the key; \
         data.date2: \"明天\" is not a date like 2019年10月1日 or 2019-10-01 15:01; \
         data.thing9: not a key of this template; data.amount4: not a key of this template",
    );
    refused(
        TEMPLATE,
        json!({"thing1": "a\nb", "time2": "2019年10月1日 15:01～16:01"}),
        "data.thing1: '\\n' at 2 is a control character or line break; data.time2: '～' at 17 must be a half-width ~",
    );
    refused(TEMPLATE, json!({}), "data.thing1: missing; data.time2: missing");
    refused(
        "sim-activity",
        json!({"thing1": "a", "date2": "2026-11-24", "number3": "x"}),
        "data.number3: \"x\" is not a number like 12 or 12.5",
    );
    assert_eq!(sends(&env), 0);
    let mended = client.send(&message("o1"), Some(r#"{"key": "k"}"#));
    assert_sent(&mended);
    assert_eq!(mended.flags & Verdict::REPLAYED, 0, "the key of a refused message is free");
}

#[test]
fn faults_of_form_do_not_hide_faults_of_values() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    let refused = client.send(&text("o1", TEMPLATE, json!({"thing1": TOO_LONG, "time2": []})), None);
    assert_eq!(refused.status, Status::Message);
    for part in
        ["data.thing1: 23 characters, at most 20", "data.time2: must be {\"value\": \"…\"}, a string or a number"]
    {
        assert!(refused.message.contains(part), "{part:?} is not in {:?}", refused.message);
    }
}

#[test]
fn truncate_cuts_free_text_and_says_so() {
    let env = TestEnv::new();
    let client = env.client(json!({"validate": "truncate"}));
    let lines = Lines::listen(&client);
    env.accept(&client, "o1");
    assert_sent(&client.send(&faulty("o1"), None));
    let delivered = &env.wechat.deliveries()[0];
    assert_eq!(delivered.data["thing1"]["value"], "体力已经完全恢复，快回到游戏里来领取今…");
    assert_eq!(delivered.data["time2"]["value"], "15:01");
    let warned = lines.warnings();
    assert_eq!(warned, ["sim-stamina for o1: data.thing1: 23 characters, cut to 20"]);

    // Nothing else is rewritten: what is not merely too long, or not free text, is a fault.
    let refused = |template: &str, data: Value, wanted: &str| {
        assert_refused(&client.send(&text("o1", template, data), None), wanted);
    };
    refused(
        "sim-activity",
        json!({"thing1": TOO_LONG, "date2": "2026-11-24", "number3": "123456789012345678901234567890123"}),
        "data.number3: 33 digits, at most 32",
    );
    refused(
        TEMPLATE,
        json!({"thing1": "体力已经完全恢复，快回到游戏里来领取今天\n的奖励", "time2": "15:01"}),
        "data.thing1: 24 characters, at most 20; data.thing1: '\\n' at 21 is a control character or line break",
    );
    // A surplus key seems to be ignored by WeChat.
    env.accept(&client, "o1");
    assert_sent(&client.send(&text("o1", TEMPLATE, json!({"thing1": "a", "time2": "15:01", "thing3": "b"})), None));
    // A name with Chinese in it has ten characters.
    accept(&env, &client, "o1", "sim-result");
    let data = json!({"name1": "买买提·阿不都热西提", "enum_string2": "胜利", "character_string3": "B-1"});
    assert_sent(&client.send(&text("o1", "sim-result", data), None));
    let long = json!({"name1": "买买提·阿不都热西提·卡", "enum_string2": "胜利", "character_string3": "B-1"});
    accept(&env, &client, "o1", "sim-result");
    assert_sent(&client.send(&text("o1", "sim-result", long), None));
    let names: Vec<Value> = env.wechat.deliveries()[2..].iter().map(|d| d.data["name1"]["value"].clone()).collect();
    assert_eq!(names, ["买买提·阿不都热西提", "买买提·阿不都热西…"]);
}

#[test]
fn validate_off_passes_everything_on() {
    let env = TestEnv::new();
    let client = env.client(json!({"validate": "off"}));
    env.accept(&client, "o1");
    for data in
        [json!({"thing1": TOO_LONG, "time2": "15:01"}), json!({"thing1": "a"}), json!("{}"), json!({"thing1": []})]
    {
        let verdict = client.send(&text("o1", TEMPLATE, data.clone()), None);
        assert_eq!((verdict.status, verdict.errcode), (Status::Message, 47003), "{data}: {}", verdict.message);
        assert_eq!((verdict.attempts, verdict.quota), (1, QuotaChange::Returned), "{data}");
    }
    assert_eq!(client.send(&message_from("o1", "new"), None).status, Status::NoQuota, "unknown templates pass too");
    assert_sent(&client.send(&text("o1", TEMPLATE, json!({"thing1": "a", "time2": "15:01", "more1": "b"})), None));
}

/// An environment with one long-term template.
fn long_term_env() -> TestEnv {
    let lasting = Template::new("lasting", "版本更新").keyword("内容", "thing1", "x").long_term();
    TestEnv::with(Options { templates: vec![lasting], any_template: Some(true), ..Options::default() })
}

fn send_lasting(client: &Client) -> Verdict {
    client.send(&text("o1", "lasting", json!({"thing1": "新版本"})), None)
}

#[test]
fn a_long_term_template_is_on_or_off() {
    let env = long_term_env();
    let client = env.client(json!({}));
    assert_eq!(send_lasting(&client).status, Status::NoQuota, "off");
    for _ in 0..3 {
        env.wechat.grant("o1", "lasting", 1);
        let on = client.report("o1", Some("lasting"), Answer::Accept, None);
        assert_eq!((on.status, on.quota, on.remaining), (Status::Ok, QuotaChange::Granted, 1), "{}", on.message);
        let sent = send_lasting(&client);
        assert_sent(&sent);
        assert_eq!((sent.quota, sent.remaining), (QuotaChange::Untouched, 1));
    }
    assert_eq!(client.quota("o1", "lasting").remaining, 1);

    env.wechat.refuse("o1", "lasting");
    let refused = send_lasting(&client);
    assert_eq!((refused.status, refused.quota, refused.remaining), (Status::Refused, QuotaChange::Cleared, 0));
    assert_eq!(send_lasting(&client).status, Status::NoQuota);

    env.wechat.grant("o1", "lasting", 1);
    assert_eq!(client.report("o1", Some("lasting"), Answer::Accept, None).remaining, 1);
    assert_sent(&send_lasting(&client));
    let off = client.report("o1", Some("lasting"), Answer::Reject, None);
    assert_eq!((off.quota, off.remaining), (QuotaChange::Cleared, 0));
    assert_eq!(client.quota("o1", "lasting").remaining, 0);
    assert_eq!(send_lasting(&client).status, Status::NoQuota);
    assert_eq!(env.wechat.deliveries().len(), 4);
}

/// Accepts that were counted before anybody knew the template's kind are one switch, too.
#[test]
fn a_long_term_template_learnt_late_is_on_or_off_all_the_same() {
    let env = long_term_env();
    let client = env.client(json!({}));
    for _ in 0..3 {
        accept(&env, &client, "o1", "lasting");
    }
    for _ in 0..5 {
        let sent = send_lasting(&client);
        assert_sent(&sent);
        assert_eq!((sent.quota, sent.remaining), (QuotaChange::Untouched, 1));
    }
    assert_eq!(client.quota("o1", "lasting").remaining, 1);
    assert_eq!(client.report("o1", Some("lasting"), Answer::Reject, None).remaining, 0);
    assert_eq!(send_lasting(&client).status, Status::NoQuota);
}

#[test]
fn a_long_term_template_lasts_without_validation_too() {
    let env = long_term_env();
    let client = env.client(json!({"validate": "off"}));
    accept(&env, &client, "o1", "lasting");
    for _ in 0..2 {
        let sent = send_lasting(&client);
        assert_sent(&sent);
        assert_eq!((sent.quota, sent.remaining), (QuotaChange::Untouched, 1));
    }
}

/// An uncertain send of a long-term template takes nothing either.
#[test]
fn a_long_term_template_survives_a_maybe() {
    let env = long_term_env();
    let client = env.client(json!({}));
    accept(&env, &client, "o1", "lasting");
    env.wechat.arm(Fault::close().on(Endpoint::Send).applied());
    let maybe = send_lasting(&client);
    assert_eq!((maybe.status, maybe.quota, maybe.remaining), (Status::Unknown, QuotaChange::Untouched, 1));
    assert_sent(&send_lasting(&client));
    assert_eq!(left(&client, "o1"), 0, "other templates have their own count");
}

/// What an operator asks for does not change what messages are checked against.
#[test]
fn a_check_leaves_the_configured_templates_in_force() {
    let env = TestEnv::new();
    env.wechat.set_any_template(true);
    for (templates, sent) in [(json!("off"), "a\nb"), (json!([{"id": TEMPLATE, "keys": ["thing1"]}]), "a")] {
        let client = env.client(json!({"templates": templates.clone()}));
        accept(&env, &client, "o1", "mine");
        let faults = |client: &Client| client.send(&text("o1", TEMPLATE, json!({"thing1": sent})), None);
        env.accept(&client, "o1");
        let before = faults(&client);
        let checked = client.check();
        assert_eq!(checked.status, Status::Ok, "{}", checked.message);
        let after = faults(&client);
        let told = |v: &Verdict| (v.status, v.errcode, v.attempts);
        assert_eq!(told(&before), told(&after), "{templates}: {} became {}", before.message, after.message);
    }
}
