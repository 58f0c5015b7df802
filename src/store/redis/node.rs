//! One server: its connections, kept for the next call, and a conversation under a deadline.

use std::net::IpAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use redis::io::tcp::TcpSettings;
use redis::{Client, Connection, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, TlsCertificates, Value};

use super::trouble::Trouble;
use crate::clock::Deadline;
use crate::config::RedisAt;

/// A host's name or address, and a port.
pub type Address = (String, u16);

/// Connections that are kept for the next call, at most.
const KEPT: usize = 64;
/// A socket's shortest timeout: zero would mean none.
const LEAST: Duration = Duration::from_millis(1);

pub struct Node {
    client: Client,
    /// Whether the system's resolver may be asked, which knows no deadline.
    named: bool,
    connect_timeout: Duration,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Node {
    /// Makes no connection yet.
    pub fn new(
        (host, port): &Address,
        at: &RedisAt,
        ca: Option<&[u8]>,
        connect_timeout: Duration,
    ) -> Result<Node, Trouble> {
        let (host, port) = (host.clone(), *port);
        let named = host.parse::<IpAddr>().is_err();
        let mut login = RedisConnectionInfo::default().set_db(i64::from(at.db)).set_skip_set_lib_name();
        if let Some(user) = &at.user {
            login = login.set_username(user);
        }
        if let Some(password) = &at.password {
            login = login.set_password(password.expose());
        }
        let address = match at.tls {
            true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            false => ConnectionAddr::Tcp(host, port),
        };
        let failed = |e: redis::RedisError| Trouble::Unreached(e.to_string());
        let info = address.into_connection_info().map_err(failed)?;
        let info = info.set_redis_settings(login).set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = match (at.tls, ca) {
            (true, Some(ca)) => {
                let certificates = TlsCertificates { client_tls: None, root_cert: Some(ca.to_vec()) };
                Client::build_with_tls(info, certificates)
            }
            _ => Client::open(info),
        };
        Ok(Node { client: client.map_err(failed)?, named, connect_timeout, idle: Arc::default() })
    }

    /// Sends commands together and reads one answer to each.
    pub fn talk(&self, packed: &[u8], answers: usize, deadline: Deadline) -> Result<Vec<Value>, Trouble> {
        let kept = self.idle.lock().pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.connect(deadline)?,
        };
        match converse(&mut connection, packed, answers, deadline) {
            Ok(values) => {
                let mut idle = self.idle.lock();
                if idle.len() < KEPT {
                    idle.push(connection);
                }
                Ok(values)
            }
            Err(trouble) => {
                // The others are of the same age, and may be as dead.
                self.forget_connections();
                Err(trouble)
            }
        }
    }

    /// Drops those that are kept.
    pub fn forget_connections(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }

    fn connect(&self, deadline: Deadline) -> Result<Connection, Trouble> {
        let timeout = self.connect_timeout.min(deadline.left());
        if timeout.is_zero() {
            return Err(Trouble::TooLate);
        }
        if !self.named {
            return self.client.get_connection_with_timeout(timeout).map_err(|e| Trouble::connecting(&e));
        }
        let (done, connected) = mpsc::sync_channel(1);
        let (client, idle) = (self.client.clone(), Arc::clone(&self.idle));
        std::thread::Builder::new()
            .name("wxsub-connect".to_owned())
            .spawn(move || {
                let made = client.get_connection_with_timeout(timeout);
                if let Err(mpsc::TrySendError::Disconnected(Ok(late))) = done.try_send(made) {
                    idle.lock().push(late);
                }
            })
            .map_err(|e| Trouble::Unreached(format!("the system refuses a thread: {e}")))?;
        match connected.recv_timeout(timeout) {
            Ok(made) => made.map_err(|e| Trouble::connecting(&e)),
            Err(_) => Err(Trouble::Unreached("connecting took too long".to_owned())),
        }
    }
}

fn converse(
    connection: &mut Connection,
    packed: &[u8],
    answers: usize,
    deadline: Deadline,
) -> Result<Vec<Value>, Trouble> {
    let talking = |e: redis::RedisError| Trouble::talking(&e);
    connection.set_write_timeout(Some(deadline.left().max(LEAST))).map_err(talking)?;
    connection.send_packed_command(packed).map_err(talking)?;
    let mut values = Vec::with_capacity(answers);
    while values.len() < answers {
        connection.set_read_timeout(Some(deadline.left().max(LEAST))).map_err(talking)?;
        match connection.recv_response().map_err(talking)? {
            Value::Push { .. } => {}
            value => values.push(value),
        }
    }
    Ok(values)
}
