//! The places of a job that does not run.

use std::path::Path;

use tailwater_types::Position;

use crate::durability::lock;
use crate::epoch_log::EpochLog;
use crate::error::JobError;
use crate::graph::JobGraph;
use crate::manifest::{Manifest, PlanIdentity};

/// Has the sources of a job go on from other places: what is read behind them comes again, or is
/// skipped. Output that has not reached the sinks yet stays. A job without a checkpoint gets one that
/// begins there. The state is not altered: this is for jobs that have none.
///
/// # Errors
/// If the job runs, or its checkpoint cannot be read or written.
pub fn alter_positions(
    job: &str,
    directory: &Path,
    graph: &JobGraph,
    positions: &[Position],
) -> Result<(), JobError> {
    std::fs::create_dir_all(directory).map_err(|e| JobError::io("create", directory, e))?;
    let _lock = lock(directory)?;
    let plan = PlanIdentity::of(graph);
    let mut manifest = match Manifest::read(directory)? {
        Some(manifest) => {
            manifest.check(directory, job, &plan)?;
            manifest
        }
        None => {
            let mut manifest = Manifest::new(job, 0, plan);
            manifest.lineage = uuid::Uuid::new_v4().to_string();
            manifest
        }
    };
    manifest.positions = positions.iter().map(|position| Some(position.0.clone())).collect();
    // What was noted behind the old places is not there to be followed any more.
    EpochLog::remove_all(directory);
    manifest.publish(directory)
}
