//! What ledger is there: one of ours, of another version, or none yet.

use super::Core;
use super::error::Failure;
use super::keys::{At, BUCKETS, Place};
use super::router::Request;
use super::script::{Attempt, Command, Outcome};
use crate::clock::Deadline;
use crate::error::{Error, Status};

/// What kind of ledger this is. Another one under the same names is not touched.
pub const FORMAT: &str = "wxsub 2";
/// The keys of the account by which the ledger before this one is known, and that of its players.
const OLD_ACCOUNT: [&str; 7] = ["opened", "version", "changes", "next", "swept", "templates", "forced"];
const OLD_PLAYERS: &str = "counts";
impl Core {
    /// Makes sure that the ledger there is one of ours, or begins one.
    pub(super) fn claim_format(&self, deadline: Deadline) -> Result<(), Error> {
        let described = |failure: Failure| failure.undone().describe(&self.location);
        let format = At { key: self.keys.own(Place::Account, "format"), field: Vec::new() };
        let old = OLD_ACCOUNT.map(|what| self.keys.own(Place::Account, what));
        let exists: Vec<&[u8]> = [&b"EXISTS"[..]].into_iter().chain(old.iter().map(Vec::as_slice)).collect();
        let commands = vec![Command::plain(&[&b"GET"[..], &format.key]), Command::plain(&exists)];
        let answers = self.read_with_time(commands, deadline).map_err(described)?;
        let found = answers[0].text().map(ToOwned::to_owned);
        match &found {
            Some(found) if found == FORMAT => {}
            Some(found) => return Err(self.other_ledger(found)),
            None if answers[1].number() != Some(0) || self.has_old_players(deadline).map_err(described)? => {
                return Err(self.other_ledger("wxsub 1"));
            }
            None => {}
        }
        // A write, so that a server that takes none says so to whoever opens.
        let mut attempt = Attempt::new(None, [(&format, Some(found.as_deref().map(str::as_bytes)))].into_iter());
        attempt.then("SET", &format.key, &[FORMAT.as_bytes()]);
        let request = self.request(Place::Account, vec![attempt.into_command()]);
        let answers = self.router.exchange(&request, deadline).map_err(described)?;
        match Outcome::read(answers.values.into_iter().next()).map_err(described)? {
            Outcome::Found(_, values) if values != [Some(FORMAT.into())] => Err(self.other_ledger("another")),
            _ => Ok(()),
        }
    }

    fn has_old_players(&self, deadline: Deadline) -> Result<bool, Failure> {
        let request = |bucket| {
            let place = Place::Bucket(bucket);
            let exists = Command::plain(&[&b"EXISTS"[..], &self.keys.own(place, OLD_PLAYERS)]);
            Request::read(self.keys.slot(place), vec![exists])
        };
        let requests: Vec<Request> = (0..BUCKETS).map(request).collect();
        let answers = self.read_all(&requests, deadline)?;
        Ok(answers.iter().any(|answers| answers[0].number() != Some(0)))
    }

    fn other_ledger(&self, found: &str) -> Error {
        let found: String = found.chars().take(20).map(|c| if c.is_control() { '?' } else { c }).collect();
        let text = format!(
            "store {}: the ledger of this appid there is of another version ({found}; this one writes {FORMAT}); it was not touched. Use the wxsub that wrote it, or another \"store_prefix\"",
            self.location
        );
        Error { retry: crate::error::Retry::Never, ..Error::new(Status::Store, text) }
    }
}
