//! The token that all share, who asks for it, and the budgets that keep an account alive.

use super::*;
use crate::secret::Secret;

under_set_clocks! {
    forced_refreshes_are_30_s_apart_and_20_a_day_whoever_asks_and_whatever_the_clocks_say;
    one_process_asks_for_a_token_and_its_failure_is_everybodys_for_a_while;
    the_token_of_an_asker_who_was_overtaken_replaces_no_newer_one;
    who_gives_up_leaves_the_next_try_to_another_machine;
    who_gives_up_keeps_what_failed_before;
    each_of_many_machines_asks_less_and_less_often;
    a_failure_concerns_those_whom_it_is_about;
    a_token_that_wechat_never_accepted_is_replaced_once_and_then_after_pauses;
    a_legacy_token_has_a_budget_for_the_day;
    a_request_that_came_to_no_legacy_token_takes_none_of_the_days;
    a_legacy_token_that_was_lost_is_one_of_the_days;
    what_a_failure_says_is_bounded;
}

fn concerned(secret: &str, machine: &str) -> Concerned {
    Concerned::new("wx0", Some(&Secret::new(secret.to_owned())), machine)
}

fn stable() -> TokenSlot {
    TokenSlot::new("stable", "https://api.weixin.qq.com")
}

const EXPIRED: TokenRefusal = TokenRefusal { errcode: 42001, http_status: 200 };

/// By a caller who is being closed.
fn given_up(slot: &TokenSlot, holder: i64) -> Operation<()> {
    release_token(slot, holder, Error::new(Status::Connect, "closed"), concerned("s", "m"), 0)
}

fn legacy() -> TokenSlot {
    TokenSlot::new("legacy", "https://api.weixin.qq.com")
}

fn token(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

impl Fixture {
    fn claim(&self, slot: &TokenSlot, holder: i64, whose: Concerned) -> TokenClaim {
        let ask = TokenAsk { holder, lease_ms: LEASE, need_ms: 0, concerned: whose, own_failure: None };
        self.run(claim_token(slot, ask))
    }

    fn claim_ours(&self, slot: &TokenSlot, holder: i64) -> TokenClaim {
        self.claim(slot, holder, concerned("s", "m"))
    }

    fn force(&self) -> Result<(), i64> {
        self.run(force_token())
    }
}

fn forced_refreshes_are_30_s_apart_and_20_a_day_whoever_asks_and_whatever_the_clocks_say(new: New) {
    let mut fixture = new();
    // A lost answer is repeated, and then counts as one that was too early: none too many, maybe one too few.
    let force = |fixture: &Fixture| {
        let taken = fixture.force();
        if fixture.is_server() && taken == Err(30 * SECOND) { Ok(()) } else { taken }
    };
    for n in 0..20 {
        assert_eq!(force(&fixture), Ok(()), "{n}");
        fixture.set_clock(if n % 2 == 0 { YEAR } else { -YEAR });
        assert_eq!(fixture.force(), Err(30 * SECOND), "{n}");
        fixture.pass(30 * SECOND - 1);
        assert_eq!(fixture.force(), Err(1), "{n}");
        fixture.pass(1);
    }
    let ms = fixture.force().unwrap_err();
    assert_eq!(ms, DAY - 20 * 30 * SECOND, "until the first is a day old");
    fixture.pass(ms - 1);
    assert_eq!(fixture.force(), Err(1));
    fixture.pass(1);
    assert_eq!(force(&fixture), Ok(()));
}

/// The clock was wrong before the machine started anew: what was forced then has no age that means something.
#[test]
fn a_forced_refresh_of_the_future_blocks_for_no_longer_than_any_other() {
    let mut fixture = Fixture::machine();
    fixture.set_clock(YEAR);
    fixture.force().unwrap();
    fixture.reboot(SECOND - YEAR);
    let mut waited = 0;
    while let Err(ms) = fixture.force() {
        fixture.pass(ms);
        waited += ms;
        assert!(waited <= DAY, "until the clock shows the wrong time again?");
    }
}

#[test]
fn a_tokens_life_by_whichever_clock_says_less() {
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
        let mut fixture = Fixture::machine();
        fixture.run(put_token(&stable(), None, token("token"), LIFE, concerned("s", "m")));
        fixture.pass(passed);
        fixture.set_clock(jump);
        if reboot {
            fixture.reboot(0);
        }
        let stored = |left_ms| StoredToken { token: token("token"), left_ms, life_ms: LIFE };
        let expected = left.map(stored).ok_or(TokenRefusal::default());
        assert_eq!(fixture.ask(read_token(&stable())), expected, "{passed} ms, jump {jump}, reboot {reboot}");
    }
}

fn one_process_asks_for_a_token_and_its_failure_is_everybodys_for_a_while(new: New) {
    let mut fixture = new();
    let slot = stable();
    assert!(matches!(fixture.claim_ours(&slot, 1), TokenClaim::Ask { dead: None, failures: 0 }));
    assert!(matches!(fixture.claim_ours(&slot, 2), TokenClaim::Wait(LEASE)));
    fixture.pass(LEASE);
    assert!(matches!(fixture.claim_ours(&slot, 2), TokenClaim::Ask { .. }), "the first died");
    // The first was only slow; its failure is no longer the one that counts.
    let fail = |fixture: &Fixture, holder| {
        let why = Error::new(Status::Busy, "WeChat is busy").answered(-1, 200);
        let everybody = FailureScope::Everybody;
        fixture.run(fail_token(&slot, holder, why, everybody, concerned("s", "m"), 4 * SECOND, false));
    };
    fail(&fixture, 1);
    assert!(matches!(fixture.claim_ours(&slot, 3), TokenClaim::Wait(LEASE)));
    fail(&fixture, 2);
    match fixture.claim(&slot, 3, concerned("another", "another")) {
        TokenClaim::Failed(why, ms) => {
            assert_eq!((why.status, why.errcode, why.retry, ms), (Status::Busy, -1, Retry::Later, 4 * SECOND));
        }
        other => panic!("{other:?}"),
    }
    fixture.pass(4 * SECOND);
    assert!(matches!(fixture.claim_ours(&slot, 3), TokenClaim::Ask { failures: 1, .. }));
    fixture.run(given_up(&slot, 3));
    assert!(matches!(fixture.claim_ours(&slot, 4), TokenClaim::Ask { .. }), "it was given up");
    if !fixture.is_server() {
        // Another boot knows of no lease and no pause.
        fixture.reboot(0);
        assert!(matches!(fixture.claim_ours(&slot, 5), TokenClaim::Ask { .. }));
    }

    fixture.run(put_token(&slot, None, token("new"), HOUR, concerned("s", "m")));
    fixture.run(token_refused(&slot, token("old"), EXPIRED));
    let ready = fixture.claim_ours(&slot, 6);
    assert!(matches!(ready, TokenClaim::Ready(t) if t.token == token("new")), "a late refusal of another token");
    fixture.run(token_refused(&slot, token("new"), EXPIRED));
    assert_eq!(fixture.ask(read_token(&slot)), Err(EXPIRED));
    let asks = fixture.claim_ours(&slot, 6);
    assert!(matches!(asks, TokenClaim::Ask { dead: Some((dead, EXPIRED)), failures: 0 } if dead == token("new")));
}

/// An answer that does not come ends each caller's time, and each is followed by the next.
fn who_gives_up_leaves_the_next_try_to_another_machine(new: New) {
    let mut fixture = new();
    let slot = stable();
    let (silent, right) = (concerned("s", "silent"), concerned("s", "right"));
    let why = || Error::new(Status::Connect, "no answer came in time");
    assert!(matches!(fixture.claim(&slot, 1, silent), TokenClaim::Ask { failures: 0, .. }));
    fixture.run(release_token(&slot, 1, why(), silent, SECOND));
    assert!(
        matches!(fixture.claim(&slot, 1, silent), TokenClaim::Failed(why, SECOND) if why.status == Status::Connect)
    );
    let standing = fixture.ask(inspect_token(&slot, silent, None));
    assert_eq!((standing.failures, standing.why), (0, None), "WeChat did not fail");
    assert!(matches!(fixture.claim(&slot, 2, right), TokenClaim::Ask { failures: 0, .. }));
    fixture.run(release_token(&slot, 2, why(), right, 0));
    fixture.pass(SECOND);
    assert!(matches!(fixture.claim(&slot, 1, silent), TokenClaim::Ask { failures: 0, .. }));
    // A longer pause stays.
    fixture.run(fail_token(&slot, 1, why(), FailureScope::Machine, silent, 9 * SECOND, false));
    fixture.pass(SECOND);
    assert!(matches!(fixture.claim(&slot, 2, right), TokenClaim::Ask { .. }));
    fixture.run(release_token(&slot, 2, why(), silent, SECOND));
    assert!(matches!(fixture.claim(&slot, 1, silent), TokenClaim::Failed(_, ms) if ms == 8 * SECOND));
}

fn who_gives_up_keeps_what_failed_before(new: New) {
    let mut fixture = new();
    let (slot, whose) = (stable(), concerned("s", "m"));
    assert!(matches!(fixture.claim_ours(&slot, 1), TokenClaim::Ask { .. }));
    let refused = Error::new(Status::Auth, "the address is not on the list").answered(40164, 200);
    fixture.run(fail_token(&slot, 1, refused, FailureScope::Machine, whose, SECOND, false));
    fixture.pass(SECOND);
    assert!(matches!(fixture.claim_ours(&slot, 1), TokenClaim::Ask { failures: 1, .. }));
    fixture.run(release_token(&slot, 1, Error::new(Status::Connect, "no answer"), whose, SECOND));
    let standing = fixture.ask(inspect_token(&slot, whose, None));
    assert_eq!((standing.failures, standing.why.as_deref()), (1, Some("the address is not on the list")));
    let TokenClaim::Failed(why, SECOND) = fixture.claim_ours(&slot, 1) else { panic!("it pauses") };
    assert_eq!(why.errcode, 40164);
    // Another client on the same machine gets one: what this one remembers is no news.
    fixture.run(put_token(&slot, None, token("new"), HOUR, whose));
    let own = TokenFailure { whose: whose.whose(FailureScope::Machine), times: 1, pause_ms: 0, why };
    assert_eq!(fixture.ask(inspect_token(&slot, whose, Some(own))).failures, 0);
}

/// Of so many the record does not keep all failures.
fn each_of_many_machines_asks_less_and_less_often(new: New) {
    let mut fixture = new();
    let slot = stable();
    let mut own: Vec<Option<TokenFailure>> = vec![None; 40];
    let mut asked = 0;
    for _ in 0..120 {
        for (n, own) in own.iter_mut().enumerate() {
            let whose = concerned("s", &format!("machine {n}"));
            let (holder, own_failure) = (n as i64 + 1, own.clone());
            let ask = TokenAsk { holder, lease_ms: LEASE, need_ms: 0, concerned: whose, own_failure };
            let TokenClaim::Ask { failures, .. } = fixture.run(claim_token(&slot, ask)) else { continue };
            asked += 1;
            let why = Error::new(Status::Auth, "no").answered(40164, 200);
            let (scope, pause_ms) = (FailureScope::Machine, SECOND << failures.min(5));
            let times = failures + 1;
            *own = Some(TokenFailure { whose: whose.whose(scope), times, pause_ms, why: why.clone() });
            fixture.run(fail_token(&slot, holder, why, scope, whose, pause_ms, false));
        }
        fixture.pass(SECOND);
        own.iter_mut().flatten().for_each(|failure| failure.pause_ms = (failure.pause_ms - SECOND).max(0));
    }
    // At 0, 1, 3, 7, 15, 31, 63 and 95 seconds.
    assert_eq!(asked, 40 * 8);
}

/// One process with yesterday's secret, or on a machine that is not on the list, must not stop the others.
fn the_token_of_an_asker_who_was_overtaken_replaces_no_newer_one(new: New) {
    for second_is_done in [false, true] {
        let mut fixture = new();
        let slot = legacy();
        let put = |fixture: &Fixture, holder, text| {
            fixture.run(put_token(&slot, Some(holder), token(text), HOUR, concerned("s", "m")))
        };
        assert!(matches!(fixture.claim_ours(&slot, 1), TokenClaim::Ask { .. }));
        fixture.pass(LEASE);
        assert!(matches!(fixture.claim_ours(&slot, 2), TokenClaim::Ask { .. }), "the first was stopped");
        if second_is_done {
            put(&fixture, 2, "newer");
        }
        assert!(!put(&fixture, 1, "older"), "WeChat made it invalid when the second asked");
        if !second_is_done {
            assert!(matches!(fixture.claim_ours(&slot, 3), TokenClaim::Wait(_)), "the second still asks");
            put(&fixture, 2, "newer");
        }
        assert_eq!(fixture.ask(read_token(&slot)).unwrap().token, token("newer"));
    }
    let mut fixture = new();
    assert!(matches!(fixture.claim_ours(&stable(), 1), TokenClaim::Ask { .. }));
    fixture.pass(2 * LEASE);
    fixture.run(put_token(&stable(), Some(1), token("late"), HOUR, concerned("s", "m")));
    assert_eq!(fixture.ask(read_token(&stable())).unwrap().token, token("late"), "nobody asked since");
}

fn a_failure_concerns_those_whom_it_is_about(new: New) {
    for scope in [FailureScope::Everybody, FailureScope::Secret, FailureScope::Machine] {
        let fixture = new();
        let slot = stable();
        assert!(matches!(fixture.claim(&slot, 1, concerned("old", "m1")), TokenClaim::Ask { .. }));
        let why = Error::new(Status::Auth, "refused");
        fixture.run(fail_token(&slot, 1, why, scope, concerned("old", "m1"), 200 * SECOND, false));
        for (secret, machine) in [("old", "m1"), ("new", "m1"), ("old", "m2"), ("new", "m2")] {
            let stopped = matches!(fixture.claim(&slot, 2, concerned(secret, machine)), TokenClaim::Failed(..));
            let expected = match scope {
                FailureScope::Everybody => true,
                FailureScope::Secret => secret == "old",
                FailureScope::Machine => machine == "m1",
            };
            assert_eq!(stopped, expected, "{scope:?}: {secret}, {machine}");
            fixture.run(given_up(&slot, 2));
        }
        // A success of the right ones says nothing of the wrong one's secret.
        fixture.run(put_token(&slot, None, token("t"), HOUR, concerned("new", "m2")));
        fixture.run(token_accepted(&slot, token("t")));
        fixture.run(token_refused(&slot, token("t"), EXPIRED));
        let stopped = matches!(fixture.claim(&slot, 3, concerned("old", "m1")), TokenClaim::Failed(..));
        assert_eq!(stopped, scope != FailureScope::Everybody, "{scope:?}");
    }
    // Many wrong ones are no more than so many bytes.
    let fixture = new();
    for n in 0..100 {
        let whose = concerned(&format!("secret {n}"), "m");
        assert!(matches!(fixture.claim(&stable(), n, whose), TokenClaim::Ask { .. }));
        fixture.run(fail_token(&stable(), n, Error::new(Status::Auth, "no"), FailureScope::Secret, whose, HOUR, false));
    }
    let size = fixture.kept().records().iter().map(|(_, value)| value.len()).max();
    assert!(size < Some(1000), "{size:?}");
}

fn a_token_that_wechat_never_accepted_is_replaced_once_and_then_after_pauses(new: New) {
    let mut fixture = new();
    let slot = stable();
    let ask_and_be_refused = |fixture: &Fixture, n: i64| {
        assert!(matches!(fixture.claim_ours(&slot, n), TokenClaim::Ask { .. }), "{n}");
        let new = token(&format!("token {n}"));
        fixture.run(put_token(&slot, None, new.clone(), HOUR, concerned("s", "m")));
        fixture.run(token_refused(&slot, new, EXPIRED));
    };
    ask_and_be_refused(&fixture, 1);
    ask_and_be_refused(&fixture, 2);
    for (n, pause_s) in [(3, 60), (4, 120), (5, 240), (6, 480), (7, 960), (8, 1920), (9, 3600), (10, 3600)] {
        let TokenClaim::Failed(why, ms) = fixture.claim_ours(&slot, n) else { panic!("{n}: a loop") };
        let told = (why.status, why.errcode, why.http_status, ms);
        assert_eq!(told, (Status::Auth, 42001, 200, pause_s * SECOND), "{n}");
        fixture.pass(ms);
        ask_and_be_refused(&fixture, n);
    }
    // One that WeChat had accepted is replaced at once, however often.
    fixture.pass(HOUR);
    for n in 20..40 {
        assert!(matches!(fixture.claim_ours(&slot, n), TokenClaim::Ask { .. }), "{n}");
        let new = token(&format!("token {n}"));
        fixture.run(put_token(&slot, None, new.clone(), HOUR, concerned("s", "m")));
        fixture.run(token_accepted(&slot, new.clone()));
        fixture.run(token_refused(&slot, new, EXPIRED));
    }
}

/// Older libraries kept of a refusal that there was one.
#[test]
fn a_refusal_without_its_code_is_read() {
    let fixture = Fixture::machine();
    let (slot, name) = (stable(), Name::account("token:stable:https://api.weixin.qq.com"));
    let record = || fixture.kept().records().into_iter().find(|(other, _)| *other == name).unwrap().1;
    fixture.run(put_token(&slot, None, token("t"), HOUR, concerned("s", "m")));
    fixture.run(token_refused(&slot, token("t"), EXPIRED));
    // By zigzag, in 7 bits each: 84002 and 400.
    let code = [0xa2, 0x90, 0x05, 0x90, 0x03];
    let mut body = record()[5..].to_vec();
    let code_at = body.windows(code.len()).position(|bytes| bytes == code).unwrap();
    body.drain(code_at..code_at + code.len());
    let flags = body[..code_at].iter().rposition(|byte| *byte == 1 | 2 | 16).unwrap();
    body[flags] = 1 | 2;
    let mut to = crate::ledger::codec::Encoder::default();
    to.raw(&body);
    fixture.kept().replace(&name, Some(to.finish(&name)));
    assert_eq!(fixture.ask(read_token(&slot)), Err(TokenRefusal::default()));
    let asks = fixture.claim_ours(&slot, 1);
    assert!(matches!(asks, TokenClaim::Ask { dead: Some((dead, _)), .. } if dead == token("t")));
}

fn a_legacy_token_has_a_budget_for_the_day(new: New) {
    let mut fixture = new();
    let mut asked = 0;
    let refused = loop {
        match fixture.claim_ours(&legacy(), 1) {
            TokenClaim::Ask { .. } => asked += 1,
            TokenClaim::Failed(why, ms) => break (why, ms),
            other => panic!("{other:?}"),
        }
        fixture.pass(SECOND);
    };
    // An answer that was lost has its step repeated, which takes another.
    assert!(asked == 500 || fixture.is_server() && (300..500).contains(&asked), "{asked}");
    assert_eq!(refused.0.status, Status::Auth);
    assert!(matches!(fixture.claim_ours(&stable(), 1), TokenClaim::Ask { .. }), "the stable endpoint has none");
    fixture.pass(refused.1);
    assert!(matches!(fixture.claim_ours(&legacy(), 1), TokenClaim::Ask { .. }));
    fixture.pass(DAY);
    assert!(matches!(fixture.claim_ours(&legacy(), 1), TokenClaim::Ask { .. }));
}

/// A day on which WeChat was not reached, or a secret was wrong, costs no token.
fn a_request_that_came_to_no_legacy_token_takes_none_of_the_days(new: New) {
    let mut fixture = new();
    let slot = legacy();
    for n in 0..1200 {
        assert!(matches!(fixture.claim_ours(&slot, 1), TokenClaim::Ask { .. }), "{n}");
        if n % 2 == 0 {
            let why = Error::new(Status::Auth, "no").answered(40125, 200);
            fixture.run(fail_token(&slot, 1, why, FailureScope::Secret, concerned("s", "m"), SECOND, false));
        } else {
            fixture.run(given_up(&slot, 1));
        }
        fixture.pass(2 * SECOND);
    }
}

/// WeChat may have made each of them: whoever they were lost to, they are among the day's.
fn a_legacy_token_that_was_lost_is_one_of_the_days(new: New) {
    let mut fixture = new();
    let slot = legacy();
    for n in 0..=500 {
        let whose = concerned("s", &format!("machine {}", n % 40));
        match fixture.claim(&slot, 1, whose) {
            TokenClaim::Ask { .. } => {}
            TokenClaim::Failed(..) if n > 300 => return,
            other => panic!("{n}: {other:?}"),
        }
        let why = Error::new(Status::Connect, "no answer");
        fixture.run(fail_token(&slot, 1, why, FailureScope::Machine, whose, SECOND, true));
        fixture.pass(2 * SECOND);
    }
    panic!("more than 500 were asked for");
}

fn what_a_failure_says_is_bounded(new: New) {
    let fixture = new();
    assert!(matches!(fixture.claim_ours(&stable(), 1), TokenClaim::Ask { .. }));
    let why = Error::new(Status::Auth, "错".repeat(100_000));
    fixture.run(fail_token(&stable(), 1, why, FailureScope::Everybody, concerned("s", "m"), HOUR, false));
    let TokenClaim::Failed(why, _) = fixture.claim_ours(&stable(), 2) else { panic!("it failed") };
    assert_eq!(why.message.chars().count(), 240);
}
