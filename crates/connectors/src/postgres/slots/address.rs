//! Where to connect, as libpq is told: a URL or `key=value` pairs, the rest from the environment,
//! which the caller reads.

use std::collections::BTreeMap;
use std::time::Duration;

use tailwater_connector_api::{Dialect, TableIssue, TableSpec, nearest};

use crate::postgres::client::ServerAddress;
use crate::postgres::options;
use crate::postgres::tls::{self, Given};

/// A server, and who we are there.
#[derive(Clone, Debug)]
pub struct SlotServer {
    address: ServerAddress,
}

/// Why an address is refused: what is wrong, and what to write instead. Neither shows the address,
/// which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError {
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

fn refuse<T>(message: impl Into<String>, hint: impl Into<String>) -> Result<T, AddressError> {
    Err(AddressError { message: message.into(), hint: hint.into() })
}

/// What we take.
const TAKEN: &[&str] = &[
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "dbname",
    "connect_timeout",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "channel_binding",
];

/// What libpq takes besides, and what makes no difference to us.
const PASSED_OVER: &[&str] = &[
    "application_name",
    "fallback_application_name",
    "client_encoding",
    "gssencmode",
    "krbsrvname",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "options",
    "sslcompression",
    "sslnegotiation",
    "sslsni",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "target_session_attrs",
    "load_balance_hosts",
];

const FORM: &str = "write postgres://user@host:5432/database, or 'host=... user=... dbname=...'";

type Parameters = BTreeMap<String, String>;

impl SlotServer {
    /// Reads a URL or `key=value` pairs; what is missing comes from `defaults`, which has libpq's
    /// keys.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, defaults: &Parameters) -> Result<Self, AddressError> {
        let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
        let given = if is_url { url(text)? } else { pairs(text)? };
        for key in given.keys() {
            if !TAKEN.contains(&key.as_str()) && !PASSED_OVER.contains(&key.as_str()) {
                let near = nearest(key, TAKEN.iter().copied());
                let hint = near.map_or_else(
                    || format!("the parameters are {}", TAKEN.join(", ")),
                    |near| format!("did you mean \"{near}\"?"),
                );
                return refuse(format!("unknown connection parameter \"{key}\""), hint);
            }
        }
        let mut all = defaults.clone();
        all.extend(given);
        Self::of_parameters(&all)
    }

    /// The server of a table that `'connector' = 'postgres-cdc'` declares.
    ///
    /// # Errors
    /// Everything that is wrong with its options.
    pub fn of_table(table: &TableSpec) -> Result<Self, Vec<TableIssue>> {
        let (config, _) = options::parse(table)?;
        Ok(Self { address: config.address })
    }

    fn of_parameters(parameters: &Parameters) -> Result<Self, AddressError> {
        let get = |key: &str| parameters.get(key).filter(|value| !value.is_empty());
        let host = get("host").or_else(|| get("hostaddr")).map_or("localhost", String::as_str);
        if host.contains(',') {
            return refuse("the address names several hosts", "name the primary alone");
        }
        if host.starts_with(['/', '@']) {
            let hint = "give the host's name; the server's listen_addresses must have it";
            return refuse("sockets of the file system are not supported", hint);
        }
        let port = match get("port").map(|port| port.parse::<u16>()) {
            None => 5432,
            Some(Ok(port)) if port != 0 => port,
            Some(_) => return refuse("the port is not a number from 1 to 65535", FORM),
        };
        let Some(user) = get("user") else {
            return refuse("the address names no user", FORM);
        };
        let timeout = match get("connect_timeout").map(|seconds| seconds.parse::<u64>()) {
            None | Some(Ok(0)) => 30,
            Some(Ok(seconds)) => seconds,
            Some(Err(_)) => {
                return refuse("connect_timeout is not a number of seconds", "write it as 10");
            }
        };
        Ok(Self {
            address: ServerAddress {
                host: host.to_owned(),
                port,
                user: user.clone(),
                password: get("password").cloned(),
                database: get("dbname").unwrap_or(user).clone(),
                connect_timeout: Duration::from_secs(timeout),
                tls: tls_options(parameters)?,
            },
        })
    }

    pub(crate) fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// `host:port`
    pub fn endpoint(&self) -> String {
        self.address.endpoint()
    }

    /// The host.
    pub fn host(&self) -> &str {
        &self.address.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port
    }

    /// The role.
    pub fn user(&self) -> &str {
        &self.address.user
    }

    /// The database that is connected to.
    pub fn database(&self) -> &str {
        &self.address.database
    }

    /// Whether a password is known.
    pub fn has_password(&self) -> bool {
        self.address.password.is_some()
    }

    /// The same with a password.
    #[must_use]
    pub fn with_password(mut self, password: String) -> Self {
        self.address.password = Some(password);
        self
    }
}

fn tls_options(parameters: &Parameters) -> Result<tls::TlsOptions, AddressError> {
    let given = |(key, value): (&String, &String)| {
        let name = match key.as_str() {
            "channel_binding" => "channelBinding",
            "sslmode" | "sslrootcert" | "sslcert" | "sslkey" => key,
            _ => return None,
        };
        let label = format!("connection parameter \"{key}\"");
        Some((name.to_owned(), Given { option: key.clone(), label, value: value.clone() }))
    };
    let given: BTreeMap<String, Given> = parameters.iter().filter_map(given).collect();
    let mut errors = Vec::new();
    let options = tls::judge(&given, &mut errors);
    match errors.into_iter().next() {
        None => Ok(options),
        Some(issue) => {
            let hint = issue.hint_in(Dialect::Sql).unwrap_or_default();
            refuse(issue.message, hint)
        }
    }
}

/// `postgres://user:password@host:port/database?key=value`
fn url(text: &str) -> Result<Parameters, AddressError> {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let (identity, server) = match authority.rsplit_once('@') {
        Some((identity, server)) => (Some(identity), server),
        None => (None, authority),
    };
    let mut found = Parameters::new();
    let mut add = |key: &str, value: &str| -> Result<(), AddressError> {
        if !value.is_empty() {
            let value = decode(value)?;
            found.insert(key.to_owned(), value);
        }
        Ok(())
    };
    if let Some(identity) = identity {
        let (user, password) = identity.split_once(':').unwrap_or((identity, ""));
        add("user", user)?;
        add("password", password)?;
    }
    let (host, port) = match server.strip_prefix('[').and_then(|s| s.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').unwrap_or("")),
        None => server.split_once(':').unwrap_or((server, "")),
    };
    add("host", host)?;
    add("port", port)?;
    add("dbname", database)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            return refuse("a parameter of the URL has no value", FORM);
        };
        let key = decode(key)?;
        // JDBC's word, which libpq takes as well.
        match (key.as_str(), value) {
            ("ssl", "true") => add("sslmode", "require")?,
            _ => add(&key, value)?,
        }
    }
    Ok(found)
}

fn decode(text: &str) -> Result<String, AddressError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digit = |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16));
        let (Some(high), Some(low)) = (digit(0), digit(1)) else {
            let hint = "write %25 for a percent sign, %40 for @, %2F for /";
            return refuse("the URL has a % without two hexadecimal digits behind it", hint);
        };
        bytes.push((high << 4 | low) as u8);
        rest = &after[2..];
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => refuse("the URL is not UTF-8", FORM),
    }
}

/// `host=db port=5432 password='it''s'`, with `\` before a quote or a backslash.
fn pairs(text: &str) -> Result<Parameters, AddressError> {
    let mut found = Parameters::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((key, after)) = rest.split_once('=') else {
            return refuse("the address is neither a URL nor key=value pairs", FORM);
        };
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return refuse("the address is neither a URL nor key=value pairs", FORM);
        }
        let (value, after) = value(after.trim_start())?;
        found.insert(key.to_owned(), value);
        rest = after.trim_start();
    }
    Ok(found)
}

/// A value and what follows it.
fn value(text: &str) -> Result<(String, &str), AddressError> {
    let is_quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(is_quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if is_quoted => return Ok((value, &text[at + 1..])),
            c if !is_quoted && c.is_whitespace() => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    if is_quoted {
        return refuse("a quoted value of the address has no end", "close it with '");
    }
    Ok((value, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::tls::SslMode;

    fn parse(text: &str) -> Result<SlotServer, AddressError> {
        SlotServer::parse(text, &Parameters::from([("user".to_owned(), "os".to_owned())]))
    }

    fn shown(text: &str) -> String {
        let server = parse(text).unwrap();
        format!("{:?} {:?}", server.address, server.address.password)
    }

    #[test]
    fn urls_are_read_as_libpq_reads_them() {
        assert_eq!(shown("postgres://"), "os@localhost:5432/os None");
        assert_eq!(shown("postgresql://me@db"), "me@db:5432/me None");
        assert_eq!(
            shown("postgres://me:p%40ss+w@db:6000/shop"),
            "me@db:6000/shop Some(\"p@ss+w\")"
        );
        assert_eq!(shown("postgres://[::1]:1/x?user=a&password=b"), "a@::1:1/x Some(\"b\")");
        let tls = parse("postgres://db/x?sslmode=verify-full&sslrootcert=/ca.pem").unwrap();
        assert_eq!(tls.address.tls.mode, SslMode::VerifyFull);
        assert!(tls.address.tls.roots.is_some());
    }

    #[test]
    fn pairs_are_read_as_libpq_reads_them() {
        assert_eq!(
            shown("host=db  port = 6000 dbname='a b' password='it\\'s' user=me"),
            "me@db:6000/a b Some(\"it's\")"
        );
        assert_eq!(shown(""), "os@localhost:5432/os None");
    }

    #[test]
    fn what_is_wrong_is_told_without_the_address() {
        let cases = [
            ("db.example.org", "the address is neither a URL nor key=value pairs"),
            ("postgres://db:many/x", "the port is not a number from 1 to 65535"),
            ("postgres://a,b/x", "the address names several hosts"),
            ("host=/var/run user=x", "sockets of the file system are not supported"),
            (
                "postgres://me:secret%@db/x",
                "the URL has a % without two hexadecimal digits behind it",
            ),
            (
                "postgres://db/x?sslmode=yes",
                "\"yes\" is not a value of connection parameter \"sslmode\"",
            ),
            ("postgres://db/x?sslmod=require", "unknown connection parameter \"sslmod\""),
            ("password='secret", "a quoted value of the address has no end"),
        ];
        for (text, expected) in cases {
            let error = parse(text).unwrap_err();
            assert_eq!(error.message, expected, "{text}");
            assert!(!error.hint.contains("secret") && !error.message.contains("secret"));
        }
        let nobody = SlotServer::parse("postgres://db", &Parameters::new()).unwrap_err();
        assert_eq!(nobody.message, "the address names no user");
    }
}
