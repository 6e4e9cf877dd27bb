//! The epoch's clock.

use tailwater_types::{Datum, TypeKind};

use super::super::call::Call;
use crate::cast::zone_name;
use crate::civil::{DAY_MILLIS, split_day, to_local};
use crate::resolve::Resolved;

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    if !call.args.is_empty() {
        return None;
    }
    let zone = call.context.time_zone.clone();
    let local_name = format!("{}<{}>", call.name, zone_name(&zone));
    let name = call.name.to_owned();
    Some(match call.name {
        "CURRENT_TIMESTAMP" | "NOW" | "CURRENT_ROW_TIMESTAMP" | "PROCTIME" => {
            call.per_row(name, TypeKind::TimestampLtz(3), |env, _| {
                Ok(Datum::Timestamp(env.now.truncate(3)))
            })
        }
        "LOCALTIMESTAMP" => call.per_row(local_name, TypeKind::Timestamp(3), move |env, _| {
            Ok(Datum::Timestamp(to_local(env.now, &zone).truncate(3)))
        }),
        "CURRENT_DATE" => call.per_row(local_name, TypeKind::Date, move |env, _| {
            Ok(Datum::Int(split_day(to_local(env.now, &zone)).0))
        }),
        "LOCALTIME" | "CURRENT_TIME" => {
            call.per_row(local_name, TypeKind::Time(0), move |env, _| {
                let millis = to_local(env.now, &zone).millis().rem_euclid(DAY_MILLIS);
                Ok(Datum::Int(millis / 1000 * 1000))
            })
        }
        "UNIX_TIMESTAMP" => {
            call.per_row(name, TypeKind::BigInt, |env, _| Ok(Datum::Int(env.now.millis() / 1000)))
        }
        _ => return None,
    })
}
