//! The type that several values have in common.

use tailwater_types::{DataType, Field, TypeKind};

/// The least restrictive type that holds the values of all `types`, as Flink derives it for CASE,
/// COALESCE, UNION and VALUES; `None` if there is none.
pub fn common_type(types: &[DataType]) -> Option<DataType> {
    let nullable = types.iter().any(|t| t.nullable || t.kind == TypeKind::Null);
    let mut result: Option<TypeKind> = None;
    for data_type in types.iter().filter(|t| t.kind != TypeKind::Null) {
        result = Some(match result {
            None => data_type.kind.clone(),
            Some(kind) => common_kind(&kind, &data_type.kind)?,
        });
    }
    Some(result.unwrap_or(TypeKind::Null).with_nullable(nullable))
}

/// Digits and scale of an exact numeric type, as Flink counts them in arithmetic.
pub(crate) fn as_decimal(kind: &TypeKind) -> Option<(u8, u8)> {
    Some(match kind {
        TypeKind::TinyInt => (3, 0),
        TypeKind::SmallInt => (5, 0),
        TypeKind::Int => (10, 0),
        TypeKind::BigInt => (19, 0),
        TypeKind::Decimal { precision, scale } => (*precision, *scale),
        _ => return None,
    })
}

fn integer_rank(kind: &TypeKind) -> Option<u8> {
    as_decimal(kind).filter(|_| kind.is_integer()).map(|d| d.0)
}

fn common_number(a: &TypeKind, b: &TypeKind) -> Option<TypeKind> {
    if let (Some(x), Some(y)) = (integer_rank(a), integer_rank(b)) {
        return Some(if x >= y { a.clone() } else { b.clone() });
    }
    let is_approximate = |k: &TypeKind| matches!(k, TypeKind::Float | TypeKind::Double);
    if is_approximate(a) || is_approximate(b) {
        let has = |k: &TypeKind| a == k || b == k;
        let has_decimal =
            matches!(a, TypeKind::Decimal { .. }) || matches!(b, TypeKind::Decimal { .. });
        return Some(if has(&TypeKind::Double) || has_decimal {
            TypeKind::Double
        } else {
            TypeKind::Float
        });
    }
    let ((p1, s1), (p2, s2)) = (as_decimal(a)?, as_decimal(b)?);
    let whole = (p1.saturating_sub(s1)).max(p2.saturating_sub(s2)).min(38);
    let scale = s1.max(s2).min(38 - whole);
    Some(TypeKind::Decimal { precision: whole + scale, scale })
}

fn common_child(a: &DataType, b: &DataType) -> Option<Box<DataType>> {
    common_type(&[a.clone(), b.clone()]).map(Box::new)
}

fn common_kind(a: &TypeKind, b: &TypeKind) -> Option<TypeKind> {
    use TypeKind::{
        Array, Binary, Char, Date, Map, Multiset, Row, Time, Timestamp, TimestampLtz, Varbinary,
        Varchar,
    };
    if a == b {
        return Some(a.clone());
    }
    if a.is_numeric() && b.is_numeric() {
        return common_number(a, b);
    }
    Some(match (a, b) {
        (Char(x) | Varchar(x), Char(y) | Varchar(y)) => Varchar(*x.max(y)),
        (Binary(x) | Varbinary(x), Binary(y) | Varbinary(y)) => Varbinary(*x.max(y)),
        (Time(x), Time(y)) => Time(*x.max(y)),
        (Timestamp(x), Timestamp(y)) => Timestamp(*x.max(y)),
        (Timestamp(x) | TimestampLtz(x), Timestamp(y) | TimestampLtz(y)) => TimestampLtz(*x.max(y)),
        (Date, Timestamp(_) | TimestampLtz(_)) => b.clone(),
        (Timestamp(_) | TimestampLtz(_), Date) => a.clone(),
        (Array(x), Array(y)) => Array(common_child(x, y)?),
        (Multiset(x), Multiset(y)) => Multiset(common_child(x, y)?),
        (Map(k1, v1), Map(k2, v2)) => Map(common_child(k1, k2)?, common_child(v1, v2)?),
        (Row(x), Row(y)) if x.len() == y.len() => {
            let fields = x.iter().zip(y.iter()).map(|(f, g)| {
                let data_type = *common_child(&f.data_type, &g.data_type)?;
                Some(Field::new(f.name.clone(), data_type))
            });
            Row(fields.collect::<Option<Vec<_>>>()?.into())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(precision: u8, scale: u8) -> TypeKind {
        TypeKind::Decimal { precision, scale }
    }

    #[test]
    fn common_types_are_flinks() {
        let table = [
            (vec![TypeKind::Int, decimal(2, 1), TypeKind::Int], "DECIMAL(11, 1) NOT NULL"),
            (vec![TypeKind::Int, decimal(2, 1), TypeKind::BigInt], "DECIMAL(20, 1) NOT NULL"),
            (vec![TypeKind::Char(2), TypeKind::Char(3)], "VARCHAR(3) NOT NULL"),
            (vec![TypeKind::Char(3), TypeKind::Char(3)], "CHAR(3) NOT NULL"),
            (vec![TypeKind::Int, TypeKind::Null], "INT"),
            (vec![TypeKind::Int, TypeKind::Float], "FLOAT NOT NULL"),
            (vec![decimal(5, 2), TypeKind::Float], "DOUBLE NOT NULL"),
            (vec![TypeKind::Timestamp(0), TypeKind::Timestamp(3)], "TIMESTAMP(3) NOT NULL"),
        ];
        for (kinds, expected) in table {
            let types: Vec<DataType> = kinds.into_iter().map(TypeKind::not_null).collect();
            assert_eq!(common_type(&types).map(|t| t.to_string()).as_deref(), Some(expected));
        }
        let mixed = [TypeKind::Int.not_null(), TypeKind::STRING.not_null()];
        assert_eq!(common_type(&mixed), None);
    }
}
