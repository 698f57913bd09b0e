//! Conditions of Kubernetes objects, read once and compared with claims.
//!
//! A condition whose `observedGeneration` lies behind the object's generation speaks of an older
//! spec: whatever its status, it does not fulfil a claim yet. A condition without the field is
//! taken at its word, for the field is optional (k8s.io/apimachinery: `meta/v1` Condition).

use std::collections::BTreeMap;

use serde_json::Value;

use super::hint::condition::{Owner, hints_for};
use super::refuted;
use crate::scenario::{ConditionClaim, ConditionStatus};
use crate::verdict::Failure;

/// A condition as an object carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Condition<'a> {
    /// Its status.
    pub(super) status: ConditionStatus,
    /// Its reason, empty when absent.
    pub(super) reason: &'a str,
    /// Its message, empty when absent.
    pub(super) message: &'a str,
    observed_generation: Option<i64>,
}

/// The conditions of one status, with the generation they should speak of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conditions<'a> {
    list: &'a [Value],
    generation: Option<i64>,
}

impl<'a> Conditions<'a> {
    /// The conditions in `status` (a map with `conditions`) of `object`.
    pub(super) fn of(object: &Value, status: Option<&'a Value>) -> Self {
        let list = status.and_then(|status| status.get("conditions")).and_then(Value::as_array);
        Self {
            list: list.map_or(&[], Vec::as_slice),
            generation: object.pointer("/metadata/generation").and_then(Value::as_i64),
        }
    }

    /// The condition of a type.
    pub(super) fn get(&self, kind: &str) -> Option<Condition<'a>> {
        let text = |value: &'a Value, key| value.get(key).and_then(Value::as_str).unwrap_or("");
        let found = self.list.iter().find(|condition| text(condition, "type") == kind)?;
        Some(Condition {
            status: match text(found, "status") {
                "True" => ConditionStatus::True,
                "False" => ConditionStatus::False,
                _ => ConditionStatus::Unknown,
            },
            reason: text(found, "reason"),
            message: text(found, "message"),
            observed_generation: found.get("observedGeneration").and_then(Value::as_i64),
        })
    }

    /// Compares with claims; one failure for each that does not hold.
    pub(super) fn judge(
        &self,
        owner: Owner,
        place: &str,
        claims: &BTreeMap<String, ConditionClaim>,
    ) -> Vec<Failure> {
        claims
            .iter()
            .filter_map(|(kind, claim)| self.judge_one(owner, place, kind, claim))
            .collect()
    }

    fn judge_one(
        &self,
        owner: Owner,
        place: &str,
        kind: &str,
        claim: &ConditionClaim,
    ) -> Option<Failure> {
        let found = self.get(kind);
        let status = found.map_or(ConditionStatus::Unknown, |condition| condition.status);
        let reason = found.map(|condition| condition.reason);
        let stale = found.and_then(|condition| self.staleness(&condition));
        let reason_fits = claim.reason.as_deref().is_none_or(|wanted| reason == Some(wanted));
        if status == claim.status && reason_fits && stale.is_none() {
            return None;
        }
        let seen = match found {
            None => format!("no condition {kind}"),
            Some(found) => {
                format!("{kind} is {}{}", told(&found), stale.as_deref().unwrap_or_default())
            }
        };
        let hints = if stale.is_some() {
            vec![format!(
                "whoever writes {kind} has not caught up with the last change of the spec: look at its log"
            )]
        } else {
            hints_for(owner, kind, found.as_ref())
        };
        Some(refuted(place, expected(kind, claim), seen, hints))
    }

    fn staleness(&self, condition: &Condition<'_>) -> Option<String> {
        let (observed, current) = (condition.observed_generation?, self.generation?);
        (observed < current).then(|| {
            format!(", but for generation {observed} of the object, which is at {current}")
        })
    }
}

/// A condition in words: `False, reason Pending, message "…"`.
pub(super) fn told(condition: &Condition<'_>) -> String {
    let mut text = status_word(condition.status).to_owned();
    if !condition.reason.is_empty() {
        text.push_str(", reason ");
        text.push_str(condition.reason);
    }
    if !condition.message.is_empty() {
        text.push_str(", message \"");
        text.push_str(condition.message);
        text.push('"');
    }
    text
}

/// A claim about a condition in words: `Programmed is True with reason Programmed`.
pub(super) fn expected(kind: &str, claim: &ConditionClaim) -> String {
    let reason = claim.reason.as_ref().map(|reason| format!(" with reason {reason}"));
    format!("{kind} is {}{}", status_word(claim.status), reason.unwrap_or_default())
}

fn status_word(status: ConditionStatus) -> &'static str {
    match status {
        ConditionStatus::True => "True",
        ConditionStatus::False => "False",
        ConditionStatus::Unknown => "Unknown",
    }
}
