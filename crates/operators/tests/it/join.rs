use jiff::tz::TimeZone;
use tailwater_expr::{Expr, ResolveContext, resolve};
use tailwater_operators::{Join, JoinKind, JoinSide, Operator, StatePrefix};
use tailwater_types::{ChangeBatch, TypeKind};

use crate::{Harness, History, Random, Row, Table, layouts};

const KINDS: [JoinKind; 6] = [
    JoinKind::Inner,
    JoinKind::Left,
    JoinKind::Right,
    JoinKind::Full,
    JoinKind::Semi,
    JoinKind::Anti,
];

fn column(i: usize) -> Expr {
    Expr::column(i, TypeKind::BigInt.nullable())
}

/// `left.1 < right.1`
fn condition() -> Expr {
    let context = ResolveContext { time_zone: TimeZone::UTC, is_strict: true };
    resolve("<", vec![column(1), column(3)], &context).unwrap()
}

fn join(kind: JoinKind, has_condition: bool, nulls_match: bool) -> Box<dyn Operator> {
    let side = || JoinSide {
        key: vec![column(0)],
        nulls_match: vec![nulls_match],
        layouts: layouts(2).into(),
    };
    let condition = has_condition.then(condition);
    Box::new(Join::new(kind, side(), side(), condition, StatePrefix(3)))
}

fn naive(
    kind: JoinKind,
    has_condition: bool,
    nulls_match: bool,
    left: &[Row],
    right: &[Row],
) -> Table {
    let matches = |l: &Row, r: &Row| {
        let keys = l[0] == r[0] && (nulls_match || l[0].is_some());
        let rest = !has_condition || matches!((l[1], r[1]), (Some(a), Some(b)) if a < b);
        keys && rest
    };
    let mut table = Table::new();
    let mut add = |row: Row| *table.entry(row).or_default() += 1;
    let nothing: Row = vec![None, None];
    for l in left {
        let partners: Vec<&Row> = right.iter().filter(|r| matches(l, r)).collect();
        match kind {
            JoinKind::Semi if !partners.is_empty() => add(l.clone()),
            JoinKind::Anti if partners.is_empty() => add(l.clone()),
            JoinKind::Semi | JoinKind::Anti => {}
            _ => partners.iter().for_each(|r| add([l.as_slice(), r].concat())),
        }
        if partners.is_empty() && matches!(kind, JoinKind::Left | JoinKind::Full) {
            add([l.as_slice(), &nothing].concat());
        }
    }
    for r in right {
        let is_alone = !left.iter().any(|l| matches(l, r));
        if is_alone && matches!(kind, JoinKind::Right | JoinKind::Full) {
            add([nothing.as_slice(), r].concat());
        }
    }
    table
}

#[test]
fn every_kind_of_join_equals_its_naive_evaluation_after_every_step() {
    for seed in 1..=12 {
        for kind in KINDS {
            let (has_condition, nulls_match) = (seed % 2 == 0, seed % 3 == 0);
            let mut random = Random::new(seed);
            let mut harness = Harness::new(move || join(kind, has_condition, nulls_match));
            let mut sides = [History { rows: vec![] }, History { rows: vec![] }];
            for step in 0..60 {
                let input = random.below(2) as usize;
                let mut batch = ChangeBatch::default();
                for _ in 0..=random.below(6) {
                    let make = |random: &mut Random| vec![random.value(4), random.value(5)];
                    sides[input].change(&mut random, &mut batch, make);
                }
                harness.step(input, &batch);
                let expected =
                    naive(kind, has_condition, nulls_match, &sides[0].rows, &sides[1].rows);
                assert_eq!(harness.output, expected, "{kind:?}, seed {seed}, step {step}");
                if random.below(15) == 0 {
                    harness.recover();
                }
            }
        }
    }
}

#[test]
fn a_key_with_many_rows_is_joined_and_emptied() {
    let mut harness = Harness::new(|| join(JoinKind::Left, false, false));
    let mut batch = ChangeBatch::default();
    for i in 0..3_000 {
        crate::push(&mut batch, tailwater_types::RowKind::Insert, &vec![Some(1), Some(i)]);
    }
    harness.step(0, &batch);
    let mut partner = ChangeBatch::default();
    crate::push(&mut partner, tailwater_types::RowKind::Insert, &vec![Some(1), Some(7)]);
    harness.step(1, &partner);
    assert!(harness.output.keys().all(|row| row[3] == Some(7)));
    harness.recover();
    let mut gone = ChangeBatch::default();
    crate::push(&mut gone, tailwater_types::RowKind::Delete, &vec![Some(1), Some(7)]);
    harness.step(1, &gone);
    assert_eq!(harness.output.len(), 3_000);
    assert!(harness.output.keys().all(|row| row[3].is_none()));
}

#[test]
fn a_retraction_of_a_row_never_seen_changes_nothing() {
    let mut harness = Harness::new(|| join(JoinKind::Full, false, false));
    let mut batch = ChangeBatch::default();
    crate::push(&mut batch, tailwater_types::RowKind::Delete, &vec![Some(1), Some(1)]);
    assert!(harness.step(0, &batch).is_empty());
}
