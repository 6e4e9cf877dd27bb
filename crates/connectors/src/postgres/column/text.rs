//! Anything as STRING: what the server itself would print, but `true` and `false` in full and an
//! `hstore` as JSON, the way Flink's source has them.

use tailwater_pg_wire::value::{ValueType, hstore};
use tailwater_types::{Datum, Layout, RowWriter};

use super::Unfit;

/// How a value becomes text.
#[derive(Clone, Debug)]
pub(super) enum Text {
    /// It is sent as text in either format.
    Plain,
    Bool,
    /// `hstore` as a JSON object.
    Json,
    /// The binary format is printed here.
    Printed(ValueType),
    /// The server must send text.
    ServerSide,
}

impl Text {
    pub(super) fn of(value: &ValueType) -> Self {
        match value {
            ValueType::Text => Text::Plain,
            ValueType::Bool => Text::Bool,
            ValueType::Hstore => Text::Json,
            _ if value.is_readable() => Text::Printed(value.clone()),
            _ => Text::ServerSide,
        }
    }

    pub(super) fn write(
        &self,
        bytes: &[u8],
        is_binary: bool,
        out: &mut RowWriter<'_>,
    ) -> Result<(), Unfit> {
        let text = match self {
            Text::Printed(value) if is_binary => {
                return write_tail(out, |tail| value.append_text(bytes, tail));
            }
            Text::Json if is_binary => {
                return write_tail(out, |tail| append_json(hstore::binary(bytes)?, tail));
            }
            Text::Json => {
                let pairs = hstore::text(bytes).ok_or(Unfit::Value)?;
                let pairs = pairs.iter().map(|(k, v)| Some((k.as_slice(), v.as_deref())));
                return write_tail(out, |tail| append_json(pairs, tail));
            }
            Text::Bool => match bytes {
                [0] | b"f" => &b"false"[..],
                [1] | b"t" => b"true",
                _ => return Err(Unfit::Value),
            },
            Text::ServerSide if is_binary => return Err(Unfit::Value),
            Text::Plain | Text::Printed(_) | Text::ServerSide => bytes,
        };
        let text = std::str::from_utf8(text).map_err(|_| Unfit::Value)?;
        out.push(Datum::Str(text), Layout::Str);
        Ok(())
    }
}

/// Writes a field by letting `append` add its text, which must be UTF-8.
fn write_tail(
    out: &mut RowWriter<'_>,
    append: impl FnOnce(&mut Vec<u8>) -> Option<()>,
) -> Result<(), Unfit> {
    let mut is_text = false;
    out.push_tail(|tail| {
        let start = tail.len();
        is_text = append(tail).is_some() && std::str::from_utf8(&tail[start..]).is_ok();
    });
    if is_text { Ok(()) } else { Err(Unfit::Value) }
}

fn append_json<'a>(
    pairs: impl Iterator<Item = Option<(&'a [u8], Option<&'a [u8]>)>>,
    out: &mut Vec<u8>,
) -> Option<()> {
    out.push(b'{');
    for (at, pair) in pairs.enumerate() {
        let (key, value) = pair?;
        if at > 0 {
            out.push(b',');
        }
        append_json_string(key, out);
        out.push(b':');
        match value {
            Some(value) => append_json_string(value, out),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
    Some(())
}

fn append_json_string(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in text {
        let letter = match byte {
            b'"' | b'\\' => *byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                continue;
            }
            _ => {
                out.push(*byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
    out.push(b'"');
}
