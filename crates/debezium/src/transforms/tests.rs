use std::collections::BTreeMap;

use super::*;
use crate::event::HeaderForm;

/// Compiles `transforms.t.*` without schemas.
fn chain(options: &[(&str, &str)]) -> Result<Chain, Vec<(String, String)>> {
    let of = |prefix: &str| -> BTreeMap<String, String> {
        let all = options.iter().filter_map(|(k, v)| Some((k.strip_prefix(prefix)?, *v)));
        all.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    };
    let definitions = Definitions {
        transforms: vec!["t".to_owned()],
        predicates: vec!["p".to_owned()],
        transform_options: of("transforms."),
        predicate_options: of("predicates."),
        has_schemas: (false, false),
        is_text: (false, false),
        header_form: HeaderForm::Plain,
    };
    definitions.compile().map(|(_, chain)| chain)
}

/// What becomes of a record of topic `srv.s.t` with key `{"id":1}`: `topic key value`.
fn applied(options: &[(&str, &str)], value: Option<&str>) -> Option<String> {
    let chain = chain(options).unwrap();
    let bytes = |text: &str| Some(text.as_bytes().to_vec());
    let record = chain.apply(
        "srv.s.t",
        bytes("{\"id\":1}"),
        value.and_then(bytes),
        &Headers::new(&[("h".to_owned(), b"1".to_vec())]),
    )?;
    let text = |bytes: Option<Vec<u8>>| {
        bytes.map_or("null".to_owned(), |bytes| String::from_utf8(bytes).unwrap())
    };
    let headers: Vec<String> = record
        .headers
        .iter()
        .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)))
        .collect();
    Some(format!(
        "{} {} {} {}",
        record.topic,
        text(record.key),
        text(record.value),
        headers.join(",")
    ))
}

const VALUE: Option<&str> = Some(r#"{"a":1,"b":"x","c":null}"#);

#[test]
fn fields_are_replaced_inserted_and_extracted() {
    const KAFKA: &str = "org.apache.kafka.connect.transforms.";
    let class = |name: &str| format!("{KAFKA}{name}");
    for (name, options, expected) in [
        (
            "ReplaceField$Value",
            &[("transforms.t.exclude", "c"), ("transforms.t.renames", "a:z")][..],
            r#"srv.s.t {"id":1} {"z":1,"b":"x"} h=1"#,
        ),
        (
            "InsertField$Value",
            &[
                ("transforms.t.static.field", "s"),
                ("transforms.t.static.value", "v"),
                ("transforms.t.topic.field", "t"),
            ],
            r#"srv.s.t {"id":1} {"a":1,"b":"x","c":null,"t":"srv.s.t","s":"v"} h=1"#,
        ),
        (
            "ExtractField$Key",
            &[("transforms.t.field", "id")],
            r#"srv.s.t 1 {"a":1,"b":"x","c":null} h=1"#,
        ),
        (
            "ValueToKey",
            &[("transforms.t.fields", "b,a")],
            r#"srv.s.t {"b":"x","a":1} {"a":1,"b":"x","c":null} h=1"#,
        ),
        (
            "InsertHeader",
            &[("transforms.t.header", "n"), ("transforms.t.value.literal", "v")],
            r#"srv.s.t {"id":1} {"a":1,"b":"x","c":null} h=1,n=v"#,
        ),
        (
            "DropHeaders",
            &[("transforms.t.headers", "h")],
            r#"srv.s.t {"id":1} {"a":1,"b":"x","c":null} "#,
        ),
    ] {
        let class = class(name);
        let mut all = vec![("transforms.t.type", class.as_str())];
        all.extend_from_slice(options);
        assert_eq!(applied(&all, VALUE).as_deref(), Some(expected), "{name}");
    }
}

#[test]
fn timestamps_become_texts_and_back() {
    let class = "org.apache.kafka.connect.transforms.TimestampConverter$Value";
    let convert = |target: &str, precision: &str, value: &str| {
        let options = [
            ("transforms.t.type", class),
            ("transforms.t.field", "at"),
            ("transforms.t.target.type", target),
            ("transforms.t.unix.precision", precision),
            ("transforms.t.format", "yyyy-MM-dd'T'HH:mm:ss.SSSX"),
        ];
        applied(&options, Some(&format!("{{\"at\":{value}}}"))).unwrap()
    };
    let text = "\"2024-02-29T13:14:15.123Z\"";
    assert!(convert("string", "microseconds", "1709212455123456").contains(text));
    assert!(convert("unix", "milliseconds", text).contains("{\"at\":1709212455123}"));
    assert!(convert("Date", "milliseconds", text).contains("{\"at\":19782}"));
    assert!(convert("string", "milliseconds", "null").contains("{\"at\":null}"));
}

#[test]
fn filters_keep_what_their_condition_holds_of() {
    let keeps = |condition: &str| {
        let options = [
            ("transforms.t.type", "io.debezium.transforms.Filter"),
            ("transforms.t.language", "jsr223.groovy"),
            ("transforms.t.condition", condition),
        ];
        let value = r#"{"op":"u","after":{"n":5,"s":"x"},"before":null}"#;
        applied(&options, Some(value)).is_some()
    };
    for condition in [
        "value.op == 'u'",
        "value.op == 'c' || value.after.n >= 5 && !(value.after.s == \"y\")",
        "value.before == null && topic == 'srv.s.t' && key.id == 1",
        "value?.after?.n != 6",
    ] {
        assert!(keeps(condition), "{condition}");
    }
    for condition in ["value.op != 'u'", "value.after.n > 5", "value.before.n < 3", "value.x"] {
        assert!(!keeps(condition), "{condition}");
    }
    for condition in ["value.op.equals('u')", "value.op =~ /x/", "source == 1", "(value.op == 'u'"]
    {
        assert_eq!(Expression::parse(condition), None, "{condition}");
    }
}

#[test]
fn predicates_choose_the_records() {
    let dropped = |predicate: &[(&str, &str)], negate: &str, value: Option<&str>| {
        let mut options = vec![
            ("transforms.t.type", "org.apache.kafka.connect.transforms.Filter"),
            ("transforms.t.predicate", "p"),
            ("transforms.t.negate", negate),
        ];
        options.extend_from_slice(predicate);
        applied(&options, value).is_none()
    };
    const PREFIX: &str = "org.apache.kafka.connect.transforms.predicates.";
    let tombstone = format!("{PREFIX}RecordIsTombstone");
    let tombstone = [("predicates.p.type", tombstone.as_str())];
    assert!(dropped(&tombstone, "false", None) && !dropped(&tombstone, "false", VALUE));
    assert!(dropped(&tombstone, "true", VALUE));
    let header = format!("{PREFIX}HasHeaderKey");
    let header = [("predicates.p.type", header.as_str()), ("predicates.p.name", "h")];
    assert!(dropped(&header, "false", VALUE));
    let topic = format!("{PREFIX}TopicNameMatches");
    let topic = [("predicates.p.type", topic.as_str()), ("predicates.p.pattern", "srv\\.s\\..*")];
    assert!(dropped(&topic, "false", VALUE) && !dropped(&topic, "true", VALUE));
}

#[test]
fn an_outbox_tells_its_payloads() {
    let options = [
        ("transforms.t.type", "io.debezium.transforms.outbox.EventRouter"),
        ("transforms.t.table.fields.additional.placement", "type:header:eventType"),
        ("transforms.t.table.expand.json.payload", "true"),
    ];
    let row = r#"{"id":"e1","aggregatetype":"order","aggregateid":"7","type":"made","payload":"{\"a\": 1}"}"#;
    let event = |op: &str| format!(r#"{{"before":null,"after":{row},"op":"{op}"}}"#);
    let told = applied(&options, Some(&event("c")));
    let expected = r#"outbox.event.order "7" {"a":1} h=1,id=e1,eventType=made"#;
    assert_eq!(told.as_deref(), Some(expected));
    assert_eq!(applied(&options, Some(&event("d"))), None);
    assert_eq!(applied(&options, None), None);
}

#[test]
fn a_chain_of_routes_alone_looks_at_no_record() {
    let class = "org.apache.kafka.connect.transforms.RegexRouter";
    let options = [
        ("transforms.t.type", class),
        ("transforms.t.regex", "srv\\.(.*)"),
        ("transforms.t.replacement", "x.$1"),
    ];
    let chain = chain(&options).unwrap();
    assert!(!chain.changes_records());
    assert_eq!(chain.route("srv.s.t"), "x.s.t");
}
