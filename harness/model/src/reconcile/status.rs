//! Conditions and statuses in Cilium's words
//! (cilium/cilium `operator/pkg/gateway-api/gateway_status.go`, `gateway_reconcile.go`).
//!
//! They come from Kubernetes objects alone: agents and Envoys have no say here.

pub(super) mod listener;

use serde_json::{Value, json};

use super::ending::{Ending, Refusal, StaticAddress};
use crate::Input;
use crate::checks::attachment::{Attached, attached_routes};
use crate::checks::listener::Validity;
use crate::facts::Behaviour;
use crate::resources::gateway::{GROUP, Gateway};

/// A condition; `generation` goes into `observedGeneration`.
pub(super) struct Condition<'a> {
    pub(super) kind: &'a str,
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
    pub(super) generation: Option<i64>,
}

impl Condition<'_> {
    pub(super) fn to_json(&self) -> Value {
        let mut value = json!({
            "type": self.kind,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
        });
        if let Some(generation) = self.generation {
            value["observedGeneration"] = json!(generation);
        }
        value
    }
}

/// The status of a Gateway that takes these routes and has so many ListenerSets with a valid
/// listener.
pub(super) fn gateway(
    input: &Input<'_>,
    gateway: &Gateway,
    (ending, validities): (&Ending, &[Validity]),
    (routes, attached_sets): (&[Attached<'_>], usize),
) -> Value {
    let (accepted, programmed) = gateway_conditions(input, gateway, ending, validities);
    let mut status = json!({"conditions": [accepted, programmed]});
    if let Ending::Reconciled { addresses, .. } = ending
        && !addresses.is_empty()
    {
        let list =
            addresses.iter().map(|address| json!({"type": address.kind, "value": address.value}));
        status["addresses"] = json!(list.collect::<Vec<_>>());
    }
    if !matches!(ending, Ending::Refused(_)) {
        let listeners =
            gateway.spec.listeners.iter().zip(validities).map(|(listener, validity)| {
                let mut value = json!({
                    "name": listener.name,
                    "attachedRoutes": attached_routes(input, gateway.into(), listener, routes),
                    "conditions": listener::conditions(input, gateway, validity, ending),
                });
                if let Some(kinds) = &validity.kinds {
                    let kinds = kinds.iter().map(|kind| json!({"group": GROUP, "kind": kind}));
                    value["supportedKinds"] = json!(kinds.collect::<Vec<_>>());
                }
                value
            });
        status["listeners"] = json!(listeners.collect::<Vec<_>>());
    }
    if attached_sets > 0 {
        status["attachedListenerSets"] = json!(attached_sets);
    }
    status
}

fn gateway_conditions(
    input: &Input<'_>,
    gateway: &Gateway,
    ending: &Ending,
    validities: &[Validity],
) -> (Value, Value) {
    let generation = gateway.generation;
    let condition = |kind, status, reason, message: &str| {
        Condition { kind, status, reason, message, generation }.to_json()
    };
    let accepted = |status, reason, message: &str| condition("Accepted", status, reason, message);
    let programmed =
        |status, reason, message: &str| condition("Programmed", status, reason, message);
    let waits = input.holds(Behaviour::WaitsForAddress);
    let unsupported = validities.iter().any(|validity| validity.reason == "UnsupportedProtocol");
    let scheduled = if unsupported {
        accepted("True", "ListenersNotValid", "Gateway has unsupported listeners")
    } else {
        accepted("True", "Accepted", "Gateway successfully scheduled")
    };
    match ending {
        Ending::Refused(refusal) => (
            accepted("False", "InvalidParameters", refusal_message(*refusal)),
            programmed("Unknown", "Pending", "Waiting for Accepted condition to be True"),
        ),
        Ending::NoValidListener => (
            accepted("False", "ListenersNotValid", "No Accepted Listeners"),
            programmed("False", "ListenersNotValid", "No Accepted Listeners"),
        ),
        Ending::NothingToTranslate => {
            let message = "Unable to translate resources";
            let second = if waits {
                programmed("False", "ListenersNotValid", message)
            } else {
                // What the CRD fills in, which nobody overwrites.
                let generation = None;
                let (kind, status, reason) = ("Programmed", "Unknown", "Pending");
                Condition { kind, status, reason, message: "Waiting for controller", generation }
                    .to_json()
            };
            (accepted("False", "NoResources", message), second)
        }
        Ending::UnsupportedAddress(why) => {
            let message = if waits {
                format!("Unsupported Gateway address, {why}")
            } else {
                "The gateway static address is not yet supported".to_owned()
            };
            (
                accepted("False", "UnsupportedAddress", &message),
                programmed("False", "ListenersNotReady", "Address is not ready"),
            )
        }
        Ending::Reconciled { static_address: StaticAddress::Unusable, .. } => {
            (scheduled, programmed("False", "AddressNotUsable", "StaticAddress can't be used"))
        }
        Ending::Reconciled { addresses, .. } => {
            let programmed = if !waits {
                programmed("True", "Programmed", "Gateway successfully reconciled")
            } else if addresses.is_empty() {
                programmed("False", "AddressNotAssigned", "Gateway waiting for address")
            } else {
                programmed("True", "Programmed", "Gateway Programmed")
            };
            (scheduled, programmed)
        }
    }
}

fn refusal_message(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::GatewayParameters => {
            "Invalid Gateway parameters: spec.infrastructure.parametersRef is not supported"
        }
        Refusal::ClassParametersKind => {
            "Invalid GatewayClass parameters: spec.parametersRef.kind must be CiliumGatewayClassConfig"
        }
        Refusal::ClassParametersName => {
            "Invalid GatewayClass parametersRef: both name and namespace are required"
        }
    }
}
