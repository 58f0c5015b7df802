//! The one script, and how it is called.

use std::sync::LazyLock;

use sha1::{Digest, Sha1};

use super::error::Failure;
use super::resp::{self, Value};

/// A try that did not arrive within this time is refused by the script. Known to the script, too.
pub const OLDEST_MS: i64 = 1000;

/// Its text.
pub const SOURCE: &str = include_str!("script.lua");

/// Its name on a server that knows it.
static SHA: LazyLock<String> =
    LazyLock::new(|| Sha1::digest(SOURCE.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect());

/// A command for the server.
#[derive(Clone, Debug)]
pub enum Command {
    /// A plain one.
    Plain(Vec<Vec<u8>>),
    /// The script with its keys and arguments.
    Script(Vec<Vec<u8>>, Vec<Vec<u8>>),
}

/// What the script said.
#[derive(Debug)]
pub enum Outcome {
    /// It was done, at this time.
    Applied(i64),
    /// It was not; what there was instead, and when.
    Found(i64, Vec<Option<Vec<u8>>>),
}

/// A call of the script in the making.
pub struct Attempt {
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

impl Command {
    /// From words.
    pub fn plain<A: AsRef<[u8]>>(words: &[A]) -> Command {
        Command::Plain(words.iter().map(|word| word.as_ref().to_vec()).collect())
    }

    /// Appends it as it is sent. `whole`: the server does not know the script yet.
    pub fn pack(&self, whole: bool, into: &mut Vec<u8>) {
        match self {
            Command::Plain(words) => resp::pack(words, into),
            Command::Script(keys, arguments) => {
                let count = keys.len().to_string();
                let (name, script) = if whole { ("EVAL", SOURCE) } else { ("EVALSHA", SHA.as_str()) };
                let head = [name.as_bytes(), script.as_bytes(), count.as_bytes()];
                let rest = keys.iter().chain(arguments).map(Vec::as_slice);
                resp::pack(&head.into_iter().chain(rest).collect::<Vec<_>>(), into);
            }
        }
    }
}

impl Attempt {
    /// `records`: each one's key and field, and what the decision saw there (None: it did not look). `decided_ms`: when.
    #[allow(clippy::type_complexity)] // a record, and what was seen of it
    pub fn new<'a>(
        decided_ms: Option<i64>,
        records: impl ExactSizeIterator<Item = (&'a super::keys::At, Option<Option<&'a [u8]>>)>,
    ) -> Attempt {
        let decided = decided_ms.map(|ms| ms.to_string()).unwrap_or_default();
        let mut arguments = vec![decided.into_bytes(), records.len().to_string().into_bytes()];
        let mut keys = Vec::with_capacity(records.len() + 1);
        for (at, seen) in records {
            keys.push(at.key.clone());
            arguments.push(at.field.clone());
            arguments.push(match seen {
                None => b"?".to_vec(),
                Some(None) => b"-".to_vec(),
                Some(Some(value)) => [b"=", value].concat(),
            });
        }
        Attempt { keys, arguments }
    }

    /// Has a key that says where it is, for servers that want one.
    pub fn at(&mut self, key: &[u8]) {
        self.keys.push(key.to_vec());
    }

    /// What is to be done if everything is as it was seen: a command, its key, and what stands behind that.
    pub fn then(&mut self, command: &str, key: &[u8], arguments: &[&[u8]]) {
        let known = self.keys.iter().position(|other| other == key);
        let number = known.unwrap_or_else(|| {
            self.keys.push(key.to_vec());
            self.keys.len() - 1
        });
        for word in [arguments.len().to_string().as_str(), command, (number + 1).to_string().as_str()] {
            self.arguments.push(word.as_bytes().to_vec());
        }
        self.arguments.extend(arguments.iter().map(|argument| argument.to_vec()));
    }

    /// As a command.
    pub fn into_command(self) -> Command {
        Command::Script(self.keys, self.arguments)
    }
}

impl Outcome {
    /// From the script's answer.
    ///
    /// # Errors
    /// [`Failure::Lost`] when it is none.
    pub fn read(answer: Option<Value>) -> Result<Outcome, Failure> {
        let read = || match answer {
            Some(Value::List(parts)) => {
                let mut parts = parts.into_iter();
                let applied = parts.next()?.number()? == 1;
                let time = parts.next()?.at_ms()?;
                let record = |value| match value {
                    Value::Text(bytes) => Some(Some(bytes)),
                    Value::Nil => Some(None),
                    _ => None,
                };
                let found: Option<Vec<Option<Vec<u8>>>> = parts.map(record).collect();
                Some(if applied { Outcome::Applied(time) } else { Outcome::Found(time, found?) })
            }
            _ => None,
        };
        read().ok_or_else(|| Failure::Lost("its answer was not understood".to_owned()))
    }
}

/// An answer to TIME.
pub fn time_ms(answer: &Value) -> Result<i64, Failure> {
    match answer.list() {
        [seconds, micros] => {
            seconds.number().zip(micros.number()).and_then(|(s, us)| s.checked_mul(1000)?.checked_add(us / 1000))
        }
        _ => None,
    }
    .and_then(|ms| Value::Int(ms).at_ms())
    .ok_or_else(|| Failure::Unreached("its answer to TIME was not understood".to_owned()))
}
