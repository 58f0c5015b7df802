//! The library inside programs of other languages, and the packages that they find it in.

#[path = "../common/mod.rs"]
mod common;

mod languages;
mod packages;
mod pages;
mod programs;
mod servers;
