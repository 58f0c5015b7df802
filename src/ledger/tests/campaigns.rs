//! Campaigns: each player once, whatever is done again; slices and where a campaign stands.

use super::*;
use crate::error::SkipReason;
use crate::ledger::campaign::{
    Added, Beat, Beaten, Definition, Part, Put, State, Take, Tally, Turn, Wish, add, beat, ids, look, put, read_part,
    wish,
};

const MINUTE: i64 = 60 * SECOND;

fn definition(given: &str) -> Definition {
    Definition { given: given.to_owned(), template_id: "t".to_owned(), start_ms: Some(0), ..Definition::default() }
}

fn put_one(fixture: &Fixture, definition: Definition) {
    // A start of 0 is now.
    let start_ms = definition.start_ms.map(|ms| if ms == 0 { fixture.wall() } else { ms });
    let definition = Definition { start_ms, ..definition };
    assert!(matches!(fixture.run(put("c".to_owned(), definition, false)), Put::There(..)));
}

fn state(fixture: &Fixture) -> State {
    fixture.ask(look("c".to_owned())).expect("it is there").run.state
}

fn beat_of(fixture: &Fixture, process: i64, change: impl FnOnce(&mut Beat)) -> Beaten {
    let mut one = Beat { process, engine: 1, lease_ms: 10 * SECOND, ..Beat::default() };
    change(&mut one);
    fixture.run(beat("c".to_owned(), one)).expect("it is there").0
}

fn players(from: Option<&[u8]>, to: &[u8], at_end: bool) -> Option<Take> {
    Some(Take::Players { from: from.map(Into::into), to: Some(to.into()), at_end })
}

fn begin(fixture: &mut Fixture, leave: u64) -> BeginResult {
    begin_where(fixture, leave, None)
}

fn begin_where(fixture: &mut Fixture, leave: u64, skip_all: Option<Skip>) -> BeginResult {
    let wish = fixture.wish("t");
    let campaign = Some(CampaignSend { id: "c".to_owned(), number: 7, leave, remember_ms: 2 * DAY });
    fixture.begin(BeginSend { bound: Bound { campaign, skip_all, ..Bound::default() }, ..wish })
}

under_set_clocks! {
    a_player_has_its_message_once;
    what_surely_failed_is_tried_again;
    who_died_in_between_has_had_it;
    time_begins_and_ends_it;
    what_is_wished_is_done_where_it_can_be;
}

fn a_player_has_its_message_once(new: New) {
    let mut fixture = new();
    fixture.accept(5);
    let hold = held(begin(&mut fixture, 0));
    fixture.succeed(&hold, 1);
    assert!(matches!(begin(&mut fixture, 0), BeginResult::Had(Standing::Sent)));
    fixture.pass(2 * DAY - HOUR);
    assert!(matches!(begin(&mut fixture, 0), BeginResult::Had(Standing::Sent)), "while the campaign may run");
    fixture.accept(1);
    assert!(matches!(begin(&mut fixture, 0), BeginResult::Had(Standing::Sent)));
    assert!(matches!(begin(&mut fixture, 99), BeginResult::Had(Standing::Sent)), "before any rule is looked at");
    for reason in [SkipReason::Budget, SkipReason::Quiet] {
        let skip = Some(Skip::never(reason));
        assert!(matches!(begin_where(&mut fixture, 0, skip), BeginResult::Had(Standing::Sent)));
    }
    let wish = fixture.wish("t");
    let hold = held(fixture.begin(wish));
    fixture.succeed(&hold, 2);
}

fn what_surely_failed_is_tried_again(new: New) {
    let mut fixture = new();
    fixture.accept(2);
    assert!(matches!(begin(&mut fixture, 2), BeginResult::Skipped(_)));
    let hold = held(begin(&mut fixture, 1));
    fixture.settle(&hold, Outcome::Returned, failed(Status::Busy));
    let hold = held(begin(&mut fixture, 1));
    fixture.settle(&hold, Outcome::Cleared, refused());
    assert!(matches!(begin(&mut fixture, 0), BeginResult::Skipped(_)), "he allows none any more");
}

fn who_died_in_between_has_had_it(new: New) {
    let mut fixture = new();
    fixture.accept(2);
    let hold = held(begin(&mut fixture, 0));
    assert!(matches!(begin(&mut fixture, 0), BeginResult::Busy(_)), "it may tell soon what became of it");
    fixture.pass(LEASE + SECOND);
    assert!(matches!(begin(&mut fixture, 0), BeginResult::Had(Standing::Begun)));
    // A process that was stopped comes back: WeChat took it.
    fixture.succeed(&hold, 1);
    assert!(matches!(begin(&mut fixture, 0), BeginResult::Had(Standing::Sent) | BeginResult::Had(Standing::Begun)));
    assert_eq!(fixture.left(), 1);
}

/// Where an answer is lost, a slice is taken and nobody knows: it is left, then.
#[test]
fn slices_are_left_and_taken_over() {
    let mut fixture = Fixture::machine();
    put_one(&fixture, definition("a"));
    let first = beat_of(&fixture, 1, |beat| beat.take = players(None, b"f", false)).taken.expect("a slice");
    assert!(beat_of(&fixture, 2, |beat| beat.take = players(None, b"k", false)).taken.is_none(), "those are given out");
    let second = beat_of(&fixture, 2, |beat| beat.take = players(Some(b"f"), b"z", true)).taken.expect("a slice");
    assert!(beat_of(&fixture, 3, |beat| beat.take = Some(Take::Left)).taken.is_none(), "both are worked on");
    fixture.pass(6 * SECOND);
    let mut tally = first.tally.clone();
    tally.count(Turn::Sent);
    tally.count(Turn::Unknown);
    assert!(beat_of(&fixture, 1, |beat| beat.slices = vec![(first.number, tally.clone(), false)]).lost.is_empty());
    fixture.pass(6 * SECOND);
    let taken = beat_of(&fixture, 3, |beat| beat.take = Some(Take::Left)).taken.expect("the second was left");
    assert_eq!((taken.number, &taken.from, &taken.to), (second.number, &second.from, &second.to));
    let late = beat_of(&fixture, 2, |beat| beat.slices = vec![(second.number, tally.clone(), true)]);
    assert_eq!(late.lost, [second.number], "it is another's");
    assert_eq!(state(&fixture), State::Running);
    beat_of(&fixture, 3, |beat| beat.slices = vec![(second.number, tally.clone(), true)]);
    beat_of(&fixture, 1, |beat| beat.slices = vec![(first.number, tally.clone(), true)]);
    let done = fixture.ask(look("c".to_owned())).expect("it is there");
    assert_eq!((done.run.state.clone(), done.tally().seen, done.tally().sent), (State::Done, 4, 2));
    assert_eq!(fixture.ask(ids()), [("c".to_owned(), true)]);
}

/// The answer that says so, and gives it to him again, may be lost: his old tally would end it.
#[test]
fn a_slice_is_not_taken_again_by_who_does_not_know_that_he_lost_it() {
    let mut fixture = Fixture::machine();
    put_one(&fixture, definition("a"));
    let slice = beat_of(&fixture, 1, |beat| beat.take = players(None, b"z", true)).taken.expect("a slice").number;
    fixture.pass(11 * SECOND);
    assert_eq!(beat_of(&fixture, 2, |beat| beat.take = Some(Take::Left)).taken.expect("it was left").number, slice);
    fixture.pass(11 * SECOND);
    let old = vec![(slice, Tally::default(), true)];
    for _ in 0..2 {
        let again = beat_of(&fixture, 1, |beat| (beat.slices, beat.take) = (old.clone(), Some(Take::Left)));
        assert_eq!((again.lost, again.taken), (vec![slice], None));
        assert_eq!(state(&fixture), State::Running);
    }
    assert!(beat_of(&fixture, 1, |beat| beat.take = Some(Take::Left)).taken.is_some(), "he knows");
}

#[test]
fn an_engine_of_another_order_begins_anew() {
    let fixture = Fixture::machine();
    put_one(&fixture, definition("a"));
    let taken = beat_of(&fixture, 1, |beat| beat.take = players(None, b"f", true)).taken.expect("a slice");
    let moved = beat_of(&fixture, 1, |beat| {
        beat.engine = 2;
        beat.slices = vec![(taken.number, taken.tally.clone(), true)];
    });
    assert_eq!(moved.lost, [taken.number]);
    let campaign = fixture.ask(look("c".to_owned())).expect("it is there");
    assert!(campaign.run.again && campaign.run.place.is_none() && !campaign.run.at_end);
    assert_eq!(campaign.run.state, State::Running);
}

#[test]
fn a_list_is_added_to_once_for_each_key() {
    let fixture = Fixture::machine();
    let add = |key| {
        let part = Part { players: vec![("o1".to_owned(), None), ("o2".to_owned(), Some("{}".to_owned()))] };
        fixture.run(add("c".to_owned(), vec![part], key)).map(|added| added.0)
    };
    assert_eq!(add(None), None);
    put_one(&fixture, definition("a"));
    assert_eq!(add(None), Some(Added::NoList));
    let list = Definition { is_list: true, start_ms: None, ..definition("b") };
    assert!(matches!(fixture.run(put("d".to_owned(), list.clone(), false)), Put::There(..)));
    assert!(matches!(fixture.run(put("c".to_owned(), list.clone(), false)), Put::TooLate), "it has begun");
    fixture.run(wish("c".to_owned(), Wish::Cancel));
    let fixture = Fixture::machine();
    put_one(&fixture, list);
    let add = |key| {
        let part = Part { players: vec![("o1".to_owned(), None), ("o2".to_owned(), Some("{}".to_owned()))] };
        fixture.run(super::campaign::add("c".to_owned(), vec![part], key)).map(|added| added.0)
    };
    assert_eq!(
        (add(Some(1)), add(Some(1)), add(Some(2))),
        (Some(Added::Now(2)), Some(Added::Before(2)), Some(Added::Now(2)))
    );
    fixture.run(wish("c".to_owned(), Wish::Start));
    for part in 0..2 {
        let taken = beat_of(&fixture, 1, |beat| beat.take = Some(Take::Part)).taken.expect("a part");
        assert_eq!(fixture.ask(read_part("c", part)).map(|part| part.players.len()), Some(2));
        beat_of(&fixture, 1, |beat| beat.slices = vec![(taken.number, taken.tally.clone(), true)]);
        assert_eq!(fixture.ask(read_part("c", part)), None, "nobody is kept longer than he must be");
    }
    assert_eq!((state(&fixture), add(None)), (State::Done, Some(Added::TooLate)));
    assert_eq!(add(Some(1)), Some(Added::Before(2)), "a call that was made is answered as it was");
}

/// Its start is the step's own time: a caller's clock may be ahead of the store's.
#[test]
fn what_begins_at_once_has_begun_when_it_is_put() {
    let fixture = Fixture::machine();
    let late = Definition { start_ms: Some(fixture.wall() + MINUTE), ..definition("a") };
    assert!(matches!(fixture.run(put("c".to_owned(), late, true)), Put::There(..)));
    let campaign = fixture.ask(look("c".to_owned())).expect("it is there");
    assert_eq!((campaign.run.state.word(), campaign.run.begun_ms), ("running", Some(fixture.wall())));
}

/// Whoever drops a list goes from its first part to its last, so no other part goes before.
#[test]
fn a_forgotten_player_leaves_no_hole_in_the_list_of_a_campaign_that_has_just_ended() {
    let fixture = Fixture::machine();
    put_one(&fixture, Definition { is_list: true, start_ms: None, ..definition("c") });
    let part = |players: &[&str]| Part { players: players.iter().map(|id| ((*id).to_owned(), None)).collect() };
    fixture.run(super::campaign::add("c".to_owned(), vec![part(&["o1"]), part(&["o2", "o3"])], None));
    let take_out = |part, openid| fixture.run(super::campaign::take_out("c", part, openid));
    let left = || [0, 1].map(|part| fixture.ask(read_part("c", part)).map(|part| part.players.len()));
    take_out(1, None);
    assert_eq!(left(), [Some(1), Some(2)], "it has not ended");
    fixture.run(wish("c".to_owned(), Wish::Cancel));
    take_out(1, Some("o3"));
    assert_eq!(left(), [Some(1), Some(1)]);
    take_out(0, None);
    take_out(1, None);
    assert_eq!(left(), [None, None]);
}

fn time_begins_and_ends_it(new: New) {
    let mut fixture = new();
    let now = fixture.wall();
    put_one(&fixture, Definition { start_ms: Some(now + MINUTE), expires_ms: Some(now + HOUR), ..definition("a") });
    assert_eq!(state(&fixture), State::Waiting);
    fixture.pass(2 * MINUTE);
    assert_eq!(state(&fixture), State::Running);
    let until_ms = Some(fixture.wall() + 5 * MINUTE);
    fixture.run(wish("c".to_owned(), Wish::Pause { why: "w".to_owned(), until_ms }));
    assert!(beat_of(&fixture, 1, |beat| beat.take = players(None, b"f", false)).taken.is_none());
    fixture.pass(6 * MINUTE);
    assert_eq!(state(&fixture), State::Running, "it goes on by itself");
    fixture.pass(HOUR);
    assert_eq!(state(&fixture), State::Done);
    assert_eq!(fixture.ask(ids()), [("c".to_owned(), false)]);
    assert!(beat_of(&fixture, 1, |beat| beat.take = players(None, b"f", false)).taken.is_none());
    assert_eq!(fixture.ask(ids()), [("c".to_owned(), true)], "whoever looks at it writes that down");
}

fn what_is_wished_is_done_where_it_can_be(new: New) {
    let fixture = new();
    let wish = |wish_for: Wish| {
        let (done, campaign, _) = fixture.run(super::campaign::wish("c".to_owned(), wish_for)).expect("it is there");
        (done, campaign.run.state.word())
    };
    let pause = || Wish::Pause { why: "w".to_owned(), until_ms: None };
    put_one(&fixture, Definition { start_ms: None, ..definition("a") });
    assert_eq!(wish(Wish::Resume), (true, "waiting"));
    assert_eq!((wish(pause()), wish(Wish::Resume)), ((true, "paused"), (true, "waiting")));
    assert_eq!((wish(pause()), wish(Wish::Start)), ((true, "paused"), (true, "running")));
    assert_eq!((wish(Wish::Start), wish(Wish::Resume)), ((true, "running"), (true, "running")));
    assert_eq!(
        (wish(pause()), wish(pause()), wish(Wish::Resume)),
        ((true, "paused"), (true, "paused"), (true, "running"))
    );
    assert_eq!((wish(Wish::Cancel), wish(Wish::Cancel)), ((true, "cancelled"), (true, "cancelled")));
    for late in [Wish::Start, pause(), Wish::Resume] {
        assert_eq!(wish(late), (false, "cancelled"));
    }
    assert!(matches!(fixture.run(put("c".to_owned(), definition("a"), false)), Put::There(..)), "the same again");
    assert!(matches!(fixture.run(put("c".to_owned(), definition("b"), false)), Put::TooLate));
}
