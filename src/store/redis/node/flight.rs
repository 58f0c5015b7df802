//! A round trip under way: whoever reads hands each answer to its request, and the reading to another when its time is over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::super::connection::{Broken, Connection};
use super::super::error::Failure;
use super::super::resp::Value;
use super::{Call, KEPT, Node, Phase};
use crate::clock::Deadline;

/// Requests and bytes of one round trip, at most.
const TOGETHER: (usize, usize) = (256, 1 << 20);

/// A round trip under way.
pub struct Flight {
    node: Arc<Node>,
    lane: usize,
    began: Instant,
    pub(super) connection: Option<Connection>,
    /// Whose answers are still to come, and how many.
    pub(super) members: VecDeque<(Arc<Call>, usize)>,
    /// Whom the proof is for that comes last.
    pub(super) proving: Option<Vec<Arc<Call>>>,
}

impl Flight {
    /// One that nothing has been sent for.
    pub fn new(node: Arc<Node>, lane: usize, began: Instant) -> Box<Flight> {
        Box::new(Flight { node, lane, began, connection: None, members: VecDeque::new(), proving: None })
    }

    /// Takes those that wait for the same kind of proof.
    pub fn take_members(&mut self, own: &Arc<Call>) {
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

    /// Reads the answers for everybody, until all are there or this time is over.
    pub fn read(mut self: Box<Self>, deadline: Deadline) {
        while !self.members.is_empty() || self.proving.is_some() {
            let Some(connection) = &mut self.connection else { return };
            match connection.receive(deadline.instant()) {
                Ok(value) => self.deliver(value),
                Err(Broken::TimedOut) => return self.hand_over(),
                Err(broken) => return self.fail(&broken.in_words()),
            }
        }
        if let Some(mut connection) = self.connection.take().filter(|connection| !connection.is_ahead()) {
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
