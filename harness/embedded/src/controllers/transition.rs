//! `lastTransitionTime` of conditions: kept while a condition's status stays, set to now when it
//! changes.
//!
//! Conditions are looked for where Kubernetes and the Gateway API keep them: in a status, in each
//! entry of `listeners` (by name) and in each entry of `parents` (by parent reference).

use serde_json::Value;

/// Gives every condition in `desired` the time of its last transition, with `live` as the status
/// from before.
pub(crate) fn stamp(desired: &mut Value, live: Option<&Value>, now: &str) {
    let Some(fields) = desired.as_object_mut() else { return };
    for (key, value) in fields {
        let before = live.and_then(|live| live.get(key));
        match key.as_str() {
            "conditions" => stamp_conditions(value, before, now),
            "listeners" | "parents" => {
                for entry in value.as_array_mut().into_iter().flatten() {
                    let before = before
                        .and_then(Value::as_array)
                        .and_then(|list| list.iter().find(|other| is_same_entry(entry, other)));
                    stamp(entry, before, now);
                }
            }
            _ => {}
        }
    }
}

fn stamp_conditions(conditions: &mut Value, live: Option<&Value>, now: &str) {
    for condition in conditions.as_array_mut().into_iter().flatten() {
        let kept = live
            .and_then(Value::as_array)
            .and_then(|list| list.iter().find(|other| other.get("type") == condition.get("type")))
            .filter(|other| other.get("status") == condition.get("status"))
            .and_then(|other| other.get("lastTransitionTime").and_then(Value::as_str))
            .unwrap_or(now)
            .to_owned();
        if let Some(fields) = condition.as_object_mut() {
            fields.insert("lastTransitionTime".to_owned(), kept.into());
        }
    }
}

/// Whether two entries of a status list speak of the same listener or parent.
fn is_same_entry(one: &Value, other: &Value) -> bool {
    one.get("name") == other.get("name")
        && one.get("parentRef") == other.get("parentRef")
        && one.get("controllerName") == other.get("controllerName")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::stamp;

    fn condition(status: &str, reason: &str) -> Value {
        json!({"type": "Programmed", "status": status, "reason": reason})
    }

    fn live() -> Value {
        let mut before = condition("True", "Programmed");
        before["lastTransitionTime"] = "then".into();
        json!({
            "conditions": [before],
            "listeners": [{"name": "http", "conditions": [before]}],
            "parents": [{"parentRef": {"name": "a"}, "controllerName": "c", "conditions": [before]}],
        })
    }

    #[test]
    fn the_time_stays_while_the_status_stays_even_when_the_reason_changes() {
        let mut desired = json!({"conditions": [condition("True", "Other")]});
        stamp(&mut desired, Some(&live()), "now");
        assert_eq!(desired["conditions"][0]["lastTransitionTime"], "then");
    }

    #[test]
    fn the_time_moves_when_the_status_changes() {
        let mut desired = json!({"conditions": [condition("False", "Programmed")]});
        stamp(&mut desired, Some(&live()), "now");
        assert_eq!(desired["conditions"][0]["lastTransitionTime"], "now");
    }

    #[test]
    fn listeners_are_told_apart_by_name_and_parents_by_reference() {
        let mut desired = json!({
            "listeners": [
                {"name": "http", "conditions": [condition("True", "x")]},
                {"name": "https", "conditions": [condition("True", "x")]},
            ],
            "parents": [
                {"parentRef": {"name": "a"}, "controllerName": "c", "conditions": [condition("True", "x")]},
                {"parentRef": {"name": "b"}, "controllerName": "c", "conditions": [condition("True", "x")]},
            ],
        });
        stamp(&mut desired, Some(&live()), "now");
        let time =
            |pointer: &str| desired.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        assert_eq!(time("/listeners/0/conditions/0/lastTransitionTime").as_deref(), Some("then"));
        assert_eq!(time("/listeners/1/conditions/0/lastTransitionTime").as_deref(), Some("now"));
        assert_eq!(time("/parents/0/conditions/0/lastTransitionTime").as_deref(), Some("then"));
        assert_eq!(time("/parents/1/conditions/0/lastTransitionTime").as_deref(), Some("now"));
    }
}
