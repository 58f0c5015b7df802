//! Hosts call from small stacks, whatever the store is: the program of `tests/hosts/c` once more, over TLS.

use std::path::Path;
use std::process::Command;

use crate::common::host::{Compiler, LEAST_STACK_KIB, compile, run_host};
use crate::env::RedisEnv;
use crate::servers::Server;

#[test]
fn every_call_does_with_a_small_stack() {
    let server = Server::start(RedisEnv::settings().tls());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("stacks");
    let compiler = Compiler { program: "cc", standard: "c99", more: &[] };
    compile(&compiler, Path::new("tests/hosts/c/stacks.c"), &program);
    let ca = format!(",\"ca_file\":\"{}\"", server.certificate().ca.display());
    let mut stacks = Command::new(&program);
    stacks.env("WXSUB_STORE", server.url()).env("WXSUB_MORE", ca).env("WXSUB_STACK_KIB", LEAST_STACK_KIB);
    run_host(&mut stacks, "stacks, on a Redis");
}
