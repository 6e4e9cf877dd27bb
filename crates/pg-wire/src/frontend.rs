//! Messages to the server, appended to a buffer.

use bytes::{BufMut, BytesMut};

/// Version 3.0 of the protocol.
const PROTOCOL: u32 = 3 << 16;
/// What stands in place of the version to ask for TLS.
const SSL_REQUEST: u32 = 80_877_103;

/// Appends the question whether the server speaks TLS; it answers with one byte, `S` or `N`.
pub fn ssl_request(out: &mut BytesMut) {
    sized(out, |out| out.put_u32(SSL_REQUEST));
}

/// Appends the first message of a connection: `parameters` are `user`, `database`, `replication`
/// and any setting of the session.
pub fn startup<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>, out: &mut BytesMut) {
    sized(out, |out| {
        out.put_u32(PROTOCOL);
        for (key, value) in parameters {
            c_str(key, out);
            c_str(value, out);
        }
        out.put_u8(0);
    });
}

/// Appends a password: clear, or already hashed by the method the server asked for.
pub fn password(password: &[u8], out: &mut BytesMut) {
    message(b'p', out, |out| {
        out.put_slice(password);
        out.put_u8(0);
    });
}

/// Appends the client's first SASL message.
pub fn sasl_initial_response(mechanism: &str, data: &[u8], out: &mut BytesMut) {
    message(b'p', out, |out| {
        c_str(mechanism, out);
        out.put_u32(data.len() as u32);
        out.put_slice(data);
    });
}

/// Appends a later SASL message.
pub fn sasl_response(data: &[u8], out: &mut BytesMut) {
    message(b'p', out, |out| out.put_slice(data));
}

/// Appends a simple query.
pub fn query(sql: &str, out: &mut BytesMut) {
    message(b'Q', out, |out| c_str(sql, out));
}

/// Appends a `CopyData` whose content `write` appends.
pub fn copy_data(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    message(b'd', out, write);
}

/// Appends the end of our side of a copy.
pub fn copy_done(out: &mut BytesMut) {
    message(b'c', out, |_| {});
}

/// Appends the end of the connection.
pub fn terminate(out: &mut BytesMut) {
    message(b'X', out, |_| {});
}

fn message(tag: u8, out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    out.put_u8(tag);
    sized(out, write);
}

fn sized(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    write(out);
    let length = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// A zero byte would end the string early and let a value forge fields: the string is cut there.
fn c_str(text: &str, out: &mut BytesMut) {
    let text = text.split('\0').next().unwrap_or_default();
    out.put_slice(text.as_bytes());
    out.put_u8(0);
}
