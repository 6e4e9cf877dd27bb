//! Results as Flink's SQL client prints them.

use std::io::IsTerminal;

use tailwater_pipeline::Table;
use tailwater_sql::Finding;
use tailwater_types::{RowKind, Schema, TypeKind};

use crate::output::{Mode, Output, Place, write_line};
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

impl Output for TextOutput {
    fn begin(&mut self, _statement: usize, text: &str) {
        if self.echoes {
            let text = Masked::new(text.trim()).text;
            write_line(format!("Flink SQL> {}", text.replace('\n', "\n> ")));
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
        write_line(format!("[INFO] {message}"));
    }

    fn ok(&mut self, _statement: usize) {
        write_line("[INFO] Execute statement succeeded.\n");
    }

    fn submitted(&mut self, _statement: usize, is_complete: bool) {
        if is_complete {
            write_line("[INFO] Complete execution of the SQL update statement.\n");
        } else {
            write_line("[INFO] SQL update statement has been successfully submitted.\n");
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
            write_line(format!("{}\n{}\n{}", tableau.border(), tableau.header(), tableau.border()));
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
                write_line(rows.tableau.row(&cells));
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
                    write_line(&border);
                }
                write_line(format!("Received a total of {} {noun}\n", rows.count));
            }
            Mode::Batch => print_by_data(rows.names, &rows.kept),
        }
    }
}

fn print_by_data(names: Vec<String>, rows: &[Vec<Option<String>>]) {
    if rows.is_empty() {
        write_line("Empty set\n");
        return;
    }
    let tableau = Tableau::by_data(names, rows);
    write_line(format!("{}\n{}\n{}", tableau.border(), tableau.header(), tableau.border()));
    for row in rows {
        write_line(tableau.row(row));
    }
    let noun = if rows.len() == 1 { "row" } else { "rows" };
    write_line(format!("{}\n{} {noun} in set\n", tableau.border(), rows.len()));
}
