//! What a player is asked for: what is worth it, and nothing that he refused a while ago.

use super::*;
use crate::ledger::player::PlayerNames;

under_set_clocks! {
    who_refused_is_left_alone_for_a_while;
    the_main_switch_is_a_refusal_of_all;
    a_ban_counts_for_the_player_who_reported_it;
    an_accept_that_came_later_is_the_last_word;
    a_refusal_that_left_the_newest_accept_is_none;
    refusals_leave_room_for_grants;
    a_clock_that_was_set_back_leaves_nobody_alone_for_ever;
}

for_each_engine! {
    the_plan_has_what_is_short_in_order_of_worth;
    messages_that_wait_come_first;
}

const AGAIN: i64 = 72 * HOUR;

fn wishes(ids: &[&str]) -> Vec<Wish> {
    ids.iter().map(|id| Wish { template: template_id(id), keep: 3, long_term: false, banned: false }).collect()
}

fn wish_of(ids: &[&str]) -> Ask {
    Ask { openid: "o".to_owned(), wishes: wishes(ids), most: 3, again_ms: AGAIN, waiting: Vec::new() }
}

impl Fixture {
    fn plan(&self, mut wish: Ask) -> Plan {
        let home = crate::store::home_of(&wish.openid);
        let page = self.engine.scan_of(Space::Message, home, None, 100, soon()).unwrap();
        wish.waiting = page.records.into_iter().map(|record| (record.name, record.value)).collect();
        self.ask(ask(wish))
    }

    fn standing(&self, id: &str) -> AskWhy {
        self.plan(wish_of(&[id])).standings[0].1
    }

    fn act(&self, id: &str, change: Change) {
        let item = Item { player_action: true, ..self.report_of(id, change, None).items.remove(0) };
        self.run(report(Report { items: vec![item], ..self.report_of(id, change, None) }));
    }

    fn acted_event(&mut self, id: &str, change: Change, created_ms: i64) {
        self.last_holder += 1;
        let item = Item { template: template_id(id), change, long_term: false, player_action: true };
        self.event(created_ms, vec![(format!("event {}", self.last_holder), EventPart::Answer(item))]).unwrap();
    }
}

fn the_plan_has_what_is_short_in_order_of_worth(new: New) {
    let fixture = new();
    assert_eq!(fixture.plan(wish_of(&["a", "b", "c", "d"])).ask, [0, 1, 2], "a new player, three at most");
    for (id, times) in [("a", 3), ("b", 2), ("d", 1), ("e", 5)] {
        (0..times).for_each(|_| drop(fixture.report(id, Change::Grant, None)));
    }
    fixture.report("f", Change::Clear, None);
    let mut wish = wish_of(&["a", "b", "c", "d", "e", "f", "g", "h"]);
    wish.wishes[6].banned = true;
    wish.wishes[3].keep = 0;
    let plan = fixture.plan(wish.clone());
    let (counts, standings): (Vec<i64>, Vec<AskWhy>) = plan.standings.into_iter().unzip();
    assert_eq!(counts, [3, 2, 0, 1, 5, 0, 0, 0]);
    use AskWhy::{Ask as Worth, Banned, Refused, Stocked};
    assert_eq!(standings, [Stocked, Worth, Worth, Stocked, Stocked, Refused, Banned, Worth]);
    assert_eq!(plan.ask, [1, 2, 7]);
    assert_eq!(fixture.plan(Ask { most: 1, ..wish.clone() }).ask, [1]);
    assert_eq!(fixture.plan(Ask { wishes: wishes(&["a", "e"]), ..wish.clone() }).ask, [0_usize; 0]);
    // What is on or off is asked for once.
    let mut once = wish_of(&["d", "h"]);
    once.wishes.iter_mut().for_each(|wish| wish.long_term = true);
    let plan = fixture.plan(once);
    assert_eq!((plan.ask, plan.standings), (vec![1], vec![(1, Stocked), (0, Worth)]));
}

fn messages_that_wait_come_first(new: New) {
    let mut fixture = new();
    (0..2).for_each(|_| drop(fixture.report("c", Change::Grant, None)));
    for (key, id) in [("1", "c"), ("2", "b"), ("3", "stocked")] {
        let message = NewMessage { template: template_id(id), ..fixture.message(Some(key), HOUR) };
        assert!(matches!(fixture.put(message), EnqueueResult::Stored));
    }
    let message = NewMessage { openid: "p".to_owned(), template: template_id("a"), ..fixture.message(None, HOUR) };
    assert!(matches!(fixture.put(message), EnqueueResult::Stored), "another player's");
    (0..3).for_each(|_| drop(fixture.report("stocked", Change::Grant, None)));
    let wish = || wish_of(&["a", "stocked", "b", "d", "c"]);
    assert_eq!(fixture.plan(wish()).ask, [2, 4, 0], "by worth among those that wait, then the others");
    fixture.cancel("2");
    assert_eq!(fixture.plan(wish()).ask, [4, 0, 2]);
    assert_eq!(fixture.plan(Ask { openid: "q".to_owned(), ..wish() }).ask, [0, 1, 2]);
}

fn who_refused_is_left_alone_for_a_while(new: New) {
    let mut fixture = new();
    for change in [Change::Clear, Change::Ban] {
        fixture.act("t", change);
        let denied = if change == Change::Ban { AskWhy::Banned } else { AskWhy::Refused };
        assert_eq!((fixture.standing("t"), fixture.standing("other")), (denied, AskWhy::Ask));
        fixture.pass(AGAIN - SECOND);
        assert_eq!(fixture.standing("t"), denied);
        fixture.pass(2 * SECOND);
        assert_eq!(fixture.standing("t"), AskWhy::Ask);
    }
    assert_eq!(fixture.plan(Ask { again_ms: 0, ..wish_of(&["t"]) }).ask, [0], "never again is not meant by 0");
    // WeChat's 43101 comes where a count was used up, too: it is no refusal of the player's.
    fixture.accept(1);
    let hold = fixture.held();
    fixture.settle(&hold, Outcome::Cleared, refused());
    assert_eq!((fixture.left(), fixture.standing("t")), (0, AskWhy::Ask));
}

fn the_main_switch_is_a_refusal_of_all(new: New) {
    for known in [0, 2] {
        let mut fixture = new();
        fixture.accept(known);
        fixture.report("", Change::ClearAll, None);
        for id in ["t", "never seen"] {
            assert_eq!(fixture.standing(id), AskWhy::Refused, "{id}");
        }
        fixture.pass(HOUR);
        // A kept choice says nothing of the main switch.
        fixture.report("SYS_MSG_TYPE_RANK", Change::SetOn, None);
        assert_eq!(fixture.standing("t"), AskWhy::Refused);
        fixture.act("t", Change::Grant);
        assert_eq!((fixture.standing("t"), fixture.standing("never seen")), (AskWhy::Ask, AskWhy::Ask));
        assert_eq!(fixture.left(), 1);
    }
    let mut fixture = new();
    fixture.report("", Change::ClearAll, None);
    fixture.pass(AGAIN + SECOND);
    assert_eq!(fixture.standing("t"), AskWhy::Ask);
}

fn a_ban_counts_for_the_player_who_reported_it(new: New) {
    let fixture = new();
    fixture.accept(1);
    fixture.act("t", Change::Ban);
    assert_eq!((fixture.left(), fixture.standing("t")), (1, AskWhy::Banned), "it takes nothing");
    assert_eq!(fixture.plan(Ask { openid: "p".to_owned(), ..wish_of(&["t"]) }).ask, [0]);
}

fn an_accept_that_came_later_is_the_last_word(new: New) {
    let mut fixture = new();
    fixture.act("t", Change::Clear);
    fixture.pass(HOUR);
    fixture.act("t", Change::Grant);
    assert_eq!(fixture.standing("t"), AskWhy::Ask);
    // WeChat pushes late: the refusal is older than the accept.
    fixture.acted_event("t", Change::Clear, fixture.wall() - 2 * HOUR);
    assert_eq!((fixture.left(), fixture.standing("t")), (1, AskWhy::Ask));
    // The accept is older than the refusal.
    fixture.act("u", Change::Clear);
    fixture.acted_event("u", Change::Grant, fixture.wall() - HOUR);
    assert_eq!((fixture.left_of("u"), fixture.standing("u")), (1, AskWhy::Refused));
}

fn a_refusal_that_left_the_newest_accept_is_none(new: New) {
    let mut fixture = new();
    fixture.act("t", Change::Grant);
    fixture.acted_event("t", Change::Clear, fixture.wall() + SECOND);
    assert_eq!((fixture.left(), fixture.standing("t")), (1, AskWhy::Ask));
}

fn refusals_leave_room_for_grants(new: New) {
    let mut fixture = new();
    for n in 0..70 {
        fixture.act(&format!("refused{n}"), Change::Clear);
        fixture.pass(SECOND);
    }
    let known = (0..70).filter(|n| fixture.standing(&format!("refused{n}")) == AskWhy::Refused);
    assert_eq!(known.collect::<Vec<_>>(), (6..70).collect::<Vec<_>>(), "the oldest leave first");
    (0..64).for_each(|n| drop(fixture.report(&format!("granted{n}"), Change::Grant, None)));
    assert_eq!((fixture.left_of("granted0"), fixture.left_of("granted63")), (1, 1));
    // Without room a refusal is applied and not remembered.
    assert!(matches!(fixture.report("refused99", Change::Clear, None), Applied::Now { .. }));
    assert_eq!(fixture.standing("refused99"), AskWhy::Ask);
}

fn a_clock_that_was_set_back_leaves_nobody_alone_for_ever(new: New) {
    let mut fixture = new();
    fixture.acted_event("t", Change::Clear, fixture.wall() + 30 * DAY);
    fixture.pass(SECOND);
    assert_eq!(fixture.standing("t"), AskWhy::Ask);
}

/// An older library reads what has no refusal in it, and refuses the rest by name; this one reads both.
#[test]
fn only_a_record_with_a_refusal_is_of_the_second_version() {
    let fixture = Fixture::machine();
    let lasting = PlayerNames::new("o").lasting;
    let record = || fixture.kept().records().into_iter().find(|(name, _)| *name == lasting).unwrap().1;
    fixture.act("t", Change::Grant);
    assert_eq!(record()[0], 1);
    fixture.act("t", Change::Clear);
    let refused = record();
    assert_eq!(refused[0], 2);
    fixture.act("t", Change::Grant);
    assert_eq!(record()[0], 1, "the accept ends it");
    for change in [Change::Ban, Change::ClearAll] {
        fixture.act("t", change);
        assert_eq!(record()[0], 2, "{change:?}");
        fixture.act("t", Change::Grant);
        assert_eq!(record()[0], 1, "{change:?}");
    }
    // A third one is not this library's.
    let mut to = crate::ledger::codec::Encoder::default();
    to.raw(&refused[5..]);
    fixture.kept().replace(&lasting, Some(to.finish_as(3, &lasting)));
    let why = fixture.engine.ask(ask(wish_of(&["t"])), soon()).unwrap_err();
    assert!(why.status == Status::Store && why.message.contains("format 3"), "{why}");
    assert!(why.message.contains("knows up to 2"), "{why}");
}
