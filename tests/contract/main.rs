//! What others may rely on, compared with the source: the header, the ABI, and the layers.

#[path = "../common/mod.rs"]
mod common;

mod abi;
mod header;
mod layers;
