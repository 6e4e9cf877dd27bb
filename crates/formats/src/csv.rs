//! `csv`: one record per line, as Jackson reads it for Flink.

mod encode;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use tailwater_expr::{Bump, ResolveContext, ResolveError};
use tailwater_types::{ChangeBatch, DataType, Datum, Layout, RowKind, RowWriter, Schema, TypeKind};

use crate::decoder::{DecodeError, Decoder, MessageDecoder};
use crate::text_value::TextReader;

pub use encode::CsvEncoder;

/// The options of `csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvConfig {
    /// `csv.field-delimiter`
    pub delimiter: u8,
    /// `csv.quote-character`, `None` with `csv.disable-quote-character`.
    pub quote: Option<u8>,
    /// `csv.escape-character`
    pub escape: Option<u8>,
    /// `csv.allow-comments`: lines that begin with `#` are skipped.
    pub has_comments: bool,
    /// `csv.ignore-parse-errors`
    pub ignores_errors: bool,
    /// `csv.null-literal`
    pub null_literal: Option<String>,
    /// `csv.array-element-delimiter`
    pub element_delimiter: String,
    /// `csv.write-bigdecimal-in-scientific-notation`: 100 is written `1E+2`.
    pub has_exponents: bool,
}

impl Default for CsvConfig {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            has_comments: false,
            ignores_errors: false,
            null_literal: None,
            element_delimiter: ";".to_owned(),
            has_exponents: true,
        }
    }
}

/// Reads `csv`.
pub struct CsvDecoder {
    reader: Reader,
    columns: Vec<Column>,
    config: CsvConfig,
    record: u64,
    fields: Vec<u8>,
    ends: Vec<usize>,
    written: usize,
    ended: usize,
    arena: Bump,
}

struct Column {
    name: String,
    kind: TypeKind,
    layout: Layout,
    form: Form,
}

enum Form {
    Text,
    Boolean,
    Scalar(TextReader),
    Array(TextReader, Layout),
    Row(Vec<(TextReader, Layout)>),
}

impl Column {
    fn new(
        name: &str,
        data_type: &DataType,
        context: &ResolveContext,
    ) -> Result<Self, ResolveError> {
        let form = match &data_type.kind {
            TypeKind::Char(_) | TypeKind::Varchar(_) => Form::Text,
            TypeKind::Boolean => Form::Boolean,
            TypeKind::Array(element) => {
                Form::Array(TextReader::new(element, context)?, element.layout())
            }
            TypeKind::Row(fields) => {
                let field = |f: &tailwater_types::Field| {
                    Ok((TextReader::new(&f.data_type, context)?, f.data_type.layout()))
                };
                Form::Row(fields.iter().map(field).collect::<Result<_, ResolveError>>()?)
            }
            TypeKind::Map(..) | TypeKind::Multiset(_) => {
                return Err(ResolveError::new(format!("csv cannot hold {data_type}")));
            }
            _ => Form::Scalar(TextReader::new(data_type, context)?),
        };
        let (name, kind) = (name.to_owned(), data_type.kind.clone());
        Ok(Self { name, layout: kind.layout(), kind, form })
    }
}

impl CsvDecoder {
    /// A decoder of these columns.
    ///
    /// # Errors
    /// A column type that csv cannot hold.
    pub fn new(
        schema: &Schema,
        config: CsvConfig,
        context: &ResolveContext,
    ) -> Result<Self, ResolveError> {
        let mut builder = ReaderBuilder::new();
        builder.delimiter(config.delimiter).escape(config.escape);
        match config.quote {
            Some(quote) => builder.quote(quote),
            None => builder.quoting(false),
        };
        if config.has_comments {
            builder.comment(Some(b'#'));
        }
        let columns = schema.fields().iter().map(|f| Column::new(&f.name, &f.data_type, context));
        Ok(Self {
            reader: builder.build(),
            columns: columns.collect::<Result<_, _>>()?,
            config,
            record: 0,
            fields: vec![0; 1 << 12],
            ends: vec![0; 64],
            written: 0,
            ended: 0,
            arena: Bump::new(),
        })
    }

    fn advance(&mut self, mut input: &[u8], out: &mut ChangeBatch) -> Result<(), DecodeError> {
        let ends_input = input.is_empty();
        loop {
            let (result, read, written, ended) = self.reader.read_record(
                input,
                &mut self.fields[self.written..],
                &mut self.ends[self.ended..],
            );
            input = &input[read..];
            self.written += written;
            self.ended += ended;
            match result {
                ReadRecordResult::InputEmpty if ends_input => {}
                ReadRecordResult::InputEmpty => return Ok(()),
                ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => {
                    self.take_record(out)?;
                    (self.written, self.ended) = (0, 0);
                }
                ReadRecordResult::End => return Ok(()),
            }
        }
    }

    fn take_record(&mut self, out: &mut ChangeBatch) -> Result<(), DecodeError> {
        self.record += 1;
        self.arena.reset();
        let (found, expected) = (self.ended, self.columns.len());
        let is_refused = found > expected || (found < expected && !self.config.ignores_errors);
        let result = if is_refused {
            Err(format!("Row length mismatch. {expected} fields expected but was {found}"))
        } else {
            out.try_push_with(RowKind::Insert, |row| self.write_row(row))
        };
        match result {
            Err(message) if !self.config.ignores_errors => {
                Err(DecodeError::new(self.record, message))
            }
            _ => Ok(()),
        }
    }

    fn write_row(&self, row: &mut Vec<u8>) -> Result<(), String> {
        let mut writer = RowWriter::new(row, self.columns.len());
        for (i, column) in self.columns.iter().enumerate() {
            if i >= self.ended {
                writer.push_null();
                continue;
            }
            let start = if i == 0 { 0 } else { self.ends[i - 1] };
            let text = std::str::from_utf8(&self.fields[start..self.ends[i]]);
            let text = text.map_err(|_| format!("column \"{}\" is not UTF-8", column.name))?;
            if self.config.null_literal.as_deref() == Some(text) {
                writer.push_null();
                continue;
            }
            match self.push(column, text, &mut writer) {
                Some(()) => {}
                None if self.config.ignores_errors => writer.push_null(),
                None => {
                    let (name, kind) = (&column.name, &column.kind);
                    return Err(format!("column \"{name}\" is not a value of type {kind}"));
                }
            }
        }
        Ok(())
    }

    fn push(&self, column: &Column, text: &str, writer: &mut RowWriter<'_>) -> Option<()> {
        let parts = || text.split(self.config.element_delimiter.as_str());
        match &column.form {
            Form::Text => writer.push(Datum::Str(text), column.layout),
            // Whatever is not true is false.
            Form::Boolean => {
                let is_true = text.trim().eq_ignore_ascii_case("true");
                writer.push(Datum::Bool(is_true), column.layout);
            }
            Form::Scalar(reader) => {
                if column.kind.is_timestamp() && !is_sql_timestamp(text.trim(), &column.kind) {
                    return None;
                }
                writer.push(reader.read(text.trim(), &self.arena)?, column.layout);
            }
            Form::Array(reader, layout) => {
                let items: Option<Vec<Datum<'_>>> =
                    parts().map(|p| reader.read(p, &self.arena)).collect();
                let items = items?;
                writer.push_tail(|out| {
                    let mut writer = RowWriter::new(out, items.len());
                    items.iter().for_each(|item| writer.push(*item, *layout));
                });
            }
            Form::Row(readers) => {
                let values: Option<Vec<Datum<'_>>> =
                    readers.iter().zip(parts()).map(|((r, _), p)| r.read(p, &self.arena)).collect();
                let values = values.filter(|v| v.len() == readers.len())?;
                writer.push_tail(|out| {
                    let mut writer = RowWriter::new(out, values.len());
                    for (value, (_, layout)) in values.iter().zip(readers) {
                        writer.push(*value, *layout);
                    }
                });
            }
        }
        Some(())
    }
}

/// Whether a space is between date and time, and `Z` behind an instant.
fn is_sql_timestamp(text: &str, kind: &TypeKind) -> bool {
    let is_instant = matches!(kind, TypeKind::TimestampLtz(_));
    text.as_bytes().get(10) == Some(&b' ') && text.ends_with('Z') == is_instant
}

impl Decoder for CsvDecoder {
    fn decode(&mut self, input: &[u8], out: &mut ChangeBatch) -> Result<(), DecodeError> {
        if input.is_empty() { Ok(()) } else { self.advance(input, out) }
    }

    fn finish(&mut self, out: &mut ChangeBatch) -> Result<(), DecodeError> {
        self.advance(&[], out)
    }
}

impl MessageDecoder for CsvDecoder {
    /// The first record of the message counts, as for Flink.
    fn decode_message(&mut self, message: &[u8], out: &mut ChangeBatch) -> Result<(), DecodeError> {
        let before = out.len();
        self.reader.reset();
        (self.written, self.ended) = (0, 0);
        let decoded = match message {
            [] => Ok(()),
            _ => self.advance(message, out).and_then(|()| self.advance(&[], out)),
        };
        if decoded.is_ok() && out.len() == before && !self.config.ignores_errors {
            return Err(DecodeError::new(self.record, "it holds no record"));
        }
        out.truncate(out.len().min(before + usize::from(decoded.is_ok())));
        decoded
    }
}
