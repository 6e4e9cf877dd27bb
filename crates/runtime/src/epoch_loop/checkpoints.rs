//! When the loop takes checkpoints, and what it does until they are durable.

use std::time::Duration;

use tokio::time::Instant;

use super::{EpochLoop, Turn};
use crate::error::JobError;
use crate::job::JobMetrics;
use crate::sink_task::SinkRequest;

/// How often a checkpoint that is being written is looked after when nothing else happens.
const CHECKPOINT_POLL: Duration = Duration::from_millis(2);

/// How long a checkpoint that is due holds back the sources that are ready for it, so that those
/// between two places come to the next one.
const ALIGNMENT: Duration = Duration::from_millis(50);
/// Until the next attempt after one that failed: a source is then in something long.
const ALIGNMENT_PAUSE: Duration = Duration::from_millis(500);

/// The attempt to have all sources at a place at once.
#[derive(Debug, Default)]
pub(super) struct Alignment {
    until: Option<Instant>,
    not_before: Option<Instant>,
}

impl EpochLoop {
    /// Whose events are taken now.
    pub(super) fn turn(&self) -> Turn {
        match self.replay.front() {
            Some(fed) => Turn::Only(fed.source),
            None if self.alignment.until.is_some() => Turn::Unsettled,
            None => Turn::All,
        }
    }

    fn align(&mut self) {
        let now = Instant::now();
        match self.alignment.until {
            Some(until) if now >= until => {
                self.alignment.until = None;
                self.alignment.not_before = Some(now + ALIGNMENT_PAUSE);
            }
            Some(_) => {}
            None if self.alignment.not_before.is_none_or(|at| now >= at) => {
                self.alignment.until = Some(now + ALIGNMENT);
            }
            None => {}
        }
    }

    pub(super) fn wake_at(&self) -> tokio::time::Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        if let Some(until) = self.alignment.until {
            return until;
        }
        let Some(durability) = &self.durability else {
            return far;
        };
        if durability.in_progress.is_some() {
            return Instant::now() + CHECKPOINT_POLL;
        }
        let may_begin = self.is_changed && self.is_settled() && self.replay.is_empty();
        if may_begin { durability.next_at(Instant::now()) } else { far }
    }

    /// Begins a checkpoint if one is due, goes on with the one that is being written.
    pub(super) async fn look_after_checkpoint(&mut self) -> Result<(), JobError> {
        let can_begin = self.is_changed && self.replay.is_empty();
        let is_settled = self.is_settled();
        let Some(durability) = &mut self.durability else {
            return Ok(());
        };
        if durability.in_progress.is_some() {
            return self.advance_checkpoint().await;
        }
        let now = Instant::now();
        if !can_begin || now < durability.next_at(now) {
            return Ok(());
        }
        if !is_settled {
            self.align();
            return Ok(());
        }
        self.alignment = Alignment::default();
        self.begin_checkpoint().await
    }

    async fn begin_checkpoint(&mut self) -> Result<(), JobError> {
        let positions = self.sources.iter().map(|s| s.position.clone()).collect();
        let is_inexact = std::mem::take(&mut self.is_inexact);
        let Some(durability) = &mut self.durability else {
            return Ok(());
        };
        let (state, sinks) = (&mut self.state, self.sinks.len());
        let published = self.published.clone();
        let number = durability.begin(state, positions, published, is_inexact)?;
        self.is_changed = false;
        for sink in 0..sinks {
            self.send(sink, SinkRequest::Flush(number)).await?;
        }
        Ok(())
    }

    async fn advance_checkpoint(&mut self) -> Result<(), JobError> {
        let Some(durability) = &mut self.durability else {
            return Ok(());
        };
        let done = durability.advance(&mut self.state).await?;
        let Some(checkpoint) = done else {
            return Ok(());
        };
        JobMetrics::add(&self.metrics.checkpoints, 1);
        for (slot, position) in self.sources.iter_mut().zip(&checkpoint.positions) {
            if let (Some(running), Some(position)) = (&mut slot.running, position) {
                running.acker.ack(position);
            }
        }
        let sealed = durability.outbox.release_sealed()?;
        let current = if self.is_inexact { None } else { durability.outbox.release_current()? };
        let publication = durability.publication.release_sealed()?;
        let number = checkpoint.number;
        if let Some(publication) = publication {
            self.is_changed = true;
            self.publish(publication, number).await?;
        }
        for waiting in [sealed, current].into_iter().flatten() {
            self.is_changed = true;
            self.send_all(waiting).await?;
        }
        Ok(())
    }

    /// Takes a checkpoint now, if there can be one, and waits for it.
    pub(super) async fn last_checkpoint(&mut self) -> Result<(), JobError> {
        while self.checkpoint_in_progress() {
            self.wait_for_checkpoint().await?;
        }
        let mut left = 2;
        while left > 0 && self.durability.is_some() && self.is_changed && self.is_settled() {
            if !self.replay.is_empty() {
                return Ok(());
            }
            self.begin_checkpoint().await?;
            while self.checkpoint_in_progress() {
                self.wait_for_checkpoint().await?;
            }
            // What the first one let go of is durable in the sinks by the second.
            left -= 1;
        }
        Ok(())
    }

    fn checkpoint_in_progress(&self) -> bool {
        self.durability.as_ref().is_some_and(|d| d.in_progress.is_some())
    }

    async fn wait_for_checkpoint(&mut self) -> Result<(), JobError> {
        tokio::select! {
            Some(event) = self.sink_events.recv() => self.take_sink_event(event)?,
            () = tokio::time::sleep(CHECKPOINT_POLL) => {}
        }
        self.advance_checkpoint().await
    }
}
