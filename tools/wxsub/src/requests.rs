//! The library's operator interface: a request in JSON, its reply, and lists that come in pages.

use serde_json::{Map, Value, json};
use wxsub::{Client, Status};

use crate::escape::plain;
use crate::failure::{Failure, say};
use crate::text;

/// The longest reply that is asked for; a page of the longest ids and texts fits.
const ROOM: usize = 4 << 20;

/// One request; `fields` that are null are left out.
pub fn ask(client: &Client, what: &str, fields: Value) -> Result<Value, Failure> {
    let mut request = Map::new();
    request.insert("do".to_owned(), what.into());
    if let Value::Object(fields) = fields {
        request.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
    }
    reply(client, &Value::Object(request))
}

/// One request that is whole.
pub fn reply(client: &Client, request: &Value) -> Result<Value, Failure> {
    let reply = client.admin(&request.to_string(), ROOM)?;
    serde_json::from_str(&reply).map_err(|why| Failure::new(Status::Internal, format!("the library's reply: {why}")))
}

/// The pages of a list, each a reply.
pub struct Pages<'a> {
    client: &'a Client,
    what: &'static str,
    fields: Value,
    next: Option<Value>,
}

impl<'a> Pages<'a> {
    /// From `fields["after"]` on.
    pub fn new(client: &'a Client, what: &'static str, fields: Value) -> Pages<'a> {
        let next = Some(fields["after"].clone());
        Pages { client, what, fields, next }
    }
}

impl Iterator for Pages<'_> {
    type Item = Result<Value, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let after = self.next.take()?;
        self.fields["after"] = after;
        let reply = ask(self.client, self.what, self.fields.clone());
        if let Ok(reply) = &reply {
            self.next = Some(&reply["next"]).filter(|next| !next.is_null()).cloned();
            tell_left_out(&reply["left_out"]);
        }
        Some(reply)
    }
}

/// Records that can't be read, with the first of them.
fn tell_left_out(left_out: &Value) {
    let count = left_out["count"].as_u64().unwrap_or(0);
    if count == 0 {
        return;
    }
    let first = rows(left_out, "first").iter().map(|record| {
        let (openid, why) = (record["openid"].as_str().unwrap_or_default(), record["why"].as_str().unwrap_or_default());
        format!("{} {}", plain(openid), plain(why)).trim().to_owned()
    });
    say(&text::LEFT_OUT.with(&[&count, &first.collect::<Vec<_>>().join("; ")]));
}

/// The rows of a reply.
pub fn rows<'a>(reply: &'a Value, list: &str) -> &'a [Value] {
    reply[list].as_array().map_or(&[], Vec::as_slice)
}

/// The biggest page.
pub const PAGE: u64 = 1000;

/// All rows of a list are counted in pages of this size.
pub fn whole<'a>(client: &'a Client, what: &'static str) -> Pages<'a> {
    Pages::new(client, what, json!({ "limit": PAGE }))
}
