//! Dropping a slot, and the publication that was made for it.

use tailwater_connector_api::{ConnectorError, ErrorKind, nearest};
use tokio_postgres::Client;

use super::{Holder, SlotServer, SlotStatus};
use crate::postgres::client::{self, query_error, quote};
use crate::postgres::slot::drop_sql;

/// What is to be dropped.
#[derive(Clone, Copy, Debug)]
pub struct DropRequest<'a> {
    /// The slot's name.
    pub name: &'a str,
    /// Also a slot for physical replication: a standby may need it.
    pub takes_physical: bool,
    /// Also the publication that was made for it.
    pub takes_publication: bool,
}

/// A slot that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its name.
    pub name: String,
    /// `host:port`
    pub server: String,
    /// The publication that was made for it, if it was there.
    pub publication: Option<LeftPublication>,
}

/// A publication whose slot is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftPublication {
    /// Its name.
    pub name: String,
    /// The database that it is in.
    pub database: String,
    /// What drops it.
    pub statement: String,
    /// Whether it is gone.
    pub is_dropped: bool,
}

impl SlotServer {
    /// Drops a slot of `slots`, which nobody may be reading from.
    ///
    /// # Errors
    /// There is no such slot, it is in use, it is not ours to drop, or the server refuses.
    pub async fn drop_slot(
        &self,
        slots: &[SlotStatus],
        request: DropRequest<'_>,
    ) -> Result<Dropped, ConnectorError> {
        let name = request.name;
        let Some(slot) = slots.iter().find(|slot| slot.name == name) else {
            return Err(self.unknown(slots, name));
        };
        if let Some(holder) = &slot.holder {
            return Err(active(name, holder));
        }
        if slot.slot_type != "logical" && !request.takes_physical {
            let message = format!("slot \"{name}\" is a slot for physical replication");
            let hint = "a standby that is away needs it; --force drops it all the same";
            return Err(ConnectorError::new(ErrorKind::Config, message).with_hint(hint));
        }
        let client = client::connect(self.address(), "tailwater slots").await?;
        let dropped = client.batch_execute(&drop_sql(name)).await;
        dropped.map_err(|error| {
            let error = query_error(&format!("drop slot \"{name}\""), error);
            match error.kind() {
                ErrorKind::Conflict => error.with_hint("somebody has begun to read from it"),
                ErrorKind::Denied => error.with_hint("a role with REPLICATION may drop it"),
                _ => error,
            }
        })?;
        let publication = match &slot.database {
            None => None,
            Some(database) => {
                match self.left_publication(slot, database, request.takes_publication).await {
                    Err(error) if request.takes_publication => {
                        return Err(error.with_context("dropped slot", name));
                    }
                    left => left.unwrap_or(None),
                }
            }
        };
        Ok(Dropped { name: name.to_owned(), server: self.endpoint(), publication })
    }

    async fn left_publication(
        &self,
        slot: &SlotStatus,
        database: &str,
        is_wanted: bool,
    ) -> Result<Option<LeftPublication>, ConnectorError> {
        let name = slot.publication();
        let address = self.address().in_database(database);
        let client = client::connect(&address, "tailwater slots").await?;
        if !is_there(&client, &name).await? {
            return Ok(None);
        }
        let statement = format!("DROP PUBLICATION {};", quote(&name));
        if is_wanted {
            client.batch_execute(&statement).await.map_err(|error| {
                let doing = format!("drop publication \"{name}\"");
                query_error(&doing, error).with_hint(format!("as its owner: {statement}"))
            })?;
        }
        let database = database.to_owned();
        Ok(Some(LeftPublication { name, database, statement, is_dropped: is_wanted }))
    }

    fn unknown(&self, slots: &[SlotStatus], name: &str) -> ConnectorError {
        let message =
            format!("there is no slot \"{name}\" on the server at \"{}\"", self.endpoint());
        let error = ConnectorError::new(ErrorKind::Config, message);
        let names = slots.iter().map(|slot| slot.name.as_str());
        match nearest(name, names.clone()) {
            Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
            None if slots.is_empty() => error.with_hint("it has no slots at all"),
            None => {
                let names: Vec<&str> = names.collect();
                error.with_hint(format!("its slots are {}", names.join(", ")))
            }
        }
    }
}

fn active(name: &str, holder: &Holder) -> ConnectorError {
    let message = format!("slot \"{name}\" is in use by {holder}");
    let hint = match holder.job() {
        Some(job) => format!("stop the job \"{job}\" first"),
        None => format!("stop its reader first, or SELECT pg_terminate_backend({});", holder.pid),
    };
    ConnectorError::new(ErrorKind::Conflict, message).with_hint(hint)
}

async fn is_there(client: &Client, publication: &str) -> Result<bool, ConnectorError> {
    let sql = "SELECT 1 FROM pg_publication WHERE pubname = $1";
    let row = client.query_opt(sql, &[&publication]).await;
    Ok(row.map_err(|error| query_error("look for the publication", error))?.is_some())
}
