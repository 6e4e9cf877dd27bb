//! Queries.

use std::cell::RefCell;
use std::sync::Arc;

use tailwater_expr::{CastMode, Expr, cast, common_type};
use tailwater_sql_syntax::ast::{
    self, ExprKind, GroupItemKind, Literal, OrderItem, Query, QueryBody, QueryBodyKind, Select,
    SelectItemKind, SetOp, SetQuantifier, SortDirection,
};
use tailwater_types::{DataType, Field, Schema, Span, TypeKind};

use super::expressions::true_literal;
use super::scope::Scope;
use super::{Binder, Bound};
use crate::join_plan::{Side, all_of, conjuncts, join, over_right, side_of};
use crate::plan::{JoinKind, Plan, PlanNode};

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
    fn cast_to(&mut self, expr: Expr, target: &DataType, span: Span) -> Bound<Expr> {
        if expr.data_type.kind == target.kind {
            return Ok(Expr { data_type: target.clone(), ..expr });
        }
        let cast = cast(expr, target, CastMode::Explicit, self.context);
        let cast = self.resolved(span, cast)?;
        Ok(Expr { data_type: target.clone(), ..cast })
    }

    fn bind_set(
        &mut self,
        op: SetOp,
        all: bool,
        left: Plan,
        right: Plan,
        span: Span,
    ) -> Bound<Plan> {
        if left.schema.len() != right.schema.len() {
            let message = "Column count mismatch between the inputs of a set operation";
            return self.error("E0108", span, message, None);
        }
        let mut shared = Vec::new();
        for (l, r) in left.schema.fields().iter().zip(right.schema.fields()) {
            match common_type(&[l.data_type.clone(), r.data_type.clone()]) {
                Some(t) => shared.push(Field::new(Arc::clone(&l.name), t)),
                None => {
                    let message = format!(
                        "Type mismatch in column '{}' of a set operation: {} and {}",
                        l.name, l.data_type, r.data_type
                    );
                    return self.error("E0108", span, message, None);
                }
            }
        }
        let schema = Schema::new(shared);
        let left = self.brought_to(left, &schema, span)?;
        let right = self.brought_to(right, &schema, span)?;
        match (op, all) {
            (SetOp::Union, true) => Ok(union(left, right, schema)),
            (SetOp::Union, false) => Ok(distinct(union(left, right, schema))),
            (SetOp::Intersect, false) => self.matched(left, right, JoinKind::Semi, span),
            (SetOp::Except, false) => self.matched(left, right, JoinKind::Anti, span),
            (SetOp::Intersect | SetOp::Except, true) => {
                self.unsupported(span, "INTERSECT ALL and EXCEPT ALL")
            }
        }
    }

    /// Distinct rows of the left that are (or are not) on the right.
    fn matched(&mut self, left: Plan, right: Plan, kind: JoinKind, span: Span) -> Bound<Plan> {
        let columns = left.schema.len();
        let mut parts = Vec::new();
        for (i, (l, r)) in left.schema.fields().iter().zip(right.schema.fields()).enumerate() {
            let args = vec![
                Expr::column(i, l.data_type.clone()),
                Expr::column(columns + i, r.data_type.clone()),
            ];
            let same = tailwater_expr::resolve("IS NOT DISTINCT FROM", args, self.context);
            parts.push(self.resolved(span, same)?);
        }
        Ok(join(distinct(left), right, kind, all_of(parts), self.context))
    }

    fn brought_to(&mut self, plan: Plan, schema: &Schema, span: Span) -> Bound<Plan> {
        let same = |(a, b): (&Field, &Field)| a.data_type.kind == b.data_type.kind;
        if plan.schema.fields().iter().zip(schema.fields()).all(same) {
            return Ok(Plan { schema: schema.clone(), ..plan });
        }
        let mut exprs = Vec::new();
        for (i, (own, target)) in plan.schema.fields().iter().zip(schema.fields()).enumerate() {
            let column = Expr::column(i, own.data_type.clone());
            exprs.push(self.cast_to(column, &target.data_type, span)?);
        }
        let names = schema.fields().iter().map(|f| Arc::clone(&f.name)).collect();
        Ok(plan.project(exprs, names))
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

    /// WHERE: subqueries become joins, the rest goes as far down as it may.
    fn bind_where(&mut self, mut plan: Plan, scope: &Scope, filter: &ast::Expr) -> Bound<Plan> {
        let mut parts = Vec::new();
        ast_conjuncts(filter, &mut parts);
        let mut conditions = Vec::new();
        let mut failed = Ok(());
        for part in parts {
            if let ExprKind::InSubquery { expr, negated, query } = &part.kind {
                match self.bind_in_subquery(plan.clone(), scope, expr, *negated, query) {
                    Ok(joined) => plan = joined,
                    Err(reported) => failed = Err(reported),
                }
                continue;
            }
            match self.bind_condition(part, scope, "WHERE") {
                Ok(condition) => conjuncts(condition, &mut conditions),
                Err(reported) => failed = Err(reported),
            }
        }
        failed?;
        Ok(self.push_down(plan, conditions))
    }

    fn bind_in_subquery(
        &mut self,
        plan: Plan,
        scope: &Scope,
        operand: &ast::Expr,
        negated: bool,
        query: &Query,
    ) -> Bound<Plan> {
        let right = self.bind_query(query)?;
        let operands: Vec<Expr> = match &operand.kind {
            ExprKind::Row { fields, .. } => {
                fields.iter().map(|f| self.bind_expr(f, scope)).collect::<Bound<_>>()?
            }
            _ => vec![self.bind_expr(operand, scope)?],
        };
        if operands.len() != right.schema.len() {
            let message = format!(
                "Values passed to IN operator must have compatible types: {} against {} columns",
                operands.len(),
                right.schema.len()
            );
            return self.error("E0109", query.span, message, None);
        }
        let columns = plan.schema.len();
        let mut parts = Vec::new();
        for (i, (operand, field)) in operands.into_iter().zip(right.schema.fields()).enumerate() {
            let may_be_null = operand.data_type.nullable || field.data_type.nullable;
            if negated && may_be_null {
                return self.unsupported(query.span, "NOT IN over values that may be NULL");
            }
            let column = Expr::column(columns + i, field.data_type.clone());
            let same = tailwater_expr::resolve("=", vec![operand, column], self.context);
            parts.push(self.resolved(query.span, same)?);
        }
        let kind = if negated { JoinKind::Anti } else { JoinKind::Semi };
        Ok(join(plan, right, kind, all_of(parts), self.context))
    }

    /// A filter over a plan, as far down as it may go.
    fn push_down(&mut self, plan: Plan, conditions: Vec<Expr>) -> Plan {
        let (node, kind) = match plan.node {
            PlanNode::Join { kind, .. } if matches!(kind, JoinKind::Inner | JoinKind::Left) => {
                (plan.node, kind)
            }
            _ => {
                return match all_of(conditions) {
                    Some(filter) => plan.filter(filter),
                    None => plan,
                };
            }
        };
        let PlanNode::Join { left, right, left_keys, right_keys, nulls_match, condition, .. } =
            node
        else {
            return Plan { node, ..plan };
        };
        let columns = left.schema.len();
        let (mut to_left, mut to_right, mut to_join, mut above) = (vec![], vec![], vec![], vec![]);
        for part in conditions {
            match (side_of(&part, columns), kind) {
                _ if part.is_volatile() => above.push(part),
                (Side::Left, _) => to_left.push(part),
                (Side::Right, JoinKind::Inner) => to_right.push(over_right(&part, columns)),
                (Side::Both, JoinKind::Inner) => to_join.push(part),
                _ => above.push(part),
            }
        }
        let left = self.push_down(*left, to_left);
        let right = self.push_down(*right, to_right);
        // The keys found before are conditions again, to be found beside the new ones.
        for ((l, r), nulls) in left_keys.into_iter().zip(right_keys).zip(nulls_match) {
            let name = if nulls { "IS NOT DISTINCT FROM" } else { "=" };
            let r = r.map_columns(&|i, t| Expr::column(columns + i, t.clone()));
            let same = tailwater_expr::resolve(name, vec![l, r], self.context);
            to_join.push(same.unwrap_or_else(|_| true_literal()));
        }
        to_join.extend(condition);
        let joined = join(left, right, kind, all_of(to_join), self.context);
        match all_of(above) {
            Some(filter) => joined.filter(filter),
            None => joined,
        }
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

fn ast_conjuncts<'e>(expr: &'e ast::Expr, out: &mut Vec<&'e ast::Expr>) {
    match &expr.kind {
        ExprKind::Binary { left, op: ast::BinaryOp::And, right, .. } => {
            ast_conjuncts(left, out);
            ast_conjuncts(right, out);
        }
        _ => out.push(expr),
    }
}

fn union(left: Plan, right: Plan, schema: Schema) -> Plan {
    let mode = left.mode.max(right.mode);
    Plan { node: PlanNode::Union(vec![left, right]), schema, mode, unique_keys: Vec::new() }
}

fn distinct(plan: Plan) -> Plan {
    let columns = plan.schema.fields().iter().enumerate();
    let group = columns.map(|(i, f)| Expr::column(i, f.data_type.clone())).collect();
    let names = plan.schema.fields().iter().map(|f| Arc::clone(&f.name)).collect();
    plan.aggregate(group, Vec::new(), names)
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
