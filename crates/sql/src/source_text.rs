//! The texts that spans refer to.

use std::sync::Arc;

use tailwater_types::Diagnostic;

/// A script with the name people know it by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceText {
    /// The file's name, or what stands for it.
    pub name: String,
    /// The text.
    pub text: String,
}

/// A finding and the text it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The text.
    pub source: Arc<SourceText>,
    /// What was found.
    pub diagnostic: Diagnostic,
}
