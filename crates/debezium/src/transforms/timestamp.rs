//! `TimestampConverter`: points in time as numbers or texts.

use tailwater_pg_wire::value::calendar::{civil_from_days, days_from_civil};

use super::Record;
use super::fields::Side;
use super::tree::Tree;

const DAY_MILLIS: i64 = 86_400_000;

/// A field, or the whole part of a record, and what it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimestampEdit {
    pub(crate) field: Option<String>,
    pub(crate) target: Target,
    /// The format of texts, as letters of Java's `SimpleDateFormat`.
    pub(crate) format: Vec<Part>,
    /// Units of numbers in a second.
    pub(crate) per_second: i64,
}

/// `target.type`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Text,
    Unix,
    Date,
    Time,
    Timestamp,
}

/// A piece of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A letter of the pattern and how often it stands there.
    Field(char, usize),
    Literal(String),
}

/// Reads a format; `None` if it has a letter that is not known here.
pub(crate) fn parse_format(pattern: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\'' {
            let mut literal = String::new();
            for quoted in chars.by_ref() {
                if quoted == '\'' {
                    break;
                }
                literal.push(quoted);
            }
            parts.push(Part::Literal(if literal.is_empty() { "'".to_owned() } else { literal }));
        } else if c.is_ascii_alphabetic() {
            let mut count = 1;
            while chars.next_if_eq(&c).is_some() {
                count += 1;
            }
            if !"yMdHmsSXZ".contains(c) {
                return None;
            }
            parts.push(Part::Field(c, count));
        } else {
            parts.push(Part::Literal(c.to_string()));
        }
    }
    Some(parts)
}

impl TimestampEdit {
    /// Changes a record; what is no point in time stays as it is.
    pub(super) fn apply(&self, side: Side, record: &mut Record) {
        let Some(mut tree) = side.read(record) else {
            return;
        };
        match (&self.field, &mut tree) {
            (None, tree) => self.convert(tree),
            (Some(field), Tree::Object(members)) => {
                let found = members.iter_mut().find(|(name, _)| name == field);
                found.into_iter().for_each(|(_, value)| self.convert(value));
            }
            (Some(_), _) => {}
        }
        side.write(&tree, record);
    }

    fn convert(&self, value: &mut Tree) {
        let millis = match value {
            Tree::Integer(number) => {
                i64::try_from(*number * 1000 / i128::from(self.per_second)).ok()
            }
            Tree::Text(text) => self.read(text),
            _ => None,
        };
        let Some(millis) = millis else {
            return;
        };
        *value = match self.target {
            Target::Text => Tree::Text(self.write(millis)),
            Target::Unix => Tree::Integer(i128::from(millis) * i128::from(self.per_second) / 1000),
            Target::Date => Tree::Integer(millis.div_euclid(DAY_MILLIS).into()),
            Target::Time => Tree::Integer(millis.rem_euclid(DAY_MILLIS).into()),
            Target::Timestamp => Tree::Integer(millis.into()),
        };
    }

    fn write(&self, millis: i64) -> String {
        let (year, month, day) = civil_from_days(millis.div_euclid(DAY_MILLIS));
        let clock = millis.rem_euclid(DAY_MILLIS);
        let mut text = String::new();
        for part in &self.format {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Field('y', 2) => text.push_str(&format!("{:02}", year.rem_euclid(100))),
                Part::Field('X', _) => text.push('Z'),
                Part::Field('Z', _) => text.push_str("+0000"),
                Part::Field(letter, count) => {
                    let value = match letter {
                        'y' => year,
                        'M' => month.into(),
                        'd' => day.into(),
                        'H' => clock / 3_600_000,
                        'm' => clock / 60_000 % 60,
                        's' => clock / 1000 % 60,
                        _ => clock % 1000,
                    };
                    text.push_str(&format!("{value:0width$}", width = *count));
                }
            }
        }
        text
    }

    fn read(&self, text: &str) -> Option<i64> {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        let mut millis = 0;
        let mut rest = text;
        for part in &self.format {
            match part {
                Part::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Part::Field('X' | 'Z', _) => {
                    rest = rest.strip_prefix('Z').or_else(|| rest.strip_prefix("+0000"))?;
                }
                Part::Field(letter, count) => {
                    let most = if *letter == 'y' { 9 } else { (*count).max(2) };
                    let digits = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
                    let (number, after) = rest.split_at(digits);
                    let number: i64 = number.parse().ok()?;
                    rest = after;
                    match letter {
                        'y' => year = number,
                        'M' => month = u32::try_from(number).ok()?,
                        'd' => day = u32::try_from(number).ok()?,
                        'H' => millis += number * 3_600_000,
                        'm' => millis += number * 60_000,
                        's' => millis += number * 1000,
                        _ => millis += number,
                    }
                }
            }
        }
        let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
        (rest.is_empty() && is_date)
            .then(|| days_from_civil(year, month, day) * DAY_MILLIS + millis)
    }
}
