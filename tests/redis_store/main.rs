//! A client on the Redis store: each test starts the servers that it needs and makes trouble for them.

#[path = "../common/mod.rs"]
mod common;
mod env;
mod recorder;
mod servers;

mod admin;
mod ask;
mod campaigns;
mod cluster;
mod cuts;
mod durability;
mod faults;
mod harness;
mod refusals;
mod stacks;
mod tls;
