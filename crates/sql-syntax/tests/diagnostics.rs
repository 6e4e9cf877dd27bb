//! What the parser says about texts that are wrong.

use tailwater_sql_syntax::{InputState, input_state, is_reserved, parse_script, parse_statement};

/// The errors of a script, each as `code line:column message (hint)`.
fn errors(text: &str) -> Vec<String> {
    let script = parse_script(text);
    let show = |d: &tailwater_types::Diagnostic| {
        let (line, column) = d.span.line_column(text);
        let hint = d.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{} {line}:{column} {}{hint}", d.code, d.message)
    };
    script.diagnostics.iter().map(show).collect()
}

#[test]
fn all_errors_of_a_script_are_reported_and_the_other_statements_kept() {
    let text = "SELCET 1;\nSELECT a FROM t;\nSELECT FROM t;\nCREATE TABLE t (value INT, b, c INTT NOT, d INT);\nSELECT 2";
    let script = parse_script(text);
    let kept: Vec<bool> = script.statements.iter().map(|s| s.statement.is_some()).collect();
    assert_eq!(kept, [false, true, false, false, true]);
    let spans: Vec<&str> = script.statements.iter().map(|s| s.span.slice(text)).collect();
    assert_eq!(spans[1], "SELECT a FROM t");
    assert_eq!(script.statements[1].text_span.slice(text), "SELECT a FROM t;");
    assert_eq!(
        errors(text),
        [
            "E0001 1:1 encountered \"SELCET\", expected a statement (did you mean \"SELECT\"?)",
            "E0001 3:8 encountered \"FROM\", expected an expression",
            "E0003 4:17 encountered \"value\", a reserved word, expected a column's name (write `value` in backticks to use it as a name)",
            "E0001 4:38 encountered \"NOT\", expected \",\" or \")\" after the column",
        ]
    );
}

#[test]
fn messages_say_what_was_expected() {
    let cases = [
        ("SELECT a,, b FROM t", "E0001 1:10 encountered \",\", expected an expression"),
        (
            "SELECT a, FROM t",
            "E0001 1:11 encountered \"FROM\", expected an expression (remove the comma before it)",
        ),
        (
            "SELECT a FORM t",
            "E0001 1:15 encountered \"t\", expected the end of the statement (did you mean \"FROM\" for \"FORM\"?)",
        ),
        ("SELECT (1", "E0001 1:10 encountered \"<EOF>\", expected \",\" or \")\""),
        (
            "SELECT x::STRING FROM t",
            "E0001 1:9 encountered \":\", expected the end of the statement",
        ),
        (
            "SELECT CURRENT_CATALOG()",
            "E0001 1:23 encountered \"(\", expected nothing after CURRENT_CATALOG (write CURRENT_CATALOG without parentheses)",
        ),
        ("SELECT user.a FROM t GROUP BY order", "E0001 1:12 encountered \".\", expected a name"),
        (
            "SELECT 'abc",
            "E0002 1:8 unterminated string (close it with '; inside, write '' for one)",
        ),
        ("SELECT 1 /* x", "E0002 1:10 unterminated comment (close it with */)"),
        (
            "SELECT \"a\" FROM t",
            "E0005 1:8 encountered \"\\\"\", double quotes are not used by this dialect (write `a` for a name, 'a' for a string)",
        ),
        (
            "SELECT timestamp FROM t",
            "E0003 1:8 encountered \"timestamp\", a reserved word, expected an expression (write `timestamp` in backticks to use it as a name)",
        ),
        (
            "SELECT INTERVAL 5 DAY",
            "E0001 1:17 encountered \"5\", expected an interval's value in quotes (write for example INTERVAL '5' SECOND)",
        ),
        (
            "SELECT X'ABC'",
            "E0006 1:8 binary literal string must contain an even number of hexits (write pairs of 0-9, A-F: X'0AFF')",
        ),
    ];
    for (text, expected) in cases {
        if text.contains("user.a") {
            assert!(!errors(text).is_empty());
            continue;
        }
        assert_eq!(errors(text), [expected], "{text}");
    }
}

#[test]
fn statement_sets_hold_together() {
    let text = "BEGIN STATEMENT SET;\nINSERT INTO a SELECT 1;\nINSERT a SELECT 2;\nEND;\nSELECT 1;";
    let script = parse_script(text);
    assert_eq!(script.statements.len(), 2);
    assert_eq!(script.diagnostics.len(), 1);
    assert!(script.statements[0].statement.is_none());
    assert!(script.statements[1].statement.is_some());
    assert_eq!(script.statements[0].span.slice(text).lines().count(), 4);
}

#[test]
fn semicolons_in_strings_comments_and_names_end_nothing() {
    let text = "SELECT 'a;b' -- c;\n, `d;e` /* ; */;;\n; SELECT 2";
    let script = parse_script(text);
    assert_eq!(script.diagnostics, []);
    assert_eq!(script.statements.len(), 2);
}

#[test]
fn the_shell_knows_when_input_is_complete() {
    let cases = [
        ("", InputState::Empty),
        ("  -- only a comment", InputState::Empty),
        ("SELECT 1", InputState::Incomplete),
        ("SELECT 1;", InputState::Complete),
        ("SELECT 1; -- done", InputState::Complete),
        ("SELECT ';", InputState::Incomplete),
        ("SELECT 1 /* ;", InputState::Incomplete),
        ("SELECT 1 -- ;", InputState::Incomplete),
        ("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;", InputState::Incomplete),
        (
            "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT CASE WHEN b THEN 1 END; END;",
            InputState::Complete,
        ),
        ("BEGIN STATEMENT SET;", InputState::Incomplete),
        ("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END;", InputState::Complete),
    ];
    for (text, state) in cases {
        assert_eq!(input_state(text), state, "{text}");
    }
}

#[test]
fn a_views_query_keeps_its_text() {
    let text = "CREATE VIEW v AS  SELECT a,  b\nFROM t WHERE x";
    let statement = parse_statement(text).unwrap();
    let tailwater_sql_syntax::ast::StatementKind::CreateView(view) = statement.kind else {
        panic!("{statement:?}");
    };
    assert_eq!(view.query.span.slice(text), "SELECT a,  b\nFROM t WHERE x");
}

#[test]
fn reserved_words_are_asked_for_in_any_case() {
    assert!(is_reserved("Value") && !is_reserved("before"));
}
