//! From statements to jobs: the session, its catalog and settings, the connectors by name, and
//! the lowering of plans to graphs. Every front door goes through here.

mod collect;
mod lower;
mod registry;
mod run;
mod session;
mod settings;
mod statements;
mod values;

pub use registry::Registry;
pub use run::{RunningQuery, Submitted};
pub use session::{Action, Environment, Prepared, Session, Table};
pub use settings::Settings;
