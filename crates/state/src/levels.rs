//! The runs of a store from newest to oldest, and the checkpoint that is being written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::background::{self, Background, Done, Request};
use crate::error::StateError;
use crate::run::{Found, Run, RunEntry, RunId};
use crate::store::Sealed;

/// As many neighbouring runs of similar size are merged into one.
const MERGE_WIDTH: usize = 8;
/// State up to this size is read and checked whole when it is opened.
const VERIFY_BYTES: u64 = 256 << 20;

pub(crate) struct Levels {
    directory: PathBuf,
    /// Oldest first.
    runs: Vec<Arc<Run>>,
    background: Option<Background>,
    /// Entries handed over that do not make up a run yet.
    pending: Vec<RunEntry>,
    pending_bytes: usize,
    /// Deleted keys: by the write that carries their mark.
    gone: Vec<(u64, (u64, u32))>,
    begun_writes: u64,
    completed_writes: u64,
    next_ordinal: u32,
    checkpoint: Option<Checkpoint>,
    sealed: Option<u64>,
    last_committed: u64,
    is_merging: bool,
    obsolete: Vec<PathBuf>,
    removable: Vec<PathBuf>,
}

struct Checkpoint {
    number: u64,
    is_sealing: bool,
}

impl Levels {
    pub(crate) fn open(
        directory: &Path,
        ids: &[RunId],
        next_checkpoint: u64,
    ) -> Result<Self, StateError> {
        std::fs::create_dir_all(directory).map_err(|e| StateError::io("create", directory, e))?;
        let listed =
            std::fs::read_dir(directory).map_err(|e| StateError::io("list", directory, e))?;
        for file in listed.flatten() {
            let id = file.file_name().to_str().and_then(RunId::parse);
            if id.is_some_and(|id| !ids.contains(&id)) {
                let path = file.path();
                std::fs::remove_file(&path).map_err(|e| StateError::io("remove", &path, e))?;
            }
        }
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        let size_of =
            |id: &RunId| std::fs::metadata(directory.join(id.file_name())).map_or(0, |m| m.len());
        let verify = ids.iter().map(size_of).sum::<u64>() <= VERIFY_BYTES;
        let runs = ids
            .iter()
            .map(|id| Run::open(directory, *id, verify).map(Arc::new))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            directory: directory.to_owned(),
            runs,
            background: None,
            pending: Vec::new(),
            pending_bytes: 0,
            gone: Vec::new(),
            begun_writes: 0,
            completed_writes: 0,
            next_ordinal: 0,
            checkpoint: None,
            sealed: None,
            last_committed: next_checkpoint.saturating_sub(1),
            is_merging: false,
            obsolete: Vec::new(),
            removable: Vec::new(),
        })
    }

    pub(crate) fn run_count(&self) -> usize {
        self.runs.len()
    }

    /// Entries handed over by a write up to this number can be read from runs.
    pub(crate) fn completed_writes(&self) -> u64 {
        self.completed_writes
    }

    /// Looks a key up in all runs, the newest first; `block` is a buffer to read into.
    pub(crate) fn get(
        &self,
        hash: u64,
        key: &[u8],
        block: &mut Vec<u8>,
    ) -> Result<Found, StateError> {
        for run in self.runs.iter().rev() {
            match run.get(hash, key, block)? {
                Found::Nothing => {}
                found => return Ok(found),
            }
        }
        Ok(Found::Nothing)
    }

    pub(crate) fn begin_checkpoint(&mut self, number: u64) {
        self.checkpoint = Some(Checkpoint { number, is_sealing: false });
    }

    /// Takes an entry for the checkpoint that was begun; gives the number of its write.
    pub(crate) fn hand_over(
        &mut self,
        entry: RunEntry,
        gone: Option<(u64, u32)>,
        run_bytes: usize,
    ) -> Result<u64, StateError> {
        let write = self.begun_writes + 1;
        self.pending_bytes += entry.key.len() + entry.value.as_ref().map_or(0, |v| v.len()) + 16;
        self.pending.push(entry);
        if let Some(gone) = gone {
            self.gone.push((write, gone));
        }
        if self.pending_bytes >= run_bytes {
            self.send_pending()?;
        }
        Ok(write)
    }

    fn send_pending(&mut self) -> Result<(), StateError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let checkpoint = self.checkpoint.as_ref().map_or(0, |c| c.number);
        let id = self.next_id(checkpoint);
        let entries = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        self.begun_writes += 1;
        self.background().send(Request::Write { id, entries })
    }

    /// Writes entries at once; they belong to the checkpoint `checkpoint`.
    pub(crate) fn spill(
        &mut self,
        checkpoint: u64,
        entries: Vec<RunEntry>,
    ) -> Result<(), StateError> {
        let id = self.next_id(checkpoint);
        let run = background::write(&self.directory, id, entries)?;
        self.add(Arc::new(run));
        while let Some(done) = self.background.as_ref().and_then(Background::poll) {
            self.take(done?);
        }
        self.merge_if_many()
    }

    /// Looks at what the writer has done and goes on; gives the checkpoint once it is durable.
    pub(crate) fn advance(&mut self, all_handed_over: bool) -> Result<Option<Sealed>, StateError> {
        if all_handed_over && self.checkpoint.is_some() {
            self.send_pending()?;
        }
        while let Some(done) = self.background.as_ref().and_then(Background::poll) {
            self.take(done?);
        }
        let is_written = all_handed_over && self.completed_writes == self.begun_writes;
        if is_written
            && let Some(checkpoint) = &mut self.checkpoint
            && !checkpoint.is_sealing
        {
            checkpoint.is_sealing = true;
            let (number, last) = (checkpoint.number, self.last_committed);
            let is_new = |r: &&Arc<Run>| r.id.checkpoint > last && r.id.checkpoint <= number;
            let runs = self.runs.iter().filter(is_new).cloned().collect();
            self.background().send(Request::Seal { checkpoint: number, runs })?;
        }
        let sealed = self.sealed.take();
        Ok(sealed.map(|number| self.seal(number)))
    }

    /// Waits for the writer's next answer.
    pub(crate) fn wait(&mut self) -> Result<(), StateError> {
        if let Some(done) = self.background.as_ref().and_then(Background::wait) {
            self.take(done?);
        }
        Ok(())
    }

    fn seal(&mut self, number: u64) -> Sealed {
        self.checkpoint = None;
        let last = self.last_committed;
        self.last_committed = number;
        self.removable.append(&mut self.obsolete);
        let part: Vec<_> = self.runs.iter().filter(|r| r.id.checkpoint <= number).collect();
        Sealed {
            checkpoint: number,
            runs: part.iter().map(|r| r.id).collect(),
            total_bytes: part.iter().map(|r| r.bytes).sum(),
            new_bytes: part.iter().filter(|r| r.id.checkpoint > last).map(|r| r.bytes).sum(),
        }
    }

    /// Deleted keys whose marks can be read from runs by now.
    pub(crate) fn take_gone(&mut self) -> Vec<(u64, u32)> {
        let completed = self.completed_writes;
        let (ready, waiting) = self.gone.drain(..).partition(|(write, _)| *write <= completed);
        self.gone = waiting;
        let ready: Vec<(u64, (u64, u32))> = ready;
        ready.into_iter().map(|(_, gone)| gone).collect()
    }

    pub(crate) fn remove_obsolete(&mut self) {
        for path in self.removable.drain(..) {
            // What stays is removed at the next start: it is in no manifest.
            let _ = std::fs::remove_file(path);
        }
        // A failure to merge shows at the next call that reads the writer's answers.
        let _ = self.merge_if_many();
    }

    fn take(&mut self, done: Done) {
        match done {
            Done::Written(run) => {
                self.completed_writes += 1;
                self.add(run);
            }
            Done::Merged { inputs, output } => {
                self.is_merging = false;
                self.obsolete.extend(inputs.iter().map(|id| self.directory.join(id.file_name())));
                self.runs.retain(|r| !inputs.contains(&r.id));
                self.add(output);
            }
            Done::Sealed { checkpoint } => self.sealed = Some(checkpoint),
        }
    }

    fn add(&mut self, run: Arc<Run>) {
        let at = self.runs.partition_point(|r| r.id < run.id);
        self.runs.insert(at, run);
    }

    fn next_id(&mut self, checkpoint: u64) -> RunId {
        self.next_ordinal += 1;
        RunId { checkpoint, ordinal: self.next_ordinal, merges: 0 }
    }

    fn background(&mut self) -> &Background {
        let directory = &self.directory;
        self.background.get_or_insert_with(|| Background::spawn(directory.clone()))
    }

    /// Merges neighbours of similar size. What a manifest may name and what none names yet are
    /// never mixed, and nothing is merged while a checkpoint is being written.
    fn merge_if_many(&mut self) -> Result<(), StateError> {
        if self.is_merging || self.checkpoint.is_some() {
            return Ok(());
        }
        let split = self.runs.partition_point(|r| r.id.checkpoint <= self.last_committed);
        let Some(range) = similar_neighbours(&self.runs, split, self.runs.len())
            .or_else(|| similar_neighbours(&self.runs, 0, split))
        else {
            return Ok(());
        };
        let runs: Vec<Arc<Run>> = self.runs[range.clone()].to_vec();
        let Some(newest) = runs.last() else {
            return Ok(());
        };
        let merges = runs.iter().map(|r| r.id.merges).max().unwrap_or(0) + 1;
        let id = RunId { merges, ..newest.id };
        self.is_merging = true;
        let drop_deleted = range.start == 0;
        self.background().send(Request::Merge { runs, id, drop_deleted })
    }
}

/// The newest neighbours in `from..to`, at least `MERGE_WIDTH`, of which none is larger than all
/// the newer ones together (twice over).
fn similar_neighbours(runs: &[Arc<Run>], from: usize, to: usize) -> Option<std::ops::Range<usize>> {
    let mut start = to;
    let mut total = 0;
    while start > from {
        let bytes = runs[start - 1].bytes;
        if start < to && bytes > 2 * total && to - start >= 2 {
            break;
        }
        total += bytes;
        start -= 1;
    }
    (to - start >= MERGE_WIDTH).then_some(start..to)
}
