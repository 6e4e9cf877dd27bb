//! What the reader sends a subscriber: messages one behind the other in one buffer.

use std::sync::{Arc, Mutex, PoisonError};

use tailwater_pg_wire::Lsn;

/// Letters, each as `length: u32 | message`; a progress is a message of 8 bytes behind a zero
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
    /// A message of the output plugin, as version 1 of its protocol has it.
    Message(&'a [u8]),
    /// There is nothing for the subscriber before this place.
    Progress(Lsn),
}

const PROGRESS: u8 = 0;

impl Mail {
    /// How many bytes it has.
    pub(super) fn byte_size(&self) -> usize {
        self.bytes.len()
    }

    /// Appends a message, which may come in two parts.
    pub(super) fn push(&mut self, head: &[u8], rest: &[u8]) {
        self.bytes.extend_from_slice(&((head.len() + rest.len()) as u32).to_le_bytes());
        self.bytes.extend_from_slice(head);
        self.bytes.extend_from_slice(rest);
    }

    /// Appends a progress.
    pub(super) fn push_progress(&mut self, lsn: Lsn) {
        self.push(&[PROGRESS], &lsn.0.to_le_bytes());
    }

    /// Takes the next letter.
    pub(crate) fn next(&mut self) -> Option<Letter<'_>> {
        let length = self.bytes.get(self.at..self.at + 4)?.first_chunk()?;
        let begin = self.at + 4;
        let end = begin + u32::from_le_bytes(*length) as usize;
        let message = self.bytes.get(begin..end)?;
        self.at = end;
        Some(match message.split_first() {
            Some((&PROGRESS, lsn)) => {
                Letter::Progress(Lsn(u64::from_le_bytes(*lsn.first_chunk()?)))
            }
            _ => Letter::Message(message),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_in_order() {
        let mut mail = Mail::default();
        mail.push(b"I", b"row");
        mail.push_progress(Lsn(7));
        mail.push(b"C", b"");
        assert_eq!(mail.next(), Some(Letter::Message(b"Irow")));
        assert_eq!(mail.next(), Some(Letter::Progress(Lsn(7))));
        assert_eq!(mail.next(), Some(Letter::Message(b"C")));
        assert_eq!(mail.next(), None);
    }
}
