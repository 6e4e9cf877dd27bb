use std::collections::{BTreeMap, BTreeSet};

use tailwater_expr::Expr;
use tailwater_operators::{
    Aggregate, AggregateCall, AggregateFunction, AggregateSpec, Emission, Operator, StatePrefix,
};
use tailwater_types::{ChangeBatch, RowKind, TypeKind};

use crate::{Harness, History, Random, Row, Table, push};

fn column(i: usize) -> Expr {
    Expr::column(i, TypeKind::BigInt.nullable())
}

fn call(function: AggregateFunction, argument: Option<usize>, is_distinct: bool) -> AggregateCall {
    AggregateCall {
        function,
        argument: argument.map(column),
        is_distinct,
        filter: None,
        data_type: TypeKind::BigInt.nullable(),
    }
}

fn aggregate(groups: Vec<usize>, emission: Emission, input_retracts: bool) -> Box<dyn Operator> {
    let spec = AggregateSpec {
        group: groups.into_iter().map(column).collect(),
        calls: vec![
            call(AggregateFunction::CountRows, None, false),
            call(AggregateFunction::Count, Some(1), false),
            call(AggregateFunction::Sum, Some(1), false),
            call(AggregateFunction::Avg, Some(1), false),
            call(AggregateFunction::Min, Some(1), false),
            call(AggregateFunction::Max, Some(1), false),
            call(AggregateFunction::Count, Some(1), true),
            call(AggregateFunction::Sum, Some(1), true),
        ],
        input_retracts,
        emission,
        tells_empty: false,
    };
    Box::new(Aggregate::new(spec, StatePrefix(9)))
}

fn naive(groups: &[usize], rows: &[Row]) -> Table {
    let mut by_group: BTreeMap<Row, Vec<Option<i64>>> = BTreeMap::new();
    for row in rows {
        let key = groups.iter().map(|g| row[*g]).collect();
        by_group.entry(key).or_default().push(row[1]);
    }
    let results = by_group.into_iter().map(|(mut result, members)| {
        let values: Vec<i64> = members.iter().flatten().copied().collect();
        let distinct: BTreeSet<i64> = values.iter().copied().collect();
        let sum = (!values.is_empty()).then(|| values.iter().sum::<i64>());
        result.extend([
            Some(members.len() as i64),
            Some(values.len() as i64),
            sum,
            sum.map(|s| s / values.len() as i64),
            values.iter().min().copied(),
            values.iter().max().copied(),
            Some(distinct.len() as i64),
            (!distinct.is_empty()).then(|| distinct.iter().sum()),
        ]);
        (result, 1)
    });
    results.collect()
}

#[test]
fn group_by_equals_its_naive_evaluation_after_every_step() {
    for seed in 1..=20 {
        let emission = if seed % 2 == 0 { Emission::PerRecord } else { Emission::PerStep };
        let groups = if seed % 5 == 0 { vec![] } else { vec![0] };
        let of_operator = groups.clone();
        let mut random = Random::new(seed);
        let mut harness = Harness::new(move || aggregate(of_operator.clone(), emission, true));
        let mut history = History { rows: vec![] };
        for step in 0..80 {
            let mut batch = ChangeBatch::default();
            for _ in 0..=random.below(8) {
                let make = |random: &mut Random| vec![random.value(5), random.value(200)];
                history.change(&mut random, &mut batch, make);
            }
            harness.step(0, &batch);
            assert_eq!(harness.output, naive(&groups, &history.rows), "seed {seed}, step {step}");
            if random.below(15) == 0 {
                harness.recover();
            }
        }
    }
}

#[test]
fn inserts_alone_need_only_the_best_value() {
    let mut random = Random::new(4);
    let mut harness = Harness::new(|| aggregate(vec![0], Emission::PerStep, false));
    let mut rows = Vec::new();
    for _ in 0..50 {
        let mut batch = ChangeBatch::default();
        for _ in 0..5 {
            // Each value once: without retractions DISTINCT is the only one that looks back.
            let row = vec![random.value(3), random.value(50)];
            push(&mut batch, RowKind::Insert, &row);
            rows.push(row);
        }
        harness.step(0, &batch);
        assert_eq!(harness.output, naive(&[0], &rows));
    }
}

#[test]
fn a_step_tells_one_change_for_a_group_and_a_record_tells_its_own() {
    let mut batch = ChangeBatch::default();
    for value in 0..10 {
        push(&mut batch, RowKind::Insert, &vec![Some(1), Some(value)]);
    }
    let changes =
        |emission| Harness::new(move || aggregate(vec![0], emission, true)).step(0, &batch);
    assert_eq!(changes(Emission::PerStep).len(), 1);
    assert_eq!(changes(Emission::PerRecord).len(), 19);
}
