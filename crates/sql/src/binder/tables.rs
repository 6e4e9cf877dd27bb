//! CREATE TABLE and CREATE VIEW.

use std::collections::BTreeMap;
use std::sync::Arc;

use tailwater_sql_syntax::ast::{
    ColumnDef, ColumnKind, CreateTable, CreateView, Enforcement, Ident, LikeFeature, LikeStrategy,
    Query, TableElement, TableLike, Temporality, UniqueKind, WatermarkDef,
};
use tailwater_types::{Span, TypeKind};

use super::scope::{Scope, did_you_mean};
use super::table_refs::UNKNOWN;
use super::types::data_type;
use super::{Binder, Bound, Reported};
use crate::catalog::{
    CatalogColumn, CatalogObject, CatalogTable, CatalogView, ColumnSource, Origin, Path,
    PrimaryKey, Watermark,
};

impl Binder<'_> {
    /// The table that CREATE TABLE declares.
    ///
    /// # Errors
    /// Everything that is wrong with it is among the findings.
    pub fn bind_create_table(&mut self, create: &CreateTable) -> Bound<CatalogTable> {
        let path = self.catalog.resolve(&create.name);
        let mut draft = Draft::new(path, Arc::clone(&self.source), create);
        if let Some(like) = &create.like {
            self.take_over(&mut draft.table, like)?;
        }
        let mut failed = Ok(());
        for element in &create.elements {
            let added = match element {
                TableElement::Column(column) => self.add_column(&mut draft, column),
                TableElement::Watermark(watermark) => self.add_watermark(&mut draft, watermark),
                TableElement::Constraint(constraint) => self.add_key(
                    &mut draft,
                    constraint.kind,
                    constraint.name.as_ref(),
                    &constraint.columns,
                    constraint.enforcement,
                    constraint.span,
                ),
                TableElement::Name(_) if create.query.is_some() => Ok(()),
                TableElement::Name(name) => self.unsupported(name.span, "a column without a type"),
            };
            failed = failed.and(added);
        }
        for option in &create.options {
            draft.table.options.insert(option.key.value.clone(), option.value.value.clone());
            draft.table.origin.options.insert(option.key.value.clone(), option.span);
        }
        if let Some(query) = &create.query {
            let added = self.add_query_columns(&mut draft, create, query);
            failed = failed.and(added);
        }
        failed?;
        self.check_key(&mut draft)?;
        self.check_computed(&mut draft.table)?;
        self.check_watermark(&draft)?;
        Ok(draft.table)
    }

    /// The columns of `AS query`: behind those that are declared, which keep their own types, and in
    /// the order of the names where there are names.
    fn add_query_columns(
        &mut self,
        draft: &mut Draft,
        create: &CreateTable,
        query: &Query,
    ) -> Bound<()> {
        let plan = self.bind_query(query)?;
        let fields = plan.schema.fields();
        for (place, field) in fields.iter().enumerate() {
            if fields[..place].iter().any(|other| other.name == field.name) {
                let message = format!("Column '{}' is declared twice", field.name);
                return self.error("E0130", query.span, message, None);
            }
        }
        let names: Vec<&Ident> = create.elements.iter().filter_map(named).collect();
        let mut order: Vec<usize> = Vec::new();
        for name in &names {
            let Some(place) = fields.iter().position(|f| *f.name == *name.value) else {
                let message = format!("Column '{}' is not in the query's schema", name.value);
                return self.error("E0102", name.span, message, None);
            };
            order.push(place);
        }
        if !names.is_empty() && order.len() != fields.len() {
            let message =
                format!("The query has {} columns, {} are named", fields.len(), order.len());
            return self.error("E0142", query.span, message, None);
        }
        if names.is_empty() {
            order = (0..fields.len()).collect();
        }
        for field in order.into_iter().map(|place| &fields[place]) {
            if draft.table.columns.iter().any(|c| *c.name == *field.name) {
                continue;
            }
            draft.table.columns.push(CatalogColumn {
                name: field.name.to_string(),
                data_type: field.data_type.clone(),
                source: ColumnSource::Physical,
                comment: None,
            });
            draft.table.origin.columns.insert(field.name.to_string(), query.span);
        }
        Ok(())
    }

    fn take_over(&mut self, table: &mut CatalogTable, like: &TableLike) -> Bound<()> {
        let path = self.catalog.resolve(&like.name);
        let Some(CatalogObject::Table(source)) = self.catalog.get(&path) else {
            let message = format!("Source table '{}' of the LIKE clause not found", path.name);
            return self.error("E0101", like.name.span, message, None);
        };
        let excluded = |feature: LikeFeature| {
            let named = like.options.iter().rev().find(|o| o.feature == feature);
            let all = like.options.iter().rev().find(|o| o.feature == LikeFeature::All);
            named.or(all).is_some_and(|o| o.strategy == LikeStrategy::Excluding)
        };
        let keeps = |column: &&CatalogColumn| match column.source {
            ColumnSource::Physical => true,
            ColumnSource::Metadata { .. } => !excluded(LikeFeature::Metadata),
            ColumnSource::Computed(_) => !excluded(LikeFeature::Generated),
        };
        table.columns = source.columns.iter().filter(keeps).cloned().collect();
        if !excluded(LikeFeature::Constraints) {
            table.primary_key.clone_from(&source.primary_key);
        }
        if !excluded(LikeFeature::Watermarks) {
            table.watermark.clone_from(&source.watermark);
        }
        if !excluded(LikeFeature::Options) {
            table.options.clone_from(&source.options);
        }
        Ok(())
    }

    fn add_column(&mut self, draft: &mut Draft, column: &ColumnDef) -> Bound<()> {
        let name = &column.name.value;
        if draft.table.columns.iter().any(|c| &c.name == name) {
            let message = format!("Column '{name}' is declared twice");
            return self.error("E0130", column.name.span, message, None);
        }
        let (data_type, source) = match &column.kind {
            ColumnKind::Physical { data_type } => {
                (self.column_type(data_type)?, ColumnSource::Physical)
            }
            ColumnKind::Metadata { data_type, key, is_virtual } => {
                let source = ColumnSource::Metadata {
                    key: key.as_ref().map_or_else(|| name.clone(), |k| k.value.clone()),
                    is_named: key.is_some(),
                    is_virtual: *is_virtual,
                };
                (self.column_type(data_type)?, source)
            }
            ColumnKind::Computed { expr } => {
                (UNKNOWN.nullable(), ColumnSource::Computed(Box::new(expr.clone())))
            }
        };
        draft.table.columns.push(CatalogColumn {
            name: name.clone(),
            data_type,
            source,
            comment: column.comment.as_ref().map(|c| c.value.clone()),
        });
        draft.table.origin.columns.insert(name.clone(), column.span);
        if let Some(constraint) = &column.constraint {
            let columns = std::slice::from_ref(&column.name);
            let (kind, enforcement) = (constraint.kind, constraint.enforcement);
            return self.add_key(draft, kind, None, columns, enforcement, constraint.span);
        }
        Ok(())
    }

    fn column_type(
        &mut self,
        written: &tailwater_sql_syntax::ast::DataType,
    ) -> Bound<tailwater_types::DataType> {
        let mut declared = data_type(written).map_err(|diagnostic| {
            self.find(diagnostic);
            Reported
        })?;
        // Flink has whole seconds only, whatever is written.
        if self.context.is_strict && matches!(declared.kind, TypeKind::Time(_)) {
            declared.kind = TypeKind::Time(0);
        }
        Ok(declared)
    }

    fn add_key(
        &mut self,
        draft: &mut Draft,
        kind: UniqueKind,
        name: Option<&Ident>,
        columns: &[Ident],
        enforcement: Enforcement,
        span: Span,
    ) -> Bound<()> {
        if kind == UniqueKind::Unique {
            return self.error("E0131", span, "UNIQUE constraint is not supported yet", None);
        }
        if enforcement != Enforcement::NotEnforced {
            let message = "Flink doesn't support ENFORCED mode for PRIMARY KEY constraint. \
                           ENFORCED/NOT ENFORCED controls if the constraint checks are performed \
                           on the incoming/outgoing data. Flink does not own the data therefore \
                           the only supported mode is the NOT ENFORCED mode";
            let hint = Some("write PRIMARY KEY (...) NOT ENFORCED".to_owned());
            return self.error("E0132", span, message, hint);
        }
        if draft.table.primary_key.is_some() {
            return self.error("E0133", span, "Duplicate primary key definition", None);
        }
        let names: Vec<String> = columns.iter().map(|c| c.value.clone()).collect();
        let made_up = || format!("PK_{}", names.join("_"));
        draft.table.primary_key = Some(PrimaryKey {
            name: name.map_or_else(made_up, |n| n.value.clone()),
            columns: names.clone(),
        });
        draft.key_spans = columns.iter().map(|c| c.span).collect();
        Ok(())
    }

    fn check_key(&mut self, draft: &mut Draft) -> Bound<()> {
        let Some(key) = draft.table.primary_key.clone() else {
            return Ok(());
        };
        let names: Vec<String> = draft.table.columns.iter().map(|c| c.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (i, name) in key.columns.iter().enumerate() {
            let span = draft.key_spans.get(i).copied().unwrap_or(draft.table.origin.name);
            let Some(place) = names.iter().position(|n| n == name) else {
                let message = format!("Primary key column '{name}' is not defined in the schema");
                return self.error("E0134", span, message, did_you_mean(name, &names));
            };
            let column = &mut draft.table.columns[place];
            if !matches!(column.source, ColumnSource::Physical) {
                let message = format!("Primary key column '{name}' is not a physical column");
                return self.error("E0134", span, message, None);
            }
            column.data_type.nullable = false;
        }
        Ok(())
    }

    /// Computed columns are bound once here, for their types and their errors.
    fn check_computed(&mut self, table: &mut CatalogTable) -> Bound<()> {
        let read: Vec<tailwater_types::Field> = table
            .read_columns()
            .map(|c| tailwater_types::Field::new(c.name.as_str(), c.data_type.clone()))
            .collect();
        let scope = Scope::of(&table.path.name, &tailwater_types::Schema::new(read));
        let mut failed = Ok(());
        for column in &mut table.columns {
            let ColumnSource::Computed(expr) = &column.source else {
                continue;
            };
            match self.bind_expr(expr, &scope) {
                Ok(bound) => column.data_type = bound.data_type,
                Err(reported) => failed = Err(reported),
            }
        }
        failed
    }

    fn add_watermark(&mut self, draft: &mut Draft, watermark: &WatermarkDef) -> Bound<()> {
        let column: Vec<&str> = watermark.column.parts.iter().map(|p| p.value.as_str()).collect();
        draft.watermark_span = watermark.span;
        draft.table.watermark =
            Some(Watermark { column: column.join("."), expr: watermark.expr.clone() });
        Ok(())
    }

    fn check_watermark(&mut self, draft: &Draft) -> Bound<()> {
        let Some(watermark) = &draft.table.watermark else {
            return Ok(());
        };
        let span = draft.watermark_span;
        let Some(column) = draft.table.columns.iter().find(|c| c.name == watermark.column) else {
            let message = format!(
                "The rowtime attribute field '{}' is not defined in the table schema",
                watermark.column
            );
            return self.error("E0135", span, message, None);
        };
        let is_time = matches!(
            column.data_type.kind,
            TypeKind::Timestamp(0..=3) | TypeKind::TimestampLtz(0..=3)
        );
        if is_time {
            return Ok(());
        }
        let message = format!(
            "Invalid data type of time field for watermark definition. The field must be of type \
             TIMESTAMP(p) or TIMESTAMP_LTZ(p), the supported precision 'p' is from 0 to 3, but \
             the time field type is {}",
            column.data_type
        );
        self.error("E0135", span, message, None)
    }

    /// The view that CREATE VIEW declares; its query is bound once, for its errors.
    ///
    /// # Errors
    /// Everything that is wrong with it is among the findings.
    pub fn bind_create_view(&mut self, create: &CreateView) -> Bound<CatalogView> {
        let plan = self.bind_query(&create.query)?;
        let columns: Vec<String> = create.columns.iter().map(|c| c.value.clone()).collect();
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        self.renamed(plan, &names, create.name.span)?;
        Ok(CatalogView {
            path: self.catalog.resolve(&create.name),
            columns,
            text: create.query.span.slice(&self.source.text).to_owned(),
            query: (*create.query).clone(),
            comment: create.comment.as_ref().map(|c| c.value.clone()),
            is_temporary: create.temporality != Temporality::Permanent,
            origin: Arc::clone(&self.source),
            scope: (self.catalog.current_catalog.clone(), self.catalog.current_database.clone()),
        })
    }
}

/// A column of which only the name is given.
fn named(element: &TableElement) -> Option<&Ident> {
    match element {
        TableElement::Name(name) => Some(name),
        _ => None,
    }
}

/// A table while its elements are collected.
struct Draft {
    table: CatalogTable,
    key_spans: Vec<Span>,
    watermark_span: Span,
}

impl Draft {
    fn new(path: Path, text: Arc<crate::source_text::SourceText>, create: &CreateTable) -> Self {
        let origin = Origin { text, name: create.name.span, ..Origin::default() };
        let table = CatalogTable {
            path,
            columns: Vec::new(),
            primary_key: None,
            watermark: None,
            options: BTreeMap::new(),
            comment: create.comment.as_ref().map(|c| c.value.clone()),
            partition_keys: create.partitioned_by.iter().map(|c| c.value.clone()).collect(),
            is_temporary: create.temporality != Temporality::Permanent,
            origin,
        };
        Self { table, key_spans: Vec::new(), watermark_span: Span::default() }
    }
}
