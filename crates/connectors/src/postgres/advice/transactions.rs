//! Transactions that hold the start back: a slot is made, and the first chunk read, once everything
//! has ended that was writing then.

use std::time::Duration;

use tailwater_connector_api::{Object, Preconditions};
use tailwater_types::units::show_duration;
use tokio_postgres::{Client, Row};

use crate::postgres::client::{literal, query_error};

/// So long a session may be idle within a transaction: between two statements of a program.
const IDLE: Duration = Duration::from_secs(1);
/// So long a transaction may take.
const LONG: Duration = Duration::from_secs(60);
/// Without the right to see when a transaction began, so many later ones tell that it is old.
const OLD_TRANSACTIONS: i32 = 1000;

const TRANSACTIONS: &str = "SELECT pid, coalesce(usename::text, ''), coalesce(datname::text, ''),
      coalesce(application_name, ''), coalesce(state, ''),
      extract(epoch FROM clock_timestamp() - xact_start)::float8, age(backend_xid)
    FROM pg_stat_activity
    WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start, pid";

const PREPARED: &str = "SELECT gid, owner::text, database::text,
      extract(epoch FROM clock_timestamp() - prepared)::float8
    FROM pg_prepared_xacts ORDER BY prepared";

/// A transaction that has written something.
#[derive(Clone, Debug, Default)]
struct Running {
    pid: i32,
    user: String,
    database: String,
    application: String,
    /// Empty if we may not see it.
    state: String,
    age: Option<Duration>,
    /// How many have begun since.
    later: i32,
}

impl Running {
    fn of(row: &Row) -> Self {
        Self {
            pid: row.get(0),
            user: row.get(1),
            database: row.get(2),
            application: row.get(3),
            state: row.get(4),
            age: row.get::<_, Option<f64>>(5).map(seconds),
            later: row.get(6),
        }
    }

    fn is_idle(&self) -> bool {
        self.state.starts_with("idle in transaction")
    }

    fn is_long(&self) -> bool {
        match self.age {
            Some(age) => age > if self.is_idle() { IDLE } else { LONG },
            None => self.later > OLD_TRANSACTIONS,
        }
    }

    fn message(&self) -> String {
        let Self { pid, user, database, application, .. } = self;
        let state = match self.state.as_str() {
            "" => "a transaction",
            state if self.is_idle() => state,
            _ => "a long transaction",
        };
        let age = match self.age {
            Some(age) => format!("for {}", show_duration(age)),
            None => format!("with {} later ones (pg_read_all_stats shows its age)", self.later),
        };
        let application = match application.as_str() {
            "" => String::new(),
            name => format!(", \"{name}\""),
        };
        format!(
            "process {pid} of role \"{user}\" in database \"{database}\"{application}: {state} {age}, \
             which the start has to wait for"
        )
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Looks for them.
pub(super) async fn check(client: &Client, found: &mut Preconditions) {
    const CODE: &str = "old-transactions";
    let failed = |error| query_error("look for long transactions", error);
    let running = client.query(TRANSACTIONS, &[]).await.map_err(failed);
    let prepared = client.query(PREPARED, &[]).await.map_err(failed);
    let (Some(running), Some(prepared)) =
        (found.take(CODE, Object::Server, running), found.take(CODE, Object::Server, prepared))
    else {
        return;
    };
    let running: Vec<Running> = running.iter().map(Running::of).filter(Running::is_long).collect();
    if running.is_empty() && prepared.is_empty() {
        found.ok(CODE, Object::Server, "no long transaction holds the start back");
    }
    for transaction in &running {
        let mend = format!("end it, or SELECT pg_terminate_backend({});", transaction.pid);
        found.warn(CODE, Object::Server, transaction.message(), mend);
    }
    for row in &prepared {
        let (gid, owner, database): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let age = show_duration(seconds(row.get(3)));
        let message = format!(
            "transaction \"{gid}\" of role \"{owner}\" in database \"{database}\" is prepared for \
             {age}, which the start has to wait for"
        );
        let gid = literal(&gid);
        let mend = format!("in that database: COMMIT PREPARED {gid}; or ROLLBACK PREPARED {gid};");
        found.warn(CODE, Object::Server, message, mend);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_long_by_what_it_does() {
        let running = |state: &str, age: Option<u64>, later| Running {
            state: state.to_owned(),
            age: age.map(Duration::from_secs),
            later,
            ..Running::default()
        };
        assert!(running("idle in transaction", Some(5), 0).is_long());
        assert!(!running("idle in transaction", Some(0), 0).is_long());
        assert!(!running("active", Some(5), 0).is_long());
        assert!(running("active", Some(61), 0).is_long());
        assert!(running("", None, 1001).is_long());
        assert!(!running("", None, 5).is_long());
        let hidden = Running { pid: 7, user: "me".to_owned(), later: 1001, ..Running::default() };
        assert!(hidden.message().contains("a transaction with 1001 later ones"));
    }
}
