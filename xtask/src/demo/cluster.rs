//! The demo's own PostgreSQL.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::Signal;
use tailwater_testkit_postgres::binaries;
use tokio_postgres::{Client, NoTls};

use super::process::{Ending, Process};

/// The port of the SQL files.
pub(crate) const PORT: u16 = 55432;
/// Disconnects everybody and ends in order; SIGQUIT leaves at once.
pub(crate) const ENDING: Ending =
    &[(Signal::INT, Duration::from_secs(10)), (Signal::QUIT, Duration::from_secs(5))];
/// Below the demo's directory.
pub(crate) const PID_FILE: &str = "postgres.pid";
/// Of the program that creates the data directory.
pub(crate) const INITDB_PID_FILE: &str = "initdb.pid";
pub(crate) const INITDB_ENDING: Ending = &[(Signal::INT, Duration::from_secs(5))];

const START_LIMIT: Duration = Duration::from_secs(60);
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("wal_level", "logical"),
    // A demo's data need not outlive the machine, and its disk is not what is measured.
    ("fsync", "off"),
    ("full_page_writes", "off"),
];

/// A running server on 127.0.0.1.
pub(crate) struct Cluster {
    server: Process,
    port: u16,
    password: String,
}

impl Cluster {
    /// Creates a data directory below `directory`, starts a server and waits until it answers.
    pub(crate) async fn start(bin: &Path, directory: &Path, port: u16) -> anyhow::Result<Self> {
        let password = random_password()?;
        let data = initialise(bin, directory, &password).await?;
        let log_path = directory.join("postgres.log");
        let log = fs::File::create(&log_path).context("cannot create the server's log")?;
        let mut command = binaries::command(&bin.join("postgres"));
        command.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        for (name, value) in SETTINGS {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let server = Process::spawn(&mut command, directory.join(PID_FILE), ENDING)?;
        let mut cluster = Self { server, port, password };
        cluster.wait_until_ready(&data, &log_path).await?;
        Ok(cluster)
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A connection of the superuser.
    pub(crate) async fn connect_as_superuser(&self) -> anyhow::Result<Client> {
        self.connect("postgres", &self.password, "postgres").await
    }

    /// A connection of the pipeline's role.
    pub(crate) async fn connect_as_owner(&self, database: &str) -> anyhow::Result<Client> {
        self.connect("tailwater", "tailwater", database).await
    }

    /// Ends it.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.server.stop().map(|_| ())
    }

    /// Lets it run on after us.
    pub(crate) fn keep(&mut self) {
        self.server.keep();
    }

    async fn connect(&self, user: &str, password: &str, database: &str) -> anyhow::Result<Client> {
        let connected = tokio_postgres::Config::new()
            .host("127.0.0.1")
            .port(self.port)
            .user(user)
            .password(password)
            .dbname(database)
            .connect(NoTls)
            .await;
        let (client, connection) =
            connected.with_context(|| format!("cannot connect to database {database}"))?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// The server says in its lock file when it takes connections.
    async fn wait_until_ready(&mut self, data: &Path, log: &Path) -> anyhow::Result<()> {
        let end = Instant::now() + START_LIMIT;
        loop {
            let lock = fs::read_to_string(data.join("postmaster.pid"));
            if lock.is_ok_and(|text| text.lines().any(|line| line.trim_end() == "ready")) {
                return Ok(());
            }
            if self.server.ended()?.is_some() || Instant::now() > end {
                let said = fs::read_to_string(log).unwrap_or_default();
                bail!("PostgreSQL did not start: {}", said.trim());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Creates the data directory.
async fn initialise(bin: &Path, directory: &Path, password: &str) -> anyhow::Result<PathBuf> {
    let home = directory.join("postgres");
    fs::create_dir(&home).context("cannot create the server's directory")?;
    binaries::hand_over(&home)?;
    let data = home.join("data");
    let password_file = home.join("password");
    write_secret(&password_file, password)?;
    let log_path = directory.join("initdb.log");
    let log = fs::File::create(&log_path).context("cannot create the log of initdb")?;
    let mut command = binaries::command(&bin.join("initdb"));
    command
        .args(["--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .args(["--auth=scram-sha-256", "--pwfile"])
        .arg(&password_file)
        .arg("--pgdata")
        .arg(&data)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    let mut initdb = Process::spawn(&mut command, directory.join(INITDB_PID_FILE), INITDB_ENDING)?;
    let end = Instant::now() + START_LIMIT;
    let status = loop {
        match initdb.ended()? {
            Some(status) => break status,
            None if Instant::now() > end => bail!("initdb did not end within {START_LIMIT:?}"),
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    if !status.success() {
        bail!("initdb failed: {}", fs::read_to_string(&log_path).unwrap_or_default().trim());
    }
    fs::remove_file(&password_file).context("cannot remove the password file")?;
    Ok(data)
}

/// Writes what only the server's user may read.
fn write_secret(file: &Path, secret: &str) -> anyhow::Result<()> {
    let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    opened
        .and_then(|mut opened| opened.write_all(secret.as_bytes()))
        .with_context(|| format!("cannot write {}", file.display()))?;
    binaries::hand_over(file).map_err(Into::into)
}

fn random_password() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    let random = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    random.context("cannot read /dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The port to use: the one asked for, else the SQL files', else any that is free.
pub(crate) fn choose_port(asked: Option<u16>, usual: u16) -> anyhow::Result<u16> {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    match asked {
        Some(port) if is_free(port) => Ok(port),
        Some(port) => bail!("port {port} is taken; choose another with DEMO_PORT"),
        None if is_free(usual) => Ok(usual),
        None => {
            let listener =
                TcpListener::bind(("127.0.0.1", 0)).context("cannot find a free port")?;
            let port = listener.local_addr().context("cannot find a free port")?.port();
            println!("port {usual} is taken, using {port}");
            Ok(port)
        }
    }
}
