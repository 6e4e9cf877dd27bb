//! `filesystem`: a file, or all files of a directory, read once; or a directory of files to write,
//! one for each checkpoint that has rows.

mod commit;
mod partition;
mod parts;
mod sink;
mod source;

pub use sink::FilesystemSinkFactory;
pub use source::FilesystemFactory;
