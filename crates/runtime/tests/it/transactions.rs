//! What reaches a transactional sink, and what is left of it after a failure at every moment.

use std::path::Path;

use tailwater_connector_api::testkit::{CommitFailure, MemorySource, MemoryTransactions};
use tailwater_runtime::{JobStatus, spawn_job};

use crate::{inserts, spec, until};

fn source(keys: std::ops::Range<i64>) -> MemorySource {
    MemorySource { batches: inserts(keys), ..MemorySource::default() }
}

/// Runs a job until the sink has so many rows, then stops it.
async fn run(source: &MemorySource, sink: &MemoryTransactions, directory: &Path, rows: usize) {
    let mut job = spawn_job(spec(std::slice::from_ref(source), sink, Some(directory)));
    until("all rows in the sink", || sink.committed().len() >= rows).await;
    job.stop();
    let status = job.ended().await;
    assert!(matches!(status, JobStatus::Stopped), "{status:?}");
    // A row that was handed over once more would leave with the next commit.
    assert_eq!(sink.left_open(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_published_once_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let sink = MemoryTransactions::default();
    run(&source(0..50), &sink, directory.path(), 50).await;
    // The same job goes on where it stopped.
    run(&source(0..80), &sink, directory.path(), 80).await;
    assert_eq!(sink.committed(), (0..80).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_before_or_after_it_was_done_is_done_once() {
    // The first commit only notes the job's beginning.
    for commit in 1..=2 {
        for failure in [CommitFailure::Before, CommitFailure::After] {
            let directory = tempfile::tempdir().unwrap();
            let sink = MemoryTransactions::default();
            sink.fail_at_commit(commit, failure);
            run(&source(0..20), &sink, directory.path(), 20).await;
            let expected: Vec<i64> = (0..20).collect();
            assert_eq!(sink.committed(), expected, "commit {commit} fails {failure:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_published_whole_behind_its_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    let sink = MemoryTransactions::default();
    sink.fail_at_commit(2, CommitFailure::After);
    let snapshot = MemorySource { snapshot_batches: 30, ..source(0..40) };
    run(&snapshot, &sink, directory.path(), 40).await;
    assert_eq!(sink.committed(), (0..40).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounded_job_publishes_all_before_it_forgets_itself() {
    let directory = tempfile::tempdir().unwrap();
    let sink = MemoryTransactions::default();
    for round in 1..=2 {
        let bounded = MemorySource { is_bounded: true, ..source(0..10) };
        let mut job = spawn_job(spec(&[bounded], &sink, Some(directory.path())));
        assert!(matches!(job.ended().await, JobStatus::Finished));
        // A job that begins anew counts from 1 again: what it did before is not taken for it.
        assert_eq!(sink.committed().len(), round * 10);
    }
    assert!(!directory.path().join("manifest.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_has_forgotten_what_it_published_is_not_written_to() {
    let directory = tempfile::tempdir().unwrap();
    let sink = MemoryTransactions::default();
    run(&source(0..5), &sink, directory.path(), 5).await;
    sink.forget_published();
    let mut job = spawn_job(spec(&[source(0..9)], &sink, Some(directory.path())));
    let JobStatus::Failed(error) = job.ended().await else { panic!("the job did not fail") };
    assert!(error.to_string().contains("the sink has no record of this job"), "{error}");
    assert_eq!(sink.committed(), [0, 1, 2, 3, 4]);
}
