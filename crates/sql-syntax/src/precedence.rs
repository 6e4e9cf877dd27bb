//! How tight operators bind, the same for the parser and for Display. The numbers are Calcite's.

use crate::ast::{BinaryOp, UnaryOp};

/// `a IS NULL`.
pub(crate) const IS: u8 = 28;
/// `a = b`, `a IS DISTINCT FROM b`.
pub(crate) const COMPARISON: u8 = 30;
/// `a BETWEEN b AND c`, `a IN (b)`, `a LIKE b`.
pub(crate) const RANGE: u8 = 32;
/// `a[i]`, `a.b`.
pub(crate) const POSTFIX: u8 = 100;
/// Operands that need no parentheses.
pub(crate) const ATOM: u8 = 110;

/// How tight an infix operator binds; all associate to the left.
pub(crate) fn binary(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 22,
        BinaryOp::And => 24,
        BinaryOp::Eq
        | BinaryOp::NotEq
        | BinaryOp::NotEqBang
        | BinaryOp::Lt
        | BinaryOp::LtEq
        | BinaryOp::Gt
        | BinaryOp::GtEq
        | BinaryOp::Overlaps => COMPARISON,
        BinaryOp::Plus | BinaryOp::Minus => 40,
        BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Modulo | BinaryOp::Concat => 60,
    }
}

/// How tight a prefix operator binds.
pub(crate) fn unary(op: UnaryOp) -> u8 {
    match op {
        UnaryOp::Not => 26,
        UnaryOp::Plus | UnaryOp::Minus => 80,
    }
}
