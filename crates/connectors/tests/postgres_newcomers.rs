//! Tables and partitions that are made, or published, while the stream runs.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use support::debezium::{Connector, Event, Json, options};
use support::{Fixture, LIMIT, at, connect, with};
use tailwater_connector_api::{Dialect, ErrorKind, ReadFrom, SourceContext};
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_testkit_postgres::wait_for;
use tailwater_types::{Position, TypeKind};

const PLAIN: (&str, &str) = ("converter.schemas.enable", "false");

fn columns() -> [(&'static str, TypeKind); 2] {
    [("id", TypeKind::BigInt), ("note", TypeKind::STRING)]
}

/// `operation topic id` of an event.
fn brief(event: &Event) -> String {
    let op = event.value.get("op").and_then(Json::as_text).unwrap_or("-");
    let topic = event.topic.strip_prefix("srv1.public.").unwrap_or(&event.topic);
    match event.key.get("id") {
        Some(Json::Integer(id)) => format!("{op} {topic} {id}"),
        other => format!("{op} {topic} {other:?}"),
    }
}

async fn read(connector: &mut Connector, count: usize) -> Vec<String> {
    connector.read(count).await.iter().map(brief).collect()
}

/// Begins with a table of one row, and has read it.
async fn begun(options: &BTreeMap<String, String>, context: SourceContext) -> Connector {
    let mut connector = Connector::start_as(options, ReadFrom::default(), context).await.unwrap();
    while connector.cuts.last().is_none_or(|(taken, _)| *taken == 0) {
        connector.step().await.unwrap();
    }
    connector
}

const FIRST: &str = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)";

/// Goes on at every place that there was, and compares with what came behind it.
async fn goes_on_everywhere(
    options: &BTreeMap<String, String>,
    cuts: &[(usize, Position)],
    all: &[String],
) {
    for (taken, position) in cuts {
        let from = ReadFrom { position: Some(position.clone()), stops: Vec::new() };
        let mut connector = Connector::start(options, from).await.unwrap();
        let again = read(&mut connector, all.len() - taken).await;
        assert_eq!(again, all[*taken..], "behind {taken}: {}", position.0);
    }
}

#[tokio::test]
async fn a_connector_takes_a_table_that_is_made_while_it_runs_from_its_first_row_on() {
    let db = Fixture::new(FIRST).await;
    let options = options(&db, &[PLAIN, ("table.include.list", "public\\.t,public\\.n_.*")]);
    let mut connector = begun(&options, SourceContext::default()).await;
    db.sql(
        "BEGIN; INSERT INTO t VALUES (2); CREATE TABLE n_1 (id int PRIMARY KEY, v text);
         INSERT INTO n_1 VALUES (3, 'x'); CREATE TABLE other (id int PRIMARY KEY);
         INSERT INTO other VALUES (4); INSERT INTO t VALUES (5); COMMIT",
    )
    .await;
    db.sql("INSERT INTO n_1 VALUES (6, 'y'); UPDATE n_1 SET v = 'z' WHERE id = 3").await;
    db.sql("CREATE TABLE n_2 (id int); ALTER TABLE n_2 REPLICA IDENTITY FULL").await;
    db.sql("INSERT INTO n_2 VALUES (7); DELETE FROM n_1 WHERE id = 6; INSERT INTO t VALUES (8)")
        .await;
    let all = read(&mut connector, 10).await;
    let expected = [
        "r t 1",
        "c t 2",
        "c n_1 3",
        "c t 5",
        "c n_1 6",
        "u n_1 3",
        "c n_2 None",
        "d n_1 6",
        "- n_1 6",
        "c t 8",
    ];
    assert_eq!(all, expected);
    let row = connector.events[2].value.get("after");
    assert_eq!(row, Some(&Json::parse(r#"{"id":3,"v":"x"}"#)));
    let cuts: Vec<_> = connector.cuts.iter().filter(|(taken, _)| *taken > 0).cloned().collect();
    drop(connector);
    goes_on_everywhere(&options, &cuts, &all).await;
}

#[tokio::test]
async fn a_table_that_somebody_adds_to_the_publication_is_taken_from_then_on() {
    for mode in ["filtered", "disabled"] {
        let db = Fixture::new(FIRST).await;
        db.sql("CREATE PUBLICATION pub_str FOR TABLE t").await;
        let settings =
            [PLAIN, ("schema.include.list", "public"), ("publication.autocreate.mode", mode)];
        let options = options(&db, &settings);
        let mut connector = begun(&options, SourceContext::default()).await;
        let write = async {
            db.sql("CREATE TABLE n (id int PRIMARY KEY); INSERT INTO n VALUES (1)").await;
            db.sql("INSERT INTO t VALUES (2); ALTER PUBLICATION pub_str ADD TABLE n").await;
            db.sql("INSERT INTO n VALUES (3); INSERT INTO t VALUES (4); INSERT INTO n VALUES (5)")
                .await;
        };
        let (all, ()) = tokio::join!(read(&mut connector, 5), write);
        assert_eq!(all, ["r t 1", "c t 2", "c n 3", "c t 4", "c n 5"]);
        let cuts = connector.cuts.clone();
        drop(connector);
        // Where the connector itself may have added the table, it is read when in doubt.
        let is_known =
            |(taken, _): &&(usize, Position)| *taken > 0 && (mode == "disabled" || *taken > 2);
        let cuts: Vec<_> = cuts.iter().filter(is_known).cloned().collect();
        assert!(!cuts.is_empty());
        goes_on_everywhere(&options, &cuts, &all).await;
    }
}

#[tokio::test]
async fn a_table_that_the_connector_publishes_itself_is_read_also_if_no_checkpoint_tells_of_it() {
    let db = Fixture::new(FIRST).await;
    let settings =
        [PLAIN, ("schema.include.list", "public"), ("publication.autocreate.mode", "filtered")];
    let options = options(&db, &settings);
    let mut connector = begun(&options, SourceContext::default()).await;
    let write = async {
        db.sql("INSERT INTO t VALUES (2)").await;
    };
    tokio::join!(connector.read(2), write);
    let position = connector.position.clone();
    drop(connector);
    db.sql("CREATE TABLE n (id int PRIMARY KEY); INSERT INTO n VALUES (3)").await;
    for _ in 0..2 {
        let from = ReadFrom { position: position.clone(), stops: Vec::new() };
        let mut connector = Connector::start(&options, from).await.unwrap();
        assert_eq!(read(&mut connector, 1).await, ["r n 3"]);
    }
}

#[tokio::test]
async fn a_table_that_the_lists_have_not_had_is_read_at_the_next_start() {
    let db = Fixture::new(
        "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY);
         INSERT INTO t VALUES (1); INSERT INTO u VALUES (2)",
    )
    .await;
    let narrow = options(&db, &[PLAIN, ("table.include.list", "public.t")]);
    let connector = begun(&narrow, SourceContext::default()).await;
    let from = ReadFrom { position: connector.position.clone(), stops: Vec::new() };
    drop(connector);
    let wide = options(&db, &[PLAIN, ("table.include.list", "public.t,public.u")]);
    let mut connector = Connector::start(&wide, from).await.unwrap();
    assert_eq!(read(&mut connector, 1).await, ["r u 2"]);
}

#[tokio::test]
async fn a_table_that_is_made_in_a_large_transaction_loses_no_row_of_it() {
    let db = Fixture::new(FIRST).await;
    if db.cluster.version() < 14 {
        return;
    }
    db.sql(&format!("ALTER DATABASE {} SET logical_decoding_work_mem = '64kB'", db.database)).await;
    let scratch = tempfile::tempdir().unwrap();
    let context =
        SourceContext { scratch: Some(scratch.path().to_owned()), ..SourceContext::default() };
    let options = options(&db, &[PLAIN, ("table.include.list", "public\\.[tn]")]);
    let mut connector = begun(&options, context).await;
    let write = async {
        db.sql(
            "BEGIN; CREATE TABLE n (id int PRIMARY KEY, v text);
             INSERT INTO n SELECT i, repeat('x', 100) FROM generate_series(1, 5000) i;
             INSERT INTO t VALUES (0); COMMIT",
        )
        .await;
    };
    let (all, ()) = tokio::join!(read(&mut connector, 5002), write);
    let new = (1..=5000).map(|i| format!("c n {i}"));
    assert!(all[1..5001].iter().cloned().eq(new));
    assert_eq!(all[5001], "c t 0");
}

#[tokio::test]
async fn tables_that_match_a_pattern_of_sql_join_while_the_stream_runs() {
    let db = Fixture::new(
        "CREATE TABLE orders_1 (id bigint PRIMARY KEY, note text);
         ALTER TABLE orders_1 REPLICA IDENTITY FULL; INSERT INTO orders_1 VALUES (1, 'one');
         CREATE PUBLICATION ours FOR ALL TABLES",
    )
    .await;
    let settings = [("table-name", "orders_\\d+"), ("debezium.publication.name", "ours")];
    let spec = with(db.cdc(&columns(), &[0]), &settings);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(1).await, ["+I[1, one]"]);
    let full = |name: &str| format!("ALTER TABLE {name} REPLICA IDENTITY FULL");
    db.sql(&format!(
        "BEGIN; CREATE TABLE orders_2 (note text, id bigint); {};
         CREATE TABLE others (id bigint, note text); INSERT INTO others VALUES (0, 'no');
         INSERT INTO orders_2 VALUES ('two', 2); INSERT INTO orders_1 VALUES (3, 'three'); COMMIT",
        full("orders_2")
    ))
    .await;
    db.sql("UPDATE orders_2 SET note = 'zwei'; INSERT INTO orders_1 VALUES (4, 'four')").await;
    let all = reading.rows(6).await;
    let expected =
        ["+I[1, one]", "+I[2, two]", "+I[3, three]", "-U[2, two]", "+U[2, zwei]", "+I[4, four]"];
    assert_eq!(all, expected);
    let cuts = reading.cuts.clone();
    drop(reading);
    for (taken, position) in cuts.iter().filter(|(taken, _)| *taken > 0) {
        let mut reading =
            connect(&PostgresCdcFactory, &spec, at(&Some(position.clone()))).await.unwrap();
        assert_eq!(reading.rows(6 - taken).await, all[*taken..], "behind {taken}");
    }
    // One that is gone when its rows are read: the stream still has them.
    let (_, last) = cuts.last().unwrap();
    db.sql("CREATE TABLE orders_3 (id bigint, note text); INSERT INTO orders_3 VALUES (5, 'five')")
        .await;
    db.sql("DROP TABLE orders_3; INSERT INTO orders_1 VALUES (6, 'six')").await;
    let mut reading = connect(&PostgresCdcFactory, &spec, at(&Some(last.clone()))).await.unwrap();
    assert_eq!(reading.rows(2).await, ["+I[5, five]", "+I[6, six]"]);
}

#[tokio::test]
async fn a_partition_that_is_made_while_the_stream_runs_is_part_of_its_table() {
    let db = Fixture::new(
        "CREATE TABLE orders (id bigint, note text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
         CREATE TABLE orders_low PARTITION OF orders FOR VALUES FROM (0) TO (100);
         ALTER TABLE orders_low REPLICA IDENTITY FULL; INSERT INTO orders VALUES (1, 'low');
         CREATE TABLE others (id bigint);
         CREATE PUBLICATION ours FOR ALL TABLES WITH (publish_via_partition_root = false)",
    )
    .await;
    let spec = with(db.cdc(&columns(), &[0]), &[("debezium.publication.name", "ours")]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(1).await, ["+I[1, low]"]);
    db.sql(
        "BEGIN; CREATE TABLE orders_high PARTITION OF orders FOR VALUES FROM (100) TO (200);
         ALTER TABLE orders_high REPLICA IDENTITY FULL; INSERT INTO others VALUES (0);
         INSERT INTO orders VALUES (100, 'high'), (2, 'low too'); COMMIT",
    )
    .await;
    db.sql("INSERT INTO others VALUES (1); UPDATE orders SET note = 'h' WHERE id = 100").await;
    let all = reading.rows(5).await;
    let expected = ["+I[1, low]", "+I[100, high]", "+I[2, low too]", "-U[100, high]", "+U[100, h]"];
    assert_eq!(all, expected);
    let cuts = reading.cuts.clone();
    drop(reading);
    for (taken, position) in cuts.iter().filter(|(taken, _)| *taken > 0) {
        let from = at(&Some(position.clone()));
        let mut reading = connect(&PostgresCdcFactory, &spec, from).await.unwrap();
        assert_eq!(reading.rows(5 - taken).await, all[*taken..], "behind {taken}");
    }
}

#[tokio::test]
async fn a_new_table_whose_values_only_come_as_text_has_the_stream_begin_again_as_text() {
    let db = Fixture::new(FIRST).await;
    if db.cluster.version() < 14 {
        return;
    }
    let options = options(&db, &[PLAIN, ("include.unknown.datatypes", "true")]);
    let mut connector = begun(&options, SourceContext::default()).await;
    let write = async {
        db.sql("INSERT INTO t VALUES (2)").await;
        db.sql("CREATE TABLE n (id int PRIMARY KEY, v regclass)").await;
        db.sql("INSERT INTO n VALUES (3, 't'); DROP TABLE n; INSERT INTO t VALUES (4)").await;
    };
    let read_up_to_error = async {
        loop {
            if let Err(error) = connector.step().await {
                return error;
            }
        }
    };
    let (error, ()) = tokio::join!(read_up_to_error, write);
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(connector.events.iter().map(brief).collect::<Vec<_>>(), ["r t 1", "c t 2"]);
    let from = ReadFrom { position: connector.position.clone(), stops: Vec::new() };
    drop(connector);
    let mut connector = Connector::start(&options, from).await.unwrap();
    let again = read(&mut connector, 2).await;
    assert_eq!(again[1], "c t 4");
    assert!(again[0].contains(" n "), "{}", again[0]);
}

#[tokio::test]
async fn a_publication_that_was_dropped_under_a_connector_is_mended_as_the_hint_says() {
    for mode in ["disabled", "filtered"] {
        let db = Fixture::new(FIRST).await;
        db.sql("CREATE PUBLICATION pub_str FOR TABLE t").await;
        let settings =
            [PLAIN, ("schema.include.list", "public"), ("publication.autocreate.mode", mode)];
        let options = options(&db, &settings);
        let mut connector = begun(&options, SourceContext::default()).await;
        db.sql("DROP PUBLICATION pub_str").await;
        db.sql("INSERT INTO t VALUES (2)").await;
        let error = loop {
            if let Err(error) = connector.step().await {
                break error;
            }
        };
        drop(connector);
        let drop_slot = format!("SELECT pg_drop_replication_slot('slot_{}');", db.database);
        let make = "CREATE PUBLICATION \"pub_str\" FOR TABLE ...;";
        let steps = format!("{drop_slot} and, unless the job makes the publication itself, {make}");
        for (dialect, before, behind) in [
            (Dialect::Sql, ": ", "start the job anew with --fresh"),
            (
                Dialect::Connect,
                ": PUT /connectors/.../stop, then ",
                "DELETE /connectors/.../offsets and PUT /connectors/.../resume",
            ),
            (Dialect::File, ": ", "remove the directory of the connector's checkpoints"),
        ] {
            let hint = error.hint_in(dialect).expect("how to mend it");
            assert!(hint.contains(&format!("{before}{steps}, then {behind}")), "{hint}");
        }

        let idle = format!(
            "SELECT (active_pid IS NULL)::text FROM pg_replication_slots WHERE \
             slot_name = 'slot_{}'",
            db.database
        );
        wait_for("the slot to be free", LIMIT, || async {
            (db.text(&idle).await == "true").then_some(())
        })
        .await;
        if mode == "disabled" {
            // The slot is in front of the new publication.
            db.sql("CREATE PUBLICATION pub_str FOR TABLE t").await;
            let mut behind = Connector::start(&options, ReadFrom::default()).await.unwrap();
            let error = loop {
                if let Err(error) = behind.step().await {
                    break error;
                }
            };
            assert!(error.to_string().contains("\"pub_str\" does not exist"), "{error}");
            drop(behind);
            wait_for("the slot to be free", LIMIT, || async {
                (db.text(&idle).await == "true").then_some(())
            })
            .await;
        }
        db.sql(&drop_slot).await;
        let mut anew = Connector::start(&options, ReadFrom::default()).await.unwrap();
        assert_eq!(read(&mut anew, 2).await, ["r t 1", "r t 2"], "{mode}");
        db.sql("INSERT INTO t VALUES (3)").await;
        assert_eq!(read(&mut anew, 3).await[2..], ["c t 3"], "{mode}");
    }
}

#[tokio::test]
async fn a_table_is_told_under_the_name_that_it_had_at_each_place_of_the_log() {
    let db = Fixture::new(
        "CREATE TABLE t_a (id int PRIMARY KEY, v text); INSERT INTO t_a VALUES (1, 'a');
         CREATE PUBLICATION p FOR ALL TABLES",
    )
    .await;
    let settings = [
        PLAIN,
        ("table.include.list", "public.t_.*"),
        ("publication.name", "p"),
        ("publication.autocreate.mode", "disabled"),
    ];
    let options = options(&db, &settings);
    let mut connector = begun(&options, SourceContext::default()).await;
    for statement in [
        "INSERT INTO t_a VALUES (2, 'a')",
        "ALTER TABLE t_a RENAME TO old",
        "CREATE TABLE t_a (id int PRIMARY KEY, v text)",
        "INSERT INTO old VALUES (3, 'no'); INSERT INTO t_a VALUES (3, 'new')",
        "UPDATE old SET v = 'no' WHERE id = 1",
        "ALTER TABLE old RENAME TO t_b",
        "INSERT INTO t_b VALUES (4, 'b')",
    ] {
        db.sql(statement).await;
    }
    let all = read(&mut connector, 4).await;
    assert_eq!(all, ["r t_a 1", "c t_a 2", "c t_a 3", "c t_b 4"]);
    // The catalog has only the last names when these read the same changes.
    let cuts: Vec<_> = connector.cuts.iter().filter(|(taken, _)| *taken > 0).cloned().collect();
    drop(connector);
    goes_on_everywhere(&options, &cuts, &all).await;
}
