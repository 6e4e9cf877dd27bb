use std::sync::atomic::{AtomicI64, Ordering};
use tailwater_expr::{Expr, NullHandling, Volatility};
use tailwater_operators::{ChangelogNormalize, RememberedCalc, StatePrefix, UpsertMaterialize};

use tailwater_types::{ChangeBatch, Datum, Layout, RowKind, TypeKind};

use crate::{Harness, Row, layouts, push};

fn changes(batch: &ChangeBatch) -> Vec<String> {
    let text = |v: Option<i64>| v.map_or("null".to_owned(), |v| v.to_string());
    batch
        .iter()
        .map(|(kind, row)| {
            let values: Vec<String> =
                (0..row.len()).map(|i| text(row.get(i, Layout::Int).as_int())).collect();
            format!("{}[{}]", kind.short(), values.join(", "))
        })
        .collect()
}

fn script(harness: &mut Harness, steps: &[(RowKind, i64, i64)]) -> Vec<String> {
    let mut batch = ChangeBatch::default();
    for (kind, key, value) in steps {
        push(&mut batch, *kind, &Row::from([Some(*key), Some(*value)]));
    }
    changes(&harness.step_unfolded(0, &batch))
}

#[test]
fn an_upsert_stream_gets_its_rows_before_changes_also_after_a_recovery() {
    let mut harness = Harness::new(|| {
        Box::new(ChangelogNormalize::new(vec![0], layouts(2).into(), StatePrefix(1)))
    });
    let first = [(RowKind::Insert, 1, 10), (RowKind::UpdateAfter, 1, 11), (RowKind::Insert, 2, 20)];
    assert_eq!(script(&mut harness, &first), ["+I[1, 10]", "-U[1, 10]", "+U[1, 11]", "+I[2, 20]"]);
    harness.recover();
    let second = [
        (RowKind::UpdateAfter, 1, 11),
        (RowKind::Delete, 2, 0),
        (RowKind::Delete, 3, 0),
        (RowKind::UpdateAfter, 1, 12),
    ];
    assert_eq!(script(&mut harness, &second), ["-D[2, 20]", "-U[1, 11]", "+U[1, 12]"]);
}

#[test]
fn of_several_rows_for_one_sink_key_the_latest_that_is_left_is_told() {
    let mut harness = Harness::new(|| {
        Box::new(UpsertMaterialize::new(vec![0], layouts(2).into(), StatePrefix(1)))
    });
    let first = [(RowKind::Insert, 1, 10), (RowKind::Insert, 1, 20), (RowKind::Insert, 1, 30)];
    assert_eq!(script(&mut harness, &first), ["+I[1, 10]", "+U[1, 20]", "+U[1, 30]"]);
    harness.recover();
    let second = [(RowKind::Delete, 1, 20), (RowKind::Delete, 1, 30), (RowKind::Delete, 1, 10)];
    assert_eq!(script(&mut harness, &second), ["+U[1, 10]", "-D[1, 10]"]);
}

#[test]
fn a_value_that_is_never_the_same_is_retracted_as_it_was_told() {
    static NEXT: AtomicI64 = AtomicI64::new(100);
    let number = || TypeKind::BigInt.nullable();
    let counter = move || {
        let (nulls, volatility) = (NullHandling::Called, Volatility::PerRow);
        Expr::call("COUNTER", nulls, volatility, vec![], number(), |_, _| {
            Ok(Datum::Int(NEXT.fetch_add(1, Ordering::Relaxed)))
        })
    };
    let mut harness = Harness::new(move || {
        let projection = vec![Expr::column(0, number()), counter()];
        Box::new(RememberedCalc::new(None, projection, StatePrefix(1)))
    });
    let first = [(RowKind::Insert, 1, 10), (RowKind::Insert, 1, 10), (RowKind::Insert, 2, 20)];
    assert_eq!(script(&mut harness, &first), ["+I[1, 100]", "+I[1, 101]", "+I[2, 102]"]);
    harness.recover();
    let second =
        [(RowKind::UpdateBefore, 1, 10), (RowKind::Delete, 2, 20), (RowKind::Delete, 1, 10)];
    assert_eq!(script(&mut harness, &second), ["-U[1, 101]", "-D[2, 102]", "-D[1, 100]"]);
}
