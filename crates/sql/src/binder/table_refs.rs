//! FROM: tables, views, subqueries, joins.

use std::sync::Arc;

use tailwater_expr::Expr;
use tailwater_sql_syntax::ast::{
    self, Hint, HintArg, Ident, JoinConstraint, ObjectName, TableAlias, TableRef, TableRefKind,
};
use tailwater_types::{Schema, TypeKind, nearest};

use super::scope::Scope;
use super::{Binder, Bound, MAX_VIEW_DEPTH};
use crate::catalog::{CatalogObject, CatalogTable, CatalogView, ColumnSource};
use crate::join_plan::{all_of, join};
use crate::plan::{JoinKind, Plan};

impl Binder<'_> {
    /// The FROM clause; without one there is one row without columns.
    pub(super) fn bind_from(&mut self, from: &[TableRef]) -> Bound<(Plan, Scope)> {
        let Some((first, rest)) = from.split_first() else {
            let plan = Plan::values(vec![Vec::new()], Schema::new(Vec::new()));
            return Ok((plan, Scope::default()));
        };
        let mut joined = self.bind_table_ref(first);
        for table in rest {
            let right = self.bind_table_ref(table);
            joined = match (joined, right) {
                (Ok(left), Ok(right)) => Ok(self.joined(left, right, JoinKind::Inner, None)),
                (Err(reported), _) | (_, Err(reported)) => Err(reported),
            };
        }
        joined
    }

    fn joined(
        &mut self,
        (left, left_scope): (Plan, Scope),
        (right, right_scope): (Plan, Scope),
        kind: JoinKind,
        condition: Option<Expr>,
    ) -> (Plan, Scope) {
        let plan = join(left, right, kind, condition, self.context);
        let scope = left_scope.joined(right_scope, &plan.schema);
        (plan, scope)
    }

    fn bind_table_ref(&mut self, table: &TableRef) -> Bound<(Plan, Scope)> {
        match &table.kind {
            TableRefKind::Table { name, hints, system_time, alias } => {
                if let Some(time) = system_time {
                    return self.unsupported(time.span, "FOR SYSTEM_TIME AS OF");
                }
                let plan = self.bind_table(name, hints)?;
                let own = name.parts.last().map_or("", |p| p.value.as_str());
                self.aliased(plan, own, alias.as_ref())
            }
            TableRefKind::Derived { lateral: false, query, alias } => {
                let plan = self.bind_query(query)?;
                self.aliased(plan, "", alias.as_ref())
            }
            TableRefKind::Derived { .. } => self.unsupported(table.span, "LATERAL"),
            TableRefKind::Function { call, .. } => {
                let name = call.name.to_string();
                self.unsupported(table.span, &format!("the table function {name}"))
            }
            TableRefKind::Unnest { .. } => self.unsupported(table.span, "UNNEST"),
            TableRefKind::Match { .. } => self.unsupported(table.span, "MATCH_RECOGNIZE"),
            TableRefKind::Join { left, kind, natural, right, constraint } => {
                if *natural {
                    return self.unsupported(table.span, "NATURAL JOIN");
                }
                let (left, right) = (self.bind_table_ref(left), self.bind_table_ref(right));
                self.bind_join(left?, right?, *kind, constraint.as_ref())
            }
        }
    }

    fn aliased(
        &mut self,
        plan: Plan,
        own: &str,
        alias: Option<&TableAlias>,
    ) -> Bound<(Plan, Scope)> {
        let Some(alias) = alias else {
            let scope = Scope::of(own, &plan.schema);
            return Ok((plan, scope));
        };
        let names: Vec<&str> = alias.columns.iter().map(|c| c.value.as_str()).collect();
        let plan = self.renamed(plan, &names, alias.span)?;
        let scope = Scope::of(&alias.name.value, &plan.schema);
        Ok((plan, scope))
    }

    fn bind_join(
        &mut self,
        left: (Plan, Scope),
        right: (Plan, Scope),
        kind: ast::JoinKind,
        constraint: Option<&JoinConstraint>,
    ) -> Bound<(Plan, Scope)> {
        let kind = match kind {
            ast::JoinKind::Inner | ast::JoinKind::Cross => JoinKind::Inner,
            ast::JoinKind::Left => JoinKind::Left,
            ast::JoinKind::Right => JoinKind::Right,
            ast::JoinKind::Full => JoinKind::Full,
        };
        let both = self.joined(left.clone(), right.clone(), JoinKind::Inner, None);
        let condition = match constraint {
            None => None,
            Some(JoinConstraint::On(on)) => Some(self.bind_condition(on, &both.1, "ON")?),
            Some(JoinConstraint::Using(columns)) => self.using(columns, &left.1, &both.1)?,
        };
        let left_columns = left.1.len();
        let (plan, mut scope) = self.joined(left, right, kind, condition);
        if let Some(JoinConstraint::Using(columns)) = constraint {
            scope.share(columns, left_columns);
        }
        Ok((plan, scope))
    }

    /// `USING (a, b)`: the columns of both sides are equal.
    fn using(&mut self, columns: &[Ident], left: &Scope, both: &Scope) -> Bound<Option<Expr>> {
        let left_tables = left.tables.len();
        let mut parts = Vec::new();
        for column in columns {
            let path = std::slice::from_ref(column);
            let right = Scope { tables: both.tables[left_tables..].to_vec(), ..Scope::default() };
            let args = vec![self.bind_column(path, left)?, self.bind_column(path, &right)?];
            let same = tailwater_expr::resolve("=", args, self.context);
            parts.push(self.resolved(column.span, same)?);
        }
        Ok(all_of(parts))
    }

    /// A table, view or common table expression by name.
    pub(super) fn bind_table(&mut self, name: &ObjectName, hints: &[Hint]) -> Bound<Plan> {
        if let [only] = name.parts.as_slice()
            && let Some((_, plan)) = self.ctes.iter().rev().find(|(n, _)| *n == only.value)
        {
            return Ok(plan.clone());
        }
        let path = match &self.scope {
            Some((catalog, database)) => self.catalog.resolve_in(name, catalog, database),
            None => self.catalog.resolve(name),
        };
        match self.catalog.get(&path).cloned() {
            Some(CatalogObject::Table(table)) => {
                let table = with_options(&table, hints);
                self.bind_scan(&table)
            }
            Some(CatalogObject::View(view)) => self.bind_view(&view),
            None => {
                let names: Vec<String> = self
                    .catalog
                    .objects_in(&path.catalog, &path.database)
                    .map(|(p, _)| p.name.clone())
                    .collect();
                let near = nearest(&path.name, names.iter().map(String::as_str));
                let hint = near.map(|n| format!("did you mean '{n}'?"));
                let message = format!("Object '{}' not found", path.name);
                self.error("E0101", name.span, message, hint)
            }
        }
    }

    fn bind_view(&mut self, view: &CatalogView) -> Bound<Plan> {
        if self.view_depth >= MAX_VIEW_DEPTH {
            let message = format!("view '{}' is nested too deep", view.path.name);
            return self.error("E0117", view.query.span, message, None);
        }
        self.view_depth += 1;
        let source = std::mem::replace(&mut self.source, Arc::clone(&view.origin));
        let scope = self.scope.replace(view.scope.clone());
        let ctes = std::mem::take(&mut self.ctes);
        let bound = self.bind_query(&view.query).and_then(|plan| {
            let names: Vec<&str> = view.columns.iter().map(String::as_str).collect();
            self.renamed(plan, &names, view.query.span)
        });
        self.ctes = ctes;
        self.scope = scope;
        self.source = source;
        self.view_depth -= 1;
        bound
    }

    fn bind_scan(&mut self, table: &Arc<CatalogTable>) -> Bound<Plan> {
        let mode = self.connectors.source_mode(table);
        let mode = self.declared(table, mode)?;
        let scan = Plan::scan(table, mode);
        if scan.schema.len() == table.columns.len() {
            return Ok(scan);
        }
        let scope = Scope::of(&table.path.name, &scan.schema);
        let source = std::mem::replace(&mut self.source, Arc::clone(&table.origin.text));
        let mut exprs = Vec::new();
        let mut next = 0;
        for column in &table.columns {
            exprs.push(match &column.source {
                ColumnSource::Computed(expr) => self.bind_expr(expr, &scope),
                _ => {
                    next += 1;
                    Ok(Expr::column(next - 1, column.data_type.clone()))
                }
            });
        }
        self.source = source;
        let exprs = exprs.into_iter().collect::<Bound<Vec<_>>>()?;
        let names = table.columns.iter().map(|c| c.name.as_str().into()).collect();
        Ok(scan.project(exprs, names))
    }
}

/// The table with the options of its `OPTIONS` hints.
fn with_options(table: &Arc<CatalogTable>, hints: &[Hint]) -> Arc<CatalogTable> {
    let mut changed = None;
    for hint in hints.iter().filter(|h| h.name.value.eq_ignore_ascii_case("OPTIONS")) {
        for arg in &hint.args {
            if let HintArg::Option(option) = arg {
                let table = changed.get_or_insert_with(|| CatalogTable::clone(table));
                table.options.insert(option.key.value.clone(), option.value.value.clone());
            }
        }
    }
    changed.map_or_else(|| Arc::clone(table), Arc::new)
}

/// The type of a computed column is known only when it is bound.
pub(super) const UNKNOWN: TypeKind = TypeKind::Null;
