//! What a connector is told of the table it reads or writes, and how it judges the options.

use crate::hint::{Dialect, Hint};
use std::collections::BTreeMap;

use tailwater_types::{DataType, Schema};

/// A column that a connector produces or takes.
#[derive(Clone, Debug, PartialEq)]
pub struct TableColumn {
    /// Its name in the declaration.
    pub name: String,
    /// Its declared type.
    pub data_type: DataType,
    /// For a `METADATA` column the key (`FROM 'key'`, else the column's name).
    pub metadata: Option<String>,
}

/// A declared table as its connector sees it: physical and metadata columns in the order of the
/// declaration. Computed columns are not a connector's business.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableSpec {
    /// `catalog.database.table`
    pub name: String,
    /// The columns that rows of this table have, in order.
    pub columns: Vec<TableColumn>,
    /// Places in `columns` of the primary key, empty without one.
    pub primary_key: Vec<usize>,
    /// All options of `WITH (...)`, `connector` included, keys as written.
    pub options: BTreeMap<String, String>,
    /// `PARTITIONED BY`: places in `columns`.
    pub partition_keys: Vec<usize>,
    /// `tailwater.flink-strict`: what Flink answers counts, even where it helps nobody.
    pub is_strict: bool,
}

impl TableSpec {
    /// The columns as a schema.
    pub fn schema(&self) -> Schema {
        let field =
            |c: &TableColumn| tailwater_types::Field::new(c.name.as_str(), c.data_type.clone());
        Schema::new(self.columns.iter().map(field).collect::<Vec<_>>())
    }
}

/// What is wrong with the options or columns of a table; the pipeline points it at the SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableIssue {
    /// The option it is about, if it is about one.
    pub option: Option<String>,
    /// The column it is about, if it is about one.
    pub column: Option<String>,
    /// Whether the table can be used all the same.
    pub is_warning: bool,
    /// Its code in `docs/errors.md`, if it has one of its own.
    pub code: Option<&'static str>,
    /// What is wrong, a lowercase fragment.
    pub message: String,
    /// How to mend it.
    pub hint: Option<Hint>,
}

impl TableIssue {
    /// An error about one option.
    pub fn option(key: &str, message: impl Into<String>) -> Self {
        Self {
            option: Some(key.to_owned()),
            column: None,
            is_warning: false,
            code: None,
            message: message.into(),
            hint: None,
        }
    }

    /// An error about one column.
    pub fn column(name: &str, message: impl Into<String>) -> Self {
        Self { option: None, column: Some(name.to_owned()), ..Self::option("", message) }
    }

    /// An error about the table.
    pub fn table(message: impl Into<String>) -> Self {
        Self { option: None, ..Self::option("", message) }
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Hint>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// How to mend it, for users of a dialect.
    pub fn hint_in(&self, dialect: Dialect) -> Option<String> {
        self.hint.as_ref().map(|hint| hint.text(dialect).to_owned())
    }

    /// The same as a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.is_warning = true;
        self
    }

    /// The same with a code of its own.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }
}
