//! Tables that a subscriber could not name: they are made while the stream runs.

use std::fmt;
use std::sync::Arc;

/// Whether a table may be wanted, by its schema and name. Rows that come in vain are passed over.
#[derive(Clone)]
pub(crate) struct Newcomers(Arc<MayBe>);

type MayBe = dyn Fn(&str, &str) -> bool + Send + Sync;

impl Newcomers {
    /// Those for which `may_be` holds.
    pub(crate) fn new(may_be: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(may_be))
    }

    /// Whether a table may be wanted.
    pub(super) fn may_be(&self, schema: &str, table: &str) -> bool {
        (self.0)(schema, table)
    }
}

impl fmt::Debug for Newcomers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Newcomers")
    }
}
