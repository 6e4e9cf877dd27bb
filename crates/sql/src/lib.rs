//! From Flink SQL's syntax to plans: catalog, names, types, change properties, diagnostics.
//!
//! The crate knows no connector and runs nothing. What a connector can do is asked through
//! [`Connectors`].

pub mod binder;
pub mod catalog;
pub mod describe;
mod join_plan;
pub mod plan;
mod prune;
pub mod source_text;

pub use binder::{Binder, Bound, BoundQuery, Reported, SortKey};
pub use catalog::{
    Catalog, CatalogColumn, CatalogObject, CatalogTable, CatalogView, ColumnSource, Connectors,
    DeclarationIssue, Declared, Origin, Path,
};
pub use plan::{AggregateCall, InsertPlan, JoinKind, Plan, PlanNode};
pub use prune::prune;
pub use source_text::{Finding, SourceText};
