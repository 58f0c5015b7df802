//! The request of one send, and what WeChat's answer means for the unit that it holds.

use super::breaker::Breakers;
use crate::client::api_transport::Timing;
use crate::client::wechat_api::{Call, CallResult, Called, Credential, WechatApi};
use crate::error::{Error, Status, Verdict};
use crate::ledger::{Outcome, SENT};
use crate::panics;
use crate::wechat::{Endpoint, Recovery, Request, Response};

/// What a request came to.
pub struct Attempted {
    /// What the caller is told, but for the count.
    pub verdict: Verdict,
    /// What becomes of the unit.
    pub outcome: Outcome,
    /// WeChat took the message.
    pub taken: bool,
}

impl Attempted {
    fn returned(e: Error) -> Attempted {
        Attempted { verdict: Verdict::from(e), outcome: Outcome::Returned, taken: false }
    }

    /// It may have been sent.
    pub fn in_doubt(e: Error) -> Attempted {
        Attempted { verdict: Verdict::from(e), outcome: Outcome::InDoubt, taken: false }
    }
}

/// Makes the request of a send, again where it surely had no effect and there is time.
pub fn attempt(
    api: &WechatApi,
    breakers: &Breakers,
    template_id: &str,
    body: &[u8],
    timing: Timing,
    attempts: u32,
) -> Attempted {
    panics::point("in the middle of a send");
    let permit = match breakers.permit(template_id) {
        Ok(permit) => permit,
        Err(e) => return Attempted::returned(e),
    };
    let call = Call {
        endpoint: Endpoint::Send,
        timing,
        attempts,
        credential: Credential::AccessToken,
        request: &|token| Request::send(token, body),
        accepts: Response::is_taken,
    };
    let Called { result, requests } = api.call(&call);
    let mut attempted = match result {
        CallResult::Done(answer, http_status) => {
            permit.reset();
            let verdict = Verdict { http_status, msgid: answer.msgid, ..Verdict::ok(SENT) };
            Attempted { verdict, outcome: Outcome::Spent, taken: true }
        }
        CallResult::Refused(e, Recovery::Ban) => Attempted::returned(e.after_ms(permit.trip())),
        CallResult::Refused(e, Recovery::Clear) => {
            permit.reset();
            Attempted { verdict: Verdict::from(e), outcome: Outcome::Cleared, taken: false }
        }
        CallResult::Refused(e, recovery) => {
            if recovery == Recovery::Report {
                permit.reset();
            }
            Attempted::returned(e)
        }
        CallResult::InDoubt(why, http_status) => {
            let message = format!("maybe sent: the request left, but {why}");
            Attempted::in_doubt(Error::new(Status::Unknown, message).answered(0, http_status))
        }
        CallResult::NotSent(e) => Attempted::returned(e),
    };
    attempted.verdict.attempts = requests;
    attempted
}
