//! A table read by pages: several readers in one exported snapshot.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::super::records::Seen;
use super::SnapshotTable;
use super::progress::SegmentId;

/// Pages of one range: about 8 MB.
const RANGE_PAGES: u64 = 1024;

/// What the readers of one table share.
#[derive(Debug)]
pub(super) struct PageGroup {
    pub(super) id: SegmentId,
    ranges: Mutex<VecDeque<String>>,
    is_small: bool,
    /// What the first reader has taken for all.
    pub(super) snapshot: watch::Sender<Option<SharedSnapshot>>,
    /// Readers that are not through.
    left: watch::Sender<usize>,
}

/// A snapshot that others may join.
#[derive(Clone, Debug)]
pub(super) struct SharedSnapshot {
    /// Its name for `SET TRANSACTION SNAPSHOT`; empty where nobody joins.
    pub(super) name: String,
    pub(super) seen: Seen,
}

impl PageGroup {
    /// Divides the pages of a table among `members` readers.
    pub(super) fn new(id: SegmentId, table: &SnapshotTable, members: usize) -> Arc<Self> {
        let ranges = table.leaves.iter().flat_map(|leaf| {
            let starts = (0..leaf.pages.max(1)).step_by(RANGE_PAGES as usize);
            starts.map(|start| {
                let end = start + RANGE_PAGES;
                let mut conditions = vec![format!("ctid >= '({start},0)'")];
                // The last range takes what has been added meanwhile.
                if end < leaf.pages {
                    conditions.push(format!("ctid < '({end},0)'"));
                }
                if leaf.pages <= RANGE_PAGES {
                    conditions.clear();
                }
                table.narrowed(&format!("ONLY {}", leaf.sql_name), conditions)
            })
        });
        let ranges: VecDeque<String> = ranges.collect();
        Arc::new(Self {
            id,
            is_small: ranges.len() == 1,
            ranges: Mutex::new(ranges),
            snapshot: watch::channel(None).0,
            left: watch::channel(members).0,
        })
    }

    /// How many readers are worth while.
    pub(super) fn members(table: &SnapshotTable, readers: usize) -> usize {
        let pages: u64 = table.leaves.iter().map(|leaf| leaf.pages).sum();
        readers.min((pages / (RANGE_PAGES * 2)) as usize + 1)
    }

    /// Whether it is one range, so that one reader reads all of it.
    pub(super) fn is_small(&self) -> bool {
        self.is_small
    }

    /// The next range, as what follows behind FROM.
    pub(super) fn next(&self) -> Option<String> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// A reader is through; gives whether it was the last one.
    pub(super) fn leave(&self) -> bool {
        let mut is_last = false;
        self.left.send_modify(|left| {
            *left -= 1;
            is_last = *left == 0;
        });
        is_last
    }

    /// Waits until all readers are through.
    pub(super) async fn all_left(&self) {
        // The sender is ours: it cannot be gone.
        let _ = self.left.subscribe().wait_for(|left| *left == 0).await.map(|_| ());
    }
}
