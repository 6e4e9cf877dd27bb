//! A column's default in its schema. A default that is computed counts as the type's zero where
//! NULL is not allowed, and as none elsewhere.

use super::{ColumnSpec, zero};
use crate::schema::{Kind, Schema};
use crate::value::{Raw, ValueWriter};

/// The default as JSON.
pub(super) fn json(spec: &ColumnSpec, writer: &ValueWriter, kind: &Kind) -> Option<Vec<u8>> {
    let expression = spec.default.as_deref()?;
    let computed = || (!spec.is_optional).then(|| zero(&named(kind, spec, writer)));
    match literal(expression) {
        Literal::Null => None,
        Literal::Computed => computed(),
        Literal::Text(text) => {
            let text = match (writer, text.as_str()) {
                (ValueWriter::Bool, "true") => "t".to_owned(),
                (ValueWriter::Bool, "false") => "f".to_owned(),
                _ => text,
            };
            let mut out = Vec::new();
            let written = writer.write(Raw { bytes: text.as_bytes(), is_binary: false }, &mut out);
            if written.is_ok() { Some(out) } else { computed() }
        }
    }
}

/// The schema as far as its zero depends on it.
fn named(kind: &Kind, spec: &ColumnSpec, writer: &ValueWriter) -> Schema {
    let schema = Schema::new(kind.clone());
    match writer {
        ValueWriter::Decimal(_) | ValueWriter::Money { .. } if *kind == Kind::Bytes => {
            schema.named("org.apache.kafka.connect.data.Decimal")
        }
        ValueWriter::TimestampTz(_) => schema.named("io.debezium.time.ZonedTimestamp"),
        ValueWriter::TimeTz => schema.named("io.debezium.time.ZonedTime"),
        ValueWriter::Decimal(_) if matches!(kind, Kind::Struct(_)) => {
            schema.named("io.debezium.data.VariableScaleDecimal")
        }
        ValueWriter::Point => schema.named("io.debezium.data.geometry.Point"),
        _ if spec.pg_type.oid == 2950 => schema.named("io.debezium.data.Uuid"),
        _ if matches!(spec.pg_type.oid, 114 | 3802) => schema.named("io.debezium.data.Json"),
        _ => schema,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Literal {
    Null,
    Text(String),
    Computed,
}

/// Reads `7`, `'abc'::text`, `(3.5)::text`, `NULL::date`; everything else is computed.
fn literal(expression: &str) -> Literal {
    let expression = expression.trim();
    if let Some(rest) = expression.strip_prefix('\'') {
        return match quoted(rest) {
            Some((text, rest)) if is_cast(rest) => Literal::Text(text),
            _ => Literal::Computed,
        };
    }
    if expression.starts_with('(') {
        return match closing(expression) {
            Some(end) if is_cast(&expression[end + 1..]) => literal(&expression[1..end]),
            _ => Literal::Computed,
        };
    }
    let (head, cast) = match expression.find("::") {
        Some(at) => expression.split_at(at),
        None => (expression, ""),
    };
    let is_number = !head.is_empty()
        && head.bytes().any(|b| b.is_ascii_digit())
        && head.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
    match head {
        _ if !is_cast(cast) => Literal::Computed,
        "NULL" => Literal::Null,
        "true" | "false" => Literal::Text(head.to_owned()),
        _ if is_number => Literal::Text(head.to_owned()),
        _ => Literal::Computed,
    }
}

/// Whether nothing but casts follows a literal.
fn is_cast(rest: &str) -> bool {
    let is_type = |b: u8| b.is_ascii_alphanumeric() || b" _.\"(),[]:".contains(&b) || b >= 0x80;
    rest.is_empty() || (rest.starts_with("::") && rest.bytes().all(is_type))
}

fn quoted(rest: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if char != '\'' {
            text.push(char);
        } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
            text.push('\'');
        } else {
            return Some((text, &rest[at + 1..]));
        }
    }
    None
}

fn closing(expression: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut is_quoted = false;
    for (at, byte) in expression.bytes().enumerate() {
        match byte {
            b'\'' => is_quoted = !is_quoted,
            b'(' if !is_quoted => depth += 1,
            b')' if !is_quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_told_from_what_is_computed() {
        let text = |text: &str| Literal::Text(text.to_owned());
        for (expression, expected) in [
            ("7", text("7")),
            ("1.5", text("1.5")),
            ("'-1'::integer", text("-1")),
            ("(-1)", text("-1")),
            ("'it''s'::character varying(10)", text("it's")),
            ("((3.5)::text)::text", text("3.5")),
            ("true", text("true")),
            ("NULL::character varying", Literal::Null),
            ("nextval('t_id_seq'::regclass)", Literal::Computed),
            ("now()", Literal::Computed),
            ("('a'::text || 'b'::text)", Literal::Computed),
            ("(1 + 2)", Literal::Computed),
        ] {
            assert_eq!(literal(expression), expected, "{expression}");
        }
    }
}
