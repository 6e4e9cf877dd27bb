//! The options of `ExtractNewRecordState`.

use std::collections::BTreeMap;

use crate::event::{AddedField, DeleteHandling, FlatSettings};

/// Reads the options; the keys that are wrong, each with why.
pub(super) fn read(
    name: &str,
    options: &BTreeMap<String, String>,
) -> Result<FlatSettings, Vec<(String, String)>> {
    let mut issues = Vec::new();
    let get = |option: &str| options.get(&format!("{name}.{option}")).map(String::as_str);
    let at = |option: &str| format!("transforms.{name}.{option}");
    for option in ["route.by.field", "drop.fields.header.name"] {
        if get(option).is_some_and(|value| !value.is_empty()) {
            issues.push((at(option), "it is not supported".to_owned()));
        }
    }
    let deletes = match get("delete.tombstone.handling.mode").unwrap_or("tombstone") {
        "drop" => DeleteHandling::Drop,
        "tombstone" => DeleteHandling::Tombstone,
        "rewrite" => DeleteHandling::Rewrite,
        "rewrite-with-tombstone" => DeleteHandling::RewriteWithTombstone,
        "delete-to-tombstone" => DeleteHandling::DeleteToTombstone,
        _ => {
            let why = "Value must be one of drop, tombstone, rewrite, rewrite-with-tombstone, \
                       delete-to-tombstone";
            issues.push((at("delete.tombstone.handling.mode"), why.to_owned()));
            DeleteHandling::Tombstone
        }
    };
    let deletes = old_options(get("delete.handling.mode"), get("drop.tombstones"), deletes);
    let mut added = |list: &str, prefix: &str| {
        let prefix = get(prefix).unwrap_or("__");
        let mut fields = Vec::new();
        for entry in get(list).unwrap_or_default().split(',').map(str::trim) {
            if entry.is_empty() {
                continue;
            }
            let (path, alias) = entry.split_once(':').unwrap_or((entry, entry));
            match crate::event::FieldOrigin::of(path) {
                Some(origin) => {
                    let name = format!("{prefix}{}", alias.replace('.', "_"));
                    fields.push(AddedField { name, origin });
                }
                None => issues.push((at(list), format!("an envelope has no field \"{path}\""))),
            }
        }
        fields
    };
    let fields = added("add.fields", "add.fields.prefix");
    let headers = added("add.headers", "add.headers.prefix");
    if issues.is_empty() { Ok(FlatSettings { deletes, fields, headers }) } else { Err(issues) }
}

/// Options of releases before 3.0, which many configurations still have.
fn old_options(
    handling: Option<&str>,
    drops_tombstones: Option<&str>,
    otherwise: DeleteHandling,
) -> DeleteHandling {
    match (handling, drops_tombstones) {
        (None, None) => otherwise,
        (Some("rewrite"), Some("false")) => DeleteHandling::RewriteWithTombstone,
        (Some("rewrite"), _) => DeleteHandling::Rewrite,
        (_, Some("false")) => DeleteHandling::Tombstone,
        (_, _) => DeleteHandling::Drop,
    }
}
