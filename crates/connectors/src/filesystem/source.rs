//! Reading files.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use jiff::tz::TimeZone;
use tailwater_connector_api::{
    BoxFuture, ConnectorError, ErrorKind, NoAck, Object, Precondition, Preconditions, ReadFrom,
    Source, SourceContext, SourceEvent, SourceFactory, SourcePlan, SourceReader, TableColumn,
    TableIssue, TableSpec,
};
use tailwater_formats::{DecodeError, Decoder};
use tailwater_types::units::show_bytes;
use tailwater_types::{ChangeBatch, ChangelogMode, Field, Schema};
use tokio::sync::mpsc;

use crate::format::{DecodedColumns, Format, FormatKey, FormatUse, refuse_unknown};
use crate::options::OptionReader;

/// How much is read at a time.
const PIECE: usize = 64 << 10;

/// Makes `filesystem` sources.
pub struct FilesystemFactory;

impl SourceFactory for FilesystemFactory {
    fn plan(&self, table: &TableSpec) -> Result<Box<dyn SourcePlan>, Vec<TableIssue>> {
        let mut options = OptionReader::new(table);
        let prefixes = (&[""][..], &["sink.", "partition.", "auto-compaction"][..]);
        refuse_unknown(&mut options, &["connector", "path", "format"], &[], prefixes);
        let path = options.required("path");
        let format = Format::read(&mut options, FormatKey::PLAIN, FormatUse::ReadFiles);
        for column in table.columns.iter().filter(|c| c.metadata.is_some()) {
            let message = "metadata columns of \"filesystem\" are not supported yet";
            options.errors.push(TableIssue::column(&column.name, message));
        }
        if !table.partition_keys.is_empty() {
            let message = "reading a table that is PARTITIONED BY is not supported yet";
            options.errors.push(TableIssue::table(message));
        }
        let (mut errors, notes) = (options.errors, options.notes);
        if let Some(format) = &format {
            errors.extend(unreadable(format, table));
        }
        match format {
            Some(format) if errors.is_empty() => Ok(Box::new(FilesystemPlan {
                path: PathBuf::from(path.strip_prefix("file://").unwrap_or(&path)),
                format,
                schema: table.schema(),
                notes,
            })),
            _ => Err(errors),
        }
    }
}

/// Column types that the format cannot hold.
fn unreadable(format: &Format, table: &TableSpec) -> Vec<TableIssue> {
    let issue = |column: &TableColumn| {
        let field = Field::new(column.name.as_str(), column.data_type.clone());
        let schema = Schema::new(vec![field]);
        let columns = DecodedColumns { schema: &schema, key: &[], metadata: &[] };
        let refused = format.decoder(&columns, TimeZone::UTC).err()?;
        Some(TableIssue::column(&column.name, refused.message))
    };
    table.columns.iter().filter_map(issue).collect()
}

struct FilesystemPlan {
    path: PathBuf,
    format: Format,
    schema: Schema,
    notes: Vec<TableIssue>,
}

impl SourcePlan for FilesystemPlan {
    fn changelog_mode(&self) -> ChangelogMode {
        self.format.changelog_mode()
    }

    fn is_bounded(&self) -> bool {
        true
    }

    fn is_resumable(&self) -> bool {
        false
    }

    fn notes(&self) -> Vec<TableIssue> {
        self.notes.clone()
    }

    fn connect(
        &self,
        context: SourceContext,
    ) -> BoxFuture<'_, Result<Box<dyn Source>, ConnectorError>> {
        let source = self.source(&context).map(|s| Box::new(s) as Box<dyn Source>);
        Box::pin(std::future::ready(source))
    }

    fn check(&self, context: SourceContext) -> BoxFuture<'_, Vec<Precondition>> {
        let mut found = Preconditions::default();
        self.look(&context, &mut found);
        Box::pin(std::future::ready(found.into_vec()))
    }
}

impl FilesystemPlan {
    /// Opens every file, as the job will, and reads nothing.
    fn look(&self, context: &SourceContext, found: &mut Preconditions) {
        let path = self.path.display().to_string();
        let object = || Object::File(path.clone());
        let Some(source) = found.take("path", object(), self.source(context)) else {
            return;
        };
        let (mut bytes, count) = (0, source.files.len());
        for (file, _) in &source.files {
            let opened = File::open(file).and_then(|opened| opened.metadata());
            match opened {
                Ok(metadata) => bytes += metadata.len(),
                Err(error) => {
                    let name = file.display();
                    let message = format!("cannot read \"{name}\"");
                    let error = ConnectorError::new(ErrorKind::Config, message)
                        .with_hint(format!("chmod +r \"{name}\", or run as its owner"))
                        .with_source(error);
                    found.fail("file", object(), error);
                }
            }
        }
        if count == 0 {
            let message = format!("\"{path}\" holds no files");
            found.warn("path", object(), message, "put files there before the job starts");
        } else if !found.has_failed() {
            let noun = if count == 1 { "file" } else { "files" };
            let message = format!("\"{path}\": {count} {noun}, {}", show_bytes(bytes));
            found.ok("path", object(), message);
        }
    }

    fn source(&self, context: &SourceContext) -> Result<FilesystemSource, ConnectorError> {
        let files = files(&self.path)?;
        let zone = TimeZone::get(&context.time_zone).unwrap_or(TimeZone::UTC);
        let columns = DecodedColumns { schema: &self.schema, key: &[], metadata: &[] };
        let decoder = |_: &PathBuf| {
            self.format
                .decoder(&columns, zone.clone())
                .map_err(|e| ConnectorError::new(ErrorKind::SchemaMismatch, e.message))
        };
        let decoders = files.iter().map(decoder).collect::<Result<Vec<_>, _>>()?;
        Ok(FilesystemSource { files: files.into_iter().zip(decoders).collect() })
    }
}

/// The file itself, or the directory's files by name; hidden ones are none.
fn files(path: &Path) -> Result<Vec<PathBuf>, ConnectorError> {
    let failed = |e: std::io::Error| {
        let kind = ErrorKind::Config;
        ConnectorError::new(kind, format!("cannot read \"{}\"", path.display()))
            .with_hint("'path' names an existing file or directory of this machine")
            .with_source(e)
    };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let is_hidden = name.to_string_lossy().starts_with(['.', '_']);
        if !is_hidden && entry.file_type().map_err(failed)?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

struct FilesystemSource {
    files: Vec<(PathBuf, Box<dyn Decoder>)>,
}

impl Source for FilesystemSource {
    fn read(self: Box<Self>, _from: ReadFrom) -> SourceReader {
        let (sender, receiver) = mpsc::channel(2);
        tokio::task::spawn_blocking(move || {
            for (path, decoder) in self.files {
                if let Err(error) = read_file(&path, decoder, &sender) {
                    // Nobody is left to be told.
                    let _ = sender.blocking_send(Err(error));
                    return;
                }
            }
            let _ = sender.blocking_send(Ok(SourceEvent::End));
        });
        let events = futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|event| (event, receiver))
        });
        SourceReader { events: events.boxed(), acker: Box::new(NoAck) }
    }
}

type Events = mpsc::Sender<Result<SourceEvent, ConnectorError>>;

fn read_file(
    path: &Path,
    mut decoder: Box<dyn Decoder>,
    events: &Events,
) -> Result<(), ConnectorError> {
    let name = path.display().to_string();
    let failed = |e: std::io::Error| {
        ConnectorError::new(ErrorKind::Connect, format!("cannot read \"{name}\"")).with_source(e)
    };
    let bad = |e: DecodeError| {
        let error = ConnectorError::new(ErrorKind::BadData, e.to_string())
            .with_context("file", name.clone());
        match e.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    };
    let mut file = File::open(path).map_err(failed)?;
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece).map_err(failed)?;
        let mut rows = ChangeBatch::default();
        let decoded = match read {
            0 => decoder.finish(&mut rows),
            _ => decoder.decode(&piece[..read], &mut rows),
        };
        // Rows before a broken one are delivered.
        if !rows.is_empty() {
            let event = SourceEvent::Batch { rows, position: None };
            if events.blocking_send(Ok(event)).is_err() {
                return Ok(());
            }
        }
        decoded.map_err(bad)?;
        if read == 0 {
            return Ok(());
        }
    }
}
