//! What both forms of output can do.

use std::io::Write;

use jiff::tz::TimeZone;
use tailwater_expr::text::to_text_in;
use tailwater_pipeline::Table;
use tailwater_sql::Finding;
use tailwater_types::{Layout, RowKind, RowRef, Schema};

/// How a query's rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Every change as it comes.
    Streaming,
    /// The rows that remain at the end.
    Batch,
}

/// Where a statement begins.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) statement: usize,
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Where results go. `statement` is counted from 1.
pub(crate) trait Output {
    /// A statement begins; `text` is as it was written.
    fn begin(&mut self, statement: usize, text: &str);

    /// Something is wrong, or worth knowing, at a place in the text.
    fn finding(&mut self, statement: usize, finding: &Finding);

    /// A statement failed when it ran.
    fn failure(&mut self, place: &Place, message: &str, hint: Option<&str>);

    /// Something worth knowing.
    fn note(&mut self, statement: usize, message: &str);

    /// A statement without rows is done.
    fn ok(&mut self, statement: usize);

    /// A job was started.
    fn submitted(&mut self, statement: usize, is_complete: bool);

    /// A small result.
    fn table(&mut self, statement: usize, table: &Table);

    /// A query's rows begin.
    fn rows_begin(&mut self, statement: usize, schema: &Schema, mode: Mode);

    /// One row.
    fn row(&mut self, statement: usize, kind: RowKind, values: &[Option<String>]);

    /// A query's rows end.
    fn rows_end(&mut self, statement: usize);
}

/// The values of a row as text.
pub(crate) fn texts(
    row: RowRef<'_>,
    schema: &Schema,
    layouts: &[Layout],
    zone: &TimeZone,
) -> Vec<Option<String>> {
    let text = |(i, field): (usize, &tailwater_types::Field)| {
        let datum = row.get(i, layouts[i]);
        (!datum.is_null()).then(|| to_text_in(datum, &field.data_type, zone))
    };
    schema.fields().iter().enumerate().map(text).collect()
}

/// Writes a line to standard output. Where nobody reads any more there is nothing left to do: the
/// process ends as other programs do at a closed pipe, and jobs go on from their checkpoints.
pub(crate) fn write_line(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
        if error.kind() != std::io::ErrorKind::BrokenPipe {
            eprintln!("error: cannot write to standard output: {error}");
        }
        std::process::exit(1);
    }
}
