//! Accumulators of fixed size: `sum: 16 bytes | values: i64`.

use tailwater_types::{Datum, TypeKind};

pub(super) const ACCUMULATOR_BYTES: usize = 24;

/// The aggregate functions that retract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// `COUNT(*)`
    CountRows,
    /// `COUNT(x)`: values that are not NULL.
    Count,
    /// `SUM(x)`, in the argument's type as Flink's; integers wrap.
    Sum,
    /// `SUM(x)` that is 0 instead of NULL without values.
    Sum0,
    /// `AVG(x)`: sum divided by count, in the argument's type as Flink's.
    Avg,
    /// `MIN(x)`
    Min,
    /// `MAX(x)`
    Max,
}

impl AggregateFunction {
    /// Whether all values of a group are kept in an ordered map.
    pub(super) fn keeps_values(self) -> bool {
        matches!(self, AggregateFunction::Min | AggregateFunction::Max)
    }
}

/// Takes a value that is not NULL up (or, as a retraction, away). `COUNT(*)` is given any value.
pub(super) fn add(
    function: AggregateFunction,
    value: Datum<'_>,
    is_addition: bool,
    slot: &mut [u8],
) {
    let (sum, count) = slot.split_at_mut(16);
    let change = if is_addition { 1 } else { -1 };
    let counted = i64::from_le_bytes((&*count).try_into().unwrap_or_default()) + change;
    count.copy_from_slice(&counted.to_le_bytes());
    if !matches!(
        function,
        AggregateFunction::Sum | AggregateFunction::Sum0 | AggregateFunction::Avg
    ) {
        return;
    }
    let change = i128::from(change);
    let word = i128::from_le_bytes((&*sum).try_into().unwrap_or_default());
    let word = match value {
        Datum::Int(v) => word.wrapping_add(i128::from(v) * change),
        Datum::Decimal(v) => word.wrapping_add(v.wrapping_mul(change)),
        Datum::Float(v) => add_double(word, f64::from(v), change),
        Datum::Double(v) => add_double(word, v, change),
        _ => word,
    };
    sum.copy_from_slice(&word.to_le_bytes());
}

fn add_double(word: i128, value: f64, change: i128) -> i128 {
    let sum = f64::from_bits(word as u64);
    let sum = if change > 0 { sum + value } else { sum - value };
    i128::from(sum.to_bits())
}

/// The result of a call; `kind` is its type.
pub(super) fn result(function: AggregateFunction, kind: &TypeKind, slot: &[u8]) -> Datum<'static> {
    let Some((sum, count)) = slot.split_first_chunk::<16>() else {
        return Datum::Null;
    };
    let count = count.first_chunk::<8>().map_or(0, |b| i64::from_le_bytes(*b));
    match function {
        AggregateFunction::CountRows | AggregateFunction::Count => Datum::Int(count),
        AggregateFunction::Sum if count == 0 => Datum::Null,
        AggregateFunction::Sum | AggregateFunction::Sum0 => total(kind, *sum),
        AggregateFunction::Avg if count == 0 => Datum::Null,
        AggregateFunction::Avg => average(kind, *sum, count),
        AggregateFunction::Min | AggregateFunction::Max => Datum::Null,
    }
}

/// Integers wrap as Java's do.
fn wrap(kind: &TypeKind, value: i128) -> i64 {
    match kind {
        TypeKind::TinyInt => i64::from(value as i8),
        TypeKind::SmallInt => i64::from(value as i16),
        TypeKind::Int => i64::from(value as i32),
        _ => value as i64,
    }
}

fn total(kind: &TypeKind, sum: [u8; 16]) -> Datum<'static> {
    let word = i128::from_le_bytes(sum);
    match kind {
        TypeKind::Decimal { .. } if word.unsigned_abs() >= 10_u128.pow(38) => Datum::Null,
        TypeKind::Decimal { .. } => Datum::Decimal(word),
        TypeKind::Float => Datum::Float(f64::from_bits(word as u64) as f32),
        TypeKind::Double => Datum::Double(f64::from_bits(word as u64)),
        _ => Datum::Int(wrap(kind, word)),
    }
}

fn average(kind: &TypeKind, sum: [u8; 16], count: i64) -> Datum<'static> {
    let word = i128::from_le_bytes(sum);
    match kind {
        // The sum has the argument's scale, which the planner brings to the result's.
        TypeKind::Decimal { .. } => Datum::Decimal(divide_half_up(word, i128::from(count))),
        TypeKind::Float => Datum::Float((f64::from_bits(word as u64) / count as f64) as f32),
        TypeKind::Double => Datum::Double(f64::from_bits(word as u64) / count as f64),
        _ => Datum::Int(wrap(kind, i128::from(word as i64 / count))),
    }
}

fn divide_half_up(dividend: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    if rest.unsigned_abs() * 2 >= divisor.unsigned_abs() {
        quotient + dividend.signum() * divisor.signum()
    } else {
        quotient
    }
}
