//! Transactional sinks: the rows of a checkpoint are published once it is durable, and after a crash
//! again or not at all, by what the sink says.

use tailwater_connector_api::{Dialect, Hint, Publication};
use tailwater_types::CheckpointId;

use super::EpochLoop;
use crate::durability::Recovered;
use crate::error::JobError;
use crate::graph::JobGraph;
use crate::outbox::OutboxReader;
use crate::sink_task::{RunningSink, SinkRequest};

/// What each transactional sink has published, judged against the checkpoint; `None` for others,
/// and for all where nothing was ever published.
///
/// Each commit but the last is known to the checkpoint: it must be there. The last may be.
pub(super) fn judge(
    graph: &JobGraph,
    sinks: &[RunningSink],
    recovered: &Recovered,
) -> Result<Vec<Option<u64>>, JobError> {
    let is_transactional =
        |i: usize| graph.sinks[i].plan.publication() == Publication::Transactional;
    // Checkpoint 0 is a place that was given: the job has not run yet.
    let resumed_from = match recovered.checkpoint {
        Some(CheckpointId(number)) if number > 0 => number,
        _ => return Ok(vec![None; sinks.len()]),
    };
    let judged = sinks.iter().enumerate().map(|(i, sink)| {
        if !is_transactional(i) {
            return Ok(None);
        }
        let expected = recovered.published.get(i).copied().flatten();
        let found = sink.published.as_ref().filter(|p| p.lineage == recovered.lineage);
        match found.map(|p| p.checkpoint.0) {
            Some(found) if found == resumed_from || Some(found) == expected => Ok(Some(found)),
            found => Err(lost(&graph.sinks[i].table, resumed_from, expected, found)),
        }
    });
    judged.collect()
}

fn lost(table: &str, checkpoint: u64, expected: Option<u64>, found: Option<u64>) -> JobError {
    let found = match found {
        Some(found) => format!("the sink says checkpoint {found} was the last"),
        None => "the sink has no record of this job".to_owned(),
    };
    let expected = expected.unwrap_or(0);
    JobError::Checkpoint {
        message: format!(
            "cannot resume from checkpoint {checkpoint}: sink \"{table}\" must have published \
             checkpoint {expected} or {checkpoint}, but {found}"
        ),
        hint: Hint::each(|say| {
            let mend = say.begin_anew();
            let another = match say {
                Dialect::Sql => "another job may have used the same 'sink.transactional-id-prefix'",
                Dialect::Connect | Dialect::File => {
                    "a connector of the same name may have run elsewhere"
                }
            };
            format!(
                "{another}, or the sink's record of progress was deleted; empty the sink and {mend}"
            )
        }),
    }
}

impl EpochLoop {
    /// Publishes what a checkpoint left, for the sinks that have not done so; has those of a job
    /// that begins note it.
    pub(super) async fn publish_recovered(&mut self) -> Result<(), JobError> {
        if let Some(unpublished) = self.unpublished.take() {
            self.publish(unpublished, self.resumed_from).await?;
            self.is_changed = true;
        }
        for sink in 0..self.sinks.len() {
            let publication = self.graph.sinks[sink].plan.publication();
            if publication == Publication::Transactional && self.published[sink].is_none() {
                self.send(sink, SinkRequest::Commit(CheckpointId(0))).await?;
                self.published[sink] = Some(0);
            }
        }
        Ok(())
    }

    /// Publishes the rows of checkpoint `number`, which is durable: each sink's in one commit.
    pub(super) async fn publish(
        &mut self,
        mut rows: OutboxReader,
        number: u64,
    ) -> Result<(), JobError> {
        let before = self.published.clone();
        while let Some((sink, batch)) = rows.next()? {
            if before.get(sink).copied().flatten() == Some(number) {
                continue;
            }
            self.send(sink, SinkRequest::Write(batch)).await?;
            self.published[sink] = Some(number);
        }
        for (sink, before) in before.into_iter().enumerate() {
            if self.published[sink] != before {
                self.send(sink, SinkRequest::Commit(CheckpointId(number))).await?;
            }
        }
        Ok(())
    }
}
