//! What really happened, and what each step may do to a record.

use super::*;
use crate::store::{Changes, View};

/// What a player did.
#[derive(Clone, Debug)]
pub struct Act {
    pub player: usize,
    pub template: usize,
    pub refusal: bool,
    /// By WeChat's clock.
    pub at: i64,
    /// The game, or WeChat, handed it over; maybe in vain. A bit for each of the player's lives.
    pub tried: u64,
    /// The game's report was acknowledged, in this life.
    pub reported: Option<u32>,
    /// WeChat's event was acknowledged, in this life.
    pub pushed: Option<u32>,
}

/// A message that was put into the outbox.
#[derive(Clone, Debug)]
pub struct Stored {
    pub player: usize,
    pub template: usize,
    pub key: Option<String>,
    pub resend: bool,
    /// Whether the host's rules bind it.
    pub rules: bool,
    /// Its caller was told that it waits.
    pub acknowledged: bool,
    /// How it ended, as far as anybody was told.
    pub ended: Option<&'static str>,
    /// A step on it was in doubt: it may have ended without anybody being told.
    pub in_doubt: bool,
    /// It went with its player's life.
    pub forgotten: bool,
}

/// What a step may do to the totals of its player; nothing to any other.
#[derive(Clone, Copy, Debug)]
pub enum Effect {
    Nothing,
    /// One more may be granted.
    Grant(usize),
    /// All may be spent.
    Clear(usize),
    /// One may be spent.
    Spend(usize),
    /// So many at most of those granted may be spent.
    ClearTo(usize, u64),
}

/// Granted, spent and what is left.
pub type Totals = [(u64, u64, i64); TEMPLATES];

/// Granted and spent as the record has them.
pub fn read_totals(engine: &dyn Engine, names: &player::PlayerNames, templates: &[TemplateId; TEMPLATES]) -> Totals {
    let (names, templates) = (names.clone(), templates.clone());
    let read = Operation {
        reads: names.and([]),
        proven: false,
        trace: None,
        decide: Box::new(move |view: &View<'_>| {
            let player = player::Player::load(view, &names)?.player;
            let of = |at: usize| {
                let (granted, spent) = player.count(&templates[at]).map_or((0, 0), |c| (c.granted, c.spent));
                (granted, spent, player.remaining(&templates[at]))
            };
            Ok((Changes::default(), std::array::from_fn(of)))
        }),
    };
    engine.ask(read, soon()).unwrap()
}

#[derive(Default)]
pub struct Truth {
    pub acts: Vec<Act>,
    pub stored: Vec<Stored>,
    totals: [Totals; PLAYERS],
    pub lives: [Life; PLAYERS],
    /// Accepts of lives that were forgotten.
    pub granted_before: [u64; TEMPLATES],
    pub told: Told,
    /// Units that successes have spent.
    spent: [[u64; TEMPLATES]; PLAYERS],
    /// Both clocks told the same all the time.
    pub clocks_differed: bool,
}

impl Truth {
    /// A step was taken.
    pub fn check(&mut self, player: usize, effect: Effect, now: Totals, wechat: &Wechat) -> Checked {
        for (t, (granted, spent, left)) in now.into_iter().enumerate() {
            let (granted_before, spent_before, _) = self.totals[player][t];
            let moved =
                || format!("player {player} template {t}: {:?} became {:?} by {effect:?}", self.totals[player], now);
            if granted < granted_before || spent < spent_before || spent > granted || left < 0 {
                return Err(format!("a total fell, or a count is negative: {}", moved()));
            }
            let may_grant = u64::from(matches!(effect, Effect::Grant(at) if at == t));
            let may_spend_to = match effect {
                Effect::Clear(at) if at == t => granted,
                Effect::Spend(at) if at == t => spent_before + 1,
                Effect::ClearTo(at, granted) if at == t => spent_before.max(granted),
                _ => spent_before,
            };
            if granted - granted_before > may_grant || spent > may_spend_to {
                return Err(format!("a step did what it may not: {}", moved()));
            }
            if matches!(effect, Effect::Spend(_)) {
                self.spent[player][t] += spent - spent_before;
                if self.spent[player][t] > wechat.taken[player][t] {
                    return Err(format!("more was spent than WeChat took: {}", moved()));
                }
            }
        }
        self.totals[player] = now;
        self.check_grants(player)
    }

    pub fn totals(&self, player: usize) -> &Totals {
        &self.totals[player]
    }

    /// A player is forgotten.
    pub fn end_life(&mut self, player: usize, now: i64) {
        let Life { number, .. } = self.lives[player];
        self.lives[player] = Life { number: number + 1, since: now, muted_until: Some(0) };
        for (before, (granted, ..)) in self.granted_before.iter_mut().zip(self.totals[player]) {
            *before += granted;
        }
        (self.totals[player], self.spent[player]) = Default::default();
        let is_there = |stored: &&mut Stored| stored.player == player && (stored.acknowledged || stored.in_doubt);
        self.stored.iter_mut().filter(is_there).for_each(|stored| stored.forgotten = true);
    }

    /// Each act that was acknowledged counts, and none twice.
    fn check_grants(&self, player: usize) -> Checked {
        let life = self.lives[player].number;
        for (t, (granted, _, _)) in self.totals[player].iter().enumerate() {
            let of = |which: &dyn Fn(&&Act) -> bool| {
                let its = self.acts.iter().filter(|act| act.player == player && act.template == t && !act.refusal);
                its.filter(which).count() as u64
            };
            let reported = of(&|act| act.reported == Some(life));
            let pushed = of(&|act| act.pushed == Some(life));
            // A report and an event that are of two acts may look like one.
            if *granted < reported.max(pushed) {
                return Err(format!("player {player} template {t}: {granted} of {reported} reports, {pushed} events"));
            }
            let tried = of(&|act| act.tried & (1 << life) != 0);
            if *granted > tried && !self.clocks_differed {
                return Err(format!("player {player} template {t}: {granted} for {tried} acts"));
            }
        }
        Ok(())
    }

    /// A message ended, and its host is told.
    pub fn end(&mut self, number: usize, how: &'static str) -> Checked {
        let stored = &mut self.stored[number];
        if stored.forgotten {
            return Err(format!("message {number} ended, {how}, and its player was forgotten; {stored:?}"));
        }
        if let Some(before) = stored.ended {
            return Err(format!("message {number} ended twice: {before}, then {how}; {stored:?}"));
        }
        stored.ended = Some(how);
        Ok(())
    }

    /// Nothing that was acknowledged is lost.
    pub fn check_end(&self) -> Checked {
        for (number, stored) in self.stored.iter().enumerate() {
            if stored.acknowledged && stored.ended.is_none() && !stored.in_doubt && !stored.forgotten {
                return Err(format!("message {number} was promised and is lost: {stored:?}"));
            }
        }
        Ok(())
    }
}
