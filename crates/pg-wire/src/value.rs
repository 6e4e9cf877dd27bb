//! Single values, in the binary format and as text. `None` means that the bytes are not a value of
//! the type; infinite dates have functions of their own so that callers can refuse them by name.
//!
//! [`ValueType`] prints any value of the binary format exactly as the server prints it.

pub mod array;
pub mod binary;
pub mod calendar;
mod clock;
pub mod composite;
mod float;
mod geometry;
pub mod hstore;
mod nested;
mod network;
pub mod numeric;
mod search;
pub mod text;
mod value_type;
mod vector;

pub use value_type::{CompositeField, ValueType};

#[cfg(test)]
mod tests;
