//! Which templates to ask a player for now: JSON in, JSON out. A read of the store; WeChat is not asked.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Parts;
use crate::error::{Error, Status};
use crate::json;
use crate::ledger::{self, Ask, AskWhy, Plan, Wish};
use crate::store::{Space, home_of};
use crate::wechat::{check_id, is_system};

/// Templates of one request at most, as many as a player may have counts of.
const MAX_TEMPLATES: usize = 64;
/// WeChat takes no more templates in one call of a game.
const MOST: u64 = 3;
const KEEP: u64 = 3;
/// The largest `keep`: as that of `max_count`.
const MAX_KEEP: u64 = 1_000_000;
/// Messages to the player that are looked at: a host may let many wait, and they only decide what comes first.
const LOOKED_AT: usize = 100;

/// A request as it comes in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    templates: Vec<Wanted>,
    most: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    id: String,
    keep: Option<u64>,
}

impl Request {
    /// # Errors
    /// [`Status::Arg`], naming what is wrong.
    fn parse(text: &str) -> Result<Request, Error> {
        let object: Map<String, Value> = json::small("the request is", text).map_err(wrong)?;
        let request: Request = json::strict("the request", object).map_err(wrong)?;
        let many = request.templates.len();
        if many == 0 || many > MAX_TEMPLATES {
            return Err(wrong(format!("templates lists {many} templates; 1 to {MAX_TEMPLATES} are allowed")));
        }
        if request.most == Some(0) || request.most > Some(MAX_TEMPLATES as u64) {
            return Err(wrong(format!("most must be a whole number from 1 to {MAX_TEMPLATES}")));
        }
        for (at, wanted) in request.templates.iter().enumerate() {
            check_id("the template id", &wanted.id)?;
            if request.templates[..at].iter().any(|other| other.id == wanted.id) {
                return Err(wrong(format!("templates lists {:?} twice", wanted.id)));
            }
            if wanted.keep > Some(MAX_KEEP) {
                return Err(wrong(format!("keep of {:?} must be a whole number from 0 to {MAX_KEEP}", wanted.id)));
            }
        }
        let system = request.templates.iter().filter(|wanted| is_system(&wanted.id)).count();
        if system != 0 && system != many {
            return Err(wrong(
                "templates lists system types (SYS_MSG_TYPE_…) among others; WeChat asks for them in a call of their own"
                    .to_owned(),
            ));
        }
        Ok(request)
    }
}

impl Parts {
    /// The reply of `wxsub_ask`.
    ///
    /// # Errors
    /// [`Status::Arg`], [`Status::Store`].
    pub(super) fn ask(&self, openid: &str, request: &str) -> Result<String, Error> {
        check_id("openid", openid)?;
        let request = Request::parse(request)?;
        let deadline = self.core.deadline();
        let config = &self.core.config;
        let page = self.core.engine.scan_of(Space::Message, home_of(openid), None, LOOKED_AT, deadline)?;
        let wish = |wanted: &Wanted| {
            let keep = wanted.keep.unwrap_or(KEEP);
            Wish {
                template: self.templates.id_of(&wanted.id, deadline),
                // An accept above the limit would change nothing.
                keep: if config.max_count == 0 { keep } else { keep.min(config.max_count) },
                long_term: self.templates.is_long_term(&wanted.id, deadline),
                banned: self.sender.is_banned(&wanted.id),
            }
        };
        let ask = Ask {
            openid: openid.to_owned(),
            wishes: request.templates.iter().map(wish).collect(),
            most: request.most.unwrap_or(MOST) as usize,
            again_ms: i64::try_from(config.ask_again_hours).unwrap_or(i64::MAX).saturating_mul(3_600_000),
            waiting: page.records.into_iter().map(|record| (record.name, record.value)).collect(),
        };
        Ok(reply(&request, &self.core.engine.ask(ledger::ask(ask), deadline)?))
    }
}

fn reply(request: &Request, plan: &Plan) -> String {
    let id = |at: usize| request.templates[at].id.as_str();
    let ask: Vec<&str> = plan.ask.iter().map(|at| id(*at)).collect();
    let standings = || plan.standings.iter().enumerate();
    let counts: Map<String, Value> = standings().map(|(at, (count, _))| (id(at).to_owned(), json!(count))).collect();
    let why: Map<String, Value> = standings().map(|(at, (_, standing))| (id(at).to_owned(), word(*standing))).collect();
    json!({"ask": ask, "counts": counts, "why": why}).to_string()
}

fn word(standing: AskWhy) -> Value {
    Value::from(match standing {
        AskWhy::Banned => "banned",
        AskWhy::Refused => "refused",
        AskWhy::Stocked => "stocked",
        AskWhy::Ask => "ask",
    })
}

fn wrong(why: String) -> Error {
    Error::new(Status::Arg, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let fine = Request::parse(r#"{"templates":[{"id":"A","keep":0},{"id":"B"}],"most":64}"#).unwrap();
        assert_eq!((fine.templates.len(), fine.most), (2, Some(64)));
        assert!(Request::parse(r#"{"templates":[{"id":"SYS_MSG_TYPE_RANK"}],"most":null}"#).is_ok());
        let many = |n: usize| {
            let ids: Vec<String> = (0..n).map(|n| format!(r#"{{"id":"T{n}"}}"#)).collect();
            format!(r#"{{"templates":[{}]}}"#, ids.join(","))
        };
        assert!(Request::parse(&many(64)).is_ok());
        for (text, says) in [
            ("[]", "not a JSON object"),
            ("{}", "missing field `templates`"),
            (r#"{"templates":[]}"#, "lists 0 templates; 1 to 64 are allowed"),
            (&many(65), "lists 65 templates"),
            (r#"{"templates":["A"]}"#, "templates[0]"),
            (r#"{"templates":[{"id":"A"}],"mots":1}"#, "unknown field \"mots\"; did you mean most?"),
            (r#"{"templates":[{"id":"A","kep":1}]}"#, "unknown field \"kep\"; did you mean keep?"),
            (r#"{"templates":[{"id":"A"}],"most":0}"#, "most must be a whole number from 1 to 64"),
            (r#"{"templates":[{"id":"A"}],"most":65}"#, "most must be"),
            (r#"{"templates":[{"id":"A","keep":1000001}]}"#, "keep of \"A\" must be"),
            (r#"{"templates":[{"id":"A","keep":-1}]}"#, "templates[0].keep"),
            (r#"{"templates":[{"id":"A"},{"id":"A"}]}"#, "lists \"A\" twice"),
            (r#"{"templates":[{"id":""}]}"#, "the template id is empty"),
            (r#"{"templates":[{"id":"A\n"}]}"#, r#"the template id "A\n" holds"#),
            (r#"{"templates":[{"id":"A"},{"id":"SYS_MSG_TYPE_RANK"}]}"#, "in a call of their own"),
            (&format!(r#"{{"templates":[{{"id":"{}"}}]}}"#, "x".repeat(70_000)), "at most 65536"),
        ] {
            let e = Request::parse(text).err().expect(text);
            assert!(e.status == Status::Arg && e.message.contains(says), "{text}: {e}");
        }
    }
}
