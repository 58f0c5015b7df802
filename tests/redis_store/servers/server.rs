//! A server process in a folder of its own: to kill, stop, restart and ask.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use super::port::Port;
use super::{Certificate, Connection, Program, Reply, wait_until};

/// How a server is started. As the manual of the store wants it: with an AOF that is synced on every write, and no eviction.
#[derive(Clone, Debug)]
pub struct Settings {
    program: Program,
    lines: Vec<(String, String)>,
    password: Option<String>,
    user: Option<(String, String)>,
    tls: bool,
    certificate: Option<Certificate>,
}

impl Settings {
    pub fn new() -> Settings {
        let lines = [
            ("bind", "127.0.0.1"),
            ("daemonize", "no"),
            ("save", "\"\""),
            ("appendonly", "yes"),
            ("appendfsync", "always"),
            ("maxmemory-policy", "noeviction"),
            ("enable-debug-command", "yes"),
            ("repl-diskless-sync-delay", "0"),
            ("logfile", "server.log"),
        ];
        let lines = lines.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        Settings { program: Program::System, lines, password: None, user: None, tls: false, certificate: None }
    }

    pub fn program(mut self, program: Program) -> Settings {
        self.program = program;
        self
    }

    /// A line of redis.conf, in place of the one there is.
    pub fn set(mut self, key: &str, value: &str) -> Settings {
        self.lines.retain(|(k, _)| k != key);
        self.lines.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The password of the default user.
    pub fn password(mut self, password: &str) -> Settings {
        self.password = Some(password.to_owned());
        self.set("requirepass", password).set("masterauth", password)
    }

    /// One more user, who may do everything.
    pub fn user(mut self, name: &str, password: &str) -> Settings {
        self.user = Some((name.to_owned(), password.to_owned()));
        self.set("user", &format!("{name} on >{password} ~* &* +@all"))
    }

    /// Listens for TLS, too, with a certificate of a CA that nobody knows.
    pub fn tls(mut self) -> Settings {
        self.tls = true;
        self
    }

    /// The same, with this certificate.
    pub fn certificate(mut self, certificate: &Certificate) -> Settings {
        self.certificate = Some(certificate.clone());
        self.tls()
    }
}

pub struct Server {
    folder: TempDir,
    port: Port,
    bus_port: Port,
    tls: Option<(Port, Certificate)>,
    settings: Mutex<Settings>,
    process: Mutex<Option<Process>>,
}

struct Process {
    server: Child,
    /// Kills the server when this test is gone without a word: its stdin then ends.
    watchdog: Child,
}

impl Server {
    pub fn start(settings: Settings) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tls = settings.tls.then(|| {
            let given = settings.certificate.clone();
            (Port::take(), given.unwrap_or_else(|| Certificate::make(folder.path())))
        });
        let (port, bus_port) = (Port::take(), Port::take());
        let process = Mutex::new(None);
        let server = Server { folder, port, bus_port, tls, settings: Mutex::new(settings), process };
        server.restart();
        server
    }

    /// One that follows another, and gets what that one writes.
    pub fn replica_of(master: &Server, settings: Settings) -> Server {
        let replica = Server::start(settings.set("replicaof", &format!("127.0.0.1 {}", master.port())));
        replica.wait_until_it_follows(master);
        replica
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    pub fn bus_port(&self) -> u16 {
        self.bus_port.number()
    }

    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The port for clients that speak as it prefers.
    pub fn announced_port(&self) -> u16 {
        if self.has_tls() { self.tls_port() } else { self.port() }
    }

    pub fn tls_port(&self) -> u16 {
        self.tls.as_ref().expect("a server with TLS").0.number()
    }

    pub fn certificate(&self) -> &Certificate {
        &self.tls.as_ref().expect("a server with TLS").1
    }

    pub fn password(&self) -> Option<String> {
        self.settings.lock().unwrap().password.clone()
    }

    /// As a store's URL: with the user there is, or the password.
    pub fn url(&self) -> String {
        let settings = self.settings.lock().unwrap();
        let who = match (&settings.user, &settings.password) {
            (Some((name, password)), _) => format!("{name}:{password}@"),
            (None, Some(password)) => format!(":{password}@"),
            (None, None) => String::new(),
        };
        let scheme = if self.has_tls() { "rediss" } else { "redis" };
        format!("{scheme}://{who}127.0.0.1:{}/0", self.announced_port())
    }

    /// Changes a line of redis.conf, for the next start.
    pub fn configure(&self, key: &str, value: &str) {
        let mut settings = self.settings.lock().unwrap();
        *settings = settings.clone().set(key, value);
    }

    /// Starts it in its folder and on its port; returns when it serves.
    pub fn restart(&self) {
        self.launch();
        self.wait_until_ready();
    }

    /// The same, but does not wait.
    pub fn launch(&self) {
        let settings = self.settings.lock().unwrap().clone();
        let mut lines = settings.lines;
        lines.push(("port".to_owned(), self.port().to_string()));
        lines.push(("dir".to_owned(), self.folder.path().display().to_string()));
        if let Some((port, certificate)) = &self.tls {
            lines.push(("tls-port".to_owned(), port.number().to_string()));
            lines.push(("tls-ca-cert-file".to_owned(), certificate.ca.display().to_string()));
            lines.push(("tls-cert-file".to_owned(), certificate.certificate.display().to_string()));
            lines.push(("tls-key-file".to_owned(), certificate.key.display().to_string()));
            lines.push(("tls-auth-clients".to_owned(), "no".to_owned()));
        }
        if lines.iter().any(|(key, value)| key == "cluster-enabled" && value == "yes") {
            lines.push(("cluster-port".to_owned(), self.bus_port().to_string()));
        }
        let text: String = lines.iter().map(|(key, value)| format!("{key} {value}\n")).collect();
        let file = self.folder.path().join("redis.conf");
        std::fs::write(&file, text).expect("a writable folder");

        let program = settings.program.path();
        let mut command = Command::new(&program);
        let server = command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap_or_else(|e| {
            panic!("{}: {e}; scripts/test.sh installs what the tests need", program.display());
        });
        let watchdog = Command::new("sh")
            .args(["-c", "read -r line || kill -9 $0", &server.id().to_string()])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let old = self.process.lock().unwrap().replace(Process { server, watchdog });
        assert!(old.is_none(), "it runs already");
    }

    pub fn wait_until_ready(&self) {
        wait_until("the server answers", || {
            let mut process = self.process.lock().unwrap();
            let process = process.as_mut().expect("it was started");
            if let Some(end) = process.server.try_wait().expect("a child") {
                panic!("the server ended ({end}):\n{}", self.log());
            }
            matches!(self.try_ask(&["PING"]), Ok(Reply::Text(_)))
        });
        let whose = self.info("server", "process_id");
        assert_eq!(Some(whose), self.process_id().map(|id| id.to_string()), "another server has this port");
    }

    /// `kill -9`.
    pub fn kill(&self) {
        let process = self.process.lock().unwrap().take();
        process.expect("it runs").end();
    }

    /// Takes away what it has on disk, while it is down.
    pub fn empty(&self) {
        assert!(self.process.lock().unwrap().is_none(), "it runs");
        for entry in std::fs::read_dir(self.folder.path()).expect("a folder").map(|entry| entry.expect("an entry")) {
            let name = entry.file_name();
            if name == "appendonlydir" {
                std::fs::remove_dir_all(entry.path()).expect("its folder");
            } else if Path::new(&name).extension().is_some_and(|e| e == "rdb" || e == "aof") {
                std::fs::remove_file(entry.path()).expect("its file");
            }
        }
    }

    /// It stands still: connections are taken by the system, and nobody answers.
    pub fn stop(&self) {
        self.signal("STOP");
    }

    pub fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let id = self.process_id().expect("it runs");
        let done = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status();
        assert!(done.expect("a shell").success());
    }

    pub fn is_running(&self) -> bool {
        self.process_id().is_some()
    }

    fn process_id(&self) -> Option<u32> {
        self.process.lock().unwrap().as_ref().map(|process| process.server.id())
    }

    /// A connection as a user who may do everything.
    pub fn connect(&self) -> std::io::Result<Connection> {
        let mut connection = Connection::open(self.port(), Duration::from_secs(20))?;
        let settings = self.settings.lock().unwrap();
        if let Some(password) = &settings.password {
            connection.ask(&["AUTH", password])?;
        }
        Ok(connection)
    }

    pub fn try_ask(&self, words: &[&str]) -> std::io::Result<Reply> {
        self.connect()?.ask(words)
    }

    /// What it answers, errors included.
    pub fn ask(&self, words: &[&str]) -> Reply {
        self.try_ask(words).unwrap_or_else(|e| panic!("{words:?}: {e}\n{}", self.log()))
    }

    /// The same for what must succeed.
    pub fn tell(&self, words: &[&str]) -> Reply {
        match self.ask(words) {
            Reply::Error(e) => panic!("{words:?}: {e}"),
            reply => reply,
        }
    }

    pub fn set(&self, key: &str, value: &str) {
        self.tell(&["CONFIG", "SET", key, value]);
    }

    /// A field of INFO; empty when there is none.
    pub fn info(&self, section: &str, field: &str) -> String {
        let info = self.tell(&["INFO", section]);
        let found = info.text().lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        found.unwrap_or_default().to_owned()
    }

    /// It has all that its master writes from now on. The link is up before that: the master sends its writes only after the
    /// replica's first sign of life, up to a second later.
    pub fn wait_until_it_follows(&self, master: &Server) {
        let offset = |server: &Server, field: &str| server.info("replication", field).parse::<u64>().unwrap_or(0);
        wait_until("the replica has a link", || self.info("replication", "master_link_status") == "up");
        // In a cluster one of the keys is this master's.
        let write = |n: u32| !matches!(master.ask(&["SET", &format!("try{n}"), "", "PX", "1"]), Reply::Error(_));
        wait_until("the master takes a write", || (0..64).any(write));
        let written = offset(master, "master_repl_offset");
        wait_until("the replica gets what its master writes", || offset(self, "slave_repl_offset") >= written);
    }

    /// How many calls of this command the server has carried out.
    pub fn calls(&self, command: &str) -> u64 {
        let stats = self.info("commandstats", &format!("cmdstat_{command}"));
        let calls = stats.split(',').find_map(|field| field.strip_prefix("calls="));
        calls.map_or(0, |n| n.parse().expect("a number"))
    }

    pub fn log(&self) -> String {
        let log = std::fs::read(self.folder.path().join("server.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Process {
    fn end(mut self) {
        // An error means that it has ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(process) = process.take() {
            process.end();
        }
    }
}
