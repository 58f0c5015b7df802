//! Killed before each system call, and what is on disk by then.

use super::*;

pub fn steps(client: &Client) {
    let step = |name: &str, work: &dyn Fn() -> Verdict| {
        say(&format!("before {name}"));
        let verdict = work();
        say(&format!("after {name}"));
        assert_eq!(verdict.status, Status::Ok, "{name}: {verdict:?}");
    };
    let later = in_ms(3_600_000);
    step("store", &|| store(client, "o1", "1", json!({"deliver_at": later, "key": "k"})));
    step("replace", &|| store(client, "o1", "2", json!({"deliver_at": later, "key": "k", "on_conflict": "replace"})));
    step("cancel", &|| client.cancel("o1", "k"));
    for key in [json!("k"), json!(null)] {
        stored(client, "o1", "3", json!({"deliver_at": in_ms(400), "key": key}));
        let name = if key.is_null() { "deliver without a key" } else { "deliver" };
        step(name, &|| {
            let mut outcome = None;
            wait_until("an outcome", || {
                outcome = client.poll(1, Duration::from_millis(100)).unwrap().pop();
                outcome.is_some()
            });
            outcome.unwrap()
        });
    }
}

#[test]
fn stored_cancelled_and_being_sent_are_on_disk_before_anything_follows_from_them() {
    let env = lively_env(Duration::ZERO);
    let (trace, _) =
        Trace::of(MODULE, "steps", json!({"config": lively(&env, json!({}))}), &["-e", CALLS], env.folder.path());
    for step in ["store", "replace", "cancel"] {
        assert!(is_synced(trace.whole_step(step)), "{step}: {:#?}", trace.step_of_all(step).collect::<Vec<_>>());
    }
    for step in ["deliver", "deliver without a key"] {
        let calls = trace.whole_step(step);
        let request = calls.iter().position(|c| c.text.contains("POST /cgi-bin/message/subscribe/send"));
        let sender = &calls[request.expect("a request")].thread;
        let before: Vec<_> = calls[..request.unwrap()].iter().filter(|c| c.thread == *sender).collect();
        // What the sender wrote before its request is the mark.
        let text = || before.iter().map(|c| c.text.as_str()).collect::<Vec<_>>();
        assert!(is_synced(&calls[..request.unwrap()]), "{step}: {:#?}", text());
        assert!(before.iter().any(|c| is_log_write(&c.text)), "{step}: {:#?}", text());
    }
}

/// The life of one message from its submission to its outcome.
pub fn one_message(client: &Client, args: &Value) {
    let openid = args["openid"].as_str().unwrap();
    stored(client, openid, openid, json!({"key": "k", "durable": true}));
    say("stored");
    for (_, status) in outcomes(client) {
        say(&format!("ended k {status:?}"));
    }
}

/// The same child is killed before the first of these system calls, before the second, and so on; another process finds
/// what it left.
fn killed_before_each(env: &TestEnv, syscall: &str) -> [usize; 3] {
    let next = std::sync::atomic::AtomicUsize::new(1);
    let ended_at = std::sync::atomic::AtomicUsize::new(usize::MAX);
    let found = Mutex::new([0; 3]);
    std::thread::scope(|scope| {
        // Each spends most of its time in waiting for a lease's end.
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    if nth > ended_at.load(std::sync::atomic::Ordering::SeqCst) {
                        break;
                    }
                    let openid = format!("{syscall}{nth}");
                    let path = env.folder.path().join(format!("{openid}.db"));
                    let config = lively(env, json!({"store": path, "timeout_ms": 1000, "templates": "off"}));
                    // How a store is made, and a token got, is not what is tried here.
                    assert_eq!(send(&open(&config), "warm").status, Status::Ok);
                    let inject = format!("inject={syscall}:signal=KILL:when={nth}");
                    let strace = ["strace", "-f", "-o", "/dev/null", "-e", syscall, "-e", &inject];
                    let child =
                        Child::start_under(MODULE, &strace, "one message", json!({"config": config, "openid": openid}));
                    let (said, end) = child.end();
                    if end.success() {
                        ended_at.fetch_min(nth, std::sync::atomic::Ordering::SeqCst);
                    }

                    let client = open(&config);
                    let mut told = ended(&said);
                    told.extend(outcomes(&client).into_iter().map(|(key, status)| (key, format!("{status:?}"))));
                    assert!(told.len() <= 1, "{openid}: {told:?}");
                    let found_now = open(&config).lookup(&openid, "k");
                    let deliveries = env.wechat.deliveries_to(&openid).len();
                    let requests = env.wechat.sends_to(&openid).len();
                    assert!(deliveries <= 1 && requests <= 1, "{openid}: {requests} requests");
                    let kind = match found_now.status {
                        Status::NotFound => {
                            assert!(said.is_empty() && requests == 0, "{openid}: stored and lost");
                            0
                        }
                        Status::Ok => {
                            assert_eq!(deliveries, 1, "{openid}");
                            1
                        }
                        Status::Unknown => 2,
                        other => panic!("{openid}: {other:?}"),
                    };
                    found.lock().unwrap()[kind] += 1;
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    println!("{syscall}: {} lost before they were stored, {} sent, {} maybe", found[0], found[1], found[2]);
    assert!(found.iter().sum::<usize>() > 1, "there is one in every life");
    found
}

#[test]
fn killed_before_each_of_its_calls() {
    let env = lively_env(Duration::ZERO);
    let mut all = [0; 3];
    for syscall in ["fdatasync", "sendto", "recvfrom", "pwrite64"] {
        let found = killed_before_each(&env, syscall);
        (0..3).for_each(|i| all[i] += found[i]);
    }
    assert!(all.iter().all(|n| *n > 0), "{all:?}");
}
