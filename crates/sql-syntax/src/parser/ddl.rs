//! CREATE, ALTER and DROP of everything but the columns of a table.

use super::{Parsed, Parser};
use crate::ast::{
    AlterDatabase, AlterTable, AlterTableAction, AlterView, AlterViewAction, ColumnPosition,
    CreateCatalog, CreateDatabase, CreateFunction, CreateView, Drop, DropBehavior, DropKind, Ident,
    PartitionItem, SchemaItem, SqlOption, StatementKind, StringLiteral, Temporality,
};
use crate::token::TokenKind;

impl Parser<'_> {
    pub(super) fn create(&mut self) -> Parsed<StatementKind> {
        let start = self.position();
        self.advance();
        let or_replace = self.eat_words(&["OR", "REPLACE"]);
        let temporality = self.temporality();
        if self.eat_words(&["TABLE"]) {
            let table = self.create_table(or_replace, temporality)?;
            return Ok(StatementKind::CreateTable(Box::new(table)));
        }
        if self.eat_words(&["VIEW"]) {
            return self.create_view(temporality).map(StatementKind::CreateView);
        }
        if self.eat_words(&["FUNCTION"]) {
            return self.create_function(temporality).map(StatementKind::CreateFunction);
        }
        if self.eat_words(&["CATALOG"]) {
            let if_not_exists = self.eat_words(&["IF", "NOT", "EXISTS"]);
            let name = self.ident("a catalog's name")?;
            let (comment, options) = self.comment_and_options()?;
            let catalog = CreateCatalog { if_not_exists, name, comment, options };
            return Ok(StatementKind::CreateCatalog(catalog));
        }
        if self.eat_words(&["DATABASE"]) {
            let if_not_exists = self.eat_words(&["IF", "NOT", "EXISTS"]);
            let name = self.object_name("a database's name")?;
            let (comment, options) = self.comment_and_options()?;
            let database = CreateDatabase { if_not_exists, name, comment, options };
            return Ok(StatementKind::CreateDatabase(database));
        }
        if self.at(&["MODEL"]) || self.at(&["MATERIALIZED", "TABLE"]) || self.at(&["CONNECTION"]) {
            let words = if self.at(&["MATERIALIZED"]) { 2 } else { 1 };
            return Ok(self.other_statement(start, self.position() + words));
        }
        let what = "TABLE, VIEW, FUNCTION, CATALOG or DATABASE";
        Err(self.misspelt(what, &["TABLE", "VIEW", "FUNCTION", "CATALOG", "DATABASE", "TEMPORARY"]))
    }

    fn temporality(&mut self) -> Temporality {
        if self.eat_words(&["TEMPORARY", "SYSTEM"]) {
            Temporality::TemporarySystem
        } else if self.eat_words(&["TEMPORARY"]) {
            Temporality::Temporary
        } else {
            Temporality::Permanent
        }
    }

    fn comment_and_options(&mut self) -> Parsed<(Option<StringLiteral>, Vec<SqlOption>)> {
        let mut comment = None;
        if self.eat_words(&["COMMENT"]) {
            comment = Some(self.string_literal("a comment in quotes")?);
        }
        let options = if self.eat_words(&["WITH"]) { self.options()? } else { Vec::new() };
        Ok((comment, options))
    }

    fn create_view(&mut self, temporality: Temporality) -> Parsed<CreateView> {
        let if_not_exists = self.eat_words(&["IF", "NOT", "EXISTS"]);
        let name = self.object_name("a view's name")?;
        let mut columns = Vec::new();
        if *self.peek() == TokenKind::LParen {
            columns = self.ident_list("a column's name")?;
        }
        let mut comment = None;
        if self.eat_words(&["COMMENT"]) {
            comment = Some(self.string_literal("a comment in quotes")?);
        }
        self.expect_words(&["AS"])?;
        let query = Box::new(self.query()?);
        Ok(CreateView { temporality, if_not_exists, name, columns, comment, query })
    }

    fn create_function(&mut self, temporality: Temporality) -> Parsed<CreateFunction> {
        let if_not_exists = self.eat_words(&["IF", "NOT", "EXISTS"]);
        let name = self.object_name("a function's name")?;
        self.expect_words(&["AS"])?;
        let class = self.string_literal("a class in quotes")?;
        let mut language = None;
        if self.eat_words(&["LANGUAGE"]) {
            language = Some(self.any_word("a language")?);
        }
        let mut jars = Vec::new();
        if self.eat_words(&["USING"]) {
            jars = self.comma_separated(|p| {
                p.expect_words(&["JAR"])?;
                p.string_literal("a path in quotes")
            })?;
        }
        Ok(CreateFunction { temporality, if_not_exists, name, class, language, jars })
    }

    // --- DROP ----------------------------------------------------------------------------------

    pub(super) fn drop_statement(&mut self) -> Parsed<StatementKind> {
        let start = self.position();
        self.advance();
        let temporality = self.temporality();
        let kind = if self.eat_words(&["TABLE"]) {
            DropKind::Table
        } else if self.eat_words(&["VIEW"]) {
            DropKind::View
        } else if self.eat_words(&["DATABASE"]) {
            DropKind::Database
        } else if self.eat_words(&["CATALOG"]) {
            DropKind::Catalog
        } else if self.eat_words(&["FUNCTION"]) {
            DropKind::Function
        } else if self.at_any(&["MODEL", "CONNECTION"]) || self.at(&["MATERIALIZED", "TABLE"]) {
            let words = if self.at(&["MATERIALIZED"]) { 2 } else { 1 };
            return Ok(self.other_statement(start, self.position() + words));
        } else {
            let words = &["TABLE", "VIEW", "DATABASE", "CATALOG", "FUNCTION", "TEMPORARY"];
            return Err(self.misspelt("TABLE, VIEW, DATABASE, CATALOG or FUNCTION", words));
        };
        let if_exists = self.eat_words(&["IF", "EXISTS"]);
        let name = self.object_name("a name")?;
        let behavior = if self.eat_words(&["RESTRICT"]) {
            Some(DropBehavior::Restrict)
        } else if self.eat_words(&["CASCADE"]) {
            Some(DropBehavior::Cascade)
        } else {
            None
        };
        Ok(StatementKind::Drop(Drop { kind, temporality, if_exists, name, behavior }))
    }

    // --- ALTER ---------------------------------------------------------------------------------

    pub(super) fn alter(&mut self) -> Parsed<StatementKind> {
        let start = self.position();
        self.advance();
        if self.eat_words(&["TABLE"]) {
            let if_exists = self.eat_words(&["IF", "EXISTS"]);
            let name = self.object_name("a table's name")?;
            let action = self.alter_table_action()?;
            let alter = AlterTable { if_exists, name, action };
            return Ok(StatementKind::AlterTable(Box::new(alter)));
        }
        if self.eat_words(&["VIEW"]) {
            let name = self.object_name("a view's name")?;
            let action = if self.eat_words(&["RENAME"]) {
                self.expect_words(&["TO"])?;
                AlterViewAction::RenameTo(self.object_name("the new name")?)
            } else {
                self.expect_words(&["AS"])?;
                AlterViewAction::As(Box::new(self.query()?))
            };
            return Ok(StatementKind::AlterView(AlterView { name, action }));
        }
        if self.eat_words(&["DATABASE"]) {
            let name = self.object_name("a database's name")?;
            self.expect_words(&["SET"])?;
            let options = self.options()?;
            return Ok(StatementKind::AlterDatabase(AlterDatabase { name, options }));
        }
        if self.at_any(&["CATALOG", "FUNCTION", "MODEL", "MATERIALIZED", "TEMPORARY", "CONNECTION"])
        {
            return Ok(self.other_statement(start, start + 2));
        }
        Err(self.misspelt("TABLE, VIEW or DATABASE", &["TABLE", "VIEW", "DATABASE", "CATALOG"]))
    }

    fn alter_table_action(&mut self) -> Parsed<AlterTableAction> {
        if self.eat_words(&["RENAME"]) {
            if self.eat_words(&["TO"]) {
                return self.object_name("the new name").map(AlterTableAction::RenameTo);
            }
            let from = self.object_name("a column's name")?;
            self.expect_words(&["TO"])?;
            let to = self.ident("the new name")?;
            return Ok(AlterTableAction::RenameColumn { from, to });
        }
        if self.eat_words(&["SET"]) {
            return self.options().map(AlterTableAction::Set);
        }
        if self.eat_words(&["RESET"]) {
            let keys = self.parenthesized(|p| p.string_literal("an option's key in quotes"))?;
            return Ok(AlterTableAction::Reset(keys));
        }
        if self.eat_words(&["ADD"]) {
            return self.alter_add();
        }
        if self.eat_words(&["MODIFY"]) {
            if self.at(&["DISTRIBUTION"]) {
                let start = self.span();
                self.advance();
                return self.distribution(start).map(AlterTableAction::ModifyDistribution);
            }
            return self.schema_items().map(AlterTableAction::Modify);
        }
        if self.eat_words(&["DROP"]) {
            return self.alter_drop();
        }
        let words = &["ADD", "MODIFY", "DROP", "RENAME", "SET", "RESET"];
        Err(self.misspelt("ADD, MODIFY, DROP, RENAME, SET or RESET", words))
    }

    fn alter_add(&mut self) -> Parsed<AlterTableAction> {
        if self.at(&["DISTRIBUTION"]) {
            let start = self.span();
            self.advance();
            return self.distribution(start).map(AlterTableAction::AddDistribution);
        }
        let if_not_exists = self.eat_words(&["IF", "NOT", "EXISTS"]);
        if if_not_exists || self.at(&["PARTITION"]) {
            let mut partitions = Vec::new();
            while self.eat_words(&["PARTITION"]) {
                let spec = self.partition_spec()?;
                let options = if self.eat_words(&["WITH"]) { self.options()? } else { Vec::new() };
                partitions.push((spec, options));
            }
            return Ok(AlterTableAction::AddPartitions { if_not_exists, partitions });
        }
        self.schema_items().map(AlterTableAction::Add)
    }

    fn alter_drop(&mut self) -> Parsed<AlterTableAction> {
        if self.eat_words(&["PRIMARY", "KEY"]) {
            return Ok(AlterTableAction::DropPrimaryKey);
        }
        if self.eat_words(&["CONSTRAINT"]) {
            return self.ident("a constraint's name").map(AlterTableAction::DropConstraint);
        }
        if self.eat_words(&["WATERMARK"]) {
            return Ok(AlterTableAction::DropWatermark);
        }
        if self.eat_words(&["DISTRIBUTION"]) {
            return Ok(AlterTableAction::DropDistribution);
        }
        let if_exists = self.eat_words(&["IF", "EXISTS"]);
        if if_exists || self.at(&["PARTITION"]) {
            let partitions = self.comma_separated(|p| {
                p.expect_words(&["PARTITION"])?;
                p.partition_spec()
            })?;
            return Ok(AlterTableAction::DropPartitions { if_exists, partitions });
        }
        let columns = if *self.peek() == TokenKind::LParen {
            self.parenthesized(|p| p.object_name("a column's name"))?
        } else {
            vec![self.object_name("a column's name")?]
        };
        Ok(AlterTableAction::DropColumns(columns))
    }

    fn schema_items(&mut self) -> Parsed<Vec<SchemaItem>> {
        if *self.peek() == TokenKind::LParen {
            self.parenthesized(Self::schema_item)
        } else {
            Ok(vec![self.schema_item()?])
        }
    }

    fn schema_item(&mut self) -> Parsed<SchemaItem> {
        let element = self.table_element()?;
        let position = if self.eat_words(&["FIRST"]) {
            Some(ColumnPosition::First)
        } else if self.eat_words(&["AFTER"]) {
            Some(ColumnPosition::After(self.object_name("a column's name")?))
        } else {
            None
        };
        Ok(SchemaItem { element, position })
    }

    /// `(k = 'v', k)`.
    pub(super) fn partition_spec(&mut self) -> Parsed<Vec<PartitionItem>> {
        self.parenthesized(|p| {
            let name: Ident = p.ident("a partition column's name")?;
            let value = if p.eat(&TokenKind::Eq) { Some(p.expr()?) } else { None };
            Ok(PartitionItem { name, value })
        })
    }
}
