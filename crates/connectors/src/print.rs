//! `print`: rows on standard output (or error), as Flink prints them.
//!
//! A line is `[identifier> ]+I[a, b]`.

mod java_text;

use std::io::Write;
use std::sync::Arc;

use tailwater_connector_api::{
    BoxFuture, ConnectorError, ErrorKind, Publication, Sink, SinkContext, SinkFactory, SinkPlan,
    TableIssue, TableSpec,
};
use tailwater_types::{ChangeBatch, ChangelogMode, Schema};

use crate::options::OptionReader;

const OPTIONS: [&str; 4] = ["connector", "print-identifier", "standard-error", "sink.parallelism"];

/// Makes `print` sinks.
pub struct PrintFactory;

impl SinkFactory for PrintFactory {
    fn plan(&self, table: &TableSpec) -> Result<Box<dyn SinkPlan>, Vec<TableIssue>> {
        let mut options = OptionReader::new(table);
        options.refuse_unknown(&OPTIONS, &[], &[]);
        let is_error = match table.options.get("standard-error").map(String::as_str) {
            Some("true") => true,
            None | Some("false") => false,
            Some(_) => {
                options.errors.push(TableIssue::option("standard-error", "it is true or false"));
                false
            }
        };
        if !options.errors.is_empty() {
            return Err(options.errors);
        }
        let prefix = table.options.get("print-identifier").map(|i| format!("{i}> "));
        Ok(Box::new(PrintPlan {
            prefix: prefix.unwrap_or_default(),
            is_error,
            schema: table.schema(),
        }))
    }
}

struct PrintPlan {
    prefix: String,
    is_error: bool,
    schema: Schema,
}

impl SinkPlan for PrintPlan {
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
        let sink = PrintSink {
            prefix: self.prefix.clone(),
            is_error: self.is_error,
            schema: self.schema.clone(),
        };
        Box::pin(std::future::ready(Ok(Box::new(sink) as Box<dyn Sink>)))
    }
}

struct PrintSink {
    prefix: String,
    is_error: bool,
    schema: Schema,
}

impl PrintSink {
    fn print(&self, batch: &ChangeBatch) -> std::io::Result<()> {
        let mut text = String::new();
        for (kind, row) in batch.iter() {
            text.push_str(&self.prefix);
            text.push_str(kind.short());
            let kinds = self.schema.fields().iter().map(|field| &field.data_type.kind);
            // Writing to a String cannot fail.
            let _ = java_text::write_row(&mut text, row, kinds);
            text.push('\n');
        }
        if self.is_error {
            std::io::stderr().lock().write_all(text.as_bytes())
        } else {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()
        }
    }
}

impl Sink for PrintSink {
    fn write(&mut self, batch: Arc<ChangeBatch>) -> BoxFuture<'_, Result<(), ConnectorError>> {
        let printed = self.print(&batch).map_err(|e| {
            ConnectorError::new(ErrorKind::Connect, "cannot write to standard output")
                .with_source(e)
        });
        Box::pin(std::future::ready(printed))
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), ConnectorError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
