//! The token that all share, and who asks for it.

use super::*;

on_each_engine! {
    forced_refreshes_are_30_s_apart_and_20_a_day_whoever_asks_and_whatever_the_clocks_say;
    one_process_asks_for_a_token_and_its_failure_is_everybodys_for_a_while;
}

fn forced_refreshes_are_30_s_apart_and_20_a_day_whoever_asks_and_whatever_the_clocks_say(new: New) {
    let mut bench = new().shared();
    let force = |bench: &Bench| bench.store().force_token(bench.now.clone(), soon()).unwrap();
    for n in 0..crate::store::FORCED_PER_DAY {
        assert_eq!(force(&bench), Ok(()), "{n}");
        // Another process, or a new start.
        bench = bench.beside("wx0");
        bench.set_clock(if n % 2 == 0 { YEAR } else { -YEAR });
        assert_eq!(force(&bench), Err(30 * SECOND), "{n}");
        bench.pass(30 * SECOND - 1);
        assert_eq!(force(&bench), Err(1), "{n}");
        bench.pass(1);
    }
    let ms = force(&bench).unwrap_err();
    assert_eq!(ms, DAY - 20 * 30 * SECOND, "until the first is a day old");
    bench.pass(ms - 1);
    assert_eq!(force(&bench), Err(1));
    bench.pass(1);
    assert_eq!(force(&bench), Ok(()));
}

/// The clock was wrong before the machine started anew: what was forced then has no age that means something.
#[test]
fn a_forced_refresh_of_the_future_blocks_for_no_longer_than_any_other() {
    let new = Bench::sqlite;
    let mut bench = new();
    bench.set_clock(YEAR);
    bench.store().force_token(bench.now.clone(), soon()).unwrap().unwrap();
    bench.reboot("two", SECOND - YEAR);
    let mut waited = 0;
    while let Err(ms) = bench.store().force_token(bench.now.clone(), soon()).unwrap() {
        bench.pass(ms);
        waited += ms;
        assert!(waited <= DAY, "until the clock shows the wrong time again?");
    }
}

#[test]
fn a_tokens_life_by_whichever_clock_says_less() {
    let new = Bench::sqlite;
    const LIFE: i64 = 2 * HOUR;
    for (passed, jump, reboot, left) in [
        (0, 0, false, Some(LIFE)),
        (HOUR, 0, false, Some(HOUR)),
        (LIFE, 0, false, None),
        (HOUR, -YEAR, false, Some(HOUR)),
        (LIFE, -YEAR, false, None),
        (SECOND, LIFE, false, None),
        (HOUR, 0, true, Some(HOUR)),
        (LIFE, 0, true, None),
        // Nothing better is known than that it never had more.
        (SECOND, -YEAR, true, Some(LIFE)),
    ] {
        let mut bench = new();
        let token = Secret::new("token".to_owned());
        bench.store().put_token(TokenMode::Stable, token.clone(), LIFE, bench.now.clone(), soon()).unwrap();
        bench.pass(passed);
        bench.set_clock(jump);
        if reboot {
            bench.reboot("two", 0);
        }
        let found = bench.store().token(TokenMode::Stable, &bench.now, soon()).unwrap();
        let expected = left.map(|left_ms| StoredToken { token, left_ms, life_ms: LIFE });
        assert_eq!(found, expected, "{passed} ms, jump {jump}, reboot {reboot}");
    }
}

fn one_process_asks_for_a_token_and_its_failure_is_everybodys_for_a_while(new: New) {
    let mut bench = new();
    let claim = |bench: &Bench, holder| {
        let ask = TokenAsk { holder, lease_ms: LEASE, need_ms: 0 };
        bench.store().claim_token(TokenMode::Legacy, ask, bench.now.clone(), soon()).unwrap()
    };
    assert!(matches!(claim(&bench, 1), TokenClaim::Ask { dead: None, failures: 0 }));
    assert!(matches!(claim(&bench, 2), TokenClaim::Wait(LEASE)));
    bench.pass(LEASE);
    assert!(matches!(claim(&bench, 2), TokenClaim::Ask { .. }), "the first died");
    // The first was only slow; its failure is no longer the one that counts.
    let fail = |bench: &Bench, holder| {
        let why = Error::new(Status::Auth, "the secret is wrong").answered(40125, 200);
        bench.store().fail_token(TokenMode::Legacy, holder, why, 4 * SECOND, bench.now.clone(), soon()).unwrap();
    };
    fail(&bench, 1);
    assert!(matches!(claim(&bench, 3), TokenClaim::Wait(LEASE)));
    fail(&bench, 2);
    match claim(&bench, 3) {
        TokenClaim::Failed(why, ms) => {
            assert_eq!((why.status, why.errcode, why.retry, ms), (Status::Auth, 40125, Retry::Later, 4 * SECOND));
        }
        other => panic!("{other:?}"),
    }
    bench.pass(4 * SECOND);
    assert!(matches!(claim(&bench, 3), TokenClaim::Ask { failures: 1, .. }));
    if !bench.is_redis() {
        // Another boot knows of no lease and no pause.
        bench.reboot("two", 0);
    }
    let asks_again = matches!(claim(&bench, 4), TokenClaim::Ask { .. });
    assert!(asks_again || bench.is_redis());

    let (old, new) = (Secret::new("old".to_owned()), Secret::new("new".to_owned()));
    let put = |bench: &Bench, token: &Secret| {
        bench.store().put_token(TokenMode::Legacy, token.clone(), HOUR, bench.now.clone(), soon()).unwrap();
    };
    let kill = |bench: &Bench, token: &Secret| {
        bench.store().kill_token(TokenMode::Legacy, token.clone(), bench.now.clone(), soon()).unwrap();
    };
    put(&bench, &new);
    kill(&bench, &old);
    assert!(matches!(claim(&bench, 5), TokenClaim::Ready(t) if t.token == new), "a late refusal of another token");
    kill(&bench, &new);
    assert!(matches!(claim(&bench, 5), TokenClaim::Ask { dead: Some(dead), failures: 0 } if dead == new));
}
