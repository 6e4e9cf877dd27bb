//! The contract between the engine and what it reads from and writes to.
//!
//! A factory judges a declared table without I/O ([`SourceFactory::plan`], [`SinkFactory::plan`]);
//! the plan connects; the connected half reads or writes. The engine alone decides what is durable
//! and tells sources so ([`Acker`]). [`SourcePlan::check`] and [`SinkPlan::check`] tell how every
//! precondition stands without changing anything.

pub mod error;
pub mod hint;
pub mod precondition;
pub mod sink;
pub mod source;
pub mod table;
pub mod testkit;

pub use error::{ConnectorError, ErrorKind};
pub use futures_util::future::BoxFuture;
pub use futures_util::stream::BoxStream;
pub use hint::{Dialect, Hint, Setting};
pub use precondition::{Claim, Object, Precondition, Preconditions, Verdict};
pub use sink::{Publication, Published, Sink, SinkContext, SinkFactory, SinkPlan};
pub use source::{
    Acker, NoAck, OldRows, ReadFrom, Source, SourceContext, SourceEvent, SourceFactory, SourcePlan,
    SourceReader,
};
pub use table::{TableColumn, TableIssue, TableSpec};
pub use tailwater_types::nearest;
