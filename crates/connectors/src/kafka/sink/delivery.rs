//! How a sink writes: `sink.delivery-guarantee`, `sink.partitioner` and their company.

use tailwater_connector_api::TableIssue;

use crate::kafka::options::{Flavour, Layout};
use crate::options::OptionReader;

/// The topic that transactional sinks note their progress in, unless they name another.
const PROGRESS_TOPIC: &str = "tailwater-progress";

/// `sink.delivery-guarantee`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum Guarantee {
    AtLeastOnce,
    ExactlyOnce(Transactions),
}

/// What transactions need to be known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct Transactions {
    /// What transactional ids begin with.
    pub(in crate::kafka) prefix: String,
    /// Where what was published is noted.
    pub(in crate::kafka) progress_topic: String,
}

/// `sink.partitioner`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum Partitioner {
    /// By the key, as the Java client does; records without one go anywhere.
    ByKey,
    /// One task of the job, one partition: a job has one task.
    Fixed,
    RoundRobin,
}

/// Reads `sink.delivery-guarantee`.
pub(super) fn guarantee(options: &mut OptionReader<'_>) -> Guarantee {
    let key = match options.get("sink.semantic") {
        Some(_) if options.get("sink.delivery-guarantee").is_none() => "sink.semantic",
        _ => "sink.delivery-guarantee",
    };
    match options.get(key) {
        None | Some("at-least-once" | "none") => Guarantee::AtLeastOnce,
        Some("exactly-once") => {
            let prefix = options.get("sink.transactional-id-prefix").unwrap_or_default();
            if prefix.is_empty() {
                let message = "sink.transactional-id-prefix must be specified when using \
                    DeliveryGuarantee.EXACTLY_ONCE.";
                let hint = "add 'sink.transactional-id-prefix' = '...', one that no other job has";
                options.errors.push(TableIssue::option(key, message).with_hint(hint));
            }
            let topic = options.get("sink.progress-topic").unwrap_or(PROGRESS_TOPIC);
            Guarantee::ExactlyOnce(Transactions {
                prefix: prefix.to_owned(),
                progress_topic: topic.to_owned(),
            })
        }
        Some(_) => options.refuse(key, "at-least-once, exactly-once, none", Guarantee::AtLeastOnce),
    }
}

/// Reads `sink.partitioner`.
pub(super) fn partitioner(
    options: &mut OptionReader<'_>,
    layout: Option<&Layout>,
    flavour: Flavour,
) -> Partitioner {
    let key = "sink.partitioner";
    if flavour == Flavour::Upsert {
        return Partitioner::ByKey;
    }
    match options.get(key) {
        None | Some("default") => Partitioner::ByKey,
        Some("fixed") => Partitioner::Fixed,
        Some("round-robin") => {
            if layout.is_some_and(|layout| !layout.columns.key.is_empty()) {
                let message = "Currently 'round-robin' partitioner only works when option \
                    'key.fields' is not specified.";
                options.errors.push(TableIssue::option(key, message));
            }
            Partitioner::RoundRobin
        }
        Some(_) => options.refuse(
            key,
            "default, fixed, round-robin (no class of Java)",
            Partitioner::ByKey,
        ),
    }
}
