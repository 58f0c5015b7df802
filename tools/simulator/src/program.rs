//! The simulator as a program: prints where it listens, runs until it is told to stop. `wxsub-simulator` is it, and
//! `wxsub simulator`, too.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::{Delivery, Options, Simulator, Template};

/// A WeChat on loopback: tokens, subscriptions and subscribe messages. GET /sim lists its controls.
#[derive(clap::Args)]
pub struct Arguments {
    /// HTTP port on 127.0.0.1; 0 is any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Listen for HTTPS too, on this port; 0 is any free one
    #[arg(long)]
    https_port: Option<u16>,
    /// Write the throw-away CA of the HTTPS port to this file (implies --https-port 0)
    #[arg(long)]
    ca_out: Option<PathBuf>,
    /// The account
    #[arg(long, default_value = "wx0000000000000000")]
    appid: String,
    /// Its secret
    #[arg(long, default_value = "simulator-secret")]
    secret: String,
    /// How long a send takes
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// The account's templates: JSON as gettemplate answers it, or a list of templates
    #[arg(long)]
    templates: Option<PathBuf>,
    /// Take ids of no template too, or refuse them; by default they are taken unless --templates is given
    #[arg(long)]
    any_template: Option<bool>,
    /// What each player has of each template at the start
    #[arg(long, default_value_t = 0)]
    grants: u64,
    /// Print a line for each delivered message
    #[arg(long)]
    verbose: bool,
    /// Stop when stdin is closed
    #[arg(long)]
    exit_with_stdin: bool,
}

/// Runs a simulator until SIGINT or SIGTERM, or the end of stdin where that was asked for.
///
/// # Errors
/// In words: a port that is taken, a file that cannot be read or written.
pub fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let templates = match &arguments.templates {
        Some(file) => read_templates(file).map_err(|e| format!("{}: {e}", file.display()))?,
        None => Vec::new(),
    };
    let stop = Stop::prepare(arguments.exit_with_stdin)?;
    let simulator = Simulator::try_start(Options {
        port: arguments.port,
        https: arguments.https_port.or(arguments.ca_out.is_some().then_some(0)),
        appid: arguments.appid,
        secret: arguments.secret,
        send_latency: Duration::from_millis(arguments.latency_ms),
        templates,
        any_template: arguments.any_template,
        initial_grants: arguments.grants,
        on_delivery: arguments.verbose.then(|| Arc::new(print) as _),
        ..Options::default()
    })?;
    if let (Some(file), Some(pem)) = (&arguments.ca_out, simulator.ca_pem()) {
        std::fs::write(file, pem).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    say(&format!("listening on {}", simulator.url()));
    if let Some(url) = simulator.https_url() {
        say(&format!("listening on {url}"));
    }
    stop.wait();
    Ok(())
}

fn read_templates(file: &PathBuf) -> Result<Vec<Template>, Box<dyn std::error::Error>> {
    Ok(Template::list_from_json(&std::fs::read(file)?)?)
}

fn print(delivery: &Delivery) {
    say(&format!("delivered {} to {}: {} {}", delivery.msgid, delivery.openid, delivery.template_id, delivery.data));
}

/// A reader that went away is no reason to stop.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// What ends the program: SIGINT, SIGTERM or, if wanted, the end of stdin.
struct Stop {
    runtime: tokio::runtime::Runtime,
    told: tokio::sync::mpsc::Receiver<()>,
    _teller: tokio::sync::mpsc::Sender<()>,
}

impl Stop {
    /// From here on the signals are ours, so this comes before anyone learns that we listen.
    fn prepare(with_stdin: bool) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (teller, told) = tokio::sync::mpsc::channel(1);
        if with_stdin {
            let teller = teller.clone();
            std::thread::spawn(move || {
                let mut chunk = [0; 256];
                while !matches!(std::io::stdin().read(&mut chunk), Ok(0) | Err(_)) {}
                let _ = teller.blocking_send(());
            });
        }
        let inside = runtime.enter();
        watch_signals(&runtime, &teller)?;
        drop(inside);
        Ok(Self { runtime, told, _teller: teller })
    }

    fn wait(mut self) {
        self.runtime.block_on(self.told.recv());
    }
}

#[cfg(unix)]
fn watch_signals(runtime: &tokio::runtime::Runtime, teller: &tokio::sync::mpsc::Sender<()>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let (mut signals, teller) = (signal(kind)?, teller.clone());
        runtime.spawn(async move {
            signals.recv().await;
            let _ = teller.send(()).await;
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn watch_signals(runtime: &tokio::runtime::Runtime, teller: &tokio::sync::mpsc::Sender<()>) -> std::io::Result<()> {
    let teller = teller.clone();
    runtime.spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        let _ = teller.send(()).await;
    });
    Ok(())
}
