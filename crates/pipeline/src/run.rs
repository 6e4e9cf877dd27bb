//! From understood statements to running jobs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tailwater_connector_api::Dialect;
use tailwater_runtime::{CheckpointSettings, JobError, JobHandle, JobSettings, JobSpec, spawn_job};
use tailwater_sql::{BoundQuery, Finding, InsertPlan};
use tailwater_types::{ChangeBatch, Diagnostic, Schema};
use tokio::sync::mpsc;

use crate::collect::CollectPlan;
use crate::directory::directory_name;
use crate::lower::{Lowering, Output};
use crate::session::Session;

/// How often a job that can resume is made durable if nothing is set.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);

/// A job that was started for an INSERT or a statement set.
pub struct Submitted {
    /// The job.
    pub job: JobHandle,
    /// Its name.
    pub name: String,
    /// Where its checkpoints lie, if it has any.
    pub checkpoints: Option<PathBuf>,
}

/// A query that runs.
pub struct RunningQuery {
    /// The job.
    pub job: JobHandle,
    /// The columns of its rows.
    pub schema: Schema,
    /// The rows as they come; ends when the job does.
    pub rows: mpsc::Receiver<Arc<ChangeBatch>>,
}

impl Session {
    /// Starts an INSERT or a statement set as one job.
    pub fn submit(&self, inserts: &[InsertPlan]) -> Submitted {
        let outputs =
            inserts.iter().filter_map(|i| Output::of_insert(i, &self.registry())).collect();
        let name = self.job_name(inserts);
        let lowering = Lowering::new(outputs, &self.registry(), self.settings.is_batch());
        let settings = self.job_settings(name.clone(), &lowering);
        let checkpoints = settings.checkpoints.as_ref().map(|c| c.directory.clone());
        let graph = move || lowering.graph();
        let job = spawn_job(JobSpec { settings, graph: Arc::new(graph) });
        Submitted { job, name, checkpoints }
    }

    /// The name of the job that an INSERT or a statement set becomes.
    pub(crate) fn job_name(&self, inserts: &[InsertPlan]) -> String {
        match (self.settings.get("pipeline.name"), inserts.first()) {
            (Some(name), _) => name.to_owned(),
            (None, Some(first)) => {
                let names: Vec<String> =
                    inserts[1..].iter().map(|i| i.path().to_string()).collect();
                [first.default_job_name()].into_iter().chain(names).collect::<Vec<_>>().join(",")
            }
            (None, None) => "empty".to_owned(),
        }
    }

    /// Starts a query.
    pub fn query(&self, query: &BoundQuery) -> RunningQuery {
        let (sink, rows) = CollectPlan::new();
        let schema = query.plan.schema.clone();
        let output = Output {
            plan: tailwater_sql::prune(query.plan.clone()),
            table: "collect".to_owned(),
            identity: "collect".to_owned(),
            sink: Arc::new(sink),
            key: Vec::new(),
            materializes: false,
        };
        let lowering = Lowering::new(vec![output], &self.registry(), self.settings.is_batch());
        let settings = JobSettings {
            name: "collect".to_owned(),
            checkpoints: None,
            state_budget_bytes: self.settings.state_budget_bytes(),
            time_zone: self.settings.time_zone_name(),
            dialect: Dialect::Sql,
        };
        let graph = std::sync::Mutex::new(Some(lowering));
        // The graph is built once, so that the queue ends with the job that feeds it.
        let graph = move || {
            let lowering = graph.lock().ok().and_then(|mut l| l.take());
            lowering.map(|l| l.graph()).unwrap_or_default()
        };
        let job = spawn_job(JobSpec { settings, graph: Arc::new(graph) });
        RunningQuery { job, schema, rows }
    }

    /// Points `message`, which tells of a job's error, at the declaration of the table it is about.
    pub fn locate(&self, error: &JobError, message: String) -> Option<Finding> {
        let name = error.table()?;
        let table = self.catalog.tables().find(|t| t.path.to_string() == name)?;
        let diagnostic = Diagnostic::error("E0170", table.origin.name, message);
        let hint = error.hint().map(str::to_owned);
        let diagnostic = Diagnostic { hint, ..diagnostic };
        Some(Finding { source: Arc::clone(&table.origin.text), diagnostic })
    }

    fn job_settings(&self, name: String, lowering: &Lowering) -> JobSettings {
        let asked = self.settings.checkpoint_interval();
        let needs_one = lowering.is_resumable() || lowering.is_transactional();
        let interval = asked.or_else(|| needs_one.then_some(DEFAULT_INTERVAL));
        let root = self
            .settings
            .checkpoint_directory()
            .unwrap_or_else(|| self.environment.state_directory.clone());
        JobSettings {
            checkpoints: interval.map(|interval| CheckpointSettings {
                directory: root.join(directory_name(&name)),
                interval,
                begins_anew: self.environment.begins_anew,
                is_unattended: false,
            }),
            dialect: Dialect::Sql,
            name,
            state_budget_bytes: self.settings.state_budget_bytes(),
            time_zone: self.settings.time_zone_name(),
        }
    }
}
