//! Functions of dates, times and timestamps.

mod clock;
mod difference;
mod extract;
mod rounding;
mod text;

use super::call::Call;
use crate::resolve::{ResolveError, Resolved};

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    clock::resolve(call)
        .or_else(|| extract::resolve(call))
        .or_else(|| rounding::resolve(call))
        .or_else(|| difference::resolve(call))
        .or_else(|| text::resolve(call))
}

/// A unit of time in SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Millennium,
    Century,
    Decade,
    Year,
    IsoYear,
    Quarter,
    Month,
    Week,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    Epoch,
}

impl Unit {
    /// The unit that the first argument names, which is taken off.
    pub(super) fn take(call: &mut Call<'_>, at: usize) -> Result<Self, ResolveError> {
        let name = call.required_text(at)?.to_ascii_uppercase();
        let unit = Self::named(&name).ok_or_else(|| {
            ResolveError::new(format!("'{name}' is not a valid datetime unit of {}", call.name))
        })?;
        call.args.remove(at);
        Ok(unit)
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("SQL_TSI_").unwrap_or(name) {
            "MILLENNIUM" => Unit::Millennium,
            "CENTURY" => Unit::Century,
            "DECADE" => Unit::Decade,
            "YEAR" => Unit::Year,
            "ISOYEAR" => Unit::IsoYear,
            "QUARTER" => Unit::Quarter,
            "MONTH" => Unit::Month,
            "WEEK" => Unit::Week,
            "DAY" | "DAYOFMONTH" => Unit::Day,
            "DOW" | "DAYOFWEEK" => Unit::DayOfWeek,
            "ISODOW" => Unit::IsoDayOfWeek,
            "DOY" | "DAYOFYEAR" => Unit::DayOfYear,
            "HOUR" => Unit::Hour,
            "MINUTE" => Unit::Minute,
            "SECOND" => Unit::Second,
            "MILLISECOND" => Unit::Millisecond,
            "MICROSECOND" | "FRAC_SECOND" => Unit::Microsecond,
            "NANOSECOND" => Unit::Nanosecond,
            "EPOCH" => Unit::Epoch,
            _ => return None,
        })
    }

    /// Months of a unit that is made of them.
    pub(super) fn months(self) -> Option<i64> {
        Some(match self {
            Unit::Millennium => 12_000,
            Unit::Century => 1200,
            Unit::Decade => 120,
            Unit::Year => 12,
            Unit::Quarter => 3,
            Unit::Month => 1,
            _ => return None,
        })
    }

    /// Milliseconds of a unit that always has the same number.
    pub(super) fn millis(self) -> Option<i64> {
        Some(match self {
            Unit::Week => 604_800_000,
            Unit::Day => 86_400_000,
            Unit::Hour => 3_600_000,
            Unit::Minute => 60_000,
            Unit::Second => 1000,
            Unit::Millisecond => 1,
            _ => return None,
        })
    }
}
