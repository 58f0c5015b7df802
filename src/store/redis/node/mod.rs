//! One server. Requests that wait for it share a round trip: one of their callers takes a connection, writes them all at
//! once and reads the answers for everybody, while those that come later gather for the next one.
//!
//! Nobody waits beyond a deadline of its own: who leads hands the reading over to another when its time is over.

mod flight;
mod lane;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::connection::{Broken, Connection, Dialer};
use super::durability::Proof;
use super::error::Failure;
use super::resp::Value;
use crate::clock::Deadline;
use crate::resolver::Address;
use flight::Flight;
use lane::{Lane, Turn};

/// An idle connection is not used again after this; load balancers forget them.
const LONGEST_IDLE: Duration = Duration::from_secs(10);
/// After how much silence a connection is looked at, …
const LOOKED_AFTER: Duration = Duration::from_micros(500);
/// … after how much it is tried before anything is put at risk on it, …
const TRIED_AFTER: Duration = Duration::from_secs(1);
/// … and for how long.
const TRY: Duration = Duration::from_millis(500);
/// Connections that are kept, at most.
const KEPT: usize = 64;

/// One server, its connections, and what waits for them.
pub struct Node {
    address: Address,
    dialer: Arc<Dialer>,
    idle: Mutex<Vec<Connection>>,
    lanes: [Lane; 2],
    /// How it proves that it keeps what it was given; None: it must be found out.
    pub proof: Mutex<Option<Proof>>,
}

/// A request of one caller.
pub struct Call {
    packed: Vec<u8>,
    answers: usize,
    proof: Option<Proof>,
    deadline: Deadline,
    state: Mutex<CallState>,
    changed: Condvar,
}

struct CallState {
    phase: Phase,
    values: Vec<Value>,
    /// Its caller stands by.
    awaited: bool,
    /// It should see whether it may lead.
    nudged: bool,
}

enum Phase {
    Queued,
    Sent,
    Leads(Box<Flight>),
    Done(Result<Option<Value>, Failure>),
}

/// What came back.
#[derive(Debug)]
pub struct Answers {
    /// Those that came before it broke, at least one.
    pub values: Vec<Value>,
    /// What the server said when it was asked whether all is kept.
    pub proof: Option<Value>,
}

impl Call {
    /// Commands as they are sent, the number of their answers, and what proof is asked for.
    pub fn new(packed: Vec<u8>, answers: usize, proof: Option<Proof>, deadline: Deadline) -> Arc<Call> {
        let state = CallState { phase: Phase::Queued, values: Vec::new(), awaited: false, nudged: false };
        Arc::new(Call { packed, answers, proof, deadline, state: Mutex::new(state), changed: Condvar::new() })
    }

    /// What proof is asked for.
    pub fn proof(&self) -> Option<Proof> {
        self.proof
    }

    fn lane(&self) -> usize {
        usize::from(self.proof.is_some())
    }

    fn finish(&self, done: Result<Option<Value>, Failure>) {
        let mut state = self.state.lock();
        if !matches!(state.phase, Phase::Done(_)) {
            // What was answered is known, whatever broke then.
            let done = if state.values.is_empty() { done } else { done.or(Ok(None)) };
            state.phase = Phase::Done(done);
            self.changed.notify_one();
        }
    }
}

impl Node {
    /// Makes no connection yet.
    pub fn new(address: &Address, dialer: &Arc<Dialer>) -> Arc<Node> {
        Arc::new(Node {
            address: address.clone(),
            dialer: Arc::clone(dialer),
            idle: Mutex::default(),
            lanes: Default::default(),
            proof: Mutex::default(),
        })
    }

    /// Lets a request wait for the next round trip, which goes once somebody waits for it, or for one behind it.
    pub fn enqueue(&self, call: &Arc<Call>) {
        self.lanes[call.lane()].state.lock().waiting.push_back(Arc::clone(call));
    }

    /// Drops the connections that are kept.
    pub fn forget_connections(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }

    /// Behind its name there may be another server by now.
    pub fn look_again(&self) {
        self.dialer.resolve_again();
        self.forget_connections();
    }

    #[cfg(test)]
    pub fn flights(&self) -> usize {
        self.lanes.iter().map(|lane| lane.state.lock().started).sum()
    }

    /// Waits for the answers to a request.
    ///
    /// # Errors
    /// Why there is none by the request's deadline.
    pub fn wait(self: &Arc<Self>, call: &Arc<Call>) -> Result<Answers, Failure> {
        call.state.lock().awaited = true;
        loop {
            let mut state = call.state.lock();
            match std::mem::replace(&mut state.phase, Phase::Sent) {
                Phase::Done(done) => {
                    let proof = done?;
                    return Ok(Answers { values: std::mem::take(&mut state.values), proof });
                }
                Phase::Leads(flight) => {
                    drop(state);
                    flight.read(call.deadline);
                }
                Phase::Queued => {
                    state.phase = Phase::Queued;
                    drop(state);
                    self.wait_in_queue(call);
                }
                Phase::Sent => {
                    let timed_out = call.changed.wait_until(&mut state, call.deadline.instant()).timed_out();
                    if timed_out && matches!(state.phase, Phase::Sent) {
                        drop(state);
                        call.finish(Err(Failure::Lost(Broken::TimedOut.in_words())));
                    }
                }
            }
        }
    }

    fn wait_in_queue(self: &Arc<Self>, call: &Arc<Call>) {
        let lane = &self.lanes[call.lane()];
        let until = match lane.turn(call) {
            Turn::Lead(began) => return self.lead(call, began),
            Turn::At(when) => when.min(call.deadline.instant()),
            Turn::Later => call.deadline.instant(),
        };
        {
            let mut state = call.state.lock();
            if matches!(state.phase, Phase::Queued) && !state.nudged {
                call.changed.wait_until(&mut state, until);
            }
            state.nudged = false;
        }
        if call.deadline.is_over() && lane.leave(call) {
            call.finish(Err(Failure::TooLate));
            lane.nudge();
        }
    }

    /// Takes all that waits along.
    fn lead(self: &Arc<Self>, own: &Arc<Call>, began: Instant) {
        let which = own.lane();
        let mut flight = Flight::new(Arc::clone(self), which, began);
        let mut connection = match self.connection(own.deadline) {
            Ok(connection) => connection,
            Err(failure) => return self.lanes[which].fail(own, &failure),
        };
        flight.take_members(own);
        let (mut packed, mut ends) = (Vec::new(), Vec::new());
        for (call, _) in &flight.members {
            packed.extend_from_slice(&call.packed);
            ends.push(packed.len());
        }
        if let Some(proof) = own.proof {
            let left = flight.members.iter().map(|(call, _)| call.deadline.left()).min().unwrap_or_default();
            proof.pack(left, &mut packed);
            flight.proving = Some(Vec::new());
        }
        match connection.send(&packed, own.deadline.instant()) {
            Ok(()) => {
                flight.connection = Some(connection);
                flight.read(own.deadline);
            }
            Err((sent, broken)) => {
                self.forget_connections();
                let why = broken.in_words();
                let begins = [0].into_iter().chain(ends);
                for ((call, _), begin) in std::mem::take(&mut flight.members).into_iter().zip(begins) {
                    // The first of its commands may have left whole.
                    call.finish(Err(if begin < sent {
                        Failure::Lost(why.clone())
                    } else {
                        Failure::Unreached(why.clone())
                    }));
                }
            }
        }
    }

    fn connection(&self, deadline: Deadline) -> Result<Connection, Failure> {
        let kept = self.idle.lock().pop();
        if let Some(mut connection) = kept {
            let idle = connection.used.elapsed();
            let until = Instant::now() + TRY.min(deadline.left() / 4);
            let usable = idle < LOOKED_AFTER
                || idle < TRIED_AFTER && !connection.is_dead()
                || (idle < LONGEST_IDLE && connection.converse(b"*1\r\n$4\r\nTIME\r\n", 1, until).is_ok());
            if usable {
                return Ok(connection);
            }
            // The others have been idle for longer.
            self.forget_connections();
        }
        self.dialer.dial(&self.address, deadline)
    }
}
