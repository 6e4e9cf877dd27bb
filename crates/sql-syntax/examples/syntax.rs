//! Prints the statements of a script in canonical form, and what is wrong with it.

fn main() -> std::io::Result<()> {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path)?;
        let script = tailwater_sql_syntax::parse_script(&text);
        println!("{path}: {} statements", script.statements.len());
        for diagnostic in &script.diagnostics {
            let (line, column) = diagnostic.span.line_column(&text);
            println!("{path}:{line}:{column}: {diagnostic} {:?}", diagnostic.hint);
        }
    }
    Ok(())
}
