use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::sync::{Event, explore, now};

const LONG: Duration = Duration::from_secs(600);

struct Numbered {
    lane: u64,
    number: usize,
    class: Class,
}

impl Job for Numbered {
    type Rest = ();

    fn class(&self) -> Class {
        self.class
    }
}

/// What became of jobs: how often each ran, and in which order those of a lane did.
#[derive(Default)]
struct Done {
    runs: [AtomicUsize; 8],
    busy: [AtomicUsize; 3],
    order: Mutex<Vec<(u64, usize)>>,
}

impl Done {
    fn run(&self, job: &Numbered) {
        assert_eq!(self.busy[job.lane as usize].fetch_add(1, Ordering::SeqCst), 0, "two of one lane at once");
        thread::yield_now();
        self.runs[job.number].fetch_add(1, Ordering::SeqCst);
        self.order.lock().push((job.lane, job.number));
        self.busy[job.lane as usize].fetch_sub(1, Ordering::SeqCst);
    }
}

fn pool(threads: usize, done: &Arc<Done>) -> Arc<Pool<Numbered>> {
    let done = Arc::clone(done);
    Arc::new(Pool::new(threads, 8, None, Arc::new(()), move |job: &Numbered| done.run(job)))
}

fn push(pool: &Pool<Numbered>, lane: u64, number: usize, class: Class) -> bool {
    pool.push(lane, Arc::new(Numbered { lane, number, class })).is_ok()
}

#[test]
fn every_job_runs_once_and_those_of_a_lane_in_order() {
    explore(3000, || {
        let done = Arc::new(Done::default());
        let pool = pool(2, &done);
        let pushers: Vec<_> =
            [[(0, 0, Class::Prompt), (1, 1, Class::Due)], [(1, 2, Class::Urgent), (2, 3, Class::Paced)]]
                .into_iter()
                .map(|jobs| {
                    let pool = Arc::clone(&pool);
                    thread::spawn(move || jobs.into_iter().for_each(|(l, n, class)| assert!(push(&pool, l, n, class))))
                })
                .collect();
        assert!(push(&pool, 0, 4, Class::Prompt) && push(&pool, 0, 5, Class::Urgent));
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
        assert_eq!(pool.close(LONG), 0);
        let left = pool.stop();
        pool.wait_for_threads(LONG);
        assert!(left.is_empty());
        assert!(done.runs[..6].iter().all(|runs| runs.load(Ordering::SeqCst) == 1), "a job was lost, or ran twice");
        let of_this_thread: Vec<usize> = done.order.lock().iter().map(|(_, n)| *n).filter(|n| *n >= 4).collect();
        assert_eq!(of_this_thread, [4, 5]);
    });
}

/// A job that is taken back does not run; one that was stopped is handed out; and each is one or the other.
#[test]
fn what_is_taken_or_stopped_does_not_run() {
    explore(3000, || {
        let done = Arc::new(Done::default());
        let pool = pool(1, &done);
        assert!(push(&pool, 0, 0, Class::Prompt) && push(&pool, 0, 1, Class::Due) && push(&pool, 1, 2, Class::Prompt));
        let taker = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || match pool.take(0, |job| job.number == 1) {
                Found::Taken(job) => job.number == 1,
                Found::Running => !pool.wait_for(0, |job| job.number == 1, now() + LONG),
                Found::Nowhere => false,
            })
        };
        let left = pool.stop();
        let was_taken = taker.join().unwrap();
        pool.wait_for_threads(LONG);
        assert!(!push(&pool, 2, 3, Class::Prompt), "it takes no more");
        for number in 0..3 {
            let handed_out = left.iter().filter(|job| job.number == number).count();
            let runs = done.runs[number].load(Ordering::SeqCst);
            assert_eq!(handed_out + runs + usize::from(number == 1 && was_taken), 1, "job {number}");
        }
    });
}

/// A job that waits for another one's end, as a request does, keeps only its lane and its thread.
#[test]
fn nothing_is_held_while_a_job_runs() {
    explore(2000, || {
        let other = Arc::new(Event::default());
        let waits = Arc::clone(&other);
        let pool = Pool::new(1, 8, None, Arc::new(()), move |job: &Numbered| match job.class {
            Class::Urgent => waits.set(),
            _ => waits.wait(),
        });
        assert!(push(&pool, 0, 0, Class::Prompt));
        let (queued, running) = pool.numbers();
        assert!(queued + running <= 1 && !pool.is_busy(1));
        assert!(push(&pool, 1, 1, Class::Urgent), "there is a thread for it alone");
        assert_eq!(pool.close(LONG), 0);
    });
}
