//! Judgements as Kafka Connect's `validate` answers them.

use std::time::Duration;

use tailwater_connector_api::{
    ConnectorError, Dialect, ErrorKind, Object, Precondition, Preconditions, SourceContext,
    SourcePlan, Verdict,
};
use tailwater_connectors::postgres::records::PostgresRecordPlan;
use tailwater_debezium::config::{self, CONNECTOR_CLASS, Definition, Issue, definitions};

use crate::connect::{ConfigInfo, ConfigKey, ConfigValue, Validation};

/// Converters that configurations may name.
pub(super) const CONVERTERS: &[&str] = &[
    "org.apache.kafka.connect.converters.ByteArrayConverter",
    "org.apache.kafka.connect.json.JsonConverter",
    "org.apache.kafka.connect.storage.StringConverter",
];
/// Transformations.
pub(super) const TRANSFORMATIONS: &[&str] = &[
    "io.debezium.transforms.ByLogicalTableRouter",
    "io.debezium.transforms.ExtractNewRecordState",
    "io.debezium.transforms.Filter",
    "io.debezium.transforms.outbox.EventRouter",
    "org.apache.kafka.connect.transforms.DropHeaders",
    "org.apache.kafka.connect.transforms.ExtractField$Key",
    "org.apache.kafka.connect.transforms.ExtractField$Value",
    "org.apache.kafka.connect.transforms.Filter",
    "org.apache.kafka.connect.transforms.InsertField$Key",
    "org.apache.kafka.connect.transforms.InsertField$Value",
    "org.apache.kafka.connect.transforms.InsertHeader",
    "org.apache.kafka.connect.transforms.RegexRouter",
    "org.apache.kafka.connect.transforms.ReplaceField$Key",
    "org.apache.kafka.connect.transforms.ReplaceField$Value",
    "org.apache.kafka.connect.transforms.TimestampConverter$Key",
    "org.apache.kafka.connect.transforms.TimestampConverter$Value",
    "org.apache.kafka.connect.transforms.ValueToKey",
];
/// Predicates.
pub(super) const PREDICATES: &[&str] = &[
    "org.apache.kafka.connect.transforms.predicates.HasHeaderKey",
    "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
    "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
];

/// How long a server may take for all questions.
const LIMIT: Duration = Duration::from_secs(20);

/// All options that are shown.
pub(super) fn config_keys() -> Vec<ConfigKey> {
    definitions().iter().filter_map(config_key).collect()
}

fn config_key(definition: &Definition) -> Option<ConfigKey> {
    Some(ConfigKey {
        name: definition.name.to_owned(),
        kind: definition.kind,
        required: definition.required,
        default_value: definition.default.clone(),
        importance: definition.importance,
        documentation: definition.documentation.to_owned(),
        group: definition.group?,
        order_in_group: definition.order as usize,
        width: definition.width,
        display_name: definition.display_name.to_owned(),
        dependents: Vec::new(),
    })
}

/// Whether an option's value is a secret: those that are defined as such, and whatever sounds so.
pub(super) fn is_secret(option: &str) -> bool {
    let defined = definitions().iter().find(|definition| definition.name == option);
    let name = option.to_ascii_lowercase();
    defined.is_some_and(|definition| definition.kind == "PASSWORD")
        || ["password", "secret", "jaas.config", "token"].iter().any(|word| name.contains(word))
        || name.ends_with("ssl.keystore.key")
        || name.ends_with("basic.auth.user.info")
}

/// What the server says against the connector as such. What is wrong with a slot or a table is
/// told by the task, which may be restarted once it is mended.
pub(super) async fn ask_the_server(source: &PostgresRecordPlan, dialect: Dialect) -> Vec<Issue> {
    let checked = tokio::time::timeout(LIMIT, source.check(SourceContext::default())).await;
    let issue = |option: &str, text: &str| Issue {
        option: option.to_owned(),
        message: format!("Error while validating connector config: {text}"),
    };
    let Ok(found) = checked else {
        return vec![issue("database.hostname", "the server does not answer in time")];
    };
    let is_about_it = |p: &&Precondition| {
        p.verdict == Verdict::Fail && matches!(p.object, Object::Server | Object::Role(_))
    };
    let failed = found.into_iter().filter(|p| is_about_it(&p));
    failed
        .map(|p| p.told_in(dialect))
        .map(|p| {
            let mend = p.mend.as_ref().map(|mend| format!(" ({mend})")).unwrap_or_default();
            let option = match p.object {
                Object::Role(_) => "database.user",
                _ => "database.hostname",
            };
            issue(option, &format!("{}{mend}", p.message))
        })
        .collect()
}

/// What is wrong with the options, as preconditions that fail.
pub(super) fn refusals(validation: &config::Validation) -> Vec<Precondition> {
    let mut found = Preconditions::default();
    for issue in &validation.errors {
        let error = ConnectorError::new(ErrorKind::Config, issue.message.as_str());
        found.fail("option", Object::Connector(issue.option.clone()), error);
    }
    found.into_vec()
}

/// Options that are accepted and do nothing, each with the reason.
pub(super) fn remarks(validation: &config::Validation) -> Vec<Precondition> {
    let mut found = Preconditions::default();
    for issue in &validation.notes {
        found.note("option", Object::Connector(issue.option.clone()), issue.message.as_str());
    }
    found.into_vec()
}

/// The answer: every option, and behind them those that are wrong without being one.
pub(super) fn answer(validation: &config::Validation) -> Validation {
    let mut groups: Vec<String> = Vec::new();
    let mut configs = Vec::new();
    for option in validation.options() {
        let Some(mut definition) = config_key(option.definition) else { continue };
        // Whoever shows an option shows this beside it; as an error it would refuse the connector.
        for note in validation.notes.iter().filter(|note| note.option == definition.name) {
            definition.documentation =
                format!("{} Note: {}.", definition.documentation, note.message);
        }
        if !groups.iter().any(|group| group == definition.group) {
            groups.push(definition.group.to_owned());
        }
        let value = option.value.or_else(|| definition.default_value.clone());
        configs.push(info(definition, value, option.errors));
    }
    for issue in validation.other_errors() {
        let definition = ConfigKey {
            name: issue.option.clone(),
            kind: "STRING",
            required: false,
            default_value: None,
            importance: "LOW",
            documentation: String::new(),
            group: "Common",
            order_in_group: 0,
            width: "NONE",
            display_name: issue.option.clone(),
            dependents: Vec::new(),
        };
        configs.push(info(definition, None, vec![issue.message.clone()]));
    }
    let error_count = configs.iter().filter(|config| !config.value.errors.is_empty()).count();
    Validation { name: CONNECTOR_CLASS.to_owned(), error_count, groups, configs }
}

fn info(definition: ConfigKey, value: Option<String>, errors: Vec<String>) -> ConfigInfo {
    let name = definition.name.clone();
    let value = ConfigValue { name, value, recommended_values: Vec::new(), errors, visible: true };
    ConfigInfo { definition, value }
}
