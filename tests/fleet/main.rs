//! A load that would disturb the clocks of other tests: a program of its own.

#[path = "../common/mod.rs"]
mod common;
#[path = "../redis_store/servers/mod.rs"]
#[allow(dead_code, unused_imports)] // the other trouble is for redis_store
mod servers;

mod accounts;
mod deaths;
mod failovers;
mod journal;
mod storm;
mod vitals;
