//! Typed expressions over one packed row.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;
use tailwater_types::{DataType, Datum, Layout, RowRef, RowWriter, Value};

use crate::env::{Env, EvalError};

/// An expression whose functions are resolved and whose arguments are already cast.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it computes.
    pub node: Node,
    /// The type of its value.
    pub data_type: DataType,
}

/// The forms an [`Expr`] has. Only the forms that must not evaluate all their arguments are nodes
/// of their own, everything else is a [`Node::Call`].
#[derive(Clone, Debug)]
pub enum Node {
    /// A column of the input row.
    Column(usize, Layout),
    /// A constant.
    Literal(Value),
    /// A function of its arguments.
    Call(Arc<Function>, Vec<Expr>),
    /// True if all are, false if one is, else NULL.
    And(Vec<Expr>),
    /// True if one is, false if all are, else NULL.
    Or(Vec<Expr>),
    /// The value of the first branch whose condition is true.
    Case {
        /// Condition and value.
        branches: Vec<(Expr, Expr)>,
        /// The value if no condition is true.
        otherwise: Box<Expr>,
    },
    /// The first argument that is not NULL.
    Coalesce(Vec<Expr>),
}

/// What a function computes from evaluated arguments.
pub type Eval =
    Box<dyn for<'a> Fn(&Env<'a>, &[Datum<'a>]) -> Result<Datum<'a>, EvalError> + Send + Sync>;

/// Whether the same arguments always give the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volatility {
    /// Always.
    Pure,
    /// Evaluated once for each row: clocks, random numbers, ids.
    PerRow,
}

/// What a function does with NULL arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NullHandling {
    /// One NULL argument gives NULL; the function never sees it.
    Strict,
    /// The function sees NULL arguments.
    Called,
}

/// A resolved function.
pub struct Function {
    /// What EXPLAIN prints and what the plan's identity is made of; names everything the closure
    /// depends on beyond its arguments, such as the target of a cast.
    pub name: String,
    /// What it does with NULL.
    pub nulls: NullHandling,
    /// Whether it is a pure function.
    pub volatility: Volatility,
    /// The computation.
    pub eval: Eval,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Expr {
    /// Column `index` of the input.
    pub fn column(index: usize, data_type: DataType) -> Self {
        Self { node: Node::Column(index, data_type.layout()), data_type }
    }

    /// A constant.
    pub fn literal(value: Value, data_type: DataType) -> Self {
        Self { node: Node::Literal(value), data_type }
    }

    /// NULL of a type.
    pub fn null(data_type: &DataType) -> Self {
        Self::literal(Value::Null, data_type.with_nullable(true))
    }

    /// A call of a pure function that gives NULL for NULL.
    pub fn strict(
        name: impl Into<String>,
        args: Vec<Expr>,
        data_type: DataType,
        eval: impl for<'a> Fn(&Env<'a>, &[Datum<'a>]) -> Result<Datum<'a>, EvalError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self::call(name, NullHandling::Strict, Volatility::Pure, args, data_type, eval)
    }

    /// A call of a pure function that sees NULL.
    pub fn called(
        name: impl Into<String>,
        args: Vec<Expr>,
        data_type: DataType,
        eval: impl for<'a> Fn(&Env<'a>, &[Datum<'a>]) -> Result<Datum<'a>, EvalError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self::call(name, NullHandling::Called, Volatility::Pure, args, data_type, eval)
    }

    /// A call of any function.
    pub fn call(
        name: impl Into<String>,
        nulls: NullHandling,
        volatility: Volatility,
        args: Vec<Expr>,
        data_type: DataType,
        eval: impl for<'a> Fn(&Env<'a>, &[Datum<'a>]) -> Result<Datum<'a>, EvalError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let function = Function { name: name.into(), nulls, volatility, eval: Box::new(eval) };
        Self { node: Node::Call(Arc::new(function), args), data_type }
    }

    /// The constant, if it is one.
    pub fn as_literal(&self) -> Option<&Value> {
        if let Node::Literal(value) = &self.node { Some(value) } else { None }
    }

    /// The text constant, if it is one.
    pub fn as_text_literal(&self) -> Option<&str> {
        if let Some(Value::Str(text)) = self.as_literal() { Some(text) } else { None }
    }

    /// The column, if it is a bare one.
    pub fn as_column(&self) -> Option<usize> {
        if let Node::Column(index, _) = self.node { Some(index) } else { None }
    }

    /// The direct parts.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.node {
            Node::Column(..) | Node::Literal(_) => Vec::new(),
            Node::Call(_, args) | Node::And(args) | Node::Or(args) | Node::Coalesce(args) => {
                args.iter().collect()
            }
            Node::Case { branches, otherwise } => {
                let mut all: Vec<&Expr> = branches.iter().flat_map(|(c, v)| [c, v]).collect();
                all.push(otherwise);
                all
            }
        }
    }

    /// Calls `visit` for every column it reads.
    pub fn visit_columns(&self, visit: &mut impl FnMut(usize)) {
        if let Node::Column(index, _) = self.node {
            visit(index);
        }
        for child in self.children() {
            child.visit_columns(visit);
        }
    }

    /// Whether some part is evaluated once for each row.
    pub fn is_volatile(&self) -> bool {
        let own = matches!(&self.node, Node::Call(f, _) if f.volatility == Volatility::PerRow);
        own || self.children().into_iter().any(Expr::is_volatile)
    }

    /// The same expression with every column replaced.
    #[must_use]
    pub fn map_columns(&self, replace: &dyn Fn(usize, &DataType) -> Expr) -> Expr {
        let all = |args: &[Expr]| args.iter().map(|a| a.map_columns(replace)).collect();
        let node = match &self.node {
            Node::Column(index, _) => return replace(*index, &self.data_type),
            Node::Literal(value) => Node::Literal(value.clone()),
            Node::Call(function, args) => Node::Call(Arc::clone(function), all(args)),
            Node::And(args) => Node::And(all(args)),
            Node::Or(args) => Node::Or(all(args)),
            Node::Coalesce(args) => Node::Coalesce(all(args)),
            Node::Case { branches, otherwise } => Node::Case {
                branches: branches
                    .iter()
                    .map(|(c, v)| (c.map_columns(replace), v.map_columns(replace)))
                    .collect(),
                otherwise: Box::new(otherwise.map_columns(replace)),
            },
        };
        Expr { node, data_type: self.data_type.clone() }
    }

    /// The value for the row in `env`.
    ///
    /// # Errors
    /// What the data does not allow: a text that is no number, a division by zero.
    pub fn eval<'a>(&'a self, env: &Env<'a>) -> Result<Datum<'a>, EvalError> {
        match &self.node {
            Node::Column(index, layout) => Ok(env.row.get(*index, *layout)),
            Node::Literal(value) => Ok(value.as_datum()),
            Node::Call(function, args) => {
                let mut values: SmallVec<[Datum<'a>; 4]> = SmallVec::new();
                for arg in args {
                    let value = arg.eval(env)?;
                    if value.is_null() && function.nulls == NullHandling::Strict {
                        return Ok(Datum::Null);
                    }
                    values.push(value);
                }
                (function.eval)(env, &values)
            }
            Node::And(args) => eval_until(args, env, false),
            Node::Or(args) => eval_until(args, env, true),
            Node::Case { branches, otherwise } => {
                for (condition, value) in branches {
                    if condition.eval(env)? == Datum::Bool(true) {
                        return value.eval(env);
                    }
                }
                otherwise.eval(env)
            }
            Node::Coalesce(args) => {
                for arg in args {
                    let value = arg.eval(env)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Ok(Datum::Null)
            }
        }
    }
}

fn eval_until<'a>(args: &'a [Expr], env: &Env<'a>, stop: bool) -> Result<Datum<'a>, EvalError> {
    let mut unknown = false;
    for arg in args {
        match arg.eval(env)? {
            Datum::Bool(v) if v == stop => return Ok(Datum::Bool(stop)),
            Datum::Bool(_) => {}
            _ => unknown = true,
        }
    }
    Ok(if unknown { Datum::Null } else { Datum::Bool(!stop) })
}

/// Appends the packed tuple of all expressions' values.
///
/// # Errors
/// The first expression's that cannot be evaluated; `out` then holds half a row.
pub fn eval_row<'a>(
    exprs: &'a [Expr],
    layouts: &[Layout],
    env: &Env<'a>,
    out: &mut Vec<u8>,
) -> Result<(), EvalError> {
    let mut writer = RowWriter::new(out, exprs.len());
    for (expr, layout) in exprs.iter().zip(layouts) {
        writer.push(expr.eval(env)?, *layout);
    }
    Ok(())
}

/// Canonical text: EXPLAIN shows it and the identity of a plan is made of it.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, name: &str, args: &[Expr]| {
            write!(f, "{name}(")?;
            for (i, arg) in args.iter().enumerate() {
                write!(f, "{}{arg}", if i == 0 { "" } else { ", " })?;
            }
            f.write_str(")")
        };
        match &self.node {
            Node::Column(index, _) => write!(f, "${index}"),
            Node::Literal(value) => match value {
                Value::Null => write!(f, "null:{}", self.data_type),
                Value::Str(text) => write!(f, "'{}'", text.replace('\'', "''")),
                Value::Bool(v) => write!(f, "{v}"),
                Value::Int(v) => write!(f, "{v}"),
                other => write!(
                    f,
                    "{}:{}",
                    crate::text::to_text(other.as_datum(), &self.data_type),
                    self.data_type
                ),
            },
            Node::Call(function, args) => list(f, &function.name, args),
            Node::And(args) => list(f, "AND", args),
            Node::Or(args) => list(f, "OR", args),
            Node::Coalesce(args) => list(f, "COALESCE", args),
            Node::Case { branches, otherwise } => {
                f.write_str("CASE(")?;
                for (condition, value) in branches {
                    write!(f, "{condition}, {value}, ")?;
                }
                write!(f, "{otherwise})")
            }
        }
    }
}

/// A row to evaluate constants against: it has no columns.
pub(crate) const NO_ROW: &[u8] = &[0, 0, 0, 0];

impl Expr {
    /// Evaluates an expression that reads no column and is pure to a constant; others stay.
    ///
    /// # Errors
    /// What the constant's computation gives.
    pub fn fold(self) -> Result<Expr, EvalError> {
        let constant = !self.is_volatile() && {
            let mut columns = 0;
            self.visit_columns(&mut |_| columns += 1);
            columns == 0
        };
        if !constant || self.as_literal().is_some() {
            return Ok(self);
        }
        let arena = bumpalo::Bump::new();
        let env = Env::new(RowRef::new(NO_ROW), &arena, Default::default());
        let value = Value::from(self.eval(&env)?);
        Ok(Expr::literal(value, self.data_type))
    }
}
