//! Messages of the server: frames and their bodies.

use crate::error::WireError;
use crate::reader::Reader;
use crate::server_error::ServerError;

/// No message of a healthy server is longer: PostgreSQL's own limit is 1 GiB.
const MAX_FRAME: usize = (1 << 30) + 1024;

/// One message as it lies in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What message it is.
    pub tag: u8,
    /// Its content.
    pub body: &'a [u8],
}

/// What a buffer begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing<'a> {
    /// A whole message that takes up `length` bytes.
    Complete {
        /// The message.
        frame: Frame<'a>,
        /// Bytes to drop before the next one.
        length: usize,
    },
    /// A part of a message; `needed` bytes in all are known to be needed.
    Partial {
        /// How long the buffer must be before it is worth another look.
        needed: usize,
    },
}

/// Cuts the first message off a buffer.
///
/// # Errors
/// A length that cannot be.
pub fn first_frame(buffer: &[u8]) -> Result<Framing<'_>, WireError> {
    let Some((tag, rest)) = buffer.split_first() else {
        return Ok(Framing::Partial { needed: 5 });
    };
    let Some((length, rest)) = rest.split_first_chunk::<4>() else {
        return Ok(Framing::Partial { needed: 5 });
    };
    let length = u32::from_be_bytes(*length) as usize;
    if !(4..=MAX_FRAME).contains(&length) {
        return Err(WireError::Invalid { what: "message length" });
    }
    match rest.get(..length - 4) {
        Some(body) => {
            Ok(Framing::Complete { frame: Frame { tag: *tag, body }, length: length + 1 })
        }
        None => Ok(Framing::Partial { needed: length + 1 }),
    }
}

/// A message of the server, as far as a replication connection meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendMessage<'a> {
    /// A step of the authentication.
    Authentication(Authentication<'a>),
    /// A setting of the session.
    ParameterStatus {
        /// Its name.
        name: &'a str,
        /// Its value.
        value: &'a str,
    },
    /// Process id and secret for cancel requests.
    BackendKeyData {
        /// The server process.
        process_id: u32,
    },
    /// The server waits for a query.
    ReadyForQuery,
    /// The columns of the rows to come.
    RowDescription(RowDescription<'a>),
    /// One row.
    DataRow(DataRow<'a>),
    /// The end of a statement, with its tag.
    CommandComplete(&'a str),
    /// An empty statement.
    EmptyQuery,
    /// Both sides may now send `CopyData`.
    CopyBoth,
    /// The server will now send `CopyData`.
    CopyOut,
    /// A piece of a copy.
    CopyData(&'a [u8]),
    /// The end of the server's side of a copy.
    CopyDone,
    /// A refusal.
    Error(ServerError),
    /// A warning.
    Notice(ServerError),
    /// Something else that may be passed over.
    Other(u8),
}

/// What the server wants to know of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// Nothing more.
    Ok,
    /// The password as it is.
    CleartextPassword,
    /// The password hashed with this salt.
    Md5Password([u8; 4]),
    /// One of these mechanisms, a list of zero-terminated names.
    Sasl(&'a [u8]),
    /// A SASL challenge.
    SaslContinue(&'a [u8]),
    /// The last SASL message.
    SaslFinal(&'a [u8]),
    /// A method that is not built, by its number.
    Other(u32),
}

impl<'a> Frame<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// A body that is not what the tag promises.
    pub fn parse(self) -> Result<BackendMessage<'a>, WireError> {
        let mut reader = Reader::new(self.body, "server message");
        Ok(match self.tag {
            b'd' => BackendMessage::CopyData(self.body),
            b'D' => BackendMessage::DataRow(DataRow(self.body)),
            b'T' => BackendMessage::RowDescription(RowDescription(self.body)),
            b'C' => BackendMessage::CommandComplete(reader.c_str()?),
            b'Z' => BackendMessage::ReadyForQuery,
            b'I' => BackendMessage::EmptyQuery,
            b'W' => BackendMessage::CopyBoth,
            b'H' => BackendMessage::CopyOut,
            b'c' => BackendMessage::CopyDone,
            b'E' => BackendMessage::Error(ServerError::parse(self.body)?),
            b'N' => BackendMessage::Notice(ServerError::parse(self.body)?),
            b'S' => {
                BackendMessage::ParameterStatus { name: reader.c_str()?, value: reader.c_str()? }
            }
            b'K' => BackendMessage::BackendKeyData { process_id: reader.u32()? },
            b'R' => BackendMessage::Authentication(authentication(reader)?),
            tag => BackendMessage::Other(tag),
        })
    }
}

fn authentication(mut reader: Reader<'_>) -> Result<Authentication<'_>, WireError> {
    Ok(match reader.u32()? {
        0 => Authentication::Ok,
        3 => Authentication::CleartextPassword,
        5 => Authentication::Md5Password(reader.u32()?.to_be_bytes()),
        10 => Authentication::Sasl(reader.rest()),
        11 => Authentication::SaslContinue(reader.rest()),
        12 => Authentication::SaslFinal(reader.rest()),
        other => Authentication::Other(other),
    })
}

/// The columns of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowDescription<'a>(&'a [u8]);

impl<'a> RowDescription<'a> {
    /// The names of the columns.
    ///
    /// # Errors
    /// A body that ends too early.
    pub fn names(self) -> Result<Vec<&'a str>, WireError> {
        let mut reader = Reader::new(self.0, "row description");
        let count = reader.u16()?;
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(reader.c_str()?);
            reader.take(18)?;
        }
        Ok(names)
    }
}

/// One row of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataRow<'a>(&'a [u8]);

impl<'a> DataRow<'a> {
    /// The values, `None` for NULL.
    ///
    /// # Errors
    /// A body that ends too early.
    pub fn values(self) -> Result<Vec<Option<&'a [u8]>>, WireError> {
        let mut reader = Reader::new(self.0, "data row");
        let count = reader.u16()?;
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(match reader.i32()? {
                ..0 => None,
                length => Some(reader.take(length as usize)?),
            });
        }
        Ok(values)
    }
}
