//! `transforms` and `predicates`.

use super::reader::OptionReader;
use crate::event::{FlatSettings, HeaderForm};
use crate::transforms::{Chain, Definitions};

/// Reads the transforms: those that take the envelope off are compiled into the events.
pub(super) fn read(
    reader: &mut OptionReader<'_>,
    is_text: (bool, bool),
    header_form: HeaderForm,
) -> (Option<FlatSettings>, Chain) {
    let definitions = Definitions {
        transforms: reader.list("transforms"),
        predicates: reader.list("predicates"),
        transform_options: reader.prefixed("transforms."),
        predicate_options: reader.prefixed("predicates."),
        has_schemas: (
            reader.flag("key.converter.schemas.enable"),
            reader.flag("value.converter.schemas.enable"),
        ),
        is_text,
        header_form,
    };
    match definitions.compile() {
        Ok(compiled) => compiled,
        Err(issues) => {
            for (key, why) in issues {
                reader.invalid(&key, &why);
            }
            (None, Chain::default())
        }
    }
}
