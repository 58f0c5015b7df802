//! Three masters with a replica each.

use super::{Certificate, Program, Reply, Server, Settings, wait_until};

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;

pub struct Cluster {
    /// The first three began as masters, each of the others as the replica of the one three before it.
    pub nodes: Vec<Server>,
}

impl Cluster {
    pub fn start(program: Program) -> Cluster {
        Cluster::with(Settings::new().program(program))
    }

    pub fn with(settings: Settings) -> Cluster {
        let settings = settings
            .set("cluster-enabled", "yes")
            .set("cluster-node-timeout", "2000")
            .set("cluster-replica-validity-factor", "0")
            // The other slots go on while one master is down, as most teams have it.
            .set("cluster-require-full-coverage", "no");
        let nodes: Vec<Server> = (0..2 * MASTERS).map(|_| Server::start(settings.clone())).collect();
        for (i, node) in nodes.iter().enumerate() {
            node.tell(&["CLUSTER", "SET-CONFIG-EPOCH", &(i + 1).to_string()]);
            if i < MASTERS {
                let (from, to) = (SLOTS * i / MASTERS, SLOTS * (i + 1) / MASTERS - 1);
                node.tell(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
            }
            if i > 0 {
                let first = &nodes[0];
                let (port, bus) = (first.announced_port().to_string(), first.bus_port().to_string());
                node.tell(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
            }
        }
        let cluster = Cluster { nodes };
        let all = 2 * MASTERS;
        wait_until("all nodes know each other", || {
            cluster.nodes.iter().all(|n| n.tell(&["CLUSTER", "NODES"]).text().matches(" connected").count() == all)
        });
        for i in MASTERS..2 * MASTERS {
            let master = cluster.id(i - MASTERS);
            cluster.nodes[i].tell(&["CLUSTER", "REPLICATE", &master]);
        }
        cluster.wait_until_whole();
        for i in MASTERS..2 * MASTERS {
            cluster.nodes[i].wait_until_it_follows(&cluster.nodes[i - MASTERS]);
        }
        cluster
    }

    /// What each node is now, and what it said of replicas and of itself.
    pub fn story(&self) -> String {
        let told = |(n, node): (usize, &Server)| {
            let (role, keys) = (node.info("replication", "role"), node.try_ask(&["DBSIZE"]));
            let log = node.log();
            let lines: Vec<&str> = log.lines().rev().take(60).collect();
            format!("\nnode {n}: {role}, {keys:?}\n{}", lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
        };
        self.nodes.iter().enumerate().map(told).collect()
    }

    /// As a store's URL: all of them.
    pub fn url(&self) -> String {
        let seeds: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.announced_port())).collect();
        let scheme = if self.nodes[0].has_tls() { "rediss-cluster" } else { "redis-cluster" };
        format!("{scheme}://{}", seeds.join(","))
    }

    pub fn id(&self, node: usize) -> String {
        self.nodes[node].tell(&["CLUSTER", "MYID"]).text().to_owned()
    }

    /// Three masters with a replica each, that speak TLS with each other and with their clients.
    pub fn with_tls(settings: Settings, certificate: &Certificate) -> Cluster {
        Cluster::with(settings.certificate(certificate).set("tls-cluster", "yes").set("tls-replication", "yes"))
    }

    /// Waits until every node that runs says that the cluster is whole, and has each slot's master on its list.
    pub fn wait_until_whole(&self) {
        wait_until("the cluster is whole", || {
            let mut running = self.nodes.iter().filter(|node| node.is_running());
            running.all(|node| match node.try_ask(&["CLUSTER", "INFO"]) {
                Ok(Reply::Text(info)) => {
                    let has = |line: &str| info.lines().any(|l| l == line);
                    has("cluster_state:ok") && has("cluster_slots_ok:16384") && has("cluster_size:3")
                }
                _ => false,
            })
        });
    }

    pub fn slot(&self, key: &str) -> u16 {
        let node = self.nodes.iter().find(|node| node.is_running()).expect("one that runs");
        node.tell(&["CLUSTER", "KEYSLOT", key]).number().try_into().expect("a slot")
    }

    /// The node that says of itself that it is this slot's master.
    pub fn master_of(&self, slot: u16) -> Option<usize> {
        self.nodes.iter().position(|node| {
            let Ok(Reply::Text(nodes)) = node.try_ask(&["CLUSTER", "NODES"]) else { return false };
            let myself = nodes.lines().find(|line| line.contains("myself")).expect("itself");
            let mut fields = myself.split(' ');
            let is_master = fields.nth(2).is_some_and(|flags| flags.split(',').any(|f| f == "master"));
            is_master && fields.skip(5).any(|range| holds(range, slot))
        })
    }

    /// Waits until another node than this one is the slot's master, and the others know it.
    pub fn wait_for_failover(&self, slot: u16, old: usize) -> usize {
        let mut new = None;
        wait_until("a replica takes over", || {
            new = self.master_of(slot).filter(|node| *node != old);
            new.is_some()
        });
        self.wait_until_whole();
        new.expect("found")
    }

    /// Opens the move of a slot: the old node then answers ASK for keys that it has no more.
    pub fn begin_move(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        self.nodes[to].tell(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &self.id(from)]);
        self.nodes[from].tell(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &self.id(to)]);
    }

    /// Moves keys that the slot has, so many at most; returns how many.
    pub fn move_keys(&self, slot: u16, from: usize, to: usize, most: usize) -> usize {
        let (slot, port) = (slot.to_string(), self.nodes[to].port().to_string());
        let password = self.nodes[to].password();
        let mut moved = 0;
        while moved < most {
            let batch = (most - moved).min(100).to_string();
            let keys = self.nodes[from].tell(&["CLUSTER", "GETKEYSINSLOT", &slot, &batch]);
            if keys.list().is_empty() {
                break;
            }
            let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000"];
            if let Some(password) = &password {
                migrate.extend(["AUTH", password]);
            }
            migrate.push("KEYS");
            migrate.extend(keys.texts());
            moved += keys.list().len();
            self.nodes[from].tell(&migrate);
        }
        moved
    }

    /// Closes the move: everybody answers MOVED from now on.
    pub fn end_move(&self, slot: u16, to: usize) {
        let (slot, owner) = (slot.to_string(), self.id(to));
        self.nodes[to].tell(&["CLUSTER", "SETSLOT", &slot, "NODE", &owner]);
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            // A replica may not set it; it hears of it from its master.
            if node.info("replication", "role") == "master" {
                node.tell(&["CLUSTER", "SETSLOT", &slot, "NODE", &owner]);
            }
        }
        wait_until("all know the slot's new node", || self.master_of(slot.parse().expect("a slot")) == Some(to));
    }

    /// The sum over all masters of what one of them says about a command.
    pub fn error_count(&self, error: &str) -> u64 {
        let count = |node: &Server| {
            let stats = node.info("errorstats", &format!("errorstat_{error}"));
            stats.strip_prefix("count=").map_or(0, |n| n.parse::<u64>().expect("a number"))
        };
        self.nodes.iter().filter(|node| node.is_running()).map(count).sum()
    }
}

/// Whether a range of CLUSTER NODES ("5" or "0-5460"; "[5->-…]" is a slot on the move) holds a slot.
fn holds(range: &str, slot: u16) -> bool {
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    matches!((from.parse::<u16>(), to.parse::<u16>()), (Ok(from), Ok(to)) if (from..=to).contains(&slot))
}
