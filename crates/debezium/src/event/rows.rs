//! Changes of rows as events.

use tailwater_pg_wire::pgoutput::Cell;
use tailwater_types::ChangeBatch;

use super::context::Context;
use super::envelope::Rows;
use super::flat::DeleteHandling;
use super::output::{Output, Wanted};
use super::plan::TablePlan;
use super::transaction::{Place, TransactionCounter};
use crate::record::Headers;

/// A column's value that is none of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value cannot be read")]
pub struct EventError {
    /// The column's place in the table.
    pub column: usize,
}

impl EventError {
    pub(super) fn new(column: usize) -> Self {
        Self { column }
    }
}

/// The row before a change, as far as it is told.
#[derive(Clone, Copy, Debug)]
pub enum Old<'a> {
    /// Only the columns of the replica identity; the others are NULL.
    Key(&'a [Cell<'a>]),
    /// The whole row.
    Full(&'a [Cell<'a>]),
}

impl<'a> Old<'a> {
    fn cells(self) -> &'a [Cell<'a>] {
        match self {
            Old::Key(cells) | Old::Full(cells) => cells,
        }
    }

    fn full(self) -> Option<&'a [Cell<'a>]> {
        match self {
            Old::Key(_) => None,
            Old::Full(cells) => Some(cells),
        }
    }
}

/// What one event's records share.
struct Emission<'a> {
    operation: char,
    rows: Rows<'a>,
    /// The row whose key it is, and the whole old one.
    key: &'a [Cell<'a>],
    key_previous: Option<&'a [Cell<'a>]>,
    headers: Option<(&'static str, Vec<u8>)>,
}

impl TablePlan {
    /// Appends the event of a row that was read or inserted.
    ///
    /// # Errors
    /// A value that cannot be read.
    pub fn append_insert(
        &self,
        row: &[Cell<'_>],
        context: &Context<'_>,
        counter: Option<&mut TransactionCounter>,
        batch: &mut ChangeBatch,
    ) -> Result<(), EventError> {
        let operation = if context.mark == super::Mark::Stream { 'c' } else { 'r' };
        if self.settings.skips(operation) {
            return Ok(());
        }
        let rows = Rows { before: None, after: Some(row), previous: None };
        let emission = Emission { operation, rows, key: row, key_previous: None, headers: None };
        self.emit(emission, context, counter, batch)
    }

    /// Appends the events of an update: one, or, where the key changed, a delete and a create.
    ///
    /// # Errors
    /// A value that cannot be read.
    pub fn append_update(
        &self,
        old: Option<Old<'_>>,
        row: &[Cell<'_>],
        context: &Context<'_>,
        mut counter: Option<&mut TransactionCounter>,
        batch: &mut ChangeBatch,
    ) -> Result<(), EventError> {
        if self.settings.skips('u') {
            return Ok(());
        }
        let previous = old.and_then(Old::full);
        if let Some(old) = old.filter(|old| self.changes_key(*old, row)) {
            let (mut old_key, mut new_key) = (Vec::new(), Vec::new());
            self.append_header_key(old.cells(), None, &mut old_key)?;
            self.append_header_key(row, previous, &mut new_key)?;
            let rows = Rows { before: Some(old.cells()), after: None, previous: None };
            let delete = Emission {
                operation: 'd',
                rows,
                key: old.cells(),
                key_previous: None,
                headers: Some(("__debezium.newkey", new_key)),
            };
            self.emit(delete, context, counter.as_deref_mut(), batch)?;
            let create = Emission {
                operation: 'c',
                rows: Rows { before: None, after: Some(row), previous },
                key: row,
                key_previous: previous,
                headers: Some(("__debezium.oldkey", old_key)),
            };
            return self.emit(create, context, counter, batch);
        }
        if self.settings.skips_unchanged && previous.is_some_and(|old| self.is_same(old, row)) {
            return Ok(());
        }
        let update = Emission {
            operation: 'u',
            rows: Rows { before: old.map(Old::cells), after: Some(row), previous },
            key: row,
            key_previous: previous,
            headers: None,
        };
        self.emit(update, context, counter, batch)
    }

    /// Appends the event of a delete, and its tombstone.
    ///
    /// # Errors
    /// A value that cannot be read.
    pub fn append_delete(
        &self,
        old: Old<'_>,
        context: &Context<'_>,
        counter: Option<&mut TransactionCounter>,
        batch: &mut ChangeBatch,
    ) -> Result<(), EventError> {
        if self.settings.skips('d') {
            return Ok(());
        }
        let rows = Rows { before: Some(old.cells()), after: None, previous: None };
        let key = old.cells();
        let emission = Emission { operation: 'd', rows, key, key_previous: None, headers: None };
        self.emit(emission, context, counter, batch)
    }

    /// Appends the event of a truncate.
    ///
    /// # Errors
    /// None that a row could be to blame for.
    pub fn append_truncate(
        &self,
        context: &Context<'_>,
        counter: Option<&mut TransactionCounter>,
        batch: &mut ChangeBatch,
    ) -> Result<(), EventError> {
        if self.settings.skips('t') {
            return Ok(());
        }
        let place = self.count(context, counter, batch)?;
        // A row is what is left of an envelope: a truncate has none.
        if self.flat.is_some() {
            return Ok(());
        }
        let rows = Rows { before: None, after: None, previous: None };
        let output = Output { settings: &self.settings, wanted: Wanted::Table(self) };
        output.push(
            batch,
            &self.headers,
            |_| Ok(false),
            |out| {
                let envelope = &self.envelope;
                envelope.append(&self.row, rows, 't', context, place.as_ref(), out).map(|()| true)
            },
        )
    }

    /// Whether an update gives the row another key.
    fn changes_key(&self, old: Old<'_>, row: &[Cell<'_>]) -> bool {
        self.key.columns.iter().any(|column| {
            let (Some(before), Some(after)) =
                (old.cells().get(column.place), row.get(column.place))
            else {
                return false;
            };
            // What is not in the replica identity is not told.
            let is_told = matches!(old, Old::Full(_)) || *before != Cell::Null;
            is_told && *after != Cell::UnchangedToast && before != after
        })
    }

    fn is_same(&self, old: &[Cell<'_>], row: &[Cell<'_>]) -> bool {
        self.row.columns.iter().all(|column| {
            let after = row.get(column.place);
            after == Some(&Cell::UnchangedToast) || after == old.get(column.place)
        })
    }

    fn append_header_key(
        &self,
        cells: &[Cell<'_>],
        previous: Option<&[Cell<'_>]>,
        out: &mut Vec<u8>,
    ) -> Result<(), EventError> {
        use super::HeaderForm;
        if self.settings.header_form == (HeaderForm::Json { has_schemas: true }) {
            if self.settings.key_schemas && self.keeps_its_key() {
                return self.append_key(cells, previous, out).map(drop);
            }
            let schema = crate::schema::Schema::new(self.key.schema());
            let texts = super::plan::Texts::new(Some(&schema));
            out.extend_from_slice(&texts.front);
            self.key.append(cells, previous, out)?;
            out.extend_from_slice(&texts.back);
            return Ok(());
        }
        self.key.append(cells, previous, out)
    }

    fn count(
        &self,
        context: &Context<'_>,
        counter: Option<&mut TransactionCounter>,
        batch: &mut ChangeBatch,
    ) -> Result<Option<Place>, EventError> {
        let Some(counter) = counter else {
            return Ok(None);
        };
        counter.begin(&self.settings, context, batch)?;
        Ok(Some(counter.next(&self.spec.schema, &self.spec.name)))
    }

    fn emit(
        &self,
        emission: Emission<'_>,
        context: &Context<'_>,
        counter: Option<&mut TransactionCounter>,
        batch: &mut ChangeBatch,
    ) -> Result<(), EventError> {
        let place = self.count(context, counter, batch)?;
        let Emission { operation, rows, key, key_previous, headers } = emission;
        let is_delete = operation == 'd';
        let own;
        let headers: &Headers = match (&self.flat, headers) {
            (None, None) => &self.headers,
            (flat, front) => {
                let behind = match flat {
                    Some(flat) => flat.headers(self, operation, context, place.as_ref()),
                    None => Vec::new(),
                };
                if front.is_none() && behind.is_empty() {
                    &self.headers
                } else {
                    let front = front.map(|(name, value)| (name.to_owned(), value));
                    own = self.settings.headers(front.into_iter().collect(), &behind);
                    &own
                }
            }
        };
        let output = Output { settings: &self.settings, wanted: Wanted::Table(self) };
        let write_key = |out: &mut Vec<u8>| self.append_key(key, key_previous, out);
        let (has_event, has_tombstone) = match &self.flat {
            _ if !is_delete => (true, false),
            None => (true, self.settings.has_tombstones),
            Some(flat) => match flat.deletes {
                DeleteHandling::Drop => (false, false),
                DeleteHandling::Tombstone => (false, self.settings.has_tombstones),
                DeleteHandling::Rewrite => (true, false),
                DeleteHandling::RewriteWithTombstone => (true, self.settings.has_tombstones),
                DeleteHandling::DeleteToTombstone => (false, true),
            },
        };
        if has_event {
            output.push(batch, headers, write_key, |out| {
                match &self.flat {
                    None => {
                        let envelope = &self.envelope;
                        envelope.append(
                            &self.row,
                            rows,
                            operation,
                            context,
                            place.as_ref(),
                            out,
                        )?;
                    }
                    Some(flat) => {
                        flat.append(self, rows, operation, context, place.as_ref(), out)?;
                    }
                }
                Ok(true)
            })?;
        }
        // Without a key it would say nothing.
        if has_tombstone && !self.key.columns.is_empty() {
            output.push(batch, headers, write_key, |_| Ok(false))?;
        }
        Ok(())
    }
}
