//! What ListenerSets are told, and their Secrets
//! (cilium/cilium 1.20 `operator/pkg/gateway-api/gateway_reconcile.go`, `setListenerSetStatuses`).

use std::collections::BTreeMap;

use gateproof_core::name::NamespacedName;
use serde_json::{Value, json};

use super::routes::Judged;
use super::status::{Condition, listener};
use super::{Outcome, StatusUpdate, SyncedSecret, certificates};
use crate::checks::attachment::attached_routes;
use crate::checks::listener::{Checked, Validity};
use crate::checks::source::Source;
use crate::facts::Behaviour;
use crate::resources::gateway::{GROUP, Gateway};
use crate::resources::listener_set::ListenerSet;
use crate::translation::names;
use crate::{Input, Unmodelled};

/// Writes the statuses of ListenerSets that may not attach.
pub(super) fn refuse(sets: &[&ListenerSet], outcome: &mut Outcome) {
    for set in sets {
        let message = "ListenerSet is not allowed by the Gateway's allowedListeners policy";
        let conditions = conditions(set, "False", [("NotAllowed", message); 2]);
        outcome.statuses.push(update(set, json!({"conditions": conditions})));
    }
}

/// Writes the statuses of ListenerSets that attach, and tells how many of them have a valid
/// listener.
pub(super) fn accept(
    input: &Input<'_>,
    (gateway, sets): (&Gateway, &[&ListenerSet]),
    checked: &[Checked<'_>],
    judged: &Judged<'_>,
    outcome: &mut Outcome,
) -> usize {
    let mut with_valid = 0;
    for (set, checked) in sets.iter().zip(checked) {
        let routes = judged.attached(input, gateway, &[*set]);
        let listeners = set.listeners.iter().zip(&checked.validities);
        let listeners = listeners.map(|(found, validity)| {
            let mut value = json!({
                "name": found.name,
                "attachedRoutes": attached_routes(input, checked.source, found, &routes),
                "conditions": listener::set_conditions(set.generation, validity),
            });
            let kinds: Vec<Value> = (validity.kinds.iter().flatten())
                .map(|kind| json!({"group": GROUP, "kind": kind}))
                .collect();
            if !kinds.is_empty() {
                value["supportedKinds"] = json!(kinds);
            }
            value
        });
        let listeners: Vec<Value> = listeners.collect();
        let conditions = if checked.validities.iter().any(Validity::is_valid) {
            with_valid += 1;
            let reasons = [
                ("Accepted", "ListenerSet is accepted"),
                ("Programmed", "ListenerSet is programmed"),
            ];
            conditions(set, "True", reasons)
        } else {
            conditions(set, "False", [("ListenersNotValid", "No valid listeners"); 2])
        };
        let status = json!({"conditions": conditions, "listeners": listeners});
        outcome.statuses.push(update(set, status));
    }
    with_valid
}

/// The conditions `Accepted` and `Programmed`, with reasons and messages.
fn conditions(set: &ListenerSet, status: &str, reasons: [(&str, &str); 2]) -> Vec<Value> {
    let conditions = ["Accepted", "Programmed"].into_iter().zip(reasons);
    let generation = set.generation;
    conditions
        .map(|(kind, (reason, message))| {
            Condition { kind, status, reason, message, generation }.to_json()
        })
        .collect()
}

fn update(set: &ListenerSet, status: Value) -> StatusUpdate {
    StatusUpdate {
        api_version: "gateway.networking.k8s.io/v1".to_owned(),
        kind: "ListenerSet".to_owned(),
        namespace: Some(set.name.namespace.clone()),
        name: set.name.name.clone(),
        status,
    }
}

/// Secrets of ListenerSets are copied whether the Gateway lets the set attach or not
/// (`helpers/secrets.go`, `GetGatewaysForSecret`).
pub(super) fn sync_secrets(
    input: &Input<'_>,
    gateways: &BTreeMap<&NamespacedName, &Gateway>,
    outcome: &mut Outcome,
) {
    for set in input.resources.listener_sets.values() {
        if !gateways.contains_key(&set.gateway) {
            continue;
        }
        for source in certificates(input, Source::from(set)) {
            let known = outcome.synced_secrets.iter().any(|synced| synced.source == source);
            if known || input.holds(Behaviour::SetSecretsCopied) {
                let copy = names::secret_copy(input, &source);
                outcome.synced_secrets.push(SyncedSecret { source, copy });
            } else {
                outcome.unmodelled.push(Unmodelled::new(
                    set.object(),
                    format!(
                        "the copy of its Secret {source}, which this version makes only once the \
                         Secret changes or the operator starts anew"
                    ),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests;
