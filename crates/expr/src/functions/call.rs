//! One call on its way from a name and arguments to an [`Expr`].

use tailwater_types::{DataType, Datum, TypeKind};

use crate::cast::convert;
use crate::env::{Env, EvalError};
use crate::expr::{Expr, NullHandling, Volatility};
use crate::resolve::{ResolveContext, ResolveError};
use crate::unify::common_type;

/// A call that is being resolved.
pub(crate) struct Call<'c> {
    /// Upper case.
    pub name: &'c str,
    /// Typed arguments.
    pub args: Vec<Expr>,
    /// The session.
    pub context: &'c ResolveContext,
}

impl Call<'_> {
    /// The type of argument `i`; `NULL` if there is none.
    pub(crate) fn kind(&self, i: usize) -> &TypeKind {
        self.args.get(i).map_or(&TypeKind::Null, |a| &a.data_type.kind)
    }

    /// Whether an argument may be NULL.
    pub(crate) fn nullable(&self) -> bool {
        self.args.iter().any(|a| a.data_type.nullable)
    }

    /// The types of all arguments.
    pub(crate) fn types(&self) -> Vec<DataType> {
        self.args.iter().map(|a| a.data_type.clone()).collect()
    }

    /// All arguments, leaving none.
    pub(crate) fn take(&mut self) -> Vec<Expr> {
        std::mem::take(&mut self.args)
    }

    /// Argument `i` as a constant text.
    pub(crate) fn constant_text(&self, i: usize) -> Option<&str> {
        self.args.get(i)?.as_text_literal()
    }

    /// Argument `i` as a constant text, which it has to be.
    pub(crate) fn required_text(&self, i: usize) -> Result<String, ResolveError> {
        let text = self.constant_text(i).map(str::to_owned);
        text.ok_or_else(|| {
            ResolveError::new(format!(
                "argument {} of {} must be a constant text",
                i + 1,
                self.name
            ))
        })
    }

    /// Argument `i` as a constant integer.
    pub(crate) fn constant_int(&self, i: usize) -> Option<i64> {
        self.args.get(i)?.as_literal()?.as_datum().as_int()
    }

    /// Replaces argument `i` by its cast.
    pub(crate) fn cast(&mut self, i: usize, kind: &TypeKind) -> Result<(), ResolveError> {
        if let Some(arg) = self.args.get_mut(i) {
            let expr = std::mem::replace(arg, Expr::null(&kind.clone().nullable()));
            *arg = convert(expr, kind, self.context)?;
        }
        Ok(())
    }

    /// Casts the arguments from `first` on to their common type.
    pub(crate) fn unify(&mut self, first: usize) -> Result<DataType, ResolveError> {
        let types = self.types();
        let common =
            common_type(&types[first.min(types.len())..]).ok_or_else(|| self.mismatch())?;
        for i in first..self.args.len() {
            self.cast(i, &common.kind)?;
        }
        Ok(common)
    }

    /// Checks the arguments against the forms that the function has, one letter an argument:
    /// `s` text, `i` integer, `n` number, `b` boolean, `y` bytes, `d` date, `t` timestamp, `c`
    /// time, `a` array, `m` map, `*` any; a `+` repeats the letter before it. A bare NULL fits
    /// every letter and becomes NULL of its type.
    pub(crate) fn expect(&mut self, forms: &[&str]) -> Result<(), ResolveError> {
        let form = forms.iter().find(|form| self.fits(form));
        let Some(form) = form else {
            return Err(self.mismatch());
        };
        let letters = letters(form, self.args.len()).unwrap_or_default();
        for (arg, letter) in self.args.iter_mut().zip(letters) {
            if arg.data_type.kind == TypeKind::Null
                && let Some(kind) = default_kind(letter)
            {
                *arg = Expr::null(&kind.nullable());
            }
        }
        Ok(())
    }

    fn fits(&self, form: &str) -> bool {
        letters(form, self.args.len()).is_some_and(|letters| {
            let mut pairs = self.args.iter().zip(letters);
            pairs.all(|(arg, letter)| is_of(&arg.data_type.kind, letter))
        })
    }

    /// A pure call that is NULL if an argument is; NOT NULL if no argument may be NULL.
    pub(crate) fn strict(
        &mut self,
        kind: TypeKind,
        eval: impl for<'a> Fn(&Env<'a>, &[Datum<'a>]) -> Result<Datum<'a>, EvalError>
        + Send
        + Sync
        + 'static,
    ) -> Result<Expr, ResolveError> {
        let data_type = kind.with_nullable(self.nullable());
        Ok(Expr::strict(self.name, self.take(), data_type, eval))
    }

    /// The same, but nullable in any case.
    pub(crate) fn strict_nullable(
        &mut self,
        kind: TypeKind,
        eval: impl for<'a> Fn(&Env<'a>, &[Datum<'a>]) -> Result<Datum<'a>, EvalError>
        + Send
        + Sync
        + 'static,
    ) -> Result<Expr, ResolveError> {
        Ok(Expr::strict(self.name, self.take(), kind.nullable(), eval))
    }

    /// A call that sees NULL.
    pub(crate) fn called(
        &mut self,
        data_type: DataType,
        eval: impl for<'a> Fn(&Env<'a>, &[Datum<'a>]) -> Result<Datum<'a>, EvalError>
        + Send
        + Sync
        + 'static,
    ) -> Result<Expr, ResolveError> {
        Ok(Expr::called(self.name, self.take(), data_type, eval))
    }

    /// A call that is evaluated once for each row and is never NULL.
    pub(crate) fn per_row(
        &mut self,
        name: String,
        kind: TypeKind,
        eval: impl for<'a> Fn(&Env<'a>, &[Datum<'a>]) -> Result<Datum<'a>, EvalError>
        + Send
        + Sync
        + 'static,
    ) -> Result<Expr, ResolveError> {
        let data_type = kind.with_nullable(self.nullable());
        let nulls = NullHandling::Strict;
        let args = self.take();
        Ok(Expr::call(name, nulls, Volatility::PerRow, args, data_type, eval))
    }

    /// The function does not take these arguments.
    pub(crate) fn mismatch(&self) -> ResolveError {
        let shown: Vec<String> =
            self.args.iter().map(|a| format!("<{}>", calcite_name(&a.data_type.kind))).collect();
        let is_operator = self.name.starts_with(|c: char| !c.is_ascii_alphanumeric());
        let call = if is_operator && shown.len() == 2 {
            format!("{} {} {}", shown[0], self.name, shown[1])
        } else {
            format!("{}({})", self.name, shown.join(", "))
        };
        ResolveError::new(format!("Cannot apply '{}' to arguments of type '{call}'", self.name))
    }

    /// There is no such function.
    pub(crate) fn unknown(&self) -> ResolveError {
        let shown: Vec<String> =
            self.args.iter().map(|a| format!("<{}>", family_name(&a.data_type.kind))).collect();
        let error = ResolveError::new(format!(
            "No match found for function signature {}({})",
            self.name,
            shown.join(", ")
        ));
        match super::names::closest(self.name) {
            Some(name) => error.with_hint(format!("did you mean {name}?")),
            None => error,
        }
    }
}

fn letters(form: &str, count: usize) -> Option<Vec<char>> {
    let mut letters: Vec<char> = form.chars().collect();
    if letters.last() == Some(&'+') {
        letters.pop();
        let last = *letters.last()?;
        while letters.len() < count {
            letters.push(last);
        }
    }
    (letters.len() == count).then_some(letters)
}

fn is_of(kind: &TypeKind, letter: char) -> bool {
    *kind == TypeKind::Null
        || match letter {
            's' => kind.is_string(),
            'i' => kind.is_integer(),
            'n' => kind.is_numeric(),
            'b' => *kind == TypeKind::Boolean,
            'y' => kind.is_binary(),
            'd' => *kind == TypeKind::Date,
            't' => kind.is_timestamp(),
            'c' => matches!(kind, TypeKind::Time(_)),
            'a' => matches!(kind, TypeKind::Array(_)),
            'm' => matches!(kind, TypeKind::Map(..)),
            _ => true,
        }
}

fn default_kind(letter: char) -> Option<TypeKind> {
    Some(match letter {
        's' => TypeKind::STRING,
        'i' | 'n' => TypeKind::Int,
        'b' => TypeKind::Boolean,
        'y' => TypeKind::BYTES,
        'd' => TypeKind::Date,
        't' => TypeKind::Timestamp(3),
        'c' => TypeKind::Time(0),
        _ => return None,
    })
}

fn calcite_name(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Int => "INTEGER".to_owned(),
        TypeKind::Array(element) => format!("{} ARRAY", calcite_name(&element.kind)),
        other => other.to_string(),
    }
}

fn family_name(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Char(_) | TypeKind::Varchar(_) => "CHARACTER".to_owned(),
        TypeKind::Binary(_) | TypeKind::Varbinary(_) => "BINARY".to_owned(),
        TypeKind::Timestamp(_) => "TIMESTAMP".to_owned(),
        TypeKind::Time(_) => "TIME".to_owned(),
        kind if kind.is_numeric() => "NUMERIC".to_owned(),
        other => calcite_name(other),
    }
}

/// The text of argument `i`; empty if it is none.
pub(crate) fn text<'a>(args: &[Datum<'a>], i: usize) -> &'a str {
    args.get(i).and_then(|d| d.as_str()).unwrap_or("")
}

/// The integer of argument `i`; 0 if it is none.
pub(crate) fn int(args: &[Datum<'_>], i: usize) -> i64 {
    args.get(i).and_then(|d| d.as_int()).unwrap_or(0)
}

/// The double of argument `i`.
pub(crate) fn double(args: &[Datum<'_>], i: usize) -> f64 {
    match args.get(i) {
        Some(Datum::Double(v)) => *v,
        Some(Datum::Float(v)) => f64::from(*v),
        Some(Datum::Int(v)) => *v as f64,
        _ => f64::NAN,
    }
}
