//! Joins: from a condition to equal keys, and what a join's output is.

use std::sync::Arc;

use tailwater_expr::{CastMode, Expr, Node, ResolveContext, cast, common_type};
use tailwater_types::{ChangelogMode, Field, Schema};

use crate::plan::{JoinKind, Plan, PlanNode};

/// One `a = b` (or `a IS NOT DISTINCT FROM b`) between the sides.
pub(crate) struct EqualKey {
    pub(crate) left: Expr,
    pub(crate) right: Expr,
    pub(crate) nulls_match: bool,
}

/// Splits a condition into its conjuncts.
pub(crate) fn conjuncts(condition: Expr, out: &mut Vec<Expr>) {
    match condition.node {
        Node::And(parts) => parts.into_iter().for_each(|p| conjuncts(p, out)),
        _ => out.push(condition),
    }
}

/// All of them at once; `None` for none.
pub(crate) fn all_of(mut parts: Vec<Expr>) -> Option<Expr> {
    if parts.len() <= 1 {
        return parts.pop();
    }
    let nullable = parts.iter().any(|p| p.data_type.nullable);
    let data_type = tailwater_types::TypeKind::Boolean.with_nullable(nullable);
    Some(Expr { node: Node::And(parts), data_type })
}

/// Which side of a join a conjunct is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Neither,
    Left,
    Right,
    Both,
}

pub(crate) fn side_of(expr: &Expr, left_columns: usize) -> Side {
    let (mut left, mut right) = (false, false);
    expr.visit_columns(&mut |i| {
        left |= i < left_columns;
        right |= i >= left_columns;
    });
    match (left, right) {
        (false, false) => Side::Neither,
        (true, false) => Side::Left,
        (false, true) => Side::Right,
        (true, true) => Side::Both,
    }
}

/// The same expression over the right side's own columns.
pub(crate) fn over_right(expr: &Expr, left_columns: usize) -> Expr {
    expr.map_columns(&|i, t| Expr::column(i.saturating_sub(left_columns), t.clone()))
}

/// The key that a conjunct stands for, if it is an equality between the sides.
fn equal_key(conjunct: &Expr, left_columns: usize, context: &ResolveContext) -> Option<EqualKey> {
    let Node::Call(function, args) = &conjunct.node else {
        return None;
    };
    let nulls_match = match function.name.as_str() {
        "=" => false,
        "IS NOT DISTINCT FROM" => true,
        _ => return None,
    };
    let [a, b] = args.as_slice() else { return None };
    let (left, right) = match (side_of(a, left_columns), side_of(b, left_columns)) {
        (Side::Left, Side::Right) => (a, b),
        (Side::Right, Side::Left) => (b, a),
        _ => return None,
    };
    let right = over_right(right, left_columns);
    let shared = common_type(&[left.data_type.clone(), right.data_type.clone()])?;
    let as_key = |e: Expr| {
        let target = shared.with_nullable(e.data_type.nullable);
        if e.data_type.layout() == target.layout() && e.data_type.kind == target.kind {
            return Some(e);
        }
        let is_text = e.data_type.kind.is_string() && target.kind.is_string();
        if is_text { Some(e) } else { cast(e, &target, CastMode::Implicit, context).ok() }
    };
    Some(EqualKey { left: as_key(left.clone())?, right: as_key(right)?, nulls_match })
}

/// A join of two plans under a condition over the columns of both.
pub(crate) fn join(
    left: Plan,
    right: Plan,
    kind: JoinKind,
    condition: Option<Expr>,
    context: &ResolveContext,
) -> Plan {
    let left_columns = left.schema.len();
    let mut parts = Vec::new();
    if let Some(condition) = condition {
        conjuncts(condition, &mut parts);
    }
    let mut keys = Vec::new();
    let mut rest = Vec::new();
    for part in parts {
        match equal_key(&part, left_columns, context) {
            Some(key) => keys.push(key),
            None => rest.push(part),
        }
    }
    let unique_keys = unique_keys(&left, &right, kind, &keys);
    let is_append = left.mode == ChangelogMode::InsertOnly
        && right.mode == ChangelogMode::InsertOnly
        && matches!(kind, JoinKind::Inner | JoinKind::Semi);
    let schema = joined_schema(&left, &right, kind);
    let (mut left_keys, mut right_keys, mut nulls_match) = (Vec::new(), Vec::new(), Vec::new());
    for key in keys {
        left_keys.push(key.left);
        right_keys.push(key.right);
        nulls_match.push(key.nulls_match);
    }
    Plan {
        schema,
        mode: if is_append { ChangelogMode::InsertOnly } else { ChangelogMode::Retract },
        unique_keys,
        node: PlanNode::Join {
            left: Box::new(left),
            right: Box::new(right),
            kind,
            left_keys,
            right_keys,
            nulls_match,
            condition: all_of(rest),
        },
    }
}

fn joined_schema(left: &Plan, right: &Plan, kind: JoinKind) -> Schema {
    let (pads_left, pads_right) = match kind {
        JoinKind::Inner => (false, false),
        JoinKind::Left => (false, true),
        JoinKind::Right => (true, false),
        JoinKind::Full => (true, true),
        JoinKind::Semi | JoinKind::Anti => return left.schema.clone(),
    };
    let side = |plan: &Plan, pads: bool| -> Vec<Field> {
        let field = |f: &Field| {
            let nullable = f.data_type.nullable || pads;
            Field::new(Arc::clone(&f.name), f.data_type.with_nullable(nullable))
        };
        plan.schema.fields().iter().map(field).collect()
    };
    let mut fields = side(left, pads_left);
    fields.extend(side(right, pads_right));
    Schema::new(fields)
}

fn unique_keys(left: &Plan, right: &Plan, kind: JoinKind, keys: &[EqualKey]) -> Vec<Vec<usize>> {
    if matches!(kind, JoinKind::Semi | JoinKind::Anti) {
        return left.unique_keys.clone();
    }
    let columns = |side: fn(&EqualKey) -> &Expr| -> Vec<usize> {
        keys.iter().filter(|k| !k.nulls_match).filter_map(|k| side(k).as_column()).collect()
    };
    let (left_keys, right_keys) = (columns(|k| &k.left), columns(|k| &k.right));
    let is_unique = |plan: &Plan, keys: &[usize]| {
        plan.unique_keys.iter().any(|u| u.iter().all(|c| keys.contains(c)))
    };
    let left_columns = left.schema.len();
    let shifted =
        |key: &Vec<usize>| -> Vec<usize> { key.iter().map(|c| c + left_columns).collect() };
    let mut unique = Vec::new();
    // Each left row meets at most one right row: what tells left rows apart tells pairs apart.
    if is_unique(right, &right_keys) && matches!(kind, JoinKind::Inner | JoinKind::Left) {
        unique.extend(left.unique_keys.iter().cloned());
    }
    if is_unique(left, &left_keys) && matches!(kind, JoinKind::Inner | JoinKind::Right) {
        unique.extend(right.unique_keys.iter().map(shifted));
    }
    for a in &left.unique_keys {
        for b in &right.unique_keys {
            unique.push(a.iter().copied().chain(shifted(b)).collect());
        }
    }
    unique
}
