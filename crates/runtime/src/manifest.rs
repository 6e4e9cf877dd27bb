//! The one file that says what a checkpoint is: written beside the old one, synced, renamed.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tailwater_connector_api::{Dialect, Hint};
use tailwater_state::RunId;
use tailwater_types::Position;

use crate::error::JobError;
use crate::graph::JobGraph;

const FILE: &str = "manifest.json";
const VERSION: u32 = 1;

/// A durable cut of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of this file's form.
    pub(crate) version: u32,
    /// The job's name.
    pub(crate) job: String,
    /// The checkpoint's number.
    pub(crate) checkpoint: u64,
    /// What the job consists of.
    pub(crate) plan: PlanIdentity,
    /// For each source the place behind the rows that are in the state; `None` once it has ended.
    pub(crate) positions: Vec<Option<String>>,
    /// Files of the state.
    pub(crate) runs: Vec<String>,
    /// Output that may not have reached the sinks: how many bytes of the outbox file count.
    pub(crate) outbox_bytes: u64,
    /// From which beginning of the job the checkpoints count.
    #[serde(default)]
    pub(crate) lineage: String,
    /// Output for transactional sinks that belongs to this checkpoint: how many bytes of its file
    /// count.
    #[serde(default)]
    pub(crate) publication_bytes: u64,
    /// For each sink, if it is transactional, the checkpoint that it has published at least.
    #[serde(default)]
    pub(crate) published: Vec<Option<u64>>,
}

/// Identities of sources, stateful operators and sinks, in the order of the graph.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlanIdentity {
    pub(crate) sources: Vec<String>,
    pub(crate) operators: Vec<String>,
    pub(crate) sinks: Vec<String>,
}

impl PlanIdentity {
    /// That of a job.
    pub(crate) fn of(graph: &JobGraph) -> Self {
        Self {
            sources: graph.sources.iter().map(|s| s.identity.clone()).collect(),
            operators: graph.stateful.clone(),
            sinks: graph.sinks.iter().map(|s| s.identity.clone()).collect(),
        }
    }

    /// What `other` has that this plan has not.
    fn missing_from<'a>(&self, other: &'a Self) -> Vec<&'a str> {
        let all = |p: &'a Self| p.sources.iter().chain(&p.operators).chain(&p.sinks);
        let own: Vec<&String> =
            self.sources.iter().chain(&self.operators).chain(&self.sinks).collect();
        all(other).filter(|i| !own.contains(i)).map(String::as_str).collect()
    }
}

impl Manifest {
    pub(crate) fn new(job: &str, checkpoint: u64, plan: PlanIdentity) -> Self {
        Self {
            version: VERSION,
            job: job.to_owned(),
            checkpoint,
            plan,
            positions: Vec::new(),
            runs: Vec::new(),
            outbox_bytes: 0,
            lineage: String::new(),
            publication_bytes: 0,
            published: Vec::new(),
        }
    }

    /// The state's files.
    pub(crate) fn run_ids(&self) -> Result<Vec<RunId>, JobError> {
        let parse = |name: &String| {
            RunId::parse(name)
                .ok_or_else(|| refused(Path::new(name), "it names a state file in an unknown form"))
        };
        self.runs.iter().map(parse).collect()
    }

    /// Makes this the directory's checkpoint. When this returns it is durable.
    pub(crate) fn publish(&self, directory: &Path) -> Result<(), JobError> {
        let body = serde_json::to_string_pretty(self)
            .expect("a manifest has no map with keys other than text");
        let text = format!("{body}\ncrc32c {:08x}\n", crc32c::crc32c(body.as_bytes()));
        let (new, path) = (directory.join("manifest.new"), directory.join(FILE));
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|e| JobError::io("write", &new, e))?;
        std::fs::rename(&new, &path).map_err(|e| JobError::io("rename", &new, e))?;
        File::open(directory)
            .and_then(|d| d.sync_all())
            .map_err(|e| JobError::io("sync", directory, e))
    }

    /// The directory's checkpoint, if there is one.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>, JobError> {
        let path = directory.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(JobError::io("read", &path, e)),
        };
        let sum = text.trim_end().rsplit_once("\ncrc32c ");
        let Some((body, crc)) = sum else {
            return Err(refused(&path, "its checksum is missing"));
        };
        if format!("{:08x}", crc32c::crc32c(body.as_bytes())) != crc {
            return Err(refused(&path, "its checksum does not match"));
        }
        let manifest: Self = serde_json::from_str(body)
            .map_err(|e| refused(&path, &format!("it is not a manifest: {e}")))?;
        if manifest.version != VERSION {
            let version = manifest.version;
            return Err(refused(
                &path,
                &format!("it has form {version}, this release reads {VERSION}"),
            ));
        }
        Ok(Some(manifest))
    }

    /// Refuses the checkpoint of another job or plan.
    pub(crate) fn check(
        &self,
        directory: &Path,
        job: &str,
        plan: &PlanIdentity,
    ) -> Result<(), JobError> {
        let path = directory.join(FILE);
        if self.job != job {
            let other = &self.job;
            return Err(refused(&path, &format!("it belongs to the job \"{other}\"")));
        }
        if &self.plan != plan {
            let gone = plan.missing_from(&self.plan).join("; ");
            let new = self.plan.missing_from(plan).join("; ");
            let reason = format!(
                "the job was another one then; only the checkpoint has: [{gone}]; only the job \
                 has: [{new}]"
            );
            return Err(refused(&path, &reason));
        }
        Ok(())
    }
}

/// The places that the sources of a job go on from after a restart, as its directory has them;
/// empty without a checkpoint.
///
/// # Errors
/// If the checkpoint cannot be read.
pub fn durable_positions(directory: &Path) -> Result<Vec<Position>, JobError> {
    let manifest = Manifest::read(directory)?;
    let positions = manifest.map(|manifest| manifest.positions).unwrap_or_default();
    Ok(positions.into_iter().flatten().map(Position).collect())
}

fn refused(path: &Path, reason: &str) -> JobError {
    JobError::Checkpoint {
        message: format!("cannot resume from checkpoint \"{}\": {reason}", path.display()),
        hint: Hint::each(|say| {
            let mend = say.begin_anew();
            match say {
                Dialect::Sql => format!(
                    "another job needs a name of its own: SET 'pipeline.name' = '...'; for this \
                     one, empty its sink tables (rows that are gone from the source would stay \
                     there) and {mend}"
                ),
                Dialect::Connect | Dialect::File => mend.to_owned(),
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_or_foreign_manifest_is_refused_with_its_reason() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert!(Manifest::read(path).unwrap().is_none());
        let plan = PlanIdentity { sources: vec!["a".to_owned()], ..Default::default() };
        let manifest = Manifest::new("job", 3, plan.clone());
        manifest.publish(path).unwrap();
        let read = Manifest::read(path).unwrap().unwrap();
        assert_eq!(read, manifest);
        read.check(path, "job", &plan).unwrap();
        assert!(read.check(path, "other", &plan).unwrap_err().to_string().contains("job \"job\""));
        let changed = PlanIdentity { sources: vec!["b".to_owned()], ..Default::default() };
        let message = read.check(path, "job", &changed).unwrap_err().to_string();
        assert!(message.contains("has: [a]") && message.contains("has: [b]"), "{message}");
        let file = path.join(FILE);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("\"checkpoint\": 3", "\"checkpoint\": 4")).unwrap();
        let message = Manifest::read(path).unwrap_err().to_string();
        assert!(message.contains("checksum does not match"), "{message}");
    }
}
