//! Java's `.properties` files, in which workers of Kafka Connect are configured.

use std::collections::BTreeMap;

/// Reads a file: `key=value`, `key: value` or `key value` a line, comments behind `#` or `!`, a
/// backslash at the end goes on in the next line.
pub fn parse(text: &str) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut line = line.trim_start().to_owned();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        while goes_on(&line) {
            line.pop();
            line.push_str(lines.next().unwrap_or_default().trim_start());
        }
        let (key, value) = split(&line);
        properties.insert(unescaped(key), unescaped(value));
    }
    properties
}

/// Whether the line ends with an odd number of backslashes.
fn goes_on(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

fn split(line: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let end = line.find(|c: char| {
        let ends = !is_escaped && (c.is_whitespace() || c == '=' || c == ':');
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start();
    (key, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start())
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                out.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn lines_are_read_as_java_does() {
        let text = "# a worker\n bootstrap.servers = a:9092,\\\n   b:9092\n! no\nlisteners:http://:8083\n\
                    empty=\nlone\nwith\\ space=x\\ty\\u0041\\\\\nkey.converter org.JsonConverter \n\n";
        let expected = [
            ("bootstrap.servers", "a:9092,b:9092"),
            ("empty", ""),
            ("key.converter", "org.JsonConverter "),
            ("listeners", "http://:8083"),
            ("lone", ""),
            ("with space", "x\tyA\\"),
        ];
        let parsed = parse(text);
        let parsed: Vec<_> = parsed.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(parsed, expected);
    }
}
