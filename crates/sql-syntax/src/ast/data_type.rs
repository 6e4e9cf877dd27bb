//! Data types as they are written; the engine's types are another crate's business.

use tailwater_types::diagnostic::Span;

use super::{Ident, IntervalQualifier, ObjectName, StringLiteral};

/// A data type with its nullability.
#[derive(Clone, Debug, PartialEq)]
pub struct DataType {
    /// Which type.
    pub kind: DataTypeKind,
    /// `NOT NULL`, `NULL`, or nothing written.
    pub nullability: Nullability,
    /// Its bytes, nullability included.
    pub span: Span,
}

/// What was written after a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nullability {
    /// Nothing: nullable.
    Unspecified,
    /// `NULL`.
    Null,
    /// `NOT NULL`.
    NotNull,
}

/// The zone part of a TIME or TIMESTAMP type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeZoneMode {
    /// `WITHOUT TIME ZONE`, or nothing.
    Without,
    /// `WITH TIME ZONE`.
    With,
    /// `WITH LOCAL TIME ZONE`, also spelt `TIMESTAMP_LTZ`.
    Local,
}

/// The types of the dialect. Absent parameters are `None`: the binder knows the defaults.
#[derive(Clone, Debug, PartialEq)]
pub enum DataTypeKind {
    /// `BOOLEAN`.
    Boolean,
    /// `TINYINT`.
    TinyInt,
    /// `SMALLINT`.
    SmallInt,
    /// `INT`, `INTEGER`.
    Int,
    /// `BIGINT`.
    BigInt,
    /// `FLOAT`.
    Float,
    /// `REAL`, which Flink refuses to bind.
    Real,
    /// `DOUBLE`, `DOUBLE PRECISION`.
    Double,
    /// `DECIMAL(p, s)`, `DEC`, `NUMERIC`.
    Decimal {
        /// Digits in all.
        precision: Option<u32>,
        /// Digits after the point.
        scale: Option<u32>,
    },
    /// `CHAR(n)`, `CHARACTER(n)`.
    Char(Option<u32>),
    /// `VARCHAR(n)`, `CHAR VARYING(n)`.
    Varchar(Option<u32>),
    /// `STRING`.
    String,
    /// `BINARY(n)`.
    Binary(Option<u32>),
    /// `VARBINARY(n)`, `BINARY VARYING(n)`.
    Varbinary(Option<u32>),
    /// `BYTES`.
    Bytes,
    /// `DATE`.
    Date,
    /// `TIME(p)`.
    Time {
        /// Fractional digits.
        precision: Option<u32>,
        /// The zone part.
        zone: TimeZoneMode,
    },
    /// `TIMESTAMP(p)`, `TIMESTAMP_LTZ(p)`.
    Timestamp {
        /// Fractional digits.
        precision: Option<u32>,
        /// The zone part.
        zone: TimeZoneMode,
    },
    /// `INTERVAL DAY TO SECOND(3)`.
    Interval(IntervalQualifier),
    /// `ARRAY<t>`, `t ARRAY`.
    Array(Box<DataType>),
    /// `MULTISET<t>`, `t MULTISET`.
    Multiset(Box<DataType>),
    /// `MAP<k, v>`.
    Map(Box<DataType>, Box<DataType>),
    /// `ROW<name type 'comment', ...>`, `ROW(...)`.
    Row(Vec<RowField>),
    /// `RAW('class', 'snapshot')`.
    Raw {
        /// The Java class.
        class: StringLiteral,
        /// The serialised serialiser.
        snapshot: StringLiteral,
    },
    /// `NULL`.
    Null,
    /// `VARIANT`.
    Variant,
    /// Any other name: a user's type.
    Named(ObjectName),
}

/// One field of a ROW type.
#[derive(Clone, Debug, PartialEq)]
pub struct RowField {
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub data_type: DataType,
    /// Its comment.
    pub comment: Option<StringLiteral>,
    /// From the name to the end of the field.
    pub span: Span,
}
