//! Any answers of a game client: the array is never overrun, and what is told is what the ledger says.

use super::{Client, Kept, Out, check, parts, quotes_mark, text};
use wxsub::ffi::*;

static KEPT: Kept = Kept::new();

fn open() -> Client {
    Client::open(
        r#"{"appid":"wx1","secret":"s","store":":memory:","durability":"normal",
            "templates":[{"id":"A","keys":["thing1"]},{"id":"L","keys":["thing1"],"type":3}]}"#,
    )
    .unwrap_or_else(|r| panic!("{}", text(&r.message)))
}

/// One input.
pub fn run(data: &[u8]) {
    if quotes_mark(data) {
        return;
    }
    let Some((shape, rest)) = data.split_first() else { return };
    let [json, openid, key] = parts(rest);
    // An array of 0 to 15 results, in memory of exactly that size.
    let capacity = usize::from(shape & 15);
    let mut results = vec![WXSUB_RESULT; capacity].into_boxed_slice();
    KEPT.with(open, |client| {
        let mut count = usize::MAX;
        // SAFETY: pointers to what their types say.
        let status = unsafe {
            let key = if key.is_empty() { std::ptr::null() } else { key.as_ptr() };
            let first = if *shape & 16 == 0 { results.as_mut_ptr() } else { std::ptr::null_mut() };
            wxsub_report_json(client.0, openid.as_ptr(), json.as_ptr(), key, first, capacity, &mut count)
        };
        assert!([WXSUB_OK, WXSUB_E_ARG].contains(&status), "{status}");
        assert!(status == WXSUB_OK || count == 0);
        if *shape & 16 != 0 {
            return;
        }
        for r in results.iter().take(if status == WXSUB_OK { count } else { 1 }) {
            assert!([WXSUB_OK, WXSUB_E_ARG].contains(&r.status), "{}", text(&r.message));
            let id = text(&r.template_id);
            // A longer one is cut, and one with a NUL ends there.
            if status == WXSUB_OK && r.status == WXSUB_OK && r.flags == 0 && !id.is_empty() && id.len() < 60 {
                let id = std::ffi::CString::new(id).unwrap();
                assert_eq!(client.quota(&openid, &id), Some(r.remaining), "{id:?}: {}", text(&r.message));
            }
        }
        for r in results.iter().skip(if status == WXSUB_OK { count } else { 1 }) {
            assert!(r.status == 0 && r.message[0] == 0, "more was written than there is");
        }
        // One answer by itself, with the same odd texts.
        let mut out = Out::new();
        // SAFETY: pointers to what their types say.
        let status = unsafe {
            wxsub_report(client.0, openid.as_ptr(), json.as_ptr(), i32::from(shape >> 5), key.as_ptr(), out.pointer())
        };
        check(status, &out);
        assert!([WXSUB_OK, WXSUB_E_ARG].contains(&status), "{status}");
    });
}

const WXSUB_RESULT: wxsub_result = wxsub_result {
    struct_size: size_of::<wxsub_result>() as u32,
    status: 0,
    errcode: 0,
    http_status: 0,
    retry: 0,
    quota: 0,
    remaining: 0,
    msgid: 0,
    ticket: 0,
    tag: 0,
    attempts: 0,
    elapsed_ms: 0,
    retry_after_ms: 0,
    flags: 0,
    template_id: [0; 64],
    key: [0; 64],
    message: [0; 248],
};
