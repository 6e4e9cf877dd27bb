//! `UUID`, `RAND`, `RAND_INTEGER`.

use std::sync::{Mutex, PoisonError};

use tailwater_types::{Datum, TypeKind};

use super::call::{Call, int};
use crate::env::EvalError;
use crate::expr::Expr;
use crate::resolve::{ResolveError, Resolved};

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match (call.name, call.args.len()) {
        ("UUID", 0) => call.per_row("UUID".to_owned(), TypeKind::Char(36), |env, _| {
            Ok(Datum::Str(env.format(format_args!("{}", uuid::Uuid::new_v4()))))
        }),
        ("RAND", 0..=1) => rand(call),
        ("RAND_INTEGER", 1..=2) => rand_integer(call),
        _ => return None,
    })
}

/// `java.util.Random`: a seed gives the numbers that it gives in Flink.
struct JavaRandom(u64);

impl JavaRandom {
    fn new(seed: i64) -> Self {
        Self((seed as u64 ^ 0x5_DEEC_E66D) & ((1 << 48) - 1))
    }

    fn unseeded() -> Self {
        Self::new(uuid::Uuid::new_v4().as_u128() as i64)
    }

    fn next(&mut self, bits: u32) -> i32 {
        self.0 = self.0.wrapping_mul(0x5_DEEC_E66D).wrapping_add(0xB) & ((1 << 48) - 1);
        (self.0 >> (48 - bits)) as i32
    }

    fn double(&mut self) -> f64 {
        let high = i64::from(self.next(26)) << 27;
        (high + i64::from(self.next(27))) as f64 / (1_i64 << 53) as f64
    }

    fn below(&mut self, bound: i32) -> i32 {
        if bound & (bound - 1) == 0 {
            return ((i64::from(bound) * i64::from(self.next(31))) >> 31) as i32;
        }
        loop {
            let bits = self.next(31);
            let value = bits % bound;
            if bits.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value;
            }
        }
    }
}

/// The generator of a call: one for all rows if the seed is constant or absent.
struct Generator {
    shared: Option<Mutex<JavaRandom>>,
}

impl Generator {
    fn new(call: &Call<'_>, has_seed: bool) -> Self {
        let random = if has_seed {
            call.constant_int(0).map(JavaRandom::new)
        } else {
            Some(JavaRandom::unseeded())
        };
        Self { shared: random.map(Mutex::new) }
    }

    fn with<T>(&self, seed: i64, take: impl FnOnce(&mut JavaRandom) -> T) -> T {
        match &self.shared {
            Some(shared) => take(&mut shared.lock().unwrap_or_else(PoisonError::into_inner)),
            None => take(&mut JavaRandom::new(seed)),
        }
    }
}

fn rand(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["", "i"])?;
    let generator = Generator::new(call, !call.args.is_empty());
    call.per_row("RAND".to_owned(), TypeKind::Double, move |_, args| {
        Ok(Datum::Double(generator.with(int(args, 0), JavaRandom::double)))
    })
}

fn rand_integer(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["i", "ii"])?;
    let generator = Generator::new(call, call.args.len() > 1);
    call.per_row("RAND_INTEGER".to_owned(), TypeKind::Int, move |_, args| {
        let bound = i32::try_from(int(args, args.len() - 1)).unwrap_or(i32::MAX);
        if bound <= 0 {
            return Err(EvalError::new("bound must be positive"));
        }
        let value = generator.with(int(args, 0), |random| random.below(bound));
        Ok(Datum::Int(i64::from(value)))
    })
}
