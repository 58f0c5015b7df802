//! Any message with any options: WeChat is not reachable, so nothing is ever sent, and no unit is lost.

use super::{Client, Kept, MARK, Out, check, parts, quotes_mark};
use wxsub::ffi::*;

static STRICT: Kept = Kept::new();
static LENIENT: Kept = Kept::new();

/// Port 1 is nobody's, so a connection is refused at once.
fn open(more: &str) -> Client {
    let client = Client::open(&format!(
        r#"{{"appid":"wx1","token":"external","store":":memory:","api_base":"http://127.0.0.1:1","max_attempts":1,
            "timeout_ms":300,{more}}}"#
    ))
    .unwrap_or_else(|r| panic!("{}", super::text(&r.message)));
    let token = std::ffi::CString::new(MARK).unwrap();
    // SAFETY: pointers to what their types say.
    assert_eq!(unsafe { wxsub_set_token(client.0, token.as_ptr(), u32::MAX) }, WXSUB_OK);
    client
}

fn strict() -> Client {
    open(
        r#""templates":[{"id":"T","keys":["thing1","time2","number3","phrase4","name5","amount6","date7","phone_number8"]},
            {"id":"L","keys":["enum_string1","character_string2"],"type":3,"enums":{"enum_string1":["a","b"]}}],
            "quota":"observe","validate":"strict""#,
    )
}

fn lenient() -> Client {
    open(
        r#""templates":[{"id":"T","keys":["thing1","name2","car_number3"]}],"validate":"truncate","lang":"en_US",
            "miniprogram_state":"trial","quota":"enforce""#,
    )
}

/// One input.
pub fn run(data: &[u8]) {
    if quotes_mark(data) {
        return;
    }
    let [message, options] = parts(data);
    for (kept, open) in [(&STRICT, strict as fn() -> Client), (&LENIENT, lenient)] {
        kept.with(open, |client| {
            let mut out = Out::new();
            let options = if options.is_empty() { std::ptr::null() } else { options.as_ptr() };
            // SAFETY: pointers to what their types say.
            let status = unsafe { wxsub_send(client.0, message.as_ptr(), options, out.pointer()) };
            let r = check(status, &out);
            assert!(
                [WXSUB_E_ARG, WXSUB_E_MESSAGE, WXSUB_E_NO_QUOTA, WXSUB_E_CONNECT, WXSUB_E_BUSY, WXSUB_E_STORE]
                    .contains(&status),
                "{status}"
            );
            assert_eq!((r.attempts, r.msgid, r.errcode, r.flags & !WXSUB_REPLAYED), (0, 0, 0, 0));
            assert!(![WXSUB_QUOTA_SPENT, WXSUB_QUOTA_CLEARED, WXSUB_QUOTA_GRANTED].contains(&r.quota));
        });
    }
}
