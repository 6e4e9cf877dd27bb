//! What the reader sends a subscriber: messages one behind the other in one buffer.

use std::sync::{Arc, Mutex, PoisonError};

use tailwater_pg_wire::Lsn;

/// Letters, each as `length: u32 | place: u64 | message`; a progress is a message of nothing but a zero
/// byte, which no message of the plugin begins with.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    bytes: Vec<u8>,
    at: usize,
    /// Where the buffer goes when it has been read.
    home: Option<Arc<Paper>>,
}

/// Buffers that have been read and wait for their next use.
#[derive(Debug, Default)]
pub(super) struct Paper(Mutex<Vec<Vec<u8>>>);

impl Paper {
    /// Empty mail in a used buffer, if there is one.
    pub(super) fn mail(self: &Arc<Self>) -> Mail {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Mail { bytes: bytes.unwrap_or_default(), at: 0, home: Some(Arc::clone(self)) }
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        /// More buffers, or larger ones, are not kept.
        const MANY: usize = 4;
        const LARGE_BYTES: usize = 1 << 20;
        let Some(home) = &self.home else {
            return;
        };
        let mut waiting = home.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MANY && (1..=LARGE_BYTES).contains(&self.bytes.capacity()) {
            self.bytes.clear();
            waiting.push(std::mem::take(&mut self.bytes));
        }
    }
}

/// One thing that a subscriber is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Letter<'a> {
    /// Where its WAL begins, and a message of the output plugin, as version 1 of its protocol has it.
    Message(Lsn, &'a [u8]),
    /// There is nothing for the subscriber before this place.
    Progress(Lsn),
}

const PROGRESS: u8 = 0;
/// What stands in front of a message.
const HEAD: usize = 12;

impl Mail {
    /// How many bytes it has.
    pub(super) fn byte_size(&self) -> usize {
        self.bytes.len()
    }

    /// Appends a message whose WAL begins at `at`.
    pub(super) fn push(&mut self, at: Lsn, message: &[u8]) {
        self.bytes.extend_from_slice(&(message.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(&at.0.to_le_bytes());
        self.bytes.extend_from_slice(message);
    }

    /// Appends a progress.
    pub(super) fn push_progress(&mut self, lsn: Lsn) {
        self.push(lsn, &[PROGRESS]);
    }

    /// Takes the next letter.
    pub(crate) fn next(&mut self) -> Option<Letter<'_>> {
        let (length, rest) = self.bytes.get(self.at..)?.split_first_chunk()?;
        let (lsn, rest) = rest.split_first_chunk()?;
        let (length, lsn) = (u32::from_le_bytes(*length) as usize, Lsn(u64::from_le_bytes(*lsn)));
        let message = rest.get(..length)?;
        self.at += HEAD + length;
        Some(match message {
            [PROGRESS] => Letter::Progress(lsn),
            _ => Letter::Message(lsn, message),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_in_order() {
        let mut mail = Mail::default();
        mail.push(Lsn(5), b"Irow");
        mail.push_progress(Lsn(7));
        mail.push(Lsn(6), b"C");
        assert_eq!(mail.next(), Some(Letter::Message(Lsn(5), b"Irow")));
        assert_eq!(mail.next(), Some(Letter::Progress(Lsn(7))));
        assert_eq!(mail.next(), Some(Letter::Message(Lsn(6), b"C")));
        assert_eq!(mail.next(), None);
    }
}
