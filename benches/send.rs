//! What the library costs: `wxsub_send` beside the bare HTTP exchange that it makes, and beside a loop in C on libcurl.
//!
//! ```text
//! cargo bench --bench send [-- --threads 1,8,64 --latency-ms 0,20 --rounds 9 --phase-ms 400 --folder DIR]
//! cargo bench --bench send -- --api-base URL --appid ID --secret SECRET [--openids A,B,C --template-id ID]
//! ```
//!
//! Without `--api-base` it starts the WeChat simulator, as a process of its own, once for each latency. With it, real
//! messages go to the players of `--openids`, who must have allowed enough of them; without `--openids` players are made
//! up, which only a simulator takes.
//!
//! "bare" is the same POST, made by ureq with the library's settings on an agent of its own, with keep-alive and the
//! body read to its end; a fixed address spares it the thread that ureq's resolver spawns when a time-out is set. In one
//! run, phases of bare exchanges and of `wxsub_send` take turns. Every figure is the median over the rounds, and "adds"
//! and "ratio" are medians of what each round's pair says, so that other load on the machine affects both sides alike. The library
//! keeps its count in a file on disk with `"quota": "enforce"` and `"durability": "full"`.
//!
//! The loop on libcurl (`c/curl_loop.c`) is compiled by the benchmark, which needs `cc` and libcurl's headers, and is left
//! out without them. It is a process of its own, whose phases take turns with the others.
//!
//! CPU is that of the sending process, user and kernel, for one send.

mod common;

use std::ffi::CString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use common::curl::{self, CurlLoop};
use common::host::Client;
use common::load::{MOST_PER_SECOND, Phase, Player, grant, players, run_phase};
use common::wechat::Wechat;
use common::{Arguments, median};
use serde_json::{Value, json};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

const USAGE: &str = "usage: cargo bench --bench send -- [--threads 1,8,64] [--latency-ms 0,20] [--rounds 9]
  [--phase-ms 400] [--folder DIR] [--api-base URL --appid ID --secret SECRET [--openids A,B,C] [--template-id ID]]";
const NAMES: [&str; 10] =
    ["threads", "latency-ms", "rounds", "phase-ms", "folder", "api-base", "appid", "secret", "openids", "template-id"];
/// The goals of the design.
const ADDED_US: f64 = 100.0;
const RATIO: f64 = 0.9;
const CPU_US: f64 = 60.0;
/// Of libcurl's sends a second.
const OF_CURL: [(usize, u64, f64); 3] = [(8, 0, 0.6), (64, 0, 0.7), (64, 20, 0.99)];

fn main() {
    Wechat::serve_if_child();
    let arguments = Arguments::read(&NAMES, USAGE);
    let with_curl = curl::build();
    if let Err(why) = &with_curl {
        println!("without libcurl (install libcurl4-openssl-dev and cc): {why}");
    }
    let with_curl = with_curl.is_ok();
    let threads = arguments.numbers("threads", &[1, 8, 64]);
    let text = |name: &str| arguments.text(name).unwrap_or_else(|| panic!("--{name} is missing\n{USAGE}"));
    if let Some(api_base) = arguments.text("api-base") {
        let wechat = Wechat::at(api_base, text("appid"), text("secret"));
        table(&arguments, &wechat, 0, &threads, with_curl);
        return;
    }
    for latency_ms in arguments.numbers("latency-ms", &[0, 20]) {
        table(&arguments, &Wechat::start(latency_ms), latency_ms, &threads, with_curl);
    }
}

fn table(arguments: &Arguments, wechat: &Wechat, latency_ms: u64, threads: &[u64], with_curl: bool) {
    match latency_ms {
        0 => println!("\n{} answers as fast as it can", wechat.api_base),
        ms => println!("\n{} answers a send after {ms} ms", wechat.api_base),
    }
    println!(
        "{:>7} | {:>8} {:>8} {:>6} | {:>8} {:>8} | {:>8} {:>8} {:>9} | {:>8} {:>8} {:>9}",
        "", "sends/s", "", "", "CPU µs", "", "p50 µs", "", "", "p99 µs", "", ""
    );
    println!(
        "{:>7} | {:>8} {:>8} {:>6} | {:>8} {:>8} | {:>8} {:>8} {:>9} | {:>8} {:>8} {:>9}",
        "threads", "bare", "wxsub", "ratio", "bare", "wxsub", "bare", "wxsub", "adds", "bare", "wxsub", "adds"
    );
    for &n in threads {
        let row = measure(arguments, wechat, latency_ms, n as usize, with_curl);
        println!("{n:>7} | {row}");
        if let Some(beside) = &row.beside_curl {
            println!("          {beside}");
            beside.judge(latency_ms, n as usize, row.cpu[1]);
        }
        if n == 1 && latency_ms == 0 {
            let verdict = if row.added_p50 < ADDED_US { "met" } else { "MISSED" };
            println!("          goal: adds less than {ADDED_US:.0} µs at the median: {verdict}");
        }
        if n == 64 && latency_ms >= 20 {
            let verdict = if row.ratio >= RATIO { "met" } else { "MISSED" };
            println!("          goal: at least {:.0} % of the bare throughput: {verdict}", RATIO * 100.0);
        }
    }
}

struct Row {
    per_second: [f64; 2],
    ratio: f64,
    cpu: [f64; 2],
    p50: [f64; 2],
    added_p50: f64,
    p99: [f64; 2],
    added_p99: f64,
    beside_curl: Option<BesideCurl>,
}

/// The loop on libcurl; ratios are the library's to it.
struct BesideCurl {
    per_second: f64,
    cpu: f64,
    p50: f64,
    p99: f64,
    sends: f64,
    times_cpu: f64,
}

impl fmt::Display for BesideCurl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BesideCurl { per_second, cpu, p50, p99, sends, times_cpu } = self;
        write!(f, "libcurl: {per_second:.0} sends/s, CPU {cpu:.1} µs, p50 {p50:.1}, p99 {p99:.1}; ")?;
        write!(f, "wxsub to it: sends/s {sends:.2}, CPU {times_cpu:.2}")
    }
}

impl BesideCurl {
    fn judge(&self, latency_ms: u64, threads: usize, cpu: f64) {
        let verdict = |met: bool| if met { "met" } else { "MISSED" };
        if let Some((.., ratio)) = OF_CURL.iter().find(|(n, ms, _)| (*n, *ms) == (threads, latency_ms)) {
            println!("          goal: at least {ratio} of libcurl's sends: {}", verdict(self.sends >= *ratio));
        }
        if latency_ms == 0 && threads >= 8 {
            println!("          goal: CPU a send at most {CPU_US:.0} µs: {}", verdict(cpu <= CPU_US));
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>8.0} {:>8.0} {:>5.1}% | {:>8.1} {:>8.1} | {:>8.1} {:>8.1} {:>+9.1} | {:>8.1} {:>8.1} {:>+9.1}",
            self.per_second[0],
            self.per_second[1],
            self.ratio * 100.0,
            self.cpu[0],
            self.cpu[1],
            self.p50[0],
            self.p50[1],
            self.added_p50,
            self.p99[0],
            self.p99[1],
            self.added_p99,
        )
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bare,
    Library,
}

fn measure(arguments: &Arguments, wechat: &Wechat, latency_ms: u64, threads: usize, with_curl: bool) -> Row {
    let rounds = arguments.number("rounds", 9);
    let phase = Duration::from_millis(arguments.number("phase-ms", 400));
    let template_id = CString::new(arguments.text("template-id").unwrap_or("sim-stamina")).expect("an id");
    let folder = common::folder(arguments);
    let config = |durability: &str| {
        json!({
            "appid": wechat.appid,
            "secret": wechat.secret,
            "api_base": wechat.api_base,
            "store": folder.path().join("wxsub.db"),
            "quota": "enforce",
            "durability": durability,
        })
    };

    let fastest = match latency_ms {
        0 => MOST_PER_SECOND,
        ms => MOST_PER_SECOND.min(1000 * threads as u64 / ms),
    };
    let sends = fastest * phase.as_millis() as u64 * (rounds + 1) / 1000;
    let mut players = players(arguments, threads, &template_id, sends);
    grant(&Client::open(&config("normal")), &mut players, &template_id, sends);

    // Opened after the grants: a client that sees another one write makes room for it, which is not what is measured.
    let client = Client::open(&config("full"));
    let bare = Bare::new(wechat);
    let mut curl = with_curl.then(|| CurlLoop::start(&bare.url, &players));
    let run = |players: &mut [Vec<Player>], kind: Kind, time: Duration| -> Phase {
        run_phase(players, time, kind == Kind::Library, |player| match kind {
            Kind::Bare => bare.exchange(player.message.as_bytes()),
            Kind::Library => client.send(&player.message),
        })
    };
    for kind in [Kind::Bare, Kind::Library] {
        run(&mut players, kind, phase / 2);
    }
    if let Some(curl) = &mut curl {
        curl.run(phase / 2);
    }
    let rounds: Vec<Round> = (0..rounds)
        .map(|_| Round {
            bare: run(&mut players, Kind::Bare, phase),
            curl: curl.as_mut().map(|curl| curl.run(phase)),
            library: run(&mut players, Kind::Library, phase),
        })
        .collect();

    let over = |f: &dyn Fn(&Round) -> f64| median(rounds.iter().map(f).collect());
    let both = |f: fn(&Phase) -> f64| [over(&|round| f(&round.bare)), over(&|round| f(&round.library))];
    let of_curl =
        |f: fn(&Phase, &Phase) -> f64| over(&|round| round.curl.as_ref().map_or(f64::NAN, |c| f(c, &round.library)));
    Row {
        per_second: both(|p| p.per_second),
        ratio: over(&|Round { bare, library, .. }| library.per_second / bare.per_second),
        cpu: both(|p| p.cpu),
        p50: both(|p| p.p50),
        added_p50: over(&|Round { bare, library, .. }| library.p50 - bare.p50),
        p99: both(|p| p.p99),
        added_p99: over(&|Round { bare, library, .. }| library.p99 - bare.p99),
        beside_curl: with_curl.then(|| BesideCurl {
            per_second: of_curl(|curl, _| curl.per_second),
            cpu: of_curl(|curl, _| curl.cpu),
            p50: of_curl(|curl, _| curl.p50),
            p99: of_curl(|curl, _| curl.p99),
            sends: of_curl(|curl, library| library.per_second / curl.per_second),
            times_cpu: of_curl(|curl, library| library.cpu / curl.cpu),
        }),
    }
}

/// One phase of each.
struct Round {
    bare: Phase,
    curl: Option<Phase>,
    library: Phase,
}

/// The exchange without the library.
struct Bare {
    agent: Agent,
    url: String,
}

impl Bare {
    fn new(wechat: &Wechat) -> Bare {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::WebPki)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        // As in src/http/agent.rs.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .tls_config(tls)
            .user_agent(concat!("wxsub/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .input_buffer_size(16 << 10)
            .output_buffer_size(16 << 10)
            .max_idle_connections(256)
            .max_idle_connections_per_host(256)
            .max_idle_age(Duration::from_secs(10))
            .timeout_global(Some(Duration::from_millis(5000)))
            .timeout_resolve(Some(Duration::from_millis(2000)))
            .timeout_connect(Some(Duration::from_millis(2000)))
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::default(), FixedAddress::of(&wechat.api_base));
        let request = json!({"grant_type": "client_credential", "appid": wechat.appid, "secret": wechat.secret});
        let url = format!("{}/cgi-bin/stable_token", wechat.api_base);
        let answer = post(&agent, &url, request.to_string().as_bytes());
        let token =
            serde_json::from_slice(&answer).ok().and_then(|a: Value| Some(a["access_token"].as_str()?.to_owned()));
        let token = token.unwrap_or_else(|| panic!("no token: {}", String::from_utf8_lossy(&answer)));
        Bare { agent, url: format!("{}/cgi-bin/message/subscribe/send?access_token={token}", wechat.api_base) }
    }

    fn exchange(&self, message: &[u8]) {
        let answer = post(&self.agent, &self.url, message);
        let taken = answer.windows(11).any(|part| part == b"\"errcode\":0");
        assert!(taken, "a bare send was not taken: {}", String::from_utf8_lossy(&answer));
    }
}

fn post(agent: &Agent, url: &str, body: &[u8]) -> Vec<u8> {
    let answered = agent.post(url).header("content-type", "application/json").send(body);
    let read = answered.and_then(|mut response| response.body_mut().read_to_vec());
    read.unwrap_or_else(|e| panic!("a bare exchange failed: {e}"))
}

/// Asked for each request, also on a connection that is kept alive.
#[derive(Debug)]
struct FixedAddress(Vec<std::net::SocketAddr>);

impl FixedAddress {
    fn of(api_base: &str) -> FixedAddress {
        let uri: ureq::http::Uri = api_base.parse().unwrap_or_else(|e| panic!("{api_base}: {e}"));
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let addresses = std::net::ToSocketAddrs::to_socket_addrs(&(host, port));
        FixedAddress(addresses.unwrap_or_else(|e| panic!("{api_base}: {e}")).take(16).collect())
    }
}

impl Resolver for FixedAddress {
    fn resolve(
        &self,
        _: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut list = self.empty();
        self.0.iter().for_each(|address| list.push(*address));
        Ok(list)
    }
}
