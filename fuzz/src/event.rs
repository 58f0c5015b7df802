//! Any pushed request: unsigned, signed, and sealed with any content. Without the token nothing gets in; the reply stays
//! inside its buffer.

use std::ffi::{CString, c_char};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Client, Kept, MARK, Out, c_string, check, quotes_mark, text};
use aes::Aes256;
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use cbc::Encryptor;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use sha1::{Digest as _, Sha1};
use wxsub::ffi::*;

const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

static NONCE: AtomicU64 = AtomicU64::new(1);
static PLAIN: Kept = Kept::new();
static SECURE: Kept = Kept::new();

fn open(more: &str) -> Client {
    Client::open(&format!(
        r#"{{"appid":"wx1","secret":"s","store":":memory:","templates":"off","durability":"normal","timeout_ms":500,
            "event":{{"token":"{MARK}"{more}}}}}"#
    ))
    .unwrap_or_else(|r| panic!("{}", text(&r.message)))
}

fn sign(parts: &[&str]) -> String {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    Sha1::digest(sorted.concat()).iter().map(|b| format!("{b:02x}")).collect()
}

/// What WeChat would make of this content: noise, length, message, appid, filled up, encrypted.
fn seal(message: &[u8], honest: bool) -> String {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let key = GeneralPurpose::new(&base64::alphabet::STANDARD, lenient).decode(KEY).unwrap();
    let mut frame = if honest {
        [b"0123456789abcdef", &(message.len() as u32).to_be_bytes()[..], message, b"wx1"].concat()
    } else {
        message.to_vec()
    };
    let pad = 32 - frame.len() % 32;
    frame.resize(frame.len() + pad, pad as u8);
    let length = frame.len();
    Encryptor::<Aes256>::new_from_slices(&key, &key[..16])
        .unwrap()
        .encrypt_padded::<NoPadding>(&mut frame, length)
        .unwrap();
    STANDARD.encode(frame)
}

/// One input.
pub fn run(data: &[u8]) {
    if quotes_mark(data) {
        return;
    }
    let Some((shape, rest)) = data.split_first() else { return };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().to_string();
    // WeChat uses a query once.
    let nonce = NONCE.fetch_add(1, Ordering::Relaxed).to_string();
    let plain = || format!("signature={}&timestamp={now}&nonce={nonce}", sign(&[MARK, &now, &nonce]));
    let capacity = usize::from(shape >> 3) * 4;
    match shape & 3 {
        // Any query and any body, unsigned.
        0 => {
            let cut = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
            let body = rest.get(cut + 1..).unwrap_or_default();
            for kept in [&PLAIN, &SECURE] {
                let status = push(kept, &c_string(rest), body, capacity);
                assert!([WXSUB_E_SIGNATURE, WXSUB_E_ARG].contains(&status), "{status}");
            }
        }
        // Signed in plain mode, with any more in the query.
        1 => {
            let cut = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
            let more = String::from_utf8_lossy(&rest[..cut]).replace('\0', "");
            let body = rest.get(cut + 1..).unwrap_or_default();
            let query = CString::new(format!("{}{more}", plain())).unwrap();
            let status = push(&PLAIN, &query, body, capacity);
            assert!([WXSUB_OK, WXSUB_E_SIGNATURE, WXSUB_E_ARG].contains(&status), "{status}");
        }
        // Sealed: an honest frame around any message, or any frame.
        kind => {
            let encrypt = seal(rest, kind == 2);
            let signature = sign(&[MARK, &now, &nonce, &encrypt]);
            let query = format!("{}&encrypt_type=aes&msg_signature={signature}", plain());
            let body = if shape & 4 == 0 {
                format!("<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>")
            } else {
                format!(r#"{{"ToUserName":"gh","Encrypt":"{encrypt}"}}"#)
            };
            let status = push(&SECURE, &CString::new(query).unwrap(), body.as_bytes(), capacity);
            assert!([WXSUB_OK, WXSUB_E_SIGNATURE, WXSUB_E_ARG].contains(&status), "{status}");
        }
    }
}

fn push(kept: &Kept, query: &CString, body: &[u8], capacity: usize) -> wxsub_status {
    let more = if std::ptr::eq(kept, &SECURE) { format!(r#","aes_key":"{KEY}""#) } else { String::new() };
    kept.with(
        || open(&more),
        |client| {
            let mut reply: Box<[c_char]> = vec![0x55; capacity].into_boxed_slice();
            let body: Box<[u8]> = body.into();
            let (mut length, mut out) = (usize::MAX, Out::new());
            // SAFETY: pointers to what their types say, and their lengths.
            let status = unsafe {
                let first = if capacity == 0 { std::ptr::null_mut() } else { reply.as_mut_ptr() };
                let body_at = if body.is_empty() { std::ptr::null() } else { body.as_ptr().cast() };
                wxsub_handle_event(
                    client.0,
                    query.as_ptr(),
                    body_at,
                    body.len(),
                    first,
                    capacity,
                    &mut length,
                    out.pointer(),
                )
            };
            check(status, &out);
            assert!(status == WXSUB_OK || length == 0);
            assert!(capacity == 0 || length <= capacity);
            let opened = open_message(client, query, &body);
            assert!(status != WXSUB_OK || opened == WXSUB_OK, "{opened}");
            status
        },
    )
}

/// What is handed out fits where the body did.
fn open_message(client: &Client, query: &CString, body: &[u8]) -> wxsub_status {
    let mut plain: Box<[c_char]> = vec![0x55; body.len()].into_boxed_slice();
    let (mut length, mut why) = (usize::MAX, Out::new());
    // SAFETY: pointers to what their types say, and their lengths.
    let status = unsafe {
        let (to, from) = if body.is_empty() {
            (std::ptr::null_mut(), std::ptr::null())
        } else {
            (plain.as_mut_ptr(), body.as_ptr().cast())
        };
        wxsub_open_event(client.0, query.as_ptr(), from, body.len(), to, body.len(), &mut length, why.pointer())
    };
    check(status, &why);
    assert!(length <= body.len() && (status == WXSUB_OK || length == 0));
    status
}
