//! The result types of aggregate functions.

use tailwater_types::{DataType, TypeKind};

/// The type of `name(argument)`, without looking at groups: `None` if the function does not take
/// the type. `COUNT` is never NULL; the others are NULL for a group without values.
pub fn aggregate_type(name: &str, argument: Option<&DataType>) -> Option<DataType> {
    let kind = argument.map(|t| &t.kind);
    Some(match (name, kind) {
        ("COUNT", _) => TypeKind::BigInt.not_null(),
        ("MIN" | "MAX" | "FIRST_VALUE" | "LAST_VALUE" | "SINGLE_VALUE", Some(kind)) => {
            kind.clone().nullable()
        }
        ("SUM", Some(TypeKind::Decimal { scale, .. })) => {
            TypeKind::Decimal { precision: 38, scale: *scale }.nullable()
        }
        ("AVG", Some(TypeKind::Decimal { scale, .. })) => {
            TypeKind::Decimal { precision: 38, scale: (*scale).max(6) }.nullable()
        }
        ("SUM" | "AVG", Some(kind)) if kind.is_numeric() => kind.clone().nullable(),
        _ => return None,
    })
}
