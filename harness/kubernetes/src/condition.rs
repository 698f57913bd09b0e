//! Status conditions as the API writes them, converted into enums.
//!
//! A condition speaks of the generation it observed. One that observed an older generation says
//! nothing about the object as it is now, and counts as `Unknown`.

use std::fmt;

use gateproof_core::scenario::ConditionStatus;
use serde_json::Value;

/// What one condition says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its type, such as `Programmed`.
    pub kind: String,
    /// Its status as written.
    pub written: ConditionStatus,
    /// Its reason; empty when there is none.
    pub reason: String,
    /// Its message; empty when there is none.
    pub message: String,
    /// Whether it speaks of the object as it is now.
    pub freshness: Freshness,
}

/// Whether a condition speaks of the object as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It observed the current generation.
    Current,
    /// It observed an older one.
    Stale {
        /// The generation it observed; 0 when it must tell and does not.
        observed: i64,
        /// The object's generation.
        generation: i64,
    },
    /// It does not tell, and conditions of this kind need not (Pods, Deployments, Services).
    Untold,
}

impl Condition {
    /// The status that counts: `Unknown` when the condition is stale.
    pub fn status(&self) -> ConditionStatus {
        match self.freshness {
            Freshness::Stale { .. } => ConditionStatus::Unknown,
            Freshness::Current | Freshness::Untold => self.written,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = match self.written {
            ConditionStatus::True => "True",
            ConditionStatus::False => "False",
            ConditionStatus::Unknown => "Unknown",
        };
        write!(f, "{}={written}", self.kind)?;
        match (self.reason.as_str(), self.message.as_str()) {
            ("", "") => {}
            ("", text) | (text, "") => write!(f, " ({text})")?,
            (reason, message) => write!(f, " ({reason}: {message})")?,
        }
        if let Freshness::Stale { observed, generation } = self.freshness {
            write!(f, ", but of generation {observed}, and the object is at {generation}")?;
        }
        Ok(())
    }
}

/// The condition of this type in an object's `status.conditions`.
pub fn of_object(object: &Value, kind: &str) -> Option<Condition> {
    in_list(object, object.pointer("/status/conditions")?, kind)
}

/// The condition of this type in a list of conditions that belongs to `object`, such as those of
/// a Gateway's listener or of a route's parent.
pub fn in_list(object: &Value, conditions: &Value, kind: &str) -> Option<Condition> {
    let written =
        conditions.as_array()?.iter().find(|condition| text(condition, "type") == kind)?;
    Some(Condition {
        kind: kind.to_owned(),
        written: match text(written, "status") {
            "True" => ConditionStatus::True,
            "False" => ConditionStatus::False,
            _ => ConditionStatus::Unknown,
        },
        reason: text(written, "reason").to_owned(),
        message: text(written, "message").to_owned(),
        freshness: freshness(object, written),
    })
}

/// Gateway API conditions must tell the generation they observed, and a missing one counts as 0
/// (kubernetes-sigs/gateway-api, `conformance/utils/kubernetes/helpers.go`,
/// `ConditionsHaveLatestObservedGeneration`); elsewhere telling is optional.
fn freshness(object: &Value, condition: &Value) -> Freshness {
    let Some(generation) = object.pointer("/metadata/generation").and_then(Value::as_i64) else {
        return Freshness::Untold;
    };
    let must_tell = object
        .get("apiVersion")
        .and_then(Value::as_str)
        .is_some_and(|version| version.starts_with("gateway.networking."));
    match condition.get("observedGeneration").and_then(Value::as_i64) {
        None if !must_tell => Freshness::Untold,
        Some(observed) if observed >= generation => Freshness::Current,
        observed => Freshness::Stale { observed: observed.unwrap_or(0), generation },
    }
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn gateway(condition: &Value) -> Value {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": "web", "generation": 3},
            "status": {"conditions": [condition]},
        })
    }

    fn programmed(object: &Value) -> Condition {
        of_object(object, "Programmed").unwrap()
    }

    #[test]
    fn condition_of_the_current_generation_counts() {
        let seen = programmed(&gateway(&json!({
            "type": "Programmed", "status": "True", "observedGeneration": 3, "reason": "Programmed",
        })));
        assert_eq!((seen.status(), seen.freshness), (ConditionStatus::True, Freshness::Current));
    }

    #[test]
    fn condition_of_an_older_generation_is_unknown_whatever_it_says() {
        let seen = programmed(&gateway(&json!({
            "type": "Programmed", "status": "True", "observedGeneration": 2, "reason": "Programmed",
        })));
        assert_eq!(
            (seen.status(), seen.written),
            (ConditionStatus::Unknown, ConditionStatus::True)
        );
        assert_eq!(
            seen.to_string(),
            "Programmed=True (Programmed), but of generation 2, and the object is at 3"
        );
    }

    #[test]
    fn gateway_condition_that_does_not_tell_its_generation_is_stale() {
        let seen = programmed(&gateway(&json!({"type": "Programmed", "status": "True"})));
        assert_eq!(seen.freshness, Freshness::Stale { observed: 0, generation: 3 });
    }

    #[test]
    fn deployment_condition_need_not_tell_its_generation() {
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generation": 3},
            "status": {"conditions": [{"type": "Available", "status": "True"}]},
        });
        let seen = of_object(&deployment, "Available").unwrap();
        assert_eq!((seen.status(), seen.freshness), (ConditionStatus::True, Freshness::Untold));
    }

    #[test]
    fn absent_condition_and_odd_status_are_no_true() {
        let object = gateway(&json!({
            "type": "Programmed", "status": "true", "observedGeneration": 3,
        }));
        assert_eq!(of_object(&object, "Accepted"), None);
        assert_eq!(of_object(&json!({}), "Accepted"), None);
        assert_eq!(programmed(&object).status(), ConditionStatus::Unknown);
    }

    #[test]
    fn listener_conditions_are_measured_by_the_gateway_s_generation() {
        let object = gateway(&json!({}));
        let list = json!([{"type": "Programmed", "status": "False", "reason": "Invalid",
            "message": "no Secret", "observedGeneration": 3}]);
        let seen = in_list(&object, &list, "Programmed").unwrap();
        assert_eq!(seen.status(), ConditionStatus::False);
        assert_eq!(seen.to_string(), "Programmed=False (Invalid: no Secret)");
    }
}
