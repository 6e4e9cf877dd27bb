//! Signals: tables are read again, chunk by chunk, while the stream goes on.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use support::debezium::{Connector, Event, Json, options};
use support::{Fixture, LIMIT};
use tailwater_connector_api::{ReadFrom, SourceContext, SourcePlan, Verdict};
use tailwater_connectors::postgres::records::PostgresRecordPlan;
use tailwater_debezium::config::validate;
use tailwater_testkit_postgres::wait_for;
use tailwater_types::Position;

const PLAIN: (&str, &str) = ("converter.schemas.enable", "false");
const TABLE: (&str, &str) = ("signal.data.collection", "public.signals");

async fn hold_slot(db: &Fixture) {
    let sql = "SELECT count(*)::text FROM pg_replication_slots WHERE confirmed_flush_lsn IS NOT NULL AND database = \
               current_database()";
    wait_for("the slot to be there", LIMIT, || async { (db.text(sql).await == "1").then_some(()) })
        .await;
}

fn signal(id: &str, kind: &str, data: &str) -> String {
    format!("INSERT INTO signals VALUES ('{id}', '{kind}', '{data}')")
}

fn from(position: Option<Position>) -> ReadFrom {
    ReadFrom { position, stops: Vec::new() }
}

/// Whether something is left to be read again behind a place.
fn is_within(place: &Position) -> bool {
    place.0.contains('\t')
}

fn is_again(event: &Event) -> bool {
    event.value.get("op") == Some(&Json::text("r"))
}

fn is_marker(event: &Event) -> bool {
    event.topic == "srv1.public.marker"
}

/// Reads until the marker's next row has come.
async fn read_to_marker(connector: &mut Connector) {
    let known = connector.events.iter().filter(|e| is_marker(e)).count();
    while connector.events.iter().filter(|e| is_marker(e)).count() == known {
        connector.step().await.expect("an event");
    }
}

/// A connector that streams, and its database.
async fn streaming(
    sql: &str,
    more: &[(&str, &str)],
) -> (Fixture, BTreeMap<String, String>, Connector) {
    let db =
        Fixture::new(&format!("{SIGNALS}; CREATE TABLE marker (id int PRIMARY KEY); {sql}")).await;
    let mut settings =
        vec![PLAIN, TABLE, ("snapshot.mode", "no_data"), ("tombstones.on.delete", "false")];
    settings.extend(more);
    let options = options(&db, &settings);
    let mut connector = Connector::start(&options, ReadFrom::default()).await.expect("a source");
    let write = async {
        hold_slot(&db).await;
        db.sql("INSERT INTO marker VALUES (0)").await;
    };
    tokio::join!(read_to_marker(&mut connector), write);
    (db, options, connector)
}

const SIGNALS: &str = "CREATE TABLE signals (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048))";

fn numbers(event: &Event) -> (String, i128, i128) {
    let number = |json: Option<&Json>| match json {
        Some(Json::Integer(n)) => *n,
        other => panic!("no number: {other:?}"),
    };
    let after = event.value.get("after").unwrap_or(&Json::Null);
    let op = event.value.get("op").and_then(Json::as_text).unwrap_or_default().to_owned();
    (op, number(event.key.get("id")), number(after.get("v")))
}

#[tokio::test]
async fn a_signal_has_tables_read_again_between_the_changes() {
    let db = Fixture::new(&format!(
        "{SIGNALS}; CREATE TABLE t (id int PRIMARY KEY, v int);
         CREATE TABLE other (id int PRIMARY KEY, v int); INSERT INTO other VALUES (1, 1);
         INSERT INTO t SELECT i, 0 FROM generate_series(1, 20000) i"
    ))
    .await;
    let settings = [
        PLAIN,
        ("snapshot.mode", "no_data"),
        ("snapshot.max.threads", "2"),
        ("table.include.list", "public.t,public.other"),
        ("signal.data.collection", "public.signals"),
        ("tombstones.on.delete", "false"),
    ];
    let options = options(&db, &settings);
    let mut connector = Connector::start(&options, ReadFrom::default()).await.expect("a source");
    let before = async {
        hold_slot(&db).await;
        db.sql("UPDATE t SET v = 1 WHERE id % 2 = 0").await;
    };
    tokio::join!(connector.read(10_000), before);
    let place = connector.position.clone();
    let signal = r#"{"data-collections": ["public.T"], "type": "incremental",
        "additional-conditions": [{"data-collection": "public.t", "filter": "id > 100"}]}"#;
    let signalled = format!("INSERT INTO signals VALUES ('1', 'execute-snapshot', '{signal}')");
    let write = async {
        db.sql("INSERT INTO signals VALUES ('0', 'execute-snapshot', 'no JSON')").await;
        for round in 0..30 {
            if round == 10 {
                db.sql(&signalled).await;
            }
            db.sql("UPDATE t SET v = v + 1 WHERE id % 97 = 5").await;
        }
        db.sql("INSERT INTO t VALUES (-1, 0)").await;
    };
    let end = async |connector: &mut Connector| {
        let is_last = |e: &Event| e.key.get("id") == Some(&Json::Integer(-1));
        while !connector.events.iter().any(is_last)
            || connector.position.as_ref().is_none_or(is_within)
        {
            connector.step().await.expect("an event");
        }
    };
    tokio::join!(end(&mut connector), write);
    let of_t = |connector: &Connector| -> Vec<(String, i128, i128)> {
        let is_of_t = |e: &&Event| e.topic == "srv1.public.t";
        connector.events.iter().filter(is_of_t).map(numbers).collect()
    };
    let told = of_t(&connector);
    let again: Vec<_> = told.iter().filter(|(op, ..)| op == "r").collect();
    assert_eq!(again.len(), 19_900, "each row that fits the condition once");
    assert!(again.iter().all(|(_, id, _)| *id > 100));
    assert!(!connector.events.iter().any(|e| e.topic == "srv1.public.other"));
    // No row is older than what was told of it before.
    let mut last: BTreeMap<i128, i128> = BTreeMap::new();
    for (op, id, v) in &told {
        let known = last.insert(*id, *v);
        assert!(op != "r" || known.is_none_or(|known| *v >= known), "{op} {id} {v} {known:?}");
    }
    for id in [5, 102, 199] {
        let v = db.text(&format!("SELECT v::text FROM t WHERE id = {id}")).await;
        assert_eq!(last[&id].to_string(), v, "the last event of {id}");
    }
    drop(connector);
    let from = ReadFrom { position: place, stops: Vec::new() };
    let mut connector = Connector::start(&options, from).await.unwrap();
    end(&mut connector).await;
    let again = of_t(&connector).iter().filter(|(op, ..)| op == "r").count();
    assert_eq!(again, 19_900, "a restart in front of the signal reads it again");
}

/// What the events leave of a table with the columns id and v.
fn folded(events: &[Event]) -> BTreeMap<i128, i128> {
    let mut rows = BTreeMap::new();
    for event in events.iter().filter(|event| event.topic == "srv1.public.t") {
        match event.value.get("op").and_then(Json::as_text) {
            Some("d") => {
                let Some(Json::Integer(id)) = event.key.get("id") else { panic!("{event:?}") };
                rows.remove(id);
            }
            _ => {
                let (_, id, v) = numbers(event);
                rows.insert(id, v);
            }
        }
    }
    rows
}

async fn table(db: &Fixture) -> BTreeMap<i128, i128> {
    let rows = db.client.query("SELECT id, v FROM t", &[]).await.expect("rows");
    rows.iter().map(|row| (row.get::<_, i32>(0).into(), row.get::<_, i32>(1).into())).collect()
}

const ROWS: usize = 20_000;

/// Reads in several runs, each killed a few chunks further, the last one to the end of the re-read;
/// gives what did not get lost.
async fn read_with_kills(
    options: &BTreeMap<String, String>,
    mut position: Option<Position>,
    done: &tokio::sync::Notify,
) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for _ in 0..4 {
        let mut connector = Connector::start(options, from(position)).await.expect("a source");
        while connector.events.iter().filter(|e| is_again(e)).count() < 2_000 {
            connector.step().await.expect("an event");
        }
        // What came behind the last place is lost with the process.
        let (count, last) = connector.cuts.last().cloned().expect("a place");
        assert!(is_within(&last), "a place within what is read again: {last:?}");
        events.extend(connector.events.drain(..count));
        position = Some(last);
    }
    let mut connector = Connector::start(options, from(position)).await.expect("a source");
    while connector.position.as_ref().is_none_or(is_within) {
        connector.step().await.expect("an event");
    }
    done.notify_one();
    read_to_marker(&mut connector).await;
    events.append(&mut connector.events);
    events
}

#[tokio::test]
async fn the_stream_goes_on_between_chunks_and_a_restart_goes_on_with_the_chunk_that_is_next() {
    let sql = format!(
        "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL);
         INSERT INTO t SELECT i, 0 FROM generate_series(1, {ROWS}) i"
    );
    let chunk = ("incremental.snapshot.chunk.size", "500");
    let (db, options, mut connector) = streaming(&sql, &[chunk]).await;
    let position = connector.position.take();
    drop(connector);
    db.sql(&signal("1", "execute-snapshot", r#"{"data-collections": ["public.t"]}"#)).await;
    let writer = db.cluster.connect(&db.database).await;
    let done = tokio::sync::Notify::new();
    let write = async {
        let mut round = 0;
        while tokio::time::timeout(Duration::ZERO, done.notified()).await.is_err() {
            let at = |step: usize| 1 + round * step % ROWS;
            let sql = format!(
                "UPDATE t SET v = v + 1 WHERE id = {} OR id = {}; DELETE FROM t WHERE id = {};
                 UPDATE t SET id = -id WHERE id = {}; INSERT INTO t VALUES ({}, 1)",
                at(37),
                at(7919),
                at(101),
                at(211),
                100_000 + round
            );
            writer.batch_execute(&sql).await.unwrap();
            round += 1;
        }
        writer.batch_execute("INSERT INTO marker VALUES (1)").await.unwrap();
    };
    let (events, ()) = tokio::join!(read_with_kills(&options, position, &done), write);
    let of_t: Vec<&Event> = events.iter().filter(|e| e.topic == "srv1.public.t").collect();
    let turns = of_t.windows(2).filter(|pair| is_again(pair[0]) != is_again(pair[1])).count();
    assert!(turns > 20, "changes come between the chunks: {turns}");
    let again = of_t.iter().filter(|e| is_again(e)).count();
    assert!((ROWS / 2..=ROWS).contains(&again), "no chunk is told twice: {again}");
    // No row is older than what was told of it before.
    let mut known: BTreeMap<i128, i128> = BTreeMap::new();
    for event in of_t.iter().filter(|e| e.value.get("after") != Some(&Json::Null)) {
        let (op, id, v) = numbers(event);
        let before = known.insert(id, v);
        assert!(op != "r" || before.is_none_or(|before| v >= before), "{id}: {v}, {before:?}");
    }
    let expected = table(&db).await;
    let mut rows = folded(&events);
    // What was deleted before its chunk and never told is not there either.
    rows.retain(|id, _| expected.contains_key(id) || panic!("{id} is not in the table"));
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn every_kind_of_key_is_cut_and_tables_without_one_go_by_pages() {
    let sql = "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
        CREATE TABLE words (w text, m mood, n numeric, PRIMARY KEY (w, m, n));
        INSERT INTO words SELECT chr(64 + i % 26) || chr(97 + i % 7) || chr(39) || chr(92) || chr(233),
          (enum_range(NULL::mood))[1 + i % 3], i / 10.0 FROM generate_series(1, 200) i;
        CREATE TABLE padded (c char(5), t timestamptz, b bytea, PRIMARY KEY (c, t, b));
        INSERT INTO padded SELECT 'x' || i % 3, '2024-01-01'::timestamptz + i * '1s'::interval,
          decode(md5(i::text), 'hex') FROM generate_series(1, 100) i;
        CREATE TABLE parts (id int, k uuid, PRIMARY KEY (id, k)) PARTITION BY RANGE (id);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (50);
        CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (50) TO (500);
        INSERT INTO parts SELECT i, md5(i::text)::uuid FROM generate_series(1, 150) i;
        CREATE TABLE plain (v text); ALTER TABLE plain REPLICA IDENTITY FULL;
        INSERT INTO plain SELECT repeat(md5(i::text), 60) FROM generate_series(1, 300) i;
        CREATE TABLE nothing (id int PRIMARY KEY)";
    let settings =
        [("incremental.snapshot.chunk.size", "7"), ("publish.via.partition.root", "true")];
    let (db, _, mut connector) = streaming(sql, &settings).await;
    let all = r#"{"data-collections": ["public.(words|padded|parts|plain|nothing)"]}"#;
    db.sql(&signal("1", "execute-snapshot", all)).await;
    let is_over = |c: &Connector| {
        c.events.iter().any(|e| e.topic == "srv1.public.signals")
            && c.position.as_ref().is_some_and(|p| !is_within(p))
    };
    while !is_over(&connector) {
        connector.step().await.expect("an event");
    }
    let mut told: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for event in connector.events.iter().filter(|e| is_again(e)) {
        told.entry(&event.topic).or_default().push(format!("{:?}", event.value.get("after")));
    }
    for (topic, count) in [("words", 200), ("padded", 100), ("parts", 150), ("plain", 300)] {
        let mut rows = told.remove(format!("srv1.public.{topic}").as_str()).unwrap_or_default();
        assert_eq!(rows.len(), count, "{topic}");
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), count, "{topic}: each row once");
    }
    assert_eq!(told.len(), 0, "{:?}", told.keys());
    let places = connector.cuts.iter().filter(|(_, place)| is_within(place)).count();
    assert!(places > 60, "a place behind each chunk: {places}");
}

#[tokio::test]
async fn a_snapshot_is_paused_resumed_and_stopped_by_signals() {
    let (db, options, mut connector) = streaming(
        "CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE u (id int PRIMARY KEY, v int);
         INSERT INTO t SELECT i, 0 FROM generate_series(1, 1000) i;
         INSERT INTO u SELECT i, 0 FROM generate_series(1, 1000) i",
        &[("incremental.snapshot.chunk.size", "10")],
    )
    .await;
    let both = r#"{"data-collections": ["public.t", "public.u"]}"#;
    db.sql(&format!(
        "BEGIN; {}; {}; COMMIT; INSERT INTO marker VALUES (1)",
        signal("1", "execute-snapshot", both),
        signal("2", "pause-snapshot", "{}")
    ))
    .await;
    read_to_marker(&mut connector).await;
    let again = |connector: &Connector, topic: &str| {
        connector.events.iter().filter(|e| is_again(e) && e.topic == topic).count()
    };
    assert_eq!(again(&connector, "srv1.public.t"), 0, "paused before the first chunk");
    // A restart does not forget that.
    let position = connector.position.clone();
    drop(connector);
    let mut connector = Connector::start(&options, from(position)).await.expect("a source");
    db.sql("INSERT INTO marker VALUES (2)").await;
    read_to_marker(&mut connector).await;
    assert_eq!(again(&connector, "srv1.public.t"), 0);
    let one = r#"{"data-collections": ["public.t"], "type": "incremental"}"#;
    db.sql(&format!(
        "BEGIN; {}; {}; COMMIT",
        signal("3", "stop-snapshot", one),
        signal("4", "resume-snapshot", "{}")
    ))
    .await;
    while again(&connector, "srv1.public.u") < 1000 {
        connector.step().await.expect("an event");
    }
    assert_eq!(again(&connector, "srv1.public.t"), 0, "stopped");
    db.sql(&format!(
        "BEGIN; {}; {}; COMMIT; INSERT INTO marker VALUES (3)",
        signal("5", "execute-snapshot", both),
        signal("6", "stop-snapshot", "")
    ))
    .await;
    read_to_marker(&mut connector).await;
    while connector.position.as_ref().is_some_and(is_within) {
        connector.step().await.expect("an event");
    }
    assert_eq!(again(&connector, "srv1.public.u"), 1000, "nothing more was read");
}

#[tokio::test]
async fn neither_an_open_transaction_nor_a_lock_on_the_table_holds_the_stream() {
    let (db, _, mut connector) = streaming(
        "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1);
         CREATE TABLE other (id int PRIMARY KEY)",
        &[],
    )
    .await;
    let again = |c: &Connector| c.events.iter().any(is_again);
    for hold in ["INSERT INTO other VALUES (1)", "LOCK TABLE t IN ACCESS EXCLUSIVE MODE"] {
        connector.events.clear();
        let busy = db.cluster.connect(&db.database).await;
        busy.batch_execute(&format!("BEGIN; {hold}")).await.unwrap();
        let data = r#"{"data-collections": ["public.t"]}"#;
        db.sql(&signal(&hold[..6], "execute-snapshot", data)).await;
        for _ in 0..3 {
            db.sql("INSERT INTO marker SELECT max(id) + 1 FROM marker").await;
            read_to_marker(&mut connector).await;
        }
        assert!(!again(&connector), "{hold}");
        busy.batch_execute("COMMIT").await.unwrap();
        while !again(&connector) {
            connector.step().await.expect("an event");
        }
    }
}

#[tokio::test]
async fn a_table_that_cannot_be_read_again_is_left_out_and_the_others_are_read() {
    let (db, _, mut connector) = streaming(
        "CREATE TABLE a (id int PRIMARY KEY, v int); INSERT INTO a VALUES (1, 0), (2, 1);
         CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)",
        &[],
    )
    .await;
    let data = r#"{"data-collections": ["public.a", "public.t"],
        "additional-conditions": [{"data-collection": "public.a", "filter": "10 / v = 10"}]}"#;
    db.sql(&signal("1", "execute-snapshot", data)).await;
    while !connector.events.iter().any(|e| is_again(e) && e.topic == "srv1.public.t") {
        connector.step().await.expect("an event");
    }
}

#[tokio::test]
async fn a_signal_table_that_is_not_there_is_found_out() {
    let db = Fixture::new("CREATE TABLE t (id int PRIMARY KEY, v int)").await;
    let options = options(&db, &[PLAIN, ("signal.data.collection", "public.signalz")]);
    let plan = || PostgresRecordPlan::new(validate(&options).config.unwrap()).unwrap();
    let found = plan().check(SourceContext::default()).await;
    let warned = found.iter().find(|p| p.code == "signal-table").expect("a finding");
    assert_eq!(warned.verdict, Verdict::Warn);
    assert!(warned.message.contains("\"public.signalz\" does not exist"), "{}", warned.message);
    let mend = warned.mend.clone().unwrap();
    assert!(mend.contains("CREATE TABLE \"public\".\"signalz\""), "{mend}");
    db.sql(&mend).await;
    let found = plan().check(SourceContext::default()).await;
    let now = found.iter().find(|p| p.code == "signal-table").map(|p| p.verdict);
    assert_eq!(now, Some(Verdict::Ok));
}
