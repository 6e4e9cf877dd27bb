//! `RegexRouter`, `ByLogicalTableRouter`: where records go.

use regex::Regex;

/// Topics that match whole are renamed.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) expression: Regex,
    /// In the notation of the expression's library.
    pub(crate) replacement: String,
}

impl Route {
    /// Compiles one from Java's notation.
    pub(crate) fn new(regex: &str, replacement: &str) -> Result<Self, String> {
        let expression = Regex::new(&format!("^(?:{regex})$"));
        let expression = expression.map_err(|_| {
            format!("\"{regex}\" is not a regular expression that is understood here")
        })?;
        Ok(Self { expression, replacement: notation(replacement) })
    }

    /// The new name of a topic, or the old one.
    pub(crate) fn apply(&self, topic: &str) -> String {
        match self.expression.is_match(topic) {
            true => self.expression.replace(topic, self.replacement.as_str()).into_owned(),
            false => topic.to_owned(),
        }
    }
}

/// `$1` ends behind its digits, `\$` is a dollar.
fn notation(java: &str) -> String {
    let mut out = String::new();
    let mut chars = java.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('$') => out.push_str("$$"),
                Some(other) => out.push(other),
                None => {}
            },
            '$' if chars.peek() == Some(&'{') => out.push('$'),
            '$' => {
                out.push_str("${");
                while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                    out.push(digit);
                }
                out.push('}');
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_renamed_as_java_renames_them() {
        let route =
            |regex, replacement: &str, topic| Route::new(regex, replacement).unwrap().apply(topic);
        assert_eq!(route("srv\\.(.*)\\.(.*)", "$2_of_$1", "srv.a.b"), "b_of_a");
        assert_eq!(route("(.*)", "$1x", "t"), "tx");
        assert_eq!(route("a", "b", "aa"), "aa");
        assert_eq!(route(".*", "fix\\$ed", "any"), "fix$ed");
        assert_eq!(route("(?<n>.*)", "x.${n}", "t"), "x.t");
    }
}
