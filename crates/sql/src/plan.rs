//! Logical plans: what a query computes, with types and change properties on every edge.

use std::sync::Arc;

use tailwater_expr::Expr;
use tailwater_types::{ChangelogMode, DataType, Field, Schema};

use crate::catalog::{CatalogTable, Path};

/// A plan with the properties of its output.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it does.
    pub node: PlanNode,
    /// The columns of its output.
    pub schema: Schema,
    /// What its output may contain: `InsertOnly` or `Retract`.
    pub mode: ChangelogMode,
    /// Sets of columns of which each tells the output's rows apart.
    pub unique_keys: Vec<Vec<usize>>,
}

/// What a plan does.
#[derive(Clone, Debug)]
pub enum PlanNode {
    /// Reads a table: its physical and metadata columns.
    Scan(Arc<CatalogTable>),
    /// Constant rows.
    Values(Vec<Vec<Expr>>),
    /// Filter and projection.
    Calc {
        /// Where from.
        input: Box<Plan>,
        /// Which rows.
        filter: Option<Expr>,
        /// What of them; all columns without one.
        projection: Option<Vec<Expr>>,
    },
    /// A join by equal keys.
    Join {
        /// The left input.
        left: Box<Plan>,
        /// The right input.
        right: Box<Plan>,
        /// Which rows it gives.
        kind: JoinKind,
        /// Keys over the left columns.
        left_keys: Vec<Expr>,
        /// Keys over the right columns, of the same types.
        right_keys: Vec<Expr>,
        /// For each key whether NULL equals NULL.
        nulls_match: Vec<bool>,
        /// What else must hold, over the columns of both.
        condition: Option<Expr>,
    },
    /// GROUP BY.
    Aggregate {
        /// Where from.
        input: Box<Plan>,
        /// The group's columns.
        group: Vec<Expr>,
        /// The aggregates behind them.
        calls: Vec<AggregateCall>,
    },
    /// All rows of all inputs.
    Union(Vec<Plan>),
    /// Turns an upsert stream into whole changes by these key columns.
    Normalize {
        /// Where from.
        input: Box<Plan>,
        /// The key.
        key: Vec<usize>,
    },
}

/// Which rows a join gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are SQL's")]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    Semi,
    Anti,
}

impl JoinKind {
    /// Whether only left rows come out.
    pub fn is_one_sided(self) -> bool {
        matches!(self, JoinKind::Semi | JoinKind::Anti)
    }
}

/// An aggregate of a GROUP BY.
#[derive(Clone, Debug)]
pub struct AggregateCall {
    /// `COUNT`, `SUM` ...
    pub name: String,
    /// Its argument, `None` for `COUNT(*)`.
    pub argument: Option<Expr>,
    /// `DISTINCT`
    pub is_distinct: bool,
    /// `FILTER (WHERE ...)`
    pub filter: Option<Expr>,
    /// The type of its result.
    pub data_type: DataType,
}

impl std::fmt::Display for AggregateCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let distinct = if self.is_distinct { "DISTINCT " } else { "" };
        match &self.argument {
            Some(argument) => write!(f, "{}({distinct}{argument})", self.name)?,
            None => write!(f, "{}(*)", self.name)?,
        }
        match &self.filter {
            Some(filter) => write!(f, " FILTER {filter}"),
            None => Ok(()),
        }
    }
}

/// A query's rows on their way to a table.
#[derive(Clone, Debug)]
pub struct InsertPlan {
    /// The table.
    pub table: Arc<CatalogTable>,
    /// Rows of the table's written columns.
    pub plan: Plan,
    /// What the sink takes.
    pub sink_mode: ChangelogMode,
    /// The sink's key as places in the plan's columns.
    pub sink_key: Vec<usize>,
    /// Whether rows of different unique keys may share a sink key.
    pub materializes: bool,
}

impl InsertPlan {
    /// The job's name where none is set.
    pub fn default_job_name(&self) -> String {
        format!("insert-into_{}", self.table.path)
    }

    /// The sink's path.
    pub fn path(&self) -> &Path {
        &self.table.path
    }
}

impl Plan {
    /// A scan of a table whose source gives `mode`; an upsert source is normalised by its key.
    pub fn scan(table: &Arc<CatalogTable>, mode: ChangelogMode) -> Plan {
        let columns: Vec<_> = table.read_columns().collect();
        let fields: Vec<Field> =
            columns.iter().map(|c| Field::new(c.name.as_str(), c.data_type.clone())).collect();
        let place = |name: &String| columns.iter().position(|c| &c.name == name);
        let key: Option<Vec<usize>> = table.key_columns().iter().map(place).collect();
        let key = key.filter(|k| !k.is_empty());
        let scan = Plan {
            node: PlanNode::Scan(Arc::clone(table)),
            schema: Schema::new(fields),
            mode,
            unique_keys: key.iter().cloned().collect(),
        };
        match key {
            Some(key) if mode == ChangelogMode::Upsert => Plan {
                schema: scan.schema.clone(),
                mode: ChangelogMode::Retract,
                unique_keys: scan.unique_keys.clone(),
                node: PlanNode::Normalize { input: Box::new(scan), key },
            },
            _ => scan,
        }
    }

    /// Constant rows of one schema.
    pub fn values(rows: Vec<Vec<Expr>>, schema: Schema) -> Plan {
        let mode = ChangelogMode::InsertOnly;
        Plan { node: PlanNode::Values(rows), schema, mode, unique_keys: Vec::new() }
    }

    /// The rows for which `filter` is true.
    pub fn filter(self, filter: Expr) -> Plan {
        Plan {
            schema: self.schema.clone(),
            mode: self.mode,
            unique_keys: self.unique_keys.clone(),
            node: PlanNode::Calc { input: Box::new(self), filter: Some(filter), projection: None },
        }
    }

    /// These expressions of each row, with these names. A bare filter below is taken in.
    pub fn project(self, exprs: Vec<Expr>, names: Vec<Arc<str>>) -> Plan {
        let fields: Vec<Field> = exprs
            .iter()
            .zip(names)
            .map(|(e, name)| Field::new(name, e.data_type.clone()))
            .collect();
        let place = |column: &usize| exprs.iter().position(|e| e.as_column() == Some(*column));
        let unique_keys =
            self.unique_keys.iter().filter_map(|k| k.iter().map(place).collect()).collect();
        let mode = self.mode;
        let node = match self.node {
            PlanNode::Calc { input, filter, projection: None } => {
                PlanNode::Calc { input, filter, projection: Some(exprs) }
            }
            node => PlanNode::Calc {
                input: Box::new(Plan { node, ..self }),
                filter: None,
                projection: Some(exprs),
            },
        };
        Plan { node, schema: Schema::new(fields), mode, unique_keys }
    }

    /// GROUP BY with results behind the group's columns.
    pub fn aggregate(
        self,
        group: Vec<Expr>,
        calls: Vec<AggregateCall>,
        names: Vec<Arc<str>>,
    ) -> Plan {
        let types = group.iter().map(|e| &e.data_type).chain(calls.iter().map(|c| &c.data_type));
        let fields: Vec<Field> =
            types.zip(names).map(|(t, name)| Field::new(name, t.clone())).collect();
        // Without results nothing of a group ever changes while rows only come.
        let mode = if calls.is_empty() { self.mode } else { ChangelogMode::Retract };
        Plan {
            schema: Schema::new(fields),
            mode,
            unique_keys: vec![(0..group.len()).collect()],
            node: PlanNode::Aggregate { input: Box::new(self), group, calls },
        }
    }

    /// Whether some expression of the plan reads the clock or is otherwise evaluated per row.
    pub fn is_volatile(&self) -> bool {
        let own = match &self.node {
            PlanNode::Scan(_) | PlanNode::Union(_) | PlanNode::Normalize { .. } => false,
            PlanNode::Values(rows) => rows.iter().flatten().any(Expr::is_volatile),
            PlanNode::Calc { filter, projection, .. } => {
                filter.iter().chain(projection.iter().flatten()).any(Expr::is_volatile)
            }
            PlanNode::Join { left_keys, right_keys, condition, .. } => {
                left_keys.iter().chain(right_keys).chain(condition).any(Expr::is_volatile)
            }
            PlanNode::Aggregate { group, calls, .. } => {
                let arguments = calls.iter().flat_map(|c| c.argument.iter().chain(&c.filter));
                group.iter().chain(arguments).any(Expr::is_volatile)
            }
        };
        own || self.inputs().into_iter().any(Plan::is_volatile)
    }

    /// The direct inputs.
    pub fn inputs(&self) -> Vec<&Plan> {
        match &self.node {
            PlanNode::Scan(_) | PlanNode::Values(_) => Vec::new(),
            PlanNode::Calc { input, .. }
            | PlanNode::Aggregate { input, .. }
            | PlanNode::Normalize { input, .. } => vec![input],
            PlanNode::Join { left, right, .. } => vec![left, right],
            PlanNode::Union(inputs) => inputs.iter().collect(),
        }
    }
}
