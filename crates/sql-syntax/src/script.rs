//! Whole scripts: every statement in order, every syntax error at once.

use tailwater_types::diagnostic::{Diagnostic, Span};

use crate::ast::{Expr, Statement};
use crate::lexer::tokenize;
use crate::parser::{Parsed, Parser};
use crate::token::{Token, TokenKind};

/// A script's statements and what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Its statements in order, those that did not parse among them.
    pub statements: Vec<ScriptStatement>,
    /// What is wrong, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// One statement of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptStatement {
    /// The statement; `None` where it has a syntax error.
    pub statement: Option<Statement>,
    /// From its first word to its last, without the semicolon.
    pub span: Span,
    /// The same with the semicolon that ends it.
    pub text_span: Span,
}

/// How far an input buffer of the interactive shell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputState {
    /// Nothing but blanks and comments.
    Empty,
    /// The last statement is open.
    Incomplete,
    /// Ready to run.
    Complete,
}

/// Parses a script. Statements end with `;`; the last may go without.
pub fn parse_script(text: &str) -> Script {
    let (tokens, mut diagnostics) = tokenize(text);
    let mut parser = Parser::new(text, &tokens);
    let mut statements = Vec::new();
    loop {
        while parser.eat(&TokenKind::Semicolon) {}
        if *parser.peek() == TokenKind::End {
            break;
        }
        statements.push(script_statement(&mut parser));
    }
    diagnostics.append(&mut parser.diagnostics);
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
    for statement in &mut statements {
        let broken = |diagnostic: &Diagnostic| {
            let at = diagnostic.span.start;
            at >= statement.span.start && at < statement.text_span.end.max(statement.span.end)
        };
        if diagnostics.iter().any(broken) {
            statement.statement = None;
        }
    }
    Script { statements, diagnostics }
}

fn script_statement(parser: &mut Parser<'_>) -> ScriptStatement {
    let start = parser.span();
    let errors = parser.diagnostics.len();
    let parsed = parser.statement().and_then(|statement| {
        parser.expect_end()?;
        Ok(statement)
    });
    let statement = match parsed {
        Ok(statement) => Some(statement).filter(|_| parser.diagnostics.len() == errors),
        Err(error) => {
            parser.report(*error);
            parser.skip_statement();
            None
        }
    };
    let span = start.to(parser.previous_span());
    let semicolon = parser.span();
    let ended = parser.eat(&TokenKind::Semicolon);
    let text_span = if ended { span.to(semicolon) } else { span };
    ScriptStatement { statement, span, text_span }
}

/// Parses one statement, with or without a semicolon behind it.
pub fn parse_statement(text: &str) -> Result<Statement, Vec<Diagnostic>> {
    parse_whole(text, |parser| {
        let statement = parser.statement()?;
        parser.expect_end()?;
        Ok(statement)
    })
}

/// Parses one expression.
pub fn parse_expression(text: &str) -> Result<Expr, Vec<Diagnostic>> {
    parse_whole(text, |parser| parser.expr())
}

fn parse_whole<T>(
    text: &str,
    parse: impl FnOnce(&mut Parser<'_>) -> Parsed<T>,
) -> Result<T, Vec<Diagnostic>> {
    let (tokens, mut diagnostics) = tokenize(text);
    let mut parser = Parser::new(text, &tokens);
    let parsed = parse(&mut parser).and_then(|value| {
        while parser.eat(&TokenKind::Semicolon) {}
        match parser.peek() {
            TokenKind::End => Ok(value),
            _ => Err(parser.unexpected("the end of the text")),
        }
    });
    let value = match parsed {
        Ok(value) => Some(value),
        Err(error) => {
            parser.report(*error);
            None
        }
    };
    diagnostics.append(&mut parser.diagnostics);
    match value {
        Some(value) if diagnostics.is_empty() => Ok(value),
        _ => Err(diagnostics),
    }
}

/// Whether an input buffer can run: it ends in `;` outside of strings and comments, and a
/// statement set in it is closed.
pub fn input_state(text: &str) -> InputState {
    let (tokens, diagnostics) = tokenize(text);
    if diagnostics.iter().any(|diagnostic| diagnostic.code == "E0002") {
        return InputState::Incomplete;
    }
    let tokens = &tokens[..tokens.len().saturating_sub(1)];
    match tokens.last() {
        None => InputState::Empty,
        Some(last) if last.kind != TokenKind::Semicolon => InputState::Incomplete,
        Some(_) if set_is_open(text, tokens) => InputState::Incomplete,
        Some(_) => InputState::Complete,
    }
}

/// Whether the last statement set of the text lacks its END.
fn set_is_open(text: &str, tokens: &[Token]) -> bool {
    let is = |index: usize, word: &str| {
        tokens.get(index).is_some_and(|token| {
            token.kind == TokenKind::Word && token.span.slice(text).eq_ignore_ascii_case(word)
        })
    };
    let mut open = false;
    let mut at_start = true;
    for (index, token) in tokens.iter().enumerate() {
        let set = is(index, "STATEMENT") && is(index + 1, "SET");
        if set && (is(index + 2, "BEGIN") || (index > 0 && is(index - 1, "BEGIN"))) {
            open = true;
        } else if open && at_start && is(index, "END") {
            open = false;
        }
        let begin = open && is(index, "BEGIN");
        at_start = token.kind == TokenKind::Semicolon || begin;
    }
    open
}
