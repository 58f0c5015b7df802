//! Any request for a plan, of a player of whom something is known: a plan of what was listed, or a sentence.

use std::ffi::c_char;

use serde_json::Value;
use wxsub::ffi::*;

use super::{Client, Kept, Out, check, parts, quotes_mark, text, without_bom};

static KEPT: Kept = Kept::new();

fn open() -> Client {
    let client = Client::open(
        r#"{"appid":"wx1","secret":"s","store":":memory:","durability":"normal","max_count":50,
            "templates":[{"id":"A","keys":["thing1"]},{"id":"L","keys":["thing1"],"type":3}]}"#,
    )
    .unwrap_or_else(|r| panic!("{}", text(&r.message)));
    let answers = c"{\"A\":\"accept\",\"B\":\"reject\",\"C\":\"ban\",\"SYS_MSG_TYPE_INTERACTIVE\":\"accept\"}";
    let (mut why, mut count) = (Out::new(), 0);
    // SAFETY: pointers to what their types say.
    let status = unsafe {
        wxsub_report_json(client.0, c"o".as_ptr(), answers.as_ptr(), std::ptr::null(), why.pointer(), 1, &mut count)
    };
    assert_eq!(status, WXSUB_OK);
    client
}

/// The first byte is the room for the reply; the request and the openid follow.
pub fn run(data: &[u8]) {
    if quotes_mark(data) {
        return;
    }
    let Some((shape, rest)) = data.split_first() else { return };
    let [request, openid] = parts(rest);
    let openid = if openid.is_empty() { c"o".to_owned() } else { openid };
    let capacity = 4096 * usize::from(shape % 20) / 2;
    KEPT.with(open, |client| {
        let mut reply: Box<[c_char]> = vec![0x55; capacity].into_boxed_slice();
        let (mut length, mut why) = (usize::MAX, Out::new());
        // SAFETY: pointers to what their types say, and their lengths.
        let status = unsafe {
            let first = if capacity == 0 { std::ptr::null_mut() } else { reply.as_mut_ptr() };
            wxsub_ask(client.0, openid.as_ptr(), request.as_ptr(), first, capacity, &mut length, why.pointer())
        };
        check(status, &why);
        assert!([WXSUB_OK, WXSUB_E_ARG].contains(&status), "{status}");
        if status != WXSUB_OK {
            assert!(length == 0 || length >= capacity, "{length} of {capacity}");
            return;
        }
        let said = text(&reply);
        assert_eq!(said.len(), length);
        let plan: Value = serde_json::from_str(&said).expect("JSON");
        let asked: Value = serde_json::from_str(without_bom(request.to_str().expect("UTF-8"))).expect("JSON");
        let listed: Vec<&str> =
            asked["templates"].as_array().expect("a list").iter().filter_map(|t| t["id"].as_str()).collect();
        for id in plan["ask"].as_array().expect("a list") {
            let id = id.as_str().expect("an id");
            assert!(listed.contains(&id) && plan["why"][id] == "ask", "{id}: {said}");
        }
        for (id, count) in plan["counts"].as_object().expect("an object") {
            assert!(listed.contains(&id.as_str()) && count.as_i64().is_some_and(|count| count >= 0), "{id}: {said}");
        }
    });
}
