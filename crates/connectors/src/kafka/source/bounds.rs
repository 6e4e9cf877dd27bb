//! `scan.startup.*` and `scan.bounded.*`: where reading begins and ends, as it is declared.

use std::collections::BTreeMap;

use tailwater_connector_api::TableIssue;

use crate::options::OptionReader;

/// Where a job that begins anew begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum Start {
    Earliest,
    Latest,
    /// Where the group stands; without a place there, what `auto.offset.reset` says.
    Group(Option<Reset>),
    /// The first message of this time or later.
    Timestamp(i64),
    /// Offsets of partitions; others from the group's place, then from the earliest.
    Specific(BTreeMap<i32, i64>),
}

/// `properties.auto.offset.reset`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum Reset {
    Earliest,
    Latest,
}

/// Where reading ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum End {
    Never,
    /// What is there when the job begins.
    Latest,
    Group,
    Timestamp(i64),
    Specific(BTreeMap<i32, i64>),
}

/// Reads `scan.startup.*`.
pub(super) fn start(options: &mut OptionReader<'_>) -> Start {
    let key = "scan.startup.mode";
    let group = |options: &mut OptionReader<'_>| {
        let key = "properties.auto.offset.reset";
        Start::Group(match options.get(key) {
            None | Some("none") => None,
            Some("earliest") => Some(Reset::Earliest),
            Some("latest") => Some(Reset::Latest),
            Some(_) => options.refuse(key, "earliest, latest, none", None),
        })
    };
    match options.get(key) {
        None | Some("group-offsets") => {
            if options.get("properties.group.id").is_none() {
                let message = "'group-offsets' startup mode needs 'properties.group.id'";
                let hint = "add 'properties.group.id' = '...', or 'scan.startup.mode' = \
                    'earliest-offset'";
                options.errors.push(TableIssue::option(key, message).with_hint(hint));
            }
            group(options)
        }
        Some("earliest-offset") => Start::Earliest,
        Some("latest-offset") => Start::Latest,
        Some("timestamp") => {
            Start::Timestamp(millis(options, key, "scan.startup.timestamp-millis"))
        }
        Some("specific-offsets") => {
            Start::Specific(specific(options, key, "scan.startup.specific-offsets"))
        }
        Some(_) => options.refuse(
            key,
            "earliest-offset, latest-offset, group-offsets, timestamp, specific-offsets",
            Start::Earliest,
        ),
    }
}

/// Reads `scan.bounded.*`.
pub(super) fn end(options: &mut OptionReader<'_>) -> End {
    let key = "scan.bounded.mode";
    match options.get(key) {
        None | Some("unbounded") => End::Never,
        Some("latest-offset") => End::Latest,
        Some("group-offsets") => {
            options.required("properties.group.id");
            End::Group
        }
        Some("timestamp") => End::Timestamp(millis(options, key, "scan.bounded.timestamp-millis")),
        Some("specific-offsets") => {
            End::Specific(specific(options, key, "scan.bounded.specific-offsets"))
        }
        Some(_) => options.refuse(
            key,
            "unbounded, latest-offset, group-offsets, timestamp, specific-offsets",
            End::Never,
        ),
    }
}

fn missing(options: &mut OptionReader<'_>, mode: &str, key: &str) {
    let value = options.get(mode).unwrap_or_default();
    let message = format!("'{key}' is required in '{value}' mode but missing.");
    options.errors.push(TableIssue::option(mode, message));
}

fn millis(options: &mut OptionReader<'_>, mode: &str, key: &str) -> i64 {
    match options.get(key) {
        None => {
            missing(options, mode, key);
            0
        }
        Some(_) => options.number(key, "milliseconds since 1970", 0),
    }
}

/// `partition:0,offset:42;partition:1,offset:300`
fn specific(options: &mut OptionReader<'_>, mode: &str, key: &str) -> BTreeMap<i32, i64> {
    let Some(text) = options.get(key) else {
        missing(options, mode, key);
        return BTreeMap::new();
    };
    let pair = |pair: &str| {
        let (partition, offset) = pair.trim().split_once(',')?;
        let partition = partition.trim().strip_prefix("partition:")?.trim().parse().ok()?;
        let offset: i64 = offset.trim().strip_prefix("offset:")?.trim().parse().ok()?;
        (offset >= 0).then_some((partition, offset))
    };
    let pairs = text.trim_end_matches(';').split(';').map(pair).collect::<Option<_>>();
    match pairs {
        Some(pairs) => pairs,
        None => {
            let message = format!(
                "Invalid properties '{key}' should follow the format 'partition:0,offset:42;\
                 partition:1,offset:300', but is '{text}'."
            );
            options.errors.push(TableIssue::option(key, message));
            BTreeMap::new()
        }
    }
}
