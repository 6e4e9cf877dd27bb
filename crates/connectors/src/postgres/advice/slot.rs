//! The slot as it stands.

use tailwater_connector_api::{ConnectorError, Object, Preconditions};
use tokio_postgres::Client;

use crate::postgres::preflight::Preflight;
use crate::postgres::slot::held;
use crate::postgres::slots::{self, Danger, SlotStatus};

const CODE: &str = "slot";

/// Tells of a slot that can be used; one that cannot has failed already.
pub(super) async fn check(preflight: &Preflight<'_>, client: &Client, found: &mut Preconditions) {
    let name = &preflight.config.slot;
    let object = || Object::Slot(name.clone());
    if found.fails(|code| code == CODE) {
        return;
    }
    let slots = slots::load(client, &preflight.config.address.endpoint()).await;
    let Some(slots) = found.take(CODE, object(), slots) else {
        return;
    };
    match slots.iter().find(|slot| slot.name == *name) {
        None => found.ok(CODE, object(), format!("slot \"{name}\" will be made")),
        Some(slot) => judge(slot, &preflight.application, found),
    }
}

/// `application` is what our own sessions would be called.
fn judge(slot: &SlotStatus, application: &str, found: &mut Preconditions) {
    let name = &slot.name;
    let object = || Object::Slot(name.clone());
    let distance = slots::distance(slot);
    match &slot.holder {
        None => {
            found.ok(CODE, object(), format!("slot \"{name}\" is there and free: {distance}"));
        }
        Some(holder) if holder.application.as_deref() == Some(application) => {
            let message =
                format!("slot \"{name}\" is in use by {holder}: the job runs; {distance}");
            found.note(CODE, object(), message);
        }
        Some(holder) => {
            let error = held(name, holder.pid);
            let hint = error.hint().unwrap_or_default().to_owned();
            let message = format!("slot \"{name}\" is in use by {holder}");
            let error = ConnectorError::new(error.kind(), message).with_hint(hint);
            found.fail(CODE, object(), error);
        }
    }
    for danger in &slot.dangers {
        // The others follow from settings, which have been judged.
        if matches!(danger, Danger::Unreserved | Danger::MuchWal { .. }) {
            let mend = "tailwater slots list shows it; start the job, or tailwater slots drop";
            found.warn("slot-retention", object(), format!("slot \"{name}\" {danger}"), mend);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::slots::Holder;

    fn told(slot: &SlotStatus) -> String {
        let mut found = Preconditions::on("db:5432");
        judge(slot, "tailwater totals", &mut found);
        found.into_vec().iter().map(|p| format!("{p}\n")).collect()
    }

    #[test]
    fn a_slot_is_judged_by_who_holds_it() {
        let free = SlotStatus { name: "s".to_owned(), ..SlotStatus::default() };
        assert!(told(&free).starts_with("ok slot: slot \"s\" is there and free: 0 B of WAL kept"));
        let held_by = |application: &str| {
            let application = Some(application.to_owned());
            let holder = Some(Holder { pid: 7, application, ..Holder::default() });
            SlotStatus { holder, ..free.clone() }
        };
        assert!(told(&held_by("tailwater totals")).starts_with("note slot:"));
        let other = told(&held_by("debezium"));
        assert!(other.starts_with("fail slot: slot \"s\" is in use by process 7 (\"debezium\")"));
    }
}
