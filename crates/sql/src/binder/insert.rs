//! INSERT: a query's columns to a table's.

use std::sync::Arc;

use tailwater_expr::{CastMode, EvalError, Expr, NullHandling, Volatility, cast};
use tailwater_sql_syntax::ast::{Ident, Insert, ObjectName, Query};
use tailwater_types::{ChangelogMode, DataType, Diagnostic, Span, TypeKind, nearest};

use super::scope::did_you_mean;
use super::{Binder, Bound};
use crate::catalog::{CatalogColumn, CatalogObject, CatalogTable};
use crate::plan::{InsertPlan, Plan, PlanNode};

impl Binder<'_> {
    /// An INSERT statement.
    ///
    /// # Errors
    /// Everything that is wrong with it is among the findings.
    pub fn bind_insert(&mut self, insert: &Insert) -> Bound<InsertPlan> {
        let table = self.bind_target(insert);
        let plan = self.bind_query(&insert.query);
        let table = table?;
        if insert.overwrite || !insert.partition.is_empty() {
            return self.unsupported(insert.span, "INSERT OVERWRITE and PARTITION");
        }
        let sink_mode = self.connectors.sink_mode(&table);
        let sink_mode = self.declared(&table, sink_mode)?;
        let plan = self.fitted(insert, &table, plan?)?;
        self.check_mode(insert, &table, &plan, sink_mode)?;
        let written: Vec<&CatalogColumn> = table.written_columns().collect();
        let place = |name: &String| written.iter().position(|c| &c.name == name);
        let sink_key: Vec<usize> = table.key_columns().iter().filter_map(place).collect();
        let tells_apart = plan.unique_keys.iter().any(|k| k.iter().all(|c| sink_key.contains(c)));
        let materializes = sink_mode == ChangelogMode::Upsert
            && plan.mode != ChangelogMode::InsertOnly
            && !sink_key.is_empty()
            && !tells_apart;
        Ok(InsertPlan { table, plan, sink_mode, sink_key, materializes })
    }

    /// The INSERT that `CREATE TABLE table ... AS query` ends with: its columns go by their names.
    ///
    /// # Errors
    /// Everything that is wrong with it is among the findings.
    pub fn bind_fill(&mut self, table: &ObjectName, query: &Query) -> Bound<InsertPlan> {
        let plan = self.bind_query(query)?;
        let column = |name: &str| {
            let part = Ident { value: name.to_owned(), span: query.span, quoted: true };
            ObjectName { parts: vec![part], span: query.span }
        };
        let insert = Insert {
            overwrite: false,
            table: table.clone(),
            hints: Vec::new(),
            partition: Vec::new(),
            columns: plan.schema.fields().iter().map(|f| column(&f.name)).collect(),
            query: Box::new(query.clone()),
            on_conflict: None,
            span: query.span,
        };
        self.bind_insert(&insert)
    }

    fn bind_target(&mut self, insert: &Insert) -> Bound<Arc<CatalogTable>> {
        let path = self.catalog.resolve(&insert.table);
        match self.catalog.get(&path) {
            Some(CatalogObject::Table(table)) => Ok(Arc::clone(table)),
            Some(CatalogObject::View(_)) => {
                let message = format!("cannot insert into the view '{}'", path.name);
                self.error("E0140", insert.table.span, message, None)
            }
            None => {
                let names: Vec<String> = self
                    .catalog
                    .objects_in(&path.catalog, &path.database)
                    .map(|(p, _)| p.name.clone())
                    .collect();
                let near = nearest(&path.name, names.iter().map(String::as_str));
                let hint = near.map(|n| format!("did you mean '{n}'?"));
                let message =
                    format!("Cannot find table '{}' in any of the catalogs", path.quoted());
                self.error("E0101", insert.table.span, message, hint)
            }
        }
    }

    /// The query's columns in the order and types of the table's.
    fn fitted(&mut self, insert: &Insert, table: &CatalogTable, plan: Plan) -> Bound<Plan> {
        let written: Vec<&CatalogColumn> = table.written_columns().collect();
        let targets = self.targets(insert, &written)?;
        if targets.len() != plan.schema.len() {
            let cause = format!(
                "Different number of columns: the query has {}, the sink takes {}",
                plan.schema.len(),
                targets.len()
            );
            return self.mismatch(insert, table, &plan, &cause, None);
        }
        let mut exprs = Vec::new();
        for column in &written {
            let from = targets.iter().position(|t| *t == column.name);
            let Some(from) = from else {
                exprs.push(self.absent(column, insert.span)?);
                continue;
            };
            let field = &plan.schema.fields()[from];
            let value = Expr::column(from, field.data_type.clone());
            let target = column.data_type.with_nullable(field.data_type.nullable);
            let value = self.read_as_timestamp(value, column, insert.query.span)?;
            match cast(value, &target, CastMode::Implicit, self.context) {
                Ok(value) => exprs.push(not_null(value, column)),
                Err(_) => {
                    let cause = format!(
                        "Incompatible types for sink column '{}' at position {from}: the query \
                         gives {}, the sink takes {}",
                        column.name, field.data_type, column.data_type
                    );
                    let hint = format!("write CAST(... AS {})", column.data_type.kind);
                    return self.mismatch(insert, table, &plan, &cause, Some(hint));
                }
            }
        }
        let is_same = exprs.len() == plan.schema.len()
            && exprs.iter().enumerate().all(|(i, e)| e.as_column() == Some(i));
        if is_same {
            return Ok(plan);
        }
        let names = written.iter().map(|c| c.name.as_str().into()).collect();
        Ok(plan.project(exprs, names))
    }

    /// Text for a timestamp is read as TO_TIMESTAMP does; Flink refuses it although its meaning is
    /// plain.
    fn read_as_timestamp(
        &mut self,
        value: Expr,
        column: &CatalogColumn,
        span: Span,
    ) -> Bound<Expr> {
        let is_text = matches!(value.data_type.kind, TypeKind::Char(_) | TypeKind::Varchar(_));
        let is_timestamp = matches!(column.data_type.kind, TypeKind::Timestamp(_));
        if self.context.is_strict || !is_text || !is_timestamp {
            return Ok(value);
        }
        let (name, target) = (&column.name, &column.data_type.kind);
        let message = format!(
            "the text for '{name}' is read by TO_TIMESTAMP; Flink refuses it: Column types of query \
             result and sink do not match"
        );
        let hint = format!("write TO_TIMESTAMP(...), the column is {target}");
        self.find(Diagnostic::warning("W0142", span, message).with_hint(&hint));
        self.resolve("TO_TIMESTAMP", vec![value], span)
    }

    fn targets(&mut self, insert: &Insert, written: &[&CatalogColumn]) -> Bound<Vec<String>> {
        if insert.columns.is_empty() {
            return Ok(written.iter().map(|c| c.name.clone()).collect());
        }
        let names: Vec<&str> = written.iter().map(|c| c.name.as_str()).collect();
        let mut targets = Vec::new();
        for column in &insert.columns {
            let name = column.parts.last().map_or("", |p| p.value.as_str());
            if !names.contains(&name) {
                let message = format!("Unknown target column '{name}'");
                return self.error("E0102", column.span, message, did_you_mean(name, &names));
            }
            targets.push(name.to_owned());
        }
        Ok(targets)
    }

    /// A column that the INSERT does not name.
    fn absent(&mut self, column: &CatalogColumn, span: Span) -> Bound<Expr> {
        if column.data_type.nullable {
            return Ok(Expr::null(&column.data_type));
        }
        let message =
            format!("Column '{}' has no default value and does not allow NULLs", column.name);
        self.error("E0141", span, message, None)
    }

    fn mismatch<T>(
        &mut self,
        insert: &Insert,
        table: &CatalogTable,
        plan: &Plan,
        cause: &str,
        hint: Option<String>,
    ) -> Bound<T> {
        let list = |items: Vec<(&str, &DataType)>| {
            let text: Vec<String> = items.iter().map(|(n, t)| format!("{n}: {t}")).collect();
            text.join(", ")
        };
        let query = list(plan.schema.fields().iter().map(|f| (&*f.name, &f.data_type)).collect());
        let sink = list(table.written_columns().map(|c| (c.name.as_str(), &c.data_type)).collect());
        let message = format!(
            "Column types of query result and sink for '{}' do not match.\nCause: {cause}.\n\n\
             Query schema: [{query}]\nSink schema:  [{sink}]",
            table.path
        );
        self.error("E0142", insert.query.span, message, hint)
    }

    fn check_mode(
        &mut self,
        insert: &Insert,
        table: &CatalogTable,
        plan: &Plan,
        sink_mode: ChangelogMode,
    ) -> Bound<()> {
        if plan.mode == ChangelogMode::InsertOnly || sink_mode != ChangelogMode::InsertOnly {
            return Ok(());
        }
        let message = format!(
            "Table sink '{}' doesn't support consuming update and delete changes which is \
             produced by node {}",
            table.path,
            producer(plan)
        );
        let hint = "declare PRIMARY KEY (...) NOT ENFORCED on the sink table, so that changes are \
                    written by key, or use a format that carries changes, such as debezium-json";
        self.error("E0143", insert.table.span, message, Some(hint.to_owned()))
    }
}

/// What makes changes, for people.
fn producer(plan: &Plan) -> &'static str {
    match &plan.node {
        PlanNode::Scan(_) => "TableSourceScan",
        PlanNode::Values(_) => "Values",
        PlanNode::Calc { input, .. } => producer(input),
        PlanNode::Join { .. } => "Join",
        PlanNode::Aggregate { .. } => "GroupAggregate",
        PlanNode::Union(inputs) => {
            inputs.iter().find(|i| i.mode != ChangelogMode::InsertOnly).map_or("Union", producer)
        }
        PlanNode::Normalize { .. } => "ChangelogNormalize",
    }
}

/// Refuses NULL for a column that does not take it.
fn not_null(value: Expr, column: &CatalogColumn) -> Expr {
    if column.data_type.nullable || !value.data_type.nullable {
        return value;
    }
    let name = column.name.clone();
    let label = format!("NOT NULL<{name}>");
    let data_type = column.data_type.clone();
    let refusal =
        format!("Column '{name}' is NOT NULL, however, a null value is being written into it");
    Expr::call(
        label,
        NullHandling::Called,
        Volatility::Pure,
        vec![value],
        data_type,
        move |_, args| match args.first() {
            Some(value) if !value.is_null() => Ok(*value),
            _ => Err(EvalError::new(refusal.clone())),
        },
    )
}
