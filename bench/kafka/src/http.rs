//! As much of HTTP as a Kafka Connect worker is asked by.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result};
use serde_json::Value;

/// The status, and what stands in the body.
pub(crate) fn ask(address: &str, method: &str, path: &str, body: &str) -> Result<(u16, Value)> {
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer of HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    // Some answers have no body, or one in chunks that nobody needs.
    let body = serde_json::from_str(body).unwrap_or(Value::Null);
    Ok((status.context("a status")?, body))
}
