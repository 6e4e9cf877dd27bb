//! What the client library says, as errors of a connector.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use tailwater_connector_api::{ConnectorError, Dialect, ErrorKind, Hint, Setting};

/// The error of an attempt; `action` completes "failed to ...".
pub(super) fn failed(action: &str, error: &KafkaError) -> ConnectorError {
    let code = code(error);
    let kind = code.map_or(ErrorKind::Connect, kind);
    let told = match error {
        KafkaError::Transaction(inner) => inner.string(),
        // The value that is refused may be a secret.
        KafkaError::ClientConfig(_, what, name, _) => format!("setting \"{name}\": {what}"),
        _ => code.map_or_else(|| error.to_string(), |code| code.to_string()),
    };
    let kind = match error {
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) => ErrorKind::Config,
        _ => kind,
    };
    let failed = ConnectorError::new(kind, format!("failed to {action}: {told}"));
    match code.and_then(hint) {
        Some(hint) => failed.with_hint(hint),
        None => failed,
    }
}

/// The library's code, where there is one.
pub(super) fn code(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::Transaction(inner) => Some(inner.code()),
        other => other.rdkafka_error_code(),
    }
}

/// Whether the broker refuses who we are.
pub(super) fn is_refusal(code: Code) -> bool {
    kind(code) == ErrorKind::Auth
}

pub(super) fn kind(code: Code) -> ErrorKind {
    match code {
        Code::SaslAuthenticationFailed
        | Code::Authentication
        | Code::SSL
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::DelegationTokenAuthorizationFailed => ErrorKind::Auth,
        Code::OperationTimedOut | Code::MessageTimedOut | Code::RequestTimedOut => {
            ErrorKind::Timeout
        }
        Code::UnknownTopic
        | Code::UnknownTopicOrPartition
        | Code::UnknownPartition
        | Code::InvalidTopic
        | Code::PolicyViolation
        | Code::InvalidTransactionTimeout
        | Code::OffsetOutOfRange
        | Code::AutoOffsetReset
        | Code::InvalidConfig => ErrorKind::Config,
        Code::Fenced
        | Code::ProducerFenced
        | Code::InvalidProducerEpoch
        | Code::ConcurrentTransactions => ErrorKind::Conflict,
        Code::MessageSizeTooLarge | Code::InvalidRecord => ErrorKind::BadData,
        Code::ThrottlingQuotaExceeded => ErrorKind::Throttled,
        Code::UnsupportedVersion | Code::UnsupportedFeature => ErrorKind::Unsupported,
        _ => ErrorKind::Connect,
    }
}

fn hint(code: Code) -> Option<Hint> {
    let client = |say: Dialect, name| format!("'{}'", say.name(Setting::Client(name)));
    Some(match code {
        Code::SaslAuthenticationFailed | Code::Authentication => Hint::each(|say| {
            let protocol = client(say, "security.protocol");
            let (mechanism, config) =
                (client(say, "sasl.mechanism"), client(say, "sasl.jaas.config"));
            format!("check {protocol}, {mechanism} and {config}")
        }),
        Code::SSL => Hint::each(|say| {
            let protocol = client(say, "security.protocol");
            let store = client(say, "ssl.truststore.location");
            format!(
                "check {protocol}, and that {store} has who signed the broker's certificate, which \
                 must name the host"
            )
        }),
        Code::TopicAuthorizationFailed => {
            "the principal needs an ACL: READ and DESCRIBE to read the topic, WRITE to write".into()
        }
        Code::TransactionalIdAuthorizationFailed => Hint::each(|say| {
            let begin = match say {
                Dialect::Sql => "'sink.transactional-id-prefix'",
                Dialect::Connect | Dialect::File => "\"tailwater-connect\"",
            };
            format!(
                "the principal needs an ACL: WRITE and DESCRIBE on transactional ids that begin \
                 with {begin}"
            )
        }),
        Code::GroupAuthorizationFailed => Hint::each(|say| {
            let group = client(say, "group.id");
            format!("the principal needs an ACL: READ on the group of {group}")
        }),
        Code::InvalidTransactionTimeout => Hint::each(|say| {
            let timeout = client(say, "transaction.timeout.ms");
            format!("set {timeout} to no more than the broker's transaction.max.timeout.ms")
        }),
        Code::MessageSizeTooLarge => Hint::each(|say| {
            let size = client(say, "max.request.size");
            format!("set {size}, and max.message.bytes of the topic, to what the largest row takes")
        }),
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => Hint::each(|say| {
            let another = match say {
                Dialect::Sql => "give this job another 'sink.transactional-id-prefix'",
                Dialect::Connect | Dialect::File => "give this connector another name",
            };
            format!("another process writes with the same transactional id: stop it, or {another}")
        }),
        Code::OffsetOutOfRange | Code::AutoOffsetReset => {
            "messages that the job has not read are gone: retention was shorter than the job was \
             away, or the topic was made anew; --fresh begins anew"
                .into()
        }
        _ => return None,
    })
}
