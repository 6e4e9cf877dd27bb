//! Which transactions a snapshot has seen.

use std::fmt;
use std::str::FromStr;

use tailwater_pg_wire::Lsn;

/// A snapshot as `pg_current_snapshot()` prints it: `xmin:xmax:xip,xip`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PgSnapshot {
    /// Every transaction below is over.
    pub(crate) xmin: u64,
    /// No transaction from here on is.
    pub(crate) xmax: u64,
    /// Those in between that are not, in ascending order.
    in_progress: Vec<u64>,
}

impl FromStr for PgSnapshot {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split(':');
        let mut number = || parts.next().and_then(|n| n.parse().ok()).ok_or(());
        let (xmin, xmax) = (number()?, number()?);
        let list = parts.next().ok_or(())?.split(',').filter(|n| !n.is_empty());
        let mut in_progress: Vec<u64> =
            list.map(|n| n.parse().map_err(|_| ())).collect::<Result<_, _>>()?;
        in_progress.sort_unstable();
        Ok(Self { xmin, xmax, in_progress })
    }
}

impl fmt::Display for PgSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list: Vec<String> = self.in_progress.iter().map(u64::to_string).collect();
        write!(f, "{}:{}:{}", self.xmin, self.xmax, list.join(","))
    }
}

impl PgSnapshot {
    /// Whether the effects of a committed transaction are in the snapshot; `xid` is the low half
    /// of its id, as the stream has it.
    pub(crate) fn sees(&self, xid: u32) -> bool {
        let xid = widen(xid, self.xmax);
        xid < self.xmin || (xid < self.xmax && self.in_progress.binary_search(&xid).is_err())
    }
}

/// The 64-bit transaction id nearest to `near` whose low half is `xid`.
pub(crate) fn widen(xid: u32, near: u64) -> u64 {
    let distance = xid.wrapping_sub(near as u32) as i32;
    near.saturating_add_signed(i64::from(distance))
}

/// Tells rows of the stream that the snapshot holds already from those that it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotFilter {
    /// The end of the WAL after the snapshot was taken: what is committed behind it is not in it.
    pub(crate) horizon: Lsn,
    pub(crate) snapshot: PgSnapshot,
}

impl SnapshotFilter {
    /// Whether the snapshot holds what this transaction did, whose commit record begins at `commit`.
    pub(crate) fn holds(&self, xid: u32, commit: Lsn) -> bool {
        commit < self.horizon && self.snapshot.sees(xid)
    }
}

impl fmt::Display for SnapshotFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};{}", self.horizon, self.snapshot)
    }
}

impl FromStr for SnapshotFilter {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (horizon, snapshot) = text.split_once(';').ok_or(())?;
        Ok(Self { horizon: horizon.parse().map_err(|_| ())?, snapshot: snapshot.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_sees_what_was_over_when_it_was_taken() {
        let snapshot: PgSnapshot = "731:735:731,733".parse().unwrap();
        let seen: Vec<u32> = (729..738).filter(|xid| snapshot.sees(*xid)).collect();
        assert_eq!(seen, [729, 730, 732, 734]);
    }

    #[test]
    fn ids_of_32_bits_are_widened_across_the_wrap() {
        let snapshot: PgSnapshot = "8589934590:8589934600:".parse().unwrap();
        assert!(snapshot.sees(u32::MAX - 1));
        assert!(snapshot.sees(5));
        assert!(!snapshot.sees(8));
        assert_eq!(widen(3, 1 << 32), (1 << 32) + 3);
        assert_eq!(widen(u32::MAX, 1 << 32), (1 << 32) - 1);
    }
}
