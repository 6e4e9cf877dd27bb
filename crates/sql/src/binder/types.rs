//! Types as they are written to types as the engine has them.

use tailwater_sql_syntax::ast::{
    DataType as AstType, DataTypeKind, IntervalQualifier, Nullability, TimeUnit, TimeZoneMode,
};
use tailwater_types::{DataType, Diagnostic, Field, TypeKind};

/// The engine's type.
///
/// # Errors
/// A parameter out of range, or a type that there is no engine type for.
pub fn data_type(ast: &AstType) -> Result<DataType, Diagnostic> {
    let nullable = ast.nullability != Nullability::NotNull;
    Ok(kind(ast)?.with_nullable(nullable))
}

fn kind(ast: &AstType) -> Result<TypeKind, Diagnostic> {
    let refuse = |message: String| Err(Diagnostic::error("E0111", ast.span, message));
    let length = |n: &Option<u32>| match n {
        Some(0) => Err(Diagnostic::error("E0111", ast.span, "a length must be 1 or more")),
        Some(n) => Ok(*n),
        None => Ok(1),
    };
    let precision = |p: &Option<u32>, default: u8| match p {
        None => Ok(default),
        Some(p) if *p <= 9 => Ok(*p as u8),
        Some(p) => Err(Diagnostic::error(
            "E0111",
            ast.span,
            format!("precision {p} is out of range, it must be between 0 and 9"),
        )),
    };
    Ok(match &ast.kind {
        DataTypeKind::Boolean => TypeKind::Boolean,
        DataTypeKind::TinyInt => TypeKind::TinyInt,
        DataTypeKind::SmallInt => TypeKind::SmallInt,
        DataTypeKind::Int => TypeKind::Int,
        DataTypeKind::BigInt => TypeKind::BigInt,
        DataTypeKind::Float | DataTypeKind::Real => TypeKind::Float,
        DataTypeKind::Double => TypeKind::Double,
        DataTypeKind::Decimal { precision, scale } => {
            let (precision, scale) = (precision.unwrap_or(10), scale.unwrap_or(0));
            if !(1..=38).contains(&precision) || scale > precision {
                return refuse(format!(
                    "DECIMAL({precision}, {scale}) is out of range: precision must be between 1 \
                     and 38, scale between 0 and the precision"
                ));
            }
            TypeKind::Decimal { precision: precision as u8, scale: scale as u8 }
        }
        DataTypeKind::Char(n) => TypeKind::Char(length(n)?),
        DataTypeKind::Varchar(n) => TypeKind::Varchar(length(n)?),
        DataTypeKind::String => TypeKind::STRING,
        DataTypeKind::Binary(n) => TypeKind::Binary(length(n)?),
        DataTypeKind::Varbinary(n) => TypeKind::Varbinary(length(n)?),
        DataTypeKind::Bytes => TypeKind::BYTES,
        DataTypeKind::Date => TypeKind::Date,
        DataTypeKind::Time { precision: p, .. } => TypeKind::Time(precision(p, 0)?),
        DataTypeKind::Timestamp { zone: TimeZoneMode::With, .. } => {
            return refuse(
                "TIMESTAMP WITH TIME ZONE is not supported; TIMESTAMP_LTZ holds an instant"
                    .to_owned(),
            );
        }
        DataTypeKind::Timestamp { precision: p, zone: TimeZoneMode::Local } => {
            TypeKind::TimestampLtz(precision(p, 6)?)
        }
        DataTypeKind::Timestamp { precision: p, .. } => TypeKind::Timestamp(precision(p, 6)?),
        DataTypeKind::Interval(qualifier) => interval_kind(qualifier),
        DataTypeKind::Array(element) => TypeKind::Array(Box::new(data_type(element)?)),
        DataTypeKind::Multiset(element) => TypeKind::Multiset(Box::new(data_type(element)?)),
        DataTypeKind::Map(key, value) => {
            TypeKind::Map(Box::new(data_type(key)?), Box::new(data_type(value)?))
        }
        DataTypeKind::Row(fields) => {
            let field = |f: &tailwater_sql_syntax::ast::RowField| {
                Ok(Field::new(f.name.value.as_str(), data_type(&f.data_type)?))
            };
            TypeKind::Row(fields.iter().map(field).collect::<Result<Vec<_>, _>>()?.into())
        }
        DataTypeKind::Null => TypeKind::Null,
        DataTypeKind::Raw { .. } | DataTypeKind::Variant | DataTypeKind::Named(_) => {
            return refuse(format!("type {ast} is not supported"));
        }
    })
}

/// The interval type that a qualifier stands for.
pub(super) fn interval_kind(qualifier: &IntervalQualifier) -> TypeKind {
    match qualifier.start {
        TimeUnit::Year | TimeUnit::Quarter | TimeUnit::Month => TypeKind::IntervalYearMonth,
        _ => TypeKind::IntervalDayTime,
    }
}
