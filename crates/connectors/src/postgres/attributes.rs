//! Columns by their numbers, which a new name does not change: which column of the catalog a column of
//! the stream is, whatever has been renamed, dropped or added since.

use tailwater_connector_api::ConnectorError;
use tailwater_pg_wire::pgoutput::{ColumnInfo, Relation};
use tokio_postgres::Client;

use super::client::query_error;

/// A column that a table has, or has had.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    /// `None` once it is dropped.
    pub(crate) name: Option<String>,
    type_oid: u32,
}

const ATTRIBUTES: &str = "SELECT CASE WHEN NOT attisdropped THEN attname::text END, atttypid
    FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 ORDER BY attnum";

/// The columns of a table in the order of their numbers.
pub(crate) async fn load(client: &Client, table: u32) -> Result<Vec<Attribute>, ConnectorError> {
    let rows = client.query(ATTRIBUTES, &[&table]).await;
    let rows = rows.map_err(|error| query_error("read the catalog", error))?;
    let attribute =
        |row: &tokio_postgres::Row| Attribute { name: row.get(0), type_oid: row.get(1) };
    Ok(rows.iter().map(attribute).collect())
}

/// For each column of the stream the place of its attribute. The stream has columns in the order of
/// their numbers and may lack some; of all ways to lay them over the catalog the one counts in which
/// most names and types agree. `None` if there are too few.
pub(crate) fn places(columns: &[ColumnInfo], attributes: &[Attribute]) -> Option<Vec<usize>> {
    let (rows, width) = (columns.len(), attributes.len() + 1);
    // The best score of the first columns over the first attributes, by both counts.
    let mut best = vec![None; (rows + 1) * width];
    best[..width].fill(Some(0_u32));
    for (row, column) in columns.iter().enumerate() {
        for (place, attribute) in attributes.iter().enumerate() {
            let laid = best[row * width + place].map(|score| score + likeness(column, attribute));
            best[(row + 1) * width + place + 1] = best[(row + 1) * width + place].max(laid);
        }
    }
    best[rows * width + width - 1]?;
    let (mut found, mut place) = (vec![0; rows], width - 1);
    for row in (0..rows).rev() {
        let at = |place: usize| best[(row + 1) * width + place];
        while place > 1 && at(place - 1) == at(place) {
            place -= 1;
        }
        place -= 1;
        found[row] = place;
    }
    Some(found)
}

fn likeness(column: &ColumnInfo, attribute: &Attribute) -> u32 {
    let is_typed = column.type_oid == attribute.type_oid;
    match &attribute.name {
        Some(name) if *name == column.name => {
            if is_typed {
                10
            } else {
                6
            }
        }
        Some(_) => {
            if is_typed {
                3
            } else {
                0
            }
        }
        // Its type is forgotten.
        None => 2,
    }
}

/// What the columns of a relation are called now; `None` for one that is gone.
pub(crate) fn names_now(relation: &Relation, attributes: &[Attribute]) -> Vec<Option<String>> {
    let is_there = |name: &String| attributes.iter().any(|a| a.name.as_ref() == Some(name));
    let places = places(&relation.columns, attributes);
    let columns = relation.columns.iter().enumerate().map(|(at, column)| {
        if is_there(&column.name) {
            return Some(column.name.clone());
        }
        let place = *places.as_ref()?.get(at)?;
        let name = attributes.get(place)?.name.clone()?;
        // Who has the name in the stream is who is meant by it.
        let is_taken = relation.columns.iter().any(|other| other.name == name);
        (!is_taken).then_some(name)
    });
    columns.collect()
}

/// Whether a column is younger than all columns of the relation, in a table that has lost one: it was
/// dropped and is there again.
pub(crate) fn is_made_again(name: &str, relation: &Relation, attributes: &[Attribute]) -> bool {
    let place = attributes.iter().position(|a| a.name.as_deref() == Some(name));
    let last = places(&relation.columns, attributes).map(|places| places.last().copied());
    let has_lost = attributes.iter().any(|attribute| attribute.name.is_none());
    matches!((place, last), (Some(place), Some(last)) if has_lost && last.is_none_or(|l| l < place))
}

#[cfg(test)]
mod tests {
    use tailwater_pg_wire::pgoutput::ReplicaIdentity;

    use super::*;

    /// `name type` each, a dash for a dropped column.
    fn attributes(text: &str) -> Vec<Attribute> {
        let one = |word: &str| match word.split_once(':') {
            Some((name, oid)) => {
                Attribute { name: Some(name.to_owned()), type_oid: oid.parse().unwrap() }
            }
            None => Attribute { name: None, type_oid: 0 },
        };
        text.split(' ').map(one).collect()
    }

    fn relation(text: &str) -> Relation {
        let columns = attributes(text).into_iter().map(|attribute| ColumnInfo {
            name: attribute.name.unwrap(),
            type_oid: attribute.type_oid,
            type_modifier: -1,
            is_key: false,
        });
        let columns = columns.collect();
        let (namespace, name) = ("public".to_owned(), "t".to_owned());
        Relation { oid: 1, namespace, name, replica_identity: ReplicaIdentity::Full, columns }
    }

    #[test]
    fn columns_of_the_stream_are_found_in_the_catalog_of_now() {
        for (then, now, names) in [
            ("id:1 note:2", "id:1 note:2", "id note"),
            // Renamed and back, seen in between.
            ("id:1 remark:2 extra:1", "id:1 note:2 extra:1", "id note extra"),
            ("a:1 b:1 c:1", "x:1 y:1 z:1", "x y z"),
            // Dropped since, or not there yet.
            ("id:1 gone:2 extra:1", "id:1 - extra:1 more:2", "id - extra"),
            // Dropped and added again under the same name: both are called so.
            ("id:1 note:2 extra:1", "id:1 - extra:1 note:2", "id note extra"),
            ("id:1 extra:1", "id:1 - extra:1 note:2", "id extra"),
            // The name has gone on to a new column.
            ("id:1 note:2", "id:1 old_note:2 note:2", "id note"),
            // Retyped, and renamed with it.
            ("id:1 note:2 n:5", "id:1 note:3 m:5", "id note m"),
            // The catalog has fewer than it ever had: another table.
            ("a:1 b:1", "a:1", "a -"),
        ] {
            let found = names_now(&relation(then), &attributes(now));
            let found: Vec<&str> = found.iter().map(|n| n.as_deref().unwrap_or("-")).collect();
            assert_eq!(found.join(" "), names, "{then} in {now}");
        }
    }

    #[test]
    fn a_column_that_is_there_again_is_younger_than_the_others() {
        for (name, then, now, expected) in [
            ("note", "id:1 extra:1", "id:1 - extra:1 note:2", true),
            ("note", "id:1 extra:1", "id:1 note:2 extra:1", false),
            ("note", "id:1", "id:1 note:2", false),
            ("note", "id:1", "id:1 -", false),
        ] {
            let (then, now) = (relation(then), attributes(now));
            assert_eq!(is_made_again(name, &then, &now), expected, "{now:?}");
        }
    }
}
