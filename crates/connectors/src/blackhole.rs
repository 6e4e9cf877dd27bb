//! `blackhole`: takes everything, keeps nothing.

use std::sync::Arc;

use tailwater_connector_api::{
    BoxFuture, ConnectorError, Publication, Sink, SinkContext, SinkFactory, SinkPlan, TableIssue,
    TableSpec,
};
use tailwater_types::{ChangeBatch, ChangelogMode};

use crate::options::OptionReader;

/// Makes `blackhole` sinks.
pub struct BlackholeFactory;

impl SinkFactory for BlackholeFactory {
    fn plan(&self, table: &TableSpec) -> Result<Box<dyn SinkPlan>, Vec<TableIssue>> {
        let mut options = OptionReader::new(table);
        options.refuse_unknown(&["connector", "sink.parallelism"], &[], &[]);
        if options.errors.is_empty() { Ok(Box::new(Blackhole)) } else { Err(options.errors) }
    }
}

struct Blackhole;

impl SinkPlan for Blackhole {
    fn accepts(&self) -> ChangelogMode {
        ChangelogMode::Retract
    }

    fn publication(&self) -> Publication {
        Publication::Transient
    }

    fn connect(
        &self,
        _context: SinkContext,
    ) -> BoxFuture<'_, Result<Box<dyn Sink>, ConnectorError>> {
        Box::pin(std::future::ready(Ok(Box::new(Self) as Box<dyn Sink>)))
    }
}

impl Sink for Blackhole {
    fn write(&mut self, _batch: Arc<ChangeBatch>) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), ConnectorError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
