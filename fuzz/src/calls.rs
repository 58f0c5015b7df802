//! Any sequence of calls with good, stale and made-up handles, NULLs, and out-structs of any size: each answers with a
//! status, writes nothing beyond the size that was stated, and an open client goes on.

use std::ffi::{CString, c_void};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{MARK, Out, check, quotes_mark};
use wxsub::ffi::*;

/// Reads choices off the input; 0 when it has ended.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        (0..8).fold(0, |n, _| n << 8 | u64::from(self.byte()))
    }

    fn text(&mut self) -> Option<CString> {
        let fixed =
            ["", "o", "T", "accept", r#"{"T":"accept"}"#, r#"{"touser":"o","template_id":"T","data":{"thing1":"x"}}"#];
        match usize::from(self.byte()) {
            0 => None,
            n if n <= fixed.len() => Some(CString::new(fixed[n - 1]).unwrap()),
            n => {
                let length = (n - fixed.len()).min(self.0.len());
                let (text, rest) = self.0.split_at(length);
                self.0 = rest;
                Some(super::c_string(text))
            }
        }
    }

    /// NULL, a struct of today's size, of a later version's, or of no version's.
    fn out(&mut self) -> Option<(Out, bool)> {
        let size = match self.byte() % 8 {
            0 => return None,
            1..=4 => 448,
            5 => 456,
            6 => 4096,
            _ => self.number() as u32,
        };
        Some((Out::of_size(size), (448..=4096).contains(&size)))
    }
}

fn at(text: &Option<CString>) -> *const std::ffi::c_char {
    text.as_ref().map_or(null(), |t| t.as_ptr())
}

static DESTROYED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn line(_: *mut c_void, _: i32, _: *const std::ffi::c_char) {}

unsafe extern "C" fn destroy(_: *mut c_void) {
    DESTROYED.fetch_add(1, Ordering::SeqCst);
}

/// One input.
pub fn run(data: &[u8]) {
    if quotes_mark(data) {
        return;
    }
    let mut choices = Choices(data);
    let mut open: Vec<*mut wxsub_client> = Vec::new();
    let mut stale: Vec<*mut wxsub_client> = Vec::new();
    let (mut given, before) = (0, DESTROYED.load(Ordering::SeqCst));
    for _ in 0..40 {
        if choices.0.is_empty() {
            break;
        }
        let what = choices.byte();
        let pick = usize::from(choices.byte());
        let (client, is_open) = match pick % 4 {
            0 | 1 if !open.is_empty() => (open[pick / 4 % open.len()], true),
            2 if !stale.is_empty() => (stale[pick / 4 % stale.len()], false),
            3 => {
                let made_up = std::ptr::without_provenance_mut(choices.number() as usize);
                (made_up, open.contains(&made_up))
            }
            _ => (null_mut(), false),
        };
        let mut out = choices.out();
        let good_size = out.as_ref().is_none_or(|(_, good)| *good);
        let result = out.as_mut().map_or(null_mut(), |(out, _)| out.pointer());
        let (one, two, three) = (choices.text(), choices.text(), choices.text());
        let (one, two, three) = (at(&one), at(&two), at(&three));
        let mut needs_client = true;
        // SAFETY: pointers to what their types say, or NULL.
        let status = unsafe {
            match what % 9 {
                0 if open.len() < 2 => {
                    let config = CString::new(format!(
                        r#"{{"appid":"wx1","token":"external","store":":memory:","templates":"off","max_attempts":1,
                            "api_base":"http://127.0.0.1:1","timeout_ms":300,"event":{{"token":"{MARK}"}}}}"#
                    ))
                    .unwrap();
                    let mut new = null_mut();
                    let status = wxsub_init(config.as_ptr(), &mut new, result);
                    assert_eq!(status == WXSUB_OK, !new.is_null());
                    open.extend((!new.is_null()).then_some(new));
                    needs_client = false;
                    status
                }
                1 => wxsub_report(client, one, two, i32::from(choices.byte() as i8), three, result),
                2 => wxsub_report_json(client, one, two, three, result, usize::from(!result.is_null()), null_mut()),
                3 => wxsub_quota(client, one, two, null_mut(), result),
                4 => wxsub_send(client, one, two, result),
                5 => wxsub_handle_event(
                    client,
                    one,
                    two,
                    if two.is_null() { 0 } else { 1 },
                    null_mut(),
                    0,
                    null_mut(),
                    result,
                ),
                6 => {
                    given += 1;
                    let log: wxsub_log_fn = if choices.byte() % 2 == 0 { Some(line) } else { None };
                    let status = wxsub_set_log(client, log, null_mut(), Some(destroy), i32::from(choices.byte() as i8));
                    assert_eq!(status == WXSUB_OK, is_open);
                    continue;
                }
                7 => {
                    let status = wxsub_set_token(client, one, choices.number() as u32);
                    assert_eq!(status == WXSUB_E_STATE, !is_open);
                    continue;
                }
                _ => {
                    wxsub_free(client);
                    if is_open {
                        open.retain(|c| *c != client);
                        stale.push(client);
                    }
                    continue;
                }
            }
        };
        if !good_size {
            assert_eq!(status, WXSUB_E_ARG);
        } else if needs_client {
            assert_eq!(status == WXSUB_E_STATE, !is_open, "{status}");
        }
        assert!(status != WXSUB_E_PANIC && status != WXSUB_E_INTERNAL);
        if let Some((out, true)) = &out
            && out.read().struct_size == 448
            && !(what % 9 == 2 && status == WXSUB_OK)
        {
            check(status, out);
        }
    }
    for client in open.drain(..) {
        // SAFETY: any value is fine.
        unsafe { wxsub_free(client) };
    }
    for _ in 0..500 {
        if DESTROYED.load(Ordering::SeqCst) == before + given {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert_eq!(DESTROYED.load(Ordering::SeqCst), before + given, "each callback's destroy runs once");
}
