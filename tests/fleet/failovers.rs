//! Trouble with a cluster: its masters die, or stand still for so long that a replica takes over.

use std::time::{Duration, Instant};

use crate::servers::{Cluster, Connection, Reply, wait_until};
use crate::vitals::StoreSize;

/// The nodes that share slots: this one, and the one so many behind it.
const MASTERS: usize = 3;

/// Makes a failover every few seconds until then; returns how many there were.
pub fn go_on_until(cluster: &Cluster, until: Instant) -> u64 {
    let mut failovers = 0;
    while Instant::now() < until {
        let pair = fastrand::usize(0..MASTERS);
        let is_master = |node: usize| cluster.nodes[node].info("replication", "role") == "master";
        let (old, new) = if is_master(pair) { (pair, pair + MASTERS) } else { (pair + MASTERS, pair) };
        let takes_over = || wait_until("a replica takes over", || is_master(new));
        if fastrand::bool() {
            cluster.nodes[old].kill();
            takes_over();
            cluster.nodes[old].restart();
        } else {
            cluster.nodes[old].stop();
            takes_over();
            cluster.nodes[old].go_on();
        }
        wait_until("the old master follows", || !is_master(old));
        cluster.nodes[old].wait_until_it_follows(&cluster.nodes[new]);
        cluster.wait_until_whole();
        failovers += 1;
        let rest = Duration::from_millis(fastrand::u64(2000..8000));
        std::thread::sleep(rest.min(until.saturating_duration_since(Instant::now())));
    }
    failovers
}

/// What its masters keep in memory; None while one of them is away.
pub fn size(cluster: &Cluster) -> Option<StoreSize> {
    // One that stands still does not answer.
    let ask = |port| Connection::open(port, Duration::from_millis(300)).ok()?.ask(&["INFO"]).ok();
    let infos: Vec<Reply> = cluster.nodes.iter().filter_map(|node| ask(node.port())).collect();
    let masters = infos.iter().map(Reply::text).filter(|info| info.lines().any(|line| line == "role:master"));
    let dataset = |info: &str| info.lines().find_map(|line| line.strip_prefix("used_memory_dataset:")?.parse().ok());
    let bytes: Vec<u64> = masters.filter_map(dataset).collect();
    (bytes.len() == MASTERS).then(|| StoreSize { kib: bytes.iter().sum::<u64>() >> 10, log_kib: 0 })
}
