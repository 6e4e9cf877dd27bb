//! Keyed state that may be larger than memory, and its part of a checkpoint.
//!
//! ```text
//! operators -> OrderedMap (a tree of small nodes per key) -> StateStore (write-back cache)
//!                                                              | evicted, or frozen at a cut
//!                                                              v
//!                                              runs: immutable, sorted, checksummed files
//! ```
//!
//! Runs are both the larger-than-memory half of the state and the checkpoint: a checkpoint is the
//! list of runs at its cut. A run that no manifest names is removed when the state is opened, so
//! the manifest's rename is the only commit point.

mod background;
mod error;
mod levels;
mod ordered_map;
mod run;
mod store;

pub use error::StateError;
pub use ordered_map::OrderedMap;
pub use run::RunId;
pub use store::{Sealed, StateOptions, StateStats, StateStore};
