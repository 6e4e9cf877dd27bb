//! The Flink SQL dialect as text: lexer, parser, syntax tree, and Display of the tree.
//!
//! [`parse_script`] takes a whole script and reports every syntax error in it at once; the
//! statements that parse are there all the same. Every node of the tree knows its bytes in the
//! text. The crate knows words and grammar only: what a name means, which types exist in the
//! engine and what Flink refuses later than its parser is the binder's business.
//!
//! Codes: `E0001` syntax, `E0002` unterminated string, comment or identifier, `E0003` reserved word
//! as a name, `E0004` nesting too deep, `E0005` double quotes, `E0006` malformed literal.

pub mod ast;
mod display;
mod keyword;
mod lexer;
mod parser;
mod precedence;
mod script;
mod token;

pub use keyword::is_reserved;
pub use lexer::tokenize;
pub use script::{
    InputState, Script, ScriptStatement, input_state, parse_expression, parse_script,
    parse_statement,
};
pub use token::{Token, TokenKind};
