//! `properties.*`: the Java client's settings as those of librdkafka.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;
use tailwater_connector_api::{Hint, Setting, TableIssue, TableSpec};

use crate::options::OptionReader;

/// Whether this binary has TLS and SCRAM for Kafka.
const HAS_TLS: bool = cfg!(feature = "kafka-tls");

/// What the client is to be told; no value of it is ever shown.
pub(super) type Settings = BTreeMap<String, String>;

/// Settings that both clients have under other names.
const RENAMED: &[(&str, &str)] = &[
    ("sasl.mechanism", "sasl.mechanisms"),
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
    ("max.request.size", "message.max.bytes"),
    ("receive.buffer.bytes", "socket.receive.buffer.bytes"),
    ("send.buffer.bytes", "socket.send.buffer.bytes"),
    ("ssl.truststore.certificates", "ssl.ca.pem"),
    ("ssl.keystore.certificate.chain", "ssl.certificate.pem"),
    ("ssl.keystore.key", "ssl.key.pem"),
    ("ssl.cipher.suites", "ssl.cipher.suites"),
];

/// Read elsewhere, or overridden as Flink overrides them.
const OWN: &[&str] = &[
    "auto.offset.reset",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "group.id",
    "key.deserializer",
    "key.serializer",
    "partition.discovery.interval.ms",
    "sasl.jaas.config",
    "ssl.keystore.location",
    "ssl.keystore.type",
    "ssl.truststore.location",
    "ssl.truststore.type",
    "value.deserializer",
    "value.serializer",
];

/// Without a counterpart, and without harm if they are not obeyed.
const WITHOUT_EFFECT: &[&str] = &[
    "auto.commit.interval.ms",
    "client.dns.lookup",
    "default.api.timeout.ms",
    "interceptor.classes",
    "max.block.ms",
    "max.poll.records",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "partition.assignment.strategy",
    "partitioner.class",
    "ssl.truststore.password",
];

/// Reads all `properties.*`.
pub(super) fn read(options: &mut OptionReader<'_>) -> Settings {
    let mut settings = Settings::new();
    options.required("properties.bootstrap.servers");
    if options.get("properties.transactional.id").is_some() {
        let message = "the transactional id is made from \"sink.transactional-id-prefix\"";
        options.errors.push(TableIssue::option("properties.transactional.id", message));
    }
    let given: Vec<_> = options.prefixed("properties.").collect();
    for (name, key, value) in given {
        if OWN.contains(&name) {
            continue;
        }
        if WITHOUT_EFFECT.contains(&name) {
            let message = format!("option \"{key}\" has no effect here");
            options.notes.push(TableIssue::option(key, message).as_warning());
            continue;
        }
        let renamed = RENAMED.iter().find(|(java, _)| *java == name).map_or(name, |(_, own)| own);
        set(options, &mut settings, key, renamed, value);
    }
    if let Some(bytes) = settings.remove("buffer.memory") {
        let kilobytes = bytes.parse::<u64>().unwrap_or(0).div_ceil(1024).max(1);
        settings.insert("queue.buffering.max.kbytes".to_owned(), kilobytes.to_string());
    }
    if settings.get("ssl.endpoint.identification.algorithm").is_some_and(String::is_empty) {
        settings.insert("ssl.endpoint.identification.algorithm".to_owned(), "none".to_owned());
    }
    stores(options, &mut settings);
    login(options, &mut settings);
    refuse_missing_tls(options, &settings);
    settings
}

/// Reads settings that stand alone, under their Java names.
pub(super) fn of_client(
    given: &BTreeMap<String, String>,
) -> Result<(Settings, Vec<TableIssue>), Vec<TableIssue>> {
    let prefixed =
        |(option, value): (&String, &String)| (format!("properties.{option}"), value.clone());
    let table = TableSpec {
        name: "client".to_owned(),
        options: given.iter().map(prefixed).collect(),
        ..TableSpec::default()
    };
    let mut options = OptionReader::new(&table);
    let settings = read(&mut options);
    if options.errors.is_empty() { Ok((settings, options.notes)) } else { Err(options.errors) }
}

/// Takes over one setting that the client understands.
fn set(
    options: &mut OptionReader<'_>,
    settings: &mut Settings,
    key: &str,
    name: &str,
    value: &str,
) {
    let is_special = name == "buffer.memory"
        || name == "ssl.endpoint.identification.algorithm"
        || (!HAS_TLS && (name.starts_with("ssl.") || name == "security.protocol"))
        || name == "sasl.mechanisms";
    if is_special {
        settings.insert(name.to_owned(), value.to_owned());
        return;
    }
    // The library judges names and values, each alone and without any I/O.
    let judged = ClientConfig::new().set(name, value).create_native_config().map(drop);
    match judged {
        Ok(()) => {
            settings.insert(name.to_owned(), value.to_owned());
        }
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            let message = format!("the Kafka client does not know option \"{key}\": not obeyed");
            options.notes.push(TableIssue::option(key, message).as_warning());
        }
        // The value may be a secret: only its option is named.
        Err(_) => {
            let message = format!("the value of option \"{key}\" is not one that the client takes");
            options.errors.push(TableIssue::option(key, message));
        }
    }
}

/// `ssl.truststore.*` and `ssl.keystore.*`, which are files of PEM here.
fn stores(options: &mut OptionReader<'_>, settings: &mut Settings) {
    let key = "properties.ssl.truststore.location";
    if let Some(path) = options.get(key) {
        let kind = options.get("properties.ssl.truststore.type");
        if kind.is_some_and(|kind| kind.eq_ignore_ascii_case("PEM")) || path.ends_with(".pem") {
            settings.insert("ssl.ca.location".to_owned(), path.to_owned());
        } else {
            let message = "the trust store is not a file of PEM";
            let hint = Hint::each(|say| {
                let location = say.name(Setting::Client("ssl.truststore.location"));
                let kind = say.name(Setting::Client("ssl.truststore.type"));
                format!(
                    "keytool -exportcert -rfc -keystore {path} -alias ... > ca.pem, then \
                     '{location}' = 'ca.pem' and '{kind}' = 'PEM'"
                )
            });
            options.errors.push(TableIssue::option(key, message).with_hint(hint));
        }
    }
    let key = "properties.ssl.keystore.location";
    if let Some(path) = options.get(key) {
        let kind = options.get("properties.ssl.keystore.type").map(str::to_uppercase);
        match kind.as_deref() {
            Some("PEM") => {
                settings.insert("ssl.certificate.location".to_owned(), path.to_owned());
                settings.insert("ssl.key.location".to_owned(), path.to_owned());
                if let Some(password) = settings.remove("ssl.keystore.password") {
                    settings.entry("ssl.key.password".to_owned()).or_insert(password);
                }
            }
            Some("PKCS12") => {
                settings.insert("ssl.keystore.location".to_owned(), path.to_owned());
            }
            _ => {
                let message = "the key store is neither PKCS12 nor PEM";
                let hint = Hint::each(|say| {
                    let location = say.name(Setting::Client("ssl.keystore.location"));
                    let kind = say.name(Setting::Client("ssl.keystore.type"));
                    format!(
                        "keytool -importkeystore -srckeystore {path} -destkeystore client.p12 \
                         -deststoretype PKCS12, then '{location}' = 'client.p12' and '{kind}' = \
                         'PKCS12'"
                    )
                });
                options.errors.push(TableIssue::option(key, message).with_hint(hint));
            }
        }
    }
}

/// `sasl.jaas.config` to user name and password.
fn login(options: &mut OptionReader<'_>, settings: &mut Settings) {
    let key = "properties.sasl.jaas.config";
    let Some(text) = options.get(key) else {
        return;
    };
    let module = text.split_whitespace().next().unwrap_or_default();
    let is_known = module.ends_with(".PlainLoginModule") || module.ends_with(".ScramLoginModule");
    if !is_known {
        let message = "the login module is neither PlainLoginModule nor ScramLoginModule";
        options.errors.push(TableIssue::option(key, message));
        return;
    }
    match (jaas_value(text, "username"), jaas_value(text, "password")) {
        (Some(user), Some(password)) => {
            settings.insert("sasl.username".to_owned(), user);
            settings.insert("sasl.password".to_owned(), password);
        }
        _ => {
            let message = "username and password are not both there";
            let hint = "... required username=\"...\" password=\"...\";";
            options.errors.push(TableIssue::option(key, message).with_hint(hint));
        }
    }
}

/// The value of `name="..."`, a backslash before a quote or another backslash.
fn jaas_value(text: &str, name: &str) -> Option<String> {
    let start = text.match_indices(name).find_map(|(at, _)| {
        let is_whole = text[..at].ends_with(|c: char| c.is_whitespace());
        let rest = text[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
        is_whole.then_some(rest)
    })?;
    let quote = start.chars().next().filter(|c| *c == '"' || *c == '\'')?;
    let mut value = String::new();
    let mut letters = start[1..].chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => value.push(letters.next()?),
            letter if letter == quote => return Some(value),
            letter => value.push(letter),
        }
    }
    None
}

fn refuse_missing_tls(options: &mut OptionReader<'_>, settings: &Settings) {
    if HAS_TLS {
        return;
    }
    let upper = |name: &str| settings.get(name).map(|v| v.to_uppercase()).unwrap_or_default();
    let (protocol, mechanism) = (upper("security.protocol"), upper("sasl.mechanisms"));
    let (key, what) = if protocol.ends_with("SSL") {
        ("properties.security.protocol", "TLS to Kafka")
    } else if mechanism.starts_with("SCRAM") {
        ("properties.sasl.mechanism", "SCRAM")
    } else {
        return;
    };
    let message = format!("{what} is not in this binary: it was built without \"kafka-tls\"");
    let hint = "build it with: cargo build --release --package tailwater --features kafka-tls";
    options.errors.push(TableIssue::option(key, message).with_hint(hint));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tailwater_connector_api::TableSpec;

    use super::*;

    fn table(given: &[(&str, &str)]) -> TableSpec {
        let pair = |(name, value): &(&str, &str)| (format!("properties.{name}"), (*value).into());
        let mut options: BTreeMap<String, String> = given.iter().map(pair).collect();
        options.insert("properties.bootstrap.servers".to_owned(), "b:9092".to_owned());
        let name = "t".to_owned();
        TableSpec { name, options, ..TableSpec::default() }
    }

    #[test]
    fn settings_of_the_java_client_become_those_of_this_one() {
        let plain = "org.apache.kafka.common.security.plain.PlainLoginModule required \
            username=\"me\" password=\"a\\\"b\\\\c=;\";";
        let given = [
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.jaas.config", plain),
            ("fetch.max.wait.ms", "100"),
            ("buffer.memory", "1048576"),
            ("group.id", "g"),
        ];
        let table = table(&given);
        let mut options = OptionReader::new(&table);
        let settings = read(&mut options);
        assert_eq!(options.errors, []);
        let expected = [
            ("bootstrap.servers", "b:9092"),
            ("fetch.wait.max.ms", "100"),
            ("queue.buffering.max.kbytes", "1024"),
            ("sasl.mechanisms", "PLAIN"),
            ("sasl.password", "a\"b\\c=;"),
            ("sasl.username", "me"),
            ("security.protocol", "SASL_PLAINTEXT"),
        ];
        let found: Vec<_> = settings.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_the_client_does_not_know_is_noted_and_no_value_is_shown() {
        let given = [
            ("max.poll.records", "s3cret"),
            ("no.such.setting", "s3cret"),
            ("linger.ms", "s3cret"),
            ("sasl.jaas.config", "a.b.Krb5LoginModule required s3cret"),
            ("ssl.truststore.location", "/k.jks"),
            ("transactional.id", "s3cret"),
        ];
        let table = table(&given);
        let mut options = OptionReader::new(&table);
        read(&mut options);
        let issues: Vec<_> = options.errors.iter().chain(&options.notes).collect();
        assert_eq!((options.errors.len(), options.notes.len()), (4, 2), "{issues:?}");
        assert!(!format!("{issues:?}").contains("s3cret"), "{issues:?}");
    }

    #[test]
    fn a_binary_without_tls_says_so() {
        for (name, value) in
            [("security.protocol", "SASL_SSL"), ("sasl.mechanism", "SCRAM-SHA-256")]
        {
            let table = table(&[(name, value)]);
            let mut options = OptionReader::new(&table);
            read(&mut options);
            let says_so = options.errors.iter().any(|e| e.message.contains("\"kafka-tls\""));
            assert_eq!(says_so, !HAS_TLS, "{:?}", options.errors);
        }
    }
}
