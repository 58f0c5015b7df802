use super::*;
use crate::sync::{explore, thread};

const LONG: Duration = Duration::from_secs(600);

/// Polls until `how_many` results are here; sorted by ticket.
fn poll_all(results: &Results, how_many: usize) -> Vec<u64> {
    let mut tickets = Vec::new();
    while tickets.len() < how_many {
        let polled = results.poll(2, LONG).unwrap();
        assert!(!polled.is_empty(), "a long poll came back with nothing");
        tickets.extend(polled.iter().map(|verdict| verdict.ticket));
    }
    tickets.sort_unstable();
    tickets
}

#[test]
fn exactly_one_result_for_each_ticket() {
    explore(6000, || {
        let results = Arc::new(Results::new(3));
        let workers: Vec<_> = (0..2)
            .map(|worker| {
                let results = Arc::clone(&results);
                thread::spawn(move || {
                    for n in 0..2 {
                        let ticket = worker * 10 + n;
                        let slot = loop {
                            match results.reserve(ticket, 0, "") {
                                Some(slot) => break slot,
                                None => thread::yield_now(),
                            }
                        };
                        // One is forgotten, as after a panic, and tells so.
                        if ticket != 11 {
                            slot.fill(Verdict::ok("done"));
                        }
                    }
                    results.reserve(99, 0, "").into_iter().for_each(ResultSlot::give_up);
                })
            })
            .collect();
        assert_eq!(poll_all(&results, 4), [0, 1, 10, 11]);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!((results.numbers(), results.state.lock().taken), ((0, 0), 0));
    });
}

#[test]
fn two_polls_share_two_results() {
    explore(4000, || {
        let results = Arc::new(Results::new(2));
        let slots: Vec<ResultSlot> = (1..=2).map(|ticket| results.reserve(ticket, 0, "").unwrap()).collect();
        let polls: Vec<_> = (0..2)
            .map(|_| {
                let results = Arc::clone(&results);
                thread::spawn(move || results.poll(1, LONG).unwrap().len())
            })
            .collect();
        slots.into_iter().for_each(|slot| slot.fill(Verdict::ok("")));
        assert_eq!(polls.into_iter().map(|poll| poll.join().unwrap()).sum::<usize>(), 2);
    });
}

#[test]
fn closing_ends_every_poll() {
    explore(4000, || {
        let results = Arc::new(Results::new(2));
        let slot = results.reserve(1, 0, "").unwrap();
        let polls: Vec<_> = (0..2)
            .map(|_| {
                let results = Arc::clone(&results);
                thread::spawn(move || drop(results.poll(1, LONG)))
            })
            .collect();
        let closer = {
            let results = Arc::clone(&results);
            thread::spawn(move || results.close())
        };
        slot.fill(Verdict::ok(""));
        closer.join().unwrap();
        polls.into_iter().for_each(|poll| poll.join().unwrap());
    });
}
