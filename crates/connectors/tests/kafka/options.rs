//! What is wrong with a declaration is said in Flink's words, all at once.

use tailwater_connector_api::{Dialect, TableIssue};
use tailwater_types::TypeKind;

use crate::table::Table;

fn said(table: &Table, is_sink: bool) -> Vec<String> {
    let issues = match is_sink {
        true => table.sink().err(),
        false => table.source().err(),
    };
    let text = |i: TableIssue| match i.hint_in(Dialect::Sql) {
        Some(hint) => format!("{} | {hint}", i.message),
        None => i.message,
    };
    issues.unwrap_or_default().into_iter().map(text).collect()
}

#[test]
fn every_mistake_is_told_with_its_cure() {
    let plain = || Table::plain("b:1", "t");
    let upsert = || Table::upsert("b:1", "t");
    let exactly = ("sink.delivery-guarantee", "exactly-once");
    let table: Vec<(Table, bool, &str)> = vec![
        (
            plain().option("topics", "x"),
            false,
            "unknown option \"topics\" | did you mean \"topic\"?",
        ),
        (plain().option("format", "jsn"), false, "Could not find any factory for identifier 'jsn'"),
        (plain().without("topic"), false, "Either 'topic' or 'topic-pattern' must be set."),
        (plain().option("topic-pattern", "x"), false, "shouldn't be set together"),
        (plain().option("scan.startup.mode", "now"), false, "is not a value of option"),
        (plain().without("scan.startup.mode"), false, "needs 'properties.group.id'"),
        (
            plain().option("scan.startup.mode", "timestamp"),
            false,
            "'scan.startup.timestamp-millis' is required in 'timestamp' mode but missing.",
        ),
        (
            plain()
                .option("scan.startup.mode", "specific-offsets")
                .option("scan.startup.specific-offsets", "0:1"),
            false,
            "should follow the format 'partition:0,offset:42;partition:1,offset:300'",
        ),
        (
            plain().option("key.format", "json"),
            false,
            "A key format 'key.format' requires the declaration of one or more of key fields",
        ),
        (plain().option("key.fields", "id"), true, "can only be declared if a key format"),
        (
            plain().option("key.format", "json").option("key.fields", "idd"),
            true,
            "Could not find the field 'idd' in the table schema",
        ),
        (
            plain()
                .option("key.format", "json")
                .option("key.fields", "id")
                .option("key.fields-prefix", "k_"),
            false,
            "All fields in 'key.fields' must be prefixed with 'k_'",
        ),
        (plain().option(exactly.0, exactly.1), true, "transactional-id-prefix must be specified"),
        (plain().option("sink.partitioner", "com.Own"), true, "is not a value of option"),
        (plain().option("topic", "a;b"), true, "a sink writes to one topic"),
        (
            plain().metadata("offsett", TypeKind::BigInt.nullable()),
            false,
            "unknown metadata key \"offsett\" | did you mean \"offset\"?",
        ),
        (plain().metadata("offset", TypeKind::BigInt.nullable()), true, "VIRTUAL"),
        (upsert().option("scan.startup.mode", "latest-offset"), false, "unknown option"),
        (upsert().option("value.format", "debezium-json"), true, "is not in insert-only mode"),
        (plain().option("format", "raw"), false, "only supports single physical column"),
    ];
    for (table, is_sink, expected) in table {
        let said = said(&table, is_sink);
        assert!(said.iter().any(|s| s.contains(expected)), "{expected}: {said:?}");
    }
    let mut keyed = plain();
    keyed.spec.primary_key = vec![0];
    let said_of_keyed = said(&keyed, true);
    assert!(said_of_keyed[0].contains("doesn't support defining PRIMARY KEY"), "{said_of_keyed:?}");
    let mut keyless = upsert();
    keyless.spec.primary_key.clear();
    let said_of_keyless = said(&keyless, true);
    assert!(said_of_keyless[0].contains("require to define a PRIMARY KEY"), "{said_of_keyless:?}");
}
