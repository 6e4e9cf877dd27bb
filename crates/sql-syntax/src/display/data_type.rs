//! Data types.

use std::fmt::{self, Display, Formatter};

use super::{Clause, Commas};
use crate::ast::{DataType, DataTypeKind, Nullability, RowField, TimeZoneMode};

impl Display for DataType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let nullability = match self.nullability {
            Nullability::Unspecified => "",
            Nullability::Null => " NULL",
            Nullability::NotNull => " NOT NULL",
        };
        write!(f, "{}{nullability}", self.kind)
    }
}

struct Size(Option<u32>);

impl Display for Size {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(size) => write!(f, "({size})"),
            None => Ok(()),
        }
    }
}

impl Display for DataTypeKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Boolean => "BOOLEAN",
            Self::TinyInt => "TINYINT",
            Self::SmallInt => "SMALLINT",
            Self::Int => "INT",
            Self::BigInt => "BIGINT",
            Self::Float => "FLOAT",
            Self::Real => "REAL",
            Self::Double => "DOUBLE",
            Self::String => "STRING",
            Self::Bytes => "BYTES",
            Self::Date => "DATE",
            Self::Null => "NULL",
            Self::Variant => "VARIANT",
            Self::Decimal { precision: Some(precision), scale: Some(scale) } => {
                return write!(f, "DECIMAL({precision}, {scale})");
            }
            Self::Decimal { precision, .. } => return write!(f, "DECIMAL{}", Size(*precision)),
            Self::Char(size) => return write!(f, "CHAR{}", Size(*size)),
            Self::Varchar(size) => return write!(f, "VARCHAR{}", Size(*size)),
            Self::Binary(size) => return write!(f, "BINARY{}", Size(*size)),
            Self::Varbinary(size) => return write!(f, "VARBINARY{}", Size(*size)),
            Self::Time { precision, zone } => return timed("TIME", *precision, *zone, f),
            Self::Timestamp { precision, zone: TimeZoneMode::Local } => {
                return write!(f, "TIMESTAMP_LTZ{}", Size(*precision));
            }
            Self::Timestamp { precision, zone } => return timed("TIMESTAMP", *precision, *zone, f),
            Self::Interval(qualifier) => return write!(f, "INTERVAL {qualifier}"),
            Self::Array(element) => return write!(f, "ARRAY<{element}>"),
            Self::Multiset(element) => return write!(f, "MULTISET<{element}>"),
            Self::Map(key, value) => return write!(f, "MAP<{key}, {value}>"),
            Self::Row(fields) => return write!(f, "ROW<{}>", Commas(fields)),
            Self::Raw { class, snapshot } => return write!(f, "RAW({class}, {snapshot})"),
            Self::Named(name) => return name.fmt(f),
        };
        f.write_str(word)
    }
}

fn timed(
    word: &str,
    precision: Option<u32>,
    zone: TimeZoneMode,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    let zone = match zone {
        TimeZoneMode::Without => "",
        TimeZoneMode::With => " WITH TIME ZONE",
        TimeZoneMode::Local => " WITH LOCAL TIME ZONE",
    };
    write!(f, "{word}{}{zone}", Size(precision))
}

impl Display for RowField {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.name, self.data_type, Clause(" ", &self.comment))
    }
}
