//! Killed at any moment.

use super::*;

/// More players than are sent to at once, and fewer than messages.
const PLAYERS: u64 = 40;

/// Says before a message is submitted that its number is used up, and after it what became of it.
pub fn submit_and_deliver_until_killed(client: &Client, args: &Value) {
    let lane = &args["lane"];
    let mut number = args["from"].as_u64().unwrap();
    let mut open = 0;
    loop {
        if open < 16 {
            let name = format!("{lane}-{number}");
            say(&format!("submitted {name}"));
            let options = json!({"key": name, "deliver_at": in_ms(fastrand::i64(-50..100))});
            client.submit(&named(&format!("o{}", number % PLAYERS), &name), Some(&options.to_string())).unwrap();
            number += 1;
            open += 1;
        }
        for result in client.poll(64, Duration::from_millis(1)).unwrap() {
            let what = match (result.flags, result.status) {
                (Verdict::OUTCOME, _) => "ended",
                (Verdict::STORED, Status::Ok) => "stored",
                _ => "refused",
            };
            open -= usize::from(result.ticket > 0);
            say(&format!("{what} {} {:?}", result.key, result.status));
        }
    }
}

/// Every ticket said STORED: delivered once and said to be, or said to be a maybe; and nothing is delivered twice.
#[test]
fn what_was_stored_is_sent_once_or_told_to_be_a_maybe_through_kill_9_at_any_moment() {
    let env = lively_env(Duration::from_millis(4));
    let config = lively(&env, json!({"timeout_ms": 3000}));
    let kills = rounds(60, 1500);
    let said: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for lane in 0..2 {
            let (config, all) = (&config, &said);
            scope.spawn(move || {
                let mut from = 0;
                for round in 0..kills {
                    let args = json!({"config": config, "lane": lane, "from": from});
                    let mut child = Child::start(MODULE, "submit and deliver until killed", args);
                    let mut said = Vec::new();
                    // Some may still be opening the store, the others are in the middle of everything.
                    if round % 4 > 0 {
                        said.push(child.heard());
                        std::thread::sleep(Duration::from_micros(fastrand::u64(0..120_000)));
                    } else {
                        std::thread::sleep(Duration::from_micros(fastrand::u64(0..60_000)));
                    }
                    said.extend(child.kill());
                    from += said.iter().filter(|line| line.starts_with("submitted")).count();
                    all.lock().unwrap().extend(said);
                }
            });
        }
    });
    let heir = open(&config);
    let last = outcomes(&heir);

    let mut stored: HashSet<String> = HashSet::new();
    let (mut submitted, mut refused) = (HashSet::new(), HashSet::new());
    let mut ended: HashMap<String, String> = HashMap::new();
    let told = last.into_iter().map(|(key, status)| format!("ended {key} {status:?}"));
    for line in said.into_inner().unwrap().into_iter().chain(told) {
        let mut words = line.split(' ').map(str::to_owned);
        let (what, key, status) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
        match what.as_str() {
            "submitted" => assert!(submitted.insert(key)),
            "stored" => assert!(stored.insert(key)),
            "refused" => assert!(refused.insert(key)),
            _ => assert!(ended.insert(key.clone(), status).is_none(), "{key}: two outcomes"),
        }
    }
    let delivered = delivered(&env);
    let (mut sent, mut maybe) = (0, 0);
    let client = open(&config);
    for key in &submitted {
        let times = delivered.get(key).copied().unwrap_or(0);
        assert!(times <= 1, "{key}: sent {times} times");
        let number: u64 = key.split_once('-').unwrap().1.parse().unwrap();
        let found = client.lookup(&format!("o{}", number % PLAYERS), key);
        match found.status {
            Status::Ok => {
                assert_eq!((times, found.flags), (1, Verdict::REPLAYED), "{key}: {found:?}");
                sent += 1;
            }
            Status::Unknown => maybe += 1,
            Status::NotFound => assert!(!stored.contains(key) && times == 0, "{key} was stored, and is lost"),
            _ => panic!("{key}: {found:?}"),
        }
        if let Some(told) = ended.get(key) {
            assert_eq!(*told, format!("{:?}", found.status), "{key}: its outcome, and the lookup");
        }
        assert!(!refused.contains(key) || times == 0, "{key} was refused, and is sent");
    }
    println!(
        "{} kills, {} stored, {sent} sent, {maybe} maybe, {} outcomes told, {} refused",
        2 * kills,
        stored.len(),
        ended.len(),
        refused.len()
    );
    // Few kills hit the moment of a send.
    assert!(sent > 0 && (maybe > 0 || kills < 1000), "nothing happened");
    assert_eq!(env.wechat.counters().overlaps, 0);
}
