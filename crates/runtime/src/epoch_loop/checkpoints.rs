//! When the loop takes checkpoints, and what it does until they are durable.

use std::time::Duration;

use super::EpochLoop;
use crate::error::JobError;
use crate::job::JobMetrics;
use crate::sink_task::SinkRequest;

/// How often a checkpoint that is being written is looked after when nothing else happens.
const CHECKPOINT_POLL: Duration = Duration::from_millis(2);

impl EpochLoop {
    pub(super) fn wake_at(&self) -> tokio::time::Instant {
        let far = tokio::time::Instant::now() + Duration::from_secs(3600);
        let Some(durability) = &self.durability else {
            return far;
        };
        if durability.in_progress.is_some() {
            return tokio::time::Instant::now() + CHECKPOINT_POLL;
        }
        let may_begin = self.is_changed && self.is_settled() && self.replay.is_empty();
        if may_begin { durability.next_at() } else { far }
    }

    /// Begins a checkpoint if one is due, goes on with the one that is being written.
    pub(super) async fn look_after_checkpoint(&mut self) -> Result<(), JobError> {
        let can_begin = self.is_changed && self.is_settled() && self.replay.is_empty();
        let Some(durability) = &mut self.durability else {
            return Ok(());
        };
        if durability.in_progress.is_some() {
            return self.advance_checkpoint().await;
        }
        let is_due =
            !durability.outbox.is_empty() || tokio::time::Instant::now() >= durability.next_at();
        if can_begin && is_due {
            self.begin_checkpoint().await?;
        }
        Ok(())
    }

    async fn begin_checkpoint(&mut self) -> Result<(), JobError> {
        let positions = self.sources.iter().map(|s| s.position.clone()).collect();
        let Some(durability) = &mut self.durability else {
            return Ok(());
        };
        let (state, sinks) = (&mut self.state, self.sinks.len());
        let number = tokio::task::block_in_place(|| durability.begin(state, positions, sinks))?;
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
        if durability.outbox.is_empty() {
            return Ok(());
        }
        let waiting = durability.outbox.take()?;
        self.is_changed = true;
        self.send_all(waiting).await
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
