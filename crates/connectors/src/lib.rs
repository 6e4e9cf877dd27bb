//! The systems Tailwater reads from and writes to. A connector knows neither another one nor the
//! runtime.

pub mod blackhole;
pub mod datagen;
pub mod filesystem;
mod format;
pub mod jdbc;
pub mod kafka;
mod options;
pub mod postgres;
pub mod print;
mod registry;
