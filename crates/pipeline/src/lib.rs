//! From statements to jobs: the session, its catalog and settings, the connectors by name, and
//! the lowering of plans to graphs. Every front door goes through here.

mod check;
mod collect;
pub mod connect;
mod directory;
mod lower;
mod registry;
mod run;
mod session;
mod settings;
mod slots;
mod statements;
mod values;

pub use check::{CheckedTable, Inspection, TableRole};
pub use directory::directory_name;
pub use registry::Registry;
pub use run::{RunningQuery, Submitted};
pub use session::{Action, Environment, Prepared, Session, Table};
pub use settings::Settings;
pub use tailwater_connector_api::{ConnectorError, ErrorKind, Object, Precondition, Verdict};
pub use tailwater_connectors::postgres::slots::{
    AddressError, Danger, DropRequest, Dropped, Holder, LeftPublication, Owner, SlotServer,
    SlotStatus,
};
