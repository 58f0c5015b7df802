//! Servers that do not answer, or not in time.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use super::connection::Dialer;
use super::node::{Call, Node};
use super::*;

/// By then a call whose deadline is a moment has ended, on a busy machine, too; its server says nothing for longer.
const LATE: Duration = Duration::from_secs(4);

/// A server that answers to everything it reads at once, after a while; never: not at all. Returns its port.
fn slow(after: Option<Duration>, answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                    match after {
                        Some(after) => std::thread::sleep(after),
                        None => continue,
                    }
                    if stream.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

fn node(port: u16) -> Arc<Node> {
    let (config, at) = config(&format!("redis://127.0.0.1:{port}"), json!({}));
    let dialer = Arc::new(Dialer::new(&config, &at).unwrap());
    Node::new(&("127.0.0.1".to_owned(), port), &dialer)
}

#[test]
fn nobody_who_answers_costs_no_more_than_the_deadline_with_tls_or_without() {
    let port = slow(None, b"");
    for scheme in ["redis", "rediss"] {
        let began = Instant::now();
        let failed = try_open(&format!("{scheme}://127.0.0.1:{port}"), json!({"timeout_ms": 400})).err().unwrap();
        assert!(began.elapsed() < LATE, "{scheme}: {:?}", began.elapsed());
        assert!(
            failed.message.contains("no answer came in time") && failed.message.contains("nothing was done"),
            "{failed}"
        );
        assert_eq!(failed.retry, crate::Retry::Later);
    }
}

/// A peer that says a byte now and then keeps nobody longer either.
#[test]
fn a_trickle_does_not_outlast_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                while stream.write_all(&[0x16]).is_ok() {
                    std::thread::sleep(Duration::from_millis(50))
                }
            });
        }
    });
    let began = Instant::now();
    let failed = try_open(&format!("rediss://127.0.0.1:{port}"), json!({"timeout_ms": 500})).err().unwrap();
    assert!(began.elapsed() < LATE, "{:?}", began.elapsed());
    assert_eq!(failed.status, Status::Store, "{failed}");
}

#[test]
fn who_leads_leaves_at_its_own_deadline_and_the_others_get_their_answers() {
    let node = node(slow(Some(LATE), b"+one\r\n+two\r\n"));
    let call = |ms| Call::new(b"*1\r\n$4\r\nPING\r\n".to_vec(), 1, None, Deadline::in_ms(ms));
    let (hasty, patient) = (call(200), call(60_000));
    node.enqueue(&hasty);
    node.enqueue(&patient);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let began = Instant::now();
            (node.wait(&hasty), began.elapsed())
        });
        // It comes when the other one leads.
        std::thread::sleep(Duration::from_millis(50));
        let answers = node.wait(&patient).unwrap();
        assert_eq!(answers.values, [Value::Text(b"two".to_vec())]);
        let (lost, took) = waiting.join().unwrap();
        assert!(matches!(lost, Err(Failure::Lost(_))), "{lost:?}");
        assert!(took < LATE, "{took:?}");
    });
}

#[test]
fn who_waits_behind_others_leaves_at_its_own_deadline() {
    let node = node(slow(None, b""));
    let calls: Vec<_> =
        (0..8).map(|n| Call::new(b"*1\r\n$4\r\nPING\r\n".to_vec(), 1, None, Deadline::in_ms(200 + n))).collect();
    std::thread::scope(|scope| {
        for call in &calls {
            scope.spawn(|| {
                let began = Instant::now();
                node.enqueue(call);
                let failed = node.wait(call).unwrap_err();
                // On a busy machine the time may be over before anything was sent.
                assert!(!matches!(failed, Failure::Refused { .. } | Failure::Unproven(_)), "{failed:?}");
                assert!(began.elapsed() < LATE, "{:?}", began.elapsed());
            });
        }
    });
}

/// A call takes along what was put off on its player. Its own time being over says nothing about that.
#[test]
fn what_was_put_off_outlives_the_deadline_of_who_came_next() {
    let (port, _server) = server::start();
    let engine = try_open(&format!("redis://127.0.0.1:{port}"), json!({})).unwrap();
    let name = Name::player("o1");
    let count_up = || {
        let name = name.clone();
        let decide = Box::new(move |view: &View<'_>| {
            let count = view.get(&name)?.map_or(0, |value| value[0]);
            let mut changes = Changes::default();
            changes.put(name.clone(), Some(vec![count + 1]), None);
            Ok(changes)
        });
        let trace = Trace {
            name: Name::player("o1"),
            find: |_, before, now, _| if before == now { Found::NotDone } else { Found::Done },
        };
        Step { reads: vec![Name::player("o1")], proven: false, trace: Some(trace), decide }
    };
    engine.step(count_up(), soon()).unwrap();
    let (place, home) = Place::of([&name]).unwrap();
    let count = || {
        let At { key, field } = engine.core.keys.record(place, &name);
        engine.tell(place, &[b"HGET", &key, &field])
    };
    for (before, known) in [(1, true), (2, false)] {
        // The worker does not come by.
        let guard = engine.core.player_locks.lock(home, soon()).unwrap();
        engine.defer(count_up());
        if !known {
            engine.core.memory.forget(home);
        }
        engine.tell(place, &[b"CLIENT", b"PAUSE", b"60000", b"WRITE"]);
        let failed = engine.core.take_deferred(&guard, Deadline::in_ms(200)).unwrap_err();
        assert!(!matches!(failed, Failure::Lost(_)), "{failed:?}");
        assert_eq!(engine.core.player_locks.unsettled().0.first(), Some(&home), "{failed:?}");
        engine.tell(place, &[b"CLIENT", b"UNPAUSE"]);
        drop(guard);
        engine.flush(soon());
        assert_eq!(count(), Value::Text(vec![before + 1]));
    }
}

#[test]
fn requests_that_wait_share_a_round_trip() {
    let engine = open(APPID, "shared");
    let requests: Vec<Request> = (0..BUCKETS)
        .map(|bucket| engine.core.request(Place::Bucket(bucket), vec![Command::plain(&["TIME"])]))
        .collect();
    let before = engine.core.router.flights();
    assert!(engine.core.router.exchange_all(&requests, soon()).iter().all(Result::is_ok));
    assert!(engine.core.router.flights() - before <= 4);
}

#[test]
fn refusals_say_what_to_do() {
    for (said, advice) in [
        ("NOAUTH Authentication required.", "wrong user or password"),
        (
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
            "it has no password",
        ),
        ("ERR Script attempted to access keys that do not exist: undeclared keys", "Lua is restricted"),
        (
            "ERR bad lua script for redis cluster, all the keys that the script uses should be passed using the KEYS array",
            "Lua is restricted",
        ),
        ("ERR unknown command 'EVALSHA'", "lacks a command"),
        ("ERR EVAL is disabled", "lacks a command"),
        ("NOPERM this user has no permissions to run the 'evalsha' command", "allow EVALSHA"),
        ("ERR The user executing the script can't run this command or subcommand at XADD", "allow XADD"),
        ("ERR Unknown Redis command called from script script: 0123 at PEXPIRE", "it lacks PEXPIRE"),
        ("@user_script: 30: -OOM command not allowed when used memory > 'maxmemory'. at SET", "its memory is full"),
        ("ERR This instance has cluster support disabled", "it is no cluster"),
        (
            "ERR Error running script: @user_script: 12: -READONLY You can't write against a read only replica.",
            "it is a replica",
        ),
        ("ERR max number of clients reached", "too many clients"),
    ] {
        let e = Failure::answered(said).describe("redis://h:1/0");
        assert!(e.message.contains(advice), "{said}: {e}");
        assert_eq!((e.status, e.retry), (Status::Store, crate::Retry::Later));
        assert!(e.message.len() <= 247, "{}: {e}", e.message.len());
    }
    for failure in
        [Failure::TooLate, Failure::Lost("x".into()), Failure::Unreached("x".into()), Failure::Unproven("x".into())]
    {
        let e = failure.in_doubt("redis://h:1/0");
        assert_eq!(e.retry, crate::Retry::Unsafe);
        assert!(e.message.contains("idempotency key"), "{e}");
    }
    assert_eq!(Failure::Lost("x".into()).describe("h").retry, crate::Retry::Unsafe);
    let partly = Failure::answered("PARTLY NOPERM User less has no permissions to run the 'xadd' command at XADD");
    let told = partly.clone().undone().describe("redis://h:1/0");
    assert!(told.retry == crate::Retry::Unsafe && !partly.passes(), "{told}");
    for words in ["allow XADD", "done in part", "idempotency key"] {
        assert!(told.message.contains(words), "{told}");
    }
}
