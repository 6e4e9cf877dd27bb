//! Old rows for a source that may not send them.

use tailwater_state::StateStore;
use tailwater_types::{ChangeBatch, ChangelogMode};

use crate::keyed_rows::ChangelogNormalize;
use crate::operator::{Operator, OperatorError, StatePrefix, StepContext};

/// Behind a source that promises whole old rows but may turn out to send keys only: then they come
/// from the state, else everything passes as it is and nothing is kept. Which of the two it is was
/// decided when the job first started: what had passed until a change of mind is not in the state.
pub struct OldRows {
    normalize: ChangelogNormalize,
    prefix: StatePrefix,
    passes: bool,
}

/// The decision, kept beside the rows.
const SPACE: u8 = 1;
const FROM_STATE: &[u8] = b"state";
const FROM_SOURCE: &[u8] = b"source";

impl OldRows {
    /// `normalize` keeps the rows under the same prefix.
    pub fn new(normalize: ChangelogNormalize, prefix: StatePrefix) -> Self {
        Self { normalize, prefix, passes: true }
    }
}

impl Operator for OldRows {
    fn step(
        &mut self,
        input: usize,
        batch: &ChangeBatch,
        context: &mut StepContext<'_>,
        out: &mut ChangeBatch,
    ) -> Result<(), OperatorError> {
        self.normalize.step(input, batch, context, out)
    }

    fn source_mode(
        &mut self,
        mode: ChangelogMode,
        state: &mut StateStore,
    ) -> Result<(), OperatorError> {
        let mut key = Vec::new();
        self.prefix.begin(SPACE, &mut key);
        let decided = state.entry(&key)?;
        if decided.is_empty() {
            let from_state = mode == ChangelogMode::Upsert;
            decided.extend_from_slice(if from_state { FROM_STATE } else { FROM_SOURCE });
        }
        self.passes = decided.as_slice() != FROM_STATE;
        if self.passes && mode == ChangelogMode::Upsert {
            return Err(OperatorError::OldRowsLost);
        }
        Ok(())
    }

    fn passes_through(&self) -> bool {
        self.passes
    }
}
