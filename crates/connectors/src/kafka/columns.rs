//! Which columns of a table are in a message's key, which in its value, which beside them.

use tailwater_connector_api::{TableColumn, TableIssue, TableSpec, nearest};
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
    fn of(column: &TableColumn, key: &str) -> Result<Self, TableIssue> {
        let Some((_, metadata)) = KEYS.into_iter().find(|(name, _)| *name == key) else {
            let names = KEYS.map(|(name, _)| name);
            let message = format!("unknown metadata key \"{key}\"");
            let hint = match nearest(key, names) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("the keys are {}", names.join(", ")),
            };
            return Err(TableIssue::column(&column.name, message).with_hint(hint));
        };
        if metadata.fits(&column.data_type) {
            return Ok(metadata);
        }
        let message = format!("metadata \"{key}\" is not a {}", column.data_type.kind);
        let hint = format!("declare it {}", metadata.declared());
        Err(TableIssue::column(&column.name, message).with_hint(hint))
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
}

impl Columns {
    /// Judges the columns; `key` are the names of those in the key.
    pub(super) fn judge(options: &mut OptionReader<'_>, table: &TableSpec, key: &[String]) -> Self {
        let mut columns = Self::default();
        for (at, column) in table.columns.iter().enumerate() {
            let Some(metadata) = &column.metadata else { continue };
            match Metadata::of(column, metadata) {
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
