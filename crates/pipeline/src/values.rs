//! Constant rows as a bounded source.

use std::sync::Arc;

use futures_util::StreamExt;
use tailwater_connector_api::{
    BoxFuture, ConnectorError, ErrorKind, NoAck, ReadFrom, Source, SourceContext, SourceEvent,
    SourcePlan, SourceReader,
};
use tailwater_expr::{Bump, Env, Expr, eval_row};
use tailwater_types::{ChangeBatch, ChangelogMode, Layout, RowKind, RowRef, Timestamp};

/// The rows of VALUES, or the one row of a SELECT without FROM.
pub(crate) struct ValuesPlan {
    rows: Vec<Vec<Expr>>,
    layouts: Arc<[Layout]>,
}

impl ValuesPlan {
    /// These rows.
    pub(crate) fn new(rows: Vec<Vec<Expr>>, layouts: Arc<[Layout]>) -> Self {
        Self { rows, layouts }
    }

    /// No rows.
    pub(crate) fn nothing() -> Self {
        Self { rows: Vec::new(), layouts: Vec::new().into() }
    }

    fn batch(&self) -> Result<ChangeBatch, ConnectorError> {
        let arena = Bump::new();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = Timestamp::from_micros(now.unwrap_or_default().as_micros() as i64);
        let env = Env::new(RowRef::new(&[]), &arena, now);
        let mut batch = ChangeBatch::default();
        for row in &self.rows {
            batch
                .try_push_with(RowKind::Insert, |out| eval_row(row, &self.layouts, &env, out))
                .map_err(|e| ConnectorError::new(ErrorKind::BadData, e.to_string()))?;
        }
        Ok(batch)
    }
}

impl SourcePlan for ValuesPlan {
    fn changelog_mode(&self) -> ChangelogMode {
        ChangelogMode::InsertOnly
    }

    fn is_bounded(&self) -> bool {
        true
    }

    fn is_resumable(&self) -> bool {
        false
    }

    fn connect(
        &self,
        _context: SourceContext,
    ) -> BoxFuture<'_, Result<Box<dyn Source>, ConnectorError>> {
        let source = self.batch().map(|batch| Box::new(ValuesSource(batch)) as Box<dyn Source>);
        Box::pin(std::future::ready(source))
    }
}

struct ValuesSource(ChangeBatch);

impl Source for ValuesSource {
    fn read(self: Box<Self>, _from: ReadFrom) -> SourceReader {
        let events =
            [Ok(SourceEvent::Batch { rows: self.0, position: None }), Ok(SourceEvent::End)];
        SourceReader { events: futures_util::stream::iter(events).boxed(), acker: Box::new(NoAck) }
    }
}
