//! Tokens.

use tailwater_types::diagnostic::Span;

/// One token with its bytes in the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its bytes.
    pub span: Span,
}

/// The kinds of token. Whitespace and comments leave none.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenKind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in backticks, unescaped.
    QuotedIdent(String),
    /// A string, unescaped.
    String {
        /// The text.
        value: String,
        /// `UTF8` of `_UTF8'text'`.
        charset: Option<String>,
    },
    /// `X'AB'`: its digits.
    Hex(String),
    /// `12`.
    Integer,
    /// `1.5`.
    Decimal,
    /// `1e3`.
    Approx,
    /// `/*+`.
    HintOpen,
    /// `*/` that closes a hint.
    HintClose,
    /// `(`.
    LParen,
    /// `)`.
    RParen,
    /// `[`.
    LBracket,
    /// `]`.
    RBracket,
    /// `{`.
    LBrace,
    /// `}`.
    RBrace,
    /// `,`.
    Comma,
    /// `.`.
    Dot,
    /// `;`.
    Semicolon,
    /// `:`.
    Colon,
    /// `+`.
    Plus,
    /// `-`.
    Minus,
    /// `*`.
    Star,
    /// `/`.
    Slash,
    /// `%`.
    Percent,
    /// `=`.
    Eq,
    /// `<>`.
    NotEq,
    /// `!=`.
    BangEq,
    /// `<`.
    Lt,
    /// `<=`.
    LtEq,
    /// `>`.
    Gt,
    /// `>=`.
    GtEq,
    /// `||`.
    Concat,
    /// `=>`.
    Arrow,
    /// `|`.
    Pipe,
    /// `?`.
    Question,
    /// `^`.
    Caret,
    /// A character that starts no token.
    Unknown,
    /// Something malformed that the lexer has reported already.
    Malformed,
    /// The end of the text.
    End,
}
