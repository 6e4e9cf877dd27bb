//! The binary as its users meet it: scripts in, text, rows and exit codes out.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod binary;
mod check;
mod checkpoints;
mod client;
mod connect;
mod crashes;
mod diagnostics;
mod faults;
mod first_run;
mod kafka;
mod load;
mod oracle;
mod origins;
mod scrub;
mod server_errors;
mod shop;
mod show;
mod slots;
