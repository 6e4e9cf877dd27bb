//! Texts to values, by the engine's own casts.

use tailwater_expr::{Bump, CastMode, Env, Expr, ResolveContext, ResolveError, cast};
use tailwater_types::{DataType, Datum, Layout, RowRef, RowWriter, Timestamp, TypeKind};

/// Reads texts as values of one type.
pub(crate) struct TextReader {
    cast: Expr,
    /// Points in time may be written with `T` between date and time, and instants in UTC with `Z`.
    is_time: bool,
    /// Milliseconds that a time of day is a multiple of.
    unit: Option<i64>,
    is_decimal: bool,
}

impl TextReader {
    /// A reader of this type.
    pub(crate) fn new(
        data_type: &DataType,
        context: &ResolveContext,
    ) -> Result<Self, ResolveError> {
        let text = Expr::column(0, TypeKind::STRING.nullable());
        // An instant is written in UTC, whatever the session's time zone is.
        let target = match data_type.kind {
            TypeKind::TimestampLtz(p) => TypeKind::Timestamp(p).nullable(),
            _ => data_type.with_nullable(true),
        };
        let is_time = target.kind.is_timestamp();
        let unit = match target.kind {
            TypeKind::Time(precision) => Some(10_i64.pow(3 - u32::from(precision.min(3)))),
            _ => None,
        };
        let is_decimal = matches!(target.kind, TypeKind::Decimal { .. });
        let cast = cast(text, &target, CastMode::Explicit, context)?;
        Ok(Self { cast, is_time, unit, is_decimal })
    }

    /// The value of a text; `None` if it is none of the type.
    pub(crate) fn read<'a>(&'a self, text: &str, arena: &'a Bump) -> Option<Datum<'a>> {
        // A quirk of Flink's CAST that its formats do not have: one letter is zero.
        if self.is_decimal && !text.bytes().any(|b| b.is_ascii_digit()) {
            return None;
        }
        let spaced;
        let text = if self.is_time {
            spaced = text.strip_suffix('Z').unwrap_or(text).replacen('T', " ", 1);
            spaced.as_str()
        } else {
            text
        };
        let mut row = Vec::with_capacity(16 + text.len());
        RowWriter::new(&mut row, 1).push(Datum::Str(text), Layout::Str);
        let row = RowRef::new(arena.alloc_slice_copy(&row));
        let read = self.cast.eval(&Env::new(row, arena, Timestamp::default())).ok()?;
        Some(match (read, self.unit) {
            (Datum::Int(millis), Some(unit)) => Datum::Int(millis - millis % unit),
            _ => read,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_no_decimal() {
        let context = ResolveContext { time_zone: jiff::tz::TimeZone::UTC, is_strict: false };
        let decimal = TypeKind::Decimal { precision: 5, scale: 2 }.nullable();
        let reader = TextReader::new(&decimal, &context).expect("a cast");
        let arena = Bump::new();
        assert_eq!(reader.read("z", &arena), None);
        assert_eq!(reader.read("", &arena), None);
        assert_eq!(reader.read("1.5", &arena), Some(Datum::Decimal(150)));
    }
}
