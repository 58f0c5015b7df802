//! Proofs, on every server that has players, that what was written is kept.

use super::error::Failure;
use super::keys::{BUCKETS, Place};
use super::router::Request;
use super::script::{Attempt, Command};
use super::{Core, step_try};
use crate::clock::Deadline;

impl Core {
    pub(super) fn require_proofs(&self, deadline: Deadline) -> Result<(), Failure> {
        self.on_each_master(deadline, |place| {
            self.router.require_proof(self.keys.slot(place), &self.write_for_proof(place), deadline)
        })
    }

    /// A write on each server and the proof behind it, which covers all that was written there before.
    pub(super) fn prove_all(&self, deadline: Deadline) -> Result<(), Failure> {
        self.on_each_master(deadline, |place| {
            let (slot, write) = (self.keys.slot(place), self.write_for_proof(place));
            let request = Request { slot, commands: vec![write.clone()], prove: Some(write), repeatable: true };
            match self.router.exchange(&request, deadline)?.proof {
                Some(_) => Ok(()),
                None => {
                    Err(Failure::Lost("the server did not confirm in time that it keeps what was written".to_owned()))
                }
            }
        })
    }

    /// Does this once for each server that has players.
    fn on_each_master(&self, deadline: Deadline, work: impl Fn(Place) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut known = Vec::new();
        for bucket in 0..BUCKETS {
            let place = Place::Bucket(bucket);
            let owner = self.router.owner(self.keys.slot(place), deadline)?;
            if !known.contains(&owner) {
                work(place)?;
                known.push(owner);
            }
        }
        Ok(())
    }

    /// A write that matters to nobody; the proof behind it covers all that was written before it.
    pub(super) fn write_for_proof(&self, place: Place) -> Command {
        let mut attempt = Attempt::new(None, [].into_iter());
        attempt.then("SET", &self.keys.written(place), step_try::WRITTEN);
        attempt.into_command()
    }
}
