//! The Flink SQL dialect as text: lexer, parser, syntax tree.
