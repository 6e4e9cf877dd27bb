//! The schema that Flink derives from a table's columns.

use std::fmt::Write as _;

use tailwater_expr::ResolveError;
use tailwater_types::{DataType, Field, TypeKind};

/// The schema of rows with these columns, as JSON.
///
/// # Errors
/// A column type that Avro cannot hold.
pub fn derive_schema(fields: &[Field]) -> Result<String, ResolveError> {
    let mut out = String::new();
    record(&mut out, fields, "record", true)?;
    Ok(out)
}

fn record(
    out: &mut String,
    fields: &[Field],
    name: &str,
    is_first: bool,
) -> Result<(), ResolveError> {
    let namespace = if is_first { r#","namespace":"org.apache.flink.avro.generated""# } else { "" };
    // A String takes everything.
    let _ = write!(out, r#"{{"type":"record","name":"{name}"{namespace},"fields":["#);
    for (i, field) in fields.iter().enumerate() {
        let is_name = |(i, c): (usize, char)| {
            c == '_' || c.is_ascii_alphabetic() || (i > 0 && c.is_ascii_digit())
        };
        if field.name.is_empty() || !field.name.chars().enumerate().all(is_name) {
            return Err(ResolveError::new(format!("\"{}\" is no name in Avro", field.name)));
        }
        let comma = if i > 0 { "," } else { "" };
        let _ = write!(out, r#"{comma}{{"name":"{}","type":"#, field.name);
        schema(out, &field.data_type, &format!("{name}_{}", field.name))?;
        out.push_str(if field.data_type.nullable { r#","default":null}"# } else { "}" });
    }
    out.push_str("]}");
    Ok(())
}

fn schema(out: &mut String, data_type: &DataType, name: &str) -> Result<(), ResolveError> {
    if data_type.nullable {
        out.push_str(r#"["null","#);
    }
    let refuse =
        || ResolveError::new(format!("Unsupported to derive Schema for type: {data_type}"));
    let of_map = |key: &DataType| if key.kind.is_string() { Ok(()) } else { Err(refuse()) };
    match &data_type.kind {
        TypeKind::Boolean => out.push_str(r#""boolean""#),
        TypeKind::TinyInt | TypeKind::SmallInt | TypeKind::Int => out.push_str(r#""int""#),
        TypeKind::BigInt => out.push_str(r#""long""#),
        TypeKind::Float => out.push_str(r#""float""#),
        TypeKind::Double => out.push_str(r#""double""#),
        TypeKind::Char(_) | TypeKind::Varchar(_) => out.push_str(r#""string""#),
        TypeKind::Binary(_) | TypeKind::Varbinary(_) => out.push_str(r#""bytes""#),
        TypeKind::Date => out.push_str(r#"{"type":"int","logicalType":"date"}"#),
        TypeKind::Time(0..=3) => out.push_str(r#"{"type":"int","logicalType":"time-millis"}"#),
        TypeKind::Timestamp(0..=3) | TypeKind::TimestampLtz(0..=3) => {
            out.push_str(r#"{"type":"long","logicalType":"timestamp-millis"}"#);
        }
        TypeKind::Timestamp(4..=6) | TypeKind::TimestampLtz(4..=6) => {
            out.push_str(r#"{"type":"long","logicalType":"timestamp-micros"}"#);
        }
        TypeKind::Decimal { precision, scale } => {
            let _ = write!(
                out,
                r#"{{"type":"bytes","logicalType":"decimal","precision":{precision},"scale":{scale}}}"#
            );
        }
        TypeKind::Array(element) => {
            out.push_str(r#"{"type":"array","items":"#);
            schema(out, element, name)?;
            out.push('}');
        }
        TypeKind::Map(key, value) => {
            of_map(key)?;
            out.push_str(r#"{"type":"map","values":"#);
            schema(out, value, name)?;
            out.push('}');
        }
        TypeKind::Multiset(element) => {
            of_map(element)?;
            out.push_str(r#"{"type":"map","values":"int"}"#);
        }
        TypeKind::Row(fields) => record(out, fields, name, false)?,
        _ => return Err(refuse()),
    }
    if data_type.nullable {
        out.push(']');
    }
    Ok(())
}
