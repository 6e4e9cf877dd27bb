//! Slots as text and as JSON.

use serde_json::{Value, json};
use tailwater_pipeline::{ConnectorError, Dropped, Owner, SlotStatus};
use tailwater_types::units::show_bytes;

use crate::colour::{Palette, Tone};
use crate::script::chain;

fn size(bytes: Option<i64>) -> Option<String> {
    bytes.map(|bytes| show_bytes(bytes.max(0) as u64))
}

fn owner(slot: &SlotStatus) -> String {
    match &slot.owner {
        Some(Owner::Job(job)) => format!("tailwater {job}"),
        Some(Owner::Connector(name)) => format!("connector {name}"),
        Some(Owner::Publication(_)) => "tailwater, probably".to_owned(),
        None => String::new(),
    }
}

fn flags(slot: &SlotStatus) -> String {
    let flags = [
        (slot.slot_type == "physical", "physical"),
        (slot.is_temporary, "temporary"),
        (slot.failover == Some(true), "failover"),
        (slot.two_phase == Some(true), "two_phase"),
    ];
    let words: Vec<&str> = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, w)| *w).collect();
    words.join(", ")
}

fn status(slot: &SlotStatus) -> String {
    let status = slot.wal_status.clone().unwrap_or_default();
    match &slot.invalidation_reason {
        Some(reason) => format!("{status} ({reason})").trim().to_owned(),
        None => status,
    }
}

fn cells(slot: &SlotStatus, has_server: bool) -> Vec<String> {
    let age = slot.catalog_xmin_age.max(slot.xmin_age);
    let number = |number: Option<String>| number.unwrap_or_default();
    let mut cells = vec![
        slot.name.clone(),
        slot.database.clone().unwrap_or_default(),
        slot.plugin.clone().unwrap_or_default(),
        owner(slot),
        slot.holder.as_ref().map(ToString::to_string).unwrap_or_default(),
        number(size(slot.retained_bytes)),
        number(slot.retained_bytes.map(|bytes| bytes.to_string())),
        number(size(slot.unread_bytes)),
        slot.confirmed_flush_lsn.clone().unwrap_or_default(),
        status(slot),
        number(size(slot.safe_wal_size)),
        number(age.map(|age| age.to_string())),
        slot.inactive_since.clone().unwrap_or_default(),
        flags(slot),
    ];
    if has_server {
        cells.insert(1, slot.server.clone());
    }
    cells
}

/// A table of those columns that have something, dangers beneath their slots.
pub(super) fn text_slots(slots: &[SlotStatus], has_server: bool) -> Vec<String> {
    let palette = Palette::of_stdout();
    let mut names = vec![
        "slot",
        "database",
        "plugin",
        "owner",
        "read by",
        "WAL kept",
        "bytes",
        "unread",
        "confirmed",
        "status",
        "safe for",
        "xmin age",
        "idle since",
        "flags",
    ];
    if has_server {
        names.insert(1, "server");
    }
    let rows: Vec<Vec<String>> = slots.iter().map(|slot| cells(slot, has_server)).collect();
    let is_number =
        |name: &str| matches!(name, "WAL kept" | "bytes" | "unread" | "xmin age" | "safe for");
    // Whether anybody reads matters also where nobody does.
    let is_shown =
        |at: &usize| names[*at] == "read by" || rows.iter().any(|row| !row[*at].is_empty());
    let shown: Vec<usize> = (0..names.len()).filter(is_shown).collect();
    let width = |at: usize| {
        let widths = rows.iter().map(|row| row[at].chars().count());
        widths.chain([names[at].len()]).max().unwrap_or(0)
    };
    let line = |cell: &dyn Fn(usize) -> String| {
        let padded = shown.iter().map(|&at| {
            let (text, width) = (cell(at), width(at));
            let text = if text.is_empty() { "-".to_owned() } else { text };
            if is_number(names[at]) { format!("{text:>width$}") } else { format!("{text:width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![palette.paint(Tone::Heading, &line(&|at| names[at].to_owned()))];
    for (slot, row) in slots.iter().zip(&rows) {
        lines.push(line(&|at| row[at].clone()));
        for danger in &slot.dangers {
            lines.push(format!("  {}  {danger}", palette.paint(Tone::Warning, "warn")));
        }
    }
    lines
}

/// A slot as an object.
pub(super) fn json_slot(slot: &SlotStatus) -> Value {
    let holder = slot.holder.as_ref().map(|holder| {
        json!({
            "pid": holder.pid,
            "application": holder.application,
            "user": holder.user,
            "client": holder.client,
            "job": holder.job(),
        })
    });
    let owner = slot.owner.as_ref().map(|owner| match owner {
        Owner::Job(job) => json!({"by": "application_name", "job": job}),
        Owner::Connector(name) => json!({"by": "connector", "connector": name}),
        Owner::Publication(name) => json!({"by": "publication", "publication": name}),
    });
    let dangers: Vec<String> = slot.dangers.iter().map(ToString::to_string).collect();
    json!({
        "kind": "slot",
        "slot": slot.name,
        "server": slot.server,
        "database": slot.database,
        "type": slot.slot_type,
        "plugin": slot.plugin,
        "active": slot.holder.is_some(),
        "holder": holder,
        "owner": owner,
        "temporary": slot.is_temporary,
        "two_phase": slot.two_phase,
        "failover": slot.failover,
        "confirmed_flush_lsn": slot.confirmed_flush_lsn,
        "restart_lsn": slot.restart_lsn,
        "retained_bytes": slot.retained_bytes,
        "retained": size(slot.retained_bytes),
        "unread_bytes": slot.unread_bytes,
        "unread": size(slot.unread_bytes),
        "wal_status": slot.wal_status,
        "safe_wal_size": slot.safe_wal_size,
        "invalidation_reason": slot.invalidation_reason,
        "inactive_since": slot.inactive_since,
        "xmin_age": slot.xmin_age,
        "catalog_xmin_age": slot.catalog_xmin_age,
        "hints": dangers,
    })
}

/// What was dropped, and what is left.
pub(super) fn text_dropped(dropped: &Dropped) -> Vec<String> {
    let mut lines = vec![format!("slot \"{}\" is dropped", dropped.name)];
    if let Some(left) = &dropped.publication {
        let (name, database) = (&left.name, &left.database);
        lines.push(if left.is_dropped {
            format!("publication \"{name}\" is dropped from database \"{database}\"")
        } else {
            format!("publication \"{name}\" is left in database \"{database}\": {}", left.statement)
        });
    }
    lines
}

/// The same as an object.
pub(super) fn json_dropped(dropped: &Dropped) -> Value {
    let publication = dropped.publication.as_ref().map(|left| {
        json!({
            "name": left.name,
            "database": left.database,
            "dropped": left.is_dropped,
            "statement": left.statement,
        })
    });
    json!({
        "kind": "dropped",
        "slot": dropped.name,
        "server": dropped.server,
        "publication": publication,
    })
}

/// Why something was not done.
pub(super) fn text_error(error: &ConnectorError) -> String {
    let text = format!("error: {}", chain(error));
    match error.hint() {
        Some(hint) => format!("{text}\n  help: {hint}"),
        None => text,
    }
}

/// The same as an object.
pub(super) fn json_error(
    slot: Option<&str>,
    server: Option<&str>,
    error: &ConnectorError,
) -> Value {
    json!({
        "kind": "error",
        "slot": slot,
        "server": server,
        "message": chain(error),
        "hint": error.hint(),
    })
}
