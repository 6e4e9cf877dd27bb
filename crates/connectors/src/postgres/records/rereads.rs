//! What signals have asked for and is not done: a part of the position, so that a restart goes on
//! with the chunk that is next.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::super::snapshot::ChunkPlace;
use super::signals::{Signal, SnapshotRequest, matches};

/// The signals that nobody has acted upon yet, and the tables that are being read again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rereads {
    /// In the order of the stream.
    pub(crate) signals: VecDeque<Signal>,
    /// In the order in which they are read.
    pub(crate) tables: VecDeque<Reread>,
    /// Nothing is read until a signal says so.
    pub(crate) is_paused: bool,
}

/// A table that is read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reread {
    /// Its object id.
    pub(crate) table: u32,
    /// `schema.table`
    pub(crate) name: String,
    /// Which rows.
    pub(crate) filter: Option<String>,
    /// Where the next chunk begins; `None` is at the table's start.
    pub(crate) place: Option<ChunkPlace>,
}

impl Rereads {
    /// Whether there is nothing to remember.
    pub(crate) fn is_empty(&self) -> bool {
        self.signals.is_empty() && self.tables.is_empty() && !self.is_paused
    }

    /// Whether there is something to be done now.
    pub(crate) fn is_due(&self) -> bool {
        !self.signals.is_empty() || self.reads()
    }

    /// Whether chunks are to be read.
    pub(crate) fn reads(&self) -> bool {
        !self.tables.is_empty() && !self.is_paused
    }

    /// As JSON.
    pub(crate) fn encode(&self) -> String {
        serde_json::to_string(self).expect("lists and texts are JSON")
    }

    /// Reads [`Rereads::encode`]'s text; an empty one is nothing to do.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        if text.is_empty() { Some(Self::default()) } else { serde_json::from_str(text).ok() }
    }

    /// Takes out what a `stop-snapshot` names, everything if it names nothing; gives how many tables.
    pub(super) fn stop(&mut self, wanted: &SnapshotRequest) -> usize {
        let count = self.tables.len();
        let named = &wanted.data_collections;
        self.tables.retain(|t| !named.is_empty() && !named.iter().any(|n| matches(n, &t.name)));
        if self.tables.is_empty() {
            self.is_paused = false;
        }
        count - self.tables.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rereads() -> Rereads {
        let reread = |table, name: &str| Reread {
            table,
            name: name.to_owned(),
            filter: Some("a = '\t'".to_owned()),
            place: None,
        };
        Rereads {
            tables: [reread(1, "public.a"), reread(2, "public.b")].into(),
            is_paused: true,
            ..Rereads::default()
        }
    }

    #[test]
    fn what_is_left_to_do_reads_back() {
        let all = rereads();
        assert!(!all.encode().contains('\t'), "a tab would end it");
        assert_eq!(Rereads::decode(&all.encode()), Some(all));
        assert_eq!(Rereads::decode(""), Some(Rereads::default()));
        assert_eq!(Rereads::decode("x"), None);
    }

    #[test]
    fn a_stop_takes_out_what_it_names_or_everything() {
        let named = |names: &[&str]| SnapshotRequest {
            data_collections: names.iter().map(|name| (*name).to_owned()).collect(),
            ..SnapshotRequest::default()
        };
        let mut all = rereads();
        assert_eq!(all.stop(&named(&["public\\.(b|c)"])), 1);
        assert_eq!((all.tables[0].table, all.is_paused), (1, true));
        assert_eq!(rereads().stop(&named(&["public.x"])), 0);
        assert_eq!(all.stop(&named(&[])), 1);
        assert_eq!(all, Rereads::default(), "what is paused and stopped is over");
    }
}
