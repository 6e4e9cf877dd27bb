//! What the rows of a table become: packed rows of a declared table, or records.

use std::sync::Arc;

use super::metadata::Names;
use super::records::RecordPlan;
use super::rows::RowPlan;

/// How the rows of a table are read, whether from the stream or a copy.
#[derive(Clone, Debug)]
pub(crate) enum TablePlan {
    Rows(Arc<RowPlan>),
    Records(Arc<RecordPlan>),
}

impl TablePlan {
    /// The table's names.
    pub(crate) fn names(&self) -> &Names {
        match self {
            TablePlan::Rows(plan) => &plan.names,
            TablePlan::Records(plan) => &plan.names,
        }
    }

    /// The table for messages.
    pub(crate) fn table(&self) -> String {
        self.names().shown()
    }

    /// Whether the stream can be asked for the binary format.
    pub(crate) fn reads_binary(&self) -> bool {
        match self {
            TablePlan::Rows(plan) => plan.reads_binary(),
            TablePlan::Records(plan) => plan.reads_binary(),
        }
    }
}
