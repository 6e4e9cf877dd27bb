//! How fast changes become events: no server, one core, a row of eight columns in the binary format.
//!
//! `cargo run --release -p tailwater-bench-debezium` prints a line for each form of the events.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use tailwater_debezium::config::validate;
use tailwater_debezium::event::{Context, Mark, TablePlan, TableSpec};
use tailwater_debezium::{ColumnSpec, TypeSort, TypeSpec};
use tailwater_pg_wire::Lsn;
use tailwater_pg_wire::pgoutput::Cell;
use tailwater_pg_wire::value::ValueType;
use tailwater_types::ChangeBatch;

const EVENTS: usize = 3_000_000;
/// About what a batch of the source has.
const BATCH_BYTES: usize = 224 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let unwrap = "io.debezium.transforms.ExtractNewRecordState";
    let forms: [(&str, &[(&str, &str)]); 3] = [
        ("envelope without schemas", &[("value.converter.schemas.enable", "false")]),
        ("envelope with schemas", &[]),
        (
            "row without schemas",
            &[
                ("value.converter.schemas.enable", "false"),
                ("transforms", "u"),
                ("transforms.u.type", unwrap),
            ],
        ),
    ];
    for (name, settings) in forms {
        measure(name, settings)?;
    }
    Ok(())
}

fn measure(name: &str, settings: &[(&str, &str)]) -> Result<(), Box<dyn Error>> {
    let base = [
        ("topic.prefix", "srv1"),
        ("database.hostname", "localhost"),
        ("database.user", "me"),
        ("database.dbname", "shop"),
        ("key.converter.schemas.enable", "false"),
    ];
    let options: BTreeMap<String, String> =
        base.iter().chain(settings).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let config = validate(&options).config.ok_or("the options do not fit")?;
    let plan = TablePlan::new(&Arc::new(config.events), table());
    let mut batch = ChangeBatch::default();
    let (mut events, mut bytes) = (0, 0);
    let begun = Instant::now();
    while events < EVENTS {
        let id = (events as i64).to_be_bytes();
        let row = row(&id);
        let context = Context {
            commit_micros: 1_795_179_212_976_505,
            xid: Some(1274),
            lsn: Some(Lsn(68_234_400 + events as u64)),
            last_commit: Some(Lsn(68_234_400)),
            mark: Mark::Stream,
            now_nanos: 1_795_179_213_214_971_914 + events as i64,
            origin: None,
        };
        plan.append_update(None, &row, &context, None, &mut batch)?;
        events += 1;
        if batch.byte_size() > BATCH_BYTES {
            bytes += batch.byte_size();
            batch.clear();
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{name}: {:.0} events/s, {:.2} CPU-s per million, {} bytes each",
        events as f64 / seconds,
        seconds * 1e6 / events as f64,
        bytes / events
    );
    Ok(())
}

fn row(id: &[u8; 8]) -> [Cell<'_>; 8] {
    [
        Cell::Binary(id),
        Cell::Binary(b"somebody@example.org"),
        Cell::Binary(&[0, 2, 0, 0, 0, 0, 0, 2, 4, 210, 21, 224]),
        Cell::Binary(&[0, 2, 145, 206, 157, 70, 107, 64]),
        Cell::Binary(&[1]),
        Cell::Binary(b"a note of some length, as people write them into tables, more or less"),
        Cell::Binary(b"\x01{\"colour\": \"blue\", \"size\": 12}"),
        Cell::Binary(&[0, 0, 18, 52]),
    ]
}

fn table() -> TableSpec {
    let columns = [
        ("id", 20, "int8", -1),
        ("email", 25, "text", -1),
        ("amount", 1700, "numeric", 655_366),
        ("at", 1184, "timestamptz", -1),
        ("is_paid", 16, "bool", -1),
        ("note", 1043, "varchar", 204),
        ("details", 3802, "jsonb", -1),
        ("size", 23, "int4", -1),
    ];
    let column = |(name, oid, type_name, modifier): (&str, u32, &str, i32)| ColumnSpec {
        name: name.to_owned(),
        pg_type: TypeSpec {
            oid,
            name: type_name.to_owned(),
            modifier,
            value: ValueType::built_in(oid).unwrap_or(ValueType::Opaque),
            sort: TypeSort::Plain,
        },
        is_optional: name != "id",
        default: None,
        comment: None,
    };
    TableSpec {
        schema: "public".to_owned(),
        name: "orders".to_owned(),
        columns: columns.map(column).to_vec(),
        key: vec![0],
    }
}
