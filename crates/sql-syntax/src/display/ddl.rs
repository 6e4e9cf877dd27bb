//! CREATE, ALTER, DROP.

use std::fmt::{self, Display, Formatter};

use super::{Clause, Commas, ListClause, flag};
use crate::ast::{
    AlterDatabase, AlterTable, AlterTableAction, AlterView, AlterViewAction, ColumnConstraint,
    ColumnDef, ColumnKind, ColumnPosition, CreateCatalog, CreateDatabase, CreateFunction,
    CreateTable, CreateView, Distribution, DistributionKind, Drop, DropBehavior, DropKind,
    Enforcement, Ident, LikeFeature, LikeOption, LikeStrategy, SchemaItem, TableConstraint,
    TableElement, TableLike, Temporality, UniqueKind, WatermarkDef,
};

/// `IF NOT EXISTS `, or nothing.
fn unless_exists(set: bool) -> &'static str {
    flag(set, "IF NOT EXISTS ")
}

impl Display for Temporality {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Permanent => "",
            Self::Temporary => "TEMPORARY ",
            Self::TemporarySystem => "TEMPORARY SYSTEM ",
        })
    }
}

impl Display for CreateTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let replace = flag(self.or_replace, "OR REPLACE ");
        let exists = unless_exists(self.if_not_exists);
        write!(f, "CREATE {replace}{}TABLE {exists}{}", self.temporality, self.name)?;
        if !self.elements.is_empty() {
            f.write_str(" (\n")?;
            for (index, element) in self.elements.iter().enumerate() {
                let separator = if index == 0 { "" } else { ",\n" };
                write!(f, "{separator}  {element}")?;
            }
            f.write_str("\n)")?;
        }
        Clause(" COMMENT ", &self.comment).fmt(f)?;
        Clause(" DISTRIBUTED ", &self.distribution).fmt(f)?;
        ListClause(" PARTITIONED BY (", &self.partitioned_by, ")").fmt(f)?;
        if !self.options.is_empty() {
            f.write_str(" WITH (\n")?;
            for (index, option) in self.options.iter().enumerate() {
                let separator = if index == 0 { "" } else { ",\n" };
                write!(f, "{separator}  {option}")?;
            }
            f.write_str("\n)")?;
        }
        Clause(" ", &self.like).fmt(f)?;
        Clause(" AS ", &self.query).fmt(f)
    }
}

impl Display for TableElement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => column.fmt(f),
            Self::Name(name) => name.fmt(f),
            Self::Watermark(watermark) => watermark.fmt(f),
            Self::Constraint(constraint) => constraint.fmt(f),
        }
    }
}

impl Display for ColumnDef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ColumnKind::Physical { data_type } => write!(f, "{} {data_type}", self.name)?,
            ColumnKind::Metadata { data_type, key, is_virtual } => {
                let (name, key) = (&self.name, Clause(" FROM ", key));
                write!(f, "{name} {data_type} METADATA{key}{}", flag(*is_virtual, " VIRTUAL"))?;
            }
            ColumnKind::Computed { expr } => write!(f, "{} AS {expr}", self.name)?,
        }
        write!(f, "{}{}", Clause(" ", &self.constraint), Clause(" COMMENT ", &self.comment))
    }
}

fn constraint_head(name: &Option<Ident>, kind: UniqueKind, f: &mut Formatter<'_>) -> fmt::Result {
    if let Some(name) = name {
        write!(f, "CONSTRAINT {name} ")?;
    }
    f.write_str(if kind == UniqueKind::PrimaryKey { "PRIMARY KEY" } else { "UNIQUE" })
}

impl Display for Enforcement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "",
            Self::Enforced => " ENFORCED",
            Self::NotEnforced => " NOT ENFORCED",
        })
    }
}

impl Display for ColumnConstraint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        constraint_head(&self.name, self.kind, f)?;
        self.enforcement.fmt(f)
    }
}

impl Display for TableConstraint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        constraint_head(&self.name, self.kind, f)?;
        write!(f, " ({}){}", Commas(&self.columns), self.enforcement)
    }
}

impl Display for WatermarkDef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "WATERMARK FOR {} AS {}", self.column, self.expr)
    }
}

impl Display for Distribution {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.columns.is_empty() {
            let kind = match self.kind {
                Some(DistributionKind::Hash) => "HASH ",
                Some(DistributionKind::Range) => "RANGE ",
                None => "",
            };
            write!(f, "BY {kind}({})", Commas(&self.columns))?;
        }
        match self.buckets {
            Some(buckets) => {
                write!(f, "{}INTO {buckets} BUCKETS", flag(!self.columns.is_empty(), " "))
            }
            None => Ok(()),
        }
    }
}

impl Display for TableLike {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "LIKE {}", self.name)?;
        for (index, option) in self.options.iter().enumerate() {
            write!(f, "{}{option}", if index == 0 { " (" } else { " " })?;
        }
        f.write_str(flag(!self.options.is_empty(), ")"))
    }
}

impl Display for LikeOption {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let strategy = match self.strategy {
            LikeStrategy::Including => "INCLUDING",
            LikeStrategy::Excluding => "EXCLUDING",
            LikeStrategy::Overwriting => "OVERWRITING",
        };
        let feature = match self.feature {
            LikeFeature::All => "ALL",
            LikeFeature::Constraints => "CONSTRAINTS",
            LikeFeature::Distribution => "DISTRIBUTION",
            LikeFeature::Generated => "GENERATED",
            LikeFeature::Metadata => "METADATA",
            LikeFeature::Options => "OPTIONS",
            LikeFeature::Partitions => "PARTITIONS",
            LikeFeature::Watermarks => "WATERMARKS",
        };
        write!(f, "{strategy} {feature}")
    }
}

impl Display for CreateView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let exists = unless_exists(self.if_not_exists);
        write!(f, "CREATE {}VIEW {exists}{}", self.temporality, self.name)?;
        let columns = ListClause(" (", &self.columns, ")");
        write!(f, "{columns}{} AS {}", Clause(" COMMENT ", &self.comment), self.query)
    }
}

impl Display for CreateFunction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let exists = unless_exists(self.if_not_exists);
        let (temporality, name) = (self.temporality, &self.name);
        write!(f, "CREATE {temporality}FUNCTION {exists}{name} AS {}", self.class)?;
        Clause(" LANGUAGE ", &self.language).fmt(f)?;
        for (index, jar) in self.jars.iter().enumerate() {
            write!(f, "{}{jar}", if index == 0 { " USING JAR " } else { ", JAR " })?;
        }
        Ok(())
    }
}

impl Display for CreateCatalog {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE CATALOG {}{}", unless_exists(self.if_not_exists), self.name)?;
        let options = ListClause(" WITH (", &self.options, ")");
        write!(f, "{}{options}", Clause(" COMMENT ", &self.comment))
    }
}

impl Display for CreateDatabase {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE DATABASE {}{}", unless_exists(self.if_not_exists), self.name)?;
        let options = ListClause(" WITH (", &self.options, ")");
        write!(f, "{}{options}", Clause(" COMMENT ", &self.comment))
    }
}

impl Display for AlterTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "ALTER TABLE {}{} ", flag(self.if_exists, "IF EXISTS "), self.name)?;
        match &self.action {
            AlterTableAction::RenameTo(name) => write!(f, "RENAME TO {name}"),
            AlterTableAction::RenameColumn { from, to } => write!(f, "RENAME {from} TO {to}"),
            AlterTableAction::Set(options) => write!(f, "SET ({})", Commas(options)),
            AlterTableAction::Reset(keys) => write!(f, "RESET ({})", Commas(keys)),
            AlterTableAction::Add(items) => write!(f, "ADD ({})", Commas(items)),
            AlterTableAction::Modify(items) => write!(f, "MODIFY ({})", Commas(items)),
            AlterTableAction::AddDistribution(by) => write!(f, "ADD DISTRIBUTION {by}"),
            AlterTableAction::ModifyDistribution(by) => write!(f, "MODIFY DISTRIBUTION {by}"),
            AlterTableAction::DropColumns(columns) => write!(f, "DROP ({})", Commas(columns)),
            AlterTableAction::DropPrimaryKey => f.write_str("DROP PRIMARY KEY"),
            AlterTableAction::DropConstraint(name) => write!(f, "DROP CONSTRAINT {name}"),
            AlterTableAction::DropWatermark => f.write_str("DROP WATERMARK"),
            AlterTableAction::DropDistribution => f.write_str("DROP DISTRIBUTION"),
            AlterTableAction::AddPartitions { if_not_exists, partitions } => {
                f.write_str("ADD")?;
                f.write_str(flag(*if_not_exists, " IF NOT EXISTS"))?;
                for (spec, options) in partitions {
                    let options = ListClause(" WITH (", options, ")");
                    write!(f, " PARTITION ({}){options}", Commas(spec))?;
                }
                Ok(())
            }
            AlterTableAction::DropPartitions { if_exists, partitions } => {
                write!(f, "DROP{}", flag(*if_exists, " IF EXISTS"))?;
                for (index, spec) in partitions.iter().enumerate() {
                    write!(f, "{} PARTITION ({})", flag(index > 0, ","), Commas(spec))?;
                }
                Ok(())
            }
        }
    }
}

impl Display for SchemaItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.element.fmt(f)?;
        match &self.position {
            Some(ColumnPosition::First) => f.write_str(" FIRST"),
            Some(ColumnPosition::After(column)) => write!(f, " AFTER {column}"),
            None => Ok(()),
        }
    }
}

impl Display for AlterView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.action {
            AlterViewAction::RenameTo(to) => write!(f, "ALTER VIEW {} RENAME TO {to}", self.name),
            AlterViewAction::As(query) => write!(f, "ALTER VIEW {} AS {query}", self.name),
        }
    }
}

impl Display for AlterDatabase {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "ALTER DATABASE {} SET ({})", self.name, Commas(&self.options))
    }
}

impl Display for Drop {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DropKind::Table => "TABLE",
            DropKind::View => "VIEW",
            DropKind::Database => "DATABASE",
            DropKind::Catalog => "CATALOG",
            DropKind::Function => "FUNCTION",
        };
        let exists = flag(self.if_exists, "IF EXISTS ");
        write!(f, "DROP {}{kind} {exists}{}", self.temporality, self.name)?;
        f.write_str(match self.behavior {
            Some(DropBehavior::Restrict) => " RESTRICT",
            Some(DropBehavior::Cascade) => " CASCADE",
            None => "",
        })
    }
}
