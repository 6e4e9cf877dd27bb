//! Bytes, hashes and numbers as text: `TO_BASE64`, `HEX`, `BIN`, `MD5`, `SHA...`, `ENCODE`, `CHR`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use sha2::{Sha224, Sha256, Sha384, Sha512};
use tailwater_types::{Datum, TypeKind};

use super::super::call::{Call, int, text};
use super::super::sha1::sha1;
use crate::env::EvalError;
use crate::expr::Expr;
use crate::resolve::{ResolveError, Resolved};

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match (call.name, call.args.len()) {
        ("ASCII", 1) => call.expect(&["s"]).and_then(|()| {
            call.strict(TypeKind::Int, |_, args| {
                let first = text(args, 0).as_bytes().first();
                Ok(Datum::Int(first.map_or(0, |b| i64::from(*b as i8))))
            })
        }),
        ("CHR", 1) => call.expect(&["i"]).and_then(|()| {
            call.strict_nullable(TypeKind::STRING, |env, args| {
                let code = int(args, 0);
                let text = match code {
                    ..0 => String::new(),
                    _ => char::from((code & 0xff) as u8).to_string(),
                };
                Ok(Datum::Str(env.text(&text)))
            })
        }),
        ("BIN", 1) => call.expect(&["i"]).and_then(|()| {
            call.strict(TypeKind::STRING, |env, args| {
                Ok(Datum::Str(env.format(format_args!("{:b}", int(args, 0)))))
            })
        }),
        ("HEX", 1) => call.expect(&["i", "s"]).and_then(|()| {
            call.strict(TypeKind::STRING, |env, args| {
                Ok(Datum::Str(match args[0] {
                    Datum::Int(v) => env.format(format_args!("{v:X}")),
                    _ => env.text(&hex(text(args, 0).as_bytes()).to_uppercase()),
                }))
            })
        }),
        ("TO_BASE64", 1) => call.expect(&["s", "y"]).and_then(|()| {
            call.strict(TypeKind::STRING, |env, args| {
                Ok(Datum::Str(env.text(&STANDARD.encode(bytes_of(args[0])))))
            })
        }),
        ("FROM_BASE64", 1) => call.expect(&["s", "y"]).and_then(|()| {
            call.strict(TypeKind::STRING, |env, args| {
                let decoded = from_base64(bytes_of(args[0]))?;
                Ok(Datum::Str(env.text(&String::from_utf8_lossy(&decoded))))
            })
        }),
        ("MD5", 1) => hash(call, TypeKind::Char(32), |b| hex(&Md5::digest(b))),
        ("SHA1", 1) => hash(call, TypeKind::Char(40), |b| hex(&sha1(b))),
        ("SHA224", 1) => hash(call, TypeKind::Char(56), |b| hex(&Sha224::digest(b))),
        ("SHA256", 1) => hash(call, TypeKind::Char(64), |b| hex(&Sha256::digest(b))),
        ("SHA384", 1) => hash(call, TypeKind::Char(96), |b| hex(&Sha384::digest(b))),
        ("SHA512", 1) => hash(call, TypeKind::Char(128), |b| hex(&Sha512::digest(b))),
        ("SHA2", 2) => sha2(call),
        ("HASH_CODE", 1) => call.expect(&["s"]).and_then(|()| {
            call.strict(TypeKind::Int, |_, args| {
                let code = text(args, 0)
                    .encode_utf16()
                    .fold(0_i32, |h, u| h.wrapping_mul(31).wrapping_add(i32::from(u)));
                Ok(Datum::Int(i64::from(code.wrapping_abs())))
            })
        }),
        ("ENCODE", 2) => encode(call),
        ("DECODE", 2) => decode(call),
        _ => return None,
    })
}

fn bytes_of(datum: Datum<'_>) -> &[u8] {
    match datum {
        Datum::Str(text) => text.as_bytes(),
        Datum::Bytes(bytes) => bytes,
        _ => &[],
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to memory does not fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Java also takes texts without the padding at their end.
fn from_base64(bytes: &[u8]) -> Result<Vec<u8>, EvalError> {
    let config = base64::engine::GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    engine.decode(bytes).map_err(|_| EvalError::new("Illegal base64 character (FROM_BASE64)"))
}

fn hash(
    call: &mut Call<'_>,
    kind: TypeKind,
    digest: fn(&[u8]) -> String,
) -> Result<Expr, ResolveError> {
    call.expect(&["s", "y"])?;
    call.strict(kind, move |env, args| Ok(Datum::Str(env.text(&digest(bytes_of(args[0]))))))
}

fn sha2(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["si"])?;
    call.strict(TypeKind::Varchar(128), |env, args| {
        let value = text(args, 0).as_bytes();
        let digest = match int(args, 1) {
            224 => hex(&Sha224::digest(value)),
            256 => hex(&Sha256::digest(value)),
            384 => hex(&Sha384::digest(value)),
            512 => hex(&Sha512::digest(value)),
            _ => return Err(EvalError::new("Unsupported algorithm.")),
        };
        Ok(Datum::Str(env.text(&digest)))
    })
}

/// A character set by Java's name.
#[derive(Clone, Copy)]
enum Charset {
    Ascii,
    Latin1,
    Utf8,
    Utf16 { big: bool, mark: bool },
}

fn charset(name: &str) -> Option<Charset> {
    let utf16 = |big, mark| Some(Charset::Utf16 { big, mark });
    match name.to_ascii_uppercase().as_str() {
        "US-ASCII" | "ASCII" => Some(Charset::Ascii),
        "ISO-8859-1" | "LATIN1" => Some(Charset::Latin1),
        "UTF-8" | "UTF8" => Some(Charset::Utf8),
        "UTF-16BE" => utf16(true, false),
        "UTF-16LE" => utf16(false, false),
        "UTF-16" => utf16(true, true),
        _ => None,
    }
}

fn no_charset() -> EvalError {
    EvalError::new("Unsupported charset")
}

fn encode(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["ss"])?;
    call.strict_nullable(TypeKind::Binary(1), |env, args| {
        let value = text(args, 0);
        let single = |limit: u32| -> Vec<u8> {
            let known = |c: char| if (c as u32) < limit { c as u8 } else { b'?' };
            value.chars().map(known).collect()
        };
        let bytes = match charset(text(args, 1)).ok_or_else(no_charset)? {
            Charset::Utf8 => value.as_bytes().to_vec(),
            Charset::Ascii => single(0x80),
            Charset::Latin1 => single(0x100),
            Charset::Utf16 { big, mark } => {
                let start = mark.then_some(0xfeff_u16);
                let units = start.into_iter().chain(value.encode_utf16());
                let split = |u: u16| {
                    if big { u.to_be_bytes() } else { u.to_le_bytes() }
                };
                units.flat_map(split).collect()
            }
        };
        Ok(Datum::Bytes(env.bytes(&bytes)))
    })
}

fn decode(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["ys"])?;
    call.strict_nullable(TypeKind::STRING, |env, args| {
        let bytes = bytes_of(args[0]);
        let decoded = match charset(text(args, 1)).ok_or_else(no_charset)? {
            Charset::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Charset::Ascii => bytes
                .iter()
                .map(|b| if b.is_ascii() { char::from(*b) } else { '\u{fffd}' })
                .collect(),
            Charset::Latin1 => bytes.iter().map(|b| char::from(*b)).collect(),
            Charset::Utf16 { big, mark } => {
                let (big, body) = match bytes {
                    [0xfe, 0xff, rest @ ..] if mark => (true, rest),
                    [0xff, 0xfe, rest @ ..] if mark => (false, rest),
                    _ => (big, bytes),
                };
                let read = |pair: &[u8; 2]| {
                    if big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) }
                };
                let units: Vec<u16> = body.as_chunks::<2>().0.iter().map(read).collect();
                String::from_utf16_lossy(&units)
            }
        };
        Ok(Datum::Str(env.text(&decoded)))
    })
}
