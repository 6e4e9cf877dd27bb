//! Places in a source and in a job's life.

use std::fmt;

/// A place in a source after which it can go on, in the source's own text. For PostgreSQL it is
/// `commit end LSN:rows of the next transaction already delivered`, never a bare LSN.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position(pub String);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of a durable cut of a job, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CheckpointId(pub u64);

impl fmt::Display for CheckpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a stream may contain, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangelogMode {
    /// Only `+I`.
    InsertOnly,
    /// `+I`, `+U` and `-D` by key, no `-U`; a `-D` may hold the key alone.
    Upsert,
    /// `+I`, `-U`, `+U`, `-D`, each with the whole row.
    Retract,
}
