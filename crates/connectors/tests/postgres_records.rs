//! The source of records beyond its events: places to go on from, snapshots beside heartbeats.

mod support;

use std::collections::BTreeMap;

use support::debezium::{Connector, Event, Json, options};
use support::{Fixture, LIMIT};
use tailwater_connector_api::{ErrorKind, ReadFrom, SourceContext};
use tailwater_connectors::postgres::records::PostgresRecordPlan;
use tailwater_debezium::config::validate;
use tailwater_testkit_postgres::wait_for;
use tailwater_types::Position;

const PLAIN: (&str, &str) = ("converter.schemas.enable", "false");

/// An event without the clock.
fn shown(event: &Event) -> String {
    let mut event = event.clone();
    event.headers.clear();
    event.value.each(&mut |name, value| {
        if name.starts_with("ts_") {
            *value = Json::Null;
        }
    });
    format!("{event:?}")
}

async fn hold_slot(db: &Fixture) {
    let sql = "SELECT count(*)::text FROM pg_replication_slots WHERE confirmed_flush_lsn IS NOT NULL AND database = \
               current_database()";
    wait_for("the slot to be there", LIMIT, || async { (db.text(sql).await == "1").then_some(()) })
        .await;
}

#[tokio::test]
async fn a_restart_within_a_transaction_goes_on_behind_the_changes_that_were_taken() {
    let db = Fixture::new("CREATE TABLE t (id int PRIMARY KEY, v text)").await;
    let settings = [PLAIN, ("snapshot.mode", "no_data"), ("provide.transaction.metadata", "true")];
    let options = options(&db, &settings);
    let mut connector = Connector::start(&options, ReadFrom::default()).await.unwrap();
    let write = async {
        hold_slot(&db).await;
        db.sql("INSERT INTO t VALUES (1, 'a')").await;
    };
    tokio::join!(connector.read(3), write);
    let place = connector.position.clone().unwrap().0;
    assert!(place.contains(":0@"), "{place}");
    // A create; a change of the key, which is a delete, a tombstone and a create; a delete.
    db.sql(
        "BEGIN; INSERT INTO t VALUES (2, 'b'); UPDATE t SET id = 3 WHERE id = 2;
            DELETE FROM t WHERE id = 1; COMMIT",
    )
    .await;
    let all: Vec<String> = connector.read(3 + 8).await[3..].iter().map(shown).collect();
    drop(connector);
    for (taken, events) in [(0, 0), (1, 2), (2, 5), (3, 7)] {
        let position = Position(place.replace(":0@", &format!(":{taken}@")));
        let from = ReadFrom { position: Some(position), stops: Vec::new() };
        let mut connector = Connector::start(&options, from).await.unwrap();
        let again = connector.read(8 - events).await;
        let again: Vec<String> = again.iter().map(shown).collect();
        assert_eq!(again, all[events..], "behind {taken} changes");
    }
}

#[tokio::test]
async fn a_message_without_a_transaction_is_told_once() {
    let db = Fixture::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    if db.cluster.version() < 14 {
        return;
    }
    let options = options(&db, &[PLAIN, ("snapshot.mode", "no_data")]);
    let mut connector = Connector::start(&options, ReadFrom::default()).await.unwrap();
    let emit = async {
        hold_slot(&db).await;
        db.sql("SELECT pg_logical_emit_message(false, 'p', 'one'); INSERT INTO t VALUES (1)").await;
    };
    let (told, ()) = tokio::join!(connector.read(2), emit);
    assert_eq!(told[0].topic, "srv1.message");
    let before = connector.position.clone();
    db.sql("SELECT pg_logical_emit_message(false, 'p', 'two')").await;
    connector.read(3).await;
    let behind = connector.position.clone();
    assert_ne!(before, behind);
    drop(connector);
    db.sql("INSERT INTO t VALUES (2)").await;
    for (position, first) in [(before, "srv1.message"), (behind, "srv1.public.t")] {
        let from = ReadFrom { position, stops: Vec::new() };
        let mut connector = Connector::start(&options, from).await.unwrap();
        assert_eq!(connector.read(1).await[0].topic, first);
    }
}

#[tokio::test]
async fn a_snapshot_beside_heartbeats_and_changes_ends_equal_to_the_table() {
    let db = Fixture::new(
        "CREATE TABLE t (id int PRIMARY KEY, v int);
         INSERT INTO t SELECT i, 0 FROM generate_series(1, 30000) i",
    )
    .await;
    let settings = [PLAIN, ("heartbeat.interval.ms", "5"), ("snapshot.max.threads", "2")];
    let mut connector =
        Connector::start(&options(&db, &settings), ReadFrom::default()).await.unwrap();
    let write = async {
        hold_slot(&db).await;
        for round in 0..40 {
            db.sql(&format!(
                "UPDATE t SET v = v + 1 WHERE id % 40 = {round};
                 DELETE FROM t WHERE id % 1000 = {round}; INSERT INTO t VALUES (40000 + {round}, 7)"
            ))
            .await;
        }
        db.sql("INSERT INTO t VALUES (-1, 0)").await;
    };
    let read = async {
        while connector.events.last().is_none_or(|e| e.key.get("id") != Some(&Json::Integer(-1))) {
            connector.step().await.unwrap();
        }
    };
    tokio::join!(read, write);
    let mut rows: BTreeMap<i128, Json> = BTreeMap::new();
    for event in connector.events.iter().filter(|event| event.topic == "srv1.public.t") {
        let Some(Json::Integer(id)) = event.key.get("id") else { panic!("no key: {event:?}") };
        match event.value.get("after") {
            Some(after @ Json::Object(_)) => drop(rows.insert(*id, after.clone())),
            _ => drop(rows.remove(id)),
        }
    }
    let told: i128 = rows
        .values()
        .map(|row| match row.get("v") {
            Some(Json::Integer(v)) => *v,
            other => panic!("{other:?}"),
        })
        .sum();
    let there = db.text("SELECT count(*) || ' ' || sum(v) || ' ' || sum(id) FROM t").await;
    assert_eq!(format!("{} {told} {}", rows.len(), rows.keys().sum::<i128>()), there);
}

#[tokio::test]
async fn a_column_that_is_added_is_told_from_its_first_row_on() {
    let db = Fixture::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    let filtered =
        [PLAIN, ("publication.autocreate.mode", "filtered"), ("snapshot.mode", "no_data")];
    let mut connector =
        Connector::start(&options(&db, &filtered), ReadFrom::default()).await.unwrap();
    let write = async {
        hold_slot(&db).await;
        db.sql("INSERT INTO t VALUES (1)").await;
        db.sql("ALTER TABLE t ADD COLUMN v text NOT NULL DEFAULT 'x'").await;
        db.sql("INSERT INTO t VALUES (2)").await;
    };
    let (told, ()) = tokio::join!(connector.read(2), write);
    assert_eq!(told[0].value.get("after"), Some(&Json::parse(r#"{"id":1}"#)));
    assert_eq!(told[1].value.get("after"), Some(&Json::parse(r#"{"id":2,"v":"x"}"#)));
    let published = db.text("SELECT string_agg(tablename, ',') FROM pg_publication_tables").await;
    assert_eq!(published, "t");
}

#[tokio::test]
async fn a_large_transaction_that_is_streamed_is_told_as_one_with_its_places_and_messages() {
    let db = Fixture::new("CREATE TABLE t (id int PRIMARY KEY, v text)").await;
    if db.cluster.version() < 14 {
        return;
    }
    db.sql(&format!("ALTER DATABASE {} SET logical_decoding_work_mem = '64kB'", db.database)).await;
    let settings = [PLAIN, ("snapshot.mode", "no_data"), ("provide.transaction.metadata", "true")];
    let scratch = tempfile::tempdir().unwrap();
    let context =
        SourceContext { scratch: Some(scratch.path().to_owned()), ..SourceContext::default() };
    let options = options(&db, &settings);
    let mut connector = Connector::start_as(&options, ReadFrom::default(), context).await.unwrap();
    let write = async {
        hold_slot(&db).await;
        db.sql(
            "BEGIN; INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 3000) i;
             SELECT pg_logical_emit_message(true, 'p', 'within');
             SAVEPOINT s; INSERT INTO t VALUES (-1, 'rolled back');
             SELECT pg_logical_emit_message(true, 'p', 'rolled back'); ROLLBACK TO s;
             INSERT INTO t SELECT i, repeat('y', 100) FROM generate_series(3001, 6000) i; COMMIT",
        )
        .await;
    };
    let (told, ()) = tokio::join!(connector.read(6003), write);
    let topics: Vec<&str> = told.iter().map(|event| event.topic.as_str()).collect();
    assert_eq!((topics[0], topics[3001]), ("srv1.transaction", "srv1.message"));
    assert_eq!(told[6002].value.get("event_count"), Some(&Json::Integer(6001)));
    let number = |json: Option<&Json>| match json {
        Some(Json::Integer(number)) => *number,
        other => panic!("{other:?}"),
    };
    let mut last = 0;
    for (at, event) in told[1..6002].iter().enumerate() {
        let place = event.value.get("transaction").and_then(|t| t.get("total_order"));
        assert_eq!(number(place), at as i128 + 1);
        let lsn = number(event.value.get("source").and_then(|source| source.get("lsn")));
        assert!(lsn >= last, "{lsn} behind {last}");
        last = lsn;
    }
}

#[tokio::test]
async fn tables_of_one_logical_topic_have_keys_that_say_which_row_is_whose() {
    let tables = "CREATE TABLE orders_1 (id int PRIMARY KEY);
        CREATE TABLE orders_2 (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)";
    let db = Fixture::new(tables).await;
    let router = |option: &str| format!("transforms.r.{option}");
    let (kind, regex, replacement) =
        (router("type"), router("topic.regex"), router("topic.replacement"));
    let (from, to, name) =
        (router("key.field.regex"), router("key.field.replacement"), router("key.field.name"));
    let base = [
        ("snapshot.mode", "no_data"),
        ("transforms", "r"),
        (kind.as_str(), "io.debezium.transforms.ByLogicalTableRouter"),
        (regex.as_str(), "(.*)orders_.*"),
        (replacement.as_str(), "$1orders"),
    ];
    let derived = [(from.as_str(), ".*_(.*)"), (to.as_str(), "part $1"), (name.as_str(), "part")];
    let write = "INSERT INTO orders_1 VALUES (1); INSERT INTO orders_2 VALUES (1); INSERT INTO other VALUES (1)";
    for (more, field, values) in [
        (
            &[][..],
            "__dbz__physicalTableIdentifier",
            ["srv1.public.orders_1", "srv1.public.orders_2"],
        ),
        (&derived[..], "part", ["part 1", "part 2"]),
    ] {
        for has_schemas in [false, true] {
            db.sql("TRUNCATE orders_1, orders_2, other").await;
            let slot = format!("{}_{field}_{has_schemas}", db.database).to_lowercase();
            let schemas = ("converter.schemas.enable", if has_schemas { "true" } else { "false" });
            let settings: Vec<_> =
                base.iter().chain(more).copied().chain([schemas, ("slot.name", &slot)]).collect();
            let options = options(&db, &settings);
            let mut connector = Connector::start(&options, ReadFrom::default()).await.unwrap();
            let insert = async {
                let sql = format!(
                    "SELECT count(*)::text FROM pg_replication_slots WHERE slot_name = '{slot}' AND \
                     confirmed_flush_lsn IS NOT NULL"
                );
                wait_for("the slot to be there", LIMIT, || async {
                    (db.text(&sql).await == "1").then_some(())
                })
                .await;
                db.sql(write).await;
            };
            let (told, ()) = tokio::join!(connector.read(3), insert);
            let topics: Vec<&str> = told.iter().map(|event| event.topic.as_str()).collect();
            assert_eq!(topics, ["srv1.public.orders", "srv1.public.orders", "srv1.public.other"]);
            for (event, value) in told.iter().zip(values) {
                let key = Event::payload(&event.key);
                assert_eq!(key.get("id"), Some(&Json::Integer(1)));
                assert_eq!(key.get(field), Some(&Json::text(value)));
            }
            assert_eq!(Event::payload(&told[2].key).get(field), None);
            if has_schemas {
                let name = |json: &Json| json.get("schema").and_then(|s| s.get("name")).cloned();
                assert_eq!(name(&told[0].key), Some(Json::text("srv1.public.orders.Key")));
                assert_eq!(name(&told[1].value), Some(Json::text("srv1.public.orders.Envelope")));
                assert_eq!(name(&told[2].key), Some(Json::text("srv1.public.other.Key")));
                let text = format!("{:?}", told[0].key.get("schema"));
                assert!(text.contains(field), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn a_connector_that_has_never_run_takes_over_only_where_publication_and_slot_are() {
    for (mode, made) in [
        ("disabled", "CREATE PUBLICATION \"pub_str\" FOR TABLE \"public\".\"t\""),
        ("filtered", "CREATE PUBLICATION \"pub_str\" FOR TABLE \"public\".\"t\""),
        ("all_tables", "CREATE PUBLICATION \"pub_str\" FOR ALL TABLES"),
    ] {
        let db = Fixture::new("CREATE TABLE t (id int PRIMARY KEY)").await;
        let options = options(&db, &[PLAIN, ("publication.autocreate.mode", mode)]);
        let plan = PostgresRecordPlan::new(validate(&options).config.unwrap()).unwrap();
        let now = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint::text";
        let place = async || {
            let lsn: u64 = db.text(now).await.parse().unwrap();
            plan.moved(None, &serde_json::json!({"lsn": lsn})).await
        };
        let slot = format!("slot_{}", db.database);
        let slot = format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput');");
        let refused = async || {
            let error = place().await.expect_err("a refusal");
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
            assert!(error.to_string().ends_with("; make publication and slot first"), "{error}");
            error.hint().expect("how to mend it").to_owned()
        };
        let mend = refused().await;
        assert!(mend.starts_with(made) && mend.ends_with(&format!("; {slot}")), "{mode}: {mend}");
        db.sql(&slot).await;
        let mend = refused().await;
        assert!(mend.starts_with(made) && !mend.contains("slot"), "{mode}: {mend}");
        db.sql(&mend).await;
        db.sql("INSERT INTO t VALUES (1)").await;
        let position = Some(place().await.expect("a place"));
        let from = ReadFrom { position, stops: Vec::new() };
        let mut connector = Connector::start(&options, from).await.unwrap();
        db.sql("INSERT INTO t VALUES (2)").await;
        let told = connector.read(1).await;
        assert_eq!(told[0].key.get("id"), Some(&Json::Integer(2)), "{mode}");
        drop(connector);
        if mode == "filtered" {
            db.sql("CREATE TABLE u (id int); ALTER PUBLICATION pub_str SET TABLE u").await;
            let mend = refused().await;
            assert!(mend.starts_with("ALTER PUBLICATION \"pub_str\" SET TABLE "), "{mend}");
        }
    }
}
