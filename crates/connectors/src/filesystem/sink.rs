//! Writing files: rows of a checkpoint become visible together, once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tailwater_connector_api::{
    BoxFuture, ConnectorError, ErrorKind, Object, Precondition, Preconditions, Publication,
    Published, Sink, SinkContext, SinkFactory, SinkPlan, TableIssue, TableSpec,
};
use tailwater_expr::ResolveError;
use tailwater_formats::{EncodedColumns, MessageEncoder};
use tailwater_types::{ChangeBatch, ChangelogMode, CheckpointId, DataType};

use super::partition;
use super::parts::{Parts, Rows, gone};
use crate::format::{Format, FormatKey, FormatUse, refuse_unknown};
use crate::options::OptionReader;

/// Makes `filesystem` sinks.
pub struct FilesystemSinkFactory;

const KNOWN: &[&str] = &["connector", "path", "format", "partition.default-name"];
/// What decides over files that stay open over checkpoints, and over what follows a commit.
const WITHOUT_EFFECT: [&str; 4] =
    ["sink.rolling-policy.", "auto-compaction", "compaction.", "sink.partition-commit."];
/// Options of the same table as a source.
const OF_SOURCES: &[&str] = &["source.monitor-interval", "source.path.regex-pattern"];

impl SinkFactory for FilesystemSinkFactory {
    fn plan(&self, table: &TableSpec) -> Result<Box<dyn SinkPlan>, Vec<TableIssue>> {
        let mut options = OptionReader::new(table);
        let passed: Vec<&str> = ["sink.parallelism"].iter().chain(OF_SOURCES).copied().collect();
        let prefixes = [&WITHOUT_EFFECT[..], &["partition."]].concat();
        refuse_unknown(&mut options, KNOWN, &passed, (&[""], &prefixes));
        for key in table.options.keys() {
            if WITHOUT_EFFECT.iter().any(|prefix| key.starts_with(prefix)) {
                let message = "has no effect here: each checkpoint has files of its own";
                options.notes.push(TableIssue::option(key, message).as_warning());
            }
        }
        let path = options.required("path");
        let format = Format::read(&mut options, FormatKey::PLAIN, FormatUse::WriteFiles);
        for column in table.columns.iter().filter(|c| c.metadata.is_some()) {
            let message = "metadata of \"filesystem\" cannot be written";
            let issue = TableIssue::column(&column.name, message);
            options.errors.push(issue.with_hint("declare it METADATA ... VIRTUAL"));
        }
        if table.partition_keys.len() == table.columns.len() {
            let message = "at least one column must be none of PARTITIONED BY";
            options.errors.push(TableIssue::table(message));
        }
        let default_name = options.get("partition.default-name").unwrap_or("__DEFAULT_PARTITION__");
        let default_name = default_name.to_owned();
        if let Some(format) = &format
            && let Err(refused) = encoder(format, table)
        {
            options.errors.push(TableIssue::table(refused.message));
        }
        let (errors, notes) = (options.errors, options.notes);
        match format {
            Some(format) if errors.is_empty() => Ok(Box::new(FilesystemSinkPlan {
                path: PathBuf::from(path.strip_prefix("file://").unwrap_or(&path)),
                format,
                table: table.clone(),
                default_name,
                notes,
            })),
            _ => Err(errors),
        }
    }
}

fn encoder(format: &Format, table: &TableSpec) -> Result<Box<dyn MessageEncoder>, ResolveError> {
    let is_inside = |place: &usize| !table.partition_keys.contains(place);
    let places: Vec<usize> = (0..table.columns.len()).filter(is_inside).collect();
    format.message_encoder(&EncodedColumns::new(&table.schema(), &places, ""), None)
}

struct FilesystemSinkPlan {
    path: PathBuf,
    format: Format,
    table: TableSpec,
    default_name: String,
    notes: Vec<TableIssue>,
}

impl SinkPlan for FilesystemSinkPlan {
    fn accepts(&self) -> ChangelogMode {
        self.format.changelog_mode()
    }

    fn publication(&self) -> Publication {
        Publication::Transactional
    }

    fn notes(&self) -> Vec<TableIssue> {
        self.notes.clone()
    }

    fn connect(
        &self,
        context: SinkContext,
    ) -> BoxFuture<'_, Result<Box<dyn Sink>, ConnectorError>> {
        Box::pin(async move {
            let encoder = encoder(&self.format, &self.table)
                .map_err(|e| ConnectorError::new(ErrorKind::SchemaMismatch, e.message))?;
            let path = self.path.clone();
            let parts = blocking(move || Parts::open(&path, &context)).await?;
            let column = |place: &usize| {
                let column = &self.table.columns[*place];
                (*place, column.name.clone(), column.data_type.clone())
            };
            Ok(Box::new(FilesystemSink {
                published: parts.published(),
                parts: Some(parts),
                encoder,
                partition_keys: self.table.partition_keys.iter().map(column).collect(),
                default_name: self.default_name.as_str().into(),
            }) as Box<dyn Sink>)
        })
    }

    fn check(&self, _context: SinkContext) -> BoxFuture<'_, Vec<Precondition>> {
        let mut found = Preconditions::default();
        look(&self.path, &mut found);
        Box::pin(std::future::ready(found.into_vec()))
    }
}

/// Looks at the directory and makes nothing.
fn look(path: &Path, found: &mut Preconditions) {
    let name = path.display().to_string();
    let object = || Object::File(name.clone());
    // The nearest that is there: below it directories are made.
    let there = path.ancestors().find(|p| !p.as_os_str().is_empty() && p.exists());
    let there = there.unwrap_or(Path::new("."));
    let refused = |message: String, hint: &str| {
        ConnectorError::new(ErrorKind::Config, message).with_hint(hint)
    };
    match std::fs::metadata(there) {
        Err(error) => {
            let error = super::commit::failed("read", there, error);
            found.fail("path", object(), error);
        }
        Ok(metadata) if !metadata.is_dir() => {
            let message = format!("\"{}\" is not a directory", there.display());
            found.fail("path", object(), refused(message, "'path' names a directory"));
        }
        Ok(metadata) if metadata.permissions().readonly() => {
            let message = format!("\"{}\" cannot be written to", there.display());
            found.fail("path", object(), refused(message, "chmod +w, or run as its owner"));
        }
        Ok(_) if there == path => found.ok("path", object(), format!("\"{name}\" is a directory")),
        Ok(_) => found.ok("path", object(), format!("\"{name}\" will be made")),
    }
}

struct FilesystemSink {
    /// Lent to whoever writes.
    parts: Option<Parts>,
    published: Option<Published>,
    encoder: Box<dyn MessageEncoder>,
    partition_keys: Vec<(usize, String, DataType)>,
    default_name: Arc<str>,
}

impl FilesystemSink {
    fn encode(&mut self, batch: &ChangeBatch) -> Result<Vec<Rows>, ConnectorError> {
        let mut partitions: Vec<Rows> = Vec::new();
        let mut places: HashMap<PathBuf, usize> = HashMap::new();
        for (kind, row) in batch.iter() {
            let partition = partition::directory(row, &self.partition_keys, &self.default_name);
            let place = *places.entry(partition).or_insert_with_key(|partition| {
                partitions.push(Rows { partition: partition.clone(), bytes: Vec::new() });
                partitions.len() - 1
            });
            let bytes = &mut partitions[place].bytes;
            self.encoder.encode(kind, row, bytes).map_err(|error| {
                ConnectorError::new(ErrorKind::BadData, format!("a row cannot be written: {error}"))
            })?;
            bytes.push(b'\n');
        }
        Ok(partitions)
    }

    /// Works on the files, on a thread that may block.
    async fn work(
        &mut self,
        work: impl FnOnce(&mut Parts) -> Result<(), ConnectorError> + Send + 'static,
    ) -> Result<(), ConnectorError> {
        let mut parts = self.parts.take().ok_or_else(gone)?;
        let done = blocking(move || work(&mut parts).map(|()| parts)).await?;
        self.parts = Some(done);
        Ok(())
    }
}

impl Sink for FilesystemSink {
    fn write(&mut self, batch: Arc<ChangeBatch>) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(async move {
            let rows = self.encode(&batch)?;
            self.work(move |parts| parts.write(rows)).await
        })
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), ConnectorError>> {
        // Only a commit shows anything.
        Box::pin(std::future::ready(Ok(())))
    }

    fn last_published(&mut self) -> BoxFuture<'_, Result<Option<Published>, ConnectorError>> {
        Box::pin(std::future::ready(Ok(self.published.clone())))
    }

    fn commit(&mut self, checkpoint: CheckpointId) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(self.work(move |parts| parts.commit(checkpoint)))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), ConnectorError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Runs what blocks on a thread for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ConnectorError> + Send + 'static,
) -> Result<T, ConnectorError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(gone()))
}
