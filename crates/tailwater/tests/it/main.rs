//! The binary as its users meet it: scripts in, text, rows and exit codes out.

mod binary;
mod checkpoints;
mod crashes;
mod diagnostics;
mod load;
mod oracle;
mod scrub;
mod server_errors;
mod shop;
