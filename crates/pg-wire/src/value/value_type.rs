//! What the binary format of a type looks like, and its text.

use super::{binary, clock, float, geometry, nested, network, numeric, search, vector};

/// The shape of a type's binary format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// `bool`
    Bool,
    /// `int2`
    Int2,
    /// `int4`
    Int4,
    /// `int8`
    Int8,
    /// `oid`, `xid`, `cid`: 32 bits without a sign.
    Oid,
    /// `xid8`: 64 bits without a sign.
    Xid8,
    /// `float4`
    Float4,
    /// `float8`
    Float8,
    /// `numeric`
    Numeric,
    /// `money`
    Money {
        /// Digits behind the point in the server's `lc_monetary`.
        digits: u8,
    },
    /// `"char"`
    Char,
    /// What is sent as it is printed: strings, `json`, `xml`, enums.
    Text,
    /// The same behind a version of one byte: `jsonb`, `jsonpath`, `ltree`.
    Versioned,
    /// `bytea`
    Bytea,
    /// PostGIS: printed in hexadecimal digits.
    Geometry,
    /// `bit`, `varbit`
    Bits,
    /// `date`
    Date,
    /// `time`
    Time,
    /// `timetz`
    TimeTz,
    /// `timestamp`
    Timestamp,
    /// `timestamptz`
    TimestampTz,
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `inet`, `cidr`
    Inet,
    /// `macaddr`, `macaddr8`
    MacAddr,
    /// `point`
    Point,
    /// `line`
    Line,
    /// `lseg`
    LineSegment,
    /// `box`
    Box,
    /// `path`
    Path,
    /// `polygon`
    Polygon,
    /// `circle`
    Circle,
    /// `pg_lsn`
    Lsn,
    /// `tid`
    Tid,
    /// `pg_snapshot`, `txid_snapshot`
    Snapshot,
    /// `tsvector`
    TsVector,
    /// `tsquery`
    TsQuery,
    /// `hstore`
    Hstore,
    /// `cube`
    Cube,
    /// pgvector's `vector`
    Vector,
    /// pgvector's `halfvec`
    HalfVector,
    /// pgvector's `sparsevec`
    SparseVector,
    /// `int2vector`, `oidvector`: an array that is printed without braces.
    Spaced(Box<ValueType>),
    /// An array of any dimensions.
    Array {
        /// What it holds.
        element: Box<ValueType>,
        /// What stands between two elements: a comma, but of boxes a semicolon.
        delimiter: u8,
    },
    /// A range.
    Range(Box<ValueType>),
    /// A multirange, by the type of its bounds.
    Multirange(Box<ValueType>),
    /// A row.
    Composite(Vec<CompositeField>),
    /// A binary format that is not known here.
    Opaque,
    /// A type without a binary format: the server always sends text.
    TextOnly,
}

/// A field of a composite type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositeField {
    /// Its name.
    pub name: String,
    /// The object id of its type, which stands before each value.
    pub oid: u32,
    /// What it holds.
    pub value: ValueType,
}

impl ValueType {
    /// A type that every server has, by its object id.
    pub fn built_in(oid: u32) -> Option<Self> {
        Some(match oid {
            16 => ValueType::Bool,
            17 => ValueType::Bytea,
            18 => ValueType::Char,
            19 | 25 | 114 | 142 | 1042 | 1043 | 1790 => ValueType::Text,
            20 => ValueType::Int8,
            21 => ValueType::Int2,
            22 => ValueType::Spaced(Box::new(ValueType::Int2)),
            23 => ValueType::Int4,
            26 | 28 | 29 => ValueType::Oid,
            27 => ValueType::Tid,
            30 => ValueType::Spaced(Box::new(ValueType::Oid)),
            600 => ValueType::Point,
            601 => ValueType::LineSegment,
            602 => ValueType::Path,
            603 => ValueType::Box,
            604 => ValueType::Polygon,
            628 => ValueType::Line,
            650 | 869 => ValueType::Inet,
            700 => ValueType::Float4,
            701 => ValueType::Float8,
            718 => ValueType::Circle,
            774 | 829 => ValueType::MacAddr,
            790 => ValueType::Money { digits: 2 },
            1082 => ValueType::Date,
            1083 => ValueType::Time,
            1114 => ValueType::Timestamp,
            1184 => ValueType::TimestampTz,
            1186 => ValueType::Interval,
            1266 => ValueType::TimeTz,
            1560 | 1562 => ValueType::Bits,
            1700 => ValueType::Numeric,
            2950 => ValueType::Uuid,
            2970 | 5038 => ValueType::Snapshot,
            3220 => ValueType::Lsn,
            3614 => ValueType::TsVector,
            3615 => ValueType::TsQuery,
            3802 | 4072 => ValueType::Versioned,
            5069 => ValueType::Xid8,
            _ => return None,
        })
    }

    /// A type of an extension, by the names of both.
    pub fn of_extension(extension: &str, name: &str) -> Option<Self> {
        Some(match (extension, name) {
            ("citext", "citext") => ValueType::Text,
            ("hstore", "hstore") => ValueType::Hstore,
            ("ltree", "ltree" | "lquery" | "ltxtquery") => ValueType::Versioned,
            ("cube", "cube") => ValueType::Cube,
            ("vector", "vector") => ValueType::Vector,
            ("vector", "halfvec") => ValueType::HalfVector,
            ("vector", "sparsevec") => ValueType::SparseVector,
            ("postgis", "geometry" | "geography") => ValueType::Geometry,
            _ => return None,
        })
    }

    /// Whether everything in it can be read from the binary format.
    pub fn is_readable(&self) -> bool {
        !self.contains(&ValueType::Opaque) && !self.contains(&ValueType::TextOnly)
    }

    /// Whether the server fails when it is asked for a value in the binary format: a part of it
    /// has none.
    pub fn fails_in_binary(&self) -> bool {
        *self != ValueType::TextOnly && self.contains(&ValueType::TextOnly)
    }

    fn contains(&self, part: &ValueType) -> bool {
        self == part
            || match self {
                ValueType::Spaced(inner)
                | ValueType::Array { element: inner, .. }
                | ValueType::Range(inner)
                | ValueType::Multirange(inner) => inner.contains(part),
                ValueType::Composite(fields) => fields.iter().any(|f| f.value.contains(part)),
                _ => false,
            }
    }

    /// Appends a value in the binary format as the server prints it under `DateStyle` ISO,
    /// `IntervalStyle` postgres, `TimeZone` UTC, `extra_float_digits` 1 to 3, `bytea_output` hex and
    /// `lc_monetary` C. What was appended before a `None` means nothing.
    pub fn append_text(&self, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
        match self {
            ValueType::Bool => out.push(if binary::boolean(bytes)? { b't' } else { b'f' }),
            ValueType::Int2 => append_integer(binary::int2(bytes)?, out),
            ValueType::Int4 => append_integer(binary::int4(bytes)?, out),
            ValueType::Int8 => append_integer(binary::int8(bytes)?, out),
            ValueType::Oid => append_integer(binary::oid(bytes)?, out),
            ValueType::Xid8 => append_integer(u64::from_be_bytes(bytes.try_into().ok()?), out),
            ValueType::Float4 => float::append_float4(binary::float4(bytes)?, out),
            ValueType::Float8 => float::append_float8(binary::float8(bytes)?, out),
            ValueType::Numeric => numeric::parse(bytes)?.append_text(out),
            ValueType::Money { digits } => append_money(binary::int8(bytes)?, *digits, out),
            ValueType::Char => append_char(bytes, out)?,
            ValueType::Text => out.extend_from_slice(bytes),
            ValueType::Versioned => out.extend_from_slice(binary::jsonb(bytes)?),
            ValueType::Bytea => {
                out.extend_from_slice(b"\\x");
                append_hex(bytes, b"0123456789abcdef", out);
            }
            ValueType::Geometry => append_hex(bytes, b"0123456789ABCDEF", out),
            ValueType::Bits => append_bits(bytes, out)?,
            ValueType::Date => clock::append_date(binary::int4(bytes)?, out),
            ValueType::Time => clock::append_time(binary::time(bytes)?, out),
            ValueType::TimeTz => clock::append_timetz(binary::timetz(bytes)?, out),
            ValueType::Timestamp => clock::append_timestamp(binary::int8(bytes)?, b"", out),
            ValueType::TimestampTz => clock::append_timestamp(binary::int8(bytes)?, b"+00", out),
            ValueType::Interval => clock::append_interval(binary::interval(bytes)?, out),
            ValueType::Uuid => out.extend_from_slice(&binary::uuid(bytes)?),
            ValueType::Inet => network::append_inet(bytes, out)?,
            ValueType::MacAddr => network::append_mac(bytes, out)?,
            ValueType::Point
            | ValueType::Line
            | ValueType::LineSegment
            | ValueType::Box
            | ValueType::Path
            | ValueType::Polygon
            | ValueType::Circle
            | ValueType::Cube => geometry::append(self, bytes, out)?,
            ValueType::Lsn => append_lsn(bytes, out)?,
            ValueType::Tid => append_tid(bytes, out)?,
            ValueType::Snapshot => append_snapshot(bytes, out)?,
            ValueType::TsVector => search::append_vector(bytes, out)?,
            ValueType::TsQuery => search::append_query(bytes, out)?,
            ValueType::Hstore => nested::append_hstore(bytes, out)?,
            ValueType::Vector => vector::append_dense(bytes, out)?,
            ValueType::HalfVector => vector::append_half(bytes, out)?,
            ValueType::SparseVector => vector::append_sparse(bytes, out)?,
            ValueType::Spaced(element) => nested::append_spaced(element, bytes, out)?,
            ValueType::Array { element, delimiter } => {
                nested::append_array(element, *delimiter, bytes, out)?;
            }
            ValueType::Range(bound) => nested::append_range(bound, bytes, out)?,
            ValueType::Multirange(bound) => nested::append_multirange(bound, bytes, out)?,
            ValueType::Composite(fields) => nested::append_composite(fields, bytes, out)?,
            ValueType::Opaque | ValueType::TextOnly => return None,
        }
        Some(())
    }
}

pub(super) fn append_integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn append_hex(bytes: &[u8], digits: &[u8; 16], out: &mut Vec<u8>) {
    let pair = |b: &u8| [digits[usize::from(b >> 4)], digits[usize::from(b & 15)]];
    out.extend(bytes.iter().flat_map(pair));
}

fn append_money(amount: i64, digits: u8, out: &mut Vec<u8>) {
    if amount < 0 {
        out.push(b'-');
    }
    out.push(b'$');
    let unit = 10_u64.pow(u32::from(digits.min(18)));
    let (whole, fraction) = (amount.unsigned_abs() / unit, amount.unsigned_abs() % unit);
    let mut buffer = itoa::Buffer::new();
    let whole = buffer.format(whole).as_bytes();
    for (at, digit) in whole.iter().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(b',');
        }
        out.push(*digit);
    }
    if digits > 0 {
        // A one in front keeps the zeros.
        let start = out.len();
        append_integer(unit + fraction, out);
        out[start] = b'.';
    }
}

/// A byte of its own, or none for zero; beyond ASCII it is printed in octal.
fn append_char(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    match bytes {
        [0] => {}
        [ascii @ ..128] => out.push(*ascii),
        [byte] => {
            out.push(b'\\');
            out.extend([6, 3, 0].map(|shift| b'0' + (byte >> shift & 7)));
        }
        _ => return None,
    }
    Some(())
}

fn append_bits(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (length, bytes) = binary::bits(bytes)?;
    out.extend((0..length).map(|at| b'0' + (bytes[at / 8] >> (7 - at % 8) & 1)));
    Some(())
}

fn append_lsn(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let lsn = u64::from_be_bytes(bytes.try_into().ok()?);
    append_upper_hex((lsn >> 32) as u32, out);
    out.push(b'/');
    append_upper_hex(lsn as u32, out);
    Some(())
}

fn append_upper_hex(value: u32, out: &mut Vec<u8>) {
    let start = out.len();
    append_hex(&value.to_be_bytes(), b"0123456789ABCDEF", out);
    let zeros = out[start..].iter().take(7).take_while(|digit| **digit == b'0').count();
    out.drain(start..start + zeros);
}

fn append_tid(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (block, offset) = bytes.split_first_chunk::<4>()?;
    out.push(b'(');
    append_integer(u32::from_be_bytes(*block), out);
    out.push(b',');
    append_integer(u16::from_be_bytes(offset.try_into().ok()?), out);
    out.push(b')');
    Some(())
}

fn append_snapshot(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (count, ids) = bytes.split_first_chunk::<4>()?;
    let (ids, rest) = ids.as_chunks::<8>();
    if !rest.is_empty() || ids.len() != (u32::from_be_bytes(*count) as usize).checked_add(2)? {
        return None;
    }
    for (at, id) in ids.iter().enumerate() {
        append_integer(u64::from_be_bytes(*id), out);
        match at {
            0 | 1 => out.push(b':'),
            _ if at + 1 < ids.len() => out.push(b','),
            _ => {}
        }
    }
    Some(())
}
