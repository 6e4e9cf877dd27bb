//! Scalar expressions.

use tailwater_expr::{CastMode, Expr, cast, resolve};
use tailwater_sql_syntax::ast::{
    self, ArgValue, BinaryOp, CaseBranch, CastKind, ExprKind, FunctionCall, IsPredicate, LikeKind,
    TrimSide, UnaryOp,
};
use tailwater_types::{Diagnostic, Span, TypeKind, Value};

use super::literals::text_literal;
use super::scope::Scope;
use super::types::{data_type, interval_kind};
use super::{Binder, Bound};

/// The aggregate functions by name.
const AGGREGATES: [&str; 16] = [
    "COUNT",
    "SUM",
    "SUM0",
    "AVG",
    "MIN",
    "MAX",
    "FIRST_VALUE",
    "LAST_VALUE",
    "LISTAGG",
    "ARRAY_AGG",
    "COLLECT",
    "STDDEV_POP",
    "STDDEV_SAMP",
    "VAR_POP",
    "VAR_SAMP",
    "SINGLE_VALUE",
];

impl Binder<'_> {
    /// A scalar expression over the columns of `scope`.
    pub(super) fn bind_expr(&mut self, expr: &ast::Expr, scope: &Scope) -> Bound<Expr> {
        match &expr.kind {
            ExprKind::Column(path) => self.bind_column(path, scope),
            ExprKind::Literal(literal) => self.bind_literal(literal, expr.span),
            ExprKind::TimeUnit(unit) => Ok(text_literal(&unit.to_string())),
            ExprKind::Unary { op, expr: operand } => {
                let name = match op {
                    UnaryOp::Plus => return self.bind_expr(operand, scope),
                    UnaryOp::Minus => "NEGATE",
                    UnaryOp::Not => "NOT",
                };
                self.bind_call(name, &[operand], expr.span, scope)
            }
            ExprKind::Binary { left, op, op_span, right } => {
                self.bind_binary(left, *op, *op_span, right, expr.span, scope)
            }
            ExprKind::Is { expr: operand, negated, predicate } => {
                self.bind_is(operand, *negated, *predicate, expr.span, scope)
            }
            ExprKind::IsDistinctFrom { left, negated, right } => {
                let name = if *negated { "IS NOT DISTINCT FROM" } else { "IS DISTINCT FROM" };
                self.bind_call(name, &[left, right], expr.span, scope)
            }
            ExprKind::Between { .. } => self.bind_between(expr, scope),
            ExprKind::InList { expr: operand, negated, list } => {
                self.bind_in_list(operand, *negated, list, expr.span, scope)
            }
            _ => self.bind_special(expr, scope),
        }
    }

    /// The forms with a syntax of their own.
    fn bind_special(&mut self, expr: &ast::Expr, scope: &Scope) -> Bound<Expr> {
        match &expr.kind {
            ExprKind::Like { expr: operand, negated, kind, pattern, escape } => {
                let name = match kind {
                    LikeKind::Like => "LIKE",
                    LikeKind::SimilarTo => "SIMILAR TO",
                };
                let mut args = vec![&**operand, &**pattern];
                args.extend(escape.as_deref());
                let like = self.bind_call(name, &args, expr.span, scope)?;
                self.negated(like, *negated, expr.span)
            }
            ExprKind::Case { operand, branches, else_result } => self.bind_case(
                operand.as_deref(),
                branches,
                else_result.as_deref(),
                expr.span,
                scope,
            ),
            ExprKind::Cast { kind, expr: operand, data_type: target } => {
                self.bind_cast(*kind, operand, target, expr.span, scope)
            }
            ExprKind::Call(call) => self.bind_function(call, expr.span, scope),
            ExprKind::Trim { side, characters, expr: operand } => {
                self.bind_trim(*side, characters.as_deref(), operand, expr.span, scope)
            }
            ExprKind::Row { fields, .. } => self.bind_call_all("ROW", fields, expr.span, scope),
            ExprKind::Array(items) => self.bind_call_all("ARRAY", items, expr.span, scope),
            ExprKind::Map(items) => self.bind_call_all("MAP", items, expr.span, scope),
            ExprKind::Subscript { expr: collection, index } => {
                self.bind_call("ITEM", &[collection, index], expr.span, scope)
            }
            ExprKind::Field { expr: row, field } => {
                let row = self.bind_expr(row, scope)?;
                self.bind_fields(row, std::slice::from_ref(field))
            }
            ExprKind::InSubquery { .. } | ExprKind::Exists(_) | ExprKind::Quantified { .. } => self
                .error(
                    "E0190",
                    expr.span,
                    "a subquery in this place is not supported yet",
                    Some("IN (SELECT ...) stands alone or under AND in WHERE".to_owned()),
                ),
            ExprKind::Subquery(_) => self.unsupported(expr.span, "a scalar subquery"),
            ExprKind::DatetimeDifference { left, right, qualifier } => {
                match interval_kind(qualifier) {
                    TypeKind::IntervalDayTime => {
                        self.bind_call("-", &[left, right], expr.span, scope)
                    }
                    _ => self.unsupported(expr.span, "a difference in years or months"),
                }
            }
            _ => self.unsupported(expr.span, &format!("the expression {expr}")),
        }
    }

    fn bind_trim(
        &mut self,
        side: Option<TrimSide>,
        characters: Option<&ast::Expr>,
        operand: &ast::Expr,
        span: Span,
        scope: &Scope,
    ) -> Bound<Expr> {
        let side = match side {
            None | Some(TrimSide::Both) => "BOTH",
            Some(TrimSide::Leading) => "LEADING",
            Some(TrimSide::Trailing) => "TRAILING",
        };
        let characters = match characters {
            Some(characters) => self.bind_expr(characters, scope)?,
            None => text_literal(" "),
        };
        let operand = self.bind_expr(operand, scope)?;
        self.resolve("TRIM", vec![text_literal(side), characters, operand], span)
    }

    /// A condition: what WHERE, HAVING and ON take.
    pub(super) fn bind_condition(
        &mut self,
        expr: &ast::Expr,
        scope: &Scope,
        clause: &str,
    ) -> Bound<Expr> {
        let bound = self.bind_expr(expr, scope)?;
        if matches!(bound.data_type.kind, TypeKind::Boolean) {
            return Ok(bound);
        }
        if bound.data_type.kind == TypeKind::Null {
            return Ok(Expr::null(&TypeKind::Boolean.nullable()));
        }
        let message = format!("{clause} clause must be a condition, this is {}", bound.data_type);
        self.error("E0113", expr.span, message, None)
    }

    pub(super) fn resolve(&mut self, name: &str, args: Vec<Expr>, span: Span) -> Bound<Expr> {
        let resolved = resolve(name, args, self.context);
        self.resolved(span, resolved)
    }

    fn bind_call(
        &mut self,
        name: &str,
        args: &[&ast::Expr],
        span: Span,
        scope: &Scope,
    ) -> Bound<Expr> {
        // Every argument is looked at, so that all errors come at once.
        let bound: Vec<Bound<Expr>> = args.iter().map(|a| self.bind_expr(a, scope)).collect();
        let args = bound.into_iter().collect::<Bound<Vec<_>>>()?;
        self.resolve(name, args, span)
    }

    fn bind_call_all(
        &mut self,
        name: &str,
        args: &[ast::Expr],
        span: Span,
        scope: &Scope,
    ) -> Bound<Expr> {
        let args: Vec<&ast::Expr> = args.iter().collect();
        self.bind_call(name, &args, span, scope)
    }

    fn negated(&mut self, expr: Expr, negated: bool, span: Span) -> Bound<Expr> {
        if negated { self.resolve("NOT", vec![expr], span) } else { Ok(expr) }
    }

    fn bind_binary(
        &mut self,
        left: &ast::Expr,
        op: BinaryOp,
        op_span: Span,
        right: &ast::Expr,
        span: Span,
        scope: &Scope,
    ) -> Bound<Expr> {
        let name = match op {
            BinaryOp::Or => "OR",
            BinaryOp::And => "AND",
            BinaryOp::Eq => "=",
            BinaryOp::NotEq => "<>",
            BinaryOp::NotEqBang => {
                self.bang_equal(op_span)?;
                "<>"
            }
            BinaryOp::Lt => "<",
            BinaryOp::LtEq => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::GtEq => ">=",
            BinaryOp::Plus => "+",
            BinaryOp::Minus => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Modulo => "%",
            BinaryOp::Concat => "||",
            BinaryOp::Overlaps => return self.unsupported(span, "OVERLAPS"),
        };
        self.bind_call(name, &[left, right], span, scope)
    }

    /// `!=`: Flink refuses it although its meaning is plain.
    fn bang_equal(&mut self, span: Span) -> Bound<()> {
        const REFUSAL: &str =
            "Bang equal '!=' is not allowed under the current SQL conformance level";
        if self.context.is_strict {
            let hint = Some("write <> instead".to_owned());
            return self.error("E0114", span, REFUSAL, hint);
        }
        let message = format!("'!=' is taken as '<>'; Flink refuses it: {REFUSAL}");
        self.find(Diagnostic::warning("W0114", span, message).with_hint("write <> instead"));
        Ok(())
    }

    fn bind_is(
        &mut self,
        operand: &ast::Expr,
        negated: bool,
        predicate: IsPredicate,
        span: Span,
        scope: &Scope,
    ) -> Bound<Expr> {
        let name = match (predicate, negated) {
            (IsPredicate::Null | IsPredicate::Unknown, false) => "IS NULL",
            (IsPredicate::Null | IsPredicate::Unknown, true) => "IS NOT NULL",
            (IsPredicate::True, false) => "IS TRUE",
            (IsPredicate::True, true) => "IS NOT TRUE",
            (IsPredicate::False, false) => "IS FALSE",
            (IsPredicate::False, true) => "IS NOT FALSE",
            (IsPredicate::Json(_), _) => return self.unsupported(span, "IS JSON"),
        };
        self.bind_call(name, &[operand], span, scope)
    }

    fn bind_between(&mut self, expr: &ast::Expr, scope: &Scope) -> Bound<Expr> {
        let ExprKind::Between { expr: operand, negated, symmetric, low, high } = &expr.kind else {
            return self.unsupported(expr.span, "this form of BETWEEN");
        };
        let span = expr.span;
        let bound = [operand, low, high].map(|e| self.bind_expr(e, scope));
        let [operand, low, high] = bound;
        let (operand, low, high) = (operand?, low?, high?);
        let within = self.within(operand.clone(), low.clone(), high.clone(), *negated, span)?;
        if !symmetric {
            return Ok(within);
        }
        let swapped = self.within(operand, high, low, *negated, span)?;
        self.resolve(if *negated { "AND" } else { "OR" }, vec![within, swapped], span)
    }

    fn within(
        &mut self,
        operand: Expr,
        low: Expr,
        high: Expr,
        negated: bool,
        span: Span,
    ) -> Bound<Expr> {
        let (below, above, both) = if negated { ("<", ">", "OR") } else { (">=", "<=", "AND") };
        let low = self.resolve(below, vec![operand.clone(), low], span)?;
        let high = self.resolve(above, vec![operand, high], span)?;
        self.resolve(both, vec![low, high], span)
    }

    fn bind_in_list(
        &mut self,
        operand: &ast::Expr,
        negated: bool,
        list: &[ast::Expr],
        span: Span,
        scope: &Scope,
    ) -> Bound<Expr> {
        let operand = self.bind_expr(operand, scope)?;
        let (compare, combine) = if negated { ("<>", "AND") } else { ("=", "OR") };
        let mut parts = Vec::new();
        for item in list {
            let item = self.bind_expr(item, scope)?;
            parts.push(self.resolve(compare, vec![operand.clone(), item], span)?);
        }
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        self.resolve(combine, parts, span)
    }

    fn bind_case(
        &mut self,
        operand: Option<&ast::Expr>,
        branches: &[CaseBranch],
        else_result: Option<&ast::Expr>,
        span: Span,
        scope: &Scope,
    ) -> Bound<Expr> {
        let operand = operand.map(|o| self.bind_expr(o, scope)).transpose()?;
        let mut args = Vec::new();
        for branch in branches {
            let mut conditions = Vec::new();
            for condition in &branch.conditions {
                conditions.push(match &operand {
                    Some(operand) => {
                        let value = self.bind_expr(condition, scope)?;
                        self.resolve("=", vec![operand.clone(), value], condition.span)?
                    }
                    None => self.bind_condition(condition, scope, "WHEN")?,
                });
            }
            args.push(match conditions.len() {
                1 => conditions.remove(0),
                _ => self.resolve("OR", conditions, branch.span)?,
            });
            args.push(self.bind_expr(&branch.result, scope)?);
        }
        args.push(match else_result {
            Some(value) => self.bind_expr(value, scope)?,
            None => Expr::null(&TypeKind::Null.nullable()),
        });
        self.resolve("CASE", args, span)
    }

    fn bind_cast(
        &mut self,
        kind: CastKind,
        operand: &ast::Expr,
        target: &ast::DataType,
        span: Span,
        scope: &Scope,
    ) -> Bound<Expr> {
        let operand = self.bind_expr(operand, scope)?;
        let target = match data_type(target) {
            Ok(target) => target,
            Err(diagnostic) => {
                self.find(diagnostic);
                return Err(super::Reported);
            }
        };
        let mode = match kind {
            CastKind::Cast => CastMode::Explicit,
            CastKind::TryCast => CastMode::Try,
        };
        let cast = cast(operand, &target, mode, self.context);
        self.resolved(span, cast)
    }

    fn bind_function(&mut self, call: &FunctionCall, span: Span, scope: &Scope) -> Bound<Expr> {
        let name = call.name.parts.last().map_or("", |p| p.value.as_str()).to_uppercase();
        if call.over.is_some() {
            return self.unsupported(span, "OVER");
        }
        if AGGREGATES.contains(&name.as_str()) {
            return self.bind_aggregate(&name, call, span, scope);
        }
        if call.json.is_some() {
            return self.unsupported(span, &format!("{name} with clauses"));
        }
        let mut args = Vec::new();
        for arg in &call.args {
            match &arg.value {
                ArgValue::Expr(value) => args.push(self.bind_expr(value, scope)),
                _ => return self.unsupported(arg.span, "this kind of argument"),
            }
        }
        let args = args.into_iter().collect::<Bound<Vec<_>>>()?;
        self.resolve(&name, args, span)
    }
}

/// TRUE as a constant.
pub(super) fn true_literal() -> Expr {
    Expr::literal(Value::Bool(true), TypeKind::Boolean.not_null())
}
