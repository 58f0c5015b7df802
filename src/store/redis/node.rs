//! One server. Requests that wait for it share a round trip: one of their callers takes a connection, writes them all at
//! once and reads the answers for everybody, while those that come later gather for the next one.
//!
//! Nobody waits beyond a deadline of its own: who leads hands the reading over to another when its time is over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::connection::{Broken, Connection, Dialer};
use super::error::Failure;
use super::proof::Proof;
use super::resp::Value;
use crate::clock::Deadline;

/// A host's name or address, and a port.
pub type Address = (String, u16);

/// An idle connection is not used again after this; load balancers forget them.
const LONGEST_IDLE: Duration = Duration::from_secs(10);
/// After so much silence a connection is looked at, …
const LOOKED_AFTER: Duration = Duration::from_micros(500);
/// … and after so much it is tried before anything is put at risk on it …
const TRIED_AFTER: Duration = Duration::from_secs(1);
/// … for so long.
const TRY: Duration = Duration::from_millis(500);
/// Connections that are kept, at most.
const KEPT: usize = 64;
/// Round trips under way at once: of plain requests, and of those whose proof the server waits for.
const FLIGHTS: [usize; 2] = [2, 16];
/// A round trip that takes longer is not counted among them: its connection may be dead.
const SLOW: Duration = Duration::from_millis(500);
/// Requests and bytes of one round trip, at most.
const TOGETHER: (usize, usize) = (256, 1 << 20);

/// One server, its connections, and what waits for them.
pub struct Node {
    address: Address,
    dialer: Arc<Dialer>,
    idle: Mutex<Vec<Connection>>,
    lanes: [Lane; 2],
    /// How it proves that it keeps what it was given; None: it must be found out.
    pub proof: Mutex<Option<Proof>>,
}

#[derive(Default)]
struct Lane {
    state: Mutex<LaneState>,
}

#[derive(Default)]
struct LaneState {
    waiting: VecDeque<Arc<Call>>,
    /// When each round trip under way began.
    flights: Vec<Instant>,
    last_start: Option<Instant>,
    took: Duration,
    #[cfg(test)]
    started: usize,
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

/// What the caller in front may do.
enum Turn {
    /// Lead the next round trip.
    Lead(Instant),
    /// Wait until this.
    At(Instant),
    /// Wait until it is nudged.
    Later,
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
        let flight = Flight {
            node: Arc::clone(self),
            lane: which,
            began,
            connection: None,
            members: VecDeque::new(),
            proving: None,
        };
        let mut flight = Box::new(flight);
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

impl Lane {
    fn turn(&self, call: &Arc<Call>) -> Turn {
        let mut state = self.state.lock();
        let first = state.waiting.iter().find(|other| Arc::ptr_eq(other, call) || other.state.lock().awaited);
        if !first.is_some_and(|first| Arc::ptr_eq(first, call)) {
            return Turn::Later;
        }
        let now = Instant::now();
        let most = FLIGHTS[call.lane()];
        // Those that wait for the disk start evenly apart, so that none must wait for two whole rounds of it.
        let apart =
            if call.lane() == 1 && !state.flights.is_empty() { state.took / most as u32 } else { Duration::ZERO };
        let soonest = state.last_start.map_or(now, |last| last + apart);
        let busy = state.flights.iter().filter(|began| now.duration_since(**began) < SLOW);
        let full = busy.clone().count() >= most || state.flights.len() >= KEPT;
        let free = if full { busy.min().map_or(now + SLOW, |oldest| *oldest + SLOW) } else { now };
        let start = soonest.max(free);
        if start > now {
            return Turn::At(start);
        }
        state.flights.push(now);
        #[cfg(test)]
        {
            state.started += 1;
        }
        state.last_start = Some(now);
        Turn::Lead(now)
    }

    /// Takes it out of the queue, if it is there.
    fn leave(&self, call: &Arc<Call>) -> bool {
        let mut state = self.state.lock();
        let before = state.waiting.len();
        state.waiting.retain(|other| !Arc::ptr_eq(other, call));
        state.waiting.len() < before
    }

    /// Has the first one see whether it may lead.
    fn nudge(&self) {
        let state = self.state.lock();
        for call in &state.waiting {
            let mut state = call.state.lock();
            if state.awaited {
                state.nudged = true;
                call.changed.notify_one();
                return;
            }
        }
    }

    /// Nobody gets a connection now; whose own time is over knows of none but itself.
    fn fail(&self, own: &Arc<Call>, failure: &Failure) {
        let failed = if own.deadline.is_over() {
            if self.leave(own) { vec![Arc::clone(own)] } else { Vec::new() }
        } else {
            self.state.lock().waiting.drain(..).collect()
        };
        failed.iter().for_each(|call| call.finish(Err(failure.clone())));
    }
}

/// A round trip under way.
struct Flight {
    node: Arc<Node>,
    lane: usize,
    began: Instant,
    connection: Option<Connection>,
    /// Whose answers are still to come, and how many.
    members: VecDeque<(Arc<Call>, usize)>,
    /// Whom the proof is for that comes last.
    proving: Option<Vec<Arc<Call>>>,
}

impl Flight {
    /// Takes those that wait for the same kind of proof.
    fn take_members(&mut self, own: &Arc<Call>) {
        let mut state = self.node.lanes[self.lane].state.lock();
        let mut bytes = 0;
        let mut others = VecDeque::new();
        for call in std::mem::take(&mut state.waiting) {
            let ours = Arc::ptr_eq(&call, own);
            if !ours && (call.proof != own.proof || self.members.len() >= TOGETHER.0 || bytes > TOGETHER.1) {
                others.push_back(call);
                continue;
            }
            bytes += call.packed.len();
            call.state.lock().phase = Phase::Sent;
            self.members.push_back((Arc::clone(&call), call.answers));
        }
        state.waiting = others;
    }

    fn read(mut self: Box<Self>, deadline: Deadline) {
        while !self.members.is_empty() || self.proving.is_some() {
            let Some(connection) = &mut self.connection else { return };
            match connection.receive(deadline.instant()) {
                Ok(value) => self.deliver(value),
                Err(Broken::TimedOut) => return self.hand_over(),
                Err(broken) => return self.fail(&broken.in_words()),
            }
        }
        if let Some(mut connection) = self.connection.take() {
            connection.used = Instant::now();
            let mut idle = self.node.idle.lock();
            if idle.len() < KEPT {
                idle.push(connection);
            }
        }
    }

    fn deliver(&mut self, value: Value) {
        let Some((call, missing)) = self.members.front_mut() else {
            if let Some(calls) = self.proving.take() {
                calls.iter().for_each(|call| call.finish(Ok(Some(value.clone()))));
            }
            return;
        };
        call.state.lock().values.push(value);
        *missing -= 1;
        if *missing > 0 {
            return;
        }
        if let Some((call, _)) = self.members.pop_front() {
            match &mut self.proving {
                Some(calls) => calls.push(call),
                None => call.finish(Ok(None)),
            }
        }
    }

    /// Whoever has time goes on reading.
    fn hand_over(self: Box<Self>) {
        let waiting: Vec<Arc<Call>> = self.everybody().collect();
        for call in waiting {
            let mut state = call.state.lock();
            if state.awaited && matches!(state.phase, Phase::Sent) && !call.deadline.is_over() {
                state.phase = Phase::Leads(self);
                call.changed.notify_one();
                return;
            }
        }
    }

    fn fail(&mut self, why: &str) {
        self.node.forget_connections();
        for call in self.everybody() {
            call.finish(Err(Failure::Lost(why.to_owned())));
        }
    }

    fn everybody(&self) -> impl Iterator<Item = Arc<Call>> {
        let proving = self.proving.iter().flatten();
        let all: Vec<Arc<Call>> = self.members.iter().map(|(call, _)| call).chain(proving).cloned().collect();
        all.into_iter()
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        for call in self.everybody() {
            call.finish(Err(Failure::Lost(Broken::TimedOut.in_words())));
        }
        let lane = &self.node.lanes[self.lane];
        {
            let mut state = lane.state.lock();
            state.took = self.began.elapsed();
            if let Some(at) = state.flights.iter().position(|began| *began == self.began) {
                state.flights.swap_remove(at);
            }
        }
        lane.nudge();
    }
}
