//! Tokens to syntax tree: recursive descent for statements, precedence climbing for expressions.

use tailwater_types::diagnostic::{Diagnostic, Span};

use crate::ast::{Ident, ObjectName, SqlOption, StringLiteral};
use crate::keyword;
use crate::token::{Token, TokenKind};

mod call;
mod create;
mod data_type;
mod ddl;
mod expression;
mod json;
mod literal;
mod match_recognize;
mod operand;
mod query;
mod session;
mod statement;
mod table_factor;
mod window;

/// How deep parentheses, subqueries and types may nest.
const MAX_DEPTH: usize = 128;
/// How high a tree may grow to the left: `a + b + c ..`.
const MAX_HEIGHT: usize = 512;

/// A parse step; the error is boxed because it is the rare case.
pub(crate) type Parsed<T> = Result<T, Box<Diagnostic>>;

/// The state of a parse.
pub(crate) struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    pos: usize,
    depth: usize,
    /// The height of the highest expression finished since the enclosing one began.
    height: usize,
    /// Errors that were recovered from.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl<'a> Parser<'a> {
    /// A parser over the tokens of `text`; `tokens` ends with [`TokenKind::End`].
    pub(crate) fn new(text: &'a str, tokens: &'a [Token]) -> Self {
        Self { text, tokens, pos: 0, depth: 0, height: 0, diagnostics: Vec::new() }
    }

    // --- looking -------------------------------------------------------------------------------

    /// The index of the current token.
    pub(crate) fn position(&self) -> usize {
        self.pos
    }

    fn token_at(&self, ahead: usize) -> &'a Token {
        let last = self.tokens.len().saturating_sub(1);
        &self.tokens[(self.pos + ahead).min(last)]
    }

    /// The kind of the current token.
    pub(crate) fn peek(&self) -> &'a TokenKind {
        &self.token_at(0).kind
    }

    fn peek_at(&self, ahead: usize) -> &'a TokenKind {
        &self.token_at(ahead).kind
    }

    /// The bytes of the current token.
    pub(crate) fn span(&self) -> Span {
        self.token_at(0).span
    }

    /// The bytes of the token before the current one.
    pub(crate) fn previous_span(&self) -> Span {
        match self.pos.checked_sub(1).and_then(|index| self.tokens.get(index)) {
            Some(token) => token.span,
            None => Span::new(0, 0),
        }
    }

    fn span_from(&self, start: Span) -> Span {
        let end = self.previous_span().end.max(start.start);
        Span { start: start.start, end }
    }

    fn word_at(&self, ahead: usize) -> Option<&'a str> {
        let token = self.token_at(ahead);
        (token.kind == TokenKind::Word).then(|| token.span.slice(self.text))
    }

    /// Whether the words ahead are these keywords.
    pub(crate) fn at(&self, keywords: &[&str]) -> bool {
        keywords.iter().enumerate().all(|(ahead, keyword)| {
            self.word_at(ahead).is_some_and(|word| word.eq_ignore_ascii_case(keyword))
        })
    }

    fn at_any(&self, keywords: &[&str]) -> bool {
        self.word_at(0)
            .is_some_and(|word| keywords.iter().any(|keyword| word.eq_ignore_ascii_case(keyword)))
    }

    // --- eating --------------------------------------------------------------------------------

    /// Goes over one token, never over the end.
    pub(crate) fn advance(&mut self) -> &'a Token {
        let token = self.token_at(0);
        if token.kind != TokenKind::End {
            self.pos += 1;
        }
        token
    }

    /// Goes over the token if it is of this kind.
    pub(crate) fn eat(&mut self, kind: &TokenKind) -> bool {
        let found = self.peek() == kind;
        if found {
            self.advance();
        }
        found
    }

    fn eat_words(&mut self, keywords: &[&str]) -> bool {
        let found = self.at(keywords);
        if found {
            self.pos += keywords.len();
        }
        found
    }

    fn expect(&mut self, kind: &TokenKind, what: &str) -> Parsed<()> {
        if self.eat(kind) { Ok(()) } else { Err(self.unexpected(what)) }
    }

    fn expect_words(&mut self, keywords: &[&str]) -> Parsed<()> {
        for keyword in keywords {
            if !self.eat_words(&[keyword]) {
                let error = self.unexpected(keyword);
                return Err(match self.word_at(0).and_then(|w| keyword::closest(w, &[keyword])) {
                    Some(meant) => Box::new(error.with_hint(format!("did you mean \"{meant}\"?"))),
                    None => error,
                });
            }
        }
        Ok(())
    }

    // --- errors --------------------------------------------------------------------------------

    /// The current token as a message shows it.
    fn found(&self) -> String {
        let token = self.token_at(0);
        match token.kind {
            TokenKind::End => "<EOF>".to_owned(),
            TokenKind::Semicolon => ";".to_owned(),
            _ => {
                let text = token.span.slice(self.text);
                if text.chars().count() > 40 {
                    text.chars().take(40).chain("..".chars()).collect()
                } else {
                    text.to_owned()
                }
            }
        }
    }

    /// "encountered .., expected ..", worded as Flink's own message begins.
    pub(crate) fn unexpected(&self, expected: &str) -> Box<Diagnostic> {
        let message = format!("encountered \"{}\", expected {expected}", self.found());
        let error = Diagnostic::error("E0001", self.span(), message);
        Box::new(match self.word_at(0).zip(self.previous_hint()) {
            Some((_, hint)) => error.with_hint(hint),
            None => error,
        })
    }

    /// `FORM t`: the word before, taken for an alias, may have been meant as a keyword.
    fn previous_hint(&self) -> Option<String> {
        let token = self.tokens.get(self.pos.checked_sub(1)?)?;
        let word = (token.kind == TokenKind::Word).then(|| token.span.slice(self.text))?;
        let meant =
            keyword::closest(word, &["FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT"])?;
        (!keyword::is_reserved(word)).then(|| format!("did you mean \"{meant}\" for \"{word}\"?"))
    }

    fn reserved_error(&self, word: &str, expected: &str) -> Box<Diagnostic> {
        let message = format!("encountered \"{word}\", a reserved word, expected {expected}");
        let hint = format!("write `{word}` in backticks to use it as a name");
        Box::new(Diagnostic::error("E0003", self.span(), message).with_hint(hint))
    }

    /// Runs one level deeper, up to the limit that keeps the stack.
    fn nested<T>(&mut self, step: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.too_deep());
        }
        self.depth += 1;
        let result = step(self);
        self.depth -= 1;
        result
    }

    fn too_deep(&self) -> Box<Diagnostic> {
        let message = format!("nesting too deep, at most {MAX_DEPTH} levels are taken");
        let hint = "split the statement with views or WITH";
        Box::new(Diagnostic::error("E0004", self.span(), message).with_hint(hint))
    }

    /// Notes that a left-growing tree got one level higher.
    fn grow(&mut self, left: usize) -> Parsed<usize> {
        let height = left.max(self.height) + 1;
        if height > MAX_HEIGHT {
            let message = format!("expression too long, at most {MAX_HEIGHT} operators in a row");
            return Err(Box::new(
                Diagnostic::error("E0004", self.span(), message)
                    .with_hint("use IN (..) for many alternatives, or split the statement"),
            ));
        }
        Ok(height)
    }

    // --- names and small things ----------------------------------------------------------------

    /// A name; a reserved word is refused.
    fn ident(&mut self, what: &str) -> Parsed<Ident> {
        let span = self.span();
        match self.peek() {
            TokenKind::QuotedIdent(value) => {
                self.advance();
                Ok(Ident { value: value.clone(), quoted: true, span })
            }
            TokenKind::Word => {
                let word = span.slice(self.text);
                if keyword::is_reserved(word) {
                    return Err(self.reserved_error(word, what));
                }
                self.advance();
                Ok(Ident { value: word.to_owned(), quoted: false, span })
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// Whether a name stands here.
    fn at_ident(&self) -> bool {
        match self.peek() {
            TokenKind::QuotedIdent(_) => true,
            TokenKind::Word => self.word_at(0).is_some_and(|word| !keyword::is_reserved(word)),
            _ => false,
        }
    }

    /// Any word as a name, reserved or not.
    fn any_word(&mut self, what: &str) -> Parsed<Ident> {
        match self.word_at(0) {
            Some(word) => {
                let span = self.advance().span;
                Ok(Ident { value: word.to_owned(), quoted: false, span })
            }
            None => self.ident(what),
        }
    }

    fn object_name(&mut self, what: &str) -> Parsed<ObjectName> {
        let start = self.span();
        let mut parts = vec![self.ident(what)?];
        while self.eat(&TokenKind::Dot) {
            parts.push(self.ident("a name after \".\"")?);
        }
        Ok(ObjectName { parts, span: self.span_from(start) })
    }

    fn string_literal(&mut self, what: &str) -> Parsed<StringLiteral> {
        let span = self.span();
        let TokenKind::String { value, .. } = self.peek() else {
            return Err(self.unexpected(what));
        };
        self.advance();
        Ok(StringLiteral { value: value.clone(), span })
    }

    fn unsigned(&mut self, what: &str) -> Parsed<u32> {
        let value = match self.peek() {
            TokenKind::Integer => self.span().slice(self.text).parse().ok(),
            _ => None,
        };
        match value {
            Some(value) => {
                self.advance();
                Ok(value)
            }
            None => Err(self.unexpected(what)),
        }
    }

    fn comma_separated<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat(&TokenKind::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `( item, item )`.
    fn parenthesized<T>(&mut self, item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect(&TokenKind::LParen, "\"(\"")?;
        let items = self.comma_separated(item)?;
        self.expect(&TokenKind::RParen, "\",\" or \")\"")?;
        Ok(items)
    }

    fn ident_list(&mut self, what: &str) -> Parsed<Vec<Ident>> {
        self.parenthesized(|p| p.ident(what))
    }

    /// `( 'k' = 'v', .. )`, which may be empty.
    fn options(&mut self) -> Parsed<Vec<SqlOption>> {
        if *self.peek() == TokenKind::LParen && *self.peek_at(1) == TokenKind::RParen {
            self.pos += 2;
            return Ok(Vec::new());
        }
        self.parenthesized(Self::option)
    }

    fn option(&mut self) -> Parsed<SqlOption> {
        let start = self.span();
        let key = self.string_literal("an option's key in quotes such as 'connector'")?;
        self.expect(&TokenKind::Eq, "\"=\" after the option's key")?;
        let value = self.string_literal("the option's value in quotes")?;
        Ok(SqlOption { key, value, span: self.span_from(start) })
    }
}
