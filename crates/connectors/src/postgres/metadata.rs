//! Metadata columns: `table_name`, `schema_name`, `database_name`, `op_ts`, `row_kind`.

use tailwater_connector_api::{TableColumn, TableIssue, nearest};
use tailwater_types::{Datum, RowKind, Timestamp, TypeKind};

/// What a metadata column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metadata {
    Table,
    Schema,
    Database,
    /// When the change was committed; 1970-01-01 for rows of the snapshot.
    OpTs,
    RowKind,
}

const KEYS: [(&str, Metadata); 5] = [
    ("table_name", Metadata::Table),
    ("schema_name", Metadata::Schema),
    ("database_name", Metadata::Database),
    ("op_ts", Metadata::OpTs),
    ("row_kind", Metadata::RowKind),
];

/// The names that rows of one table share.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) table: String,
    pub(crate) schema: String,
    pub(crate) database: String,
}

impl Names {
    /// The table for messages.
    pub(crate) fn shown(&self) -> String {
        format!("\"{}.{}\"", self.schema, self.table)
    }
}

impl Metadata {
    /// Judges a column's key and type.
    pub(crate) fn of(column: &TableColumn, key: &str) -> Result<Self, TableIssue> {
        let Some((_, metadata)) = KEYS.into_iter().find(|(name, _)| *name == key) else {
            let message = format!("unknown metadata key \"{key}\"");
            let names = KEYS.map(|(name, _)| name);
            let hint = match nearest(key, names) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("the keys are {}", names.join(", ")),
            };
            return Err(TableIssue::column(&column.name, message).with_hint(hint));
        };
        let fits = match metadata {
            Metadata::OpTs => {
                matches!(column.data_type.kind, TypeKind::TimestampLtz(_) | TypeKind::Timestamp(_))
            }
            _ => column.data_type.kind.is_string(),
        };
        if fits {
            return Ok(metadata);
        }
        let expected = if metadata == Metadata::OpTs { "TIMESTAMP_LTZ(3)" } else { "STRING" };
        let message = format!("metadata \"{key}\" is not a {}", column.data_type.kind);
        Err(TableIssue::column(&column.name, message).with_hint(format!("declare it {expected}")))
    }

    /// The value for one row.
    pub(crate) fn datum(self, names: &Names, kind: RowKind, commit_micros: i64) -> Datum<'_> {
        match self {
            Metadata::Table => Datum::Str(&names.table),
            Metadata::Schema => Datum::Str(&names.schema),
            Metadata::Database => Datum::Str(&names.database),
            Metadata::RowKind => Datum::Str(kind.short()),
            Metadata::OpTs => Datum::Timestamp(Timestamp::from_micros(commit_micros).truncate(3)),
        }
    }
}
