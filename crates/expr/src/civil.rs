//! Days, times of day and time zones.

use std::fmt;

use jiff::tz::TimeZone;
use tailwater_types::Timestamp;

/// Milliseconds of a day.
pub(crate) const DAY_MILLIS: i64 = 86_400_000;
const DAY_MICROS: i64 = DAY_MILLIS * 1000;

/// Days since 1970-01-01 of a day of the proleptic Gregorian calendar.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days.saturating_add(719_468);
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// Days of a month.
pub(crate) fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day `months` later; the last day of the month if it has no such day.
pub(crate) fn add_months(days: i64, months: i64) -> i64 {
    let (year, month, day) = civil_from_days(days);
    let total = year.saturating_mul(12) + month - 1 + months;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    days_from_civil(year, month, day.min(month_length(year, month)))
}

/// Days and microseconds of the day.
pub(crate) fn split_day(time: Timestamp) -> (i64, i64) {
    (time.micros.div_euclid(DAY_MICROS), time.micros.rem_euclid(DAY_MICROS))
}

/// Midnight of a day.
pub(crate) fn midnight(days: i64) -> Timestamp {
    Timestamp::from_micros(days.saturating_mul(DAY_MICROS))
}

/// A point in time as fields of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    /// Days since 1970-01-01.
    pub days: i64,
    /// Astronomical year.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// 0 to 59.
    pub second: i64,
    /// Nanoseconds of the second.
    pub nano: i64,
}

impl Civil {
    /// The fields of a timestamp without zone.
    pub(crate) fn new(time: Timestamp) -> Self {
        let (days, micros) = split_day(time);
        let (year, month, day) = civil_from_days(days);
        let seconds = micros / 1_000_000;
        Self {
            days,
            year,
            month,
            day,
            hour: seconds / 3600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            nano: micros % 1_000_000 * 1000 + i64::from(time.nanos),
        }
    }

    /// The timestamp; fields may be out of their ranges.
    pub(crate) fn timestamp(&self) -> Timestamp {
        let days = days_from_civil(self.year, self.month, self.day);
        let seconds = self.hour * 3600 + self.minute * 60 + self.second;
        Timestamp {
            micros: midnight(days).micros + seconds * 1_000_000 + self.nano.div_euclid(1000),
            nanos: self.nano.rem_euclid(1000) as u16,
        }
    }
}

/// What the clocks of a zone show at an instant.
pub(crate) fn to_local(instant: Timestamp, zone: &TimeZone) -> Timestamp {
    Timestamp {
        micros: instant.micros.saturating_add(offset_seconds(instant, zone) * 1_000_000),
        nanos: instant.nanos,
    }
}

/// Seconds that a zone is ahead of UTC at an instant.
pub(crate) fn offset_seconds(instant: Timestamp, zone: &TimeZone) -> i64 {
    if *zone == TimeZone::UTC {
        return 0;
    }
    let bounds = (jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
    let second = instant.micros.div_euclid(1_000_000).clamp(bounds.0, bounds.1);
    jiff::Timestamp::from_second(second).map_or(0, |at| i64::from(zone.to_offset(at).seconds()))
}

/// The instant at which the clocks of a zone show this: the first of two, and moved forward by the
/// gap where they never do.
pub(crate) fn to_instant(local: Timestamp, zone: &TimeZone) -> Timestamp {
    if *zone == TimeZone::UTC {
        return local;
    }
    let c = Civil::new(local);
    let date_time = jiff::civil::DateTime::new(
        c.year.clamp(-9998, 9998) as i16,
        c.month as i8,
        c.day as i8,
        c.hour as i8,
        c.minute as i8,
        c.second as i8,
        0,
    );
    let offset = date_time.ok().and_then(|local_time| {
        let at = zone.to_ambiguous_timestamp(local_time).compatible().ok()?;
        let shown = days_from_civil(
            i64::from(local_time.year()),
            i64::from(local_time.month()),
            i64::from(local_time.day()),
        ) * 86_400
            + (c.hour * 3600 + c.minute * 60 + c.second);
        Some(shown - at.as_second())
    });
    Timestamp {
        micros: local.micros.saturating_sub(offset.unwrap_or(0) * 1_000_000),
        nanos: local.nanos,
    }
}

/// A zone by the names that Java takes: IANA names, offsets, `GMT+8`, old short ids.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    let name = name.trim();
    let known = match name {
        "Z" | "UTC" | "GMT" | "UT" | "Etc/UTC" => return Some(TimeZone::UTC),
        "PST" => "America/Los_Angeles",
        "MST" => "-07:00",
        "EST" => "-05:00",
        "HST" => "-10:00",
        "CST" => "America/Chicago",
        "CTT" => "Asia/Shanghai",
        "JST" => "Asia/Tokyo",
        "IST" => "Asia/Kolkata",
        "ECT" => "Europe/Paris",
        other => other,
    };
    for prefix in ["GMT", "UTC", "UT", ""] {
        if let Some(rest) = known.strip_prefix(prefix)
            && let Some(seconds) = offset(rest)
        {
            return Some(TimeZone::fixed(jiff::tz::Offset::from_seconds(seconds).ok()?));
        }
    }
    TimeZone::get(known).ok()
}

fn offset(text: &str) -> Option<i32> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 4 && rest.is_ascii() => rest.split_at(2),
        None => (rest, "0"),
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..=18).contains(&hours) && (0..60).contains(&minutes))
        .then_some(sign * (hours * 3600 + minutes * 60))
}

/// `yyyy-MM-dd`; years have four digits, as in Flink.
pub(crate) struct ShownDate(pub i64);

impl fmt::Display for ShownDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0);
        write!(f, "{:04}-{month:02}-{day:02}", year.rem_euclid(10_000))
    }
}

/// `HH:mm:ss` and, for a precision above 0, the fraction without trailing zeros.
pub(crate) struct ShownTime(pub i64, pub u8);

impl fmt::Display for ShownTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = if self.0 < 0 { self.0.rem_euclid(DAY_MILLIS) } else { self.0 };
        let seconds = millis / 1000;
        write!(f, "{:02}:{:02}:{:02}", seconds / 3600 % 100, seconds / 60 % 60, seconds % 60)?;
        let mut rest = millis % 1000;
        for i in 0..self.1.min(3) {
            let point = if i == 0 { "." } else { "" };
            write!(f, "{point}{}", rest / 100)?;
            rest = rest % 100 * 10;
            if rest == 0 {
                break;
            }
        }
        Ok(())
    }
}

/// `yyyy-MM-dd HH:mm:ss` and the digits of its precision.
pub(crate) struct ShownTimestamp(pub Timestamp, pub u8);

impl fmt::Display for ShownTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = Civil::new(self.0);
        write!(f, "{} {:02}:{:02}:{:02}", ShownDate(c.days), c.hour, c.minute, c.second)?;
        let precision = usize::from(self.1.min(9));
        if precision > 0 {
            let fraction = c.nano / 10_i64.pow(9 - u32::from(self.1.min(9)));
            write!(f, ".{fraction:0precision$}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_others_inverse() {
        for days in (-800_000..3_000_000).step_by(97) {
            let (y, m, d) = civil_from_days(days);
            assert_eq!(days_from_civil(y, m, d), days);
        }
        assert_eq!(civil_from_days(0), (1970, 1, 1));
        assert_eq!(ShownDate(add_months(19_753, 1)).to_string(), "2024-02-29");
        assert_eq!(ShownDate(-719_163).to_string(), "0000-12-31");
    }

    #[test]
    fn zones_have_javas_names() {
        let at = Timestamp::default();
        let seconds = |name: &str| zone(name).map(|z| offset_seconds(at, &z));
        assert_eq!(seconds("America/Los_Angeles"), Some(-28_800));
        assert_eq!(seconds("GMT+8"), Some(28_800));
        assert_eq!(seconds("UTC+05:30"), Some(19_800));
        assert_eq!(seconds("-0300"), Some(-10_800));
        assert_eq!(seconds("CTT"), Some(28_800));
        assert_eq!(seconds("Nowhere/Land"), None);
    }

    #[test]
    fn clocks_that_change_follow_java() {
        let zone = zone("Europe/Berlin").expect("a zone");
        let local = |hour: i64| Civil {
            days: 0,
            year: 2024,
            month: 3,
            day: 31,
            hour,
            minute: 30,
            second: 0,
            nano: 0,
        };
        let shown =
            |hour| ShownTimestamp(to_instant(local(hour).timestamp(), &zone), 0).to_string();
        assert_eq!(shown(1), "2024-03-31 00:30:00");
        assert_eq!(shown(2), "2024-03-31 01:30:00");
        assert_eq!(shown(3), "2024-03-31 01:30:00");
    }
}
