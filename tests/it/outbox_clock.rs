//! The wall clock says when a message is due, also when somebody sets it; how long a process may be silent it does not say.
#![cfg(target_os = "linux")]

use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::common::process::{Child, listen, play, say};
use crate::common::{TestEnv, message};
use serde_json::{Value, json};
use wxsub::{Client, Config, Status};
use wxsub_simulator::{Endpoint, Fault, Options};

const HOUR_S: i64 = 3600;

#[test]
fn child() {
    play(|_, args| {
        let client = Client::open(Config::from_json(args["config"].as_str().unwrap()).unwrap()).unwrap();
        if let Some(due_in_ms) = args["due_in_ms"].as_i64() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
            let options = json!({"key": "k", "deliver_at": now + due_in_ms}).to_string();
            client.submit(&message("o1"), Some(&options)).unwrap();
            assert_eq!(client.poll(1, Duration::from_secs(60)).unwrap()[0].status, Status::Ok);
        }
        say("ready");
        // Told or not, it delivers.
        let stopped = std::thread::spawn(listen);
        while !stopped.is_finished() {
            for outcome in client.poll(9, Duration::from_millis(20)).unwrap() {
                say(&format!("{:?}", outcome.status));
            }
        }
    });
}

/// A wall clock for children, that can be set while they run.
struct Clock {
    library: PathBuf,
    file: std::fs::File,
    path: PathBuf,
}

impl Clock {
    fn make(env: &TestEnv) -> Clock {
        let (library, path) = (env.folder.path().join("clock.so"), env.folder.path().join("clock"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/clock.c");
        let made = Command::new("cc").args(["-shared", "-fPIC", "-O", "-o"]).arg(&library).arg(source).status();
        assert!(made.expect("cc; scripts/test.sh installs it").success());
        let file = std::fs::File::create(&path).unwrap();
        let clock = Clock { library, file, path };
        clock.set(0);
        clock
    }

    /// So many seconds off from now on.
    fn set(&self, off_by_s: i64) {
        self.file.write_all_at(&off_by_s.to_ne_bytes(), 0).unwrap();
    }

    fn child(&self, args: Value) -> Child {
        let preload = format!("LD_PRELOAD={}", self.library.display());
        let clock = format!("WXSUB_TEST_CLOCK={}", self.path.display());
        let mut child = Child::start_under(module_path!(), &["env", &preload, &clock], "deliver", args);
        assert_eq!(child.heard(), "ready");
        child
    }
}

fn env() -> TestEnv {
    TestEnv::with(Options { initial_grants: 9, idle_timeout: Duration::from_secs(120), ..Options::default() })
}

#[test]
fn a_clock_set_forward_makes_a_message_due() {
    let env = env();
    let clock = Clock::make(&env);
    let config = env.config(json!({"quota": "observe"}));
    let mut child = clock.child(json!({"config": config, "due_in_ms": HOUR_S * 1000}));
    clock.set(HOUR_S + 1);
    assert_eq!(child.heard(), "Ok");
    assert_eq!(env.wechat.sends_to("o1").len(), 1);
}

#[test]
fn a_clock_set_back_lets_it_wait() {
    let env = env();
    let clock = Clock::make(&env);
    let config = env.config(json!({"quota": "observe"}));
    let mut child = clock.child(json!({"config": config, "due_in_ms": 1500}));
    clock.set(-HOUR_S);
    // It must look at the clock again, not at how long it meant to sleep.
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(env.wechat.sends_to("o1").len(), 0);
    clock.set(0);
    assert_eq!(child.heard(), "Ok");
    assert_eq!(env.wechat.sends_to("o1").len(), 1);
}

#[test]
fn a_dead_process_is_found_however_the_clock_is_set() {
    for off_by_s in [-HOUR_S, HOUR_S] {
        let env = env();
        let clock = Clock::make(&env);
        let config = env.config(json!({"quota": "observe", "timeout_ms": 8000}));
        env.wechat.arm(Fault::stall().on(Endpoint::Send));
        let mut heir = clock.child(json!({"config": config}));
        let victim = clock.child(json!({"config": config, "due_in_ms": 0}));
        let until = Instant::now() + Duration::from_secs(60);
        while env.wechat.sends_to("o1").is_empty() {
            assert!(Instant::now() < until, "nothing is sent");
            std::thread::sleep(Duration::from_millis(10));
        }
        victim.kill();
        // In this time the heir sees when the lease ends.
        std::thread::sleep(Duration::from_millis(5500));
        clock.set(off_by_s);
        assert_eq!(heir.heard(), "Unknown", "{off_by_s}");
        assert_eq!(env.wechat.sends_to("o1").len(), 1);
    }
}
