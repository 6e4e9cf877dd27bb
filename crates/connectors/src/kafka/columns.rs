//! Which columns of a table are in a message's key, which in its value, which beside them.

use tailwater_connector_api::{TableColumn, TableIssue, TableSpec, nearest};
use tailwater_formats::{ChangeJson, MetadataColumn};
use tailwater_types::{DataType, Field, Schema, TypeKind};

use crate::options::OptionReader;

/// Something of a message beside its key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metadata {
    Topic,
    Partition,
    Headers,
    LeaderEpoch,
    Offset,
    Timestamp,
    TimestampType,
}

const KEYS: [(&str, Metadata); 7] = [
    ("topic", Metadata::Topic),
    ("partition", Metadata::Partition),
    ("headers", Metadata::Headers),
    ("leader-epoch", Metadata::LeaderEpoch),
    ("offset", Metadata::Offset),
    ("timestamp", Metadata::Timestamp),
    ("timestamp-type", Metadata::TimestampType),
];

impl Metadata {
    fn of(
        column: &TableColumn,
        key: &str,
        changes: Option<ChangeJson>,
    ) -> Result<Self, TableIssue> {
        let Some((_, metadata)) = KEYS.into_iter().find(|(name, _)| *name == key) else {
            let of_value = changes.into_iter().flat_map(MetadataColumn::names);
            let of_value: Vec<String> = of_value.map(|name| format!("{VALUE}{name}")).collect();
            let names = KEYS.iter().map(|(name, _)| *name);
            let names: Vec<&str> = names.chain(of_value.iter().map(String::as_str)).collect();
            let message = format!("unknown metadata key \"{key}\"");
            let without = of_value.iter().find(|name| name.strip_prefix(VALUE) == Some(key));
            let hint = match without.map(String::as_str).or(nearest(key, names.iter().copied())) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("the keys are {}", names.join(", ")),
            };
            return Err(TableIssue::column(&column.name, message).with_hint(hint));
        };
        match metadata.fits(&column.data_type) {
            true => Ok(metadata),
            false => Err(unfit(column, key, metadata.declared())),
        }
    }

    fn fits(self, data_type: &DataType) -> bool {
        let kind = &data_type.kind;
        match self {
            Self::Topic | Self::TimestampType => kind.is_string(),
            Self::Partition | Self::LeaderEpoch => {
                matches!(kind, TypeKind::Int | TypeKind::BigInt)
            }
            Self::Offset => matches!(kind, TypeKind::BigInt),
            Self::Timestamp => {
                matches!(kind, TypeKind::TimestampLtz(_) | TypeKind::Timestamp(_))
            }
            Self::Headers => match kind {
                TypeKind::Map(key, value) => {
                    key.kind.is_string() && matches!(value.kind, TypeKind::Varbinary(_))
                }
                _ => false,
            },
        }
    }

    fn declared(self) -> &'static str {
        match self {
            Self::Topic | Self::TimestampType => "STRING",
            Self::Partition | Self::LeaderEpoch => "INT",
            Self::Offset => "BIGINT",
            Self::Timestamp => "TIMESTAMP_LTZ(3)",
            Self::Headers => "MAP<STRING, BYTES>",
        }
    }

    pub(super) fn is_writable(self) -> bool {
        matches!(self, Self::Headers | Self::Timestamp)
    }
}

/// What the keys of the value's format begin with.
const VALUE: &str = "value.";

fn unfit(column: &TableColumn, key: &str, declared: &str) -> TableIssue {
    let message = format!("metadata \"{key}\" is not a {}", column.data_type.kind);
    TableIssue::column(&column.name, message).with_hint(format!("declare it {declared}"))
}

/// The columns of a table, by where they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// Places of those in the key.
    pub(super) key: Vec<usize>,
    /// What their names begin with, but not the key's fields.
    pub(super) key_prefix: String,
    /// Places of those in the value.
    pub(super) value: Vec<usize>,
    /// Places of those beside.
    pub(super) metadata: Vec<(usize, Metadata)>,
    /// Places of what the value's format tells beside its rows.
    pub(super) value_metadata: Vec<(usize, MetadataColumn)>,
}

impl Columns {
    /// Judges the columns; `key` are the names of those in the key, `changes` is what the value
    /// holds if it holds changes.
    pub(super) fn judge(
        options: &mut OptionReader<'_>,
        table: &TableSpec,
        key: &[String],
        changes: Option<ChangeJson>,
    ) -> Self {
        let mut columns = Self::default();
        for (at, column) in table.columns.iter().enumerate() {
            let Some(metadata) = &column.metadata else { continue };
            let of_value = metadata.strip_prefix(VALUE).zip(changes);
            let of_value = of_value
                .and_then(|(name, flavour)| MetadataColumn::new(flavour, name, &column.data_type));
            match of_value {
                Some(Ok(of_value)) => {
                    columns.value_metadata.push((at, of_value));
                    continue;
                }
                Some(Err(kind)) => {
                    options.errors.push(unfit(column, metadata, &kind.to_string()));
                    continue;
                }
                None => {}
            }
            match Metadata::of(column, metadata, changes) {
                Ok(metadata) => columns.metadata.push((at, metadata)),
                Err(issue) => options.errors.push(issue),
            }
        }
        let physical = |name: &String| {
            table.columns.iter().position(|c| &c.name == name && c.metadata.is_none())
        };
        for name in key {
            match physical(name) {
                Some(at) => columns.key.push(at),
                None => options.errors.push(no_such_key(table, name)),
            }
        }
        columns.key_prefix = options.get("key.fields-prefix").unwrap_or_default().to_owned();
        let includes_key = match options.get("value.fields-include") {
            None | Some("ALL") => true,
            Some("EXCEPT_KEY") => false,
            Some(_) => options.refuse("value.fields-include", "ALL, EXCEPT_KEY", true),
        };
        columns.judge_prefix(options, table, includes_key);
        let is_in_value = |at: &usize| {
            table.columns[*at].metadata.is_none() && (includes_key || !columns.key.contains(at))
        };
        columns.value = (0..table.columns.len()).filter(is_in_value).collect();
        columns
    }

    fn judge_prefix(&self, options: &mut OptionReader<'_>, table: &TableSpec, includes_key: bool) {
        let prefix = self.key_prefix.as_str();
        if prefix.is_empty() {
            return;
        }
        let names = || self.key.iter().map(|at| table.columns[*at].name.as_str());
        if let Some(name) = names().find(|name| !name.starts_with(prefix)) {
            let message = format!(
                "All fields in 'key.fields' must be prefixed with '{prefix}' when option \
                 'key.fields-prefix' is set but field '{name}' is not prefixed."
            );
            options.errors.push(TableIssue::option("key.fields-prefix", message));
        }
        if includes_key {
            let message = "A key prefix is not allowed when option 'value.fields-include' is set \
                to 'ALL'. Set it to 'EXCEPT_KEY' instead to avoid field overlaps.";
            options.errors.push(TableIssue::option("key.fields-prefix", message));
        }
    }

    /// The key's columns, by the names they have in it.
    pub(super) fn key_schema(&self, table: &TableSpec) -> Schema {
        self.schema(table, &self.key, &self.key_prefix)
    }

    /// The value's columns.
    pub(super) fn value_schema(&self, table: &TableSpec) -> Schema {
        self.schema(table, &self.value, "")
    }

    fn schema(&self, table: &TableSpec, places: &[usize], prefix: &str) -> Schema {
        let field = |at: &usize| {
            let column = &table.columns[*at];
            let name = column.name.strip_prefix(prefix).unwrap_or(&column.name);
            Field::new(name, column.data_type.clone())
        };
        Schema::new(places.iter().map(field).collect::<Vec<_>>())
    }
}

fn no_such_key(table: &TableSpec, name: &str) -> TableIssue {
    let physical: Vec<&str> =
        table.columns.iter().filter(|c| c.metadata.is_none()).map(|c| c.name.as_str()).collect();
    let message = format!(
        "Could not find the field '{name}' in the table schema for usage in the key format. A key \
         field must be a regular, physical column. The following columns can be selected in the \
         'key.fields' option: [{}]",
        physical.join(", ")
    );
    let issue = TableIssue::option("key.fields", message);
    match nearest(name, physical) {
        Some(near) => issue.with_hint(format!("did you mean '{near}'?")),
        None => issue,
    }
}
