//! `'format' = ...` and its options, for everything that holds bytes of a format.

mod settings;

use std::sync::Arc;

use jiff::tz::TimeZone;
use tailwater_connector_api::{ConnectorError, ErrorKind, TableIssue, TableSpec, nearest};
use tailwater_expr::{ResolveContext, ResolveError};
use tailwater_formats::{
    AvroDecoder, AvroEncoder, AvroFraming, ChangeJson, ChangeJsonConfig, ChangeJsonDecoder,
    ChangeJsonEncoder, CsvConfig, CsvDecoder, CsvEncoder, DebeziumAvroDecoder, DebeziumAvroEncoder,
    Decoder, EncodedColumns, Endianness, JsonConfig, JsonDecoder, JsonEncoder, JsonEncoding,
    MessageDecoder, MessageEncoder, MessageShape, MetadataColumn, RawDecoder, RawEncoder,
    RowBefore, derive_schema, envelope,
};
use tailwater_types::{ChangelogMode, Schema, TypeKind};

use crate::options::OptionReader;
use crate::registry::{Lookup, Registry};

pub(crate) use settings::refuse_unknown;

/// What a format is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormatUse {
    /// Reading bytes that may come in pieces: files.
    ReadFiles,
    /// Writing files.
    WriteFiles,
    /// Reading messages.
    ReadMessages,
    /// Writing messages.
    WriteMessages,
}

impl FormatUse {
    /// The formats by name.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::ReadFiles | Self::WriteFiles => {
                &["csv", "json", "debezium-json", "canal-json", "maxwell-json", "ogg-json"]
            }
            Self::ReadMessages | Self::WriteMessages => &[
                "csv",
                "json",
                "raw",
                "debezium-json",
                "canal-json",
                "maxwell-json",
                "ogg-json",
                "avro",
                "avro-confluent",
                "debezium-avro-confluent",
            ],
        }
    }

    /// What Flink calls that which makes them.
    fn factory(self) -> &'static str {
        match self {
            Self::ReadFiles | Self::ReadMessages => "DeserializationFormatFactory",
            Self::WriteFiles | Self::WriteMessages => "SerializationFormatFactory",
        }
    }
}

/// A validated format.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    /// `csv`
    Csv(CsvConfig),
    /// `json`
    Json(JsonConfig, JsonEncoding),
    /// `raw`
    Raw(Endianness),
    /// `debezium-json` and its like.
    Changes(ChangeJsonConfig, JsonEncoding),
    /// `avro`
    Avro,
    /// `avro-confluent`
    AvroConfluent(Registry),
    /// `debezium-avro-confluent`
    DebeziumAvroConfluent(Registry),
}

/// The columns that a decoder makes rows of.
pub(crate) struct DecodedColumns<'a> {
    /// Those of the format's own rows.
    pub(crate) schema: &'a Schema,
    /// Places among them of the primary key.
    pub(crate) key: &'a [usize],
    /// Those behind them, of the format's metadata.
    pub(crate) metadata: &'a [MetadataColumn],
}

/// Where a format's name and options are: `format`, `value.format` or `key.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FormatKey {
    /// The option with the name.
    pub(crate) option: &'static str,
    /// What the keys of its options begin with.
    pub(crate) prefix: &'static str,
}

impl FormatKey {
    /// `format`
    pub(crate) const PLAIN: Self = Self { option: "format", prefix: "" };
    /// `value.format`
    pub(crate) const VALUE: Self = Self { option: "value.format", prefix: "value." };
    /// `key.format`
    pub(crate) const KEY: Self = Self { option: "key.format", prefix: "key." };
}

impl Format {
    /// Reads the format's name and options.
    pub(crate) fn read(
        options: &mut OptionReader<'_>,
        key: FormatKey,
        for_what: FormatUse,
    ) -> Option<Self> {
        let name = options.required(key.option);
        if !name.is_empty() && !for_what.names().contains(&name.as_str()) {
            let message = format!(
                "Could not find any factory for identifier '{name}' that implements \
                 'org.apache.flink.table.factories.{}'",
                for_what.factory()
            );
            let hint = match nearest(&name, for_what.names().iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("this binary has: {}", for_what.names().join(", ")),
            };
            options.errors.push(TableIssue::option(key.option, message).with_hint(hint));
            return None;
        }
        let own = format!("{}{name}", key.prefix);
        match name.as_str() {
            "csv" => Some(Self::Csv(settings::csv(options, &own))),
            "json" => {
                Some(Self::Json(settings::json(options, &own), settings::encoding(options, &own)))
            }
            "raw" => Some(Self::Raw(settings::raw(options, &own))),
            "debezium-json" => Self::changes(options, key, for_what, ChangeJson::Debezium),
            "canal-json" => Self::changes(options, key, for_what, ChangeJson::Canal),
            "maxwell-json" => Self::changes(options, key, for_what, ChangeJson::Maxwell),
            "ogg-json" => Self::changes(options, key, for_what, ChangeJson::Ogg),
            "avro" => Some(Self::Avro),
            "avro-confluent" => Registry::read(options, &own).map(Self::AvroConfluent),
            "debezium-avro-confluent" => {
                Registry::read(options, &own).map(Self::DebeziumAvroConfluent)
            }
            _ => None,
        }
    }

    /// Registers the schema of the columns, where there is a registry; its number.
    pub(crate) async fn register(
        &self,
        columns: &EncodedColumns,
        subject: &str,
    ) -> Result<Option<u32>, ConnectorError> {
        let (registry, fields) = match self {
            Self::AvroConfluent(registry) => (registry, columns.fields()),
            Self::DebeziumAvroConfluent(registry) => (registry, envelope(&columns.fields())),
            Self::Csv(_) | Self::Json(..) | Self::Raw(_) | Self::Changes(..) | Self::Avro => {
                return Ok(None);
            }
        };
        let schema = derive_schema(&fields)
            .map_err(|e| ConnectorError::new(ErrorKind::SchemaMismatch, e.message))?;
        registry.register(subject, &schema).await.map(Some)
    }

    fn changes(
        options: &mut OptionReader<'_>,
        key: FormatKey,
        for_what: FormatUse,
        flavour: ChangeJson,
    ) -> Option<Self> {
        let own = format!("{}{}", key.prefix, flavour.name());
        let mut config = settings::changes(options, &own, flavour);
        let encoding = settings::encoding(options, &own);
        if key == FormatKey::KEY {
            let message = format!(
                "A key format should only deal with INSERT-only records. But '{}' has a changelog.",
                flavour.name()
            );
            options.errors.push(TableIssue::option(key.option, message));
            return None;
        }
        let table = options.table;
        match for_what {
            FormatUse::WriteFiles | FormatUse::WriteMessages => {
                if config.has_schema {
                    let message = "Debezium JSON serialization doesn't support \
                        'debezium-json.schema-include' option been set to true.";
                    let option = format!("{own}.schema-include");
                    options.errors.push(TableIssue::option(&option, message));
                }
            }
            _ if flavour == ChangeJson::Debezium && !table.is_strict && is_envelope(table) => {
                config.shape = MessageShape::Envelope;
                options.notes.push(read_as_envelope(table, key));
            }
            // Rows before a change are completed from the job's state.
            FormatUse::ReadMessages if !table.is_strict && !table.primary_key.is_empty() => {
                config.before = RowBefore::Optional;
            }
            FormatUse::ReadMessages | FormatUse::ReadFiles => {}
        }
        Some(Self::Changes(config, encoding))
    }

    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Json(..) => "json",
            Self::Raw(_) => "raw",
            Self::Changes(config, _) => config.flavour.name(),
            Self::Avro => "avro",
            Self::AvroConfluent(_) => "avro-confluent",
            Self::DebeziumAvroConfluent(_) => "debezium-avro-confluent",
        }
    }

    /// What a stream of this format may contain.
    pub(crate) fn changelog_mode(&self) -> ChangelogMode {
        match self {
            Self::Csv(_) | Self::Json(..) | Self::Raw(_) | Self::Avro | Self::AvroConfluent(_) => {
                ChangelogMode::InsertOnly
            }
            Self::Changes(config, _) if config.shape == MessageShape::Envelope => {
                ChangelogMode::InsertOnly
            }
            Self::Changes(..) | Self::DebeziumAvroConfluent(_) => ChangelogMode::Retract,
        }
    }

    /// Whose changes it holds, if it holds changes.
    pub(crate) fn flavour(&self) -> Option<ChangeJson> {
        match self {
            Self::Changes(config, _) => Some(config.flavour),
            _ => None,
        }
    }

    /// Whether rows before a change may be missing.
    pub(crate) fn may_lack_old_rows(&self) -> bool {
        matches!(self, Self::Changes(config, _) if config.before == RowBefore::Optional)
    }

    /// A decoder of rows of the table.
    pub(crate) fn decoder(
        &self,
        columns: &DecodedColumns<'_>,
        zone: TimeZone,
    ) -> Result<Box<dyn Decoder>, ResolveError> {
        let context = ResolveContext { time_zone: zone, is_strict: false };
        let schema = columns.schema;
        Ok(match self {
            Self::Csv(config) => Box::new(CsvDecoder::new(schema, config.clone(), &context)?),
            Self::Json(config, _) => Box::new(JsonDecoder::new(schema, *config, &context)?),
            Self::Raw(_) | Self::Avro | Self::AvroConfluent(_) | Self::DebeziumAvroConfluent(_) => {
                let name = self.name();
                return Err(ResolveError::new(format!("{name} has messages and no files")));
            }
            Self::Changes(config, _) => Box::new(changes_of(columns, config, &context)?),
        })
    }

    /// A decoder of messages with these columns.
    pub(crate) fn message_decoder(
        &self,
        columns: &DecodedColumns<'_>,
        zone: TimeZone,
    ) -> Result<Box<dyn MessageDecoder>, ResolveError> {
        let context = ResolveContext { time_zone: zone, is_strict: false };
        let schema = columns.schema;
        Ok(match self {
            Self::Csv(config) => Box::new(CsvDecoder::new(schema, config.clone(), &context)?),
            Self::Json(config, _) => Box::new(JsonDecoder::new(schema, *config, &context)?),
            Self::Raw(endianness) => Box::new(RawDecoder::new(schema, *endianness)?),
            Self::Avro => Box::new(AvroDecoder::new(schema, AvroFraming::Table)?),
            Self::AvroConfluent(registry) => Box::new(AvroDecoder::new(schema, framing(registry))?),
            Self::DebeziumAvroConfluent(registry) => {
                Box::new(DebeziumAvroDecoder::new(schema, framing(registry))?)
            }
            Self::Changes(config, _) => Box::new(changes_of(columns, config, &context)?),
        })
    }

    /// An encoder of messages with these columns; `id` is the number of their schema in the
    /// registry, once it has one.
    pub(crate) fn message_encoder(
        &self,
        columns: &EncodedColumns,
        id: Option<u32>,
    ) -> Result<Box<dyn MessageEncoder>, ResolveError> {
        Ok(match self {
            Self::Csv(config) => Box::new(CsvEncoder::new(columns, config.clone())?),
            Self::Json(_, encoding) => Box::new(JsonEncoder::new(columns, encoding.clone())?),
            Self::Raw(endianness) => Box::new(RawEncoder::new(columns, *endianness)?),
            Self::Avro => Box::new(AvroEncoder::new(columns, None)?),
            Self::AvroConfluent(_) => Box::new(AvroEncoder::new(columns, Some(id.unwrap_or(0)))?),
            Self::DebeziumAvroConfluent(_) => {
                Box::new(DebeziumAvroEncoder::new(columns, id.unwrap_or(0))?)
            }
            Self::Changes(config, encoding) => {
                Box::new(ChangeJsonEncoder::new(config.flavour, columns, encoding.clone())?)
            }
        })
    }
}

fn framing(registry: &Registry) -> AvroFraming {
    let runtime = tokio::runtime::Handle::try_current().ok();
    AvroFraming::Registry(Arc::new(Lookup { registry: registry.clone(), runtime }))
}

fn changes_of(
    columns: &DecodedColumns<'_>,
    config: &ChangeJsonConfig,
    context: &ResolveContext,
) -> Result<ChangeJsonDecoder, ResolveError> {
    let DecodedColumns { schema, key, metadata } = columns;
    ChangeJsonDecoder::new(schema, key, metadata, config.clone(), context)
}

/// Whether the columns are those of Debezium's messages, and not of the tables these tell of.
fn is_envelope(table: &TableSpec) -> bool {
    let has = |name: &str, fits: fn(&TypeKind) -> bool| {
        let physical = table.columns.iter().filter(|c| c.metadata.is_none());
        physical.into_iter().any(|c| c.name == name && fits(&c.data_type.kind))
    };
    let is_row = |kind: &TypeKind| matches!(kind, TypeKind::Row(_));
    has("before", is_row) && has("after", is_row) && has("op", TypeKind::is_string)
}

fn read_as_envelope(table: &TableSpec, key: FormatKey) -> TableIssue {
    let option = key.option;
    let message = format!(
        "the columns of '{}' are those of Debezium's messages: each message is read as one row, as \
         '{option}' = 'json' reads it; Flink looks for these columns inside before and after: all \
         its rows are NULL, and the first update of a table with the default replica identity \
         restarts its job for ever",
        table.name
    );
    TableIssue::option(option, message)
        .with_hint(format!("write '{option}' = 'json', which Flink reads the same way"))
        .with_code("W0151")
        .as_warning()
}
