//! Which columns a name may mean.

use std::cell::RefCell;
use std::sync::Arc;

use tailwater_expr::{Expr, field_access};
use tailwater_sql_syntax::ast::Ident;
use tailwater_types::{DataType, Schema, TypeKind};

use super::{Binder, Bound};
use crate::plan::AggregateCall;
use tailwater_types::nearest;

/// Columns from here on stand for aggregate calls until the grouping is known.
pub(super) const FIRST_CALL: usize = 1 << 24;

/// The columns of the tables in a FROM clause, one behind the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub(super) tables: Vec<ScopeTable>,
    /// Where aggregate calls are collected; `None` where they are not allowed.
    pub(super) calls: Option<RefCell<Vec<AggregateCall>>>,
    pub(super) shared: Vec<Shared>,
}

/// One table of a scope.
#[derive(Clone, Debug)]
pub(super) struct ScopeTable {
    /// Its alias or name, empty for a table that has none.
    pub(super) name: String,
    /// The place of its first column.
    pub(super) first: usize,
    pub(super) columns: Vec<(Arc<str>, DataType)>,
}

impl Scope {
    /// A scope of one table.
    pub(super) fn of(name: &str, schema: &Schema) -> Self {
        let columns =
            schema.fields().iter().map(|f| (Arc::clone(&f.name), f.data_type.clone())).collect();
        let table = ScopeTable { name: name.to_owned(), first: 0, columns };
        Self { tables: vec![table], ..Self::default() }
    }

    /// How many columns there are.
    pub(super) fn len(&self) -> usize {
        self.tables.iter().map(|t| t.columns.len()).sum()
    }

    /// The scope of a join: the tables of both, with the types the join gives them.
    pub(super) fn joined(mut self, right: Scope, schema: &Schema) -> Self {
        let left_columns = self.len();
        self.tables.extend(
            right.tables.into_iter().map(|t| ScopeTable { first: t.first + left_columns, ..t }),
        );
        for table in &mut self.tables {
            for (i, (_, data_type)) in table.columns.iter_mut().enumerate() {
                if let Some(field) = schema.fields().get(table.first + i) {
                    data_type.clone_from(&field.data_type);
                }
            }
        }
        self
    }

    /// Every column with its name; columns that USING shares once.
    pub(super) fn all(&self) -> impl Iterator<Item = (Arc<str>, Expr)> + '_ {
        let is_shown =
            |e: &Expr| e.as_column().is_none_or(|c| !self.shared.iter().any(|s| s.right == c));
        self.tables.iter().flat_map(ScopeTable::all).filter(move |(_, e)| is_shown(e))
    }

    /// Makes the columns that `USING (...)` names one: the left side's.
    pub(super) fn share(&mut self, columns: &[Ident], left_columns: usize) {
        for column in columns {
            let place = |is_left: bool| {
                let mut all = self.tables.iter().flat_map(ScopeTable::all);
                all.find_map(|(name, e)| {
                    let c = e.as_column()?;
                    (*name == *column.value && (c < left_columns) == is_left).then_some(c)
                })
            };
            if let (Some(left), Some(right)) = (place(true), place(false)) {
                self.shared.push(Shared { left, right });
            }
        }
    }

    /// Whether one of these columns stands for the others.
    fn is_one(&self, found: &[Expr]) -> bool {
        let columns: Vec<usize> = found.iter().filter_map(Expr::as_column).collect();
        let [first, rest @ ..] = columns.as_slice() else { return false };
        rest.iter().all(|c| self.shared.iter().any(|s| s.left == *first && s.right == *c))
    }
}

/// Two columns that USING has made one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared {
    left: usize,
    right: usize,
}

impl ScopeTable {
    /// Every column of the table with its name.
    pub(super) fn all(&self) -> impl Iterator<Item = (Arc<str>, Expr)> + '_ {
        let column = |(i, (name, data_type)): (usize, &(Arc<str>, DataType))| {
            (Arc::clone(name), Expr::column(self.first + i, data_type.clone()))
        };
        self.columns.iter().enumerate().map(column)
    }

    fn find(&self, name: &str) -> Option<Expr> {
        self.all().find(|(n, _)| &**n == name).map(|(_, e)| e)
    }
}

impl Binder<'_> {
    /// What `a`, `t.a`, `a.field` or `t.a.field` means.
    pub(super) fn bind_column(&mut self, path: &[Ident], scope: &Scope) -> Bound<Expr> {
        let Some((first, rest)) = path.split_first() else {
            return self.error("E0102", Default::default(), "empty column name", None);
        };
        if let Some((column, fields)) = rest.split_first()
            && let Some(table) = scope.tables.iter().find(|t| t.name == first.value)
        {
            let Some(found) = table.find(&column.value) else {
                let names: Vec<&str> = table.columns.iter().map(|(n, _)| &**n).collect();
                let message =
                    format!("Column '{}' not found in table '{}'", column.value, first.value);
                let hint = did_you_mean(&column.value, &names);
                return self.error("E0102", column.span, message, hint);
            };
            return self.bind_fields(found, fields);
        }
        let found: Vec<Expr> = scope.tables.iter().filter_map(|t| t.find(&first.value)).collect();
        match found.as_slice() {
            [one] => self.bind_fields(one.clone(), rest),
            [one, ..] if scope.is_one(&found) => self.bind_fields(one.clone(), rest),
            [] => self.column_not_found(first, rest, scope),
            _ => {
                let message = format!("Column '{}' is ambiguous", first.value);
                let tables: Vec<String> = scope
                    .tables
                    .iter()
                    .filter(|t| t.find(&first.value).is_some())
                    .map(|t| format!("`{}`.`{}`", t.name, first.value))
                    .collect();
                let hint = format!("write {}", tables.join(" or "));
                self.error("E0103", first.span, message, Some(hint))
            }
        }
    }

    fn column_not_found(&mut self, first: &Ident, rest: &[Ident], scope: &Scope) -> Bound<Expr> {
        if rest.is_empty() {
            let names: Vec<&str> =
                scope.tables.iter().flat_map(|t| t.columns.iter().map(|(n, _)| &**n)).collect();
            let message = format!("Column '{}' not found in any table", first.value);
            let hint = did_you_mean(&first.value, &names);
            return self.error("E0102", first.span, message, hint);
        }
        let names: Vec<&str> = scope.tables.iter().map(|t| t.name.as_str()).collect();
        let message = format!("Table '{}' not found", first.value);
        let hint = did_you_mean(&first.value, &names);
        self.error("E0104", first.span, message, hint)
    }

    /// The fields of a row, one within the other.
    pub(super) fn bind_fields(&mut self, mut expr: Expr, fields: &[Ident]) -> Bound<Expr> {
        for field in fields {
            let TypeKind::Row(members) = &expr.data_type.kind else {
                let message =
                    format!("'{}' asks for a field of {}", field.value, expr.data_type.kind);
                return self.error("E0105", field.span, message, None);
            };
            let Some(i) = members.iter().position(|m| *m.name == *field.value) else {
                let names: Vec<&str> = members.iter().map(|m| &*m.name).collect();
                let message = format!("Column '{}' not found in the row's fields", field.value);
                let hint = did_you_mean(&field.value, &names);
                return self.error("E0102", field.span, message, hint);
            };
            expr = field_access(expr, i);
        }
        Ok(expr)
    }
}

/// The nearest name, else all of them if they are few.
pub(super) fn did_you_mean(name: &str, candidates: &[&str]) -> Option<String> {
    match nearest(name, candidates.iter().copied()) {
        Some(near) => Some(format!("did you mean '{near}'?")),
        None if candidates.is_empty() || candidates.len() > 20 => None,
        None => Some(format!("there are: {}", candidates.join(", "))),
    }
}
