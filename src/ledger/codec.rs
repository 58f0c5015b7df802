//! How a record is written: a version, a checksum, and fields one after the other.
//!
//! ```text
//! byte 0      the version of the record's format: 1, or 2 for a player's with what version 1 has no room for
//! bytes 1-4   CRC-32C of the space, the id and the body, big-endian
//! bytes 5-    the body
//! ```
//!
//! Numbers are LEB128 varints; signed ones are zigzagged first. Texts and byte strings stand behind their length. A record
//! of a higher version is refused, never rewritten; one that does not check is damage, and never believed.

use crc::{CRC_32_ISCSI, Crc};

use crate::error::{Error, Retry, Status};
use crate::store::{Name, Stop};

/// The version of all records that need no other.
pub const VERSION: u8 = 1;
const HEADER: usize = 5;
static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Why a record can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Its checksum or its shape is wrong.
    Broken,
    /// A newer library wrote it.
    Newer {
        /// Its version.
        version: u8,
        /// The newest that this library reads.
        known: u8,
    },
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Error {
        let why = match damage {
            Damage::Broken => "a record of this player or key is damaged; it was left as it is. The others are not \
                               affected: restore a copy of the store, or have the player forgotten"
                .to_owned(),
            Damage::Newer { version, known } => format!(
                "a record has format {version}, written by a newer wxsub; this one knows up to {known}. Update this process"
            ),
        };
        Error { retry: Retry::Never, ..Error::new(Status::Store, why) }
    }
}

impl From<Damage> for Stop {
    fn from(damage: Damage) -> Stop {
        Stop::Fail(damage.into())
    }
}

/// A sum of any bytes.
pub fn sum(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

fn checksum(name: &Name, version: u8, body: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(&[name.space() as u8, version]);
    digest.update(name.id());
    digest.update(body);
    digest.finalize()
}

/// Writes a record's fields.
pub struct Encoder(Vec<u8>);

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder(vec![0; HEADER])
    }
}

impl Encoder {
    /// For bytes that are no record: without version and checksum.
    pub fn bare() -> Encoder {
        Encoder(Vec::new())
    }

    /// Those bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub fn unsigned(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    pub fn signed(&mut self, n: i64) {
        self.unsigned((n.cast_unsigned() << 1) ^ (n >> 63).cast_unsigned());
    }

    /// The lowest `size` bytes of the number.
    pub fn fixed(&mut self, n: u64, size: usize) {
        self.0.extend_from_slice(&n.to_be_bytes()[8 - size..]);
    }

    /// Bytes whose number is known.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.unsigned(bytes.len() as u64);
        self.raw(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// The whole record.
    pub fn finish(self, name: &Name) -> Vec<u8> {
        self.finish_as(VERSION, name)
    }

    /// The whole record, of a version that has more in it.
    pub fn finish_as(mut self, version: u8, name: &Name) -> Vec<u8> {
        let sum = checksum(name, version, &self.0[HEADER..]);
        self.0[0] = version;
        self.0[1..HEADER].copy_from_slice(&sum.to_be_bytes());
        self.0
    }
}

/// Reads a record's fields.
pub struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    /// Checks a record.
    pub fn open(name: &Name, record: &'a [u8]) -> Result<Decoder<'a>, Damage> {
        Decoder::open_up_to(VERSION, name, record).map(|(_, decoder)| decoder)
    }

    /// Checks a record of any version up to `known`, and says which it is.
    pub fn open_up_to(known: u8, name: &Name, record: &'a [u8]) -> Result<(u8, Decoder<'a>), Damage> {
        let (header, body) = record.split_at_checked(HEADER).ok_or(Damage::Broken)?;
        let sum = header[1..].iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
        if sum != checksum(name, header[0], body) {
            return Err(Damage::Broken);
        }
        match header[0] {
            0 => Err(Damage::Broken),
            version if version <= known => Ok((version, Decoder(body))),
            version => Err(Damage::Newer { version, known }),
        }
    }

    /// Reads bytes that are no record.
    pub fn bare(bytes: &'a [u8]) -> Decoder<'a> {
        Decoder(bytes)
    }

    /// Whether all was read.
    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub fn take(&mut self, size: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.0.split_at_checked(size).ok_or(Damage::Broken)?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn byte(&mut self) -> Result<u8, Damage> {
        self.take(1).map(|byte| byte[0])
    }

    pub fn unsigned(&mut self) -> Result<u64, Damage> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            n |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(n);
            }
        }
        Err(Damage::Broken)
    }

    pub fn signed(&mut self) -> Result<i64, Damage> {
        let n = self.unsigned()?;
        Ok((n >> 1).cast_signed() ^ -(n & 1).cast_signed())
    }

    pub fn fixed(&mut self, size: usize) -> Result<u64, Damage> {
        Ok(self.take(size)?.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], Damage> {
        let size = usize::try_from(self.unsigned()?).map_err(|_| Damage::Broken)?;
        self.take(size)
    }

    pub fn text(&mut self) -> Result<String, Damage> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| Damage::Broken)
    }

    pub fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Damage> {
        T::try_from(self.unsigned()?).map_err(|_| Damage::Broken)
    }

    /// Says that all was read.
    pub fn end(self) -> Result<(), Damage> {
        if self.0.is_empty() { Ok(()) } else { Err(Damage::Broken) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(n: u64, i: i64, text: String, size in 1usize..=8) {
            let name = Name::player("o");
            let mut encoder = Encoder::default();
            encoder.unsigned(n);
            encoder.signed(i);
            encoder.text(&text);
            encoder.fixed(n, size);
            let record = encoder.finish(&name);
            let mut decoder = Decoder::open(&name, &record).unwrap();
            prop_assert_eq!(decoder.unsigned(), Ok(n));
            prop_assert_eq!(decoder.signed(), Ok(i));
            prop_assert_eq!(decoder.text(), Ok(text));
            prop_assert_eq!(decoder.fixed(size).unwrap(), if size == 8 { n } else { n & ((1 << (8 * size)) - 1) });
            prop_assert!(decoder.end().is_ok());
        }

        #[test]
        fn a_changed_bit_or_another_name_is_damage(n: u64, at: prop::sample::Index, bit in 0u8..8) {
            let name = Name::player("o");
            let mut encoder = Encoder::default();
            encoder.unsigned(n);
            let mut record = encoder.finish(&name);
            prop_assert!(Decoder::open(&Name::player("p"), &record).is_err());
            prop_assert!(Decoder::open(&Name::recent("o"), &record).is_err());
            let at = at.index(record.len());
            record[at] ^= 1 << bit;
            prop_assert!(matches!(Decoder::open(&name, &record).err(), Some(Damage::Broken)));
        }
    }

    #[test]
    fn a_newer_record_is_told_as_such() {
        let name = Name::player("o");
        let mut record = Encoder::default().finish(&name);
        record[0] = 2;
        let sum = checksum(&name, 2, &[]);
        record[1..HEADER].copy_from_slice(&sum.to_be_bytes());
        assert!(matches!(Decoder::open(&name, &record).err(), Some(Damage::Newer { version: 2, known: 1 })));
        assert!(Decoder::open_up_to(2, &name, &record).is_ok_and(|(version, _)| version == 2));
    }
}
