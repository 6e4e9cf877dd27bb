//! Every type that PostgreSQL has, declared STRING: snapshot and stream give what the server prints,
//! in either format of the stream.

mod support;

use futures_util::StreamExt;
use support::{Fixture, LIMIT, with};
use tailwater_connector_api::{
    ReadFrom, SourceContext, SourceEvent, SourceFactory, SourceReader, TableSpec,
};
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_testkit_postgres::Cluster;
use tailwater_types::{Datum, Layout, TypeKind};

const ALL_TYPES: &str = include_str!("data/all_types.sql");
const MORE_TYPES: &str = include_str!("data/more_types.sql");

type Row = Vec<Option<String>>;

/// A column and how the server is asked for it as text.
struct Column {
    name: String,
    expression: String,
    is_generated: bool,
}

/// Tables of all types; PostgreSQL 14 has no scale below zero.
fn tables() -> [(String, &'static str); 2] {
    let mut all_types = ALL_TYPES.to_owned();
    if Cluster::shared().version() < 15 {
        all_types = all_types.replace("numeric(5,-2)", "numeric");
    }
    [(all_types, "all_types"), (MORE_TYPES.to_owned(), "more_types")]
}

/// The columns that a stream carries: generated ones from PostgreSQL 18 on.
async fn columns(db: &Fixture, table: &str) -> Vec<Column> {
    let sql = format!(
        "SELECT quote_ident(attname), atttypid::regtype::text, attname::text, attgenerated <> ''
         FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0
           AND (attgenerated = '' OR {}) ORDER BY attnum",
        db.cluster.version() >= 18
    );
    let rows = db.client.query(&sql, &[]).await.expect("rows");
    let column = |row: &tokio_postgres::Row| {
        let (name, kind) = (row.get::<_, String>(0), row.get::<_, String>(1));
        // Booleans are written in full; an hstore is JSON without blanks.
        let printed = match kind.as_str() {
            "boolean" => format!("{name}::text"),
            "hstore" => {
                format!("replace(replace({name}::json::text, '\": ', '\":'), ', \"', ',\"')")
            }
            _ => format!("format('%s', {name})"),
        };
        let expression = format!("CASE WHEN num_nulls({name}) = 0 THEN {printed} END");
        Column { name: row.get(2), expression, is_generated: row.get(3) }
    };
    rows.iter().map(column).collect()
}

/// The rows as the server prints them, the key first.
async fn printed(db: &Fixture, table: &str, columns: &[Column]) -> Vec<Row> {
    let list: Vec<&str> = columns.iter().map(|c| c.expression.as_str()).collect();
    let sql = format!("SELECT {} FROM {table} ORDER BY id", list.join(", "));
    db.sql("SET lc_monetary = 'C'; SET TimeZone = 'UTC'; SET extra_float_digits = 3").await;
    let rows = db.client.query(&sql, &[]).await.expect("rows");
    rows.iter().map(|row| (0..columns.len()).map(|at| row.get(at)).collect()).collect()
}

fn spec(db: &Fixture, table: &str, columns: &[Column]) -> TableSpec {
    let declared: Vec<_> = columns.iter().map(|c| (c.name.as_str(), TypeKind::STRING)).collect();
    with(db.cdc(&declared, &[0]), &[("table-name", table)])
}

async fn read(reader: &mut SourceReader, count: usize, fields: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    while rows.len() < count {
        let event = tokio::time::timeout(LIMIT, reader.events.next()).await;
        match event.expect("an event in time").expect("no end") {
            Ok(SourceEvent::Batch { rows: batch, .. }) => {
                rows.extend(batch.iter().map(|(_, row)| {
                    let text = |at| match row.get(at, Layout::Str) {
                        Datum::Str(text) => Some(text.to_owned()),
                        _ => None,
                    };
                    (0..fields).map(text).collect::<Row>()
                }));
            }
            Ok(_) => {}
            Err(error) => panic!("{error} {:?}", error.hint()),
        }
    }
    rows.sort_by_key(|row| row[0].as_ref().and_then(|id| id.parse::<i64>().ok()));
    rows
}

fn compare(what: &str, columns: &[Column], ours: &[Row], expected: &[Row]) {
    assert_eq!(ours.len(), expected.len(), "{what}");
    println!("{what}: {} rows of {} columns", ours.len(), columns.len());
    for (ours, expected) in ours.iter().zip(expected) {
        for ((column, ours), expected) in columns.iter().zip(ours).zip(expected) {
            assert_eq!(ours, expected, "{what}, column {}, row {:?}", column.name, expected);
        }
    }
}

/// What a stream is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Binary,
    Text,
}

/// Reads a table, copies its rows to where ids are 1000 higher, and compares all of them.
async fn snapshot_and_stream_agree(what: &str, setup: &str, table: &str, format: Format) {
    let db = Fixture::new(setup).await;
    let columns = columns(&db, table).await;
    let expected = printed(&db, table, &columns).await;
    let plan = PostgresCdcFactory.plan(&spec(&db, table, &columns)).expect("a plan");
    let source = plan.connect(SourceContext::default()).await.expect("a source");
    let mut reader = source.read(ReadFrom::default());
    let snapshot = read(&mut reader, expected.len(), columns.len()).await;
    compare(&format!("snapshot {what}"), &columns, &snapshot, &expected);
    let written = columns[1..].iter().filter(|c| !c.is_generated);
    let names: Vec<String> = written.map(|c| format!("\"{}\"", c.name)).collect();
    let names = names.join(", ");
    db.sql(&format!("INSERT INTO {table} (id, {names}) SELECT id + 1000, {names} FROM {table}"))
        .await;
    let streamed = read(&mut reader, expected.len(), columns.len()).await;
    let sender = "SELECT query FROM pg_stat_activity WHERE backend_type = 'walsender' AND datname \
        = current_database()";
    let is_binary = db.text(sender).await.contains("binary 'true'");
    assert_eq!(is_binary, format == Format::Binary, "{what}");
    let expected = printed(&db, table, &columns).await.split_off(expected.len());
    compare(&format!("stream {what}"), &columns, &streamed, &expected);
}

#[tokio::test]
async fn every_type_reads_as_the_server_prints_it() {
    for (sql, table) in tables() {
        snapshot_and_stream_agree("of all types", &sql, table, Format::Binary).await;
    }
}

/// Only the server knows the names behind a `regclass`: the stream is one of text then. An array of
/// what has no binary format makes the server fail, even where nobody has declared it.
#[tokio::test]
async fn every_type_reads_the_same_from_a_stream_of_text() {
    for (sql, table) in tables() {
        let setup = format!("{sql} ALTER TABLE {table} ADD rel regclass DEFAULT 'pg_class'");
        snapshot_and_stream_agree("with a regclass", &setup, table, Format::Text).await;
        let setup =
            format!("{sql} ALTER TABLE {table} ADD acls aclitem[] DEFAULT '{{=r/postgres}}'");
        snapshot_and_stream_agree("with aclitems", &setup, table, Format::Text).await;
    }
}
