//! `heartbeat.interval.ms`, `heartbeat.action.query`

use tailwater_debezium::config::SourceConfig;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_postgres::Client;

/// Beats, and what is done with each.
pub(crate) struct Heartbeat {
    interval: Interval,
    query: Option<(String, Client)>,
}

impl Heartbeat {
    /// The heartbeat that the options ask for.
    pub(crate) fn new(config: &SourceConfig, client: Client) -> Option<Self> {
        let mut interval = tokio::time::interval(config.heartbeat?);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let query = config.heartbeat_query.clone().map(|query| (query, client));
        Some(Self { interval, query })
    }

    /// Waits for the next beat.
    pub(crate) async fn next(&mut self) {
        self.interval.tick().await;
    }

    /// Runs the statement; a heartbeat that fails harms nothing else.
    pub(crate) async fn act(&self) {
        let Some((query, client)) = &self.query else {
            return;
        };
        if let Err(error) = client.batch_execute(query).await {
            let error = super::super::client::query_error("run heartbeat.action.query", error);
            tracing::warn!(%error, "heartbeat");
        }
    }
}
