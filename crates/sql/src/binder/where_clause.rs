//! WHERE: conditions as far down as they may go, subqueries as joins.

use tailwater_expr::Expr;
use tailwater_sql_syntax::ast::{self, ExprKind, Query};

use super::expressions::true_literal;
use super::scope::Scope;
use super::{Binder, Bound};
use crate::join_plan::{Side, all_of, conjuncts, join, over_right, side_of};
use crate::plan::{JoinKind, Plan, PlanNode};

impl Binder<'_> {
    /// WHERE: subqueries become joins, the rest goes as far down as it may.
    pub(super) fn bind_where(
        &mut self,
        mut plan: Plan,
        scope: &Scope,
        filter: &ast::Expr,
    ) -> Bound<Plan> {
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
