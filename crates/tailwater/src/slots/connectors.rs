//! Whose a slot is, by the connectors that this user's worker keeps.

use std::net::IpAddr;
use std::path::Path;

use tailwater_pipeline::connect::ConnectorConfig;
use tailwater_pipeline::{Owner, SlotStatus};
use tailwater_server::connect::kept_connectors;

/// The connectors of a worker.
pub(super) struct Connectors(Vec<(String, ConnectorConfig)>);

impl Connectors {
    /// Reads those below a directory; without one there are none.
    pub(super) fn read(directory: &Path) -> Self {
        Self(kept_connectors(directory).unwrap_or_default())
    }

    /// Says whose the slots are that connectors read from, whether they run or not. A slot that
    /// somebody else reads is left alone.
    pub(super) fn name_owners(&self, slots: &mut [SlotStatus]) {
        for slot in slots {
            let owner = self.0.iter().find(|(name, config)| {
                let is_read_by_it = |job: &str| job == name;
                is_slot_of(config, slot)
                    && slot.holder.as_ref().is_none_or(|h| h.job().is_some_and(is_read_by_it))
            });
            if let Some((name, _)) = owner {
                slot.owner = Some(Owner::Connector(name.clone()));
            }
        }
    }
}

fn is_slot_of(config: &ConnectorConfig, slot: &SlotStatus) -> bool {
    let option = |name: &str, default: &'static str| {
        config.get(name).map(|value| value.trim()).filter(|v| !v.is_empty()).unwrap_or(default)
    };
    let (host, port) = slot.server.rsplit_once(':').unwrap_or((&slot.server, "5432"));
    option("slot.name", "debezium") == slot.name
        && Some(option("database.dbname", "")) == slot.database.as_deref()
        && option("database.port", "5432") == port
        && is_same_host(option("database.hostname", ""), host)
}

/// The same machine by its name, as far as that can be told without asking anybody.
fn is_same_host(a: &str, b: &str) -> bool {
    let is_loopback = |host: &str| {
        let host = host.trim_matches(['[', ']']);
        let address = host.parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost")
            || host.starts_with('/')
            || address.is_ok_and(|address| address.is_loopback())
    };
    a.eq_ignore_ascii_case(b) || (is_loopback(a) && is_loopback(b))
}

#[cfg(test)]
mod tests {
    use tailwater_pipeline::Holder;

    use super::*;

    #[test]
    fn a_slot_is_the_connectors_that_reads_it_from_this_server_and_database() {
        let config = |host: &str, slot: &str| -> ConnectorConfig {
            let options = [("database.hostname", host), ("database.dbname", "shop")];
            let mut all: ConnectorConfig =
                options.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
            if !slot.is_empty() {
                all.insert("slot.name".to_owned(), slot.to_owned());
            }
            all
        };
        let connectors = Connectors(vec![
            ("first".to_owned(), config("localhost", "s1")),
            ("second".to_owned(), config("db.example", "")),
        ]);
        let holder = |application: &str| {
            Some(Holder { application: Some(application.to_owned()), ..Holder::default() })
        };
        let owner = |name: &str, server: &str, database: &str, holder| {
            let mut slots = [SlotStatus {
                name: name.to_owned(),
                server: server.to_owned(),
                database: Some(database.to_owned()),
                holder,
                ..SlotStatus::default()
            }];
            connectors.name_owners(&mut slots);
            let [slot] = slots;
            slot.owner
        };
        let first = Some(Owner::Connector("first".to_owned()));
        assert_eq!(owner("s1", "127.0.0.1:5432", "shop", None), first);
        assert_eq!(owner("s1", "[::1]:5432", "shop", holder("tailwater first")), first);
        assert_eq!(owner("s1", "127.0.0.1:5432", "shop", holder("psql")), None);
        assert_eq!(owner("s1", "127.0.0.1:5433", "shop", None), None);
        assert_eq!(owner("s1", "db.example:5432", "shop", None), None);
        assert_eq!(owner("s1", "127.0.0.1:5432", "other", None), None);
        let second = Some(Owner::Connector("second".to_owned()));
        assert_eq!(owner("debezium", "DB.example:5432", "shop", None), second);
    }
}
