//! One job from start to end: resume, run, restart after what passes by itself, stop.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tailwater_connector_api::{Dialect, ErrorKind};
use tokio::sync::{oneshot, watch};

use crate::epoch_loop::{Ended, EpochLoop};
use crate::error::JobError;
use crate::graph::{GraphSource, JobGraph};
use crate::manifest::durable_positions;
use crate::restart_policy::{Patience, Reaction, pause, reaction};

/// How long a job that is asked to stop may take for its last checkpoint: less than what those who
/// stop processes wait before they kill.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// How a job runs.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// The job's name: together with the checkpoint directory what it is known by.
    pub name: String,
    /// Where and how often it is made durable; without it a failed job starts anew.
    pub checkpoints: Option<CheckpointSettings>,
    /// Bytes that cached state may take.
    pub state_budget_bytes: usize,
    /// `table.local-time-zone`
    pub time_zone: String,
    /// How the log tells what mends a failure.
    pub dialect: Dialect,
}

/// Where and how often a job is made durable.
#[derive(Clone, Debug)]
pub struct CheckpointSettings {
    /// The job's own directory.
    pub directory: PathBuf,
    /// From the start of one checkpoint to that of the next.
    pub interval: Duration,
    /// Drop what is there and begin anew.
    pub begins_anew: bool,
    /// Nobody watches its start: a job that goes on from a checkpoint waits for all that may pass, as
    /// one does that has run. Another waits for servers that are away, and no more.
    pub is_unattended: bool,
}

/// A job that can be started, also again.
#[derive(Clone)]
pub struct JobSpec {
    /// How it runs.
    pub settings: JobSettings,
    /// Makes the graph; called for every start.
    pub graph: Arc<dyn Fn() -> JobGraph + Send + Sync>,
}

/// Where a job is in its life.
#[derive(Clone, Debug)]
pub enum JobStatus {
    /// Connecting.
    Starting,
    /// Running.
    Running,
    /// Waiting to resume after a failure.
    Restarting {
        /// What failed.
        reason: String,
        /// How to mend it, where that is known, in the job's dialect.
        hint: Option<String>,
    },
    /// All its sources have ended and everything is written.
    Finished,
    /// Stopped as asked.
    Stopped,
    /// Failed for good.
    Failed(Arc<JobError>),
}

impl JobStatus {
    /// Whether nothing follows.
    pub fn is_terminal(&self) -> bool {
        matches!(self, JobStatus::Finished | JobStatus::Stopped | JobStatus::Failed(_))
    }
}

/// Counters of a job.
#[derive(Debug, Default)]
pub struct JobMetrics {
    /// Rows read from sources.
    pub rows_in: AtomicU64,
    /// Rows handed to sinks.
    pub rows_out: AtomicU64,
    /// Epochs run.
    pub epochs: AtomicU64,
    /// Durable checkpoints.
    pub checkpoints: AtomicU64,
}

impl JobMetrics {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}

/// A started job.
pub struct JobHandle {
    stop: watch::Sender<bool>,
    status: watch::Receiver<JobStatus>,
    metrics: Arc<JobMetrics>,
    end: Option<oneshot::Receiver<()>>,
}

impl JobHandle {
    /// Asks the job to stop with a last checkpoint.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Where it is now.
    pub fn status(&self) -> JobStatus {
        self.status.borrow().clone()
    }

    /// Its counters.
    pub fn metrics(&self) -> &JobMetrics {
        &self.metrics
    }

    /// Waits until it runs or has ended.
    pub async fn started(&mut self) -> JobStatus {
        self.until(|s| !matches!(s, JobStatus::Starting)).await
    }

    /// Waits for its end; may be called again.
    pub async fn ended(&mut self) -> JobStatus {
        let status = self.until(JobStatus::is_terminal).await;
        // The loop ends right behind its last status.
        if let Some(end) = self.end.take() {
            // It has told its status, whatever became of it.
            let _ = end.await;
        }
        status
    }

    async fn until(&mut self, is_reached: impl FnMut(&JobStatus) -> bool) -> JobStatus {
        // An error means that the job's task is gone: its last status stands.
        let reached = self.status.wait_for(is_reached).await.map(|status| status.clone());
        reached.unwrap_or_else(|_| self.status.borrow().clone())
    }
}

/// Starts a job on the current tokio runtime. Its loop has a thread of its own: operators compute
/// there without holding up anybody, and nothing has to be moved out of their way.
///
/// # Panics
/// If the system gives no thread.
pub fn spawn_job(spec: JobSpec) -> JobHandle {
    let (stop, stop_seen) = watch::channel(false);
    let (status_sender, status) = watch::channel(JobStatus::Starting);
    let metrics = Arc::new(JobMetrics::default());
    let status_of_panic = status_sender.clone();
    let work = supervise(spec, stop_seen, status_sender, Arc::clone(&metrics));
    let (ended, end) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let work = std::panic::AssertUnwindSafe(|| runtime.block_on(work));
        if std::panic::catch_unwind(work).is_err() {
            status_of_panic.send_replace(JobStatus::Failed(Arc::new(JobError::Panicked)));
        }
        // Nobody may wait for it.
        let _ = ended.send(());
    });
    JobHandle { stop, status, metrics, end: Some(end) }
}

async fn supervise(
    mut spec: JobSpec,
    mut stop: watch::Receiver<bool>,
    status: watch::Sender<JobStatus>,
    metrics: Arc<JobMetrics>,
) {
    let mut attempt = 0;
    let mut patience = patience(&spec.settings);
    loop {
        let mut was_running = false;
        let run = Box::pin(run_once(&spec, &mut stop, &status, &metrics, &mut was_running));
        let error = match run.await {
            Ok(Ended::Finished) => {
                status.send_replace(JobStatus::Finished);
                return;
            }
            Ok(Ended::Stopped) => {
                status.send_replace(JobStatus::Stopped);
                return;
            }
            Err(error) => error,
        };
        if let Some(checkpoints) = &mut spec.settings.checkpoints
            && !checkpoints.begins_anew
            && loses_place(&error, &(spec.graph)())
        {
            let (job, error) = (&spec.settings.name, error.reason());
            tracing::warn!(
                job,
                error,
                "the job reads everything again; rows that were deleted meanwhile stay \
                 in its sinks"
            );
            checkpoints.begins_anew = true;
            status.send_replace(JobStatus::Starting);
            continue;
        }
        if was_running {
            patience = Patience::HasRun;
        }
        attempt = if was_running { 0 } else { attempt + 1 };
        let can_resume = spec.settings.checkpoints.is_some();
        if reaction(&error, patience) == Reaction::Stop || !can_resume {
            status.send_replace(JobStatus::Failed(Arc::new(error)));
            return;
        }
        if let Some(checkpoints) = &mut spec.settings.checkpoints {
            checkpoints.begins_anew = false;
        }
        let (reason, hint) = (error.reason(), error.hint_in(spec.settings.dialect));
        tracing::warn!(job = spec.settings.name, error = reason, hint, "job failed, will resume");
        let hint = hint.map(str::to_owned);
        status.send_replace(JobStatus::Restarting { reason, hint });
        tokio::select! {
            () = tokio::time::sleep(pause(attempt)) => {}
            () = asked_to_stop(&mut stop) => {
                status.send_replace(JobStatus::Stopped);
                return;
            }
        }
    }
}

/// What a job waits for before it has run.
fn patience(settings: &JobSettings) -> Patience {
    let goes_on = |c: &CheckpointSettings| {
        !c.begins_anew && durable_positions(&c.directory).is_ok_and(|all| !all.is_empty())
    };
    match settings.checkpoints.as_ref().filter(|c| goes_on(c)) {
        None => Patience::Begins,
        Some(checkpoints) if checkpoints.is_unattended => Patience::HasRun,
        Some(_) => Patience::GoesOn,
    }
}

/// Whether a source has lost its place and is told to read everything again then.
fn loses_place(error: &JobError, graph: &JobGraph) -> bool {
    let JobError::Connector { table, source, .. } = error else {
        return false;
    };
    let is_it = |source: &&GraphSource| source.table == *table;
    source.kind() == ErrorKind::PlaceLost
        && graph.sources.iter().find(is_it).is_some_and(|s| s.plan.begins_anew_when_lost())
}

/// Waits until somebody asks for the end, or nobody is left who could.
pub(crate) async fn asked_to_stop(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await.map(|_| ());
}

async fn run_once(
    spec: &JobSpec,
    stop: &mut watch::Receiver<bool>,
    status: &watch::Sender<JobStatus>,
    metrics: &Arc<JobMetrics>,
    was_running: &mut bool,
) -> Result<Ended, JobError> {
    let graph = (spec.graph)();
    let start = EpochLoop::start(graph, &spec.settings, Arc::clone(metrics));
    let mut epochs = tokio::select! {
        started = start => started?,
        () = asked_to_stop(stop) => return Ok(Ended::Stopped),
    };
    *was_running = true;
    status.send_replace(JobStatus::Running);
    let overdue = overdue(stop.clone());
    tokio::pin!(overdue);
    let ended = tokio::select! {
        ended = epochs.run(stop) => ended,
        () = &mut overdue => {
            epochs.abort().await;
            return Ok(given_up(spec));
        }
    };
    match ended {
        Ok(ended) => tokio::select! {
            closed = epochs.close() => closed.map(|()| ended),
            () = &mut overdue => Ok(given_up(spec)),
        },
        Err(error) => {
            epochs.abort().await;
            Err(error)
        }
    }
}

/// Waits until a job that was asked to stop has had its time.
async fn overdue(mut stop: watch::Receiver<bool>) {
    asked_to_stop(&mut stop).await;
    tokio::time::sleep(STOP_LIMIT).await;
}

fn given_up(spec: &JobSpec) -> Ended {
    tracing::warn!(
        job = spec.settings.name,
        "stopped without a last checkpoint: a sink does not take its rows in time; the next start goes \
         on from the checkpoint before"
    );
    Ended::Stopped
}
