//! Scripts hold passwords: what shows their text shows stars instead.

use std::ops::Range;

use tailwater_sql::describe::is_secret;

const STARS: &str = "******";

/// A text without its secrets.
pub(crate) struct Masked {
    pub(crate) text: String,
    secrets: Vec<Range<usize>>,
}

impl Masked {
    pub(crate) fn new(text: &str) -> Self {
        let secrets = secrets(text);
        let mut masked = String::new();
        let mut at = 0;
        for secret in &secrets {
            masked.push_str(&text[at..secret.start]);
            masked.push_str(STARS);
            at = secret.end;
        }
        masked.push_str(&text[at..]);
        Self { text: masked, secrets }
    }

    /// Where a place of the original text is now.
    pub(crate) fn place(&self, original: usize) -> usize {
        let mut place = original;
        for secret in &self.secrets {
            if original >= secret.end {
                place = place + STARS.len() - secret.len();
            } else if original > secret.start {
                place = place - original + secret.start;
            }
        }
        place
    }
}

/// The insides of secret literals: the value in `'password' = 'value'`, and what follows
/// `password=` in an URL.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut key: Option<Range<usize>> = None;
    for literal in literals(text) {
        let is_value = key.as_ref().is_some_and(|key| {
            let between = &text[key.end + 1..literal.start - 1];
            between.trim() == "=" && is_secret(&text[key.clone()])
        });
        if is_value {
            found.push(literal);
            key = None;
            continue;
        }
        let inside = &text[literal.clone()];
        for (at, word) in inside.to_ascii_lowercase().match_indices("password=") {
            let start = literal.start + at + word.len();
            if found.last().is_some_and(|secret| start <= secret.end && start > secret.start) {
                // Part of the one before.
                continue;
            }
            let rest = &text[start..literal.end];
            found.push(start..start + rest.find('&').unwrap_or(rest.len()));
        }
        key = Some(literal);
    }
    found
}

/// The insides of the literals of a text, which need not be right.
fn literals(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let end_of =
        |from: usize, end: &str| text[from..].find(end).map_or(bytes.len(), |at| from + at);
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'-' if bytes[at..].starts_with(b"--") => at = end_of(at, "\n"),
            b'/' if bytes[at..].starts_with(b"/*") => at = end_of(at + 2, "*/"),
            b'`' => at = end_of(at + 1, "`") + 1,
            b'\'' => {
                let start = at + 1;
                let mut end = end_of(start, "'");
                while bytes[end..].starts_with(b"''") {
                    end = end_of(end + 2, "'");
                }
                found.push(start..end);
                at = end + 1;
            }
            _ => at += 1,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_become_stars_and_places_move_along() {
        let text = "-- it's\nWITH ('url' = 'jdbc:postgresql://h/d?user=u&password=x&a=b&sslpassword=y',\n\
            'Password' = 'a''b', 'k' = 'v')";
        let masked = Masked::new(text);
        assert_eq!(
            masked.text,
            "-- it's\nWITH ('url' = 'jdbc:postgresql://h/d?user=u&password=******&a=b&sslpassword=******',\n\
             'Password' = '******', 'k' = 'v')"
        );
        let same = |part: &str| {
            let place = masked.place(text.find(part).unwrap());
            assert_eq!(place, masked.text.find(part).unwrap(), "{part}");
        };
        ["WITH", "&a=b", "'Password'", "'k'"].into_iter().for_each(same);
        assert_eq!(Masked::new("'?password=password=x&a'").text, "'?password=******&a'");
        assert_eq!(Masked::new("SET 'password' = 'open").text, "SET 'password' = '******");
    }
}
