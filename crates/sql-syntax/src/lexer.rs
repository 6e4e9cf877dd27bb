//! Text to tokens.

use tailwater_types::diagnostic::{Diagnostic, Span};

use crate::token::{Token, TokenKind};

mod literal;

/// The tokens of `text`, the last of them [`TokenKind::End`], and what is malformed in it.
pub fn tokenize(text: &str) -> (Vec<Token>, Vec<Diagnostic>) {
    let mut lexer =
        Lexer { text, pos: 0, in_hint: false, tokens: Vec::new(), diagnostics: Vec::new() };
    while lexer.skip_blanks() {
        let start = lexer.pos;
        let kind = lexer.token();
        lexer.tokens.push(Token { kind, span: Span::new(start, lexer.pos) });
    }
    lexer.tokens.push(Token { kind: TokenKind::End, span: Span::new(text.len(), text.len()) });
    (lexer.tokens, lexer.diagnostics)
}

struct Lexer<'a> {
    text: &'a str,
    pos: usize,
    in_hint: bool,
    tokens: Vec<Token>,
    diagnostics: Vec<Diagnostic>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.pos..).unwrap_or("")
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.pos + ahead).copied().unwrap_or(0)
    }

    fn report(&mut self, code: &'static str, start: usize, message: &str, hint: &str) {
        let span = Span::new(start, self.pos);
        self.diagnostics.push(Diagnostic::error(code, span, message).with_hint(hint));
    }

    /// Skips whitespace and comments; false at the end of the text.
    fn skip_blanks(&mut self) -> bool {
        loop {
            let rest = self.rest();
            let Some(first) = rest.chars().next() else {
                return false;
            };
            if first.is_whitespace() || first == '\u{feff}' {
                self.pos += first.len_utf8();
            } else if rest.starts_with("--") {
                self.pos += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") && !rest.starts_with("/*+") {
                let start = self.pos;
                match rest.find("*/").filter(|_| !rest.starts_with("/*/")) {
                    Some(end) => self.pos += end + 2,
                    None => match rest.get(3..).and_then(|tail| tail.find("*/")) {
                        Some(end) => self.pos += end + 5,
                        None => {
                            self.pos = self.text.len();
                            self.report("E0002", start, "unterminated comment", "close it with */");
                            self.tokens.push(Token {
                                kind: TokenKind::Malformed,
                                span: Span::new(start, self.pos),
                            });
                        }
                    },
                }
            } else {
                return true;
            }
        }
    }

    fn token(&mut self) -> TokenKind {
        let Some(first) = self.rest().chars().next() else {
            return TokenKind::End;
        };
        match first {
            '\'' => self.string(0, None),
            '`' => self.backticks(),
            '"' => self.double_quotes(),
            '0'..='9' => self.number(),
            '.' if self.byte(1).is_ascii_digit() && !self.after_name() => self.number(),
            c if is_name_start(c) => self.word(),
            c => self.symbol(c),
        }
    }

    /// Whether a dot here goes on with a path: `a.1` is no number.
    fn after_name(&self) -> bool {
        self.tokens.last().is_some_and(|token| {
            token.span.end as usize == self.pos
                && matches!(
                    token.kind,
                    TokenKind::Word
                        | TokenKind::QuotedIdent(_)
                        | TokenKind::RParen
                        | TokenKind::RBracket
                )
        })
    }

    fn word(&mut self) -> TokenKind {
        let rest = self.rest();
        let len = rest.find(|c: char| !is_name_part(c)).unwrap_or(rest.len());
        let word = rest[..len].to_owned();
        let next = self.byte(len);
        if next == b'\'' {
            if word.eq_ignore_ascii_case("x") {
                return self.hex();
            }
            if word.eq_ignore_ascii_case("n") {
                return self.string(len, None);
            }
            if let Some(charset) = word.strip_prefix('_').filter(|name| !name.is_empty()) {
                return self.string(len, Some(charset.to_owned()));
            }
        }
        if word.eq_ignore_ascii_case("u") && next == b'&' && self.byte(len + 1) == b'\'' {
            return self.unicode_string();
        }
        self.pos += len;
        TokenKind::Word
    }

    fn number(&mut self) -> TokenKind {
        let bytes = &self.text.as_bytes()[self.pos..];
        let digits =
            |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
        let mut kind = TokenKind::Integer;
        let mut len = digits(0);
        if bytes.get(len) == Some(&b'.') && bytes.get(len + 1) != Some(&b'.') {
            kind = TokenKind::Decimal;
            len += 1;
            len += digits(len);
        }
        if matches!(bytes.get(len), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(len + 1), Some(b'+' | b'-')));
            let exponent = digits(len + 1 + sign);
            if exponent > 0 {
                kind = TokenKind::Approx;
                len += 1 + sign + exponent;
            }
        }
        self.pos += len;
        kind
    }

    fn symbol(&mut self, first: char) -> TokenKind {
        let rest = self.rest();
        if rest.starts_with("/*+") {
            self.in_hint = true;
            self.pos += 3;
            return TokenKind::HintOpen;
        }
        if self.in_hint && rest.starts_with("*/") {
            self.in_hint = false;
            self.pos += 2;
            return TokenKind::HintClose;
        }
        let two = match rest.as_bytes() {
            [b'<', b'>', ..] => Some(TokenKind::NotEq),
            [b'!', b'=', ..] => Some(TokenKind::BangEq),
            [b'<', b'=', ..] => Some(TokenKind::LtEq),
            [b'>', b'=', ..] => Some(TokenKind::GtEq),
            [b'|', b'|', ..] => Some(TokenKind::Concat),
            [b'=', b'>', ..] => Some(TokenKind::Arrow),
            _ => None,
        };
        if let Some(kind) = two {
            self.pos += 2;
            return kind;
        }
        self.pos += first.len_utf8();
        match first {
            '(' => TokenKind::LParen,
            ')' => TokenKind::RParen,
            '[' => TokenKind::LBracket,
            ']' => TokenKind::RBracket,
            '{' => TokenKind::LBrace,
            '}' => TokenKind::RBrace,
            ',' => TokenKind::Comma,
            '.' => TokenKind::Dot,
            ';' => {
                self.in_hint = false;
                TokenKind::Semicolon
            }
            ':' => TokenKind::Colon,
            '+' => TokenKind::Plus,
            '-' => TokenKind::Minus,
            '*' => TokenKind::Star,
            '/' => TokenKind::Slash,
            '%' => TokenKind::Percent,
            '=' => TokenKind::Eq,
            '<' => TokenKind::Lt,
            '>' => TokenKind::Gt,
            '|' => TokenKind::Pipe,
            '?' => TokenKind::Question,
            '^' => TokenKind::Caret,
            _ => TokenKind::Unknown,
        }
    }
}

/// Whether a name may start with this character.
pub(crate) fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

/// Whether a name may go on with this character.
pub(crate) fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}
