//! `AND`, `OR`, `NOT` and the tests of one value.

use tailwater_types::{Datum, TypeKind};

use super::call::Call;
use crate::expr::{Expr, Node};
use crate::resolve::{ResolveError, Resolved};

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match call.name {
        "AND" => junction(call, Node::And),
        "OR" => junction(call, Node::Or),
        "NOT" => call.expect(&["b"]).and_then(|()| {
            call.strict(TypeKind::Boolean, |_, args| Ok(Datum::Bool(args[0] == Datum::Bool(false))))
        }),
        "IS NULL" => test(call, "*", |v| v.is_null()),
        "IS NOT NULL" => test(call, "*", |v| !v.is_null()),
        "IS UNKNOWN" => test(call, "b", |v| v.is_null()),
        "IS NOT UNKNOWN" => test(call, "b", |v| !v.is_null()),
        "IS TRUE" => test(call, "b", |v| v == Datum::Bool(true)),
        "IS NOT TRUE" => test(call, "b", |v| v != Datum::Bool(true)),
        "IS FALSE" => test(call, "b", |v| v == Datum::Bool(false)),
        "IS NOT FALSE" => test(call, "b", |v| v != Datum::Bool(false)),
        _ => return None,
    })
}

fn junction(call: &mut Call<'_>, node: fn(Vec<Expr>) -> Node) -> Result<Expr, ResolveError> {
    call.expect(&["b+"])?;
    let data_type = TypeKind::Boolean.with_nullable(call.nullable());
    Ok(Expr { node: node(call.take()), data_type })
}

fn test(
    call: &mut Call<'_>,
    form: &str,
    holds: fn(Datum<'_>) -> bool,
) -> Result<Expr, ResolveError> {
    call.expect(&[form])?;
    call.called(TypeKind::Boolean.not_null(), move |_, args| Ok(Datum::Bool(holds(args[0]))))
}
