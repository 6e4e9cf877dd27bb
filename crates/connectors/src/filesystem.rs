//! `filesystem`: a file, or all files of a directory, read once.

mod format;
mod source;

pub use source::FilesystemFactory;
