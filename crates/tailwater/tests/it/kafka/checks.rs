//! What is said of topics before a job runs, and what is never said.

use tailwater_testkit_kafka::Broker;

use super::copy_script;
use crate::binary::Workspace;

#[tokio::test(flavor = "multi_thread")]
async fn a_check_tells_how_topics_stand_and_makes_none() {
    let broker = Broker::shared();
    let client = broker.client();
    let (input, output) = (broker.topic_name(), broker.topic_name());
    client.create_topic(&input, 3, &[]);
    let script = copy_script(&broker, &input, &output);
    let workspace = Workspace::new();
    workspace.write("job.sql", &script);
    let ran = workspace.run_command(&["check", "job.sql"], &[]);
    ran.assert_code(0);
    let says = |text: &str| assert!(ran.stdout.contains(text), "{text}: {}", ran.stdout);
    says("3 partitions to read");
    says("there is a place to begin in every partition");
    says("the topic does not exist: the brokers make it if auto.create.topics.enable is on");
    assert_eq!(client.partitions(&output), 0);
    let missing = script.replace(&format!("'{input}'"), "'no-such-topic'");
    workspace.write("job.sql", &missing);
    let ran = workspace.run_command(&["check", "job.sql"], &[]);
    ran.assert_code(1);
    assert!(ran.stdout.contains("topic \"no-such-topic\" does not exist"), "{}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_in_a_login_is_never_shown() {
    let workspace = Workspace::new();
    let login = "org.apache.kafka.common.security.plain.PlainLoginModule required \
        username = \"u\" password = \"t0p-secret\";";
    let script = format!(
        "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json',
           'properties.bootstrap.servers' = '127.0.0.1:1', 'scan.startup.mode' = 'earliest-offset',
           'properties.security.protocol' = 'SASL_PLAINTEXT',
           'properties.sasl.mechanism' = 'PLAIN', 'properties.sasl.jaas.config' = '{login}');
         SHOW CREATE TABLE t;
         SELECT * FROM t;"
    );
    let ran = workspace.run(&script, &[]);
    ran.assert_code(1);
    assert!(ran.stdout.contains("properties.sasl.jaas.config"), "{}", ran.stdout);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert!(all.contains("failed to reach the Kafka cluster"), "{all}");
    assert!(!all.contains("t0p-secret"), "{all}");
}
