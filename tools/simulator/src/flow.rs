//! How one request goes: receipt, overlap, fault, decision, answer.

use std::sync::Arc;
use std::time::Duration;

use crate::answer::Answer;
use crate::call::Call;
use crate::endpoint::Endpoint;
use crate::fault::{Fault, FaultKind};
use crate::records::{Outcome, RequestRecord};
use crate::shared::Shared;
use crate::wire::{End, Script};
use crate::world::World;

/// What the connection is to do.
pub(crate) enum Reply {
    Answer(Answer),
    /// The answer, a byte at a time.
    Drip(Answer, Duration),
    /// Something that is no HTTP answer, then the end of the connection.
    Wire(Script),
    /// Nothing, until the caller goes away.
    Never(Flight),
}

/// A request from receipt to answer; dropped early, the caller is gone.
pub(crate) struct Flight {
    shared: Arc<Shared>,
    endpoint: Endpoint,
    seq: u64,
    generation: u64,
    /// The player, if the request counts as a send in progress to them.
    openid: Option<String>,
    /// The send that WeChat works on, not one that is answered 43108.
    worked_on: bool,
    settled: bool,
}

impl Flight {
    fn settle(mut self, outcome: Outcome, errcode: Option<i64>, status: Option<u16>) {
        self.end(outcome, errcode, status);
    }

    fn end(&mut self, outcome: Outcome, errcode: Option<i64>, status: Option<u16>) {
        self.settled = true;
        let mut world = self.shared.world.lock();
        if world.generation != self.generation {
            return;
        }
        let now = world.clock.unix_ms();
        if let Some(record) = world.records.request(self.seq) {
            record.outcome = outcome;
            record.errcode = errcode;
            record.http_status = status;
            record.answered_ms = (outcome != Outcome::Abandoned).then_some(now);
        }
        if let Some(errcode) = errcode {
            *world.counters.errcodes.entry(self.endpoint).or_default().entry(errcode).or_default() += 1;
        }
        if self.endpoint == Endpoint::Send {
            world.counters.sends_in_progress = world.counters.sends_in_progress.saturating_sub(1);
        }
        if let Some(openid) = &self.openid {
            world.players.leave(openid, self.worked_on);
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.settled {
            self.end(Outcome::Abandoned, None, None);
        }
    }
}

/// What receipt found out.
enum Course {
    /// Decided already: the usual way, or 43108.
    Decided(Answer),
    /// With the answer, where WeChat decides on receipt all the same.
    Fault(Fault, Option<Answer>),
}

pub(crate) async fn run(shared: &Arc<Shared>, call: Call) -> Reply {
    let (flight, course, latency) = receive(shared, &call);
    match course {
        Course::Decided(answer) => {
            shared.tell(&answer);
            pause(latency).await;
            flight.settle(Outcome::Answered, Some(answer.errcode), Some(answer.status));
            Reply::Answer(answer)
        }
        Course::Fault(fault, decided) => {
            let latency = latency + Duration::from_millis(fault.delay_ms);
            if fault.kind == FaultKind::Delay && !fault.applied {
                // WeChat does not notice that the caller has gone: the work goes on in a task of its own.
                let shared = shared.clone();
                let late = tokio::spawn(async move {
                    pause(latency).await;
                    let answer = decide(&shared, &call, &flight);
                    flight.settle(Outcome::Answered, Some(answer.errcode), Some(answer.status));
                    answer
                });
                return late.await.map_or(Reply::Wire(Script::end(End::Close)), Reply::Answer);
            }
            if let Some(answer) = &decided {
                shared.tell(answer);
            }
            pause(latency).await;
            strike(fault.kind, call.endpoint, decided, flight)
        }
    }
}

/// Everything that happens at receipt, under one lock.
fn receive(shared: &Arc<Shared>, call: &Call) -> (Flight, Course, Duration) {
    let mut world = shared.world.lock();
    let world = &mut *world;
    *world.counters.calls.entry(call.endpoint).or_default() += 1;
    let seq = world.records.next_seq();
    let (openid, template_id) = (call.openid(), call.template_id());
    world.counters.forgotten += world.records.received(RequestRecord {
        seq,
        endpoint: call.endpoint,
        method: call.method.clone(),
        target: call.target.clone(),
        token: call.param("access_token").map(str::to_owned),
        openid: openid.map(str::to_owned),
        template_id: template_id.map(str::to_owned),
        body: call.body.clone(),
        connection: call.connection,
        received_ms: world.clock.unix_ms(),
        answered_ms: None,
        outcome: Outcome::Pending,
        errcode: None,
        http_status: None,
        msgid: None,
        fault: None,
    });
    let mut flight = Flight {
        shared: shared.clone(),
        endpoint: call.endpoint,
        seq,
        generation: world.generation,
        openid: None,
        worked_on: true,
        settled: false,
    };
    let mut latency = Duration::ZERO;
    match call.endpoint {
        Endpoint::Send => {
            latency = world.send_latency;
            let counters = &mut world.counters;
            counters.sends_in_progress += 1;
            counters.max_concurrent_sends = counters.max_concurrent_sends.max(counters.sends_in_progress);
            if let Some(openid) = openid.filter(|_| call.method == "POST" && world.token_complaint(call).is_none()) {
                flight.openid = Some(openid.to_owned());
                flight.worked_on = world.players.enter(openid);
            }
        }
        Endpoint::StableToken | Endpoint::Token => latency = world.token_latency,
        _ => {}
    }
    let course = if !flight.worked_on {
        world.counters.overlaps += 1;
        Course::Decided(Answer::error(call.endpoint, 43108))
    } else if let Some(fault) = world.faults.take(call.endpoint, openid, template_id) {
        world.counters.faults += 1;
        if let Some(record) = world.records.request(seq) {
            record.fault = Some(fault.kind.name().to_owned());
        }
        let decided = fault.is_applied().then(|| world.decide(call, seq));
        Course::Fault(fault, decided)
    } else {
        Course::Decided(world.decide(call, seq))
    };
    (flight, course, latency)
}

fn decide(shared: &Shared, call: &Call, flight: &Flight) -> Answer {
    let answer = shared.world.lock().decide(call, flight.seq);
    shared.tell(&answer);
    answer
}

/// The fault itself; `decided` is the true answer, if WeChat did what was asked.
fn strike(kind: FaultKind, endpoint: Endpoint, decided: Option<Answer>, flight: Flight) -> Reply {
    let delivered = decided.as_ref().and_then(|a| a.delivered.as_ref()).map(|d| d.msgid);
    let truth = decided.unwrap_or_else(|| Answer::error(endpoint, -1));
    let unreadable = |body: Vec<u8>| Answer { status: 200, body, ..truth.clone() };
    let (answer, readable) = match kind {
        FaultKind::Delay => (truth, true),
        FaultKind::Drip { gap_ms } => {
            flight.settle(Outcome::Answered, Some(truth.errcode), Some(truth.status));
            return Reply::Drip(truth, Duration::from_millis(gap_ms));
        }
        FaultKind::Errcode { errcode, errmsg, status } => {
            let answer = match errmsg {
                Some(errmsg) => Answer::error_with(endpoint, errcode, &errmsg),
                None => Answer::error(endpoint, errcode),
            };
            (Answer { status, ..answer }, true)
        }
        FaultKind::ErrcodeAsString { errcode } => {
            let answer = errcode.map_or(truth, |code| Answer::error(endpoint, code));
            let body = with_string_errcode(&answer);
            (Answer { body, ..answer }, true)
        }
        FaultKind::BrokenErrmsg { errcode: Some(errcode) } => (World::broken(endpoint, errcode, None), true),
        FaultKind::BrokenErrmsg { errcode: None } => (World::broken(endpoint, truth.errcode, delivered), true),
        FaultKind::Garbage { body } => (unreadable(body.0), false),
        FaultKind::Empty => (unreadable(Vec::new()), false),
        FaultKind::Http { status, body } => {
            let body = if body.0.is_empty() { gateway_page(status) } else { body.0 };
            (Answer { status, content_type: "text/html".to_owned(), ..unreadable(body) }, false)
        }
        FaultKind::Stall => return Reply::Never(flight),
        FaultKind::Close => return cut(flight, Script::end(End::Close)),
        FaultKind::Reset => return cut(flight, Script::end(End::Reset)),
        FaultKind::Raw { body } => return cut(flight, Script::new(body.0, End::Close)),
        FaultKind::Cut => return cut(flight, Script::new(half(&truth), End::Close)),
    };
    flight.settle(Outcome::Answered, readable.then_some(answer.errcode), Some(answer.status));
    Reply::Answer(answer)
}

fn cut(flight: Flight, script: Script) -> Reply {
    flight.settle(Outcome::Cut, None, None);
    Reply::Wire(script)
}

/// The full head and half of the body.
fn half(answer: &Answer) -> Vec<u8> {
    let body = &answer.body;
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n", answer.content_type, body.len())
            .into_bytes();
    bytes.extend_from_slice(&body[..body.len() / 2]);
    bytes
}

fn with_string_errcode(answer: &Answer) -> Vec<u8> {
    let mut json: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
    json.insert("errcode".to_owned(), answer.errcode.to_string().into());
    serde_json::Value::Object(json).to_string().into_bytes()
}

fn gateway_page(status: u16) -> Vec<u8> {
    format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    .into_bytes()
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}
