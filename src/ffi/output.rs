//! Results out: into the caller's memory, never beyond the size that the caller stated.

use std::ffi::c_char;
use std::mem::{offset_of, size_of};
use std::time::Instant;

use super::types::{wxsub_identity, wxsub_result, wxsub_status};
use crate::client;
use crate::error::{Error, Status, Verdict};

/// Version 1's size: the least that a caller may state, for ever.
const MIN_SIZE: usize = 448;
/// More than this is not a size but garbage.
const MAX_SIZE: usize = 4096;

/// The caller's struct states a size that no version has.
pub struct BadSize;

/// Room for the result of one call, which began when this was made; none if the caller wants none.
pub struct Slot {
    room: Array,
    began: Instant,
}

impl Slot {
    /// # Safety
    /// `result` is NULL, or points to a struct of the size that its `struct_size` states.
    pub unsafe fn new(result: *mut wxsub_result) -> Result<Slot, BadSize> {
        // SAFETY: one struct is an array of one.
        unsafe { Array::new(result, 1) }.map(|room| Slot { room, began: Instant::now() })
    }

    /// Writes the verdict, or why there is none, and says its status.
    pub fn put(&mut self, done: Result<Verdict, Error>) -> wxsub_status {
        let mut verdict = done.unwrap_or_else(Verdict::from);
        let status = verdict.status.code();
        if verdict.elapsed_ms == 0 {
            verdict.elapsed_ms = u32::try_from(self.began.elapsed().as_millis()).unwrap_or(u32::MAX);
        }
        self.room.put(std::slice::from_ref(&verdict));
        status
    }
}

/// Room for several results.
pub struct Array {
    first: *mut u8,
    capacity: usize,
    stride: usize,
}

impl Array {
    /// # Safety
    /// `first` is NULL, or points to `capacity` structs of the size that the first one's `struct_size` states.
    pub unsafe fn new(first: *mut wxsub_result, capacity: usize) -> Result<Array, BadSize> {
        let first = first.cast::<u8>();
        if first.is_null() || capacity == 0 {
            return Ok(Array { first, capacity: 0, stride: MIN_SIZE });
        }
        // SAFETY: every version's struct begins with its u32 size; unaligned, since nothing is known of it yet.
        let stride = unsafe { first.cast::<u32>().read_unaligned() } as usize;
        if (MIN_SIZE..=MAX_SIZE).contains(&stride) { Ok(Array { first, capacity, stride }) } else { Err(BadSize) }
    }

    /// Writes as many as there is room for.
    pub fn put(&mut self, verdicts: &[Verdict]) {
        const SKIPPED: usize = offset_of!(wxsub_result, status);
        let size = self.stride.min(size_of::<wxsub_result>());
        for (i, verdict) in verdicts.iter().take(self.capacity).enumerate() {
            let encoded = encode(verdict);
            // SAFETY: i < capacity, and size ≤ stride and ≤ our own struct, so both sides stay inside their memory.
            // struct_size, the first field, is the caller's and is skipped.
            unsafe {
                let from = (&raw const encoded).cast::<u8>().add(SKIPPED);
                let to = self.first.add(i * self.stride + SKIPPED);
                to.copy_from_nonoverlapping(from, size - SKIPPED);
            }
        }
    }
}

/// Room for a number, 0 until it is known; none if the caller wants none.
pub struct Number<T = u64>(*mut T);

impl<T: Default> Number<T> {
    /// # Safety
    /// `to` is NULL, or points to a number of the caller's.
    pub unsafe fn new(to: *mut T) -> Number<T> {
        if !to.is_null() {
            // SAFETY: not NULL, so a number by the caller's promise; unaligned, as all else that crosses here.
            unsafe { to.write_unaligned(T::default()) };
        }
        Number(to)
    }

    pub fn put(&mut self, value: T) {
        if !self.0.is_null() {
            // SAFETY: as above.
            unsafe { self.0.write_unaligned(value) };
        }
    }
}

/// Room for a text that may be of any length.
pub struct Text {
    to: *mut u8,
    capacity: usize,
    wanted: bool,
}

impl Text {
    /// # Safety
    /// `to` is NULL, or points to `capacity` bytes.
    pub unsafe fn new(name: &str, to: *mut c_char, capacity: usize) -> Result<Text, Error> {
        if to.is_null() && capacity > 0 {
            return Err(Error::new(
                Status::Arg,
                format!("{name} is NULL, but its capacity is {capacity}: pass a buffer, or capacity 0"),
            ));
        }
        Ok(Text { to: to.cast(), capacity, wanted: !to.is_null() })
    }

    /// The longest text that fits; any, if none is wanted.
    pub fn room(&self) -> usize {
        if self.wanted { self.capacity } else { usize::MAX }
    }

    /// Writes a text that fits, and a NUL behind it if that fits too.
    pub fn put(&mut self, text: &[u8]) {
        if !self.wanted || text.len() > self.capacity {
            return;
        }
        // SAFETY: text.len() ≤ capacity, and the NUL is written only inside the capacity.
        unsafe {
            self.to.copy_from_nonoverlapping(text.as_ptr(), text.len());
            if text.len() < self.capacity {
                self.to.add(text.len()).write(0);
            }
        }
    }
}

/// Room for a JSON reply, and for its length.
pub struct Reply {
    text: Text,
    length: Number<usize>,
}

impl Reply {
    /// Empties the reply.
    ///
    /// # Safety
    /// `to` is NULL, or points to `capacity` bytes.
    ///
    /// # Errors
    /// [`Status::Arg`] when it is smaller than `least`, so that no host finds out with its first long reply.
    pub unsafe fn new(to: *mut c_char, capacity: usize, least: usize, length: Number<usize>) -> Result<Reply, Error> {
        // SAFETY: the caller's promise, passed on.
        let mut text = unsafe { Text::new("reply", to, capacity) }?;
        text.put(b"");
        if capacity < least {
            let why = format!("reply needs a capacity of {least} bytes, not {capacity}; nothing was done");
            return Err(Error::new(Status::Arg, why));
        }
        Ok(Reply { text, length })
    }

    /// The longest that fits.
    pub fn room(&self) -> usize {
        self.text.capacity - 1
    }

    /// Writes it with a NUL behind it, and its length.
    ///
    /// # Errors
    /// [`Status::Arg`] when there is no room for both; the length is told all the same.
    pub fn put(&mut self, json: &str) -> Result<(), Error> {
        self.length.put(json.len());
        if json.len() > self.room() {
            let (has, capacity) = (json.len(), self.text.capacity);
            return Err(Error::new(Status::Arg, format!("the reply has {has} bytes and a NUL, the buffer {capacity}")));
        }
        self.text.put(json.as_bytes());
        Ok(())
    }
}

/// Room for an identity.
pub struct Identity {
    to: *mut u8,
    size: usize,
}

impl Identity {
    /// # Safety
    /// `to` is NULL, or points to a struct of the size that its `struct_size` states.
    pub unsafe fn new(to: *mut wxsub_identity) -> Result<Identity, Error> {
        const MIN_SIZE: usize = 200;
        let to = to.cast::<u8>();
        if to.is_null() {
            return Err(Error::new(Status::Arg, "out is NULL; give it the address of a wxsub_identity"));
        }
        // SAFETY: not NULL; every version's struct begins with its u32 size.
        let size = unsafe { to.cast::<u32>().read_unaligned() } as usize;
        if !(MIN_SIZE..=MAX_SIZE).contains(&size) {
            return Err(Error::new(
                Status::Arg,
                format!("struct_size {size} of out is no size of a wxsub_identity; use WXSUB_IDENTITY_INIT"),
            ));
        }
        Ok(Identity { to, size })
    }

    /// Writes who it is; nothing, if a part would not fit: a cut id is another one's.
    pub fn put(&mut self, identity: &client::Identity) -> Result<(), Error> {
        const SKIPPED: usize = offset_of!(wxsub_identity, reserved);
        for (name, text) in [
            ("openid", identity.openid.as_str()),
            ("unionid", identity.unionid.as_str()),
            ("session_key", identity.session_key.expose()),
        ] {
            if text.len() > 63 {
                return Err(Error::new(
                    Status::Internal,
                    format!("WeChat's {name} has {} bytes; wxsub_identity holds 63", text.len()),
                ));
            }
        }
        let encoded = wxsub_identity {
            struct_size: 0,
            reserved: 0,
            openid: fixed(&identity.openid),
            unionid: fixed(&identity.unionid),
            session_key: fixed(identity.session_key.expose()),
        };
        let size = self.size.min(size_of::<wxsub_identity>());
        // SAFETY: size ≤ what the caller stated and ≤ our own struct; struct_size, the first field, is skipped.
        unsafe {
            let from = (&raw const encoded).cast::<u8>().add(SKIPPED);
            self.to.add(SKIPPED).copy_from_nonoverlapping(from, size - SKIPPED);
        }
        Ok(())
    }
}

fn encode(v: &Verdict) -> wxsub_result {
    wxsub_result {
        struct_size: 0,
        status: v.status.code(),
        errcode: v.errcode,
        http_status: v.http_status,
        retry: v.retry as i32,
        quota: v.quota as i32,
        remaining: v.remaining,
        msgid: v.msgid,
        ticket: v.ticket,
        tag: v.tag,
        attempts: v.attempts,
        elapsed_ms: v.elapsed_ms,
        retry_after_ms: v.retry_after_ms,
        flags: v.flags,
        template_id: fixed(&v.template_id),
        key: fixed(&v.key),
        message: fixed(&v.message),
    }
}

/// The text in a field of N bytes: cut at a character, always with a closing NUL, and ending at an inner NUL.
fn fixed<const N: usize>(text: &str) -> [c_char; N] {
    let mut field = [0; N];
    let text = text.split('\0').next().unwrap_or_default();
    let fits = |at: &usize| text.is_char_boundary(*at);
    let end = (0..=text.len().min(N - 1)).rev().find(fits).unwrap_or(0);
    for (to, from) in field.iter_mut().zip(&text.as_bytes()[..end]) {
        *to = *from as c_char;
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_at_a_character() {
        let field: [c_char; 8] = fixed("一二三四");
        let bytes: Vec<u8> = field.iter().map(|c| *c as u8).collect();
        assert_eq!(bytes, [0xe4, 0xb8, 0x80, 0xe4, 0xba, 0x8c, 0, 0]);
    }

    #[test]
    fn a_result_says_how_long_its_call_took() {
        let mut result = encode(&Verdict::default());
        result.struct_size = size_of::<wxsub_result>() as u32;
        for (known, least) in [(0, 20), (7, 7)] {
            // SAFETY: a whole struct, and its size.
            let Ok(mut slot) = (unsafe { Slot::new(&raw mut result) }) else { panic!("the size is right") };
            std::thread::sleep(std::time::Duration::from_millis(20));
            slot.put(Ok(Verdict { elapsed_ms: known, ..Verdict::default() }));
            assert!(result.elapsed_ms >= least && (known == 0 || result.elapsed_ms == known), "{}", result.elapsed_ms);
        }
    }

    #[test]
    fn sizes_outside_the_range_are_refused_and_larger_structs_are_left_alone_beyond_ours() {
        let mut memory = vec![0xAAu8; 2 * 600];
        for bad in [0u32, 4, 447, 4097, u32::MAX] {
            memory[..4].copy_from_slice(&bad.to_ne_bytes());
            // SAFETY: the struct_size is refused before anything else is read.
            assert!(unsafe { Array::new(memory.as_mut_ptr().cast(), 2) }.is_err());
        }
        memory[..4].copy_from_slice(&600u32.to_ne_bytes());
        // SAFETY: two structs of 600 bytes.
        let Ok(mut array) = (unsafe { Array::new(memory.as_mut_ptr().cast(), 2) }) else { panic!("600 is fine") };
        array.put(&[Verdict::ok("a"), Verdict::ok("b"), Verdict::ok("no room")]);
        assert_eq!(memory[..4], 600u32.to_ne_bytes());
        assert_eq!(memory[448..604], [0xAA; 156]);
        assert_eq!(memory[200], b'a');
        assert_eq!(memory[800], b'b');
    }
}
