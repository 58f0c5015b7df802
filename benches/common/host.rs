//! The library as a host in C sees it.

use std::ffi::{CStr, CString};
use std::ptr;

use wxsub::ffi::*;

pub struct Client(pub *mut wxsub_client);

// SAFETY: a handle is a number, and every function may be called from any thread (rule 1 of the header).
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

impl Client {
    pub fn open(config: &serde_json::Value) -> Client {
        let config = CString::new(config.to_string()).expect("no NUL in JSON");
        let mut client = ptr::null_mut();
        let mut why = empty();
        // SAFETY: all three point to what the header asks for.
        let status = unsafe { wxsub_init(config.as_ptr(), &raw mut client, &raw mut why) };
        assert_eq!(status, WXSUB_OK, "wxsub_init: {}", text(&why));
        Client(client)
    }

    /// The player accepts once.
    pub fn accept(&self, openid: &CStr, template_id: &CStr) {
        let mut out = empty();
        // SAFETY: strings and a result, as the header asks for.
        let status = unsafe {
            wxsub_report(self.0, openid.as_ptr(), template_id.as_ptr(), WXSUB_ACCEPT, ptr::null(), &raw mut out)
        };
        assert_eq!(status, WXSUB_OK, "wxsub_report: {}", text(&out));
    }

    /// Sends; anything but OK ends the benchmark, since figures of failures mean nothing.
    pub fn send(&self, message_json: &CStr) {
        let mut out = empty();
        // SAFETY: a string and a result, as the header asks for.
        let status = unsafe { wxsub_send(self.0, message_json.as_ptr(), ptr::null(), &raw mut out) };
        assert_eq!(status, WXSUB_OK, "wxsub_send: {}", text(&out));
    }
}

impl Client {
    /// The player accepts these, in one report.
    pub fn report(&self, openid: &CStr, answers_json: &CStr) {
        // SAFETY: strings, and no results wanted.
        let status = unsafe {
            let (openid, answers) = (openid.as_ptr(), answers_json.as_ptr());
            wxsub_report_json(self.0, openid, answers, ptr::null(), ptr::null_mut(), 0, ptr::null_mut())
        };
        assert_eq!(status, WXSUB_OK, "wxsub_report_json");
    }

    /// Sends with options.
    pub fn send_with(&self, message_json: &CStr, options_json: &CStr) {
        let mut out = empty();
        // SAFETY: strings and a result, as the header asks for.
        let status = unsafe { wxsub_send(self.0, message_json.as_ptr(), options_json.as_ptr(), &raw mut out) };
        assert_eq!(status, WXSUB_OK, "wxsub_send: {}", text(&out));
    }

    /// What the player still allows.
    pub fn quota(&self, openid: &CStr, template_id: &CStr) -> i64 {
        let (mut remaining, mut why) = (0, empty());
        // SAFETY: strings, a number and a result, as the header asks for.
        let status =
            unsafe { wxsub_quota(self.0, openid.as_ptr(), template_id.as_ptr(), &raw mut remaining, &raw mut why) };
        assert_eq!(status, WXSUB_OK, "wxsub_quota: {}", text(&why));
        remaining
    }

    /// Submits; false when the queue is full.
    pub fn submit(&self, message_json: &CStr, options_json: Option<&CStr>) -> bool {
        let options = options_json.map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: strings and NULLs, as the header asks for.
        let status = unsafe { wxsub_submit(self.0, message_json.as_ptr(), options, ptr::null_mut(), ptr::null_mut()) };
        assert!(status == WXSUB_OK || status == WXSUB_E_QUEUE_FULL, "wxsub_submit: {status}");
        status == WXSUB_OK
    }

    /// Polls into `results`, and says how many there were.
    pub fn poll(&self, results: &mut [wxsub_result], wait_ms: u32) -> usize {
        let mut count = 0;
        // SAFETY: an array of so many structs, whose first one states its size.
        let status = unsafe { wxsub_poll(self.0, results.as_mut_ptr(), results.len(), wait_ms, &raw mut count) };
        assert_eq!(status, WXSUB_OK, "wxsub_poll");
        count
    }

    /// Looks a key up; its status.
    pub fn look_up(&self, openid: &CStr, key: &CStr) -> i32 {
        // SAFETY: strings, and no result wanted.
        unsafe { wxsub_lookup(self.0, openid.as_ptr(), key.as_ptr(), ptr::null_mut()) }
    }

    /// Cancels a key; its status.
    pub fn cancel(&self, openid: &CStr, key: &CStr) -> i32 {
        // SAFETY: strings, and no result wanted.
        unsafe { wxsub_cancel(self.0, openid.as_ptr(), key.as_ptr(), ptr::null_mut()) }
    }

    pub fn stats(&self) -> wxsub_stats {
        // SAFETY: numbers may be all zero; the size is set.
        unsafe {
            let mut stats: wxsub_stats = std::mem::zeroed();
            stats.struct_size = size_of::<wxsub_stats>() as u32;
            assert_eq!(wxsub_get_stats(self.0, &raw mut stats), WXSUB_OK, "wxsub_get_stats");
            stats
        }
    }
}

/// An array for polling.
pub fn room(places: usize) -> Vec<wxsub_result> {
    vec![empty(); places]
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: a handle that wxsub_init returned.
        unsafe { wxsub_free(self.0) };
    }
}

pub fn empty() -> wxsub_result {
    // SAFETY: numbers and arrays of numbers may be all zero.
    let mut result: wxsub_result = unsafe { std::mem::zeroed() };
    result.struct_size = size_of::<wxsub_result>() as u32;
    result
}

pub fn text(result: &wxsub_result) -> String {
    // SAFETY: the library closes its text with a NUL, and before it everything is 0.
    unsafe { CStr::from_ptr(result.message.as_ptr()) }.to_string_lossy().into_owned()
}
