//! One act counts once, whichever ways it comes, in either order.

use super::*;

under_set_clocks! {
    an_act_that_comes_both_ways_counts_once;
    they_pair_by_the_time_of_the_act;
    a_refusal_event_keeps_the_newest_accept_in_doubt;
    what_is_not_signed_lowers_nothing_and_leaves_no_mark;
    a_refused_send_ends_what_an_untrusted_accept_is_paired_with;
    a_refused_send_leaves_what_a_trusted_accept_is_paired_with;
    a_refusal_ends_what_an_untrusted_accept_is_paired_with;
    untrusted_accepts_find_room_where_others_are_used_up;
    an_accept_above_the_limit_changes_nothing;
    an_act_that_is_paired_is_not_one_above_the_limit;
    an_event_is_applied_once;
}

fn act(change: Change) -> Item {
    Item { template: template_id("t"), change, long_term: false, player_action: true }
}

impl Fixture {
    fn by_game(&self, change: Change) -> Applied {
        self.run(report(Report { items: vec![act(change)], ..self.report_of("t", change, None) })).remove(0)
    }

    fn by_event(&mut self, change: Change, created_ms: i64) -> Applied {
        self.by_event_of(true, change, created_ms)
    }

    fn by_event_of(&mut self, trusted: bool, change: Change, created_ms: i64) -> Applied {
        self.last_holder += 1;
        let part = (format!("event {}", self.last_holder), EventPart::Answer(act(change)));
        let event = Event { trusted, ..self.event_of(created_ms, vec![part]) };
        self.run(handle_event(event)).unwrap().remove(0)
    }
}

fn an_act_that_comes_both_ways_counts_once(new: New) {
    for change in [Change::Grant, Change::Clear] {
        for game_first in [true, false] {
            let mut fixture = new();
            fixture.accept(2);
            let created_ms = fixture.wall();
            let (first, second) = if game_first {
                fixture.pass(SECOND);
                (fixture.by_game(change), fixture.by_event(change, created_ms))
            } else {
                let first = fixture.by_event(change, created_ms);
                fixture.pass(SECOND);
                (first, fixture.by_game(change))
            };
            assert!(matches!(first, Applied::Now { .. }), "{change:?}, game first {game_first}: {first:?}");
            assert!(matches!(second, Applied::Paired(_)), "{change:?}, game first {game_first}: {second:?}");
            assert_eq!(
                fixture.left(),
                if change == Change::Grant {
                    3
                } else if game_first {
                    0
                } else {
                    1
                }
            );
            // The pair is used up: the same again is another act.
            assert!(matches!(fixture.by_game(change), Applied::Now { .. }));
        }
    }
    // An accept and a refusal are no pair.
    let mut fixture = new();
    fixture.by_game(Change::Grant);
    let created_ms = fixture.wall();
    assert!(matches!(fixture.by_event(Change::Clear, created_ms), Applied::Now { .. }));
}

fn they_pair_by_the_time_of_the_act(new: New) {
    // CreateTime, from the report's arrival.
    for (created, pairs) in [
        (-10 * 60 * SECOND - 1, false),
        (-10 * 60 * SECOND, true),
        (-SECOND, true),
        (30 * SECOND, true),
        (30 * SECOND + 1, false),
    ] {
        for game_first in [true, false] {
            let mut fixture = new();
            let arrival = fixture.wall();
            let second = if game_first {
                fixture.by_game(Change::Grant);
                fixture.by_event(Change::Grant, arrival + created)
            } else {
                fixture.by_event(Change::Grant, arrival + created);
                fixture.by_game(Change::Grant)
            };
            assert_eq!(matches!(second, Applied::Paired(_)), pairs, "{created} ms, game first {game_first}");
            assert_eq!(fixture.left(), if pairs { 1 } else { 2 });
        }
    }
    // The oldest fitting one first, and not after two hours.
    let mut fixture = new();
    fixture.by_game(Change::Grant);
    fixture.pass(60 * SECOND);
    let arrival = fixture.wall();
    fixture.by_game(Change::Grant);
    assert!(matches!(fixture.by_event(Change::Grant, arrival - 60 * SECOND), Applied::Paired(_)));
    assert!(matches!(fixture.by_event(Change::Grant, arrival + SECOND), Applied::Paired(_)));
    let mut fixture = new();
    let arrival = fixture.wall();
    fixture.by_game(Change::Grant);
    fixture.pass(2 * HOUR + 1);
    assert!(matches!(fixture.by_event(Change::Grant, arrival), Applied::Now { .. }), "its mark is gone");
}

/// Two clocks are compared: what may have come after the refusal stays.
fn a_refusal_event_keeps_the_newest_accept_in_doubt(new: New) {
    for (created, left) in [(-HOUR, 1), (0, 1), (59 * SECOND, 1), (61 * SECOND, 0)] {
        let mut fixture = new();
        fixture.accept(3);
        let accepted_ms = fixture.wall();
        fixture.pass(5 * 60 * SECOND);
        assert!(matches!(fixture.by_event(Change::Clear, accepted_ms + created), Applied::Now { .. }));
        assert_eq!(fixture.left(), left, "created {created} ms after the newest accept");
    }
    let fixture = new();
    fixture.accept(3);
    fixture.report("t", Change::Clear, None);
    assert_eq!(fixture.left(), 0, "a report comes after its act");
}

fn what_is_not_signed_lowers_nothing_and_leaves_no_mark(new: New) {
    let mut fixture = new();
    fixture.accept(2);
    let refusal = vec![("forged".to_owned(), EventPart::Answer(act(Change::Clear)))];
    let forged = Event { trusted: false, ..fixture.event_of(fixture.wall(), refusal.clone()) };
    let applied = fixture.run(handle_event(forged)).unwrap();
    assert_eq!(applied, [Applied::Ignored(2)]);
    let hold = fixture.held();
    fixture.settle(&hold, Outcome::InDoubt, failed(Status::Unknown));
    let verdict = Box::new(sent(5));
    let told = EventPart::Sent { template: template_id("t"), verdict, outcome: Outcome::Spent };
    let forged = Event { trusted: false, ..fixture.event_of(fixture.wall(), vec![("sent".to_owned(), told)]) };
    fixture.run(handle_event(forged)).unwrap();
    assert_eq!(fixture.left(), 2, "it settles nothing");
    // Neither a pair nor a used identity: the true ones count.
    assert!(matches!(fixture.by_game(Change::Clear), Applied::Now { quota: QuotaChange::Cleared, .. }));
    fixture.accept(1);
    fixture.pass(HOUR);
    assert!(matches!(
        fixture.event(fixture.wall(), refusal).unwrap()[0],
        Applied::Now { quota: QuotaChange::Cleared, .. }
    ));
    // An accept raises the count whoever pushed it,
    let accept = vec![("accept".to_owned(), EventPart::Answer(act(Change::Grant)))];
    let forged = Event { trusted: false, ..fixture.event_of(fixture.wall(), accept) };
    fixture.run(handle_event(forged)).unwrap();
    assert_eq!(fixture.left(), 1);
    // but leaves the player's own answers room.
    let many = |n: usize| {
        let item = Item { template: template_id(&format!("forged {n}")), ..act(Change::Grant) };
        (format!("forged accept {n}"), EventPart::Answer(item))
    };
    let forged = Event { trusted: false, ..fixture.event_of(fixture.wall(), (0..64).map(many).collect()) };
    let applied = fixture.run(handle_event(forged)).unwrap();
    assert_eq!(applied.iter().filter(|applied| matches!(applied, Applied::Ignored(0))).count(), 33);
    for n in 0..32 {
        fixture.report(&format!("true {n}"), Change::Grant, None);
        assert_eq!(fixture.left_of(&format!("true {n}")), 1);
    }
}

/// It may have been forged: the next one that the game reports is another.
fn a_refused_send_ends_what_an_untrusted_accept_is_paired_with(new: New) {
    let mut fixture = new();
    fixture.by_event_of(false, Change::Grant, fixture.wall());
    let hold = fixture.held();
    fixture.settle(&hold, Outcome::Cleared, refused());
    assert!(matches!(fixture.by_game(Change::Grant), Applied::Now { quota: QuotaChange::Granted, .. }));
    // The game's own word stays one with the event of it.
    let hold = fixture.held();
    fixture.settle(&hold, Outcome::Cleared, refused());
    assert!(matches!(fixture.by_event(Change::Grant, fixture.wall()), Applied::Paired(0)));
    // One that came after the send had begun is not what was refused.
    let mut fixture = new();
    fixture.by_event_of(false, Change::Grant, fixture.wall());
    let hold = fixture.held();
    fixture.pass(SECOND);
    fixture.by_event_of(false, Change::Grant, fixture.wall());
    fixture.settle(&hold, Outcome::Cleared, refused());
    assert!(matches!(fixture.by_game(Change::Grant), Applied::Paired(1)));
}

/// It was, whatever WeChat refused since: the game's late report of it is no other.
fn a_refused_send_leaves_what_a_trusted_accept_is_paired_with(new: New) {
    let mut fixture = new();
    fixture.by_event(Change::Grant, fixture.wall());
    let hold = fixture.held();
    fixture.settle(&hold, Outcome::Cleared, refused());
    fixture.pass(SECOND);
    assert!(matches!(fixture.by_game(Change::Grant), Applied::Paired(0)));
}

fn a_refusal_ends_what_an_untrusted_accept_is_paired_with(new: New) {
    for refusal in [Change::Clear, Change::ClearAll] {
        for trusted in [false, true] {
            let mut fixture = new();
            fixture.by_event_of(trusted, Change::Grant, fixture.wall());
            fixture.by_game(refusal);
            fixture.pass(SECOND);
            let again = fixture.by_game(Change::Grant);
            assert_eq!(matches!(again, Applied::Paired(0)), trusted, "{refusal:?}: {again:?}");
            assert_eq!(fixture.left(), i64::from(!trusted));
        }
    }
}

fn untrusted_accepts_find_room_where_others_are_used_up(new: New) {
    let mut fixture = new();
    for n in 0..50 {
        let template = format!("t{n}");
        let item = Item { template: template_id(&template), ..act(Change::Grant) };
        let part = (format!("accept of {template}"), EventPart::Answer(item));
        let event = Event { trusted: false, ..fixture.event_of(fixture.wall(), vec![part]) };
        fixture.run(handle_event(event)).unwrap();
        assert_eq!(fixture.left_of(&template), 1, "{template}");
        let send = fixture.wish(&template);
        let hold = held(fixture.begin(send));
        fixture.succeed(&hold, n + 1);
    }
}

fn an_accept_above_the_limit_changes_nothing(new: New) {
    let mut fixture = new();
    let limited = |f: &Fixture, key: Option<&str>| {
        let limited = Report { items: vec![act(Change::Grant)], max_count: 2, ..f.report_of("t", Change::Grant, key) };
        f.run(report(limited)).remove(0)
    };
    for _ in 0..2 {
        assert!(matches!(limited(&fixture, None), Applied::Now { quota: QuotaChange::Granted, .. }));
    }
    assert_eq!(limited(&fixture, Some("k")), Applied::Full(2));
    assert_eq!(fixture.left(), 2);
    let hold = fixture.held();
    fixture.succeed(&hold, 1);
    assert!(matches!(limited(&fixture, Some("k")), Applied::Now { .. }), "what had no effect does not use its key up");
    assert!(matches!(limited(&fixture, Some("k")), Applied::Before(_)));
    // Lower than what is there already takes nothing away.
    fixture.accept(5);
    assert_eq!(limited(&fixture, None), Applied::Full(7));
}

/// Else its mark would swallow the player's next accept.
fn an_act_that_is_paired_is_not_one_above_the_limit(new: New) {
    let mut fixture = new();
    let limited = |f: &Fixture| {
        let limited = Report { items: vec![act(Change::Grant)], max_count: 1, ..f.report_of("t", Change::Grant, None) };
        f.run(report(limited)).remove(0)
    };
    let created_ms = fixture.wall();
    fixture.by_event(Change::Grant, created_ms);
    assert_eq!(limited(&fixture), Applied::Paired(1));
    let hold = fixture.held();
    fixture.succeed(&hold, 1);
    fixture.pass(SECOND);
    assert!(matches!(limited(&fixture), Applied::Now { quota: QuotaChange::Granted, remaining: 1 }));
}

fn an_event_is_applied_once(new: New) {
    let mut fixture = new();
    let parts = |names: &[&str]| -> Vec<(String, EventPart)> {
        names.iter().map(|name| ((*name).to_owned(), EventPart::Answer(act(Change::Grant)))).collect()
    };
    fixture.event(fixture.wall(), parts(&["a", "b"])).unwrap();
    assert_eq!(fixture.left(), 2);
    fixture.pass(23 * HOUR);
    let applied = fixture.event(fixture.wall(), parts(&["b", "c"])).unwrap();
    assert!(matches!(applied[..], [Applied::Before(_), Applied::Now { .. }]), "{applied:?}");
    assert_eq!(fixture.left(), 3);
    // While a send runs, a word on sends waits, and nothing of its event is applied.
    let hold = fixture.held();
    let told = EventPart::Sent { template: template_id("t"), verdict: Box::new(sent(1)), outcome: Outcome::Spent };
    let both = vec![parts(&["d"]).remove(0), ("told".to_owned(), told)];
    assert_eq!(fixture.event(fixture.wall(), both.clone()), Err(LEASE));
    assert_eq!(fixture.left(), 2);
    fixture.succeed(&hold, 1);
    let applied = fixture.event(fixture.wall(), both).unwrap();
    assert!(matches!(applied[..], [Applied::Now { .. }, Applied::Now { quota: QuotaChange::Untouched, .. }]));
    assert_eq!(fixture.left(), 3, "its msgid is known");
}
