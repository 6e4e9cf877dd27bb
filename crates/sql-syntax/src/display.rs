//! Canonical SQL text of every node. Parsing it again gives the same tree, spans aside.

use std::fmt::{self, Display, Formatter};

use crate::ast::{Ident, ObjectName, SqlOption, StringLiteral};

mod call;
mod data_type;
mod ddl;
mod expr;
mod query;
mod statement;
mod table;

/// `a, b, c`.
struct Commas<'a, T>(&'a [T]);

impl<T: Display> Display for Commas<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{item}")?;
        }
        Ok(())
    }
}

/// `word` and what follows, or nothing.
struct Clause<'a, T>(&'a str, &'a Option<T>);

impl<T: Display> Display for Clause<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(value) => write!(f, "{}{value}", self.0),
            None => Ok(()),
        }
    }
}

/// `before`, the list by commas, `after`; nothing for an empty list.
struct ListClause<'a, T>(&'a str, &'a [T], &'a str);

impl<T: Display> Display for ListClause<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.1.is_empty() {
            return Ok(());
        }
        write!(f, "{}{}{}", self.0, Commas(self.1), self.2)
    }
}

/// A word, or nothing.
fn flag(set: bool, word: &'static str) -> &'static str {
    if set { word } else { "" }
}

/// A text in single quotes.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\'', "''"))
    }
}

impl Display for Ident {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.quoted {
            write!(f, "`{}`", self.value.replace('`', "``"))
        } else {
            f.write_str(&self.value)
        }
    }
}

impl Display for ObjectName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        dotted(&self.parts, f)
    }
}

fn dotted(parts: &[Ident], f: &mut Formatter<'_>) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        let dot = if index == 0 { "" } else { "." };
        write!(f, "{dot}{part}")?;
    }
    Ok(())
}

impl Display for StringLiteral {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Quoted(&self.value).fmt(f)
    }
}

impl Display for SqlOption {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.key, self.value)
    }
}
