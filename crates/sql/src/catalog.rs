//! Tables and views by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use tailwater_sql_syntax::ast::{Expr as AstExpr, ObjectName, Query};
use tailwater_types::{ChangelogMode, DataType, Span};

use crate::source_text::SourceText;

/// The names every session begins with.
pub const DEFAULT_CATALOG: &str = "default_catalog";
/// As above.
pub const DEFAULT_DATABASE: &str = "default_database";

/// A full name: catalog, database, object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// The catalog.
    pub catalog: String,
    /// The database.
    pub database: String,
    /// The table or view.
    pub name: String,
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.catalog, self.database, self.name)
    }
}

impl Path {
    /// The name with each part in backticks.
    pub fn quoted(&self) -> String {
        format!("`{}`.`{}`.`{}`", self.catalog, self.database, self.name)
    }
}

/// Where a column's values come from.
#[derive(Clone, Debug)]
pub enum ColumnSource {
    /// From the connector's rows.
    Physical,
    /// From the connector's metadata under this key; a virtual one is not written.
    Metadata {
        /// The key.
        key: String,
        /// Whether the key was written out.
        is_named: bool,
        /// Read only.
        is_virtual: bool,
    },
    /// Computed from the other columns.
    Computed(Box<AstExpr>),
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct CatalogColumn {
    /// Its name.
    pub name: String,
    /// Its type; primary key columns are NOT NULL.
    pub data_type: DataType,
    /// Where it comes from.
    pub source: ColumnSource,
    /// Its comment.
    pub comment: Option<String>,
}

/// The `WATERMARK FOR column AS expression` of a table.
#[derive(Clone, Debug)]
pub struct Watermark {
    /// The column's name.
    pub column: String,
    /// The expression.
    pub expr: AstExpr,
}

/// A declared table.
#[derive(Clone, Debug)]
pub struct CatalogTable {
    /// Its full name.
    pub path: Path,
    /// The columns in order.
    pub columns: Vec<CatalogColumn>,
    /// The primary key's name and columns.
    pub primary_key: Option<PrimaryKey>,
    /// The watermark.
    pub watermark: Option<Watermark>,
    /// The options of `WITH (...)`.
    pub options: BTreeMap<String, String>,
    /// Its comment.
    pub comment: Option<String>,
    /// `PARTITIONED BY`
    pub partition_keys: Vec<String>,
    /// Whether it was declared `TEMPORARY`.
    pub is_temporary: bool,
    /// Where it was declared.
    pub origin: Origin,
}

/// `CONSTRAINT name PRIMARY KEY (columns) NOT ENFORCED`
#[derive(Clone, Debug)]
pub struct PrimaryKey {
    /// The constraint's name, made up where none was given.
    pub name: String,
    /// The columns' names.
    pub columns: Vec<String>,
}

/// Where something was declared.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The text.
    pub text: Arc<SourceText>,
    /// The name.
    pub name: Span,
    /// Each option.
    pub options: BTreeMap<String, Span>,
    /// Each column.
    pub columns: BTreeMap<String, Span>,
}

/// A declared view.
#[derive(Clone, Debug)]
pub struct CatalogView {
    /// Its full name.
    pub path: Path,
    /// Names of its columns, where given.
    pub columns: Vec<String>,
    /// The query.
    pub query: Query,
    /// The query as it was written.
    pub text: String,
    /// Its comment.
    pub comment: Option<String>,
    /// Whether it was declared `TEMPORARY`.
    pub is_temporary: bool,
    /// The text the query's spans refer to.
    pub origin: Arc<SourceText>,
    /// How unqualified names in the query are completed.
    pub scope: (String, String),
}

/// A table or a view.
#[derive(Clone, Debug)]
pub enum CatalogObject {
    /// A table.
    Table(Arc<CatalogTable>),
    /// A view.
    View(Arc<CatalogView>),
}

/// What the binder must know of the connectors: only `pipeline` knows them by name.
pub trait Connectors {
    /// What a table's source may give.
    ///
    /// # Errors
    /// What is wrong with the declaration, each with the option or column it is about.
    fn source_mode(&self, table: &CatalogTable) -> Result<Declared, Vec<DeclarationIssue>>;

    /// What a table's sink takes.
    ///
    /// # Errors
    /// As above.
    fn sink_mode(&self, table: &CatalogTable) -> Result<Declared, Vec<DeclarationIssue>>;
}

/// What a connector says of a declared table that it takes.
#[derive(Clone, Debug)]
pub struct Declared {
    /// What comes of it, or what it takes.
    pub mode: ChangelogMode,
    /// What the user should know.
    pub notes: Vec<DeclarationIssue>,
}

/// What is wrong with a declared table.
#[derive(Clone, Debug)]
pub struct DeclarationIssue {
    /// The place in the declaration.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
    /// Whether the table can be used all the same.
    pub is_warning: bool,
    /// Its code, if it has one of its own.
    pub code: Option<&'static str>,
}

/// All tables and views of a session.
#[derive(Clone, Debug)]
pub struct Catalog {
    objects: BTreeMap<Path, CatalogObject>,
    databases: Vec<(String, String)>,
    /// The current catalog.
    pub current_catalog: String,
    /// The current database.
    pub current_database: String,
}

impl Default for Catalog {
    fn default() -> Self {
        let (catalog, database) = (DEFAULT_CATALOG.to_owned(), DEFAULT_DATABASE.to_owned());
        Self {
            objects: BTreeMap::new(),
            databases: vec![(catalog.clone(), database.clone())],
            current_catalog: catalog,
            current_database: database,
        }
    }
}

impl Catalog {
    /// The full name of a possibly shorter one.
    pub fn resolve(&self, name: &ObjectName) -> Path {
        self.resolve_in(name, &self.current_catalog, &self.current_database)
    }

    /// The same with other defaults.
    pub fn resolve_in(&self, name: &ObjectName, catalog: &str, database: &str) -> Path {
        let mut parts = name.parts.iter().rev().map(|p| p.value.clone());
        let name = parts.next().unwrap_or_default();
        let database = parts.next().unwrap_or_else(|| database.to_owned());
        let catalog = parts.next().unwrap_or_else(|| catalog.to_owned());
        Path { catalog, database, name }
    }

    /// The object of that name.
    pub fn get(&self, path: &Path) -> Option<&CatalogObject> {
        self.objects.get(path)
    }

    /// Adds or replaces an object.
    pub fn insert(&mut self, path: Path, object: CatalogObject) {
        self.objects.insert(path, object);
    }

    /// Removes an object.
    pub fn remove(&mut self, path: &Path) -> Option<CatalogObject> {
        self.objects.remove(path)
    }

    /// All objects of a database, by name.
    pub fn objects_in<'a>(
        &'a self,
        catalog: &'a str,
        database: &'a str,
    ) -> impl Iterator<Item = (&'a Path, &'a CatalogObject)> {
        self.objects.iter().filter(move |(p, _)| p.catalog == catalog && p.database == database)
    }

    /// All declared tables.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<CatalogTable>> {
        self.objects.values().filter_map(|object| match object {
            CatalogObject::Table(table) => Some(table),
            CatalogObject::View(_) => None,
        })
    }

    /// Catalogs and their databases.
    pub fn databases(&self) -> &[(String, String)] {
        &self.databases
    }

    /// Adds a database; false if it is there.
    pub fn add_database(&mut self, catalog: &str, database: &str) -> bool {
        let pair = (catalog.to_owned(), database.to_owned());
        let is_new = !self.databases.contains(&pair);
        if is_new {
            self.databases.push(pair);
        }
        is_new
    }

    /// Removes a database and what is in it.
    pub fn remove_database(&mut self, catalog: &str, database: &str) {
        self.databases.retain(|(c, d)| c != catalog || d != database);
        self.objects.retain(|p, _| p.catalog != catalog || p.database != database);
    }
}

impl CatalogTable {
    /// The columns that the connector reads: all but computed ones.
    pub fn read_columns(&self) -> impl Iterator<Item = &CatalogColumn> {
        self.columns.iter().filter(|c| !matches!(c.source, ColumnSource::Computed(_)))
    }

    /// The columns that the connector writes: physical ones and metadata that is not virtual.
    pub fn written_columns(&self) -> impl Iterator<Item = &CatalogColumn> {
        self.read_columns()
            .filter(|c| !matches!(c.source, ColumnSource::Metadata { is_virtual: true, .. }))
    }

    /// Names of the primary key's columns, empty without one.
    pub fn key_columns(&self) -> &[String] {
        self.primary_key.as_ref().map_or(&[], |k| &k.columns)
    }
}
