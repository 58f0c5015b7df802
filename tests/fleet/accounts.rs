//! The accounts of a fleet when it is over: what each side says that happened.

use std::collections::{BTreeMap, HashMap};

use crate::common::{TEMPLATE, TestEnv, left};
use crate::deaths::named;
use crate::journal::Line;
use crate::servers::wait_until;
use serde_json::{Value, json};
use wxsub::{Client, Status, Verdict};
use wxsub_simulator::Endpoint;

/// Plain sends whose lease the old master had not passed on: a few at a failover.
const MAY_OVERLAP: u64 = 4;

/// What was delivered, and how often, by name.
fn delivered(env: &TestEnv) -> HashMap<String, u64> {
    let mut times = HashMap::new();
    for delivery in env.wechat.deliveries() {
        *times.entry(delivery.data["thing1"]["value"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    times
}

/// What became of a stored message. One whose announcement a failover took is not counted as waiting; it is found within half
/// a minute, and sent then.
fn ended_as(client: &Client, player: &str, name: &str) -> Verdict {
    let mut found = client.lookup(player, name);
    wait_until("a stored message ends", || {
        found = client.lookup(player, name);
        found.flags & Verdict::STORED == 0 && found.status != Status::Busy
    });
    found
}

/// Every message as it was told: sent once, not sent, or maybe; a stored one has an end. `failovers` of a cluster: they
/// lose no more than marks that nothing was promised of.
pub fn settle_accounts(env: &TestEnv, client: &Client, lines: &[Line], outcomes: &[Verdict], failovers: u64) -> String {
    let begun = lines.iter().filter(|line| line.what == "durable");
    let players: HashMap<&str, &str> = begun.map(|line| (line.name.as_str(), line.more.as_str())).collect();
    let stored: HashMap<&str, Verdict> = lines
        .iter()
        .filter(|line| line.what == "stored")
        .map(|line| (line.name.as_str(), ended_as(client, players[line.name.as_str()], &line.name)))
        .collect();
    let delivered = delivered(env);
    if let Some((name, times)) = delivered.iter().find(|(_, times)| **times > 1) {
        panic!("{name} was delivered {times} times");
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    // Stored messages that ended without a send, which a failover forgot: they were sent then.
    let mut revived = 0;
    let mut ended: HashMap<&str, &str> = HashMap::new();
    let later: Vec<(String, String)> = outcomes.iter().map(|v| (v.key.clone(), format!("{:?}", v.status))).collect();
    let told = lines.iter().filter(|l| l.what == "ended").map(|l| (l.name.as_str(), l.more.as_str()));
    for (name, status) in told.chain(later.iter().map(|(name, status)| (name.as_str(), status.as_str()))) {
        *counts.entry(status.split(' ').next().expect("a word")).or_default() += 1;
        let times = delivered.get(name).copied().unwrap_or(0);
        match status.split(' ').next().expect("a word") {
            "Ok" => assert_eq!(times, 1, "{name} is said to be sent"),
            // A keyed one that was found running, or one in the outbox, when its process died.
            "Unknown" => {}
            "NoQuota" if times == 1 && failovers > 0 && stored.contains_key(name) => revived += 1,
            // Its lease was nearly over when it could have begun.
            "NoQuota" | "Refused" | "Busy" | "Connect" => assert_eq!(times, 0, "{name}: {status}, and sent"),
            "Store"
                if failovers > 0
                    || ["no time left", "in time", "the disk failed", "kept it locked", "busy"]
                        .iter()
                        .any(|why| status.contains(why)) =>
            {
                assert_eq!(times, 0, "{name}: {status}, and sent");
            }
            _ => panic!("{name}: {status}"),
        }
        ended.insert(name, status);
    }
    for line in lines.iter().filter(|line| line.what == "stored") {
        let name = line.name.as_str();
        let found = &stored[name];
        let found_status = format!("{:?}", found.status);
        // What had no effect is told once, and may be forgotten.
        let known = ended.get(name).copied().unwrap_or(found_status.as_str());
        let times = delivered.get(name).copied().unwrap_or(0);
        match known {
            "Ok" => assert_eq!(times, 1, "{name} ended as {:?}, and is found as {found:?}", ended.get(name)),
            "NoQuota" if times == 1 && failovers > 0 => revived += u64::from(!ended.contains_key(name)),
            "NoQuota" | "Refused" => assert_eq!(times, 0, "{name}: {known}"),
            "Unknown" => {}
            other => panic!("{name}: stored, and then {other}"),
        }
        *counts.entry("stored").or_default() += 1;
    }
    let overlaps = env.wechat.counters().overlaps;
    let may_overlap = failovers * MAY_OVERLAP;
    assert!(overlaps <= may_overlap, "players had two requests at once {overlaps} times, {may_overlap} at most");
    assert!(env.wechat.counters().max_concurrent_sends > 1, "nobody works at the same time as another");
    let times = |status| counts.get(status).copied().unwrap_or(0);
    assert!((times("Ok") > times("Store") || failovers > 0) && times("stored") > 0, "{counts:?}");
    assert!(revived <= failovers, "{revived} messages were sent that had ended");
    format!("{} delivered, {overlaps} at once with another, {revived} after their end, {counts:?}", delivered.len())
}

/// What the funnel says is what happened; only of what the dead had in hand it says that it does not know.
pub fn the_funnel_is_the_truth(env: &TestEnv, client: &Client, accepted: u64, uncertain: u64) {
    let request = json!({"do": "funnel", "from": "2024-01-01", "to": "2033-12-31"}).to_string();
    let reply: Value =
        serde_json::from_str(&client.admin(&request, 1 << 20).unwrap_or_else(|e| panic!("{e}"))).unwrap();
    let rows = reply["funnel"].as_array().expect("a list");
    let sum = |column: &str| rows.iter().map(|row| row[column].as_u64().expect("a number")).sum::<u64>();
    let (sent, unknown, delivered) = (sum("sent"), sum("unknown"), env.wechat.deliveries().len() as u64);
    println!("funnel: {sent} sent, {unknown} unknown, {delivered} delivered, {} accepted", sum("accepted"));
    assert_eq!(sum("accepted"), accepted, "{rows:#?}");
    assert!(sent <= delivered && delivered <= sent + unknown, "{sent} sent, {unknown} unknown, {delivered} delivered");
    assert!(unknown <= uncertain, "{unknown} are unknown, {uncertain} were in hand at a death at most");
}

/// Nothing was spent that was not sent, and nothing sent that was not spent but for what the dead had in hand; asked to
/// the last unit, both sides say the same.
pub fn units_are_sends(
    env: &TestEnv,
    client: &Client,
    accepted: &HashMap<String, u64>,
    uncertain: u64,
    failovers: u64,
) {
    let mut forgotten = 0;
    for (player, granted) in accepted {
        let sent = env.wechat.player(player).delivered;
        assert_eq!(env.wechat.remaining(player, TEMPLATE), granted - sent);
        let spent = || granted - u64::try_from(left(client, player)).expect("never below zero");
        // What the dead held is free again when its lease is over.
        wait_until(&format!("{player}: {granted} granted, {sent} sent, and no more spent"), || spent() <= sent);
        forgotten += sent - spent();
    }
    assert!(forgotten <= uncertain, "{forgotten} sends were not counted, {uncertain} were in hand at a death at most");
    std::thread::scope(|scope| {
        for lane in 0..8 {
            scope.spawn(move || {
                for player in accepted.keys().skip(lane).step_by(8) {
                    let mut number = 0;
                    loop {
                        number += 1;
                        let verdict = client.send(&named(player, &format!("last-{player}-{number}")), None);
                        match verdict.status {
                            Status::Ok => {}
                            Status::NoQuota | Status::Refused => break,
                            _ => panic!("{verdict:?}"),
                        }
                    }
                    assert_eq!((left(client, player), env.wechat.remaining(player, TEMPLATE)), (0, 0), "{player}");
                    assert_eq!(env.wechat.player(player).delivered, accepted[player], "{player}");
                }
            });
        }
    });
    let counters = env.wechat.counters();
    assert!(counters.overlaps <= failovers * MAY_OVERLAP);
    assert_eq!(counters.delivered, accepted.values().sum::<u64>(), "each accept was one message");
    assert!(counters.answers(Endpoint::Send, 43101) <= uncertain, "WeChat refused more than was forgotten");
}
