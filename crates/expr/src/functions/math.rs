//! Functions of numbers.

mod rounding;

use tailwater_types::{Datum, TypeKind};

use super::call::{Call, double};
use crate::cast::wrap;
use crate::decimal;
use crate::expr::Expr;
use crate::resolve::{ResolveError, Resolved};

/// Java's own functions are those of fdlibm, which `libm` is a port of, but for those where the
/// JVM's built-in ones are better than it and agree with the system's.
pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    let one: fn(f64) -> f64 = match call.name {
        "SQRT" => f64::sqrt,
        "EXP" => f64::exp,
        "LN" | "LOG" => f64::ln,
        "LOG10" => libm::log10,
        "LOG2" => |x| x.ln() / std::f64::consts::LN_2,
        "SIN" => libm::sin,
        "COS" => libm::cos,
        "TAN" => libm::tan,
        "COT" => |x| 1.0 / libm::tan(x),
        "SINH" => libm::sinh,
        "COSH" => libm::cosh,
        "TANH" => f64::tanh,
        "ASIN" => libm::asin,
        "ACOS" => libm::acos,
        "ATAN" => libm::atan,
        "DEGREES" => |x| x * 57.295_779_513_082_32,
        "RADIANS" => |x| x * 0.017_453_292_519_943_295,
        _ => return other(call),
    };
    match call.args.len() {
        1 => Some(doubles(call, move |args| one(double(args, 0)))),
        2 if call.name == "LOG" => {
            Some(doubles(call, |args| double(args, 1).ln() / double(args, 0).ln()))
        }
        _ => None,
    }
}

fn other(call: &mut Call<'_>) -> Resolved {
    Some(match (call.name, call.args.len()) {
        ("POWER", 2) => doubles(call, |args| power(double(args, 0), double(args, 1))),
        ("ATAN2", 2) => doubles(call, |args| libm::atan2(double(args, 0), double(args, 1))),
        ("PI", 0) => doubles(call, |_| std::f64::consts::PI),
        ("E", 0) => doubles(call, |_| std::f64::consts::E),
        ("ABS", 1) => absolute(call),
        ("SIGN", 1) => sign(call),
        _ => return rounding::resolve(call),
    })
}

/// Java's power: 1 or -1 to an infinite power is no number.
fn power(base: f64, exponent: f64) -> f64 {
    if base.abs() == 1.0 && !exponent.is_finite() || base == 1.0 && exponent.is_nan() {
        return f64::NAN;
    }
    base.powf(exponent)
}

fn doubles(
    call: &mut Call<'_>,
    compute: impl Fn(&[Datum<'_>]) -> f64 + Send + Sync + 'static,
) -> Result<Expr, ResolveError> {
    call.expect(&["", "n", "nn"])?;
    for i in 0..call.args.len() {
        call.cast(i, &TypeKind::Double)?;
    }
    call.strict(TypeKind::Double, move |_, args| Ok(Datum::Double(compute(args))))
}

fn absolute(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["n"])?;
    let kind = call.kind(0).clone();
    call.strict(kind.clone(), move |_, args| {
        Ok(match args[0] {
            Datum::Int(v) => Datum::Int(wrap(v.wrapping_abs(), &kind)),
            Datum::Decimal(v) => Datum::Decimal(v.abs()),
            Datum::Float(v) => Datum::Float(v.abs()),
            Datum::Double(v) => Datum::Double(v.abs()),
            other => other,
        })
    })
}

fn sign(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["n"])?;
    let kind = call.kind(0).clone();
    let one = match kind {
        TypeKind::Decimal { scale, .. } => decimal::pow10(u32::from(scale)).unwrap_or(1),
        _ => 1,
    };
    call.strict(kind, move |_, args| {
        Ok(match args[0] {
            Datum::Int(v) => Datum::Int(v.signum()),
            Datum::Decimal(v) => Datum::Decimal(v.signum() * one),
            Datum::Float(v) if v != 0.0 => Datum::Float(v.signum()),
            Datum::Double(v) if v != 0.0 => Datum::Double(v.signum()),
            other => other,
        })
    })
}
