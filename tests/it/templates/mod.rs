//! Messages are checked against the account's own templates before they leave.

mod checking;
mod configured;
mod fetching;
mod long_term;

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
