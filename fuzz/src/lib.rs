//! What the targets do with an input, each in a module of its name, and what they share: the library through its C
//! functions, with every out-struct in memory of exactly its size, so that AddressSanitizer sees a byte too many.
//!
//! `tests/it/fuzz_seeds.rs` has this file, too, and does the same with the seeds, without a fuzzer.

pub mod admin;
pub mod answers;
pub mod ask;
pub mod calls;
pub mod config;
pub mod event;
pub mod message;
pub mod wechat;

use std::ffi::{CStr, CString, c_void};
use std::ptr::null_mut;
use std::sync::Mutex;

use wxsub::ffi::*;

/// What no message and no log line may hold: the app secret, the token and the keys of all targets.
pub const MARK: &str = "hunter2-hunter2";

/// Whether the input itself holds the mark, which the fuzzer learns from our comparisons: then a message may quote it.
pub fn quotes_mark(input: &[u8]) -> bool {
    input.windows(MARK.len() / 2).any(|part| part == &MARK.as_bytes()[..MARK.len() / 2])
}

/// An out-struct on the heap, of the size that it states.
pub struct Out(Box<[u64]>);

impl Out {
    /// One of today's size.
    pub fn new() -> Out {
        Out::of_size(size_of::<wxsub_result>() as u32)
    }

    /// One that states this size, and has it, or at least room for stating it.
    pub fn of_size(size: u32) -> Out {
        let words = (size as usize).clamp(4, 4096).div_ceil(8);
        let mut memory = vec![0xA5A5_A5A5_A5A5_A5A5; words].into_boxed_slice();
        memory[0] = memory[0] & !0xFFFF_FFFF | u64::from(size);
        Out(memory)
    }

    pub fn pointer(&mut self) -> *mut wxsub_result {
        self.0.as_mut_ptr().cast()
    }

    /// The result in it, for structs of today's size and more.
    pub fn read(&self) -> wxsub_result {
        assert!(self.0.len() * 8 >= size_of::<wxsub_result>());
        // SAFETY: big enough, aligned to 8, and any bits are a wxsub_result.
        unsafe { *self.0.as_ptr().cast::<wxsub_result>() }
    }
}

impl Default for Out {
    fn default() -> Out {
        Out::new()
    }
}

/// A field of a result as text; it must be UTF-8 and end in NUL.
pub fn text(field: &[std::ffi::c_char]) -> String {
    let bytes: Vec<u8> = field.iter().map(|c| *c as u8).collect();
    CStr::from_bytes_until_nul(&bytes).expect("a closing NUL").to_str().expect("UTF-8").to_owned()
}

/// What holds for every result of every function.
pub fn check(status: wxsub_status, out: &Out) -> wxsub_result {
    let r = out.read();
    let message = text(&r.message);
    assert_eq!(status, r.status, "{message}");
    // Some codes of WeChat's mean that wxsub's request was not understood.
    assert!(status != WXSUB_E_PANIC && (status != WXSUB_E_INTERNAL || r.errcode != 0), "{status}: {message}");
    assert!(!message.contains(MARK), "{message}");
    assert!(status == WXSUB_OK || message.len() >= 15, "{status}: no sentence, but {message:?}");
    assert!(r.remaining >= -1 && (0..=4).contains(&r.quota) && (0..=2).contains(&r.retry));
    assert_eq!(r.struct_size as usize, size_of::<wxsub_result>());
    let _ = (text(&r.template_id), text(&r.key));
    r
}

/// A client that is freed when it goes out of scope; its log lines are watched for the mark.
pub struct Client(pub *mut wxsub_client);

// SAFETY: a handle may be used from any thread; it is looked up, never dereferenced.
unsafe impl Send for Client {}

unsafe extern "C" fn watch(_: *mut c_void, level: i32, line: *const std::ffi::c_char) {
    // SAFETY: the library's promise: a NUL-terminated text for the length of the call.
    let line = unsafe { CStr::from_ptr(line) }.to_str().expect("UTF-8");
    assert!((WXSUB_LOG_ERROR..=WXSUB_LOG_DEBUG).contains(&level));
    assert!(!line.contains(MARK) && !line.contains(['\n', '\r']), "{line}");
}

impl Client {
    /// Opens one.
    pub fn open(config: &str) -> Result<Client, Box<wxsub_result>> {
        let config = CString::new(config).expect("no NUL in JSON");
        let (mut client, mut why) = (null_mut(), Out::new());
        // SAFETY: pointers to what their types say.
        let status = unsafe { wxsub_init(config.as_ptr(), &mut client, why.pointer()) };
        let r = check(status, &why);
        assert_eq!(status == WXSUB_OK, !client.is_null());
        if status != WXSUB_OK {
            return Err(Box::new(r));
        }
        // SAFETY: a function that lives as long as the process.
        assert_eq!(unsafe { wxsub_set_log(client, Some(watch), null_mut(), None, WXSUB_LOG_DEBUG) }, WXSUB_OK);
        Ok(Client(client))
    }

    /// The count of a player; None when that is not to be had.
    pub fn quota(&self, openid: &CStr, template_id: &CStr) -> Option<i64> {
        let (mut remaining, mut why) = (-7, Out::new());
        // SAFETY: pointers to what their types say.
        let status =
            unsafe { wxsub_quota(self.0, openid.as_ptr(), template_id.as_ptr(), &mut remaining, why.pointer()) };
        check(status, &why);
        (status == WXSUB_OK).then_some(remaining)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: any value is fine.
        unsafe { wxsub_free(self.0) };
    }
}

/// A client for many runs, made anew after so many, so that its store does not grow for ever.
pub struct Kept(Mutex<Option<(Client, u32)>>);

impl Kept {
    pub const fn new() -> Kept {
        Kept(Mutex::new(None))
    }

    pub fn with<T>(&self, open: impl FnOnce() -> Client, work: impl FnOnce(&Client) -> T) -> T {
        const RUNS: u32 = 2000;
        let mut kept = self.0.lock().unwrap();
        if kept.as_ref().is_none_or(|(_, runs)| *runs >= RUNS) {
            *kept = Some((open(), 0));
        }
        let (client, runs) = kept.as_mut().unwrap();
        *runs += 1;
        work(client)
    }
}

impl Default for Kept {
    fn default() -> Kept {
        Kept::new()
    }
}

/// The text without the mark that editors put before it, which is taken as if it were not there.
pub fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The input as a C string: up to its first NUL.
pub fn c_string(bytes: &[u8]) -> CString {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    CString::new(&bytes[..end]).unwrap()
}

/// The input cut at NULs into so many parts; those that are not there are empty.
pub fn parts<const N: usize>(bytes: &[u8]) -> [CString; N] {
    let mut all = bytes.splitn(N, |b| *b == 0);
    std::array::from_fn(|_| c_string(all.next().unwrap_or_default()))
}
