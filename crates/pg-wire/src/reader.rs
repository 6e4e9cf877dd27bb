//! A cursor over borrowed bytes that never reads past their end.

use crate::error::WireError;
use crate::lsn::Lsn;

#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn truncated(&self) -> WireError {
        WireError::Truncated { what: self.what }
    }

    pub(crate) fn invalid(&self) -> WireError {
        WireError::Invalid { what: self.what }
    }

    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], WireError> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(head)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, WireError> {
        Ok(self.chunk::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, WireError> {
        Ok(u16::from_be_bytes(self.chunk()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_be_bytes(self.chunk()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32, WireError> {
        Ok(i32::from_be_bytes(self.chunk()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_be_bytes(self.chunk()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, WireError> {
        Ok(i64::from_be_bytes(self.chunk()?))
    }

    pub(crate) fn lsn(&mut self) -> Result<Lsn, WireError> {
        Ok(Lsn(self.u64()?))
    }

    /// Bytes with a length of four bytes before them.
    pub(crate) fn sized(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    /// The same, or nothing for a length below zero: NULL.
    pub(crate) fn nullable(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        match self.i32()? {
            ..0 => Ok(None),
            length => self.take(length as usize).map(Some),
        }
    }

    /// UTF-8 up to a zero byte.
    pub(crate) fn c_str(&mut self) -> Result<&'a str, WireError> {
        let end = self.rest.iter().position(|b| *b == 0).ok_or_else(|| self.truncated())?;
        let text = std::str::from_utf8(&self.rest[..end]).map_err(|_| self.invalid())?;
        self.rest = &self.rest[end + 1..];
        Ok(text)
    }
}
