//! Texts to values, by the engine's own casts.

use tailwater_expr::{Bump, CastMode, Env, Expr, ResolveContext, ResolveError, cast};
use tailwater_types::{DataType, Datum, Layout, RowRef, RowWriter, Timestamp, TypeKind};

/// Reads texts as values of one type.
pub(crate) struct TextReader {
    cast: Expr,
}

impl TextReader {
    /// A reader of this type.
    pub(crate) fn new(
        data_type: &DataType,
        context: &ResolveContext,
    ) -> Result<Self, ResolveError> {
        let text = Expr::column(0, TypeKind::STRING.nullable());
        let target = data_type.with_nullable(true);
        Ok(Self { cast: cast(text, &target, CastMode::Explicit, context)? })
    }

    /// The value of a text; `None` if it is none of the type.
    pub(crate) fn read<'a>(&'a self, text: &str, arena: &'a Bump) -> Option<Datum<'a>> {
        let mut row = Vec::with_capacity(16 + text.len());
        RowWriter::new(&mut row, 1).push(Datum::Str(text), Layout::Str);
        let row = RowRef::new(arena.alloc_slice_copy(&row));
        self.cast.eval(&Env::new(row, arena, Timestamp::default())).ok()
    }
}
