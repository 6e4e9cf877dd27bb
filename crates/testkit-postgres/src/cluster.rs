//! One server.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::binaries;
use crate::wait::wait_for;

const START_LIMIT: Duration = Duration::from_secs(60);

/// A running server on 127.0.0.1; dropped, it is killed and its data removed.
pub struct Cluster {
    pub(crate) server: Mutex<Child>,
    /// Where its programs are, and its settings.
    pub(crate) bin: PathBuf,
    pub(crate) settings: Vec<(String, String)>,
    port: u16,
    password: String,
    databases: AtomicU32,
    pub(crate) directory: TempDir,
}

/// How to start a server.
pub struct ClusterBuilder {
    settings: Vec<(String, String)>,
    hba: Vec<String>,
    tls: Option<ServerTls>,
}

/// What a server with TLS shows and trusts, all PEM.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// Its certificate, those of the authorities between it and the root behind it.
    pub certificate: String,
    /// The certificate's private key.
    pub key: String,
    /// Who signs the certificates of clients; without, none is asked for.
    pub client_authority: Option<String>,
}

impl ServerTls {
    /// Writes the files, so that the server alone may read them.
    fn write(&self, directory: &Path) {
        let authority = self.client_authority.as_ref().map(|pem| (CLIENT_AUTHORITY, pem));
        let own = [(CERTIFICATE, &self.certificate), (KEY, &self.key)];
        for (name, pem) in own.into_iter().chain(authority) {
            let path = directory.join(name);
            std::fs::write(&path, pem).expect("a file of the server");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, mode).expect("its permissions");
            binaries::hand_over(&path).expect("a file of the server's user");
        }
    }

    fn settings(&self, directory: &Path) -> Vec<(String, String)> {
        let path = |name: &str| directory.join(name).display().to_string();
        let setting = |name: &str, value: String| (name.to_owned(), value);
        let mut settings = vec![
            setting("ssl", "on".to_owned()),
            setting("ssl_cert_file", path(CERTIFICATE)),
            setting("ssl_key_file", path(KEY)),
        ];
        if self.client_authority.is_some() {
            settings.push(setting("ssl_ca_file", path(CLIENT_AUTHORITY)));
        }
        settings
    }
}

const CERTIFICATE: &str = "server.crt";
const KEY: &str = "server.key";
const CLIENT_AUTHORITY: &str = "clients.crt";

impl ClusterBuilder {
    /// Changes a setting; the default is `wal_level = logical` without fsync.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a line to pg_hba.conf. With any, nobody but user `postgres` gets in by the default
    /// lines, with the password and with or without TLS.
    #[must_use]
    pub fn hba(mut self, line: &str) -> Self {
        self.hba.push(line.to_owned());
        self
    }

    /// Has the server speak TLS.
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Creates the data directory, starts the server and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    pub fn start(self) -> Cluster {
        let bin = binaries::directory();
        let directory = tempfile::Builder::new()
            .prefix("tailwater-pg-")
            .tempdir_in("/tmp")
            .expect("a temporary directory");
        binaries::hand_over(directory.path()).expect("a directory of the server's user");
        let password = "p4ss'wörd".to_owned();
        let data = directory.path().join("data");
        let password_file = directory.path().join("password");
        std::fs::write(&password_file, &password).expect("a password file");
        let made = binaries::command(&bin.join("initdb"))
            .args(["--username=postgres", "--encoding=UTF8", "--no-sync", "--locale=C"])
            .args(["--auth=scram-sha-256", "--pwfile"])
            .arg(&password_file)
            .arg("--pgdata")
            .arg(&data)
            .current_dir("/")
            .output()
            .expect("initdb runs");
        let errors = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "initdb failed: {errors}");
        if !self.hba.is_empty() {
            let ours = "host all,replication postgres 127.0.0.1/32 scram-sha-256";
            let text = format!("{}\n{ours}\n", self.hba.join("\n"));
            std::fs::write(data.join("pg_hba.conf"), text).expect("a pg_hba.conf");
        }
        let mut given = self.settings;
        if let Some(tls) = &self.tls {
            tls.write(directory.path());
            given.extend(tls.settings(directory.path()));
        }
        let cluster = Cluster::run(bin, given, password, directory);
        cluster.wait_until_ready();
        cluster
    }
}

impl Cluster {
    /// Starts the server of a data directory that is there.
    pub(crate) fn run(
        bin: PathBuf,
        settings: Vec<(String, String)>,
        password: String,
        directory: TempDir,
    ) -> Self {
        let port = free_port();
        let server = Mutex::new(spawn(&bin, &settings, port, directory.path()));
        Self { server, bin, settings, port, password, databases: AtomicU32::new(0), directory }
    }

    /// A server with the usual settings.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// The server that the tests of this process share; it goes with its last user.
    ///
    /// # Panics
    /// If it does not start.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = shared.upgrade() {
            return cluster;
        }
        let cluster = Arc::new(Self::start());
        *shared = Arc::downgrade(&cluster);
        cluster
    }

    /// A server with other settings.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder { settings: Vec::new(), hba: Vec::new(), tls: None }
    }

    /// The server's major version.
    ///
    /// # Panics
    /// If the data directory does not say.
    pub fn version(&self) -> u32 {
        let path = self.directory.path().join("data/PG_VERSION");
        let text = std::fs::read_to_string(path).expect("a version file");
        text.trim().parse().expect("a number")
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of user `postgres`.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Creates a database of its own and says its name.
    pub async fn create_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let admin = self.connect("postgres").await;
        let sql = format!("CREATE DATABASE {name}");
        admin.batch_execute(&sql).await.expect("a new database");
        name
    }

    /// A connection as user `postgres`.
    ///
    /// # Panics
    /// If there is none.
    pub async fn connect(&self, database: &str) -> Client {
        self.try_connect(database).await.expect("a connection")
    }

    /// The same while the server may be away.
    ///
    /// # Errors
    /// If it is.
    pub async fn try_connect(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user("postgres").password(&self.password);
        let (client, connection) = config.dbname(database).connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Gives a server with TLS another certificate, and waits until it shows it.
    ///
    /// # Panics
    /// If the files cannot be written or the server does not read them.
    pub async fn replace_tls(&self, tls: &ServerTls) {
        let before = self.configured_at().await;
        tls.write(self.directory.path());
        assert!(self.signal(Signal::HUP), "the server cannot be told");
        wait_for("the server to read its files", START_LIMIT, || async {
            (self.configured_at().await != before).then_some(())
        })
        .await;
    }

    /// When the server read its configuration, which a new session inherits.
    async fn configured_at(&self) -> String {
        let client = self.connect("postgres").await;
        let row = client.query_one("SELECT pg_conf_load_time()::text", &[]).await;
        row.expect("the server's load time").get(0)
    }

    /// The server says in its lock file when it takes connections.
    pub(crate) fn wait_until_ready(&self) {
        let end = Instant::now() + START_LIMIT;
        let lock_file = self.directory.path().join("data/postmaster.pid");
        loop {
            let lock = std::fs::read_to_string(&lock_file);
            if lock.is_ok_and(|text| text.lines().any(|line| line.trim_end() == "ready")) {
                return;
            }
            let ended = self.process().try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > end {
                let log = std::fs::read_to_string(self.directory.path().join("log"));
                panic!("postgres did not start: {}", log.unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    pub(crate) fn process(&self) -> MutexGuard<'_, Child> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn signal(&self, signal: Signal) -> bool {
        let pid = i32::try_from(self.process().id()).ok().and_then(Pid::from_raw);
        pid.is_some_and(|pid| kill_process(pid, signal).is_ok())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGKILL to the postmaster alone would leave its children for a moment; SIGQUIT makes
        // them all leave at once.
        // One that has been waited for is not signalled: its number may be another's.
        if matches!(self.process().try_wait(), Ok(Some(_))) {
            return;
        }
        if !self.signal(Signal::QUIT) {
            let _ = self.process().kill();
        }
        let _ = self.process().wait();
    }
}

/// Starts a server on the data below `directory`.
pub(crate) fn spawn(
    bin: &Path,
    settings: &[(String, String)],
    port: u16,
    directory: &Path,
) -> Child {
    let log = std::fs::File::create(directory.join("log")).expect("a log file");
    let mut command = binaries::command(&bin.join("postgres"));
    command.arg("-D").arg(directory.join("data")).args(["-p", &port.to_string()]);
    let fixed = [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("wal_level", "logical"),
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("shared_buffers", "32MB"),
        ("max_wal_senders", "40"),
        ("max_replication_slots", "100"),
    ];
    let given = settings.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    for (name, value) in fixed.into_iter().chain(given) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    let command = command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().expect("postgres runs")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cluster_starts_answers_and_goes() {
        let cluster = Cluster::start();
        let database = cluster.create_database().await;
        let client = cluster.connect(&database).await;
        let row = client.query_one("SHOW wal_level", &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), "logical");
        let port = cluster.port();
        drop(cluster);
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    }
}
