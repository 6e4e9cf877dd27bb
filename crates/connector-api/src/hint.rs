//! How to mend something, in the language of whoever reads it: the same connector is met in SQL, over
//! the REST API of Kafka Connect and in a file. What is called what there is known here alone.

/// Where a job was declared, and so how its user speaks of options and of beginning anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A script of SQL: options in `WITH (...)`, `tailwater sql --fresh`.
    Sql,
    /// A connector of a Kafka Connect worker: Debezium's options, requests.
    Connect,
    /// The same connector in a file, run by itself.
    File,
}

/// An option that hints speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The host of the database's server.
    Host,
    /// Its port.
    Port,
    /// The role.
    User,
    /// Its password.
    Password,
    /// A parameter of TLS to the database, by the name that libpq or the JDBC driver has for it.
    Tls(&'static str),
    /// An option of the Kafka client, by its Java name.
    Client(&'static str),
}

impl Dialect {
    /// An option's name, without quotes.
    pub fn name(self, setting: Setting) -> String {
        match (self, setting) {
            (Self::Sql, Setting::Host) => "hostname".to_owned(),
            (Self::Sql, Setting::Port) => "port".to_owned(),
            (Self::Sql, Setting::User) => "username".to_owned(),
            (Self::Sql, Setting::Password) => "password".to_owned(),
            (Self::Sql, Setting::Tls(name)) => name.to_owned(),
            (Self::Sql, Setting::Client(name)) => format!("properties.{name}"),
            (_, Setting::Host) => "database.hostname".to_owned(),
            (_, Setting::Port) => "database.port".to_owned(),
            (_, Setting::User) => "database.user".to_owned(),
            (_, Setting::Password) => "database.password".to_owned(),
            (_, Setting::Tls(name)) => format!("database.{name}"),
            // The worker's own: a connector does not choose its brokers.
            (_, Setting::Client(name @ "bootstrap.servers")) => name.to_owned(),
            (_, Setting::Client(name)) => format!("producer.override.{name}"),
        }
    }

    /// The same with something to do while the job is stopped.
    pub fn begin_anew_behind(self, step: &str) -> String {
        match self {
            Self::Sql | Self::File => format!("{step}, then {}", self.begin_anew()),
            Self::Connect => format!(
                "PUT /connectors/.../stop, then {step}, then DELETE /connectors/.../offsets and PUT \
                 /connectors/.../resume"
            ),
        }
    }

    /// What makes a job forget how far it was: a clause in the imperative.
    pub fn begin_anew(self) -> &'static str {
        match self {
            Self::Sql => "start the job anew with --fresh",
            Self::Connect => {
                "begin anew with PUT /connectors/.../stop, DELETE /connectors/.../offsets and PUT \
                 /connectors/.../resume"
            }
            Self::File => {
                "remove the directory of the connector's checkpoints, which it names at its start, \
                 and start it again"
            }
        }
    }
}

/// How to mend something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    sql: Box<str>,
    /// Where they differ from that.
    others: Option<Box<[String; 2]>>,
}

impl Hint {
    /// A hint that differs from dialect to dialect.
    pub fn each(tell: impl Fn(Dialect) -> String) -> Self {
        let others = [tell(Dialect::Connect), tell(Dialect::File)];
        Self { sql: tell(Dialect::Sql).into(), others: Some(Box::new(others)) }
    }

    /// The hint for whom it is meant.
    pub fn text(&self, dialect: Dialect) -> &str {
        match (&self.others, dialect) {
            (None, _) | (_, Dialect::Sql) => &self.sql,
            (Some(others), Dialect::Connect) => &others[0],
            (Some(others), Dialect::File) => &others[1],
        }
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self { sql: text.into(), others: None }
    }
}

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_speaks_the_language_of_its_reader() {
        let plain = Hint::from("SELECT 1;");
        assert_eq!(plain.text(Dialect::Connect), "SELECT 1;");
        let hint = Hint::each(|say| {
            let (host, servers) =
                (say.name(Setting::Host), say.name(Setting::Client("bootstrap.servers")));
            format!(
                "{host}, {servers}, {}: {}",
                say.name(Setting::Client("acks")),
                say.begin_anew()
            )
        });
        let sql = "hostname, properties.bootstrap.servers, properties.acks: start the job anew with \
                   --fresh";
        assert_eq!(hint.text(Dialect::Sql), sql);
        let connect = hint.text(Dialect::Connect);
        assert!(connect.contains("DELETE /connectors/.../offsets"), "{connect}");
        for dialect in [Dialect::Connect, Dialect::File] {
            let text = hint.text(dialect);
            let names = "database.hostname, bootstrap.servers, producer.override.acks: ";
            assert!(text.starts_with(names), "{text}");
            assert!(!text.contains("--fresh"), "{text}");
        }
    }
}
