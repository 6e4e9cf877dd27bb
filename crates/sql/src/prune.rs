//! Columns that nobody needs are not joined, kept in state or carried along.

use std::sync::Arc;

use tailwater_expr::Expr;
use tailwater_types::{Field, Schema};

use crate::plan::{AggregateCall, Plan, PlanNode};

/// The same rows from narrower inputs.
pub fn prune(plan: Plan) -> Plan {
    let all: Vec<usize> = (0..plan.schema.len()).collect();
    narrow(plan, &all)
}

fn add_columns(expr: &Expr, needed: &mut Vec<usize>) {
    expr.visit_columns(&mut |c| {
        if let Err(at) = needed.binary_search(&c) {
            needed.insert(at, c);
        }
    });
}

/// The expression over the columns in `kept`.
fn moved(expr: &Expr, kept: &[usize]) -> Expr {
    expr.map_columns(&|c, t| Expr::column(kept.binary_search(&c).unwrap_or(c), t.clone()))
}

fn moved_all(exprs: &[Expr], kept: &[usize]) -> Vec<Expr> {
    exprs.iter().map(|e| moved(e, kept)).collect()
}

fn moved_keys(keys: &[Vec<usize>], kept: &[usize]) -> Vec<Vec<usize>> {
    let place = |c: &usize| kept.binary_search(c).ok();
    keys.iter().filter_map(|k| k.iter().map(place).collect()).collect()
}

fn kept_fields(schema: &Schema, kept: &[usize]) -> Schema {
    let field = |c: &usize| schema.fields()[*c].clone();
    Schema::new(kept.iter().map(field).collect::<Vec<Field>>())
}

/// A plan whose output is exactly the columns `kept` (ascending) of `plan`'s.
fn narrow(plan: Plan, kept: &[usize]) -> Plan {
    let is_whole = kept.len() == plan.schema.len();
    let Plan { node, schema, mode, unique_keys } = plan;
    let done = |node: PlanNode| Plan {
        node,
        schema: kept_fields(&schema, kept),
        mode,
        unique_keys: moved_keys(&unique_keys, kept),
    };
    match node {
        PlanNode::Calc { input, filter, projection } => {
            let columns: Vec<Expr> = match projection {
                Some(exprs) => kept.iter().map(|c| exprs[*c].clone()).collect(),
                None => kept
                    .iter()
                    .map(|c| Expr::column(*c, input.schema.fields()[*c].data_type.clone()))
                    .collect(),
            };
            let mut needed = Vec::new();
            columns.iter().chain(&filter).for_each(|e| add_columns(e, &mut needed));
            let filter = filter.map(|f| moved(&f, &needed));
            let columns = moved_all(&columns, &needed);
            let input = Box::new(narrow(*input, &needed));
            done(PlanNode::Calc { input, filter, projection: Some(columns) })
        }
        node @ PlanNode::Join { .. } => narrow_join(Plan { node, schema, mode, unique_keys }, kept),
        node @ PlanNode::Aggregate { .. } => {
            narrow_aggregate(Plan { node, schema, mode, unique_keys }, kept)
        }
        PlanNode::Union(inputs) => {
            done(PlanNode::Union(inputs.into_iter().map(|i| narrow(i, kept)).collect()))
        }
        PlanNode::Normalize { input, key } => {
            let input = Box::new(prune(*input));
            let all: Vec<usize> = (0..schema.len()).collect();
            let node = PlanNode::Normalize { input, key };
            selected(Plan { node, schema: schema.clone(), mode, unique_keys }, &all, kept)
        }
        node @ (PlanNode::Scan(_) | PlanNode::Values(_)) => {
            let whole = Plan { node, schema: schema.clone(), mode, unique_keys };
            if is_whole {
                return whole;
            }
            let all: Vec<usize> = (0..schema.len()).collect();
            selected(whole, &all, kept)
        }
    }
}

fn narrow_join(plan: Plan, kept: &[usize]) -> Plan {
    let Plan { node, schema, mode, unique_keys } = plan;
    let PlanNode::Join { left, right, kind, left_keys, right_keys, nulls_match, condition } = node
    else {
        return Plan { node, schema, mode, unique_keys };
    };

    let width = left.schema.len();
    let (mut need_left, mut need_right) = (Vec::new(), Vec::new());
    left_keys.iter().for_each(|k| add_columns(k, &mut need_left));
    right_keys.iter().for_each(|k| add_columns(k, &mut need_right));
    let mut both = kept.to_vec();
    condition.iter().for_each(|c| add_columns(c, &mut both));
    for column in both {
        let (list, c) = if column < width {
            (&mut need_left, column)
        } else {
            (&mut need_right, column - width)
        };
        if let Err(at) = list.binary_search(&c) {
            list.insert(at, c);
        }
    }
    let output: Vec<usize> = if schema.len() == width && kind.is_one_sided() {
        need_left.clone()
    } else {
        need_left.iter().copied().chain(need_right.iter().map(|c| c + width)).collect()
    };
    let all: Vec<usize> =
        need_left.iter().copied().chain(need_right.iter().map(|c| c + width)).collect();
    let joined = Plan {
        schema: kept_fields(&schema, &output),
        mode,
        unique_keys: moved_keys(&unique_keys, &output),
        node: PlanNode::Join {
            left_keys: moved_all(&left_keys, &need_left),
            right_keys: moved_all(&right_keys, &need_right),
            condition: condition.map(|c| moved(&c, &all)),
            left: Box::new(narrow(*left, &need_left)),
            right: Box::new(narrow(*right, &need_right)),
            kind,
            nulls_match,
        },
    };
    selected(joined, &output, kept)
}

fn narrow_aggregate(plan: Plan, kept: &[usize]) -> Plan {
    let Plan { node, schema, mode, unique_keys } = plan;
    let PlanNode::Aggregate { input, group, calls } = node else {
        return Plan { node, schema, mode, unique_keys };
    };

    let mut needed = Vec::new();
    group.iter().for_each(|g| add_columns(g, &mut needed));
    for call in &calls {
        call.argument.iter().chain(&call.filter).for_each(|e| add_columns(e, &mut needed));
    }
    let calls = calls
        .iter()
        .map(|c| AggregateCall {
            argument: c.argument.as_ref().map(|a| moved(a, &needed)),
            filter: c.filter.as_ref().map(|f| moved(f, &needed)),
            ..c.clone()
        })
        .collect();
    let group = moved_all(&group, &needed);
    let input = Box::new(narrow(*input, &needed));
    let all: Vec<usize> = (0..schema.len()).collect();
    let node = PlanNode::Aggregate { input, group, calls };
    selected(Plan { node, schema, mode, unique_keys }, &all, kept)
}

/// `plan`, whose columns are `have` of some output, cut down to `kept` of it.
fn selected(plan: Plan, have: &[usize], kept: &[usize]) -> Plan {
    if have == kept {
        return plan;
    }
    let place = |c: &usize| have.binary_search(c).unwrap_or(0);
    let fields = plan.schema.fields();
    let exprs: Vec<Expr> =
        kept.iter().map(|c| Expr::column(place(c), fields[place(c)].data_type.clone())).collect();
    let names = kept.iter().map(|c| Arc::clone(&fields[place(c)].name)).collect();
    plan.project(exprs, names)
}
