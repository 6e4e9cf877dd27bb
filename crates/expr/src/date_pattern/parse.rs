//! Dates from text.

use tailwater_types::Timestamp;

use super::{DAYS, DatePattern, Flavor, Item, MONTHS, is_number};
use crate::civil::{Civil, days_from_civil, month_length};

/// What a text said; absent fields are those of 1970-01-01 00:00:00.
#[derive(Default)]
struct Fields {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    half_day_hour: Option<i64>,
    is_afternoon: Option<bool>,
    minute: i64,
    second: i64,
    nano: i64,
    /// Seconds ahead of UTC, where the text says so.
    offset: Option<i64>,
}

impl DatePattern {
    /// The local time that a text says, and its offset from UTC if it has one; `None` if it is not
    /// of the pattern.
    pub(crate) fn parse(&self, text: &str) -> Option<(Timestamp, Option<i64>)> {
        let mut fields = Fields::default();
        let mut rest = text;
        for (i, item) in self.items.iter().enumerate() {
            match *item {
                Item::Literal(c) => rest = self.literal(c, rest)?,
                Item::Field(letter, count) if is_number(letter, count) => {
                    rest = self.number(i, rest, &mut fields)?;
                }
                Item::Field(letter, _) => rest = word(letter, rest, &mut fields)?,
            }
        }
        if self.flavor == Flavor::Formatter && !rest.is_empty() {
            return None;
        }
        let time = match self.flavor {
            Flavor::Formatter => fields.checked()?,
            Flavor::Simple => fields.rolled(),
        };
        Some((time, fields.offset))
    }

    fn literal<'t>(&self, literal: char, text: &'t str) -> Option<&'t str> {
        if self.flavor == Flavor::Simple && literal == ' ' {
            // Any number of blanks stands for one.
            let rest = text.trim_start_matches([' ', '\t']);
            return (rest.len() < text.len()).then_some(rest);
        }
        text.strip_prefix(literal)
    }

    /// The number for field `i` off the front of the text.
    fn number<'t>(&self, i: usize, text: &'t str, fields: &mut Fields) -> Option<&'t str> {
        let Item::Field(letter, count) = self.items[i] else {
            return None;
        };
        let simple = self.flavor == Flavor::Simple;
        let text = if simple { text.trim_start_matches([' ', '\t']) } else { text };
        let (sign, body) = match text.strip_prefix('-') {
            Some(body) if simple => (-1, body),
            _ => (1, text),
        };
        let digits = body.bytes().take_while(u8::is_ascii_digit).count();
        // Numbers without a mark between them share the digits by their widths.
        let reserved: usize = self.items[i + 1..]
            .iter()
            .map_while(|item| match item {
                Item::Field(l, n) if is_number(*l, *n) => Some(*n),
                _ => None,
            })
            .sum();
        let fixed = if simple { reserved > 0 } else { count > 1 || letter == 'S' };
        let width = if fixed { count } else { digits.saturating_sub(reserved) };
        if width == 0 || width > digits || width > 18 {
            return None;
        }
        let value = sign * body[..width].parse::<i64>().ok()?;
        fields.set((letter, count), value, width, self.flavor)?;
        Some(&body[width..])
    }
}

impl Fields {
    fn set(
        &mut self,
        (letter, count): (char, usize),
        value: i64,
        width: usize,
        flavor: Flavor,
    ) -> Option<()> {
        let simple = flavor == Flavor::Simple;
        match letter {
            'y' | 'u' if !(simple && letter == 'u') => {
                self.year = Some(match (count, width) {
                    (2, 2) if simple => value + if value < 47 { 2000 } else { 1900 },
                    (2, 2) => 2000 + value,
                    _ => value,
                });
            }
            'M' | 'L' => self.month = Some(value),
            'd' => self.day = Some(value),
            'D' => self.day_of_year = Some(value),
            'H' => self.hour = Some(value),
            'k' => self.hour = Some(value % 24),
            'h' => self.half_day_hour = Some(value % 12),
            'K' => self.half_day_hour = Some(value),
            'm' => self.minute = value,
            's' => self.second = value,
            'S' if simple => self.nano = value * 1_000_000,
            'S' => self.nano = value * 10_i64.pow(9 - count.min(9) as u32),
            // Weeks, quarters and days of the week say nothing about a date of their own.
            _ => return None,
        }
        Some(())
    }

    /// The hour of the day; without a half of the day the lenient class takes the morning and the
    /// strict one knows no hour.
    fn hour_of_day(&self) -> i64 {
        match (self.hour, self.half_day_hour, self.is_afternoon) {
            (Some(hour), _, _) => hour,
            (None, Some(hour), Some(true)) => hour + 12,
            (None, Some(hour), Some(false)) => hour,
            (None, hour, None) => hour.unwrap_or(0),
            (None, None, Some(_)) => 0,
        }
    }

    fn checked(&self) -> Option<Timestamp> {
        let (year, month) = (self.year.unwrap_or(1970), self.month.unwrap_or(1));
        let day = self.day.unwrap_or(1);
        let hour = match (self.half_day_hour, self.is_afternoon, self.hour) {
            (Some(_), None, None) => 0,
            _ => self.hour_of_day(),
        };
        let valid = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && (0..24).contains(&hour)
            && (0..60).contains(&self.minute)
            && (0..60).contains(&self.second)
            && (1..=9999).contains(&year);
        let mut civil = Civil {
            days: 0,
            year,
            month,
            day: day.min(month_length(year, month)),
            hour,
            minute: self.minute,
            second: self.second,
            nano: self.nano,
        };
        if let Some(of_year) = self.day_of_year {
            let length = days_from_civil(year + 1, 1, 1) - days_from_civil(year, 1, 1);
            if !(1..=length).contains(&of_year) {
                return None;
            }
            (civil.month, civil.day) = (1, of_year);
        }
        valid.then(|| civil.timestamp())
    }

    /// Fields out of range go over to the next larger one.
    fn rolled(&self) -> Timestamp {
        let months = self.month.unwrap_or(1) - 1;
        let year = self.year.unwrap_or(1970).clamp(-9999, 99_999) + months.div_euclid(12);
        let clamp = |value: i64| value.clamp(-1_000_000_000, 1_000_000_000);
        let civil = Civil {
            days: 0,
            year,
            month: months.rem_euclid(12) + 1,
            day: clamp(self.day.unwrap_or(1)),
            hour: clamp(self.hour_of_day()),
            minute: clamp(self.minute),
            second: clamp(self.second),
            nano: clamp(self.nano / 1_000_000) * 1_000_000,
        };
        match self.day_of_year {
            Some(day) => Civil { month: 1, day: clamp(day), ..civil }.timestamp(),
            None => civil.timestamp(),
        }
    }
}

fn name_in<'t>(text: &'t str, names: &[&str]) -> Option<(usize, &'t str)> {
    names.iter().enumerate().find_map(|(i, name)| {
        let full = text.get(..name.len());
        let short = text.get(..3);
        if full.is_some_and(|t| t.eq_ignore_ascii_case(name)) {
            Some((i, &text[name.len()..]))
        } else if short.is_some_and(|t| t.eq_ignore_ascii_case(&name[..3])) {
            Some((i, &text[3..]))
        } else {
            None
        }
    })
}

/// A name or an offset off the front of the text.
fn word<'t>(letter: char, text: &'t str, fields: &mut Fields) -> Option<&'t str> {
    match letter {
        'M' | 'L' => {
            let (i, rest) = name_in(text, &MONTHS)?;
            fields.month = Some(i as i64 + 1);
            Some(rest)
        }
        'E' => name_in(text, &DAYS).map(|(_, rest)| rest),
        'a' => {
            let half = text.get(..2)?;
            fields.is_afternoon = Some(if half.eq_ignore_ascii_case("PM") {
                true
            } else if half.eq_ignore_ascii_case("AM") {
                false
            } else {
                return None;
            });
            Some(&text[2..])
        }
        'G' => text.strip_prefix("AD"),
        'Z' | 'X' => offset(text, fields),
        _ => None,
    }
}

fn offset<'t>(text: &'t str, fields: &mut Fields) -> Option<&'t str> {
    if let Some(rest) = text.strip_prefix('Z') {
        fields.offset = Some(0);
        return Some(rest);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours: i64 = text.get(1..3)?.parse().ok()?;
    let rest = &text[3..];
    let after = rest.strip_prefix(':').unwrap_or(rest);
    let minutes: Option<i64> = after.get(..2).and_then(|m| m.parse().ok());
    fields.offset = Some(sign * (hours * 3600 + minutes.unwrap_or(0) * 60));
    Some(if minutes.is_some() { &after[2..] } else { rest })
}
