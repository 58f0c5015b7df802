//! The protocol that Redis speaks (RESP2): commands packed, answers read as they come in, piece by piece.
//!
//! Our own, since reading an answer may pass from one caller to another in its middle (see [`super::node`]).

/// Answers within answers, at most; ours have two.
const DEPTH: usize = 8;
/// The longest answer that is waited for.
const LONGEST: usize = 64 << 20;
/// So many bytes of an answer that does not end.
pub const LONGEST_ANSWER: usize = 4 * LONGEST;

/// The end of the year 9999.
const LAST_MS: i64 = 253_402_300_799_999;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Nil,
    Int(i64),
    Text(Vec<u8>),
    List(Vec<Value>),
    Error(String),
}

impl Value {
    /// As text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// As a number; scores and counters come as text.
    pub fn number(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            Value::Text(_) => {
                let text = self.text()?;
                // Scores beyond 2^53 come in exponents.
                text.parse().ok().or_else(|| text.parse::<f64>().ok().map(|score| score as i64))
            }
            _ => None,
        }
    }

    /// As Unix milliseconds between 1970 and 9999, so that nobody who adds to one need look out; a later time is the last.
    pub fn at_ms(&self) -> Option<i64> {
        self.number().map(|ms| ms.clamp(0, LAST_MS))
    }

    /// Its parts; none if it is no list.
    pub fn list(&self) -> &[Value] {
        match self {
            Value::List(parts) => parts,
            _ => &[],
        }
    }
}

/// Appends one command.
pub fn pack<A: AsRef<[u8]>>(arguments: &[A], into: &mut Vec<u8>) {
    into.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
    for argument in arguments {
        let bytes = argument.as_ref();
        into.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
        into.extend_from_slice(bytes);
        into.extend_from_slice(b"\r\n");
    }
}

/// The first answer in these bytes and its length; None: it is not complete yet.
///
/// # Errors
/// What it is instead, when it is no answer of a Redis server.
pub fn parse(bytes: &[u8]) -> Result<Option<(Value, usize)>, String> {
    let mut at = 0;
    Ok(value(bytes, &mut at, DEPTH)?.map(|value| (value, at)))
}

fn value(bytes: &[u8], at: &mut usize, depth: usize) -> Result<Option<Value>, String> {
    let rest = &bytes[*at..];
    let Some(kind) = rest.first() else { return Ok(None) };
    if !b"+-:$*".contains(kind) {
        return Err(stranger(rest));
    }
    let Some(end) = rest.iter().position(|b| *b == b'\n') else {
        return if rest.len() > LONGEST { Err("an endless answer".to_owned()) } else { Ok(None) };
    };
    let line = rest[1..end].strip_suffix(b"\r").unwrap_or(&rest[1..end]);
    let text = String::from_utf8_lossy(line);
    *at += end + 1;
    let length = || text.parse::<i64>().map_err(|_| "no number where one belongs".to_owned());
    Ok(match kind {
        b'+' => Some(Value::Text(line.to_vec())),
        b'-' => Some(Value::Error(text.into_owned())),
        b':' => Some(Value::Int(length()?)),
        b'$' => bulk(bytes, at, length()?)?,
        _ => match length()? {
            ..0 => Some(Value::Nil),
            _ if depth == 0 => return Err("an answer too deep".to_owned()),
            count => {
                let mut parts = Vec::new();
                for _ in 0..count {
                    match value(bytes, at, depth - 1)? {
                        Some(part) => parts.push(part),
                        None => return Ok(None),
                    }
                }
                Some(Value::List(parts))
            }
        },
    })
}

fn bulk(bytes: &[u8], at: &mut usize, length: i64) -> Result<Option<Value>, String> {
    let Ok(length) = usize::try_from(length) else { return Ok(Some(Value::Nil)) };
    if length > LONGEST {
        return Err("an endless answer".to_owned());
    }
    let Some(text) = bytes.get(*at..*at + length + 2) else { return Ok(None) };
    *at += length + 2;
    Ok(Some(Value::Text(text[..length].to_vec())))
}

/// Who it is, by the first bytes that it says.
fn stranger(bytes: &[u8]) -> String {
    match bytes {
        [0x15 | 0x16, 0x03, ..] => "it speaks TLS: write rediss:// in \"store\"".to_owned(),
        [b'H', b'T', b'T', b'P', ..] => "an HTTP server answered: correct host and port in \"store\"".to_owned(),
        _ => "what answered is no Redis server: correct host and port in \"store\"".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let bytes = b"*4\r\n:-7\r\n$2\r\n\r\n\r\n$-1\r\n*1\r\n-ERR no\r\n+next\r\n";
        let whole = bytes.len() - b"+next\r\n".len();
        for end in 0..whole {
            assert_eq!(parse(&bytes[..end]).unwrap(), None, "{end}");
        }
        let parts = vec![
            Value::Int(-7),
            Value::Text(b"\r\n".to_vec()),
            Value::Nil,
            Value::List(vec![Value::Error("ERR no".to_owned())]),
        ];
        assert_eq!(parse(bytes).unwrap(), Some((Value::List(parts), whole)));
        assert_eq!(parse(&bytes[whole..]).unwrap(), Some((Value::Text(b"next".to_vec()), 7)));
    }

    #[test]
    fn strangers_are_told_apart() {
        assert!(parse(b"HTTP/1.1 400 Bad Request\r\n").unwrap_err().contains("HTTP"));
        assert!(parse(&[0x15, 0x03, 0x03, 0, 2, 2, 22]).unwrap_err().contains("rediss://"));
        assert!(parse(b"SSH-2.0-x\r\n").unwrap_err().contains("no Redis"));
        assert!(parse(b"$99999999999\r\n").is_err());
        assert!(parse(&b"*1\r\n".repeat(20)).is_err());
    }

    #[test]
    fn numbers_come_in_three_forms() {
        assert_eq!(Value::Int(5).number(), Some(5));
        assert_eq!(Value::Text(b"1700000000000".to_vec()).number(), Some(1_700_000_000_000));
        assert_eq!(Value::Text(b"9.2233720368547758e+18".to_vec()).number(), Some(i64::MAX));
        assert_eq!(Value::Nil.number(), None);
        assert_eq!(Value::Int(i64::MIN).at_ms(), Some(0));
        assert_eq!(Value::Text(b"inf".to_vec()).at_ms(), Some(LAST_MS));
    }

    #[test]
    fn a_command_is_packed_with_whatever_bytes() {
        let mut packed = Vec::new();
        pack(&[&b"SET"[..], b"k", b"\r\n"], &mut packed);
        assert_eq!(packed, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\r\n\r\n");
    }
}
