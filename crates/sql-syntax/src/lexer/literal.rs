//! Quoted things: strings, names, hexadecimal and unicode literals.

use super::Lexer;
use crate::token::TokenKind;

impl Lexer<'_> {
    /// The body of something in quotes whose opening quote is `skip` bytes ahead, a doubled quote
    /// standing for one. `None` when it does not end; then the rest of the text is consumed.
    fn quoted(&mut self, skip: usize, quote: char) -> Option<String> {
        let start = self.pos + skip + 1;
        let mut value = String::new();
        let mut chars = self.text.get(start..).unwrap_or("").char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            if c != quote {
                value.push(c);
            } else if chars.next_if(|(_, next)| *next == quote).is_some() {
                value.push(quote);
            } else {
                self.pos = start + offset + quote.len_utf8();
                return Some(value);
            }
        }
        self.pos = self.text.len();
        None
    }

    /// A string whose opening quote is `skip` bytes ahead.
    pub(super) fn string(&mut self, skip: usize, charset: Option<String>) -> TokenKind {
        let start = self.pos;
        match self.quoted(skip, '\'') {
            Some(value) => TokenKind::String { value, charset },
            None => self.unterminated(start, "string", "'"),
        }
    }

    fn unterminated(&mut self, start: usize, what: &str, quote: &str) -> TokenKind {
        self.pos = (start + 1).min(self.text.len());
        let message = format!("unterminated {what}");
        let hint = format!("close it with {quote}; inside, write {quote}{quote} for one");
        self.report("E0002", start, &message, &hint);
        self.pos = self.text.len();
        TokenKind::Malformed
    }

    pub(super) fn backticks(&mut self) -> TokenKind {
        let start = self.pos;
        match self.quoted(0, '`') {
            None => self.unterminated(start, "identifier", "`"),
            Some(name) if name.is_empty() => {
                self.report("E0006", start, "empty identifier", "write a name in the backticks");
                TokenKind::Malformed
            }
            Some(name) => TokenKind::QuotedIdent(name),
        }
    }

    pub(super) fn double_quotes(&mut self) -> TokenKind {
        let start = self.pos;
        let Some(name) = self.quoted(0, '"') else {
            return self.unterminated(start, "identifier", "\"");
        };
        let message = "encountered \"\\\"\", double quotes are not used by this dialect";
        let hint = format!("write `{name}` for a name, '{name}' for a string");
        self.report("E0005", start, message, &hint);
        TokenKind::QuotedIdent(name)
    }

    pub(super) fn hex(&mut self) -> TokenKind {
        let start = self.pos;
        let Some(digits) = self.quoted(1, '\'') else {
            return self.unterminated(start, "string", "'");
        };
        if digits.len() % 2 == 1 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let message = "binary literal string must contain an even number of hexits";
            self.report("E0006", start, message, "write pairs of 0-9, A-F: X'0AFF'");
            return TokenKind::Malformed;
        }
        TokenKind::Hex(digits.to_ascii_uppercase())
    }

    /// `U&'\0041' [UESCAPE 'c']`.
    pub(super) fn unicode_string(&mut self) -> TokenKind {
        let start = self.pos;
        let Some(raw) = self.quoted(2, '\'') else {
            return self.unterminated(start, "string", "'");
        };
        let escape = self.uescape().unwrap_or('\\');
        match decode_unicode(&raw, escape) {
            Some(value) => TokenKind::String { value, charset: None },
            None => {
                let message = "malformed unicode escape";
                self.report("E0006", start, message, "write four hexadecimal digits: U&'\\0041'");
                TokenKind::Malformed
            }
        }
    }

    fn uescape(&mut self) -> Option<char> {
        let rest = self.rest();
        let word = rest.trim_start();
        let tail = word.get(7..).filter(|_| word[..7].eq_ignore_ascii_case("uescape"))?;
        let quoted = tail.trim_start();
        let mut chars = quoted.strip_prefix('\'')?.chars();
        let escape = chars.next()?;
        if chars.next() != Some('\'') {
            return None;
        }
        self.pos += rest.len() - quoted.len() + 2 + escape.len_utf8();
        Some(escape)
    }
}

fn decode_unicode(raw: &str, escape: char) -> Option<String> {
    let mut units: Vec<u16> = Vec::new();
    let mut buffer = [0; 2];
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != escape {
            units.extend_from_slice(c.encode_utf16(&mut buffer));
        } else if let Some(tail) = rest.strip_prefix(escape) {
            units.extend_from_slice(escape.encode_utf16(&mut buffer));
            rest = tail;
        } else {
            let digits = rest.get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
            units.push(u16::from_str_radix(digits, 16).ok()?);
            rest = &rest[4..];
        }
    }
    String::from_utf16(&units).ok()
}
