//! The preconditions of a script's tables: what is the same for all tables on a server is told once.

use serde_json::{Value, json};
use tailwater_pipeline::{CheckedTable, Precondition, TableRole, Verdict};

use crate::colour::{Palette, Tone};

/// What concerns a server, or a table.
#[derive(Debug)]
enum Subject {
    Server(String),
    Table { role: TableRole, name: String, connector: String },
}

#[derive(Debug)]
struct Group {
    subject: Subject,
    /// With the number of the table that was checked.
    preconditions: Vec<(usize, Precondition)>,
}

/// All of them, grouped.
#[derive(Debug)]
pub(crate) struct Report {
    groups: Vec<Group>,
    unused: Vec<String>,
}

impl Report {
    /// Groups what was found; `unused` are tables that were not checked.
    pub(crate) fn new(checked: Vec<CheckedTable>, unused: Vec<String>) -> Self {
        let (mut servers, mut tables) = (Vec::<Group>::new(), Vec::new());
        for (number, table) in checked.into_iter().enumerate() {
            let mut own = Vec::new();
            for precondition in table.preconditions {
                if !precondition.object.is_shared() {
                    own.push((number, precondition));
                    continue;
                }
                let name = &precondition.server;
                let is_it = |g: &Group| matches!(&g.subject, Subject::Server(s) if s == name);
                let at = servers.iter().position(is_it).unwrap_or_else(|| {
                    let subject = Subject::Server(name.clone());
                    servers.push(Group { subject, preconditions: Vec::new() });
                    servers.len() - 1
                });
                add_shared(&mut servers[at].preconditions, number, precondition);
            }
            let CheckedTable { role, table: name, connector, .. } = table;
            let subject = Subject::Table { role, name, connector };
            tables.push(Group { subject, preconditions: own });
        }
        servers.append(&mut tables);
        Self { groups: servers, unused }
    }

    /// Whether something fails.
    pub(crate) fn has_failed(&self) -> bool {
        self.count(Verdict::Fail) > 0
    }

    fn count(&self, verdict: Verdict) -> usize {
        let all = self.groups.iter().flat_map(|g| &g.preconditions);
        all.filter(|(_, p)| p.verdict == verdict).count()
    }
}

/// A server answers the same for each table, and what it counts may have moved in between: the
/// first answer stands, unless a later one is worse or from another database.
fn add_shared(all: &mut Vec<(usize, Precondition)>, number: usize, new: Precondition) {
    let is_told = all.iter().any(|(table, old)| {
        let is_same = old.code == new.code && old.object == new.object;
        let is_one_of_several = *table == number || new.code == "connection";
        is_same && (old.message == new.message || !is_one_of_several && old.verdict >= new.verdict)
    });
    if is_told {
        return;
    }
    // Who we are comes first, also in another database.
    let others = all.iter().position(|(_, old)| old.code != "connection");
    match others.filter(|_| new.code == "connection") {
        Some(at) => all.insert(at, (number, new)),
        None => all.push((number, new)),
    }
}

/// A name without the parts that every name has.
fn short(table: &str) -> &str {
    table.strip_prefix("default_catalog.default_database.").unwrap_or(table)
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Ok => Tone::Good,
        Verdict::Note => Tone::Note,
        Verdict::Warn => Tone::Warning,
        Verdict::Fail => Tone::Bad,
    }
}

/// For people.
pub(crate) fn text_lines(report: &Report) -> Vec<String> {
    lines_in(report, Palette::of_stdout())
}

fn lines_in(report: &Report, palette: Palette) -> Vec<String> {
    let mut lines = Vec::new();
    let all = report.groups.iter().flat_map(|g| &g.preconditions);
    let width = all.map(|(_, p)| p.code.len()).max().unwrap_or(0);
    // Two blanks, the verdict, two blanks, the code, two blanks.
    let indent = " ".repeat(2 + 4 + 2 + width + 2);
    for group in &report.groups {
        if group.preconditions.is_empty() {
            continue;
        }
        let heading = match &group.subject {
            Subject::Server(name) => format!("server {name}"),
            Subject::Table { role, name, connector } => {
                format!("{} {} ({connector})", role.word(), short(name))
            }
        };
        lines.push(palette.paint(Tone::Heading, &heading));
        for (_, precondition) in &group.preconditions {
            let Precondition { code, verdict, message, mend, .. } = precondition;
            let word = palette.paint(tone(*verdict), &format!("{:4}", verdict.word()));
            lines.push(format!("  {word}  {code:width$}  {message}"));
            if let Some(mend) = mend {
                lines.push(format!("{indent}mend: {mend}"));
            }
        }
        lines.push(String::new());
    }
    if !report.unused.is_empty() {
        let names: Vec<&str> = report.unused.iter().map(|name| short(name)).collect();
        let word = palette.paint(Tone::Note, "note");
        lines.push(format!("  {word}  no statement uses {}: not checked\n", names.join(", ")));
    }
    let count = |verdict, one: &str, many: &str| match report.count(verdict) {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    };
    lines.push(format!(
        "{}, {}, {}, {}",
        count(Verdict::Ok, "ok", "ok"),
        count(Verdict::Note, "note", "notes"),
        count(Verdict::Warn, "warning", "warnings"),
        count(Verdict::Fail, "failure", "failures"),
    ));
    lines
}

/// For programs: one object per precondition, and one with the counts.
pub(crate) fn json_lines(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for group in &report.groups {
        let (role, table, connector) = match &group.subject {
            Subject::Server(_) => (Value::Null, Value::Null, Value::Null),
            Subject::Table { role, name, connector } => {
                (json!(role.word()), json!(name), json!(connector))
            }
        };
        for (_, p) in &group.preconditions {
            let server = if p.server.is_empty() { Value::Null } else { json!(p.server) };
            let line = json!({
                "kind": "precondition",
                "verdict": p.verdict.word(),
                "code": p.code,
                "server": server,
                "role": role,
                "table": table,
                "connector": connector,
                "object": {"kind": p.object.kind(), "name": p.object.name(&p.server)},
                "message": p.message,
                "mend": p.mend,
            });
            lines.push(line.to_string());
        }
    }
    let summary = json!({
        "kind": "summary",
        "ok": report.count(Verdict::Ok),
        "note": report.count(Verdict::Note),
        "warn": report.count(Verdict::Warn),
        "fail": report.count(Verdict::Fail),
        "unused": report.unused,
    });
    lines.push(summary.to_string());
    lines
}
