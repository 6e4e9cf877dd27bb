//! `LIKE` patterns.

/// A compiled pattern.
pub(crate) enum Like {
    /// No wildcard.
    Exact(Box<str>),
    /// `abc%`
    Prefix(Box<str>),
    /// `%abc`
    Suffix(Box<str>),
    /// `%abc%`
    Infix(Box<str>),
    /// Anything else.
    Tokens(Box<[Token]>),
}

/// One element of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// This character.
    Literal(char),
    /// `_`
    One,
    /// `%`
    Any,
}

impl Like {
    /// Compiles a pattern; after the escape character wildcards stand for themselves.
    ///
    /// # Errors
    /// An escape character before anything but a wildcard or itself.
    pub(crate) fn new(pattern: &str, escape: Option<char>) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut rest = pattern.chars();
        while let Some(c) = rest.next() {
            tokens.push(match c {
                _ if Some(c) == escape => match rest.next() {
                    Some(next) if next == '%' || next == '_' || next == c => Token::Literal(next),
                    _ => return Err("Invalid escape sequence in a LIKE pattern".to_owned()),
                },
                '%' => Token::Any,
                '_' => Token::One,
                _ => Token::Literal(c),
            });
        }
        let literal = |tokens: &[Token]| -> Option<Box<str>> {
            let characters = tokens.iter().map(|t| match t {
                Token::Literal(c) => Some(*c),
                _ => None,
            });
            characters.collect::<Option<String>>().map(Into::into)
        };
        if let Some(text) = literal(&tokens) {
            return Ok(Like::Exact(text));
        }
        Ok(match tokens.as_slice() {
            [Token::Any, middle @ .., Token::Any] if literal(middle).is_some() => {
                Like::Infix(literal(middle).unwrap_or_default())
            }
            [start @ .., Token::Any] if literal(start).is_some() => {
                Like::Prefix(literal(start).unwrap_or_default())
            }
            [Token::Any, end @ ..] if literal(end).is_some() => {
                Like::Suffix(literal(end).unwrap_or_default())
            }
            _ => Like::Tokens(tokens.into()),
        })
    }

    /// Whether the whole text is of the pattern.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Like::Exact(literal) => text == &**literal,
            Like::Prefix(start) => text.starts_with(&**start),
            Like::Suffix(end) => text.ends_with(&**end),
            Like::Infix(middle) => text.contains(&**middle),
            Like::Tokens(tokens) => walk(tokens, text),
        }
    }
}

/// Greedy matching that goes back to the last `%` only.
fn walk(tokens: &[Token], text: &str) -> bool {
    let (mut at, mut rest) = (0, text);
    let mut retry: Option<(usize, &str)> = None;
    loop {
        let mut characters = rest.chars();
        let advanced = match (tokens.get(at), characters.next()) {
            (Some(Token::Any), _) => {
                retry = Some((at, rest));
                at += 1;
                continue;
            }
            (None, None) => return true,
            (Some(Token::One), Some(_)) => true,
            (Some(Token::Literal(c)), Some(next)) => *c == next,
            _ => false,
        };
        if advanced {
            at += 1;
            rest = characters.as_str();
            continue;
        }
        let Some((any, from)) = retry else {
            return false;
        };
        let mut skipped = from.chars();
        if skipped.next().is_none() {
            return false;
        }
        retry = Some((any, skipped.as_str()));
        at = any + 1;
        rest = skipped.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_sql_says() {
        let table = [
            ("hello", "h%", None, true),
            ("hello", "_e%o", None, true),
            ("50%", "%\\%%", Some('\\'), true),
            ("hello", "%\\%%", Some('\\'), false),
            ("hello", "%l%", None, true),
            ("", "%", None, true),
            ("", "_", None, false),
            ("héλ😀o", "h__😀_", None, true),
            ("abcabd", "%ab_", None, true),
            ("abc", "ABC", None, false),
            ("aXbXc", "a%b%d", None, false),
        ];
        for (text, pattern, escape, expected) in table {
            let like = Like::new(pattern, escape).expect("a pattern");
            assert_eq!(like.matches(text), expected, "{text} LIKE {pattern}");
        }
        assert!(Like::new("a\\b", Some('\\')).is_err());
    }
}
