use super::*;

fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let base = [
        ("connector.class", CONNECTOR_CLASS),
        ("name", "pg1"),
        ("topic.prefix", "srv1"),
        ("database.hostname", "localhost"),
        ("database.user", "me"),
        ("database.password", "s3cret"),
        ("database.dbname", "shop"),
        ("plugin.name", "pgoutput"),
    ];
    base.iter().chain(pairs).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn errors(pairs: &[(&str, &str)]) -> Vec<String> {
    validate(&options(pairs)).errors.into_iter().map(|issue| issue.message).collect()
}

#[test]
fn everything_that_is_missing_is_told_in_connects_words() {
    let empty = BTreeMap::from([("connector.class".to_owned(), CONNECTOR_CLASS.to_owned())]);
    let validation = validate(&empty);
    let told: Vec<(String, Vec<String>)> = validation
        .options()
        .into_iter()
        .filter(|option| !option.errors.is_empty())
        .map(|option| (option.definition.name.to_owned(), option.errors))
        .collect();
    let required = |name: &str| {
        (name.to_owned(), vec![format!("The '{name}' value is invalid: A value is required")])
    };
    let names = ["topic.prefix", "database.hostname", "database.user", "database.dbname"];
    assert_eq!(told, names.map(required));
    assert_eq!((validation.error_count(), validation.config.is_none()), (4, true));
}

#[test]
fn wrong_values_and_unknown_keys_are_all_told_at_once() {
    let told = errors(&[
        ("database.port", "abc"),
        ("snapshot.mode", "sometimes"),
        ("tombstones.on.delete", "maybe"),
        ("table.include.lists", "public.a"),
        ("table.include.list", "(("),
        ("slot.name", "Upper"),
        ("value.converter", "io.confluent.connect.avro.AvroConverter"),
        ("slot.drop.on.stop", "true"),
        ("column.mask.hash.CRC.with.salt.x", "public.a.b"),
        ("transforms", "t"),
        ("transforms.t.type", "org.apache.kafka.connect.transforms.Flatten$Value"),
    ]);
    for part in [
        "Invalid value abc for configuration database.port: Not a number of type INT",
        "The 'snapshot.mode' value is invalid: Value must be one of initial, always",
        "Invalid value maybe for configuration tombstones.on.delete",
        "Unknown option 'table.include.lists': did you mean 'table.include.list'?",
        "The 'table.include.list' value is invalid: \"((\" is not a regular expression",
        "The 'slot.name' value is invalid: Valid replication slot name",
        "The 'value.converter' value is invalid: io.confluent.connect.avro.AvroConverter is not",
        "The 'slot.drop.on.stop' value is invalid: it is not supported: a slot is never dropped",
        "\"CRC\" is not one of MD5",
        "The 'transforms.t.type' value is invalid: org.apache.kafka.connect.transforms.Flatten$Value",
    ] {
        assert!(told.iter().any(|message| message.contains(part)), "{part}: {told:#?}");
    }
}

#[test]
fn options_without_effect_are_noted_and_nothing_prints_a_password() {
    let validation = validate(&options(&[
        ("max.batch.size", "4096"),
        ("my.own.key", "x"),
        ("producer.override.sasl.jaas.config", "s3cret"),
        ("topic.creation.default.partitions", "3"),
    ]));
    assert_eq!(validation.errors, []);
    let notes: Vec<&str> = validation.notes.iter().map(|n| n.option.as_str()).collect();
    assert_eq!(notes, ["max.batch.size", "my.own.key"]);
    let shown = format!("{:?}", validation.config);
    assert!(!shown.contains("s3cret"), "{shown}");
    let config = validation.config.unwrap();
    assert_eq!(config.topic_creation["default"]["partitions"], "3");
    assert_eq!(config.source.password, Some(Secret("s3cret".to_owned())));
    let all = validate(&options(&[])).options();
    let password = all.iter().find(|o| o.definition.name == "database.password").unwrap();
    assert_eq!(password.value, None);
}

#[test]
fn tables_are_captured_by_the_lists() {
    let config = validate(&options(&[
        ("table.include.list", "public.*,Odd Schema.*"),
        ("schema.exclude.list", "hidden"),
        ("snapshot.include.collection.list", "public.a"),
    ]));
    let source = config.config.unwrap().source;
    assert!(source.captures("public", "a") && source.captures("Odd Schema", "x"));
    assert!(!source.captures("other", "a"));
    assert!(source.snapshots("public", "a") && !source.snapshots("public", "b"));
    assert_eq!(source.place("Odd Schema", "x"), 1);
}
