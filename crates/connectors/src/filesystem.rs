//! `filesystem`: a file, or all files of a directory, read once.

mod source;

pub use source::FilesystemFactory;
