//! Any configuration: opened or refused with a sentence, no secret in what is said, nothing left open.

use std::ptr::null_mut;

use super::{Client, MARK, Out, c_string, check, quotes_mark};
use serde_json::Value;
use wxsub::ffi::*;

/// One input.
pub fn run(data: &[u8]) {
    if quotes_mark(data) {
        return;
    }
    match serde_json::from_slice::<Value>(data.strip_prefix("\u{feff}".as_bytes()).unwrap_or(data)) {
        Ok(Value::Object(mut config)) => {
            make_harmless(&mut config);
            match Client::open(&Value::Object(config).to_string()) {
                Ok(client) => assert_eq!(client.quota(c"o", c"T"), Some(0)),
                Err(r) => assert!([WXSUB_E_ARG, WXSUB_E_CONFIG].contains(&r.status)),
            }
        }
        _ => {
            let (text, mut client, mut why) = (c_string(data), null_mut(), Out::new());
            // What is JSON only up to a NUL might name a file.
            if text.as_bytes().len() < data.len() {
                return;
            }
            // SAFETY: pointers to what their types say.
            let status = unsafe { wxsub_init(text.as_ptr(), &mut client, why.pointer()) };
            check(status, &why);
            assert!(status == WXSUB_E_ARG && client.is_null());
        }
    }
}

/// No file is touched, and what is secret is marked.
fn make_harmless(config: &mut serde_json::Map<String, Value>) {
    for (key, harmless) in [("store", ":memory:"), ("ca_file", "/dev/null"), ("secret", MARK)] {
        if let Some(value @ Value::String(_)) = config.get_mut(key) {
            *value = harmless.into();
        }
    }
    if config.get("store").is_none_or(Value::is_null) {
        config.insert("store".to_owned(), ":memory:".into());
    }
    if let Some(Value::Object(event)) = config.get_mut("event") {
        for key in ["token", "aes_key"] {
            if let Some(Value::String(text)) = event.get_mut(key) {
                // A key of the right length must stay one.
                *text = if text.len() == 43 {
                    format!("{MARK}{}", &"A".repeat(28)).replace('-', "A")
                } else {
                    MARK.to_owned()
                };
            }
        }
    }
    if let Some(Value::String(proxy)) = config.get_mut("proxy") {
        *proxy = proxy.replacen("http://", &format!("http://u:{MARK}@"), 1);
    }
}
