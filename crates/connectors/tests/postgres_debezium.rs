//! The same tables and statements as a real Debezium 3.6 was given: the same events, field by field.
//! Times, places in the WAL, transactions and versions are compared by their presence alone; what
//! differs on purpose is listed in `expected` and in docs/compatibility/debezium.md.

mod support;

use support::debezium::{Connector, Event, Json, captured, options, statements};
use support::{Fixture, LIMIT};
use tailwater_connector_api::ReadFrom;
use tailwater_testkit_postgres::{Cluster, wait_for};

const DDL: &str = include_str!("data/debezium/01_ddl.sql");
const ROWS: &str = include_str!("data/debezium/02_rows_for_snapshot.sql");
const STREAM: &str = include_str!("data/debezium/03_stream.sql");

macro_rules! capture {
    ($name:literal) => {
        captured(include_bytes!(concat!("data/debezium/", $name, ".jsonl.gz")))
    };
}

const ALL: (&str, &str) = ("table.include.list", "public.*,Odd Schema.*");
const TYPES: (&str, &str) = ("table.include.list", "public.all_types");
const PLAIN: (&str, &str) = ("converter.schemas.enable", "false");
const WITH_SCHEMAS: (&str, &str) = ("converter.schemas.enable", "true");

/// The tables of the captures; `None` before PostgreSQL 15, which has no scale below zero.
async fn database() -> Option<Fixture> {
    let db = Fixture::new("SELECT 1").await;
    if db.cluster.version() < 15 {
        return None;
    }
    db.sql(DDL).await;
    db.sql(ROWS).await;
    Some(db)
}

/// Takes away what must differ: numbers stand for their presence.
fn normal(mut event: Event) -> Event {
    const TIMES: &[&str] = &["ts_ms", "ts_us", "ts_ns", "__source_ts_ms"];
    const PLACES: &[&str] = &["txId", "lsn", "__lsn", "__debezium.context.runId"];
    let mut visit = |name: &str, value: &mut Json| {
        let is_number = matches!(value, Json::Integer(_));
        if is_number && (TIMES.contains(&name) || PLACES.contains(&name)) {
            *value = Json::text("number");
        }
        if name == "version" && matches!(value, Json::Text(_)) {
            *value = Json::text("version");
        }
        if let ("sequence" | "id", Json::Text(text)) = (name, &*value)
            && text.bytes().any(|b| b.is_ascii_digit())
            && text.bytes().all(|b| b.is_ascii_digit() || b"[]\",:nul".contains(&b))
        {
            let parts: Vec<&str> = text
                .split([',', ':'])
                .map(|part| if part.contains("null") { "null" } else { "number" })
                .collect();
            *value = Json::Text(parts.join(","));
        }
    };
    event.key.each(&mut visit);
    event.value.each(&mut visit);
    for (name, value) in &mut event.headers {
        if name == "__debezium.context.runId" {
            match value.get_mut("payload") {
                Some(payload) => *payload = Json::text("run"),
                None => *value = Json::text("run"),
            }
        }
    }
    event
}

/// What we tell instead of what Debezium told: each is a bug of it that is not copied, or an order that
/// means nothing.
fn expected(mut event: Event, database: &str) -> Event {
    let geometry = |text: &str| {
        use base64::Engine;
        Json::Text(base64::engine::general_purpose::STANDARD.encode(text))
    };
    // The stream loses values of the type "name".
    let mut keep_name = |_: &str, value: &mut Json| {
        let note = value.get("note").and_then(Json::as_text).unwrap_or_default();
        if note.starts_with("ordinary")
            && let Some(name) = value.get_mut("c_name")
        {
            *name = Json::text("a_name");
        }
    };
    keep_name("", &mut event.value);
    event.value.each(&mut keep_name);
    let mut visit = |name: &str, value: &mut Json| {
        let is_value = *value != Json::Null;
        let instead = match (name, &*value) {
            ("db", Json::Text(_)) => Json::text(database),
            // Two dimensions are told one behind the other, not as two nulls.
            ("c_int_arr2", Json::List(_)) => Json::parse("[1,2,3,4]"),
            // A scale of -2 is no scale of 2046.
            ("c_numeric_neg", Json::Text(text)) if text.starts_with("12300") => Json::text("12300"),
            ("c_numeric_neg", Json::Text(_)) => Json::text("ew=="),
            ("scale", Json::Text(scale)) if scale == "2046" => Json::text("-2"),
            // The order of an hstore is the server's.
            ("c_hstore", Json::Text(text)) if text.len() > 2 => {
                Json::text(r#"{"k":"v","n":null,"sp ace":"q\"q"}"#)
            }
            ("c_hstore", Json::Object(pairs)) if !pairs.is_empty() => {
                Json::parse(r#"{"k":"v","n":null,"sp ace":"q\"q"}"#)
            }
            // Infinite dates and dates before Christ.
            ("c_date", Json::Integer(-622_191_234 | -2_147_472_692)) => {
                Json::Integer(i32::MAX.into())
            }
            ("c_date", Json::Integer(-625_821_272)) => Json::Integer(i32::MIN.into()),
            ("c_date", Json::Integer(-703_383)) => Json::Integer(-735_160),
            ("c_date", Json::Text(text)) if text == "+292278994-08-16Z" => Json::text("infinity"),
            ("c_date", Json::Text(text)) if text == "+292269055-12-02Z" => Json::text("-infinity"),
            ("c_date", Json::Text(text)) if text == "0044-03-15Z" => Json::text("-0043-03-15Z"),
            // Text of types without a mapping is the server's, not reprinted by a driver.
            ("c_line", Json::Text(_)) => geometry("{1,2,3}"),
            ("c_lseg", Json::Text(_)) => geometry("[(0,0),(1,1)]"),
            ("c_box", Json::Text(_)) => geometry("(2,2),(1,1)"),
            ("c_path" | "c_polygon", Json::Text(_)) => geometry("((0,0),(1,1),(2,0))"),
            ("c_circle", Json::Text(_)) => geometry("<(1,2),3>"),
            // The name of a Java object.
            ("data_collection", Json::Text(text)) if text.contains("MessageId@") => {
                Json::text("my-prefix")
            }
            _ => return,
        };
        if is_value {
            *value = instead;
        }
    };
    event.value.each(&mut visit);
    event
}

/// Whether an event is one of an incremental snapshot: when its rows come is chance, and only
/// Debezium writes marks into the signal table.
fn is_incremental(event: &Event) -> bool {
    let id = Event::payload(&event.key).get("id").and_then(Json::as_text).unwrap_or_default();
    let source = Event::payload(&event.value).get("source");
    let snapshot = source.and_then(|source| source.get("snapshot")).and_then(Json::as_text);
    id.ends_with("-open") || id.ends_with("-close") || snapshot == Some("incremental")
}

/// Takes the rows of an incremental snapshot out.
fn without_incremental(events: Vec<Event>) -> (Vec<Event>, Vec<Event>) {
    events.into_iter().partition(|event| !is_incremental(event))
}

fn compare(told: Vec<Event>, real: Vec<Event>, database: &str) {
    let has_headers = real.iter().any(|event| !event.headers.is_empty());
    // From 18 on the stream has them; the captures are of 15.
    let has_generated = Cluster::shared().version() >= 18;
    let (told, told_again) = without_incremental(told);
    let is_row = |event: &&Event| Event::payload(&event.value).get("op") == Some(&Json::text("r"));
    let real_again = real.iter().filter(|event| is_incremental(event)).find(is_row);
    assert_eq!(told_again.is_empty(), real_again.is_none());
    if let (Some(told), Some(real)) = (told_again.first(), real_again) {
        let (told, real) = (normal(told.clone()), normal(expected(real.clone(), database)));
        assert_eq!((&told.topic, &told.headers), (&real.topic, &real.headers));
        // The row is that of another moment.
        for name in ["before", "source", "transaction", "op"] {
            let member = |event: &Event| Event::payload(&event.value).get(name).cloned();
            let (told, real) = (member(&told).expect(name), member(&real).expect(name));
            assert_same(&told, &real, name);
        }
    }
    let real = real.into_iter().filter(|event| !is_incremental(event));
    let real = real.filter(|event| !event.topic.starts_with("__debezium-heartbeat"));
    let real: Vec<Event> = real.collect();
    for (at, (told, real)) in told.iter().zip(&real).enumerate() {
        let mut real = normal(expected(real.clone(), database));
        let mut told = normal(told.clone());
        if !has_headers {
            told.headers.clear();
        }
        if has_generated {
            for event in [&mut told, &mut real] {
                leave_out_generated(&mut event.value);
            }
        }
        assert_eq!(told.topic, real.topic, "event {at}");
        assert_eq!(told.headers, real.headers, "event {at} of {}", told.topic);
        assert_eq!(told.key, real.key, "event {at} of {}", told.topic);
        assert_same(&told.value, &real.value, &format!("event {at} of {}", told.topic));
    }
    assert_eq!(told.len(), real.len());
}

/// Takes a generated column out of rows and their schemas.
fn leave_out_generated(json: &mut Json) {
    const NAME: &str = "c_generated";
    match json {
        Json::Object(members) => {
            members.retain(|(name, _)| name != NAME);
            members.iter_mut().for_each(|(_, value)| leave_out_generated(value));
        }
        Json::List(items) => {
            items.retain(|item| item.get("field") != Some(&Json::text(NAME)));
            items.iter_mut().for_each(leave_out_generated);
        }
        _ => {}
    }
}

/// Names the first member that differs.
fn assert_same(told: &Json, real: &Json, path: &str) {
    match (told, real) {
        (Json::Object(told), Json::Object(real)) => {
            let names = |all: &[(String, Json)]| -> Vec<String> {
                all.iter().map(|(name, _)| name.clone()).collect()
            };
            assert_eq!(names(told), names(real), "{path}");
            for ((name, told), (_, real)) in told.iter().zip(real) {
                assert_same(told, real, &format!("{path}.{name}"));
            }
        }
        (Json::List(told), Json::List(real)) if told.len() == real.len() => {
            for (at, (told, real)) in told.iter().zip(real).enumerate() {
                assert_same(told, real, &format!("{path}[{at}]"));
            }
        }
        _ => assert_eq!(told, real, "{path}"),
    }
}

async fn snapshot(real: Vec<Event>, settings: &[(&str, &str)]) {
    let Some(db) = database().await else { return };
    let mut settings = settings.to_vec();
    settings.push(("snapshot.mode", "initial_only"));
    let mut connector =
        Connector::start(&options(&db, &settings), ReadFrom::default()).await.expect("a start");
    let told = connector.read(usize::MAX).await;
    compare(told, real, &db.database);
}

async fn stream(real: Vec<Event>, settings: &[(&str, &str)]) {
    let Some(db) = database().await else { return };
    let is_first = |event: &&Event| {
        let op = Event::payload(&event.value).get("op").and_then(Json::as_text);
        op == Some("r") && !is_incremental(event)
    };
    let in_snapshot = real.iter().filter(is_first).count();
    let is_ours =
        |event: &&Event| !is_incremental(event) && !event.topic.starts_with("__debezium-heartbeat");
    let all = real.iter().filter(is_ours).count();
    let options = options(&db, settings);
    let mut connector = Connector::start(&options, ReadFrom::default()).await.expect("a start");
    connector.read(in_snapshot).await;
    let streams = async {
        let sql = format!(
            "SELECT count(*)::text FROM pg_replication_slots WHERE confirmed_flush_lsn IS NOT NULL
             AND slot_name = 'slot_{}'",
            db.database
        );
        wait_for("the slot to be held", LIMIT, || async {
            (db.text(&sql).await == "1").then_some(())
        })
        .await;
        for statement in statements(STREAM) {
            db.sql(&statement).await;
        }
    };
    let (mut told, ()) = tokio::join!(connector.read(all), streams);
    if real.iter().any(is_incremental) {
        // The tables that a signal names are read behind it.
        while !told.iter().any(is_incremental) {
            connector.step().await.expect("rows that are read again");
            told = connector.read(all).await;
        }
    }
    compare(told, real, &db.database);
    let beats = connector.events.iter().filter(|e| e.topic == "__debezium-heartbeat.srv1").count();
    assert_eq!(beats > 0, options.contains_key("heartbeat.interval.ms"));
}

macro_rules! snapshots {
    ($($test:ident = $name:literal: $($setting:expr),*;)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                snapshot(capture!($name), &[$($setting),*]).await;
            }
        )*
    };
}

snapshots! {
    a_snapshot_is_told_with_schemas = "snapshot_schemas": ALL, WITH_SCHEMAS;
    a_snapshot_is_told_without_schemas = "snapshot_noschemas": ALL, PLAIN;
    decimals_are_strings = "snapshot_types_decimal_string":
        TYPES, PLAIN, ("decimal.handling.mode", "string");
    decimals_are_doubles = "snapshot_types_decimal_double":
        TYPES, PLAIN, ("decimal.handling.mode", "double");
    times_are_those_of_connect = "snapshot_types_time_connect":
        TYPES, PLAIN, ("time.precision.mode", "connect"), ("interval.handling.mode", "string"),
        ("hstore.handling.mode", "map"), ("binary.handling.mode", "base64");
    times_are_microseconds_and_bytes_hexadecimal = "snapshot_types_time_micros_schema":
        TYPES, WITH_SCHEMAS, ("time.precision.mode", "adaptive_time_microseconds"),
        ("binary.handling.mode", "hex"), ("interval.handling.mode", "string");
    times_are_iso_strings = "snapshot_types_time_isostring":
        TYPES, PLAIN, ("time.precision.mode", "isostring"),
        ("binary.handling.mode", "base64-url-safe");
    times_are_microseconds = "snapshot_types_time_microseconds":
        TYPES, PLAIN, ("time.precision.mode", "microseconds");
    times_are_nanoseconds = "snapshot_types_time_nanoseconds":
        TYPES, PLAIN, ("time.precision.mode", "nanoseconds");
    types_without_a_mapping_are_bytes = "snapshot_types_unknown_included":
        TYPES, WITH_SCHEMAS, ("include.unknown.datatypes", "true");
    names_are_made_fit_for_avro = "snapshot_adjust_names":
        ALL, PLAIN, ("schema.name.adjustment.mode", "avro"), ("field.name.adjustment.mode", "avro");
    envelopes_are_taken_off_a_snapshot = "snapshot_unwrap":
        ALL, PLAIN, ("transforms", "u"),
        ("transforms.u.type", "io.debezium.transforms.ExtractNewRecordState"),
        ("transforms.u.add.fields", "op,table,lsn,source.ts_ms"), ("transforms.u.add.headers", "op");
}

#[tokio::test]
async fn changes_are_told_without_schemas() {
    let settings = [ALL, PLAIN, ("signal.data.collection", "public.dbz_signal")];
    stream(capture!("stream_noschemas"), &settings).await;
}

#[tokio::test]
async fn changes_are_told_with_schemas() {
    let settings = [ALL, WITH_SCHEMAS, ("signal.data.collection", "public.dbz_signal")];
    stream(capture!("stream_schemas"), &settings).await;
}

#[tokio::test]
async fn transactions_heartbeats_and_messages_are_told() {
    let settings = [
        ALL,
        PLAIN,
        ("provide.transaction.metadata", "true"),
        ("heartbeat.interval.ms", "200"),
        ("message.prefix.include.list", ".*"),
        ("skipped.operations", "none"),
        ("snapshot.mode", "no_data"),
    ];
    stream(capture!("stream_tx_heartbeat_msg"), &settings).await;
}

#[tokio::test]
async fn envelopes_are_taken_off_changes() {
    let settings = [
        ALL,
        PLAIN,
        ("snapshot.mode", "no_data"),
        ("skipped.operations", "none"),
        ("transforms", "u"),
        ("transforms.u.type", "io.debezium.transforms.ExtractNewRecordState"),
        ("transforms.u.delete.tombstone.handling.mode", "rewrite"),
        ("transforms.u.add.fields", "op,table,lsn,source.ts_ms"),
    ];
    stream(capture!("stream_unwrap"), &settings).await;
}

#[tokio::test]
async fn partitions_are_told_under_their_tables_name() {
    let settings = [
        ALL,
        PLAIN,
        ("snapshot.mode", "no_data"),
        ("publish.via.partition.root", "true"),
        ("unavailable.value.placeholder", "__UNAVAIL__"),
        ("tombstones.on.delete", "false"),
    ];
    stream(capture!("stream_partroot_toast_reselect"), &settings).await;
}
