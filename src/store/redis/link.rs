//! The way to the server that has a key, again where it passes by itself and there is time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Cmd, Value, cmd};

use super::node::{Address, Node};
use super::slots::Slots;
use super::trouble::Trouble;
use crate::clock::Deadline;
use crate::config::{Config, RedisAt};

/// The first pause before another try, doubled with each …
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// Redirections that are followed without a pause.
const REDIRECTIONS: u32 = 5;
/// A try with less time than this would only end in doubt.
const LEAST_LEFT: Duration = Duration::from_millis(20);

pub struct Link {
    at: RedisAt,
    ca: Option<Vec<u8>>,
    connect_timeout: Duration,
    nodes: Mutex<HashMap<Address, Arc<Node>>>,
    slots: Mutex<Slots>,
}

/// Commands that are sent together; made anew for each try.
pub struct Request<'a> {
    /// The slot of their keys.
    pub slot: u16,
    /// How many there are.
    pub answers: usize,
    /// Makes them: with so much time left, and whether the scripts must be sent whole.
    pub pack: &'a dyn Fn(Duration, bool) -> Vec<Cmd>,
}

impl Link {
    pub fn new(config: &Config, at: &RedisAt) -> Result<Link, Trouble> {
        let unreadable = |path: &str, e: std::io::Error| Trouble::Unreached(format!("ca_file {path}: {e}"));
        let ca = config.ca_file.as_deref().filter(|_| at.tls);
        Ok(Link {
            at: at.clone(),
            ca: ca.map(|path| std::fs::read(path).map_err(|e| unreadable(path, e))).transpose()?,
            connect_timeout: Duration::from_millis(config.connect_timeout_ms),
            nodes: Mutex::default(),
            slots: Mutex::default(),
        })
    }

    /// Sends the commands to whom their slot belongs, and returns their answers, none of which is an error. May be done
    /// twice when an answer is lost.
    pub fn run(&self, request: &Request<'_>, deadline: Deadline) -> Result<Vec<Value>, Trouble> {
        let mut in_doubt = false;
        self.run_until(request, deadline, &mut in_doubt).map_err(|last| match last {
            Trouble::Lost(_) | Trouble::Unconfirmed => last,
            last if in_doubt => Trouble::InDoubt(Box::new(last)),
            last => last,
        })
    }

    /// The same; `in_doubt` when a try was maybe done, whatever became of those after it.
    fn run_until(&self, request: &Request<'_>, deadline: Deadline, in_doubt: &mut bool) -> Result<Vec<Value>, Trouble> {
        let (mut pause, mut redirections, mut whole) = (FIRST_PAUSE, 0, false);
        let mut last = Trouble::TooLate;
        loop {
            if deadline.left() < LEAST_LEFT.min(pause) {
                return Err(last);
            }
            let trouble = match self.try_once(request, whole, deadline) {
                Ok(values) => return Ok(values),
                Err(trouble) => trouble,
            };
            *in_doubt |= matches!(trouble, Trouble::Lost(_));
            if trouble.code() == "NOSCRIPT" && !whole {
                whole = true;
                continue;
            }
            if let Some(address) = self.redirection(&trouble).filter(|_| redirections < REDIRECTIONS) {
                redirections += 1;
                self.slots.lock().put(request.slot, address);
                continue;
            }
            let misnamed = !self.at.cluster && matches!(trouble.code(), "MOVED" | "ASK");
            if !trouble.passes() || misnamed {
                return Err(trouble);
            }
            if trouble.moves() {
                self.slots.lock().forget();
            }
            if deadline.left() <= pause {
                return Err(trouble);
            }
            last = trouble;
            std::thread::sleep(pause / 2 + pause.mul_f64(fastrand::f64() / 2.0));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn try_once(&self, request: &Request<'_>, whole: bool, deadline: Deadline) -> Result<Vec<Value>, Trouble> {
        let address = self.owner(request.slot, deadline)?;
        let node = self.node(&address)?;
        let commands = (request.pack)(deadline.left(), whole);
        let mut packed = Vec::new();
        commands.iter().for_each(|command| packed.extend(command.get_packed_command()));
        let values = node.talk(&packed, request.answers, deadline)?;
        for (place, value) in values.iter().enumerate() {
            if let Value::ServerError(e) = value {
                if place > 0 {
                    // The step is done; only the proof of it was refused.
                    return Err(Trouble::Unconfirmed);
                }
                let trouble = Trouble::answered(e);
                if trouble.code() == "READONLY" {
                    // Behind the same name there may be another server by now.
                    node.forget_connections();
                }
                return Err(trouble);
            }
        }
        Ok(values)
    }

    /// Where a cluster sends us for good. ASK is not followed: the new node has some of the bucket's keys only, and a script
    /// there would take what it does not find for nothing, and begin a second ledger. The move is waited for.
    fn redirection(&self, trouble: &Trouble) -> Option<Address> {
        let Trouble::Refused { code, text } = trouble else { return None };
        if code != "MOVED" || !self.at.cluster {
            return None;
        }
        let (host, port) = text.split_whitespace().nth(1)?.rsplit_once(':')?;
        let host = if host.is_empty() { self.at.nodes.first()?.0.clone() } else { host.to_owned() };
        Some((host, port.parse().ok()?))
    }

    /// Every master that is known, for what is asked of each server.
    pub fn masters(&self, deadline: Deadline) -> Result<Vec<Address>, Trouble> {
        if !self.at.cluster {
            return Ok(self.at.nodes.clone());
        }
        self.owner(0, deadline)?;
        Ok(self.slots.lock().owners())
    }

    /// One command to this server; an answer that is an error is one.
    pub fn ask(&self, address: &Address, command: &Cmd, deadline: Deadline) -> Result<Value, Trouble> {
        let values = self.node(address)?.talk(&command.get_packed_command(), 1, deadline)?;
        match values.into_iter().next().unwrap_or_default() {
            Value::ServerError(e) => Err(Trouble::answered(&e)),
            value => Ok(value),
        }
    }

    fn node(&self, address: &Address) -> Result<Arc<Node>, Trouble> {
        let mut nodes = self.nodes.lock();
        if let Some(node) = nodes.get(address) {
            return Ok(Arc::clone(node));
        }
        let node = Arc::new(Node::new(address, &self.at, self.ca.as_deref(), self.connect_timeout)?);
        nodes.insert(address.clone(), Arc::clone(&node));
        Ok(node)
    }

    fn owner(&self, slot: u16, deadline: Deadline) -> Result<Address, Trouble> {
        if !self.at.cluster {
            return self.at.nodes.first().cloned().ok_or(Trouble::TooLate);
        }
        if let Some(address) = self.slots.lock().owner(slot) {
            return Ok(address);
        }
        // Any node knows; those that were seen, then those that the configuration names.
        let mut known: Vec<Address> = self.nodes.lock().keys().cloned().collect();
        fastrand::shuffle(&mut known);
        known.extend(self.at.nodes.iter().cloned());
        let mut last = Trouble::TooLate;
        for address in known {
            let patience = Deadline::in_ms(deadline.left().min(self.connect_timeout).as_millis() as u64);
            match self.ask(&address, cmd("CLUSTER").arg("SLOTS"), patience) {
                Ok(value) => {
                    let mut slots = self.slots.lock();
                    slots.learn(&value, &address.0);
                    match slots.owner(slot) {
                        Some(address) => return Ok(address),
                        None => last = uncovered(),
                    }
                }
                Err(trouble) if trouble.passes() || matches!(trouble, Trouble::TooLate) => last = trouble,
                Err(trouble) => return Err(trouble),
            }
        }
        Err(last)
    }
}

fn uncovered() -> Trouble {
    Trouble::Refused { code: "CLUSTERDOWN".to_owned(), text: "no node has this slot".to_owned() }
}
