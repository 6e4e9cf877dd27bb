//! What `check` tells beyond the preconditions: what may come to harm later, and what will be done.
//! It reads and never writes.

mod columns;
mod numbers;
mod plans;
mod session;
mod slot;
mod transactions;

use tailwater_connector_api::{Object, Preconditions};

use super::options::Startup;
use super::preflight::{Preflight, Ready};

pub(crate) use self::columns::judge as judge_columns;
pub(crate) use self::numbers::Digits;
pub(crate) use self::session::{for_sink, session};

/// Adds to what the checks have found.
pub(super) async fn give(preflight: &Preflight<'_>, ready: &Ready, found: &mut Preconditions) {
    let config = preflight.config;
    let client = &ready.client;
    if preflight.streams() {
        session::for_stream(client, found).await;
        if config.startup == Startup::Initial || !ready.publication.work.is_empty() {
            transactions::check(client, found).await;
        }
        slot::check(preflight, client, found).await;
        plans::publication(preflight, ready, found);
        if ready.replication.is_some() {
            let message = "the server takes a connection for replication";
            found.ok("replication-connection", Object::Server, message);
        }
    }
    for table in &ready.tables {
        columns::check(preflight, client, table, found).await;
        plans::key(preflight, client, table, found).await;
        plans::snapshot(preflight, client, table, found).await;
    }
}
