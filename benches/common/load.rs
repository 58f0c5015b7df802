//! Players and threads that send to them, in phases.

use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use super::host::Client;
use super::{Arguments, cpu_time, percentile};

/// More sends a second than any machine makes against the simulator: so many grants are prepared.
pub const MOST_PER_SECOND: u64 = 20_000;
/// A real player accepts a few times in two hours, for which each accept leaves a mark in his record.
const SENDS_EACH: u64 = 4;
const FEWEST_PLAYERS: u64 = 1024;

/// One player of one thread.
pub struct Player {
    pub openid: CString,
    pub message: CString,
    pub left: u64,
}

/// What one phase came to. Times in microseconds.
pub struct Phase {
    pub per_second: f64,
    pub cpu: f64,
    pub p50: f64,
    pub p99: f64,
}

/// Each thread's own players, since WeChat and the library send to one player one at a time.
pub fn players(arguments: &Arguments, threads: usize, template_id: &CStr, sends: u64) -> Vec<Vec<Player>> {
    let openids: Vec<String> = match arguments.text("openids") {
        Some(list) => list.split(',').map(str::to_owned).collect(),
        None => (0..(sends / SENDS_EACH).max(FEWEST_PLAYERS)).map(|i| format!("oBench{i:022}")).collect(),
    };
    assert!(openids.len() >= threads, "{threads} threads need as many players");
    let mut players: Vec<Vec<Player>> = (0..threads).map(|_| Vec::new()).collect();
    for (i, openid) in openids.into_iter().enumerate() {
        let message = json!({
            "touser": openid,
            "template_id": template_id.to_str().expect("UTF-8"),
            "page": "pages/index/index",
            "data": {"thing1": {"value": "体力已满"}, "time2": {"value": "2026年11月24日 15:01"}},
        });
        let text = |text: String| CString::new(text).expect("no NUL in JSON");
        players[i % threads].push(Player { openid: text(openid), message: text(message.to_string()), left: 0 });
    }
    players
}

/// Reports so many accepts, spread evenly.
pub fn grant(client: &Client, players: &mut [Vec<Player>], template_id: &CStr, sends: u64) {
    let each = sends.div_ceil(players.iter().map(|p| p.len() as u64).sum()) + 2;
    let all: Vec<&mut Player> = players.iter_mut().flatten().collect();
    let hands = 32.min(all.len());
    let mut shares: Vec<Vec<&mut Player>> = (0..hands).map(|_| Vec::new()).collect();
    for (i, player) in all.into_iter().enumerate() {
        shares[i % hands].push(player);
    }
    std::thread::scope(|scope| {
        for share in shares {
            scope.spawn(move || {
                for player in share {
                    (0..each).for_each(|_| client.accept(&player.openid, template_id));
                    player.left = each;
                }
            });
        }
    });
}

/// Every thread works through its players, again and again, until the time is over or one of them has nothing left.
pub fn run_phase(players: &mut [Vec<Player>], time: Duration, spends: bool, work: impl Fn(&Player) + Sync) -> Phase {
    let (start, end) = (Barrier::new(players.len() + 1), Barrier::new(players.len() + 1));
    let over = AtomicBool::new(false);
    let took: Mutex<Vec<f64>> = Mutex::default();
    let in_time: Mutex<usize> = Mutex::default();
    let one = |mine: &mut [Player]| {
        let (mut times, mut counted) = (Vec::new(), 0);
        start.wait();
        'phase: loop {
            for player in mine.iter_mut() {
                if over.load(Ordering::Relaxed) {
                    break 'phase;
                }
                if spends && player.left == 0 {
                    over.store(true, Ordering::Relaxed);
                    break 'phase;
                }
                let began = Instant::now();
                work(player);
                times.push(began.elapsed().as_secs_f64() * 1e6);
                player.left -= u64::from(spends);
                counted += usize::from(!over.load(Ordering::Relaxed));
            }
        }
        end.wait();
        // Players are taken in turn over all phases, so that none runs dry before the others.
        let next = times.len() % mine.len();
        mine.rotate_left(next);
        *in_time.lock().expect("no panic") += counted;
        took.lock().expect("no panic").append(&mut times);
    };
    let (mut elapsed, mut cpu) = (Duration::ZERO, Duration::ZERO);
    std::thread::scope(|scope| {
        for mine in players.iter_mut() {
            scope.spawn(|| one(mine));
        }
        start.wait();
        let (began, cpu_before) = (Instant::now(), cpu_time());
        while began.elapsed() < time && !over.load(Ordering::Relaxed) {
            std::thread::sleep(time.saturating_sub(began.elapsed()).min(Duration::from_millis(20)));
        }
        over.store(true, Ordering::Relaxed);
        elapsed = began.elapsed();
        end.wait();
        cpu = cpu_time() - cpu_before;
    });
    let mut took = took.into_inner().expect("no panic");
    took.sort_unstable_by(f64::total_cmp);
    Phase {
        per_second: in_time.into_inner().expect("no panic") as f64 / elapsed.as_secs_f64(),
        cpu: cpu.as_secs_f64() * 1e6 / took.len() as f64,
        p50: percentile(&took, 50),
        p99: percentile(&took, 99),
    }
}
