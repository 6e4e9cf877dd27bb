//! What is parsed prints as SQL that parses to the same, and nothing makes the parser panic.

use tailwater_sql_syntax::{input_state, parse_expression, parse_script, parse_statement};

const STATEMENTS: &str = include_str!("scripts/statements.txt");
const EXPRESSIONS: &str = include_str!("scripts/expressions.txt");

/// The tree without its spans, as text.
fn shape(tree: &impl std::fmt::Debug) -> String {
    let text = format!("{tree:?}");
    let mut shape = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("Span {") {
        shape.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = &rest[rest.find('}').map_or(rest.len(), |end| end + 1)..];
    }
    shape + rest
}

#[test]
fn statements_print_as_what_they_were_parsed_from() {
    for text in STATEMENTS.lines() {
        let tree = parse_statement(text).unwrap_or_else(|errors| panic!("{text}\n{errors:?}"));
        let printed = tree.to_string();
        let again = parse_statement(&printed)
            .unwrap_or_else(|errors| panic!("{text}\n{printed}\n{errors:?}"));
        assert_eq!(printed, again.to_string(), "{text}");
        if !text.starts_with("RESET pipeline") && !printed.starts_with("SET ") {
            assert_eq!(shape(&tree), shape(&again), "{text}\n{printed}");
        }
    }
}

#[test]
fn expressions_print_as_what_they_were_parsed_from() {
    for text in EXPRESSIONS.lines() {
        let tree = parse_expression(text).unwrap_or_else(|errors| panic!("{text}\n{errors:?}"));
        let printed = tree.to_string();
        let again = parse_expression(&printed)
            .unwrap_or_else(|errors| panic!("{text}\n{printed}\n{errors:?}"));
        assert_eq!(shape(&tree), shape(&again), "{text}\n{printed}");
    }
}

#[test]
fn a_statement_spans_its_text() {
    for text in STATEMENTS.lines() {
        let tree = parse_statement(text).unwrap();
        assert_eq!(tree.span.slice(text), text);
    }
}

/// A small seeded generator, so that a failure can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % limit.max(1)
    }
}

fn try_all(text: &str) {
    let script = parse_script(text);
    for statement in script.statements.iter().filter_map(|s| s.statement.as_ref()) {
        let _ = statement.to_string();
    }
    for diagnostic in &script.diagnostics {
        assert!(diagnostic.span.start <= diagnostic.span.end, "{text}");
        assert!(diagnostic.span.end as usize <= text.len(), "{text}");
    }
    let _ = parse_expression(text);
    let _ = input_state(text);
}

#[test]
fn no_prefix_of_a_statement_panics() {
    for text in STATEMENTS.lines().chain(EXPRESSIONS.lines()) {
        for (end, _) in text.char_indices() {
            try_all(&text[..end]);
        }
    }
}

#[test]
fn no_mutation_of_a_statement_panics_and_what_still_parses_round_trips() {
    let bytes = b"'`\"(),;.*+-/<>=[]{}|&!?:$^@\\ \n0aAxX_\xc3\xa9";
    let words = ["SELECT", "FROM", "NOT", "END", "BEGIN", "(", "CASE", "AS", "NULL", "TABLE", "--"];
    let lines: Vec<&str> = STATEMENTS.lines().chain(EXPRESSIONS.lines()).collect();
    let mut random = Random(20_240_229);
    for _ in 0..20_000 {
        let mut text = lines[random.below(lines.len())].as_bytes().to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(text.len() + 1);
            match random.below(4) {
                0 => text.insert(at, bytes[random.below(bytes.len())]),
                1 if at < text.len() => drop(text.remove(at)),
                2 if at < text.len() => text[at] = bytes[random.below(bytes.len())],
                _ => {
                    let word = format!(" {} ", words[random.below(words.len())]);
                    text.splice(at..at, word.into_bytes());
                }
            }
        }
        let text = String::from_utf8_lossy(&text);
        try_all(&text);
        if let Ok(tree) = parse_statement(&text) {
            let printed = tree.to_string();
            if printed.starts_with("SET ") || printed.starts_with("RESET") {
                continue;
            }
            let again = parse_statement(&printed)
                .unwrap_or_else(|errors| panic!("{text}\n{printed}\n{errors:?}"));
            assert_eq!(printed, again.to_string(), "{text}");
        }
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let nests: &[(&str, &str, &str)] = &[
        ("(", "1", ")"),
        ("- ", "1", ""),
        ("NOT ", "a", ""),
        ("f(", "1", ")"),
        ("CASE WHEN ", "a", " THEN 1 END"),
        ("a[", "1", "]"),
        ("(SELECT ", "1", ")"),
        ("CAST(", "1", " AS INT)"),
        ("a IN (SELECT b FROM t WHERE ", "a", ")"),
        ("EXISTS (SELECT * FROM (SELECT * FROM t WHERE ", "a", "))"),
    ];
    for (open, middle, close) in nests {
        for depth in [20, 127, 5000] {
            let text = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
            match parse_expression(&text) {
                Ok(tree) => drop((tree.to_string(), tree.clone() == tree)),
                Err(errors) => {
                    assert_eq!(errors[0].code, "E0004", "{open} {depth}");
                    assert!(depth > 20, "{open}");
                }
            }
        }
    }
    for text in [
        format!("SELECT CAST(a AS {}INT{})", "ARRAY<".repeat(5000), ">".repeat(5000)),
        format!("SELECT CAST(a AS INT{})", " ARRAY".repeat(5000)),
        format!("SELECT * FROM {}t{}", "(".repeat(5000), ")".repeat(5000)),
        format!("{}SELECT 1{}", "(".repeat(5000), ")".repeat(5000)),
        format!("{}SELECT 1", "EXPLAIN ".repeat(5000)),
        format!("SELECT a{}", " + a".repeat(5000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(5000)),
        format!("SELECT * FROM t{}", " JOIN t ON a".repeat(5000)),
    ] {
        let errors = parse_statement(&text).unwrap_err();
        assert_eq!(errors[0].code, "E0004", "{}", &text[..40]);
    }
    let long = format!("a{}", " OR a = 1".repeat(250));
    let tree = parse_expression(&long).unwrap();
    assert_eq!(tree.to_string(), long);
}
