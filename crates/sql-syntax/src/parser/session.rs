//! Statements about the session: SET, SHOW, USE, DESCRIBE, jars, modules, jobs.

use tailwater_types::diagnostic::Span;

use super::{Parsed, Parser};
use crate::ast::{
    Assignment, Describe, DescribeKind, ModuleUse, Show, ShowKind, ShowLike, ShowLikeKind,
    ShowScope, StatementKind, StopJob, StringLiteral,
};
use crate::token::TokenKind;

impl Parser<'_> {
    /// A statement about the session; `None` where the word begins none.
    pub(super) fn session_statement(&mut self) -> Parsed<Option<StatementKind>> {
        let start = self.position();
        let word = self.word_at(0).unwrap_or("").to_ascii_uppercase();
        let kind = match word.as_str() {
            "SET" => self.set()?,
            "RESET" => self.reset()?,
            "SHOW" => StatementKind::Show(self.show()?),
            "USE" => self.use_statement()?,
            "DESCRIBE" | "DESC" => StatementKind::Describe(self.describe()?),
            "LOAD" => {
                self.expect_words(&["LOAD", "MODULE"])?;
                let name = self.ident("a module's name")?;
                let options = if self.eat_words(&["WITH"]) { self.options()? } else { Vec::new() };
                StatementKind::LoadModule(ModuleUse { name, options })
            }
            "UNLOAD" => {
                self.expect_words(&["UNLOAD", "MODULE"])?;
                StatementKind::UnloadModule(self.ident("a module's name")?)
            }
            "ADD" => {
                self.expect_words(&["ADD", "JAR"])?;
                StatementKind::AddJar(self.string_literal("a path in quotes")?)
            }
            "REMOVE" => {
                self.expect_words(&["REMOVE", "JAR"])?;
                StatementKind::RemoveJar(self.string_literal("a path in quotes")?)
            }
            "STOP" => self.stop_job()?,
            "TRUNCATE" => {
                self.expect_words(&["TRUNCATE", "TABLE"])?;
                StatementKind::Truncate(self.object_name("a table's name")?)
            }
            "CALL" => {
                self.advance();
                let name = self.object_name("a procedure's name")?;
                StatementKind::Call(Box::new(self.call(name)?))
            }
            "ANALYZE" => {
                self.expect_words(&["ANALYZE", "TABLE"])?;
                self.other_statement(start, start + 2)
            }
            "QUIT" | "EXIT" => {
                self.advance();
                StatementKind::Quit
            }
            "HELP" => {
                self.advance();
                StatementKind::Help
            }
            "CLEAR" => {
                self.advance();
                StatementKind::Clear
            }
            _ => return Ok(None),
        };
        Ok(Some(kind))
    }

    /// A statement that is kept as text: tokens `start..verb_end` are its first words.
    pub(super) fn other_statement(&mut self, start: usize, verb_end: usize) -> StatementKind {
        let words: Vec<String> = self.tokens[start..verb_end.min(self.tokens.len())]
            .iter()
            .map(|token| token.span.slice(self.text).to_ascii_uppercase())
            .collect();
        self.skip_statement();
        let from = self.tokens[start].span;
        let text = self.span_from(from).slice(self.text).to_owned();
        StatementKind::Other { verb: words.join(" ").trim_end().to_owned(), text }
    }

    // --- SET, RESET ----------------------------------------------------------------------------

    fn set(&mut self) -> Parsed<StatementKind> {
        self.advance();
        if matches!(self.peek(), TokenKind::Semicolon | TokenKind::End) {
            return Ok(StatementKind::Set(None));
        }
        if !matches!(self.peek(), TokenKind::String { .. }) {
            return self.unquoted_set().map(|set| StatementKind::Set(Some(set)));
        }
        let key = self.string_literal("a key in quotes")?;
        self.expect(&TokenKind::Eq, "\"=\" after the key")?;
        let value = self.string_literal("a value in quotes such as '1'")?;
        Ok(StatementKind::Set(Some(Assignment { key, value, quoted: true })))
    }

    /// `SET key = value`, as the client took it formerly: both as they stand in the text.
    fn unquoted_set(&mut self) -> Parsed<Assignment> {
        let key_start = self.span();
        while !matches!(self.peek(), TokenKind::Eq | TokenKind::Semicolon | TokenKind::End) {
            self.advance();
        }
        let key_span = self.span_from(key_start);
        self.expect(&TokenKind::Eq, "\"=\" after the key")?;
        if let TokenKind::String { .. } = self.peek() {
            let value = self.string_literal("a value")?;
            let key = self.raw_text(key_span);
            return Ok(Assignment { key, value, quoted: false });
        }
        let value_start = self.span();
        self.skip_statement();
        if self.span_from(value_start).slice(self.text).is_empty() {
            return Err(self.unexpected("a value after \"=\""));
        }
        let value_span = self.span_from(value_start);
        let (key, value) = (self.raw_text(key_span), self.raw_text(value_span));
        Ok(Assignment { key, value, quoted: false })
    }

    fn raw_text(&self, span: Span) -> StringLiteral {
        StringLiteral { value: span.slice(self.text).trim().to_owned(), span }
    }

    fn reset(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let key = match self.peek() {
            TokenKind::Semicolon | TokenKind::End => None,
            TokenKind::String { .. } => Some(self.string_literal("a key in quotes")?),
            _ => {
                let start = self.span();
                self.skip_statement();
                Some(self.raw_text(self.span_from(start)))
            }
        };
        Ok(StatementKind::Reset(key))
    }

    // --- SHOW ----------------------------------------------------------------------------------

    fn show(&mut self) -> Parsed<Show> {
        self.advance();
        let kind = self.show_kind()?;
        let mut scope = None;
        if self.at_any(&["FROM", "IN"]) {
            let is_in = self.at(&["IN"]);
            self.advance();
            scope = Some(ShowScope { is_in, name: self.object_name("a name")? });
        } else if kind == ShowKind::Columns {
            return Err(self.unexpected("FROM or IN"));
        }
        let negated = self.at(&["NOT", "LIKE"]) || self.at(&["NOT", "ILIKE"]);
        if negated {
            self.advance();
        }
        let kind_of_like = if self.eat_words(&["LIKE"]) {
            Some(ShowLikeKind::Like)
        } else if self.eat_words(&["ILIKE"]) {
            Some(ShowLikeKind::ILike)
        } else {
            None
        };
        let like = match kind_of_like {
            Some(like) => {
                let pattern = self.string_literal("a pattern in quotes")?;
                Some(ShowLike { negated, kind: like, pattern })
            }
            None => None,
        };
        Ok(Show { kind, scope, like })
    }

    fn show_kind(&mut self) -> Parsed<ShowKind> {
        let fixed: &[(&[&str], ShowKind)] = &[
            (&["TABLES"], ShowKind::Tables),
            (&["VIEWS"], ShowKind::Views),
            (&["DATABASES"], ShowKind::Databases),
            (&["CATALOGS"], ShowKind::Catalogs),
            (&["FUNCTIONS"], ShowKind::Functions { user: false }),
            (&["USER", "FUNCTIONS"], ShowKind::Functions { user: true }),
            (&["PROCEDURES"], ShowKind::Procedures),
            (&["COLUMNS"], ShowKind::Columns),
            (&["MODULES"], ShowKind::Modules { full: false }),
            (&["FULL", "MODULES"], ShowKind::Modules { full: true }),
            (&["JARS"], ShowKind::Jars),
            (&["JOBS"], ShowKind::Jobs),
            (&["CURRENT", "CATALOG"], ShowKind::CurrentCatalog),
            (&["CURRENT", "DATABASE"], ShowKind::CurrentDatabase),
        ];
        for (words, kind) in fixed {
            if self.eat_words(words) {
                return Ok(kind.clone());
            }
        }
        if self.eat_words(&["CREATE"]) {
            return if self.eat_words(&["TABLE"]) {
                self.object_name("a table's name").map(ShowKind::CreateTable)
            } else if self.eat_words(&["VIEW"]) {
                self.object_name("a view's name").map(ShowKind::CreateView)
            } else if self.eat_words(&["CATALOG"]) {
                self.object_name("a catalog's name").map(ShowKind::CreateCatalog)
            } else {
                Err(self.misspelt("TABLE, VIEW or CATALOG", &["TABLE", "VIEW", "CATALOG"]))
            };
        }
        if self.eat_words(&["PARTITIONS"]) {
            let table = self.object_name("a table's name")?;
            let mut partition = Vec::new();
            if self.eat_words(&["PARTITION"]) {
                partition = self.partition_spec()?;
            }
            return Ok(ShowKind::Partitions { table, partition });
        }
        let words = &[
            "TABLES",
            "VIEWS",
            "DATABASES",
            "CATALOGS",
            "FUNCTIONS",
            "COLUMNS",
            "CREATE",
            "CURRENT",
            "JOBS",
            "MODULES",
            "JARS",
            "PARTITIONS",
            "PROCEDURES",
        ];
        Err(self.misspelt("TABLES, VIEWS, DATABASES, CATALOGS, FUNCTIONS, COLUMNS, CREATE TABLE, JOBS, MODULES or JARS", words))
    }

    // --- USE, DESCRIBE, STOP -------------------------------------------------------------------

    fn use_statement(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let names_follow = matches!(self.peek_at(1), TokenKind::Word | TokenKind::QuotedIdent(_));
        if names_follow && self.eat_words(&["CATALOG"]) {
            return self.ident("a catalog's name").map(StatementKind::UseCatalog);
        }
        if self.eat_words(&["MODULES"]) {
            let modules = self.comma_separated(|p| p.ident("a module's name"))?;
            return Ok(StatementKind::UseModules(modules));
        }
        self.object_name("a database's name").map(StatementKind::UseDatabase)
    }

    fn describe(&mut self) -> Parsed<Describe> {
        self.advance();
        let kind_of = |p: &Self, word: &str| {
            p.at(&[word])
                && matches!(
                    p.peek_at(1),
                    TokenKind::Word | TokenKind::QuotedIdent(_) | TokenKind::String { .. }
                )
        };
        if kind_of(self, "JOB") {
            self.advance();
            let kind = DescribeKind::Job(self.string_literal("a job's id in quotes")?);
            return Ok(Describe { extended: false, kind });
        }
        let make: fn(crate::ast::ObjectName) -> DescribeKind = if kind_of(self, "CATALOG") {
            self.advance();
            DescribeKind::Catalog
        } else if kind_of(self, "DATABASE") {
            self.advance();
            DescribeKind::Database
        } else if self.eat_words(&["FUNCTION"]) {
            DescribeKind::Function
        } else {
            DescribeKind::Table
        };
        let extended = self.eat_words(&["EXTENDED"]);
        let kind = make(self.object_name("a table's name")?);
        Ok(Describe { extended, kind })
    }

    fn stop_job(&mut self) -> Parsed<StatementKind> {
        self.expect_words(&["STOP", "JOB"])?;
        let id = self.string_literal("a job's id in quotes")?;
        let with_savepoint = self.eat_words(&["WITH", "SAVEPOINT"]);
        let with_drain = self.eat_words(&["WITH", "DRAIN"]);
        Ok(StatementKind::StopJob(StopJob { id, with_savepoint, with_drain }))
    }
}
