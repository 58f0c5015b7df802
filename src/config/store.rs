//! Where the ledger is: a file, memory, or a Redis that a fleet of machines shares.

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::secret::Secret;

/// What the key `store` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAt {
    /// An SQLite file, by its path.
    File(String),
    /// Memory: gone when the client is closed.
    Memory,
    /// A Redis or Valkey server, or a cluster of them.
    Redis(RedisAt),
}

/// A Redis or Valkey server, or some nodes of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisAt {
    /// Names or addresses, with ports; more than one in a cluster only.
    pub nodes: Vec<(String, u16)>,
    /// Whether they are a cluster's.
    pub cluster: bool,
    /// Whether to speak TLS.
    pub tls: bool,
    /// The user, if it is not the default one.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The database's number; 0 in a cluster.
    pub db: u32,
}

const DEFAULT_PORT: u16 = 6379;

/// Whether it is a cluster's, and whether to speak TLS.
const SCHEMES: [(&str, bool, bool); 8] = [
    ("redis", false, false),
    ("valkey", false, false),
    ("rediss", false, true),
    ("valkeys", false, true),
    ("redis-cluster", true, false),
    ("valkey-cluster", true, false),
    ("rediss-cluster", true, true),
    ("valkeys-cluster", true, true),
];

/// Those of other stores and servers.
const OTHER_SCHEMES: [&str; 14] = [
    "amqp",
    "file",
    "http",
    "https",
    "memcached",
    "mongodb",
    "mysql",
    "postgres",
    "postgresql",
    "sqlite",
    "sqlite3",
    "tcp",
    "tls",
    "unix",
];

impl StoreAt {
    /// Reads the key's value.
    ///
    /// # Errors
    /// What is wrong with it, in words without the password.
    pub fn parse(text: &str) -> Result<StoreAt, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            // Not shown: there may be a password behind it.
            if SCHEMES.iter().any(|(scheme, ..)| is_scheme_amiss(text, scheme)) {
                return Err("behind redis and the like stand a colon and two slashes".to_owned());
            }
            if text == ":memory:" {
                return Ok(StoreAt::Memory);
            }
            if looks_like_an_address(text) {
                return Err(
                    "looks like an address and would become a file of that name; write redis://host:6379 for Redis, \
                     or ./ before a file's name"
                        .to_owned(),
                );
            }
            return Ok(StoreAt::File(text.to_owned()));
        };
        let Some((_, cluster, tls)) = SCHEMES.iter().find(|(known, ..)| *known == scheme).copied() else {
            // Another word may be a password.
            let is_known = OTHER_SCHEMES.contains(&scheme);
            let shown = if is_known { format!("{scheme}://") } else { "what stands before the ://".to_owned() };
            return Err(format!(
                "{shown} is no store; give a path, \":memory:\", redis://, rediss:// or redis-cluster://"
            ));
        };
        if cfg!(not(feature = "redis")) {
            return Err("this build has no Redis (the cargo feature \"redis\" is off); give a path".to_owned());
        }
        RedisAt::parse(rest, cluster, tls).map(StoreAt::Redis)
    }
}

impl StoreAt {
    /// Whether it is a server that a fleet shares.
    pub fn is_redis(&self) -> bool {
        matches!(self, StoreAt::Redis(_))
    }
}

impl RedisAt {
    fn parse(rest: &str, cluster: bool, tls: bool) -> Result<RedisAt, String> {
        // The last @, since a password may hold one that was not encoded.
        let (login, rest) = rest.rsplit_once('@').map_or((None, rest), |(login, rest)| (Some(login), rest));
        let (user, password) = match login {
            None => (None, None),
            Some(login) => {
                let (user, password) = login.split_once(':').ok_or(
                    "before the @ stands a user without a password; write user:password@, or :password@ for the default user",
                )?;
                // What stands for a user would be shown.
                if password.is_empty() && !user.is_empty() {
                    return Err("the user's password is empty; write :password@ for the default user".to_owned());
                }
                (Some(decoded(user)?).filter(|u| !u.is_empty()), Some(Secret::new(decoded(password)?)))
            }
        };
        if rest.contains(['?', '#']) {
            return Err("a ? or # is not supported in it; in a password write %3F or %23".to_owned());
        }
        let (hosts, db) = rest.split_once('/').unwrap_or((rest, ""));
        let db = match db {
            "" => 0,
            text => text.parse().map_err(|_| "what stands behind the / is no database number")?,
        };
        if cluster && db != 0 {
            return Err("a cluster has database 0 only".to_owned());
        }
        let nodes = hosts.split(',').map(node).collect::<Result<Vec<_>, _>>()?;
        if nodes.len() > 1 && !cluster {
            return Err("several hosts are a cluster's: write redis-cluster://".to_owned());
        }
        Ok(RedisAt { nodes, cluster, tls, user, password, db })
    }
}

/// Whether the text begins with this scheme, but for a colon or a slash; or another sign, if a login stands behind it.
fn is_scheme_amiss(text: &str, scheme: &str) -> bool {
    text.strip_prefix(scheme).is_some_and(|rest| {
        let is_login = rest.starts_with(['/', ';']) && rest.contains('@');
        rest.starts_with(':') || rest.starts_with("//") || is_login
    })
}

/// What other libraries take as a server's address or as a connection's settings, and a file is hardly called.
fn looks_like_an_address(text: &str) -> bool {
    let text = text.strip_prefix("//").unwrap_or(text);
    if text.starts_with(['/', '\\', '.', '~']) {
        return false;
    }
    let first = text.split(['/', '\\']).next().unwrap_or_default();
    let is_drive = |before: &str| before.len() == 1 && before.starts_with(|c: char| c.is_ascii_alphabetic());
    let has_port_or_scheme = first.split_once(':').is_some_and(|(before, _)| !is_drive(before));
    let lower = text.to_ascii_lowercase();
    let has_settings = ["password=", "pwd=", "data source=", "auth="].iter().any(|setting| lower.contains(setting));
    let ends_with = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    let behind = text[first.len()..].trim_matches(['/', '\\']);
    // A login, a list of settings or a command line, with a database's number or a password behind it.
    let database = behind.split(['?', '/']).next().unwrap_or_default();
    let is_database = database.strip_prefix("db").unwrap_or(database).bytes().all(|b| b.is_ascii_digit());
    let is_connection = (first.contains(['@', '=']) || first.contains(" -")) && is_database || first.contains(" -a ");
    let is_no_name = is_connection && !ends_with(&[".db", ".sqlite", ".sqlite3"]);
    let is_host = behind.is_empty()
        && (lower == "localhost" || ends_with(&[".com", ".cn"]) || text.parse::<std::net::IpAddr>().is_ok());
    has_port_or_scheme || has_settings || is_no_name || is_host
}

/// The URL without the password.
impl fmt::Display for RedisAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.tls, self.cluster) {
            (false, false) => "redis",
            (true, false) => "rediss",
            (false, true) => "redis-cluster",
            (true, true) => "rediss-cluster",
        };
        write!(f, "{scheme}://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        for (i, (host, port)) in self.nodes.iter().enumerate() {
            write!(f, "{}{}:{port}", if i > 0 { "," } else { "" }, bracketed(host))?;
        }
        if !self.cluster {
            write!(f, "/{}", self.db)?;
        }
        Ok(())
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| "the user or password is not UTF-8")?;
    Ok(decoded.into_owned())
}

fn node(text: &str) -> Result<(String, u16), String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(|| "an address has no closing ]".to_owned())?;
            (host, port.strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return Err("a host is missing".to_owned());
    }
    // Not shown: it may be a password, or a setting with one.
    if host.contains(['=', ' ']) {
        return Err("a host holds a = or a space; a password is written before it: redis://:password@host".to_owned());
    }
    let port = match port {
        None => DEFAULT_PORT,
        // Neither is shown: where the host was forgotten they are a login.
        Some(port) => port.parse().map_err(|_| "what stands behind a host's colon is no port (0 to 65535)")?,
    };
    Ok((host.to_owned(), port))
}
