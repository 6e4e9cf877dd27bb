//! DESCRIBE, SHOW CREATE and EXPLAIN as text.

use std::borrow::Cow;
use std::fmt::Write;

use tailwater_types::{ChangelogMode, TypeKind, data_type::MAX_LENGTH};

use crate::catalog::{CatalogTable, CatalogView, ColumnSource};
use crate::plan::{InsertPlan, Plan, PlanNode};

/// A row of DESCRIBE: name, type, null, key, extras, watermark.
pub type DescribeRow = [Option<String>; 6];

/// The rows that DESCRIBE shows of a table.
pub fn describe_table(table: &CatalogTable) -> Vec<DescribeRow> {
    let key = table.key_columns();
    table
        .columns
        .iter()
        .map(|column| {
            let watermark = table.watermark.as_ref().filter(|w| w.column == column.name);
            let rowtime = if watermark.is_some() { " *ROWTIME*" } else { "" };
            let extras = match &column.source {
                ColumnSource::Physical => None,
                ColumnSource::Metadata { .. } => metadata(&column.source),
                ColumnSource::Computed(expr) => Some(format!("AS {expr}")),
            };
            [
                Some(column.name.clone()),
                Some(format!("{}{rowtime}", declared_type(&column.data_type.kind))),
                Some(if column.data_type.nullable { "TRUE" } else { "FALSE" }.to_owned()),
                key.contains(&column.name).then(|| format!("PRI({})", key.join(", "))),
                extras,
                watermark.map(|w| w.expr.to_string()),
            ]
        })
        .collect()
}

/// The rows that DESCRIBE shows of a query's columns.
pub fn describe_plan(plan: &Plan) -> Vec<DescribeRow> {
    let row = |f: &tailwater_types::Field| {
        let null = if f.data_type.nullable { "TRUE" } else { "FALSE" };
        let name = Some(f.name.to_string());
        [name, Some(declared_type(&f.data_type.kind)), Some(null.to_owned()), None, None, None]
    };
    plan.schema.fields().iter().map(row).collect()
}

fn metadata(source: &ColumnSource) -> Option<String> {
    let ColumnSource::Metadata { key, is_named, is_virtual } = source else {
        return None;
    };
    let from = if *is_named { format!(" FROM '{key}'") } else { String::new() };
    let suffix = if *is_virtual { " VIRTUAL" } else { "" };
    Some(format!("METADATA{from}{suffix}"))
}

/// As DESCRIBE names types: `STRING` and `BYTES` for the longest VARCHAR and VARBINARY.
fn declared_type(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Varchar(MAX_LENGTH) => "STRING".to_owned(),
        TypeKind::Varbinary(MAX_LENGTH) => "BYTES".to_owned(),
        TypeKind::TimestampLtz(p) => format!("TIMESTAMP_LTZ({p})"),
        other => other.to_string(),
    }
}

/// SHOW CREATE TABLE.
pub fn show_create_table(table: &CatalogTable) -> String {
    let mut parts: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let name = format!("  `{}`", column.name.replace('`', "``"));
            let comment = column
                .comment
                .as_ref()
                .map_or(String::new(), |c| format!(" COMMENT '{}'", c.replace('\'', "''")));
            match &column.source {
                ColumnSource::Computed(expr) => format!("{name} AS {expr}{comment}"),
                source => {
                    let metadata = metadata(source).map_or(String::new(), |m| format!(" {m}"));
                    format!("{name} {}{metadata}{comment}", column.data_type)
                }
            }
        })
        .collect();
    if let Some(watermark) = &table.watermark {
        parts.push(format!("  WATERMARK FOR `{}` AS {}", watermark.column, watermark.expr));
    }
    if let Some(key) = &table.primary_key {
        let columns: Vec<String> = key.columns.iter().map(|c| format!("`{c}`")).collect();
        parts.push(format!(
            "  CONSTRAINT `{}` PRIMARY KEY ({}) NOT ENFORCED",
            key.name,
            columns.join(", ")
        ));
    }
    let temporary = if table.is_temporary { "TEMPORARY " } else { "" };
    let mut text =
        format!("CREATE {temporary}TABLE {} (\n{}\n)", table.path.quoted(), parts.join(",\n"));
    if let Some(comment) = &table.comment {
        let _ = write!(text, " COMMENT '{}'", comment.replace('\'', "''"));
    }
    if !table.partition_keys.is_empty() {
        let keys: Vec<String> = table.partition_keys.iter().map(|k| format!("`{k}`")).collect();
        let _ = write!(text, "\nPARTITIONED BY ({})", keys.join(", "));
    }
    let options: Vec<String> = table
        .options
        .iter()
        .map(|(k, v)| {
            let shown = shown(k, v);
            format!("  '{k}' = '{}'", shown.replace('\'', "''"))
        })
        .collect();
    let _ = writeln!(text, " WITH (\n{}\n)", options.join(",\n"));
    text
}

/// Whether an option's value must not be shown.
pub fn is_secret(option: &str) -> bool {
    let option = option.to_lowercase();
    const WORDS: &[&str] = &[
        "passw",
        "pwd",
        "secret",
        "token",
        "fs.azure.account.key",
        "apikey",
        "api-key",
        "auth-params",
        "jaas.config",
        "keystore.key",
        "key.pem",
    ];
    WORDS.iter().any(|word| option.contains(word))
}

/// An option's value as it may be shown: without secrets, also without those in an URL.
pub fn shown<'v>(option: &str, value: &'v str) -> Cow<'v, str> {
    const STARS: &str = "******";
    if is_secret(option) {
        return Cow::Borrowed(STARS);
    }
    let lower = value.to_ascii_lowercase();
    let mut shown = String::new();
    let mut at = 0;
    // `password=` and `sslpassword=`.
    while let Some(start) = lower[at..].find("password=").map(|found| at + found + 9) {
        let end = value[start..].find('&').map_or(value.len(), |length| start + length);
        shown.push_str(&value[at..start]);
        shown.push_str(STARS);
        at = end;
    }
    if at == 0 {
        return Cow::Borrowed(value);
    }
    Cow::Owned(shown + &value[at..])
}

/// SHOW CREATE VIEW.
pub fn show_create_view(view: &CatalogView) -> String {
    let temporary = if view.is_temporary { "TEMPORARY " } else { "" };
    let columns: Vec<String> = view.columns.iter().map(|c| format!("`{c}`")).collect();
    let columns =
        if columns.is_empty() { String::new() } else { format!("({}) ", columns.join(", ")) };
    format!("CREATE {temporary}VIEW {} {columns}AS\n{}\n", view.path.quoted(), view.text)
}

/// EXPLAIN of an INSERT.
pub fn explain_insert(insert: &InsertPlan) -> String {
    let mut text = format!("Sink(table=[{}], changes=[{}]", insert.path(), mode(insert.sink_mode));
    if insert.materializes {
        text.push_str(", upsertMaterialize=[true]");
    }
    text.push_str(")\n");
    explain_into(&insert.plan, 1, &mut text);
    text
}

/// EXPLAIN of a query.
pub fn explain(plan: &Plan) -> String {
    let mut text = String::new();
    explain_into(plan, 0, &mut text);
    text
}

fn mode(mode: ChangelogMode) -> &'static str {
    match mode {
        ChangelogMode::InsertOnly => "I",
        ChangelogMode::Upsert => "I,UA,D",
        ChangelogMode::Retract => "I,UB,UA,D",
    }
}

fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|i| i.to_string()).collect::<Vec<_>>().join(", ")
}

fn explain_into(plan: &Plan, depth: usize, out: &mut String) {
    let arrow = if depth == 0 { String::new() } else { format!("{}+- ", "   ".repeat(depth - 1)) };
    let what = match &plan.node {
        PlanNode::Scan(table) => format!("TableSourceScan(table=[{}]", table.path),
        PlanNode::Values(rows) => format!("Values(rows=[{}]", rows.len()),
        PlanNode::Calc { filter, projection, .. } => {
            let select = match projection {
                Some(exprs) => list(exprs),
                None => "*".to_owned(),
            };
            let filter = filter.as_ref().map_or(String::new(), |f| format!(", where=[{f}]"));
            format!("Calc(select=[{select}]{filter}")
        }
        PlanNode::Join { kind, left_keys, right_keys, condition, .. } => {
            let condition =
                condition.as_ref().map_or(String::new(), |c| format!(", condition=[{c}]"));
            let (left, right) = (list(left_keys), list(right_keys));
            format!("Join(joinType=[{kind:?}], leftKeys=[{left}], rightKeys=[{right}]{condition}")
        }
        PlanNode::Aggregate { group, calls, .. } => {
            format!("GroupAggregate(groupBy=[{}], select=[{}]", list(group), list(calls))
        }
        PlanNode::Union(_) => "Union(all=[true]".to_owned(),
        PlanNode::Normalize { key, .. } => format!("ChangelogNormalize(key=[{}]", list(key)),
    };
    let fields = list(plan.schema.fields().iter().map(|f| &f.name));
    let keys = list(plan.unique_keys.iter().map(|k| format!("({})", list(k))));
    let keys = if keys.is_empty() { keys } else { format!(", upsertKeys=[{keys}]") };
    let _ = writeln!(
        out,
        "{arrow}{what}, fields=[{fields}], changelogMode=[{}]{keys})",
        mode(plan.mode)
    );
    for input in plan.inputs() {
        explain_into(input, depth + 1, out);
    }
}
