//! The Flink SQL dialect as text: lexer, parser, syntax tree.

pub mod ast;
