//! What steps leave in the history and the funnel.

use proptest::prelude::*;

use super::*;
use crate::error::SkipReason;
use crate::store::{JournalTerms, LogQuery};

under_set_clocks! {
    an_act_counts_once_and_is_entered_once;
    states_that_change_nothing_are_no_news;
    a_send_is_entered_with_what_it_found_and_left;
    a_dead_send_is_unknown_until_somebody_knows;
    a_message_that_is_sent_again_is_one_message;
    repeats_of_a_refusal_are_one_entry;
    answers_of_one_player_are_bounded;
    an_opening_counts_once_for_the_last_message_of_three_days;
    what_is_late_for_a_forgotten_player_changes_nothing;
    a_muted_player_stays_muted_without_counts;
    numbers_are_of_the_day_on_which_a_send_began;
    a_stored_message_is_told_from_end_to_end;
    a_message_without_a_send_is_told;
    a_turn_of_a_campaign_that_ends_without_a_send_is_told_once;
    what_ends_behind_a_forget_is_only_counted;
}

fn entries(fixture: &Fixture) -> Vec<Entry> {
    let query = LogQuery { to_ms: i64::MAX, limit: 10_000, ..LogQuery::default() };
    let page = fixture.engine.log(&query, soon()).unwrap();
    page.entries.iter().map(|entry| Entry::decode(&entry.text).unwrap()).collect()
}

fn rows(fixture: &Fixture) -> Funnel {
    let counters = fixture.engine.counters(0..=i64::MAX, soon()).unwrap();
    funnel(counters, |template| match template {
        Template::Spelled(id) => Ok::<_, Error>(id.clone()),
        Template::Hash(_) => Ok("#".to_owned()),
    })
    .unwrap()
}

/// All days of a template together.
pub fn number(fixture: &Fixture, template: &str, column: Column) -> i64 {
    rows(fixture).iter().filter(|((_, id), _)| id == template).map(|(_, row)| row.get(column)).sum()
}

pub fn unknown(fixture: &Fixture) -> i64 {
    rows(fixture).values().map(Row::unknown).sum()
}

fn action(fixture: &Fixture, template: &str, change: Change, key: Option<&str>) -> Applied {
    let mut report = fixture.report_of(template, change, key);
    report.items[0].player_action = true;
    fixture.run(super::report(report)).remove(0)
}

fn an_act_counts_once_and_is_entered_once(new: New) {
    let fixture = new();
    action(&fixture, "t", Change::Grant, Some("k"));
    action(&fixture, "t", Change::Grant, Some("k"));
    let item = Item { template: template_id("t"), change: Change::Grant, long_term: false, player_action: true };
    // The same act by WeChat's word, and that pushed again.
    for _ in 0..2 {
        fixture.event(fixture.wall(), vec![("e".to_owned(), EventPart::Answer(item.clone()))]).unwrap();
    }
    assert_eq!(number(&fixture, "t", Column::Accepted), 1);
    let all = entries(&fixture);
    assert_eq!(all.len(), 1, "{all:?}");
    let entry = &all[0];
    assert_eq!((entry.what, entry.answered), (What::Report, Some((Answered::Accept, Effect::Granted))));
    assert_eq!(
        (entry.openid.as_str(), entry.key.as_deref(), entry.before, entry.after),
        ("o", Some("k"), Some(0), Some(1))
    );
    action(&fixture, "t", Change::Clear, None);
    action(&fixture, "t", Change::Filter, None);
    action(&fixture, "t", Change::Ban, None);
    let columns = [Column::Rejected, Column::Filtered].map(|column| number(&fixture, "t", column));
    assert_eq!((columns, entries(&fixture).len()), ([1, 1], 4));
}

fn states_that_change_nothing_are_no_news(new: New) {
    let fixture = new();
    let state = |change| fixture.report("t", change, None);
    [Change::Look, Change::Clear, Change::ClearAll].into_iter().for_each(|change| drop(state(change)));
    assert_eq!((entries(&fixture).len(), rows(&fixture).len()), (0, 0));
    fixture.accept(1);
    [Change::Clear, Change::Clear, Change::ClearAll].into_iter().for_each(|change| drop(state(change)));
    let refused: Vec<Option<i64>> = entries(&fixture).iter().map(|entry| entry.before).collect();
    assert_eq!(refused, [Some(1), Some(0)], "one refusal, which took one, and the accept before it");
    assert_eq!(number(&fixture, "t", Column::Rejected), 1);
}

fn a_send_is_entered_with_what_it_found_and_left(new: New) {
    let mut fixture = new();
    fixture.accept(3);
    let hold = fixture.held();
    fixture.succeed(&hold, 1234);
    let hold = fixture.held();
    fixture.settle(&hold, Outcome::Cleared, refused());
    let all = entries(&fixture);
    let of = |entry: &Entry| (entry.status, entry.before, entry.after, entry.msgid);
    assert_eq!(of(&all[1]), (Status::Ok, Some(3), Some(2), 1234));
    assert_eq!(of(&all[0]), (Status::Refused, Some(2), Some(0), 0));
    let numbers = [Column::Begun, Column::Sent, Column::Refused].map(|column| number(&fixture, "t", column));
    assert_eq!((numbers, unknown(&fixture)), ([2, 1, 1], 0));
}

fn a_dead_send_is_unknown_until_somebody_knows(new: New) {
    let mut fixture = new();
    fixture.accept(3);
    let dead = fixture.held();
    assert_eq!(unknown(&fixture), 1, "it runs, or is dead: who knows");
    fixture.pass(LEASE + 1);
    let next = fixture.held();
    assert_eq!(entries(&fixture)[0].status, Status::Unknown, "found by the next send");
    fixture.succeed(&next, 7);
    assert_eq!((unknown(&fixture), number(&fixture, "t", Column::Sent)), (1, 1));
    // It was only slow.
    fixture.succeed(&dead, 8);
    assert_eq!((unknown(&fixture), number(&fixture, "t", Column::Sent)), (0, 2));
    assert_eq!(entries(&fixture)[0].what, What::Settled);
    // An event says so of one more, and then its process does.
    let dead = fixture.held();
    fixture.pass(LEASE + 1);
    fixture.sent_event(9).unwrap();
    assert_eq!((unknown(&fixture), number(&fixture, "t", Column::Sent)), (0, 3));
    fixture.succeed(&dead, 9);
    assert_eq!((unknown(&fixture), number(&fixture, "t", Column::Sent)), (0, 3), "once");
}

fn a_message_that_is_sent_again_is_one_message(new: New) {
    let mut fixture = new();
    fixture.accept(3);
    fixture.put_to_resend("k");
    let begin = |fixture: &mut Fixture| {
        let ready = fixture.look_for_one();
        held(fixture.begin_ready(&ready))
    };
    let hold = begin(&mut fixture);
    fixture.end(&hold, Outcome::Returned, failed(Status::Busy));
    assert_eq!((unknown(&fixture), number(&fixture, "t", Column::Begun)), (0, 0), "nothing is known of it yet");
    // The next try is in doubt, the one after it is taken.
    fixture.pass(HOUR);
    let hold = begin(&mut fixture);
    fixture.end(&hold, Outcome::InDoubt, failed(Status::Unknown));
    assert_eq!(unknown(&fixture), 0);
    fixture.pass(HOUR);
    let hold = begin(&mut fixture);
    fixture.end(&hold, Outcome::Spent, sent(5));
    let numbers = [Column::Begun, Column::Sent].map(|column| number(&fixture, "t", column));
    assert_eq!((numbers, unknown(&fixture)), ([1, 1], 0));
    // The second one arrived, too: it is no other message.
    fixture.sent_event(6).unwrap();
    let numbers = [Column::Begun, Column::Sent].map(|column| number(&fixture, "t", column));
    assert_eq!((numbers, unknown(&fixture)), ([1, 1], 0));
}

fn repeats_of_a_refusal_are_one_entry(new: New) {
    let mut fixture = new();
    let unsent = |fixture: &Fixture, template: &str, status| {
        fixture.run(note_unsent("o", unsent(fixture, template, None, failed(status))));
    };
    for n in 0..50 {
        fixture.pass(SECOND);
        unsent(&fixture, "t", Status::NoQuota);
        unsent(&fixture, "u", Status::NoQuota);
        if n % 10 == 0 {
            unsent(&fixture, "t", Status::Message);
        }
    }
    let mut times: Vec<(Status, u64)> = entries(&fixture).iter().map(|entry| (entry.status, entry.times)).collect();
    times.sort_by_key(|(_, times)| *times);
    assert_eq!(times, [(Status::Message, 5), (Status::NoQuota, 50), (Status::NoQuota, 50)]);
    assert_eq!(number(&fixture, "t", Column::NoQuota), 50, "each is counted");
    fixture.pass(HOUR);
    unsent(&fixture, "t", Status::NoQuota);
    assert_eq!(entries(&fixture).len(), 4, "an hour later it is news");
    assert_eq!(entries(&fixture)[0].times, 1);
}

fn answers_of_one_player_are_bounded(new: New) {
    let mut fixture = new();
    for n in 0..400 {
        action(&fixture, &format!("t{}", n % 40), Change::Grant, None);
    }
    let hour = entries(&fixture).len();
    assert!((100..=200).contains(&hour), "{hour}");
    fixture.accept(1);
    let hold = fixture.held();
    fixture.succeed(&hold, 1);
    assert_eq!(entries(&fixture)[0].what, What::Send, "what the host does is told all the same");
    fixture.pass(HOUR);
    action(&fixture, "t1", Change::Grant, None);
    assert_eq!(entries(&fixture).len(), hour + 2);
}

fn an_opening_counts_once_for_the_last_message_of_three_days(new: New) {
    let mut fixture = new();
    let open = |fixture: &Fixture| fixture.run(opened("o"));
    assert_eq!(open(&fixture), Opening { counted: false, template: None });
    fixture.accept(2);
    fixture.report("u", Change::Grant, None);
    let hold = fixture.held();
    fixture.succeed(&hold, 0);
    let send = fixture.wish("u");
    let hold = held(fixture.begin(send));
    fixture.succeed(&hold, 0);
    fixture.pass(3 * DAY - 1);
    let of_u = |counted| Opening { counted, template: Some(Template::Spelled("u".to_owned())) };
    assert_eq!(open(&fixture), of_u(true));
    assert_eq!(open(&fixture), of_u(false));
    assert_eq!((number(&fixture, "u", Column::Opened), number(&fixture, "t", Column::Opened)), (1, 0));
    let hold = fixture.held();
    fixture.succeed(&hold, 0);
    fixture.pass(3 * DAY);
    assert_eq!(open(&fixture), Opening { counted: false, template: None });

    // WeChat's event tells of a send before its late holder does.
    let mut fixture = new();
    fixture.accept(1);
    let hold = fixture.held();
    fixture.pass(LEASE);
    fixture.sent_event(7).unwrap();
    assert!(open(&fixture).counted);
    fixture.succeed(&hold, 7);
    assert!(!open(&fixture).counted, "it is the same message");
}

fn what_is_late_for_a_forgotten_player_changes_nothing(new: New) {
    let mut fixture = new();
    let accept = Item { template: template_id("t"), change: Change::Grant, long_term: false, player_action: true };
    let pushed = fixture.wall();
    let push = |fixture: &Fixture, identity: &str, at_ms| {
        fixture.event(at_ms, vec![(identity.to_owned(), EventPart::Answer(accept.clone()))]).unwrap()
    };
    push(&fixture, "e", pushed);
    fixture.accept(2);
    fixture.put_due("waits");
    let hold = fixture.held();
    fixture.pass(SECOND);
    let engine = Arc::clone(&fixture.engine);
    let others = engine.names_of(crate::store::home_of("o"), 1000, soon()).unwrap();
    let forgotten = fixture.run(forget("o", others, true));
    // Where the answer is lost, the step is taken again and finds nothing.
    if !fixture.is_server() {
        assert_eq!((forgotten.players, forgotten.messages), (1, 1), "{forgotten:?}");
        assert!(forgotten.keys >= 1, "{forgotten:?}");
    }
    assert_eq!(
        (fixture.records(Space::Player), fixture.records(Space::Recent), fixture.records(Space::Message)),
        (0, 0, 0)
    );
    let before = entries(&fixture).len();
    fixture.succeed(&hold, 3);
    push(&fixture, "e", pushed);
    push(&fixture, "another of then", pushed);
    assert_eq!((fixture.left(), entries(&fixture).len()), (0, before), "no life, and no word of one");
    assert_eq!(number(&fixture, "t", Column::Sent), 1, "that a message was sent says nothing of a player");
    assert_eq!((fixture.records(Space::Player), fixture.records(Space::Recent)), (0, 0), "not even a step's number");
    fixture.accept(1);
    fixture.succeed(&hold, 3);
    push(&fixture, "e", pushed);
    assert_eq!(fixture.left(), 1, "the new life has its own");
    push(&fixture, "new", fixture.wall() + 1);
    assert_eq!(fixture.left(), 2);
}

fn a_muted_player_stays_muted_without_counts(new: New) {
    let mut fixture = new();
    let is_muted = |fixture: &Fixture| {
        let names = player::PlayerNames::new("o");
        let decide = Box::new(move |view: &crate::store::View<'_>| {
            Ok((Default::default(), player::Player::load(view, &names)?.player.is_muted(view.time.wall_ms)))
        });
        fixture.ask(Operation { reads: Vec::new(), proven: false, trace: None, decide })
    };
    assert!(!is_muted(&fixture));
    fixture.run(mute("o", fixture.wall() + 5 * DAY, 1));
    fixture.pass(3 * DAY);
    fixture.sweep(Space::Recent);
    assert!(is_muted(&fixture));
    fixture.accept(1);
    assert!(is_muted(&fixture));
    fixture.pass(2 * DAY);
    assert!(!is_muted(&fixture), "its time is over");
    fixture.run(mute("o", fixture.wall() + DAY, 1));
    fixture.run(mute("o", 0, 1));
    assert!(!is_muted(&fixture));
    assert_eq!(fixture.left(), 1);
}

fn numbers_are_of_the_day_on_which_a_send_began(new: New) {
    let mut fixture = new();
    let terms = JournalTerms::default();
    fixture.accept(2);
    let day = terms.day_of(fixture.wall());
    let midnight = (day + 1) * DAY - terms.utc_offset_ms;
    fixture.pass(midnight - fixture.wall() - 1);
    let hold = fixture.held();
    fixture.pass(2);
    fixture.succeed(&hold, 1);
    let hold = fixture.held();
    fixture.succeed(&hold, 2);
    let sent = |day: i64| rows(&fixture)[&(day, "t".to_owned())].get(Column::Sent);
    assert_eq!((sent(day), sent(day + 1), unknown(&fixture)), (1, 1, 0));
}

fn a_stored_message_is_told_from_end_to_end(new: New) {
    let mut fixture = new();
    fixture.accept(1);
    fixture.put_due("a");
    fixture.put_due("b");
    fixture.run(cancel("o".to_owned(), "b".to_owned(), cancelled().into()));
    let ready = fixture.look_for_one();
    let hold = held(fixture.begin_ready(&ready));
    fixture.end(&hold, Outcome::Spent, sent(1));
    let all: Vec<_> =
        entries(&fixture).iter().map(|entry| (entry.what, entry.key.clone().unwrap_or_default())).collect();
    let expected =
        [(What::Send, "a"), (What::Cancelled, "b"), (What::Stored, "b"), (What::Stored, "a"), (What::Report, "")];
    assert_eq!(all, expected.map(|(what, key)| (what, key.to_owned())));
    let numbers = [Column::Begun, Column::Sent, Column::Other].map(|column| number(&fixture, "t", column));
    assert_eq!((numbers, unknown(&fixture)), ([2, 1, 1], 0));
}

fn a_message_without_a_send_is_told(new: New) {
    let fixture = new();
    for status in [Status::Message, Status::NoQuota, Status::Expired, Status::Skipped, Status::Connect] {
        fixture.run(note_unsent("o", unsent(&fixture, "t", Some("k"), failed(status))));
    }
    let columns = [Column::BadMessage, Column::NoQuota, Column::Expired, Column::Skipped, Column::Other];
    assert_eq!(columns.map(|column| number(&fixture, "t", column)), [1; 5]);
    assert_eq!((number(&fixture, "t", Column::Begun), unknown(&fixture)), (5, 0));
    let what: Vec<What> = entries(&fixture).iter().map(|entry| entry.what).collect();
    assert_eq!(what, [What::Send, What::Skipped, What::Send, What::Send, What::Send]);
}

/// A slice that is left is worked through again, and those whom a rule had kept out are met anew.
fn a_turn_of_a_campaign_that_ends_without_a_send_is_told_once(new: New) {
    let mut fixture = new();
    let of_campaign = |fixture: &Fixture, number| {
        let campaign = Some(CampaignSend { id: format!("c{number}"), number, leave: 0, remember_ms: DAY });
        let unsent = Unsent { campaign, ..unsent(fixture, "t", None, Skip::never(SkipReason::Muted).verdict()) };
        fixture.run(note_unsent("o", unsent));
        let numbers = [Column::Begun, Column::Skipped].map(|column| number_of(fixture, column));
        (numbers, entries(fixture).len())
    };
    fixture.accept(2);
    let before = entries(&fixture).len();
    for _ in 0..3 {
        fixture.pass(SECOND);
        assert_eq!(of_campaign(&fixture, 7), ([1, 1], before + 1));
    }
    assert_eq!(of_campaign(&fixture, 8).0, [2, 2], "another campaign");
    let wish = fixture.wish("t");
    let campaign = Some(CampaignSend { id: "c7".to_owned(), number: 7, leave: 0, remember_ms: DAY });
    let begun = fixture.begin(BeginSend { bound: Bound { campaign, ..Bound::default() }, ..wish });
    let BeginResult::Held(hold) = begun else { panic!("that was no send: {begun:?}") };
    fixture.settle(&hold, Outcome::Returned, failed(Status::Connect));
    let begun = number_of(&fixture, Column::Begun);
    assert_eq!(of_campaign(&fixture, 7).0, [begun + 1, 3], "a try was begun since");
}

fn number_of(fixture: &Fixture, column: Column) -> i64 {
    number(fixture, "t", column)
}

fn what_ends_behind_a_forget_is_only_counted(new: New) {
    let mut fixture = new();
    fixture.accept(1);
    let late = unsent(&fixture, "t", None, failed(Status::Skipped));
    fixture.pass(SECOND);
    let engine = Arc::clone(&fixture.engine);
    let others = engine.names_of(crate::store::home_of("o"), 1000, soon()).unwrap();
    fixture.run(forget("o", others, true));
    let before = entries(&fixture).len();
    fixture.run(note_unsent("o", late));
    assert_eq!((number_of(&fixture, Column::Skipped), entries(&fixture).len()), (1, before));
    assert_eq!((fixture.records(Space::Player), fixture.records(Space::Recent)), (0, 0));
}

/// A message to a player that has just ended without a send.
fn unsent(fixture: &Fixture, template: &str, key: Option<&str>, verdict: Verdict) -> Unsent {
    let (template, key) = (template_id(template), key.map(str::to_owned));
    Unsent { template, key, campaign: None, verdict, ended_ms: fixture.wall() }
}

fn an_entry() -> impl Strategy<Value = Entry> {
    let openid = prop_oneof!["[a-zA-Z0-9_-]{28}", "[!-~]{1,128}"];
    let template =
        prop_oneof![(1..u64::MAX).prop_map(Template::Hash), "[a-zA-Z0-9_-]{1,128}".prop_map(Template::Spelled)];
    let answered = (prop::sample::select(Answered::ALL), prop::sample::select(Effect::ALL));
    let counts = prop::option::of((0..i64::MAX, 0..i64::MAX));
    let texts = (prop::option::of("[ -~]{1,64}"), prop::option::of("[a-z]{1,64}"));
    let codes = (prop::sample::select(Status::ALL), any::<i32>(), any::<i64>(), 1..u64::MAX);
    (prop::sample::select(What::ALL), openid, template, answered, counts, texts, codes).prop_map(
        |(what, openid, template, answered, counts, (key, campaign), (status, errcode, msgid, times))| Entry {
            skipped: (what == What::Skipped).then_some(SkipReason::Budget),
            what,
            openid,
            template: Some(template),
            answered: matches!(what, What::Report | What::Event).then_some(answered),
            status,
            errcode,
            msgid,
            key,
            campaign,
            before: counts.map(|(before, _)| before),
            after: counts.map(|(_, after)| after),
            times,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn an_entry_is_read_as_written(entry in an_entry()) {
        let bytes = entry.encode();
        prop_assert!(Entry::is_of(&bytes, &entry.openid));
        prop_assert!(!Entry::is_of(&bytes, "another"));
        prop_assert_eq!(Entry::decode(&bytes).unwrap(), entry);
    }

    #[test]
    fn any_bytes_are_an_entry_or_none(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _either = Entry::decode(&bytes);
        let mut like_one = bytes;
        if let Some(head) = like_one.first_mut() {
            *head = 0x10 | (*head & 0xF);
        }
        let _either = Entry::decode(&like_one);
    }
}
