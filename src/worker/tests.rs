use super::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

struct Step {
    lane: usize,
    number: usize,
    class: Class,
}

impl Job for Step {
    type Rest = ();

    fn class(&self) -> Class {
        self.class
    }
}

fn step(lane: usize, number: usize) -> Arc<Step> {
    Arc::new(Step { lane, number, class: Class::Paced })
}

#[test]
fn each_job_runs_once_in_its_lanes_order_and_never_beside_another_of_it() {
    const LANES: usize = 20;
    let seen: Arc<Mutex<HashMap<usize, Vec<usize>>>> = Arc::default();
    let inside: Arc<Vec<AtomicBool>> = Arc::new((0..LANES).map(|_| AtomicBool::new(false)).collect());
    let (its, its_inside) = (Arc::clone(&seen), Arc::clone(&inside));
    let pool = Pool::new(4, usize::MAX, None, Arc::new(()), move |job: &Step| {
        assert!(!its_inside[job.lane].swap(true, Ordering::SeqCst));
        its.lock().entry(job.lane).or_default().push(job.number);
        its_inside[job.lane].store(false, Ordering::SeqCst);
        assert!(job.number % 7 != 3, "some panic");
    });
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let pool = &pool;
            scope.spawn(move || {
                for number in 0..500 {
                    for lane in (thread..LANES).step_by(4) {
                        let job = Arc::new(Step {
                            lane,
                            number,
                            class: if (number + lane) % 5 == 0 { Class::Urgent } else { Class::Paced },
                        });
                        pool.push(lane as u64, job).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(pool.close(Duration::from_secs(60)), 0);
    assert_eq!(pool.push(0, step(0, 0)), Err(Refused::Closed));
    let seen = seen.lock();
    assert_eq!(seen.len(), LANES);
    assert!(seen.values().all(|numbers| *numbers == (0..500).collect::<Vec<_>>()));
    assert!(pool.shared.state.lock().lanes.is_empty());
}

/// A pool whose jobs wait until they are let go; with what ran, in order.
struct Gate {
    pool: Pool<Step>,
    ran: Arc<Mutex<Vec<(usize, usize)>>>,
    open: Arc<AtomicUsize>,
}

fn gate(threads: usize, capacity: usize) -> Gate {
    let (ran, open): (Arc<Mutex<Vec<_>>>, Arc<AtomicUsize>) = Default::default();
    let (its, gate) = (Arc::clone(&ran), Arc::clone(&open));
    let pool = Pool::new(threads, capacity, None, Arc::new(()), move |job: &Step| {
        its.lock().push((job.lane, job.number));
        while job.class != Class::Urgent && gate.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
    });
    Gate { pool, ran, open }
}

impl Gate {
    fn push(&self, lane: usize, number: usize) {
        self.pool.push(lane as u64, step(lane, number)).unwrap();
    }

    fn wait_until_running(&self, running: usize) {
        while self.pool.numbers().1 != running {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_long_lane_holds_up_nobody() {
    let gate = gate(1, 100);
    (0..50).for_each(|n| gate.push(0, n));
    gate.wait_until_running(1);
    (1..4).for_each(|lane| gate.push(lane, 0));
    gate.open.store(1, Ordering::SeqCst);
    assert_eq!(gate.pool.close(Duration::from_secs(60)), 0);
    let ran = gate.ran.lock();
    let last_other = ran.iter().rposition(|(lane, _)| *lane != 0).unwrap();
    assert!(last_other <= 8, "{ran:?}");
}

#[test]
fn urgent_jobs_have_a_thread_of_their_own() {
    let gate = gate(2, 100);
    (0..10).for_each(|lane| gate.push(lane, 0));
    gate.wait_until_running(2);
    gate.pool.push(900, Arc::new(Step { lane: 99, number: 0, class: Class::Urgent })).unwrap();
    while !gate.ran.lock().contains(&(99, 0)) {
        std::thread::yield_now();
    }
    // It has run, and is over in a moment.
    gate.wait_until_running(2);
    assert_eq!(gate.pool.numbers(), (8, 2));
    gate.open.store(1, Ordering::SeqCst);
}

#[test]
fn the_queue_is_bounded_and_jobs_can_be_taken_out() {
    let gate = gate(1, 3);
    gate.push(0, 0);
    gate.wait_until_running(1);
    (1..4).for_each(|n| gate.push(n % 2, n));
    assert_eq!(gate.pool.push(5, step(5, 0)), Err(Refused::Full(3)));
    assert!(matches!(gate.pool.take(0, |job| job.number == 0), Found::Running));
    assert!(matches!(gate.pool.take(0, |job| job.number == 7), Found::Nowhere));
    assert!(matches!(gate.pool.take(1, |job| job.number == 1), Found::Taken(_)));
    assert!(matches!(gate.pool.take(1, |job| job.number == 1), Found::Nowhere));
    assert!(gate.pool.holds(0, |job| job.number == 2) && !gate.pool.holds(1, |job| job.number == 1));
    gate.open.store(1, Ordering::SeqCst);
    assert!(gate.pool.wait_for(0, |job| job.number == 0, Instant::now() + Duration::from_secs(60)));
    assert_eq!(gate.pool.close(Duration::from_secs(60)), 0);
    assert_eq!(gate.ran.lock().len(), 3);
}

#[test]
fn what_waits_at_the_end_is_handed_out() {
    let gate = gate(1, 100);
    (0..5).for_each(|n| gate.push(n, n));
    gate.wait_until_running(1);
    assert_eq!(gate.pool.close(Duration::from_millis(20)), 5);
    let left = gate.pool.stop();
    assert_eq!(left.len(), 4);
    gate.open.store(1, Ordering::SeqCst);
}

#[test]
fn a_pace_is_kept() {
    let ran = Arc::new(AtomicUsize::new(0));
    let its = Arc::clone(&ran);
    let began = Instant::now();
    let pool = Pool::new(4, 1000, Some(100.0), Arc::new(()), move |_: &Step| {
        its.fetch_add(1, Ordering::SeqCst);
    });
    (0..20).for_each(|n| pool.push(n as u64, step(n, n)).unwrap());
    assert_eq!(pool.close(Duration::from_secs(60)), 0);
    // 19 intervals of 10 ms; a busy machine only makes it longer.
    assert!(began.elapsed() >= Duration::from_millis(189), "{:?}", began.elapsed());
    assert_eq!(ran.load(Ordering::SeqCst), 20);
}

/// Urgent ones wait behind one that is taken away; nothing else happens that would wake anybody.
#[test]
fn what_comes_first_when_another_is_taken_out_runs_at_once() {
    let gate = gate(1, 100);
    gate.push(0, 0);
    gate.wait_until_running(1);
    gate.push(1, 0);
    gate.pool.push(1, Arc::new(Step { lane: 1, number: 1, class: Class::Urgent })).unwrap();
    assert!(matches!(gate.pool.take(1, |job| job.number == 0), Found::Taken(_)));
    let until = Instant::now() + Duration::from_secs(10);
    while !gate.ran.lock().contains(&(1, 1)) {
        assert!(Instant::now() < until, "it waits for the long one");
        std::thread::yield_now();
    }
    gate.open.store(1, Ordering::SeqCst);
}

/// Two urgent ones come while one thread is on its way to wake: the second must wake another, if the first is long.
#[test]
fn urgent_jobs_that_come_together_do_not_wait_for_each_other() {
    for _ in 0..200 {
        let (running, open): (Arc<AtomicUsize>, Arc<AtomicBool>) = Default::default();
        let (its, gate) = (Arc::clone(&running), Arc::clone(&open));
        let pool = Pool::new(1, 100, None, Arc::new(()), move |_: &Step| {
            its.fetch_add(1, Ordering::SeqCst);
            while !gate.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        });
        // The first job brings a thread, which then sleeps.
        open.store(true, Ordering::SeqCst);
        pool.push(901, step(9, 9)).unwrap();
        while pool.shared.state.lock().sleeping == 0 {
            std::thread::yield_now();
        }
        open.store(false, Ordering::SeqCst);
        running.store(0, Ordering::SeqCst);
        for lane in 0..2 {
            pool.push(lane as u64, Arc::new(Step { lane, number: 0, class: Class::Urgent })).unwrap();
        }
        let until = Instant::now() + Duration::from_secs(10);
        while running.load(Ordering::SeqCst) < 2 {
            assert!(Instant::now() < until, "two threads, two jobs, one runs");
            std::thread::yield_now();
        }
        open.store(true, Ordering::SeqCst);
    }
}

/// Two jobs come while one thread sleeps: the second must not wait for the first, while more threads may be started.
#[test]
fn threads_are_started_when_there_is_work_for_them() {
    let gate = gate(8, 100);
    assert_eq!(gate.pool.shared.state.lock().usual_threads, 0);
    for lane in 0..8 {
        gate.push(lane, 0);
    }
    gate.wait_until_running(8);
    assert_eq!(gate.pool.shared.state.lock().usual_threads, 8);
    gate.push(8, 0);
    assert_eq!(gate.pool.numbers(), (1, 8));
    gate.open.store(1, Ordering::SeqCst);
    assert_eq!(gate.pool.close(Duration::from_secs(60)), 0);
    drop(gate.pool.stop());
    gate.pool.wait_for_threads(Duration::from_secs(60));
    assert_eq!(gate.pool.shared.state.lock().usual_threads, 0);
}

/// Jobs with these numbers wait for the first gate, and for the second.
const PLUG: usize = 1;
const SLOW: usize = 2;

/// Whether all quick jobs of one class get done while slow ones of another are never over, and more of both wait.
fn quick_ones_pass(threads: usize, slow: Class, quick: Class) -> bool {
    let (done, unplugged, open): (Arc<AtomicUsize>, Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
    let (its, first, second) = (Arc::clone(&done), Arc::clone(&unplugged), Arc::clone(&open));
    let pool = Pool::new(threads, 1000, None, Arc::new(()), move |job: &Step| {
        let is_closed = || match job.number {
            PLUG => !first.load(Ordering::SeqCst),
            SLOW => !second.load(Ordering::SeqCst),
            _ => false,
        };
        while is_closed() {
            std::thread::yield_now();
        }
        its.fetch_add(usize::from(job.number == 0), Ordering::SeqCst);
    });
    let push = |lane: usize, number, class| {
        pool.push_beyond(lane as u64, Arc::new(Step { lane, number, class })).unwrap();
    };
    (0..threads).for_each(|lane| push(lane, PLUG, Class::Paced));
    while pool.numbers().1 < threads {
        std::thread::yield_now();
    }
    (100..130).for_each(|lane| push(lane, SLOW, slow));
    (200..230).for_each(|lane| push(lane, 0, quick));
    unplugged.store(true, Ordering::SeqCst);
    let until = Instant::now() + Duration::from_secs(20);
    while done.load(Ordering::SeqCst) < 30 && Instant::now() < until {
        std::thread::yield_now();
    }
    let passed = done.load(Ordering::SeqCst) == 30;
    open.store(true, Ordering::SeqCst);
    assert_eq!(pool.close(Duration::from_secs(60)), 0);
    passed
}

#[test]
fn neither_due_nor_paced_jobs_get_less_than_their_share_of_the_threads() {
    for threads in [2, 4, 8] {
        for (slow, quick) in [(Class::Paced, Class::Due), (Class::Due, Class::Paced)] {
            assert!(quick_ones_pass(threads, slow, quick), "{quick:?} beside slow {slow:?} on {threads} threads");
        }
    }
}

#[test]
fn on_one_thread_due_and_paced_jobs_alternate() {
    let gate = gate(1, 1000);
    gate.push(0, 0);
    gate.wait_until_running(1);
    (10..30).for_each(|lane| gate.push(lane, 0));
    for lane in 100..120 {
        gate.pool.push_beyond(lane as u64, Arc::new(Step { lane, number: 0, class: Class::Due })).unwrap();
    }
    assert_eq!(gate.pool.due(), 20);
    gate.open.store(1, Ordering::SeqCst);
    assert_eq!(gate.pool.close(Duration::from_secs(60)), 0);
    let due: Vec<bool> = gate.ran.lock().iter().skip(1).map(|(lane, _)| *lane >= 100).collect();
    assert!(due.windows(2).all(|two| two[0] != two[1]), "{due:?}");
}

#[test]
fn short_jobs_leave_due_ones_their_share_of_the_threads() {
    for short in [Class::Urgent, Class::Prompt] {
        assert!(quick_ones_pass(4, short, Class::Due), "due beside slow {short:?}");
    }
}
