use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::sync::{Event, explore, thread};

const LONG_MS: u64 = 600_000;

fn now() -> Now {
    Now { boot_ms: 0, wall_ms: 0, boot_id: "b" }
}

/// As [`super::super::TokenSource::get`]: from memory, or through the gate and from WeChat.
fn get(cache: &TokenCache, deadline_ms: u64, ask: impl FnOnce() -> Secret) -> Option<Secret> {
    if let Held::Good(token) = cache.read(&now()) {
        return Some(token);
    }
    let _gate = cache.enter(Deadline::in_ms(deadline_ms))?;
    if let Held::Good(token) = cache.read(&now()) {
        return Some(token);
    }
    let token = ask();
    cache.put(token.clone(), 7_200_000, 7_200_000, &now());
    Some(token)
}

#[test]
fn one_asks_at_a_time_and_all_use_what_it_got() {
    explore(6000, || {
        let cache = Arc::new(TokenCache::default());
        let (asking, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let (cache, asking, asked) = (Arc::clone(&cache), Arc::clone(&asking), Arc::clone(&asked));
                thread::spawn(move || {
                    let deadline_ms = if n == 3 { 50 } else { LONG_MS };
                    let got = get(&cache, deadline_ms, || {
                        assert_eq!(asking.fetch_add(1, Ordering::SeqCst), 0, "two ask at once");
                        thread::yield_now();
                        let number = asked.fetch_add(1, Ordering::SeqCst);
                        asking.fetch_sub(1, Ordering::SeqCst);
                        Secret::new(format!("token {number}"))
                    });
                    assert!(got.is_some() || n == 3, "no token in all this time");
                    // WeChat refuses the first one, to one of them.
                    if n == 0 && got == Some(Secret::new("token 0".to_owned())) {
                        cache.drop_refused(&Secret::new("token 0".to_owned()), TokenRefusal::default());
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!((1..=2).contains(&asked.load(Ordering::SeqCst)), "one for all, and one after the refusal");
    });
}

/// While one asks, the others read and write all but the gate.
#[test]
fn nothing_but_the_gate_is_held_while_wechat_is_asked() {
    explore(2000, || {
        let (cache, looked) = (Arc::new(TokenCache::default()), Arc::new(Event::default()));
        let asks = {
            let (cache, looked) = (Arc::clone(&cache), Arc::clone(&looked));
            let ask = move || {
                looked.wait();
                Secret::new("token".to_owned())
            };
            thread::spawn(move || get(&cache, LONG_MS, ask))
        };
        assert_eq!(cache.refusal(&Secret::new("token".to_owned())), None);
        cache.drop_refused(&Secret::new("old".to_owned()), TokenRefusal::default());
        assert!(!cache.note_accepted(&Secret::new("old".to_owned())));
        let _whatever = (cache.read(&now()), cache.aging(&now()));
        looked.set();
        assert!(asks.join().unwrap().is_some());
    });
}
