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

/// The conditions of a listener of a ListenerSet. It counts as programmed whether the Gateway has
/// an address or not.
pub(in super::super) fn set_conditions(generation: Option<i64>, validity: &Validity) -> Vec<Value> {
    let condition = |kind, status, reason, message: &str| {
        Condition { kind, status, reason, message, generation }.to_json()
    };
    let resolved = || condition("ResolvedRefs", "True", "ResolvedRefs", "Resolved Refs");
    if let Some(Problem { reason, message }) = &validity.conflict {
        return vec![
            condition("Accepted", "False", reason, message),
            condition("Programmed", "False", reason, message),
            condition("Conflicted", "True", reason, message),
            resolved(),
        ];
    }
    let refs = validity
        .refs
        .as_ref()
        .map(|Problem { reason, message }| condition("ResolvedRefs", "False", reason, message));
    if validity.is_valid() {
        return vec![
            refs.unwrap_or_else(resolved),
            condition("Accepted", "True", "Accepted", "Listener Accepted"),
            condition("Programmed", "True", "Programmed", "Listener Programmed"),
        ];
    }
    let message = format!("Listener not valid. {}", validity.messages.join(" "));
    refs.into_iter()
        .chain([
            condition("Accepted", "False", validity.reason, &message),
            condition("Programmed", "False", validity.reason, "Listener not valid"),
        ])
        .collect()
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
