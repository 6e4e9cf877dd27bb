//! The replication slots of a server: what each holds back, who reads it, whether it is ours, and
//! how to be rid of one.

mod address;
mod drop;
mod status;

pub use self::address::{AddressError, SlotServer};
pub use self::drop::{DropRequest, Dropped, LeftPublication};
pub use self::status::{Danger, Holder, Owner, SlotStatus};
pub(crate) use self::status::{distance, load};
