//! The commands that the script needs: a user or a server that refuses one would leave each step done in part.

use super::Core;
use super::error::{Failure, refused_command};
use super::keys::Place;
use super::resp::Value;
use super::script::{Attempt, Command};
use crate::clock::Deadline;

/// Left behind by a process that ends meanwhile for so long, in milliseconds.
const LIFE: &[u8] = b"1000";

impl Core {
    /// Tries each command that steps are made of, on keys that hold nothing else, where the account's records are.
    ///
    /// # Errors
    /// The refusal, with the commands that it is about.
    pub(super) fn require_commands(&self, deadline: Deadline) -> Result<(), Failure> {
        let answers = self.router.exchange(&self.request(Place::Account, self.command_tries()), deadline)?;
        let refusals: Vec<Failure> = answers.values.iter().filter_map(refusal).collect();
        let mut commands: Vec<&str> = refusals.iter().filter_map(|refusal| refused_command(refusal.text())).collect();
        commands.sort_unstable();
        commands.dedup();
        let Some(first) = refusals.first() else { return Ok(()) };
        let Some((said, _)) = first.text().rsplit_once(" at ") else { return Err(first.clone()) };
        Err(Failure::Refused { code: first.code().to_owned(), text: format!("{said} at {}", commands.join(", ")) })
    }

    fn command_tries(&self) -> Vec<Command> {
        let key = |what: &str| self.keys.own(Place::Account, what);
        let (hash, text, set, log) = (key("try-hash"), key("try-text"), key("try-set"), key("try-log"));
        // The first does nothing: it makes sure that the server knows the script. While the slot moves to another server,
        // what is not there is asked for over there, and then says nothing.
        let mut first = Attempt::new(None, [].into_iter());
        first.at(&key("format"));
        let mut tries = vec![
            first.into_command(),
            one("HSET", &hash, &[b"f", b"v"]),
            one("PEXPIRE", &hash, &[LIFE]),
            one("HINCRBY", &hash, &[b"n", b"1"]),
            one("HDEL", &hash, &[b"f", b"n"]),
            one("ZADD", &set, &[b"1", b"m"]),
            one("PEXPIRE", &set, &[LIFE]),
            one("ZREM", &set, &[b"m"]),
            one("SET", &text, &[b"1", b"PX", LIFE]),
            one("INCR", &text, &[]),
            one("DEL", &text, &[]),
        ];
        if self.journal.history_days > 0 {
            tries.push(one("XADD", &log, &[b"MAXLEN", b"~", b"1", b"*", b"e", b"t"]));
            tries.push(one("LENGTHEN", &log, &[LIFE]));
            tries.push(one("UNLOG", &log, &[b"-", b"+", b"t"]));
        }
        tries
    }
}

fn one(command: &str, key: &[u8], arguments: &[&[u8]]) -> Command {
    let mut attempt = Attempt::new(None, [].into_iter());
    attempt.then(command, key, arguments);
    attempt.into_command()
}

/// One that is about the command. Others, such as that the memory is full, may be over in a moment.
fn refusal(answer: &Value) -> Option<Failure> {
    let Value::Error(said) = answer else { return None };
    Some(Failure::answered(said)).filter(|failure| ["NOPERM", "ERR"].contains(&failure.code()))
}
