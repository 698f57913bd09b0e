//! The statuses of BackendTLSPolicies: one ancestor for each Gateway whose routes use a target
//! (cilium/cilium 1.20 `gateway_reconcile.go` `setBackendTLSPolicyStatuses`).

use std::collections::BTreeMap;

use gateproof_core::name::NamespacedName;
use serde_json::{Value, json};

use super::{CONTROLLER, Outcome, StatusUpdate};
use crate::Input;
use crate::checks::backend_tls::{Finding, Policies};
use crate::checks::listener::Problem;
use crate::resources::gateway::GROUP;

/// What Gateways say of policies.
#[derive(Debug, Default)]
pub(super) struct Ancestors<'a> {
    of: BTreeMap<&'a NamespacedName, Vec<Value>>,
}

impl<'a> Ancestors<'a> {
    /// Notes what one Gateway says.
    pub(super) fn add(
        &mut self,
        input: &Input<'_>,
        gateway: &NamespacedName,
        policies: &Policies<'a>,
    ) {
        for (policy, finding) in &policies.findings {
            let generation =
                input.resources.backend_tls_policies.get(*policy).and_then(|p| p.generation);
            self.of.entry(policy).or_default().push(json!({
                "ancestorRef": {
                    "group": GROUP,
                    "kind": "Gateway",
                    "namespace": gateway.namespace,
                    "name": gateway.name,
                },
                "conditions": conditions(finding, generation),
                "controllerName": CONTROLLER,
            }));
        }
    }

    /// Writes the statuses.
    pub(super) fn write(self, outcome: &mut Outcome) {
        outcome.statuses.extend(self.of.into_iter().map(|(policy, ancestors)| StatusUpdate {
            api_version: "gateway.networking.k8s.io/v1".to_owned(),
            kind: "BackendTLSPolicy".to_owned(),
            namespace: Some(policy.namespace.clone()),
            name: policy.name.clone(),
            status: json!({"ancestors": ancestors}),
        }));
    }
}

fn conditions(finding: &Finding, generation: Option<i64>) -> Vec<Value> {
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        let mut value =
            json!({"type": kind, "status": status, "reason": reason, "message": message});
        if let Some(generation) = generation {
            value["observedGeneration"] = json!(generation);
        }
        value
    };
    let refused =
        |kind: &str, problem: &Problem| condition(kind, "False", problem.reason, &problem.message);
    match finding {
        Finding::Accepted => vec![
            condition("Accepted", "True", "Accepted", "Accepted BackendTLSPolicy"),
            condition("ResolvedRefs", "True", "ResolvedRefs", "All references are valid"),
        ],
        Finding::Refused { accepted, resolved } => {
            vec![refused("Accepted", accepted), refused("ResolvedRefs", resolved)]
        }
        Finding::Conflicted => vec![condition(
            "Accepted",
            "False",
            "Conflicted",
            "BackendTLSPolicy conflicts with another",
        )],
    }
}
