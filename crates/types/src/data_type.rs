//! Flink's logical types, printed as Flink's `asSummaryString`.

use std::fmt;
use std::sync::Arc;

/// The longest `VARCHAR`/`VARBINARY`; `STRING` and `BYTES` are types of this length.
pub const MAX_LENGTH: u32 = i32::MAX as u32;

/// A logical type with its nullability.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DataType {
    /// What values it holds.
    pub kind: TypeKind,
    /// Whether NULL is one of them.
    pub nullable: bool,
}

/// What values a [`DataType`] holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TypeKind {
    /// The type of a bare `NULL`.
    Null,
    /// `BOOLEAN`
    Boolean,
    /// `TINYINT`, 8 bits.
    TinyInt,
    /// `SMALLINT`, 16 bits.
    SmallInt,
    /// `INT`, 32 bits.
    Int,
    /// `BIGINT`, 64 bits.
    BigInt,
    /// `FLOAT`, 32 bits.
    Float,
    /// `DOUBLE`, 64 bits.
    Double,
    /// `DECIMAL(precision, scale)`, precision 1 to 38.
    Decimal {
        /// All digits.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `CHAR(n)`, n code points.
    Char(u32),
    /// `VARCHAR(n)`; `STRING` is `VARCHAR(2147483647)`.
    Varchar(u32),
    /// `BINARY(n)`, n bytes.
    Binary(u32),
    /// `VARBINARY(n)`; `BYTES` is `VARBINARY(2147483647)`.
    Varbinary(u32),
    /// `DATE`: days since 1970-01-01.
    Date,
    /// `TIME(p)`: milliseconds of the day.
    Time(u8),
    /// `TIMESTAMP(p)` without time zone.
    Timestamp(u8),
    /// `TIMESTAMP_LTZ(p)`: an instant.
    TimestampLtz(u8),
    /// `INTERVAL YEAR TO MONTH`: months.
    IntervalYearMonth,
    /// `INTERVAL DAY TO SECOND`: milliseconds.
    IntervalDayTime,
    /// `ARRAY<t>`
    Array(Box<DataType>),
    /// `MULTISET<t>`, held as a map from value to count.
    Multiset(Box<DataType>),
    /// `MAP<k, v>`
    Map(Box<DataType>, Box<DataType>),
    /// `ROW<...>`
    Row(Arc<[Field]>),
}

/// One field of a `ROW` or column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its name, case-sensitive.
    pub name: Arc<str>,
    /// Its type.
    pub data_type: DataType,
}

impl Field {
    /// A field called `name`.
    pub fn new(name: impl Into<Arc<str>>, data_type: DataType) -> Self {
        Self { name: name.into(), data_type }
    }
}

/// How a value of a type lies in a packed row's slot; see [`crate::row`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Only NULL.
    Null,
    /// One byte.
    Bool,
    /// All integers, `DATE`, `TIME` and intervals, as `i64`.
    Int,
    /// `f32` bits.
    Float,
    /// `f64` bits.
    Double,
    /// Unscaled `DECIMAL` of up to 18 digits as `i64`.
    Decimal64,
    /// Unscaled `DECIMAL` of more digits as `i128` in the tail.
    Decimal128,
    /// Timestamps of precision up to 6: microseconds as `i64`.
    Micros,
    /// Timestamps of precision 7 to 9: microseconds and nanoseconds in the tail.
    Nanos,
    /// UTF-8 in the tail.
    Str,
    /// Bytes in the tail.
    Bytes,
    /// A packed tuple of elements in the tail.
    Array,
    /// A packed tuple of two packed tuples, keys and values, in the tail.
    Map,
    /// A packed tuple of fields in the tail.
    Row,
}

impl TypeKind {
    /// `STRING`
    pub const STRING: TypeKind = TypeKind::Varchar(MAX_LENGTH);
    /// `BYTES`
    pub const BYTES: TypeKind = TypeKind::Varbinary(MAX_LENGTH);

    /// The type with NULL.
    pub fn nullable(self) -> DataType {
        DataType { kind: self, nullable: true }
    }

    /// The type without NULL.
    pub fn not_null(self) -> DataType {
        DataType { kind: self, nullable: false }
    }

    /// The type with NULL or without.
    pub fn with_nullable(self, nullable: bool) -> DataType {
        DataType { kind: self, nullable }
    }

    /// How values of this type lie in a packed row.
    pub fn layout(&self) -> Layout {
        match self {
            TypeKind::Null => Layout::Null,
            TypeKind::Boolean => Layout::Bool,
            TypeKind::TinyInt
            | TypeKind::SmallInt
            | TypeKind::Int
            | TypeKind::BigInt
            | TypeKind::Date
            | TypeKind::Time(_)
            | TypeKind::IntervalYearMonth
            | TypeKind::IntervalDayTime => Layout::Int,
            TypeKind::Float => Layout::Float,
            TypeKind::Double => Layout::Double,
            TypeKind::Decimal { precision, .. } if *precision <= 18 => Layout::Decimal64,
            TypeKind::Decimal { .. } => Layout::Decimal128,
            TypeKind::Timestamp(p) | TypeKind::TimestampLtz(p) if *p <= 6 => Layout::Micros,
            TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_) => Layout::Nanos,
            TypeKind::Char(_) | TypeKind::Varchar(_) => Layout::Str,
            TypeKind::Binary(_) | TypeKind::Varbinary(_) => Layout::Bytes,
            TypeKind::Array(_) => Layout::Array,
            TypeKind::Multiset(_) | TypeKind::Map(..) => Layout::Map,
            TypeKind::Row(_) => Layout::Row,
        }
    }

    /// `CHAR` or `VARCHAR`.
    pub fn is_string(&self) -> bool {
        matches!(self, TypeKind::Char(_) | TypeKind::Varchar(_))
    }

    /// `BINARY` or `VARBINARY`.
    pub fn is_binary(&self) -> bool {
        matches!(self, TypeKind::Binary(_) | TypeKind::Varbinary(_))
    }

    /// `TINYINT` to `BIGINT`.
    pub fn is_integer(&self) -> bool {
        matches!(self, TypeKind::TinyInt | TypeKind::SmallInt | TypeKind::Int | TypeKind::BigInt)
    }

    /// Integers, `DECIMAL`, `FLOAT`, `DOUBLE`.
    pub fn is_numeric(&self) -> bool {
        self.is_integer()
            || matches!(self, TypeKind::Decimal { .. } | TypeKind::Float | TypeKind::Double)
    }

    /// `TIMESTAMP` or `TIMESTAMP_LTZ`.
    pub fn is_timestamp(&self) -> bool {
        matches!(self, TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_))
    }
}

impl DataType {
    /// The same type, nullable or not.
    #[must_use]
    pub fn with_nullable(&self, nullable: bool) -> DataType {
        DataType { kind: self.kind.clone(), nullable }
    }

    /// How values of this type lie in a packed row.
    pub fn layout(&self) -> Layout {
        self.kind.layout()
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if self.nullable || self.kind == TypeKind::Null { Ok(()) } else { f.write_str(" NOT NULL") }
    }
}

impl fmt::Display for TypeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypeKind::Null => f.write_str("NULL"),
            TypeKind::Boolean => f.write_str("BOOLEAN"),
            TypeKind::TinyInt => f.write_str("TINYINT"),
            TypeKind::SmallInt => f.write_str("SMALLINT"),
            TypeKind::Int => f.write_str("INT"),
            TypeKind::BigInt => f.write_str("BIGINT"),
            TypeKind::Float => f.write_str("FLOAT"),
            TypeKind::Double => f.write_str("DOUBLE"),
            TypeKind::Decimal { precision, scale } => write!(f, "DECIMAL({precision}, {scale})"),
            TypeKind::Char(n) => write!(f, "CHAR({n})"),
            TypeKind::Varchar(n) => write!(f, "VARCHAR({n})"),
            TypeKind::Binary(n) => write!(f, "BINARY({n})"),
            TypeKind::Varbinary(n) => write!(f, "VARBINARY({n})"),
            TypeKind::Date => f.write_str("DATE"),
            TypeKind::Time(p) => write!(f, "TIME({p})"),
            TypeKind::Timestamp(p) => write!(f, "TIMESTAMP({p})"),
            TypeKind::TimestampLtz(p) => write!(f, "TIMESTAMP({p}) WITH LOCAL TIME ZONE"),
            TypeKind::IntervalYearMonth => f.write_str("INTERVAL MONTH"),
            TypeKind::IntervalDayTime => f.write_str("INTERVAL SECOND(3)"),
            TypeKind::Array(element) => write!(f, "ARRAY<{element}>"),
            TypeKind::Multiset(element) => write!(f, "MULTISET<{element}>"),
            TypeKind::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
            TypeKind::Row(fields) => {
                f.write_str("ROW<")?;
                for (i, field) in fields.iter().enumerate() {
                    let separator = if i == 0 { "" } else { ", " };
                    let name = field.name.replace('`', "``");
                    write!(f, "{separator}`{name}` {}", field.data_type)?;
                }
                f.write_str(">")
            }
        }
    }
}

/// The columns of a stream or table, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schema {
    fields: Arc<[Field]>,
}

impl Schema {
    /// A schema of these columns.
    pub fn new(fields: impl Into<Arc<[Field]>>) -> Self {
        Self { fields: fields.into() }
    }

    /// The columns.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// How many columns.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The slot layouts of a packed row with these columns.
    pub fn layouts(&self) -> Arc<[Layout]> {
        self.fields.iter().map(|f| f.data_type.layout()).collect()
    }

    /// The `ROW` type with these fields.
    pub fn row_type(&self) -> DataType {
        TypeKind::Row(Arc::clone(&self.fields)).not_null()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_types_as_flinks_summary_string() {
        let row = TypeKind::Row(
            vec![
                Field::new("a", TypeKind::Int.not_null()),
                Field::new(
                    "b`c",
                    TypeKind::Array(Box::new(TypeKind::STRING.nullable())).nullable(),
                ),
            ]
            .into(),
        );
        assert_eq!(
            row.not_null().to_string(),
            "ROW<`a` INT NOT NULL, `b``c` ARRAY<VARCHAR(2147483647)>> NOT NULL"
        );
        let decimal = TypeKind::Decimal { precision: 10, scale: 2 };
        assert_eq!(
            TypeKind::Map(Box::new(TypeKind::STRING.not_null()), Box::new(decimal.nullable()))
                .nullable()
                .to_string(),
            "MAP<VARCHAR(2147483647) NOT NULL, DECIMAL(10, 2)>"
        );
    }
}
