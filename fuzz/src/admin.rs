//! Any requests of an operator's, one after the other on one ledger: JSON that fits or a sentence, and the ledger can still
//! be read.

use std::ffi::{CString, c_char};

use serde_json::Value;
use wxsub::ffi::*;

use super::{Client, Kept, Out, check, quotes_mark, text, without_bom};

/// The room that is enough for every reply.
const ROOM: usize = 65_536;
/// Requests of one input, and pages of one reply.
const MOST: usize = 6;

static KEPT: Kept = Kept::new();

/// WeChat is not reachable, so a campaign sends nothing; the store is no file, so a backup writes none.
fn open() -> Client {
    let client = Client::open(
        r#"{"appid":"wx1","token":"external","store":":memory:","api_base":"http://127.0.0.1:1","max_attempts":1,
            "timeout_ms":300,"durability":"normal","rules":{"per_day":2,"quiet":"22:00-09:00"},
            "templates":[{"id":"T","keys":["thing1","time2"]},{"id":"L","keys":["thing1"],"type":3}]}"#,
    )
    .unwrap_or_else(|r| panic!("{}", text(&r.message)));
    for request in [
        r#"{"do":"import","mode":"set","players":[{"openid":"o1","template_id":"T","count":3},
            {"openid":"o2","template_id":"T","count":1},{"openid":"o2","template_id":"L","count":1}]}"#,
        r#"{"do":"campaign.put","id":"c","audience":"list","message":{"template_id":"T","data":{"thing1":"x","time2":"2026-11-29"}}}"#,
    ] {
        let (status, reply) = admin(&client, request);
        assert_eq!(status, WXSUB_OK, "{reply}");
    }
    client
}

/// The first byte says what the parts that follow are, with NULs between them: requests, or rows of requests.
pub fn run(data: &[u8]) {
    if quotes_mark(data) {
        return;
    }
    let Some((shape, rest)) = data.split_first() else { return };
    let frame = match shape % 6 {
        0 => ["", ""],
        1 => [r#"{"do":"import","mode":"add","players":["#, "]}"],
        2 => [r#"{"do":"import","records":["#, "]}"],
        3 => [r#"{"do":"campaign.add","id":"c","players":["#, "]}"],
        4 => [r#"{"do":"campaign.put","id":"d","audience":"list","message":"#, "}"],
        _ => [r#"{"do":"history","limit":3,"#, "}"],
    };
    KEPT.with(open, |client| {
        for part in rest.split(|b| *b == 0).take(MOST) {
            let Ok(part) = std::str::from_utf8(part) else { continue };
            ask_on(client, &format!("{}{part}{}", frame[0], frame[1]));
        }
        for request in [r#"{"do":"export","limit":3}"#, r#"{"do":"campaign.list"}"#] {
            let (status, said) = admin(client, request);
            assert_eq!(status, WXSUB_OK, "{said}");
        }
    });
}

/// The request, and the pages behind its first.
fn ask_on(client: &Client, request: &str) {
    let (mut status, mut said) = admin(client, request);
    for _ in 1..MOST {
        let (WXSUB_OK, Ok(Value::Object(mut next))) = (status, serde_json::from_str(without_bom(request))) else {
            return;
        };
        let Some(Value::String(after)) = serde_json::from_str::<Value>(&said).expect("JSON").get("next").cloned()
        else {
            return;
        };
        next.insert("after".to_owned(), after.into());
        (status, said) = admin(client, &Value::Object(next).to_string());
        // A list may have come to its end in another way, but its place is known.
        assert_eq!(status, WXSUB_OK, "{request}: {said}");
    }
}

/// The status, and the reply or what was wrong.
fn admin(client: &Client, request: &str) -> (wxsub_status, String) {
    let request = CString::new(request).expect("no NUL");
    let mut reply: Box<[c_char]> = vec![0x55; ROOM].into_boxed_slice();
    let (mut length, mut why) = (usize::MAX, Out::new());
    // SAFETY: pointers to what their types say, and their lengths.
    let status =
        unsafe { wxsub_admin(client.0, request.as_ptr(), reply.as_mut_ptr(), ROOM, &mut length, why.pointer()) };
    let r = check(status, &why);
    if status != WXSUB_OK {
        let told = [WXSUB_E_ARG, WXSUB_E_MESSAGE, WXSUB_E_NOT_FOUND, WXSUB_E_TOO_LATE];
        assert!(told.contains(&status) && length == 0, "{status}: {request:?}: {}", text(&r.message));
        return (status, text(&r.message));
    }
    let said = text(&reply);
    assert_eq!(said.len(), length);
    assert!(serde_json::from_str::<Value>(&said).is_ok_and(|reply| reply.is_object()), "{said}");
    (status, said)
}
