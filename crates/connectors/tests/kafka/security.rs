//! Passwords and TLS: who gets in, and what is said to those who do not.

use std::sync::{Arc, LazyLock, Mutex, Weak};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tailwater_connector_api::{ErrorKind, ReadFrom};
use tailwater_testkit_kafka::{Broker, Listener, Message, ServerTls, Superuser};

use crate::table::Table;

/// A broker that listens in every way, and who has signed its certificate.
struct Guarded {
    broker: Broker,
    #[cfg_attr(not(feature = "kafka-tls"), expect(dead_code))]
    authority: String,
}

fn guarded() -> Arc<Guarded> {
    static SHARED: LazyLock<Mutex<Weak<Guarded>>> = LazyLock::new(Mutex::default);
    let mut shared = SHARED.lock().unwrap();
    if let Some(guarded) = shared.upgrade() {
        return guarded;
    }
    let (tls, authority) = certificates();
    let broker = Broker::builder()
        .listener(Listener::Sasl)
        .listener(Listener::Tls)
        .listener(Listener::SaslTls)
        .tls(tls)
        .start();
    let guarded = Arc::new(Guarded { broker, authority });
    *shared = Arc::downgrade(&guarded);
    guarded
}

/// A certificate for the address of the broker, and its authority's.
fn certificates() -> (ServerTls, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "an authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let own = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&own, &issuer).unwrap();
    (ServerTls { certificate: certificate.pem(), key: own.serialize_pem() }, authority)
}

fn with_login(table: Table, module: &str, mechanism: &str, password: &str) -> Table {
    let jaas = format!(
        "org.apache.kafka.common.security.{module} required username=\"{}\" password=\"{password}\";",
        Superuser::NAME
    );
    table
        .option("properties.sasl.mechanism", mechanism)
        .option("properties.sasl.jaas.config", &jaas)
}

/// Writes a message and reads it back.
async fn assert_works(guarded: &Guarded, table: impl Fn(&str) -> Table) {
    let topic = guarded.broker.topic_name();
    guarded.broker.client().create_topic(&topic, 1, &[]);
    let table = table(&topic).option("scan.bounded.mode", "latest-offset");
    let mut sink = table.write("l").await.unwrap();
    sink.write(table.rows(&[(tailwater_types::RowKind::Insert, 1, "a")]).into()).await.unwrap();
    sink.flush().await.unwrap();
    assert_eq!(table.read_all().await, ["+I[1, a]"]);
    let values: Vec<Option<Vec<u8>>> =
        guarded.broker.client().committed(&topic).into_iter().map(|m: Message| m.value).collect();
    assert_eq!(values, [Some(br#"{"id":1,"name":"a"}"#.to_vec())]);
}

fn sasl(guarded: &Guarded, topic: &str) -> Table {
    Table::plain(&guarded.broker.address_of(Listener::Sasl), topic)
        .option("properties.security.protocol", "SASL_PLAINTEXT")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_password_opens_and_a_wrong_one_is_said_without_it() {
    let guarded = guarded();
    let plain = |topic: &str, password: &str| {
        with_login(sasl(&guarded, topic), "plain.PlainLoginModule", "PLAIN", password)
    };
    assert_works(&guarded, |topic| plain(topic, Superuser::PASSWORD)).await;
    let wrong = plain("t", "wr0ng-secret");
    let refused = wrong.try_read(ReadFrom::default()).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Auth, "{refused}");
    assert!(refused.to_string().contains("Invalid username or password"), "{refused}");
    assert!(refused.hint().unwrap().contains("sasl.jaas.config"));
    assert!(!format!("{refused:?}").contains("wr0ng-secret"), "{refused:?}");
    let refused = wrong.write("l").await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Auth, "{refused}");
    let transactional = wrong
        .option("sink.delivery-guarantee", "exactly-once")
        .option("sink.transactional-id-prefix", "p");
    let refused = transactional.write("l").await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Auth, "{refused}");
}

#[cfg(feature = "kafka-tls")]
mod tls {
    use super::*;

    fn encrypted(guarded: &Guarded, listener: Listener, topic: &str) -> Table {
        Table::plain(&guarded.broker.address_of(listener), topic)
            .option("properties.security.protocol", listener.protocol())
            .option("properties.ssl.truststore.type", "PEM")
            .option("properties.ssl.truststore.certificates", &guarded.authority)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn tls_is_spoken_with_a_trusted_broker_alone() {
        let guarded = guarded();
        assert_works(&guarded, |topic| encrypted(&guarded, Listener::Tls, topic)).await;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        std::fs::write(&path, &guarded.authority).unwrap();
        let by_file = |topic: &str| {
            encrypted(&guarded, Listener::Tls, topic)
                .without("properties.ssl.truststore.certificates")
                .option("properties.ssl.truststore.location", path.to_str().unwrap())
        };
        assert_works(&guarded, by_file).await;
        let other = certificates().1;
        let foreign = by_file("t")
            .without("properties.ssl.truststore.location")
            .option("properties.ssl.truststore.certificates", &other);
        let refused = foreign.try_read(ReadFrom::default()).await.err().unwrap();
        assert!(refused.to_string().contains("certificate"), "{refused}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn scram_opens_with_and_without_tls() {
        let guarded = guarded();
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let scram = "scram.ScramLoginModule";
            let password = Superuser::PASSWORD;
            let plain = |topic: &str| with_login(sasl(&guarded, topic), scram, mechanism, password);
            assert_works(&guarded, plain).await;
            let tls = |topic: &str| {
                let table = encrypted(&guarded, Listener::SaslTls, topic);
                with_login(table, scram, mechanism, password)
            };
            assert_works(&guarded, tls).await;
            let wrong = with_login(sasl(&guarded, "t"), scram, mechanism, "wr0ng");
            let refused = wrong.try_read(ReadFrom::default()).await.err().unwrap();
            assert_eq!(refused.kind(), ErrorKind::Auth, "{refused}");
        }
    }
}
