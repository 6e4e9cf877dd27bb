//! Places in a source: for each partition the offset that comes next.

use std::collections::BTreeMap;
use std::fmt;

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_types::Position;

/// A partition of a topic.
pub(super) type Partition = (String, i32);

/// The next offset of each partition, and the cluster that they count in.
///
/// As text `cluster|topic:0=15,1=20;other:0=3`; topics have none of these marks in their names.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Offsets {
    pub(super) cluster: String,
    pub(super) next: BTreeMap<Partition, i64>,
}

impl Offsets {
    /// The place as the job keeps it.
    pub(super) fn position(&self) -> Position {
        Position(self.to_string())
    }

    /// Reads back what [`Offsets::position`] gave.
    pub(super) fn parse(position: &Position) -> Result<Self, ConnectorError> {
        let refused = || {
            let message = format!("\"{position}\" is not a place in topics of Kafka");
            ConnectorError::new(ErrorKind::Internal, message)
        };
        let (cluster, rest) = position.0.rsplit_once('|').ok_or_else(refused)?;
        let mut next = BTreeMap::new();
        for part in rest.split(';').filter(|part| !part.is_empty()) {
            let (topic, places) = part.split_once(':').ok_or_else(refused)?;
            for place in places.split(',') {
                let (partition, offset) = place.split_once('=').ok_or_else(refused)?;
                let partition: i32 = partition.parse().map_err(|_| refused())?;
                let offset: i64 = offset.parse().map_err(|_| refused())?;
                next.insert((topic.to_owned(), partition), offset);
            }
        }
        Ok(Self { cluster: cluster.to_owned(), next })
    }
}

impl fmt::Display for Offsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|", self.cluster)?;
        let mut last: Option<&str> = None;
        for ((topic, partition), offset) in &self.next {
            match last {
                Some(last) if last == topic => f.write_str(",")?,
                Some(_) => write!(f, ";{topic}:")?,
                None => write!(f, "{topic}:")?,
            }
            last = Some(topic);
            write!(f, "{partition}={offset}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_from_its_text() {
        let place = |topic: &str, partition, offset| ((topic.to_owned(), partition), offset);
        let next = [place("b.c", 0, 3), place("a-1", 10, 0), place("a-1", 2, i64::MAX)];
        let offsets = Offsets { cluster: "x|y".to_owned(), next: next.into() };
        let position = offsets.position();
        assert_eq!(position.0, "x|y|a-1:2=9223372036854775807,10=0;b.c:0=3");
        assert_eq!(Offsets::parse(&position).unwrap(), offsets);
        let empty = Offsets::default();
        assert_eq!(Offsets::parse(&empty.position()).unwrap(), empty);
        for broken in ["", "x", "x|a", "x|a:1", "x|a:1=", "x|a:b=1", "x|a:1=1,"] {
            assert!(Offsets::parse(&Position(broken.to_owned())).is_err(), "{broken}");
        }
    }
}
