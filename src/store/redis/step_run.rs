//! A step under way: what to ask the server next, and what its answer means. No I/O here.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::{Changes, Found, Name, Step, Stop, Time, View};
use super::Core;
use super::announcement::{Announcement, announce};
use super::error::Failure;
use super::keys::{At, Place};
use super::node::Answers;
use super::router::Request;
use super::script::{Attempt, OLDEST_MS, Outcome};
use super::seen::Seen;
use super::step_try::{Try, WRITTEN, records_of, touched};
use crate::error::{Error, Status};

/// One step, until it is done.
pub struct Run {
    step: Step,
    place: Option<Place>,
    home: Option<u64>,
    names: Vec<Name>,
    /// What this process saw of the player before this call.
    known: Option<Seen>,
    seen: Option<Seen>,
    /// What was seen is of this call, and of one moment.
    fresh: bool,
    stage: Stage,
    /// The try whose answer was lost, and why.
    lost: Option<(Box<Try>, Failure)>,
    /// Tries that were not done when that was looked at, and may have been since.
    late: Vec<Try>,
    /// Until this time of the server's, an earlier try may still be carried out.
    doubt_until: Option<i64>,
    /// How often others were faster.
    pub conflicts: u32,
}

enum Stage {
    Decide,
    Read,
    Apply(Box<Try>),
    /// It is done, and only to be proven; with the records as it left them, or as they were found after it.
    Prove(Box<Try>, Seen),
    Done(Result<Option<Announcement>, Error>),
    Over,
}

/// What comes next.
pub enum Next {
    /// This must be asked, and its answer given to [`Run::take`].
    Ask(Request),
    /// It is done; what is to be announced.
    Done(Result<Option<Announcement>, Error>),
}

impl Run {
    /// Nothing is asked yet.
    pub fn new(mut step: Step) -> Result<Run, Error> {
        let names = std::mem::take(&mut step.reads);
        let of = if names.is_empty() { None } else { Some(Place::of(&names)?) };
        Ok(Run {
            step,
            place: of.map(|(place, _)| place),
            home: of.map(|(_, home)| home),
            names,
            known: None,
            seen: None,
            fresh: false,
            stage: Stage::Decide,
            lost: None,
            late: Vec::new(),
            doubt_until: None,
            conflicts: 0,
        })
    }

    /// `known`: what this process saw of the player last.
    pub fn know(&mut self, known: Option<Seen>) {
        self.known = known;
    }

    /// Where its records are.
    pub fn slot(&self, core: &Core) -> u16 {
        core.keys.slot(self.place.unwrap_or(Place::Account))
    }

    /// What to ask, or how it ended.
    pub fn next(&mut self, core: &Core) -> Next {
        loop {
            self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Decide => self.decide(core),
                Stage::Done(done) => return Next::Done(done),
                Stage::Over => return Next::Done(Err(Error::new(Status::Internal, "a step that is over"))),
                asking => {
                    let request = self.request(core, &asking);
                    self.stage = asking;
                    return Next::Ask(request);
                }
            }
        }
    }

    fn decide(&mut self, core: &Core) -> Stage {
        if !self.fresh {
            self.seen = self.known.as_ref().and_then(|known| known.only(&self.names));
        }
        let Some(seen) = self.seen.as_ref().filter(|seen| seen.records.len() == self.names.len()) else {
            return Stage::Read;
        };
        let (decided_ms, step_id) = (seen.now_ms(), core.next_step_id());
        let view = View {
            time: Time::of_server(decided_ms),
            step_id: Some(step_id),
            records: &seen.records,
            journal: core.journal,
        };
        let (changes, result) = match (self.step.decide)(&view) {
            Ok(changes) => (changes, Ok(())),
            Err(Stop::Fail(e)) => (Changes::default(), Err(e)),
            Err(Stop::Need(names)) => return self.need(names),
        };
        match Place::of(self.names.iter().chain(touched(&changes))) {
            Ok((place, home)) => (self.place, self.home) = (Some(place), Some(home)),
            Err(_) if self.names.is_empty() && changes.is_empty() => {}
            Err(e) => return Stage::Done(Err(e)),
        }
        if changes.is_empty() && self.fresh && !(self.step.proven && result.is_ok()) {
            return Stage::Done(result.map(|()| None));
        }
        Stage::Apply(Box::new(Try { changes, result, step_id, decided_ms, announced: false }))
    }

    fn need(&mut self, names: Vec<Name>) -> Stage {
        let before = self.names.len();
        for name in names {
            if !self.names.contains(&name) {
                self.names.push(name);
            }
        }
        match Place::of(&self.names) {
            Err(e) => Stage::Done(Err(e)),
            Ok(_) if self.names.len() == before && self.fresh => {
                Stage::Done(Err(Error::new(Status::Internal, "a step that needs what it has")))
            }
            Ok((place, home)) => {
                (self.place, self.home) = (Some(place), Some(home));
                Stage::Decide
            }
        }
    }

    fn request(&mut self, core: &Core, stage: &Stage) -> Request {
        let place = self.place.unwrap_or(Place::Account);
        let slot = core.keys.slot(place);
        let write = || core.write_for_proof(place);
        match stage {
            Stage::Apply(this) => {
                let proven = self.step.proven && this.result.is_ok();
                let mut commands = vec![this.command(core, place, self.seen.as_ref(), proven)];
                if let Some(announcement) = this.announcement(place)
                    && core.router.is_one(slot, core.keys.slot(Place::Account))
                {
                    commands.push(announce(&core.keys, announcement));
                }
                let prove = proven.then(write);
                Request { slot, commands, prove, repeatable: false }
            }
            Stage::Prove(_, seen) => {
                // Another server may have taken over since, and prove what it never had.
                let records: Vec<(At, Option<&[u8]>)> = records_of(core, place, seen);
                let mut attempt = Attempt::new(None, records.iter().map(|(at, value)| (at, Some(*value))));
                attempt.then("SET", &core.keys.written(place), WRITTEN);
                Request { slot, commands: vec![attempt.into_command()], prove: Some(write()), repeatable: true }
            }
            _ => {
                let records: Vec<At> = self.names.iter().map(|name| core.keys.record(place, name)).collect();
                let mut attempt = Attempt::new(None, records.iter().map(|at| (at, None)));
                if records.is_empty() {
                    attempt.at(&core.keys.written(place));
                }
                Request::read(slot, vec![attempt.into_command()])
            }
        }
    }

    /// The answer to what [`Run::next`] asked.
    pub fn take(&mut self, core: &Core, answer: Result<Answers, Failure>) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Read => self.was_read(core, answer),
            Stage::Apply(this) => self.was_tried(core, this, answer),
            Stage::Prove(this, seen) => self.was_proven(core, this, seen, answer),
            other => other,
        };
    }

    fn was_read(&mut self, core: &Core, answer: Result<Answers, Failure>) -> Stage {
        match answer.and_then(|answers| Outcome::read(answers.values.into_iter().next())) {
            Ok(Outcome::Found(time_ms, values)) => self.found(core, time_ms, values),
            // It names no records, and reads the time.
            Ok(Outcome::Applied(time_ms)) => self.found(core, time_ms, Vec::new()),
            Err(failure) => self.fail(core, failure),
        }
    }

    fn found(&mut self, core: &Core, time_ms: i64, values: Vec<Option<Vec<u8>>>) -> Stage {
        let records = self.names.iter().cloned().zip(values).collect();
        let seen = Seen { records, time_ms, at: Instant::now() };
        if self.doubt_until.is_some_and(|until| time_ms > until) {
            self.doubt_until = None;
        }
        let lost = self.lost.take();
        let before = self.seen.replace(seen.clone());
        self.fresh = true;
        let Some(trace) = &self.step.trace else { return Stage::Decide };
        let now = seen.value(&trace.name);
        if let Some(at) =
            self.late.iter().position(|this| (trace.find)(&trace.name, now, now, this.step_id) == Found::Done)
        {
            let this = Box::new(self.late.swap_remove(at));
            core.remember(self.home, seen.clone());
            return if self.step.proven { Stage::Prove(this, seen) } else { self.done(*this) };
        }
        let Some((this, why)) = lost else { return Stage::Decide };
        let before = before.as_ref().and_then(|before| before.value(&trace.name));
        match (trace.find)(&trace.name, before, seen.value(&trace.name), this.step_id) {
            Found::Done => {
                core.remember(self.home, seen.clone());
                if self.step.proven { Stage::Prove(this, seen) } else { self.done(*this) }
            }
            Found::NotDone => {
                // Underway it may still be, until the script refuses it.
                self.doubt_until = Some(this.decided_ms + OLDEST_MS).filter(|until| time_ms <= *until);
                if self.doubt_until.is_some() {
                    self.late.push(*this);
                }
                Stage::Decide
            }
            Found::InDoubt => Stage::Done(Err(why.in_doubt(&core.location))),
        }
    }

    fn was_tried(&mut self, core: &Core, mut this: Box<Try>, answer: Result<Answers, Failure>) -> Stage {
        let outcome = answer.and_then(|mut answers| {
            let first = if answers.values.is_empty() { None } else { Some(answers.values.remove(0)) };
            // The second is the announcement's.
            let announced = Outcome::read(answers.values.pop()).is_ok();
            Outcome::read(first).map(|outcome| (outcome, announced, answers.proof.is_some()))
        });
        match outcome {
            Ok((Outcome::Applied(time_ms), announced, proven)) => {
                this.announced = announced;
                let after = self.seen.take().map(|seen| seen.after(&this.changes, time_ms));
                after.iter().for_each(|seen| core.remember(self.home, seen.clone()));
                self.doubt_until = None;
                match after {
                    Some(seen) if self.step.proven && this.result.is_ok() && !proven => Stage::Prove(this, seen),
                    _ => self.done(*this),
                }
            }
            Ok((Outcome::Found(time_ms, values), ..)) => {
                self.conflicts += 1;
                self.found(core, time_ms, values)
            }
            Err(failure @ Failure::Lost(_)) => {
                core.forget(self.home);
                if this.changes.is_empty() {
                    return Stage::Read;
                }
                match self.step.trace {
                    Some(_) => self.lost = Some((this, failure)),
                    None => self.doubt_until = Some(i64::MAX),
                }
                Stage::Read
            }
            Err(failure) => {
                core.forget(self.home);
                self.fail(core, failure)
            }
        }
    }

    fn was_proven(&mut self, core: &Core, this: Box<Try>, seen: Seen, answer: Result<Answers, Failure>) -> Stage {
        let outcome = answer.and_then(|answers| {
            Outcome::read(answers.values.into_iter().next()).map(|outcome| (outcome, answers.proof.is_some()))
        });
        let failure = match outcome {
            Ok((Outcome::Applied(_), true)) => return self.done(*this),
            Ok((Outcome::Applied(_), false)) => return Stage::Prove(this, seen),
            Ok((Outcome::Found(time_ms, values), _)) => {
                let names = seen.records.iter().map(|(name, _)| name.clone());
                let now = Seen { records: names.zip(values).collect(), time_ms, at: Instant::now() };
                if self.is_in(&this, &now) {
                    // Others have gone on from there.
                    return Stage::Prove(this, now);
                }
                core.forget(self.home);
                Failure::Unproven("another server took over".to_owned())
            }
            Err(Failure::Lost(why) | Failure::Unreached(why)) => Failure::Unproven(why),
            Err(Failure::TooLate) => unconfirmed(),
            Err(failure) => failure,
        };
        Stage::Done(Err(failure.in_doubt(&core.location)))
    }

    /// Whether these records tell that it was done.
    fn is_in(&self, this: &Try, now: &Seen) -> bool {
        self.step.trace.as_ref().is_some_and(|trace| {
            let record = now.value(&trace.name);
            (trace.find)(&trace.name, record, record, this.step_id) == Found::Done
        })
    }

    fn done(&self, this: Try) -> Stage {
        let announcement = self.place.and_then(|place| this.announcement(place)).filter(|_| !this.announced);
        Stage::Done(this.result.map(|()| announcement))
    }

    fn fail(&mut self, core: &Core, failure: Failure) -> Stage {
        if failure.code() == "OOM" {
            core.full.store(true, Ordering::Relaxed);
        }
        let e = match self.lost.take() {
            // What came first is the cause.
            Some((_, why)) if failure == Failure::TooLate => why.in_doubt(&core.location),
            Some(_) => failure.in_doubt(&core.location),
            None if self.doubt_until.is_some() => failure.in_doubt(&core.location),
            // Only reading it failed.
            None => failure.undone().describe(&core.location),
        };
        Stage::Done(Err(e))
    }

    /// Whether what was asked, failing so, has changed nothing and may be asked again.
    pub fn may_ask_again(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Lost(_) => !matches!(self.stage, Stage::Apply(_)),
            Failure::TooLate => true,
            other => other.passes(),
        }
    }

    /// It does not come to an end before its deadline.
    pub fn give_up(&mut self, core: &Core) -> Error {
        match (std::mem::replace(&mut self.stage, Stage::Over), self.lost.take()) {
            (Stage::Prove(..), _) => unconfirmed().in_doubt(&core.location),
            (_, Some((_, why))) => why.in_doubt(&core.location),
            (_, None) if self.doubt_until.is_some() => Failure::TooLate.in_doubt(&core.location),
            (_, None) => Failure::TooLate.describe(&core.location),
        }
    }
}

fn unconfirmed() -> Failure {
    Failure::Unproven("no confirmation came in time".to_owned())
}
