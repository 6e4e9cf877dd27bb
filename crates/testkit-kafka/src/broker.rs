//! One broker.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::install::ensure_installed;
use crate::settings::{Listener, Ports, ServerTls, Superuser, properties};

const START_LIMIT: Duration = Duration::from_secs(90);
/// What a broker says once it answers.
const STARTED: &str = "Kafka Server started";
const CLUSTER_ID: &str = "4L6g3nShT-eMCtK--X86sw";

/// A running broker on 127.0.0.1; dropped, it is killed and its data removed.
pub struct Broker {
    pub(crate) process: Mutex<Child>,
    pub(crate) jars: PathBuf,
    ports: Ports,
    topics: AtomicU32,
    pub(crate) directory: PathBuf,
    /// Whose it is, unless it is another's.
    _own: Option<TempDir>,
    is_left: bool,
}

/// How to start a broker.
#[derive(Default)]
pub struct BrokerBuilder {
    settings: Vec<(String, String)>,
    listeners: Vec<Listener>,
    tls: Option<ServerTls>,
    port: Option<u16>,
    directory: Option<PathBuf>,
}

impl BrokerBuilder {
    /// Has the broker listen on this port instead of any that is free.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Puts the data into this directory, which is there, instead of one of its own.
    #[must_use]
    pub fn directory(mut self, directory: PathBuf) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Adds a line to `server.properties`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has the broker listen in another way too. Those with TLS need [`BrokerBuilder::tls`].
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// What it shows where it speaks TLS.
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Formats the data directory, starts the broker and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    pub fn start(self) -> Broker {
        let jars = ensure_installed().expect("Apache Kafka");
        let own = self.directory.is_none().then(|| {
            let own = tempfile::Builder::new().prefix("tailwater-kafka-").tempdir();
            own.expect("a temporary directory")
        });
        let own_path = own.as_ref().map(|own| own.path().to_owned());
        let directory = self.directory.or(own_path).unwrap_or_default();
        let path = directory.as_path();
        let [plain, controller] = free_ports();
        let plain = self.port.unwrap_or(plain);
        let further = self.listeners.iter().map(|l| (*l, free_ports::<1>()[0])).collect();
        let ports = Ports { plain, controller, further };
        if let Some(ServerTls { certificate, key }) = &self.tls {
            std::fs::write(path.join("server.pem"), format!("{key}{certificate}"))
                .expect("the broker's certificate");
        }
        let text = properties(path, &ports, self.tls.is_some(), &self.settings);
        std::fs::write(path.join("server.properties"), text).expect("server.properties");
        format(&jars, path, &ports);
        let process = Mutex::new(spawn(&jars, path));
        let topics = AtomicU32::new(0);
        let broker = Broker { process, jars, ports, topics, directory, _own: own, is_left: false };
        broker.wait_until_ready();
        broker
    }
}

impl Broker {
    /// A broker with the usual settings.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A broker with other settings.
    pub fn builder() -> BrokerBuilder {
        BrokerBuilder::default()
    }

    /// The broker that the tests of this process share; it goes with its last user.
    ///
    /// # Panics
    /// If it does not start.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Broker>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(broker) = shared.upgrade() {
            return broker;
        }
        let broker = Arc::new(Self::start());
        *shared = Arc::downgrade(&broker);
        broker
    }

    /// Where it listens without a password and without TLS: `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.plain)
    }

    /// Where it listens in another way that was asked for.
    ///
    /// # Panics
    /// If it was not.
    pub fn address_of(&self, listener: Listener) -> String {
        let bound = self.ports.further.iter().find(|(one, _)| *one == listener);
        format!("127.0.0.1:{}", bound.expect("a listener that was asked for").1)
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.process().id()
    }

    /// Lets it run on after us.
    pub fn leave(&mut self) {
        self.is_left = true;
    }

    /// A name for a topic that nobody else has.
    pub fn topic_name(&self) -> String {
        format!("test-{}", self.topics.fetch_add(1, Ordering::Relaxed))
    }

    /// What it has said since its last start.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    pub(crate) fn wait_until_ready(&self) {
        let end = Instant::now() + START_LIMIT;
        while !self.log().contains(STARTED) {
            let has_ended = self.process().try_wait().ok().flatten().is_some();
            assert!(!has_ended && Instant::now() < end, "Kafka did not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    pub(crate) fn process(&self) -> MutexGuard<'_, Child> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.is_left {
            return;
        }
        let mut process = self.process();
        // It may have ended.
        let _ = process.kill();
        let _ = process.wait();
    }
}

fn java(jars: &Path, heap: &str) -> Command {
    let mut command = Command::new("java");
    command
        .args([heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"])
        .args(["-Djava.awt.headless=true", "-Dfile.encoding=UTF-8"])
        .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=info", "-cp"])
        .arg(jars.join("*"))
        .stdin(Stdio::null());
    command
}

/// Makes the data directory.
fn format(jars: &Path, directory: &Path, ports: &Ports) {
    let mut command = java(jars, "-Xmx128m");
    command.args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"]);
    command.arg(directory.join("server.properties"));
    if ports.further.iter().any(|(listener, _)| listener.has_users()) {
        let (name, password) = (Superuser::NAME, Superuser::PASSWORD);
        for bits in [256, 512] {
            let user = format!("SCRAM-SHA-{bits}=[name={name},password={password}]");
            command.arg("--add-scram").arg(user);
        }
    }
    let output = command.output().expect("java runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the data directory cannot be made: {said}");
}

/// Starts a broker on the data below `directory`.
pub(crate) fn spawn(jars: &Path, directory: &Path) -> Child {
    let log = std::fs::File::create(directory.join("log")).expect("a log file");
    let errors = log.try_clone().expect("a log file");
    let mut command = java(jars, "-Xmx384m");
    command.arg("kafka.Kafka").arg(directory.join("server.properties"));
    command.stdout(log).stderr(errors).current_dir(directory).spawn().expect("java runs")
}

/// Ports that nobody has, all different, and none of those that the system gives to clients: a
/// broker that is away for a while finds its own free again.
fn free_ports<const N: usize>() -> [u16; N] {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let clock = std::time::UNIX_EPOCH.elapsed().map_or(0, |now| now.subsec_micros());
    let start = std::process::id().wrapping_mul(7919).wrapping_add(clock);
    let bound = [(); N].map(|()| {
        let mut candidates = (0..COUNT).map(|_| {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            FIRST + start.wrapping_add(step) % COUNT
        });
        let bind = |port: u32| TcpListener::bind(("127.0.0.1", u16::try_from(port).ok()?)).ok();
        candidates.find_map(bind).expect("a free port")
    });
    bound.map(|listener| listener.local_addr().expect("its address").port())
}
