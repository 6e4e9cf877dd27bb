//! What will be done at the start: the publication, the key, the snapshot.

use std::sync::Arc;

use tailwater_connector_api::{Object, Preconditions};
use tailwater_types::units::show_bytes;
use tokio_postgres::Client;

use crate::postgres::capture::CapturedTable;
use crate::postgres::client::query_error;
use crate::postgres::options::Startup;
use crate::postgres::preflight::{Preflight, Ready, ReadyTable};
use crate::postgres::snapshot::{self, BY_KEY_BYTES, CutSettings, SnapshotTable};
use crate::postgres::table_plan::TablePlan;

/// Tells of a publication that serves.
pub(super) fn publication(preflight: &Preflight<'_>, ready: &Ready, found: &mut Preconditions) {
    let name = &preflight.config.publication;
    let object = || Object::Publication(name.clone());
    if ready.tables.is_empty() || found.fails(|code| code.starts_with("publi")) {
        return;
    }
    let work = ready.publication.work.join(" ");
    if work.is_empty() {
        let tables: Vec<String> =
            ready.tables.iter().map(|t| format!("\"{}\"", t.table.shown())).collect();
        let message = format!("publication \"{name}\" has {}", tables.join(", "));
        found.ok("publication", object(), message);
    } else {
        found.ok("publication", object(), format!("will be published: {work}"));
    }
    for ReadyTable { table, filter, .. } in &ready.tables {
        if let Some(filter) = filter {
            let message = format!(
                "publication \"{name}\" has only rows of \"{}\" for which {filter}",
                table.shown()
            );
            found.note("publication-filter", object(), message);
        }
    }
}

/// Whether the declared key tells the table's rows apart.
pub(super) async fn key(
    preflight: &Preflight<'_>,
    client: &Client,
    ready: &ReadyTable,
    found: &mut Preconditions,
) {
    const CODE: &str = "primary-key";
    let (key, table) = (preflight.key(), &ready.table);
    let object = || Object::Table(table.shown());
    if table.other_kind.is_some() {
        return;
    }
    if key.is_empty() {
        let message = "no PRIMARY KEY is declared: a keyed sink has to keep every row to tell them \
                       apart";
        let mend = "declare PRIMARY KEY (...) NOT ENFORCED if the table has one";
        found.advise(CODE, object(), message, mend);
        return;
    }
    // Fewer columns that are unique are as good.
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_index i WHERE indrelid = $1 AND indisunique
          AND indisvalid AND indpred IS NULL AND indexprs IS NULL
          AND ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = i.indrelid
            AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) <@ $2::text[])";
    let row = client.query_one(sql, &[&table.oid, &key]).await;
    let row = row.map_err(|error| query_error("read the table's indexes", error));
    let Some(row) = found.take(CODE, object(), row) else {
        return;
    };
    let columns = key.join(", ");
    if row.get(0) {
        let message = format!("the declared key ({columns}) is unique in \"{}\"", table.shown());
        found.ok(CODE, object(), message);
    } else {
        let message = format!(
            "nothing makes the declared key ({columns}) unique in \"{}\": of rows that share it a \
             keyed sink shows one",
            table.shown()
        );
        let names: Vec<String> = key.iter().map(|k| crate::postgres::client::quote(k)).collect();
        let mend = format!("ALTER TABLE {} ADD UNIQUE ({});", table.sql_name(), names.join(", "));
        found.warn(CODE, object(), message, mend);
    }
}

/// How the rows that are there will be read.
pub(super) async fn snapshot(
    preflight: &Preflight<'_>,
    client: &Client,
    ready: &ReadyTable,
    found: &mut Preconditions,
) {
    const CODE: &str = "snapshot";
    let config = preflight.config;
    let object = || Object::Table(ready.table.shown());
    let is_read = matches!(config.startup, Startup::Initial | Startup::Snapshot);
    if !is_read {
        found.ok(CODE, object(), "rows that are there already are not read");
        return;
    }
    let Some(plan) = &ready.plan else {
        return;
    };
    let captured = CapturedTable {
        table: ready.table.clone(),
        plan: TablePlan::Rows(Arc::clone(plan)),
        place: 0,
        is_in_snapshot: true,
        filter: ready.filter.clone(),
    };
    let is_by_pages = config.cut.is_by_pages || config.startup == Startup::Snapshot;
    let settings = CutSettings { is_by_pages, ..config.cut.clone() };
    let looked = snapshot::look_at(client, &captured, &settings, None).await;
    let Some(table) = found.take(CODE, object(), looked) else {
        return;
    };
    let size = size(&table);
    if let Some(key) = &table.key {
        let columns: Vec<&str> = key.columns.iter().map(|c| c.name.as_str()).collect();
        let message = format!(
            "{size}: {} readers in short transactions, cut by ({})",
            settings.readers,
            columns.join(", ")
        );
        found.ok(CODE, object(), message);
        return;
    }
    let message = format!("{size}: read by pages in one transaction");
    let is_small = table.bytes < BY_KEY_BYTES && settings.chunk_rows.is_none();
    if is_small || is_by_pages {
        found.ok(CODE, object(), message);
    } else {
        let message = format!(
            "{message}, and from its beginning after a crash: it has no key whose order is known \
             here"
        );
        let mend = "a primary key of integers, uuid, dates, bytea, or text in COLLATE \"C\" (the \
                    order of other collations is the server's own) is read in short transactions";
        found.advise(CODE, object(), message, mend);
    }
}

fn size(table: &SnapshotTable) -> String {
    let bytes = show_bytes(table.bytes.max(0) as u64);
    match table.rows {
        rows if rows > 0.0 => format!("about {rows:.0} rows, {bytes}"),
        _ if table.is_untouched() => "no rows".to_owned(),
        _ => format!("{bytes} (the table was never analyzed)"),
    }
}
