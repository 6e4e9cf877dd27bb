//! How many rows a second come out of a snapshot and a stream when nobody does anything with them.
//! `cargo run --release -p tailwater-connectors --example postgres_rate [rows]`

use std::time::Instant;

use futures_util::StreamExt;
use tailwater_connector_api::{
    ReadFrom, SourceContext, SourceEvent, SourceFactory, SourceReader, TableColumn, TableSpec,
};
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_testkit_postgres::Cluster;
use tailwater_types::TypeKind;

/// Rows, batches, seconds of the clock and of our own CPU.
async fn drain(what: &str, reader: &mut SourceReader, rows: usize) {
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let (mut seen, mut batches, mut bytes) = (0, 0, 0);
    while seen < rows {
        match reader.events.next().await {
            Some(Ok(SourceEvent::Batch { rows, .. })) => {
                seen += rows.len();
                bytes += rows.byte_size();
                batches += 1;
            }
            Some(Ok(_)) => {}
            other => panic!("the source ended: {other:?}"),
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{what}: {seen} rows in {seconds:.2} s = {:.0} rows/s, {:.2} CPU-s per million, {batches} \
         batches, {} bytes a row",
        seen as f64 / seconds,
        (cpu_seconds() - cpu) * 1e6 / seen as f64,
        bytes / seen
    );
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / 100.0
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let rows: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let cluster = Cluster::start();
    let database = cluster.create_database().await;
    let client = cluster.connect(&database).await;
    let insert = |from: usize| {
        format!(
            "INSERT INTO orders SELECT g, g % 1000, g * 0.37, 'customer ' || g, repeat('x', 60), \
             now(), g % 2 = 0 FROM generate_series({from}, {}) g",
            from + rows - 1
        )
    };
    let table =
        "CREATE TABLE orders (id bigint PRIMARY KEY, n int, price numeric(12, 2), name text,
        note text, at timestamptz, paid bool); ALTER TABLE orders REPLICA IDENTITY FULL;";
    client.batch_execute(table).await.expect("a table");
    client.batch_execute(&insert(1)).await.expect("rows");
    let columns = [
        ("id", TypeKind::BigInt),
        ("n", TypeKind::Int),
        ("price", TypeKind::Decimal { precision: 12, scale: 2 }),
        ("name", TypeKind::STRING),
        ("note", TypeKind::STRING),
        ("at", TypeKind::TimestampLtz(3)),
        ("paid", TypeKind::Boolean),
    ];
    let columns = columns.map(|(name, kind)| TableColumn {
        name: name.to_owned(),
        data_type: kind.nullable(),
        metadata: None,
    });
    let port = cluster.port().to_string();
    let options = [
        ("connector", "postgres-cdc"),
        ("hostname", "127.0.0.1"),
        ("port", &port),
        ("username", "postgres"),
        ("password", cluster.password()),
        ("database-name", &database),
        ("schema-name", "public"),
        ("table-name", "orders"),
        ("slot.name", "rate"),
    ];
    let spec = TableSpec {
        name: "orders".to_owned(),
        columns: columns.to_vec(),
        primary_key: vec![0],
        options: options.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        ..TableSpec::default()
    };
    let plan = PostgresCdcFactory.plan(&spec).expect("a plan");
    let source = plan.connect(SourceContext::default()).await.expect("a source");
    let mut reader = source.read(ReadFrom::default());
    drain("snapshot", &mut reader, rows).await;
    client.batch_execute(&insert(rows + 1)).await.expect("more rows");
    drain("stream, one transaction", &mut reader, rows).await;
    let small = (0..rows / 10).map(|i| {
        let from = 3 * rows + i * 10;
        format!("INSERT INTO orders SELECT g, 1, 2, 'c', 'x', now(), true FROM generate_series({from}, {}) g", from + 9)
    });
    // Written in full before it is read: only the reading is measured.
    for chunk in small.collect::<Vec<_>>().chunks(1000) {
        let sql: String = chunk.iter().map(|s| format!("BEGIN; {s}; COMMIT;")).collect();
        client.batch_execute(&sql).await.expect("small transactions");
    }
    drain("stream, transactions of 10 rows", &mut reader, rows / 10 * 10).await;
}
