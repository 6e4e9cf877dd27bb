//! Connectors on disk: a directory each, so that they survive a restart.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tailwater_pipeline::connect::ConnectorConfig;
use tailwater_pipeline::directory_name;

/// What a connector is told to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Target {
    #[default]
    Running,
    Paused,
    Stopped,
}

/// A connector as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) config: ConnectorConfig,
    pub(crate) target: Target,
    #[serde(default)]
    pub(crate) topics: Vec<String>,
}

/// The directory of all connectors.
pub(crate) struct Store {
    root: PathBuf,
    /// Held for as long as the connectors are ours.
    _lock: fs::File,
}

const FILE: &str = "connector.json";

impl Store {
    /// Opens the directory, makes it if need be.
    pub(crate) fn open(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        let lock = fs::File::create(root.join(".lock"))?;
        lock.try_lock().map_err(|_| {
            io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another server has these connectors; stop it, or give this one another \
                 XDG_STATE_HOME",
            )
        })?;
        Ok(Self { root, _lock: lock })
    }

    /// A connector's own directory.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        self.root.join(directory_name(name))
    }

    /// All connectors; what cannot be read is told and left alone.
    pub(crate) fn load(&self) -> io::Result<Vec<Kept>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            // The lock lies beside them.
            if !entry.file_type()?.is_dir() {
                continue;
            }
            let file = entry.path().join(FILE);
            match read(&file) {
                Ok(Some(kept)) => all.push(kept),
                Ok(None) => {}
                Err(error) => {
                    let file = file.display();
                    tracing::error!(%file, %error, "cannot read a connector, it is not started");
                }
            }
        }
        all.sort_by(|a: &Kept, b: &Kept| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Keeps a connector: the old or the new is there whatever happens. Only the owner may read it,
    /// there are passwords in it.
    pub(crate) fn save(&self, kept: &Kept) -> io::Result<()> {
        let directory = self.directory(&kept.name);
        fs::create_dir_all(&directory)?;
        let new = directory.join("connector.json.new");
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        serde_json::to_writer_pretty(&mut file, kept)?;
        file.flush()?;
        file.sync_all()?;
        fs::rename(&new, directory.join(FILE))?;
        fs::File::open(&directory)?.sync_all()?;
        fs::File::open(&self.root)?.sync_all()
    }

    /// Forgets a connector and its checkpoints.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        let directory = self.directory(name);
        // The name goes first: what is left of a directory without it is nobody's.
        fs::remove_file(directory.join(FILE))?;
        fs::remove_dir_all(&directory)?;
        fs::File::open(&self.root)?.sync_all()
    }
}

/// The connectors that lie below a directory, whether a worker has it open or not: names and
/// configurations. Secrets are in them as they were posted.
///
/// # Errors
/// If the directory cannot be listed.
pub fn kept_connectors(root: &Path) -> io::Result<Vec<(String, ConnectorConfig)>> {
    let files = fs::read_dir(root)?.flatten().map(|entry| entry.path().join(FILE));
    let kept = files.filter_map(|file| read(&file).ok().flatten());
    Ok(kept.map(|kept| (kept.name, kept.config)).collect())
}

fn read(file: &Path) -> io::Result<Option<Kept>> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
