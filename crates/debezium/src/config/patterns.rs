//! Lists of regular expressions that match whole names, whatever their case.

use regex::{Regex, RegexBuilder};

/// An include list and an exclude list; an empty include list takes everything.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    pub(super) include: Vec<Regex>,
    pub(super) exclude: Vec<Regex>,
}

impl Patterns {
    /// Whether a name is taken.
    pub fn takes(&self, name: &str) -> bool {
        let is_in = |list: &[Regex]| list.iter().any(|pattern| pattern.is_match(name));
        (self.include.is_empty() || is_in(&self.include)) && !is_in(&self.exclude)
    }

    /// Both lists as text.
    pub(super) fn text(&self) -> String {
        let list = |patterns: &[Regex]| {
            let patterns: Vec<&str> = patterns.iter().map(Regex::as_str).collect();
            patterns.join(",")
        };
        format!("{};{}", list(&self.include), list(&self.exclude))
    }

    /// The place in the include list of the first pattern that matches.
    pub fn place(&self, name: &str) -> usize {
        self.include.iter().position(|pattern| pattern.is_match(name)).unwrap_or(usize::MAX)
    }
}

/// A list of texts parted by commas; `\,` is a comma within one.
pub(crate) fn split(list: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = list.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&',') => {
                chars.next();
                if let Some(last) = parts.last_mut() {
                    last.push(',');
                }
            }
            ',' => parts.push(String::new()),
            c => {
                if let Some(last) = parts.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    let trimmed = parts.iter().map(|part| part.trim().to_owned());
    trimmed.filter(|part| !part.is_empty()).collect()
}

/// Compiles one expression that matches a whole name.
pub(crate) fn compile(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(&format!("^(?:{text})$")).case_insensitive(true).build();
    built.map_err(|_| format!("\"{text}\" is not a regular expression that is understood here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_whole_and_in_any_case() {
        let list = |text: &str| split(text).iter().map(|p| compile(p).unwrap()).collect();
        let patterns =
            Patterns { include: list("public.*, Odd Schema.*"), exclude: list("public\\.b") };
        assert!(patterns.takes("Public.a") && patterns.takes("odd schema.x"));
        assert!(!patterns.takes("public.b") && !patterns.takes("x.public.a"));
        assert_eq!(patterns.place("Odd Schema.t"), 1);
        assert_eq!(split("a\\,b , c,"), ["a,b", "c"]);
    }
}
