//! The rows that remain of a changelog, in the order asked for.

use std::collections::HashMap;

use tailwater_sql::{BoundQuery, SortKey};
use tailwater_types::datum::append_ordered;
use tailwater_types::{ChangeBatch, Layout, RowRef};

/// Rows while changes come in.
#[derive(Default)]
pub(crate) struct Remaining {
    rows: Vec<Option<Vec<u8>>>,
    places: HashMap<Vec<u8>, Vec<usize>>,
}

impl Remaining {
    /// Takes changes up.
    pub(crate) fn apply(&mut self, batch: &ChangeBatch) {
        for (kind, row) in batch.iter() {
            let bytes = row.bytes().to_vec();
            if kind.is_addition() {
                self.places.entry(bytes.clone()).or_default().push(self.rows.len());
                self.rows.push(Some(bytes));
            } else if let Some(place) = self.places.get_mut(&bytes).and_then(Vec::pop) {
                self.rows[place] = None;
            }
        }
    }

    /// The rows, sorted and cut as the query asks.
    pub(crate) fn into_rows(self, query: &BoundQuery, layouts: &[Layout]) -> Vec<Vec<u8>> {
        let mut rows: Vec<Vec<u8>> = self.rows.into_iter().flatten().collect();
        if !query.order.is_empty() {
            rows.sort_by_cached_key(|row| sort_key(RowRef::new(row), &query.order, layouts));
        }
        let limit = query.limit.map_or(usize::MAX, |l| l as usize);
        rows.into_iter().skip(query.offset as usize).take(limit).collect()
    }
}

fn sort_key(row: RowRef<'_>, order: &[SortKey], layouts: &[Layout]) -> Vec<(bool, Vec<u8>)> {
    let part = |key: &SortKey| {
        let datum = row.get(key.column, layouts[key.column]);
        let mut bytes = Vec::new();
        append_ordered(datum, &mut bytes);
        if key.descends {
            // Complemented bytes sort the other way round; a shorter text must come later.
            bytes.iter_mut().for_each(|b| *b = !*b);
            bytes.push(0xff);
        }
        (datum.is_null() != key.nulls_first, bytes)
    };
    order.iter().map(part).collect()
}
