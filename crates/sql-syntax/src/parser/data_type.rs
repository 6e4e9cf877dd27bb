//! Data types.

use super::{Parsed, Parser};
use crate::ast::{DataType, DataTypeKind, Nullability, RowField, TimeZoneMode};
use crate::keyword;
use crate::token::TokenKind;

impl Parser<'_> {
    /// A data type with its nullability.
    pub(crate) fn data_type(&mut self) -> Parsed<DataType> {
        self.nested(Self::data_type_here)
    }

    fn data_type_here(&mut self) -> Parsed<DataType> {
        let start = self.span();
        let mut kind = self.type_kind()?;
        loop {
            let collection: fn(Box<DataType>) -> DataTypeKind = if self.at(&["ARRAY"]) {
                DataTypeKind::Array
            } else if self.at(&["MULTISET"]) {
                DataTypeKind::Multiset
            } else {
                break;
            };
            let span = self.span_from(start);
            self.advance();
            let element = DataType { kind, nullability: Nullability::Unspecified, span };
            kind = collection(Box::new(element));
            self.height = self.grow(self.height)?;
        }
        let nullability = if self.eat_words(&["NOT", "NULL"]) {
            Nullability::NotNull
        } else if !self.at(&["NULL", "ON"]) && self.eat_words(&["NULL"]) {
            Nullability::Null
        } else {
            Nullability::Unspecified
        };
        Ok(DataType { kind, nullability, span: self.span_from(start) })
    }

    fn type_kind(&mut self) -> Parsed<DataTypeKind> {
        let Some(word) = self.word_at(0) else {
            return self.object_name("a data type").map(DataTypeKind::Named);
        };
        let upper = word.to_ascii_uppercase();
        if let Some(kind) = plain_type(&upper) {
            self.advance();
            return Ok(kind);
        }
        let parameterized = *self.peek_at(1) == TokenKind::LParen;
        match upper.as_str() {
            "DOUBLE" => {
                self.advance();
                self.eat_words(&["PRECISION"]);
                Ok(DataTypeKind::Double)
            }
            "DECIMAL" | "DEC" | "NUMERIC" => self.decimal(),
            "CHAR" | "CHARACTER" => self.sized(DataTypeKind::Char, DataTypeKind::Varchar),
            "VARCHAR" => self.sized(DataTypeKind::Varchar, DataTypeKind::Varchar),
            "BINARY" => self.sized(DataTypeKind::Binary, DataTypeKind::Varbinary),
            "VARBINARY" => self.sized(DataTypeKind::Varbinary, DataTypeKind::Varbinary),
            "TIME" => {
                self.advance();
                let precision = self.type_parameter()?;
                Ok(DataTypeKind::Time { precision, zone: self.time_zone()? })
            }
            "TIMESTAMP" => {
                self.advance();
                let precision = self.type_parameter()?;
                Ok(DataTypeKind::Timestamp { precision, zone: self.time_zone()? })
            }
            "TIMESTAMP_LTZ" => {
                self.advance();
                let precision = self.type_parameter()?;
                Ok(DataTypeKind::Timestamp { precision, zone: TimeZoneMode::Local })
            }
            "INTERVAL" => {
                self.advance();
                self.interval_qualifier().map(DataTypeKind::Interval)
            }
            "ARRAY" | "MULTISET" | "MAP" if *self.peek_at(1) == TokenKind::Lt => {
                self.collection(&upper)
            }
            "ROW" => self.row_type(),
            "RAW" if parameterized => self.raw_type(),
            _ if keyword::is_reserved(word) => {
                let error = self.unexpected("a data type");
                Err(Box::new(match upper.as_str() {
                    "ARRAY" | "MULTISET" => error.with_hint(format!("write {upper}<type>")),
                    _ => *error,
                }))
            }
            _ => self.object_name("a data type").map(DataTypeKind::Named),
        }
    }

    /// `(n)`, where it stands.
    fn type_parameter(&mut self) -> Parsed<Option<u32>> {
        if !self.eat(&TokenKind::LParen) {
            return Ok(None);
        }
        let parameter = self.unsigned("a number")?;
        self.expect(&TokenKind::RParen, "\")\"")?;
        Ok(Some(parameter))
    }

    fn sized(
        &mut self,
        fixed: fn(Option<u32>) -> DataTypeKind,
        varying: fn(Option<u32>) -> DataTypeKind,
    ) -> Parsed<DataTypeKind> {
        self.advance();
        let kind = if self.eat_words(&["VARYING"]) { varying } else { fixed };
        self.type_parameter().map(kind)
    }

    fn decimal(&mut self) -> Parsed<DataTypeKind> {
        self.advance();
        let (mut precision, mut scale) = (None, None);
        if self.eat(&TokenKind::LParen) {
            precision = Some(self.unsigned("the precision")?);
            if self.eat(&TokenKind::Comma) {
                scale = Some(self.unsigned("the scale")?);
            }
            self.expect(&TokenKind::RParen, "\")\"")?;
        }
        Ok(DataTypeKind::Decimal { precision, scale })
    }

    fn time_zone(&mut self) -> Parsed<TimeZoneMode> {
        if self.eat_words(&["WITHOUT"]) {
            self.expect_words(&["TIME", "ZONE"])?;
        } else if self.eat_words(&["WITH", "LOCAL"]) {
            self.expect_words(&["TIME", "ZONE"])?;
            return Ok(TimeZoneMode::Local);
        } else if self.eat_words(&["WITH", "TIME", "ZONE"]) {
            return Ok(TimeZoneMode::With);
        }
        Ok(TimeZoneMode::Without)
    }

    fn collection(&mut self, word: &str) -> Parsed<DataTypeKind> {
        self.pos += 2;
        let first = Box::new(self.data_type()?);
        let kind = match word {
            "ARRAY" => DataTypeKind::Array(first),
            "MULTISET" => DataTypeKind::Multiset(first),
            _ => {
                self.expect(&TokenKind::Comma, "\",\" between the types of key and value")?;
                DataTypeKind::Map(first, Box::new(self.data_type()?))
            }
        };
        self.expect(&TokenKind::Gt, "\">\"")?;
        Ok(kind)
    }

    fn row_type(&mut self) -> Parsed<DataTypeKind> {
        self.advance();
        if self.eat(&TokenKind::NotEq) {
            return Ok(DataTypeKind::Row(Vec::new()));
        }
        let (close, what) = if self.eat(&TokenKind::Lt) {
            (TokenKind::Gt, "\",\" or \">\"")
        } else {
            self.expect(&TokenKind::LParen, "\"<\" or \"(\" after ROW")?;
            (TokenKind::RParen, "\",\" or \")\"")
        };
        if self.eat(&close) {
            return Ok(DataTypeKind::Row(Vec::new()));
        }
        let fields = self.comma_separated(Self::row_field)?;
        self.expect(&close, what)?;
        Ok(DataTypeKind::Row(fields))
    }

    fn row_field(&mut self) -> Parsed<RowField> {
        let start = self.span();
        let name = self.ident("a field's name")?;
        let data_type = self.data_type()?;
        let comment = match self.peek() {
            TokenKind::String { .. } => Some(self.string_literal("a comment")?),
            _ => None,
        };
        Ok(RowField { name, data_type, comment, span: self.span_from(start) })
    }

    fn raw_type(&mut self) -> Parsed<DataTypeKind> {
        self.pos += 2;
        let class = self.string_literal("a class in quotes")?;
        self.expect(&TokenKind::Comma, "\",\"")?;
        let snapshot = self.string_literal("a serialised serialiser in quotes")?;
        self.expect(&TokenKind::RParen, "\")\"")?;
        Ok(DataTypeKind::Raw { class, snapshot })
    }
}

fn plain_type(word: &str) -> Option<DataTypeKind> {
    Some(match word {
        "BOOLEAN" => DataTypeKind::Boolean,
        "TINYINT" => DataTypeKind::TinyInt,
        "SMALLINT" => DataTypeKind::SmallInt,
        "INT" | "INTEGER" => DataTypeKind::Int,
        "BIGINT" => DataTypeKind::BigInt,
        "FLOAT" => DataTypeKind::Float,
        "REAL" => DataTypeKind::Real,
        "STRING" => DataTypeKind::String,
        "BYTES" => DataTypeKind::Bytes,
        "DATE" => DataTypeKind::Date,
        "NULL" => DataTypeKind::Null,
        "VARIANT" => DataTypeKind::Variant,
        _ => return None,
    })
}
