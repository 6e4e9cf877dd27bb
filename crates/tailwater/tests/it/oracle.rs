//! What real Flink answered to whole scripts, statement by statement.
//!
//! `tests/data/oracle/CASE` has `query.sql`, its input and `expected.txt`. What passes is listed in
//! `tests/data/oracle/passing.txt`: a case alone, or a case and the number of a statement.

mod answer;
mod expected;
mod verdict;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use expected::Expected;
use verdict::{Verdict, judge};

struct Case {
    name: String,
    verdicts: Vec<Verdict>,
}

impl Case {
    fn passed(&self) -> usize {
        self.verdicts.iter().filter(|v| v.failure.is_none()).count()
    }

    fn passes_wholly(&self) -> bool {
        self.passed() == self.verdicts.len()
    }

    /// The lines of `passing.txt`.
    fn passing(&self) -> Vec<String> {
        if self.passes_wholly() {
            return vec![self.name.clone()];
        }
        let right = self.verdicts.iter().zip(1..).filter(|(v, _)| v.failure.is_none());
        right.map(|(_, number)| format!("{} {number}", self.name)).collect()
    }
}

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/oracle")
}

fn ask(name: &str) -> Case {
    let directory = data().join(name);
    let expected = expected::read(&directory.join("expected.txt"));
    let answers = answer::ask(&directory, &expected);
    let judged = |(e, number): (&Expected, usize)| judge(e, answers.get(&number));
    Case { name: name.to_owned(), verdicts: expected.iter().zip(1..).map(judged).collect() }
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(data()).unwrap().map(Result::unwrap);
    let mut names: Vec<String> = entries
        .filter(|e| e.path().is_dir())
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn table(cases: &[Case]) -> String {
    let mut text = format!("{:32} {:>10} {:>10}\n", "case", "statements", "changelogs");
    let mut sums = [0; 5];
    for case in cases {
        let logs: Vec<bool> = case.verdicts.iter().filter_map(|v| v.same_changelog).collect();
        let equal = logs.iter().filter(|same| **same).count();
        let counts = [case.passed(), case.verdicts.len(), equal, logs.len()];
        let row = [format!("{}/{}", counts[0], counts[1]), format!("{equal}/{}", logs.len())];
        writeln!(text, "{:32} {:>10} {:>10}", case.name, row[0], row[1]).unwrap();
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        sums[4] += usize::from(case.passes_wholly());
    }
    let [passed, all, equal, logs, whole] = sums;
    let name = format!("{whole} of {} cases wholly", cases.len());
    let (statements, changelogs) = (format!("{passed}/{all}"), format!("{equal}/{logs}"));
    writeln!(text, "{name:32} {statements:>10} {changelogs:>10}").unwrap();
    text
}

fn failures(cases: &[Case]) -> String {
    let mut text = String::new();
    for case in cases {
        for (verdict, number) in case.verdicts.iter().zip(1..) {
            if let Some(failure) = &verdict.failure {
                writeln!(text, "{} {number}: {failure}", case.name).unwrap();
            } else if verdict.same_changelog == Some(false) {
                writeln!(text, "{} {number}: another changelog", case.name).unwrap();
            }
        }
    }
    text
}

#[test]
fn answers_as_flink_does_wherever_the_list_says_so() {
    let cases: Vec<Case> = names().iter().map(|n| ask(n)).collect();
    println!("{}", table(&cases));
    println!("{}", failures(&cases));
    let list = data().join("passing.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let lines: Vec<String> = cases.iter().flat_map(Case::passing).collect();
        std::fs::write(&list, lines.join("\n") + "\n").unwrap();
        return;
    }
    let text = std::fs::read_to_string(&list).unwrap();
    let listed: BTreeSet<&str> = text.lines().collect();
    let (mut broken, mut new) = (listed.clone(), Vec::new());
    for case in &cases {
        let is_listed_wholly = broken.remove(&*case.name);
        for (verdict, number) in case.verdicts.iter().zip(1..) {
            let line = format!("{} {number}", case.name);
            let is_listed = broken.remove(&*line) || is_listed_wholly;
            match &verdict.failure {
                Some(failure) => assert!(!is_listed, "{line} no longer passes: {failure}"),
                None if !is_listed => new.push(line),
                None => {}
            }
        }
    }
    assert!(broken.is_empty(), "passing.txt lists what is not there: {broken:#?}");
    let advice = "passes now, add it to passing.txt (UPDATE_EXPECT=1 rewrites the file)";
    assert!(new.is_empty(), "{advice}: {new:#?}");
}

#[test]
fn the_five_cases_that_nobody_may_break_pass_wholly() {
    let wanted = [
        "07_case_null_logic",
        "11_inner_join_retract",
        "12_left_join_retract",
        "19_group_agg_retract",
        "34_row_nested_access",
    ];
    let cases: Vec<Case> = wanted.iter().map(|n| ask(n)).collect();
    assert!(cases.iter().all(Case::passes_wholly), "{}{}", table(&cases), failures(&cases));
}
