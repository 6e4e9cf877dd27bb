//! `tsvector` and `tsquery` as the server prints them.

use super::value_type::append_integer;
use crate::reader::Reader;

/// `tsvector`: `'fat':2A,4 'rat'`
pub(super) fn append_vector(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut r = Reader::new(bytes, "tsvector");
    for at in 0..r.u32().ok()? {
        if at > 0 {
            out.push(b' ');
        }
        append_lexeme(r.c_str().ok()?, out);
        for place in 0..r.u16().ok()? {
            out.push(if place == 0 { b':' } else { b',' });
            let position = r.u16().ok()?;
            append_integer(position & 0x3fff, out);
            out.extend_from_slice([&b""[..], b"C", b"B", b"A"][usize::from(position >> 14)]);
        }
    }
    r.rest().is_empty().then_some(())
}

fn append_lexeme(lexeme: &str, out: &mut Vec<u8>) {
    out.push(b'\'');
    for byte in lexeme.bytes() {
        if matches!(byte, b'\'' | b'\\') {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(b'\'');
}

/// An item of a query. They come operator first, then the right operand, then the left one.
enum Item<'a> {
    Lexeme { weights: u8, is_prefix: bool, text: &'a str },
    Not,
    Pair { operator: Operator },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    And,
    Or,
    Phrase(u16),
}

const NOT_PRIORITY: u8 = 4;

impl Operator {
    fn priority(self) -> u8 {
        match self {
            Operator::Or => 1,
            Operator::And => 2,
            Operator::Phrase(_) => 3,
        }
    }
}

/// What is left to print, the next step last.
enum Step {
    Operand { at: usize, parent: u8, is_right_of_phrase: bool },
    Operator(Operator),
    Close,
}

/// `tsquery`: `'fat' & ( 'rat' | !'cat':*AB )`. Queries can be thousands of operators deep: no
/// recursion.
pub(super) fn append_query(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (items, ends) = read_query(bytes)?;
    if items.is_empty() {
        return Some(());
    }
    let mut steps = vec![Step::Operand { at: 0, parent: 0, is_right_of_phrase: false }];
    while let Some(step) = steps.pop() {
        let (at, parent, is_right_of_phrase) = match step {
            Step::Operand { at, parent, is_right_of_phrase } => (at, parent, is_right_of_phrase),
            Step::Operator(operator) => {
                append_operator(operator, out);
                continue;
            }
            Step::Close => {
                out.extend_from_slice(b" )");
                continue;
            }
        };
        match items.get(at)? {
            Item::Lexeme { weights, is_prefix, text } => {
                append_lexeme(text, out);
                append_weights(*weights, *is_prefix, out);
            }
            Item::Not => {
                if NOT_PRIORITY < parent {
                    out.extend_from_slice(b"( ");
                    steps.push(Step::Close);
                }
                out.push(b'!');
                let parent = NOT_PRIORITY;
                steps.push(Step::Operand { at: at + 1, parent, is_right_of_phrase: false });
            }
            Item::Pair { operator } => {
                let priority = operator.priority();
                let is_phrase = matches!(operator, Operator::Phrase(_));
                if priority < parent || (is_phrase && is_right_of_phrase) {
                    out.extend_from_slice(b"( ");
                    steps.push(Step::Close);
                }
                let (right, left) = (at + 1, *ends.get(at + 1)?);
                let operand = |at, is_right_of_phrase| Step::Operand {
                    at,
                    parent: priority,
                    is_right_of_phrase,
                };
                steps.push(operand(right, is_phrase));
                steps.push(Step::Operator(*operator));
                steps.push(operand(left, false));
            }
        }
    }
    Some(())
}

/// The items, and for each the place behind its operands.
fn read_query(bytes: &[u8]) -> Option<(Vec<Item<'_>>, Vec<usize>)> {
    let mut r = Reader::new(bytes, "tsquery");
    let count = r.u32().ok()? as usize;
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(match (r.u8().ok()?, r.u8().ok()?) {
            (1, weights) => {
                let is_prefix = r.u8().ok()? != 0;
                Item::Lexeme { weights, is_prefix, text: r.c_str().ok()? }
            }
            (2, 1) => Item::Not,
            (2, 2) => Item::Pair { operator: Operator::And },
            (2, 3) => Item::Pair { operator: Operator::Or },
            (2, 4) => Item::Pair { operator: Operator::Phrase(r.u16().ok()?) },
            _ => return None,
        });
    }
    let mut ends = vec![0; items.len()];
    for at in (0..items.len()).rev() {
        ends[at] = match items[at] {
            Item::Lexeme { .. } => at + 1,
            Item::Not => *ends.get(at + 1)?,
            Item::Pair { .. } => *ends.get(*ends.get(at + 1)?)?,
        };
    }
    let is_whole = ends.first().is_none_or(|end| *end == items.len()) && r.rest().is_empty();
    is_whole.then_some((items, ends))
}

fn append_operator(operator: Operator, out: &mut Vec<u8>) {
    match operator {
        Operator::And => out.extend_from_slice(b" & "),
        Operator::Or => out.extend_from_slice(b" | "),
        Operator::Phrase(1) => out.extend_from_slice(b" <-> "),
        Operator::Phrase(distance) => {
            out.extend_from_slice(b" <");
            append_integer(distance, out);
            out.extend_from_slice(b"> ");
        }
    }
}

fn append_weights(weights: u8, is_prefix: bool, out: &mut Vec<u8>) {
    if weights == 0 && !is_prefix {
        return;
    }
    out.push(b':');
    if is_prefix {
        out.push(b'*');
    }
    for (bit, letter) in [(8, b'A'), (4, b'B'), (2, b'C'), (1, b'D')] {
        if weights & bit != 0 {
            out.push(letter);
        }
    }
}
