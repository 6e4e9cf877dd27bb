//! Large buffers between two uses. They are made by one thread and freed by another all the time:
//! given back to the allocator each would be returned to the system, which clears it for the next
//! use (a third of a snapshot's CPU), or pile up unused.

use std::sync::{Mutex, PoisonError};

/// Smaller buffers are the allocator's business.
pub(super) const LEAST_BYTES: usize = 64 << 10;
/// Larger ones are not worth their memory.
const MOST_BYTES: usize = 1 << 20;
/// More is not kept in all.
const KEPT_BYTES: usize = 6 << 20;

struct Spare {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

static SPARE: Mutex<Spare> = Mutex::new(Spare { buffers: Vec::new(), bytes: 0 });

/// A buffer for about so many bytes.
pub(super) fn take(bytes: usize) -> Vec<u8> {
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    let fitting = spare.buffers.iter().rposition(|buffer| buffer.capacity() >= bytes);
    let Some(at) = fitting else {
        return Vec::new();
    };
    let buffer = spare.buffers.swap_remove(at);
    spare.bytes -= buffer.capacity();
    buffer
}

/// Keeps a buffer for its next use.
pub(super) fn put(mut buffer: Vec<u8>) {
    buffer.clear();
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    if buffer.capacity() <= MOST_BYTES && spare.bytes + buffer.capacity() <= KEPT_BYTES {
        spare.bytes += buffer.capacity();
        spare.buffers.push(buffer);
    }
}
