//! Tables as Flink's SQL client draws them.

use tailwater_types::TypeKind;

/// Flink's `table.display.max-column-width`.
pub(crate) const MAX_WIDTH: usize = 30;
const NULL: &str = "<NULL>";

/// A table whose column widths are fixed before its rows are known.
pub(crate) struct Tableau {
    names: Vec<String>,
    widths: Vec<usize>,
}

impl Tableau {
    /// Widths by the types, for rows that come one by one.
    pub(crate) fn by_type(columns: &[(String, &TypeKind)], max_width: usize) -> Self {
        let names: Vec<String> = columns.iter().map(|(n, _)| n.clone()).collect();
        let width = |(name, kind): &(String, &TypeKind)| {
            display_width(name).max(type_width(kind, max_width)).max(NULL.len())
        };
        Self { widths: columns.iter().map(width).collect(), names }
    }

    /// The same with a first column for the kind of change.
    pub(crate) fn with_op(mut self) -> Self {
        self.names.insert(0, "op".to_owned());
        self.widths.insert(0, 2);
        self
    }

    /// Widths by the data.
    pub(crate) fn by_data(names: Vec<String>, rows: &[Vec<Option<String>>]) -> Self {
        let mut widths: Vec<usize> = names.iter().map(|n| display_width(n)).collect();
        for row in rows {
            for (width, value) in widths.iter_mut().zip(row) {
                *width = (*width).max(display_width(value.as_deref().unwrap_or(NULL)));
            }
        }
        Self { names, widths }
    }

    /// `+----+----+`
    pub(crate) fn border(&self) -> String {
        let dashes: Vec<String> = self.widths.iter().map(|w| "-".repeat(w + 2)).collect();
        format!("+{}+", dashes.join("+"))
    }

    /// The names.
    pub(crate) fn header(&self) -> String {
        let names: Vec<Option<String>> = self.names.iter().cloned().map(Some).collect();
        self.row(&names)
    }

    /// `|  a |  b |`: right-aligned, cut where too long.
    pub(crate) fn row(&self, values: &[Option<String>]) -> String {
        let cell = |(value, width): (&Option<String>, &usize)| {
            let text = cut(value.as_deref().unwrap_or(NULL), *width);
            format!(" {}{text} ", " ".repeat(width.saturating_sub(display_width(&text))))
        };
        let cells: Vec<String> = values.iter().zip(&self.widths).map(cell).collect();
        format!("|{}|", cells.join("|"))
    }
}

fn type_width(kind: &TypeKind, max_width: usize) -> usize {
    let fraction = |p: u8| if p == 0 { 0 } else { usize::from(p) + 1 };
    match kind {
        TypeKind::Boolean => 5,
        TypeKind::TinyInt => 4,
        TypeKind::SmallInt => 6,
        TypeKind::Int => 11,
        TypeKind::BigInt => 20,
        TypeKind::Decimal { precision, .. } => usize::from(*precision) + 2,
        TypeKind::Date => 10,
        TypeKind::Time(p) => 8 + fraction(*p),
        TypeKind::Timestamp(p) | TypeKind::TimestampLtz(p) => 19 + fraction(*p),
        _ => max_width,
    }
}

/// Terminal cells: letters of East Asia take two.
fn display_width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    let wide = matches!(u32::from(c),
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0x33ff | 0x3400..=0x4dbf
        | 0x4e00..=0x9fff | 0xa000..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd);
    if wide { 2 } else { 1 }
}

fn cut(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut left = width.saturating_sub(3);
    for c in text.chars() {
        let Some(rest) = left.checked_sub(char_width(c)) else { break };
        left = rest;
        kept.push(c);
    }
    kept + "..."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_rows_as_flinks_client_does() {
        let columns = [("oid".to_owned(), &TypeKind::Int), ("name".to_owned(), &TypeKind::STRING)];
        let tableau = Tableau::by_type(&columns, MAX_WIDTH).with_op();
        let row = |op: &str, oid: &str, name: Option<&str>| {
            tableau.row(&[Some(op.to_owned()), Some(oid.to_owned()), name.map(str::to_owned)])
        };
        assert_eq!(tableau.border(), "+----+-------------+--------------------------------+");
        assert_eq!(row("+I", "107", None), "| +I |         107 |                         <NULL> |");
        let long = "an item with a very long name indeed";
        assert_eq!(
            row("-D", "1", Some(long)),
            "| -D |           1 | an item with a very long na... |"
        );
        assert_eq!(
            row("+I", "2", Some("电子")),
            "| +I |           2 |                           电子 |"
        );
    }
}
