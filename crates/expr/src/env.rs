//! What an expression may look at besides its row.

use std::fmt;

use bumpalo::Bump;
use tailwater_types::{Layout, MapRef, RowRef, RowWriter, Timestamp, row::append_map};

/// The row, a place for intermediate values, and the epoch's clock.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The input row.
    pub row: RowRef<'a>,
    /// Holds values made while evaluating; the caller clears it from time to time.
    pub arena: &'a Bump,
    /// The clock of the epoch: every row of one epoch sees the same time, also after a replay.
    pub now: Timestamp,
}

impl<'a> Env<'a> {
    /// An environment for one row.
    pub fn new(row: RowRef<'a>, arena: &'a Bump, now: Timestamp) -> Self {
        Self { row, arena, now }
    }

    /// Text that lives as long as the arena.
    pub fn text(&self, text: &str) -> &'a str {
        self.arena.alloc_str(text)
    }

    /// Formatted text that lives as long as the arena.
    pub fn format(&self, text: fmt::Arguments<'_>) -> &'a str {
        let mut out = bumpalo::collections::String::new_in(self.arena);
        // Writing to memory does not fail.
        let _ = fmt::Write::write_fmt(&mut out, text);
        out.into_bump_str()
    }

    /// Bytes that live as long as the arena.
    pub fn bytes(&self, bytes: &[u8]) -> &'a [u8] {
        self.arena.alloc_slice_copy(bytes)
    }

    /// A packed tuple of values of one layout.
    pub fn array<'d>(
        &self,
        items: impl ExactSizeIterator<Item = tailwater_types::Datum<'d>>,
        layout: Layout,
    ) -> RowRef<'a> {
        let mut out = Vec::new();
        let mut writer = RowWriter::new(&mut out, items.len());
        for item in items {
            writer.push(item, layout);
        }
        RowRef::new(self.bytes(&out))
    }

    /// A packed map of packed halves.
    pub fn map(&self, keys: RowRef<'_>, values: RowRef<'_>) -> MapRef<'a> {
        let mut out = Vec::new();
        append_map(
            &mut out,
            |half| half.extend_from_slice(keys.bytes()),
            |half| half.extend_from_slice(values.bytes()),
        );
        MapRef::new(RowRef::new(self.bytes(&out)))
    }
}

/// Why a value could not be computed. Holds no row values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalError(pub String);

impl EvalError {
    /// An error with this text.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EvalError {}
