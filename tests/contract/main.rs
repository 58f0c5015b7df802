//! What others may rely on, compared with the source: the header, the ABI, the layers, and the documents.

#[path = "../common/mod.rs"]
mod common;

mod abi;
mod circles;
mod docs;
mod header;
mod layers;
mod tables;
mod words;
mod wrappers;
