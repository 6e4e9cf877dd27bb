//! What makes a job durable: its directory, the checkpoint being made, what a restart follows.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tailwater_connector_api::{Dialect, Hint};
use tailwater_state::{Sealed, StateOptions, StateStore};
use tailwater_types::{CheckpointId, Position};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::epoch_log::{EpochLog, FedBatch};
use crate::error::JobError;
use crate::job::{CheckpointSettings, JobSettings};
use crate::manifest::{Manifest, PlanIdentity};
use crate::outbox::{Outbox, OutboxReader};

/// What a restart begins with.
pub(crate) struct Recovered {
    pub(crate) state: StateStore,
    /// For each source where to go on; `None` for all without a checkpoint.
    pub(crate) positions: Option<Vec<Option<Position>>>,
    /// Epochs that had left the job behind the checkpoint.
    pub(crate) fed: VecDeque<FedBatch>,
    /// Output that may not have reached the sinks.
    pub(crate) unsent: Option<OutboxReader>,
    /// Output that may not have been published.
    pub(crate) unpublished: Option<OutboxReader>,
    /// What each transactional sink has published at least; empty without a checkpoint.
    pub(crate) published: Vec<Option<u64>>,
    pub(crate) lineage: String,
    pub(crate) checkpoint: Option<CheckpointId>,
}

/// The durable side of a running job.
pub(crate) struct Durability {
    job: String,
    directory: PathBuf,
    plan: PlanIdentity,
    pub(crate) outbox: Outbox,
    /// Rows for transactional sinks.
    pub(crate) publication: Outbox,
    lineage: String,
    pub(crate) epoch_log: Option<EpochLog>,
    pub(crate) in_progress: Option<InProgress>,
    interval: Duration,
    cut_at: Option<Instant>,
    next_at: Instant,
    /// Held for as long as the job runs: nobody else may use the directory.
    _lock: File,
}

/// A checkpoint between its cut and its manifest.
pub(crate) struct InProgress {
    pub(crate) number: u64,
    pub(crate) positions: Vec<Option<Position>>,
    outbox_bytes: u64,
    publication_bytes: u64,
    published: Vec<Option<u64>>,
    /// It holds rows that another reading may bring in another form: until it is durable nothing
    /// that follows from them may leave.
    pub(crate) is_inexact: bool,
    /// Sinks that have not made everything before the cut durable yet.
    pub(crate) sinks_left: usize,
    sealed: Option<Sealed>,
    /// The manifest on its way to the disk: the loop does not wait for it.
    publishing: Option<JoinHandle<Result<(), JobError>>>,
}

impl Durability {
    /// Opens a job's directory and reads its checkpoint.
    pub(crate) fn open(
        settings: &JobSettings,
        checkpoints: &CheckpointSettings,
        plan: PlanIdentity,
        needs_epoch_log: bool,
    ) -> Result<(Self, Recovered), JobError> {
        let directory = checkpoints.directory.clone();
        std::fs::create_dir_all(&directory).map_err(|e| JobError::io("create", &directory, e))?;
        let lock = lock(&directory)?;
        if checkpoints.begins_anew {
            clear(&directory)?;
        }
        let manifest = Manifest::read(&directory)?;
        if let Some(manifest) = &manifest {
            manifest.check(&directory, &settings.name, &plan)?;
        }
        // Until there is a first place to go on from, a crash would begin anew.
        let is_first = manifest.is_none();
        let runs = manifest.as_ref().map_or(Ok(Vec::new()), Manifest::run_ids)?;
        let number = manifest.as_ref().map_or(0, |m| m.checkpoint);
        let state = StateStore::open(
            &StateOptions {
                directory: Some(directory.join("state")),
                budget_bytes: settings.state_budget_bytes,
            },
            &runs,
            number + 1,
        )?;
        let outbox = Outbox::of_held_rows(&directory);
        let unsent = match &manifest {
            Some(m) if m.outbox_bytes > 0 => Some(outbox.read(m.checkpoint, m.outbox_bytes)?),
            _ => None,
        };
        let publication = Outbox::of_transactions(&directory);
        let unpublished = match &manifest {
            Some(m) if m.publication_bytes > 0 => {
                Some(publication.read(m.checkpoint, m.publication_bytes)?)
            }
            _ => None,
        };
        let lineage = match &manifest {
            Some(m) => m.lineage.clone(),
            None => uuid::Uuid::new_v4().to_string(),
        };
        let (fed, epoch_log) = if needs_epoch_log {
            let fed = if manifest.is_some() { EpochLog::read(&directory, number)? } else { vec![] };
            let log = EpochLog::resume(&directory, number, &fed)?;
            (fed, Some(log))
        } else {
            (Vec::new(), None)
        };
        let recovered = Recovered {
            state,
            positions: manifest
                .as_ref()
                .map(|m| m.positions.iter().cloned().map(|p| p.map(Position)).collect()),
            fed: fed.into(),
            unsent,
            unpublished,
            published: manifest.as_ref().map(|m| m.published.clone()).unwrap_or_default(),
            lineage: lineage.clone(),
            checkpoint: manifest.map(|m| CheckpointId(m.checkpoint)),
        };
        let durability = Self {
            job: settings.name.clone(),
            directory,
            plan,
            outbox,
            publication,
            lineage,
            epoch_log,
            in_progress: None,
            interval: checkpoints.interval,
            cut_at: None,
            next_at: Instant::now() + if is_first { Duration::ZERO } else { checkpoints.interval },
            _lock: lock,
        };
        Ok((durability, recovered))
    }

    /// When the next checkpoint is due: sooner where rows wait for it, at once where many do.
    pub(crate) fn next_at(&self, now: Instant) -> Instant {
        /// Between two cuts while rows wait.
        const PACE: Duration = Duration::from_millis(200);
        const MANY_BYTES: u64 = 16 << 20;
        match self.cut_at {
            _ if self.outbox.is_empty() => self.next_at,
            Some(cut_at) if self.outbox.byte_size() < MANY_BYTES => {
                (cut_at + PACE).min(self.next_at)
            }
            _ => now,
        }
    }

    /// Whether rows wait for a checkpoint, and whatever follows has to wait behind them.
    pub(crate) fn holds_back(&self) -> bool {
        !self.outbox.is_empty() || self.in_progress.as_ref().is_some_and(|c| c.is_inexact)
    }

    /// The cut: everything fed so far belongs to the checkpoint, nothing that follows does.
    /// `published` holds what each sink will have published once it has flushed.
    pub(crate) fn begin(
        &mut self,
        state: &mut StateStore,
        positions: Vec<Option<Position>>,
        published: Vec<Option<u64>>,
        is_inexact: bool,
    ) -> Result<u64, JobError> {
        let number = state.freeze()?;
        let outbox_bytes = self.outbox.cut(number)?;
        let publication_bytes = self.publication.cut(number)?;
        if let Some(log) = &mut self.epoch_log {
            log.rotate(number)?;
        }
        let now = Instant::now();
        (self.cut_at, self.next_at) = (Some(now), now + self.interval);
        let sinks_left = published.len();
        self.in_progress = Some(InProgress {
            number,
            positions,
            outbox_bytes,
            publication_bytes,
            published,
            is_inexact,
            sinks_left,
            sealed: None,
            publishing: None,
        });
        Ok(number)
    }

    /// Goes on writing the checkpoint; gives it once it is durable, which it then is for ever.
    pub(crate) async fn advance(
        &mut self,
        state: &mut StateStore,
    ) -> Result<Option<InProgress>, JobError> {
        /// How much state is handed to the writer at a time: the loop must not wait for it.
        const SLICE: usize = 512 << 10;
        let Some(checkpoint) = &mut self.in_progress else { return Ok(None) };
        if checkpoint.sealed.is_none() {
            checkpoint.sealed = state.pump(SLICE)?;
        }
        let Some(sealed) = &checkpoint.sealed else { return Ok(None) };
        if checkpoint.sinks_left > 0 {
            return Ok(None);
        }
        let publishing = match &mut checkpoint.publishing {
            Some(publishing) => publishing,
            None => {
                let mut manifest = Manifest::new(&self.job, checkpoint.number, self.plan.clone());
                manifest.positions =
                    checkpoint.positions.iter().map(|p| p.as_ref().map(|p| p.0.clone())).collect();
                manifest.runs = sealed.runs.iter().map(|r| r.file_name()).collect();
                manifest.outbox_bytes = checkpoint.outbox_bytes;
                manifest.lineage.clone_from(&self.lineage);
                manifest.publication_bytes = checkpoint.publication_bytes;
                manifest.published.clone_from(&checkpoint.published);
                let directory = self.directory.clone();
                let publish = move || manifest.publish(&directory);
                checkpoint.publishing.insert(tokio::task::spawn_blocking(publish))
            }
        };
        if !publishing.is_finished() {
            return Ok(None);
        }
        let published = publishing.await;
        // It has been waited for, whatever came of it.
        checkpoint.publishing = None;
        published
            .map_err(|e| JobError::io("publish", &self.directory, std::io::Error::other(e)))??;
        state.committed();
        EpochLog::remove_all_but(&self.directory, checkpoint.number);
        self.outbox.remove_before(checkpoint.number);
        self.publication.remove_before(checkpoint.number);
        Ok(self.in_progress.take())
    }

    /// Waits for a manifest that is on its way: whoever opens the directory next must see it.
    pub(crate) async fn settle(&mut self) {
        let publishing = self.in_progress.as_mut().and_then(|c| c.publishing.take());
        if let Some(publishing) = publishing {
            // Durable or not: the next start reads what is there.
            let _ = publishing.await;
        }
    }

    /// The job has ended for good: the same command begins anew.
    pub(crate) fn remove(&self) -> Result<(), JobError> {
        clear(&self.directory)
    }
}

/// Takes a job's directory for oneself.
pub(crate) fn lock(directory: &Path) -> Result<File, JobError> {
    let path = directory.join("lock");
    let file = File::create(&path).map_err(|e| JobError::io("create", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(JobError::Checkpoint {
            message: format!(
                "checkpoint directory \"{}\" is in use by another process",
                directory.display()
            ),
            hint: Hint::each(|say| {
                let other = match say {
                    Dialect::Sql => "give this job another 'pipeline.name'",
                    Dialect::Connect | Dialect::File => "give the connector another name",
                };
                format!("stop the other process, or {other}")
            }),
        }),
    }
}

/// Removes everything but the lock, the manifest first.
fn clear(directory: &Path) -> Result<(), JobError> {
    let gone = |path: &Path, removed: std::io::Result<()>| match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(JobError::io("remove", path, e)),
        _ => Ok(()),
    };
    let manifest = directory.join("manifest.json");
    gone(&manifest, std::fs::remove_file(&manifest))?;
    let state = directory.join("state");
    gone(&state, std::fs::remove_dir_all(&state))?;
    let files = std::fs::read_dir(directory).map_err(|e| JobError::io("list", directory, e))?;
    for file in files.flatten() {
        let path = file.path();
        if path.extension().is_some_and(|e| e == "log" || e == "new") {
            gone(&path, std::fs::remove_file(&path))?;
        }
    }
    Ok(())
}
