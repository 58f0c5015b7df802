//! A client on the Redis store: each test starts the servers that it needs and makes trouble for them.

#[path = "../common/mod.rs"]
mod common;
mod env;
mod recorder;
mod servers;

mod cluster;
mod durability;
mod faults;
mod harness;
mod refusals;
mod tls;
