//! The PostgreSQL and the broker that both sides use.

use anyhow::{Context, Result};
use tailwater_testkit_kafka::Broker;
use tailwater_testkit_postgres::Cluster;
use tokio_postgres::{Client, NoTls};

use crate::arguments;

/// Where PostgreSQL is.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) database: String,
}

pub(crate) struct Postgres {
    pub(crate) login: Login,
    /// Ours, if none was named.
    _own: Option<Cluster>,
}

impl Postgres {
    pub(crate) async fn get(arguments: &arguments::Servers) -> Result<Self> {
        if let Some(url) = &arguments.postgres {
            return Ok(Self { login: login(url)?, _own: None });
        }
        let cluster = Cluster::builder()
            .setting("max_wal_size", "4GB")
            .setting("shared_buffers", "256MB")
            .setting("autovacuum", "off")
            .start();
        let login = Login {
            host: "127.0.0.1".to_owned(),
            port: cluster.port(),
            user: "postgres".to_owned(),
            password: cluster.password().to_owned(),
            database: cluster.create_database().await,
        };
        Ok(Self { login, _own: Some(cluster) })
    }

    pub(crate) async fn connect(&self) -> Result<Client> {
        let Login { host, port, user, password, database } = &self.login;
        let mut config = tokio_postgres::Config::new();
        config.host(host).port(*port).user(user).password(password).dbname(database);
        let (client, connection) = config.connect(NoTls).await.context("connect to PostgreSQL")?;
        tokio::spawn(connection);
        Ok(client)
    }
}

fn login(url: &str) -> Result<Login> {
    let config: tokio_postgres::Config = url.parse().context("the URL of PostgreSQL")?;
    let host = config.get_hosts().iter().find_map(|host| match host {
        tokio_postgres::config::Host::Tcp(name) => Some(name.clone()),
        tokio_postgres::config::Host::Unix(_) => None,
    });
    let password = config.get_password().unwrap_or_default();
    Ok(Login {
        host: host.context("a host in the URL of PostgreSQL")?,
        port: config.get_ports().first().copied().unwrap_or(5432),
        user: config.get_user().unwrap_or("postgres").to_owned(),
        password: String::from_utf8_lossy(password).into_owned(),
        database: config.get_dbname().unwrap_or("postgres").to_owned(),
    })
}

/// A broker.
pub(crate) struct Kafka {
    pub(crate) address: String,
    /// Ours, if none was named.
    _own: Option<Broker>,
}

impl Kafka {
    pub(crate) fn get(named: Option<&str>) -> Self {
        match named {
            Some(address) => Self { address: address.to_owned(), _own: None },
            None => {
                let broker = Broker::start();
                Self { address: broker.address(), _own: Some(broker) }
            }
        }
    }
}
