//! Large buffers between two uses. They are made by one thread and freed by another all the time:
//! given back to the allocator each would be returned to the system, which clears it for the next
//! use (a third of a snapshot's CPU), or pile up unused.

use std::sync::{Mutex, PoisonError};

/// Smaller buffers are the allocator's business.
pub(super) const LEAST_BYTES: usize = 64 << 10;
/// Larger ones are not worth their memory.
const MOST_BYTES: usize = 1 << 20;
const MOST_BUFFERS: usize = 64;

static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A buffer for about so many bytes.
pub(super) fn take(bytes: usize) -> Vec<u8> {
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    let fitting = spare.iter().rposition(|buffer| buffer.capacity() >= bytes);
    fitting.map(|at| spare.swap_remove(at)).unwrap_or_default()
}

/// Keeps a buffer for its next use.
pub(super) fn put(mut buffer: Vec<u8>) {
    if buffer.capacity() > MOST_BYTES {
        return;
    }
    buffer.clear();
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    if spare.len() < MOST_BUFFERS {
        spare.push(buffer);
    }
}
