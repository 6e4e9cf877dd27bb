//! Conditions of `Filter`: comparisons of fields and constants, joined by `&&`, `||` and `!`. It is the part
//! of Groovy and JavaScript that filters are written in.

use std::cmp::Ordering;

use super::Record;
use super::tree::Tree;

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Or(Box<Expression>, Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Compare(Operand, Operator, Operand),
    Is(Operand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A field, by its path from `key`, `value` or `topic`, or a constant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Path(Vec<String>),
    Constant(Tree),
}

impl Expression {
    /// Reads a condition; `None` if it is more than that.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: &tokens };
        let expression = parser.or()?;
        parser.tokens.is_empty().then_some(expression)
    }

    /// Whether it holds of a record.
    pub(super) fn holds(&self, record: &Record) -> bool {
        let side =
            |bytes: &Option<Vec<u8>>| bytes.as_deref().and_then(Tree::parse).unwrap_or(Tree::Null);
        let root = Tree::Object(vec![
            ("key".to_owned(), side(&record.key)),
            ("value".to_owned(), side(&record.value)),
            ("topic".to_owned(), Tree::Text(record.topic.clone())),
        ]);
        self.evaluate(&root)
    }

    fn evaluate(&self, root: &Tree) -> bool {
        match self {
            Expression::Or(a, b) => a.evaluate(root) || b.evaluate(root),
            Expression::And(a, b) => a.evaluate(root) && b.evaluate(root),
            Expression::Not(a) => !a.evaluate(root),
            Expression::Is(a) => match a.value(root) {
                Tree::Bool(value) => *value,
                Tree::Null => false,
                _ => true,
            },
            Expression::Compare(a, operator, b) => {
                let (a, b) = (a.value(root), b.value(root));
                let order = compare(a, b);
                match operator {
                    Operator::Equal => order == Some(Ordering::Equal),
                    Operator::Unequal => order != Some(Ordering::Equal),
                    Operator::Less => order == Some(Ordering::Less),
                    Operator::LessOrEqual => order.is_some_and(Ordering::is_le),
                    Operator::Greater => order == Some(Ordering::Greater),
                    Operator::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
                }
            }
        }
    }
}

impl Operand {
    fn value<'a>(&'a self, root: &'a Tree) -> &'a Tree {
        match self {
            Operand::Constant(tree) => tree,
            Operand::Path(path) => {
                path.iter().try_fold(root, |tree, name| tree.get(name)).unwrap_or(&Tree::Null)
            }
        }
    }
}

fn compare(a: &Tree, b: &Tree) -> Option<Ordering> {
    match (a, b) {
        (Tree::Null, Tree::Null) => Some(Ordering::Equal),
        (Tree::Bool(a), Tree::Bool(b)) => Some(a.cmp(b)),
        (Tree::Text(a), Tree::Text(b)) => Some(a.cmp(b)),
        (Tree::Integer(a), Tree::Integer(b)) => Some(a.cmp(b)),
        (Tree::Integer(a), Tree::Number(b)) => (*a as f64).partial_cmp(b),
        (Tree::Number(a), Tree::Integer(b)) => a.partial_cmp(&(*b as f64)),
        (Tree::Number(a), Tree::Number(b)) => a.partial_cmp(b),
        _ => None,
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Operand(Operand),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 11] = ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")"];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            tokens.push(Token::Symbol(symbol));
            rest = rest[symbol.len()..].trim_start();
            continue;
        }
        let length = match first {
            '\'' | '"' => rest[1..].find(first)? + 2,
            _ => rest
                .find(|c: char| !c.is_alphanumeric() && !"._-?$".contains(c))
                .unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(length);
        tokens.push(Token::Operand(operand(word)?));
        rest = after.trim_start();
    }
    Some(tokens)
}

fn operand(word: &str) -> Option<Operand> {
    let constant = |tree| Some(Operand::Constant(tree));
    match word {
        "true" => return constant(Tree::Bool(true)),
        "false" => return constant(Tree::Bool(false)),
        "null" => return constant(Tree::Null),
        _ => {}
    }
    if let Some(quoted) = word.strip_prefix(['\'', '"']) {
        return constant(Tree::Text(quoted[..quoted.len() - 1].to_owned()));
    }
    if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return match word.parse() {
            Ok(integer) => constant(Tree::Integer(integer)),
            Err(_) => constant(Tree::Number(word.parse().ok()?)),
        };
    }
    let path: Vec<String> =
        word.split('.').map(|name| name.trim_end_matches('?').to_owned()).collect();
    let is_root = matches!(path.first()?.as_str(), "key" | "value" | "topic");
    (is_root && path.iter().all(|name| !name.is_empty())).then_some(Operand::Path(path))
}

struct Parser<'a> {
    tokens: &'a [Token],
}

impl Parser<'_> {
    fn take(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.tokens.first(), Some(Token::Symbol(next)) if *next == symbol);
        if is_next {
            self.tokens = &self.tokens[1..];
        }
        is_next
    }

    fn or(&mut self) -> Option<Expression> {
        let mut left = self.and()?;
        while self.take("||") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Some(left)
    }

    fn and(&mut self) -> Option<Expression> {
        let mut left = self.not()?;
        while self.take("&&") {
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Some(left)
    }

    fn not(&mut self) -> Option<Expression> {
        if self.take("!") {
            return Some(Expression::Not(Box::new(self.not()?)));
        }
        if self.take("(") {
            let inner = self.or()?;
            return self.take(")").then_some(inner);
        }
        let left = self.operand()?;
        let operators = [
            ("==", Operator::Equal),
            ("!=", Operator::Unequal),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        match operators.into_iter().find(|(symbol, _)| self.take(symbol)) {
            Some((_, operator)) => Some(Expression::Compare(left, operator, self.operand()?)),
            None => Some(Expression::Is(left)),
        }
    }

    fn operand(&mut self) -> Option<Operand> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        match first {
            Token::Operand(operand) => Some(operand.clone()),
            Token::Symbol(_) => None,
        }
    }
}
