//! What an operator is.

use tailwater_expr::EvalError;
use tailwater_state::{StateError, StateStore};
use tailwater_types::{ChangeBatch, ChangelogMode, Timestamp};

/// A synchronous state machine: changes in, changes out. It owns no threads, channels or I/O.
pub trait Operator: Send {
    /// Takes a batch of its input `input` (counted from 0) and appends to `out` what follows.
    ///
    /// # Errors
    /// State that cannot be read or written, and values that cannot be computed; the job stops.
    fn step(
        &mut self,
        input: usize,
        batch: &ChangeBatch,
        context: &mut StepContext<'_>,
        out: &mut ChangeBatch,
    ) -> Result<(), OperatorError>;

    /// The source whose rows come first to this operator says what they will be like.
    ///
    /// # Errors
    /// A form that does not go with what the state was made of.
    fn source_mode(
        &mut self,
        _mode: ChangelogMode,
        _state: &mut StateStore,
    ) -> Result<(), OperatorError> {
        Ok(())
    }

    /// Whether batches pass as they are, without [`Operator::step`].
    fn passes_through(&self) -> bool {
        false
    }

    /// All inputs have ended; nothing follows.
    ///
    /// # Errors
    /// As [`Operator::step`].
    fn end_input(
        &mut self,
        _context: &mut StepContext<'_>,
        _out: &mut ChangeBatch,
    ) -> Result<(), OperatorError> {
        Ok(())
    }
}

/// What an operator may use during a step.
pub struct StepContext<'c> {
    /// The job's state; operators keep apart by the [`StatePrefix`] of their keys.
    pub state: &'c mut StateStore,
    /// The epoch's clock.
    pub now: Timestamp,
}

/// The first bytes of all state keys of one operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatePrefix(pub u16);

impl StatePrefix {
    /// Begins a state key in `key`: the operator and one of its spaces.
    pub(crate) fn begin(self, space: u8, key: &mut Vec<u8>) {
        key.clear();
        key.extend_from_slice(&self.0.to_be_bytes());
        key.push(space);
    }
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// State could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// A value could not be computed.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A value that did not change was not sent, and nobody knows it.
    #[error(
        "an update does not carry column number {column}, whose value is stored out of line and did \
         not change, and the row is not known from before"
    )]
    UnknownValue {
        /// Counted from 1.
        column: usize,
    },
    /// Old rows were sent so far and are not any more.
    #[error("the source sends no old rows any more: its replica identity was FULL and is not now")]
    OldRowsLost,
}

/// Whether an operator that keeps a result up to date tells every change of it, or only the
/// change over a whole step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emission {
    /// After each input row, as Flink does without mini-batches.
    PerRecord,
    /// Once for each step.
    PerStep,
}
