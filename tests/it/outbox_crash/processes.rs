//! Several processes deliver from one store.

use super::*;

#[test]
fn another_process_takes_over_what_a_killed_one_had_in_hand() {
    const MESSAGES: u64 = 6;
    let env = lively_env(Duration::ZERO);
    for on_unknown in ["report", "resend"] {
        let name = |n: u64| format!("{on_unknown}-{n}");
        let writer = open(&lively(&env, json!({})));
        let due = in_ms(1000);
        for n in 0..MESSAGES {
            let options = json!({"key": name(n), "deliver_at": due + n as i64, "on_unknown": on_unknown});
            stored(&writer, &name(n), &name(n), options);
        }
        drop(writer);
        // The first is at WeChat when its process dies; the others are in its hands and wait for that.
        env.wechat.arm(Fault::stall().on(Endpoint::Send).openid(name(0)));
        let victim = deliverer(&env, json!({"workers": 1, "timeout_ms": 2000}));
        wait_until("the first is at WeChat", || env.wechat.sends_to(&name(0)).len() == 1);
        let mut heir = deliverer(&env, json!({"workers": 1, "timeout_ms": 2000}));
        assert!(ended(&victim.kill()).is_empty(), "it was in the middle of the first");

        let mut told: Vec<String> = (0..MESSAGES).map(|_| heir.heard()).collect();
        told.sort();
        let first = if on_unknown == "resend" { "Ok" } else { "Unknown" };
        let wanted: Vec<String> =
            (0..MESSAGES).map(|n| format!("ended {} {}", name(n), if n == 0 { first } else { "Ok" })).collect();
        assert_eq!(told, wanted);
        assert_eq!(heir.finish(), [format!("told {MESSAGES}")]);
        for n in 0..MESSAGES {
            let sends = env.wechat.sends_to(&name(n)).len();
            assert_eq!(sends, if n == 0 && on_unknown == "resend" { 2 } else { 1 }, "{}", name(n));
        }
    }
}

/// Stopped in the middle of its send, it is taken for dead; when it goes on, the message has had its outcome.
#[test]
fn a_process_that_stood_still_tells_no_second_outcome() {
    let env = lively_env(Duration::ZERO);
    let writer = open(&lively(&env, json!({})));
    stored(&writer, "o1", "o1", json!({"key": "k", "deliver_at": in_ms(1000)}));
    drop(writer);
    env.wechat.arm(Fault::delay(1000).on(Endpoint::Send).openid("o1"));
    let sleeper = deliverer(&env, json!({"timeout_ms": 2000}));
    wait_until("it is at WeChat", || !env.wechat.sends_to("o1").is_empty());
    sleeper.signal("STOP");

    let mut heir = deliverer(&env, json!({"timeout_ms": 2000}));
    assert_eq!(heir.heard(), "ended k Unknown");
    sleeper.signal("CONT");
    assert_eq!(sleeper.finish(), ["told 0"]);
    assert_eq!(heir.finish(), ["told 1"]);
    assert_eq!((delivered(&env)["o1"], env.wechat.sends_to("o1").len()), (1, 1));
}

#[test]
fn two_busy_processes_both_deliver_a_share_of_a_backlog() {
    const MESSAGES: usize = 400;
    let env = lively_env(Duration::from_millis(10));
    let writer = open(&lively(&env, json!({})));
    let due = in_ms(4000);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let writer = &writer;
            scope.spawn(move || {
                for n in (thread..MESSAGES).step_by(8) {
                    let key = format!("n{n}");
                    let options = json!({"key": key, "deliver_at": due}).to_string();
                    writer.submit(&named(&format!("o{n}"), &key), Some(&options)).unwrap();
                }
            });
        }
    });
    let mut results = 0;
    wait_until("all are stored", || {
        results += writer.poll(MESSAGES, Duration::ZERO).unwrap().len();
        results == MESSAGES
    });
    drop(writer);
    let children = [(); 2].map(|()| deliverer(&env, json!({})));
    wait_until("all are sent", || delivered(&env).len() == MESSAGES);
    let told = children.map(|child| ended(&child.finish()));
    let shares = told.each_ref().map(Vec::len);
    println!("shares: {shares:?}");
    let all: HashSet<&(String, String)> = told.iter().flatten().collect();
    assert_eq!((all.len(), shares[0] + shares[1]), (MESSAGES, MESSAGES), "each has one outcome");
    assert!(all.iter().all(|(_, status)| status == "Ok"));
    assert!(delivered(&env).values().all(|times| *times == 1));
    assert!(shares.iter().all(|share| *share >= MESSAGES / 10), "{shares:?}");
}

/// What was cancelled is never sent; what could not be cancelled any more is.
#[test]
fn a_cancellation_races_two_processes_that_deliver() {
    let env = lively_env(Duration::from_millis(2));
    let client = open(&lively(&env, json!({})));
    let children = [(); 2].map(|()| deliverer(&env, json!({})));
    let messages = rounds(300, 6000);
    let (mut cancelled, mut too_late) = (HashSet::new(), HashSet::new());
    for n in 0..messages {
        let (openid, key) = (format!("o{n}"), format!("n{n}"));
        stored(&client, &openid, &key, json!({"key": key, "deliver_at": in_ms(fastrand::i64(0..12)), "tag": n}));
        std::thread::sleep(Duration::from_micros(fastrand::u64(0..12_000)));
        let verdict = client.cancel(&openid, &key);
        match verdict.status {
            Status::Ok => {
                assert_eq!((verdict.tag, client.lookup(&openid, &key).status), (n as u64, Status::Cancelled));
                cancelled.insert(key)
            }
            Status::TooLate => too_late.insert(key),
            _ => panic!("{verdict:?}"),
        };
    }
    outcomes(&client);
    drop(children.map(Child::finish));
    println!("{} cancelled, {} too late", cancelled.len(), too_late.len());
    let delivered = delivered(&env);
    assert!(delivered.keys().all(|key| !cancelled.contains(key)), "cancelled, and sent");
    assert!(too_late.iter().all(|key| delivered.get(key) == Some(&1)), "too late to cancel, and not sent once");
    assert!(!cancelled.is_empty() && !too_late.is_empty(), "no race");
}

/// The one or the other is sent, as its result says, and never both.
#[test]
fn a_replacement_races_two_processes_that_deliver() {
    let env = lively_env(Duration::from_millis(2));
    let client = open(&lively(&env, json!({})));
    let children = [(); 2].map(|()| deliverer(&env, json!({})));
    let messages = rounds(300, 6000);
    let (mut replaced, mut too_late) = (0, 0);
    let mut wanted = HashMap::new();
    for n in 0..messages {
        let (openid, key) = (format!("o{n}"), format!("k{n}"));
        let (old, new) = (format!("old{n}"), format!("new{n}"));
        stored(&client, &openid, &old, json!({"key": key, "deliver_at": in_ms(fastrand::i64(0..12))}));
        std::thread::sleep(Duration::from_micros(fastrand::u64(0..12_000)));
        let options = json!({"key": key, "deliver_at": in_ms(0), "on_conflict": "replace"});
        let ticket = client.submit(&named(&openid, &new), Some(&options.to_string())).unwrap();
        let mut result = None;
        wait_until("the ticket's result", || {
            // An outcome of a replacement may be among them.
            let polled = client.poll(64, Duration::from_millis(100)).unwrap();
            result = result.take().or(polled.into_iter().find(|r| r.ticket == ticket));
            result.is_some()
        });
        let result = result.unwrap();
        match (result.status, result.flags) {
            (Status::Ok, Verdict::STORED) => {
                replaced += 1;
                wanted.insert(new, 1);
            }
            (Status::TooLate, 0) | (Status::Ok, Verdict::REPLAYED) => {
                too_late += 1;
                wanted.insert(old, 1);
            }
            _ => panic!("{result:?}"),
        }
    }
    outcomes(&client);
    drop(children.map(Child::finish));
    println!("{replaced} replaced, {too_late} too late");
    assert_eq!(delivered(&env), wanted);
    assert!(replaced > 0 && too_late > 0, "no race");
}
