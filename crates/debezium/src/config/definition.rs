//! Every option that is known: its definition, and what becomes of it here.

use std::sync::LazyLock;

/// The table, one option a line: `name|type|required|default|importance|group|order|width|display
/// name|handling|documentation`. A default of `\N` is none.
const TABLE: &str = include_str!("options.txt");

/// An option as Kafka Connect describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its key.
    pub name: &'static str,
    /// `STRING`, `INT`, `LONG`, `SHORT`, `BOOLEAN`, `LIST`, `CLASS` or `PASSWORD`.
    pub kind: &'static str,
    /// Whether there must be a value.
    pub required: bool,
    /// The value without one.
    pub default: Option<String>,
    /// `HIGH`, `MEDIUM` or `LOW`.
    pub importance: &'static str,
    /// The group that it is shown in; `None` for options that are not shown.
    pub group: Option<&'static str>,
    /// Its place in the group.
    pub order: u32,
    /// How wide its field is shown: `SHORT`, `MEDIUM`, `LONG` or `NONE`.
    pub width: &'static str,
    /// What it is called where it is shown.
    pub display_name: &'static str,
    /// What it is for.
    pub documentation: &'static str,
    pub(crate) handling: Handling,
}

/// What becomes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    Used,
    /// Accepted and not needed, for this reason.
    PassedOver(&'static str),
    /// Refused with this advice, unless its value is the default.
    Refused(&'static str),
}

/// All options in the order in which they are shown.
pub fn definitions() -> &'static [Definition] {
    static ALL: LazyLock<Vec<Definition>> =
        LazyLock::new(|| TABLE.lines().filter_map(definition).collect());
    &ALL
}

fn definition(line: &'static str) -> Option<Definition> {
    let mut fields = line.split('|');
    let mut next = || fields.next();
    let (name, kind, required, default) = (next()?, next()?, next()?, next()?);
    let (importance, group, order, width) = (next()?, next()?, next()?, next()?);
    let (display_name, handling, documentation) = (next()?, next()?, next()?);
    let handling = match handling.split_once(':') {
        Some(("pass", reason)) => Handling::PassedOver(reason),
        Some(("refuse", advice)) => Handling::Refused(advice),
        _ => Handling::Used,
    };
    Some(Definition {
        name,
        kind,
        required: required == "1",
        // A bar would end the field.
        default: (default != "\\N").then(|| default.replace('¦', "|")),
        importance,
        group: (group != "-").then_some(group),
        order: order.parse().ok()?,
        width,
        display_name,
        documentation,
        handling,
    })
}

/// The option of this name.
pub(crate) fn find(name: &str) -> Option<&'static Definition> {
    definitions().iter().find(|definition| definition.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_definition_of_its_own() {
        let all = definitions();
        assert_eq!(all.len(), TABLE.lines().count());
        let names: std::collections::BTreeSet<_> = all.iter().map(|d| d.name).collect();
        assert_eq!(names.len(), all.len());
        assert_eq!(all.iter().filter(|d| d.group.is_some()).count(), 150);
        assert!(all.iter().all(|d| !d.documentation.is_empty()));
        assert_eq!(find("database.port").and_then(|d| d.default.clone()).as_deref(), Some("5432"));
        let words = ["STRING", "INT", "LONG", "SHORT", "BOOLEAN", "LIST", "CLASS", "PASSWORD"];
        assert!(all.iter().all(|d| words.contains(&d.kind)));
    }
}
