//! The progress of a snapshot as a checkpoint keeps it: what is released, nothing else.

use serde::{Deserialize, Serialize};

use super::key::{from_hex, hex};
use super::progress::{Segment, SnapshotProgress, Span, TableProgress};

#[derive(Serialize, Deserialize)]
struct TableState {
    oid: u32,
    key: Vec<String>,
    segments: Vec<SegmentState>,
}

#[derive(Serialize, Deserialize)]
struct SegmentState {
    low: String,
    high: Option<String>,
    done: Vec<(Option<String>, Option<String>)>,
}

/// The tables that are not through yet as JSON.
pub(crate) fn encode(progress: &SnapshotProgress) -> String {
    let span = |s: &Span| (s.high.as_deref().map(hex), s.filter.as_ref().map(ToString::to_string));
    let segment = |s: &Segment| SegmentState {
        low: hex(&s.low),
        high: s.high.as_deref().map(hex),
        done: s.done.iter().map(span).collect(),
    };
    let table = |(oid, t): (u32, &TableProgress)| TableState {
        oid,
        key: t.key.clone(),
        segments: t.segments.iter().map(segment).collect(),
    };
    let tables: Vec<TableState> = progress.tables().map(table).collect();
    serde_json::to_string(&tables).expect("lists and texts are JSON")
}

/// Reads [`encode`]'s text back.
pub(crate) fn decode(text: &str) -> Option<SnapshotProgress> {
    let tables: Vec<TableState> = serde_json::from_str(text).ok()?;
    let bound = |text: Option<String>| match text {
        None => Some(None),
        Some(text) => from_hex(&text).map(Some),
    };
    let mut progress = SnapshotProgress::default();
    for table in tables {
        let mut segments = Vec::with_capacity(table.segments.len());
        for segment in table.segments {
            let mut done = Vec::with_capacity(segment.done.len());
            for (high, filter) in segment.done {
                let filter = filter.map(|text| text.parse()).transpose().ok()?;
                done.push(Span { high: bound(high)?, filter });
            }
            let (low, high) = (from_hex(&segment.low)?, bound(segment.high)?);
            segments.push(Segment::new(low, high, done));
        }
        progress.add(table.oid, TableProgress { key: table.key, segments });
    }
    Some(progress)
}
