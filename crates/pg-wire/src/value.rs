//! Single values, in the binary format and as text. `None` means that the bytes are not a value of
//! the type; infinite dates have functions of their own so that callers can refuse them by name.

pub mod array;
pub mod binary;
pub mod calendar;
pub mod numeric;
pub mod text;

#[cfg(test)]
mod tests;
