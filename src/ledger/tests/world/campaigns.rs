//! Campaigns as processes work on them: slices in hand, turns of players, and what is told of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::*;
use crate::ledger::campaign::{
    Added, Beat, Beaten, Campaign, Definition, Part, Put, REMEMBER_MS, Slice, State, Take, Tally, Turn, Wish, number_of,
};
use crate::store::Scanned;

/// Campaigns of one history at most.
const MOST: usize = 4;
/// A slice is its process's own for so long after a beat.
const SLICE_LEASE: i64 = 10 * SECOND;
/// Players of a slice that is scanned.
const PAGE: usize = 2;
/// Tries of one message.
const TRIES: u32 = 3;

/// A campaign as it really is.
pub struct Drive {
    pub id: String,
    pub number: u64,
    template: usize,
    is_list: bool,
    pub leave: u64,
    rules: bool,
    life_ms: i64,
    /// Who is on its list, as often as he is.
    listed: Vec<usize>,
    /// The list is what was added.
    pub is_certain: bool,
    /// Parts of the list whose adding was acknowledged.
    parts_added: BTreeSet<u64>,
    /// When it ends, once that is known.
    expires_ms: Option<i64>,
    /// It was stopped, and nobody wanted it to go on since.
    is_stopped: bool,
    /// Slices that were given out.
    given: BTreeSet<u64>,
    /// Who works on a slice, and until when nobody else may.
    owners: BTreeMap<u64, (i64, i64)>,
}

/// A slice in the hands of a process.
#[derive(Clone, Debug)]
pub struct Hand {
    /// Unlike any other.
    id: i64,
    campaign: usize,
    slice: u64,
    todo: VecDeque<(usize, u32)>,
    running: usize,
    tally: Tally,
}

impl Hand {
    fn is_done(&self) -> bool {
        self.todo.is_empty() && self.running == 0
    }
}

/// Whose turn a send is.
#[derive(Clone, Debug)]
pub struct TurnOf {
    pub campaign: usize,
    hand: i64,
    tries: u32,
}

impl Drive {
    pub fn of_send(&self, wall_ms: i64) -> CampaignSend {
        let remember_ms = self.expires_ms.unwrap_or(wall_ms + self.life_ms) - wall_ms + REMEMBER_MS;
        CampaignSend { id: self.id.clone(), number: self.number, leave: self.leave, remember_ms }
    }
}

impl World {
    /// Somebody puts a campaign there.
    pub fn ask_for_campaign(&mut self, p: usize) {
        let process = &self.processes[p];
        if self.campaigns.len() == MOST || !process.is_up || process.tasks.len() == TASKS {
            return;
        }
        let (n, template, is_list) = (self.campaigns.len(), self.rng.index(TEMPLATES), self.rng.one_in(2));
        let id = format!("c{n}");
        let listed =
            if is_list { (0..self.rng.index(7) + 1).map(|_| self.rng.index(PLAYERS)).collect() } else { Vec::new() };
        self.campaigns.push(Drive {
            number: number_of(&id),
            id,
            template,
            is_list,
            leave: self.rng.below(3),
            rules: self.rng.one_in(2),
            life_ms: if self.rng.one_in(4) { self.rng.ms(SECOND, 60 * SECOND) } else { HOUR },
            listed,
            is_certain: true,
            parts_added: BTreeSet::new(),
            expires_ms: None,
            is_stopped: false,
            given: BTreeSet::new(),
            owners: BTreeMap::new(),
        });
        self.add(p, Task::Put { campaign: n, added: None });
    }

    /// Puts it, adds the parts of its list one after the other, and starts it; each again until it is done.
    pub fn put_campaign(&mut self, p: usize, campaign: usize, added: Option<u64>) -> Checked<Next> {
        let again = |added| Ok(Next::Again(Task::Put { campaign, added }));
        let drive = &self.campaigns[campaign];
        let (id, parts) = (drive.id.clone(), drive.listed.chunks(2).count() as u64);
        let Some(part) = added else {
            let definition = Definition {
                given: format!("campaign {campaign}"),
                template_id: self.templates[drive.template].id().to_owned(),
                is_list: drive.is_list,
                expires_ms: Some(self.wall() + drive.life_ms),
                leave: drive.leave,
                rules: drive.rules,
                ..Definition::default()
            };
            return match self.step(p, NOBODY, Effect::Nothing, campaign::put(id, definition, false))? {
                Ok(Put::There(..)) => again(Some(0)),
                Ok(other) => Err(format!("campaign {campaign} was put: {other:?}")),
                Err(_) => again(None),
            };
        };
        if part < parts {
            let players: Vec<usize> = drive.listed.chunks(2).nth(part as usize).unwrap_or_default().to_vec();
            let named = players.iter().map(|player| (self.openids[*player].clone(), None)).collect();
            let add = campaign::add(id, vec![Part { players: named }], Some(part));
            let before = self.campaigns[campaign].parts_added.contains(&part);
            return match self.step(p, NOBODY, Effect::Nothing, add)? {
                Ok(Some((Added::Now(n) | Added::Before(n), found, _))) => {
                    let drive = &mut self.campaigns[campaign];
                    drive.parts_added.insert(part);
                    let most: usize = drive.listed.chunks(2).take(part as usize + 1).map(<[usize]>::len).sum();
                    if n != players.len() as u64 || found.run.listed != most as u64 || before {
                        return Err(format!("part {part} of campaign {campaign} was added: {n}, {:?}", found.run));
                    }
                    again(Some(part + 1))
                }
                Ok(Some((Added::TooLate, ..))) => {
                    self.campaigns[campaign].is_certain = false;
                    Ok(Next::Over)
                }
                Ok(other) => Err(format!("part {part} of campaign {campaign} was added: {other:?}")),
                Err(_) => again(added),
            };
        }
        self.wish(p, campaign, Wish::Start)
    }

    /// Somebody wants something of a campaign that there is; maybe the one that was put last.
    pub fn ask_of_campaign(&mut self, p: usize) {
        let Some(campaign) = self.any_campaign() else { return };
        let pause = Wish::Pause { why: "somebody".to_owned(), until_ms: None };
        let wish = match self.rng.below(8) {
            0 => Wish::Cancel,
            1..4 => pause,
            _ => Wish::Resume,
        };
        self.add(p, Task::Wish { campaign, wish });
    }

    fn any_campaign(&mut self) -> Option<usize> {
        (!self.campaigns.is_empty()).then(|| self.rng.index(self.campaigns.len()))
    }

    pub fn wish(&mut self, p: usize, campaign: usize, wish: Wish) -> Checked<Next> {
        let id = self.campaigns[campaign].id.clone();
        let stops = matches!(wish, Wish::Pause { .. } | Wish::Cancel);
        if !stops {
            self.campaigns[campaign].is_stopped = false;
        }
        let wished = self.step(p, NOBODY, Effect::Nothing, campaign::wish(id, wish.clone()))?;
        match wished {
            Ok(Some((done, found, _))) => {
                self.learn(campaign, &found);
                self.campaigns[campaign].is_stopped |= stops && done;
                Ok(Next::Over)
            }
            Ok(None) => Ok(Next::Over),
            Err(_) => Ok(Next::Again(Task::Wish { campaign, wish })),
        }
    }

    /// The thread for campaigns of a process: it tells what has come of its slices, takes another and gives turns.
    pub fn drive(&mut self, p: usize) -> Checked {
        let Some(campaign) = self.any_campaign() else { return Ok(()) };
        if !self.processes[p].is_up || self.processes[p].is_stopped {
            return Ok(());
        }
        let Some(found) = self.engine.ask(campaign::look(self.campaigns[campaign].id.clone()), soon()).unwrap() else {
            return Ok(());
        };
        self.learn(campaign, &found);
        let mine = self.processes[p].hands.iter().filter(|hand| hand.campaign == campaign).count();
        let take = if mine < 2 { self.next_slice(campaign, &found)? } else { None };
        let is_first = matches!(take, Some(Take::Players { .. }));
        if let Some(slice) = self.beat(p, campaign, &found, take)? {
            let (players, tally) = self.players_of(campaign, &slice, is_first)?;
            self.tell(|| format!("process {p} has slice {} of campaign {campaign}: {players:?}", slice.number));
            let todo = players.into_iter().map(|player| (player, 0)).collect();
            let hand = Hand { id: self.new_number(), campaign, slice: slice.number, todo, running: 0, tally };
            self.processes[p].hands.push(hand);
        }
        if found.run.state == State::Running {
            self.give_turns(p, campaign);
        }
        Ok(())
    }

    /// What there is to take, as a process sees it.
    fn next_slice(&self, campaign: usize, found: &Campaign) -> Checked<Option<Take>> {
        let run = &found.run;
        if run.slices.iter().any(|slice| slice.left_ms == 0) {
            return Ok(Some(Take::Left));
        }
        if self.campaigns[campaign].is_list {
            return Ok((run.parts_out < run.parts).then_some(Take::Part));
        }
        if run.at_end {
            return Ok(None);
        }
        let page = self.engine.scan(Space::Player, run.place.clone(), PAGE, soon()).unwrap();
        let to = page.records.last().map(|record| record.place.clone());
        Ok(Some(Take::Players { from: run.place.clone(), to, at_end: page.after.is_none() }))
    }

    fn beat(&mut self, p: usize, campaign: usize, found: &Campaign, take: Option<Take>) -> Checked<Option<Slice>> {
        let process = &self.processes[p];
        let hands = process.hands.iter().filter(|hand| hand.campaign == campaign);
        let slices: Vec<_> = hands.map(|hand| (hand.slice, hand.tally.clone(), hand.is_done())).collect();
        let is_idle = process.hands.iter().all(|hand| hand.campaign != campaign || hand.running == 0);
        let release = found.run.state != State::Running && is_idle;
        let owner = process.id;
        let beat = Beat {
            process: owner,
            engine: 1,
            slices: slices.clone(),
            release,
            lease_ms: SLICE_LEASE,
            take: take.clone(),
            pace: 0,
        };
        if release {
            self.campaigns[campaign].owners.retain(|_, (other, _)| *other != owner);
        }
        let id = self.campaigns[campaign].id.clone();
        let (began, answer) = (self.now, self.step(p, NOBODY, Effect::Nothing, campaign::beat(id, beat))?);
        let Ok(Some((beaten, now, _))) = answer else { return Ok(None) };
        let until = began + SLICE_LEASE;
        self.learn(campaign, &now);
        let gone = |hand: &Hand| {
            let told = slices.iter().any(|(slice, _, done)| *slice == hand.slice && *done);
            hand.campaign == campaign && (told || release || beaten.lost.contains(&hand.slice))
        };
        self.processes[p].hands.retain(|hand| !gone(hand));
        let drive = &mut self.campaigns[campaign];
        for (slice, _, done) in &slices {
            if *done || beaten.lost.contains(slice) {
                drive.owners.retain(|number, (other, _)| number != slice || *other != owner);
            } else if !release {
                drive.owners.insert(*slice, (owner, until));
            }
        }
        self.check_taken(campaign, take.as_ref(), &beaten, owner, until)?;
        Ok(beaten.taken)
    }

    /// A slice is given out once, to one process at a time, and none of a campaign that was stopped.
    fn check_taken(
        &mut self,
        campaign: usize,
        take: Option<&Take>,
        beaten: &Beaten,
        owner: i64,
        until: i64,
    ) -> Checked {
        let Some(slice) = &beaten.taken else { return Ok(()) };
        let (now, drive) = (self.now, &mut self.campaigns[campaign]);
        if drive.is_stopped {
            return Err(format!("campaign {campaign} was stopped, and gives {slice:?}"));
        }
        if !matches!(take, Some(Take::Left)) && !drive.given.insert(slice.number) {
            return Err(format!("campaign {campaign} gives a slice a second time: {slice:?}"));
        }
        if let Some((other, until)) = drive.owners.insert(slice.number, (owner, until))
            && other != owner
            && until > now
        {
            return Err(format!("campaign {campaign}: {other} has a slice, and {owner} gets it: {slice:?}"));
        }
        Ok(())
    }

    /// `is_first`: nobody of them has had his turn.
    fn players_of(&self, campaign: usize, slice: &Slice, is_first: bool) -> Checked<(Vec<usize>, Tally)> {
        let drive = &self.campaigns[campaign];
        let number_of = |openid: &str| self.openids.iter().position(|other| other == openid).ok_or("nobody");
        if drive.is_list {
            let part = self.engine.ask(campaign::read_part(&drive.id, slice.number), soon()).unwrap();
            let players = part.unwrap_or_default().players.into_iter().map(|(openid, _)| number_of(&openid));
            return Ok((players.collect::<Result<_, _>>()?, Tally::default()));
        }
        let (mut players, mut tally) = (Vec::new(), Tally::default());
        // The slice's last one may have been forgotten since.
        let behind = self.engine.scan(Space::Player, Some(slice.to.clone()), 1, soon()).unwrap();
        let end = behind.records.into_iter().next().map(|record| record.place);
        let page = self.engine.scan(Space::Player, slice.from.clone(), PLAYERS, soon()).unwrap();
        let until =
            page.records.iter().position(|record| end.as_ref() == Some(&record.place)).unwrap_or(page.records.len());
        for Scanned { name, value, .. } in &page.records[..until] {
            match campaign::of_audience(name, value, &self.templates[drive.template], drive.leave) {
                Ok(None) => {}
                Ok(Some(Some(reason))) if is_first => tally.count(Turn::Skipped(reason)),
                Ok(Some(_)) => players.push(number_of(&String::from_utf8_lossy(name.id()))?),
                Err(e) => return Err(format!("a player's record: {e:?}")),
            }
        }
        Ok((players, tally))
    }

    fn give_turns(&mut self, p: usize, campaign: usize) {
        for at in 0..self.processes[p].hands.len() {
            let process = &mut self.processes[p];
            let hand = &mut process.hands[at];
            if hand.campaign != campaign || process.tasks.len() >= TASKS {
                continue;
            }
            let Some((player, tries)) = hand.todo.pop_front() else { continue };
            hand.running += 1;
            let turn = TurnOf { campaign, hand: hand.id, tries };
            let (template, rules) = (self.campaigns[campaign].template, self.campaigns[campaign].rules);
            let until = self.now + self.rng.ms(100, 4000);
            let send = SendTask { turn: Some(turn), rules, ..SendTask::new(player, template, until) };
            self.add(p, Task::Send(send));
        }
    }

    /// A turn has ended so; it comes again, if nothing was sent and it may be tried again.
    pub fn end_turn(&mut self, p: usize, send: &SendTask, end: TurnEnd) {
        let Some(turn) = &send.turn else { return };
        let Some(hand) = self.processes[p].hands.iter_mut().find(|hand| hand.id == turn.hand) else { return };
        hand.running -= 1;
        match end {
            TurnEnd::Final(end) => hand.tally.count(end),
            TurnEnd::Failed if turn.tries + 1 < TRIES => hand.todo.push_back((send.player, turn.tries + 1)),
            TurnEnd::Failed => hand.tally.count(Turn::Failed(Status::Connect)),
            TurnEnd::Unasked => hand.todo.push_back((send.player, turn.tries)),
            TurnEnd::Back => hand.todo.push_front((send.player, turn.tries)),
        }
    }

    /// What is told of a campaign never goes against what happened.
    fn learn(&mut self, campaign: usize, found: &Campaign) {
        let drive = &mut self.campaigns[campaign];
        drive.expires_ms = drive.expires_ms.or(found.run.expires_ms);
    }

    /// A send of a campaign begins. Where its process has lost the slice, another may have told the player as skipped.
    pub fn note_begun(&mut self, p: usize, send: &SendTask) {
        let (Some(turn), process) = (&send.turn, &self.processes[p]) else { return };
        let drive = &mut self.campaigns[turn.campaign];
        let hand = process.hands.iter().find(|hand| hand.id == turn.hand);
        let owner = hand.and_then(|hand| drive.owners.get(&hand.slice));
        if owner.is_none_or(|(owner, until)| *owner != process.id || *until < self.now) {
            drive.is_certain = false;
        }
    }

    /// A reboot ends all leases.
    pub fn end_slices(&mut self) {
        self.campaigns.iter_mut().for_each(|drive| drive.owners.clear());
    }

    /// The numbers of each campaign are those of its players.
    pub fn check_campaigns(&self) -> Checked {
        for (n, drive) in self.campaigns.iter().enumerate() {
            let Some(found) = self.engine.ask(campaign::look(drive.id.clone()), soon()).unwrap() else { continue };
            let (run, tally) = (&found.run, found.tally());
            let fault =
                |what: &str| Err(format!("campaign {n}: {what}: {tally:?}, {run:?}, listed {:?}", drive.listed));
            let skipped: u64 = tally.skipped.values().sum();
            let failed: u64 = tally.failed.values().sum();
            if tally.seen != tally.sent + tally.unknown + skipped + failed {
                return fault("the numbers are not those of its players");
            }
            let most = if drive.is_list { drive.listed.len() } else { PLAYERS } as u64;
            if tally.seen > most {
                return fault("more players had their turn than there are");
            }
            let got = |player: usize| {
                self.wechat.requests_taken().filter(|r| r.campaign == Some(n) && r.player == player).count() as u64
            };
            let turns: Vec<usize> = if drive.is_list { drive.listed.clone() } else { (0..PLAYERS).collect() };
            let may_be = turns.iter().filter(|player| got(**player) > 0).count() as u64;
            if tally.sent > may_be {
                return fault("more were sent than WeChat took");
            }
            let is_through = run.state == State::Done && run.slices.is_empty() && run.ended_ms < run.expires_ms;
            if is_through && drive.is_certain {
                let players = (0..PLAYERS).filter(|player| got(*player) > 0).count() as u64;
                if drive.is_list && tally.seen != drive.listed.len() as u64 {
                    return fault("not everybody had his turn");
                }
                if players > tally.sent + tally.unknown {
                    return fault("WeChat took more than is told");
                }
            }
        }
        Ok(())
    }
}

/// How a turn ended.
pub enum TurnEnd {
    Final(Turn),
    /// It surely was not sent.
    Failed,
    /// The ledger did not answer.
    Unasked,
    /// It was not begun.
    Back,
}
