//! Declarations and what shows them.

use std::sync::Arc;

use tailwater_sql::describe::{
    describe_plan, describe_table, explain, explain_insert, show_create_table, show_create_view,
};
use tailwater_sql::{CatalogObject, CatalogTable, CatalogView, Finding, Path, SourceText};
use tailwater_sql_syntax::ast::{
    AlterTable, AlterTableAction, CreateTable, CreateView, DescribeKind, Drop, DropKind,
    ObjectName, Show, ShowKind, ShowLikeKind, Statement, StatementKind,
};
use tailwater_types::{DataType, Diagnostic, Span, TypeKind, nearest};

use crate::session::{Action, Refusal, Session, Table, unsupported};

type Done = Result<Action, Refusal>;

impl Session {
    pub(crate) fn declare_or_show(
        &mut self,
        statement: &Statement,
        source: &Arc<SourceText>,
        findings: &mut Vec<Finding>,
    ) -> Done {
        let span = statement.span;
        match &statement.kind {
            StatementKind::CreateTable(create) => self.create_table(create, source, findings),
            StatementKind::CreateView(create) => self.create_view(create, source, findings),
            StatementKind::CreateDatabase(create) => {
                let (catalog, database) = self.database_name(&create.name);
                if !self.catalog.add_database(&catalog, &database) && !create.if_not_exists {
                    let message = format!("Database {catalog}.{database} already exists");
                    return refuse("E0151", create.name.span, message);
                }
                Ok(Action::Done)
            }
            StatementKind::AlterTable(alter) => self.alter_table(alter, span),
            StatementKind::Drop(drop) => self.drop(drop, span),
            StatementKind::UseCatalog(name) => {
                if !self.catalog.databases().iter().any(|(c, _)| *c == name.value) {
                    let message = format!("A catalog with name [{}] does not exist", name.value);
                    return refuse("E0152", name.span, message);
                }
                self.catalog.current_catalog.clone_from(&name.value);
                Ok(Action::Done)
            }
            StatementKind::UseDatabase(name) => {
                let (catalog, database) = self.database_name(name);
                if !self.catalog.databases().contains(&(catalog.clone(), database.clone())) {
                    let message = format!(
                        "A database with name [{database}] does not exist in the catalog: \
                         [{catalog}]"
                    );
                    return refuse("E0152", name.span, message);
                }
                self.catalog.current_catalog = catalog;
                self.catalog.current_database = database;
                Ok(Action::Done)
            }
            StatementKind::Describe(describe) => match &describe.kind {
                DescribeKind::Table(name) => self.describe(name, source, findings),
                _ => Err(unsupported(span, "DESCRIBE of this kind")),
            },
            StatementKind::Explain(explain) => self.explain(&explain.statement, source, findings),
            StatementKind::Show(show) => self.show(show, span),
            StatementKind::AddJar(_) | StatementKind::RemoveJar(_) => {
                let message = "all connectors and formats are built in: the jar is not needed";
                let diagnostic = Diagnostic::warning("W0190", span, message);
                findings.push(Finding { source: Arc::clone(source), diagnostic });
                Ok(Action::Done)
            }
            StatementKind::Help => Ok(Action::Show(help())),
            other => {
                let word = statement_word(other);
                Err(unsupported(span, word))
            }
        }
    }

    fn create_table(
        &mut self,
        create: &CreateTable,
        source: &Arc<SourceText>,
        findings: &mut Vec<Finding>,
    ) -> Done {
        let path = self.catalog.resolve(&create.name);
        if !self.check_new(&path, create.if_not_exists, create.name.span, "Table")? {
            return Ok(Action::Done);
        }
        let table = self.bound(source, findings, |b| b.bind_create_table(create))?;
        self.catalog.insert(path.clone(), CatalogObject::Table(Arc::new(table)));
        let Some(query) = &create.query else {
            return Ok(Action::Done);
        };
        // What the query has of warnings is found again.
        let mut again = Vec::new();
        let filled = self.bound(source, &mut again, |b| b.bind_fill(&create.name, query));
        for finding in again {
            if !findings.iter().any(|known| known.diagnostic == finding.diagnostic) {
                findings.push(finding);
            }
        }
        if filled.is_err() {
            self.catalog.remove(&path);
        }
        filled.map(|insert| Action::Insert(vec![insert]))
    }

    fn create_view(
        &mut self,
        create: &CreateView,
        source: &Arc<SourceText>,
        findings: &mut Vec<Finding>,
    ) -> Done {
        let path = self.catalog.resolve(&create.name);
        if !self.check_new(&path, create.if_not_exists, create.name.span, "View")? {
            return Ok(Action::Done);
        }
        let view = self.bound(source, findings, |b| b.bind_create_view(create))?;
        self.catalog.insert(path, CatalogObject::View(Arc::new(view)));
        Ok(Action::Done)
    }

    /// False if the object is there and may be.
    fn check_new(
        &self,
        path: &Path,
        if_not_exists: bool,
        span: Span,
        what: &str,
    ) -> Result<bool, Refusal> {
        let database = (path.catalog.clone(), path.database.clone());
        if !self.catalog.databases().contains(&database) {
            let message = format!("Database {}.{} does not exist", path.catalog, path.database);
            return refuse("E0152", span, message);
        }
        if self.catalog.get(path).is_none() {
            return Ok(true);
        }
        if if_not_exists {
            return Ok(false);
        }
        let message = format!("{what} (or view) {path} already exists in Catalog");
        refuse("E0151", span, message.replace("View (or view)", "Table (or view)"))
    }

    fn alter_table(&mut self, alter: &AlterTable, span: Span) -> Done {
        let path = self.catalog.resolve(&alter.name);
        let Some(CatalogObject::Table(table)) = self.catalog.get(&path).cloned() else {
            if alter.if_exists {
                return Ok(Action::Done);
            }
            return self.not_found(&path, alter.name.span, "Table");
        };
        let mut table = CatalogTable::clone(&table);
        match &alter.action {
            AlterTableAction::RenameTo(name) => {
                let renamed = Path {
                    name: name.parts.last().map_or_else(String::new, |p| p.value.clone()),
                    ..path.clone()
                };
                self.check_new(&renamed, false, name.span, "Table")?;
                self.catalog.remove(&path);
                table.path = renamed.clone();
                self.catalog.insert(renamed, CatalogObject::Table(Arc::new(table)));
                return Ok(Action::Done);
            }
            AlterTableAction::Set(options) => {
                for option in options {
                    table.options.insert(option.key.value.clone(), option.value.value.clone());
                }
            }
            AlterTableAction::Reset(keys) => {
                keys.iter().for_each(|k| drop(table.options.remove(&k.value)));
            }
            _ => return Err(unsupported(span, "this form of ALTER TABLE")),
        }
        self.catalog.insert(path, CatalogObject::Table(Arc::new(table)));
        Ok(Action::Done)
    }

    fn drop(&mut self, drop: &Drop, span: Span) -> Done {
        match drop.kind {
            DropKind::Table | DropKind::View => {
                let path = self.catalog.resolve(&drop.name);
                let (wants_view, what) = match drop.kind {
                    DropKind::View => (true, "View"),
                    _ => (false, "Table"),
                };
                let found = self.catalog.get(&path);
                if found.is_some_and(|o| matches!(o, CatalogObject::View(_)) == wants_view) {
                    self.catalog.remove(&path);
                    return Ok(Action::Done);
                }
                if drop.if_exists {
                    return Ok(Action::Done);
                }
                self.not_found(&path, drop.name.span, what)
            }
            DropKind::Database => {
                let (catalog, database) = self.database_name(&drop.name);
                self.catalog.remove_database(&catalog, &database);
                Ok(Action::Done)
            }
            DropKind::Catalog | DropKind::Function => {
                Err(unsupported(span, "DROP CATALOG and DROP FUNCTION"))
            }
        }
    }

    fn not_found<T>(&self, path: &Path, span: Span, what: &str) -> Result<T, Refusal> {
        let names: Vec<String> = self
            .catalog
            .objects_in(&path.catalog, &path.database)
            .map(|(p, _)| p.name.clone())
            .collect();
        let message = format!("{what} with identifier '{path}' does not exist");
        let diagnostic = Diagnostic::error("E0101", span, message);
        Err(Refusal::here(match nearest(&path.name, names.iter().map(String::as_str)) {
            Some(near) => diagnostic.with_hint(format!("did you mean '{near}'?")),
            None => diagnostic,
        }))
    }

    fn database_name(&self, name: &ObjectName) -> (String, String) {
        let mut parts = name.parts.iter().rev().map(|p| p.value.clone());
        let database = parts.next().unwrap_or_default();
        (parts.next().unwrap_or_else(|| self.catalog.current_catalog.clone()), database)
    }

    fn object(&self, name: &ObjectName) -> Result<CatalogObject, Refusal> {
        let path = self.catalog.resolve(name);
        match self.catalog.get(&path) {
            Some(object) => Ok(object.clone()),
            None => self.not_found(&path, name.span, "Table"),
        }
    }

    fn describe(
        &self,
        name: &ObjectName,
        source: &Arc<SourceText>,
        findings: &mut Vec<Finding>,
    ) -> Done {
        let rows = match self.object(name)? {
            CatalogObject::Table(table) => describe_table(&table),
            CatalogObject::View(view) => {
                let create = view_query(&view);
                let bound = self.bound(source, findings, |b| b.bind_query_statement(&create))?;
                let mut rows = describe_plan(&bound.plan);
                for (row, name) in rows.iter_mut().zip(&view.columns) {
                    row[0] = Some(name.clone());
                }
                rows
            }
        };
        let names = ["name", "type", "null", "key", "extras", "watermark"];
        Ok(Action::Show(Table {
            columns: names.iter().map(|n| ((*n).to_owned(), text())).collect(),
            rows: rows.into_iter().map(Vec::from).collect(),
        }))
    }

    fn explain(
        &self,
        statement: &Statement,
        source: &Arc<SourceText>,
        findings: &mut Vec<Finding>,
    ) -> Done {
        let plan = match &statement.kind {
            StatementKind::Query(query) => {
                let bound = self.bound(source, findings, |b| b.bind_query_statement(query))?;
                explain(&tailwater_sql::prune(bound.plan))
            }
            StatementKind::Insert(insert) => {
                explain_insert(&self.bound(source, findings, |b| b.bind_insert(insert))?)
            }
            StatementKind::StatementSet(set) => {
                let mut all = String::new();
                for insert in &set.statements {
                    let bound = self.bound(source, findings, |b| b.bind_insert(insert))?;
                    all.push_str(&explain_insert(&bound));
                    all.push('\n');
                }
                all
            }
            _ => return Err(unsupported(statement.span, "EXPLAIN of this statement")),
        };
        Ok(Action::Show(one_column("result", [format!("== Optimized Execution Plan ==\n{plan}")])))
    }

    fn show(&self, show: &Show, span: Span) -> Done {
        let (catalog, database) = match &show.scope {
            Some(scope) if !matches!(show.kind, ShowKind::Columns) => {
                self.database_name(&scope.name)
            }
            _ => (self.catalog.current_catalog.clone(), self.catalog.current_database.clone()),
        };
        let matches = |name: &str| match &show.like {
            None => true,
            Some(like) => {
                let is_case_blind = like.kind == ShowLikeKind::ILike;
                like_matches(name, &like.pattern.value, is_case_blind) != like.negated
            }
        };
        let objects = || self.catalog.objects_in(&catalog, &database);
        let names = |wanted: &dyn Fn(&CatalogObject) -> bool| -> Vec<String> {
            objects()
                .filter(|(p, o)| wanted(o) && matches(&p.name))
                .map(|(p, _)| p.name.clone())
                .collect()
        };
        let table = match &show.kind {
            ShowKind::Tables => one_column("table name", names(&|_| true)),
            ShowKind::Views => {
                one_column("view name", names(&|o| matches!(o, CatalogObject::View(_))))
            }
            ShowKind::Databases => {
                let all = self.catalog.databases().iter();
                let own = all.filter(|(c, d)| *c == self.catalog.current_catalog && matches(d));
                one_column("database name", own.map(|(_, d)| d.clone()))
            }
            ShowKind::Catalogs => {
                let mut all: Vec<String> =
                    self.catalog.databases().iter().map(|(c, _)| c.clone()).collect();
                all.dedup();
                one_column("catalog name", all)
            }
            ShowKind::CurrentCatalog => {
                one_column("current catalog name", [self.catalog.current_catalog.clone()])
            }
            ShowKind::CurrentDatabase => {
                one_column("current database name", [self.catalog.current_database.clone()])
            }
            ShowKind::CreateTable(name) => match self.object(name)? {
                CatalogObject::Table(table) => one_column("result", [show_create_table(&table)]),
                CatalogObject::View(view) => {
                    let message = format!(
                        "SHOW CREATE TABLE is only supported for tables, but {} is a view. \
                         Please use SHOW CREATE VIEW instead",
                        view.path
                    );
                    return refuse("E0153", name.span, message);
                }
            },
            ShowKind::CreateView(name) => match self.object(name)? {
                CatalogObject::View(view) => one_column("result", [show_create_view(&view)]),
                CatalogObject::Table(table) => {
                    let message = format!(
                        "SHOW CREATE VIEW is only supported for views, but {} is a table. Please \
                         use SHOW CREATE TABLE instead",
                        table.path
                    );
                    return refuse("E0153", name.span, message);
                }
            },
            ShowKind::Jars => one_column("jars", []),
            ShowKind::Modules { .. } => one_column("module name", ["core".to_owned()]),
            _ => return Err(unsupported(span, "this form of SHOW")),
        };
        Ok(Action::Show(table))
    }

    pub(crate) fn show_settings(&self) -> Table {
        let row = |(k, v): (&str, &str)| {
            let v = tailwater_sql::describe::shown(k, v);
            vec![Some(k.to_owned()), Some(v.into_owned())]
        };
        Table {
            columns: vec![("key".to_owned(), text()), ("value".to_owned(), text())],
            rows: self.settings.iter().map(row).collect(),
        }
    }
}

/// `SELECT * FROM view`, so that the view is bound in its own text.
fn view_query(view: &CatalogView) -> tailwater_sql_syntax::ast::Query {
    view.query.clone()
}

fn refuse<T>(code: &'static str, span: Span, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::here(Diagnostic::error(code, span, message)))
}

fn text() -> DataType {
    TypeKind::STRING.nullable()
}

fn one_column(name: &str, rows: impl IntoIterator<Item = String>) -> Table {
    Table {
        columns: vec![(name.to_owned(), text())],
        rows: rows.into_iter().map(|r| vec![Some(r)]).collect(),
    }
}

fn help() -> Table {
    let lines = [
        "CREATE TABLE, CREATE VIEW, DROP, ALTER TABLE: declare",
        "SELECT, INSERT INTO, EXECUTE STATEMENT SET BEGIN ... END: run",
        "SHOW TABLES, DESCRIBE, EXPLAIN: look",
        "SET 'key' = 'value', RESET, USE: settings",
        "QUIT: leave; every statement ends with ;",
    ];
    one_column("help", lines.map(str::to_owned))
}

fn statement_word(kind: &StatementKind) -> &'static str {
    match kind {
        StatementKind::CreateFunction(_) => "CREATE FUNCTION",
        StatementKind::CreateCatalog(_) => "CREATE CATALOG",
        StatementKind::AlterView(_) => "ALTER VIEW",
        StatementKind::AlterDatabase(_) => "ALTER DATABASE",
        StatementKind::StopJob(_) => "STOP JOB",
        StatementKind::Plan(_) => "COMPILE PLAN and EXECUTE PLAN",
        StatementKind::Call(_) => "CALL",
        StatementKind::Truncate(_) => "TRUNCATE",
        StatementKind::Delete(_) => "DELETE",
        StatementKind::Update(_) => "UPDATE",
        _ => "this statement",
    }
}

/// SQL's LIKE over names, `%` and `_`.
fn like_matches(name: &str, pattern: &str, is_case_blind: bool) -> bool {
    fn matches(name: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('%', rest)) => (0..=name.len()).any(|i| matches(&name[i..], rest)),
            Some(('_', rest)) => !name.is_empty() && matches(&name[1..], rest),
            Some((c, rest)) => name.first() == Some(c) && matches(&name[1..], rest),
        }
    }
    let chars = |s: &str| -> Vec<char> {
        if is_case_blind { s.to_lowercase().chars().collect() } else { s.chars().collect() }
    };
    matches(&chars(name), &chars(pattern))
}
