//! A host that carries the requests itself: `wxsub_set_transport`.

use std::ffi::{CString, c_char, c_void};
use std::mem::size_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::callback;
use super::types::*;
use super::{guard, registry};
use crate::http::{Exchange, Failure, Reply, Transport};

/// No answer of WeChat's is near this; a list of templates is the longest.
const MAX_BODY: usize = 1 << 20;

/// Has a function of the host's carry all requests to WeChat, for a host with an HTTP stack or a gateway of its own; NULL:
/// the library carries them again. Running requests end the way they began.
///
/// `destroy` (may be NULL) runs exactly once with `user_data`: when another function takes its place, when the client is
/// freed, or at once when this call fails; never before the last call of `http` has come back.
/// Returns WXSUB_OK, WXSUB_E_STATE, WXSUB_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_set_transport(
    client: *const wxsub_client,
    http: wxsub_http_fn,
    user_data: *mut c_void,
    destroy: wxsub_destroy_fn,
) -> wxsub_status {
    let transport = HostTransport { http, user_data, destroy, interrupted: AtomicBool::new(false) };
    guard::status("wxsub_set_transport", || {
        let client = registry::find(client)?;
        client.set_transport(transport.http.map(|_| Arc::new(transport) as Arc<dyn Transport>))
    })
}

/// The host's function with its user data, which it owns: dropping it runs `destroy`.
struct HostTransport {
    http: wxsub_http_fn,
    user_data: *mut c_void,
    destroy: wxsub_destroy_fn,
    interrupted: AtomicBool,
}

// SAFETY: the header says that the function is called from any thread, also at once from several; user_data is only
// passed through.
unsafe impl Send for HostTransport {}
// SAFETY: as above.
unsafe impl Sync for HostTransport {}

impl Transport for HostTransport {
    fn execute(&self, exchange: &Exchange<'_>) -> Result<Reply, Failure> {
        let not_sent = |text: &str| Failure { left: false, text: text.to_owned() };
        let Some(http) = self.http else { return Err(not_sent("there is no transport")) };
        if self.interrupted.load(Ordering::Acquire) {
            return Err(not_sent("the client is closing"));
        }
        let Ok(url) = CString::new(exchange.url.expose()) else { return Err(not_sent("the URL holds a NUL")) };
        let mut body = vec![0u8; MAX_BODY];
        let request = wxsub_http_request {
            struct_size: size_of::<wxsub_http_request>() as u32,
            timeout_ms: u32::try_from(exchange.deadline.left().as_millis()).unwrap_or(u32::MAX),
            method: if exchange.post { c"POST".as_ptr() } else { c"GET".as_ptr() },
            url: url.as_ptr(),
            content_type: if exchange.post { c"application/json".as_ptr() } else { std::ptr::null() },
            body: if exchange.body.is_empty() { std::ptr::null() } else { exchange.body.as_ptr().cast() },
            body_len: exchange.body.len(),
        };
        let mut response = wxsub_http_response {
            struct_size: size_of::<wxsub_http_response>() as u32,
            http_status: 0,
            body: body.as_mut_ptr().cast(),
            body_capacity: MAX_BODY,
            body_len: 0,
            message: [0; 128],
        };
        // SAFETY: the host gave this function for this user_data; all that the structs point to lives through the call.
        let end = callback::call(|| unsafe { http(self.user_data, &request, &mut response) });
        let text = without_secrets(text(&response.message), exchange);
        match end {
            WXSUB_HTTP_ANSWERED if response.body_len <= MAX_BODY => {
                body.truncate(response.body_len);
                Ok(Reply { status: u16::try_from(response.http_status).unwrap_or(0), date: None, body })
            }
            WXSUB_HTTP_ANSWERED => Err(Failure { left: true, text: "the host's answer is too long".to_owned() }),
            WXSUB_HTTP_NOT_SENT => Err(Failure { left: false, text }),
            _ => Err(Failure { left: true, text }),
        }
    }

    fn shutdown(&self) {
        self.interrupted.store(true, Ordering::Release);
    }
}

impl Drop for HostTransport {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the host gave this function for this user_data, and a drop happens once.
            callback::call(|| unsafe { destroy(self.user_data) });
        }
    }
}

/// The host's text may quote the request: the token in its URL, or the secret in its body.
fn without_secrets(text: String, exchange: &Exchange<'_>) -> String {
    let url = exchange.url.expose();
    let query =
        url.split(['?', '&']).skip(1).filter_map(|part| part.split_once('=')).map(|(_, value)| value.to_owned());
    let body: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(exchange.body).unwrap_or_default();
    let fields = body.values().filter_map(|value| value.as_str().map(str::to_owned));
    let struck = query.chain(fields).filter(|value| value.len() > 3);
    struck.fold(text, |text, secret| without_beginning(text.replace(&secret, "***"), &secret))
}

/// The field may have cut the secret, which then stands at the text's end.
fn without_beginning(mut text: String, secret: &str) -> String {
    let cut = (4..secret.len()).rev().find(|n| secret.get(..*n).is_some_and(|part| text.ends_with(part)));
    if let Some(n) = cut {
        text.truncate(text.len() - n);
        text.push_str("***");
    }
    text
}

/// What the host wrote, up to its NUL or the field's end.
fn text(field: &[c_char]) -> String {
    let bytes: Vec<u8> = field.iter().map(|c| *c as u8).take_while(|b| *b != 0).collect();
    match bytes.is_empty() {
        true => "the host's transport failed".to_owned(),
        false => String::from_utf8_lossy(&bytes).into_owned(),
    }
}
