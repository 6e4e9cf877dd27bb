//! Values that consist of others: arrays, hstore, points and vectors.

use tailwater_pg_wire::value::{ValueType, array, binary, hstore, text};

use super::bytes::append_base64;
use super::json::{append_escaped, append_string};
use super::number::{append_double, append_i64};
use super::{Raw, Unreadable, ValueWriter, Written};

/// How an array is written: its elements one behind the other, whatever its dimensions.
#[derive(Clone, Debug)]
pub(crate) struct ArrayForm {
    pub(crate) element: ValueWriter,
    pub(crate) delimiter: u8,
}

impl ArrayForm {
    pub(super) fn append(&self, raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
        out.push(b'[');
        let mut is_first = true;
        let mut push = |element: Option<Raw<'_>>, out: &mut Vec<u8>| {
            if !std::mem::take(&mut is_first) {
                out.push(b',');
            }
            match element {
                None => {
                    out.extend_from_slice(b"null");
                    Ok(())
                }
                Some(raw) => self.element.write(raw, out),
            }
        };
        if raw.is_binary {
            for element in array::binary(raw.bytes).ok_or(Unreadable)? {
                let element = element.ok_or(Unreadable)?;
                push(element.map(|bytes| Raw { bytes, is_binary: true }), out)?;
            }
        } else {
            let read = array::text(raw.bytes, self.delimiter).ok_or(Unreadable)?;
            for element in &read.elements {
                let element = element.as_deref().map(|bytes| Raw { bytes, is_binary: false });
                push(element, out)?;
            }
        }
        out.push(b']');
        Ok(())
    }

    pub(super) fn reads_binary(&self) -> bool {
        self.element.reads_binary()
    }
}

/// `hstore` as a JSON object.
pub(super) fn append_hstore(raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    let read;
    let pairs: Vec<(&[u8], Option<&[u8]>)> = if raw.is_binary {
        let pairs = hstore::binary(raw.bytes).ok_or(Unreadable)?;
        pairs.collect::<Option<_>>().ok_or(Unreadable)?
    } else {
        read = hstore::text(raw.bytes).ok_or(Unreadable)?;
        read.iter().map(|(key, value)| (key.as_slice(), value.as_deref())).collect()
    };
    out.push(b'{');
    for (at, (key, value)) in pairs.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        append_string(key, out);
        out.push(b':');
        match value {
            Some(value) => append_string(value, out),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
    Ok(())
}

/// The same object as a string.
pub(super) fn append_hstore_json(raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    let mut object = Vec::new();
    append_hstore(raw, &mut object)?;
    append_string(&object, out);
    Ok(())
}

/// `point` as its coordinates and as well-known bytes.
pub(super) fn append_point(raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    let point = if raw.is_binary {
        raw.bytes.split_at_checked(8).map(|(x, y)| (binary::float8(x), binary::float8(y)))
    } else {
        let inner = raw.bytes.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")"));
        let comma = inner.and_then(|inner| inner.iter().position(|b| *b == b','));
        inner.zip(comma).map(|(i, at)| (text::number(&i[..at]), text::number(&i[at + 1..])))
    };
    let Some((Some(x), Some(y))) = point else {
        return Err(Unreadable);
    };
    let mut wkb = vec![1, 1, 0, 0, 0];
    wkb.extend_from_slice(&x.to_le_bytes());
    wkb.extend_from_slice(&y.to_le_bytes());
    out.extend_from_slice(b"{\"x\":");
    append_double(x, out);
    out.extend_from_slice(b",\"y\":");
    append_double(y, out);
    out.extend_from_slice(b",\"wkb\":\"");
    append_base64(&wkb, out);
    out.extend_from_slice(b"\",\"srid\":null}");
    Ok(())
}

/// PostGIS: extended well-known bytes, and the reference system that they name.
pub(super) fn append_geometry(raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    const HAS_SRID: u32 = 0x2000_0000;
    let mut decoded = Vec::new();
    let wkb = if raw.is_binary {
        raw.bytes
    } else {
        let hex = [b"\\x", raw.bytes].concat();
        text::bytea(&hex, &mut decoded).ok_or(Unreadable)?;
        &decoded
    };
    let (order, rest) = wkb.split_first().ok_or(Unreadable)?;
    let word = |bytes: &[u8]| {
        let bytes = *bytes.first_chunk::<4>()?;
        Some(if *order == 0 { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let kind = word(rest).ok_or(Unreadable)?;
    let srid = if kind & HAS_SRID == 0 { None } else { word(&rest[4..]) };
    out.extend_from_slice(b"{\"wkb\":\"");
    append_base64(wkb, out);
    out.extend_from_slice(b"\",\"srid\":");
    match srid {
        Some(srid) => append_i64(i64::from(srid), out),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
    Ok(())
}

fn printed(value: &ValueType, raw: Raw<'_>) -> Result<Vec<u8>, Unreadable> {
    if !raw.is_binary {
        return Ok(raw.bytes.to_vec());
    }
    let mut out = Vec::new();
    value.append_text(raw.bytes, &mut out).ok_or(Unreadable)?;
    Ok(out)
}

/// pgvector's dense vectors: their text is a JSON array already.
pub(super) fn append_vector(raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    let plain = printed(&ValueType::Vector, raw)?;
    let is_list = plain.first() == Some(&b'[') && plain.last() == Some(&b']');
    if !is_list {
        return Err(Unreadable);
    }
    append_escaped(&plain, out);
    Ok(())
}

/// pgvector's sparse vectors, `{1:1.5,3:2}/5`: a map whose keys are numbers is a list of pairs.
pub(super) fn append_sparse(raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    let plain = printed(&ValueType::SparseVector, raw)?;
    let plain = std::str::from_utf8(&plain).map_err(|_| Unreadable)?;
    let (map, dimensions) = plain.split_once('/').ok_or(Unreadable)?;
    let dimensions: i64 = dimensions.parse().map_err(|_| Unreadable)?;
    out.extend_from_slice(b"{\"dimensions\":");
    append_i64(dimensions, out);
    out.extend_from_slice(b",\"vector\":[");
    let entries = map.trim_start_matches('{').trim_end_matches('}').split(',');
    for (at, entry) in entries.filter(|entry| !entry.is_empty()).enumerate() {
        let (index, value) = entry.split_once(':').ok_or(Unreadable)?;
        let value: f64 = value.parse().map_err(|_| Unreadable)?;
        if at > 0 {
            out.push(b',');
        }
        out.push(b'[');
        append_i64(index.parse().map_err(|_| Unreadable)?, out);
        out.push(b',');
        append_double(value, out);
        out.push(b']');
    }
    out.extend_from_slice(b"]}");
    Ok(())
}
