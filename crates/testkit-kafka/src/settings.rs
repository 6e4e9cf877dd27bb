//! What a broker listens on and how it is set: its `server.properties`.

use std::fmt::Write as _;
use std::path::Path;

/// A further way in, beside the plain one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Listener {
    /// User and password, without TLS: `SASL_PLAINTEXT`.
    Sasl,
    /// TLS, without a user: `SSL`.
    Tls,
    /// Both: `SASL_SSL`.
    SaslTls,
}

impl Listener {
    /// What Kafka calls it.
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Sasl => "SASL_PLAINTEXT",
            Self::Tls => "SSL",
            Self::SaslTls => "SASL_SSL",
        }
    }

    pub(crate) fn has_users(self) -> bool {
        self != Self::Tls
    }
}

/// What a broker with TLS shows, PEM.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// Its certificate, those of the authorities between it and the root behind it.
    pub certificate: String,
    /// The certificate's private key, PKCS #8.
    pub key: String,
}

/// Who may get in where a password is asked for: by PLAIN and by SCRAM.
#[derive(Clone, Copy, Debug)]
pub struct Superuser;

impl Superuser {
    /// The name.
    pub const NAME: &'static str = "tailwater";
    /// The password.
    pub const PASSWORD: &'static str = "p4ss'w\u{f6}rd";
}

/// A listener with its port.
pub(crate) type Bound = (Listener, u16);

pub(crate) struct Ports {
    pub(crate) plain: u16,
    pub(crate) controller: u16,
    pub(crate) further: Vec<Bound>,
}

/// The text of `server.properties`.
pub(crate) fn properties(
    directory: &Path,
    ports: &Ports,
    has_tls: bool,
    given: &[(String, String)],
) -> String {
    let mut listeners = format!("PLAINTEXT://127.0.0.1:{}", ports.plain);
    let mut protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned();
    for (listener, port) in &ports.further {
        let name = listener.protocol();
        // Writing to a String cannot fail.
        let _ = write!(listeners, ",{name}://127.0.0.1:{port}");
        let _ = write!(protocols, ",{name}:{name}");
    }
    let (controller, data) = (ports.controller, directory.join("data").display().to_string());
    let mut text = format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners={listeners},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners={listeners}\ncontroller.listener.names=CONTROLLER\n\
         inter.broker.listener.name=PLAINTEXT\nlistener.security.protocol.map={protocols}\n\
         log.dirs={data}\nnum.partitions=1\noffsets.topic.replication.factor=1\n\
         offsets.topic.num.partitions=3\ntransaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\ntransaction.state.log.num.partitions=3\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n\
         auto.create.topics.enable=true\n"
    );
    if has_tls {
        let path = directory.join("server.pem").display().to_string();
        let _ = writeln!(text, "ssl.keystore.type=PEM\nssl.keystore.location={path}");
    }
    let (name, password) = (Superuser::NAME, Superuser::PASSWORD);
    let with_users = || ports.further.iter().filter(|(listener, _)| listener.has_users());
    if with_users().next().is_some() {
        text.push_str("sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n");
    }
    for (listener, _) in with_users() {
        let listener = listener.protocol().to_lowercase();
        let module = "org.apache.kafka.common.security";
        let _ = writeln!(
            text,
            "listener.name.{listener}.plain.sasl.jaas.config={module}.plain.PlainLoginModule \
             required user_{name}=\"{}\";",
            escaped(password)
        );
        for bits in [256, 512] {
            let _ = writeln!(
                text,
                "listener.name.{listener}.scram-sha-{bits}.sasl.jaas.config=\
                 {module}.scram.ScramLoginModule required;"
            );
        }
    }
    for (name, value) in given {
        let _ = writeln!(text, "{name}={value}");
    }
    text
}

/// Java reads properties as Latin-1 with escapes.
fn escaped(text: &str) -> String {
    let escape = |c: char| {
        if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) }
    };
    text.chars().map(escape).collect()
}
