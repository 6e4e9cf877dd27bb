//! Messages of Canal, Maxwell and Oracle GoldenGate, and what they become.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use jiff::tz::TimeZone;
use regex::Regex;
use tailwater_expr::{ResolveContext, to_text};
use tailwater_formats::{
    ChangeJson, ChangeJsonConfig, ChangeJsonDecoder, JsonConfig, MessageDecoder, MetadataColumn,
};
use tailwater_types::{ChangeBatch, DataType, Datum, Field, Schema, TypeKind};

fn columns() -> Vec<Field> {
    vec![
        Field::new("id", TypeKind::BigInt.nullable()),
        Field::new("name", TypeKind::STRING.nullable()),
        Field::new("weight", TypeKind::Decimal { precision: 6, scale: 2 }.nullable()),
    ]
}

/// What a message becomes, with these columns of metadata, or why it does not.
fn decoded(
    config: ChangeJsonConfig,
    metadata: &[(&str, TypeKind)],
    message: &str,
) -> Result<Vec<String>, String> {
    let context = ResolveContext { time_zone: TimeZone::UTC, is_strict: false };
    let beside: Vec<MetadataColumn> = metadata
        .iter()
        .map(|(key, kind)| {
            MetadataColumn::new(config.flavour, key, &kind.clone().nullable()).unwrap().unwrap()
        })
        .collect();
    let mut fields = columns();
    let schema = Schema::new(fields.clone());
    fields.extend(metadata.iter().map(|(key, kind)| Field::new(*key, kind.clone().nullable())));
    let mut decoder = ChangeJsonDecoder::new(&schema, &[], &beside, config, &context).unwrap();
    let mut rows = ChangeBatch::default();
    decoder.decode_message(message.as_bytes(), &mut rows).map_err(|error| error.message)?;
    let shown = |datum: Datum<'_>, kind: &DataType| match datum.is_null() {
        true => "-".to_owned(),
        false => to_text(datum, kind),
    };
    let row = |(kind, row): (tailwater_types::RowKind, tailwater_types::RowRef<'_>)| {
        let values: Vec<String> = fields
            .iter()
            .enumerate()
            .map(|(i, f)| shown(row.get(i, f.data_type.layout()), &f.data_type))
            .collect();
        format!("{} {}", kind.short(), values.join(" "))
    };
    Ok(rows.iter().map(row).collect())
}

fn of(flavour: ChangeJson) -> ChangeJsonConfig {
    ChangeJsonConfig::new(flavour, JsonConfig::default())
}

fn texts() -> TypeKind {
    TypeKind::Array(TypeKind::STRING.nullable().into())
}

#[test]
fn canal_tells_of_several_rows_and_of_what_was_otherwise() {
    let metadata = [
        ("database", TypeKind::STRING),
        ("pk-names", texts()),
        ("ingestion-timestamp", TypeKind::TimestampLtz(3)),
        ("event-timestamp", TypeKind::TimestampLtz(3)),
    ];
    let message = r#"{"data":[{"id":"1","name":"a","weight":"5.15"},{"id":"2","name":null,"weight":"1"}],
        "old":[{"weight":"5"},{"name":"b"}],"type":"UPDATE","database":"shop","table":"goods",
        "es":1589373560000,"ts":1589373560798,"pkNames":["id"],"sql":"","sqlType":{"id":4}}"#;
    let beside = "shop [id] 2020-05-13 12:39:20.798 2020-05-13 12:39:20.000";
    let expected = ["-U 1 a 5.00", "+U 1 a 5.15", "-U 2 b 1.00", "+U 2 - 1.00"];
    let expected = expected.map(|row| format!("{row} {beside}")).to_vec();
    assert_eq!(decoded(of(ChangeJson::Canal), &metadata, message), Ok(expected));
    let of_type = |kind: &str| {
        format!(r#"{{"data":[{{"id":3}}],"type":"{kind}","database":"shop","table":"goods"}}"#)
    };
    let canal = |message: &str| decoded(of(ChangeJson::Canal), &[], message);
    assert_eq!(canal(&of_type("INSERT")), Ok(vec!["+I 3 - -".to_owned()]));
    assert_eq!(canal(&of_type("DELETE")), Ok(vec!["-D 3 - -".to_owned()]));
    assert_eq!(canal(&of_type("CREATE")), Ok(Vec::new()));
    let refused = canal(&of_type("ALTER")).unwrap_err();
    assert_eq!(refused, "Unknown \"type\" value \"ALTER\" of a Canal message");
    assert_eq!(canal(r#"{"type":"INSERT"}"#).unwrap_err(), "field \"data\" is no array");
}

#[test]
fn canals_databases_and_tables_are_chosen_by_patterns() {
    let message = r#"{"data":[{"id":3}],"type":"INSERT","database":"shop","table":"goods"}"#;
    for (database, table, count) in [
        ("^(?:sh.*)$", "^(?:goods)$", 1),
        ("^(?:sho)$", "^(?:goods)$", 0),
        ("^(?:shop)$", "^(?:good)$", 0),
    ] {
        let mut config = of(ChangeJson::Canal);
        config.database = Some(Regex::new(database).unwrap());
        config.table = Some(Regex::new(table).unwrap());
        assert_eq!(decoded(config, &[], message).unwrap().len(), count, "{database} {table}");
    }
}

#[test]
fn maxwell_tells_of_one_row_and_counts_seconds() {
    let metadata = [
        ("table", TypeKind::STRING),
        ("primary-key-columns", texts()),
        ("ingestion-timestamp", TypeKind::Timestamp(0)),
    ];
    let message = r#"{"database":"shop","table":"goods","type":"update","ts":1596684883,"xid":7201,
        "data":{"id":1,"name":"a","weight":5.15},"old":{"weight":null},
        "primary_key_columns":["id"]}"#;
    let beside = "goods [id] 2020-08-06 03:34:43";
    // NULL before is told apart from nothing.
    let expected = ["-U 1 a -", "+U 1 a 5.15"].map(|row| format!("{row} {beside}")).to_vec();
    assert_eq!(decoded(of(ChangeJson::Maxwell), &metadata, message), Ok(expected));
    let maxwell = |kind: &str| {
        let message = format!(r#"{{"data":{{"id":3}},"type":"{kind}"}}"#);
        decoded(of(ChangeJson::Maxwell), &[], &message)
    };
    assert_eq!(maxwell("insert"), Ok(vec!["+I 3 - -".to_owned()]));
    assert_eq!(maxwell("delete"), Ok(vec!["-D 3 - -".to_owned()]));
    assert!(maxwell("table-alter").unwrap_err().contains("Unknown \"type\""));
    assert!(maxwell("update").unwrap_err().contains("\"old\""));
}

#[test]
fn goldengate_tells_of_rows_before_and_after() {
    let metadata = [
        ("table", TypeKind::STRING),
        ("primary-keys", texts()),
        ("ingestion-timestamp", TypeKind::TimestampLtz(6)),
        ("event-timestamp", TypeKind::TimestampLtz(6)),
    ];
    let message = r#"{"before":{"id":1,"name":"a"},"after":{"id":1,"name":"b","weight":1},
        "op_type":"U","op_ts":"2020-05-13 15:40:06.000001","current_ts":"2020-05-13T15:40:07.5",
        "primary_keys":["id"],"table":"SHOP.GOODS"}"#;
    let beside = "SHOP.GOODS [id] 2020-05-13 15:40:07.500000 2020-05-13 15:40:06.000001";
    let expected = ["-U 1 a -", "+U 1 b 1.00"].map(|row| format!("{row} {beside}")).to_vec();
    assert_eq!(decoded(of(ChangeJson::Ogg), &metadata, message), Ok(expected));
    let ogg = |message: &str| decoded(of(ChangeJson::Ogg), &[], message);
    assert_eq!(ogg(r#"{"after":{"id":3},"op_type":"I"}"#), Ok(vec!["+I 3 - -".to_owned()]));
    assert_eq!(ogg(r#"{"before":{"id":3},"op_type":"D"}"#), Ok(vec!["-D 3 - -".to_owned()]));
    let refused = ogg(r#"{"before":null,"after":{"id":3},"op_type":"U"}"#).unwrap_err();
    assert!(refused.contains("please check the Postgres table has been set"), "{refused}");
    assert!(ogg(r#"{"op_type":"T"}"#).unwrap_err().contains("Unknown \"op_type\""));
}

#[test]
fn a_type_that_the_metadata_has_not_is_refused_with_the_one_it_has() {
    let kind = TypeKind::Map(TypeKind::STRING.not_null().into(), TypeKind::Int.nullable().into());
    let refused = MetadataColumn::new(ChangeJson::Canal, "sql-type", &TypeKind::STRING.nullable());
    assert_eq!(refused, Some(Err(kind)));
    assert_eq!(
        MetadataColumn::new(ChangeJson::Ogg, "sql-type", &TypeKind::STRING.nullable()),
        None
    );
}
