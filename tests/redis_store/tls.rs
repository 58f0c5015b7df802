//! TLS to a Redis: by the CA that the configuration names, and by no other.

use crate::common::{TEMPLATE, left, message, send};
use crate::env::{PASSWORD, RedisEnv};
use crate::servers::{Certificate, Cluster, Server, wait_until};
use serde_json::{Value, json};
use wxsub::Status;

/// `ca_file` is for WeChat's host, too, which is a simulator without TLS here.
fn with_ca(server: &Server, timeout_ms: u32) -> Value {
    json!({"ca_file": server.certificate().ca, "timeout_ms": timeout_ms})
}

#[test]
fn a_server_with_our_ca_is_trusted_by_name_and_by_address() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings().tls());
    assert!(server.url().starts_with("rediss://"));
    for url in [server.url(), server.url().replace("127.0.0.1", "localhost"), server.url().replace("rediss", "valkeys")]
    {
        let client = env.open(&url, with_ca(&server, 20_000));
        env.base.accept(&client, "o1");
        env.ok(send(&client, "o1"));
        assert_eq!(left(&client, "o1"), 0);
    }
}

#[test]
fn another_ca_and_no_tls_at_all_are_told() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings().tls());
    let other = Server::start(RedisEnv::settings().tls());
    env.open_failed(&server.url(), with_ca(&other, 2000), &["nothing was done", "certificate", "ca_file"]);
    env.open_failed(&server.url(), json!({"timeout_ms": 2000}), &["nothing was done", "certificate", "ca_file"]);
    // TLS to the port without it, and the other way round.
    let plain = format!("rediss://:{PASSWORD}@127.0.0.1:{}/0", server.port());
    env.open_failed(&plain, with_ca(&server, 2000), &["nothing was done"]);
    let bare = format!("redis://:{PASSWORD}@127.0.0.1:{}/0", server.tls_port());
    env.open_failed(&bare, with_ca(&server, 2000), &["nothing was done"]);
    let file = env.base.folder.path().join("no-such.pem");
    match env.try_open(&server.url(), json!({"ca_file": file, "timeout_ms": 2000})) {
        Err(e) => assert!(e.status == wxsub::Status::Config && e.message.contains("no-such.pem"), "{e}"),
        Ok(_) => panic!("it opens"),
    }
    let name = server.url().replace("127.0.0.1", "127.0.0.2");
    env.open_failed(&name, with_ca(&server, 2000), &["nothing was done"]);
}

#[test]
fn a_certificate_that_is_a_cas_own_is_told() {
    let env = RedisEnv::new();
    let own = Certificate::of_a_ca(env.base.folder.path());
    let server = Server::start(RedisEnv::settings().certificate(&own));
    env.open_failed(&server.url(), with_ca(&server, 2000), &["nothing was done", "a CA's own", "CA:FALSE"]);
}

#[test]
fn it_is_back_after_a_restart_and_a_standstill() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings().tls());
    let client = env.open(&server.url(), with_ca(&server, 1000));
    env.base.accept(&client, "o1");
    server.kill();
    env.store_failed(client.quota("o1", TEMPLATE), 1000, &["it was not reached"]);
    server.restart();
    wait_until("it is back", || client.quota("o1", TEMPLATE).status == Status::Ok);
    server.stop();
    env.store_failed(client.quota("o1", TEMPLATE), 1000, &["no answer came in time"]);
    env.store_failed(client.quota("o1", TEMPLATE), 1000, &["no answer came in time"]);
    server.go_on();
    wait_until("it goes on", || client.quota("o1", TEMPLATE).status == Status::Ok);
    assert_eq!(left(&client, "o1"), 1);
    env.ok(client.send(&message("o1"), Some(r#"{"timeout_ms": 20000}"#)));
}

#[test]
fn a_cluster_speaks_tls_too_and_fails_over() {
    let env = RedisEnv::new();
    let certificate = Certificate::make(env.base.folder.path());
    let cluster = Cluster::with_tls(RedisEnv::settings(), &certificate);
    let url = RedisEnv::url_of_cluster(&cluster);
    assert!(url.starts_with("rediss-cluster://"), "{url}");
    let client = env.open(&url, json!({"ca_file": certificate.ca, "timeout_ms": 20_000}));
    let players: Vec<String> = (0..12).map(|n| format!("o{n}")).collect();
    for player in &players {
        env.base.accept(&client, player);
        env.base.accept(&client, player);
        env.ok(send(&client, player));
    }
    wait_until("the replicas have it all", || {
        let offsets = |node: &Server, field| node.info("replication", field);
        let mut pairs = (0..3).map(|n| (&cluster.nodes[n], &cluster.nodes[n + 3]));
        pairs.all(|(master, replica)| offsets(master, "master_repl_offset") == offsets(replica, "slave_repl_offset"))
    });
    let slot = cluster.slot("o0");
    let old = cluster.master_of(slot).expect("a master");
    cluster.nodes[old].kill();
    cluster.wait_for_failover(slot, old);
    for player in &players {
        assert_eq!(left(&client, player), 1, "{player}");
        env.ok(send(&client, player));
    }
}
