//! `datagen`: random or sequential rows, bounded or without end, at a given rate.

mod field;

use std::time::Duration;

use futures_util::StreamExt;
use tailwater_connector_api::{
    BoxFuture, ConnectorError, NoAck, ReadFrom, Source, SourceContext, SourceEvent, SourceFactory,
    SourcePlan, SourceReader, TableIssue, TableSpec,
};
use tailwater_types::{ChangeBatch, ChangelogMode, Layout, Position, RowKind, RowWriter};
use tokio::time::Instant;

use crate::options::OptionReader;
use field::FieldPlan;

/// Rows are made at least so many times a second.
const TICKS_A_SECOND: u64 = 50;
/// As many rows make a batch at most.
const BATCH_ROWS: u64 = 8192;

/// Makes `datagen` sources.
pub struct DatagenFactory;

impl SourceFactory for DatagenFactory {
    fn plan(&self, table: &TableSpec) -> Result<Box<dyn SourcePlan>, Vec<TableIssue>> {
        let mut options = OptionReader::new(table);
        let known = ["connector", "rows-per-second", "number-of-rows", "scan.parallelism"];
        options.refuse_unknown(&known, &[], &["fields."]);
        let rows_per_second = options.number("rows-per-second", "a number of rows", 10_000_u64);
        let number_of_rows = options
            .get("number-of-rows")
            .map(|_| options.number("number-of-rows", "a number of rows", 0_u64));
        let fields: Vec<FieldPlan> = table
            .columns
            .iter()
            .filter_map(|column| FieldPlan::read(column, &mut options))
            .collect();
        if rows_per_second == 0 {
            options.refuse("rows-per-second", "1 or more", ());
        }
        if !options.errors.is_empty() {
            return Err(options.errors);
        }
        // A sequence ends the table.
        let shortest = fields.iter().filter_map(FieldPlan::rows).min();
        let limit = match (number_of_rows, shortest) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Ok(Box::new(DatagenPlan { fields, rows_per_second, limit }))
    }
}

#[derive(Clone)]
struct DatagenPlan {
    fields: Vec<FieldPlan>,
    rows_per_second: u64,
    limit: Option<u64>,
}

impl SourcePlan for DatagenPlan {
    fn changelog_mode(&self) -> ChangelogMode {
        ChangelogMode::InsertOnly
    }

    fn is_bounded(&self) -> bool {
        self.limit.is_some()
    }

    fn is_resumable(&self) -> bool {
        true
    }

    fn connect(
        &self,
        _context: SourceContext,
    ) -> BoxFuture<'_, Result<Box<dyn Source>, ConnectorError>> {
        let source: Box<dyn Source> = Box::new(self.clone());
        Box::pin(std::future::ready(Ok(source)))
    }
}

impl Source for DatagenPlan {
    fn read(self: Box<Self>, from: ReadFrom) -> SourceReader {
        let number = |position: &Position| position.0.parse::<u64>().unwrap_or(0);
        let next = from.position.as_ref().map_or(0, number);
        let generator = Generator {
            layouts: self.fields.iter().map(FieldPlan::layout).collect(),
            plan: *self,
            next,
            stops: from.stops.iter().map(number).collect(),
            begun: Instant::now(),
            first: next,
            has_ended: false,
        };
        let events = futures_util::stream::unfold(generator, |mut generator| async move {
            generator.event().await.map(|event| (Ok(event), generator))
        });
        SourceReader { events: events.boxed(), acker: Box::new(NoAck) }
    }
}

struct Generator {
    plan: DatagenPlan,
    layouts: Vec<Layout>,
    /// The number of the next row; the row's values follow from it.
    next: u64,
    stops: Vec<u64>,
    begun: Instant,
    first: u64,
    has_ended: bool,
}

impl Generator {
    async fn event(&mut self) -> Option<SourceEvent> {
        if self.has_ended {
            return None;
        }
        if self.plan.limit.is_some_and(|limit| self.next >= limit) {
            self.has_ended = true;
            return Some(SourceEvent::End);
        }
        let count = self.due().await;
        let mut rows = ChangeBatch::default();
        for number in self.next..self.next + count {
            rows.push_with(RowKind::Insert, |out| {
                let mut writer = RowWriter::new(out, self.plan.fields.len());
                for (field, layout) in self.plan.fields.iter().zip(&self.layouts) {
                    field.push(number, *layout, &mut writer);
                }
            });
        }
        self.next += count;
        Some(SourceEvent::Batch { rows, position: Some(Position(self.next.to_string())) })
    }

    /// Waits until rows are due, gives how many.
    async fn due(&mut self) -> u64 {
        let rate = self.plan.rows_per_second;
        let tick = (rate / TICKS_A_SECOND).clamp(1, BATCH_ROWS);
        let made = self.next - self.first;
        let at = Duration::from_secs_f64((made + tick) as f64 / rate as f64);
        tokio::time::sleep_until(self.begun + at).await;
        let stop = self.stops.iter().find(|stop| **stop > self.next).map(|stop| stop - self.next);
        let left = self.plan.limit.map_or(u64::MAX, |limit| limit - self.next);
        tick.min(left).min(stop.unwrap_or(u64::MAX))
    }
}
