//! Date patterns of Java's `DateTimeFormatter` and `SimpleDateFormat`, in English as Flink's
//! containers have them (weeks begin on Sunday). Letters that we do not know are refused.

mod format;
mod parse;

/// Which of Java's two classes reads the pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// `java.time.format.DateTimeFormatter`: fixed widths, the whole text.
    Formatter,
    /// `java.text.SimpleDateFormat`: lenient, the beginning of the text.
    Simple,
}

/// One element of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Literal(char),
    Field(char, usize),
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct DatePattern {
    items: Vec<Item>,
    flavor: Flavor,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl DatePattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// A letter that is not supported, an open quote.
    pub(crate) fn new(pattern: &str, flavor: Flavor) -> Result<Self, String> {
        let mut items = Vec::new();
        let mut rest = pattern.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\'' => quoted(pattern, &mut rest, &mut items)?,
                'a'..='z' | 'A'..='Z' => {
                    let mut count = 1;
                    while rest.next_if_eq(&c).is_some() {
                        count += 1;
                    }
                    if !is_known(c, count, flavor) {
                        let letters: String = std::iter::repeat_n(c, count).collect();
                        return Err(format!(
                            "date pattern \"{pattern}\": \"{letters}\" is not supported"
                        ));
                    }
                    items.push(Item::Field(c, count));
                }
                '[' | ']' | '{' | '}' | '#' if flavor == Flavor::Formatter => {
                    return Err(format!("date pattern \"{pattern}\": \"{c}\" is not supported"));
                }
                _ => items.push(Item::Literal(c)),
            }
        }
        Ok(Self { items, flavor })
    }
}

fn quoted(
    pattern: &str,
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    items: &mut Vec<Item>,
) -> Result<(), String> {
    if rest.next_if_eq(&'\'').is_some() {
        items.push(Item::Literal('\''));
        return Ok(());
    }
    loop {
        match rest.next() {
            Some('\'') if rest.next_if_eq(&'\'').is_some() => items.push(Item::Literal('\'')),
            Some('\'') => return Ok(()),
            Some(c) => items.push(Item::Literal(c)),
            None => {
                return Err(format!("date pattern \"{pattern}\": a quote is not closed"));
            }
        }
    }
}

fn is_known(letter: char, count: usize, flavor: Flavor) -> bool {
    match (flavor, letter) {
        (Flavor::Formatter, 'y' | 'u' | 'Y') => count <= 10,
        (Flavor::Formatter, 'M' | 'L' | 'Q' | 'q') => count <= 4,
        (Flavor::Formatter, 'd' | 'H' | 'h' | 'K' | 'k' | 'm' | 's' | 'w') => count <= 2,
        (Flavor::Formatter, 'D') => count <= 3,
        (Flavor::Formatter, 'S') => count <= 9,
        (Flavor::Formatter, 'a' | 'W') => count == 1,
        (Flavor::Formatter, 'E') => count <= 4,
        (Flavor::Formatter, 'G') => count <= 3,
        (Flavor::Formatter, _) => false,
        (Flavor::Simple, letter) => "yYMLwWDdEuaHkKhmsSGZX".contains(letter) && count <= 10,
    }
}

fn is_number(letter: char, count: usize) -> bool {
    match letter {
        'M' | 'L' | 'Q' | 'q' => count <= 2,
        'a' | 'E' | 'G' | 'Z' | 'X' => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
