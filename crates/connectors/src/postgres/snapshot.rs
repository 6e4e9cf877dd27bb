//! The rows that were there before the stream: read in chunks, each in a transaction's snapshot,
//! by several readers, without a lock that anybody would notice.
//!
//! `cut` looks at tables and divides tables, `reader` reads, `progress` knows what is read in which snapshot and judges
//! the stream's changes by it. `chunk` is for tables that are read again later.

mod chunk;
mod cut;
mod key;
mod pages;
mod progress;
mod reader;
mod state;
mod transaction;

pub(crate) use chunk::{ChunkPlace, ChunkTable, is_passing};
pub(crate) use cut::{BY_KEY_BYTES, CutSettings, SnapshotTable, look_at};
pub(crate) use key::ChunkKey;
pub(crate) use progress::{SegmentId, SnapshotProgress, Verdict};
pub(crate) use reader::{Reading, SnapshotEvent, start};
pub(crate) use state::{decode, encode};
pub(crate) use transaction::{
    PATIENCE, PAUSE, ReadTransaction, end as end_transaction, floor, tell_oldest,
};
