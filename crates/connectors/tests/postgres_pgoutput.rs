//! The parser of `pgoutput` against the bytes of a real server, protocol versions 1 to 3.

use std::sync::Arc;

use tailwater_pg_wire::pgoutput::{
    Block, Cell, OldTuple, PgOutput, ReplicaIdentity, head, parse, parse_in_stream,
};
use tailwater_testkit_postgres::{Client, Cluster};

const TABLES: &str = "CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE orders (id int PRIMARY KEY, price numeric(8, 3), m mood, note text);
    ALTER TABLE orders REPLICA IDENTITY FULL;
    CREATE PUBLICATION everything FOR ALL TABLES;";

/// A slot whose changes are asked for by a function: the same bytes as by replication.
struct Slot {
    client: Client,
    options: &'static str,
}

/// One message with its transaction as the server names it.
struct Message {
    xid: u32,
    data: Vec<u8>,
}

impl Slot {
    async fn new(cluster: &Arc<Cluster>, options: &'static str) -> Self {
        let client = cluster.connect(&cluster.create_database().await).await;
        client.batch_execute(TABLES).await.expect("tables");
        let is_two_phase = options.contains("two_phase");
        let database =
            client.query_one("SELECT current_database()::text", &[]).await.expect("a name");
        let name = database.get::<_, String>(0);
        let sql = format!(
            "SELECT pg_create_logical_replication_slot('{name}', 'pgoutput', false, {is_two_phase})"
        );
        client.batch_execute(&sql).await.expect("a slot");
        Self { client, options }
    }

    async fn sql(&self, sql: &str) {
        self.client.batch_execute(sql).await.expect(sql);
    }

    async fn messages(&self) -> Vec<Message> {
        let sql = format!(
            "SELECT xid::text, data FROM pg_logical_slot_get_binary_changes(current_database(), \
             NULL, NULL, 'publication_names', 'everything', 'messages', 'on', {})",
            self.options
        );
        let rows = self.client.query(&sql, &[]).await.expect("changes");
        let message = |row: &tokio_postgres::Row| Message {
            xid: row.get::<_, String>(0).parse().expect("a number"),
            data: row.get(1),
        };
        rows.iter().map(message).collect()
    }
}

/// The tags of messages, each run of the same one once; what every message must satisfy.
fn outline(messages: &[Message]) -> String {
    let mut tags = String::new();
    let mut block = Block::None;
    for Message { xid, data } in messages {
        let first = head(data, block).expect("a head");
        let (own_xid, parsed) = match block {
            Block::None => (None, parse(data).expect("a message")),
            Block::Stream => parse_in_stream(data).expect("a message of a block"),
        };
        assert_eq!((first.tag, first.xid), (data[0], own_xid));
        let relation = match &parsed {
            PgOutput::Insert { relation, .. }
            | PgOutput::Update { relation, .. }
            | PgOutput::Delete { relation, .. } => Some(*relation),
            PgOutput::Relation(relation) => Some(relation.oid),
            PgOutput::StreamStart(start) => {
                assert_eq!(start.xid, *xid);
                block = Block::Stream;
                None
            }
            PgOutput::StreamStop => {
                block = Block::None;
                None
            }
            PgOutput::StreamCommit(commit) => {
                assert_eq!(commit.xid, *xid);
                None
            }
            _ => None,
        };
        assert_eq!(first.relation, relation);
        let cuts = (0..data.len()).filter(|end| match block {
            Block::None => parse(&data[..*end]).is_ok(),
            Block::Stream => parse_in_stream(&data[..*end]).is_ok(),
        });
        assert_eq!(cuts.count(), 0, "a part of {data:?} is read as a whole");
        if !tags.ends_with(char::from(first.tag)) {
            tags.push(char::from(first.tag));
        }
    }
    tags
}

#[tokio::test]
async fn a_plain_transaction_is_read_with_everything_it_says() {
    let cluster = Cluster::shared();
    let slot = Slot::new(&cluster, "'proto_version', '1', 'binary', 'true'").await;
    slot.sql(
        "BEGIN; INSERT INTO orders VALUES (1, 1.5, 'ok', NULL); UPDATE orders SET note = 'x'; \
         SELECT pg_logical_emit_message(true, 'prefix', 'content'); DELETE FROM orders; \
         TRUNCATE orders RESTART IDENTITY; COMMIT",
    )
    .await;
    let messages = slot.messages().await;
    // The truncate makes the server forget what it has told of the table.
    assert_eq!(outline(&messages), "BYRIUMDYRTC");
    let parsed: Vec<_> = messages.iter().map(|m| parse(&m.data).unwrap()).collect();
    let PgOutput::Relation(relation) = &parsed[2] else { panic!("{:?}", parsed[2]) };
    assert_eq!(relation.replica_identity, ReplicaIdentity::Full);
    let columns: Vec<_> = relation
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.type_oid, c.type_modifier, c.is_key))
        .collect();
    let PgOutput::Type { oid: mood, namespace: "public", name: "mood" } = parsed[1] else {
        panic!("{:?}", parsed[1])
    };
    // The modifier of numeric(8, 3) is (8 << 16 | 3) + 4; under FULL every column is of the key.
    let expected = [
        ("id", 23, -1, true),
        ("price", 1700, 8 << 16 | 7, true),
        ("m", mood, -1, true),
        ("note", 25, -1, true),
    ];
    assert_eq!(columns, expected);
    let PgOutput::Update { old: Some(OldTuple::Full(old)), new, .. } = parsed[4] else {
        panic!("{:?}", parsed[4])
    };
    assert_eq!(old.cells()[3], Cell::Null);
    assert_eq!(new.cells()[2..], [Cell::Binary(b"ok"), Cell::Binary(b"x")]);
    let PgOutput::Message { is_transactional: true, prefix: "prefix", content, .. } = parsed[5]
    else {
        panic!("{:?}", parsed[5])
    };
    assert_eq!(content, b"content");
    let (PgOutput::Begin(begin), Some(PgOutput::Commit(commit))) = (&parsed[0], parsed.last())
    else {
        panic!("no transaction")
    };
    assert_eq!((begin.final_lsn, begin.commit_micros), (commit.commit_lsn, commit.commit_micros));
    assert_eq!(begin.xid, messages[0].xid);
    assert!(commit.end_lsn > commit.commit_lsn);
}

#[tokio::test]
async fn an_origin_tells_its_name_and_place() {
    let cluster = Cluster::shared();
    let slot = Slot::new(&cluster, "'proto_version', '1'").await;
    slot.sql("SELECT pg_replication_origin_create('far')").await;
    slot.sql(
        "SELECT pg_replication_origin_session_setup('far');
         BEGIN; SELECT pg_replication_origin_xact_setup('1/2A', '2024-02-29 12:00:00+00');
         INSERT INTO orders VALUES (1); COMMIT;
         SELECT pg_replication_origin_session_reset()",
    )
    .await;
    let mut messages = slot.messages().await;
    slot.sql("SELECT pg_replication_origin_drop('far')").await;
    // PostgreSQL 14 tells also of transactions that have nothing for us.
    let empty = if cluster.version() < 15 { 2 } else { 0 };
    messages.drain(..empty);
    assert_eq!(outline(&messages), "BOYRIC");
    let PgOutput::Origin { lsn, name: "far" } = parse(&messages[1].data).unwrap() else {
        panic!("no origin")
    };
    assert_eq!(lsn.to_string(), "1/2A");
}

fn streaming_cluster() -> Arc<Cluster> {
    let cluster = Cluster::builder()
        .setting("logical_decoding_work_mem", "64kB")
        .setting("max_prepared_transactions", "10")
        .start();
    Arc::new(cluster)
}

#[tokio::test]
async fn a_streamed_transaction_is_read_block_by_block() {
    let cluster = streaming_cluster();
    let slot = Slot::new(&cluster, "'proto_version', '2', 'streaming', 'on'").await;
    let many = |from: u32| {
        let to = from + 2999;
        format!(
            "INSERT INTO orders SELECT g, 1, 'ok', repeat('x', 100) FROM generate_series({from}, {to}) g;"
        )
    };
    slot.sql(&format!(
        "BEGIN; {} SAVEPOINT a; {} ROLLBACK TO a; UPDATE orders SET m = 'sad'; COMMIT;
         BEGIN; {} ROLLBACK",
        many(1),
        many(10_000),
        many(20_000)
    ))
    .await;
    let messages = slot.messages().await;
    let outline = outline(&messages);
    assert!(outline.starts_with("SYRIES") && outline.contains("UE"), "{outline}");
    assert!(outline.contains('A') && outline.contains('c'), "{outline}");
    assert!(!outline.contains(['B', 'C']), "{outline}");
    let mut block = Block::None;
    let mut by_xid = std::collections::BTreeMap::<u32, usize>::new();
    let (mut firsts, mut aborts) = (Vec::new(), Vec::new());
    for Message { data, .. } in &messages {
        match data[0] {
            b'S' => block = Block::Stream,
            b'E' => block = Block::None,
            b'I' => *by_xid.entry(head(data, block).unwrap().xid.unwrap()).or_default() += 1,
            _ => {}
        }
        match parse(data) {
            Ok(PgOutput::StreamStart(start)) if start.is_first => firsts.push(start.xid),
            Ok(PgOutput::StreamAbort(abort)) => aborts.push(abort),
            Ok(PgOutput::StreamCommit(commit)) => assert_eq!(commit.xid, firsts[0]),
            _ => {}
        }
    }
    assert_eq!(by_xid[&firsts[0]], 3000);
    let sub = aborts.iter().find(|a| a.xid == firsts[0] && a.subxid != a.xid).unwrap();
    assert!(by_xid.contains_key(&sub.subxid), "{aborts:?} {by_xid:?}");
    assert!(aborts.iter().all(|a| a.aborted_at.is_none()));
}

#[tokio::test]
async fn prepared_transactions_are_read_from_begin_to_end() {
    let cluster = streaming_cluster();
    if cluster.version() < 15 {
        return;
    }
    let options = "'proto_version', '3', 'streaming', 'on', 'two_phase', 'on'";
    let slot = Slot::new(&cluster, options).await;
    slot.sql("BEGIN; INSERT INTO orders VALUES (1); PREPARE TRANSACTION 'one'").await;
    slot.sql("BEGIN; INSERT INTO orders VALUES (2); PREPARE TRANSACTION 'two'").await;
    slot.sql("COMMIT PREPARED 'one'").await;
    slot.sql("ROLLBACK PREPARED 'two'").await;
    slot.sql(
        "BEGIN; INSERT INTO orders SELECT g, 1, 'ok', repeat('x', 100) FROM \
         generate_series(1000, 4000) g; PREPARE TRANSACTION 'big'",
    )
    .await;
    slot.sql("COMMIT PREPARED 'big'").await;
    let messages = slot.messages().await;
    let outline = outline(&messages);
    assert!(outline.starts_with("bYRIPbIPKrS") && outline.ends_with("EpK"), "{outline}");
    let mut told = Vec::new();
    for Message { xid, data } in messages.iter().filter(|m| b"bPKrp".contains(&m.data[0])) {
        let (own, gid, ordered) = match parse(data).unwrap() {
            PgOutput::BeginPrepare(p) | PgOutput::Prepare(p) | PgOutput::StreamPrepare(p) => {
                (p.xid, p.gid, p.prepare_lsn < p.end_lsn && p.prepare_micros > 0)
            }
            PgOutput::CommitPrepared(c) => {
                (c.xid, c.gid, c.commit.commit_lsn < c.commit.end_lsn && c.commit.commit_micros > 0)
            }
            PgOutput::RollbackPrepared(r) => {
                let in_order = r.prepare_end_lsn < r.end_lsn;
                (r.xid, r.gid, in_order && r.prepare_micros <= r.rollback_micros)
            }
            other => panic!("{other:?}"),
        };
        assert!(own == *xid && ordered, "{own} {xid} {gid}");
        told.push(format!("{}:{gid}", char::from(data[0])));
    }
    let expected =
        ["b:one", "P:one", "b:two", "P:two", "K:one", "r:two", "p:big", "K:big"].map(String::from);
    assert_eq!(told, expected);
}
