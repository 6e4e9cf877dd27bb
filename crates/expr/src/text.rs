//! Values as the text that Flink's client shows, which is also what CAST to STRING gives.

use tailwater_types::{DataType, Datum};

/// The text of a value.
pub fn to_text(datum: Datum<'_>, _data_type: &DataType) -> String {
    format!("{datum:?}")
}
