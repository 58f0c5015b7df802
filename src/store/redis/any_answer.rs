//! Any bytes as an answer of a server's: whatever asks must end with an error or a value, in time.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use parking_lot::Mutex;

use super::format::FORMAT;
use super::resp::{self, Value};
use super::slots::Slots;
use super::{RedisEngine, durability};
use crate::clock::{self, Deadline};
use crate::config::{Config, StoreAt};
use crate::error::{Error, Status};
use crate::store::{Changes, Engine, Found, LogEntry, LogQuery, Name, Space, Step, Trace, View, When};

const OPENID: &str = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M";
/// What a call may take, with the tries that a lost answer brings.
const CALL_MS: u64 = 500;
/// So long it may go on behind its deadline on a busy machine.
const PATIENCE_MS: u64 = 20_000;

/// A server on a port of its own that answers well, but for one answer.
struct Server {
    port: u16,
    next: Mutex<Replaced>,
}

/// Behind so many good answers come so many others.
#[derive(Default)]
struct Replaced {
    before: u8,
    times: u8,
    answer: Vec<u8>,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<&'static Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server: &'static Server = Box::leak(Box::new(Server { port, next: Mutex::default() }));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                std::thread::spawn(move || server.serve(connection));
            }
        });
        server
    })
}

impl Server {
    fn serve(&self, mut connection: TcpStream) -> Option<()> {
        connection.set_nodelay(true).ok()?;
        let (mut input, mut chunk) = (Vec::new(), [0; 16 << 10]);
        loop {
            let mut answers = Vec::new();
            while let Some((command, length)) = resp::parse(&input).ok()? {
                input.drain(..length);
                match self.replacement() {
                    None => answers.extend(good(&command)),
                    Some(bytes) => {
                        answers.extend_from_slice(&bytes);
                        if !matches!(resp::parse(&bytes), Ok(Some((_, length))) if length == bytes.len()) {
                            // No more comes, so nobody need wait for it.
                            return connection.write_all(&answers).ok().filter(|()| false);
                        }
                    }
                }
            }
            connection.write_all(&answers).ok()?;
            let read = connection.read(&mut chunk).ok().filter(|read| *read > 0)?;
            input.extend_from_slice(&chunk[..read]);
        }
    }

    fn replacement(&self) -> Option<Vec<u8>> {
        let mut next = self.next.lock();
        match next.before.checked_sub(1) {
            Some(before) => {
                next.before = before;
                None
            }
            None => {
                next.times = next.times.checked_sub(1)?;
                Some(next.answer.clone())
            }
        }
    }
}

fn bulk(text: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

/// What a server with a player, a message and an entry of the log would say.
fn good(command: &Value) -> Vec<u8> {
    let words: Vec<&[u8]> = command.list().iter().filter_map(bytes_of).collect();
    let now_ms = clock::wall_ms();
    let list = |parts: &[&[u8]]| {
        let parts: Vec<u8> = parts.iter().flat_map(|part| bulk(part)).collect();
        [format!("*{}\r\n", command_count(&parts)).as_bytes(), &parts].concat()
    };
    match words.first().copied().unwrap_or_default() {
        b"EVALSHA" | b"EVAL" => script(&words, now_ms),
        b"TIME" => list(&[(now_ms / 1000).to_string().as_bytes(), b"0"]),
        b"GET" if words.get(1).is_some_and(|key| key.ends_with(b":format")) => bulk(FORMAT.as_bytes()),
        b"HGET" => bulk(b"value"),
        b"HKEYS" => list(&[OPENID.as_bytes(), Name::hashed(Space::Message, OPENID, &[b"m"]).id()]),
        b"HMGET" => b"*1\r\n$-1\r\n".to_vec(),
        b"ZRANGE" if words.get(1).is_some_and(|key| key.ends_with(b"wx1}:agenda")) => list(&[b"5", b"1700000000000"]),
        b"ZRANGE" => list(&[Name::hashed(Space::Message, OPENID, &[b"m"]).id(), b"1700000000000"]),
        b"ZCARD" | b"ZCOUNT" | b"XDEL" | b"HDEL" | b"WAIT" => b":1\r\n".to_vec(),
        b"EXISTS" | b"XTRIM" => b":0\r\n".to_vec(),
        b"SCAN" => b"*2\r\n$1\r\n0\r\n*0\r\n".to_vec(),
        b"CONFIG" => list(&[b"appendonly", b"yes", b"appendfsync", b"always"]),
        b"WAITAOF" => b"*2\r\n:1\r\n:0\r\n".to_vec(),
        b"HGETALL" | b"XRANGE" | b"XREVRANGE" => b"*0\r\n".to_vec(),
        b"INFO" => bulk(b"role:master\r\naof_enabled:1\r\n"),
        b"GET" => b"$-1\r\n".to_vec(),
        _ => b"+OK\r\n".to_vec(),
    }
}

/// How many texts these are.
fn command_count(mut packed: &[u8]) -> usize {
    let mut count = 0;
    while let Ok(Some((_, length))) = resp::parse(packed) {
        packed = &packed[length..];
        count += 1;
    }
    count
}

/// The script's answer: nothing is there where it is asked what there is; else all is as it was seen.
fn script(words: &[&[u8]], now_ms: i64) -> Vec<u8> {
    let number = |at: usize| words.get(at).and_then(|word| std::str::from_utf8(word).ok()?.parse::<usize>().ok());
    let keys = number(2).unwrap_or(0);
    let records = number(4 + keys).unwrap_or(0);
    let asks = (0..records).any(|record| words.get(6 + keys + 2 * record).is_some_and(|seen| *seen == b"?"));
    let values = if asks { records } else { 0 };
    let head = format!("*{}\r\n:{}\r\n:{now_ms}\r\n", 2 + values, u8::from(!asks));
    [head.as_bytes(), &b"$-1\r\n".repeat(values)].concat()
}

fn bytes_of(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Text(bytes) => Some(bytes),
        _ => None,
    }
}

/// Answers questions with `data`: its first byte says what is done, its second which of the answers to that are replaced.
///
/// # Panics
/// When something panics, takes too long, or fails with another error than of the store: that is what is looked for.
pub fn any_answer(data: &[u8]) {
    let [what, before, answer @ ..] = data else { return };
    read_alone(answer);
    static KEPT: Mutex<Option<RedisEngine>> = Mutex::new(None);
    let mut kept = KEPT.lock();
    let arm =
        || *server().next.lock() = Replaced { before: before % 8, times: 1 + before / 8 % 4, answer: answer.to_vec() };
    let began = std::time::Instant::now();
    if what % 16 == 0 {
        arm();
        only_of_the_store(open(CALL_MS).map(drop));
        *server().next.lock() = Replaced::default();
    } else {
        let engine = kept.get_or_insert_with(|| open(PATIENCE_MS).unwrap_or_else(|e| panic!("{e}")));
        arm();
        ask(engine, what % 16);
        *server().next.lock() = Replaced::default();
        // What it has learned must not keep it from going on.
        let deadline = Deadline::in_ms(PATIENCE_MS);
        engine.step(step(true), deadline).unwrap_or_else(|e| panic!("{e}"));
    }
    assert!(began.elapsed() < Duration::from_millis(2 * PATIENCE_MS), "it took {:?}", began.elapsed());
}

fn open(timeout_ms: u64) -> Result<RedisEngine, Error> {
    let port = server().port;
    let text = format!(
        r#"{{"appid":"wx1","secret":"0123456789abcdef0123456789abcdef","store":"redis://127.0.0.1:{port}","timeout_ms":{timeout_ms}}}"#
    );
    let config = Config::from_json(&text)?;
    let StoreAt::Redis(at) = &config.store else { unreachable!("it is one") };
    RedisEngine::open(&config, at)
}

/// What reads an answer without having asked.
fn read_alone(bytes: &[u8]) {
    let Ok(Some((value, length))) = resp::parse(bytes) else { return };
    assert!(length <= bytes.len());
    assert_eq!(resp::parse(&bytes[..length - 1]), Ok(None), "it was whole before its end");
    let mut slots = Slots::default();
    slots.learn(&value, "asked");
    if slots.gap().is_none() {
        assert!((0..16_384).all(|slot| slots.owner(slot).is_some()));
    }
    slots.owners().iter().for_each(|owner| slots.forget(owner));
    durability::warnings(value.list());
    for kind in durability::Proof::ALL {
        let _given = (kind.is_given(&value), kind.lacks(Some(&value)));
    }
}

fn step(proven: bool) -> Step {
    let (player, message) = (Name::player(OPENID), Name::hashed(Space::Message, OPENID, &[b"m"]));
    let find = |_: &Name, _: Option<&[u8]>, _: Option<&[u8]>, _: u64| Found::NotDone;
    let trace = Some(Trace { name: player.clone(), find });
    let reads = vec![player.clone()];
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        changes.put(player.clone(), Some(b"value".to_vec()), None);
        changes.look_at(message.clone(), When::At(view.time.wall_ms));
        changes.log.push(LogEntry { home: player.home(), text: b"entry".to_vec(), ..LogEntry::default() });
        Ok(changes)
    });
    Step { reads, proven, trace, decide }
}

fn ask(engine: &RedisEngine, what: u8) {
    let deadline = || Deadline::in_ms(CALL_MS);
    let (home, core) = (Name::player(OPENID).home(), &engine.core);
    let scan = |space| only_of_the_store(engine.scan(space, None, 20, deadline()).map(drop));
    let log = |home| {
        let query = LogQuery { home, to_ms: clock::wall_ms(), limit: 20, ..LogQuery::default() };
        only_of_the_store(engine.log(&query, deadline()).map(drop));
    };
    match what {
        1 => only_of_the_store(engine.step(step(true), deadline())),
        2 => only_of_the_store(engine.read(step(false), deadline())),
        3 => only_of_the_store(engine.agenda(10, &|_| false, deadline()).map(drop)),
        4 => only_of_the_store(engine.backlog(deadline()).map(drop)),
        5 => scan(Space::Player),
        6 => scan(Space::Account),
        7 => scan(Space::Key),
        8 => only_of_the_store(engine.scan_of(Space::Message, home, None, 20, deadline()).map(drop)),
        9 => only_of_the_store(engine.names_of(home, 20, deadline()).map(drop)),
        10 => log(Some(home)),
        11 => log(None),
        12 => only_of_the_store(engine.drop_log(home, &|text| text.first() == Some(&1), deadline()).map(drop)),
        13 => only_of_the_store(engine.counters(0..=40_000, deadline()).map(drop)),
        14 => only_of_the_store(core.described(core.maintain_journal(deadline()))),
        _ => {
            only_of_the_store(engine.version(deadline()).map(drop));
            only_of_the_store(engine.warnings(deadline()).map(drop));
            only_of_the_store(engine.prove_all(deadline()));
        }
    }
}

fn only_of_the_store(done: Result<(), Error>) {
    if let Err(e) = done {
        assert_eq!(e.status, Status::Store, "{e}");
    }
}
