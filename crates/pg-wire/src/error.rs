//! What can be wrong with bytes.

/// Why bytes are not what the protocol says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A message ends before its fields do.
    #[error("{what} is cut short")]
    Truncated {
        /// The message or field.
        what: &'static str,
    },
    /// A tag that means nothing in this place.
    #[error("{what} has the unknown tag 0x{tag:02x}")]
    UnknownTag {
        /// The message or field.
        what: &'static str,
        /// The byte.
        tag: u8,
    },
    /// A field whose value is impossible.
    #[error("{what} is not valid")]
    Invalid {
        /// The message or field.
        what: &'static str,
    },
    /// An authentication method that is not built.
    #[error("the server asks for authentication by {method}, which is not supported")]
    UnsupportedAuthentication {
        /// Its name.
        method: String,
    },
    /// The server asks for a password and none was given.
    #[error("the server asks for a password and none is given")]
    PasswordRequired,
    /// The password may only be proved over a bound channel, and the server wants it otherwise.
    #[error("channel binding is required, and the server asks for {method}")]
    Unbound {
        /// What it asks for.
        method: &'static str,
    },
    /// The SCRAM exchange failed on our side.
    #[error("the SCRAM exchange with the server failed: {reason}")]
    Scram {
        /// What failed.
        reason: String,
    },
}
