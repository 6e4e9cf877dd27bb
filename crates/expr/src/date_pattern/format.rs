//! Dates as text.

use std::fmt::Write;

use super::{DAYS, DatePattern, Flavor, Item, MONTHS};
use crate::civil::{Civil, days_from_civil};

impl DatePattern {
    /// Appends a local time; `offset` is the seconds that its zone is ahead of UTC.
    pub(crate) fn format(&self, time: &Civil, offset: i64, out: &mut impl Write) {
        for item in &self.items {
            // Writing to memory does not fail.
            let _ = match *item {
                Item::Literal(c) => out.write_char(c),
                Item::Field(letter, count) => self.field(time, offset, (letter, count), out),
            };
        }
    }

    fn field(
        &self,
        time: &Civil,
        offset: i64,
        (letter, count): (char, usize),
        out: &mut impl Write,
    ) -> std::fmt::Result {
        let simple = self.flavor == Flavor::Simple;
        let number = match letter {
            'y' | 'Y' => return self.year(time, letter, count, out),
            'u' if !simple => return self.year(time, letter, count, out),
            'u' => (weekday(time.days) + 6) % 7 + 1,
            'M' | 'L' if count > 2 => {
                return text(MONTHS[(time.month - 1).clamp(0, 11) as usize], count, out);
            }
            'M' | 'L' => time.month,
            'd' => time.day,
            'H' => time.hour,
            'h' => (time.hour + 11) % 12 + 1,
            'K' => time.hour % 12,
            'k' => (time.hour + 23) % 24 + 1,
            'm' => time.minute,
            's' => time.second,
            'D' => day_of_year(time),
            'w' => week_of(time).1,
            'W' => (time.day - 1 + weekday(time.days - time.day + 1)) / 7 + 1,
            'S' if simple => time.nano / 1_000_000,
            'S' => time.nano / 10_i64.pow(9 - count.min(9) as u32),
            'Q' | 'q' => {
                let quarter = (time.month + 2) / 3;
                match count {
                    1 | 2 => quarter,
                    3 => return write!(out, "Q{quarter}"),
                    _ => {
                        let names = ["1st", "2nd", "3rd", "4th"];
                        let name = names[(quarter - 1).clamp(0, 3) as usize];
                        return write!(out, "{name} quarter");
                    }
                }
            }
            'E' => return text(DAYS[weekday(time.days) as usize], count, out),
            'a' => return out.write_str(if time.hour < 12 { "AM" } else { "PM" }),
            'G' => return out.write_str(if time.year > 0 { "AD" } else { "BC" }),
            'X' if offset == 0 => return out.write_char('Z'),
            _ => return zone_offset(offset, letter, count, out),
        };
        write!(out, "{number:0count$}")
    }

    fn year(
        &self,
        time: &Civil,
        letter: char,
        count: usize,
        out: &mut impl Write,
    ) -> std::fmt::Result {
        let year = if letter == 'Y' { week_of(time).0 } else { time.year };
        // Only `u` counts on below the year 1.
        let year = if letter == 'u' || year > 0 { year } else { 1 - year };
        if count == 2 {
            return write!(out, "{:02}", year.rem_euclid(100));
        }
        let exceeds = self.flavor == Flavor::Formatter && count >= 4;
        if exceeds && year >= 10_i64.pow(count.min(10) as u32) {
            out.write_char('+')?;
        }
        write!(out, "{year:0count$}")
    }
}

fn text(name: &str, count: usize, out: &mut impl Write) -> std::fmt::Result {
    out.write_str(if count >= 4 { name } else { &name[..3] })
}

fn zone_offset(offset: i64, letter: char, count: usize, out: &mut impl Write) -> std::fmt::Result {
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes) = (offset.abs() / 3600, offset.abs() / 60 % 60);
    match (letter, count) {
        ('X', 1) => write!(out, "{sign}{hours:02}"),
        ('X', 3) => write!(out, "{sign}{hours:02}:{minutes:02}"),
        _ => write!(out, "{sign}{hours:02}{minutes:02}"),
    }
}

/// 0 is Sunday.
fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

fn day_of_year(time: &Civil) -> i64 {
    days_from_civil(time.year, time.month, time.day) - days_from_civil(time.year, 1, 1) + 1
}

/// Year and week: a week begins on Sunday, the first one holds the first of January.
fn week_of(time: &Civil) -> (i64, i64) {
    let day = day_of_year(time);
    let length = days_from_civil(time.year + 1, 1, 1) - days_from_civil(time.year, 1, 1);
    if day + 6 - weekday(time.days) > length {
        return (time.year + 1, 1);
    }
    let first = weekday(days_from_civil(time.year, 1, 1));
    (time.year, (day - 1 + first) / 7 + 1)
}
