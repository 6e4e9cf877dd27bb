//! Java's regular expressions in the `regex` crate's syntax. What that one has no way to say
//! (look-around, back references, possessive quantifiers) is refused, never read otherwise.

use regex::Regex;

/// Compiles a pattern in Java's syntax.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = translate(pattern)?;
    Regex::new(&translated).map_err(|_| {
        let why = if pattern.contains("(?=") || pattern.contains("(?!") || pattern.contains("(?<") {
            "look-around is not supported"
        } else {
            "it uses syntax that is not supported"
        };
        format!("regular expression \"{pattern}\": {why}")
    })
}

fn translate(pattern: &str) -> Result<String, String> {
    let refused = |why: &str| Err(format!("regular expression \"{pattern}\": {why}"));
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    let mut depth = 0_usize;
    let mut quantified = false;
    while let Some(c) = rest.next() {
        let was_quantified = std::mem::take(&mut quantified);
        match c {
            '\\' => match rest.next() {
                Some('Q') => {
                    let tail: String = rest.by_ref().collect();
                    let (quoted, after) = tail.split_once("\\E").unwrap_or((&tail, ""));
                    out.push_str(&regex::escape(quoted));
                    out.push_str(&translate(after)?);
                    return Ok(out);
                }
                Some('1'..='9' | 'k') => return refused("back references are not supported"),
                Some('Z' | 'G' | 'R' | 'X' | 'h' | 'H' | 'c' | '0' | 'N') => {
                    return refused("it uses an escape that is not supported");
                }
                Some(escaped) => push_escape(&mut out, escaped, depth > 0),
                None => return refused("it ends with a backslash"),
            },
            '[' => {
                depth += 1;
                out.push(c);
            }
            ']' => {
                depth = depth.saturating_sub(1);
                out.push(c);
            }
            '+' if depth == 0 && was_quantified => {
                return refused("possessive quantifiers are not supported");
            }
            '*' | '+' | '?' | '}' if depth == 0 => {
                // A second `?` makes the quantifier reluctant and ends it.
                quantified = !(c == '?' && was_quantified);
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    Ok(out)
}

/// Java's classes are ASCII.
fn push_escape(out: &mut String, escaped: char, in_class: bool) {
    let class = match escaped {
        'd' => "0-9",
        'D' => "^0-9",
        'w' => "a-zA-Z0-9_",
        'W' => "^a-zA-Z0-9_",
        's' => r" \t\n\x0B\f\r",
        'S' => r"^ \t\n\x0B\f\r",
        'e' => return out.push_str(r"\x1B"),
        'b' | 'B' => {
            out.push_str("(?-u:\\");
            out.push(escaped);
            return out.push(')');
        }
        _ => {
            out.push('\\');
            return out.push(escaped);
        }
    };
    if in_class && !class.starts_with('^') {
        out.push_str(class);
    } else {
        out.push('[');
        out.push_str(class);
        out.push(']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_syntax_is_understood_or_refused() {
        let found = |pattern: &str, text: &str| compile(pattern).map(|r| r.is_match(text));
        assert_eq!(found(r"^\d+$", "٣"), Ok(false));
        assert_eq!(found(r"[\w.]+", "é"), Ok(false));
        assert_eq!(found(r"[^\s]", " "), Ok(false));
        assert_eq!(found(r"\Qa.b\E+", "a.bbb"), Ok(true));
        assert_eq!(found(r"(&|^)channel_id=([^&]*)", "x&channel_id=4"), Ok(true));
        assert_eq!(found(r"a+?b", "aab"), Ok(true));
        for refused in [r"(?=a)b", r"(a)\1", r"a++b", r"(?<!x)y", r"a\Z"] {
            assert!(compile(refused).is_err(), "{refused}");
        }
    }
}
