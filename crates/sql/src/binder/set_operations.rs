//! UNION, INTERSECT, EXCEPT.

use std::sync::Arc;

use tailwater_expr::{Expr, common_type};
use tailwater_sql_syntax::ast::SetOp;
use tailwater_types::{Field, Schema, Span};

use super::{Binder, Bound};
use crate::join_plan::{all_of, join};
use crate::plan::{JoinKind, Plan, PlanNode};

impl Binder<'_> {
    pub(super) fn bind_set(
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
}

fn union(left: Plan, right: Plan, schema: Schema) -> Plan {
    let mode = left.mode.max(right.mode);
    Plan { node: PlanNode::Union(vec![left, right]), schema, mode, unique_keys: Vec::new() }
}

/// Each row once.
pub(super) fn distinct(plan: Plan) -> Plan {
    let columns = plan.schema.fields().iter().enumerate();
    let group = columns.map(|(i, f)| Expr::column(i, f.data_type.clone())).collect();
    let names = plan.schema.fields().iter().map(|f| Arc::clone(&f.name)).collect();
    plan.aggregate(group, Vec::new(), names)
}
