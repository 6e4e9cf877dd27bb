//! Results as Flink's SQL client prints them.

use std::io::{IsTerminal, Write};

use tailwater_pipeline::Table;
use tailwater_sql::Finding;
use tailwater_types::{RowKind, Schema, TypeKind};

use crate::output::{Mode, Output, Place};
use crate::render::render;
use crate::secrets::Masked;
use crate::tableau::Tableau;

/// Writes to standard output; findings go to standard error.
pub(crate) struct TextOutput {
    echoes: bool,
    max_width: usize,
    is_coloured: bool,
    current: Option<Rows>,
}

/// A query's rows while they are printed.
struct Rows {
    mode: Mode,
    tableau: Tableau,
    names: Vec<String>,
    kept: Vec<Vec<Option<String>>>,
    count: usize,
}

impl TextOutput {
    /// `echoes`: print each statement before its result.
    pub(crate) fn new(echoes: bool, max_width: usize) -> Self {
        let is_coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { echoes, max_width, is_coloured, current: None }
    }
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that has gone away ends us by its own means.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

impl Output for TextOutput {
    fn begin(&mut self, _statement: usize, text: &str) {
        if self.echoes {
            let text = Masked::new(text.trim()).text;
            print(&format!("Flink SQL> {}", text.replace('\n', "\n> ")));
        }
    }

    fn finding(&mut self, _statement: usize, finding: &Finding) {
        eprintln!("{}\n", render(finding, self.is_coloured));
    }

    fn failure(&mut self, place: &Place, message: &str, hint: Option<&str>) {
        eprintln!("[ERROR] {message}");
        eprintln!("  --> {}:{}:{}", place.file, place.line, place.column);
        if let Some(hint) = hint {
            eprintln!("  help: {hint}");
        }
    }

    fn note(&mut self, _statement: usize, message: &str) {
        print(&format!("[INFO] {message}"));
    }

    fn ok(&mut self, _statement: usize) {
        print("[INFO] Execute statement succeeded.\n");
    }

    fn submitted(&mut self, _statement: usize, is_complete: bool) {
        if is_complete {
            print("[INFO] Complete execution of the SQL update statement.\n");
        } else {
            print("[INFO] SQL update statement has been successfully submitted.\n");
        }
    }

    fn table(&mut self, _statement: usize, table: &Table) {
        let names = table.columns.iter().map(|(n, _)| n.clone()).collect();
        let shown: Vec<Vec<Option<String>>> = table
            .rows
            .iter()
            .map(|row| row.iter().map(|v| Some(v.clone().unwrap_or_default())).collect())
            .collect();
        print_by_data(names, &shown);
    }

    fn rows_begin(&mut self, _statement: usize, schema: &Schema, mode: Mode) {
        let names: Vec<String> = schema.fields().iter().map(|f| f.name.to_string()).collect();
        let kinds: Vec<(String, &TypeKind)> =
            schema.fields().iter().map(|f| (f.name.to_string(), &f.data_type.kind)).collect();
        let tableau = Tableau::by_type(&kinds, self.max_width).with_op();
        if mode == Mode::Streaming {
            print(&format!("{}\n{}\n{}", tableau.border(), tableau.header(), tableau.border()));
        }
        self.current = Some(Rows { mode, tableau, names, kept: Vec::new(), count: 0 });
    }

    fn row(&mut self, _statement: usize, kind: RowKind, values: &[Option<String>]) {
        let Some(rows) = &mut self.current else { return };
        rows.count += 1;
        match rows.mode {
            Mode::Streaming => {
                let mut cells = vec![Some(kind.short().to_owned())];
                cells.extend(values.iter().cloned());
                print(&rows.tableau.row(&cells));
            }
            Mode::Batch => rows.kept.push(values.to_vec()),
        }
    }

    fn rows_end(&mut self, _statement: usize) {
        let Some(rows) = self.current.take() else { return };
        match rows.mode {
            Mode::Streaming => {
                let noun = if rows.count == 1 { "row" } else { "rows" };
                let border = rows.tableau.border();
                if rows.count > 0 {
                    print(&border);
                }
                print(&format!("Received a total of {} {noun}\n", rows.count));
            }
            Mode::Batch => print_by_data(rows.names, &rows.kept),
        }
    }
}

fn print_by_data(names: Vec<String>, rows: &[Vec<Option<String>>]) {
    if rows.is_empty() {
        print("Empty set\n");
        return;
    }
    let tableau = Tableau::by_data(names, rows);
    print(&format!("{}\n{}\n{}", tableau.border(), tableau.header(), tableau.border()));
    for row in rows {
        print(&tableau.row(row));
    }
    let noun = if rows.len() == 1 { "row" } else { "rows" };
    print(&format!("{}\n{} {noun} in set\n", tableau.border(), rows.len()));
}
