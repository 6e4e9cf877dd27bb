//! The session and the settings of its server.

use tailwater_connector_api::{ConnectorError, ErrorKind, Object, Preconditions};
use tokio_postgres::Client;

use crate::postgres::client::{ServerAddress, query_error};
use crate::postgres::tls::{SslMode, Verification};

/// What our own session is like.
#[derive(Clone, Debug, Default)]
struct Session {
    version: String,
    role: String,
    database: String,
    is_superuser: bool,
    /// The version of TLS.
    tls: Option<String>,
    /// It does not leave the machine.
    is_local: bool,
    mode: SslMode,
    is_verified: bool,
    standbys: Standbys,
}

/// For whom commits wait.
#[derive(Clone, Debug, Default)]
struct Standbys {
    /// `synchronous_standby_names`
    names: String,
    connected: i64,
    /// Whether we may see who is connected.
    is_known: bool,
}

const SESSION: &str = "SELECT current_setting('server_version'), current_user::text,
      current_database()::text, coalesce(r.rolsuper, false),
      CASE WHEN s.ssl THEN coalesce(s.version, 'TLS') END,
      inet_client_addr() IS NOT DISTINCT FROM inet_server_addr(),
      current_setting('synchronous_standby_names'),
      (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')),
      NOT EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state IS NULL)
    FROM (SELECT pg_backend_pid()) own(pid) LEFT JOIN pg_stat_ssl s USING (pid)
    LEFT JOIN pg_roles r ON r.rolname = current_user";

/// Who we are and how we are connected.
pub(crate) async fn session(client: &Client, address: &ServerAddress, found: &mut Preconditions) {
    let row = client.query_one(SESSION, &[]).await;
    let row = row.map_err(|error| query_error("ask about the session", error));
    let Some(row) = found.take("connection", Object::Server, row) else {
        return;
    };
    let session = Session {
        version: row.get(0),
        role: row.get(1),
        database: row.get(2),
        is_superuser: row.get(3),
        tls: row.get(4),
        is_local: row.get(5),
        mode: address.tls.mode,
        is_verified: address.tls.verification() != Verification::None,
        standbys: Standbys { names: row.get(6), connected: row.get(7), is_known: row.get(8) },
    };
    session.judge(found);
}

impl Session {
    fn judge(&self, found: &mut Preconditions) {
        let Self { version, role, database, .. } = self;
        let version = version.split(' ').next().unwrap_or(version);
        let message = format!("PostgreSQL {version}, database \"{database}\", role \"{role}\"");
        found.ok("connection", Object::Server, message);
        self.judge_tls(found);
        self.judge_role(found);
        self.standbys.judge(found);
    }

    fn judge_tls(&self, found: &mut Preconditions) {
        let advice =
            "set \"sslmode\" to verify-full and \"sslrootcert\" to the authority's certificate";
        match &self.tls {
            Some(tls) if self.is_verified => {
                let message = format!("{tls}, the server's certificate is verified");
                found.ok("tls", Object::Server, message);
            }
            Some(tls) => {
                let message = format!("{tls}, the server's certificate is not verified");
                found.advise("tls", Object::Server, message, advice);
            }
            None if self.is_local => {
                let message = "without TLS; the connection does not leave this machine";
                found.ok("tls", Object::Server, message);
            }
            None => {
                let why = match self.mode {
                    SslMode::Disable => "\"sslmode\" is disable",
                    _ => "the server has none",
                };
                let message = format!(
                    "without TLS ({why}): rows cross the network in the clear, the password as \
                     well if pg_hba.conf asks for it by \"password\""
                );
                let mend = format!("on the server: ALTER SYSTEM SET ssl = on; then {advice}");
                found.warn("tls", Object::Server, message, mend);
            }
        }
    }

    fn judge_role(&self, found: &mut Preconditions) {
        let role = &self.role;
        if self.is_superuser {
            let message = format!("role \"{role}\" is a superuser: it may do more than it needs");
            let mend = format!(
                "CREATE ROLE tailwater LOGIN REPLICATION PASSWORD '...'; GRANT CREATE ON DATABASE \
                 \"{}\" TO tailwater; and make it the owner of the captured tables, or make the \
                 publication yourself and GRANT SELECT",
                self.database.replace('"', "\"\"")
            );
            found.warn("role-superuser", Object::Role(role.clone()), message, mend);
        } else {
            let message = format!("role \"{role}\" is no superuser");
            found.ok("role-superuser", Object::Role(role.clone()), message);
        }
    }
}

impl Standbys {
    fn judge(&self, found: &mut Preconditions) {
        if self.names.is_empty() {
            return;
        }
        let names = &self.names;
        let code = "synchronous-standby";
        let anyone = names.contains('*');
        let name_it = "ALTER SYSTEM SET synchronous_standby_names = '...'; with the names of the \
                       standbys, then SELECT pg_reload_conf();";
        if self.connected == 0 && self.is_known {
            let message =
                format!("commits wait for a standby of \"{names}\", and none is connected");
            found.warn(code, Object::Server, message, format!("start one, or {name_it}"));
        } else if anyone {
            let message = format!(
                "synchronous_standby_names is \"{names}\", which a job that reads changes is one \
                 of: commits may wait for its checkpoints"
            );
            found.warn(code, Object::Server, message, name_it);
        } else {
            found.ok(code, Object::Server, format!("commits wait for \"{names}\""));
        }
    }
}

/// What is asked of a server that is written to.
pub(crate) async fn for_sink(client: &Client, found: &mut Preconditions) {
    let sql = "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on'";
    let row = client.query_one(sql, &[]).await;
    let row = row.map_err(|error| query_error("ask whether the server can be written to", error));
    let Some(row) = found.take("connection", Object::Server, row) else {
        return;
    };
    if row.get(0) {
        let message = "the server is a standby, which cannot be written to";
        let error = ConnectorError::new(ErrorKind::Config, message);
        found.fail("read-only", Object::Server, error.with_hint("name the primary in \"url\""));
    } else if row.get(1) {
        let message = "transactions of this role are read only";
        let hint = "ALTER ROLE CURRENT_USER SET default_transaction_read_only = off;";
        let error = ConnectorError::new(ErrorKind::Config, message).with_hint(hint);
        found.fail("read-only", Object::Server, error);
    }
}

/// The settings that matter to a stream.
#[derive(Clone, Debug)]
struct StreamSettings {
    max_slot_wal_keep_size: String,
    wal_sender_timeout: String,
    /// 18 and later.
    idle_replication_slot_timeout: Option<String>,
}

/// What is asked of a server that changes are read from.
pub(crate) async fn for_stream(client: &Client, found: &mut Preconditions) {
    let sql =
        "SELECT current_setting('max_slot_wal_keep_size'), current_setting('wal_sender_timeout'),
        current_setting('idle_replication_slot_timeout', true)";
    let row = client.query_one(sql, &[]).await;
    let row = row.map_err(|error| query_error("read the server's settings", error));
    if let Some(row) = found.take("connection", Object::Server, row) {
        let settings = StreamSettings {
            max_slot_wal_keep_size: row.get(0),
            wal_sender_timeout: row.get(1),
            idle_replication_slot_timeout: row.get(2),
        };
        settings.judge(found);
    }
}

impl StreamSettings {
    fn judge(&self, found: &mut Preconditions) {
        let code = "max-slot-wal-keep-size";
        match self.max_slot_wal_keep_size.as_str() {
            "-1" => {
                let message = "max_slot_wal_keep_size is -1: while a job is stopped, the WAL that \
                               is kept for it can fill the server's disk";
                let mend = "ALTER SYSTEM SET max_slot_wal_keep_size = '20GB'; (less than what the \
                            disk has free), then SELECT pg_reload_conf();";
                found.warn(code, Object::Server, message, mend);
            }
            size => {
                let message = format!("a stopped job keeps at most {size} of WAL on the server");
                found.ok(code, Object::Server, message);
            }
        }
        let code = "wal-sender-timeout";
        match self.wal_sender_timeout.as_str() {
            "0" => {
                let message = "wal_sender_timeout is 0: after a lost connection the slot stays in \
                               use until the network notices";
                let mend =
                    "ALTER SYSTEM SET wal_sender_timeout = '60s'; then SELECT pg_reload_conf();";
                found.warn(code, Object::Server, message, mend);
            }
            time => {
                let message = format!("a lost connection frees its slot after {time}");
                found.ok(code, Object::Server, message);
            }
        }
        let code = "idle-slot-timeout";
        match self.idle_replication_slot_timeout.as_deref() {
            None | Some("0") => {}
            Some(time) => {
                let message = format!(
                    "idle_replication_slot_timeout is {time}: the slot of a job that is stopped \
                     for longer is lost"
                );
                let mend = "ALTER SYSTEM SET idle_replication_slot_timeout = 0; then SELECT \
                            pg_reload_conf();";
                found.warn(code, Object::Server, message, mend);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(judge: impl FnOnce(&mut Preconditions)) -> Vec<String> {
        let mut found = Preconditions::on("db:5432");
        judge(&mut found);
        found.into_vec().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_connection_in_the_clear_is_told_only_where_it_leaves_the_machine() {
        let tls = |session: Session| told(|found| session.judge_tls(found)).remove(0);
        let plain = Session::default();
        assert!(tls(plain.clone()).starts_with("warn tls: without TLS (the server has none)"));
        let disabled = Session { mode: SslMode::Disable, ..plain.clone() };
        assert!(tls(disabled).starts_with("warn tls: without TLS (\"sslmode\" is disable)"));
        assert!(tls(Session { is_local: true, ..plain.clone() }).starts_with("ok tls: without"));
        let encrypted = Session { tls: Some("TLSv1.3".to_owned()), ..plain };
        assert!(
            tls(encrypted.clone())
                .starts_with("note tls: TLSv1.3, the server's certificate is not")
        );
        let verified = Session { is_verified: true, ..encrypted };
        assert_eq!(tls(verified), "ok tls: TLSv1.3, the server's certificate is verified");
    }

    #[test]
    fn commits_that_wait_for_nobody_or_for_us_are_told() {
        let standbys = |names: &str, connected, is_known| {
            let standbys = Standbys { names: names.to_owned(), connected, is_known };
            told(|found| standbys.judge(found)).concat()
        };
        assert_eq!(standbys("", 0, true), "");
        assert!(standbys("s1", 0, true).starts_with("warn synchronous-standby: commits wait for"));
        assert!(standbys("ANY 1 (*)", 1, true).contains("commits may wait for its checkpoints"));
        assert!(standbys("s1", 1, true).starts_with("ok"));
        assert!(standbys("s1", 0, false).starts_with("ok"));
    }

    #[test]
    fn settings_of_later_versions_are_judged_where_they_are() {
        let settings = |keep: &str, sender: &str, idle: Option<&str>| {
            let settings = StreamSettings {
                max_slot_wal_keep_size: keep.to_owned(),
                wal_sender_timeout: sender.to_owned(),
                idle_replication_slot_timeout: idle.map(str::to_owned),
            };
            let lines = told(|found| settings.judge(found));
            lines
                .iter()
                .map(|line| line.split(':').next().unwrap_or("").to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            settings("10GB", "1min", None),
            ["ok max-slot-wal-keep-size", "ok wal-sender-timeout"]
        );
        assert_eq!(
            settings("-1", "0", Some("1d")),
            ["warn max-slot-wal-keep-size", "warn wal-sender-timeout", "warn idle-slot-timeout"]
        );
        assert_eq!(settings("1GB", "1min", Some("0")).len(), 2);
    }
}
