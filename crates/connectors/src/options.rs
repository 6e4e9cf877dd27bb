//! What all connectors do with their options.

use tailwater_connector_api::{TableIssue, TableSpec, nearest};

/// An issue for every option that is none of `known`; a known one that ends in `*` stands
/// for all that begin with it.
pub(crate) fn known_options(table: &TableSpec, known: &[&str]) -> Vec<TableIssue> {
    let is_known = |option: &str| {
        known.iter().any(|k| match k.strip_suffix('*') {
            Some(prefix) => option.starts_with(prefix),
            None => *k == option,
        })
    };
    table
        .options
        .keys()
        .filter(|option| !is_known(option))
        .map(|option| {
            let hint = match nearest(option, known.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("supported options: {}", known.join(", ")),
            };
            TableIssue::option(option, format!("unsupported option '{option}'")).with_hint(hint)
        })
        .collect()
}
