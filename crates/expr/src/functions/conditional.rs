//! `CASE`, `COALESCE`, `NULLIF`, `IF`, `IFNULL`, `TYPEOF`.

use tailwater_types::{TypeKind, Value};

use super::call::Call;
use crate::cast::convert;
use crate::expr::{Expr, Node};
use crate::resolve::{ResolveError, Resolved};
use crate::unify::common_type;

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match call.name {
        "CASE" => case(call),
        "COALESCE" => coalesce(call),
        "IFNULL" if call.args.len() == 2 => coalesce(call),
        "NULLIF" if call.args.len() == 2 => null_if(call),
        "IF" if call.args.len() == 3 => if_else(call),
        "TYPEOF" if call.args.len() == 1 => {
            let text = call.args[0].data_type.to_string();
            Ok(Expr::literal(Value::Str(text.into()), TypeKind::STRING.nullable()))
        }
        _ => return None,
    })
}

fn mixed() -> ResolveError {
    ResolveError::new("Illegal mixed types in CASE or COALESCE")
        .with_hint("CAST the values to one type")
}

fn case(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    let context = call.context;
    let mut args = call.take();
    if args.len() < 3 || args.len().is_multiple_of(2) {
        return Err(ResolveError::new("CASE needs conditions, values and an else"));
    }
    let otherwise = args.pop().unwrap_or_else(|| Expr::null(&TypeKind::Null.nullable()));
    let mut branches: Vec<(Expr, Expr)> = Vec::new();
    let mut rest = args.into_iter();
    while let (Some(condition), Some(value)) = (rest.next(), rest.next()) {
        if !matches!(condition.data_type.kind, TypeKind::Boolean | TypeKind::Null) {
            return Err(ResolveError::new("Expected a boolean type"));
        }
        branches.push((condition, value));
    }
    let mut types: Vec<_> = branches.iter().map(|(_, v)| v.data_type.clone()).collect();
    types.push(otherwise.data_type.clone());
    let data_type = common_type(&types).ok_or_else(mixed)?;
    let branches = branches
        .into_iter()
        .map(|(condition, value)| Ok((condition, convert(value, &data_type.kind, context)?)))
        .collect::<Result<Vec<_>, ResolveError>>()?;
    let otherwise = Box::new(convert(otherwise, &data_type.kind, context)?);
    Ok(Expr { node: Node::Case { branches, otherwise }, data_type })
}

fn coalesce(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    if call.args.is_empty() {
        return Err(call.mismatch());
    }
    let nullable = call.args.iter().all(|a| a.data_type.nullable);
    let kind = common_type(&call.types()).ok_or_else(mixed)?.kind;
    for i in 0..call.args.len() {
        call.cast(i, &kind)?;
    }
    Ok(Expr { node: Node::Coalesce(call.take()), data_type: kind.with_nullable(nullable) })
}

fn null_if(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    let value = call.args[0].clone();
    let args = call.take();
    let condition = super::resolve("=", args, call.context)?;
    let data_type = value.data_type.with_nullable(true);
    Ok(Expr {
        node: Node::Case {
            branches: vec![(condition, Expr::null(&data_type))],
            otherwise: Box::new(value),
        },
        data_type,
    })
}

fn if_else(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["b**"])?;
    let nullable = call.nullable();
    let kind = common_type(&call.types()[1..]).ok_or_else(|| call.mismatch())?.kind;
    call.cast(1, &kind)?;
    call.cast(2, &kind)?;
    let mut args = call.take().into_iter();
    let (Some(condition), Some(yes), Some(no)) = (args.next(), args.next(), args.next()) else {
        return Err(call.mismatch());
    };
    Ok(Expr {
        node: Node::Case { branches: vec![(condition, yes)], otherwise: Box::new(no) },
        data_type: kind.with_nullable(nullable),
    })
}
