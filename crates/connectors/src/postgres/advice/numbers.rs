//! Which numbers a type can hold, on either side.

use tailwater_pg_wire::value::ValueType;
use tailwater_types::TypeKind;

use crate::postgres::types::PgType;

/// The numbers of a type: up to `max` with so many digits behind the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digits {
    max: u128,
    fraction: i32,
}

impl Digits {
    fn whole(max: impl Into<u128>) -> Self {
        Self { max: max.into(), fraction: 0 }
    }

    fn decimal(precision: i32, scale: i32) -> Self {
        let digits = u32::try_from(precision - scale).unwrap_or(0);
        let max = 10_u128.checked_pow(digits).map_or(u128::MAX, |power| power - 1);
        Self { max, fraction: scale.max(0) }
    }

    /// Of a type of the database; `None` if it is no exact number, or a domain, whose limits are
    /// not known here.
    pub(crate) fn of_database(pg_type: &PgType) -> Option<Self> {
        Some(match &pg_type.value {
            ValueType::Int2 => Self::whole(i16::MAX as u16),
            ValueType::Int4 => Self::whole(i32::MAX as u32),
            ValueType::Int8 => Self::whole(i64::MAX as u64),
            ValueType::Oid => Self::whole(u32::MAX),
            ValueType::Xid8 => Self::whole(u64::MAX),
            ValueType::Money { digits } => {
                let fraction = i32::from(*digits);
                Self { fraction, ..Self::whole(i64::MAX as u64 / 10_u64.pow(u32::from(*digits))) }
            }
            ValueType::Numeric if pg_type.name == "numeric" => {
                Self { max: u128::MAX, fraction: i32::MAX }
            }
            ValueType::Numeric => {
                let inside = pg_type.name.strip_prefix("numeric(")?.strip_suffix(')')?;
                let (precision, scale) = inside.split_once(',')?;
                Self::decimal(precision.trim().parse().ok()?, scale.trim().parse().ok()?)
            }
            _ => return None,
        })
    }

    /// Of a declared type; `None` if it is no exact number.
    pub(crate) fn of_declared(kind: &TypeKind) -> Option<Self> {
        Some(match kind {
            TypeKind::TinyInt => Self::whole(i8::MAX as u8),
            TypeKind::SmallInt => Self::whole(i16::MAX as u16),
            TypeKind::Int => Self::whole(i32::MAX as u32),
            TypeKind::BigInt => Self::whole(i64::MAX as u64),
            TypeKind::Decimal { precision, scale } => {
                Self::decimal(i32::from(*precision), i32::from(*scale))
            }
            _ => return None,
        })
    }

    /// Whether every number of `self` is one of `other`.
    pub(crate) fn fit_into(self, other: Self) -> bool {
        self.max <= other.max && self.fraction <= other.fraction
    }

    /// Whether only digits behind the point are lost.
    pub(crate) fn round_into(self, other: Self) -> bool {
        self.max <= other.max && self.fraction > other.fraction
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(value: ValueType, name: &str) -> Option<Digits> {
        Digits::of_database(&PgType {
            oid: 0,
            is_enum: false,
            is_string: false,
            value,
            name: name.to_owned(),
            base_name: String::new(),
        })
    }

    #[test]
    fn numbers_fit_where_their_largest_does() {
        let decimal = |precision, scale| TypeKind::Decimal { precision, scale };
        let numeric = |name: &str| database(ValueType::Numeric, name);
        let cases = [
            (database(ValueType::Int4, "integer"), TypeKind::Int, true),
            (database(ValueType::Int4, "integer"), TypeKind::SmallInt, false),
            (database(ValueType::Int4, "integer"), decimal(10, 0), true),
            (database(ValueType::Int4, "integer"), decimal(10, 2), false),
            (database(ValueType::Oid, "oid"), TypeKind::Int, false),
            (database(ValueType::Xid8, "xid8"), TypeKind::BigInt, false),
            (numeric("numeric"), decimal(38, 18), false),
            (numeric("numeric(10,2)"), decimal(10, 2), true),
            (numeric("numeric(10,2)"), decimal(10, 4), false),
            (numeric("numeric(10,2)"), decimal(12, 4), true),
            (numeric("numeric(10,2)"), decimal(10, 1), false),
            (numeric("numeric(5,-2)"), decimal(7, 0), true),
            (numeric("numeric(9,0)"), TypeKind::Int, true),
            (database(ValueType::Money { digits: 2 }, "money"), decimal(19, 2), true),
            (database(ValueType::Money { digits: 2 }, "money"), decimal(18, 2), false),
        ];
        for (of_database, declared, expected) in cases {
            let declared = Digits::of_declared(&declared).unwrap();
            let fits = of_database.unwrap().fit_into(declared);
            assert_eq!(fits, expected, "{of_database:?} {declared:?}");
        }
        assert_eq!(numeric("price"), None);
        let cents = Digits::of_declared(&decimal(10, 2)).unwrap();
        assert!(cents.round_into(numeric("numeric(10,0)").unwrap()));
    }
}
