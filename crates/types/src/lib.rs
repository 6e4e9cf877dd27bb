//! The data model everything leans on: logical types, packed rows, change batches, positions,
//! and diagnostics. Depends on nothing.

pub mod diagnostic;

pub use diagnostic::{Diagnostic, Severity, Span};
