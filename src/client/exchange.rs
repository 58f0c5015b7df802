//! The request of one send: made, made again where it surely had no effect, and what WeChat's answer means.

use std::time::Duration;

use super::Inner;
use super::breaker::Pass;
use super::options::Options;
use super::running::cancelled;
use crate::clock::{Deadline, Now};
use crate::error::{Error, Status, Verdict};
use crate::http::{Exchange, Failure, Reply};
use crate::panics;
use crate::secret::Secret;
use crate::store::Outcome;
use crate::wechat::{Act, Answer, Endpoint, Message, Request, rule};

/// Another try with less time than this would only make a maybe of what surely was not sent.
const LEAST_LEFT: Duration = Duration::from_millis(50);
/// The longest pause between two tries.
const LONGEST_PAUSE_MS: u64 = 5000;

/// One send on its way.
pub(super) struct Sending<'a> {
    pub message: Message,
    pub options: &'a Options,
    pub body: Vec<u8>,
    /// Everything but the answer to the last request.
    pub deadline: Deadline,
    pub answer_by: Deadline,
    /// The boot clock's time by which the last request must have begun.
    pub last_start_boot_ms: i64,
    pub attempts: u32,
}

/// What the request came to.
pub(super) struct Exchanged {
    pub verdict: Verdict,
    pub outcome: Outcome,
}

impl Exchanged {
    fn returned(e: Error) -> Exchanged {
        Exchanged { verdict: Verdict::from(e), outcome: Outcome::Returned }
    }

    fn maybe_sent(why: String, http_status: i32) -> Exchanged {
        let message = format!("maybe sent: the request left and {why}; it is not sent again");
        let e = Error::new(Status::Unknown, message).answered(0, http_status);
        Exchanged { verdict: Verdict::from(e), outcome: Outcome::Maybe }
    }
}

/// What to do after one request.
enum Next {
    Done(Exchanged),
    /// Nothing was done at WeChat: pause so long, then again; or end with this when there is no time for it.
    Again(u64, Error),
    NewToken(Error),
}

impl Inner {
    /// Makes the request, again where it surely had no effect and there is time.
    pub(super) fn exchange(&self, sending: &mut Sending<'_>) -> Exchanged {
        panics::point("in the middle of a send");
        let template_id = sending.message.template_id.clone();
        let pass = match self.breakers.pass(&template_id) {
            Ok(pass) => pass,
            Err(e) => return Exchanged::returned(e),
        };
        let mut renewed = false;
        let mut tries = 0;
        let mut last: Option<Error> = None;
        loop {
            if let Some(e) = last.take_if(|_| sending.deadline.left() < LEAST_LEFT) {
                return Exchanged::returned(e);
            }
            let token = match self.credentials.token(sending.deadline) {
                Ok(token) => token,
                Err(e) => return Exchanged::returned(e),
            };
            match self.attempt(sending, &token, &pass) {
                Next::Done(exchanged) => return exchanged,
                Next::NewToken(e) => {
                    self.credentials.refused(&token, sending.deadline);
                    if renewed {
                        return Exchanged::returned(e);
                    }
                    renewed = true;
                }
                Next::Again(base_ms, e) => {
                    tries += 1;
                    let pause = pause(base_ms, tries);
                    let after_ms = e.retry_after_ms.max(pause.as_millis() as u32);
                    let e = e.after_ms(after_ms);
                    if tries >= self.config.max_attempts || pause + LEAST_LEFT >= sending.deadline.left() {
                        return Exchanged::returned(e);
                    }
                    if let Err(e) = self.running.sleep(pause) {
                        return Exchanged::returned(e);
                    }
                    last = Some(e);
                }
            }
        }
    }

    /// Makes the request at the first host that can be reached.
    fn attempt(&self, sending: &mut Sending<'_>, token: &Secret, pass: &Pass<'_>) -> Next {
        let request = Request::send(token, &sending.body);
        let mut unreached = String::new();
        for host in self.network.hosts.in_order() {
            if sending.deadline.is_over() || Now::read().boot_ms >= sending.last_start_boot_ms {
                break;
            }
            let exchange = Exchange {
                post: request.post,
                url: request.url(host.as_str()),
                body: &request.body,
                start_by: sending.deadline,
                deadline: sending.answer_by,
            };
            let done = self.network.transport().execute(&exchange);
            self.network.hosts.tell(host, !matches!(&done, Err(Failure { left: false, .. })));
            match done {
                Ok(reply) => {
                    sending.attempts += 1;
                    return judge(&reply, token, pass);
                }
                Err(Failure { left: true, text }) => {
                    sending.attempts += 1;
                    return Next::Done(Exchanged::maybe_sent(format!("no answer came: {text}"), 0));
                }
                Err(Failure { left: false, text }) => {
                    if self.running.is_interrupted() {
                        return Next::Done(Exchanged::returned(cancelled()));
                    }
                    unreached = format!("{host}: {text}");
                }
            }
        }
        let why = if unreached.is_empty() { "the deadline came before the request".to_owned() } else { unreached };
        Next::Again(200, Error::new(Status::Connect, format!("WeChat was not reached, surely not sent: {why}")))
    }
}

/// What WeChat's answer means.
fn judge(reply: &Reply, token: &Secret, pass: &Pass<'_>) -> Next {
    let http_status = i32::from(reply.status);
    let Some(answer) = Answer::parse(&reply.body) else {
        return Next::Done(Exchanged::maybe_sent(
            format!("the answer is not WeChat's (HTTP {http_status})"),
            http_status,
        ));
    };
    if answer.is_taken() {
        pass.not_banned();
        let verdict = Verdict { http_status, msgid: answer.msgid, ..Verdict::ok("sent") };
        return Next::Done(Exchanged { verdict, outcome: Outcome::Spent });
    }
    if answer.errcode == 0 {
        return Next::Done(Exchanged::maybe_sent("the answer says neither yes nor no".to_owned(), http_status));
    }
    let rule = rule(Endpoint::Send, answer.errcode);
    let at = match answer.data_key() {
        Some(key) if rule.status == Status::Message => format!(": data.{key}"),
        _ => String::new(),
    };
    // A gateway's answer may quote the URL.
    let message = format!("{}{at} (WeChat: {})", rule.advice, token.strike(&answer.describe()));
    let e = Error::new(rule.status, message).answered(answer.errcode, http_status).after_ms(rule.pause_ms);
    match rule.act {
        Act::NewToken => Next::NewToken(e),
        Act::Again => Next::Again(u64::from(rule.pause_ms), e),
        Act::Ban => Next::Done(Exchanged::returned(e.after_ms(pass.banned()))),
        Act::Clear => {
            pass.not_banned();
            Next::Done(Exchanged { verdict: Verdict::from(e), outcome: Outcome::Cleared })
        }
        Act::Tell => {
            pass.not_banned();
            Next::Done(Exchanged::returned(e))
        }
    }
}

/// Doubled with each try, and jittered so that those who failed together don't come back together.
fn pause(base_ms: u64, tries: u32) -> Duration {
    let doubled = (base_ms << tries.saturating_sub(1).min(10)).min(LONGEST_PAUSE_MS.max(base_ms));
    Duration::from_millis(doubled / 2 + fastrand::u64(0..=doubled / 2))
}
