//! One connector: what it is told to be, and the job that it is.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tailwater_pipeline::connect::{
    ConnectEngine, ConnectorConfig, Dialect, RunningConnector, StartConnector, TopicSet,
};
use tailwater_runtime::JobStatus;

use super::store::{Kept, Target};

/// A connector of the worker.
pub(crate) struct Connector {
    pub(crate) name: String,
    /// Below its own directory.
    checkpoints: PathBuf,
    life: Mutex<Life>,
    topics: TopicSet,
    /// Held by whoever starts, stops or changes it: one after the other.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

struct Life {
    config: ConnectorConfig,
    target: Target,
    run: Run,
}

enum Run {
    None,
    Job(RunningConnector),
    /// It could not be started.
    Refused(String),
}

/// Where a connector or its task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum State {
    Unassigned,
    Running,
    Paused,
    Stopped,
    Failed,
    Restarting,
}

/// The state of a task and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: State,
    pub(crate) trace: Option<String>,
}

impl Standing {
    fn of(state: State) -> Self {
        Self { state, trace: None }
    }
}

impl Connector {
    pub(crate) fn new(kept: Kept, checkpoints: PathBuf) -> Self {
        let topics = TopicSet::default();
        kept.topics.iter().for_each(|topic| topics.insert(topic));
        Self {
            name: kept.name,
            checkpoints,
            life: Mutex::new(Life { config: kept.config, target: kept.target, run: Run::None }),
            topics,
            turn: tokio::sync::Mutex::new(()),
        }
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn config(&self) -> ConnectorConfig {
        self.life().config.clone()
    }

    pub(crate) fn target(&self) -> Target {
        self.life().target
    }

    pub(crate) fn topics(&self) -> &TopicSet {
        &self.topics
    }

    /// Changes what it is told to be; [`Connector::settle`] makes it so.
    pub(crate) fn tell(&self, target: Target) {
        self.life().target = target;
    }

    pub(crate) fn set_config(&self, config: ConnectorConfig) {
        self.life().config = config;
    }

    /// As it is to be kept.
    pub(crate) fn kept(&self) -> Kept {
        let life = self.life();
        Kept {
            name: self.name.clone(),
            config: life.config.clone(),
            target: life.target,
            topics: self.topics.names(),
        }
    }

    /// The state of the connector itself: what it is told to be.
    pub(crate) fn state(&self) -> State {
        match self.life().target {
            Target::Running => State::Running,
            Target::Paused => State::Paused,
            Target::Stopped => State::Stopped,
        }
    }

    /// The state of its task; a stopped connector has none.
    pub(crate) fn task(&self) -> Option<Standing> {
        let life = self.life();
        match (life.target, &life.run) {
            (Target::Stopped, _) => None,
            (Target::Paused, _) => Some(Standing::of(State::Paused)),
            (Target::Running, Run::None) => Some(Standing::of(State::Unassigned)),
            (Target::Running, Run::Refused(why)) => {
                Some(Standing { state: State::Failed, trace: Some(why.clone()) })
            }
            (Target::Running, Run::Job(run)) => Some(standing(&run.job.status())),
        }
    }

    /// Starts or stops its job, as it is told to be. Whoever calls has the turn.
    pub(crate) async fn settle(&self, engine: &dyn ConnectEngine) {
        if self.target() != Target::Running {
            self.halt().await;
            return;
        }
        if self.task().is_some_and(|task| task.state == State::Failed) {
            self.halt().await;
        }
        if !matches!(self.life().run, Run::None) {
            return;
        }
        let config = self.config();
        let started = engine.start(&self.request(&config));
        let mut life = self.life();
        life.run = match started {
            Ok(run) => {
                for note in &run.notes {
                    tracing::warn!(connector = self.name, "{note}");
                }
                Run::Job(run)
            }
            Err(why) => {
                tracing::error!(connector = self.name, error = why, "cannot start the connector");
                Run::Refused(why)
            }
        };
    }

    /// Ends its job with a last checkpoint and waits for the end.
    pub(crate) async fn halt(&self) {
        let run = std::mem::replace(&mut self.life().run, Run::None);
        if let Run::Job(mut run) = run {
            run.job.stop();
            run.job.ended().await;
        }
    }

    /// What the engine is told about it.
    pub(crate) fn request<'a>(&'a self, config: &'a ConnectorConfig) -> StartConnector<'a> {
        StartConnector {
            name: &self.name,
            config,
            checkpoints: self.checkpoints.clone(),
            topics: self.topics.clone(),
        }
    }

    /// Drops its checkpoints: it begins anew. Whoever calls has the turn, and it is stopped.
    pub(crate) fn forget_offsets(&self) -> std::io::Result<()> {
        match std::fs::remove_dir_all(&self.checkpoints) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn standing(status: &JobStatus) -> Standing {
    match status {
        JobStatus::Starting => Standing::of(State::Unassigned),
        // A snapshot without a stream behind it has ended: as with Connect its task stays.
        JobStatus::Running | JobStatus::Finished => Standing::of(State::Running),
        JobStatus::Stopped => Standing::of(State::Unassigned),
        JobStatus::Restarting { reason, hint } => {
            let trace = Some(trace(reason, hint.as_deref()));
            Standing { state: State::Restarting, trace }
        }
        JobStatus::Failed(error) => {
            let trace = Some(trace(&error.reason(), error.hint_in(Dialect::Connect)));
            Standing { state: State::Failed, trace }
        }
    }
}

/// Why a task does not run, and what mends that.
fn trace(reason: &str, hint: Option<&str>) -> String {
    match hint {
        Some(hint) => format!("{reason}\n\thint: {hint}"),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_waits_tells_what_mends_it() {
        let waits = |hint: Option<&str>| {
            let (reason, hint) = ("refused".to_owned(), hint.map(str::to_owned));
            standing(&JobStatus::Restarting { reason, hint }).trace
        };
        let told = waits(Some("check \"database.password\""));
        assert_eq!(told.as_deref(), Some("refused\n\thint: check \"database.password\""));
        assert_eq!(waits(None).as_deref(), Some("refused"));
    }
}
