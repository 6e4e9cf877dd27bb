use tailwater_operators::{ChangelogNormalize, StatePrefix, UpsertMaterialize};
use tailwater_types::{ChangeBatch, Layout, RowKind};

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
