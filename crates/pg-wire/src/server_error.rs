//! What the server says when it refuses or warns.

use std::fmt;

use crate::error::WireError;
use crate::reader::Reader;

/// The fields of an `ErrorResponse` or `NoticeResponse` that matter to us. `Display` prints the
/// message and the SQLSTATE; the detail may hold row values and is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    /// `ERROR`, `FATAL`, `WARNING` ... in English.
    pub severity: String,
    /// Five characters, `28P01`.
    pub sqlstate: String,
    /// The primary message.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What the server advises.
    pub hint: Option<String>,
}

impl ServerError {
    /// Reads the body of an `ErrorResponse` or `NoticeResponse`.
    ///
    /// # Errors
    /// A body without its end mark.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body, "error response");
        let mut error = ServerError::default();
        loop {
            let field = reader.u8()?;
            if field == 0 {
                return Ok(error);
            }
            // The server may speak before the encoding of the session is settled.
            let end = reader.rest().iter().position(|b| *b == 0);
            let text = reader.take(end.ok_or_else(|| reader.invalid())?)?;
            reader.u8()?;
            let text = String::from_utf8_lossy(text).into_owned();
            match field {
                b'V' => error.severity = text,
                b'S' if error.severity.is_empty() => error.severity = text,
                b'C' => error.sqlstate = text,
                b'M' => error.message = text,
                b'D' => error.detail = Some(text),
                b'H' => error.hint = Some(text),
                _ => {}
            }
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.sqlstate)
    }
}

impl std::error::Error for ServerError {}
