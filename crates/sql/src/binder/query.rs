//! Queries.

use std::cell::RefCell;
use std::sync::Arc;

use tailwater_expr::{CastMode, Expr, cast, common_type};
use tailwater_sql_syntax::ast::{
    self, ExprKind, GroupItemKind, Literal, OrderItem, Query, QueryBody, QueryBodyKind, Select,
    SelectItemKind, SetQuantifier, SortDirection,
};
use tailwater_types::{DataType, Field, Schema, Span, TypeKind};

use super::scope::Scope;
use super::set_operations::distinct;
use super::{Binder, Bound};
use crate::plan::Plan;

/// A whole query: its plan, and the order and number of rows asked for at the top.
#[derive(Clone, Debug)]
pub struct BoundQuery {
    /// The rows.
    pub plan: Plan,
    /// ORDER BY, over the plan's columns.
    pub order: Vec<SortKey>,
    /// LIMIT
    pub limit: Option<u64>,
    /// OFFSET
    pub offset: u64,
}

/// One item of ORDER BY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// The column.
    pub column: usize,
    /// `DESC`
    pub descends: bool,
    /// NULL before everything else.
    pub nulls_first: bool,
}

impl Binder<'_> {
    /// A query as a statement of its own.
    ///
    /// # Errors
    /// Everything that is wrong with it is among the findings.
    pub fn bind_query_statement(&mut self, query: &Query) -> Bound<BoundQuery> {
        let plan = self.bind_query_rows(query)?;
        let mut order = Vec::new();
        for item in &query.order_by {
            order.push(self.bind_sort_key(item, &plan)?);
        }
        let limit = self.row_count(query.limit.as_ref())?;
        let offset = self.row_count(query.offset.as_ref())?.unwrap_or(0);
        Ok(BoundQuery { plan, order, limit, offset })
    }

    /// A query within something: it has no order.
    pub(super) fn bind_query(&mut self, query: &Query) -> Bound<Plan> {
        if let Some(limit) = query.limit.as_ref().or(query.offset.as_ref()) {
            return self.unsupported(limit.span, "LIMIT within a query");
        }
        self.bind_query_rows(query)
    }

    fn bind_query_rows(&mut self, query: &Query) -> Bound<Plan> {
        let outer = self.ctes.len();
        if let Some(with) = &query.with {
            if with.recursive {
                return self.unsupported(with.span, "WITH RECURSIVE");
            }
            for cte in &with.ctes {
                let plan = self.bind_query(&cte.query)?;
                let names: Vec<&str> = cte.columns.iter().map(|c| c.value.as_str()).collect();
                let plan = self.renamed(plan, &names, cte.span)?;
                self.ctes.push((cte.name.value.clone(), plan));
            }
        }
        let bound = self.bind_body(&query.body);
        self.ctes.truncate(outer);
        bound
    }

    /// The same rows with other column names, if names are given.
    pub(super) fn renamed(&mut self, plan: Plan, names: &[&str], span: Span) -> Bound<Plan> {
        if names.is_empty() {
            return Ok(plan);
        }
        if names.len() != plan.schema.len() {
            let message =
                format!("{} column names are given for {} columns", names.len(), plan.schema.len());
            return self.error("E0106", span, message, None);
        }
        let rename = |(f, name): (&Field, &&str)| Field::new(*name, f.data_type.clone());
        let fields: Vec<Field> = plan.schema.fields().iter().zip(names).map(rename).collect();
        Ok(Plan { schema: Schema::new(fields), ..plan })
    }

    fn bind_body(&mut self, body: &QueryBody) -> Bound<Plan> {
        match &body.kind {
            QueryBodyKind::Select(select) => self.bind_select(select),
            QueryBodyKind::Values(rows) => self.bind_values(rows, body.span),
            QueryBodyKind::Table(name) => self.bind_table(name, &[]),
            QueryBodyKind::Nested(query) => self.bind_query(query),
            QueryBodyKind::Set { op, all, left, right } => {
                let (left, right) = (self.bind_body(left), self.bind_body(right));
                self.bind_set(*op, *all, left?, right?, body.span)
            }
        }
    }

    fn bind_values(&mut self, rows: &[ast::Expr], span: Span) -> Bound<Plan> {
        let mut bound: Vec<Vec<Expr>> = Vec::new();
        let nothing = Scope::default();
        for row in rows {
            let fields = match &row.kind {
                ExprKind::Row { fields, .. } => fields.as_slice(),
                _ => std::slice::from_ref(row),
            };
            let fields = fields.iter().map(|f| self.bind_expr(f, &nothing));
            bound.push(fields.collect::<Bound<_>>()?);
        }
        let width = bound.first().map_or(0, Vec::len);
        if bound.iter().any(|r| r.len() != width) {
            let message = "rows of VALUES have different numbers of fields";
            return self.error("E0107", span, message, None);
        }
        let mut fields = Vec::new();
        for i in 0..width {
            let types: Vec<DataType> = bound.iter().map(|r| r[i].data_type.clone()).collect();
            let Some(shared) = common_type(&types) else {
                let message = format!("values of column {} have no common type", i + 1);
                return self.error("E0115", span, message, None);
            };
            for row in &mut bound {
                row[i] = self.cast_to(row[i].clone(), &shared, span)?;
            }
            fields.push(Field::new(format!("EXPR${i}"), shared));
        }
        Ok(Plan::values(bound, Schema::new(fields)))
    }

    /// A cast the planner puts in to bring values to a common type.
    pub(super) fn cast_to(&mut self, expr: Expr, target: &DataType, span: Span) -> Bound<Expr> {
        if expr.data_type.kind == target.kind {
            return Ok(Expr { data_type: target.clone(), ..expr });
        }
        let cast = cast(expr, target, CastMode::Explicit, self.context);
        let cast = self.resolved(span, cast)?;
        Ok(Expr { data_type: target.clone(), ..cast })
    }

    fn bind_select(&mut self, select: &Select) -> Bound<Plan> {
        if let Some(qualify) = &select.qualify {
            return self.unsupported(qualify.span, "QUALIFY");
        }
        let (mut plan, scope) = self.bind_from(&select.from)?;
        let filtered = match &select.filter {
            Some(filter) => self.bind_where(plan, &scope, filter),
            None => Ok(plan),
        };
        let items = self.bind_items(select, &scope);
        let having = self.bind_having(select, &scope);
        let groups = self.bind_groups(select, &scope);
        (plan, _) = (filtered?, ());
        let (items, having, groups) = (items?, having?, groups?);
        let calls = items.calls.into_iter().chain(having.calls).collect::<Vec<_>>();
        let is_grouped = select.group_by.is_some() || !calls.is_empty();
        let (mut exprs, names): (Vec<_>, Vec<_>) =
            items.exprs.into_iter().map(|(e, name, span)| ((e, span), name)).unzip();
        if is_grouped || having.condition.is_some() {
            let keyed: Vec<(String, Expr)> =
                groups.into_iter().map(|g| (g.to_string(), g)).collect();
            let (calls, places) = deduplicated(calls, items.call_count);
            for (expr, span) in &mut exprs {
                *expr = self.over_groups(expr, &keyed, *span)?;
            }
            let condition = match having.condition {
                Some((condition, span)) => {
                    let moved = shift_calls(&condition, &places);
                    Some(self.over_groups(&moved, &keyed, span)?)
                }
                None => None,
            };
            let inner_names =
                (0..keyed.len() + calls.len()).map(|i| Arc::from(format!("f{i}"))).collect();
            let group = keyed.into_iter().map(|(_, g)| g).collect();
            plan = plan.aggregate(group, calls, inner_names);
            if let Some(condition) = condition {
                plan = plan.filter(condition);
            }
        }
        let exprs: Vec<Expr> = exprs.into_iter().map(|(e, _)| e).collect();
        let plan = plan.project(exprs, unique_names(names));
        Ok(match select.quantifier {
            Some(SetQuantifier::Distinct) => distinct(plan),
            _ => plan,
        })
    }

    fn bind_items(&mut self, select: &Select, scope: &Scope) -> Bound<Items> {
        let scope = Scope { calls: Some(RefCell::default()), ..scope.clone() };
        let mut exprs = Vec::new();
        let mut failed = Ok(());
        for item in &select.items {
            match self.bind_item(item, exprs.len(), &scope) {
                Ok(bound) => exprs.extend(bound.into_iter().map(|(e, n)| (e, n, item.span))),
                Err(reported) => failed = Err(reported),
            }
        }
        failed?;
        let calls = scope.calls.map(RefCell::into_inner).unwrap_or_default();
        Ok(Items { exprs, call_count: calls.len(), calls })
    }

    fn bind_item(
        &mut self,
        item: &ast::SelectItem,
        place: usize,
        scope: &Scope,
    ) -> Bound<Vec<(Expr, Arc<str>)>> {
        match &item.kind {
            SelectItemKind::Wildcard => Ok(scope.all().map(|(name, expr)| (expr, name)).collect()),
            SelectItemKind::QualifiedWildcard(name) => {
                let last = name.parts.last().map_or("", |p| p.value.as_str());
                if let Some(table) = scope.tables.iter().find(|t| t.name == last) {
                    return Ok(table.all().map(|(name, expr)| (expr, name)).collect());
                }
                let row = self.bind_column(&name.parts, scope)?;
                self.expand_row(row, item.span)
            }
            SelectItemKind::ExprWildcard(row) => {
                let row = self.bind_expr(row, scope)?;
                self.expand_row(row, item.span)
            }
            SelectItemKind::Expr { expr, alias } => {
                let bound = self.bind_expr(expr, scope)?;
                let name = match (alias, &expr.kind) {
                    (Some(alias), _) => alias.value.as_str().into(),
                    (None, ExprKind::Column(path)) => {
                        path.last().map_or("", |p| p.value.as_str()).into()
                    }
                    (None, ExprKind::Field { field, .. }) => field.value.as_str().into(),
                    (None, _) => format!("EXPR${place}").into(),
                };
                Ok(vec![(bound, name)])
            }
        }
    }

    fn expand_row(&mut self, row: Expr, span: Span) -> Bound<Vec<(Expr, Arc<str>)>> {
        let TypeKind::Row(fields) = row.data_type.kind.clone() else {
            return self.error("E0105", span, format!("{} has no fields", row.data_type), None);
        };
        let field = |(i, f): (usize, &Field)| {
            (tailwater_expr::field_access(row.clone(), i), Arc::clone(&f.name))
        };
        Ok(fields.iter().enumerate().map(field).collect())
    }

    fn bind_having(&mut self, select: &Select, scope: &Scope) -> Bound<Having> {
        let Some(having) = &select.having else {
            return Ok(Having::default());
        };
        let scope = Scope { calls: Some(RefCell::default()), ..scope.clone() };
        let condition = self.bind_condition(having, &scope, "HAVING")?;
        let calls = scope.calls.map(RefCell::into_inner).unwrap_or_default();
        Ok(Having { condition: Some((condition, having.span)), calls })
    }

    fn bind_groups(&mut self, select: &Select, scope: &Scope) -> Bound<Vec<Expr>> {
        let mut groups: Vec<Expr> = Vec::new();
        for item in select.group_by.iter().flat_map(|g| &g.items) {
            match &item.kind {
                GroupItemKind::Expr(expr) => {
                    let bound = self.bind_expr(expr, scope)?;
                    if !groups.iter().any(|g| g.to_string() == bound.to_string()) {
                        groups.push(bound);
                    }
                }
                GroupItemKind::Empty => {}
                GroupItemKind::GroupingSets(_)
                | GroupItemKind::Cube(_)
                | GroupItemKind::Rollup(_) => {
                    return self.unsupported(item.span, "GROUPING SETS");
                }
            }
        }
        Ok(groups)
    }

    fn bind_sort_key(&mut self, item: &OrderItem, plan: &Plan) -> Bound<SortKey> {
        let descends = item.direction == Some(SortDirection::Desc);
        let nulls_first = match item.nulls {
            Some(nulls) => nulls == ast::NullsOrder::First,
            None => !descends,
        };
        let column = if let ExprKind::Literal(Literal::Integer(place)) = &item.expr.kind {
            place.parse::<usize>().ok().and_then(|p| p.checked_sub(1))
        } else {
            let scope = Scope::of("", &plan.schema);
            self.bind_expr(&item.expr, &scope)?.as_column()
        };
        match column.filter(|c| *c < plan.schema.len()) {
            Some(column) => Ok(SortKey { column, descends, nulls_first }),
            None => self.unsupported(item.span, "ORDER BY something that is not a result column"),
        }
    }

    fn row_count(&mut self, expr: Option<&ast::Expr>) -> Bound<Option<u64>> {
        let Some(expr) = expr else { return Ok(None) };
        if let ExprKind::Literal(Literal::Integer(text)) = &expr.kind
            && let Ok(count) = text.parse()
        {
            return Ok(Some(count));
        }
        self.error("E0116", expr.span, "LIMIT and OFFSET take a number of rows", None)
    }
}

struct Items {
    exprs: Vec<(Expr, Arc<str>, Span)>,
    call_count: usize,
    calls: Vec<crate::plan::AggregateCall>,
}

#[derive(Default)]
struct Having {
    condition: Option<(Expr, Span)>,
    calls: Vec<crate::plan::AggregateCall>,
}

/// Each call once, and the new place of each call of HAVING, which stand behind `first`.
fn deduplicated(
    calls: Vec<crate::plan::AggregateCall>,
    first: usize,
) -> (Vec<crate::plan::AggregateCall>, Vec<usize>) {
    let mut kept: Vec<crate::plan::AggregateCall> = Vec::new();
    let mut places = Vec::new();
    for (i, call) in calls.into_iter().enumerate() {
        let text = call.to_string();
        let place = kept.iter().position(|k| k.to_string() == text).unwrap_or_else(|| {
            kept.push(call);
            kept.len() - 1
        });
        if i >= first {
            places.push(place);
        }
    }
    (kept, places)
}

/// Calls of HAVING are counted from 0 there: moves them to their places.
fn shift_calls(expr: &Expr, places: &[usize]) -> Expr {
    use super::scope::FIRST_CALL;
    expr.map_columns(&|i, t| match i.checked_sub(FIRST_CALL).and_then(|c| places.get(c)) {
        Some(place) => Expr::column(FIRST_CALL + place, t.clone()),
        None => Expr::column(i, t.clone()),
    })
}

/// Flink's names of result columns: `id`, `id0`, `id1` ...
fn unique_names(names: Vec<Arc<str>>) -> Vec<Arc<str>> {
    let mut unique: Vec<Arc<str>> = Vec::new();
    for name in names {
        let mut candidate = Arc::clone(&name);
        let mut n = 0;
        while unique.contains(&candidate) {
            candidate = format!("{name}{n}").into();
            n += 1;
        }
        unique.push(candidate);
    }
    unique
}
