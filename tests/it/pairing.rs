//! One act counts once: a player's answer comes from the game and as WeChat's event, in either order, or one way only.

use std::time::Duration;

use crate::common::pushes::{change, event, now_s, plain, popup, push};
use crate::common::{TEMPLATE, TestEnv, left};
use serde_json::json;
use wxsub::{Answer, Client, QuotaChange, Status, Verdict};
use wxsub_simulator::push::{EventItem, EventKind};

/// A player whose acts come both ways.
struct Player<'a> {
    env: &'a TestEnv,
    client: &'a Client,
    openid: String,
}

impl<'a> Player<'a> {
    fn new(env: &'a TestEnv, client: &'a Client, openid: &str) -> Player<'a> {
        Player { env, client, openid: openid.to_owned() }
    }

    fn report(&self, answer: Answer, key: Option<&str>) -> Verdict {
        let verdict = self.client.report(&self.openid, Some(TEMPLATE), answer, key);
        assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
        verdict
    }

    /// WeChat's event of a dialog that was answered at this time.
    fn event(&self, answer: Answer, create_time: i64) -> Verdict {
        push(&self.env.wechat, self.client, &popup(&self.openid, TEMPLATE, word(answer), create_time))
    }

    fn left(&self) -> i64 {
        left(self.client, &self.openid)
    }
}

fn word(answer: Answer) -> &'static str {
    if answer == Answer::Accept { "accept" } else { "reject" }
}

#[track_caller]
fn assert_counted(verdict: &Verdict, quota: QuotaChange, remaining: i64) {
    assert_eq!((verdict.quota, verdict.remaining), (quota, remaining), "{}", verdict.message);
}

/// The second of a pair.
#[track_caller]
fn assert_paired(verdict: &Verdict, remaining: i64) {
    assert_counted(verdict, QuotaChange::Untouched, remaining);
    assert!(verdict.message.contains("the same act was counted before"), "{}", verdict.message);
}

#[test]
fn an_accept_counts_once_in_either_order() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let first = Player::new(&env, &client, "reported-first");
    assert_counted(&first.report(Answer::Accept, None), QuotaChange::Granted, 1);
    let now = now_s();
    assert_paired(&first.event(Answer::Accept, now), 1);
    assert_counted(&first.event(Answer::Accept, now - 1), QuotaChange::Granted, 2);

    let second = Player::new(&env, &client, "pushed-first");
    assert_counted(&second.event(Answer::Accept, now_s()), QuotaChange::Granted, 1);
    assert_paired(&second.report(Answer::Accept, None), 1);
    assert_counted(&second.report(Answer::Accept, None), QuotaChange::Granted, 2);
}

#[test]
fn a_refusal_counts_once_in_either_order() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let first = Player::new(&env, &client, "reported-first");
    first.event(Answer::Accept, now_s() - 500);
    assert_counted(&first.report(Answer::Reject, None), QuotaChange::Cleared, 0);
    // What was granted since then stays, however long before the event it was.
    first.event(Answer::Accept, now_s() - 400);
    assert_paired(&first.event(Answer::Reject, now_s()), 1);

    let second = Player::new(&env, &client, "pushed-first");
    second.event(Answer::Accept, now_s() - 500);
    assert_counted(&second.event(Answer::Reject, now_s()), QuotaChange::Cleared, 0);
    second.event(Answer::Accept, now_s() - 400);
    assert_paired(&second.report(Answer::Reject, None), 1);
    assert_counted(&second.report(Answer::Reject, None), QuotaChange::Cleared, 0);
}

/// An accept is no partner of a refusal, nor is one of another template or player.
#[test]
fn only_the_same_act_is_a_partner() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let player = Player::new(&env, &client, "o1");
    player.report(Answer::Accept, None);
    assert_counted(&player.event(Answer::Reject, now_s() + 70), QuotaChange::Cleared, 0);
    let other = push(&env.wechat, &client, &popup("o1", "other", "accept", now_s()));
    assert_counted(&other, QuotaChange::Granted, 1);
    let stranger = push(&env.wechat, &client, &popup("o2", TEMPLATE, "accept", now_s()));
    assert_counted(&stranger, QuotaChange::Granted, 1);
    assert_paired(&player.event(Answer::Accept, now_s()), 0);
}

#[test]
fn whichever_side_is_lost_the_other_counts() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let reported = Player::new(&env, &client, "events-lost");
    let pushed = Player::new(&env, &client, "reports-lost");
    for i in 0..3 {
        assert_counted(&reported.report(Answer::Accept, None), QuotaChange::Granted, 1 + i);
        assert_counted(&pushed.event(Answer::Accept, now_s() - 300 + i), QuotaChange::Granted, 1 + i);
    }
    assert_counted(&reported.report(Answer::Reject, None), QuotaChange::Cleared, 0);
    assert_counted(&pushed.event(Answer::Reject, now_s()), QuotaChange::Cleared, 0);
    assert_counted(&reported.report(Answer::Accept, None), QuotaChange::Granted, 1);
    assert_counted(&pushed.event(Answer::Accept, now_s() + 1), QuotaChange::Granted, 1);
}

/// A report that arrived up to 30 s before the event's time, and up to ten minutes after it, is of the same act.
#[test]
fn reports_and_events_pair_within_their_window() {
    let env = TestEnv::new();
    let client = env.client(plain());
    // The event's time after the report's arrival, away from the limits by what a slow machine may take.
    for (after_s, pairs) in
        [(29, true), (0, true), (-300, true), (-590, true), (-602, false), (-3600, false), (40, false)]
    {
        for answer in [Answer::Accept, Answer::Reject] {
            let what = format!("{after_s}-{}", word(answer));
            let first = Player::new(&env, &client, &format!("reported-{what}"));
            let before_s = now_s();
            first.report(answer, None);
            let second = first.event(answer, before_s + after_s);
            assert_eq!(second.quota == QuotaChange::Untouched, pairs, "reported, then pushed: {what}");

            let first = Player::new(&env, &client, &format!("pushed-{what}"));
            first.event(answer, now_s() + after_s);
            let second = first.report(answer, None);
            assert_eq!(second.quota == QuotaChange::Untouched, pairs, "pushed, then reported: {what}");
        }
    }
}

/// The first event fits both reports and takes the older one, so that the second, which fits the newer one only, finds it.
#[test]
fn the_oldest_fitting_mark_is_used_up_first() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let player = Player::new(&env, &client, "o1");
    player.report(Answer::Accept, None);
    let between_s = now_s();
    std::thread::sleep(Duration::from_millis(1100));
    let newer_s = now_s();
    player.report(Answer::Accept, None);
    assert_paired(&player.event(Answer::Accept, between_s), 2);
    assert_paired(&player.event(Answer::Accept, newer_s + 30), 2);
    assert_counted(&player.event(Answer::Accept, between_s + 1), QuotaChange::Granted, 3);

    // The other way: the older event goes first, the newer one is still there for the next report.
    let player = Player::new(&env, &client, "o2");
    let old_s = now_s() - 598;
    player.event(Answer::Accept, old_s);
    player.event(Answer::Accept, now_s());
    let in_time = now_s() < old_s + 600;
    let first = player.report(Answer::Accept, None);
    if in_time && now_s() < old_s + 600 {
        assert_paired(&first, 2);
        std::thread::sleep(Duration::from_millis(3100));
        assert_paired(&player.report(Answer::Accept, None), 2);
    }
}

#[test]
fn several_acts_pair_one_by_one() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let player = Player::new(&env, &client, "o1");
    let now = now_s();
    for i in 1..=5 {
        assert_counted(&player.report(Answer::Accept, None), QuotaChange::Granted, i);
    }
    for i in 0..5 {
        assert_paired(&player.event(Answer::Accept, now - i), 5);
    }
    for i in 6..=8 {
        assert_counted(&player.event(Answer::Accept, now - i), QuotaChange::Granted, i);
    }
    for _ in 0..3 {
        assert_paired(&player.report(Answer::Accept, None), 8);
    }
}

#[test]
fn an_object_and_an_event_of_several_templates_pair_each_by_itself() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let items = |words: [&str; 3]| -> Vec<EventItem> {
        ["a", "b", "c"].iter().zip(words).map(|(template, word)| EventItem::answer(template, word)).collect()
    };
    let json = r#"{"errMsg":"requestSubscribeMessage:ok","a":"accept","b":"reject","c":"accept"}"#;
    let counts = |openid: &str| ["a", "b", "c"].map(|template| client.quota(openid, template).remaining);

    client.report("o1", Some("b"), Answer::Accept, None);
    client.report_json("o1", json, None).unwrap();
    assert_eq!(counts("o1"), [1, 0, 1]);
    let same = event(EventKind::Popup, "o1", items(["accept", "reject", "accept"]), now_s());
    push(&env.wechat, &client, &same);
    assert_eq!(counts("o1"), [1, 0, 1]);

    // One template's answer was lost on the way from the game.
    let event_first = event(EventKind::Popup, "o2", items(["accept", "accept", "accept"]), now_s());
    push(&env.wechat, &client, &event_first);
    let told = client.report_json("o2", r#"{"a":"accept","c":"acceptWithAudio"}"#, None).unwrap();
    assert_eq!(counts("o2"), [1, 1, 1]);
    for verdict in &told {
        assert_paired(verdict, 1);
    }
}

#[test]
fn a_report_with_a_key_pairs_once_and_is_replayed() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let first = Player::new(&env, &client, "reported-first");
    assert_counted(&first.report(Answer::Accept, Some("k")), QuotaChange::Granted, 1);
    let now = now_s();
    assert_paired(&first.event(Answer::Accept, now), 1);
    let again = first.report(Answer::Accept, Some("k"));
    assert_eq!((again.quota, again.flags), (QuotaChange::Granted, Verdict::REPLAYED));
    // The repeated call left no mark: another act's event counts.
    assert_counted(&first.event(Answer::Accept, now - 5), QuotaChange::Granted, 2);

    let second = Player::new(&env, &client, "pushed-first");
    second.event(Answer::Accept, now);
    second.event(Answer::Accept, now - 5);
    let paired = second.report(Answer::Accept, Some("k"));
    assert_paired(&paired, 2);
    let again = second.report(Answer::Accept, Some("k"));
    assert_eq!((again.quota, again.remaining, again.flags), (QuotaChange::Untouched, 2, Verdict::REPLAYED));
    // The repeated call used up no second mark.
    assert_paired(&second.report(Answer::Accept, None), 2);
    assert_counted(&second.report(Answer::Accept, None), QuotaChange::Granted, 3);
}

#[test]
fn a_repeated_event_leaves_no_second_mark() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let player = Player::new(&env, &client, "o1");
    let now = now_s();
    assert_counted(&player.event(Answer::Accept, now), QuotaChange::Granted, 1);
    for _ in 0..2 {
        assert_eq!(player.event(Answer::Accept, now).flags, Verdict::REPLAYED);
    }
    assert_paired(&player.report(Answer::Accept, None), 1);
    assert_counted(&player.report(Answer::Accept, None), QuotaChange::Granted, 2);
    // Nor does the repeated second of a pair use up another's mark.
    assert_paired(&player.event(Answer::Accept, now - 1), 2);
    assert_counted(&player.report(Answer::Accept, None), QuotaChange::Granted, 3);
    assert_eq!(player.event(Answer::Accept, now - 1).flags, Verdict::REPLAYED);
    assert_paired(&player.event(Answer::Accept, now - 2), 3);
}

#[test]
fn marks_outlive_the_client_and_are_shared() {
    let env = TestEnv::new();
    let (client, other) = (env.client(plain()), env.client(plain()));
    Player::new(&env, &client, "o1").report(Answer::Accept, None);
    Player::new(&env, &client, "o2").event(Answer::Accept, now_s());
    Player::new(&env, &client, "o3").event(Answer::Accept, now_s() - 300);
    Player::new(&env, &client, "o3").report(Answer::Reject, Some("k"));
    assert_paired(&Player::new(&env, &other, "o1").event(Answer::Accept, now_s()), 1);
    assert_paired(&Player::new(&env, &other, "o2").report(Answer::Accept, None), 1);
    for openid in ["o1", "o2"] {
        Player::new(&env, &other, openid).report(Answer::Accept, None);
    }
    drop((client, other));
    let reopened = env.client(plain());
    for openid in ["o1", "o2"] {
        assert_paired(&Player::new(&env, &reopened, openid).event(Answer::Accept, now_s() + 1), 2);
    }
    let o3 = Player::new(&env, &reopened, "o3");
    // Only the refusal and the older accept were there: this accept is of another act.
    assert_counted(&o3.event(Answer::Accept, now_s() - 200), QuotaChange::Granted, 1);
    assert_paired(&o3.event(Answer::Reject, now_s()), 1);
}

/// `wx.getSetting` tells a state, which may be as old as it likes: it is the partner of no event. A change in the settings
/// is told by no dialog: it is the partner of no report.
#[test]
fn states_and_settings_do_not_pair() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let player = Player::new(&env, &client, "o1");
    let settings = |word: &str| {
        let json = json!({"subscriptionsSetting": {"mainSwitch": true, "itemSettings": {TEMPLATE: word}}}).to_string();
        client.report_json("o1", &json, None).unwrap().remove(0)
    };
    assert_counted(&settings("accept"), QuotaChange::Untouched, 0);
    assert_counted(&player.event(Answer::Accept, now_s() - 500), QuotaChange::Granted, 1);
    assert_counted(&settings("reject"), QuotaChange::Cleared, 0);
    assert_counted(&player.event(Answer::Accept, now_s() - 400), QuotaChange::Granted, 1);
    assert_counted(&player.event(Answer::Reject, now_s()), QuotaChange::Cleared, 0);
    // Nor does a state use up the mark of an event.
    assert_counted(&settings("accept"), QuotaChange::Untouched, 0);
    assert_paired(&player.report(Answer::Accept, None), 0);

    let player = Player::new(&env, &client, "o2");
    let off = |create_time| push(&env.wechat, &client, &change("o2", TEMPLATE, "reject", create_time));
    player.event(Answer::Accept, now_s() - 500);
    assert_counted(&player.report(Answer::Reject, None), QuotaChange::Cleared, 0);
    player.event(Answer::Accept, now_s() - 400);
    assert_counted(&off(now_s()), QuotaChange::Cleared, 0);
    player.event(Answer::Accept, now_s() - 300);
    assert_paired(&player.event(Answer::Reject, now_s()), 1);
}

#[test]
fn bans_filters_and_the_main_switch_do_not_pair() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let player = Player::new(&env, &client, "o1");
    for answer in [Answer::Ban, Answer::Filter] {
        assert_counted(&player.report(answer, None), QuotaChange::Untouched, 0);
    }
    assert_counted(&player.event(Answer::Accept, now_s() - 500), QuotaChange::Granted, 1);
    let all = client.report("o1", None, Answer::Reject, None);
    assert_counted(&all, QuotaChange::Cleared, 0);
    player.event(Answer::Accept, now_s() - 400);
    assert_counted(&player.event(Answer::Reject, now_s()), QuotaChange::Cleared, 0);
}

/// All ways to merge two lists without changing the order within either, as "the next is the left one's".
fn merges(left: usize, right: usize) -> Vec<Vec<bool>> {
    if left == 0 || right == 0 {
        return vec![vec![left > 0; left + right]];
    }
    let with = |first: bool, rest: Vec<Vec<bool>>| {
        rest.into_iter().map(move |rest| [vec![first], rest].concat()).collect::<Vec<_>>()
    };
    [with(true, merges(left - 1, right)), with(false, merges(left, right - 1))].concat()
}

/// What the player allows after these acts.
fn truth(acts: &[Answer]) -> i64 {
    acts.iter().fold(0, |count, act| if *act == Answer::Accept { count + 1 } else { 0 })
}

/// Up to three acts, their reports and their events each in order, merged in every way, close together and minutes apart:
/// no grant is ever lost, no accept counts twice, and refusals told by the game first take away what came before them.
#[test]
fn every_order_of_both_sides() {
    let env = TestEnv::new();
    let mut config = plain();
    config["durability"] = json!("normal");
    let client = env.client(config);
    let mut played = 0;
    for length in 1..=3 {
        for acts in 0..1 << length {
            let acts: Vec<Answer> =
                (0..length).map(|i| if acts >> i & 1 == 0 { Answer::Accept } else { Answer::Reject }).collect();
            let accepts = acts.iter().filter(|a| **a == Answer::Accept).count() as i64;
            for merge in merges(length, length) {
                for apart_s in [1, 100] {
                    played += 1;
                    let player = Player::new(&env, &client, &format!("o{played}"));
                    let started_s = now_s() - length as i64 * apart_s;
                    let (mut reported, mut pushed) = (0, 0);
                    let mut game_told_refusals_first = true;
                    for by_game in &merge {
                        if *by_game {
                            player.report(acts[reported], None);
                            reported += 1;
                        } else {
                            player.event(acts[pushed], started_s + pushed as i64 * apart_s);
                            pushed += 1;
                            game_told_refusals_first &= acts[pushed - 1] == Answer::Accept || reported >= pushed;
                        }
                    }
                    let (left, true_count) = (player.left(), truth(&acts));
                    let what = format!("{acts:?} {apart_s} s apart, reports at {merge:?}: {left} left");
                    assert!((true_count..=accepts).contains(&left), "{what}, in truth {true_count}");
                    if game_told_refusals_first {
                        assert_eq!(left, true_count, "{what}");
                    }
                }
            }
        }
    }
    assert_eq!(played, 2 * (2 * 2 + 4 * 6 + 8 * 20));
}

/// Three accepts; all reports come and some events, or all events and some reports, in every order: three.
#[test]
fn accepts_count_whichever_halves_are_lost() {
    let env = TestEnv::new();
    let mut config = plain();
    config["durability"] = json!("normal");
    let client = env.client(config);
    let mut player = 0;
    for lost in 0..8_usize {
        let kept: Vec<i64> = (0..3).filter(|i| lost >> i & 1 == 0).collect();
        for merge in merges(3, kept.len()) {
            for whole_side_is_the_game in [true, false] {
                player += 1;
                let openid = format!("o{player}");
                let player = Player::new(&env, &client, &openid);
                let now = now_s();
                let (mut whole, mut partial) = (0..3, kept.iter().copied());
                for of_whole in &merge {
                    let act = if *of_whole { whole.next() } else { partial.next() }.unwrap();
                    if *of_whole == whole_side_is_the_game {
                        player.report(Answer::Accept, None);
                    } else {
                        player.event(Answer::Accept, now - 10 + act);
                    }
                }
                assert_eq!(player.left(), 3, "kept {kept:?}, {merge:?}, {whole_side_is_the_game}");
            }
        }
    }
}

/// A report and its event at the same moment, by two clients of one store.
#[test]
fn both_sides_at_once_count_once() {
    let env = TestEnv::new();
    let clients = [env.client(plain()), env.client(plain())];
    for round in 0..20 {
        let openid = format!("o{round}");
        std::thread::scope(|scope| {
            scope.spawn(|| Player::new(&env, &clients[round % 2], &openid).report(Answer::Accept, Some("k")));
            scope.spawn(|| Player::new(&env, &clients[1], &openid).event(Answer::Accept, now_s()));
        });
        assert_eq!(left(&clients[0], &openid), 1, "round {round}");
    }
}
