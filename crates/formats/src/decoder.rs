//! What a decoder is.

use std::fmt;

use tailwater_types::ChangeBatch;

/// Turns bytes into changes. Bytes may come in pieces of any size.
pub trait Decoder: Send {
    /// Takes a piece of the input, appends the rows that are complete.
    ///
    /// # Errors
    /// A record that is not of the format; the decoder must not be used further.
    fn decode(&mut self, input: &[u8], out: &mut ChangeBatch) -> Result<(), DecodeError>;

    /// The input has ended.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    fn finish(&mut self, out: &mut ChangeBatch) -> Result<(), DecodeError>;
}

/// Turns messages into changes: each message is a record of its own.
pub trait MessageDecoder: Send {
    /// Appends the rows of a message: none where it is to be skipped, several where it holds
    /// several. A message that is refused leaves none.
    ///
    /// # Errors
    /// A message that is not of the format; further ones may follow. The error's record counts for
    /// nothing: who hands over messages knows their places.
    fn decode_message(&mut self, message: &[u8], out: &mut ChangeBatch) -> Result<(), DecodeError>;

    /// The same for a message without any value, which most formats skip.
    ///
    /// # Errors
    /// As [`MessageDecoder::decode_message`].
    fn decode_null(&mut self, out: &mut ChangeBatch) -> Result<(), DecodeError> {
        let _ = out;
        Ok(())
    }
}

/// A record that is not of the format. Holds no values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The record's number, counted from 1.
    pub record: u64,
    /// What is wrong, a lowercase fragment.
    pub message: String,
    /// How to mend it, where that is known.
    pub hint: Option<String>,
    /// The fault is not the message's, and another attempt may succeed.
    pub may_pass: bool,
}

impl DecodeError {
    /// An error in record `record`.
    pub fn new(record: u64, message: impl Into<String>) -> Self {
        Self { record, message: message.into(), hint: None, may_pass: false }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: {}", self.record, self.message)
    }
}

impl std::error::Error for DecodeError {}

/// Cuts input into lines; a line may come in pieces.
#[derive(Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Calls `take` for each line that is complete, without its end.
    pub(crate) fn feed<E>(
        &mut self,
        mut input: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(end) = input.iter().position(|b| *b == b'\n') {
            let (line, rest) = (&input[..end], &input[end + 1..]);
            input = rest;
            if self.rest.is_empty() {
                take(line.trim_ascii_end())?;
                continue;
            }
            self.rest.extend_from_slice(line);
            let whole = std::mem::take(&mut self.rest);
            take(whole.trim_ascii_end())?;
            self.rest = whole;
            self.rest.clear();
        }
        self.rest.extend_from_slice(input);
        Ok(())
    }

    /// The last line, if it has no end.
    pub(crate) fn finish<E>(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let last = std::mem::take(&mut self.rest);
        if last.is_empty() { Ok(()) } else { take(last.trim_ascii_end()) }
    }
}
