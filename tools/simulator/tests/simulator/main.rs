//! The simulator from outside: over real sockets, and as a program.

mod common;

mod account;
mod control;
mod faults;
mod phone;
mod program;
mod push;
mod send;
mod tokens;
