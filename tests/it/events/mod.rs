//! What WeChat pushes to the host's address goes into the count, each part once, and nothing else does.

mod effects;
mod host;
mod repeats;
mod shapes;
mod strangers;

use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::time::Duration;

use crate::common::pushes::{
    AES_KEY, TOKEN, change, event, hand_over, in_mode, now_s, plain, popup, push, secure, sent,
};
use crate::common::{TEMPLATE, TestEnv, left, send};
use serde_json::{Value, json};
use wxsub::ffi::{
    WXSUB_E_ARG, WXSUB_E_SIGNATURE, WXSUB_E_STATE, WXSUB_OK, WXSUB_QUOTA_GRANTED, wxsub_client, wxsub_free,
    wxsub_handle_event, wxsub_init, wxsub_result,
};
use wxsub::{Answer, Client, Config, Error, QuotaChange, Status, Verdict};
use wxsub_simulator::push::{EventItem, EventKind, Format, ListName, Mode, Push, verification_query};

/// Refused as none of WeChat's.
#[track_caller]
pub fn assert_refused(result: Result<(String, Verdict), Error>, part: &str) {
    match result {
        Ok((reply, verdict)) => panic!("taken with {reply:?}: {}", verdict.message),
        Err(e) => {
            assert_eq!(e.status, Status::Signature, "{e}");
            assert!(e.message.contains(part), "{part:?} is not in {:?}", e.message);
            assert!(e.message.len() < 248, "{}", e.message);
            for secret in [TOKEN, AES_KEY] {
                assert!(!e.message.contains(secret), "{}", e.message);
            }
        }
    }
}

fn count(client: &Client, openid: &str, template_id: &str) -> i64 {
    client.quota(openid, template_id).remaining
}

pub fn merged(mut into: Value, from: Value) -> Value {
    into.as_object_mut().unwrap().extend(from.as_object().unwrap().clone());
    into
}

fn three_events(
    env: &TestEnv,
    client: &Client,
    openid: &str,
    several: bool,
    shaped: &dyn Fn(Push) -> Push,
    what: &str,
) {
    let now = now_s();
    let item = |template: &str, status: &str| EventItem::answer(template, status);
    let others = |status: &str| if several { vec![item("other", status)] } else { Vec::new() };
    let mut items = vec![item(TEMPLATE, "accept")];
    items.extend(others("accept"));
    let granted = push(&env.wechat, client, &shaped(event(EventKind::Popup, openid, items, now - 100)));
    assert_eq!(granted.status, Status::Ok, "{what}");
    if !several {
        let told = (granted.quota, granted.remaining, granted.template_id.as_str(), granted.flags);
        assert_eq!(told, (QuotaChange::Granted, 1, TEMPLATE, 0), "{what}");
    }
    assert_eq!((count(client, openid, TEMPLATE), count(client, openid, "other")), (1, i64::from(several)), "{what}");

    let mut items = vec![EventItem::sent(TEMPLATE, 7_000_000_000_000_000_001, 0)];
    if several {
        items.push(EventItem::sent("other", 7_000_000_000_000_000_002, 43101));
    }
    let settled = push(&env.wechat, client, &shaped(event(EventKind::Sent, openid, items, now)));
    assert_eq!((settled.status, settled.quota), (Status::Ok, QuotaChange::Untouched), "{what}: {}", settled.message);
    if !several {
        assert_eq!(settled.msgid, 7_000_000_000_000_000_001, "{what}");
    }
    assert_eq!((count(client, openid, TEMPLATE), count(client, openid, "other")), (1, i64::from(several)), "{what}");

    let mut items = vec![item(TEMPLATE, "reject")];
    items.extend(others("reject"));
    push(&env.wechat, client, &shaped(event(EventKind::Change, openid, items, now)));
    assert_eq!((count(client, openid, TEMPLATE), count(client, openid, "other")), (0, 0), "{what}");
}

/// One call through the C ABI, with a buffer of so many bytes: the status, the reply's length, the buffer, the result.
pub fn through_c(
    client: *const wxsub_client,
    query: &str,
    body: &[u8],
    capacity: usize,
) -> (i32, usize, Vec<u8>, wxsub_result) {
    let query = CString::new(query).unwrap();
    let mut buffer = vec![0x55; 64];
    let mut length = usize::MAX;
    // SAFETY: zeroes are a valid result; every pointer is to memory of the stated size that outlives the call.
    let (status, result) = unsafe {
        let mut result: wxsub_result = std::mem::zeroed();
        result.struct_size = size_of::<wxsub_result>() as u32;
        let reply = if capacity == 0 { ptr::null_mut() } else { buffer.as_mut_ptr().cast::<c_char>() };
        let (data, size) = (body.as_ptr().cast::<c_char>(), body.len());
        let status = wxsub_handle_event(client, query.as_ptr(), data, size, reply, capacity, &mut length, &mut result);
        (status, result)
    };
    assert!(buffer[capacity..].iter().all(|b| *b == 0x55), "written beyond the buffer");
    assert_eq!(status, result.status);
    (status, length, buffer, result)
}
