//! Ordinary SQL connections, and what their errors mean for the user.

use std::fmt;
use std::time::Duration;

use tailwater_connector_api::{ConnectorError, ErrorKind, Hint, Setting};
use tailwater_pg_wire::auth::ChannelBinding;
use tokio_postgres::config::{self, SslMode, SslNegotiation};
use tokio_postgres::{Client, Connection};

use super::dial::Dialler;
use super::tls::{self, TlsOptions};
use super::wire::{Agreed, Wire};

/// Where a database is and who we are there.
#[derive(Clone)]
pub(crate) struct ServerAddress {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    pub(crate) database: String,
    pub(crate) connect_timeout: Duration,
    pub(crate) tls: TlsOptions,
}

impl ServerAddress {
    /// `host:port`
    pub(crate) fn endpoint(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Another database of the server.
    pub(crate) fn in_database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }
}

impl fmt::Debug for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{}/{}", self.user, self.host, self.port, self.database)
    }
}

/// Settings that make text values readable whatever the server's defaults are. Without `jit`: the
/// planner takes the catalog's queries for dear, and compiling one takes half a second.
pub(crate) const SESSION_SETTINGS: &[(&str, &str)] = &[
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO"),
    ("TimeZone", "UTC"),
    ("IntervalStyle", "postgres"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    ("jit", "off"),
];

/// An SQL connection; its background task ends with the client.
pub(crate) async fn connect(
    address: &ServerAddress,
    application: &str,
) -> Result<Client, ConnectorError> {
    let (client, connection) = open(address, application).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to postgresql ended");
        }
    });
    let settings = SESSION_SETTINGS.iter().filter(|(name, _)| *name != "client_encoding");
    let settings: Vec<_> =
        settings.map(|(name, value)| format!("SET {name} = '{value}'")).collect();
    client
        .batch_execute(&settings.join(";"))
        .await
        .map_err(|error| query_error("prepare the session", error))?;
    Ok(client)
}

async fn open(
    address: &ServerAddress,
    application: &str,
) -> Result<(Client, Connection<Wire, Wire>), ConnectorError> {
    let mut config = tokio_postgres::Config::new();
    config
        .user(&address.user)
        .dbname(&address.database)
        .application_name(application)
        // What there is to agree on is agreed on by then.
        .ssl_mode(SslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct)
        .channel_binding(match address.tls.channel_binding {
            ChannelBinding::Disable => config::ChannelBinding::Disable,
            ChannelBinding::Prefer => config::ChannelBinding::Prefer,
            ChannelBinding::Require => config::ChannelBinding::Require,
        });
    if let Some(password) = &address.password {
        config.password(password);
    }
    let mut dialler = Dialler::new(address);
    loop {
        let wire = dialler.wire().await?;
        let session = Box::pin(config.connect_raw(wire, Agreed));
        let error = match tokio::time::timeout(address.connect_timeout, session).await {
            Ok(Ok(opened)) => return Ok(opened),
            Ok(Err(error)) => error,
            Err(elapsed) => return Err(unreachable(address).with_source(elapsed)),
        };
        match error.as_db_error() {
            Some(refusal) => dialler.refused(refusal.code().code(), refusal.message())?,
            None if is_unbound(&error) => {
                let message = "channel binding is required, and the server does without";
                return Err(tls::unbound(message));
            }
            None => return Err(tls::hung_up(address, error)),
        }
    }
}

/// The driver has no kind for it; its words are tested for.
fn is_unbound(error: &tokio_postgres::Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.to_string() == "server did not use channel binding")
}

/// Nobody answered.
pub(crate) fn unreachable(address: &ServerAddress) -> ConnectorError {
    let ServerAddress { host, port, .. } = address;
    let message = format!("failed to connect to PostgreSQL at \"{host}:{port}\"");
    ConnectorError::new(ErrorKind::Connect, message).with_hint(Hint::each(|say| {
        let (host, port) = (say.name(Setting::Host), say.name(Setting::Port));
        format!(
            "check \"{host}\" and \"{port}\", that the server runs, and that its listen_addresses \
             and firewall let this host in"
        )
    }))
}

/// The server answered and refused.
pub(crate) fn refused(address: &ServerAddress, sqlstate: &str, message: &str) -> ConnectorError {
    let ServerAddress { user, database, .. } = address;
    match sqlstate {
        "28P01" => ConnectorError::new(
            ErrorKind::Auth,
            format!("the server refuses the password of user \"{user}\""),
        )
        .with_hint(Hint::each(|say| {
            let (user, password) = (say.name(Setting::User), say.name(Setting::Password));
            format!("check \"{user}\" and \"{password}\"")
        })),
        "28000" => ConnectorError::new(
            ErrorKind::Auth,
            format!("the server refuses user \"{user}\": {message}"),
        )
        .with_hint("allow it in pg_hba.conf, then SELECT pg_reload_conf();"),
        "3D000" => ConnectorError::new(
            ErrorKind::Config,
            format!("database \"{database}\" does not exist"),
        )
        .with_hint(format!("CREATE DATABASE {};", quote(database))),
        "42501" => denied(address, message),
        "53300" => ConnectorError::new(
            ErrorKind::Throttled,
            format!("the server takes no more connections: {message}"),
        )
        .with_hint("raise max_connections (max_wal_senders for replication) and restart"),
        _ => ConnectorError::new(
            ErrorKind::Connect,
            format!("the server refuses the connection: {message} (SQLSTATE {sqlstate})"),
        ),
    }
}

/// The role may not connect: to replicate, or to the database at all. Where the server speaks another
/// language both are told.
fn denied(address: &ServerAddress, message: &str) -> ConnectorError {
    let (user, database) = (quote(&address.user), quote(&address.database));
    let replicate = format!("as a superuser: ALTER ROLE {user} REPLICATION;");
    let connect =
        format!("as the database's owner: GRANT CONNECT ON DATABASE {database} TO {user};");
    let hint = match message {
        _ if message.contains("database") => connect,
        _ if message.contains("replication") => replicate,
        _ => format!("{replicate} {connect}"),
    };
    let message = format!("the server refuses user \"{}\": {message}", address.user);
    ConnectorError::new(ErrorKind::Denied, message).with_hint(hint)
}

/// The same error with the statement that mends it, if a privilege is what lacks.
pub(crate) fn grant(error: ConnectorError, privileges: &str, user: &str) -> ConnectorError {
    match error.kind() {
        ErrorKind::Denied => {
            error.with_hint(format!("as the owner: GRANT {privileges} TO {};", quote(user)))
        }
        _ => error,
    }
}

/// An error of a statement. Never the detail: it may hold row values.
pub(crate) fn query_error(doing: &str, error: tokio_postgres::Error) -> ConnectorError {
    let Some(refusal) = error.as_db_error() else {
        let message = format!("failed to {doing}: the connection to PostgreSQL was lost");
        return ConnectorError::new(ErrorKind::Connect, message).with_source(error);
    };
    let sqlstate = refusal.code().code().to_owned();
    let kind = kind_of(&sqlstate);
    // Messages of class 22 quote the value that was refused.
    let said = if sqlstate.starts_with("22") { "a value was refused" } else { refusal.message() };
    let message = format!("failed to {doing}: {said} (SQLSTATE {sqlstate})");
    let answer = ConnectorError::new(kind, message);
    match refusal.hint() {
        Some(hint) => answer.with_hint(hint),
        None => answer,
    }
}

/// What an SQLSTATE means for the runtime.
pub(crate) fn kind_of(sqlstate: &str) -> ErrorKind {
    match sqlstate {
        "42501" => ErrorKind::Denied,
        "55006" | "55P03" => ErrorKind::Conflict,
        "57014" => ErrorKind::Timeout,
        "42P01" | "42703" | "42804" => ErrorKind::SchemaMismatch,
        _ => match sqlstate.get(..2) {
            // A connection that is lost, a server that goes or comes.
            Some("08" | "57") => ErrorKind::Connect,
            // Too many connections or settings; the server's disk or memory is full.
            Some("53") => ErrorKind::Throttled,
            // A deadlock, a transaction that another one is in the way of.
            Some("40") => ErrorKind::Conflict,
            Some("28") => ErrorKind::Auth,
            Some("22" | "23") => ErrorKind::BadData,
            _ => ErrorKind::Config,
        },
    }
}

/// An identifier in double quotes.
pub(crate) fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// A string in single quotes.
pub(crate) fn literal(text: &str) -> String {
    let text = text.replace('\'', "''");
    if text.contains('\\') {
        format!("E'{}'", text.replace('\\', "\\\\"))
    } else {
        format!("'{text}'")
    }
}

/// `schema.table` as SQL.
pub(crate) fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", quote(schema), quote(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_come_back_is_told_from_what_lasts() {
        for (sqlstate, kind) in [
            ("08006", ErrorKind::Connect),
            ("57P01", ErrorKind::Connect),
            ("57000", ErrorKind::Connect),
            ("57014", ErrorKind::Timeout),
            ("53000", ErrorKind::Throttled),
            ("53100", ErrorKind::Throttled),
            ("40P01", ErrorKind::Conflict),
            ("28P01", ErrorKind::Auth),
            ("42501", ErrorKind::Denied),
            ("42P01", ErrorKind::SchemaMismatch),
            ("42704", ErrorKind::Config),
            ("22003", ErrorKind::BadData),
        ] {
            assert_eq!(kind_of(sqlstate), kind, "{sqlstate}");
        }
    }
}
