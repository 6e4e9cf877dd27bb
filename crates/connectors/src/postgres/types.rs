//! The types of a table's columns, followed down to what they are made of.

use hashbrown::HashMap;
use tailwater_connector_api::ConnectorError;
use tailwater_pg_wire::value::{CompositeField, ValueType};
use tokio_postgres::{Client, Row};

use super::client::query_error;

/// Types within types are followed this far; no sane schema is deeper.
const MAX_DEPTH: usize = 32;

/// The types asked for, and all that these consist of. `inner` is what a
/// domain is based on, what an array or range is of, and of a multirange its range. Multiranges are
/// asked for so that a server older than 14, which has none, understands it.
const TYPES: &str = "WITH RECURSIVE reached(oid) AS (
      SELECT unnest($1::oid[])
    UNION
      SELECT part.oid FROM reached JOIN pg_type t ON t.oid = reached.oid CROSS JOIN LATERAL (
        SELECT t.typbasetype WHERE t.typtype = 'd'
        UNION ALL SELECT t.typelem WHERE t.typtype = 'b' AND t.typcategory = 'A'
        UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid
        UNION ALL SELECT r.rngtypid FROM pg_range r
          WHERE t.typtype = 'm' AND (to_jsonb(r)->>'rngmultitypid')::oid = t.oid
        UNION ALL SELECT a.atttypid FROM pg_attribute a
          WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
      ) AS part(oid))
    SELECT t.oid, t.typtype::text, t.typcategory::text, t.typname::text,
      coalesce((SELECT e.extname::text FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
          AND d.refclassid = 'pg_extension'::regclass), ''),
      t.typsend::oid <> 0, t.typdelim::text,
      coalesce(CASE t.typtype WHEN 'd' THEN t.typbasetype
        WHEN 'r' THEN (SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid)
        WHEN 'm' THEN (SELECT r.rngtypid FROM pg_range r
          WHERE (to_jsonb(r)->>'rngmultitypid')::oid = t.oid)
        ELSE t.typelem END, 0::oid),
      ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE t.typtype = 'c' AND
        a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
      ARRAY(SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' AND
        a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
      format_type(t.oid, -1), scale(1::money::numeric)
    FROM reached JOIN pg_type t ON t.oid = reached.oid";

/// What the catalog says of one type.
struct Entry {
    kind: String,
    category: String,
    name: String,
    extension: String,
    is_sendable: bool,
    delimiter: String,
    inner: u32,
    fields: Vec<(String, u32)>,
    sql_name: String,
    money_digits: i32,
}

/// Types by their object ids.
pub(crate) struct Types(HashMap<u32, Entry>);

/// A column's type with its domains resolved.
#[derive(Clone, Debug)]
pub(crate) struct PgType {
    pub(crate) oid: u32,
    pub(crate) is_enum: bool,
    /// Of the category of strings, such as `citext`.
    pub(crate) is_string: bool,
    /// How its values are sent.
    pub(crate) value: ValueType,
    /// As SQL writes it, for messages: `numeric(10,2)`.
    pub(crate) name: String,
    /// The base type without a modifier, for casts: `numeric`.
    pub(crate) base_name: String,
}

/// Reads types by their object ids.
pub(crate) async fn load(client: &Client, oids: &[u32]) -> Result<Types, ConnectorError> {
    let rows = client.query(TYPES, &[&oids]).await;
    let rows = rows.map_err(|error| query_error("read the types in the catalog", error))?;
    let entry = |row: &Row| {
        let names: Vec<String> = row.get(8);
        let types: Vec<u32> = row.get(9);
        Entry {
            kind: row.get(1),
            category: row.get(2),
            name: row.get(3),
            extension: row.get(4),
            is_sendable: row.get(5),
            delimiter: row.get(6),
            inner: row.get(7),
            fields: names.into_iter().zip(types).collect(),
            sql_name: row.get(10),
            money_digits: row.get(11),
        }
    };
    Ok(Types(rows.iter().map(|row| (row.get(0), entry(row))).collect()))
}

impl Types {
    /// The type `oid`, if it is still there, by its own name.
    pub(crate) fn get(&self, oid: u32) -> Option<PgType> {
        let name = self.0.get(&oid)?.sql_name.clone();
        Some(self.column(oid, name))
    }

    /// The type `oid`, called `name` in messages.
    pub(crate) fn column(&self, oid: u32, name: String) -> PgType {
        let mut base = oid;
        let mut entry = self.0.get(&base);
        while let Some(domain) = entry.filter(|e| e.kind == "d") {
            base = domain.inner;
            entry = self.0.get(&base);
        }
        PgType {
            oid: base,
            is_enum: entry.is_some_and(|e| e.kind == "e"),
            is_string: entry.is_some_and(|e| e.category == "S"),
            value: self.value(base, 0),
            name,
            base_name: entry.map(|e| e.sql_name.clone()).unwrap_or_default(),
        }
    }

    fn value(&self, oid: u32, depth: usize) -> ValueType {
        let Some(entry) = self.0.get(&oid).filter(|_| depth < MAX_DEPTH) else {
            return ValueType::Opaque;
        };
        let part = |oid| self.value(oid, depth + 1);
        match entry.kind.as_str() {
            "d" => part(entry.inner),
            "e" => ValueType::Text,
            "r" => ValueType::Range(Box::new(part(entry.inner))),
            "m" => match part(entry.inner) {
                ValueType::Range(bound) => ValueType::Multirange(bound),
                _ => ValueType::Opaque,
            },
            "c" => {
                let field = |(name, oid): &(String, u32)| CompositeField {
                    name: name.clone(),
                    oid: *oid,
                    value: part(*oid),
                };
                ValueType::Composite(entry.fields.iter().map(field).collect())
            }
            _ => self.base(oid, entry, depth),
        }
    }

    fn base(&self, oid: u32, entry: &Entry, depth: usize) -> ValueType {
        match ValueType::built_in(oid) {
            Some(ValueType::Money { .. }) => {
                let digits = u8::try_from(entry.money_digits).unwrap_or(2);
                return ValueType::Money { digits };
            }
            Some(value) => return value,
            None => {}
        }
        if entry.category == "A" && entry.inner != 0 {
            let delimiter = self.0.get(&entry.inner).map(|element| &element.delimiter);
            return ValueType::Array {
                element: Box::new(self.value(entry.inner, depth + 1)),
                delimiter: delimiter.and_then(|d| d.bytes().next()).unwrap_or(b','),
            };
        }
        if !entry.is_sendable {
            return ValueType::TextOnly;
        }
        ValueType::of_extension(&entry.extension, &entry.name).unwrap_or(ValueType::Opaque)
    }
}
