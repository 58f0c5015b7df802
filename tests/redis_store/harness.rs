//! The servers, the cluster and the proxy that these tests use do what they say: else the tests prove nothing.

use std::time::{Duration, Instant};

use crate::servers::{Cluster, Connection, Program, Proxy, Reply, Server, Settings, Trouble, frame, wait_until};

fn text(text: &str) -> Reply {
    Reply::Text(text.to_owned())
}

#[test]
fn a_killed_server_comes_back_with_what_it_had_or_empty() {
    for program in Program::ALL {
        let server = Server::start(Settings::new().program(program));
        server.tell(&["SET", "k", "体力"]);
        server.kill();
        assert!(server.try_ask(&["PING"]).is_err());
        server.restart();
        assert_eq!(server.ask(&["GET", "k"]), text("体力"));
        server.kill();
        server.empty();
        server.restart();
        assert_eq!(server.ask(&["GET", "k"]), Reply::Nothing);
        assert!(matches!(server.ask(&["NONSENSE"]), Reply::Error(_)));
    }
}

#[test]
fn the_system_has_an_old_server_and_the_script_fetches_a_newer_one() {
    let waitaof = |program| Server::start(Settings::new().program(program)).ask(&["WAITAOF", "1", "0", "1000"]);
    assert!(matches!(waitaof(Program::System), Reply::Error(_)), "7.0 knows no WAITAOF");
    assert_eq!(waitaof(Program::Newer), Reply::List(vec![Reply::Number(1), Reply::Number(0)]));
}

#[test]
fn a_stopped_server_takes_connections_and_says_nothing() {
    let server = Server::start(Settings::new());
    let mut connection = server.connect().unwrap();
    server.stop();
    let mut late = Connection::open(server.port(), Duration::from_millis(200)).unwrap();
    assert!(late.ask(&["PING"]).is_err());
    server.go_on();
    assert_eq!(connection.ask(&["PING"]).unwrap(), text("PONG"));
}

#[test]
fn passwords_users_and_settings_are_as_given() {
    let server =
        Server::start(Settings::new().password("geheim").user("game", "noch-geheimer").set("maxmemory", "20mb"));
    assert_eq!(server.url(), format!("redis://game:noch-geheimer@127.0.0.1:{}/0", server.port()));
    assert_eq!(server.info("memory", "maxmemory"), (20 << 20).to_string());
    server.set("maxmemory", "30mb");
    assert_eq!(server.info("memory", "maxmemory"), (30 << 20).to_string());
    let mut stranger = Connection::open(server.port(), Duration::from_secs(20)).unwrap();
    assert!(matches!(stranger.ask(&["GET", "k"]).unwrap(), Reply::Error(e) if e.starts_with("NOAUTH")));
    assert!(
        matches!(stranger.ask(&["AUTH", "game", "falsch"]).unwrap(), Reply::Error(e) if e.starts_with("WRONGPASS"))
    );
    assert_eq!(stranger.ask(&["AUTH", "game", "noch-geheimer"]).unwrap(), text("OK"));
    assert_eq!(stranger.ask(&["GET", "k"]).unwrap(), Reply::Nothing);
}

#[test]
fn a_replica_follows_and_takes_no_writes() {
    let master = Server::start(Settings::new().password("geheim"));
    let replica = Server::replica_of(&master, Settings::new().password("geheim"));
    master.tell(&["SET", "k", "1"]);
    assert_eq!(master.ask(&["WAIT", "1", "20000"]), Reply::Number(1));
    assert_eq!(replica.ask(&["GET", "k"]), text("1"));
    assert!(matches!(replica.ask(&["SET", "k", "2"]), Reply::Error(e) if e.starts_with("READONLY")));
}

#[test]
fn a_server_that_loads_says_so_until_it_is_done() {
    let server = Server::start(Settings::new());
    server.tell(&["DEBUG", "POPULATE", "3000"]);
    server.tell(&["BGREWRITEAOF"]);
    wait_until("the AOF is rewritten", || server.info("persistence", "aof_rewrite_in_progress") == "0");
    server.kill();
    server.configure("loading-process-events-interval-bytes", "1024");
    server.configure("key-load-delay", "20000");
    server.launch();
    wait_until("it loads", || matches!(server.try_ask(&["GET", "k"]), Ok(Reply::Error(e)) if e.starts_with("LOADING")));
    server.set("key-load-delay", "0");
    server.wait_until_ready();
    assert_eq!(server.ask(&["DBSIZE"]), Reply::Number(3000));
}

/// A request of each kind of trouble; whether the server carried it out is the point.
#[test]
fn the_proxy_cuts_before_and_after_the_server_has_the_request() {
    let server = Server::start(Settings::new());
    let proxy = Proxy::to(server.port());
    let open = || Connection::open(proxy.port(), Duration::from_secs(20)).unwrap();
    let counter = || server.ask(&["GET", "n"]);
    assert_eq!(open().ask(&["INCR", "n"]).unwrap(), Reply::Number(1));
    for (met, trouble, after) in [
        (1, Trouble::CutRequest(0), "1"),
        (2, Trouble::CutRequest(9), "1"),
        (3, Trouble::CutRequest(usize::MAX), "1"),
        (4, Trouble::CutReply(0), "2"),
        (5, Trouble::CutReply(usize::MAX), "3"),
    ] {
        proxy.arm(&["incr"], trouble);
        let mut connection = open();
        assert_eq!(connection.ask(&["GET", "x"]).unwrap(), Reply::Nothing, "another request passes");
        assert!(connection.ask(&["INCR", "n"]).is_err(), "{trouble:?}");
        assert_eq!((proxy.met(), counter()), (met, text(after)), "{trouble:?}");
        assert!(connection.ask(&["PING"]).is_err(), "{trouble:?}");
    }
    assert_eq!(open().ask(&["INCR", "n"]).unwrap(), Reply::Number(4), "once only");
}

#[test]
fn the_proxy_holds_stalls_refuses_and_leads_elsewhere() {
    let server = Server::start(Settings::new());
    let proxy = Proxy::to(server.port());
    let open = || Connection::open(proxy.port(), Duration::from_secs(20)).unwrap();
    for (trouble, before) in [(Trouble::HoldRequest, 0), (Trouble::HoldReply, 1)] {
        server.tell(&["SET", "n", "0"]);
        proxy.arm(&["incr"], trouble);
        let met = proxy.met();
        std::thread::scope(|scope| {
            let held = scope.spawn(|| open().ask(&["INCR", "n"]).unwrap());
            proxy.wait_until_met(met + 1);
            assert_eq!(server.ask(&["GET", "n"]), text(&before.to_string()), "{trouble:?}");
            assert_eq!(open().ask(&["PING"]).unwrap(), text("PONG"), "others pass");
            assert!(!held.is_finished());
            proxy.release();
            assert_eq!(held.join().unwrap(), Reply::Number(1));
        });
    }
    proxy.stall();
    let mut hasty = Connection::open(proxy.port(), Duration::from_millis(100)).unwrap();
    let began = Instant::now();
    assert!(hasty.ask(&["PING"]).is_err() && began.elapsed() >= Duration::from_millis(100));
    let mut patient = open();
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| patient.ask(&["PING"]).unwrap());
        proxy.go_on();
        assert_eq!(answer.join().unwrap(), text("PONG"));
    });
    proxy.refuse();
    assert!(patient.ask(&["PING"]).is_err());
    assert!(Connection::open(proxy.port(), Duration::from_secs(20)).is_err());
    let other = Server::start(Settings::new());
    other.tell(&["SET", "n", "other"]);
    proxy.lead_to(other.port());
    proxy.accept();
    assert_eq!(open().ask(&["GET", "n"]).unwrap(), text("other"));
}

#[test]
fn a_cluster_moves_slots_and_survives_a_master() {
    for program in Program::ALL {
        let cluster = Cluster::start(program);
        let slot = cluster.slot("{tag}a");
        let from = cluster.master_of(slot).unwrap();
        let to = (from + 1) % 3;
        for key in ["{tag}a", "{tag}b"] {
            cluster.nodes[from].tell(&["SET", key, "1"]);
        }
        let answer = |node: usize, key: &str| cluster.nodes[node].ask(&["GET", key]);
        let is_error = |reply: Reply, word: &str| matches!(reply, Reply::Error(e) if e.starts_with(word));
        assert!(is_error(answer(to, "{tag}a"), "MOVED"));
        cluster.begin_move(slot, from, to);
        assert_eq!(answer(from, "{tag}a"), text("1"));
        assert!(is_error(answer(from, "{tag}none"), "ASK"));
        assert_eq!(cluster.move_keys(slot, from, to, usize::MAX), 2);
        assert!(is_error(answer(from, "{tag}a"), "ASK"));
        cluster.end_move(slot, to);
        assert!(is_error(answer(from, "{tag}a"), "MOVED"));
        assert_eq!(answer(to, "{tag}b"), text("1"));
        assert!(cluster.error_count("MOVED") > 0 && cluster.error_count("ASK") > 0);

        // WAIT covers what is before the newest write of its own connection.
        let mut connection = cluster.nodes[to].connect().unwrap();
        connection.ask(&["SET", "{tag}c", "1"]).unwrap();
        assert_eq!(connection.ask(&["WAIT", "1", "20000"]).unwrap(), Reply::Number(1));
        cluster.nodes[to].kill();
        let new = cluster.wait_for_failover(slot, to);
        assert_eq!((new, answer(new, "{tag}b")), (to + 3, text("1")));
        cluster.nodes[to].restart();
        cluster.nodes[to].wait_until_it_follows(&cluster.nodes[new]);
        assert_eq!(cluster.master_of(slot), Some(new));
    }
}

#[test]
fn a_server_does_not_outlive_its_test() {
    let server = Server::start(Settings::new());
    let port = server.port();
    let died = std::thread::spawn(move || {
        let _server = server;
        panic!("on purpose");
    });
    assert!(died.join().is_err());
    assert!(Connection::open(port, Duration::from_secs(20)).is_err());
}

#[test]
fn tls_is_served_with_a_certificate_of_the_rigs_own_ca() {
    let server = Server::start(Settings::new().tls());
    let output = std::process::Command::new("redis-cli")
        .args(["--tls", "--cacert", server.certificate().ca.to_str().unwrap(), "-p", &server.tls_port().to_string()])
        .args(["-h", "127.0.0.1", "PING"])
        .output()
        .expect("redis-cli");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "PONG", "{output:?}");
    let other = Server::start(Settings::new().tls());
    let output = std::process::Command::new("redis-cli")
        .args(["--tls", "--cacert", other.certificate().ca.to_str().unwrap(), "-p", &server.tls_port().to_string()])
        .args(["-h", "127.0.0.1", "PING"])
        .output()
        .expect("redis-cli");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("PONG"), "another CA's");
}

#[test]
fn a_frame_is_whole_or_none() {
    for whole in [
        "+OK\r\n",
        ":12\r\n",
        "$-1\r\n",
        "$2\r\n\r\n\r\n",
        "*2\r\n$1\r\na\r\n*1\r\n+b\r\n",
        "*0\r\n",
        "%1\r\n+a\r\n:1\r\n",
    ] {
        for cut in 0..whole.len() {
            assert_eq!(frame(&whole.as_bytes()[..cut]), None, "{whole:?} {cut}");
        }
        assert_eq!(frame(format!("{whole}+x\r\n").as_bytes()), Some(whole.len()), "{whole:?}");
    }
}
