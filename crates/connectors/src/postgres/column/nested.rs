//! Fields made of fields: arrays, rows, maps, and bits as bytes.

use tailwater_pg_wire::pgoutput::Cell;
use tailwater_pg_wire::value::array::{self, MAX_DIMENSIONS};
use tailwater_pg_wire::value::{CompositeField, binary, composite, hstore, text};
use tailwater_types::row::append_map;
use tailwater_types::{Datum, Field, Layout, RowWriter};

use super::{ColumnDecoder, Unfit};

/// An array whose values have `rank` dimensions.
#[derive(Clone, Debug)]
pub(super) struct ArrayForm {
    pub(super) element: Box<ColumnDecoder>,
    pub(super) rank: usize,
    pub(super) delimiter: u8,
}

/// A row: for each declared field its place in the composite type, and the type there.
#[derive(Clone, Debug)]
pub(super) struct RowForm {
    fields: Vec<(usize, u32, ColumnDecoder)>,
    /// How many fields the composite type has.
    count: usize,
}

impl ArrayForm {
    pub(super) fn write(
        &self,
        bytes: &[u8],
        is_binary: bool,
        out: &mut RowWriter<'_>,
    ) -> Result<(), Unfit> {
        let mut lengths = [0; MAX_DIMENSIONS];
        if is_binary {
            let elements = array::binary(bytes).ok_or(Unfit::Value)?;
            let rank = elements.dimensions().len();
            for (length, dimension) in lengths.iter_mut().zip(elements.dimensions()) {
                *length = dimension.length;
            }
            let mut cells = elements.map(|element| Some(element?.map_or(Cell::Null, Cell::Binary)));
            self.write_cells(&lengths[..rank], &mut cells, out)
        } else {
            let array = array::text(bytes, self.delimiter).ok_or(Unfit::Value)?;
            let mut cells =
                array.elements.iter().map(|e| Some(e.as_deref().map_or(Cell::Null, Cell::Text)));
            self.write_cells(&array.lengths, &mut cells, out)
        }
    }

    fn write_cells<'a>(
        &self,
        lengths: &[usize],
        cells: &mut impl Iterator<Item = Option<Cell<'a>>>,
        out: &mut RowWriter<'_>,
    ) -> Result<(), Unfit> {
        // An empty array has no dimensions whatever its type is.
        let lengths = if lengths.contains(&0) { &[] } else { lengths };
        match lengths {
            [] => {
                out.push_tail(|tail| {
                    RowWriter::new(tail, 0);
                });
                Ok(())
            }
            _ if lengths.len() != self.rank => Err(Unfit::Dimensions(lengths.len())),
            _ => self.write_dimension(lengths, cells, out),
        }
    }

    fn write_dimension<'a>(
        &self,
        lengths: &[usize],
        cells: &mut impl Iterator<Item = Option<Cell<'a>>>,
        out: &mut RowWriter<'_>,
    ) -> Result<(), Unfit> {
        let Some((length, inner)) = lengths.split_first() else {
            let cell = cells.next().flatten().ok_or(Unfit::Value)?;
            return self.element.write(cell, out);
        };
        let mut result = Ok(());
        out.push_tail(|tail| {
            let mut row = RowWriter::new(tail, *length);
            result = (0..*length).try_for_each(|_| self.write_dimension(inner, cells, &mut row));
        });
        result
    }
}

impl RowForm {
    /// Finds each declared field in the composite type by its name.
    pub(super) fn new(parts: &[CompositeField], declared: &[Field]) -> Option<Self> {
        let find = |field: &Field| {
            let place = parts.iter().position(|part| part.name == *field.name)?;
            let part = &parts[place];
            Some((place, part.oid, ColumnDecoder::new(&part.value, &field.data_type)?))
        };
        let fields = declared.iter().map(find).collect::<Option<_>>()?;
        Some(Self { fields, count: parts.len() })
    }

    pub(super) fn decoders(&self) -> impl Iterator<Item = &ColumnDecoder> {
        self.fields.iter().map(|(_, _, decoder)| decoder)
    }

    pub(super) fn write(
        &self,
        bytes: &[u8],
        is_binary: bool,
        out: &mut RowWriter<'_>,
    ) -> Result<(), Unfit> {
        let mut result = Ok(());
        if is_binary {
            let values = composite::binary(bytes).ok_or(Unfit::Value)?;
            if values.remaining() != self.count {
                return Err(Unfit::Value);
            }
            out.push_tail(|tail| {
                let mut row = RowWriter::new(tail, self.fields.len());
                result = self.fields.iter().try_for_each(|(place, oid, decoder)| {
                    // A walk from the first value on for each: composite types are small.
                    let (found, value) =
                        values.clone().nth(*place).flatten().ok_or(Unfit::Value)?;
                    if found != *oid {
                        return Err(Unfit::Value);
                    }
                    decoder.write(value.map_or(Cell::Null, Cell::Binary), &mut row)
                });
            });
        } else {
            let values = composite::text(bytes).ok_or(Unfit::Value)?;
            if values.len() != self.count {
                return Err(Unfit::Value);
            }
            out.push_tail(|tail| {
                let mut row = RowWriter::new(tail, self.fields.len());
                result = self.fields.iter().try_for_each(|(place, _, decoder)| {
                    let value = values[*place].as_deref();
                    decoder.write(value.map_or(Cell::Null, Cell::Text), &mut row)
                });
            });
        }
        result
    }
}

/// `point` as a row of two.
pub(super) fn write_point(
    bytes: &[u8],
    is_binary: bool,
    out: &mut RowWriter<'_>,
) -> Result<(), Unfit> {
    let point = if is_binary {
        bytes.split_at_checked(8).map(|(x, y)| [binary::float8(x), binary::float8(y)])
    } else {
        let inner = bytes.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")"));
        let comma = inner.and_then(|inner| inner.iter().position(|b| *b == b','));
        inner.zip(comma).map(|(i, at)| [text::number(&i[..at]), text::number(&i[at + 1..])])
    };
    let Some([Some(x), Some(y)]) = point else {
        return Err(Unfit::Value);
    };
    out.push_tail(|tail| {
        let mut row = RowWriter::new(tail, 2);
        row.push(Datum::Double(x), Layout::Double);
        row.push(Datum::Double(y), Layout::Double);
    });
    Ok(())
}

/// `hstore` as a map of strings.
pub(super) fn write_map(
    bytes: &[u8],
    is_binary: bool,
    out: &mut RowWriter<'_>,
) -> Result<(), Unfit> {
    if is_binary {
        let pairs = hstore::binary(bytes).ok_or(Unfit::Value)?;
        let count = pairs.remaining();
        let keys = pairs.clone().map(|pair| pair.map(|(key, _)| Some(key)));
        let values = pairs.map(|pair| pair.map(|(_, value)| value));
        write_halves(count, keys, values, out)
    } else {
        let pairs = hstore::text(bytes).ok_or(Unfit::Value)?;
        let keys = pairs.iter().map(|(key, _)| Some(Some(key.as_slice())));
        let values = pairs.iter().map(|(_, value)| Some(value.as_deref()));
        write_halves(pairs.len(), keys, values, out)
    }
}

fn write_halves<'a>(
    count: usize,
    keys: impl Iterator<Item = Option<Option<&'a [u8]>>>,
    values: impl Iterator<Item = Option<Option<&'a [u8]>>>,
    out: &mut RowWriter<'_>,
) -> Result<(), Unfit> {
    let (mut keys_written, mut values_written) = (Ok(()), Ok(()));
    out.push_tail(|tail| {
        append_map(
            tail,
            |tail| keys_written = write_strings(count, keys, tail),
            |tail| values_written = write_strings(count, values, tail),
        );
    });
    keys_written.and(values_written)
}

fn write_strings<'a>(
    count: usize,
    mut strings: impl Iterator<Item = Option<Option<&'a [u8]>>>,
    tail: &mut Vec<u8>,
) -> Result<(), Unfit> {
    let mut row = RowWriter::new(tail, count);
    strings.try_for_each(|string| {
        match string.ok_or(Unfit::Value)?.map(std::str::from_utf8) {
            None => row.push(Datum::Null, Layout::Str),
            Some(Ok(text)) => row.push(Datum::Str(text), Layout::Str),
            Some(Err(_)) => return Err(Unfit::Value),
        }
        Ok(())
    })
}

/// The bits as a number, its lowest byte first, without the zero bytes at its end.
pub(super) fn write_bits(
    bytes: &[u8],
    is_binary: bool,
    out: &mut RowWriter<'_>,
) -> Result<(), Unfit> {
    if is_binary {
        let (count, bytes) = binary::bits(bytes).ok_or(Unfit::Value)?;
        let bit = |at: usize| bytes[at / 8] >> (7 - at % 8) & 1 == 1;
        out.push_tail(|tail| append_bits((0..count).rev().map(bit), tail));
    } else {
        let bits = text::bits(bytes).ok_or(Unfit::Value)?;
        out.push_tail(|tail| append_bits(bits.rev(), tail));
    }
    Ok(())
}

/// The lowest bit first.
fn append_bits(bits: impl Iterator<Item = bool>, out: &mut Vec<u8>) {
    let start = out.len();
    for (at, bit) in bits.enumerate() {
        if at % 8 == 0 {
            out.push(0);
        }
        if let Some(byte) = out.last_mut() {
            *byte |= u8::from(bit) << (at % 8);
        }
    }
    while out.len() > start && out.last() == Some(&0) {
        out.pop();
    }
}
