//! The way to the server that has a key, again where nothing was done, it passes by itself and there is time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::connection::Dialer;
use super::durability::{Proof, setting};
use super::error::Failure;
use super::node::{Answers, Call, Node};
use super::resp::Value;
use super::script::Command;
use super::slots::Slots;
use crate::clock::Deadline;
use crate::config::{Config, RedisAt};
use crate::resolver::Address;

/// The first pause before another try, doubled with each …
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// A node that is asked for the slots has at least so long to answer.
const LEAST_SHARE: Duration = Duration::from_millis(250);
/// Redirections that are followed without a pause.
const REDIRECTIONS: u32 = 5;
/// A try with less time than this would only end in doubt.
const LEAST_LEFT: Duration = Duration::from_millis(20);

/// Commands that are sent together to the server of one slot.
#[derive(Clone, Debug)]
pub struct Request {
    /// The slot of their keys.
    pub slot: u16,
    /// What is to be done.
    pub commands: Vec<Command>,
    /// How to make a write that proves nothing but what is before it; None: no proof is wanted.
    pub prove: Option<Command>,
    /// Whether it may be carried out twice.
    pub repeatable: bool,
}

/// All servers of a ledger.
pub struct Router {
    at: RedisAt,
    dialer: Arc<Dialer>,
    connect_timeout: Duration,
    nodes: Mutex<HashMap<Address, Arc<Node>>>,
    slots: Mutex<Slots>,
}

impl Request {
    /// Reads.
    pub fn read(slot: u16, commands: Vec<Command>) -> Request {
        Request { slot, commands, prove: None, repeatable: true }
    }
}

impl Router {
    /// Makes no connection yet.
    pub fn new(config: &Config, at: &RedisAt) -> Result<Router, Failure> {
        Ok(Router {
            at: at.clone(),
            dialer: Arc::new(Dialer::new(config, at)?),
            connect_timeout: Duration::from_millis(config.connect_timeout_ms),
            nodes: Mutex::default(),
            slots: Mutex::default(),
        })
    }

    /// Sends a request to whom its slot belongs. The first answer is no error.
    ///
    /// # Errors
    /// Why it was not carried out, or that this is not known.
    pub fn exchange(&self, request: &Request, deadline: Deadline) -> Result<Answers, Failure> {
        let (mut pause, mut redirections, mut whole) = (FIRST_PAUSE, 0, false);
        let mut last = Failure::TooLate;
        loop {
            if deadline.left() < LEAST_LEFT.min(pause) {
                return Err(last);
            }
            let failure = match self.try_once(request, whole, deadline) {
                Ok(answers) => return Ok(answers),
                // What was in the way until then is the cause.
                Err(Failure::TooLate) => return Err(last),
                Err(failure) => failure,
            };
            if failure.code() == "NOSCRIPT" && !whole {
                whole = true;
                continue;
            }
            if self.learn(request.slot, &failure) && redirections < REDIRECTIONS {
                redirections += 1;
                continue;
            }
            let misnamed = !self.at.cluster && matches!(failure.code(), "MOVED" | "ASK");
            let again = failure.passes() || request.repeatable && matches!(failure, Failure::Lost(_));
            if !again || misnamed || deadline.left() <= pause {
                return Err(failure);
            }
            last = failure;
            std::thread::sleep(pause / 2 + pause.mul_f64(fastrand::f64() / 2.0));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// What a failure tells of who has a slot; true: its new owner is known.
    pub fn learn(&self, slot: u16, failure: &Failure) -> bool {
        let mut slots = self.slots.lock();
        if let Some(address) = self.redirection(failure) {
            slots.put(slot, address);
            return true;
        }
        if failure.moves()
            && let Some(owner) = slots.owner(slot)
        {
            slots.forget(&owner);
        }
        false
    }

    fn try_once(&self, request: &Request, whole: bool, deadline: Deadline) -> Result<Answers, Failure> {
        let (node, call) = self.enqueue(request, whole, deadline)?;
        self.finish(&node, &call)
    }

    pub fn enqueue(
        &self,
        request: &Request,
        whole: bool,
        deadline: Deadline,
    ) -> Result<(Arc<Node>, Arc<Call>), Failure> {
        let node = self.node(&self.owner(request.slot, deadline)?);
        let proof = match &request.prove {
            Some(write) => Some(self.proof(&node, write, deadline)?),
            None => None,
        };
        let mut packed = Vec::new();
        request.commands.iter().for_each(|command| command.pack(whole, &mut packed));
        let call = Call::new(packed, request.commands.len(), proof, deadline);
        node.enqueue(&call);
        Ok((node, call))
    }

    pub fn finish(&self, node: &Arc<Node>, call: &Arc<Call>) -> Result<Answers, Failure> {
        let answers = node.wait(call)?;
        if let Some(Value::Error(said)) = answers.values.first() {
            return Err(refused(node, said));
        }
        if let Some(proof) = call.proof()
            && !answers.proof.as_ref().is_some_and(|said| proof.is_given(said))
        {
            // The server may have been changed, or be another one: what it offers is found out anew.
            *node.proof.lock() = None;
            return Ok(Answers { proof: None, ..answers });
        }
        Ok(answers)
    }

    /// How this server proves that it keeps what it was given: each way is tried.
    fn proof(&self, node: &Arc<Node>, write: &Command, deadline: Deadline) -> Result<Proof, Failure> {
        if let Some(proof) = *node.proof.lock() {
            return Ok(proof);
        }
        let mut lacking = Vec::new();
        let mut flushes = true;
        for proof in Proof::ALL {
            if proof == Proof::Fsync && !flushes {
                continue;
            }
            let mut packed = Vec::new();
            write.pack(true, &mut packed);
            let call = Call::new(packed, 1, Some(proof), deadline);
            node.enqueue(&call);
            // What it is for was not begun yet.
            let answers = node.wait(&call).map_err(Failure::undone)?;
            if let Some(Value::Error(said)) = answers.values.first() {
                return Err(refused(node, said));
            }
            match &answers.proof {
                Some(said) if proof.is_given(said) => {
                    *node.proof.lock() = Some(proof);
                    return Ok(proof);
                }
                said => {
                    flushes &= said.as_ref().and_then(|said| setting(said, "appendfsync")) != Some("no");
                    let lacks = proof.lacks(said.as_ref());
                    if !lacking.contains(&lacks) {
                        lacking.push(lacks);
                    }
                }
            }
        }
        Err(Failure::Unproven(lacking.join(", ")))
    }

    /// Whether there are several servers.
    pub fn is_cluster(&self) -> bool {
        self.at.cluster
    }

    /// Whose slot this is, as far as that is known.
    pub fn known_owner(&self, slot: u16) -> Option<Address> {
        if self.at.cluster { self.slots.lock().owner(slot) } else { self.at.nodes.first().cloned() }
    }

    /// Whether both slots are known to be one server's.
    pub fn is_one(&self, one: u16, other: u16) -> bool {
        if !self.at.cluster {
            return true;
        }
        let slots = self.slots.lock();
        slots.owner(one).is_some_and(|owner| slots.owner(other) == Some(owner))
    }

    /// Finds out how the server of this slot proves what it keeps.
    ///
    /// # Errors
    /// [`Failure::Unproven`] when it does not.
    pub fn require_proof(&self, slot: u16, write: &Command, deadline: Deadline) -> Result<(), Failure> {
        let node = self.node(&self.owner(slot, deadline)?);
        self.proof(&node, write, deadline).map(drop)
    }

    /// Where a cluster sends us for good. ASK is not followed: the new node has some of the bucket's keys only, and a script
    /// there would take what it does not find for nothing, and begin a second ledger. The move is waited for.
    fn redirection(&self, failure: &Failure) -> Option<Address> {
        let Failure::Refused { code, text } = failure else { return None };
        if code != "MOVED" || !self.at.cluster {
            return None;
        }
        let (host, port) = text.split_whitespace().nth(1)?.rsplit_once(':')?;
        let host = if host.is_empty() { self.at.nodes.first()?.0.clone() } else { host.to_owned() };
        Some((host, port.parse().ok()?))
    }

    /// Every master that is known, for what is asked of each server.
    pub fn masters(&self, deadline: Deadline) -> Result<Vec<Address>, Failure> {
        if !self.at.cluster {
            return Ok(self.at.nodes.clone());
        }
        let known = || {
            let slots = self.slots.lock();
            (slots.gap(), slots.owners())
        };
        let (mut asked, mut tries) = (None, 0);
        loop {
            // A part of them would pass for all of them. Where nobody may ask for them, those that redirections told must do.
            match known() {
                (Some(slot), _) if tries < 3 => asked = Some(self.owner(slot, deadline)?),
                (Some(_), owners) if owners.is_empty() => return Ok(asked.into_iter().collect()),
                (_, owners) => return Ok(owners),
            }
            tries += 1;
        }
    }

    /// Commands to this server; each may be answered by an error.
    pub fn ask(&self, address: &Address, commands: &[Command], deadline: Deadline) -> Result<Vec<Value>, Failure> {
        let node = self.node(address);
        let mut packed = Vec::new();
        commands.iter().for_each(|command| command.pack(true, &mut packed));
        let call = Call::new(packed, commands.len(), None, deadline);
        node.enqueue(&call);
        Ok(node.wait(&call)?.values)
    }

    fn node(&self, address: &Address) -> Arc<Node> {
        let mut nodes = self.nodes.lock();
        Arc::clone(nodes.entry(address.clone()).or_insert_with(|| Node::new(address, &self.dialer)))
    }

    /// How many round trips there were.
    #[cfg(test)]
    pub fn flights(&self) -> usize {
        self.nodes.lock().values().map(|node| node.flights()).sum()
    }

    /// Any node knows: those that have slots as far as is known, those that the configuration names, then all that were seen.
    fn who_may_know(&self) -> Vec<Address> {
        let shuffled = |mut nodes: Vec<Address>| {
            fastrand::shuffle(&mut nodes);
            nodes
        };
        let seen = self.nodes.lock().keys().cloned().collect();
        let mut known = shuffled(self.slots.lock().owners());
        for address in self.at.nodes.iter().cloned().chain(shuffled(seen)) {
            if !known.contains(&address) {
                known.push(address);
            }
        }
        known
    }

    /// Whose slot this is.
    pub fn owner(&self, slot: u16, deadline: Deadline) -> Result<Address, Failure> {
        if !self.at.cluster {
            return self.at.nodes.first().cloned().ok_or(Failure::TooLate);
        }
        if let Some(address) = self.slots.lock().owner(slot) {
            return Ok(address);
        }
        let known = self.who_may_know();
        let mut last = Failure::TooLate;
        for (at, address) in known.iter().enumerate() {
            // One that is silent leaves time for the others.
            let share = (deadline.left() / (known.len() - at) as u32).max(LEAST_SHARE).min(deadline.left());
            let patience = Deadline::in_ms(share.min(self.connect_timeout).as_millis() as u64);
            let answer = self.ask(address, &[Command::plain(&["CLUSTER", "SLOTS"])], patience);
            last = match answer.map(|values| values.into_iter().next()) {
                Ok(Some(Value::Error(said))) => {
                    let failure = Failure::answered(&said);
                    let refused = failure.code() == "NOPERM" || said.contains("unknown command");
                    match failure.passes() {
                        true => failure,
                        // Who may not ask is told by redirections.
                        false if refused => return Ok(address.clone()),
                        false => return Err(failure),
                    }
                }
                Ok(answer) => {
                    let mut slots = self.slots.lock();
                    slots.learn(&answer.unwrap_or(Value::Nil), &address.0);
                    let (owner, is_whole, owners) = (slots.owner(slot), slots.gap().is_none(), slots.owners());
                    drop(slots);
                    if is_whole {
                        // Others have left the cluster, or hold nothing.
                        self.nodes.lock().retain(|node, _| owners.contains(node) || self.at.nodes.contains(node));
                    }
                    match owner {
                        Some(address) => return Ok(address),
                        None => uncovered(),
                    }
                }
                Err(Failure::Lost(why)) => Failure::Unreached(why),
                Err(failure) if failure.passes() || failure == Failure::TooLate => failure,
                Err(failure) => return Err(failure),
            };
        }
        Err(last)
    }
}

/// What the server said in place of an answer. Behind its name there may be another one by now.
fn refused(node: &Node, said: &str) -> Failure {
    let failure = Failure::answered(said);
    if matches!(failure.code(), "READONLY" | "MASTERDOWN") {
        node.look_again();
    }
    failure
}

fn uncovered() -> Failure {
    Failure::Refused { code: "CLUSTERDOWN".to_owned(), text: "no node has this slot".to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::redis::tests::config;

    /// Nodes that left would cost each call their time.
    #[test]
    fn owners_are_asked_first_and_every_node_once() {
        let (config, at) = config("redis-cluster://seed:1", json!({}));
        let router = Router::new(&config, &at).unwrap();
        let address = |host: &str| (host.to_owned(), 1);
        for host in ["left", "owner", "seed"] {
            router.node(&address(host));
        }
        router.slots.lock().put(5, address("owner"));
        assert_eq!(router.who_may_know(), ["owner", "seed", "left"].map(address));
    }
}
