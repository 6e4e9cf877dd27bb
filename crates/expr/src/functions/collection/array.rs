//! `ARRAY_...` and `SPLIT`.

use std::cmp::Ordering;

use tailwater_types::{DataType, Datum, Layout, RowRef, TypeKind};

use super::super::call::{Call, int, text};
use super::super::comparison::{is_same, order};
use crate::expr::Expr;
use crate::resolve::{ResolveError, Resolved};
use crate::unify::common_type;

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match (call.name, call.args.len()) {
        ("ARRAY_CONTAINS", 2) => contains(call),
        ("ARRAY_POSITION", 2) => position(call),
        ("ARRAY_REMOVE", 2) => with_item(call, |items, item, out| {
            out.extend(items.iter().filter(|i| !is_same(**i, item)));
        }),
        ("ARRAY_APPEND", 2) => with_item(call, |items, item, out| {
            out.extend(items);
            out.push(item);
        }),
        ("ARRAY_PREPEND", 2) => with_item(call, |items, item, out| {
            out.push(item);
            out.extend(items);
        }),
        ("ARRAY_DISTINCT", 1) => with_arrays(call, |all, out| {
            for item in &all[0] {
                push_new(out, *item);
            }
        }),
        ("ARRAY_REVERSE", 1) => with_arrays(call, |all, out| out.extend(all[0].iter().rev())),
        ("ARRAY_CONCAT", 1..) => with_arrays(call, |all, out| out.extend(all.iter().flatten())),
        ("ARRAY_UNION", 2) => with_arrays(call, |all, out| {
            for item in all.iter().flatten() {
                push_new(out, *item);
            }
        }),
        ("ARRAY_EXCEPT", 2) => with_arrays(call, |all, out| {
            let kept = all[0].iter().filter(|i| !has(&all[1], **i));
            for item in kept {
                push_new(out, *item);
            }
        }),
        ("ARRAY_INTERSECT", 2) => with_arrays(call, |all, out| {
            let kept = all[0].iter().filter(|i| has(&all[1], **i));
            for item in kept {
                push_new(out, *item);
            }
        }),
        ("ARRAY_SORT", 1..=3) => sort(call),
        ("ARRAY_SLICE", 2..=3) => slice(call),
        ("ARRAY_MAX", 1) => extreme(call, Ordering::Greater),
        ("ARRAY_MIN", 1) => extreme(call, Ordering::Less),
        ("ARRAY_JOIN", 2..=3) => join(call),
        ("SPLIT", 2) => split(call),
        _ => return None,
    })
}

/// The items of an array.
pub(super) fn items<'a>(datum: Datum<'a>, layout: Layout) -> Vec<Datum<'a>> {
    match datum {
        Datum::Array(items) => (0..items.len()).map(|i| items.get(i, layout)).collect(),
        _ => Vec::new(),
    }
}

fn has(items: &[Datum<'_>], item: Datum<'_>) -> bool {
    items.iter().any(|i| is_same(*i, item))
}

fn push_new<'a>(out: &mut Vec<Datum<'a>>, item: Datum<'a>) {
    if !has(out, item) {
        out.push(item);
    }
}

fn element_of(call: &Call<'_>) -> Result<DataType, ResolveError> {
    match call.kind(0) {
        TypeKind::Array(element) => Ok((**element).clone()),
        _ => Err(call.mismatch()),
    }
}

/// Brings the array and the item to one element type.
fn align_item(call: &mut Call<'_>) -> Result<DataType, ResolveError> {
    let element = element_of(call)?;
    let item = call.args[1].data_type.clone();
    let common = common_type(&[element, item]).ok_or_else(|| call.mismatch())?;
    call.cast(0, &TypeKind::Array(Box::new(common.clone())))?;
    call.cast(1, &common.kind)?;
    Ok(common)
}

fn contains(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    let layout = align_item(call)?.layout();
    let data_type = TypeKind::Boolean.with_nullable(call.args[0].data_type.nullable);
    call.called(data_type, move |_, args| {
        Ok(match args[0] {
            Datum::Array(_) => Datum::Bool(has(&items(args[0], layout), args[1])),
            _ => Datum::Null,
        })
    })
}

fn position(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    let layout = align_item(call)?.layout();
    call.strict(TypeKind::Int, move |_, args| {
        let at = items(args[0], layout).iter().position(|i| is_same(*i, args[1]));
        Ok(Datum::Int(at.map_or(0, |i| i as i64 + 1)))
    })
}

fn with_item(
    call: &mut Call<'_>,
    write: for<'a> fn(&[Datum<'a>], Datum<'a>, &mut Vec<Datum<'a>>),
) -> Result<Expr, ResolveError> {
    let element = align_item(call)?;
    let layout = element.layout();
    let data_type =
        TypeKind::Array(Box::new(element)).with_nullable(call.args[0].data_type.nullable);
    call.called(data_type, move |env, args| {
        if args[0].is_null() {
            return Ok(Datum::Null);
        }
        let mut out = Vec::new();
        write(&items(args[0], layout), args[1], &mut out);
        Ok(Datum::Array(env.array(out.into_iter(), layout)))
    })
}

fn with_arrays(
    call: &mut Call<'_>,
    write: for<'a> fn(&[Vec<Datum<'a>>], &mut Vec<Datum<'a>>),
) -> Result<Expr, ResolveError> {
    let common = call.unify(0)?;
    let TypeKind::Array(element) = &common.kind else {
        return Err(call.mismatch());
    };
    let layout = element.layout();
    call.strict(common.kind.clone(), move |env, args| {
        let all: Vec<Vec<Datum<'_>>> = args.iter().map(|a| items(*a, layout)).collect();
        let mut out = Vec::new();
        write(&all, &mut out);
        Ok(Datum::Array(env.array(out.into_iter(), layout)))
    })
}

fn sort(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["a", "ab", "abb"])?;
    let layout = element_of(call)?.layout();
    let kind = call.kind(0).clone();
    call.strict(kind, move |env, args| {
        let flag = |i: usize| args.get(i).and_then(|d| d.as_bool());
        let ascending = flag(1).unwrap_or(true);
        let nulls_first = flag(2).unwrap_or(ascending);
        let mut sorted = items(args[0], layout);
        sorted.sort_by(|a, b| match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) if nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if nulls_first => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ if ascending => order(*a, *b).unwrap_or(Ordering::Equal),
            _ => order(*b, *a).unwrap_or(Ordering::Equal),
        });
        Ok(Datum::Array(env.array(sorted.into_iter(), layout)))
    })
}

fn slice(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["ai", "aii"])?;
    let layout = element_of(call)?.layout();
    let kind = call.kind(0).clone();
    call.strict(kind, move |env, args| {
        let all = items(args[0], layout);
        let length = all.len() as i64;
        let place = |i: i64| match i {
            0 => 1,
            i if i < 0 => length + i + 1,
            i => i,
        };
        let start = place(int(args, 1)).max(1);
        let end = if args.len() > 2 { place(int(args, 2)).min(length) } else { length };
        let taken = if start > end { &[][..] } else { &all[start as usize - 1..end as usize] };
        Ok(Datum::Array(env.array(taken.iter().copied(), layout)))
    })
}

fn extreme(call: &mut Call<'_>, wanted: Ordering) -> Result<Expr, ResolveError> {
    let element = element_of(call)?;
    let layout = element.layout();
    call.strict_nullable(element.kind, move |_, args| {
        let mut best = Datum::Null;
        for item in items(args[0], layout) {
            if !item.is_null() && (best.is_null() || order(item, best) == Some(wanted)) {
                best = item;
            }
        }
        Ok(best)
    })
}

fn join(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["as", "ass"])?;
    if !element_of(call)?.kind.is_string() {
        return Err(call.mismatch());
    }
    call.strict(TypeKind::STRING, |env, args| {
        let parts = items(args[0], Layout::Str);
        let or_null = args.get(2).and_then(|d| d.as_str());
        let shown: Vec<&str> = parts.iter().filter_map(|part| part.as_str().or(or_null)).collect();
        Ok(Datum::Str(env.text(&shown.join(text(args, 1)))))
    })
}

fn split(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["ss"])?;
    let kind = TypeKind::Array(Box::new(TypeKind::STRING.nullable()));
    call.strict(kind, |env, args| {
        let (value, separator) = (text(args, 0), text(args, 1));
        let parts: Vec<Datum<'_>> = if separator.is_empty() {
            let chars = value.char_indices();
            chars.map(|(i, c)| Datum::Str(&value[i..i + c.len_utf8()])).collect()
        } else {
            value.split(separator).map(Datum::Str).collect()
        };
        let packed: RowRef<'_> = env.array(parts.into_iter(), Layout::Str);
        Ok(Datum::Array(packed))
    })
}
