//! The directories of partitions: `a=1/b=x`, escaped as Flink does.

use std::fmt::Write as _;
use std::path::PathBuf;

use tailwater_expr::write_text;
use tailwater_types::{DataType, RowRef};

/// The directory of a row's partition below the table's.
pub(super) fn directory(
    row: RowRef<'_>,
    columns: &[(usize, String, DataType)],
    default_name: &str,
) -> PathBuf {
    let mut path = PathBuf::new();
    let mut text = String::new();
    for (place, name, data_type) in columns {
        text.clear();
        let datum = row.get(*place, data_type.layout());
        if !datum.is_null() {
            // A String takes everything.
            let _ = write_text(&mut text, datum, &data_type.kind);
        }
        let value = if text.is_empty() { default_name } else { &text };
        path.push(format!("{}={}", escaped(name), escaped(value)));
    }
    path
}

/// A name in which nothing means anything to a file system.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_control() || "\"#%'*/:=?\\{[]^".contains(c) {
            // A String takes everything.
            let _ = write!(out, "%{:02X}", c as u32);
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use tailwater_types::{Datum, Layout, RowWriter, TypeKind};

    use super::*;

    #[test]
    fn values_that_mean_something_to_a_file_system_are_escaped() {
        let columns = [
            (1, "s".to_owned(), TypeKind::STRING.nullable()),
            (0, "day".to_owned(), TypeKind::Date.nullable()),
        ];
        let check = |day: Datum<'_>, text: Datum<'_>, expected: &str| {
            let mut bytes = Vec::new();
            let mut writer = RowWriter::new(&mut bytes, 2);
            writer.push(day, Layout::Int);
            writer.push(text, Layout::Str);
            let path = directory(RowRef::new(&bytes), &columns, "__DEFAULT_PARTITION__");
            assert_eq!(path.to_str(), Some(expected));
        };
        check(Datum::Int(1), Datum::Str("quo\"ted, comma"), "s=quo%22ted, comma/day=1970-01-02");
        check(Datum::Int(0), Datum::Str("../a\n"), "s=..%2Fa%0A/day=1970-01-01");
        check(Datum::Null, Datum::Str(""), "s=__DEFAULT_PARTITION__/day=__DEFAULT_PARTITION__");
    }
}
