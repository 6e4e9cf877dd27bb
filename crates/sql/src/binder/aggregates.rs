//! Aggregate calls, and expressions over a grouping.

use std::sync::Arc;

use tailwater_expr::{CastMode, Expr, Node, aggregate_type, cast};
use tailwater_sql_syntax::ast::{ArgValue, FunctionCall, SetQuantifier};
use tailwater_types::{DataType, Span, TypeKind};

use super::scope::{FIRST_CALL, Scope};
use super::{Binder, Bound};
use crate::plan::AggregateCall;

impl Binder<'_> {
    /// An aggregate call: collected by the scope, and a column that stands for it.
    pub(super) fn bind_aggregate(
        &mut self,
        name: &str,
        call: &FunctionCall,
        span: Span,
        scope: &Scope,
    ) -> Bound<Expr> {
        let Some(calls) = &scope.calls else {
            let message = format!("Aggregate expression {name} is not allowed in this place");
            return self.error("E0120", span, message, None);
        };
        if !matches!(name, "COUNT" | "SUM" | "AVG" | "MIN" | "MAX")
            || !call.order_by.is_empty()
            || !call.within_group.is_empty()
        {
            return self.unsupported(span, &format!("the aggregate {name}"));
        }
        let rows = Scope { calls: None, ..scope.clone() };
        let argument = match call.args.as_slice() {
            [arg] => match &arg.value {
                ArgValue::Wildcard if name == "COUNT" => None,
                ArgValue::Expr(value) => Some(self.bind_expr(value, &rows)?),
                _ => return self.unsupported(arg.span, "this kind of argument"),
            },
            _ => {
                let message =
                    format!("Invalid number of arguments to function '{name}', it takes one");
                return self.error("E0121", span, message, None);
            }
        };
        let filter = match &call.filter {
            Some(filter) => Some(self.bind_condition(filter, &rows, "FILTER")?),
            None => None,
        };
        let data_type = aggregate_type(name, argument.as_ref().map(|a| &a.data_type));
        let Some(data_type) = data_type else {
            let given = argument.map(|a| a.data_type.to_string()).unwrap_or_default();
            let message = format!("No match found for function signature {name}(<{given}>)");
            return self.error("E0110", span, message, None);
        };
        let argument = self.accumulated(name, argument, &data_type, span)?;
        let is_distinct = call.quantifier == Some(SetQuantifier::Distinct);
        let bound =
            AggregateCall { name: name.to_owned(), argument, is_distinct, filter, data_type };
        let mut calls = calls.borrow_mut();
        let text = bound.to_string();
        let place = calls.iter().position(|c| c.to_string() == text).unwrap_or_else(|| {
            calls.push(bound);
            calls.len() - 1
        });
        Ok(Expr::column(FIRST_CALL + place, calls[place].data_type.clone()))
    }

    /// Brings an argument to the type in which it is summed up.
    fn accumulated(
        &mut self,
        name: &str,
        argument: Option<Expr>,
        result: &DataType,
        span: Span,
    ) -> Bound<Option<Expr>> {
        let Some(argument) = argument else {
            return Ok(None);
        };
        if name == "COUNT" && !argument.data_type.nullable {
            // No value can be NULL: every row counts, but DISTINCT needs the values.
            return Ok(Some(argument));
        }
        if name == "AVG" && matches!(result.kind, TypeKind::Decimal { .. }) {
            let target = result.with_nullable(argument.data_type.nullable);
            let cast = cast(argument, &target, CastMode::Explicit, self.context);
            return self.resolved(span, cast).map(Some);
        }
        Ok(Some(argument))
    }

    /// An expression of a SELECT list or HAVING over the grouping's output: group columns first,
    /// calls behind them.
    pub(super) fn over_groups(
        &mut self,
        expr: &Expr,
        groups: &[(String, Expr)],
        span: Span,
    ) -> Bound<Expr> {
        let mut ungrouped = false;
        let over = rewrite(expr, groups, &mut ungrouped);
        if ungrouped {
            let text = span.slice(&self.source.text).to_owned();
            let message = format!("Expression '{text}' is not being grouped");
            let hint = "name it in GROUP BY, or put it into an aggregate such as MAX".to_owned();
            return self.error("E0122", span, message, Some(hint));
        }
        Ok(over)
    }
}

fn rewrite(expr: &Expr, groups: &[(String, Expr)], ungrouped: &mut bool) -> Expr {
    if let Node::Column(i, _) = expr.node
        && i >= FIRST_CALL
    {
        return Expr::column(i - FIRST_CALL + groups.len(), expr.data_type.clone());
    }
    let text = expr.to_string();
    if let Some(i) = groups.iter().position(|(t, _)| *t == text) {
        return Expr::column(i, groups[i].1.data_type.clone());
    }
    let all = |args: &[Expr], ungrouped: &mut bool| -> Vec<Expr> {
        args.iter().map(|a| rewrite(a, groups, ungrouped)).collect()
    };
    let node = match &expr.node {
        Node::Column(i, layout) => {
            *ungrouped = true;
            Node::Column(*i, *layout)
        }
        Node::Literal(value) => Node::Literal(value.clone()),
        Node::Call(function, args) => Node::Call(Arc::clone(function), all(args, ungrouped)),
        Node::And(args) => Node::And(all(args, ungrouped)),
        Node::Or(args) => Node::Or(all(args, ungrouped)),
        Node::Coalesce(args) => Node::Coalesce(all(args, ungrouped)),
        Node::Case { branches, otherwise } => Node::Case {
            branches: branches
                .iter()
                .map(|(c, v)| (rewrite(c, groups, ungrouped), rewrite(v, groups, ungrouped)))
                .collect(),
            otherwise: Box::new(rewrite(otherwise, groups, ungrouped)),
        },
    };
    Expr { node, data_type: expr.data_type.clone() }
}
