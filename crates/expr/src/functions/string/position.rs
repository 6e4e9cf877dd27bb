//! Where one text is in another: `POSITION`, `LOCATE`, `INSTR`.

use tailwater_types::{Datum, TypeKind};

use super::super::call::{Call, int, text};
use crate::env::EvalError;
use crate::resolve::Resolved;

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match (call.name, call.args.len()) {
        ("POSITION" | "LOCATE", 2..=3) => call.expect(&["ss", "ssi"]).and_then(|()| {
            call.strict(TypeKind::Int, |_, args| {
                let from = if args.len() > 2 { int(args, 2) } else { 1 };
                Ok(Datum::Int(find(text(args, 1), text(args, 0), from)))
            })
        }),
        ("INSTR", 2..=4) => call.expect(&["ss", "ssi", "ssii"]).and_then(|()| {
            call.strict(TypeKind::Int, |_, args| {
                let from = if args.len() > 2 { int(args, 2) } else { 1 };
                let nth = if args.len() > 3 { int(args, 3) } else { 1 };
                if nth <= 0 {
                    return Err(EvalError::new("nthAppearance must be positive!"));
                }
                Ok(Datum::Int(nth_place(text(args, 0), text(args, 1), from, nth)))
            })
        }),
        _ => return None,
    })
}

/// The place of `needle` at or after character `from`, counted from 1; 0 if it is not there.
fn find(haystack: &str, needle: &str, from: i64) -> i64 {
    let skip = usize::try_from(from - 1).unwrap_or(0);
    if needle.is_empty() {
        return if skip == 0 { 1 } else { skip as i64 + 1 };
    }
    let Some((start, _)) = haystack.char_indices().nth(skip) else {
        return 0;
    };
    match haystack[start..].find(needle) {
        Some(at) => (skip + haystack[start..start + at].chars().count()) as i64 + 1,
        None => 0,
    }
}

fn nth_place(haystack: &str, needle: &str, from: i64, nth: i64) -> i64 {
    match from {
        0 => 0,
        1.. => {
            let mut place = from - 1;
            for _ in 0..nth {
                place = find(haystack, needle, place + 1);
                if place == 0 {
                    break;
                }
            }
            place
        }
        _ => {
            let back = |s: &str| s.chars().rev().collect::<String>();
            match nth_place(&back(haystack), &back(needle), -from, nth) {
                0 => 0,
                place => {
                    let length = |s: &str| s.chars().count() as i64;
                    length(haystack) + 2 - place - length(needle)
                }
            }
        }
    }
}
