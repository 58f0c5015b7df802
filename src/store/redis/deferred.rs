//! What was put off: taken along by whoever comes next to its player, else by a worker.

use std::time::Duration;

use parking_lot::Mutex;

use super::Core;
use super::announcement::{Announcement, announce};
use super::error::Failure;
use super::keys::Place;
use super::player_locks::{Deferred, Guard};
use super::script::Command;
use super::step_run::Next;
use crate::clock::Deadline;
use crate::error::Error;
use crate::panics;

/// How long steps that were put off wait for others to go with, and how many players' go at once: all that come together while
/// a round waits for a silent server, or those of the others would pile up.
const GATHER: (Duration, usize) = (Duration::from_millis(1), 2048);
/// A round trip for them takes so long at most.
const ROUND_MS: u64 = 1000;
/// Of the time for many players one gets a quarter of what is left, if he needs it.
const LEAST_PART: usize = 4;
/// What they have to announce is written within this time, or found by the next sweep.
const ANNOUNCED_MS: u64 = 200;

/// A step, and the turn of its player.
type Turn<'a> = (Deferred, Guard<'a>);

impl Core {
    /// Waits for a player's turn, and takes what was put off on him.
    pub fn lock(&self, home: u64, deadline: Deadline) -> Result<Guard<'_>, Error> {
        let guard = self.player_locks.lock(home, deadline).ok_or_else(|| Failure::TooLate.describe(&self.location))?;
        self.take_deferred(&guard, deadline).map_err(|failure| failure.describe(&self.location))?;
        Ok(guard)
    }

    /// Has all done that was put off on a player.
    pub fn settle(&self, home: u64, deadline: Deadline) -> Result<(), Error> {
        match self.player_locks.is_awaited(home) {
            true => self.lock(home, deadline).map(drop),
            false => Ok(()),
        }
    }

    /// The same on all of them; one who is silent leaves time for the others. What is put off meanwhile is not waited for: under
    /// load there is always something.
    pub fn settle_all(&self, deadline: Deadline) -> Result<(), Error> {
        let (unsettled, resting) = self.player_locks.unsettled();
        let (mut left, mut settled) = (unsettled.len() + resting.len(), Ok(()));
        for home in unsettled.into_iter().chain(resting) {
            // Too small a part is none: nobody is asked within a few milliseconds.
            let part = deadline.in_part(left.min(LEAST_PART) as u32);
            settled = settled.and(self.lock(home, part).map(drop));
            left -= 1;
        }
        settled
    }

    fn next(&self, guard: &Guard<'_>) -> Option<Deferred> {
        let mut next = self.player_locks.next(guard)?;
        next.run.know(self.memory.take(guard.home()));
        Some(next)
    }

    /// Takes what was put off on this player as far as a caller's time goes. What is left then stays put off: it must not end
    /// by the time of a caller who asked for something else.
    pub fn take_deferred(&self, guard: &Guard<'_>, deadline: Deadline) -> Result<(), Failure> {
        while let Some(mut deferred) = self.next(guard) {
            let failure = loop {
                let run = &mut deferred.run;
                match run.next(self) {
                    Next::Done(done) => {
                        // If it failed it is as if it had not been asked for.
                        if let Ok(Some(announcement)) = done {
                            let _announced = self.announce(announcement, deadline.or_at_least_ms(ANNOUNCED_MS));
                        }
                        break None;
                    }
                    Next::Ask(_) if deadline.is_over() => break Some(Failure::TooLate),
                    Next::Ask(request) => match self.ask(run, &request, deadline) {
                        Err(failure) if run.may_ask_again(&failure) => break Some(failure),
                        answer => run.take(self, answer),
                    },
                }
            };
            if let Some(failure) = failure {
                self.player_locks.put_back(guard, deferred);
                return Err(failure.undone());
            }
        }
        Ok(())
    }

    /// Takes what is put off, until the store is closed.
    pub fn work(&self) {
        loop {
            // Others may come along, and their callers may take it along.
            std::thread::sleep(GATHER.0);
            let Some(guards) = self.player_locks.wait_for_deferred(GATHER.1) else { return };
            // A bug of a decision's must not end the others'.
            let _bug = panics::catch(|| self.work_on(guards));
        }
    }

    /// Each server's players by themselves: one that is silent holds up its own.
    fn work_on(&self, guards: Vec<Guard<'_>>) {
        let mut of_owners: Vec<(Option<crate::resolver::Address>, Mutex<Vec<Turn<'_>>>)> = Vec::new();
        for guard in guards {
            let Some(deferred) = self.next(&guard) else { continue };
            let owner = self.router.known_owner(deferred.run.slot(self));
            match of_owners.iter_mut().find(|(other, _)| *other == owner) {
                Some((_, turns)) => turns.get_mut().push((deferred, guard)),
                None => of_owners.push((owner, Mutex::new(vec![(deferred, guard)]))),
            }
        }
        std::thread::scope(|scope| {
            let Some(((_, own), others)) = of_owners.split_first() else { return };
            let work = |turns: &Mutex<Vec<Turn<'_>>>| self.work_together(std::mem::take(&mut *turns.lock()));
            for (_, turns) in others {
                let thread = std::thread::Builder::new().name("wxsub-store".to_owned());
                let begun = thread.spawn_scoped(scope, move || panics::catch(|| work(turns)).unwrap_or_default());
                if begun.is_err() {
                    // There is no thread to be had.
                    work(turns);
                }
            }
            work(own);
        });
    }

    /// All steps go together. What is in the way stays put off; what was done is announced when the players are free.
    fn work_together(&self, turns: Vec<Turn<'_>>) {
        let mut announcements: Vec<Announcement> = Vec::new();
        let mut under_way = turns;
        while !under_way.is_empty() {
            let deadline = Deadline::in_ms(ROUND_MS.min(self.timeout_ms));
            let (mut asking, mut requests) = (Vec::new(), Vec::new());
            for (mut deferred, guard) in std::mem::take(&mut under_way) {
                match deferred.run.next(self) {
                    Next::Done(done) => {
                        announcements.extend(done.ok().flatten());
                        under_way.extend(self.next(&guard).map(|next| (next, guard)));
                    }
                    Next::Ask(request) => {
                        requests.push(request);
                        asking.push((deferred, guard));
                    }
                }
            }
            let answers = self.router.exchange_all(&requests, deadline);
            for (((mut deferred, guard), request), mut answer) in asking.into_iter().zip(&requests).zip(answers) {
                if matches!(&answer, Err(failure) if failure.code() == "NOSCRIPT") {
                    answer = self.router.exchange(request, deadline);
                }
                match answer {
                    Err(failure) if deferred.run.may_ask_again(&failure) => {
                        self.player_locks.put_back(&guard, deferred.later());
                    }
                    answer => {
                        deferred.run.take(self, answer);
                        under_way.push((deferred, guard));
                    }
                }
            }
        }
        let commands: Vec<Command> = announcements.into_iter().map(|one| announce(&self.keys, one)).collect();
        if !commands.is_empty() {
            let _announced = self.write(Place::Account, commands, Deadline::in_ms(ANNOUNCED_MS));
        }
    }
}
