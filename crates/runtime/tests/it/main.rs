//! Jobs in memory: what reaches a sink, when, and what is left after a failure.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

mod transactions;

use tailwater_connector_api::testkit::{MemorySink, MemorySource};
use tailwater_connector_api::{Dialect, SinkPlan};
use tailwater_runtime::{
    CheckpointSettings, GraphSink, GraphSource, JobGraph, JobSettings, JobSpec, JobStatus, SinkKey,
    spawn_job,
};
use tailwater_types::{ChangeBatch, Datum, Layout, RowKind};

const LAYOUTS: [Layout; 1] = [Layout::Int];

fn batch(changes: &[(RowKind, i64)]) -> ChangeBatch {
    let mut batch = ChangeBatch::default();
    for (kind, key) in changes {
        batch.push_datums(*kind, &[Datum::Int(*key)], &LAYOUTS);
    }
    batch
}

fn inserts(keys: std::ops::Range<i64>) -> Vec<ChangeBatch> {
    keys.map(|key| batch(&[(RowKind::Insert, key)])).collect()
}

fn spec<S: SinkPlan + Clone + 'static>(
    sources: &[MemorySource],
    sink: &S,
    directory: Option<&Path>,
) -> JobSpec {
    let (sources, sink) = (sources.to_vec(), sink.clone());
    let graph = move || {
        let mut graph = JobGraph::default();
        let inputs: Vec<_> = sources
            .iter()
            .enumerate()
            .map(|(i, source)| {
                graph.add_source(GraphSource {
                    identity: format!("source {i}"),
                    table: format!("t{i}"),
                    plan: Arc::new(source.clone()),
                })
            })
            .collect();
        let union = graph.add_union(&inputs);
        let key = SinkKey { columns: vec![0], layouts: LAYOUTS.into() };
        let (identity, table) = ("sink".to_owned(), "out".to_owned());
        graph.add_sink(GraphSink { identity, table, plan: Arc::new(sink.clone()), key }, union);
        graph
    };
    let checkpoints = directory.map(|directory| CheckpointSettings {
        directory: directory.to_owned(),
        interval: Duration::from_millis(20),
        begins_anew: false,
        is_unattended: false,
    });
    let settings = JobSettings {
        name: "test".to_owned(),
        checkpoints,
        state_budget_bytes: 1 << 20,
        time_zone: "UTC".to_owned(),
        dialect: Dialect::Sql,
    };
    JobSpec { settings, graph: Arc::new(graph) }
}

async fn until(what: &str, mut is_reached: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !is_reached() {
        assert!(Instant::now() < limit, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounded_job_delivers_everything_and_forgets_itself() {
    let directory = tempfile::tempdir().unwrap();
    let source =
        MemorySource { batches: inserts(0..100), is_bounded: true, ..MemorySource::default() };
    let sink = MemorySink::default();
    let mut job = spawn_job(spec(&[source], &sink, Some(directory.path())));
    assert!(matches!(job.ended().await, JobStatus::Finished));
    assert_eq!(sink.keys(), (0..100).collect::<Vec<_>>());
    assert!(!directory.path().join("manifest.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_an_unfinished_snapshot_stay_away_from_the_sink() {
    let directory = tempfile::tempdir().unwrap();
    let unfinished =
        MemorySource { batches: inserts(0..5), snapshot_batches: 9, ..MemorySource::default() };
    let sink = MemorySink::default();
    let mut job = spawn_job(spec(&[unfinished], &sink, Some(directory.path())));
    until("all rows read", || {
        job.metrics().rows_in.load(std::sync::atomic::Ordering::Relaxed) == 5
    })
    .await;
    job.stop();
    assert!(matches!(job.ended().await, JobStatus::Stopped));
    assert_eq!(sink.writes(), 0);
    assert!(!directory.path().join("manifest.json").exists());

    let finished = MemorySource { snapshot_batches: 5, ..MemorySource::default() };
    let finished = MemorySource { batches: inserts(0..7), ..finished };
    let mut job = spawn_job(spec(&[finished], &sink, Some(directory.path())));
    until("all rows in the sink", || sink.keys().len() == 7).await;
    job.stop();
    job.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn output_that_waited_beside_a_checkpoint_leaves_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let source =
        MemorySource { batches: inserts(0..4), snapshot_batches: 4, ..MemorySource::default() };
    let sink = MemorySink::default();
    // The checkpoint is durable, the first row that leaves is not taken.
    sink.fail_at_write(1);
    let mut job = spawn_job(spec(std::slice::from_ref(&source), &sink, Some(directory.path())));
    until("all rows in the sink", || sink.keys().len() == 4).await;
    job.stop();
    assert!(matches!(job.ended().await, JobStatus::Stopped));
    assert_eq!(source.acked.lock().unwrap().last().map(String::as_str), Some("3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_goes_on_waits_for_a_server_that_is_away_and_one_that_begins_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let source = |keys| MemorySource { batches: inserts(keys), ..MemorySource::default() };
    let sink = MemorySink::default();
    sink.refuse_connections(1);
    let mut job = spawn_job(spec(&[source(0..4)], &sink, Some(directory.path())));
    let JobStatus::Failed(error) = job.ended().await else { panic!("it must fail") };
    assert!(error.to_string().contains("scripted refusal"), "{error}");

    let mut job = spawn_job(spec(&[source(0..4)], &sink, Some(directory.path())));
    until("the rows in the sink", || sink.keys().len() == 4).await;
    job.stop();
    assert!(matches!(job.ended().await, JobStatus::Stopped));

    sink.refuse_connections(1);
    let mut job = spawn_job(spec(&[source(0..6)], &sink, Some(directory.path())));
    let JobStatus::Restarting { reason, hint } = job.started().await else {
        panic!("it must wait")
    };
    assert!(reason.contains("scripted refusal"), "{reason}");
    assert_eq!(hint.as_deref(), Some("wait"));
    until("the new rows in the sink", || sink.keys().len() == 6).await;
    job.stop();
    assert!(matches!(job.ended().await, JobStatus::Stopped));

    // Who begins anew looks at it.
    sink.refuse_connections(1);
    let mut anew = spec(&[source(0..6)], &sink, Some(directory.path()));
    anew.settings.checkpoints.as_mut().unwrap().begins_anew = true;
    assert!(matches!(spawn_job(anew).ended().await, JobStatus::Failed(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sink_is_resumed_from_the_checkpoint_without_loss() {
    let directory = tempfile::tempdir().unwrap();
    let source = |keys| MemorySource { batches: inserts(keys), ..MemorySource::default() };
    let sources = [source(0..40), source(100..140)];
    let sink = MemorySink::default();
    sink.fail_at_write(3);
    let mut job = spawn_job(spec(&sources, &sink, Some(directory.path())));
    until("all rows in the sink", || sink.keys().len() == 80).await;
    job.stop();
    assert!(matches!(job.ended().await, JobStatus::Stopped));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_before_the_sink_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let source = MemorySource { batches: inserts(0..3), ..MemorySource::default() };
    let sink = MemorySink::default();
    sink.hold();
    let mut job = spawn_job(spec(std::slice::from_ref(&source), &sink, Some(directory.path())));
    until("all rows read", || {
        job.metrics().rows_in.load(std::sync::atomic::Ordering::Relaxed) == 3
    })
    .await;
    // Several intervals pass: there is a cut, but it cannot become durable.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(source.acked.lock().unwrap().is_empty());
    sink.release();
    until("the acknowledgement", || !source.acked.lock().unwrap().is_empty()).await;
    assert_eq!(sink.keys(), [0, 1, 2]);
    job.stop();
    job.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_checkpoints_a_failed_job_stays_failed() {
    let source = MemorySource { batches: inserts(0..3), ..MemorySource::default() };
    let sink = MemorySink::default();
    sink.fail_at_write(1);
    let mut job = spawn_job(spec(&[source], &sink, None));
    let JobStatus::Failed(error) = job.ended().await else { panic!("the job did not fail") };
    assert_eq!(error.to_string(), "sink \"out\": scripted failure");
}
