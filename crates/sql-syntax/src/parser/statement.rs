//! Statements by their first word; INSERT, statement sets, EXPLAIN.

use tailwater_types::diagnostic::Diagnostic;

use super::{Parsed, Parser};
use crate::ast::{
    ConflictAction, DeleteFrom, Explain, ExplainDetail, Insert, PlanStatement, Statement,
    StatementKind, StatementSet, Update, UpdateAssignment,
};
use crate::keyword;
use crate::token::TokenKind;

impl Parser<'_> {
    /// One statement, without the semicolon that ends it.
    pub(crate) fn statement(&mut self) -> Parsed<Statement> {
        self.nested(|p| {
            let start = p.span();
            let kind = p.statement_kind()?;
            Ok(Statement { kind, span: p.span_from(start) })
        })
    }

    /// An error unless the statement ends here.
    pub(crate) fn expect_end(&self) -> Parsed<()> {
        match self.peek() {
            TokenKind::End | TokenKind::Semicolon => Ok(()),
            _ => Err(self.unexpected("the end of the statement")),
        }
    }

    fn statement_kind(&mut self) -> Parsed<StatementKind> {
        if *self.peek() == TokenKind::LParen || self.at_query() {
            return Ok(StatementKind::Query(Box::new(self.query()?)));
        }
        let Some(word) = self.word_at(0) else {
            return Err(self.unexpected("a statement"));
        };
        match word.to_ascii_uppercase().as_str() {
            "INSERT" => Ok(StatementKind::Insert(Box::new(self.insert()?))),
            "EXECUTE" => self.execute(),
            "BEGIN" => self.begin_statement_set(),
            "END" => {
                let error = self.unexpected("a statement");
                Err(Box::new(error.with_hint("END closes EXECUTE STATEMENT SET BEGIN")))
            }
            "CREATE" => self.create(),
            "ALTER" => self.alter(),
            "DROP" => self.drop_statement(),
            "EXPLAIN" => self.explain(),
            "COMPILE" => self.compile_plan(),
            "DELETE" => self.delete(),
            "UPDATE" => self.update(),
            _ => match self.session_statement()? {
                Some(kind) => Ok(kind),
                None => Err(self.misspelt("a statement", keyword::STATEMENT_WORDS)),
            },
        }
    }

    /// "expected ..", with the word that was likely meant.
    pub(super) fn misspelt(&self, expected: &str, words: &[&str]) -> Box<Diagnostic> {
        let error = self.unexpected(expected);
        match self.word_at(0).and_then(|word| keyword::closest(word, words)) {
            Some(meant) => Box::new(error.with_hint(format!("did you mean \"{meant}\"?"))),
            None => error,
        }
    }

    // --- INSERT --------------------------------------------------------------------------------

    fn insert(&mut self) -> Parsed<Insert> {
        let start = self.span();
        self.expect_words(&["INSERT"])?;
        let overwrite = self.eat_words(&["OVERWRITE"]);
        if overwrite {
            self.eat_words(&["INTO"]);
        } else if !self.eat_words(&["INTO"]) {
            return Err(self.misspelt("INTO or OVERWRITE", &["INTO", "OVERWRITE"]));
        }
        self.eat_words(&["TABLE"]);
        let table = self.object_name("a table's name")?;
        let hints = self.hints()?;
        let mut partition = Vec::new();
        if self.eat_words(&["PARTITION"]) {
            partition = self.partition_spec()?;
        }
        let mut columns = Vec::new();
        if *self.peek() == TokenKind::LParen && !self.query_in_next_parens() {
            columns = self.parenthesized(|p| p.object_name("a column's name"))?;
        }
        let query = Box::new(self.query()?);
        let mut on_conflict = None;
        if self.eat_words(&["ON", "CONFLICT"]) {
            self.expect_words(&["DO"])?;
            on_conflict = Some(if self.eat_words(&["NOTHING"]) {
                ConflictAction::Nothing
            } else if self.eat_words(&["ERROR"]) {
                ConflictAction::Error
            } else if self.eat_words(&["DEDUPLICATE"]) {
                ConflictAction::Deduplicate
            } else {
                return Err(self.unexpected("NOTHING, ERROR or DEDUPLICATE"));
            });
        }
        let span = self.span_from(start);
        Ok(Insert { overwrite, table, hints, partition, columns, query, on_conflict, span })
    }

    fn query_in_next_parens(&self) -> bool {
        let opens = (0..).take_while(|ahead| *self.peek_at(*ahead) == TokenKind::LParen).count();
        self.word_at(opens).is_some_and(|word| {
            ["SELECT", "VALUES", "WITH", "TABLE"].iter().any(|q| word.eq_ignore_ascii_case(q))
        })
    }

    // --- statement sets ------------------------------------------------------------------------

    fn execute(&mut self) -> Parsed<StatementKind> {
        self.advance();
        if self.at(&["STATEMENT"]) {
            return self.statement_set().map(StatementKind::StatementSet);
        }
        if self.eat_words(&["PLAN"]) {
            let path = self.string_literal("a plan's path in quotes")?;
            return Ok(StatementKind::Plan(PlanStatement::Execute(path)));
        }
        if self.at(&["INSERT"]) {
            return Ok(StatementKind::Insert(Box::new(self.insert()?)));
        }
        if self.at_query() {
            return Ok(StatementKind::Query(Box::new(self.query()?)));
        }
        Err(self
            .misspelt("STATEMENT SET, PLAN, INSERT or a query", &["STATEMENT", "INSERT", "PLAN"]))
    }

    /// `STATEMENT SET BEGIN insert; insert; END`.
    fn statement_set(&mut self) -> Parsed<StatementSet> {
        let start = self.span();
        self.expect_words(&["STATEMENT", "SET", "BEGIN"])?;
        self.set_body(start)
    }

    /// `BEGIN STATEMENT SET; insert; END`.
    fn begin_statement_set(&mut self) -> Parsed<StatementKind> {
        let start = self.span();
        self.advance();
        self.expect_words(&["STATEMENT", "SET"])?;
        self.expect(&TokenKind::Semicolon, "\";\" after BEGIN STATEMENT SET")?;
        self.set_body(start).map(StatementKind::StatementSet)
    }

    /// Inserts up to END. One that does not parse is reported and left out.
    fn set_body(&mut self, start: tailwater_types::Span) -> Parsed<StatementSet> {
        let mut statements = Vec::new();
        loop {
            while self.eat(&TokenKind::Semicolon) {}
            if self.eat_words(&["END"]) {
                break;
            }
            if *self.peek() == TokenKind::End {
                let error = self.unexpected("END");
                return Err(Box::new(error.with_hint("close the statement set with END;")));
            }
            let parsed = self.set_insert().and_then(|insert| match self.peek() {
                TokenKind::Semicolon => Ok(insert),
                _ => Err(self.unexpected("\";\" after the INSERT")),
            });
            match parsed {
                Ok(insert) => statements.push(insert),
                Err(error) => {
                    self.report(*error);
                    self.skip_statement();
                }
            }
        }
        Ok(StatementSet { statements, span: self.span_from(start) })
    }

    fn set_insert(&mut self) -> Parsed<Insert> {
        self.eat_words(&["EXECUTE"]);
        if !self.at(&["INSERT"]) {
            return Err(self.misspelt("INSERT or END in the statement set", &["INSERT", "END"]));
        }
        self.nested(Self::insert)
    }

    /// Keeps an error, unless the lexer has reported what stands here.
    pub(crate) fn report(&mut self, error: Diagnostic) {
        let malformed = *self.peek() == TokenKind::Malformed
            || self.tokens.iter().any(|token| {
                token.kind == TokenKind::Malformed && token.span.start == error.span.start
            });
        if !malformed {
            self.diagnostics.push(error);
        }
    }

    /// Goes to the next semicolon.
    pub(crate) fn skip_statement(&mut self) {
        while !matches!(self.peek(), TokenKind::Semicolon | TokenKind::End) {
            self.advance();
        }
    }

    // --- EXPLAIN, plans ------------------------------------------------------------------------

    fn explain(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let mut details = Vec::new();
        if !self.eat_words(&["PLAN", "FOR"]) {
            while let Some(detail) = self.explain_detail() {
                details.push(detail);
                if !self.eat(&TokenKind::Comma) {
                    break;
                }
            }
        }
        let start = self.span();
        let kind = if self.at(&["STATEMENT"]) {
            StatementKind::StatementSet(self.statement_set()?)
        } else {
            self.nested(Self::statement_kind)?
        };
        let statement = Box::new(Statement { kind, span: self.span_from(start) });
        Ok(StatementKind::Explain(Explain { details, statement }))
    }

    fn explain_detail(&mut self) -> Option<ExplainDetail> {
        let detail = match self.word_at(0)?.to_ascii_uppercase().as_str() {
            "ESTIMATED_COST" => ExplainDetail::EstimatedCost,
            "CHANGELOG_MODE" => ExplainDetail::ChangelogMode,
            "JSON_EXECUTION_PLAN" => ExplainDetail::JsonExecutionPlan,
            "PLAN_ADVICE" => ExplainDetail::PlanAdvice,
            _ => return None,
        };
        self.advance();
        Some(detail)
    }

    fn compile_plan(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let execute = self.eat_words(&["AND", "EXECUTE"]);
        self.expect_words(&["PLAN"])?;
        let path = self.string_literal("a plan's path in quotes")?;
        let if_not_exists = self.eat_words(&["IF", "NOT", "EXISTS"]);
        self.expect_words(&["FOR"])?;
        let start = self.span();
        let kind = if self.at(&["STATEMENT"]) {
            StatementKind::StatementSet(self.statement_set()?)
        } else {
            StatementKind::Insert(Box::new(self.insert()?))
        };
        let statement = Box::new(Statement { kind, span: self.span_from(start) });
        let plan = PlanStatement::Compile { execute, path, if_not_exists, statement };
        Ok(StatementKind::Plan(plan))
    }

    // --- DELETE, UPDATE ------------------------------------------------------------------------

    fn delete(&mut self) -> Parsed<StatementKind> {
        self.advance();
        self.expect_words(&["FROM"])?;
        let table = self.object_name("a table's name")?;
        let aliased = self.eat_words(&["AS"]) || self.at_ident();
        let alias = if aliased { Some(self.ident("an alias")?) } else { None };
        let filter = if self.eat_words(&["WHERE"]) { Some(self.expr()?) } else { None };
        Ok(StatementKind::Delete(DeleteFrom { table, alias, filter }))
    }

    fn update(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let table = self.object_name("a table's name")?;
        let aliased = self.eat_words(&["AS"]) || self.at_ident();
        let alias = if aliased { Some(self.ident("an alias")?) } else { None };
        self.expect_words(&["SET"])?;
        let assignments = self.comma_separated(|p| {
            let column = p.ident("a column's name")?;
            p.expect(&TokenKind::Eq, "\"=\"")?;
            Ok(UpdateAssignment { column, value: p.expr()? })
        })?;
        let filter = if self.eat_words(&["WHERE"]) { Some(self.expr()?) } else { None };
        Ok(StatementKind::Update(Update { table, alias, assignments, filter }))
    }
}
