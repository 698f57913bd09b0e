//! Conditions of a listener.

use serde_json::Value;

use super::super::ending::Ending;
use super::Condition;
use crate::Input;
use crate::checks::listener::{Problem, Validity};
use crate::facts::Behaviour;
use crate::resources::gateway::Gateway;

/// The conditions of a listener, in the order the operator writes them.
pub(super) fn conditions(
    input: &Input<'_>,
    gateway: &Gateway,
    validity: &Validity,
    ending: &Ending,
) -> Vec<Value> {
    let generation = gateway.generation;
    if !input.holds(Behaviour::WaitsForAddress) {
        return early_conditions(generation, validity);
    }
    let condition = |kind, status, reason, message: &str| {
        Condition { kind, status, reason, message, generation }.to_json()
    };
    let mut conditions = Vec::new();
    if let Some(Problem { reason, message }) = &validity.conflict {
        conditions.push(condition("Conflicted", "True", reason, message));
    }
    if let Some(Problem { reason, message }) = &validity.refs {
        let observed = input.holds(Behaviour::FailedRefsObserved) || *reason == "InvalidRouteKinds";
        let generation = generation.filter(|_| observed);
        let (kind, status) = ("ResolvedRefs", "False");
        conditions.push(Condition { kind, status, reason, message, generation }.to_json());
    } else if validity.is_valid() {
        conditions.push(condition("ResolvedRefs", "True", "ResolvedRefs", "Resolved Refs"));
    }
    if validity.is_valid() {
        conditions.push(condition("Accepted", "True", "Accepted", "Listener Accepted"));
    } else {
        let message = format!("Listener not valid. {}", validity.messages.join(" "));
        conditions.push(condition("Accepted", "False", validity.reason, &message));
    }
    let has_address =
        matches!(ending, Ending::Reconciled { addresses, .. } if !addresses.is_empty());
    conditions.push(if validity.is_valid() && has_address {
        condition("Programmed", "True", "Programmed", "Listener Programmed")
    } else {
        condition("Programmed", "False", "Pending", "Address not ready yet")
    });
    conditions
}

/// Up to 1.18.2 a listener is always accepted, except that one which allows kinds it does not
/// support has no such condition at all; a bad certificate only leaves it not programmed.
fn early_conditions(generation: Option<i64>, validity: &Validity) -> Vec<Value> {
    let condition = |kind, status, reason, message: &str, generation| {
        Condition { kind, status, reason, message, generation }.to_json()
    };
    let broken = || condition("Programmed", "False", "Invalid", "Invalid CertificateRef", None);
    if validity.refuses_kinds {
        let refs = match &validity.refs {
            Some(problem) if problem.reason != "InvalidRouteKinds" => {
                condition("ResolvedRefs", "False", problem.reason, &problem.message, None)
            }
            _ => condition(
                "ResolvedRefs",
                "False",
                "InvalidRouteKinds",
                "Invalid Route Kinds",
                generation,
            ),
        };
        return vec![refs, broken()];
    }
    let programmed = if validity.is_valid() {
        condition("Programmed", "True", "Programmed", "Listener Programmed", generation)
    } else {
        broken()
    };
    let refs = match &validity.refs {
        None => condition("ResolvedRefs", "True", "ResolvedRefs", "Resolved Refs", None),
        Some(problem) => condition("ResolvedRefs", "False", problem.reason, &problem.message, None),
    };
    vec![
        programmed,
        condition("Accepted", "True", "Accepted", "Listener Accepted", generation),
        refs,
    ]
}
