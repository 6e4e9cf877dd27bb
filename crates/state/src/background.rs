//! The thread that writes and merges runs, so that the epoch loop never waits for a disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::error::StateError;
use crate::run::{Run, RunEntry, RunId, RunScan, RunWriter};

/// Work for the thread.
pub(crate) enum Request {
    /// Sort and write these entries.
    Write { id: RunId, entries: Vec<RunEntry> },
    /// Make these and all written so far durable.
    Seal { checkpoint: u64, runs: Vec<Arc<Run>> },
    /// Merge neighbouring runs, given oldest first, into one that takes the newest one's place.
    Merge { runs: Vec<Arc<Run>>, id: RunId, drop_deleted: bool },
}

/// What the thread has done.
pub(crate) enum Done {
    Written(Arc<Run>),
    Sealed { checkpoint: u64 },
    Merged { inputs: Vec<RunId>, output: Arc<Run> },
}

/// The handle of the thread; dropping it waits for the work handed over.
pub(crate) struct Background {
    requests: Option<Sender<Request>>,
    done: Receiver<Result<Done, StateError>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(crate) fn spawn(directory: PathBuf) -> Self {
        let (requests, inbox) = channel();
        let (outbox, done) = channel();
        let thread = std::thread::Builder::new()
            .name("state-writer".to_owned())
            .spawn(move || {
                for request in inbox {
                    if outbox.send(handle(&directory, request)).is_err() {
                        return;
                    }
                }
            })
            .ok();
        Self { requests: Some(requests), done, thread }
    }

    pub(crate) fn send(&self, request: Request) -> Result<(), StateError> {
        let sent = self.requests.as_ref().map(|r| r.send(request));
        if matches!(sent, Some(Ok(()))) {
            return Ok(());
        }
        Err(StateError::Io {
            action: "hand over",
            path: "state-writer".to_owned(),
            source: std::io::Error::other("the state writer has stopped"),
        })
    }

    /// What has been done since the last call, without waiting.
    pub(crate) fn poll(&self) -> Option<Result<Done, StateError>> {
        self.done.try_recv().ok()
    }

    /// Waits for the next thing done.
    pub(crate) fn wait(&self) -> Option<Result<Done, StateError>> {
        self.done.recv().ok()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been seen as a closed channel already.
            let _ = thread.join();
        }
    }
}

fn handle(directory: &std::path::Path, request: Request) -> Result<Done, StateError> {
    match request {
        Request::Write { id, entries } => {
            Ok(Done::Written(Arc::new(write(directory, id, entries)?)))
        }
        Request::Seal { checkpoint, runs } => {
            for run in &runs {
                run.sync()?;
            }
            Ok(Done::Sealed { checkpoint })
        }
        Request::Merge { runs, id, drop_deleted } => {
            let output = merge(directory, &runs, id, drop_deleted)?;
            output.sync()?;
            let inputs = runs.iter().map(|r| r.id).collect();
            Ok(Done::Merged { inputs, output: Arc::new(output) })
        }
    }
}

/// Sorts and writes one run.
pub(crate) fn write(
    directory: &std::path::Path,
    id: RunId,
    mut entries: Vec<RunEntry>,
) -> Result<Run, StateError> {
    entries.sort_unstable_by(|a, b| a.hash.cmp(&b.hash).then_with(|| a.key.cmp(&b.key)));
    let mut writer = RunWriter::create(directory, id)?;
    for entry in &entries {
        writer.push(entry.hash, &entry.key, entry.value.as_deref())?;
    }
    writer.finish()
}

fn merge(
    directory: &std::path::Path,
    runs: &[Arc<Run>],
    id: RunId,
    drop_deleted: bool,
) -> Result<Run, StateError> {
    let mut scans: Vec<RunScan<'_>> = runs.iter().map(|r| r.scan()).collect();
    let mut heads = Vec::with_capacity(scans.len());
    for scan in &mut scans {
        heads.push(scan.next()?);
    }
    let mut writer = RunWriter::create(directory, id)?;
    loop {
        // Of equal keys the one of the newest run, the last in the list, is kept.
        let mut best: Option<usize> = None;
        for (i, head) in heads.iter().enumerate() {
            let Some(entry) = head else { continue };
            let before = best
                .and_then(|b| heads[b].as_ref())
                .is_none_or(|other| (entry.hash, &entry.key) <= (other.hash, &other.key));
            if before {
                best = Some(i);
            }
        }
        let Some(best) = best else { break };
        let Some(entry) = heads[best].take() else {
            break;
        };
        heads[best] = scans[best].next()?;
        for i in 0..best {
            if heads[i].as_ref().is_some_and(|h| h.hash == entry.hash && h.key == entry.key) {
                heads[i] = scans[i].next()?;
            }
        }
        if entry.value.is_some() || !drop_deleted {
            writer.push(entry.hash, &entry.key, entry.value.as_deref())?;
        }
    }
    writer.finish()
}
