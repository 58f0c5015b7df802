//! Lets time go by in a store's file, which a test cannot wait for: rewrites when a record of the account was written
//! (docs/architecture.md, "Record format"). The client may be open: SQLite keeps the two apart.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, params};

/// CRC-32C, as the records have it.
static CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
/// The number of the space of account records.
const ACCOUNT: u8 = 4;
const HEADER: usize = 5;

/// What becomes of the time when a record was written, in milliseconds.
#[derive(Clone, Copy, Default)]
pub struct Shift {
    pub wall_ms: i64,
    pub boot_ms: i64,
    /// It was another boot's.
    pub other_boot: bool,
}

impl Shift {
    /// So much longer ago, by both clocks.
    pub fn earlier(by: Duration) -> Shift {
        let ms = -(by.as_millis() as i64);
        Shift { wall_ms: ms, boot_ms: ms, other_boot: false }
    }
}

/// Shifts the records whose id matches the pattern of SQL's LIKE; says how many.
pub fn shift(store: &Path, ids: &str, by: Shift) -> usize {
    let connection = Connection::open(store).expect("the store");
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    let mut found = connection.prepare("SELECT account, id, value FROM account_record WHERE id LIKE ?1").unwrap();
    let rows: Vec<(i64, String, Vec<u8>)> = found
        .query_map([ids], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for (account, id, value) in &rows {
        let body = shifted(&value[HEADER..], by);
        let sql = "UPDATE account_record SET value = ?3 WHERE account = ?1 AND id = ?2";
        connection.execute(sql, params![account, id, record(id, &body)]).unwrap();
    }
    rows.len()
}

/// Puts a record of the only account into the store.
pub fn put(store: &Path, id: &str, body: &[u8]) {
    let connection = Connection::open(store).expect("the store");
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    let sql = "INSERT INTO account_record (account, id, value) SELECT number, ?1, ?2 FROM account";
    connection.execute(sql, params![id, record(id, body)]).unwrap();
}

/// A record that was written now, in the life of this boot.
pub fn stamp_of_now() -> Vec<u8> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("Linux");
    let boot = sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(id.trim()));
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let mut stamp = boot[..4].to_vec();
    stamp.extend_from_slice(&wall.to_be_bytes()[2..]);
    unsigned(since_boot.tv_sec as u64 * 1000 + since_boot.tv_nsec as u64 / 1_000_000, &mut stamp);
    stamp
}

/// A number of a record.
pub fn unsigned(mut n: u64, to: &mut Vec<u8>) {
    while n >= 0x80 {
        to.push(n as u8 | 0x80);
        n >>= 7;
    }
    to.push(n as u8);
}

fn record(id: &str, body: &[u8]) -> Vec<u8> {
    let mut digest = CRC.digest();
    digest.update(&[ACCOUNT, 1]);
    digest.update(id.as_bytes());
    digest.update(body);
    let mut record = vec![1];
    record.extend_from_slice(&digest.finalize().to_be_bytes());
    record.extend_from_slice(body);
    record
}

fn shifted(body: &[u8], by: Shift) -> Vec<u8> {
    let mut wall = [0; 8];
    wall[2..].copy_from_slice(&body[4..10]);
    let wall = u64::from_be_bytes(wall).checked_add_signed(by.wall_ms).expect("a time");
    let end = 10 + body[10..].iter().position(|byte| byte & 0x80 == 0).expect("a number");
    let boot_ms = body[10..=end].iter().rev().fold(0u64, |n, byte| n << 7 | u64::from(byte & 0x7F));
    let mut new = body[..4].to_vec();
    new[0] ^= u8::from(by.other_boot);
    new.extend_from_slice(&wall.to_be_bytes()[2..]);
    // What would be before this boot is as old as can be.
    unsigned(boot_ms.saturating_add_signed(by.boot_ms), &mut new);
    new.extend_from_slice(&body[end + 1..]);
    new
}
