//! The worker: all connectors by name, and what may be done with them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tailwater_pipeline::connect::{
    Altered, ConnectEngine, ConnectorConfig, ConnectorOffset, PluginKind, Validation,
};

use super::connector::{Connector, State};
use super::error::RestError;
use super::secrets;
use super::store::{Kept, Store, Target};

/// How a worker is made.
pub struct WorkerSettings {
    /// Where connectors and their checkpoints lie.
    pub directory: PathBuf,
    /// The address under which answers name this worker.
    pub worker_id: String,
}

/// All connectors of this process.
pub struct Worker {
    engine: Arc<dyn ConnectEngine>,
    store: Store,
    connectors: Mutex<BTreeMap<String, Arc<Connector>>>,
    /// Held by whoever adds or removes a connector.
    registry: tokio::sync::Mutex<()>,
    pub(crate) id: String,
}

impl Worker {
    /// Reads the connectors that are kept; [`Worker::start`] starts them.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn open(engine: Arc<dyn ConnectEngine>, settings: WorkerSettings) -> std::io::Result<Self> {
        let store = Store::open(settings.directory)?;
        let mut connectors = BTreeMap::new();
        for kept in store.load()? {
            connectors.insert(kept.name.clone(), Arc::new(made(&store, kept)));
        }
        Ok(Self {
            engine,
            store,
            connectors: Mutex::new(connectors),
            registry: tokio::sync::Mutex::new(()),
            id: settings.worker_id,
        })
    }

    /// Starts every connector that is told to run.
    pub async fn start(&self) {
        for connector in self.all() {
            let _turn = connector.turn.lock().await;
            connector.settle(&*self.engine).await;
        }
    }

    /// Ends all jobs, each with a last checkpoint, all at once; what they are told to be stays.
    pub async fn close(&self) {
        let halt = |connector: Arc<Connector>| async move {
            let turn = connector.turn.lock().await;
            connector.halt().await;
            drop(turn);
            connector
        };
        let mut halts: tokio::task::JoinSet<_> = self.all().into_iter().map(halt).collect();
        while let Some(halted) = halts.join_next().await {
            // A panic there has been told; the others still end in order.
            let Ok(connector) = halted else { continue };
            if let Err(error) = self.store.save(&connector.kept()) {
                tracing::warn!(connector = connector.name, %error, "cannot keep the topics");
            }
        }
    }

    pub(crate) fn engine(&self) -> &dyn ConnectEngine {
        &*self.engine
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Connector>>> {
        self.connectors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All connectors by name.
    pub(crate) fn all(&self) -> Vec<Arc<Connector>> {
        self.map().values().cloned().collect()
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Connector>> {
        self.map().get(name).cloned()
    }

    pub(crate) fn get(&self, name: &str) -> Result<Arc<Connector>, RestError> {
        self.find(name).ok_or_else(|| RestError::not_found(format!("Connector {name} not found")))
    }

    /// Makes a new connector and starts it.
    pub(crate) async fn create(
        &self,
        name: &str,
        config: ConnectorConfig,
        target: Target,
    ) -> Result<Arc<Connector>, RestError> {
        if self.find(name).is_some() {
            return Err(RestError::conflict(format!("Connector {name} already exists")));
        }
        self.check(name, &config).await?;
        let _registry = self.registry.lock().await;
        if self.find(name).is_some() {
            return Err(RestError::conflict(format!("Connector {name} already exists")));
        }
        let kept = Kept { name: name.to_owned(), config, target, topics: Vec::new() };
        self.store.save(&kept).map_err(|error| cannot_keep(&error))?;
        let connector = Arc::new(made(&self.store, kept));
        self.map().insert(name.to_owned(), Arc::clone(&connector));
        let turn = connector.turn.lock().await;
        connector.settle(self.engine()).await;
        drop(turn);
        Ok(connector)
    }

    /// Gives a connector another configuration and starts it with that; what it has read stays.
    pub(crate) async fn reconfigure(
        &self,
        connector: &Connector,
        config: ConnectorConfig,
    ) -> Result<(), RestError> {
        let config = secrets::restored(&connector.config(), config);
        self.check(&connector.name, &config).await?;
        let _turn = connector.turn.lock().await;
        let kept = Kept { config: config.clone(), ..connector.kept() };
        self.store.save(&kept).map_err(|error| cannot_keep(&error))?;
        connector.halt().await;
        connector.set_config(config);
        connector.settle(self.engine()).await;
        Ok(())
    }

    /// Tells a connector what to be.
    pub(crate) async fn tell(
        &self,
        connector: &Connector,
        target: Target,
    ) -> Result<(), RestError> {
        let _turn = connector.turn.lock().await;
        let kept = Kept { target, ..connector.kept() };
        self.store.save(&kept).map_err(|error| cannot_keep(&error))?;
        connector.tell(target);
        connector.settle(self.engine()).await;
        Ok(())
    }

    /// Starts its job again.
    pub(crate) async fn restart(&self, connector: &Connector, only_failed: bool) {
        let _turn = connector.turn.lock().await;
        let has_failed = connector.task().is_some_and(|task| task.state == State::Failed);
        if connector.target() == Target::Running && (has_failed || !only_failed) {
            connector.halt().await;
            connector.settle(self.engine()).await;
        }
    }

    /// Ends a connector and forgets it.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), RestError> {
        let connector = self.get(name)?;
        let _registry = self.registry.lock().await;
        let _turn = connector.turn.lock().await;
        connector.halt().await;
        self.store.remove(name).map_err(|error| {
            RestError::internal(format!("cannot remove what is kept of the connector: {error}"))
        })?;
        self.map().remove(name);
        Ok(())
    }

    /// How far it is.
    pub(crate) fn offsets(&self, connector: &Connector) -> Result<Vec<ConnectorOffset>, RestError> {
        let config = connector.config();
        self.engine.offsets(&connector.request(&config)).map_err(RestError::internal)
    }

    /// Puts a stopped connector elsewhere; with an empty list it begins anew.
    pub(crate) async fn alter_offsets(
        &self,
        connector: &Connector,
        offsets: &[ConnectorOffset],
    ) -> Result<(), RestError> {
        let _turn = connector.turn.lock().await;
        if connector.target() != Target::Stopped {
            return Err(RestError::bad_request(format!(
                "Connectors must be in the STOPPED state before their offsets can be modified. \
                 This can be done for the specified connector by issuing a 'PUT' request to the \
                 '/connectors/{}/stop' endpoint",
                connector.name
            )));
        }
        let config = connector.config();
        let altered = match offsets {
            [] => Altered::Reset,
            offsets => {
                let altered = self.engine.alter_offsets(connector.request(&config), offsets);
                altered.await.map_err(RestError::bad_request)?
            }
        };
        match altered {
            Altered::Moved => Ok(()),
            Altered::Reset => connector.forget_offsets().map_err(|error| {
                RestError::internal(format!("cannot remove the checkpoints: {error}"))
            }),
        }
    }

    /// Judges a configuration of a connector of ours.
    async fn check(&self, name: &str, config: &ConnectorConfig) -> Result<(), RestError> {
        let Some(class) = config.get("connector.class") else {
            return Err(RestError::bad_request(format!(
                "Connector config {{name={name}}} contains no connector type"
            )));
        };
        let validation = self.validate(class, config).await?;
        let mut errors: Vec<String> = validation.errors().map(str::to_owned).collect();
        let others = self.all().into_iter().filter(|other| other.name != name);
        errors.extend(others.filter_map(|o| self.engine.conflict(config, &o.config())));
        if errors.is_empty() {
            return Ok(());
        }
        Err(RestError::bad_request(format!(
            "Connector configuration is invalid and contains the following {} error(s):\n{}\n\
             You can also find the above list of errors at the endpoint \
             `/connector-plugins/{{connectorType}}/config/validate`",
            errors.len(),
            errors.join("\n")
        )))
    }

    /// Judges a configuration; what it answers shows no secrets.
    pub(crate) async fn validate(
        &self,
        class: &str,
        config: &ConnectorConfig,
    ) -> Result<Validation, RestError> {
        let Some(mut validation) = self.engine.validate(class, config).await else {
            let plugins = self.engine.plugins();
            let connectors = plugins.iter().filter(|plugin| plugin.kind == PluginKind::Source);
            let available: Vec<&str> = connectors.map(|plugin| plugin.class.as_str()).collect();
            return Err(RestError::bad_request(format!(
                "Failed to find any class that implements Connector and which name matches \
                 {class}, available connectors are: {}",
                available.join(", ")
            )));
        };
        for info in &mut validation.configs {
            let value = &mut info.value;
            if self.engine.is_secret(&value.name) && value.value.is_some() {
                value.value = Some(secrets::HIDDEN.to_owned());
            }
        }
        Ok(validation)
    }

    /// Keeps what has changed of a connector beside its configuration.
    pub(crate) fn keep(&self, connector: &Connector) -> Result<(), RestError> {
        self.store.save(&connector.kept()).map_err(|error| cannot_keep(&error))
    }
}

fn made(store: &Store, kept: Kept) -> Connector {
    let checkpoints = store.directory(&kept.name).join("checkpoints");
    Connector::new(kept, checkpoints)
}

fn cannot_keep(error: &std::io::Error) -> RestError {
    RestError::internal(format!("cannot keep the connector: {error}"))
}
