//! A broker that starts, keeps what it was told through a crash, and goes.

use tailwater_testkit_kafka::{Broker, Message, ensure_installed};

#[test]
fn two_tests_may_install_at_once() {
    let others: Vec<_> = (0..3).map(|_| std::thread::spawn(ensure_installed)).collect();
    let own = ensure_installed().unwrap();
    for other in others {
        assert_eq!(other.join().unwrap().unwrap(), own);
    }
    assert!(own.join("kafka_2.13-4.3.0.jar").is_file());
}

#[test]
fn a_broker_keeps_its_topics_through_a_crash_and_a_stop() {
    let broker = Broker::start();
    let (client, topic) = (broker.client(), broker.topic_name());
    client.create_topic(&topic, 2, &[]);
    let message = |partition, key: &str| Message { partition, ..Message::new(key, "1") };
    client.produce(&topic, &[message(0, "a"), message(1, "b")]);
    broker.kill();
    broker.start_again();
    client.produce(&topic, &[message(0, "c")]);
    broker.stop();
    broker.start_again();
    let keys: Vec<String> = client.committed(&topic).iter().map(|m| m.text().0).collect();
    assert_eq!(keys, ["a", "c", "b"]);
    let address = broker.address();
    drop(broker);
    assert!(std::net::TcpStream::connect(address).is_err());
}
