//! `=`, `<>`, `<`, `<=`, `>`, `>=`, `IS [NOT] DISTINCT FROM`, `GREATEST`, `LEAST`.

use std::cmp::Ordering;

use tailwater_types::{Datum, TypeKind};

use super::call::Call;
use crate::expr::Expr;
use crate::resolve::{ResolveError, Resolved};
use crate::unify::common_type;

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match call.name {
        "=" => compare_call(call, |o| o == Some(Ordering::Equal)),
        "<>" | "!=" => compare_call(call, |o| o != Some(Ordering::Equal)),
        "<" => compare_call(call, |o| o == Some(Ordering::Less)),
        "<=" => compare_call(call, |o| matches!(o, Some(Ordering::Less | Ordering::Equal))),
        ">" => compare_call(call, |o| o == Some(Ordering::Greater)),
        ">=" => compare_call(call, |o| matches!(o, Some(Ordering::Greater | Ordering::Equal))),
        "IS DISTINCT FROM" => distinct(call, true),
        "IS NOT DISTINCT FROM" => distinct(call, false),
        "GREATEST" => extreme(call, Ordering::Greater),
        "LEAST" => extreme(call, Ordering::Less),
        _ => return None,
    })
}

/// The order of two values of one type; `None` if they have none (NaN, unequal maps).
pub(crate) fn order(a: Datum<'_>, b: Datum<'_>) -> Option<Ordering> {
    match (a, b) {
        (Datum::Int(x), Datum::Int(y)) => Some(x.cmp(&y)),
        (Datum::Str(x), Datum::Str(y)) => Some(x.as_bytes().cmp(y.as_bytes())),
        (Datum::Decimal(x), Datum::Decimal(y)) => Some(x.cmp(&y)),
        (Datum::Timestamp(x), Datum::Timestamp(y)) => Some(x.cmp(&y)),
        (Datum::Double(x), Datum::Double(y)) => x.partial_cmp(&y),
        (Datum::Float(x), Datum::Float(y)) => x.partial_cmp(&y),
        (Datum::Bool(x), Datum::Bool(y)) => Some(x.cmp(&y)),
        (Datum::Bytes(x), Datum::Bytes(y)) => Some(x.cmp(y)),
        (Datum::Array(x), Datum::Array(y)) | (Datum::Row(x), Datum::Row(y)) => {
            (x == y).then_some(Ordering::Equal)
        }
        (Datum::Map(x), Datum::Map(y)) => (x == y).then_some(Ordering::Equal),
        _ => None,
    }
}

/// Whether two values are the same, NULL being the same as NULL.
pub(crate) fn is_same(a: Datum<'_>, b: Datum<'_>) -> bool {
    match (a, b) {
        (Datum::Null, Datum::Null) => true,
        (Datum::Null, _) | (_, Datum::Null) => false,
        _ => order(a, b) == Some(Ordering::Equal),
    }
}

fn is_temporal(kind: &TypeKind) -> bool {
    matches!(
        kind,
        TypeKind::Date | TypeKind::Time(_) | TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_)
    )
}

fn is_nested(kind: &TypeKind) -> bool {
    matches!(
        kind,
        TypeKind::Array(_) | TypeKind::Map(..) | TypeKind::Multiset(_) | TypeKind::Row(_)
    )
}

/// Casts both sides to the type that they are compared as.
fn align(call: &mut Call<'_>) -> Result<(), ResolveError> {
    if call.args.len() != 2 {
        return Err(call.mismatch());
    }
    let (a, b) = (call.kind(0).clone(), call.kind(1).clone());
    if a.is_string() && b.is_string() {
        return Ok(());
    }
    if (a.is_string() && b.is_numeric()) || (a.is_numeric() && b.is_string()) {
        let root = |k: &TypeKind| match k {
            TypeKind::Int => "INTEGER".to_owned(),
            other => other.to_string().split('(').next().unwrap_or("").to_owned(),
        };
        return Err(ResolveError::new(format!(
            "implicit type conversion between {} and {} is not supported now",
            root(&a),
            root(&b)
        ))
        .with_hint("CAST one side to the type of the other"));
    }
    if a.is_string() && is_temporal(&b) {
        return call.cast(0, &b);
    }
    if is_temporal(&a) && b.is_string() {
        return call.cast(1, &a);
    }
    let is_day = |k: &TypeKind| *k == TypeKind::Date;
    if call.context.is_strict
        && is_day(&a) != is_day(&b)
        && a != TypeKind::Null
        && b != TypeKind::Null
    {
        return Err(call.mismatch().with_hint("CAST one side to the type of the other"));
    }
    let common = common_type(&call.types()).ok_or_else(|| call.mismatch())?;
    call.cast(0, &common.kind)?;
    call.cast(1, &common.kind)
}

fn compare_call(
    call: &mut Call<'_>,
    holds: fn(Option<Ordering>) -> bool,
) -> Result<Expr, ResolveError> {
    align(call)?;
    if is_nested(call.kind(0)) && !matches!(call.name, "=" | "<>" | "!=") {
        return Err(call.mismatch());
    }
    if call.name == "!=" {
        call.name = "<>";
    }
    call.strict(TypeKind::Boolean, move |_, args| Ok(Datum::Bool(holds(order(args[0], args[1])))))
}

fn distinct(call: &mut Call<'_>, wanted: bool) -> Result<Expr, ResolveError> {
    align(call)?;
    call.called(TypeKind::Boolean.not_null(), move |_, args| {
        Ok(Datum::Bool(is_same(args[0], args[1]) != wanted))
    })
}

fn extreme(call: &mut Call<'_>, wanted: Ordering) -> Result<Expr, ResolveError> {
    if call.args.is_empty() {
        return Err(call.mismatch());
    }
    let common = call.unify(0)?;
    if is_nested(&common.kind) {
        return Err(call.mismatch());
    }
    call.strict(common.kind, move |_, args| {
        let mut best = args[0];
        for arg in &args[1..] {
            if order(*arg, best) == Some(wanted) {
                best = *arg;
            }
        }
        Ok(best)
    })
}
