//! CREATE TABLE and the elements of its parentheses.

use tailwater_types::diagnostic::Span;

use super::{Parsed, Parser};
use crate::ast::{
    ColumnConstraint, ColumnDef, ColumnKind, CreateTable, Distribution, DistributionKind,
    Enforcement, Ident, LikeFeature, LikeOption, LikeStrategy, TableConstraint, TableElement,
    TableLike, Temporality, UniqueKind, WatermarkDef,
};
use crate::token::TokenKind;

impl Parser<'_> {
    /// From the name on; `CREATE [OR REPLACE] [TEMPORARY] TABLE` has been read.
    pub(super) fn create_table(
        &mut self,
        or_replace: bool,
        temporality: Temporality,
    ) -> Parsed<CreateTable> {
        let if_not_exists = self.eat_words(&["IF", "NOT", "EXISTS"]);
        let name = self.object_name("a table's name")?;
        let mut table = CreateTable {
            or_replace,
            temporality,
            if_not_exists,
            name,
            elements: Vec::new(),
            comment: None,
            distribution: None,
            partitioned_by: Vec::new(),
            options: Vec::new(),
            like: None,
            query: None,
        };
        if self.eat(&TokenKind::LParen) {
            table.elements = self.table_elements()?;
        }
        if self.eat_words(&["COMMENT"]) {
            table.comment = Some(self.string_literal("a comment in quotes")?);
        }
        if self.at(&["DISTRIBUTED"]) {
            let start = self.span();
            self.advance();
            table.distribution = Some(self.distribution(start)?);
        }
        if self.eat_words(&["PARTITIONED", "BY"]) {
            table.partitioned_by = self.ident_list("a column's name")?;
        }
        if self.eat_words(&["WITH"]) {
            table.options = self.options()?;
        }
        if self.at(&["LIKE"]) {
            table.like = Some(self.table_like()?);
        } else if self.eat_words(&["AS"]) {
            table.query = Some(Box::new(self.query()?));
        }
        Ok(table)
    }

    /// The elements up to `)`. An element that does not parse is reported and left out.
    fn table_elements(&mut self) -> Parsed<Vec<TableElement>> {
        let mut elements = Vec::new();
        if self.eat(&TokenKind::RParen) {
            return Ok(elements);
        }
        loop {
            let parsed = self.table_element().and_then(|element| {
                if matches!(self.peek(), TokenKind::Comma | TokenKind::RParen) {
                    Ok(element)
                } else {
                    Err(self.unexpected("\",\" or \")\" after the column"))
                }
            });
            match parsed {
                Ok(element) => elements.push(element),
                Err(error) => self.recover_element(error)?,
            }
            if !self.eat(&TokenKind::Comma) {
                break;
            }
        }
        self.expect(&TokenKind::RParen, "\",\" or \")\" after the column")?;
        Ok(elements)
    }

    /// Goes to the `,` or `)` that ends the element; gives the error back where there is none.
    fn recover_element(&mut self, error: Box<tailwater_types::Diagnostic>) -> Parsed<()> {
        let mut open = 0usize;
        let here = self.pos;
        loop {
            match self.peek() {
                TokenKind::End | TokenKind::Semicolon | TokenKind::Malformed => {
                    self.pos = here;
                    return Err(error);
                }
                TokenKind::Comma | TokenKind::RParen if open == 0 => {
                    self.diagnostics.push(*error);
                    return Ok(());
                }
                TokenKind::LParen | TokenKind::Lt => open += 1,
                TokenKind::RParen | TokenKind::Gt => open = open.saturating_sub(1),
                _ => {}
            }
            self.advance();
        }
    }

    pub(super) fn table_element(&mut self) -> Parsed<TableElement> {
        if self.at(&["WATERMARK"]) {
            return self.watermark().map(TableElement::Watermark);
        }
        let keyed = self.at_any(&["CONSTRAINT", "PRIMARY"])
            || (self.at(&["UNIQUE"]) && *self.peek_at(1) == TokenKind::LParen);
        if keyed {
            return self.table_constraint().map(TableElement::Constraint);
        }
        let start = self.span();
        let name = self.ident("a column's name")?;
        if matches!(self.peek(), TokenKind::Comma | TokenKind::RParen) {
            return Ok(TableElement::Name(name));
        }
        self.column(name, start).map(TableElement::Column)
    }

    fn watermark(&mut self) -> Parsed<WatermarkDef> {
        let start = self.span();
        self.advance();
        self.expect_words(&["FOR"])?;
        let column = self.object_name("a column's name")?;
        self.expect_words(&["AS"])?;
        let expr = self.expr()?;
        Ok(WatermarkDef { column, expr, span: self.span_from(start) })
    }

    fn column(&mut self, name: Ident, start: Span) -> Parsed<ColumnDef> {
        let mut constraint = None;
        let kind = if self.eat_words(&["AS"]) {
            ColumnKind::Computed { expr: self.expr()? }
        } else {
            let data_type = self.data_type()?;
            if self.eat_words(&["METADATA"]) {
                let mut key = None;
                if self.eat_words(&["FROM"]) {
                    key = Some(self.string_literal("a metadata key in quotes")?);
                }
                let is_virtual = self.eat_words(&["VIRTUAL"]);
                ColumnKind::Metadata { data_type, key, is_virtual }
            } else {
                if self.at_any(&["CONSTRAINT", "PRIMARY", "UNIQUE"]) {
                    constraint = Some(self.column_constraint()?);
                }
                ColumnKind::Physical { data_type }
            }
        };
        let mut comment = None;
        if self.eat_words(&["COMMENT"]) {
            comment = Some(self.string_literal("a comment in quotes")?);
        }
        Ok(ColumnDef { name, kind, constraint, comment, span: self.span_from(start) })
    }

    fn constraint_head(&mut self) -> Parsed<(Option<Ident>, UniqueKind)> {
        let mut name = None;
        if self.eat_words(&["CONSTRAINT"]) {
            name = Some(self.ident("a constraint's name")?);
        }
        if self.eat_words(&["UNIQUE"]) {
            return Ok((name, UniqueKind::Unique));
        }
        self.expect_words(&["PRIMARY", "KEY"])?;
        Ok((name, UniqueKind::PrimaryKey))
    }

    fn enforcement(&mut self) -> Enforcement {
        if self.eat_words(&["NOT", "ENFORCED"]) {
            Enforcement::NotEnforced
        } else if self.eat_words(&["ENFORCED"]) {
            Enforcement::Enforced
        } else {
            Enforcement::Unspecified
        }
    }

    fn column_constraint(&mut self) -> Parsed<ColumnConstraint> {
        let start = self.span();
        let (name, kind) = self.constraint_head()?;
        let enforcement = self.enforcement();
        Ok(ColumnConstraint { name, kind, enforcement, span: self.span_from(start) })
    }

    fn table_constraint(&mut self) -> Parsed<TableConstraint> {
        let start = self.span();
        let (name, kind) = self.constraint_head()?;
        let columns = self.ident_list("a column's name")?;
        let enforcement = self.enforcement();
        Ok(TableConstraint { name, kind, columns, enforcement, span: self.span_from(start) })
    }

    /// `[BY] [HASH|RANGE] (columns) [INTO n BUCKETS]`, `INTO n BUCKETS`.
    pub(super) fn distribution(&mut self, start: Span) -> Parsed<Distribution> {
        let (mut kind, mut columns, mut buckets) = (None, Vec::new(), None);
        if self.eat_words(&["BY"]) {
            if self.eat_words(&["HASH"]) {
                kind = Some(DistributionKind::Hash);
            } else if self.eat_words(&["RANGE"]) {
                kind = Some(DistributionKind::Range);
            }
            columns = self.ident_list("a column's name")?;
        } else if !self.at(&["INTO"]) {
            return Err(self.unexpected("BY or INTO"));
        }
        if self.eat_words(&["INTO"]) {
            buckets = Some(self.unsigned("a number of buckets")?);
            self.expect_words(&["BUCKETS"])?;
        }
        Ok(Distribution { kind, columns, buckets, span: self.span_from(start) })
    }

    fn table_like(&mut self) -> Parsed<TableLike> {
        let start = self.span();
        self.advance();
        let name = self.object_name("a table's name")?;
        let mut options = Vec::new();
        if self.eat(&TokenKind::LParen) {
            while *self.peek() != TokenKind::RParen {
                options.push(self.like_option()?);
            }
            self.advance();
        }
        Ok(TableLike { name, options, span: self.span_from(start) })
    }

    fn like_option(&mut self) -> Parsed<LikeOption> {
        let start = self.span();
        let strategy = if self.eat_words(&["INCLUDING"]) {
            LikeStrategy::Including
        } else if self.eat_words(&["EXCLUDING"]) {
            LikeStrategy::Excluding
        } else if self.eat_words(&["OVERWRITING"]) {
            LikeStrategy::Overwriting
        } else {
            return Err(self.unexpected("INCLUDING, EXCLUDING, OVERWRITING or \")\""));
        };
        let feature = match self.word_at(0).unwrap_or("").to_ascii_uppercase().as_str() {
            "ALL" => LikeFeature::All,
            "CONSTRAINTS" => LikeFeature::Constraints,
            "DISTRIBUTION" => LikeFeature::Distribution,
            "GENERATED" => LikeFeature::Generated,
            "METADATA" => LikeFeature::Metadata,
            "OPTIONS" => LikeFeature::Options,
            "PARTITIONS" => LikeFeature::Partitions,
            "WATERMARKS" => LikeFeature::Watermarks,
            _ => {
                return Err(self.unexpected(
                    "ALL, CONSTRAINTS, DISTRIBUTION, GENERATED, METADATA, OPTIONS, PARTITIONS \
                     or WATERMARKS",
                ));
            }
        };
        self.advance();
        Ok(LikeOption { strategy, feature, span: self.span_from(start) })
    }
}
