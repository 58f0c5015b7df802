//! The calls of operators and game clients, which the first version of the library does not have: only benchmarks of these
//! calls take this file in, so that the others can be built against it.
#![allow(dead_code)] // each benchmark uses its part

use std::ffi::{CStr, CString};

use wxsub::ffi::*;

use super::common::host::{Client, empty, text};

impl Client {
    /// Asks `wxsub_admin`; the reply.
    pub fn admin(&self, request: &str) -> String {
        let request = CString::new(request).expect("no NUL");
        let (mut reply, mut length, mut why) = (vec![0u8; 65_536], 0, empty());
        // SAFETY: a string, room for the reply, a number and a result, as the header asks for.
        let status = unsafe {
            wxsub_admin(self.0, request.as_ptr(), reply.as_mut_ptr().cast(), reply.len(), &raw mut length, &raw mut why)
        };
        assert_eq!(status, WXSUB_OK, "wxsub_admin: {}", text(&why));
        reply.truncate(length);
        String::from_utf8(reply).expect("UTF-8")
    }

    /// Which templates to ask the player for.
    pub fn ask(&self, openid: &CStr, request: &CStr) -> String {
        let (mut reply, mut length, mut why) = (vec![0u8; 4096], 0, empty());
        // SAFETY: strings, room for the reply, a number and a result, as the header asks for.
        let status = unsafe {
            let (room, length) = (reply.as_mut_ptr().cast(), &raw mut length);
            wxsub_ask(self.0, openid.as_ptr(), request.as_ptr(), room, reply.len(), length, &raw mut why)
        };
        assert_eq!(status, WXSUB_OK, "wxsub_ask: {}", text(&why));
        reply.truncate(length);
        String::from_utf8(reply).expect("UTF-8")
    }
}
